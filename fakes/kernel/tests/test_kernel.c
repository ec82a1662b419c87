/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel as a whole: configurations, and the same seed giving the same world step by step. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fakes/kernel/tests/kernel_fixture.h"
#include "fakes/kernel/workload.h"

#define STEPS_MAX 4000

static void unknown_profiles_are_refused(void **state)
{
    struct loop *loop = sim_loop_new(0);
    struct kernel_config config = {.profile = "2.4"};
    (void)state;
    assert_null(kernel_new(loop, &config));
    kernel_free(NULL);
    loop_free(loop);
}

static void every_layout_starts_and_ends(void **state)
{
    static const enum cgroup_layout layouts[] = {
        CGROUP_LAYOUT_V1, CGROUP_LAYOUT_V2, CGROUP_LAYOUT_HYBRID, CGROUP_LAYOUT_NONE};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        struct loop *loop = sim_loop_new(0);
        struct kernel_config config = {.layout = layouts[i]};
        struct kernel *kernel = kernel_new(loop, &config);
        assert_non_null(kernel);
        assert_int_equal(kernel->cpus, 4);
        assert_true(kernel->memory_bytes == UINT64_C(8) << 30);
        struct process *process = fork_of(kernel, NULL);
        char *argv[] = {(char *)"seatrial-workload", (char *)"alloc:1MiB", (char *)"burn:1s",
            (char *)"report:/r", (char *)"exit:3", NULL};
        struct workload_start start = {.argv = argv};
        assert_int_equal(workload_start(process, &start), 0);
        while (loop_step(loop))
            ;
        assert_int_equal(loop_now_ns(loop), NS_PER_SEC);
        const char *report;
        assert_int_equal(vfs_read(kernel->vfs, "/r", &report, NULL), 0);
        kernel_free(kernel);
        loop_free(loop);
    }
}

/* A world with some of everything; its digest after each step. */
static size_t play(uint64_t seed, uint64_t *digests)
{
    static const char *const programs[] = {
        "seatrial-workload spawn:[burn:30ms;exit:1] burn:20ms wait write:a=1",
        "seatrial-workload loop:5*[alloc:1MiB;sleep:10ms;append:log=x] die:TERM",
        "seatrial-workload handle:TERM=exit:3 daemon:[sleep:50ms;print:d] sleep:forever",
        "sleep 0.03",
        "sh -c",
    };
    struct loop *loop = sim_loop_new(seed);
    struct kernel_config config = {.layout = CGROUP_LAYOUT_V2, .cpus = 2, .seed = seed};
    struct kernel *kernel = kernel_new(loop, &config);
    struct process *processes[15];
    size_t steps = 0;
    cgroup_make(kernel, "a");
    cgroup_put(kernel, "a", "cpu.max", "70000 100000");
    for (size_t i = 0; i < ARRAY_SIZE(processes); i++) {
        _cleanup_strv_ char **argv = strv_split(programs[i % ARRAY_SIZE(programs)], " ");
        struct workload_start start = {.argv = argv, .stdout_path = "/out"};
        processes[i] = i % 3 ? fork_in(kernel, "a") : fork_of(kernel, NULL);
        processes[i]->on_exit = NULL;
        assert_int_equal(workload_start(processes[i], &start), 0);
    }
    for (; steps < STEPS_MAX && loop_step(loop); steps++)
        digests[steps] = kernel_digest(kernel, 7);
    kernel_free(kernel);
    loop_free(loop);
    return steps;
}

static void same_seed_same_world(void **state)
{
    static uint64_t first[STEPS_MAX], second[STEPS_MAX], other[STEPS_MAX];
    (void)state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        size_t steps = play(seed, first);
        assert_in_range(steps, 50, STEPS_MAX - 1);
        assert_int_equal(play(seed, second), steps);
        for (size_t i = 0; i < steps; i++)
            assert_true(first[i] == second[i]);
    }
    play(1, first);
    size_t steps = play(2, other);
    assert_memory_not_equal(first, other, steps * sizeof(first[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_profiles_are_refused),
        cmocka_unit_test(every_layout_starts_and_ends),
        cmocka_unit_test(same_seed_same_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
