/* SPDX-License-Identifier: Apache-2.0 */
/* v1: the core, release agent, freezer, devices, cpuset, blkio, net_cls and net_prio. */
#include "cgroup_fixture.h"

#include <signal.h>

static void start(struct world *world, const char *controller)
{
    world_start(world, "6.1", CGROUP_LAYOUT_V1, "separate", controller);
    assert_int_equal(make(world, "a"), 0);
}

static void test_core(void **state)
{
    static const struct write_case cases[] = {
        {"a/notify_on_release", "5", 0, "1\n"},
        {"a/notify_on_release", "-1", -EINVAL, "1\n"},
        {"a/notify_on_release", "0", 0, "0\n"},
        {"a/cgroup.clone_children", "2", 0, "1\n"},
        {"a/tasks", "4194303", -ESRCH, ""},
        {"a/tasks", "99999999999", -EINVAL, ""},
        {"a/tasks", "1 2", -EINVAL, ""},
        {"release_agent", "/bin/agent\n", 0, "/bin/agent\n"},
        {"cgroup.sane_behavior", "1", -EINVAL, "0\n"},
        {"a/release_agent", "x", -ENOENT, NULL},
    };
    struct world world;
    (void)state;
    start(&world, "systemd");
    RUN_WRITES(&world, cases);
    make(&world, "a/b");
    assert_string_equal(get(&world, "a/b/cgroup.clone_children"), "1\n");
    struct process *process = spawn(&world);
    struct task *thread;
    process_thread(process, &thread);
    move(&world, "a/cgroup.procs", process);
    char text[64];
    snprintf(text, sizeof(text), "%d", thread->tid);
    assert_int_equal(put(&world, "a/b/tasks", text), 0);
    snprintf(text, sizeof(text), "%d\n", process->pid);
    assert_string_equal(get(&world, "a/cgroup.procs"), text);
    assert_string_equal(get(&world, "a/b/cgroup.procs"), text);
    const struct cgroup_caller stranger = {.uid = 1000, .gid = 1000};
    cgroup_chown_path(world.root, "a", "tasks", 1000, 1000);
    assert_int_equal(put_as(&world, "a/tasks", text, &stranger), -EACCES); /* not its process */
    process->uid = 1000;
    assert_int_equal(put_as(&world, "a/tasks", text, &stranger), 0);
    world_stop(&world);
}

static void test_release_agent(void **state)
{
    struct world world;
    (void)state;
    start(&world, "systemd");
    put(&world, "release_agent", "/agent");
    put(&world, "a/notify_on_release", "1");
    make(&world, "a/b");
    struct process *process = spawn(&world);
    move(&world, "a/b/tasks", process);
    process_signal(process, SIGKILL);
    assert_null(cgroup_released(world.root));
    settle(&world);
    char *const *released = cgroup_released(world.root);
    assert_string_equal(released[0], "/agent /a/b");
    assert_null(released[1]);
    drop(&world, "a/b"); /* the parent is free now, too */
    settle(&world);
    assert_string_equal(cgroup_released(world.root)[1], "/agent /a");
    world_stop(&world);
}

static void test_freezer(void **state)
{
    static const struct write_case cases[] = {
        {"a/freezer.state", "FROZEN", 0, "FROZEN\n"}, /* empty: at once */
        {"a/freezer.state", " THAWED\n", 0, "THAWED\n"},
        {"a/freezer.state", "FREEZING", -EINVAL, "THAWED\n"},
        {"a/freezer.state", "frozen", -EINVAL, "THAWED\n"},
        {"a/freezer.self_freezing", "1", -EINVAL, "0\n"},
        {"freezer.state", "FROZEN", -ENOENT, NULL},
    };
    struct world world;
    (void)state;
    start(&world, "freezer");
    RUN_WRITES(&world, cases);
    make(&world, "a/b");
    struct process *process = spawn(&world);
    move(&world, "a/b/tasks", process);
    put(&world, "a/freezer.state", "FROZEN");
    assert_string_equal(get(&world, "a/freezer.state"), "FREEZING\n");
    settle(&world);
    assert_string_equal(get(&world, "a/freezer.state"), "FROZEN\n");
    assert_string_equal(get(&world, "a/b/freezer.parent_freezing"), "1\n");
    put(&world, "a/b/freezer.state", "THAWED");
    assert_string_equal(get(&world, "a/b/freezer.state"), "FROZEN\n");
    process_signal(process, SIGKILL);
    assert_int_equal(process->state, PROCESS_RUNNING); /* not before the thaw */
    put(&world, "a/freezer.state", "THAWED");
    assert_int_equal(process->state, PROCESS_ZOMBIE);
    world_stop(&world);
}

