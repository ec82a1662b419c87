/* SPDX-License-Identifier: Apache-2.0 */
/* Birth, death, orphans, sessions, pid namespaces, threads and memory. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fakes/kernel/tests/kernel_fixture.h"

static unsigned exits_told;
static int last_status;

static void note_exit(struct process *process, void *arg)
{
    exits_told++;
    last_status = process->exit_status;
    if (arg && !process->reaped)
        process_reap(process);
}

static void a_child_is_like_its_parent(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    process_setsid(parent);
    parent->uid = 7;
    parent->gid = 8;
    parent->ignored_signals = SIGNAL_BIT(SIGHUP);
    process_set_command(parent, "sh");
    struct process *child = fork_of(kernel, parent);
    assert_int_equal(child->pid, parent->pid + 1);
    assert_ptr_equal(child->parent, parent);
    assert_int_equal(child->pgid, parent->pid);
    assert_int_equal(child->sid, parent->pid);
    assert_int_equal(child->uid, 7);
    assert_int_equal(child->gid, 8);
    assert_true(child->ignored_signals == SIGNAL_BIT(SIGHUP));
    assert_string_equal(child->command, "sh");
    assert_int_equal(child->resident_bytes, 0);
    for (int kind = 0; kind < NS_COUNT; kind++)
        assert_ptr_equal(child->namespaces[kind], parent->namespaces[kind]);
    process_setpgid(child, 0);
    assert_int_equal(child->pgid, child->pid);
    process_setsid(child);
    assert_int_equal(child->sid, child->pid);
    assert_ptr_equal(process_find(kernel, child->pid), child);
    assert_null(process_find(kernel, 999));
}

static void a_zombie_waits_for_its_parent(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *child = fork_of(kernel, parent);
    pid_t pid = child->pid;
    child->on_exit = note_exit;
    exits_told = 0;
    process_exit(child, 3 << 8);
    assert_int_equal(child->state, PROCESS_ZOMBIE);
    assert_int_equal(exits_told, 0); /* never from inside */
    process_exit(child, 9);          /* dies only once */
    assert_true(loop_step(kernel->loop));
    assert_int_equal(exits_told, 1);
    assert_int_equal(last_status, 3 << 8);
    assert_ptr_equal(process_find(kernel, pid), child);
    process_reap(child);
    assert_null(process_find(kernel, pid));
    assert_false(loop_step(kernel->loop));
}

static void who_watches_may_reap(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *child = fork_of(kernel, parent);
    pid_t pid = child->pid;
    child->on_exit = note_exit;
    child->on_exit_arg = kernel;
    process_exit(child, 0);
    while (loop_step(kernel->loop))
        ;
    assert_null(process_find(kernel, pid));
}

static void init_reaps_orphans_and_watchers_still_see_them(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *live = fork_of(kernel, parent);
    struct process *zombie = fork_of(kernel, parent);
    pid_t zombie_pid = zombie->pid, live_pid = live->pid, parent_pid = parent->pid;
    live->on_exit = note_exit;
    exits_told = 0;
    process_exit(zombie, 0);
    assert_non_null(process_find(kernel, zombie_pid));
    process_exit(parent, 0);
    assert_null(process_find(kernel, parent_pid)); /* a child of init itself */
    assert_null(process_find(kernel, zombie_pid)); /* inherited as a zombie */
    assert_ptr_equal(live->parent, kernel->init);
    process_exit(live, 5 << 8);
    assert_null(process_find(kernel, live_pid));
    fork_of(kernel, NULL); /* frees what was reaped, but not what is still to be told */
    while (loop_step(kernel->loop))
        ;
    assert_int_equal(exits_told, 1);
    assert_int_equal(last_status, 5 << 8);
}

static void parents_that_ignore_sigchld_leave_no_zombies(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    parent->ignored_signals = SIGNAL_BIT(SIGCHLD);
    struct process *child = fork_of(kernel, parent);
    pid_t pid = child->pid;
    process_exit(child, 0);
    assert_null(process_find(kernel, pid));
}

