/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/program.h"

#include <string.h>

#include "reference/base/mem.h"

#define VARIABLE "PATH="

const char *program_path_variable(const struct host *host)
{
    for (char *const *entry = host->facts.environment; entry && *entry; entry++) {
        if (str_starts(*entry, VARIABLE))
            return *entry;
    }
    return VARIABLE "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

char *agent_program_find(struct host *host, const char *name)
{
    _cleanup_strv_ char **folders = NULL;

    if (strchr(name, '/'))
        return host_file_exists(host, name) ? str_dup(name) : NULL;
    folders = strv_split(program_path_variable(host) + strlen(VARIABLE), ":");
    for (size_t i = 0; folders && folders[i]; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", folders[i], name);

        if (host_file_exists(host, path))
            return TAKE_PTR(path);
    }
    return NULL;
}
