/* SPDX-License-Identifier: Apache-2.0 */
/* pids, cpuset, io, hugetlb, rdma, misc and psi of v2; which files which kernel has. */
#include "cgroup_fixture.h"

#include <fcntl.h>

#include "fakes/kernel/io.h"
#include "fakes/kernel/psi.h"

static void start_v2(struct world *world, const char *profile, const char *options)
{
    world_start(world, profile, CGROUP_LAYOUT_V2, options, "");
    cgroup_add_block_device(world->kernel, 8, 0);
    assert_int_equal(put(world, "cgroup.subtree_control",
                         "+cpuset +cpu +io +memory +hugetlb +pids +rdma +misc"), 0);
    make(world, "m");
}

static void test_pids(void **state)
{
    static const struct write_case cases[] = {
        {"m/pids.max", "0", 0, "0\n"},
        {"m/pids.max", "4194304", 0, "4194304\n"},
        {"m/pids.max", "4194305", -EINVAL, "4194304\n"},
        {"m/pids.max", "-1", -EINVAL, "4194304\n"},
        {"m/pids.max", "99999999999999999999", -ERANGE, "4194304\n"},
        {"m/pids.max", " 0x10 ", 0, "16\n"},
        {"m/pids.max", "max\n", 0, "max\n"},
        {"m/pids.current", "1", -EINVAL, "0\n"},
    };
    struct world world;
    struct process *child;
    struct task *thread;
    (void)state;
    start_v2(&world, "6.12", NULL);
    RUN_WRITES(&world, cases);
    put(&world, "m/cgroup.subtree_control", "+pids");
    make(&world, "m/p");
    put(&world, "m/pids.max", "2");
    struct process *process = spawn(&world);
    move(&world, "m/p/cgroup.procs", process);
    assert_int_equal(process_thread(process, &thread), 0);
    assert_int_equal(process_fork(world.kernel, process, 0, &child), -EAGAIN);
    assert_string_equal(get(&world, "m/pids.current"), "2\n");
    /* where the limit is, and above */
    assert_string_equal(get(&world, "m/p/pids.events"), "max 0\n");
    assert_string_equal(get(&world, "m/pids.events.local"), "max 1\n");
    assert_string_equal(get(&world, "m/p/pids.peak"), "3\n"); /* it was tried */
    process_signal(process, 9);
    assert_string_equal(get(&world, "m/pids.current"), "0\n"); /* init reaped it */
    world_stop(&world);
    start_v2(&world, "6.1", NULL);
    put(&world, "m/cgroup.subtree_control", "+pids");
    make(&world, "m/p");
    put(&world, "m/pids.max", "1");
    process = spawn(&world);
    move(&world, "m/p/cgroup.procs", process);
    assert_int_equal(process_fork(world.kernel, process, 0, &child), -EAGAIN);
    assert_string_equal(get(&world, "m/p/pids.events"), "max 1\n"); /* where it was tried */
    assert_string_equal(get(&world, "m/pids.events"), "max 0\n");
    assert_string_equal(get(&world, "m/pids.events.local"), "-2");
    world_stop(&world);
}

static void test_cpuset(void **state)
{
    static const struct write_case cases[] = {
        {"m/cpuset.cpus", "0-1", 0, "0-1\n"},
        {"m/cpuset.cpus", "0-1:1/2", 0, "0\n"},
        {"m/cpuset.cpus", "all", 0, "0-1\n"},
        {"m/cpuset.cpus", "0-N", 0, "0-1\n"},
        {"m/cpuset.cpus", "0,,1", 0, "0-1\n"},
        {"m/cpuset.cpus", "2", -ERANGE, "0-1\n"},
        {"m/cpuset.cpus", "1-0", -EINVAL, "0-1\n"},
        {"m/cpuset.cpus", "0-", -EINVAL, "0-1\n"},
        {"m/cpuset.mems", "1", -EINVAL, "\n"},
        {"m/cpuset.mems", "5000", -ERANGE, "\n"},
        {"m/cpuset.mems", "0", 0, "0\n"},
        {"m/cpuset.cpus", "1", 0, "1\n"},
        {"m/s/cpuset.cpus", "0", 0, "0\n"},
    };
    struct world world;
    (void)state;
    start_v2(&world, "6.12", NULL);
    put(&world, "m/cgroup.subtree_control", "+cpuset");
    make(&world, "m/s");
    RUN_WRITES(&world, cases);
    /* nothing of the parent's is left: all of it */
    assert_string_equal(get(&world, "m/s/cpuset.cpus.effective"), "1\n");
    struct process *process = spawn(&world);
    move(&world, "m/s/cgroup.procs", process);
    assert_int_equal(put(&world, "m/s/cpuset.cpus", "\n"), -ENOSPC);
    world_stop(&world);
}

