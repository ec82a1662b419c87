/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/run/operation.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"

static void operation_settled(void *arg, int result, const void *value, const struct err *err)
{
    struct operation *operation = arg;
    struct run *run = operation->run;
    if (++operation->answers > 1) {
        run_violation(run, "%s %s was answered %u times", operation->kind->name,
            operation->id ? operation->id : "", operation->answers);
        return;
    }
    operation->result = result;
    if (result < 0)
        operation->error = str_dup(err && err->message ? err->message : err_name(result));
    else if (value && operation->kind->value)
        operation->value = operation->kind->value(value);
    struct known *known = known_get(run, operation->id);
    if (operation->kind == &operation_usage && operation->value && known)
        invariants_usage(run, known, operation->value);
    _cleanup_free_ char *text =
        operation->value ? json_dumps(operation->value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    _cleanup_free_ char *op = str_printf("%s.done", operation->kind->name);
    trace_event(run->world->trace, "engine", op, result, "id=%s as=%s value=%J error=%s",
        operation->id, operation->label, text ? text : "null", operation->error);
}

struct done operation_done(struct operation *operation)
{
    return DONE(operation_settled, operation);
}

struct operation *operation_start(struct run *run, const struct operation_kind *kind,
    const char *id, const struct node *args, const struct step *step, struct err *err)
{
    struct operation *operation = mem_alloc(sizeof(*operation));
    const char *as = node_text(args, "as");
    operation->run = run;
    operation->kind = kind;
    operation->id = str_dup(id);
    operation->step = step;
    operation->label =
        as ? str_dup(as) : str_printf("%s%s%s", kind->name, id ? " " : "", id ? id : "");
    list_append(&run->operations, &operation->node);
    if (step)
        strmap_set(run->labels, operation->label, operation);
    trace_event(run->world->trace, "engine", kind->name, 0, "id=%s", id);
    if (!run->instance.agent) {
        err_set(err, -ESHUTDOWN, "%s %s: no agent is running", kind->name, id ? id : "");
        operation_settled(operation, -ESHUTDOWN, NULL, err);
        err_clear(err);
        return operation;
    }
    int result = kind->start(run, operation, args, err);
    run_notice(run);
    return result < 0 ? NULL : operation;
}

static bool operation_answered(struct run *run, void *arg)
{
    (void)run;
    const struct operation *operation = arg;
    return operation->answers > 0;
}

int operation_await(struct run *run, struct operation *operation, struct err *err)
{
    _cleanup_free_ char *what =
        str_printf("%s %s to answer", operation->kind->name, operation->id ? operation->id : "");
    return run_until(run, operation_answered, operation, 0, what, err);
}

bool operation_cut(const struct operation *operation)
{
    return operation->result == -ESHUTDOWN;
}

char *operation_describe(const struct operation *operation)
{
    const char *id = operation->id ? operation->id : "";
    if (!operation->answers)
        return str_printf("%s %s has not answered", operation->kind->name, id);
    if (operation_cut(operation))
        return str_printf(
            "%s %s ended with the agent (%s)", operation->kind->name, id, operation->error);
    if (operation->result < 0)
        return str_printf("%s %s failed: %s", operation->kind->name, id, operation->error);
    if (!operation->value)
        return str_printf("%s %s gave none", operation->kind->name, id);
    _cleanup_free_ char *text = json_dumps(operation->value, JSON_COMPACT | JSON_ENCODE_ANY);
    return str_printf("%s %s gave %s", operation->kind->name, id, text);
}

/* What all expectations share. 0: judged and fine; 1: the value is still to be judged. */
static int judge_common(const struct operation *operation, const struct node *expect,
    const char *wanted, struct err *err)
{
    _cleanup_free_ char *seen = operation_describe(operation);
    const char *failed = node_text(expect, "failed");
    if (str_equal(wanted, "any"))
        return 0;
    if (!expect && operation_cut(operation) && operation->run->crash_expected)
        return 0;
    if (str_equal(wanted, "agent gone"))
        return operation_cut(operation)
                   ? 0
                   : err_set(err, -EPROTO, "expected the agent to be gone, but %s", seen);
    if (failed) {
        bool fits = operation->result < 0 && !operation_cut(operation) &&
                    match_text(failed, operation->error);
        return fits ? 0
                    : err_set(err, -EPROTO, "expected it to fail with %s, but %s", failed, seen);
    }
    if (operation->result < 0)
        return err_set(err, -EPROTO, "expected %s, but %s", wanted ? wanted : "success", seen);
    return 1;
}

int operation_judge(struct operation *operation, const struct node *expect, struct err *err)
{
    operation->judged = true;
    if (operation->run->lenient)
        return 0;
    return operation->kind->judge(operation, expect, err);
}

int judge_result(const struct operation *operation, const struct node *expect, struct err *err)
{
    static const struct {
        const char *kind;
        const char *otherwise;
    } defaults[] = {{"launch", "SUCCESS"}, {"kill", "true"}};
    const char *wanted = node_text(expect, "result");
    for (size_t i = 0; !wanted && i < ARRAY_SIZE(defaults); i++) {
        if (strcmp(defaults[i].kind, operation->kind->name) == 0)
            wanted = defaults[i].otherwise;
    }
    int result = judge_common(operation, expect, wanted, err);
    if (result <= 0 || !wanted || strcmp(wanted, "success") == 0)
        return result < 0 ? result : 0;
    const char *got = json_is_string(operation->value) ? json_string_value(operation->value)
                      : json_is_true(operation->value) ? "true"
                                                       : "false";
    if (strcmp(got, wanted) == 0)
        return 0;
    _cleanup_free_ char *seen = operation_describe(operation);
    return err_set(err, -EPROTO, "expected %s, but %s", wanted, seen);
}

/* A field of the termination against its check. */
static int judge_field(const struct operation *operation, const char *name, const json_t *value,
    const struct node *expected, struct err *err)
{
    struct check check;
    if (!expected || (check_parse(expected, &check) && check_json_value(&check, value)))
        return 0;
    _cleanup_free_ char *seen = operation_describe(operation);
    return err_set(err, -EPROTO, "expected %s to be %s, but %s", name, expected->text, seen);
}

static int judge_status(
    const struct operation *operation, const struct node *expect, struct err *err)
{
    const json_t *status = json_object_get(operation->value, "status");
    int number = json_is_integer(status) ? (int)json_integer_value(status) : -1;
    const struct node *exit_status = node_get(expect, "exit");
    const struct node *signal = node_get(expect, "signal");
    bool exited = number >= 0 && WIFEXITED(number);
    if (exit_status && !(exited && WEXITSTATUS(number) == (int)exit_status->number)) {
        _cleanup_free_ char *seen = operation_describe(operation);
        return err_set(err, -EPROTO, "expected exit status %s, but %s", exit_status->text, seen);
    }
    bool signalled = number >= 0 && WIFSIGNALED(number);
    if (signal && !(signalled && WTERMSIG(number) == (int)signal->number)) {
        _cleanup_free_ char *seen = operation_describe(operation);
        return err_set(err, -EPROTO, "expected death by signal %s, but %s", signal->text, seen);
    }
    return judge_field(operation, "a status", status, node_get(expect, "status"), err);
}

static const json_t *limited_amount(const json_t *termination, const char *name)
{
    const json_t *list = json_object_get(termination, "limited_resources");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (!str_equal(json_string_value(json_object_get(item, "name")), name))
            continue;
        const json_t *scalar = json_object_get(item, "scalar");
        return scalar ? scalar : item;
    }
    return NULL;
}

