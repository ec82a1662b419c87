/* SPDX-License-Identifier: Apache-2.0 */
/* The programs on plain tracepoints in user space: they know the running task's cgroup and the
 * event's own fields, and nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "bpf/memory_plain.bpf.c"
#include "bpf/process_plain.bpf.c"
#include "bpf/sched_plain.bpf.c"
#include "bpf/syscalls_plain.bpf.c"
#include "bpf/tests/probe_world.h"

static struct shim_map *const families[] = {&sched, &process, &timelines, &memory, &syscall};

/* Containers are known by the unified hierarchy there. */
static int setup(void **state)
{
    static struct world_pair *world;
    world = world_pair_start();
    config.identity_hierarchy = 0;
    world_publish(&world->a, 0, STATS_SLOT_NONE);
    world_publish(&world->b, 1, STATS_SLOT_NONE);
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        shim_map_reset(families[i]);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        shim_map_free(families[i]);
    return 0;
}

static void *of(struct shim_map *map, unsigned slot)
{
    return bpf_map_lookup_elem(map, &slot);
}

static void switch_at(unsigned long long now_ns, struct world_task *from, struct world_task *to,
    long long state)
{
    struct switch_event event = {
        .prev_pid = from->task.pid, .prev_state = state, .next_pid = to->task.pid};
    shim.now_ns = now_ns;
    shim.current = &from->task;
    on_switch(&event);
    shim.current = &to->task;
}

/* Time by the clock, from the switch before. A wait ends on the CPU, and is counted when the task
 * leaves it: then it is the one whose cgroup is known. */
static void test_switches(void **state)
{
    struct world_pair *w = *state;
    struct wakeup_event wakeup = {.pid = 2};
    switch_at(1000, &w->idle, &w->one, 0);
    shim.now_ns = 1500;
    on_wakeup(&wakeup);
    switch_at(4000, &w->one, &w->two, 0x100);
    switch_at(4700, &w->two, &w->one, 1);
    switch_at(9000, &w->one, &w->idle, 1);
    struct sched_stats *one = of(&sched, 0);
    struct sched_stats *two = of(&sched, 1);
    assert_int_equal(one->cpu_ns, 3000 + 4300);
    assert_int_equal(one->switches_involuntary, 1);
    assert_int_equal(one->switches_voluntary, 1);
    assert_int_equal(one->wait_ns, 700); /* it was preempted at 4000 */
    assert_int_equal(two->cpu_ns, 700);
    assert_int_equal(two->wait_ns, 2500);
    assert_int_equal(two->wait_buckets[bucket_of(2500)], 1);
    assert_int_equal(two->switches_voluntary, 1);
}

static void test_new_task(void **state)
{
    struct world_pair *w = *state;
    struct wakeup_event wakeup = {.pid = 1};
    shim.now_ns = 100;
    on_wakeup_new(&wakeup);
    switch_at(400, &w->idle, &w->one, 0);
    switch_at(500, &w->one, &w->idle, 1);
    assert_int_equal(((struct sched_stats *)of(&sched, 0))->wait_ns, 300);
}

static void test_nearest_published(void **state)
{
    struct world_pair *w = *state;
    switch_at(100, &w->idle, &w->deep, 0);
    switch_at(110, &w->deep, &w->outside, 1);
    switch_at(120, &w->outside, &w->deep, 1);
    assert_int_equal(((struct sched_stats *)of(&sched, 0))->cpu_ns, 10);
    world_publish(&w->inner, 2, 0);
    switch_at(127, &w->deep, &w->idle, 1);
    assert_int_equal(((struct sched_stats *)of(&sched, 2))->cpu_ns, 7);
    for (unsigned slot = 0; slot < SHIM_SLOTS; slot++)
        assert_int_equal(((struct sched_stats *)of(&sched, slot))->switches_involuntary, 0);
}

static void make(struct world_task *maker, unsigned long long flags)
{
    struct newtask_event event = {.clone_flags = flags};
    shim.current = &maker->task;
    on_fork(&event);
}

static void test_processes(void **state)
{
    struct world_pair *w = *state;
    struct process_stats *stats = of(&process, 0);
    struct gauge *gauge = of(&gauges, 0);
    make(&w->one, 0);
    make(&w->one, CLONE_THREAD_FLAG);
    make(&w->outside, 0);
    assert_int_equal(stats->forks, 1);
    assert_int_equal(stats->threads, 1);
    assert_int_equal(gauge->threads, 2);
    shim.current = &w->one.task;
    shim.now_ns = 50;
    on_exec(NULL);
    shim.now_ns = 90;
    on_exec(NULL);
    assert_int_equal(stats->execs, 2);
    assert_int_equal(((struct timeline *)of(&timelines, 0))->exec_ns, 50);
    w->one.task.tgid = 77; /* a thread that is not the first */
    on_end(NULL);
    assert_int_equal(stats->exits, 0);
    w->one.task.tgid = w->one.task.pid;
    on_end(NULL);
    shim.current = &w->outside.task;
    on_exec(NULL);
    on_end(NULL);
    assert_int_equal(stats->exits, 1);
    assert_int_equal(stats->execs, 2);
    assert_int_equal(gauge->threads, 0);
    assert_int_equal(gauge->threads_peak, 2);
}

static void test_memory(void **state)
{
    struct world_pair *w = *state;
    struct memory_stats *stats = of(&memory, 1);
    shim.current = &w->two.task;
    on_fault_user(NULL);
    on_fault_kernel(NULL);
    on_memcg_reclaimed(NULL); /* nothing has begun */
    shim.now_ns = 1000;
    on_memcg_reclaim(NULL);
    shim.now_ns = 1600;
    on_memcg_reclaimed(NULL);
    shim.current = &w->outside.task;
    on_fault_user(NULL);
    on_memcg_reclaim(NULL);
    on_memcg_reclaimed(NULL);
    assert_int_equal(stats->faults, 2);
    assert_int_equal(stats->reclaims, 1);
    assert_int_equal(stats->reclaim_ns, 600);
}

static void test_syscalls(void **state)
{
    struct world_pair *w = *state;
    static const long long results[] = {0, -EBADF, -ERRNO_MAX, -ERRNO_MAX - 1, 9};
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        struct exit_event event = {.result = results[i]};
        shim.current = &w->one.task;
        on_sys_exit(&event);
        shim.current = &w->outside.task;
        on_sys_exit(&event);
    }
    const struct syscall_stats *stats = of(&syscall, 0);
    assert_int_equal(stats->calls, 5);
    assert_int_equal(stats->errors, 2);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_switches),
        TEST(test_new_task),
        TEST(test_nearest_published),
        TEST(test_processes),
        TEST(test_memory),
        TEST(test_syscalls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
