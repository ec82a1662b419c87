/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU against closed forms: who gets how much, and when a demand is met, to the nanosecond. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "fakes/kernel/tests/kernel_fixture.h"
#include "fakes/rng.h"

#define RUNNERS_MAX 64

static struct {
    struct task *task;
    uint64_t end_ns;
} runners[RUNNERS_MAX];
static size_t runners_count;

static void note_end(struct task *task)
{
    for (size_t i = 0; i < runners_count; i++) {
        if (runners[i].task == task)
            runners[i].end_ns = loop_now_ns(task->process->kernel->loop);
    }
}

/* A process in that cgroup (NULL: the root) with that demand; its number. */
static size_t run(struct kernel *kernel, const char *cgroup, uint64_t demand_ns)
{
    struct process *process = cgroup ? fork_in(kernel, cgroup) : fork_of(kernel, NULL);
    runners[runners_count].task = process->leader;
    runners[runners_count].end_ns = 0;
    task_demand(process->leader, demand_ns, 0, note_end);
    return runners_count++;
}

static void finish(struct kernel *kernel)
{
    while (loop_step(kernel->loop))
        ;
}

static int setup(void **state)
{
    runners_count = 0;
    return kernel_setup(state);
}

static uint64_t stat_of(struct kernel *kernel, const char *cgroup, const char *key)
{
    _cleanup_free_ char *text = NULL;
    size_t length;
    unsigned long long value = UINT64_MAX;
    assert_int_equal(cgroup_file_read(cgroup_root_find(kernel, ""), cgroup, "cpu.stat",
                         &cgroup_caller_root, &text, &length),
        0);
    const char *line = strstr(text, key);
    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(key), " %llu", &value), 1);
    return value;
}

static void alone_it_runs_at_full_speed(void **state)
{
    struct kernel *kernel = *state;
    size_t a = run(kernel, NULL, 1234567891);
    finish(kernel);
    assert_int_equal(runners[a].end_ns, 1234567891);
    assert_int_equal(runners[a].task->user_ns, 1234567891);
    assert_int_equal(runners[a].task->demand_ns, 0);
    assert_int_equal(sim_loop_pending(kernel->loop), 0);
}

static void a_demand_of_nothing_is_met_at_once(void **state)
{
    struct kernel *kernel = *state;
    size_t a = run(kernel, NULL, 0);
    assert_non_null(runners[a].task->entity); /* but never from inside */
    finish(kernel);
    assert_int_equal(loop_now_ns(kernel->loop), 0);
    assert_null(runners[a].task->entity);
}

static void tasks_share_the_cpus_evenly(void **state)
{
    struct kernel *kernel = *state;
    for (int i = 0; i < 10; i++)
        run(kernel, NULL, NS_PER_SEC);
    finish(kernel);
    for (int i = 0; i < 10; i++)
        assert_int_equal(runners[i].end_ns, 2500 * NS_PER_MS);
}

static void shorter_ones_leave_the_rest_to_others(void **state)
{
    struct kernel *kernel = *state;
    kernel->cpus = 1;
    size_t a = run(kernel, NULL, 1 * NS_PER_SEC);
    size_t b = run(kernel, NULL, 2 * NS_PER_SEC);
    size_t c = run(kernel, NULL, 3 * NS_PER_SEC);
    finish(kernel);
    assert_int_equal(runners[a].end_ns, 3 * NS_PER_SEC);
    assert_int_equal(runners[b].end_ns, 5 * NS_PER_SEC);
    assert_int_equal(runners[c].end_ns, 6 * NS_PER_SEC);
}

static void weights_rule_between_groups(void **state)
{
    struct kernel *kernel = *state;
    kernel->cpus = 1;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "b");
    cgroup_put(kernel, "b", "cpu.weight", "300");
    size_t a = run(kernel, "a", NS_PER_SEC);
    size_t b1 = run(kernel, "b", NS_PER_SEC / 2);
    size_t b2 = run(kernel, "b", NS_PER_SEC / 2);
    finish(kernel);
    /* b's two run at 3/8 each: 4/3 s for half a second; then a has it alone */
    assert_int_equal(runners[b1].end_ns, 1333333334);
    assert_int_equal(runners[b2].end_ns, 1333333334);
    assert_in_range(runners[a].end_ns, 2 * NS_PER_SEC, 2 * NS_PER_SEC + 1);
    assert_int_equal(stat_of(kernel, "a", "usage_usec"), 1000000);
    assert_int_equal(stat_of(kernel, "b", "usage_usec"), 1000000);
    assert_int_equal(stat_of(kernel, "", "usage_usec"), 2000000);
}

