/* SPDX-License-Identifier: Apache-2.0 */
/* sched.bpf.c in user space, fed with what tracepoints would tell. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/sched.bpf.c"
#include "bpf/tests/probe_world.h"

static int setup(void **state)
{
    *state = world_pair_start();
    shim_map_reset(&sched);
    shim_map_reset(&switches);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    shim_map_free(&sched);
    shim_map_free(&switches);
    return 0;
}

static struct sched_stats *of(unsigned slot)
{
    return bpf_map_lookup_elem(&sched, &slot);
}

enum { SLEEPS = 1, RUNS_ON = 0, DEAD = 0x80 };

/* The task has run and waited that much more, and leaves in that state. */
static void leave(struct world_task *from, struct world_task *to, unsigned ran, unsigned waited,
    unsigned left_as, bool preempted)
{
    from->task.se.sum_exec_runtime += ran;
    from->task.sched_info.run_delay += waited;
    from->task.__state = left_as;
    on_switch(preempted, &from->task, &to->task);
}

static void test_waits(void **state)
{
    struct world_pair *w = *state;
    leave(&w->one, &w->idle, 500, 90, SLEEPS, false); /* takes its line: all before is not ours */
    leave(&w->one, &w->two, 1000, 700, RUNS_ON, true);
    leave(&w->one, &w->idle, 30, 2000, SLEEPS, false);
    assert_int_equal(of(0)->wait_ns, 2700);
    assert_int_equal(of(0)->wait_buckets[bucket_of(0)], 0);
    assert_int_equal(of(0)->wait_buckets[bucket_of(700)], 1);
    assert_int_equal(of(0)->wait_buckets[bucket_of(2000)], 1);
    assert_int_equal(of(0)->cpu_ns, 0); /* what others collect */
    assert_int_equal(of(1)->wait_ns, 0);
}

/* While nobody looked at switches there were waits, whose number is not known. */
static void test_rest(void **state)
{
    struct world_pair *w = *state;
    leave(&w->one, &w->idle, 0, 0, SLEEPS, false);
    leave(&w->one, &w->idle, 0, 700, SLEEPS, false);
    w->one.task.sched_info.run_delay += 1 << 20;
    control.watch++;
    control.generation++;
    leave(&w->one, &w->idle, 0, 5000, SLEEPS, false);
    leave(&w->one, &w->idle, 0, 2000, SLEEPS, false);
    assert_int_equal(of(0)->wait_ns, 2700);
    assert_int_equal(of(0)->wait_buckets[bucket_of(2000)], 1);
    assert_int_equal(of(0)->wait_buckets[bucket_of(1 << 20)], 0);
}

/* Without an iterator over tasks a switch collects all. */
static void test_collects(void **state)
{
    struct world_pair *w = *state;
    config.switch_collects = 1;
    leave(&w->one, &w->idle, 500, 0, SLEEPS, false);
    w->one.task.nivcsw++;
    w->one.task.min_flt += 3;
    w->one.task.maj_flt += 1;
    leave(&w->one, &w->two, 1000, 700, RUNS_ON, true);
    w->one.task.nvcsw++;
    leave(&w->one, &w->idle, 30, 2000, SLEEPS, false);
    assert_int_equal(of(0)->cpu_ns, 1030);
    assert_int_equal(of(0)->waited_ns, 2700);
    assert_int_equal(of(0)->switches_involuntary, 1);
    assert_int_equal(of(0)->switches_voluntary, 1);
    assert_int_equal(of(0)->faults_minor, 3);
    assert_int_equal(of(0)->faults_major, 1);
}

/* Somebody who looked at the task later was faster: what he took too much is given back. */
static void test_overtaken(void **state)
{
    struct world_pair *w = *state;
    config.switch_collects = 1;
    leave(&w->one, &w->idle, 0, 0, SLEEPS, false);
    task_find(1)->faults_minor = 5;
    task_find(1)->ran_ns = 50;
    of(0)->faults_minor = 5;
    of(0)->cpu_ns = 50;
    w->one.task.min_flt = 4;
    leave(&w->one, &w->idle, 40, 0, SLEEPS, false);
    assert_int_equal(of(0)->faults_minor, 4);
    assert_int_equal(of(0)->cpu_ns, 40);
}

/* An interrupt while a line of the cache is written: it gets its answer, and the line stays. */
static void test_nested_fill(void **state)
{
    struct world_pair *w = *state;
    struct cpu_state *cpu = cpu_here();
    struct cache_entry before;
    cpu->filling = 1;
    memcpy(&before, &cpu->cache[200 & (STATS_CACHE - 1)], sizeof(before));
    assert_int_equal(slot_of_cgroup(cpu, &w->b.cgroup, HIERARCHY), 1);
    assert_memory_equal(&cpu->cache[200 & (STATS_CACHE - 1)], &before, sizeof(before));
    cpu->filling = 0;
    assert_int_equal(slot_of_cgroup(cpu, &w->b.cgroup, HIERARCHY), 1);
    assert_int_equal(cpu->cache[200 & (STATS_CACHE - 1)].cgroup, 200);
    assert_int_equal(cpu->filling, 0);
}

static void test_nearest_published(void **state)
{
    struct world_pair *w = *state;
    leave(&w->deep, &w->idle, 0, 0, SLEEPS, false);
    leave(&w->deep, &w->idle, 0, 10, SLEEPS, false);
    assert_int_equal(of(0)->wait_ns, 10);
    /* From here on it has its own slot, and what was remembered is void. */
    world_publish(&w->inner, 2, 0);
    leave(&w->deep, &w->idle, 0, 7, SLEEPS, false);
    assert_int_equal(of(2)->wait_ns, 7);
    assert_int_equal(of(0)->wait_ns, 10);
}

