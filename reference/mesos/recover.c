/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recovery (containerizer.md 5): what the agent's state and the runtime directory tell (scan.c),
 * then the launcher, all isolators and the provisioner, one stage after the other; then the found
 * containers are adopted, and the orphans among them destroyed without waiting for it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"
#include "reference/mesos/recovery.h"

/* --- the record --- */

static void recovery_free(struct recovery *recovery)
{
    for (size_t i = 0; i < recovery->shares_count; i++) {
        free(recovery->shares[i].states);
        free(recovery->shares[i].orphans);
    }
    free(recovery->shares);
    free(recovery->states);
    free(recovery->launcher_states);
    id_list_release(&recovery->found);
    id_list_release(&recovery->orphans);
    err_clear(&recovery->err);
    recovery->mesos->requests--;
    free(recovery);
}

static void recovery_end(struct recovery *recovery)
{
    struct done done = recovery->done;
    struct trace *trace = recovery->mesos->host->trace;
    int result = recovery->result;
    _cleanup_err_ struct err err = ERR_INIT;
    if (result < 0) {
        err_copy(&err, &recovery->err);
        err_wrap(&err, result, "recover");
    }
    trace_event(trace, "agent", "containerizer.recover", result,
        "containers=%lu orphans=%lu error=%s", (unsigned long)recovery->found.count,
        (unsigned long)recovery->orphans.count, result < 0 ? err_text(&err) : NULL);
    recovery_free(recovery);
    done_result(done, result, &err);
}

static void fail(struct recovery *recovery, int result, const struct err *err, const char *what)
{
    if (recovery->result < 0)
        return;
    recovery->result = result;
    err_take_note(&recovery->err, result, err);
    err_wrap(&recovery->err, result, "%s", what);
}

static void recovery_advance(struct recovery *recovery);

static void stage_settled(struct recovery *recovery)
{
    if (--recovery->pending == 0)
        recovery_advance(recovery);
}

/* --- the launcher --- */

static void fill_state(struct container_state *state, const struct container *container)
{
    *state = (struct container_state){
        .id = container->id,
        .pid = container->pid,
        .directory = container->directory,
        .config = container->config,
    };
}

/*
 * The recoverable ones, and after them the orphans that have a pid: isolators see only the former.
 * The posix launcher can kill an orphan only when it is told of it.
 */
static size_t collect_states(struct recovery *recovery)
{
    struct mesos *mesos = recovery->mesos;
    size_t found = recovery->found.count;
    recovery->states = mem_alloc((found + 1) * sizeof(*recovery->states));
    size_t count = 0;
    for (size_t i = 0; i < found; i++) {
        const struct container *container = container_find(mesos, recovery->found.ids[i]);
        if (container->origin == ORIGIN_RECOVERED)
            fill_state(&recovery->states[count++], container);
    }
    recovery->states_count = count;
    for (size_t i = 0; i < found; i++) {
        const struct container *container = container_find(mesos, recovery->found.ids[i]);
        if (container->origin == ORIGIN_ORPHAN && container->pid != 0)
            fill_state(&recovery->states[count++], container);
    }
    return count;
}

/* Those that only the launcher knows: without pid, status and sandbox. */
static void launcher_recovered(void *arg, int result, const void *value, const struct err *err)
{
    struct recovery *recovery = arg;
    char *const *orphans = value;
    if (result < 0)
        fail(recovery, result, err, "launcher");
    for (size_t i = 0; result == 0 && orphans && orphans[i]; i++) {
        if (container_find(recovery->mesos, orphans[i]))
            continue;
        sometimes("an orphan that only the launcher knows");
        recovery_record(recovery, orphans[i], ORIGIN_ORPHAN);
    }
    stage_settled(recovery);
}

/* What kills is not told numbers that are somebody else's. */
static void ask_launcher(struct recovery *recovery)
{
    size_t count = collect_states(recovery);
    recovery->launcher_states = mem_dup(recovery->states, (count + 1) * sizeof(*recovery->states));
    for (size_t i = 0; i < count; i++)
        if (container_find(recovery->mesos, recovery->states[i].id)->exited)
            recovery->launcher_states[i].pid = 0;
    recovery->pending++;
    launcher_recover(recovery->mesos->launcher, recovery->launcher_states, count,
        DONE(launcher_recovered, recovery));
}

/* --- isolators --- */

static void isolator_recovered(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    const struct recovery_share *share = arg;
    if (result < 0) {
        _cleanup_free_ char *what = str_printf("isolator %s", share->isolator->name);
        fail(share->recovery, result, err, what);
    }
    stage_settled(share->recovery);
}

/* Only what the isolator sees at all (containerizer.md 2.3). */
static void fill_share(struct recovery_share *share)
{
    const struct recovery *recovery = share->recovery;
    struct mesos *mesos = recovery->mesos;
    share->states = mem_alloc((recovery->states_count + 1) * sizeof(*share->states));
    for (size_t i = 0; i < recovery->states_count; i++)
        if (container_uses(container_find(mesos, recovery->states[i].id), share->isolator))
            share->states[share->count++] = recovery->states[i];
    share->orphans = mem_alloc((recovery->orphans.count + 1) * sizeof(*share->orphans));
    size_t orphans = 0;
    for (size_t i = 0; i < recovery->orphans.count; i++)
        if (container_uses(container_find(mesos, recovery->orphans.ids[i]), share->isolator))
            share->orphans[orphans++] = recovery->orphans.ids[i];
}

