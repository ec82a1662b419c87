/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linux launcher on a simulated machine, where things go wrong on demand (LV1-14..16, LV2-19,
 * LA-06..13, FB-03, FB-04).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/launchers/tests/sim_world.h"

static int open_v1(void **state)
{
    *state = mem_alloc(sizeof(struct sim));
    sim_open(*state, CGROUP_LAYOUT_V1, false);
    return 0;
}

static int open_v2(void **state)
{
    *state = mem_alloc(sizeof(struct sim));
    sim_open(*state, CGROUP_LAYOUT_V2, false);
    return 0;
}

static int close_sim(void **state)
{
    sim_close(*state);
    free(*state);
    return 0;
}

static struct effect_verdict failing(int error)
{
    return (struct effect_verdict){.action = EFFECT_FAIL, .error = error};
}

static void expect_ok(struct sim *sim, const char *id)
{
    const struct sim_outcome outcome = sim_destroy(sim, id);
    if (outcome.result != 0)
        fail_msg("%s", outcome.message);
}

static void expect_nothing_left(struct sim *sim)
{
    sim_pass(sim, NS_PER_SEC);
    assert_int_equal(sim_processes(sim), 0);
    assert_true(sim_is_clean(sim));
}

static void destroys_what_runs(void **state)
{
    static const char *const workloads[] = {
        "sleep:1000s",
        "ignore:TERM,INT sleep:1000s",
        "spawn:[sleep:1000s] spawn:[setsid:;sleep:1000s] sleep:1000s",
        "daemon:[setsid:;sleep:1000s] exit:0",
        "stop: sleep:1000s",
        "loop:20*[spawn:[sleep:1000s]] sleep:1000s",
        "exit:3",
    };
    struct sim *sim = *state;
    for (size_t i = 0; i < ARRAY_SIZE(workloads); i++) {
        sim_start(sim, "c1", workloads[i]);
        expect_ok(sim, "c1");
        expect_nothing_left(sim);
    }
}

/* An empty cgroup is removed at once: no freezer, no delays. */
static void an_empty_container_takes_no_time(void **state)
{
    struct sim *sim = *state;
    sim_start(sim, "c1", "exit:0");
    sim_pass(sim, NS_PER_SEC);
    const struct sim_outcome outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, 0);
    assert_int_equal(outcome.elapsed_ns, 0);
    expect_nothing_left(sim);
}

static void rules_of_ids(void **state)
{
    struct sim *sim = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    pid_t pid;
    expect_ok(sim, "unknown"); /* LA-10 */
    assert_int_equal(sim_fork(sim, "p.c", "sleep:1s", &pid, &err), -ENOENT);
    sim_start(sim, "p", "sleep:1000s");
    assert_int_equal(sim_fork(sim, "p", "sleep:1s", &pid, &err), -EEXIST); /* LA-08 */
    sim_start(sim, "p.c", "sleep:1000s");
    sim_start(sim, "p.c.d", "sleep:1000s");
    const struct sim_outcome outcome = sim_destroy(sim, "p"); /* LA-09 */
    assert_int_equal(outcome.result, -EBUSY);
    assert_string_equal(outcome.message, "destroy p: it has 1 nested containers");
    assert_int_equal(sim_processes(sim), 6);
    expect_ok(sim, "p.c.d");
    expect_ok(sim, "p.c");
    expect_ok(sim, "p");
    expect_nothing_left(sim);
}

static void status_has_the_pid(void **state)
{
    struct sim *sim = *state;
    struct container_status status = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    pid_t pid = sim_start(sim, "c1", "sleep:1000s");
    assert_int_equal(launcher_status(sim->launcher, "c1", &status, NULL), 0);
    assert_true(status.executor_pid.set && status.executor_pid.value == pid);
    assert_int_equal(launcher_status(sim->launcher, "c2", &status, &err), -ENOENT);
    assert_string_equal(err.message, "status of c2: no such container");
}

