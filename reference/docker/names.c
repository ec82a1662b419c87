/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/docker/names.h"

#include <ctype.h>
#include <string.h>

#include "reference/base/mem.h"

#define EXECUTOR_SUFFIX ".executor"

char *docker_container_name(const char *id)
{
    return str_printf(DOCKER_NAME_PREFIX "%s", id);
}

char *docker_executor_name(const char *id)
{
    return str_printf(DOCKER_NAME_PREFIX "%s" EXECUTOR_SUFFIX, id);
}

/* 8-4-4-4-12 hexadecimal digits. */
static bool is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    if (strlen(text) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; text[i]; i++)
        if (form[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    return true;
}

bool docker_name_parse(const char *name, struct docker_name *ret_name)
{
    if (*name == '/')
        name++;
    if (!str_starts(name, DOCKER_NAME_PREFIX))
        return false;
    _cleanup_strv_ char **parts = strv_split(name + strlen(DOCKER_NAME_PREFIX), ".");
    size_t count = strv_length(parts);
    if (count == 0 || count > 3)
        return false;
    /* mesos-<id>, mesos-<id>.executor, or as it was: mesos-<agent>.<id>[.executor] */
    bool current = count == 1 || (count == 2 && str_equal(parts[1], "executor"));
    const char *id = parts[current ? 0 : 1];
    if (!is_uuid(id))
        return false;
    *ret_name = (struct docker_name){str_dup(id), str_ends(name, EXECUTOR_SUFFIX)};
    return true;
}

char *docker_sandbox_link(const char *work_dir, const char *directory, const char *id)
{
    if (!strchr(directory, ':'))
        return NULL;
    _cleanup_free_ char *agents = str_printf("%s/slaves/", work_dir);
    if (!str_starts(directory, agents))
        return str_printf("%s/docker/links/%s", work_dir, id);
    size_t length = strlen(agents);
    length += strcspn(directory + length, "/");
    return str_printf("%.*s/docker/links/%s", (int)length, directory, id);
}

char *docker_image_with_tag(const char *image)
{
    const char *slash = strrchr(image, '/');
    return str_printf("%s%s", image, strchr(slash ? slash : image, ':') ? "" : ":latest");
}
