/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/host/sim_init.h"
#include "fakes/kernel/pipe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_init_stages.h"
#include "fakes/kernel/process.h"
#include "fakes/vfs.h"

/* Long enough for the agent to do something in between, short beside every time-out. */
#define START_NS (20 * NS_PER_US)  /* from the clone to the gate */
#define STAGES_NS (30 * NS_PER_US) /* from the byte to the exec */
#define END_NS (10 * NS_PER_US)    /* from the end of the workload to the status */

static void init_schedule(struct sim_init *init, uint64_t delay_ns);

static void init_timer_due(void *arg)
{
    struct sim_init *init = arg;
    init->timer = NULL;
    if (process_runnable(init->process))
        init_step(init);
    else
        init->due = true; /* frozen or stopped: goes on in init_runnable */
}

static void init_schedule(struct sim_init *init, uint64_t delay_ns)
{
    if (init->timer)
        return;
    init->timer = loop_timer_start(init->process->kernel->loop, delay_ns, init_timer_due, init);
}

static void init_runnable(struct process *process)
{
    struct sim_init *init = process->behaviour_data;
    if (init->due) {
        init->due = false;
        init_schedule(init, 0);
    }
}

/* Into the file that it holds open: one that was unlinked meanwhile takes nothing. */
static void status_write(struct sim_init *init, int status)
{
    struct vfs *vfs = init->process->kernel->vfs;
    struct vfs_info info;
    if (!init->status_path || vfs_info(vfs, init->status_path, false, &info) < 0)
        return;
    char text[16];
    int length = snprintf(text, sizeof(text), "%d", status);
    vfs_write(vfs, init->status_path, text, (size_t)length, 0600, false);
}

static void init_exit(struct sim_init *init, int status, int exit_status)
{
    status_write(init, status);
    process_exit(init->process, exit_status); /* frees init */
}

void init_fail(struct sim_init *init, const char *format, ...)
{
    if (init->errors_path) {
        va_list list;
        va_start(list, format);
        _cleanup_free_ char *message = str_vprintf(format, list);
        va_end(list);
        _cleanup_free_ char *line = str_printf("%s\n", message);
        vfs_write(
            init->process->kernel->vfs, init->errors_path, line, strlen(line), 0644, true);
    }
    init_exit(init, STATUS_EXIT_1, STATUS_EXIT_1);
}

/* Stages 1 and 2. */
static void init_begin(struct sim_init *init)
{
    init->state = INIT_BLOCKED;
    for (int signal = 1; signal <= 64; signal++)
        if (signal != SIGCHLD && signal != SIGKILL && signal != SIGSTOP)
            init->process->handled_signals |= SIGNAL_BIT(signal);
    if (!init->status_path)
        return;
    int r = vfs_write(init->process->kernel->vfs, init->status_path, "", 0, 0600, false);
    if (r < 0)
        init_fail(init, "create %s: %s", init->status_path, err_name(r));
}

/* What comes next; init may be freed afterwards. */
void init_step(struct sim_init *init)
{
    if (init->state == INIT_STARTING) {
        struct process *process = init->process;
        init_begin(init);
        if (process->behaviour_data != init)
            return; /* it failed */
    }
    if (init->workload_ended) {
        init_exit(init, init->workload_status, 0);
        return;
    }
    if (init->state == INIT_RUNNING)
        return;
    if (init->signal) {
        init_exit(init, init->signal, STATUS_EXIT_1);
        return;
    }
    if (init->state == INIT_BLOCKED && init->released) {
        init->state = INIT_STAGES;
        init_schedule(init, STAGES_NS);
    } else if (init->state == INIT_BLOCKED && !init->gate) {
        init_fail(init, "the agent has gone before the release");
    } else if (init->state == INIT_STAGES) {
        init_stages(init);
    }
}

void init_continue(struct sim_init *init, uint64_t delay_ns)
{
    init_schedule(init, delay_ns);
}

