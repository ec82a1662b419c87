/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that call the containerizer, and `await`, which looks at one that is under way. */
#include <errno.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/model/config.h"
#include "reference/model/statistics.h"
#include "scenarios/engine/steps/steps.h"

#define FAILED_KEY                                                                                 \
    {                                                                                              \
        "failed", VALUE_MATCH, 0, NULL, NULL, NULL, "it fails, with this in its message"           \
    }

static const char *const launch_outcomes[] = {
    "SUCCESS", "ALREADY_LAUNCHED", "NOT_SUPPORTED", "agent gone", "any", NULL};
static const struct key launch_expect_keys[] = {
    {"result", VALUE_ENUM, 0, launch_outcomes, NULL, NULL, "its result (default SUCCESS)"},
    FAILED_KEY,
};
static const struct schema launch_expect =
    SCHEMA("expect of a launch", launch_expect_keys, "result");

static const char *const done_outcomes[] = {"success", "agent gone", "any", NULL};
static const struct key done_expect_keys[] = {
    {"result", VALUE_ENUM, 0, done_outcomes, NULL, NULL, "its result (default success)"},
    FAILED_KEY,
};
static const struct schema done_expect = SCHEMA("expect", done_expect_keys, "result");

static const char *const kill_outcomes[] = {"true", "false", "agent gone", "any", NULL};
static const struct key kill_expect_keys[] = {
    {"result", VALUE_ENUM, 0, kill_outcomes, NULL, NULL, "its result (default true)"},
    FAILED_KEY,
};
static const struct schema kill_expect = SCHEMA("expect of a kill", kill_expect_keys, "result");

static const char *const termination_outcomes[] = {"none", "some", "agent gone", "any", NULL};
static const struct key termination_keys[] = {
    {"outcome", VALUE_ENUM, 0, termination_outcomes, NULL, NULL,
        "none: no termination; some: one, whatever it says (default: any but a failure)"},
    {"exit", VALUE_INTEGER, 0, NULL, NULL, NULL, "it exited with this status"},
    {"signal", VALUE_SIGNAL, 0, NULL, NULL, NULL, "it died of this signal"},
    {"status", VALUE_CHECK, 0, NULL, NULL, NULL, "the raw wait status"},
    {"state", VALUE_CHECK, 0, NULL, NULL, NULL, "the task state of a limitation"},
    {"reason", VALUE_CHECK, 0, NULL, NULL, NULL, "REASON_…"},
    {"message", VALUE_CHECK, 0, NULL, NULL, NULL, "its message"},
    {"limited", VALUE_CHECK_MAP, 0, NULL, NULL, NULL,
        "amounts of the resources whose limit was reached, by name"},
    {"equals", VALUE_TEXT, 0, NULL, NULL, NULL, "the same as the outcome of this async step"},
    FAILED_KEY,
};
static const struct schema termination_expect =
    SCHEMA("expect of a termination", termination_keys, "outcome");

static const char *const roles[] = {"executor", "command task", "standalone", NULL};
static const char *const classes[] = {"DEFAULT", "DEBUG", NULL};
static const char *const ways[] = {"agent", "containerizer", NULL};
static const struct key launch_keys[] = {
    {"id", VALUE_NEW_ID, KEY_REQUIRED, NULL, NULL, NULL, "its id; p.c is nested in p"},
    {"workload", VALUE_WORKLOAD, 0, NULL, NULL, NULL,
        "what it does, as actions; runs in every world"},
    {"command", VALUE_TEXT, 0, NULL, NULL, NULL, "a shell command instead; needs a real kernel"},
    {"role", VALUE_ENUM, 0, roles, NULL, NULL,
        "what a root container is to the agent (default executor); for a command task it makes an "
        "executor"},
    {"task", VALUE_JSON, 0, NULL, NULL, &task_info_json,
        "with role: command task, any part of its TaskInfo, merged over the rest; @workload is the "
        "workload program"},
    {"resources", VALUE_RESOURCES, 0, NULL, NULL, NULL, "requests (default {cpus: 1, mem: 64})"},
    {"limits", VALUE_LIMITS, 0, NULL, NULL, NULL, "limits of cpus and mem"},
    {"class", VALUE_ENUM, 0, classes, NULL, NULL, "container class (default DEFAULT)"},
    {"user", VALUE_TEXT, 0, NULL, NULL, NULL, "run as this user"},
    {"environment", VALUE_TEXT_MAP, 0, NULL, NULL, NULL, "variables of the command"},
    {"uris", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL,
        "what the fetcher brings into the sandbox (without any it has nothing to do)"},
    {"container", VALUE_JSON, 0, NULL, NULL, &container_info_json, "ContainerInfo, as in the API"},
    {"config", VALUE_JSON, 0, NULL, NULL, &container_config_json,
        "any part of ContainerConfig, merged over the rest"},
    {"via", VALUE_ENUM, 0, ways, NULL, NULL,
        "agent (default): as the agent launches, which destroys after a failure; or the "
        "containerizer's call alone"},
    {"checkpoint", VALUE_BOOL, 0, NULL, NULL, NULL,
        "via the containerizer: give a path for the pid (default true for executors)"},
    OPERATION_KEYS(&launch_expect),
};
static void launch_check(const struct node *map, struct problems *problems)
{
    if (node_get(map, "workload") && node_get(map, "command"))
        node_problem(
            problems, node_key(map, "command"), "command beside workload, expected one of the two");
}
static const struct schema launch_schema = {
    "launch", launch_keys, ARRAY_SIZE(launch_keys), NULL, launch_check};

