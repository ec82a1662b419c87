/* SPDX-License-Identifier: Apache-2.0 */
/* cpu and cpuacct: shares and weight, quota, idle, real time, statistics. */
#include "cgroup_fixture.h"

static void start_v2(struct world *world, const char *profile)
{
    world_start(world, profile, CGROUP_LAYOUT_V2, NULL, "");
    assert_int_equal(put(world, "cgroup.subtree_control", "+cpu"), 0);
    assert_int_equal(make(world, "c"), 0);
}

static void test_weight(void **state)
{
    static const struct write_case cases[] = {
        {"c/cpu.weight", "1", 0, "1\n"},
        {"c/cpu.weight", "10000\n", 0, "10000\n"},
        {"c/cpu.weight", "10001", -ERANGE, "10000\n"},
        {"c/cpu.weight", "0", -ERANGE, "10000\n"},
        {"c/cpu.weight", " 33 ", -EINVAL, "10000\n"},
        {"c/cpu.weight", "0x64", 0, "100\n"},
        {"c/cpu.weight", "4567", 0, "4567\n"},
        {"c/cpu.weight.nice", "-20", 0, "-20\n"},
        {"c/cpu.weight.nice", "20", -ERANGE, "-20\n"},
        {"c/cpu.weight.nice", "x", -EINVAL, "-20\n"},
        {"c/cpu.weight.nice", "5", 0, "5\n"},
        {"c/cpu.idle", "2", -EINVAL, "0\n"},
        {"c/cpu.idle", "1", 0, "1\n"},
        {"c/cpu.weight", "50", -EINVAL, "1\n"},
        {"c/cpu.weight.nice", "1", -EINVAL, "19\n"},
        {"c/cpu.idle", "0", 0, "0\n"},
    };
    static const struct {
        const char *nice;
        const char *weight;
    } pairs[] = {{"-20", "8668\n"}, {"-1", "125\n"}, {"0", "100\n"}, {"5", "33\n"}, {"19", "1\n"}};
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    RUN_WRITES(&world, cases);
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        assert_int_equal(put(&world, "c/cpu.weight.nice", pairs[i].nice), 0);
        assert_string_equal(get(&world, "c/cpu.weight"), pairs[i].weight);
    }
    put(&world, "c/cpu.weight", "200");
    assert_string_equal(get(&world, "c/cpu.weight.nice"), "-3\n");
    world_stop(&world);
    start_v2(&world, "6.1");
    put(&world, "c/cpu.idle", "1");
    assert_string_equal(get(&world, "c/cpu.weight"), "0\n"); /* not clamped before 6.12 */
    world_stop(&world);
}

static void test_max(void **state)
{
    static const struct write_case cases[] = {
        {"c/cpu.max", "50000 200000", 0, "50000 200000\n"},
        {"c/cpu.max", "70000", 0, "70000 200000\n"}, /* the period stays */
        {"c/cpu.max", "max", 0, "max 200000\n"},
        {"c/cpu.max", "max 100000", 0, "max 100000\n"},
        {"c/cpu.max", "999", -EINVAL, "max 100000\n"},
        {"c/cpu.max", "-1", -EINVAL, "max 100000\n"},
        {"c/cpu.max", "0x1000 100000", -EINVAL, "max 100000\n"},
        {"c/cpu.max", "1000 1000001", -EINVAL, "max 100000\n"},
        {"c/cpu.max", "1000 999", -EINVAL, "max 100000\n"},
        {"c/cpu.max", "50000 x", 0, "50000 100000\n"},
        {"c/cpu.max", "60000.7 100000 9", 0, "60000 100000\n"},
        {"c/cpu.max", "", 0, "60000 100000\n"},
        {"c/cpu.max", " \n", -EINVAL, "60000 100000\n"},
        {"c/cpu.max", "17592186044415", 0, "17592186044415 100000\n"},
        {"c/cpu.max", "17592186044416", -EINVAL, "17592186044415 100000\n"},
        {"c/cpu.max", "50000", 0, "50000 100000\n"},
        {"c/cpu.max.burst", "50001", -EINVAL, "0\n"},
        {"c/cpu.max.burst", "50000", 0, "50000\n"},
        {"c/cpu.max", "40000", -EINVAL, "50000 100000\n"},
        {"c/cpu.max", "max", 0, "max 100000\n"},
        {"c/cpu.max.burst", "0", 0, "0\n"},
    };
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    RUN_WRITES(&world, cases);
    world_stop(&world);
}

static void test_uclamp(void **state)
{
    static const struct write_case cases[] = {
        {"c/cpu.uclamp.min", "50", 0, "50.00\n"},
        {"c/cpu.uclamp.min", "12.3", 0, "12.30\n"},
        {"c/cpu.uclamp.min", "12.345", 0, "12.35\n"},
        {"c/cpu.uclamp.min", "1.5x", 0, "1.50\n"},
        {"c/cpu.uclamp.min", "1.-5", -EINVAL, "1.50\n"},
        {"c/cpu.uclamp.max", "100", 0, "max\n"},
        {"c/cpu.uclamp.max", "100.01", -ERANGE, "max\n"},
        {"c/cpu.uclamp.max", "-1", -ERANGE, "max\n"},
        {"c/cpu.uclamp.max", "x", -EINVAL, "max\n"},
    };
    struct world world;
    (void)state;
    start_v2(&world, "6.18");
    RUN_WRITES(&world, cases);
    world_stop(&world);
    start_v2(&world, "6.12");
    assert_string_equal(get(&world, "c/cpu.uclamp.min"), "-2");
    world_stop(&world);
}

