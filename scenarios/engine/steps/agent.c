/* SPDX-License-Identifier: Apache-2.0 */
/* The steps about the agent itself and about time. */
#include <errno.h>

#include "reference/base/mem.h"
#include "scenarios/engine/steps/steps.h"

#define LOST_TRIES 10

static const struct key none_keys[] = {
    {"why", VALUE_TEXT, 0, NULL, NULL, NULL, "a remark"},
};
static const struct schema crash_schema = SCHEMA("crash", none_keys, "why");

static const char *const start_outcomes[] = {"success", "agent gone", "any", NULL};
static const struct key start_keys[] = {
    {"result", VALUE_ENUM, 0, start_outcomes, NULL, NULL, "its result (default success)"},
    {"failed", VALUE_MATCH, 0, NULL, NULL, NULL,
        "the agent cannot be made, or recovers not, with this in the message"},
};
static const struct schema start_expect = SCHEMA("expect of a restart", start_keys, "result");

static const char *const losses[] = {"meta", "runtime", "nothing", NULL};
static const struct key restart_keys[] = {
    {"flags", VALUE_TEXT_MAP, 0, NULL, NULL, NULL, "flags that change"},
    {"isolation", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "isolators from now on"},
    {"containerizers", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "containerizers from now on"},
    {"lost", VALUE_ENUM, KEY_LIST, losses, NULL, NULL,
        "removes a directory before the start: the agent's metadata, or the runtime directory "
        "(as a reboot does)"},
    {"expect", VALUE_MAP, 0, NULL, &start_expect, NULL, "what must come of it"},
};
static const struct schema restart_schema = SCHEMA("restart", restart_keys, "expect");

static const struct key advance_keys[] = {
    {"for", VALUE_DURATION, KEY_REQUIRED, NULL, NULL, NULL, "how long"},
};
static const struct schema advance_schema = SCHEMA("advance", advance_keys, "for");

static const struct key settle_keys[] = {
    {"quiet", VALUE_DURATION, 0, NULL, NULL, NULL, "nothing is due for so long (default 200ms)"},
    {"within", VALUE_DURATION, 0, NULL, NULL, NULL, "at the latest after this time (default 1min)"},
};
static const struct schema settle_schema = SCHEMA("settle", settle_keys, "quiet");

static int crash_run(struct run *run, const struct step *step, struct err *err)
{
    (void)step;
    if (!instance_alive(run))
        return err_set(err, -ESRCH, "expected an agent to crash, but none is running");
    instance_crash(run);
    return 0;
}

static int restart_lose(struct run *run, const struct step *step, struct err *err)
{
    size_t count;
    struct node *const *lost = node_list(step->args, "lost", &count);
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *meta = str_printf("%s/meta", run->world->work_dir);
        const char *const paths[] = {meta, run->world->runtime_dir};
        if ((size_t)lost[i]->number >= ARRAY_SIZE(paths))
            continue;
        const char *path = paths[(size_t)lost[i]->number];
        int result = host_tree_remove(run->world->observer, path, err);
        /* An init may have made its status file there meanwhile. */
        for (int again = 0; result == -ENOTEMPTY && again < LOST_TRIES; again++) {
            err_clear(err);
            result = host_tree_remove(run->world->observer, path, err);
        }
        if (result < 0)
            return result;
    }
    return 0;
}

static int restart_judge(int result, const struct node *expect, struct err *err)
{
    const char *failed = node_text(expect, "failed");
    const char *outcome = node_text(expect, "result");
    if (str_equal(outcome, "any") || (result == -ESHUTDOWN && str_equal(outcome, "agent gone"))) {
        err_clear(err);
        return 0;
    }
    if (!failed && !str_equal(outcome, "agent gone"))
        return result < 0 ? err_wrap(err, result, "expected the agent to start, but") : 0;
    if (result == 0)
        return err_set(err, -EPROTO, "expected the start to fail (%s), but it did not",
            failed ? failed : outcome);
    if (failed && match_text(failed, err_text(err))) {
        err_clear(err);
        return 0;
    }
    return err_wrap(err, -EPROTO, "expected it to fail with %s, but", failed ? failed : outcome);
}

static int restart_run(struct run *run, const struct step *step, struct err *err)
{
    if (instance_alive(run))
        instance_crash(run);
    run->crash_expected = false;
    int result = restart_lose(run, step, err);
    if (result < 0)
        return result;
    result = agent_flags_apply(run, step->args, err);
    if (result == 0)
        result = instance_start(run, err);
    return restart_judge(result, node_get(step->args, "expect"), err);
}

static int advance_run(struct run *run, const struct step *step, struct err *err)
{
    (void)err;
    run_for(run, node_amount(step->args, "for", 0));
    return 0;
}

static int settle_run(struct run *run, const struct step *step, struct err *err)
{
    (void)err;
    run_settle(run, node_amount(step->args, "quiet", 200 * NS_PER_MS),
        node_amount(step->args, "within", 60 * NS_PER_SEC));
    return 0;
}

const struct step_spec step_crash = {"crash", &crash_schema,
    "the agent is gone at once, as by SIGKILL; containers stay", NEED(CAPABILITY_CRASHES), NULL,
    crash_run, true};
const struct step_spec step_restart = {"restart", &restart_schema,
    "starts the agent anew (after a crash, if it still runs): it recovers what is there",
    NEED(CAPABILITY_CRASHES), NULL, restart_run, true};
const struct step_spec step_advance = {"advance", &advance_schema,
    "lets time pass: all that is due up to then happens", 0, NULL, advance_run, true};
const struct step_spec step_settle = {"settle", &settle_schema,
    "lets time pass until nothing more is about to happen", 0, NULL, settle_run, true};