static const struct key destroy_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    OPERATION_KEYS(&termination_expect),
};
static const struct schema destroy_schema = SCHEMA("destroy", destroy_keys, "id");
static const struct schema wait_schema = SCHEMA("wait", destroy_keys, "id");

static const struct key kill_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    {"signal", VALUE_SIGNAL, 0, NULL, NULL, NULL, "default KILL; 0 only asks"},
    OPERATION_KEYS(&kill_expect),
};
static const struct schema kill_schema = SCHEMA("kill", kill_keys, "id");

static const struct key update_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    {"resources", VALUE_RESOURCES, 0, NULL, NULL, NULL, "new requests"},
    {"limits", VALUE_LIMITS, 0, NULL, NULL, NULL, "new limits"},
    OPERATION_KEYS(&done_expect),
};
static const struct schema update_schema = SCHEMA("update", update_keys, NULL);

static const struct key values_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    {"expect", VALUE_CHECK_MAP, 0, NULL, NULL, NULL,
        "fields with what they must be; `a.b` goes down, `a + b` is their sum; or {failed: /…/}"},
    {"async", VALUE_BOOL, 0, NULL, NULL, NULL, "go on without waiting for the outcome"},
    {"as", VALUE_TEXT, 0, NULL, NULL, NULL, "a name for a later `await`"},
};
static void field_names_check(
    const struct node *map, const struct json_type *type, struct problems *problems)
{
    const struct node *expect = node_get(map, "expect");
    const char **known = mem_alloc((type->field_count + 2) * sizeof(*known));
    for (size_t i = 0; i < type->field_count; i++)
        known[i] = type->fields[i].name;
    known[type->field_count] = "failed";
    for (size_t i = 0; expect && i < expect->count; i++) {
        _cleanup_strv_ char **names = strv_split(expect->keys[i]->text, "+ ");
        for (size_t k = 0; names && names[k]; k++) {
            _cleanup_free_ char *head = str_ndup(names[k], strcspn(names[k], "."));
            _cleanup_free_ char *what = str_printf("unknown field \"%s\"", head);
            if (!strv_contains((char *const *)known, head))
                unknown_problem(problems, expect->keys[i], what, head, known);
        }
    }
    free(known);
}
static void usage_check(const struct node *map, struct problems *problems)
{
    field_names_check(map, &statistics_json, problems);
}
static void status_check(const struct node *map, struct problems *problems)
{
    field_names_check(map, &container_status_json, problems);
}
static const struct schema usage_schema = {
    "usage", values_keys, ARRAY_SIZE(values_keys), "id", usage_check};
static const struct schema status_schema = {
    "status", values_keys, ARRAY_SIZE(values_keys), "id", status_check};

static const struct key remove_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    OPERATION_KEYS(&done_expect),
};
static const struct schema remove_schema = SCHEMA("remove", remove_keys, "id");

static const struct key window_keys[] = {
    {"rows", VALUE_INTEGER, 0, NULL, NULL, NULL, "default 24"},
    {"columns", VALUE_INTEGER, 0, NULL, NULL, NULL, "default 80"},
};
static const struct schema window_schema = SCHEMA("a window", window_keys, NULL);
static const struct key attach_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    {"output", VALUE_BOOL, 0, NULL, NULL, NULL,
        "attach to the output until it ends (default true)"},
    {"until", VALUE_MATCH, 0, NULL, NULL, NULL, "or until this has come of stdout"},
    {"window", VALUE_MAP, 0, NULL, &window_schema, NULL, "the size of the terminal, sent first"},
    {"input", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL,
        "attach to the input, and send these; an empty one is the end of stdin"},
    {"raw", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "lines to send there as they are"},
    {"end", VALUE_BOOL, 0, NULL, NULL, NULL,
        "say that this was all, and wait for the answer (default true)"},
    {"expect", VALUE_CHECK_MAP, 0, NULL, NULL, NULL,
        "`stdout` and `stderr` that came, `heartbeats`, and of the input's answer `status` and "
        "`error`; or {failed: /…/}"},
    {"async", VALUE_BOOL, 0, NULL, NULL, NULL, "go on without waiting for the outcome"},
    {"as", VALUE_TEXT, 0, NULL, NULL, NULL, "a name for a later `await`"},
};
static const struct schema attach_schema = SCHEMA("attach", attach_keys, "id");

static const struct key prune_keys[] = {
    {"keep", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "images to keep"},
    OPERATION_KEYS(&done_expect),
};
static const struct schema prune_schema = SCHEMA("prune", prune_keys, "keep");

