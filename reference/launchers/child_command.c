/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: the commands before, and the container's (launchers.md 5, stages 12, 23, 25). */
#include "reference/launchers/child.h"
#include "reference/launchers/child_call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL "/bin/sh"

static char *const *as_exec(const char *const *strings)
{
    return (char *const *)(uintptr_t)strings;
}

static bool is_executable(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* The value of NAME in a list of "NAME=value". */
static const char *variable(const char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; environment && *environment; environment++)
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    return NULL;
}

/* A program without a slash is searched in the working directory first, then in PATH. */
static const char *resolve(const char *program, const char *const *environment, char *buffer,
    size_t size)
{
    if (strchr(program, '/'))
        return program;
    snprintf(buffer, size, "./%s", program);
    if (is_executable(buffer))
        return buffer;
    const char *path = variable(environment, "PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        if (length > 0 && (size_t)snprintf(buffer, size, "%.*s/%s", (int)length, path, program) <
                              size && is_executable(buffer))
            return buffer;
        path += length + (path[length] == ':');
    }
    return program;
}

int child_run(const char *program, const char *const *arguments)
{
    pid_t pid = fork();
    if (pid < 0)
        return -1;
    if (pid == 0) {
        char buffer[4096];
        child_signals_default();
        execve(resolve(program, (const char *const *)environ, buffer, sizeof(buffer)),
            as_exec(arguments), environ);
        dprintf(STDERR_FILENO, "seatrial-init: run %s: %s\n", program, strerror(errno));
        _exit(127);
    }
    int status;
    pid_t ended;
    do
        ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    return ended < 0 ? -1 : status;
}

void child_pre_exec(const struct child_plan *plan)
{
    const char **command = plan->pre_exec;
    while (command && *command) {
        size_t count = strtoul(command[1], NULL, 10);
        const char **arguments = calloc(count + 1, sizeof(*arguments));
        if (!arguments)
            child_fail(ENOMEM, "run %s", command[0]);
        memcpy(arguments, command + 2, count * sizeof(*arguments));
        int status = child_run(command[0], arguments);
        if (status < 0)
            child_fail(errno, "run %s", command[0]);
        if (status != 0)
            child_fail(0, "pre-exec command %s ended with %s %d", command[count + 1],
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        free(arguments);
        command += 2 + count;
    }
}

/* Whatever the agent was started with comes this far, when it was not close-on-exec. */
static void close_others(void)
{
    if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
        return;
    for (int fd = STDERR_FILENO + 1; fd < OLD_FDS_MAX; fd++) /* before 5.9 */
        close(fd);
}

void child_exec(const struct child_plan *plan)
{
    const char *const *environment = plan->flags & CHILD_HAS_ENVIRONMENT
                                         ? plan->environment
                                         : (const char *const *)environ;
    char buffer[4096];
    const char *program = plan->flags & CHILD_SHELL
                              ? SHELL
                              : resolve(plan->program, environment, buffer, sizeof(buffer));
    close_others();
    execve(program, as_exec(plan->arguments), as_exec(environment));
    dprintf(STDERR_FILENO, "seatrial-init: execute %s: %s\n", program, strerror(errno));
    _exit(1);
}