static void test_outside(void **state)
{
    struct world_pair *w = *state;
    leave(&w->outside, &w->idle, 0, 0, SLEEPS, false);
    leave(&w->outside, &w->idle, 10, 10, SLEEPS, false);
    for (unsigned slot = 0; slot < SHIM_SLOTS; slot++)
        assert_int_equal(of(slot)->wait_ns, 0);
}

/* Who has ended is found by nobody else: all is collected. A dead task's line is free, so that a
 * new task of its pid starts anew. */
static void test_dead(void **state)
{
    struct world_pair *w = *state;
    leave(&w->one, &w->idle, 0, 0, SLEEPS, false);
    leave(&w->one, &w->idle, 8, 0, RUNS_ON, true);
    assert_int_equal(of(0)->cpu_ns, 0);
    w->one.task.exit_state = 16;
    leave(&w->one, &w->idle, 5, 0, RUNS_ON, true);
    assert_int_equal(of(0)->cpu_ns, 13);
    assert_non_null(task_find(1));
    leave(&w->one, &w->idle, 2, 0, DEAD, false);
    assert_null(task_find(1));
    assert_int_equal(of(0)->cpu_ns, 15);
}

/* Without waits in the tasks: from the wakeup or the preemption to the switch. The wakeup is the
 * wakee's, whoever runs. */
static void test_wakeups(void **state)
{
    struct world_pair *w = *state;
    config.waits_in_tasks = 0;
    shim.current = &w->one.task;
    shim.now_ns = 1000;
    on_wakeup(&w->two.task);
    shim.now_ns = 4000;
    on_switch(false, &w->idle.task, &w->two.task);
    assert_int_equal(of(1)->wakeups, 1);
    assert_int_equal(of(0)->wakeups, 0);
    assert_int_equal(of(1)->wait_buckets[bucket_of(3000)], 1);
    assert_int_equal(of(1)->wait_ns, 3000);
    shim.now_ns = 5000;
    leave(&w->two, &w->idle, 10, 0, RUNS_ON, true);
    shim.now_ns = 9000;
    on_switch(false, &w->idle.task, &w->two.task);
    assert_int_equal(of(1)->wait_ns, 7000);
    shim.now_ns = 9500;
    on_wakeup_new(&w->one.task);
    assert_int_equal(of(0)->wakeups, 0);
}

/* Two tasks whose pids share a line: the wait that is forgotten is counted as lost. */
static void test_shared_line(void **state)
{
    struct world_pair *w = *state;
    config.waits_in_tasks = 0;
    struct world_task far;
    world_task_init(&far, 1 + SHIM_TASKS, &w->b);
    on_wakeup(&w->one.task);
    shim.now_ns = 1;
    on_wakeup(&w->one.task);
    on_wakeup(&far.task);
    assert_int_equal(cpu_here()->lost, 1);
    on_switch(false, &w->idle.task, &w->one.task);
    assert_int_equal(of(0)->wait_buckets[0], 0);
}

static void test_cpus_apart(void **state)
{
    struct world_pair *w = *state;
    unsigned zero = 0;
    leave(&w->one, &w->idle, 0, 0, SLEEPS, false);
    shim.cpu = 1;
    leave(&w->one, &w->two, 0, 8, SLEEPS, false);
    leave(&w->idle, &w->two, 0, 0, RUNS_ON, false);
    assert_int_equal(of(0)->wait_ns, 8);
    assert_int_equal(*(__u64 *)bpf_map_lookup_elem(&switches, &zero), 2);
    shim.cpu = 0;
    assert_int_equal(of(0)->wait_ns, 0);
    assert_int_equal(*(__u64 *)bpf_map_lookup_elem(&switches, &zero), 1);
}

static void test_buckets(void **state)
{
    (void)state;
    static const struct {
        unsigned long long ns;
        unsigned bucket;
    } cases[] = {{0, 0}, {511, 0}, {512, 1}, {1023, 1}, {1024, 2}, {1ULL << 20, 12},
        {(1ULL << 40) - 1, 31}, {~0ULL, 31}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(bucket_of(cases[i].ns), cases[i].bucket);
}

/* The unified hierarchy's cgroups as identity. */
static void test_unified(void **state)
{
    struct world_pair *w = *state;
    config.identity_css = -1;
    config.identity_hierarchy = 0;
    w->one.task.cgroups->dfl_cgrp = &w->b.cgroup; /* not where it is in the other hierarchy */
    struct cgroup_key key = {200, 0, 0};
    unsigned slot = 3;
    bpf_map_update_elem(&containers, &key, &slot, BPF_ANY);
    leave(&w->one, &w->idle, 0, 0, SLEEPS, false);
    leave(&w->one, &w->idle, 0, 4, SLEEPS, false);
    assert_int_equal(of(3)->wait_ns, 4);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_waits),
        TEST(test_rest),
        TEST(test_collects),
        TEST(test_overtaken),
        TEST(test_nested_fill),
        TEST(test_nearest_published),
        TEST(test_outside),
        TEST(test_dead),
        TEST(test_wakeups),
        TEST(test_shared_line),
        TEST(test_cpus_apart),
        TEST(test_buckets),
        TEST(test_unified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
