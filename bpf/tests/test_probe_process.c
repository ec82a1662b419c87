/* SPDX-License-Identifier: Apache-2.0 */
/* process.bpf.c in user space: forks, execs, exits, threads, the launch. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/process.bpf.c"
#include "bpf/tests/probe_world.h"

struct world {
    struct world_cgroup root, outer, inner;
    struct world_task agent, init, child;
};

static int setup(void **state)
{
    static struct world world;
    world_reset();
    shim_map_reset(&process);
    shim_map_reset(&timelines);
    shim_map_reset(&sched);
    world_cgroup_init(&world.root, 1, NULL);
    world_cgroup_init(&world.outer, 100, &world.root);
    world_cgroup_init(&world.inner, 101, &world.outer);
    world_task_init(&world.agent, 1, &world.root);
    world_task_init(&world.init, 2, &world.root);
    world_task_init(&world.child, 3, &world.inner);
    world_publish(&world.outer, 0, STATS_SLOT_NONE);
    world_publish(&world.inner, 1, 0);
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    shim_map_free(&process);
    shim_map_free(&timelines);
    shim_map_free(&sched);
    return 0;
}

static struct process_stats *of(unsigned slot)
{
    return bpf_map_lookup_elem(&process, &slot);
}

static struct gauge *gauge_of(unsigned slot)
{
    return bpf_map_lookup_elem(&gauges, &slot);
}

static struct timeline *line_of(unsigned slot)
{
    return bpf_map_lookup_elem(&timelines, &slot);
}

static void end(struct task_struct *task, bool group_dead)
{
    shim.arguments[1] = group_dead;
    on_end(task);
}

/* As a launcher of v1 does: fork outside, move, exec. */
static void launch(struct world *w)
{
    shim.now_ns = 10;
    on_fork(&w->agent.task, &w->init.task);
    task_find(2)->first_run_ns = 15;
    w->init.task.cgroups = &w->outer.set;
    shim.now_ns = 20;
    on_attach(&w->outer.cgroup, NULL, &w->init.task, true);
    shim.now_ns = 30;
    on_exec(&w->init.task);
}

static void test_launch(void **state)
{
    struct world *w = *state;
    launch(w);
    shim.now_ns = 40;
    end(&w->init.task, true);
    const struct timeline *line = line_of(0);
    assert_int_equal(line->init_pid, 2);
    assert_int_equal(line->clone_ns, 10);
    assert_int_equal(line->first_run_ns, 15);
    assert_int_equal(line->attach_ns, 20);
    assert_int_equal(line->exec_ns, 30);
    assert_int_equal(line->exit_ns, 40);
    assert_int_equal(of(0)->forks, 0); /* the agent's, not the container's */
    assert_int_equal(of(0)->execs, 1);
    assert_int_equal(of(0)->exits, 1);
}

/* Born in the cgroup: nobody moves it. */
static void test_born_inside(void **state)
{
    struct world *w = *state;
    w->init.task.cgroups = &w->outer.set;
    shim.now_ns = 10;
    on_fork(&w->agent.task, &w->init.task);
    shim.now_ns = 20;
    on_exec(&w->init.task);
    assert_int_equal(line_of(0)->clone_ns, 10);
    assert_int_equal(line_of(0)->attach_ns, 0);
    assert_int_equal(gauge_of(0)->threads, 1);
}

static void test_threads(void **state)
{
    struct world *w = *state;
    struct world_task thread;
    launch(w);
    world_task_init(&thread, 5, &w->outer);
    thread.task.tgid = 2;
    on_fork(&w->init.task, &thread.task);
    w->child.task.cgroups = &w->outer.set;
    on_fork(&w->init.task, &w->child.task);
    assert_int_equal(of(0)->threads, 1);
    assert_int_equal(of(0)->forks, 1);
    assert_int_equal(gauge_of(0)->threads, 3);
    end(&thread.task, false);
    assert_int_equal(of(0)->exits, 0);
    assert_int_equal(gauge_of(0)->threads, 2);
    assert_int_equal(gauge_of(0)->threads_peak, 3);
}

