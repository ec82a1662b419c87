/* SPDX-License-Identifier: Apache-2.0 */
/* Project ids of disk/xfs: which are taken, by what, and when they are free again. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/isolators/disk/xfs.h"

bool xfs_project_taken(const struct disk_xfs *xfs, int64_t project)
{
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(xfs->containers, &cursor, &id, &value)) {
        if (((const struct xfs_container *)value)->project == project)
            return true;
    }
    list_for_each(node, &xfs->known)
    {
        if (list_entry(node, struct xfs_known, node)->project == project)
            return true;
    }
    return false;
}

int64_t xfs_project_allocate(const struct disk_xfs *xfs)
{
    for (size_t i = 0; i < xfs->projects.count; i++) {
        for (int64_t p = xfs->projects.items[i].begin; p <= xfs->projects.items[i].end; p++) {
            if (!xfs_project_taken(xfs, p))
                return p;
        }
    }
    return 0;
}

void xfs_projects_count(const struct disk_xfs *xfs, json_int_t *ret_total, json_int_t *ret_free)
{
    *ret_total = *ret_free = 0;
    for (size_t i = 0; i < xfs->projects.count; i++) {
        for (int64_t p = xfs->projects.items[i].begin; p <= xfs->projects.items[i].end; p++) {
            ++*ret_total;
            *ret_free += !xfs_project_taken(xfs, p);
        }
    }
}

/* --- directories that keep theirs --- */

static void known_free(struct xfs_known *known)
{
    list_remove(&known->node);
    free(known->directory);
    free(known);
}

void xfs_known_free(struct disk_xfs *xfs)
{
    list_for_each_safe(node, following, &xfs->known)
        known_free(list_entry(node, struct xfs_known, node));
}

static void reclaim_due(void *arg, int result);

static void reclaim_arm(struct disk_xfs *xfs)
{
    if (!xfs->reclaim && !list_empty(&xfs->known))
        xfs->reclaim = host_timer(xfs->base.host, xfs->reclaim_ns, reclaim_due, xfs);
}

/* An id is free when nothing has it any more; its limits go first. */
static void reclaim_due(void *arg, int result)
{
    struct disk_xfs *xfs = arg;

    xfs->reclaim = NULL;
    if (result < 0)
        return;
    list_for_each_safe(node, following, &xfs->known) {
        struct xfs_known *known = list_entry(node, struct xfs_known, node);
        struct xfs_operation *operation;
        char **commands = NULL;

        if (host_file_exists(xfs->base.host, known->directory))
            continue;
        operation = xfs_operation_new(xfs, "", DONE_NONE);
        strv_add_owned(&commands,
            str_printf("limit -p bsoft=0 bhard=0 %" PRId64, known->project));
        xfs_quota_add(operation, xfs->work_dir, commands, NULL, NULL);
        known_free(known);
        xfs_operation_start(operation);
    }
    reclaim_arm(xfs);
}

void xfs_known_add(struct disk_xfs *xfs, const char *directory, int64_t project)
{
    struct xfs_known *known = mem_alloc(sizeof(*known));

    known->directory = str_dup(directory);
    known->project = project;
    list_append(&xfs->known, &known->node);
    reclaim_arm(xfs);
}

int64_t xfs_known_project(const struct disk_xfs *xfs, const char *directory)
{
    list_for_each(node, &xfs->known)
    {
        const struct xfs_known *known = list_entry(node, struct xfs_known, node);

        if (str_equal(known->directory, directory))
            return known->project;
    }
    return 0;
}

/* --- what lies on the disk --- */

/* The directories one level below each, of that name, or all: links lead elsewhere. */
static char **level_below(struct host *host, char *const *above, const char *name)
{
    char **below = NULL;

    for (; above && *above; above++) {
        _cleanup_strv_ char **names = NULL;

        if (host_list(host, *above, &names, NULL) < 0)
            continue;
        for (size_t i = 0; names[i]; i++) {
            _cleanup_free_ char *path = str_printf("%s/%s", *above, names[i]);
            struct file_info info;

            if ((str_equal(name, "*") || str_equal(name, names[i])) &&
                host_file_info(host, path, false, &info) == 0 && info.type == 'd')
                strv_add(&below, path);
        }
    }
    return below;
}

static void directories_add(const struct disk_xfs *xfs, const char *pattern, char ***all)
{
    _cleanup_strv_ char **levels = strv_split(pattern, "/");
    char **paths = NULL;

    strv_add(&paths, xfs->work_dir);
    for (size_t i = 0; levels[i]; i++) {
        char **below = level_below(xfs->base.host, paths, levels[i]);

        strv_free(paths);
        paths = below;
    }
    for (size_t i = 0; paths && paths[i]; i++)
        strv_add(all, paths[i]);
    strv_free(paths);
}

char **xfs_directories(const struct disk_xfs *xfs)
{
    char **all = NULL;

    directories_add(xfs, "slaves/*/frameworks/*/executors/*/runs/*", &all);
    directories_add(xfs, "volumes/roles/*/*", &all);
    return all;
}
