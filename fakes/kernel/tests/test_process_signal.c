/* SPDX-License-Identifier: Apache-2.0 */
/* Signal semantics as one table, and what does not fit into it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fakes/kernel/tests/kernel_fixture.h"

static int handled[8];
static unsigned handled_count;
static unsigned resumed;

static void note_signal(struct process *process, int signal)
{
    (void)process;
    handled[handled_count++] = signal;
}

static void note_resumed(struct process *process)
{
    (void)process;
    resumed++;
}

static const struct process_behaviour noting = {
    .signal = note_signal,
    .runnable = note_resumed,
};

enum kind { PLAIN, NS_INIT, IGNORES, HANDLES, STOPPED, FROZEN, UNKILLABLE, KTHREAD };
enum sender { OUTSIDE, INSIDE };
enum outcome { RUNS, STOPS, DIES, HANDLED, PENDING };

static const struct {
    enum kind kind;
    enum sender sender;
    int signal;
    enum outcome outcome;
} rows[] = {
    {PLAIN, OUTSIDE, SIGTERM, DIES},
    {PLAIN, OUTSIDE, SIGINT, DIES},
    {PLAIN, OUTSIDE, SIGHUP, DIES},
    {PLAIN, OUTSIDE, SIGKILL, DIES},
    {PLAIN, OUTSIDE, SIGSEGV, DIES},
    {PLAIN, OUTSIDE, SIGUSR1, DIES},
    {PLAIN, OUTSIDE, SIGPIPE, DIES},
    {PLAIN, OUTSIDE, 40, DIES},
    {PLAIN, OUTSIDE, 64, DIES},
    {PLAIN, OUTSIDE, SIGCHLD, RUNS},
    {PLAIN, OUTSIDE, SIGURG, RUNS},
    {PLAIN, OUTSIDE, SIGWINCH, RUNS},
    {PLAIN, OUTSIDE, SIGCONT, RUNS},
    {PLAIN, OUTSIDE, 0, RUNS},
    {PLAIN, OUTSIDE, SIGSTOP, STOPS},
    {PLAIN, OUTSIDE, SIGTSTP, STOPS},
    {PLAIN, OUTSIDE, SIGTTIN, STOPS},
    {PLAIN, INSIDE, SIGTERM, DIES},
    {IGNORES, OUTSIDE, SIGTERM, RUNS},
    {IGNORES, OUTSIDE, SIGTSTP, RUNS},
    {IGNORES, OUTSIDE, SIGKILL, DIES},
    {IGNORES, OUTSIDE, SIGSTOP, STOPS},
    {HANDLES, OUTSIDE, SIGTERM, HANDLED},
    {HANDLES, OUTSIDE, SIGCHLD, HANDLED},
    {HANDLES, OUTSIDE, SIGTSTP, HANDLED},
    {HANDLES, OUTSIDE, SIGKILL, DIES},
    {HANDLES, OUTSIDE, SIGSTOP, STOPS},
    {HANDLES, OUTSIDE, SIGINT, HANDLED},
    /* pid 1 of a namespace */
    {NS_INIT, INSIDE, SIGKILL, RUNS},
    {NS_INIT, INSIDE, SIGTERM, RUNS},
    {NS_INIT, INSIDE, SIGSTOP, RUNS},
    {NS_INIT, OUTSIDE, SIGTERM, RUNS},
    {NS_INIT, OUTSIDE, SIGTSTP, RUNS},
    {NS_INIT, OUTSIDE, SIGKILL, DIES},
    {NS_INIT, OUTSIDE, SIGSTOP, STOPS},
    /* those that cannot look */
    {STOPPED, OUTSIDE, SIGTERM, PENDING},
    {STOPPED, OUTSIDE, SIGWINCH, STOPS},
    {STOPPED, OUTSIDE, SIGKILL, DIES},
    {STOPPED, OUTSIDE, SIGCONT, RUNS},
    {FROZEN, OUTSIDE, SIGTERM, DIES}, /* as the sender ends it */
    {FROZEN, OUTSIDE, SIGQUIT, PENDING}, /* it would dump itself */
    {FROZEN, OUTSIDE, SIGKILL, DIES}, /* v2 */
    {FROZEN, OUTSIDE, SIGSTOP, PENDING},
    {UNKILLABLE, OUTSIDE, SIGKILL, PENDING},
    {UNKILLABLE, OUTSIDE, SIGTERM, PENDING},
    {KTHREAD, OUTSIDE, SIGKILL, RUNS},
};

/* A process of that kind, a child of `parent`. */
static struct process *make(struct kernel *kernel, enum kind kind, struct process *parent)
{
    struct process *process = kind == NS_INIT ? fork_init(kernel, parent) : fork_of(kernel, parent);
    process->behaviour = &noting;
    switch (kind) {
    case IGNORES:
        process->ignored_signals = UINT64_MAX;
        break;
    case HANDLES:
        process->handled_signals = UINT64_MAX;
        break;
    case STOPPED:
        process_signal(process, SIGSTOP);
        break;
    case FROZEN:
        task_set_frozen(process->leader, true);
        break;
    case UNKILLABLE:
        process_set_unkillable(process, true);
        break;
    case KTHREAD:
        process->kernel_thread = true;
        break;
    default:
        break;
    }
    return process;
}