static int judge_limited(
    const struct operation *operation, const struct node *limited, struct err *err)
{
    for (size_t i = 0; limited && i < limited->count; i++) {
        const char *name = limited->keys[i]->text;
        int result = judge_field(
            operation, name, limited_amount(operation->value, name), limited->items[i], err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int judge_equals(const struct operation *operation, const char *label, struct err *err)
{
    const struct operation *other = label ? strmap_get(operation->run->labels, label) : NULL;
    if (!label)
        return 0;
    if (!other || !other->answers)
        return err_set(err, -EPROTO, "expected the outcome of %s, but there is none", label);
    bool same = other->result == operation->result &&
                (other->value == operation->value || json_equal(other->value, operation->value));
    if (same)
        return 0;
    _cleanup_free_ char *a = operation_describe(operation);
    _cleanup_free_ char *b = operation_describe(other);
    return err_set(err, -EPROTO, "expected the same outcome, but %s, and %s", a, b);
}

int judge_termination(const struct operation *operation, const struct node *expect, struct err *err)
{
    const char *outcome = node_text(expect, "outcome");
    int result = judge_common(operation, expect, outcome, err);
    if (result <= 0)
        return result;
    bool none = !operation->value;
    bool wants_none = str_equal(outcome, "none");
    static const char *const fields[] = {"state", "reason", "message"};
    bool wants_some = expect && !wants_none && !(expect->count == 1 && node_get(expect, "equals"));
    if ((wants_none && !none) || (wants_some && none)) {
        _cleanup_free_ char *seen = operation_describe(operation);
        return err_set(
            err, -EPROTO, "expected %s termination, but %s", wants_none ? "no" : "a", seen);
    }
    result = judge_status(operation, expect, err);
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(fields); i++)
        result = judge_field(operation, fields[i], json_object_get(operation->value, fields[i]),
            node_get(expect, fields[i]), err);
    if (result == 0)
        result = judge_limited(operation, node_get(expect, "limited"), err);
    if (result == 0)
        result = judge_equals(operation, node_text(expect, "equals"), err);
    return result;
}

const json_t *json_down(const json_t *json, const char *path)
{
    _cleanup_strv_ char **names = strv_split(path, ".");
    for (size_t i = 0; json && names && names[i]; i++) {
        if (json_is_array(json))
            json = json_array_get(json, strtoul(names[i], NULL, 10));
        else
            json = json_object_get(json, names[i]);
    }
    return json;
}

#define PLUS " + "

/* The field, or the sum of several; a new reference, NULL when one is absent. */
static json_t *field_value(const json_t *json, const char *name)
{
    if (!strstr(name, PLUS))
        return json_incref((json_t *)(uintptr_t)json_down(json, name));
    _cleanup_strv_ char **parts = strv_split(name, PLUS);
    double sum = 0;
    for (size_t i = 0; parts[i]; i++) {
        const json_t *part = json_down(json, parts[i]);
        if (!json_is_number(part))
            return NULL;
        sum += json_number_value(part);
    }
    return json_real(sum);
}

int judge_values(const struct operation *operation, const struct node *expect, struct err *err)
{
    int result = judge_common(operation, expect, NULL, err);
    for (size_t i = 0; result > 0 && expect && i < expect->count; i++) {
        const char *name = expect->keys[i]->text;
        json_t *value = field_value(operation->value, name);
        int judged = judge_field(operation, name, value, expect->items[i], err);
        json_decref(value);
        if (judged < 0)
            return judged;
    }
    return result < 0 ? result : 0;
}

void operations_free(struct run *run)
{
    list_for_each_safe(node, following, &run->operations)
    {
        struct operation *operation = list_entry(node, struct operation, node);
        list_remove(node);
        free(operation->id);
        free(operation->label);
        free(operation->error);
        json_decref(operation->value);
        free(operation);
    }
}
