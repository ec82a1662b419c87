/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/hierarchy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/text.h"
#include "reference/base/mem.h"

/* The number of the hierarchy that has the controller: a line "4:memory:/path" in the text. */
static bool number_find(const char *cgroup, const char *controller, uint32_t *ret_number)
{
    _cleanup_strv_ char **lines = strv_split(cgroup, "\n");
    for (size_t i = 0; lines && lines[i]; i++) {
        char *names = strchr(lines[i], ':');
        char *end = names ? strchr(names + 1, ':') : NULL;
        if (!end)
            continue;
        *end = '\0';
        _cleanup_strv_ char **list = strv_split(names + 1, ",");
        if (list && strv_contains(list, controller)) {
            *ret_number = (uint32_t)strtoul(lines[i], NULL, 10);
            return true;
        }
    }
    return false;
}

static void hierarchy_add(struct hierarchy_list *list, const char *mount_point, uint32_t number,
    char **controllers)
{
    list->items = mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] =
        (struct hierarchy){number, str_dup(mount_point), controllers};
}

/* The options of a v1 mount that are controllers: those which have a hierarchy. */
static void add_v1(struct hierarchy_list *list, const char *mount_point, const char *options,
    const char *cgroup)
{
    _cleanup_strv_ char **words = strv_split(options, ",");
    char **controllers = NULL;
    uint32_t number = 0;
    for (size_t i = 0; words && words[i]; i++) {
        uint32_t one = 0;
        if (!number_find(cgroup, words[i], &one))
            continue;
        number = one;
        strv_add(&controllers, words[i]);
    }
    if (controllers && number != 0)
        hierarchy_add(list, mount_point, number, controllers);
    else
        strv_free(controllers);
}

/* A line: id parent major:minor root mount-point options [fields] - type source options. Only a
 * mount of the whole hierarchy tells paths below its root. */
static void parse_mount(struct hierarchy_list *list, char *line, const char *cgroup)
{
    char *tail = strstr(line, " - ");
    if (!tail)
        return;
    *tail = '\0';
    _cleanup_strv_ char **left = strv_split(line, " ");
    _cleanup_strv_ char **right = strv_split(tail + 3, " ");
    if (strv_length(left) < 5 || strv_length(right) < 3 || !str_equal(left[3], "/"))
        return;
    if (str_equal(right[0], "cgroup2"))
        hierarchy_add(list, left[4], 0, NULL);
    else if (str_equal(right[0], "cgroup"))
        add_v1(list, left[4], right[2], cgroup);
}

void hierarchies_parse(const char *mountinfo, const char *cgroup, struct hierarchy_list *list)
{
    *list = (struct hierarchy_list){0};
    _cleanup_strv_ char **lines = strv_split(mountinfo, "\n");
    for (size_t i = 0; lines && lines[i]; i++)
        parse_mount(list, lines[i], cgroup);
}

int hierarchies_read(struct hierarchy_list *list, struct err *err)
{
    _cleanup_free_ char *mountinfo = text_read("/proc/self/mountinfo");
    _cleanup_free_ char *cgroup = text_read("/proc/self/cgroup");
    if (!mountinfo || !cgroup)
        return err_errno(err, -errno, "read /proc/self/mountinfo and cgroup");
    hierarchies_parse(mountinfo, cgroup, list);
    return 0;
}

void hierarchies_release(struct hierarchy_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].mount_point);
        strv_free(list->items[i].controllers);
    }
    free(list->items);
    *list = (struct hierarchy_list){0};
}

const struct hierarchy *hierarchy_of(const struct hierarchy_list *list, const char *controller)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct hierarchy *one = &list->items[i];
        if (controller ? one->controllers && strv_contains(one->controllers, controller)
                       : !one->controllers)
            return one;
    }
    return NULL;
}

const struct hierarchy *hierarchy_of_path(
    const struct hierarchy_list *list, const char *path, const char **ret_below)
{
    const struct hierarchy *found = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < list->count; i++) {
        size_t length = strlen(list->items[i].mount_point);
        bool below = strncmp(path, list->items[i].mount_point, length) == 0 &&
                     (path[length] == '/' || path[length] == '\0');
        if (!below || length < longest)
            continue;
        found = &list->items[i];
        longest = length;
        *ret_below = path + length + strspn(path + length, "/");
    }
    return found;
}

int cgroup_id_read(const struct hierarchy *hierarchy, const char *cgroup, uint64_t *ret_id)
{
    _cleanup_free_ char *path = str_printf("%s/%s", hierarchy->mount_point, cgroup);
    struct stat info;
    if (stat(path, &info) < 0)
        return -errno;
    /* kernfs gives its id as the inode's number where that has 64 bits (kernfs_ino). */
    *ret_id = info.st_ino;
    return S_ISDIR(info.st_mode) ? 0 : -ENOTDIR;
}