static void no_task_uses_more_than_one_cpu(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "b");
    cgroup_put(kernel, "a", "cpu.weight", "10000");
    size_t a = run(kernel, "a", NS_PER_SEC);
    for (int i = 0; i < 3; i++)
        run(kernel, "b", NS_PER_SEC);
    finish(kernel);
    for (size_t i = a; i < runners_count; i++)
        assert_int_equal(runners[i].end_ns, NS_PER_SEC);
}

static void what_one_cannot_use_goes_to_the_others(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "b");
    cgroup_put(kernel, "a", "cpu.weight", "900");
    size_t a = run(kernel, "a", NS_PER_SEC); /* 1 of its 3.6 CPUs */
    for (int i = 0; i < 6; i++)
        run(kernel, "b", NS_PER_SEC); /* half a CPU each, then 2/3 */
    finish(kernel);
    assert_int_equal(runners[a].end_ns, NS_PER_SEC);
    assert_int_equal(runners[a + 1].end_ns, 1750 * NS_PER_MS);
}

static void a_quota_caps_and_is_counted(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_put(kernel, "a", "cpu.max", "50000 100000");
    size_t a = run(kernel, "a", NS_PER_SEC);
    size_t free_one = run(kernel, NULL, NS_PER_SEC);
    finish(kernel);
    assert_int_equal(runners[free_one].end_ns, NS_PER_SEC);
    assert_int_equal(runners[a].end_ns, 2 * NS_PER_SEC);
    assert_int_equal(stat_of(kernel, "a", "nr_periods"), 20);
    assert_int_equal(stat_of(kernel, "a", "nr_throttled"), 20);
    assert_int_equal(stat_of(kernel, "a", "throttled_usec"), 1000000);
}

static void a_quota_that_is_not_reached_throttles_nobody(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_put(kernel, "a", "cpu.max", "150000 100000");
    size_t a = run(kernel, "a", NS_PER_SEC);
    finish(kernel);
    assert_int_equal(runners[a].end_ns, NS_PER_SEC);
    assert_int_equal(stat_of(kernel, "a", "nr_periods"), 10);
    assert_int_equal(stat_of(kernel, "a", "nr_throttled"), 0);
    assert_int_equal(stat_of(kernel, "a", "throttled_usec"), 0);
}

static void quotas_nest(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "a/x");
    cgroup_make(kernel, "a/y");
    cgroup_put(kernel, "a", "cpu.max", "100000 100000");
    cgroup_put(kernel, "a/x", "cpu.max", "25000 100000");
    size_t x = run(kernel, "a/x", NS_PER_SEC);
    size_t y = run(kernel, "a/y", NS_PER_SEC);
    finish(kernel);
    /* x gets 1/4; y the other 3/4 of its parent's one CPU, for 4/3 s */
    assert_int_equal(runners[y].end_ns, 1333333334);
    assert_int_equal(runners[x].end_ns, 4 * NS_PER_SEC);
}

static void idle_groups_get_the_crumbs(void **state)
{
    struct kernel *kernel = *state;
    kernel->cpus = 1;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "b");
    cgroup_put(kernel, "b", "cpu.idle", "1");
    run(kernel, "a", UINT64_MAX);
    run(kernel, "b", UINT64_MAX);
    sim_loop_advance(kernel->loop, 1027 * NS_PER_MS);
    assert_int_equal(stat_of(kernel, "a", "usage_usec"), 1024000);
    assert_int_equal(stat_of(kernel, "b", "usage_usec"), 3000);
}

static void frozen_and_stopped_tasks_stand_still(void **state)
{
    struct kernel *kernel = *state;
    size_t a = run(kernel, NULL, NS_PER_SEC);
    size_t b = run(kernel, NULL, NS_PER_SEC);
    sim_loop_advance(kernel->loop, 400 * NS_PER_MS);
    task_set_frozen(runners[a].task, true);
    process_signal(runners[b].task->process, SIGSTOP);
    sim_loop_advance(kernel->loop, 10 * NS_PER_SEC);
    sched_update(kernel);
    assert_int_equal(runners[a].task->user_ns, 400 * NS_PER_MS);
    assert_int_equal(runners[b].task->user_ns, 400 * NS_PER_MS);
    task_set_frozen(runners[a].task, false);
    process_signal(runners[b].task->process, SIGCONT);
    finish(kernel);
    assert_int_equal(runners[a].end_ns, 11 * NS_PER_SEC);
    assert_int_equal(runners[b].end_ns, 11 * NS_PER_SEC);
}