/* A nested container's threads are also those of the one around it; so are their peaks. */
static void test_nested_threads(void **state)
{
    struct world *w = *state;
    launch(w);
    on_fork(&w->init.task, &w->child.task);
    assert_int_equal(gauge_of(1)->threads, 1);
    assert_int_equal(gauge_of(0)->threads, 2);
    end(&w->child.task, true);
    assert_int_equal(gauge_of(1)->threads, 0);
    assert_int_equal(gauge_of(0)->threads, 1);
    assert_int_equal(gauge_of(0)->threads_peak, 2);
}

static void test_moves(void **state)
{
    struct world *w = *state;
    launch(w);
    w->init.signal.nr_threads = 3;
    w->init.task.cgroups = &w->inner.set;
    gauge_of(0)->threads = 3;
    on_attach(&w->inner.cgroup, NULL, &w->init.task, true);
    assert_int_equal(gauge_of(1)->threads, 3);
    assert_int_equal(gauge_of(0)->threads, 3);
    w->init.task.cgroups = &w->root.set;
    on_attach(&w->root.cgroup, NULL, &w->init.task, true);
    assert_int_equal(gauge_of(1)->threads, 0);
    assert_int_equal(gauge_of(0)->threads, 0);
}

/* Moves in other hierarchies are none of ours. */
static void test_other_hierarchy(void **state)
{
    struct world *w = *state;
    w->outer.root.hierarchy_id = HIERARCHY + 1;
    on_attach(&w->outer.cgroup, NULL, &w->init.task, true);
    assert_int_equal(gauge_of(0)->threads, 0);
}

static void test_exits_by_signal(void **state)
{
    struct world *w = *state;
    launch(w);
    static const struct {
        int group_exit_code;
        int exit_code;
        unsigned signal; /* 0: none */
    } cases[] = {{0, 0, 0}, {0, 7 << 8, 0}, {0, 9, 9}, {15, 0, 15}, {0x80 | 11, 0, 11}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w->init.signal.group_exit_code = cases[i].group_exit_code;
        w->init.task.exit_code = cases[i].exit_code;
        unsigned before = of(0)->exits_by_signal[cases[i].signal];
        end(&w->init.task, true);
        assert_int_equal(of(0)->exits_by_signal[cases[i].signal], before + (cases[i].signal != 0));
    }
    assert_int_equal(of(0)->exits, sizeof(cases) / sizeof(cases[0]));
}

/* Before 6.16 the tracepoint does not say it; the group's count does. */
static void test_group_dead_unsaid(void **state)
{
    struct world *w = *state;
    launch(w);
    config.exit_group_dead = 0;
    w->init.signal.live.counter = 1;
    end(&w->init.task, false);
    assert_int_equal(of(0)->exits, 0);
    w->init.signal.live.counter = 0;
    end(&w->init.task, false);
    assert_int_equal(of(0)->exits, 1);
    end(&w->init.task, false); /* its last two threads end at once: both see that none is left */
    assert_int_equal(of(0)->exits, 1);
}

/* What it has run before the move is the old container's, what comes after the new one's. */
static void test_move_collects(void **state)
{
    struct world *w = *state;
    launch(w);
    w->init.task.se.sum_exec_runtime += 500;
    w->init.task.min_flt += 3;
    w->init.task.cgroups = &w->inner.set;
    on_attach(&w->inner.cgroup, NULL, &w->init.task, true);
    assert_int_equal(sched_of(0)->cpu_ns, 500);
    assert_int_equal(sched_of(0)->faults_minor, 3);
    assert_int_equal(sched_of(1)->cpu_ns, 0);
    assert_int_equal(task_find(2)->ran_ns, w->init.task.se.sum_exec_runtime);
    control.collects = 0; /* plain tracepoints count by the clock: nothing is to be collected */
    w->init.task.se.sum_exec_runtime += 500;
    on_attach(&w->outer.cgroup, NULL, &w->init.task, true);
    assert_int_equal(sched_of(1)->cpu_ns, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_launch),
        TEST(test_born_inside),
        TEST(test_threads),
        TEST(test_nested_threads),
        TEST(test_moves),
        TEST(test_other_hierarchy),
        TEST(test_exits_by_signal),
        TEST(test_group_dead_unsaid),
        TEST(test_move_collects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
