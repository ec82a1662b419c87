/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper commands of the simulated host. They are no processes of the simulated kernel: they only
 * take their time, or end when their program says so.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_host_internal.h"

struct sim_command {
    struct host_request request;
    struct loop_timer *timer;
    struct done done;
    const struct sim_commands *commands; /* who plays it and has not ended it; NULL otherwise */
    size_t max_output_bytes;
    int code;
    char *program;
    struct run_result result;
    char *output;
    char *errors;
};

static void command_cancel(struct host_request *request)
{
    struct sim_command *command = container_of(request, struct sim_command, request);
    const struct sim_commands *commands = TAKE_PTR(command->commands);
    if (commands)
        commands->killed(commands->arg, command);
    loop_timer_stop(request->host->loop, command->timer);
    free(command->program);
    free(command->output);
    free(command->errors);
    free(command);
}

static void command_ended(void *arg)
{
    struct sim_command *command = arg;
    command->timer = NULL;
    if (command->code < 0) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_errno(&err, command->code, "run %s", command->program);
        done_fail(command->done, command->code, &err);
    } else {
        done_ok(command->done, &command->result);
    }
    command_cancel(&command->request);
}

static char *bounded(const char *text, size_t max, bool *truncated)
{
    size_t length = text ? strlen(text) : 0;
    if (length > max) {
        length = max;
        *truncated = true;
    }
    return str_ndup(text ? text : "", length);
}

static void command_set_result(
    struct sim_command *command, const struct sim_program_result *played)
{
    size_t max = command->max_output_bytes ? command->max_output_bytes : 1 << 20;
    free(command->output);
    free(command->errors);
    command->output = bounded(played->output, max, &command->result.truncated);
    command->errors = bounded(played->errors, max, &command->result.truncated);
    command->result.output = command->output;
    command->result.output_length = strlen(command->output);
    command->result.errors = command->errors;
    command->result.status = played->status;
}

static void command_time_out(struct sim_command *command)
{
    command->result.timed_out = true;
    command->result.status = SIGKILL;
}

static void command_took_too_long(void *arg)
{
    struct sim_command *command = arg;
    const struct sim_commands *commands = TAKE_PTR(command->commands);
    commands->killed(commands->arg, command);
    command_set_result(command, &(struct sim_program_result){0});
    command_time_out(command);
    command_ended(command);
}

void sim_command_end(struct sim_command *command, const struct sim_program_result *result)
{
    struct loop *loop = command->request.host->loop;
    command->commands = NULL;
    command_set_result(command, result);
    loop_timer_stop(loop, command->timer);
    command->timer = loop_timer_start(loop, result->duration_ns, command_ended, command);
}

static void command_play(
    struct sim_command *command, struct sim_world *world, const struct run_request *request)
{
    struct sim_program_result played = {0};
    command->code = sim_program_play(world, request, &played);
    command_set_result(command, &played);
    uint64_t duration_ns = played.duration_ns;
    if (request->timeout_ns && duration_ns >= request->timeout_ns) {
        duration_ns = request->timeout_ns;
        command_time_out(command);
    }
    if (duration_ns != UINT64_MAX)
        command->timer = loop_timer_start(
            command->request.host->loop, duration_ns, command_ended, command);
}

struct host_request *sim_run(
    struct host *host, const struct run_request *request, struct done done)
{
    struct sim_world *world = sim_host_of(host)->world;
    struct sim_command *command = mem_alloc(sizeof(*command));
    command->request.host = host;
    command->request.cancel = command_cancel;
    command->done = done;
    command->program = str_dup(request->argv[0]);
    command->max_output_bytes = request->max_output_bytes;
    command->commands = sim_commands_find(world, request->argv[0]);
    if (!command->commands) {
        command_play(command, world, request);
        return &command->request;
    }
    if (request->timeout_ns)
        command->timer =
            loop_timer_start(host->loop, request->timeout_ns, command_took_too_long, command);
    command->commands->start(command->commands->arg, command, request);
    return &command->request;
}
