/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/launch/program.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"

/* All that a runtime needs of ours; the same for each, whatever the caller's is. */
static char *const environment[] = {
    (char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    (char *)(uintptr_t) "XDG_RUNTIME_DIR=/tmp", (char *)(uintptr_t) "HOME=/root", NULL};

char *program_find(const char *name, struct err *err)
{
    static const char *const directories[] = {
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        char *path = str_printf("%s/%s", directories[i], name);

        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    err_set(err, -ENOENT, "%s is not installed", name);
    return NULL;
}

static int spawn(char *const *argv, const char *output, const char *errors, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    int r;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0644);
    r = posix_spawn(ret_pid, argv[0], &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int await(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) != pid) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int program_start(
    const struct container *container, char *const *argv, pid_t *ret_pid, struct err *err)
{
    _cleanup_free_ char *errors = str_printf("%s/stderr", container->directory);
    int r = spawn(argv, container->output, errors, ret_pid);

    return r < 0 ? err_errno(err, r, "start %s", argv[0]) : 0;
}

int program_end(const struct container *container, const char *name, pid_t pid, struct err *err)
{
    const int status = await(pid);
    _cleanup_free_ char *path = str_printf("%s/stderr", container->directory);
    char line[300] = "";
    FILE *file;

    if (status == 0)
        return 0;
    file = fopen(path, "re");
    if (file && !fgets(line, sizeof(line), file))
        line[0] = '\0';
    if (file)
        fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return err_set(err, -EPROTO, "%s ended with status %d: %s", name, status, line);
}

int program_run(const struct container *container, char *const *argv, struct err *err)
{
    pid_t pid;
    int r = program_start(container, argv, &pid, err);

    return r < 0 ? r : program_end(container, argv[0], pid, err);
}

int program_quietly(char *const *argv)
{
    pid_t pid;
    int r = spawn(argv, "/dev/null", "/dev/null", &pid);

    return r < 0 ? r : await(pid);
}
