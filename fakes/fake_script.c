/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fake_script.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/model/launch_info.h"
#include "reference/model/statistics.h"
#include "reference/model/status.h"
#include "reference/model/termination.h"

static void *value_copy(const struct json_type *type, const void *value)
{
    void *copy = mem_alloc(type->size);
    json_type_copy(type, copy, value);
    return copy;
}

static void value_free(const struct json_type *type, void *value)
{
    json_type_release(type, value);
    free(value);
}

#define JSON_VALUE(name, type)                                                                     \
    static void *name##_copy(const void *value)                                                    \
    {                                                                                              \
        return value_copy(&(type), value);                                                     \
    }                                                                                              \
    static void name##_free(void *value)                                                           \
    {                                                                                              \
        value_free(&(type), value);                                                            \
    }                                                                                              \
    const struct fake_value fake_value_##name = {name##_copy, name##_free}
JSON_VALUE(launch_info, launch_info_json);
JSON_VALUE(limitation, limitation_json);
JSON_VALUE(statistics, statistics_json);
JSON_VALUE(status, container_status_json);

static void *strings_copy(const void *value)
{
    return strv_copy(value);
}

static void strings_free(void *value)
{
    strv_free(value);
}
const struct fake_value fake_value_strings = {strings_copy, strings_free};

static void *bool_copy(const void *value)
{
    return mem_dup(value, sizeof(bool));
}
const struct fake_value fake_value_bool = {bool_copy, free};

struct fake_rule {
    struct list node;
    unsigned kind;
    char *id;      /* NULL: any */
    char *message; /* NULL: hold */
    unsigned left; /* failures to come; 0: without end */
};

static void rule_free(struct fake_rule *rule)
{
    list_remove(&rule->node);
    free(rule->id);
    free(rule->message);
    free(rule);
}

static struct fake_rule *rule_find(
    const struct fake_script *script, unsigned kind, const char *id, bool fail)
{
    list_for_each(node, &script->rules) {
        struct fake_rule *rule = list_entry(node, struct fake_rule, node);
        if (rule->kind == kind && !rule->message == !fail && (!rule->id || str_equal(rule->id, id)))
            return rule;
    }
    return NULL;
}

static struct fake_rule *rule_add(
    struct fake_script *script, unsigned kind, const char *id, const char *message)
{
    assert(kind < script->kinds_count);
    struct fake_rule *rule = mem_alloc(sizeof(*rule));
    rule->kind = kind;
    rule->id = str_dup(id);
    rule->message = str_dup(message);
    list_append(&script->rules, &rule->node);
    return rule;
}

void fake_script_init(struct fake_script *script, const struct fake_call_kind *kinds,
    unsigned count, const struct host *host, const char *part, const char *name)
{
    script->kinds = kinds;
    script->kinds_count = count;
    script->trace = host->trace;
    script->part = part;
    script->name = name;
    list_init(&script->rules);
    list_init(&script->running);
    list_init(&script->held);
    script->counts = strmap_new();
}

static void call_free(struct fake_call *call)
{
    host_cancel(call->timer);
    list_remove(&call->node);
    err_clear(&call->err);
    if (call->value)
        call->script->kinds[call->kind].value->free(call->value);
    free(call->id);
    free(call);
}

static void deliver(struct done done, int result, const void *value, const struct err *err)
{
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
}

static void list_shut_down(struct list *list)
{
    while (!list_empty(list)) {
        struct fake_call *call = list_entry(list->next, struct fake_call, node);
        struct done done = call->answered ? DONE_NONE : call->done;
        call_free(call);
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, -ESHUTDOWN, "agent gone");
        done_fail(done, -ESHUTDOWN, &err);
    }
}

void fake_script_release(struct fake_script *script)
{
    list_shut_down(&script->held);
    list_shut_down(&script->running);
    while (!list_empty(&script->rules))
        rule_free(list_entry(script->rules.next, struct fake_rule, node));
    strmap_free(script->counts);
}

void fake_script_hold(struct fake_script *script, unsigned kind, const char *id)
{
    rule_add(script, kind, id, NULL);
}

void fake_script_fail(struct fake_script *script, unsigned kind, const char *id,
    const char *message, unsigned times)
{
    rule_add(script, kind, id, message ? message : "told to fail")->left = times;
}

static struct fake_call *held_first(
    const struct fake_script *script, unsigned kind, const char *id)
{
    list_for_each(node, &script->held) {
        struct fake_call *call = list_entry(node, struct fake_call, node);
        if (call->kind == kind && (!id || str_equal(call->id, id)))
            return call;
    }
    return NULL;
}

unsigned fake_script_deliver(struct fake_script *script, unsigned kind, const char *id)
{
    list_for_each_safe(node, following, &script->rules) {
        struct fake_rule *rule = list_entry(node, struct fake_rule, node);
        if (rule->kind == kind && !rule->message && (!id || str_equal(rule->id, id)))
            rule_free(rule);
    }
    unsigned count = 0;
    list_for_each(node, &script->held) {
        const struct fake_call *call = list_entry(node, struct fake_call, node);
        count += call->kind == kind && (!id || str_equal(call->id, id));
    }
    /* Only those of now: a completion may lead to new ones. */
    unsigned delivered = 0;
    while (delivered < count) {
        struct fake_call *call = held_first(script, kind, id);
        if (!call)
            break;
        list_remove(&call->node);
        deliver(call->done, call->result, call->value, &call->err);
        call_free(call);
        delivered++;
    }
    return delivered;
}