static void test_v1(void **state)
{
    static const struct write_case cases[] = {
        {"c/cpu.shares", "1", 0, "2\n"},
        {"c/cpu.shares", "262145", 0, "262144\n"},
        {"c/cpu.shares", "-1", -EINVAL, "262144\n"},
        {"c/cpu.shares", "99999999999999999999", -ERANGE, "262144\n"},
        {"cpu.shares", "512", -EINVAL, "1024\n"},
        {"c/cpu.cfs_quota_us", "50000", 0, "50000\n"},
        {"c/cpu.cfs_quota_us", "999", -EINVAL, "50000\n"},
        {"c/d/cpu.cfs_quota_us", "60000", -EINVAL, "-1\n"}, /* more than the parent's */
        {"c/d/cpu.cfs_quota_us", "50000", 0, "50000\n"},
        {"c/cpu.cfs_quota_us", "40000", -EINVAL, "50000\n"}, /* less than the child's */
        {"c/cpu.cfs_period_us", "200000", -EINVAL, "100000\n"},
        {"c/d/cpu.cfs_period_us", "200000", 0, "200000\n"},
        {"c/cpu.cfs_quota_us", "-5", 0, "-1\n"},
        {"c/cpu.cfs_burst_us", "1000", 0, "1000\n"},
        {"c/cpu.rt_runtime_us", "1000", 0, "1000\n"}, /* the root has some */
        {"c/d/cpu.rt_runtime_us", "1001", -EINVAL, "0\n"},
        {"c/d/cpu.rt_runtime_us", "-1", -EINVAL, "0\n"},
        {"c/d/cpu.rt_period_us", "0", -EINVAL, "1000000\n"},
        {"c/cpu.idle", "1", 0, "1\n"},
        {"c/cpu.shares", "100", -EINVAL, "3\n"},
        {"c/cpu.idle", "0", 0, "0\n"},
        {"c/cpu.stat", "0", -EINVAL, NULL},
    };
    struct world world;
    (void)state;
    world_start(&world, "6.18", CGROUP_LAYOUT_V1, "rt-group", "cpu");
    make(&world, "c");
    make(&world, "c/d");
    RUN_WRITES(&world, cases);
    world_stop(&world);
}

static void idle(struct task *task)
{
    (void)task;
}

static void test_cpuacct(void **state)
{
    struct world world;
    (void)state;
    world_start(&world, "6.12", CGROUP_LAYOUT_V1, NULL, "cpuacct");
    assert_string_equal(cgroup_root_name(world.root), "cpu,cpuacct");
    make(&world, "c");
    make(&world, "c/d");
    struct process *process = spawn(&world);
    move(&world, "c/d/tasks", process);
    task_demand(process->leader, 80 * NS_PER_MS, 0.25, idle);
    sim_loop_advance(world.loop, NS_PER_SEC);
    assert_string_equal(get(&world, "c/d/cpuacct.usage"), "80000000\n");
    assert_string_equal(get(&world, "c/cpuacct.usage_user"), "60000000\n");
    assert_string_equal(get(&world, "c/cpuacct.stat"), "user 6\nsystem 2\n");
    assert_string_equal(get(&world, "c/cpuacct.usage_percpu"), "40000000 40000000 \n");
    assert_int_equal(put(&world, "c/cpuacct.usage", "1"), -EINVAL);
    assert_int_equal(put(&world, "c/cpuacct.usage", "0"), 0);
    assert_string_equal(get(&world, "c/cpuacct.usage"), "0\n");
    assert_string_equal(get(&world, "c/d/cpuacct.usage"), "80000000\n");
    world_stop(&world);
}

static void test_throttling(void **state)
{
    struct world world;
    (void)state;
    start_v2(&world, "6.12");
    put(&world, "c/cpu.max", "10000 100000");
    struct process *process = spawn(&world);
    move(&world, "c/cgroup.procs", process);
    task_demand(process->leader, UINT64_MAX, 0, idle);
    sim_loop_advance(world.loop, NS_PER_SEC);
    assert_string_equal(get(&world, "c/cpu.stat"),
        "usage_usec 100000\nuser_usec 100000\nsystem_usec 0\nnice_usec 0\nnr_periods 10\n"
        "nr_throttled 10\nthrottled_usec 900000\nnr_bursts 0\nburst_usec 0\n");
    world_stop(&world);
}

static void demand_over(struct task *task)
{
    (void)task;
}

/* Waiting for a CPU is pressure: for a quota in full, for others in part. */
static void test_pressure(void **state)
{
    static const struct {
        const char *max;
        unsigned tasks; /* on 2 CPUs */
        const char *totals[2];
    } cases[] = {
        {"max 100000", 2, {"total=0\nfull", "total=0\n"}},
        {"max 100000", 3, {"total=1000000\nfull", "total=0\n"}},
        {"50000 100000", 1, {"total=500000\nfull", "total=500000\n"}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world;
        start_v2(&world, "6.12");
        put(&world, "c/cpu.max", cases[i].max);
        for (unsigned task = 0; task < cases[i].tasks; task++) {
            struct process *process = spawn(&world);
            move(&world, "c/cgroup.procs", process);
            task_demand(process->leader, UINT64_MAX, 0, demand_over);
        }
        sim_loop_advance(world.loop, NS_PER_SEC);
        const char *text = get(&world, "c/cpu.pressure");
        const char *full = strstr(text, "full");
        if (!strstr(text, cases[i].totals[0]) || !strstr(full, cases[i].totals[1]))
            fail_msg("%zu: %s", i, text);
        world_stop(&world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weight),
        cmocka_unit_test(test_max),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_uclamp),
        cmocka_unit_test(test_v1),
        cmocka_unit_test(test_cpuacct),
        cmocka_unit_test(test_throttling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
