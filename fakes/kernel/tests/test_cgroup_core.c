/* SPDX-License-Identifier: Apache-2.0 */
/* The tree, delegation of controllers, migration, the freezer and kill of v2. */
#include "cgroup_fixture.h"

#include <signal.h>

static int setup(void **state)
{
    static struct world world;
    world_start(&world, "6.12", CGROUP_LAYOUT_V2, NULL, "");
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    world_stop(*state);
    return 0;
}

static void test_tree(void **state)
{
    struct world *world = *state;
    assert_int_equal(make(world, "a"), 0);
    assert_int_equal(make(world, "a"), -EEXIST);
    assert_int_equal(make(world, "a/b"), 0);
    assert_int_equal(make(world, "x/y"), -ENOENT);
    assert_int_equal(make(world, "a/cgroup.procs"), -EEXIST);
    assert_int_equal(make(world, "a/memory.max"), 0);
    assert_int_equal(make(world, "a/new\nline"), -EINVAL);
    assert_int_equal(make(world, "a/cgroup.procs/x"), -ENOTDIR);
    assert_int_equal(drop(world, "a"), -EBUSY);
    assert_int_equal(drop(world, "a/cgroup.procs"), -ENOTDIR);
    assert_int_equal(drop(world, "nope"), -ENOENT);
    assert_int_equal(drop(world, ""), -EBUSY);
    assert_int_equal(drop(world, "a/memory.max"), 0);
    char **names;
    assert_int_equal(make(world, "a/a2"), 0);
    assert_int_equal(cgroup_children(world->root, "a", &names), 0);
    assert_string_equal(names[0], "a2");
    assert_string_equal(names[1], "b");
    assert_null(names[2]);
    strv_free(names);
    _cleanup_free_ char *path = cgroup_path_of(cgroup_lookup(world->root, "a/b"));
    assert_string_equal(path, "a/b");
    assert_int_equal(drop(world, "a/b"), 0);
    assert_null(cgroup_lookup(world->root, "a/b"));
    settle(world);
    assert_string_equal(get(world, "a/cgroup.events"), "populated 0\nfrozen 0\n");
}

static void test_numbers(void **state)
{
    struct world *world = *state;
    static const struct write_case cases[] = {
        {"a/cgroup.max.depth", "max", 0, "max\n"},
        {"a/cgroup.max.depth", "0x10\n", 0, "16\n"},
        {"a/cgroup.max.depth", "\t3\n", 0, "3\n"},
        {"a/cgroup.max.depth", "+5\n", 0, "5\n"},
        {"a/cgroup.max.depth", "-1", -ERANGE, "5\n"},
        {"a/cgroup.max.depth", "1 2", -EINVAL, "5\n"},
        {"a/cgroup.max.depth", "", 0, "5\n"},
        {"a/cgroup.max.depth", "\n", -EINVAL, "5\n"},
        {"a/cgroup.max.depth", "2147483648", -ERANGE, "5\n"},
        {"a/cgroup.max.depth", "2147483647", 0, "max\n"},
        {"a/cgroup.freeze", "2", -ERANGE, "0\n"},
        {"a/cgroup.freeze", "x", -EINVAL, "0\n"},
        {"a/cgroup.kill", "0", -ERANGE, NULL},
        {"a/cgroup.controllers", "x", -EINVAL, ""},
        {"a/cgroup.type", "domain", -EINVAL, "domain\n"},
    };
    assert_int_equal(make(world, "a"), 0);
    RUN_WRITES(world, cases);
    assert_string_equal(get(world, "a/cgroup.kill"), "-22");
}

static void test_depth_and_descendants(void **state)
{
    struct world *world = *state;
    make(world, "a");
    put(world, "a/cgroup.max.depth", "1");
    assert_int_equal(make(world, "a/b"), 0);
    assert_int_equal(make(world, "a/b/c"), -EAGAIN);
    put(world, "a/cgroup.max.depth", "max");
    put(world, "a/cgroup.max.descendants", "1");
    assert_int_equal(make(world, "a/c"), -EAGAIN);
    assert_int_equal(make(world, "a/b"), -EEXIST);
    assert_int_equal(drop(world, "a/b"), 0);
    assert_int_equal(make(world, "a/c"), 0); /* the dying one does not count */
}