static void signals_do_what_the_table_says(void **state)
{
    struct kernel *kernel = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct process *parent = fork_of(kernel, NULL);
        struct process *process = make(kernel, rows[i].kind, parent);
        struct process *sender =
            rows[i].sender == INSIDE ? fork_of(kernel, process) : fork_of(kernel, NULL);
        int signal = rows[i].signal;
        handled_count = 0;
        print_message("row %zu\n", i);
        assert_int_equal(process_signal_from(process, signal, sender), 0);
        assert_int_equal(handled_count, rows[i].outcome == HANDLED);
        assert_int_equal(process->state, rows[i].outcome == DIES  ? PROCESS_ZOMBIE
                                         : rows[i].outcome == STOPS ? PROCESS_STOPPED
                                         : rows[i].outcome == PENDING && rows[i].kind == STOPPED
                                             ? PROCESS_STOPPED
                                             : PROCESS_RUNNING);
        if (rows[i].outcome == DIES)
            assert_int_equal(process->exit_status, signal);
        if (rows[i].outcome == HANDLED)
            assert_int_equal(handled[0], signal);
        assert_true(process->pending_signals ==
                    (rows[i].outcome == PENDING ? SIGNAL_BIT(signal) : UINT64_C(0)));
        if (rows[i].kind == FROZEN && rows[i].outcome == PENDING)
            process->pending_signals = 0;
        process->unkillable = process->kernel_thread = false;
        process_signal(parent, SIGKILL);
    }
}

static void what_is_pending_comes_in_order(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = make(kernel, HANDLES, NULL);
    handled_count = 0;
    resumed = 0;
    process_signal(process, SIGSTOP);
    process_signal(process, SIGTERM);
    process_signal(process, SIGTERM);
    process_signal(process, SIGHUP);
    assert_int_equal(handled_count, 0);
    process_signal(process, SIGCONT);
    assert_int_equal(handled_count, 3);
    assert_int_equal(handled[0], SIGHUP);
    assert_int_equal(handled[1], SIGTERM);
    assert_int_equal(handled[2], SIGCONT); /* it is handled too */
    assert_int_equal(resumed, 1);
}

static void stop_and_continue_cancel_each_other(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = make(kernel, FROZEN, NULL);
    process_signal(process, SIGTSTP);
    process_signal(process, SIGCONT);
    task_set_frozen(process->leader, false);
    assert_int_equal(process->state, PROCESS_RUNNING);
}

static void a_thawed_process_sees_what_waits(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *process = make(kernel, FROZEN, parent);
    resumed = 0;
    process_signal(process, SIGQUIT);
    assert_int_equal(process->state, PROCESS_RUNNING);
    task_set_frozen(process->leader, false);
    assert_int_equal(process->state, PROCESS_ZOMBIE);
    assert_int_equal(process->exit_status, SIGQUIT);
    assert_int_equal(resumed, 0);
}

static void stopped_and_frozen_needs_both_to_end(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = make(kernel, STOPPED, NULL);
    resumed = 0;
    task_set_frozen(process->leader, true);
    process_signal(process, SIGCONT);
    assert_false(process_runnable(process));
    assert_int_equal(resumed, 0);
    task_set_frozen(process->leader, false);
    assert_true(process_runnable(process));
    assert_int_equal(resumed, 1);
}

static void an_uninterruptible_one_dies_when_it_can(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *process = make(kernel, UNKILLABLE, parent);
    process_signal(process, SIGTERM);
    process_signal(process, SIGKILL);
    assert_false(process_runnable(process));
    process_set_unkillable(process, false);
    assert_int_equal(process->exit_status, SIGKILL);
}

static void rights_and_numbers_are_checked(void **state)
{
    struct kernel *kernel = *state;
    struct process *process = fork_of(kernel, NULL);
    struct process *sender = fork_of(kernel, NULL);
    assert_int_equal(process_signal(process, 65), -EINVAL);
    assert_int_equal(process_signal(process, -1), -EINVAL);
    process->uid = 5;
    sender->uid = 6;
    assert_int_equal(process_signal_from(process, SIGTERM, sender), -EPERM);
    assert_int_equal(process_signal_from(process, 0, sender), -EPERM);
    assert_int_equal(process->state, PROCESS_RUNNING);
    sender->uid = 5;
    assert_int_equal(process_signal_from(process, 0, sender), 0);
    assert_int_equal(process_signal(kernel->init, SIGKILL), 0);
    assert_int_equal(kernel->init->state, PROCESS_RUNNING);
}

static void zombies_take_anything(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    struct process *process = fork_of(kernel, parent);
    process_exit(process, 1 << 8);
    assert_int_equal(process_signal(process, SIGKILL), 0);
    assert_int_equal(process->exit_status, 1 << 8);
}

static void parents_hear_of_their_children(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = make(kernel, HANDLES, NULL);
    handled_count = 0;
    process_exit(fork_of(kernel, parent), 0);
    assert_int_equal(handled_count, 1);
    assert_int_equal(handled[0], SIGCHLD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, kernel_setup, kernel_teardown)
    const struct CMUnitTest tests[] = {
        TEST(signals_do_what_the_table_says),
        TEST(what_is_pending_comes_in_order),
        TEST(stop_and_continue_cancel_each_other),
        TEST(a_thawed_process_sees_what_waits),
        TEST(stopped_and_frozen_needs_both_to_end),
        TEST(an_uninterruptible_one_dies_when_it_can),
        TEST(rights_and_numbers_are_checked),
        TEST(zombies_take_anything),
        TEST(parents_hear_of_their_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