static void a_new_weight_holds_from_then_on(void **state)
{
    struct kernel *kernel = *state;
    kernel->cpus = 1;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "b");
    size_t a = run(kernel, "a", 2 * NS_PER_SEC);
    run(kernel, "b", UINT64_MAX);
    sim_loop_advance(kernel->loop, NS_PER_SEC); /* a has 0.5 s */
    cgroup_put(kernel, "a", "cpu.weight", "300");
    sim_loop_advance(kernel->loop, 2 * NS_PER_SEC); /* and 1.5 s at 3/4 */
    assert_int_equal(runners[a].end_ns, 3 * NS_PER_SEC);
}

static void a_moved_task_leaves_its_time_behind(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "b");
    size_t a = run(kernel, "a", 3 * NS_PER_SEC);
    _cleanup_free_ char *pid = str_printf("%d", runners[a].task->tid);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    cgroup_put(kernel, "b", "cgroup.procs", pid);
    finish(kernel);
    assert_int_equal(stat_of(kernel, "a", "usage_usec"), 1000000);
    assert_int_equal(stat_of(kernel, "b", "usage_usec"), 2000000);
}

static void a_death_gives_the_cpu_back(void **state)
{
    struct kernel *kernel = *state;
    kernel->cpus = 1;
    cgroup_make(kernel, "a");
    size_t a = run(kernel, "a", UINT64_MAX);
    size_t b = run(kernel, NULL, NS_PER_SEC);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    process_signal(runners[a].task->process, SIGKILL);
    finish(kernel);
    assert_int_equal(runners[b].end_ns, 1500 * NS_PER_MS);
    assert_int_equal(stat_of(kernel, "a", "usage_usec"), 500000);
}

static void system_time_has_its_share(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    struct process *process = fork_in(kernel, "a");
    task_demand(process->leader, NS_PER_SEC, 0.4, note_end);
    sim_loop_advance(kernel->loop, NS_PER_SEC / 2);
    sched_update(kernel);
    assert_int_equal(process->leader->system_ns, 200 * NS_PER_MS);
    assert_int_equal(process->leader->user_ns, 300 * NS_PER_MS);
    finish(kernel);
    assert_int_equal(stat_of(kernel, "a", "user_usec"), 600000);
    assert_int_equal(stat_of(kernel, "a", "system_usec"), 400000);
}

/* Looking does not change what is seen; what the CPUs gave is what the tasks got. */
static void nothing_drifts(void **state)
{
    uint64_t ends[2][RUNNERS_MAX];
    struct kernel *kernel = *state;
    for (int looking = 0; looking < 2; looking++) {
        struct rng rng;
        uint64_t total_ns = 0;
        rng_init(&rng, 9);
        runners_count = 0;
        uint64_t start_ns = loop_now_ns(kernel->loop);
        for (int i = 0; i < 40; i++) {
            uint64_t demand_ns = 1 + rng_below(&rng, "demand", NS_PER_SEC);
            total_ns += demand_ns;
            run(kernel, NULL, demand_ns);
        }
        if (looking) {
            for (int i = 0; i < 5000; i++) {
                sim_loop_advance(kernel->loop, 1000003);
                sched_update(kernel);
            }
        }
        finish(kernel);
        uint64_t got_ns = 0;
        for (size_t i = 0; i < runners_count; i++) {
            ends[looking][i] = runners[i].end_ns - start_ns;
            got_ns += runners[i].task->user_ns;
        }
        assert_true(got_ns == total_ns);
        rng_release(&rng);
    }
    assert_memory_equal(ends[0], ends[1], 40 * sizeof(ends[0][0]));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kernel_teardown)
    const struct CMUnitTest tests[] = {
        TEST(alone_it_runs_at_full_speed),
        TEST(a_demand_of_nothing_is_met_at_once),
        TEST(tasks_share_the_cpus_evenly),
        TEST(shorter_ones_leave_the_rest_to_others),
        TEST(weights_rule_between_groups),
        TEST(no_task_uses_more_than_one_cpu),
        TEST(what_one_cannot_use_goes_to_the_others),
        TEST(a_quota_caps_and_is_counted),
        TEST(a_quota_that_is_not_reached_throttles_nobody),
        TEST(quotas_nest),
        TEST(idle_groups_get_the_crumbs),
        TEST(frozen_and_stopped_tasks_stand_still),
        TEST(a_new_weight_holds_from_then_on),
        TEST(a_moved_task_leaves_its_time_behind),
        TEST(a_death_gives_the_cpu_back),
        TEST(system_time_has_its_share),
        TEST(nothing_drifts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