/* LA-13: what the parent does for the waiting child fails. */
static void a_failed_hook_takes_the_fork_back(void **state)
{
    struct sim *sim = *state;
    const size_t hooks = sim->v2 ? 1 : 2; /* the freezer's, then systemd's */
    for (size_t i = 0; i < hooks; i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        pid_t pid = 0;
        sim_fault(sim, (struct fault_rule){.kind = EFFECT_CGROUP_WRITE,
                           .detail = (char *)(uintptr_t)"cgroup.procs",
                           .nth = i + 1,
                           .verdict = failing(-EINVAL)});
        assert_int_equal(sim_fork(sim, "c1", "sleep:1000s", &pid, &err), -EINVAL);
        if (!strstr(err.message, "fork c1: ") || !strstr(err.message, "cgroup.procs"))
            fail_msg("%s", err.message);
        sim_no_faults(sim);
        expect_ok(sim, "c1");
        if (sim->v2) { /* the isolator's */
            cgroup_remove(sim_fs(sim), "mesos/c1/leaf", NULL);
            cgroup_remove(sim_fs(sim), "mesos/c1", NULL);
        }
        expect_nothing_left(sim);
    }
}

/* LV1-14, FB-04. */
static void a_stuck_freezer_is_thawed_and_tried_again(void **state)
{
    struct sim *sim = *state;
    sim_start(sim, "c1", "spawn:[sleep:1000s] sleep:1000s");
    struct cgroup *cgroup = cgroup_lookup(cgroup_root_find(sim->kernel, "freezer"), "mesos/c1");
    assert_non_null(cgroup);
    cgroup_set_stuck_freezer(cgroup, true);
    const struct sim_outcome outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, 0);
    assert_in_range(outcome.elapsed_ns, 10 * NS_PER_SEC, 12 * NS_PER_SEC);
    expect_nothing_left(sim);
}

/* LV1-16: the time-out, after which nothing is frozen and another destroy may succeed. */
static void a_destroy_that_times_out_can_be_repeated(void **state)
{
    struct sim *sim = *state;
    pid_t pid = sim_start(sim, "c1", "sleep:1000s");
    process_find(sim->kernel, pid)->unkillable = true;
    struct sim_outcome outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, -ETIMEDOUT);
    assert_non_null(strstr(outcome.message, "destroy c1: "));
    assert_in_range(outcome.elapsed_ns, 60 * NS_PER_SEC, 61 * NS_PER_SEC);
    if (!sim->v2) {
        _cleanup_free_ char *text = NULL;
        assert_int_equal(cgroup_read(sim_fs(sim), "mesos/c1", "freezer.state", &text, NULL), 0);
        assert_string_equal(text, "THAWED\n");
    }
    process_find(sim->kernel, pid)->unkillable = false;
    expect_ok(sim, "c1");
    expect_nothing_left(sim);
}

/* LV1-15, LV2-19, FB-03: an empty cgroup that says busy for a while. */
static void busy_removals_are_repeated(void **state)
{
    static const unsigned counts[] = {1, 2, 5, 20, 60};
    struct sim *sim = *state;
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
        sim_start(sim, "c1", "exit:0");
        sim_pass(sim, NS_PER_SEC);
        sim_fault(sim, (struct fault_rule){.kind = EFFECT_CGROUP_REMOVE,
                           .nth = 1,
                           .times = counts[i],
                           .verdict = failing(-EBUSY)});
        expect_ok(sim, "c1");
        assert_int_equal(sim->faults.rules[0].fired, counts[i]);
        sim_no_faults(sim);
        expect_nothing_left(sim);
    }
}

static void removals_busy_for_ever_fail(void **state)
{
    struct sim *sim = *state;
    sim_start(sim, "c1", "exit:0");
    sim_pass(sim, NS_PER_SEC);
    sim_fault(
        sim, (struct fault_rule){.kind = EFFECT_CGROUP_REMOVE, .verdict = failing(-EBUSY)});
    struct sim_outcome outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, sim->v2 ? -EBUSY : -ETIMEDOUT);
    assert_non_null(strstr(outcome.message, "EBUSY"));
    if (sim->v2)
        assert_int_equal(sim->faults.rules[0].fired, 5000);
    sim_no_faults(sim);
    expect_ok(sim, "c1");
    expect_nothing_left(sim);
}

