/* SPDX-License-Identifier: Apache-2.0 */
/* block.bpf.c in user space. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/block.bpf.c"
#include "bpf/tests/probe_world.h"

static struct world_cgroup root_cgroup, a, b;
static struct world_task task_a, worker;
static struct blkcg controller;
static struct blkcg_gq group;
static struct bio bio;
static struct request request;

static int setup(void **state)
{
    (void)state;
    world_reset();
    shim_map_reset(&block);
    shim_map_reset(&requests);
    world_cgroup_init(&root_cgroup, 1, NULL);
    world_cgroup_init(&a, 100, &root_cgroup);
    world_cgroup_init(&b, 200, &root_cgroup);
    world_task_init(&task_a, 2, &a);
    world_task_init(&worker, 3, &root_cgroup);
    worker.task.flags = KERNEL_PF_KTHREAD;
    world_publish(&a, 0, STATS_SLOT_NONE);
    world_publish(&b, 1, STATS_SLOT_NONE);
    controller.css.cgroup = &root_cgroup.cgroup;
    group.blkcg = &controller;
    bio.bi_blkg = &group;
    request = (struct request){.cmd_flags = OPERATION_WRITE, .__data_len = 8192, .bio = &bio};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    shim_map_free(&block);
    shim_map_free(&requests);
    return 0;
}

static struct block_stats *of(unsigned slot)
{
    return bpf_map_lookup_elem(&block, &slot);
}

/* Writeback: a kernel thread issues what a container has written. */
static void test_charged_cgroup(void **state)
{
    (void)state;
    controller.css.cgroup = &b.cgroup;
    shim.current = &worker.task;
    shim.now_ns = 1000;
    on_issue(&request);
    shim.now_ns = 6000;
    on_complete(&request, 0, 8192);
    assert_int_equal(of(1)->write_bytes, 8192);
    assert_int_equal(of(1)->write_operations, 1);
    assert_int_equal(of(1)->latency_ns, 5000);
    assert_int_equal(of(1)->latency_buckets[bucket_of(5000)], 1);
    assert_int_equal(requests.used, 0);
}

static void test_issuer(void **state)
{
    (void)state;
    shim.current = &task_a.task;
    request.cmd_flags = OPERATION_READ | 0x8000;
    on_issue(&request);
    on_complete(&request, 0, 8192);
    assert_int_equal(of(0)->read_bytes, 8192);
    assert_int_equal(of(0)->read_operations, 1);
    /* Nobody's: a kernel thread for the root cgroup. */
    shim.current = &worker.task;
    on_issue(&request);
    on_complete(&request, 0, 8192);
    assert_int_equal(of(0)->read_bytes, 8192);
}

/* A container that has a cgroup for it issues what others queued: not its own. */
static void test_issuer_with_cgroup(void **state)
{
    (void)state;
    unsigned slot = 0;
    ((struct gauge *)bpf_map_lookup_elem(&gauges, &slot))->block_cgroup = 1;
    shim.current = &task_a.task;
    on_issue(&request);
    on_complete(&request, 0, 8192);
    assert_int_equal(of(0)->write_operations, 0);
    assert_int_equal(of(0)->latency_buckets[0], 0);
}

static void test_parts(void **state)
{
    (void)state;
    shim.current = &task_a.task;
    on_issue(&request);
    on_complete(&request, 0, 4096);
    assert_int_equal(of(0)->write_operations, 0);
    request.__data_len = 4096;
    on_complete(&request, 0, 4096);
    assert_int_equal(of(0)->write_bytes, 8192);
    assert_int_equal(of(0)->write_operations, 1);
}

static void test_flush(void **state)
{
    (void)state;
    shim.current = &task_a.task;
    request = (struct request){.cmd_flags = 2};
    on_issue(&request);
    on_complete(&request, 0, 0);
    assert_int_equal(of(0)->other_operations, 1);
    assert_int_equal(of(0)->latency_buckets[0], 1);
    assert_int_equal(of(0)->write_bytes, 0);
    on_complete(&request, 0, 0); /* not one of ours */
    assert_int_equal(of(0)->other_operations, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_charged_cgroup),
        TEST(test_issuer),
        TEST(test_issuer_with_cgroup),
        TEST(test_parts),
        TEST(test_flush),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
