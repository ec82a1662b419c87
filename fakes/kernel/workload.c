/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Players. Each thread of a workload has one: a stack of lists, and what it waits for. It runs from
 * the loop until it waits, the process cannot run, or all is played; the end of the main player is
 * the end of the process.
 */
#include "fakes/kernel/workload.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "fakes/kernel/pipe.h"
#include "fakes/kernel/process_internal.h"
#include "fakes/kernel/workload_internal.h"
#include "reference/base/mem.h"

/* Actions in a row before the loop has its turn again: an endless list must not stop the world. */
#define ACTIONS_PER_TURN 1000

static void program_put(struct workload_program *program)
{
    if (--program->references > 0)
        return;
    actions_free(program->actions, program->count);
    strv_free(program->argv);
    strv_free(program->environment);
    strv_free(program->inside);
    strv_free(program->outside);
    for (size_t i = 0; i < program->limits_count; i++)
        free((char *)program->limits[i].name);
    free(program->limits);
    free(program->groups);
    free(program->directory);
    pipe_closed(program->kernel, program->stdout_path);
    pipe_closed(program->kernel, program->stderr_path);
    free(program->stdin_path);
    free(program->stdout_path);
    free(program->stderr_path);
    free(program->rootfs);
    free(program);
}

static struct workload_program *program_new(
    struct kernel *kernel, const struct workload_start *start)
{
    struct workload_program *program = mem_alloc(sizeof(*program));
    program->kernel = kernel;
    program->stdin_path = str_dup(start->stdin_path);
    pipe_opened(kernel, start->stdout_path);
    pipe_opened(kernel, start->stderr_path);
    program->argv = strv_copy(start->argv);
    program->environment = start->environment ? strv_copy(start->environment) : NULL;
    program->directory = str_dup(start->directory ? start->directory : "/");
    program->stdout_path = str_dup(start->stdout_path);
    program->stderr_path = str_dup(start->stderr_path);
    program->rootfs = str_dup(start->rootfs);
    for (size_t i = 0; i < start->mappings_count; i++) {
        strv_add(&program->inside, start->mappings[i].inside);
        strv_add(&program->outside, start->mappings[i].outside);
    }
    if (start->groups_count > 0)
        program->groups = mem_dup(start->groups, start->groups_count * sizeof(*start->groups));
    program->groups_count = start->groups_count;
    if (start->limits_count > 0)
        program->limits = mem_dup(start->limits, start->limits_count * sizeof(*start->limits));
    program->limits_count = start->limits_count;
    for (size_t i = 0; i < start->limits_count; i++)
        program->limits[i].name = str_dup(start->limits[i].name);
    return program;
}

static void player_free(struct player *player)
{
    loop_timer_stop(player->task->process->kernel->loop, player->timer);
    list_remove(&player->node);
    player->task->player = NULL;
    free(player->frames);
    free(player);
}

static struct player *workload_main(const struct workload *workload)
{
    return list_entry(workload->players.next, struct player, node);
}

static void player_turn(void *arg);

void player_wake_after(struct player *player, uint64_t delay_ns)
{
    struct loop *loop = player->task->process->kernel->loop;
    if (player->timer)
        loop_timer_stop(loop, player->timer);
    player->timer = loop_timer_start(loop, delay_ns, player_turn, player);
}

struct player *player_new(
    struct workload *workload, struct task *task, const struct action *actions, size_t count)
{
    struct player *player = mem_alloc(sizeof(*player));
    player->workload = workload;
    player->task = task;
    task->player = player;
    list_append(&workload->players, &player->node);
    player_push(player, actions, count, 1);
    player_wake_after(player, 0);
    return player;
}

void player_push(struct player *player, const struct action *actions, size_t count,
    uint64_t rounds)
{
    player->frames = mem_grow(
        player->frames, &player->capacity, player->depth + 1, sizeof(*player->frames));
    player->frames[player->depth++] =
        (struct frame){.actions = actions, .count = count, .rounds = rounds};
}

/* The next action; NULL when all is played. */
static const struct action *player_next(struct player *player)
{
    while (player->depth > 0) {
        struct frame *frame = &player->frames[player->depth - 1];
        if (frame->rounds > 0 && frame->next < frame->count)
            return &frame->actions[frame->next++];
        if (frame->rounds > 1 && frame->count > 0) {
            frame->rounds--;
            frame->next = 0;
        } else {
            player->depth--;
        }
    }
    return NULL;
}

