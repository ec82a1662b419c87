/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"

#define FAIL(kind_, errno_, promise_)                                                              \
    {                                                                                              \
        .kind = (kind_), .name = #errno_, .verdict = {.action = EFFECT_FAIL, .error = -(errno_)},  \
        .promise = (promise_)                                                                      \
    }
#define LOST(kind_, promise_)                                                                      \
    {                                                                                              \
        .kind = (kind_), .name = "lost", .verdict = {.action = EFFECT_LOSE}, .promise = (promise_) \
    }
#define LOST_AT(kind_, details_, promise_)                                                         \
    {                                                                                              \
        .kind = (kind_), .name = "lost", .verdict = {.action = EFFECT_LOSE},                       \
        .promise = (promise_), .details = (details_)                                               \
    }
#define LATE(kind_, promise_)                                                                      \
    {                                                                                              \
        .kind = (kind_), .name = "late",                                                           \
        .verdict = {.action = EFFECT_PROCEED, .delay_ns = 5 * NS_PER_SEC}, .promise = (promise_)   \
    }
#define HANG(kind_, promise_)                                                                      \
    {                                                                                              \
        .kind = (kind_), .name = "hang",                                                           \
        .verdict = {.action = EFFECT_PROCEED, .delay_ns = UINT64_MAX}, .promise = (promise_)       \
    }
#define CRASH(kind_, before_, after_)                                                              \
    {.kind = (kind_),                                                                              \
        .name = "crash before",                                                                    \
        .verdict = {.action = EFFECT_CRASH_BEFORE},                                                \
        .promise = (before_)},                                                                     \
    {                                                                                              \
        .kind = (kind_), .name = "crash after", .verdict = {.action = EFFECT_CRASH_AFTER},         \
        .promise = (after_)                                                                        \
    }

/* Promises that many rows share. */
#define LAUNCH_FAILS                                                                               \
    "the launch fails and names the cause; destroy then leaves nothing (containerizer.md 1.1)"
#define DESTROY_FAILS                                                                              \
    "the termination fails and names the cause, container_destroy_errors counts it, and the "      \
    "container stays DESTROYING (containerizer.md 4)"
#define RECOVERED                                                                                  \
    "recovery takes the container up or destroys it as an orphan; nothing is left once it is "     \
    "destroyed (containerizer.md 5)"
#define FAILS_OR_RETRIES                                                                           \
    "the operation fails with the cause, or is tried again; the container can still be destroyed"

