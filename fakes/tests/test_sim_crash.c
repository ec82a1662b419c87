/* SPDX-License-Identifier: Apache-2.0 */
/* A small launch with a crash before and after each of its effects, and with an error at each: what
 * is left must end by itself or be found by the next agent, and nothing may leak. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/tests/sim_fixture.h"

#define RUNTIME "/run/seatrial/c1"

/* The sequence: eight effects, then the exit's event. */
struct launch {
    struct sim_fixture *fixture;
    struct plan plan;
    pid_t pid;
    int result;
    unsigned calls; /* of the exit watch and the timer: one each */
};

static void timer_told(void *arg, int result)
{
    struct launch *launch = arg;
    (void)result;
    launch->calls++;
}

static void exit_told(void *arg, int result, bool status_known, int wait_status)
{
    struct launch *launch = arg;
    (void)result;
    (void)status_known;
    (void)wait_status;
    launch->calls++;
}

static int launch_walk(struct launch *launch, struct cgroup_fs *fs)
{
    struct host *host = launch->fixture->host;
    int gate = -1;
    char pid[16];
    host_timer(host, 50 * NS_PER_MS, timer_told, launch);
    int r = host_mkdir(host, RUNTIME, 0755, true, NULL);
    if (r == 0)
        r = cgroup_create(fs, "c1", NULL);
    if (r == 0)
        r = cgroup_create(fs, "c1/leaf", NULL);
    if (r == 0)
        r = host_spawn(host, &launch->plan, &launch->pid, &gate, NULL);
    if (r < 0)
        return r;
    host_exit_watch(host, launch->pid, exit_told, launch);
    snprintf(pid, sizeof(pid), "%d", (int)launch->pid);
    r = cgroup_write(fs, "c1/leaf", "cgroup.procs", pid, NULL);
    if (r == 0)
        r = host_file_write(host, RUNTIME "/pid", pid, strlen(pid), 0644, NULL);
    if (r == 0)
        r = host_gate_release(host, gate, NULL);
    else
        host_gate_close(host, gate);
    return r;
}

/* A process whose move into its cgroup was lost is found by its session. */
static void session_kill(struct host *host, pid_t session)
{
    _cleanup_free_ struct process_info *list = NULL;
    size_t count = 0;
    assert_int_equal(host_process_list(host, &list, &count, NULL), 0);
    for (size_t i = 0; i < count; i++)
        if (list[i].sid == session)
            host_signal(host, list[i].pid, SIGKILL, NULL);
}

/* What the next agent does with what it finds. */
static void clean_up(struct sim_fixture *fixture, pid_t session)
{
    struct host *host = fixture->host;
    session_kill(host, session);
    struct cgroup_fs *fs = cgroup_hierarchy_find(host->cgroups, "")->fs;
    const char *const cgroups[] = {"c1/leaf", "c1"};
    for (size_t i = 0; i < ARRAY_SIZE(cgroups); i++) {
        if (!cgroup_exists(fs, cgroups[i]))
            continue;
        assert_int_equal(cgroup_write(fs, cgroups[i], "cgroup.kill", "1", NULL), 0);
        sim_fixture_run(fixture, 10);
        assert_int_equal(cgroup_remove(fs, cgroups[i], NULL), 0);
    }
    assert_int_equal(host_tree_remove(host, RUNTIME, NULL), 0);
}

static uint64_t attempt(uint64_t number, enum effect_action action)
{
    struct sim_fixture *fixture = mem_alloc(sizeof(*fixture));
    sim_fixture_init(fixture, CGROUP_LAYOUT_V2);
    struct cgroup_fs *fs = cgroup_hierarchy_find(fixture->host->cgroups, "")->fs;
    struct launch launch = {.fixture = fixture};
    sim_fixture_plan(fixture, &launch.plan, "c1", "sleep 1000");
    vfs_remove_tree(fixture->kernel->vfs, RUNTIME);
    size_t files = vfs_count(fixture->kernel->vfs);
    const struct fault_rule rule = {.kind = EFFECT_KIND_COUNT,
        .number = number,
        .verdict = {.action = action, .error = action == EFFECT_FAIL ? -ENOSPC : 0}};
    fault_plan_add(&fixture->faults, &rule);

    launch.result = launch_walk(&launch, fs);
    sim_fixture_run(fixture, 100);
    if (launch.pid > 0 && launch.result == 0)
        host_signal(fixture->host, launch.pid, SIGKILL, NULL);
    sim_fixture_run(fixture, 100);
    uint64_t effects = fixture->host->effects;
    unsigned watches = 1 + (launch.pid > 0);
    assert_true(launch.calls <= watches);
    sim_fixture_restart(fixture);
    assert_int_equal(launch.calls, watches); /* exactly once, by the end at the latest */

    sim_fixture_run(fixture, 100);
    clean_up(fixture, launch.pid);
    sim_fixture_run(fixture, 100);
    assert_int_equal(sim_fixture_processes(fixture), 0);
    assert_int_equal(vfs_count(fixture->kernel->vfs), files);
    plan_release(&launch.plan);
    sim_fixture_release(fixture);
    free(fixture);
    return effects;
}

static void test_every_effect(void **state)
{
    (void)state;
    uint64_t effects = attempt(UINT64_MAX, EFFECT_PROCEED);
    assert_int_equal(effects, 9); /* with the signal and the event */
    static const enum effect_action actions[] = {
        EFFECT_FAIL, EFFECT_LOSE, EFFECT_CRASH_BEFORE, EFFECT_CRASH_AFTER};
    for (uint64_t number = 1; number <= effects; number++)
        for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
            if (!(number == effects && actions[i] == EFFECT_LOSE))
                attempt(number, actions[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
