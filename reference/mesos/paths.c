/* SPDX-License-Identifier: Apache-2.0 */
/* Where a container's runtime directory and sandbox stand (containerizer.md 6.1, 6.3). */
#include "reference/mesos/checkpoint.h"
#include "reference/mesos/mesos.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

char *path_join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    size_t name_size = strlen(name) + 1;
    char *path = mem_alloc(length + 1 + name_size);
    memcpy(path, directory, length);
    path[length] = '/';
    memcpy(path + length + 1, name, name_size);
    return path;
}

char *mesos_runtime_path(const char *runtime_dir, const char *id)
{
    _cleanup_free_ char *below = container_id_path(id, "containers", CONTAINER_PATH_PREFIX);
    return path_join(runtime_dir, below);
}

char *mesos_runtime_file(const char *runtime_dir, const char *id, const char *file)
{
    _cleanup_free_ char *directory = mesos_runtime_path(runtime_dir, id);
    return path_join(directory, file);
}

char *mesos_sandbox_path(const char *root_sandbox, const char *id)
{
    const char *nested = strchr(id, '.');
    if (!nested)
        return str_dup(root_sandbox);
    _cleanup_free_ char *below = container_id_path(nested + 1, "containers", CONTAINER_PATH_PREFIX);
    return path_join(root_sandbox, below);
}

/* The rest of path below `directory`, without leading slashes; NULL when it is not inside. */
static const char *path_below(const char *path, const char *directory)
{
    size_t length = strlen(directory);
    while (length > 1 && directory[length - 1] == '/')
        length--;
    if (strncmp(path, directory, length) != 0)
        return NULL;
    if (path[length] != '\0' && path[length] != '/')
        return NULL;
    return path + length + strspn(path + length, "/");
}

int mesos_sandbox_parse(const char *root_id, const char *root_sandbox, const char *path,
    char **ret_id, struct err *err)
{
    const char *rest = path_below(path, root_sandbox);
    if (!rest)
        return err_set(err, -EINVAL, "%s is not in the sandbox %s of %s", path, root_sandbox,
            root_id);
    _cleanup_strv_ char **parts = strv_split(rest, "/");
    size_t count = strv_length(parts);
    if (strv_contains(parts, ".."))
        return err_set(err, -EINVAL, "%s: may not contain \"..\"", path);
    _cleanup_strbuf_ struct strbuf id = STRBUF_INIT;
    strbuf_add(&id, root_id);
    for (size_t i = 0; i + 1 < count && str_equal(parts[i], "containers"); i += 2)
        strbuf_addf(&id, ".%s", parts[i + 1]);
    *ret_id = strbuf_take(&id);
    return 0;
}
