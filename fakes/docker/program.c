/* SPDX-License-Identifier: Apache-2.0 */
/* The engine as the program `docker`: from a command line to a call, and its answer as text. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/docker/engine.h"
#include "fakes/docker/program.h"
#include "fakes/host/sim_host.h"
#include "fakes/kernel/workload.h"
#include "fakes/vfs.h"

/* --- docker run: its options --- */

enum value_kind { VALUE_SWITCH, VALUE_U64, VALUE_I64, VALUE_TEXT, VALUE_TEXTS, VALUE_VARIABLE };
struct option {
    const char *name;
    enum value_kind kind;
    size_t offset;
};
#define OPTION(name_, kind_, member)                                                               \
    {                                                                                              \
        (name_), VALUE_##kind_, offsetof(struct docker_run_options, member)                        \
    }
static const struct option options[] = {
    OPTION("--privileged", SWITCH, privileged),
    OPTION("--cpu-shares", U64, cpu_shares),
    OPTION("--cpu-quota", U64, cpu_quota),
    OPTION("--memory-reservation", U64, memory_reservation),
    OPTION("--memory", U64, memory),
    OPTION("--oom-score-adj", I64, oom_score_adj),
    OPTION("-e", VARIABLE, environment),
    OPTION("-v", TEXTS, volumes),
    OPTION("--volume-driver", TEXT, volume_driver),
    OPTION("--net", TEXT, network),
    OPTION("--dns", TEXTS, dns),
    OPTION("--dns-search", TEXTS, dns_search),
    OPTION("--dns-opt", TEXTS, dns_options),
    OPTION("--hostname", TEXT, hostname),
    OPTION("-p", TEXTS, ports),
    OPTION("--entrypoint", TEXT, entrypoint),
    OPTION("--name", TEXT, name),
};

static void add_variable(struct docker_run_options *into, const char *value)
{
    size_t length = strcspn(value, "=");
    into->environment = mem_realloc(
        into->environment, (into->environment_count + 1) * sizeof(*into->environment));
    into->environment[into->environment_count++] = (struct environment_variable){
        .name = str_ndup(value, length), .value = str_dup(value + length + (value[length] == '='))};
}

static void take_option(
    struct docker_run_options *into, const struct option *option, const char *value)
{
    void *member = (char *)into + option->offset;
    switch (option->kind) {
    case VALUE_SWITCH:
        *(bool *)member = true;
        break;
    case VALUE_U64:
        *(struct opt_u64 *)member = (struct opt_u64)OPT(strtoull(value, NULL, 10));
        break;
    case VALUE_I64:
        *(struct opt_i64 *)member = (struct opt_i64)OPT(strtoll(value, NULL, 10));
        break;
    case VALUE_TEXT:
        str_set((char **)member, value);
        break;
    case VALUE_TEXTS:
        strv_add((char ***)member, value);
        break;
    case VALUE_VARIABLE:
        add_variable(into, value);
        break;
    }
}

static const struct option *find_option(const char *argument, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, argument, length) == 0)
            return &options[i];
    return NULL;
}

/* Both forms: --name value, and --name=value. Unknown ones are taken as parameters with a value. */
static char *const *read_option(struct docker_run_options *into, char *const *at)
{
    size_t length = strcspn(*at, "=");
    const struct option *option = find_option(*at, length);
    bool joined = (*at)[length] == '=';
    if (!option)
        return joined || !at[1] ? at + 1 : at + 2;
    if (option->kind == VALUE_SWITCH || joined) {
        take_option(into, option, joined ? *at + length + 1 : "");
        return at + 1;
    }
    if (!at[1])
        return at + 1;
    take_option(into, option, at[1]);
    return at + 2;
}

static bool read_run(char *const *at, struct docker_run_options *into)
{
    while (*at && **at == '-')
        at = read_option(into, at);
    if (!*at)
        return false;
    into->image = str_dup(*at);
    for (at++; *at; at++)
        strv_add(&into->arguments, *at);
    return true;
}

/* --- the other verbs --- */

static bool read_simple(char *const *at, struct docker_call *call)
{
    static const struct {
        const char *word;
        enum docker_verb verb;
    } words[] = {
        {"stop", DOCKER_STOP}, {"kill", DOCKER_KILL}, {"rm", DOCKER_RM},
        {"inspect", DOCKER_IMAGE_INSPECT}, {"pull", DOCKER_PULL}, {"ps", DOCKER_PS},
        {"--version", DOCKER_VERSION},
    };
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!str_equal(words[i].word, at[0]))
            continue;
        call->verb = words[i].verb;
        known = true;
    }
    for (at++; known && *at; at++) {
        if (str_equal(*at, "-t") && at[1])
            call->stop_seconds = strtoll(*++at, NULL, 10);
        else if (str_starts(*at, "--signal="))
            call->signal = (int)strtol(*at + strlen("--signal="), NULL, 10);
        else if (str_equal(*at, "-f"))
            call->force = true;
        else if (str_equal(*at, "--type=container"))
            call->verb = DOCKER_INSPECT;
        else if (**at != '-')
            call->name = *at;
    }
    bool named = call->verb != DOCKER_PS && call->verb != DOCKER_VERSION;
    return known && (!named || call->name);
}

