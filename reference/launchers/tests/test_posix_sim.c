/* SPDX-License-Identifier: Apache-2.0 */
/* The posix launcher on a simulated machine (LA-08, LA-10, LA-12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/launchers/tests/sim_world.h"

static int open_sim(void **state)
{
    *state = mem_alloc(sizeof(struct sim));
    sim_open(*state, CGROUP_LAYOUT_V1, true);
    return 0;
}

static int close_sim(void **state)
{
    sim_close(*state);
    free(*state);
    return 0;
}

static void destroys_the_tree(void **state)
{
    static const struct {
        const char *workload;
        unsigned left;
    } cases[] = {
        {"sleep:1000s", 0},
        {"ignore:TERM sleep:1000s", 0},
        {"spawn:[sleep:1000s] spawn:[spawn:[sleep:1000s];sleep:1000s] sleep:1000s", 0},
        {"spawn:[setsid:;sleep:1000s] sleep:1000s", 0},
        {"daemon:[sleep:1000s] sleep:1000s", 0},
        {"daemon:[sleep:1000s] exit:0", 0},
        {"exit:0", 0},
        /* A session of its own, adopted by init: the known escape. */
        {"daemon:[setsid:;sleep:1000s] sleep:1000s", 1},
    };
    struct sim *sim = *state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        sim_start(sim, "c1", cases[i].workload);
        const struct sim_outcome outcome = sim_destroy(sim, "c1");
        assert_int_equal(outcome.result, 0);
        sim_pass(sim, NS_PER_SEC);
        if (sim_processes(sim) != cases[i].left)
            fail_msg("%s: %u processes left", cases[i].workload, sim_processes(sim));
        const struct sim_outcome again = sim_destroy(sim, "c1");
        assert_int_equal(again.result, 0);
    }
}

static void an_unkillable_process_times_out(void **state)
{
    struct sim *sim = *state;
    pid_t pid = sim_start(sim, "c1", "sleep:1000s");
    process_find(sim->kernel, pid)->unkillable = true;
    struct sim_outcome outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, -ETIMEDOUT);
    assert_string_equal(outcome.message, "destroy c1: 1 processes outlive SIGKILL");
    process_find(sim->kernel, pid)->unkillable = false;
    outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, 0);
    sim_pass(sim, NS_PER_SEC);
    assert_int_equal(sim_processes(sim), 0);
}

static void recovers(void **state)
{
    struct sim *sim = *state;
    pid_t pid = sim_start(sim, "c1", "spawn:[sleep:1000s] sleep:1000s");
    sim_restart(sim);
    const struct container_state states[] = {{.id = "c1", .pid = pid}, {.id = "c2", .pid = pid}};
    struct sim_outcome outcome = sim_recover(sim, states, 2);
    assert_int_equal(outcome.result, -EEXIST);
    sim_restart(sim);
    outcome = sim_recover(sim, states, 1);
    assert_int_equal(outcome.result, 0);
    assert_int_equal(strv_length(outcome.orphans), 0);
    strv_free(outcome.orphans);
    outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, 0);
    sim_pass(sim, NS_PER_SEC);
    assert_int_equal(sim_processes(sim), 0);
}

/* What fails once can be repeated; what is lost costs a scan. */
static void faults(void **state)
{
    struct sim *sim = *state;
    sim_start(sim, "c1", "sleep:1000s");
    sim_fault(sim, (struct fault_rule){
                       .kind = EFFECT_SIGNAL, .nth = 1, .verdict = {.action = EFFECT_LOSE}});
    struct sim_outcome outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, 0);
    sim_no_faults(sim);

    sim_start(sim, "c1", "sleep:1000s");
    sim_fault(
        sim, (struct fault_rule){.kind = EFFECT_EVENT, .verdict = {.action = EFFECT_LOSE}});
    outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, 0);
    assert_in_range(outcome.elapsed_ns, 0, NS_PER_SEC);
    sim_no_faults(sim);

    sim_start(sim, "c1", "sleep:1000s");
    sim_fault(sim, (struct fault_rule){.kind = EFFECT_SIGNAL,
                       .nth = 1,
                       .verdict = {.action = EFFECT_FAIL, .error = -EPERM}});
    outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, -EPERM);
    assert_non_null(strstr(outcome.message, "destroy c1: "));
    sim_no_faults(sim);
    outcome = sim_destroy(sim, "c1");
    assert_int_equal(outcome.result, 0);
    sim_pass(sim, NS_PER_SEC);
    assert_int_equal(sim_processes(sim), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_sim, close_sim)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(destroys_the_tree),
        TEST(an_unkillable_process_times_out),
        TEST(recovers),
        TEST(faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
