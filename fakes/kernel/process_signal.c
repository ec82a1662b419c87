/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: who may send what to whom, what is ignored, what waits, and what it does. */
#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/namespace.h"
#include "fakes/kernel/process_internal.h"

#define SIGNAL_MAX 64

#define SIGNALS_IGNORED_BY_DEFAULT                                                                 \
    (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH) | SIGNAL_BIT(SIGCONT))
#define SIGNALS_STOPPING                                                                           \
    (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
/* Their default is a core dump, which wants the process itself. */
#define SIGNALS_DUMPING                                                                            \
    (SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) |        \
        SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGSYS) |       \
        SIGNAL_BIT(SIGXCPU) | SIGNAL_BIT(SIGXFSZ))
/* What only the kernel decides about. */
#define SIGNALS_FORCED (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))

bool process_frozen(const struct process *process)
{
    list_for_each (node, &process->tasks) {
        const struct task *task = list_entry(node, struct task, node);
        if (!task->dead && !task->frozen)
            return false;
    }
    return true;
}

bool process_runnable(const struct process *process)
{
    return process->state == PROCESS_RUNNING && !process->ending && !process->unkillable &&
           !process_frozen(process);
}

/* SIGKILL reaches every one of its threads. */
static bool process_killable(const struct process *process)
{
    if (process->unkillable)
        return false;
    list_for_each (node, &process->tasks) {
        const struct task *task = list_entry(node, struct task, node);
        if (!task->dead && !cgroup_task_killable(task))
            return false;
    }
    return true;
}

static bool process_ignores(const struct process *process, uint64_t bit, bool from_outside)
{
    if ((bit & SIGNALS_FORCED) == 0) {
        if ((process->handled_signals & bit) != 0)
            return false;
        if ((process->ignored_signals & bit) != 0 || (bit & SIGNALS_IGNORED_BY_DEFAULT) != 0)
            return true;
    }
    /* The init of a pid namespace has no default actions, but for its ancestors' SIGKILL and
     * SIGSTOP. */
    return process->namespaces[NS_PID]->init == process &&
           ((bit & SIGNALS_FORCED) == 0 || !from_outside);
}

/* The sender ends it, as with SIGKILL, so a frozen process dies too (kernel/signal.c,
 * complete_signal): of SIGKILL, and unless it is stopped of whatever ends it by default. */
static bool process_ended_by(const struct process *process, uint64_t bit)
{
    if (bit == SIGNAL_BIT(SIGKILL))
        return true;
    return process->state == PROCESS_RUNNING && !process->ending &&
           (bit & (process->handled_signals | SIGNALS_STOPPING | SIGNALS_DUMPING)) == 0;
}

static void process_stop(struct process *process)
{
    process->state = PROCESS_STOPPED;
    list_for_each (node, &process->tasks)
        sched_task_changed(list_entry(node, struct task, node));
}

static void process_continue(struct process *process)
{
    process->pending_signals &= ~SIGNALS_STOPPING;
    if (process->state != PROCESS_STOPPED)
        return;
    process->state = PROCESS_RUNNING;
    list_for_each (node, &process->tasks)
        sched_task_changed(list_entry(node, struct task, node));
    process_wake(process);
}

static void process_act(struct process *process, int signal)
{
    uint64_t bit = SIGNAL_BIT(signal);
    if ((process->handled_signals & bit & ~SIGNALS_FORCED) != 0) {
        if (process->behaviour && process->behaviour->signal)
            process->behaviour->signal(process, signal);
    } else if ((bit & SIGNALS_STOPPING) != 0) {
        process_stop(process);
    } else if ((bit & SIGNALS_IGNORED_BY_DEFAULT & ~SIGNALS_FORCED) == 0) {
        process_exit(process, signal);
    }
}

void process_wake(struct process *process)
{
    while (process->pending_signals != 0) {
        if ((process->pending_signals & SIGNAL_BIT(SIGKILL)) != 0 && process_killable(process)) {
            process_exit(process, SIGKILL);
            return;
        }
        uint64_t waiting = process->pending_signals & ~SIGNAL_BIT(SIGKILL);
        if (waiting == 0 || !process_runnable(process))
            return;
        int signal = __builtin_ctzll(waiting);
        process->pending_signals &= ~SIGNAL_BIT(signal);
        process_act(process, signal == 0 ? SIGNAL_MAX : signal);
    }
    if (process_runnable(process) && process->behaviour && process->behaviour->runnable)
        process->behaviour->runnable(process);
}

static bool process_outside(const struct process *process, const struct process *sender)
{
    return !sender || !namespace_within(sender->namespaces[NS_PID], process->namespaces[NS_PID]);
}

static int process_send(struct process *process, int signal, bool from_outside)
{
    if (signal < 0 || signal > SIGNAL_MAX)
        return -EINVAL;
    if (signal == 0 || process->state == PROCESS_ZOMBIE || process->ending ||
        process->kernel_thread || process == process->kernel->init)
        return 0;
    uint64_t bit = SIGNAL_BIT(signal);
    /* These two act on each other's pending ones even when they are ignored. */
    if (signal == SIGCONT)
        process_continue(process);
    if ((bit & SIGNALS_STOPPING) != 0)
        process->pending_signals &= ~SIGNAL_BIT(SIGCONT);
    if (process->state == PROCESS_ZOMBIE || process_ignores(process, bit, from_outside))
        return 0;
    if (process_ended_by(process, bit) ? process_killable(process) : process_runnable(process)) {
        process_act(process, signal);
        return 0;
    }
    process->pending_signals |= bit;
    return 0;
}

int process_signal(struct process *process, int signal)
{
    return process_send(process, signal, true);
}

int process_signal_from(struct process *process, int signal, const struct process *sender)
{
    if (sender && sender->uid != 0 && sender->uid != process->uid && signal != SIGCHLD)
        return -EPERM;
    return process_send(process, signal, process_outside(process, sender));
}

void process_set_unkillable(struct process *process, bool unkillable)
{
    process->unkillable = unkillable;
    if (!unkillable && process->state != PROCESS_ZOMBIE)
        process_wake(process);
}

void task_set_frozen(struct task *task, bool frozen)
{
    if (task->frozen == frozen)
        return;
    task->frozen = frozen;
    sched_task_changed(task);
    if (!frozen && task->process->state != PROCESS_ZOMBIE)
        process_wake(task->process);
}
