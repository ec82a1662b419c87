/* SPDX-License-Identifier: Apache-2.0 */
/* memory.bpf.c in user space. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/memory.bpf.c"
#include "bpf/tests/probe_world.h"

static struct world_cgroup root_cgroup, a;
static struct world_task task, outside;

static int setup(void **state)
{
    (void)state;
    world_reset();
    shim_map_reset(&memory);
    world_cgroup_init(&root_cgroup, 1, NULL);
    world_cgroup_init(&a, 100, &root_cgroup);
    world_task_init(&task, 2, &a);
    world_task_init(&outside, 3, &root_cgroup);
    memcpy(task.task.comm, "victim", 7);
    world_publish(&a, 0, STATS_SLOT_NONE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    shim_map_free(&memory);
    return 0;
}

static struct memory_stats *of_a(void)
{
    unsigned slot = 0;
    return bpf_map_lookup_elem(&memory, &slot);
}

static struct gauge *gauge_of_a(void)
{
    unsigned slot = 0;
    return bpf_map_lookup_elem(&gauges, &slot);
}

static void test_reclaim(void **state)
{
    (void)state;
    shim.current = &task.task;
    on_memcg_reclaimed(); /* of one that began before us */
    shim.now_ns = 100;
    on_memcg_reclaim();
    shim.now_ns = 350;
    on_memcg_reclaimed();
    on_memcg_reclaimed();
    shim.now_ns = 400;
    on_direct_reclaim();
    shim.now_ns = 410;
    on_direct_reclaimed();
    shim.current = &outside.task;
    on_direct_reclaim();
    on_direct_reclaimed();
    assert_int_equal(of_a()->reclaims, 2);
    assert_int_equal(of_a()->reclaim_ns, 260);
}

/* The victim's container, whoever caused it. */
static void test_victim(void **state)
{
    (void)state;
    shim.current = &outside.task;
    on_victim(&task.task);
    on_victim(&outside.task);
    assert_int_equal(of_a()->oom_kills, 1);
    assert_int_equal(gauge_of_a()->victim_pid, 2);
    assert_string_equal(gauge_of_a()->victim_comm, "victim");
}

static void test_victim_by_pid(void **state)
{
    (void)state;
    config.victim_is_task = 0;
    on_victim((void *)2); /* nobody has seen that task */
    assert_int_equal(of_a()->oom_kills, 0);
    task_take(cpu_here(), &task.task)->slot = 0;
    on_victim((void *)2);
    assert_int_equal(of_a()->oom_kills, 1);
    assert_int_equal(gauge_of_a()->victim_pid, 2);
}

static void test_faults(void **state)
{
    (void)state;
    shim.current = &task.task;
    on_fault_user();
    on_fault_kernel();
    shim.current = &outside.task;
    on_fault_user();
    assert_int_equal(of_a()->faults, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_reclaim),
        TEST(test_victim),
        TEST(test_victim_by_pid),
        TEST(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
