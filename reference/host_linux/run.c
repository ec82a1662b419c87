/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper commands: a process group of their own, their text from a memory file, their output
 * bounded. A command has ended when its process has: somebody who still holds its output open is
 * not waited for (FB-10).
 */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_OUTPUT_BYTES (1 << 20)

struct output {
    struct run_command *command;
    int fd;
    struct loop_watch *watch;
    char *text;
    size_t length;
    size_t capacity;
    bool truncated;
};

struct run_command {
    struct host_request request;
    struct done done;
    pid_t pid;
    size_t limit;
    struct output outputs[2]; /* stdout, stderr */
    struct host_request *exit;
    struct loop_timer *timer;
    bool timed_out;
    int failure; /* could not be started: -errno, told from the loop */
    struct err err;
};

static void output_close(struct output *output)
{
    loop_fd_stop(output->command->request.host->loop, TAKE_PTR(output->watch));
    if (output->fd >= 0)
        close(output->fd);
    output->fd = -1;
}

static void command_free(struct run_command *command)
{
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++) {
        output_close(&command->outputs[i]);
        free(command->outputs[i].text);
    }
    loop_timer_stop(command->request.host->loop, command->timer);
    err_clear(&command->err);
    free(command);
}

/* Reads what is there; closes at the end or on an error. */
static void output_drain(struct output *output)
{
    const size_t limit = output->command->limit;
    char chunk[16384];
    for (;;) {
        ssize_t more = read(output->fd, chunk, sizeof(chunk));
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0 && errno == EAGAIN)
            return;
        if (more <= 0) {
            output_close(output);
            return;
        }
        size_t taken = (size_t)more;
        if (output->length + taken > limit) {
            taken = limit - output->length;
            output->truncated = true;
        }
        output->text =
            mem_grow(output->text, &output->capacity, output->length + taken + 1, 1);
        memcpy(output->text + output->length, chunk, taken);
        output->length += taken;
        output->text[output->length] = '\0';
    }
}

static void output_readable(void *arg, unsigned events)
{
    (void)events;
    output_drain(arg);
}

static void command_ended(void *arg, int result, bool status_known, int wait_status)
{
    (void)result;
    (void)status_known;
    struct run_command *command = arg;
    command->exit = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        if (command->outputs[i].fd >= 0)
            output_drain(&command->outputs[i]);
    const struct output *out = &command->outputs[0];
    const struct output *errors = &command->outputs[1];
    const struct run_result answer = {
        .status = wait_status,
        .output = out->text ? out->text : "",
        .output_length = out->length,
        .errors = errors->text ? errors->text : "",
        .truncated = out->truncated || errors->truncated,
        .timed_out = command->timed_out,
    };
    done_ok(command->done, &answer);
    command_free(command);
}

static void command_failed(void *arg)
{
    struct run_command *command = arg;
    command->timer = NULL;
    done_fail(command->done, command->failure, &command->err);
    command_free(command);
}

static void command_late(void *arg)
{
    struct run_command *command = arg;
    command->timer = NULL;
    command->timed_out = true;
    kill(-command->pid, SIGKILL);
}

static void reaped(void *arg, int result, bool status_known, int wait_status)
{
    (void)arg;
    (void)result;
    (void)status_known;
    (void)wait_status;
}

/* Kills what is left of it; the watch that stays reaps it. */
static void command_cancel(struct host_request *request)
{
    struct run_command *command = container_of(request, struct run_command, request);
    if (command->exit) {
        kill(-command->pid, SIGKILL);
        linux_exit_watch(request->host, command->pid, reaped, NULL);
        command->exit->cancel(command->exit);
    }
    command_free(command);
}

/* The text as a file that can be read once, or /dev/null. */
static int open_input(const char *input)
{
    if (!input)
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
    int fd = linux_sealed_file("seatrial-input", input, strlen(input));
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

static char *const *base_environment(const struct run_request *request)
{
    return request->environment ? request->environment : environ;
}

static bool sets(char *const *variables, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;
    for (size_t i = 0; variables[i]; i++)
        if (strncmp(variables[i], entry, name) == 0)
            return true;
    return false;
}

/* What the request's variables make of the environment; NULL: it has none. Caller frees. */
static char **environment_of(const struct run_request *request)
{
    if (!request->variables)
        return NULL;
    char **changed = strv_copy(request->variables);
    char *const *base = base_environment(request);
    for (size_t i = 0; base[i]; i++)
        if (!sets(request->variables, base[i]))
            strv_add(&changed, base[i]);
    return changed;
}

static int start(struct run_command *command, const struct run_request *request, const int fds[3])
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    for (int i = 0; i < 3; i++)
        posix_spawn_file_actions_adddup2(&actions, fds[i], i);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (request->directory)
        posix_spawn_file_actions_addchdir_np(&actions, request->directory);
    _cleanup_strv_ char **changed = environment_of(request);
    char *const *environment = changed ? changed : base_environment(request);
    int error = posix_spawnp(&command->pid, request->argv[0], &actions, &attributes,
        request->argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

/* Pipes for the outputs and the start; our ends stay in the command. */
static int launch(struct run_command *command, const struct run_request *request)
{
    int pipes[2][2] = {{-1, -1}, {-1, -1}};
    int input = open_input(request->input);
    int result = input < 0 ? -EMFILE : 0;
    for (size_t i = 0; i < 2 && result == 0; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) < 0) {
            result = -errno;
            break;
        }
        fcntl(pipes[i][0], F_SETFL, O_NONBLOCK);
        command->outputs[i].fd = pipes[i][0];
    }
    if (result == 0) {
        const int fds[3] = {input, pipes[0][1], pipes[1][1]};
        result = start(command, request, fds);
    }
    for (size_t i = 0; i < 2; i++)
        if (pipes[i][1] >= 0)
            close(pipes[i][1]);
    if (input >= 0)
        close(input);
    return result;
}

struct host_request *linux_run(
    struct host *host, const struct run_request *request, struct done done)
{
    struct run_command *command = mem_alloc(sizeof(*command));
    command->request.host = host;
    command->request.cancel = command_cancel;
    command->done = done;
    command->limit = request->max_output_bytes ? request->max_output_bytes : DEFAULT_OUTPUT_BYTES;
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        command->outputs[i] = (struct output){.command = command, .fd = -1};
    command->failure = launch(command, request);
    if (command->failure < 0) {
        err_errno(&command->err, command->failure, "run %s", request->argv[0]);
        command->timer = loop_timer_start(host->loop, 0, command_failed, command);
        return &command->request;
    }
    for (size_t i = 0; i < ARRAY_SIZE(command->outputs); i++)
        command->outputs[i].watch = loop_fd_start(host->loop, command->outputs[i].fd,
            LOOP_READABLE, output_readable, &command->outputs[i]);
    if (request->timeout_ns)
        command->timer = loop_timer_start(host->loop, request->timeout_ns, command_late, command);
    command->exit = linux_exit_watch(host, command->pid, command_ended, command);
    return &command->request;
}