/* In the order of enum effect_kind; errors, loss, lateness, crashes. */
const struct fault fault_atlas[] = {
    FAIL(EFFECT_SPAWN, EAGAIN, LAUNCH_FAILS),
    FAIL(EFFECT_SPAWN, ENOMEM, LAUNCH_FAILS),
    CRASH(EFFECT_SPAWN,
        "recovery finds a runtime directory without pid: an orphan, destroyed (5.2)",
        "the gate closes, so the child ends by itself with status 256; the orphan is found by its "
        "directory or cgroup and destroyed (launchers.md 5 stage 4; FB-06)"),

    FAIL(EFFECT_GATE_RELEASE, EPIPE, LAUNCH_FAILS),
    LOST(EFFECT_GATE_RELEASE,
        "the pipe closes without a byte: the child ends with status 256, which destroys the "
        "container (containerizer.md 1.3)"),
    CRASH(EFFECT_GATE_RELEASE,
        "the child reads end of file and ends; recovery sees its pid gone and destroys it",
        "the workload runs on; recovery takes the container up in RUNNING (5.1, 5.2)"),

    FAIL(EFFECT_SIGNAL, ESRCH, "as if the process were gone: kill fails, destroy goes on"),
    FAIL(EFFECT_SIGNAL, EPERM, FAILS_OR_RETRIES),
    LOST(EFFECT_SIGNAL,
        "destroy kills again until no process is left, or fails after cgroups_destroy_timeout "
        "(launchers.md 3.5)"),
    CRASH(EFFECT_SIGNAL, RECOVERED, RECOVERED),

    FAIL(EFFECT_PROCESS_WRITE, EACCES, LAUNCH_FAILS),
    FAIL(EFFECT_PROCESS_WRITE, ENOENT, LAUNCH_FAILS),
    CRASH(EFFECT_PROCESS_WRITE, RECOVERED, RECOVERED),

    FAIL(EFFECT_RUN, ENOENT, "the caller fails and names the program"),
    FAIL(EFFECT_RUN, EAGAIN, "the caller fails and names the program"),
    LATE(EFFECT_RUN, "the caller waits; a destroy meanwhile waits too, or kills the command"),
    HANG(EFFECT_RUN, "destroy kills the command and goes on (containerizer.md 4, FETCHING)"),
    CRASH(EFFECT_RUN, RECOVERED, RECOVERED),

    FAIL(EFFECT_MKDIR, ENOSPC,
        "the launch fails before the id is known; recovery destroys what was made (1.1)"),
    FAIL(EFFECT_MKDIR, EACCES,
        "the launch fails before the id is known; recovery destroys what was made (1.1)"),
    CRASH(EFFECT_MKDIR, "nothing to recover",
        "recovery finds the directory alone: an orphan, destroyed (5.2)"),

    FAIL(EFFECT_FILE_WRITE, ENOSPC, LAUNCH_FAILS),
    FAIL(EFFECT_FILE_WRITE, EIO, LAUNCH_FAILS),
    CRASH(EFFECT_FILE_WRITE, "as if the checkpoint were never written: absent means none (6.1)",
        "the checkpoint is whole, as it is renamed into place (6.1); recovery uses it"),

    FAIL(EFFECT_FILE_REMOVE, EBUSY, FAILS_OR_RETRIES),
    CRASH(EFFECT_FILE_REMOVE, RECOVERED, RECOVERED),

    FAIL(EFFECT_TREE_REMOVE, EBUSY,
        "only logged: the container ends, and recovery destroys the leftover directory (4.9)"),
    CRASH(EFFECT_TREE_REMOVE, "recovery finds the directory and destroys the orphan again",
        "nothing to recover"),

    FAIL(EFFECT_RENAME, ENOSPC,
        "the pull or the prune fails with the cause (provisioner.md 3.3, 7)"),
    CRASH(EFFECT_RENAME, "what was pulled is not cached; the next request pulls again",
        "a layer may lie in the store without a record; the next pull finds and uses it"),

    FAIL(EFFECT_SYMLINK, EEXIST, LAUNCH_FAILS),
    CRASH(EFFECT_SYMLINK, RECOVERED, RECOVERED),

    FAIL(EFFECT_CHOWN, EPERM, LAUNCH_FAILS),
    CRASH(EFFECT_CHOWN, RECOVERED, RECOVERED),

    FAIL(EFFECT_MOUNT, EINVAL, LAUNCH_FAILS),
    FAIL(EFFECT_MOUNT, ENOSPC, LAUNCH_FAILS),
    CRASH(EFFECT_MOUNT, RECOVERED, "recovery cleans up and unmounts; no mount is left (FB-20)"),

    FAIL(EFFECT_UNMOUNT, EBUSY, DESTROY_FAILS),
    CRASH(EFFECT_UNMOUNT, "recovery cleans up and unmounts; no mount is left", RECOVERED),

    FAIL(EFFECT_CGROUP_CREATE, ENOSPC, LAUNCH_FAILS),
    FAIL(EFFECT_CGROUP_CREATE, EAGAIN, LAUNCH_FAILS),
    FAIL(EFFECT_CGROUP_CREATE, ENOENT, LAUNCH_FAILS),
    CRASH(EFFECT_CGROUP_CREATE, RECOVERED,
        "the cgroup is an orphan known to the launcher, and destroyed (5.3)"),

    FAIL(EFFECT_CGROUP_REMOVE, EBUSY,
        "removal is tried again with back-off; success for a few, a named failure after the time "
        "limit (launchers.md 3.5; FB-03)"),
    FAIL(EFFECT_CGROUP_REMOVE, EPERM, DESTROY_FAILS),
    LOST(EFFECT_CGROUP_REMOVE, "the leftover is an orphan at the next recovery, and destroyed"),
    CRASH(EFFECT_CGROUP_REMOVE, RECOVERED, RECOVERED),

    FAIL(EFFECT_CGROUP_WRITE, EBUSY, FAILS_OR_RETRIES),
    FAIL(EFFECT_CGROUP_WRITE, EINVAL, FAILS_OR_RETRIES),
    FAIL(EFFECT_CGROUP_WRITE, ENOSPC, FAILS_OR_RETRIES),
    LOST_AT(EFFECT_CGROUP_WRITE, "cgroup.kill freezer.state cgroup.freeze",
        "a lost kill or freeze is made good: destroy looks at the cgroup again until it is empty "
        "(launchers.md 3.5; FB-04)"),
    CRASH(EFFECT_CGROUP_WRITE, RECOVERED,
        "what was written is in force; recovery takes the container up or destroys it, never "
        "leaves it frozen (FB-04)"),

    FAIL(EFFECT_CGROUP_CHOWN, EPERM, LAUNCH_FAILS),
    CRASH(EFFECT_CGROUP_CHOWN, RECOVERED, RECOVERED),

    FAIL(EFFECT_EVENT, EIO, "a failed watch destroys the container without a reason (4.1)"),
    LOST(EFFECT_EVENT,
        "a lost limitation leaves a running container; a lost exit is noticed by the next "
        "recovery; destroy may wait, never succeed wrongly"),
    LATE(EFFECT_EVENT, "the same outcome, later: exactly one termination (FB-12)"),
    CRASH(EFFECT_EVENT, RECOVERED, RECOVERED),

    FAIL(EFFECT_FETCH, ENOENT, LAUNCH_FAILS),
    FAIL(EFFECT_FETCH, ENOSPC, LAUNCH_FAILS),
    LATE(EFFECT_FETCH, "the launch waits in FETCHING; destroy kills the fetcher (4)"),
    HANG(EFFECT_FETCH, "the launch waits in FETCHING; destroy kills the fetcher (4)"),
    CRASH(EFFECT_FETCH, RECOVERED, RECOVERED),

    FAIL(EFFECT_PROVISION, EIO, LAUNCH_FAILS),
    FAIL(EFFECT_PROVISION, ENOSPC, LAUNCH_FAILS),
    LATE(EFFECT_PROVISION, "destroy in PROVISIONING waits for the provision to settle (4)"),
    CRASH(EFFECT_PROVISION, "nothing was provisioned; the orphan is destroyed",
        "recovery destroys the root file system of an unknown container (provisioner.md)"),

    FAIL(EFFECT_DOCKER, EIO, FAILS_OR_RETRIES),
    LATE(EFFECT_DOCKER, "the same outcome, later"),
    HANG(EFFECT_DOCKER, "destroy gives up on the command after its time limit, and says so"),
    CRASH(EFFECT_DOCKER, RECOVERED, RECOVERED),

    FAIL(EFFECT_BPF, EPERM, LAUNCH_FAILS),
    FAIL(EFFECT_BPF, ENOMEM, LAUNCH_FAILS),
    CRASH(EFFECT_BPF, RECOVERED, "the program goes with its cgroup; none is left"),

    FAIL(EFFECT_MESSAGE, EPIPE,
        "as if the other side had gone: what was said is said again when it is back "
        "(executors.md 2.9)"),
    LOST(EFFECT_MESSAGE,
        "who is not answered asks again, or gives up after its time limit and says so"),
    CRASH(EFFECT_MESSAGE, RECOVERED,
        "the executor comes back to the next agent with all that was not acknowledged"),
};
const size_t fault_atlas_count = ARRAY_SIZE(fault_atlas);