static void test_subtree_control(void **state)
{
    struct world *world = *state;
    static const struct write_case cases[] = {
        {"a/cgroup.subtree_control", "+pids", -ENOENT, ""},
        {"cgroup.subtree_control", "+pids +nope", -EINVAL, ""},
        {"cgroup.subtree_control", "pids", -EINVAL, ""},
        {"cgroup.subtree_control", "+pids,+cpu", -EINVAL, ""},
        {"cgroup.subtree_control", "+freezer", -EINVAL, ""},
        {"cgroup.subtree_control", "+perf_event", -ENOENT, ""},
        {"cgroup.subtree_control", " +io  +cpu ", 0, "cpu io\n"},
        {"cgroup.subtree_control", "+cpu -cpu", 0, "io\n"},
        {"cgroup.subtree_control", "-io +pids +memory", 0, "memory pids\n"},
        {"a/cgroup.controllers", "", 0, "memory pids\n"},
        {"a/cgroup.subtree_control", "+pids", 0, "pids\n"},
        {"cgroup.subtree_control", "-pids", -EBUSY, "memory pids\n"},
        {"a/cgroup.subtree_control", "-pids", 0, ""},
    };
    make(world, "a");
    RUN_WRITES(world, cases);
    assert_string_equal(get(world, "a/pids.max"), "max\n");
    put(world, "a/pids.max", "5");
    put(world, "cgroup.subtree_control", "-pids");
    assert_string_equal(get(world, "a/pids.max"), "-2");
    put(world, "cgroup.subtree_control", "+pids");
    assert_string_equal(get(world, "a/pids.max"), "max\n");
}

static void test_no_internal_processes(void **state)
{
    struct world *world = *state;
    make(world, "a");
    make(world, "a/b");
    put(world, "cgroup.subtree_control", "+memory +pids");
    struct process *process = spawn(world);
    assert_int_equal(move(world, "a/cgroup.procs", process), 0);
    assert_int_equal(put(world, "a/cgroup.subtree_control", "+memory"), -EBUSY);
    assert_int_equal(move(world, "a/b/cgroup.procs", process), 0);
    assert_int_equal(put(world, "a/cgroup.subtree_control", "+memory"), 0);
    assert_int_equal(move(world, "a/cgroup.procs", process), -EBUSY);
}

static void test_populated(void **state)
{
    struct world *world = *state;
    make(world, "a");
    make(world, "a/b");
    struct process *process = spawn(world);
    assert_int_equal(move(world, "a/b/cgroup.procs", process), 0);
    assert_string_equal(get(world, "a/cgroup.events"), "populated 1\nfrozen 0\n");
    assert_string_equal(get(world, "a/cgroup.procs"), "");
    assert_int_equal(drop(world, "a/b"), -EBUSY);
    process_signal(process, SIGKILL);
    assert_string_equal(get(world, "a/cgroup.events"), "populated 0\nfrozen 0\n");
    assert_int_equal(drop(world, "a/b"), 0);
}

static void count_call(void *arg, int result, uint64_t count)
{
    int *calls = arg;
    calls[0]++;
    calls[1] = result;
    assert_true(count > 0);
}

static void test_watch(void **state)
{
    struct world *world = *state;
    struct cgroup_notify *watch;
    int calls[2] = {0, 0};
    make(world, "a");
    assert_int_equal(cgroup_file_watch(
                         world->root, "a", "cgroup.events", count_call, calls, &watch), 0);
    struct process *process = spawn(world);
    move(world, "a/cgroup.procs", process);
    assert_int_equal(calls[0], 0);
    settle(world);
    assert_int_equal(calls[0], 1);
    process_signal(process, SIGKILL);
    settle(world);
    assert_int_equal(calls[0], 2);
    drop(world, "a");
    settle(world);
    assert_int_equal(calls[0], 3);
    assert_int_equal(calls[1], -ENODEV);
    cgroup_notify_stop(watch);
}

static void test_freeze(void **state)
{
    struct world *world = *state;
    make(world, "a");
    make(world, "a/b");
    struct process *process = spawn(world);
    move(world, "a/b/cgroup.procs", process);
    assert_int_equal(put(world, "a/cgroup.freeze", "1"), 0);
    assert_string_equal(get(world, "a/cgroup.events"), "populated 1\nfrozen 0\n");
    settle(world);
    assert_true(process->leader->frozen);
    assert_string_equal(get(world, "a/b/cgroup.events"), "populated 1\nfrozen 1\n");
    assert_string_equal(get(world, "a/b/cgroup.freeze"), "0\n");
    make(world, "a/late");
    assert_string_equal(get(world, "a/late/cgroup.events"), "populated 0\nfrozen 1\n");
    process_signal(process, SIGKILL);
    assert_string_equal(get(world, "a/cgroup.events"), "populated 0\nfrozen 1\n");
    assert_int_equal(put(world, "a/cgroup.freeze", "0"), 0);
    assert_string_equal(get(world, "a/b/cgroup.events"), "populated 0\nfrozen 0\n");
}

static void test_stuck_freezer(void **state)
{
    struct world *world = *state;
    make(world, "a");
    struct process *process = spawn(world);
    move(world, "a/cgroup.procs", process);
    cgroup_set_stuck_freezer(cgroup_lookup(world->root, "a"), true);
    put(world, "a/cgroup.freeze", "1");
    settle(world);
    assert_string_equal(get(world, "a/cgroup.events"), "populated 1\nfrozen 0\n");
    cgroup_set_stuck_freezer(cgroup_lookup(world->root, "a"), false);
    settle(world);
    assert_string_equal(get(world, "a/cgroup.events"), "populated 1\nfrozen 1\n");
}