static void count_add(struct fake_script *script, const char *key)
{
    uintptr_t count = (uintptr_t)strmap_get(script->counts, key);
    strmap_set(script->counts, key, (void *)(count + 1));
}

unsigned fake_script_calls(const struct fake_script *script, unsigned kind, const char *id)
{
    const char *name = script->kinds[kind].name;
    _cleanup_free_ char *key = id ? str_printf("%s %s", name, id) : str_dup(name);
    return (unsigned)(uintptr_t)strmap_get(script->counts, key);
}

char **fake_script_held(const struct fake_script *script, const char *name)
{
    char **lines = mem_alloc(sizeof(*lines));
    list_for_each(node, &script->held) {
        const struct fake_call *call = list_entry(node, struct fake_call, node);
        strv_add_owned(&lines, str_printf("%s %s%s%s", name, script->kinds[call->kind].name,
                                   call->id[0] ? " " : "", call->id));
    }
    return lines;
}

static void trace_call(const struct fake_script *script, const char *kind, const char *id)
{
    if (!script->trace)
        return;
    _cleanup_free_ char *op = str_printf("%s.%s", script->part, kind);
    trace_event(script->trace, "agent", op, 0, "id=%s name=%s", id, script->name);
}

int fake_script_count(struct fake_script *script, unsigned kind, const char *id, struct err *err)
{
    const char *name = script->kinds[kind].name;
    trace_call(script, name, id);
    count_add(script, name);
    if (id) {
        _cleanup_free_ char *key = str_printf("%s %s", name, id);
        count_add(script, key);
    }
    struct fake_rule *rule = rule_find(script, kind, id, true);
    if (!rule)
        return 0;
    err_set(err, -EIO, "%s", rule->message);
    if (rule->left > 0 && --rule->left == 0)
        rule_free(rule);
    return -EIO;
}

struct fake_call *fake_call_begin(
    struct fake_script *script, unsigned kind, const char *id, struct done done)
{
    struct fake_call *call = mem_alloc(sizeof(*call));
    call->script = script;
    call->kind = kind;
    call->id = str_dup(id ? id : "");
    call->done = done;
    list_append(&script->running, &call->node);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = fake_script_count(script, kind, id, &err);
    if (r == 0)
        return call;
    fake_call_complete(call, r, NULL, &err);
    return NULL;
}

static void call_ended(void *arg, int result, const void *value, const struct err *err)
{
    fake_call_complete(arg, result, value, err);
}

struct done fake_call_done(struct fake_call *call)
{
    call->inner = true;
    return DONE(call_ended, call);
}

void fake_call_complete(
    struct fake_call *call, int result, const void *value, const struct err *err)
{
    struct fake_script *script = call->script;
    call->inner = false;
    if (call->answered) {
        call_free(call);
        return;
    }
    list_remove(&call->node);
    if (result == -ESHUTDOWN || !rule_find(script, call->kind, call->id, false)) {
        /* value and err may belong to the call's own answer: it is freed last. */
        deliver(call->done, result, value, err);
        call_free(call);
        return;
    }
    call->result = result;
    err_copy(&call->err, err);
    const struct fake_value *kind_value = script->kinds[call->kind].value;
    call->value = value && kind_value ? kind_value->copy(value) : NULL;
    list_append(&script->held, &call->node);
}

void fake_call_answer(
    struct fake_call *call, int result, const void *value, const struct err *err)
{
    struct done done = call->done;
    if (call->inner)
        call->answered = true;
    else
        call_free(call);
    deliver(done, result, value, err);
}

struct fake_call *fake_call_find(const struct fake_script *script, unsigned kind, const char *id)
{
    list_for_each(node, &script->running) {
        struct fake_call *call = list_entry(node, struct fake_call, node);
        if (call->kind == kind && !call->answered && str_equal(call->id, id))
            return call;
    }
    return held_first(script, kind, id);
}

static void later_due(void *arg, int result)
{
    struct fake_call *call = arg;
    const struct fake_value *kind_value = call->script->kinds[call->kind].value;
    void *value = TAKE_PTR(call->value);
    call->timer = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    if (result < 0)
        err_set(&err, result, "agent gone");
    fake_call_complete(call, result, result < 0 ? NULL : value, &err);
    if (value)
        kind_value->free(value);
}

void fake_call_later(
    struct fake_call *call, struct host *host, uint64_t delay_ns, const void *value)
{
    call->value = value ? call->script->kinds[call->kind].value->copy(value) : NULL;
    if (delay_ns == UINT64_MAX)
        call->timer = host_pending(host, later_due, call);
    else
        call->timer = host_timer(host, delay_ns, later_due, call);
}
