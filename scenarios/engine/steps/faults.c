/* SPDX-License-Identifier: Apache-2.0 */
/* Faults at effects, and a kernel that misbehaves. */
#include <errno.h>

#include "reference/base/mem.h"
#include "scenarios/engine/steps/steps.h"

enum fault_action { FAIL, LOSE, CRASH_BEFORE, CRASH_AFTER, DELAY, HANG };
static const char *const action_names[] = {
    "fail", "lose", "crash before", "crash after", "delay", "hang", NULL};
static const enum effect_action actions[] = {[FAIL] = EFFECT_FAIL,
    [LOSE] = EFFECT_LOSE,
    [CRASH_BEFORE] = EFFECT_CRASH_BEFORE,
    [CRASH_AFTER] = EFFECT_CRASH_AFTER,
    [DELAY] = EFFECT_PROCEED,
    [HANG] = EFFECT_PROCEED};

static const struct key fault_keys[] = {
    {"effect", VALUE_ENUM, 0, effect_kind_names, NULL, NULL, "the kind of effect (default any)"},
    {"subject", VALUE_TEXT, 0, NULL, NULL, NULL, "whose subject (path, command) contains this"},
    {"detail", VALUE_TEXT, 0, NULL, NULL, NULL, "whose detail (file and data) contains this"},
    {"nth", VALUE_INTEGER, 0, NULL, NULL, NULL,
        "the n-th that matches, counted from now (default 1; 0: every one)"},
    {"times", VALUE_INTEGER, 0, NULL, NULL, NULL, "so many in a row from there on (default 1)"},
    {"action", VALUE_ENUM, KEY_REQUIRED, action_names, NULL, NULL,
        "fail: answers the error, does nothing; lose: answers success, does nothing; crash: the "
        "agent is gone, the effect not done or done; delay, hang: of requests and events"},
    {"error", VALUE_ERRNO, 0, NULL, NULL, NULL, "of fail (default EIO)"},
    {"delay", VALUE_DURATION, 0, NULL, NULL, NULL, "of delay"},
};
static void fault_check(const struct node *map, struct problems *problems)
{
    enum fault_action action = (enum fault_action)node_amount(map, "action", 0);
    if ((action == DELAY) != (node_get(map, "delay") != NULL))
        node_problem(problems, map,
            "action and delay do not fit, expected delay: TIME with "
            "action: delay");
    if (node_get(map, "error") && action != FAIL)
        node_problem(problems, node_key(map, "error"),
            "an error with action %s, expected it with "
            "action: fail",
            node_text(map, "action"));
}
static const struct schema fault_schema = {
    "fault", fault_keys, ARRAY_SIZE(fault_keys), NULL, fault_check};

static int fault_run(struct run *run, const struct step *step, struct err *err)
{
    (void)err;
    const struct node *args = step->args;
    enum fault_action action = (enum fault_action)node_amount(args, "action", 0);
    struct fault_rule rule = {
        .kind = (enum effect_kind)node_amount(args, "effect", EFFECT_KIND_COUNT),
        .subject = (char *)(uintptr_t)node_text(args, "subject"),
        .detail = (char *)(uintptr_t)node_text(args, "detail"),
        .nth = node_amount(args, "nth", 1),
        .times = node_amount(args, "times", 0),
        .verdict.action = actions[action],
        .verdict.error = action == FAIL ? -(int)node_amount(args, "error", EIO) : 0,
        .verdict.delay_ns = action == HANG ? UINT64_MAX : node_amount(args, "delay", 0),
    };
    if (action == CRASH_BEFORE || action == CRASH_AFTER)
        run->crash_expected = true;
    fault_plan_add(&run->faults, &rule);
    return 0;
}

static const char *const knobs[] = {
    "stuck freezer", "freezer works", "unkillable", "killable", NULL};
static const struct key kernel_keys[] = {
    {"knob", VALUE_ENUM, KEY_REQUIRED, knobs, NULL, NULL,
        "stuck freezer: the container's v1 freezer stays in FREEZING; unkillable: its processes "
        "are "
        "in uninterruptible sleep, SIGKILL stays pending"},
    {"of", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
};
static const struct schema kernel_schema = SCHEMA("kernel", kernel_keys, NULL);

static int kernel_run(struct run *run, const struct step *step, struct err *err)
{
    if (!run->world->ops->knob)
        return err_set(err, -EOPNOTSUPP, "this world has no such kernel");
    return run->world->ops->knob(run->world, node_text(step->args, "knob"), step->args, err);
}

const struct step_spec step_fault = {"fault", &fault_schema,
    "arms a fault: what happens at an effect that the agent has on the world",
    NEED(CAPABILITY_FAULTS), NULL, fault_run, false};
const struct step_spec step_kernel = {"kernel", &kernel_schema, "tells the kernel to misbehave",
    NEED(CAPABILITY_KERNEL_KNOBS), NULL, kernel_run, true};