static void other_errors_of_a_removal_fail_at_once(void **state)
{
    struct sim *sim = *state;
    sim_start(sim, "c1", "exit:0");
    sim_pass(sim, NS_PER_SEC);
    sim_fault(
        sim, (struct fault_rule){.kind = EFFECT_CGROUP_REMOVE, .verdict = failing(-EIO)});
    struct sim_outcome outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, -EIO);
    assert_int_equal(outcome.elapsed_ns, 0);
    sim_no_faults(sim);
    expect_ok(sim, "c1");
    expect_nothing_left(sim);
}

/* Whatever is lost once, or for ever when it is an event, costs time only. */
static void lost_effects_cost_time_only(void **state)
{
    static const struct {
        enum effect_kind kind;
        const char *detail;
        uint64_t nth;
    } losses[] = {
        {EFFECT_EVENT, NULL, 0},
        {EFFECT_CGROUP_WRITE, "cgroup.kill", 1},
        {EFFECT_CGROUP_WRITE, "FROZEN", 1},
        {EFFECT_CGROUP_WRITE, "THAWED", 1},
        {EFFECT_CGROUP_REMOVE, NULL, 1},
    };
    struct sim *sim = *state;
    for (size_t i = 0; i < ARRAY_SIZE(losses); i++) {
        sim_start(sim, "c1", "spawn:[sleep:1000s] sleep:1000s");
        sim_fault(sim, (struct fault_rule){.kind = losses[i].kind,
                           .detail = (char *)(uintptr_t)losses[i].detail,
                           .nth = losses[i].nth,
                           .verdict = {.action = EFFECT_LOSE}});
        const struct sim_outcome outcome = sim_destroy(sim, "c1");
        if (outcome.result != 0)
            fail_msg("case %zu: %s", i, outcome.message);
        assert_in_range(outcome.elapsed_ns, 0, 2 * NS_PER_SEC);
        sim_no_faults(sim);
        sim_pass(sim, NS_PER_SEC);
        assert_int_equal(sim_processes(sim), 0);
        if (losses[i].kind == EFFECT_CGROUP_REMOVE)
            sim_restart(sim); /* nobody can know of a removal that only seemed to be one */
    }
}

/* LA-11: the freezer's cgroup is gone, systemd's is not. */
static void a_partly_destroyed_container(void **state)
{
    struct sim *sim = *state;
    sim_start(sim, "c1", "exit:0");
    sim_pass(sim, NS_PER_SEC);
    assert_int_equal(cgroup_remove(sim_fs(sim), "mesos/c1", NULL), 0);
    expect_ok(sim, "c1");
    expect_nothing_left(sim);
}

static void a_missing_cgroup_is_no_error(void **state)
{
    struct sim *sim = *state;
    const struct container_state gone = {.id = "gone", .pid = 4711};
    struct sim_outcome outcome = sim_recover(sim, &gone, 1);
    assert_int_equal(outcome.result, 0);
    assert_int_equal(strv_length(outcome.orphans), 0);
    strv_free(outcome.orphans);
    expect_ok(sim, "gone");
}

static void sub_cgroups_of_the_workload_go_too(void **state)
{
    struct sim *sim = *state;
    pid_t pid = sim_start(sim, "c1", "sleep:1000s");
    const char *own = sim->v2 ? "mesos/c1/leaf" : "mesos/c1";
    _cleanup_free_ char *deep = str_printf("%s/foo/bar", own);
    _cleanup_free_ char *text = str_printf("%d", (int)pid);
    assert_int_equal(cgroup_create_recursive(sim_fs(sim), deep, NULL), 0);
    assert_int_equal(cgroup_write(sim_fs(sim), deep, "cgroup.procs", text, NULL), 0);
    sim_restart(sim);
    const struct container_state known = {.id = "c1", .pid = pid};
    struct sim_outcome outcome = sim_recover(sim, &known, 1);
    assert_int_equal(strv_length(outcome.orphans), 0);
    strv_free(outcome.orphans);
    expect_ok(sim, "c1");
    expect_nothing_left(sim);
}