static void ask_isolators(struct recovery *recovery)
{
    const struct isolator_list *isolators = &recovery->mesos->isolators;
    recovery->shares = mem_alloc((isolators->count + 1) * sizeof(*recovery->shares));
    recovery->shares_count = isolators->count;
    for (size_t i = 0; i < isolators->count; i++) {
        struct recovery_share *share = &recovery->shares[i];
        share->recovery = recovery;
        share->isolator = isolators->items[i];
        fill_share(share);
    }
    for (size_t i = 0; i < isolators->count; i++) {
        const struct recovery_share *share = &recovery->shares[i];
        recovery->pending++;
        isolator_recover(isolators->items[i], share->states, share->count, share->orphans,
            DONE(isolator_recovered, &recovery->shares[i]));
    }
}

/* --- the provisioner --- */

static void provisioner_recovered(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    if (result < 0)
        fail(arg, result, err, "provisioner");
    stage_settled(arg);
}

static void ask_provisioner(struct recovery *recovery)
{
    static char *const none[] = {NULL};
    if (!recovery->mesos->provisioner)
        return;
    recovery->pending++;
    char *const *known = recovery->found.ids ? recovery->found.ids : none;
    provisioner_recover(
        recovery->mesos->provisioner, known, DONE(provisioner_recovered, recovery));
}

/* --- adoption --- */

static int read_launch_infos(struct recovery *recovery, struct err *err)
{
    for (size_t i = 0; i < recovery->states_count; i++) {
        struct container *container =
            container_find(recovery->mesos, recovery->states[i].id);
        void *info = NULL;
        int r = checkpoint_read(recovery->mesos->host, container->runtime,
            CHECKPOINT_LAUNCH_INFO, &launch_info_json, &info, err);
        container->launch_info = info;
        if (r < 0)
            return r;
    }
    return 0;
}

static void link_parents(struct recovery *recovery)
{
    for (size_t i = 0; i < recovery->found.count; i++) {
        struct container *container = container_find(recovery->mesos, recovery->found.ids[i]);
        if (!container->nested)
            continue;
        _cleanup_free_ char *parent_id = container_id_parent(container->id);
        container->parent = container_find(recovery->mesos, parent_id);
        if (container->parent)
            list_append(&container->parent->children, &container->sibling);
        else
            log_warning("recover: %s has no known parent", container->id);
    }
}

/* The end of a recovery that has gone well. */
static void adopt(struct recovery *recovery)
{
    struct mesos *mesos = recovery->mesos;
    mesos_hold(mesos);
    link_parents(recovery);
    for (size_t i = 0; i < recovery->states_count; i++)
        container_watch_limits(container_find(mesos, recovery->states[i].id));
    for (size_t i = 0; i < recovery->found.count; i++)
        container_adopt_exit(container_find(mesos, recovery->found.ids[i]));
    for (size_t i = 0; i < recovery->orphans.count; i++)
        container_destroy(container_find(mesos, recovery->orphans.ids[i]), NULL);
    recovery_end(recovery);
    mesos_resume(mesos);
}

/* --- the stages --- */

static void (*const stages[])(struct recovery *recovery) = {
    [RECOVERY_LAUNCHER] = ask_launcher,
    [RECOVERY_ISOLATORS] = ask_isolators,
    [RECOVERY_PROVISIONER] = ask_provisioner,
};

/* The pending of 1 keeps a stage from ending while its parts are still being asked. */
static void recovery_advance(struct recovery *recovery)
{
    while (recovery->result == 0 && recovery->stage < RECOVERY_ADOPT) {
        if (!mesos_alive(recovery->mesos)) {
            fail(recovery, -ESHUTDOWN, NULL, "agent gone");
            break;
        }
        recovery->pending = 1;
        stages[recovery->stage++](recovery);
        if (--recovery->pending > 0)
            return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    int r = recovery->result < 0 ? 0 : read_launch_infos(recovery, &err);
    if (r < 0)
        fail(recovery, r, &err, "launch info");
    /* A failed recovery ends the start of the agent: nothing is watched or destroyed then. */
    if (recovery->result == 0)
        adopt(recovery);
    else
        recovery_end(recovery);
}

void mesos_recover(
    struct containerizer *containerizer, const struct agent_state *state, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    struct recovery *recovery = mem_alloc(sizeof(*recovery));
    recovery->mesos = mesos;
    recovery->done = done;
    mesos->requests++;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = mesos_alive(mesos) ? recovery_scan_agent(recovery, state, &err)
                               : err_set(&err, -ESHUTDOWN, "agent gone");
    if (r < 0)
        fail(recovery, r, &err, "agent state");
    r = r < 0 ? r : recovery_scan_runtime(recovery, &err);
    if (recovery->result == 0 && r < 0)
        fail(recovery, r, &err, "runtime directory");
    recovery_advance(recovery);
}
