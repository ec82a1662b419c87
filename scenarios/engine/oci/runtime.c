/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/oci/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"

char *runtime_find(const char *name)
{
    static const char sbin[] = "/usr/local/sbin:/usr/sbin:/sbin";
    const char *path = getenv("PATH");
    if (strchr(name, '/'))
        return access(name, X_OK) == 0 ? realpath(name, NULL) : NULL;
    _cleanup_free_ char *all = str_printf("%s:%s", path ? path : "", sbin);
    _cleanup_strv_ char **places = strv_split(all, ":");
    for (size_t i = 0; places && places[i]; i++) {
        char *found = str_printf("%s/%s", places[i], name);
        if (access(found, X_OK) == 0)
            return found;
        free(found);
    }
    return NULL;
}

static char *log_path(const struct runtime *runtime)
{
    return str_printf("%s/log", runtime->directory);
}

static char **arguments(const struct runtime *runtime, const char *const *words)
{
    char **argv = NULL;
    strv_add(&argv, runtime->program);
    strv_add_owned(&argv, str_printf("--root=%s/state", runtime->directory));
    strv_add_owned(&argv, str_printf("--log=%s/log", runtime->directory));
    strv_add(&argv, "--log-format=json");
    for (size_t i = 0; words[i]; i++)
        strv_add(&argv, words[i]);
    return argv;
}

/* The last that it logged as an error. */
static char *complaint(const struct runtime *runtime)
{
    _cleanup_free_ char *path = log_path(runtime);
    FILE *file = fopen(path, "re");
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    char *last = NULL;
    while (file && getline(&line, &size, file) >= 0) {
        json_t *entry = json_loads(line, 0, NULL);
        const char *level = json_string_value(json_object_get(entry, "level"));
        const char *text = json_string_value(json_object_get(entry, "msg"));
        if (text && level && strcmp(level, "error") == 0)
            str_set(&last, text);
        json_decref(entry);
    }
    if (file)
        fclose(file);
    return last;
}

_Noreturn static void become(char **argv, const int *fds)
{
    for (int i = 0; i < 3; i++) {
        int fd = fds ? fds[i] : open("/dev/null", i == 0 ? O_RDONLY : O_WRONLY);
        if (fd < 0 || dup2(fd, i) < 0)
            _exit(126);
    }
    execv(argv[0], argv);
    _exit(127);
}

int runtime_call(
    const struct runtime *runtime, const char *const *words, const int *fds, struct err *err)
{
    _cleanup_strv_ char **argv = arguments(runtime, words);
    _cleanup_free_ char *log = log_path(runtime);
    int status = 0;
    unlink(log);
    pid_t pid = fork();
    if (pid == 0)
        become(argv, fds);
    if (pid < 0)
        return err_errno(err, -errno, "fork for %s", runtime->program);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_errno(err, -errno, "wait for %s", runtime->program);
    if (status == 0)
        return 0;
    _cleanup_free_ char *said = complaint(runtime);
    if (said)
        return err_set(err, -ECHILD, "%s %s: %s", runtime->program, words[0], said);
    return err_set(err, -ECHILD, "%s %s ended with %d", runtime->program, words[0],
        WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}