static const struct key await_keys[] = {
    {"of", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL,
        "the name of the async step: `as`, or the step and the id, such as `launch c1`"},
    {"expect", VALUE_ANY, 0, NULL, NULL, NULL, "as in that step"},
    {"within", VALUE_DURATION, 0, NULL, NULL, NULL, "it must answer within this time"},
};
static const struct schema await_schema = SCHEMA("await", await_keys, "of");

static const struct key pending_keys[] = {
    {"of", VALUE_TEXT, KEY_REQUIRED | KEY_LIST, NULL, NULL, NULL, "names of async steps"},
    {"for", VALUE_DURATION, 0, NULL, NULL, NULL, "and after this time too"},
};
static const struct schema pending_schema = SCHEMA("pending", pending_keys, "of");

static const struct key ended_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    {"expect", VALUE_MAP, 0, NULL, &termination_expect, NULL, "its termination"},
};
static const struct schema ended_schema = SCHEMA("ended", ended_keys, "id");

static struct operation *operation_find(struct run *run, const struct node *of, struct err *err)
{
    struct operation *operation = strmap_get(run->labels, of->text);
    if (!operation)
        err_set(err, -ENOENT, "no async step \"%s\" was started", of->text);
    return operation;
}

struct await {
    struct operation *operation;
};
static bool operation_answered(struct run *run, void *arg)
{
    (void)run;
    const struct await *await = arg;
    return await->operation->answers > 0;
}

static int await_run(struct run *run, const struct step *step, struct err *err)
{
    struct await await = {operation_find(run, node_get(step->args, "of"), err)};
    if (!await.operation)
        return -ENOENT;
    _cleanup_free_ char *what = str_printf("the outcome of %s", node_text(step->args, "of"));
    int result =
        run_until(run, operation_answered, &await, node_amount(step->args, "within", 0), what, err);
    if (result < 0)
        return result;
    const struct node *expect = node_get(step->args, "expect");
    if (!expect && await.operation->step)
        expect = node_get(await.operation->step->args, "expect");
    return operation_judge(await.operation, expect, err);
}

static int pending_run(struct run *run, const struct step *step, struct err *err)
{
    run_for(run, node_amount(step->args, "for", 0));
    size_t count;
    struct node *const *names = node_list(step->args, "of", &count);
    for (size_t i = 0; i < count; i++) {
        struct operation *operation = operation_find(run, names[i], err);
        if (!operation)
            return -ENOENT;
        if (operation->answers) {
            _cleanup_free_ char *seen = operation_describe(operation);
            return err_set(err, -EPROTO, "expected %s to be pending, but %s", names[i]->text, seen);
        }
    }
    return 0;
}

static int ended_run(struct run *run, const struct step *step, struct err *err)
{
    struct known *known = known_get(run, node_text(step->args, "id"));
    if (!known || !known->ended)
        return err_set(
            err, -ENOENT, "expected %s to have run, but it never did", node_text(step->args, "id"));
    struct await await = {known->ended};
    _cleanup_free_ char *what = str_printf("the end of %s", known->id);
    int result = run_until(run, operation_answered, &await, 0, what, err);
    if (result < 0)
        return result;
    return operation_judge(known->ended, node_get(step->args, "expect"), err);
}

const struct step_spec step_launch = {
    "launch", &launch_schema, "launches a container", 0, &operation_launch, step_operation, false};
const struct step_spec step_destroy = {"destroy", &destroy_schema, "destroys a container", 0,
    &operation_destroy, step_operation, true};
const struct step_spec step_wait = {"wait", &wait_schema,
    "asks for the termination of a container, and waits for it", 0, &operation_wait, step_operation,
    true};
const struct step_spec step_kill = {"kill", &kill_schema, "sends a signal to a container's init", 0,
    &operation_kill, step_operation, true};
const struct step_spec step_update = {"update", &update_schema, "changes requests and limits", 0,
    &operation_update, step_operation, false};
const struct step_spec step_usage = {"usage", &usage_schema,
    "asks for statistics (fields of ResourceStatistics)", 0, &operation_usage, step_operation,
    false};
const struct step_spec step_status = {"status", &status_schema,
    "asks for a container's status (fields of ContainerStatus)", 0, &operation_status,
    step_operation, false};
const struct step_spec step_remove = {"remove", &remove_schema,
    "removes what a terminated nested container left", 0, &operation_remove, step_operation, true};
const struct step_spec step_attach = {"attach", &attach_schema,
    "attaches to a container's input and output", 0, &operation_attach, step_operation, false};
const struct step_spec step_prune = {
    "prune", &prune_schema, "removes unused images", 0, &operation_prune, step_operation, false};
const struct step_spec step_await = {"await", &await_schema,
    "waits for an async step and looks at its outcome", 0, NULL, await_run, true};
const struct step_spec step_pending = {"pending", &pending_schema,
    "async steps that have not answered yet", 0, NULL, pending_run, false};
const struct step_spec step_ended = {"ended", &ended_schema,
    "waits until a launched container has ended, and looks at the termination that a wait from its "
    "launch on has seen",
    0, NULL, ended_run, true};
