/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a framework towards its command tasks, and of the agent towards their executors. */
#include <errno.h>

#include "scenarios/engine/steps/steps.h"

static const struct key kill_task_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container of the command task"},
    {"grace", VALUE_DURATION, 0, NULL, NULL, NULL, "the grace period of a kill policy"},
    {"failed", VALUE_MATCH, 0, NULL, NULL, NULL, "it fails, with this in its message"},
};
static const struct schema kill_task_schema = SCHEMA("kill-task", kill_task_keys, "id");
static const struct key shutdown_keys[] = {
    {"id", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container of the executor"},
    {"failed", VALUE_MATCH, 0, NULL, NULL, NULL, "it fails, with this in its message"},
};
static const struct schema shutdown_schema = SCHEMA("shutdown", shutdown_keys, "id");
static const char *const ways[] = {"held", "sent", NULL};
static const struct key acknowledgements_keys[] = {
    {"are", VALUE_ENUM, KEY_REQUIRED, ways, NULL, NULL,
        "held: updates are not acknowledged from now on; sent: they are, with those held so far"},
};
static const struct schema acknowledgements_schema =
    SCHEMA("acknowledgements", acknowledgements_keys, "are");

static struct agent *agent_of(const struct run *run, struct err *err)
{
    if (!run->instance.agent)
        err_set(err, -ESHUTDOWN, "expected an agent, but none is running");
    return run->instance.agent;
}

static int judge(struct run *run, const struct step *step, int result, struct err *err)
{
    const char *failed = node_text(step->args, "failed");
    run_notice(run);
    if (!failed)
        return result;
    if (result == 0)
        return err_set(err, -EPROTO, "expected it to fail with %s, but it did not", failed);
    if (!match_text(failed, err_text(err)))
        return err_wrap(err, -EPROTO, "expected it to fail with %s, but", failed);
    err_clear(err);
    return 0;
}

static int kill_task_run(struct run *run, const struct step *step, struct err *err)
{
    struct agent *agent = agent_of(run, err);
    const struct node *grace = node_get(step->args, "grace");
    const struct opt_u64 grace_ns = {grace != NULL, node_amount(step->args, "grace", 0)};
    if (!agent)
        return -ESHUTDOWN;
    int result = agent_kill_task(agent, node_text(step->args, "id"), grace_ns, err);
    return judge(run, step, result, err);
}

static int shutdown_run(struct run *run, const struct step *step, struct err *err)
{
    struct agent *agent = agent_of(run, err);
    if (!agent)
        return -ESHUTDOWN;
    int result = agent_shutdown_executor(agent, node_text(step->args, "id"), err);
    return judge(run, step, result, err);
}

static int acknowledgements_run(struct run *run, const struct step *step, struct err *err)
{
    struct agent *agent = agent_of(run, err);
    if (!agent)
        return -ESHUTDOWN;
    agent_hold_acknowledgements(agent, node_amount(step->args, "are", 0) == 0);
    run_notice(run);
    return 0;
}

const struct step_spec step_kill_task = {"kill-task", &kill_task_schema,
    "kills a command task, as its framework would", 0, NULL, kill_task_run, true};
const struct step_spec step_shutdown = {"shutdown", &shutdown_schema,
    "asks the executor of a command task to end", 0, NULL, shutdown_run, true};
const struct step_spec step_acknowledgements = {"acknowledgements", &acknowledgements_schema,
    "says whether the status updates of executors are acknowledged", 0, NULL,
    acknowledgements_run, false};