static void the_nearest_subreaper_adopts(void **state)
{
    struct kernel *kernel = *state;
    struct process *far = fork_of(kernel, NULL);
    struct process *near = fork_of(kernel, far);
    struct process *middle = fork_of(kernel, near);
    struct process *orphan = fork_of(kernel, middle);
    far->subreaper = near->subreaper = true;
    process_exit(middle, 0);
    assert_ptr_equal(orphan->parent, near);
    process_exit(near, 0);
    assert_ptr_equal(orphan->parent, far);
    assert_ptr_equal(middle->parent, far); /* still a zombie: nobody reaped it */
}

static void pids_differ_by_namespace(void **state)
{
    struct kernel *kernel = *state;
    struct process *outer = fork_init(kernel, NULL);
    struct process *inner = fork_init(kernel, outer);
    struct process *leaf = fork_of(kernel, inner);
    struct namespace *root = kernel->init->namespaces[NS_PID];
    assert_int_equal(process_pid_in(leaf, root), leaf->pid);
    assert_int_equal(process_pid_in(leaf, outer->namespaces[NS_PID]), 3);
    assert_int_equal(process_pid_in(leaf, inner->namespaces[NS_PID]), 2);
    assert_int_equal(process_pid_in(outer, inner->namespaces[NS_PID]), 0);
    assert_int_equal(process_pid_in(kernel->init, inner->namespaces[NS_PID]), 0);
    assert_ptr_equal(process_find_in(kernel, outer->namespaces[NS_PID], 2), inner);
    assert_ptr_equal(process_find_in(kernel, inner->namespaces[NS_PID], 1), inner);
    assert_null(process_find_in(kernel, inner->namespaces[NS_PID], 3));
    assert_true(outer->namespaces[NS_PID]->inode != inner->namespaces[NS_PID]->inode);
}

static void orphans_go_to_the_init_of_their_namespace(void **state)
{
    struct kernel *kernel = *state;
    struct process *init = fork_init(kernel, NULL);
    struct process *middle = fork_of(kernel, init);
    struct process *orphan = fork_of(kernel, middle);
    process_exit(middle, 0);
    assert_ptr_equal(orphan->parent, init);
    process_exit(orphan, 0);
    assert_int_equal(orphan->state, PROCESS_ZOMBIE); /* a puppet does not reap */
    process_reap(orphan);
    process_reap(middle);
}

