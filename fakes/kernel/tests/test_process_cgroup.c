/* SPDX-License-Identifier: Apache-2.0 */
/* Where processes and cgroups meet: freezing, killing, starving, and cgroups of one's own. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fakes/kernel/tests/kernel_fixture.h"
#include "fakes/kernel/workload.h"

static int setup_v1(void **state)
{
    struct kernel_config config = {
        .layout = CGROUP_LAYOUT_V1, .cpus = 4, .profile = "6.1", .swap_bytes = 0};
    struct kernel *kernel = kernel_new(sim_loop_new(0), &config);
    assert_non_null(kernel);
    *state = kernel;
    return 0;
}

static void put(struct kernel *kernel, const char *controller, const char *path, const char *file,
    const char *data)
{
    assert_int_equal(cgroup_file_write(cgroup_root_find(kernel, controller), path, file, data,
                         strlen(data), &cgroup_caller_root),
        0);
}

static void make(struct kernel *kernel, const char *controller, const char *path)
{
    assert_int_equal(
        cgroup_mkdir(cgroup_root_find(kernel, controller), path, 0755, &cgroup_caller_root), 0);
}

static void move(
    struct kernel *kernel, const char *controller, const char *path, const struct process *process)
{
    _cleanup_free_ char *pid = str_printf("%d", process->pid);
    put(kernel, controller, path, "cgroup.procs", pid);
}

static struct process *play(struct kernel *kernel, struct process *parent, const char *words)
{
    _cleanup_strv_ char **argv = strv_split(words, " ");
    struct workload_start start = {
        .argv = argv, .stdout_path = "/stdout", .stderr_path = "/stderr"};
    struct process *process = fork_of(kernel, parent);
    assert_int_equal(workload_start(process, &start), 0);
    return process;
}

static void finish(struct kernel *kernel)
{
    while (loop_step(kernel->loop))
        ;
}

static void a_v1_freezer_keeps_sigkill_waiting(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = fork_of(kernel, fork_of(kernel, NULL));
    make(kernel, "freezer", "a");
    move(kernel, "freezer", "a", process);
    put(kernel, "freezer", "a", "freezer.state", "FROZEN");
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_true(process->leader->frozen);
    process_signal(process, SIGKILL);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_int_equal(process->state, PROCESS_RUNNING);
    put(kernel, "freezer", "a", "freezer.state", "THAWED");
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_int_equal(process->state, PROCESS_ZOMBIE);
    assert_int_equal(process->exit_status, SIGKILL);
}

static void a_frozen_member_keeps_its_init_dying(void **state)
{
    struct kernel *kernel = *state;
    struct process *init = fork_init(kernel, fork_of(kernel, NULL));
    struct process *member = fork_of(kernel, init);
    make(kernel, "freezer", "a");
    move(kernel, "freezer", "a", member);
    put(kernel, "freezer", "a", "freezer.state", "FROZEN");
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    process_signal(init, SIGKILL);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_int_equal(init->state, PROCESS_RUNNING);
    assert_true(init->ending);
    put(kernel, "freezer", "a", "freezer.state", "THAWED");
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_int_equal(init->state, PROCESS_ZOMBIE);
    assert_int_equal(init->exit_status, SIGKILL);
}

static void without_an_oom_killer_it_starves(void **state)
{
    struct kernel *kernel = *state;
    make(kernel, "memory", "a");
    put(kernel, "memory", "a", "memory.limit_in_bytes", "33554432");
    put(kernel, "memory", "a", "memory.oom_control", "1");
    struct process *process =
        play(kernel, fork_of(kernel, NULL), "seatrial-workload alloc:16MiB alloc:64MiB exit:3");
    move(kernel, "memory", "a", process);
    sim_loop_advance(kernel->loop, 10 * NS_PER_SEC);
    assert_int_equal(process->state, PROCESS_RUNNING);
    assert_int_equal(process->resident_bytes, 16 << 20);
    put(kernel, "memory", "a", "memory.limit_in_bytes", "134217728");
    sim_loop_advance(kernel->loop, 10 * NS_PER_SEC);
    assert_int_equal(process->state, PROCESS_ZOMBIE);
    assert_int_equal(process->exit_status, 3 << 8);
}

static void a_starving_one_can_be_killed(void **state)
{
    struct kernel *kernel = *state;
    make(kernel, "memory", "a");
    put(kernel, "memory", "a", "memory.limit_in_bytes", "33554432");
    put(kernel, "memory", "a", "memory.oom_control", "1");
    struct process *process =
        play(kernel, fork_of(kernel, NULL), "seatrial-workload alloc:64MiB exit:3");
    move(kernel, "memory", "a", process);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    process_signal(process, SIGKILL);
    assert_int_equal(process->exit_status, SIGKILL);
    put(kernel, "memory", "a", "memory.limit_in_bytes", "134217728");
    finish(kernel);
}

static void cgroups_of_ones_own_in_each_v1_hierarchy(void **state)
{
    static const char *const controllers[] = {"memory", "cpuset", "freezer"};
    struct kernel *kernel = *state;
    struct process *process =
        play(kernel, fork_of(kernel, NULL), "seatrial-workload mkcgroup:job sleep:forever");
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
        make(kernel, controllers[i], "a");
    put(kernel, "cpuset", "a", "cpuset.cpus", "0-1");
    put(kernel, "cpuset", "a", "cpuset.mems", "0");
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
        move(kernel, controllers[i], "a", process);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    const char *errors = "";
    vfs_read(kernel->vfs, "/stderr", &errors, NULL);
    assert_string_equal(errors, "");
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
        struct cgroup_root *root = cgroup_root_find(kernel, controllers[i]);
        _cleanup_free_ char *path =
            cgroup_path_of(process->leader->cgroups[cgroup_root_index(root)]);
        assert_string_equal(path, "a/job");
    }
    struct cgroup_root *pids = cgroup_root_find(kernel, "pids");
    assert_null(cgroup_lookup(pids, "job")); /* it is in the root there */
}