bool program_read(char *const *arguments, struct docker_call *ret_call,
    struct docker_run_options *ret_run)
{
    char *const *at = arguments + 1;
    if (at[0] && str_equal(at[0], "-H") && at[1])
        at += 2;
    *ret_call = (struct docker_call){0};
    *ret_run = (struct docker_run_options){0};
    if (!at[0])
        return false;
    if (!str_equal(at[0], "run"))
        return read_simple(at, ret_call);
    ret_call->verb = DOCKER_RUN;
    ret_call->run = ret_run;
    return read_run(at + 1, ret_run);
}

/* --- as a helper command --- */

struct command {
    struct list node;
    struct sim_command *sim;
    struct job *job;
    enum docker_verb verb;
    char *name;
};

static void command_free(struct command *command)
{
    list_remove(&command->node);
    free(command->name);
    free(command);
}

static void command_answered(void *arg, const struct docker_answer *answer)
{
    struct command *command = arg;
    _cleanup_free_ char *text = answer->garbage ? str_dup(answer->garbage)
                                                : answer_text(command->verb, answer->value);
    struct sim_command *sim = command->sim;
    command_free(command);
    sim_command_end(sim, &(struct sim_program_result){
        .status = answer->status, .output = text, .errors = answer->errors});
}

static void command_start(void *arg, struct sim_command *sim, const struct run_request *request)
{
    struct fake_docker *engine = arg;
    struct docker_call call;
    struct docker_run_options run;
    if (!program_read(request->argv, &call, &run)) {
        sim_command_end(sim, &(struct sim_program_result){
            .status = 125 << 8, .errors = "docker: unknown command line\n"});
    } else {
        struct command *command = mem_alloc(sizeof(*command));
        command->sim = sim;
        command->verb = call.verb;
        list_append(&engine->commands, &command->node);
        char *const *line = request->argv + (str_equal(request->argv[1], "-H") ? 3 : 1);
        command->job = engine_start(engine, &call, line, command_answered, command);
    }
    docker_run_options_release(&run);
}

static void command_killed(void *arg, struct sim_command *sim)
{
    struct fake_docker *engine = arg;
    list_for_each_safe(node, following, &engine->commands) {
        struct command *command = list_entry(node, struct command, node);
        if (command->sim != sim)
            continue;
        job_forget(command->job);
        command_free(command);
    }
}

/* --- as a process: docker run --- */

struct client {
    struct list node;
    struct process *process;
    struct job *job;
    char *errors_path;
};

static void client_ended(struct process *process)
{
    struct client *client = process->behaviour_data;
    if (client->job)
        job_forget(client->job);
    list_remove(&client->node);
    free(client->errors_path);
    free(client);
}

static const struct process_behaviour client_behaviour = {.ended = client_ended};

static void client_say(const struct client *client, const char *text)
{
    if (text && client->errors_path)
        vfs_write(
            client->process->kernel->vfs, client->errors_path, text, strlen(text), 0644, true);
}

static void client_answered(void *arg, const struct docker_answer *answer)
{
    struct client *client = arg;
    client->job = NULL;
    client_say(client, answer->errors);
    process_exit(client->process, answer->status);
}

static void client_play(
    void *arg, struct process *process, const struct workload_start *start)
{
    struct fake_docker *engine = arg;
    struct client *client = mem_alloc(sizeof(*client));
    struct docker_call call;
    struct docker_run_options run;
    client->process = process;
    list_append(&engine->clients, &client->node);
    client->errors_path = str_dup(start->stderr_path);
    process->behaviour = &client_behaviour;
    process->behaviour_data = client;
    if (program_read(start->argv, &call, &run) && call.verb == DOCKER_RUN) {
        run.stdout_path = str_dup(start->stdout_path);
        run.stderr_path = str_dup(start->stderr_path);
        char *const *line = start->argv + (str_equal(start->argv[1], "-H") ? 3 : 1);
        client->job = engine_start(engine, &call, line, client_answered, client);
    } else {
        client_say(client, "docker: unknown command line\n");
        process_exit(process, 125 << 8);
    }
    docker_run_options_release(&run);
}

static void executor_program(
    void *arg, struct process *process, const struct workload_start *start)
{
    executor_play(arg, process, start);
}

void commands_free(struct fake_docker *engine)
{
    while (!list_empty(&engine->commands))
        command_free(list_entry(engine->commands.next, struct command, node));
    while (!list_empty(&engine->clients)) {
        struct client *client = list_entry(engine->clients.next, struct client, node);
        client->process->behaviour = NULL;
        client_ended(client->process);
    }
}

void fake_docker_install(struct fake_docker *engine, struct host *host)
{
    const struct sim_commands commands = {command_start, command_killed, engine};
    sim_host_commands(host, "docker", &commands);
    sim_host_player(host, "docker", client_play, engine);
    sim_host_player(host, EXECUTOR_PROGRAM, executor_program, engine);
}