static void test_partitions(void **state)
{
    static const struct write_case cases[] = {
        {"m/cpuset.cpus", "1", 0, "1\n"},
        {"m/s/cpuset.cpus", "1", 0, "1\n"},
        {"m/s/cpuset.cpus.partition", "root", 0,
            "root invalid (Invalid cpu list in cpuset.cpus.exclusive)\n"},
        {"m/s/cpuset.cpus.partition", "member", 0, "member\n"},
        {"m/s/cpuset.cpus.partition", "bogus", -EINVAL, "member\n"},
        {"m/cpuset.cpus.partition", "root", 0, "root\n"}, /* below the root it is possible */
    };
    struct world world;
    (void)state;
    start_v2(&world, "6.12", NULL);
    put(&world, "m/cgroup.subtree_control", "+cpuset");
    make(&world, "m/s");
    RUN_WRITES(&world, cases);
    assert_string_equal(get(&world, "cpuset.cpus.effective"), "0\n");
    assert_string_equal(get(&world, "m/cpuset.cpus.effective"), "1\n");
    put(&world, "m/cpuset.cpus.partition", "member");
    assert_string_equal(get(&world, "cpuset.cpus.effective"), "0-1\n");
    put(&world, "m/cpuset.cpus.exclusive", "1");
    assert_string_equal(get(&world, "m/cpuset.cpus.exclusive.effective"), "1\n");
    world_stop(&world);
    start_v2(&world, "6.1", NULL);
    put(&world, "m/cgroup.subtree_control", "+cpuset");
    make(&world, "m/s");
    put(&world, "m/s/cpuset.cpus", "1");
    put(&world, "m/s/cpuset.cpus.partition", "isolated");
    assert_string_equal(get(&world, "m/s/cpuset.cpus.partition"),
        "isolated invalid (Parent is not a partition root)\n");
    world_stop(&world);
}

static void test_io(void **state)
{
    static const struct write_case cases[] = {
        {"m/io.max", "8:0 rbps=1048576\n", 0, "8:0 rbps=1048576 wbps=max riops=max wiops=max\n"},
        {"m/io.max", "8:0 riops=100 wiops=200", 0,
            "8:0 rbps=1048576 wbps=max riops=100 wiops=200\n"},
        {"m/io.max", "8:0 rbps=0", -ERANGE, NULL},
        {"m/io.max", "8:0 rbps=-1", -EINVAL, NULL},
        {"m/io.max", "8:0 rbps=5 bogus=1", -EINVAL, NULL},
        {"m/io.max", "8:0 rbps", -EINVAL, NULL},
        {"m/io.max", "8:0 wbps=1M", -EINVAL, NULL},
        {"m/io.max", "8:0", -EINVAL, NULL}, /* no blank after the device */
        {"m/io.max", "8:0\n", 0, NULL},
        {"m/io.max", "9:9 rbps=1", -ENODEV, NULL},
        {"m/io.max", "x", -EINVAL, NULL},
        {"m/io.max", "8:0 riops=4294967296", 0,
            "8:0 rbps=1048576 wbps=max riops=max wiops=200\n"},
        {"m/io.max", "8:0 rbps=max wiops=max", 0, ""},
        {"m/io.weight", "default 300", 0, "default 300\n"},
        {"m/io.weight", "1", 0, "default 1\n"},
        {"m/io.weight", "10001", -EINVAL, "default 1\n"},
        {"m/io.weight", "8:0 200", -EOPNOTSUPP, "default 1\n"},
        {"io.cost.qos", "8:0 enable=1", 0,
            "8:0 enable=1 ctrl=auto rpct=0.00 rlat=25000 wpct=0.00 wlat=25000 min=1.00 "
            "max=10000.00\n"},
        {"m/io.weight", "8:0 200", 0, "default 1\n8:0 200\n"},
        {"m/io.weight", "8:0 default", 0, "default 1\n"},
    };
    struct world world;
    (void)state;
    start_v2(&world, "6.12", NULL);
    RUN_WRITES(&world, cases);
    struct process *process = spawn(&world);
    move(&world, "m/cgroup.procs", process);
    io_account(process->leader, 8, 0, 4096, 0);
    assert_string_equal(
        get(&world, "m/io.stat"), "8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n");
    world_stop(&world);
    start_v2(&world, "6.18", NULL);
    put(&world, "m/io.max", "8:0 wbps=1M");
    assert_string_equal(get(&world, "m/io.max"), "8:0 rbps=max wbps=1 riops=max wiops=max\n");
    world_stop(&world);
}