/* Plays until something is to be waited for, or nobody is left to play. */
static void player_play(struct player *player)
{
    struct workload *workload = player->workload;
    struct process *process = workload->process;
    struct task *task = player->task;
    for (unsigned i = 0; i < ACTIONS_PER_TURN; i++) {
        if (!process_runnable(process)) {
            player->due = true;
            return;
        }
        const struct action *action = player_next(player);
        if (!action) {
            if (player == workload_main(workload))
                process_exit(process, 0);
            else
                task_exit(task);
            if (process->workload == workload && task->player == player)
                player_free(player);
            return;
        }
        player_act(player, action);
        if (process->workload != workload || task->player != player ||
            player->wait != PLAYER_RUNS)
            return;
    }
    player_wake_after(player, 0);
}

static void player_turn(void *arg)
{
    struct player *player = arg;
    /* The actions outlive the process that dies of one of them. */
    struct workload_program *program = player->workload->program;
    program->references++;
    player->timer = NULL;
    player->wait = PLAYER_RUNS;
    player_play(player);
    program_put(program);
}

void workload_readable(struct kernel *kernel, pid_t pid)
{
    struct process *process = process_find(kernel, pid);
    if (!process || !process->workload)
        return;
    list_for_each (node, &process->workload->players) {
        struct player *player = list_entry(node, struct player, node);
        if (player->wait == PLAYER_READS)
            player_wake_after(player, 0);
    }
}

static void workload_child_ended(struct process *process, struct process *child)
{
    struct workload *workload = process->workload;
    bool reaped = false;
    list_for_each (node, &workload->players) {
        struct player *player = list_entry(node, struct player, node);
        if (player->wait != PLAYER_WAITS)
            continue;
        if (!reaped)
            process_reap(child);
        reaped = true;
        if (list_empty(&process->children))
            player_wake_after(player, 0);
    }
}

/* The handler's list takes the place of all that the main player still had to do. */
static void workload_signal(struct process *process, int signal)
{
    struct workload *workload = process->workload;
    struct player *player = workload_main(workload);
    for (size_t i = 0; i < workload->handlers_count; i++) {
        const struct handler *handler = &workload->handlers[i];
        if (handler->signal != signal)
            continue;
        sched_forget(player->task);
        player->depth = 0;
        player->wait = PLAYER_SLEEPS;
        player_push(player, handler->actions, handler->count, 1);
        player_wake_after(player, 0);
    }
}

static void workload_runnable(struct process *process)
{
    list_for_each (node, &process->workload->players) {
        struct player *player = list_entry(node, struct player, node);
        if (player->due)
            player_wake_after(player, 0);
        player->due = false;
    }
}

static void workload_ended(struct process *process)
{
    struct workload *workload = process->workload;
    process->workload = NULL;
    while (!list_empty(&workload->players))
        player_free(workload_main(workload));
    program_put(workload->program);
    free(workload->handlers);
    free(workload);
}

static const struct process_behaviour workload_behaviour = {
    .child_ended = workload_child_ended,
    .signal = workload_signal,
    .runnable = workload_runnable,
    .ended = workload_ended,
};

struct workload *workload_new(
    struct process *process, struct workload_program *program, const struct workload *like)
{
    struct workload *workload = mem_alloc(sizeof(*workload));
    assert(!process->behaviour && process->state != PROCESS_ZOMBIE);
    workload->process = process;
    workload->program = program;
    program->references++;
    list_init(&workload->players);
    if (like && like->handlers_count > 0) {
        workload->handlers =
            mem_dup(like->handlers, like->handlers_count * sizeof(*like->handlers));
        workload->handlers_count = like->handlers_count;
        process->handled_signals = like->process->handled_signals;
    }
    process->workload = workload;
    process->behaviour = &workload_behaviour;
    return workload;
}

int workload_start(struct process *process, const struct workload_start *start)
{
    if (!start->argv || !start->argv[0])
        return -EINVAL;
    struct workload_program *program = program_new(process->kernel, start);
    workload_translate(program);
    process_set_command(process, start->argv[0]);
    process->handled_signals = 0;
    struct workload *workload = workload_new(process, program, NULL);
    player_new(workload, process->leader, program->actions, program->count);
    return 0;
}

void workload_fail(struct workload *workload, int status, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *text = str_vprintf(format, list);
    va_end(list);
    _cleanup_free_ char *line = str_printf("seatrial-workload: %s\n", text);
    workload_write_stderr(
        workload->program, workload->process->kernel, line, strlen(line));
    process_exit(workload->process, status << 8);
}
