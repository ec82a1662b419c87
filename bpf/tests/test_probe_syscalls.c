/* SPDX-License-Identifier: Apache-2.0 */
/* syscalls.bpf.c in user space: whose a system call is, and what an error is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>

#include "bpf/syscalls.bpf.c"
#include "bpf/tests/probe_world.h"

static int setup(void **state)
{
    *state = world_pair_start();
    shim_map_reset(&syscall);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free();
    shim_map_free(&syscall);
    return 0;
}

static struct syscall_stats *of(unsigned slot)
{
    return bpf_map_lookup_elem(&syscall, &slot);
}

static void returns(struct world_task *task, long result)
{
    shim.current = &task->task;
    on_sys_exit(NULL, result);
}

/* Addresses from mmap look negative, and are beyond what errors are. */
static void test_results(void **state)
{
    static const struct {
        long result;
        unsigned errors;
    } cases[] = {{0, 0}, {7, 0}, {-1, 1}, {-EBADF, 1}, {-4095, 1}, {-4096, 0}, {LONG_MIN, 0},
        {LONG_MAX, 0}};
    struct world_pair *w = *state;
    unsigned errors = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        returns(&w->one, cases[i].result);
        errors += cases[i].errors;
        assert_int_equal(of(0)->calls, i + 1);
        assert_int_equal(of(0)->errors, errors);
    }
    assert_int_equal(of(1)->calls, 0);
}

/* That of the container around who has none of its own; and nobody's. */
static void test_whose(void **state)
{
    struct world_pair *w = *state;
    returns(&w->two, -ENOENT);
    returns(&w->deep, 0);
    returns(&w->outside, -ENOENT);
    assert_int_equal(of(0)->calls, 1);
    assert_int_equal(of(0)->errors, 0);
    assert_int_equal(of(1)->calls, 1);
    assert_int_equal(of(1)->errors, 1);
    for (unsigned slot = 2; slot < SHIM_SLOTS; slot++)
        assert_int_equal(of(slot)->calls, 0);
}

/* Each CPU counts for itself. */
static void test_cpus_apart(void **state)
{
    struct world_pair *w = *state;
    returns(&w->one, 0);
    shim.cpu = 1;
    returns(&w->one, -EINTR);
    assert_int_equal(of(0)->calls, 1);
    assert_int_equal(of(0)->errors, 1);
    shim.cpu = 0;
    assert_int_equal(of(0)->calls, 1);
    assert_int_equal(of(0)->errors, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_results),
        TEST(test_whose),
        TEST(test_cpus_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
