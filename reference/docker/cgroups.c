/* SPDX-License-Identifier: Apache-2.0 */
/* In which cgroups a docker container's process is. */
#include <errno.h>
#include <string.h>

#include "reference/docker/docker_container.h"

/* The controllers of a line "4:cpu,cpuacct:/docker/1f" contain this one. */
static bool line_names(const char *line, const char *controller, const char **ret_path)
{
    const char *names = strchr(line, ':');
    const char *path = names ? strchr(names + 1, ':') : NULL;
    if (!path)
        return false;
    _cleanup_free_ char *list = str_ndup(names + 1, (size_t)(path - names - 1));
    _cleanup_strv_ char **items = strv_split(list, ",");
    *ret_path = path + 1;
    return strv_contains(items, controller);
}

int docker_cgroup_of(
    struct host *host, pid_t pid, const char *controller, char **ret_path, struct err *err)
{
    _cleanup_free_ char *file = str_printf("/proc/%d/cgroup", (int)pid);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r = host_file_read(host, file, &text, &length, err);
    if (r < 0)
        return r;
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    *ret_path = NULL;
    for (size_t i = 0; lines && lines[i]; i++) {
        const char *path = NULL;
        if (!line_names(lines[i], controller, &path))
            continue;
        *ret_path = str_dup(path + strspn(path, "/"));
        return 0;
    }
    return 0;
}