static void test_devices(void **state)
{
    static const struct write_case cases[] = {
        {"a/devices.deny", "c 1:3 w", 0, NULL},
        {"a/devices.list", "", 0, "a *:* rwm\n"}, /* exceptions from allow are not shown */
        {"a/devices.deny", "a", 0, NULL},
        {"a/devices.allow", "c 1:3 r", 0, NULL},
        {"a/devices.allow", "c 1:3 w", 0, NULL},
        {"a/devices.allow", "c 5:* rw", 0, NULL},
        {"a/devices.list", "", 0, "c 1:3 rw\nc 5:* rw\n"},
        {"a/devices.deny", "c 5:1 rw", 0, NULL},
        {"a/devices.deny", "c 5:* w", 0, NULL},
        {"a/devices.list", "", 0, "c 1:3 rw\nc 5:* r\n"},
        {"a/devices.allow", "c 1:3", -EINVAL, NULL},
        {"a/devices.allow", "c  1:3 r", -EINVAL, NULL},
        {"a/devices.allow", "c 1:3 x", -EINVAL, NULL},
        {"a/devices.allow", "c 4294967296:1 r", -EINVAL, NULL},
        {"a/devices.allow", "x 1:3 r", -EINVAL, NULL},
    };
    struct world world;
    (void)state;
    start(&world, "devices");
    RUN_WRITES(&world, cases);
    make(&world, "a/b");
    assert_string_equal(get(&world, "a/b/devices.list"), "c 1:3 rw\nc 5:* r\n");
    assert_int_equal(put(&world, "a/b/devices.allow", "c 1:5 r"), -EPERM);
    assert_int_equal(put(&world, "a/devices.allow", "a"), -EINVAL); /* it has a child */
    put(&world, "a/devices.deny", "c 1:3 w");
    assert_string_equal(get(&world, "a/b/devices.list"), "c 1:3 r\nc 5:* r\n");
    struct process *process = spawn(&world);
    move(&world, "a/tasks", process);
    assert_int_equal(cgroup_device_check(process->leader, 'c', 1, 3, "r"), 0);
    assert_int_equal(cgroup_device_check(process->leader, 'c', 1, 3, "rw"), -EPERM);
    assert_int_equal(cgroup_device_check(process->leader, 'c', 5, 7, "r"), 0);
    assert_int_equal(cgroup_device_check(process->leader, 'b', 5, 7, "r"), -EPERM);
    drop(&world, "a/b");
    assert_int_equal(put(&world, "a/devices.allow", "a"), -EINVAL); /* not torn down yet */
    settle(&world);
    assert_int_equal(put(&world, "a/devices.allow", "a"), 0);
    world_stop(&world);
}

static void test_cpuset(void **state)
{
    static const struct write_case cases[] = {
        {"cpuset.cpus", "0", -EACCES, "0-1\n"},
        {"a/cpuset.cpus", "0-1", 0, "0-1\n"},
        {"a/cpuset.mems", "0", 0, "0\n"},
        {"a/b/cpuset.cpus", "0-1", 0, "0-1\n"},
        {"a/cpuset.cpus", "0", -EBUSY, "0-1\n"}, /* the child has more */
        {"a/b/cpuset.cpus", "0", 0, "0\n"},
        {"a/cpuset.cpus", "0", 0, "0\n"},
        {"a/b/cpuset.cpus", "1", -EACCES, "0\n"}, /* the parent has less */
        {"a/b/cpuset.cpu_exclusive", "1", -EACCES, "0\n"},
        {"a/cpuset.cpu_exclusive", "1", 0, "1\n"},
        {"a/b/cpuset.cpu_exclusive", "1", 0, "1\n"},
        {"a/cpuset.cpu_exclusive", "0", -EBUSY, "1\n"},
        {"a/c/cpuset.cpus", "0", -EINVAL, "\n"}, /* b has it alone */
        {"a/cpuset.memory_migrate", "7", 0, "1\n"},
        {"a/cpuset.sched_relax_domain_level", "-2", -EINVAL, "-1\n"},
        {"a/cpuset.memory_pressure", "1", -EINVAL, "0\n"},
        {"a/cgroup.clone_children", "1", 0, "1\n"},
    };
    struct world world;
    (void)state;
    start(&world, "cpuset");
    make(&world, "a/b");
    make(&world, "a/c");
    struct process *process = spawn(&world);
    assert_int_equal(move(&world, "a/tasks", process), -ENOSPC);
    RUN_WRITES(&world, cases);
    assert_int_equal(move(&world, "a/tasks", process), 0);
    assert_int_equal(put(&world, "a/cpuset.mems", "\n"), -ENOSPC);
    make(&world, "a/d");
    assert_string_equal(get(&world, "a/d/cpuset.cpus"), "0\n");
    world_stop(&world);
}

