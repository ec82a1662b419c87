/* SPDX-License-Identifier: Apache-2.0 */
/* signals.bpf.c, syscalls.bpf.c and lifecycle.bpf.c in user space. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/signals.bpf.c"
#include "bpf/syscalls.bpf.c"
#include "bpf/lifecycle.bpf.c"
#include "bpf/tests/probe_world.h"

static struct world_cgroup root_cgroup, a, fresh;
static struct world_task task, outside;
static struct shim_map *const more[] = {&signal, &syscall, &timelines, &newborn};

static int setup(void **state)
{
    (void)state;
    world_reset();
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        shim_map_reset(more[i]);
    world_cgroup_init(&root_cgroup, 1, NULL);
    world_cgroup_init(&a, 100, &root_cgroup);
    world_cgroup_init(&fresh, 300, &root_cgroup);
    world_task_init(&task, 2, &a);
    world_task_init(&outside, 3, &root_cgroup);
    world_publish(&a, 0, STATS_SLOT_NONE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        shim_map_free(more[i]);
    return 0;
}

/* Sent: the receiver's. Delivered: of the task that runs. */
static void test_signals(void **state)
{
    (void)state;
    unsigned slot = 0;
    struct signal_stats *stats = bpf_map_lookup_elem(&signal, &slot);
    shim.current = &outside.task;
    on_generate(10, NULL, &task.task);
    on_generate(10, NULL, &task.task);
    on_generate(1000, NULL, &task.task);
    on_generate(10, NULL, &outside.task);
    on_deliver();
    shim.current = &task.task;
    on_deliver();
    assert_int_equal(stats->generated, 3);
    assert_int_equal(stats->by_number[10], 2);
    assert_int_equal(stats->delivered, 1);
}

static void test_syscalls(void **state)
{
    (void)state;
    unsigned slot = 0;
    struct syscall_stats *stats = bpf_map_lookup_elem(&syscall, &slot);
    static const long results[] = {0, 5, -1, -4095, -4096, -100000};
    shim.current = &task.task;
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        on_sys_exit(NULL, results[i]);
    shim.current = &outside.task;
    on_sys_exit(NULL, -1);
    assert_int_equal(stats->calls, 6);
    assert_int_equal(stats->errors, 2);
}

static void test_lifecycle(void **state)
{
    (void)state;
    unsigned slot = 0;
    const struct timeline *line = bpf_map_lookup_elem(&timelines, &slot);
    struct cgroup_key key = {300, HIERARCHY, 0};
    shim.now_ns = 5;
    on_mkdir(&fresh.cgroup);
    const struct newborn_entry *born = bpf_map_lookup_elem(&newborn, &key);
    assert_int_equal(born->created_ns, 5);
    assert_int_equal(born->populated, 0);
    on_populated(&fresh.cgroup, NULL, 1);
    assert_int_equal(born->populated, 1);
    shim.now_ns = 7;
    on_populated(&a.cgroup, NULL, 1);
    assert_int_equal(line->empty_ns, 0);
    on_populated(&a.cgroup, NULL, 0);
    on_populated(&fresh.cgroup, NULL, 0);
    shim.now_ns = 9;
    on_rmdir(&a.cgroup);
    assert_int_equal(line->empty_ns, 7);
    assert_int_equal(line->removed_ns, 9);
    fresh.root.hierarchy_id = HIERARCHY + 1;
    key.hierarchy++;
    on_mkdir(&fresh.cgroup);
    assert_null(bpf_map_lookup_elem(&newborn, &key));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_signals),
        TEST(test_syscalls),
        TEST(test_lifecycle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