static void test_hugetlb_rdma_misc(void **state)
{
    static const struct write_case cases[] = {
        {"m/hugetlb.2MB.max", "2097153", 0, "2097152\n"},
        {"m/hugetlb.2MB.max", "1", 0, "0\n"},
        {"m/hugetlb.2MB.max", "-1", -EINVAL, "0\n"},
        {"m/hugetlb.1GB.max", "1500M", 0, "1073741824\n"},
        {"m/hugetlb.1GB.max", "max", 0, "max\n"},
        {"m/rdma.max", "mlx5_0 hca_handle=2", -ENODEV, ""},
        {"m/rdma.max", "mlx5_0 nope=2", -EINVAL, ""},
        {"m/misc.max", "sev 10", -EINVAL, ""},
    };
    struct world world;
    (void)state;
    start_v2(&world, "6.12", NULL);
    RUN_WRITES(&world, cases);
    assert_string_equal(get(&world, "m/hugetlb.2MB.rsvd.max"), "max\n");
    world_stop(&world);
    start_v2(&world, "6.18", NULL);
    assert_string_equal(get(&world, "m/hugetlb.2MB.max"), "9223372036854771712\n");
    world_stop(&world);
}

static int write_as(struct world *world, const char *data, bool capable)
{
    const struct cgroup_caller caller = {.resource_capability = capable};
    return put_as(world, "m/cpu.pressure", data, &caller);
}

static void test_pressure(void **state)
{
    static const struct write_case cases[] = {
        {"m/cpu.pressure", "some 150000 1000000", 0, NULL},
        {"m/cpu.pressure", "full 1 10000000", 0, NULL},
        {"m/cpu.pressure", "full 1 10000001", -EINVAL, NULL},
        {"m/cpu.pressure", "some 0 1000000", -EINVAL, NULL},
        {"m/cpu.pressure", "some 1000001 1000000", -EINVAL, NULL},
        {"m/cpu.pressure", "some 150000", -EINVAL, NULL},
        {"m/cpu.pressure", "most 150000 1000000", -EINVAL, NULL},
        {"m/cgroup.pressure", "2", -ERANGE, "1\n"},
    };
    struct world world;
    struct cgroup_node node;
    struct cgroup_open *open;
    (void)state;
    start_v2(&world, "6.12", NULL);
    RUN_WRITES(&world, cases);
    assert_int_equal(write_as(&world, "some 1 1000000", false), -EINVAL);
    assert_int_equal(write_as(&world, "some 1 2000000", false), 0);
    cgroup_node_find(world.root, "m", "cpu.pressure", &cgroup_caller_root, &node);
    cgroup_file_open(&node, O_RDWR, &cgroup_caller_root, &open);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT | POLLPRI | POLLERR);
    assert_int_equal(cgroup_open_write(open, "some 100 1000000", 16, &cgroup_caller_root), 16);
    assert_int_equal(
        cgroup_open_write(open, "some 100 1000000", 16, &cgroup_caller_root), -EBUSY);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT);
    psi_stall(node.cgroup, PSI_CPU, 99, 0);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT);
    psi_stall(node.cgroup, PSI_CPU, 1, 0);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT | POLLPRI);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT); /* once per event */
    assert_non_null(strstr(get(&world, "m/cpu.pressure"), "total=100\nfull"));
    put(&world, "m/cgroup.pressure", "0");
    assert_string_equal(get(&world, "m/cpu.pressure"), "-2");
    char byte;
    assert_int_equal(cgroup_open_pread(open, &byte, 1, 0), -ENODEV);
    cgroup_open_close(open);
    world_stop(&world);
    start_v2(&world, "6.1", NULL);
    assert_int_equal(write_as(&world, "some 1 499999", true), -EINVAL);
    world_stop(&world);
}