static void test_kill(void **state)
{
    struct world *world = *state;
    make(world, "a");
    make(world, "a/b");
    struct process *parent = spawn(world), *child;
    move(world, "a/b/cgroup.procs", parent);
    assert_int_equal(process_fork(world->kernel, parent, 0, &child), 0);
    put(world, "a/cgroup.freeze", "1");
    settle(world);
    assert_int_equal(put(world, "a/cgroup.kill", "1"), 0);
    assert_int_equal(parent->state, PROCESS_ZOMBIE);
    assert_int_equal(child->state, PROCESS_ZOMBIE);
    assert_string_equal(get(world, "a/b/cgroup.procs"), "");
}

static void test_threaded(void **state)
{
    struct world *world = *state;
    make(world, "t");
    make(world, "t/x");
    assert_int_equal(put(world, "t/x/cgroup.type", " threaded \n"), 0);
    make(world, "t/y");
    assert_string_equal(get(world, "t/cgroup.type"), "domain threaded\n");
    assert_string_equal(get(world, "t/y/cgroup.type"), "domain invalid\n");
    struct process *process = spawn(world);
    struct task *thread;
    assert_int_equal(move(world, "t/y/cgroup.procs", process), -EOPNOTSUPP);
    assert_int_equal(move(world, "t/cgroup.procs", process), 0);
    assert_int_equal(process_thread(process, &thread), 0);
    char text[32];
    snprintf(text, sizeof(text), "%d", thread->tid);
    assert_int_equal(put(world, "t/x/cgroup.threads", text), 0);
    assert_string_equal(get(world, "t/x/cgroup.procs"), "-95");
    snprintf(text, sizeof(text), "%d\n", process->pid);
    assert_string_equal(get(world, "t/cgroup.procs"), text);
    assert_int_equal(put(world, "t/x/cgroup.kill", "1"), -EOPNOTSUPP);
    put(world, "cgroup.subtree_control", "+cpu +memory");
    assert_int_equal(put(world, "t/cgroup.subtree_control", "+memory"), -EOPNOTSUPP);
    assert_int_equal(put(world, "t/cgroup.subtree_control", "+cpu"), 0);
    assert_int_equal(put(world, "t/cgroup.subtree_control", "-cpu"), 0);
}

static void test_open_files(void **state)
{
    struct world *world = *state;
    struct cgroup_node node;
    struct cgroup_open *open;
    char buffer[64];
    make(world, "a");
    assert_int_equal(
        cgroup_node_find(world->root, "a", "cgroup.events", &cgroup_caller_root, &node), 0);
    assert_int_equal(cgroup_file_open(&node, 2 /* O_RDWR */, &cgroup_caller_root, &open), 0);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT | POLLPRI | POLLERR);
    assert_int_equal(cgroup_open_read(open, buffer, 3), 3);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT);
    struct process *process = spawn(world);
    move(world, "a/cgroup.procs", process);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT | POLLPRI | POLLERR);
    assert_int_equal(cgroup_open_read(open, buffer, 64), 18); /* goes on in the old content */
    assert_int_equal(cgroup_open_pread(open, buffer, 64, 0), 21);
    assert_memory_equal(buffer, "populated 1", 11);
    assert_int_equal(cgroup_open_write(open, "x", 1, &cgroup_caller_root), -EINVAL);
    process_signal(process, SIGKILL);
    drop(world, "a");
    settle(world);
    assert_int_equal(cgroup_open_pread(open, buffer, 64, 0), -ENODEV);
    assert_int_equal(cgroup_open_poll(open), POLLIN | POLLOUT | POLLPRI | POLLERR);
    cgroup_open_close(open);
}

static void test_rights(void **state)
{
    struct world *world = *state;
    const struct cgroup_caller user = {.uid = 1000, .gid = 1000};
    struct process *process = spawn(world);
    make(world, "d");
    make(world, "d/v");
    assert_int_equal(cgroup_mkdir(world->root, "d/u", 0755, &user), -EACCES);
    cgroup_chown_path(world->root, "d", NULL, 1000, 1000);
    assert_int_equal(cgroup_mkdir(world->root, "d/u", 0755, &user), 0);
    assert_int_equal(put_as(world, "d/u/cgroup.max.depth", "1", &user), 0);
    assert_int_equal(put_as(world, "d/cgroup.max.depth", "1", &user), -EACCES);
    char text[32];
    snprintf(text, sizeof(text), "%d", process->pid);
    assert_int_equal(put_as(world, "d/u/cgroup.procs", text, &user), -EACCES);
    assert_int_equal(put(world, "d/v/cgroup.procs", text), 0);
    assert_int_equal(put_as(world, "d/u/cgroup.procs", text, &user), -EACCES);
    cgroup_chown_path(world->root, "d", "cgroup.procs", 1000, 1000);
    assert_int_equal(put_as(world, "d/u/cgroup.procs", text, &user), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_depth_and_descendants, setup, teardown),
        cmocka_unit_test_setup_teardown(test_subtree_control, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_internal_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_populated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_freeze, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stuck_freezer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threaded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rights, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