static void the_death_of_an_init_takes_all_inside(void **state)
{
    struct kernel *kernel = *state;
    struct process *init = fork_init(kernel, NULL);
    struct process *child = fork_of(kernel, init);
    struct process *inner = fork_init(kernel, child);
    struct process *leaf = fork_of(kernel, inner);
    struct process *outside = fork_of(kernel, NULL);
    /* one that entered: its parent is outside, its own children are inside */
    assert_int_equal(process_enter(outside, init, NS_BIT(NS_PID)), 0);
    struct process *entered = fork_of(kernel, outside);
    pid_t pids[] = {init->pid, child->pid, inner->pid, leaf->pid};
    leaf->on_exit = note_exit;
    exits_told = 0;
    assert_int_equal(entered->namespaces[NS_PID]->inode, init->namespaces[NS_PID]->inode);
    assert_int_equal(process_signal(init, SIGKILL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
        assert_null(process_find(kernel, pids[i]));
    assert_int_equal(entered->state, PROCESS_ZOMBIE); /* for its parent to reap */
    assert_int_equal(entered->exit_status, SIGKILL);
    assert_int_equal(outside->state, PROCESS_RUNNING);
    while (loop_step(kernel->loop))
        ;
    assert_int_equal(exits_told, 1);
    struct process *none;
    assert_int_equal(process_fork(kernel, outside, 0, &none), -ENOMEM);
}

static void an_init_waits_for_the_last_one_inside(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *init = fork_init(kernel, parent);
    struct process *stuck = fork_of(kernel, init);
    process_set_unkillable(stuck, true);
    init->on_exit = note_exit;
    exits_told = 0;
    process_exit(init, 7 << 8);
    while (loop_step(kernel->loop))
        ;
    assert_int_equal(init->state, PROCESS_RUNNING);
    assert_int_equal(exits_told, 0);
    process_set_unkillable(stuck, false);
    while (loop_step(kernel->loop))
        ;
    assert_int_equal(init->state, PROCESS_ZOMBIE);
    assert_int_equal(exits_told, 1);
    assert_int_equal(last_status, 7 << 8);
}

static void entering_keeps_to_descendants(void **state)
{
    struct kernel *kernel = *state;
    struct process *inside = fork_init(kernel, NULL);
    struct process *other = fork_init(kernel, NULL);
    struct process *agent = fork_of(kernel, NULL);
    assert_int_equal(process_enter(inside, other, NS_BIT(NS_PID)), -EINVAL);
    assert_int_equal(process_enter(inside, agent, NS_BIT(NS_PID)), -EINVAL);
    assert_int_equal(process_enter(agent, inside, NS_BIT(NS_PID) | NS_BIT(NS_MNT)), 0);
    struct process *child = fork_of(kernel, agent);
    assert_ptr_equal(child->namespaces[NS_PID], inside->namespaces[NS_PID]);
    assert_int_equal(process_pid_in(child, inside->namespaces[NS_PID]), 2);
    assert_ptr_equal(agent->namespaces[NS_PID], kernel->init->namespaces[NS_PID]);
    struct process *dead = fork_of(kernel, agent);
    process_exit(dead, 0);
    assert_int_equal(process_enter(agent, dead, NS_BIT(NS_MNT)), -ESRCH);
}

static void namespaces_nest_32_deep_at_most(void **state)
{
    struct kernel *kernel = *state;
    struct process *last = kernel->init;
    struct process *none;
    for (int depth = 1; depth < PID_NAMESPACE_DEPTH_MAX; depth++)
        last = fork_init(kernel, last);
    assert_int_equal(process_fork(kernel, last, NS_BIT(NS_PID), &none), -ENOSPC);
    assert_int_equal(process_signal(process_find(kernel, 2), SIGKILL), 0);
    assert_ptr_equal(kernel->processes.next, kernel->processes.prev); /* init alone */
}

static void threads_live_and_die_with_the_process(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *process = fork_of(kernel, parent);
    struct task *first, *second;
    assert_int_equal(process_thread(process, &first), 0);
    assert_int_equal(process_thread(process, &second), 0);
    pid_t tids[] = {first->tid, second->tid};
    assert_ptr_equal(task_find(kernel, tids[0]), first);
    assert_null(process_find(kernel, tids[0]));
    task_exit(first);
    assert_null(task_find(kernel, tids[0]));
    assert_int_equal(process->state, PROCESS_RUNNING);
    task_exit(process->leader);
    assert_int_equal(process->state, PROCESS_RUNNING);
    process_exit(process, 4 << 8);
    assert_null(task_find(kernel, tids[1]));
    assert_int_equal(process->state, PROCESS_ZOMBIE);
    process_reap(process);
    process = fork_of(kernel, parent);
    task_exit(process->leader); /* the only one */
    assert_int_equal(process->state, PROCESS_ZOMBIE);
}

static void forks_are_limited(void **state)
{
    struct kernel *kernel = *state;
    struct process *none;
    struct task *no_task;
    cgroup_make(kernel, "a");
    struct process *process = fork_in(kernel, "a");
    cgroup_put(kernel, "a", "pids.max", "3");
    fork_of(kernel, process);
    struct task *thread;
    assert_int_equal(process_thread(process, &thread), 0);
    assert_int_equal(process_fork(kernel, process, 0, &none), -EAGAIN);
    assert_int_equal(process_thread(process, &no_task), -EAGAIN);
    task_exit(thread);
    fork_of(kernel, process);
}

static void memory_is_counted(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = fork_of(kernel, NULL);
    assert_int_equal(process_allocate(process, 1 << 20), 0);
    assert_int_equal(process->resident_bytes, 1 << 20);
    assert_int_equal(kernel->memory_used_bytes, 1 << 20);
    process_release_memory(process, 4096);
    assert_int_equal(kernel->memory_used_bytes, (1 << 20) - 4096);
    process_exit(process, 0);
    assert_int_equal(kernel->memory_used_bytes, 0);
}

static void the_machine_runs_out_of_memory(void **state)
{
    struct kernel *kernel = *state;
    kernel->memory_bytes = 100 << 20;
    struct process *small = fork_of(kernel, NULL);
    struct process *protected = fork_of(kernel, NULL);
    struct process *big = fork_of(kernel, NULL);
    pid_t big_pid = big->pid;
    protected->oom_score_adj = -1000;
    assert_int_equal(process_allocate(protected, 50 << 20), 0);
    assert_int_equal(process_allocate(big, 30 << 20), 0);
    assert_int_equal(process_allocate(small, 10 << 20), 0);
    assert_int_equal(process_allocate(small, 15 << 20), 0); /* big makes room */
    assert_null(process_find(kernel, big_pid));
    assert_int_equal(kernel->memory_used_bytes, 75 << 20);
    assert_int_equal(process_allocate(small, 30 << 20), -EINTR); /* itself is the worst */
    assert_int_equal(kernel->memory_used_bytes, 50 << 20);
    assert_int_equal(process_allocate(protected, 60 << 20), -ENOMEM);
    assert_int_equal(kernel->memory_used_bytes, 50 << 20);
}

static void a_group_runs_out_of_memory(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    struct process *process = fork_in(kernel, "a");
    pid_t pid = process->pid;
    cgroup_put(kernel, "a", "memory.max", "10485760");
    assert_int_equal(process_allocate(process, 4 << 20), 0);
    assert_int_equal(process_allocate(process, 8 << 20), -EINTR);
    assert_null(process_find(kernel, pid));
    assert_int_equal(kernel->memory_used_bytes, 0);
}

static void pids_start_over_and_skip_those_in_use(void **state)
{
    struct kernel *kernel = *state;
    kernel->last_pid = 299;
    struct process *low = fork_of(kernel, NULL);
    assert_int_equal(low->pid, 300);
    kernel->last_pid = 4194303 - 1;
    assert_int_equal(fork_of(kernel, NULL)->pid, 4194303);
    assert_int_equal(fork_of(kernel, NULL)->pid, 301);
}

static void digests_tell_states_apart(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = fork_of(kernel, NULL);
    uint64_t first = kernel_digest(kernel, 1);
    assert_true(kernel_digest(kernel, 1) == first);
    process_signal(process, SIGSTOP);
    uint64_t stopped = kernel_digest(kernel, 1);
    assert_true(stopped != first);
    vfs_mkdir(kernel->vfs, "/x", 0755, false);
    assert_true(kernel_digest(kernel, 1) != stopped);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_child_is_like_its_parent),
        TEST(a_zombie_waits_for_its_parent),
        TEST(who_watches_may_reap),
        TEST(init_reaps_orphans_and_watchers_still_see_them),
        TEST(parents_that_ignore_sigchld_leave_no_zombies),
        TEST(the_nearest_subreaper_adopts),
        TEST(pids_differ_by_namespace),
        TEST(orphans_go_to_the_init_of_their_namespace),
        TEST(the_death_of_an_init_takes_all_inside),
        TEST(an_init_waits_for_the_last_one_inside),
        TEST(entering_keeps_to_descendants),
        TEST(namespaces_nest_32_deep_at_most),
        TEST(threads_live_and_die_with_the_process),
        TEST(forks_are_limited),
        TEST(memory_is_counted),
        TEST(the_machine_runs_out_of_memory),
        TEST(a_group_runs_out_of_memory),
        TEST(pids_start_over_and_skip_those_in_use),
        TEST(digests_tell_states_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