static void test_blkio(void **state)
{
    static const struct write_case cases[] = {
        {"a/blkio.throttle.read_bps_device", "8:0 1048576", 0, "8:0 1048576\n"},
        {"a/blkio.throttle.read_bps_device", "8:0 1M", 0, "8:0 1\n"},
        {"a/blkio.throttle.read_bps_device", "8:0 -1", -EINVAL, "8:0 1\n"},
        {"a/blkio.throttle.read_bps_device", "8:0", -EINVAL, "8:0 1\n"},
        {"a/blkio.throttle.read_bps_device", "9:9 1", -ENODEV, "8:0 1\n"},
        {"a/blkio.throttle.read_bps_device", "8:0 0", 0, ""},
        {"a/blkio.throttle.write_iops_device", "8:0 4294967296", 0, "8:0 0\n"},
        {"a/blkio.throttle.write_iops_device", "8:0 4294967295", 0, ""},
        {"a/blkio.reset_stats", "x", -EINVAL, NULL},
        {"a/blkio.reset_stats", "1", 0, NULL},
    };
    struct world world;
    (void)state;
    start(&world, "blkio");
    assert_string_equal(get(&world, "a/blkio.throttle.io_serviced"), "Total 0\n");
    cgroup_add_block_device(world.kernel, 8, 0);
    RUN_WRITES(&world, cases);
    assert_string_equal(get(&world, "a/blkio.throttle.io_serviced"),
        "8:0 Read 0\n8:0 Write 0\n8:0 Sync 0\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 0\nTotal 0\n");
    world_stop(&world);
}

static void test_net(void **state)
{
    static const struct write_case cls[] = {
        {"a/net_cls.classid", "0x100001", 0, "1048577\n"},
        {"a/net_cls.classid", "4294967296", 0, "0\n"},
        {"a/net_cls.classid", "x", -EINVAL, "0\n"},
        {"a/net_cls.classid", "7", 0, "7\n"},
    };
    static const struct write_case prio[] = {
        {"a/net_prio.ifpriomap", "lo 5", 0, "lo 5\neth0 0\n"},
        {"a/net_prio.ifpriomap", "eth0 3", 0, "lo 5\neth0 3\n"},
        {"a/net_prio.ifpriomap", "nosuch 5", -ENODEV, NULL},
        {"a/net_prio.ifpriomap", "lo", -EINVAL, NULL},
        {"a/net_prio.ifpriomap", "lo -1", -EINVAL, "lo 5\neth0 3\n"},
    };
    struct world world;
    (void)state;
    start(&world, "net_cls");
    RUN_WRITES(&world, cls);
    make(&world, "a/b");
    assert_string_equal(get(&world, "a/b/net_cls.classid"), "7\n");
    world_stop(&world);
    start(&world, "net_prio");
    cgroup_add_interface(world.kernel, "eth0");
    RUN_WRITES(&world, prio);
    make(&world, "a/b");
    assert_string_equal(get(&world, "a/b/net_prio.ifpriomap"), "lo 5\neth0 3\n");
    world_stop(&world);
}

static int rename_in(struct world *world, const char *from, const char *to)
{
    struct cgroup *top = cgroup_root_top(world->root);
    return cgroup_node_rename(top, from, top, to, 0, &cgroup_caller_root);
}

static void test_rename(void **state)
{
    struct world world;
    (void)state;
    start(&world, "systemd");
    make(&world, "b");
    make(&world, "a/c");
    assert_int_equal(rename_in(&world, "a", "b"), -EEXIST);
    assert_int_equal(rename_in(&world, "a", "a"), 0);
    assert_int_equal(rename_in(&world, "tasks", "t"), -ENOTDIR);
    assert_int_equal(rename_in(&world, "a", "x\ny"), -EINVAL);
    assert_int_equal(rename_in(&world, "nope", "x"), -ENOENT);
    assert_int_equal(rename_in(&world, "a", "x"), 0);
    assert_non_null(cgroup_lookup(world.root, "x/c"));
    assert_null(cgroup_lookup(world.root, "a"));
    struct cgroup *top = cgroup_root_top(world.root);
    assert_int_equal(cgroup_node_rename(top, "b", cgroup_lookup(world.root, "x"), "b", 0,
                         &cgroup_caller_root), -EIO);
    assert_int_equal(cgroup_node_rename(top, "x", cgroup_lookup(world.root, "x/c"), "b", 0,
                         &cgroup_caller_root), -EINVAL);
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_core),
        cmocka_unit_test(test_release_agent),
        cmocka_unit_test(test_freezer),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_cpuset),
        cmocka_unit_test(test_blkio),
        cmocka_unit_test(test_net),
        cmocka_unit_test(test_rename),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