static void a_v2_freezer_lets_sigkill_through(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = play(kernel, fork_of(kernel, NULL), "seatrial-workload burn:1s");
    cgroup_make(kernel, "a");
    move(kernel, "", "a", process);
    sim_loop_advance(kernel->loop, NS_PER_SEC / 2);
    cgroup_put(kernel, "a", "cgroup.freeze", "1");
    sim_loop_advance(kernel->loop, 10 * NS_PER_SEC);
    assert_int_equal(process->state, PROCESS_RUNNING);
    process_signal(process, SIGQUIT);
    assert_int_equal(process->state, PROCESS_RUNNING);
    process_signal(process, SIGKILL);
    assert_int_equal(process->exit_status, SIGKILL);
}

static void a_v2_kill_takes_trees_with_inits_and_zombies(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "a/b");
    cgroup_put(kernel, "a", "cgroup.subtree_control", "-cpu -memory -pids");
    for (int i = 0; i < 20; i++) {
        struct process *init = fork_init(kernel, NULL);
        move(kernel, "", i % 2 ? "a" : "a/b", init);
        process_exit(fork_of(kernel, init), 0); /* a zombie inside */
        struct process *inner = fork_init(kernel, fork_of(kernel, init));
        fork_of(kernel, inner);
    }
    cgroup_put(kernel, "a", "cgroup.kill", "1");
    finish(kernel);
    assert_ptr_equal(kernel->processes.next, kernel->processes.prev); /* init alone */
}

static void an_oom_kill_takes_the_biggest(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_put(kernel, "a", "memory.max", "67108864");
    struct process *parent = fork_of(kernel, NULL);
    struct process *big = play(kernel, parent, "seatrial-workload alloc:48MiB sleep:forever");
    struct process *small = play(kernel, parent, "seatrial-workload sleep:1s alloc:24MiB exit:5");
    move(kernel, "", "a", big);
    move(kernel, "", "a", small);
    finish(kernel);
    assert_int_equal(big->exit_status, SIGKILL);
    assert_int_equal(small->exit_status, 5 << 8);
    assert_int_equal(kernel->memory_used_bytes, 0);
}

int main(void)
{
#define V1(name) cmocka_unit_test_setup_teardown(name, setup_v1, kernel_teardown)
#define V2(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
    const struct CMUnitTest tests[] = {
        V1(a_v1_freezer_keeps_sigkill_waiting),
        V1(a_frozen_member_keeps_its_init_dying),
        V1(without_an_oom_killer_it_starves),
        V1(a_starving_one_can_be_killed),
        V1(cgroups_of_ones_own_in_each_v1_hierarchy),
        V2(a_v2_freezer_lets_sigkill_through),
        V2(a_v2_kill_takes_trees_with_inits_and_zombies),
        V2(an_oom_kill_takes_the_biggest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