void fault_plan_add(struct fault_plan *plan, const struct fault_rule *rule)
{
    plan->rules = mem_realloc(plan->rules, (plan->count + 1) * sizeof(*plan->rules));
    struct fault_rule *copy = &plan->rules[plan->count++];
    *copy = *rule;
    copy->subject = str_dup(rule->subject);
    copy->detail = str_dup(rule->detail);
    copy->seen = 0;
    copy->fired = 0;
}

void fault_plan_release(struct fault_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->rules[i].subject);
        free(plan->rules[i].detail);
    }
    free(plan->rules);
    *plan = (struct fault_plan){0};
}

static bool text_contains(const char *text, const char *part)
{
    return !part || (text && strstr(text, part));
}

static bool rule_matches(const struct fault_rule *rule, const struct effect *effect)
{
    return (rule->kind == EFFECT_KIND_COUNT || rule->kind == effect->kind) &&
           text_contains(effect->subject, rule->subject) &&
           text_contains(effect->detail, rule->detail);
}

/* Called once for each effect that matches, in order. */
static bool rule_fires(struct fault_rule *rule, const struct effect *effect)
{
    rule->seen++;
    if (rule->number)
        return rule->number == effect->number;
    if (rule->nth == 0)
        return rule->times == 0 || rule->fired < rule->times;
    uint64_t times = rule->times ? rule->times : 1;
    return rule->seen >= rule->nth && rule->seen - rule->nth < times;
}

/* Every matching rule counts the effect; the first that fires decides. */
struct effect_verdict fault_plan_decide(void *plan, const struct effect *effect)
{
    const struct fault_plan *faults = plan;
    struct effect_verdict verdict = {.action = EFFECT_PROCEED};
    bool decided = false;
    for (size_t i = 0; i < faults->count; i++) {
        struct fault_rule *rule = &faults->rules[i];
        if (!rule_matches(rule, effect) || !rule_fires(rule, effect) || decided)
            continue;
        rule->fired++;
        verdict = rule->verdict;
        decided = true;
    }
    return verdict;
}

bool fault_fits(const struct fault *fault, enum effect_kind kind, const char *detail)
{
    if (fault->kind != kind)
        return false;
    if (!fault->details)
        return true;
    _cleanup_strv_ char **words = strv_split(fault->details, " ");
    for (size_t i = 0; detail && words[i]; i++)
        if (str_starts(detail, words[i]))
            return true;
    return false;
}