/* A stall of half a period, what the kernel's formula makes of it, and what later is left. */
static void test_pressure_averages(void **state)
{
    static const struct {
        uint64_t after_ms;
        const char *some;
    } cases[] = {
        {2003, "some avg10=0.00 avg60=0.00 avg300=0.00 total=1002000\n"},
        {1, "some avg10=9.05 avg60=1.63 avg300=0.34 total=1002000\n"},
        {2004, "some avg10=7.41 avg60=1.58 avg300=0.33 total=1002000\n"},
        {20040, "some avg10=1.00 avg60=1.13 avg300=0.31 total=1002000\n"},
        {1000000000, "some avg10=0.00 avg60=0.00 avg300=0.00 total=1002000\n"},
    };
    struct world world;
    struct cgroup_node node;
    (void)state;
    start_v2(&world, "6.12", NULL);
    cgroup_node_find(world.root, "m", "memory.pressure", &cgroup_caller_root, &node);
    psi_stall(node.cgroup, PSI_MEMORY, 1002000, 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        sim_loop_advance(world.loop, cases[i].after_ms * NS_PER_MS);
        const char *text = get(&world, "m/memory.pressure");
        if (strncmp(text, cases[i].some, strlen(cases[i].some)))
            fail_msg("%zu: %s", i, text);
        assert_non_null(strstr(text, "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"));
    }
    world_stop(&world);
}

static void test_profiles(void **state)
{
    static const struct {
        const char *file;
        const char *since; /* the first of these profiles that has it */
    } files[] = {{"m/pids.events.local", "6.12"}, {"m/cpu.stat.local", "6.12"},
        {"m/memory.swap.peak", "6.12"}, {"m/cpuset.cpus.exclusive", "6.12"},
        {"m/misc.peak", "6.12"}, {"m/cgroup.stat.local", "6.18"}, {"m/cpu.uclamp.min", "6.18"}};
    static const char *const profiles[] = {"6.1", "6.12", "6.18"};
    (void)state;
    for (size_t p = 0; p < ARRAY_SIZE(profiles); p++) {
        struct world world;
        start_v2(&world, profiles[p], NULL);
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
            size_t first = 0;
            while (strcmp(profiles[first], files[i].since))
                first++;
            bool there = strcmp(get(&world, files[i].file), "-2") != 0;
            if (there != (p >= first))
                fail_msg("%s on %s: %d", files[i].file, profiles[p], there);
        }
        world_stop(&world);
    }
    const struct kernel_config wrong = {.profile = "5.4", .layout = CGROUP_LAYOUT_V2};
    const struct kernel_config unknown = {.layout = CGROUP_LAYOUT_V2, .options = "bfq,nope"};
    struct loop *loop = sim_loop_new(0);
    assert_null(kernel_new(loop, &wrong));
    assert_null(kernel_new(loop, &unknown));
    loop_free(loop);
}

static void test_layouts(void **state)
{
    struct world world;
    (void)state;
    world_start(&world, "6.18", CGROUP_LAYOUT_HYBRID, "v2=hugetlb+perf_event", "");
    assert_string_equal(get(&world, "cgroup.controllers"), "hugetlb\n");
    assert_non_null(cgroup_root_find(world.kernel, "memory"));
    assert_null(cgroup_root_find(world.kernel, "hugetlb"));
    world_stop(&world);
    world_start(&world, "6.12", CGROUP_LAYOUT_V1, NULL, "net_prio");
    assert_string_equal(cgroup_root_name(world.root), "net_cls,net_prio");
    assert_string_equal(
        cgroup_root_name(cgroup_root_find(world.kernel, "name=systemd")), "systemd");
    assert_null(cgroup_root_find(world.kernel, ""));
    world_stop(&world);
    world_start(&world, "6.12", CGROUP_LAYOUT_V1, "separate,no-memory-v1", "cpuacct");
    assert_string_equal(cgroup_root_name(world.root), "cpuacct");
    assert_null(cgroup_root_find(world.kernel, "memory"));
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pids),
        cmocka_unit_test(test_cpuset),
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_io),
        cmocka_unit_test(test_hugetlb_rdma_misc),
        cmocka_unit_test(test_pressure),
        cmocka_unit_test(test_pressure_averages),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_layouts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