static void init_child_ended(struct process *process, struct process *child)
{
    struct sim_init *init = process->behaviour_data;
    if (child == init->workload) {
        init->workload = NULL;
        init->workload_status = child->exit_status;
        init->workload_ended = true;
        init_schedule(init, END_NS);
    }
    process_reap(child);
}

static void init_signal(struct process *process, int signal)
{
    struct sim_init *init = process->behaviour_data;
    if (init->workload) {
        process_signal_from(init->workload, signal, process);
    } else if (init->state != INIT_RUNNING && !init->signal) {
        init->signal = signal;
        init_schedule(init, 0);
    }
}

void init_detach(struct sim_init *init)
{
    struct process *process = init->process;
    process->behaviour = NULL;
    process->behaviour_data = NULL;
    process->handled_signals = 0;
    loop_timer_stop(process->kernel->loop, init->timer);
    init->timer = NULL;
    if (init->gate)
        init->gate->init = NULL;
}

void init_free(struct sim_init *init)
{
    init_forget_plan(init);
    free(init->status_path);
    pipe_closed(init->world->kernel, init->output_path);
    pipe_closed(init->world->kernel, init->errors_path);
    free(init->errors_path);
    free(init->input_path);
    free(init->output_path);
    free(init);
}

static void init_ended(struct process *process)
{
    struct sim_init *init = process->behaviour_data;
    init_detach(init);
    if (init->own_mounts)
        sim_mounts_drop(init->world, process->namespaces[NS_MNT]->inode);
    init_free(init);
}

static const struct process_behaviour init_behaviour = {
    .child_ended = init_child_ended,
    .signal = init_signal,
    .runnable = init_runnable,
    .ended = init_ended,
};

bool sim_init_holds(const struct process *process, const char *path)
{
    const struct sim_init *init = process->behaviour_data;
    return process->behaviour == &init_behaviour && init->state != INIT_STARTING &&
           str_equal(init->status_path, path);
}

/* Where the output goes: to a file, or to one of those that whoever spawns it has open. */
static char *inherited(const struct plan *plan, unsigned i, char *const outputs[2])
{
    int fd = plan->stdio_fds[i];
    return str_dup(fd == 1 || fd == 2 ? outputs[fd - 1] : plan->stdio[i]);
}

void sim_init_start(struct sim_world *world, struct process *process, const struct plan *plan,
    char *const outputs[2], struct sim_gate **ret_gate)
{
    struct sim_init *init = mem_alloc(sizeof(*init));
    init->world = world;
    init->process = process;
    init->state = INIT_STARTING;
    if (plan->runtime_directory)
        init->status_path = str_printf("%s/status", plan->runtime_directory);
    const char *tty = plan->info.tty_slave_path;
    init->input_path = str_dup(tty ? tty : plan->stdio[0]);
    init->output_path = tty ? str_dup(tty) : inherited(plan, 1, outputs);
    init->errors_path = tty ? str_dup(tty) : inherited(plan, 2, outputs);
    pipe_opened(world->kernel, init->output_path);
    pipe_opened(world->kernel, init->errors_path);
    init_keep_plan(init, plan);
    init->gate = mem_alloc(sizeof(*init->gate));
    init->gate->init = init;
    process_set_command(process, "seatrial-init");
    process->behaviour = &init_behaviour;
    process->behaviour_data = init;
    *ret_gate = init->gate;
    init_schedule(init, START_NS);
}

int sim_gate_release(struct sim_gate *gate)
{
    if (!gate->init)
        return -EPIPE;
    gate->init->released = true;
    if (gate->init->state == INIT_BLOCKED)
        init_schedule(gate->init, 0);
    return 0;
}

void sim_gate_close(struct sim_gate *gate)
{
    struct sim_init *init = gate->init;
    if (init) {
        init->gate = NULL;
        if (init->state == INIT_BLOCKED && !init->released)
            init_schedule(init, 0);
    }
    free(gate);
}