static void keep_result(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    (void)err;
    *(int *)arg = result;
}

/* Two at once are one; and the launcher's owner goes while they are under way. */
static void two_destroys_and_a_free(void **state)
{
    struct sim *sim = *state;
    int results[2] = {1, 1};
    pid_t pid = sim_start(sim, "c1", "sleep:1000s");
    process_find(sim->kernel, pid)->unkillable = true;
    for (int i = 0; i < 2; i++)
        launcher_destroy(sim->launcher, "c1", DONE(keep_result, &results[i]));
    sim_pass(sim, NS_PER_SEC);
    assert_true(results[0] == 1 && results[1] == 1);
    process_find(sim->kernel, pid)->unkillable = false;
    sim_restart(sim);
    assert_true(results[0] == -ESHUTDOWN && results[1] == -ESHUTDOWN);
    struct sim_outcome outcome = sim_recover(sim, NULL, 0);
    assert_int_equal(strv_length(outcome.orphans), 1);
    strv_free(outcome.orphans);
    expect_ok(sim, "c1");
    expect_nothing_left(sim);
}

static void destroy_every_orphan(struct sim *sim)
{
    struct sim_outcome outcome = sim_recover(sim, NULL, 0);
    assert_int_equal(outcome.result, 0);
    for (size_t i = strv_length(outcome.orphans); i-- > 0;)
        expect_ok(sim, outcome.orphans[i]);
    strv_free(outcome.orphans);
}

/* A crash before and after each effect of a launch and a destroy; then nothing may stay behind. */
static void crashes_leave_nothing_behind(void **state)
{
    struct sim *sim = *state;
    for (uint64_t n = 1;; n++) {
        bool crashed = false;
        for (int after = 0; after < 2; after++) {
            _cleanup_err_ struct err err = ERR_INIT;
            pid_t pid;
            sim->host->effects = 0;
            sim_fault(sim,
                (struct fault_rule){.kind = EFFECT_KIND_COUNT,
                    .number = n,
                    .verdict = {.action = after ? EFFECT_CRASH_AFTER : EFFECT_CRASH_BEFORE}});
            int result = sim_fork(sim, "c1", "spawn:[sleep:1000s] sleep:1000s", &pid, &err);
            if (result == 0) {
                sim_pass(sim, 10 * NS_PER_MS);
                sim_destroy(sim, "c1");
            }
            crashed |= sim->host->gone;
            sim_restart(sim);
            sim_pass(sim, NS_PER_SEC);
            destroy_every_orphan(sim);
            expect_nothing_left(sim);
        }
        if (!crashed)
            return;
        assert_true(n < 200);
    }
}

#define ON(name, layout)                                                                           \
    {                                                                                              \
        #name " on " #layout, name, open_##layout, close_sim, NULL                                 \
    }
#define ON_BOTH(name) ON(name, v1), ON(name, v2)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(destroys_what_runs),
        ON_BOTH(an_empty_container_takes_no_time),
        ON_BOTH(rules_of_ids),
        ON_BOTH(status_has_the_pid),
        ON_BOTH(a_failed_hook_takes_the_fork_back),
        ON(a_stuck_freezer_is_thawed_and_tried_again, v1),
        ON_BOTH(a_destroy_that_times_out_can_be_repeated),
        ON_BOTH(busy_removals_are_repeated),
        ON_BOTH(removals_busy_for_ever_fail),
        ON_BOTH(other_errors_of_a_removal_fail_at_once),
        ON_BOTH(lost_effects_cost_time_only),
        ON(a_partly_destroyed_container, v1),
        ON_BOTH(a_missing_cgroup_is_no_error),
        ON_BOTH(sub_cgroups_of_the_workload_go_too),
        ON_BOTH(two_destroys_and_a_free),
        ON_BOTH(crashes_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
