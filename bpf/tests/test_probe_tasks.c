/* SPDX-License-Identifier: Apache-2.0 */
/* tasks.bpf.c in user space: what tasks have counted, collected when somebody reads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/tasks.bpf.c"
#include "bpf/tests/probe_world.h"

static int setup(void **state)
{
    *state = world_pair_start();
    shim_map_reset(&sched);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    shim_map_free(&sched);
    return 0;
}

static struct sched_stats *of(unsigned slot)
{
    return bpf_map_lookup_elem(&sched, &slot);
}

static void grow(struct world_task *one)
{
    one->task.se.sum_exec_runtime += 1000;
    one->task.sched_info.run_delay += 70;
    one->task.nvcsw += 3;
    one->task.nivcsw += 1;
    one->task.min_flt += 5;
    one->task.maj_flt += 2;
}

/* The first look takes the line; then each growth is collected once, the last by its freeing. */
static void test_growth(void **state)
{
    struct world_pair *w = *state;
    grow(&w->one);
    alive_collect(&w->one.task);
    assert_int_equal(of(0)->cpu_ns, 0);
    grow(&w->one);
    alive_collect(&w->one.task);
    alive_collect(&w->one.task);
    grow(&w->one);
    task_find(1)->slot = 0;
    on_free(&w->one.task);
    assert_int_equal(of(0)->cpu_ns, 2000);
    assert_int_equal(of(0)->waited_ns, 140);
    assert_int_equal(of(0)->switches_voluntary, 6);
    assert_int_equal(of(0)->switches_involuntary, 2);
    assert_int_equal(of(0)->faults_minor, 10);
    assert_int_equal(of(0)->faults_major, 4);
    assert_null(task_find(1));
}

/* Its container is gone by then: what it did is that one's yet. */
static void test_freed_late(void **state)
{
    struct world_pair *w = *state;
    struct cgroup_key key = {w->a.node.id, HIERARCHY, 0};
    alive_collect(&w->one.task);
    task_find(1)->slot = 0;
    bpf_map_delete_elem(&containers, &key);
    control.generation++;
    grow(&w->one);
    on_free(&w->one.task);
    assert_int_equal(of(0)->cpu_ns, 1000);
}

/* Freed after its last switch was collected: there is nothing left, and no line is taken. */
static void test_freed(void **state)
{
    struct world_pair *w = *state;
    grow(&w->one);
    on_free(&w->one.task);
    assert_null(task_find(1));
    assert_int_equal(of(0)->cpu_ns, 0);
}

static void test_without_waits(void **state)
{
    struct world_pair *w = *state;
    config.waits_in_tasks = 0;
    alive_collect(&w->one.task);
    grow(&w->one);
    alive_collect(&w->one.task);
    assert_int_equal(of(0)->cpu_ns, 1000);
    assert_int_equal(of(0)->waited_ns, 0);
}

/* Who is in no container takes no line from others. */
static void test_outside(void **state)
{
    struct world_pair *w = *state;
    grow(&w->outside);
    alive_collect(&w->outside.task);
    assert_null(task_find(w->outside.task.pid));
    for (unsigned slot = 0; slot < SHIM_SLOTS; slot++)
        assert_int_equal(of(slot)->cpu_ns, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_growth),
        TEST(test_freed),
        TEST(test_freed_late),
        TEST(test_without_waits),
        TEST(test_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
