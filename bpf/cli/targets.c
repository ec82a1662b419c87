/* SPDX-License-Identifier: Apache-2.0 */
/* What is watched: cgroups that were named, containers that were, or all that have a cgroup. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bpf/cli/cli.h"
#include "bpf/hierarchy.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/launchers/launcher.h"
#include "reference/model/container_id.h"

#define DEPTH_MAX 32 /* levels of nested containers that are looked for */

struct stats_targets {
    const struct stats_arguments *arguments;
    struct stats *stats;
    struct strmap *known;    /* id -> its directory, owned */
    struct strmap *reported; /* ids whose error was told */
    size_t count;
};

struct stats_targets *stats_targets_new(
    const struct stats_arguments *arguments, struct stats *stats)
{
    struct stats_targets *targets = mem_alloc(sizeof(*targets));
    targets->arguments = arguments;
    targets->stats = stats;
    targets->known = strmap_new();
    targets->reported = strmap_new();
    return targets;
}

void stats_targets_free(struct stats_targets *targets)
{
    if (!targets)
        return;
    size_t cursor = 0;
    const char *id = NULL;
    void *directory = NULL;
    while (strmap_next(targets->known, &cursor, &id, &directory))
        free(directory);
    strmap_free(targets->known);
    strmap_free(targets->reported);
    free(targets);
}

static bool is_there(const char *directory)
{
    struct stat info;
    return stat(directory, &info) == 0 && S_ISDIR(info.st_mode);
}

static char *directory_of(const struct stats_targets *targets, const char *cgroup)
{
    if (is_there(cgroup))
        return str_dup(cgroup);
    return str_printf("%s/%s", stats_mount_point(targets->stats), cgroup);
}

static void add(
    struct stats_targets *targets, const char *id, const char *cgroup, const char *parent)
{
    if (strmap_get(targets->known, id))
        return;
    _cleanup_err_ struct err err = ERR_INIT;
    if (stats_publish(targets->stats, id, cgroup, parent, &err) == 0) {
        strmap_set(targets->known, id, directory_of(targets, cgroup));
        return;
    }
    if (!strmap_get(targets->reported, id))
        fprintf(stderr, "seatrial stats: %s\n", err_text(&err));
    strmap_set(targets->reported, id, targets);
}

static void add_container(struct stats_targets *targets, const char *id)
{
    _cleanup_free_ char *cgroup = launcher_cgroup(targets->arguments->root, id);
    _cleanup_free_ char *parent = container_id_parent(id);
    add(targets, id, cgroup, parent);
}

/* All containers whose cgroups are below this one, parents first; bounded in depth. */
static void scan(struct stats_targets *targets, const char *cgroup, int depth)
{
    _cleanup_free_ char *path = str_printf("%s/%s", stats_mount_point(targets->stats), cgroup);
    DIR *directory = depth < DEPTH_MAX ? opendir(path) : NULL;
    if (!directory)
        return;
    _cleanup_strv_ char **names = NULL;
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            strv_add(&names, entry->d_name);
    closedir(directory);
    if (names)
        strv_sort(names);
    for (size_t i = 0; names && names[i]; i++) {
        _cleanup_free_ char *below = str_printf("%s/%s", cgroup, names[i]);
        _cleanup_free_ char *id = launcher_cgroup_parse_v1(targets->arguments->root, below);
        if (id && !str_equal(names[i], "leaf") && !str_equal(names[i], targets->arguments->root))
            add_container(targets, id);
        scan(targets, below, depth + 1);
    }
}

static void retire_gone(struct stats_targets *targets)
{
    size_t cursor = 0;
    const char *id = NULL;
    void *directory = NULL;
    targets->count = 0;
    while (strmap_next(targets->known, &cursor, &id, &directory)) {
        if (is_there(directory)) {
            targets->count++;
            continue;
        }
        stats_retire(targets->stats, id, NULL);
        strmap_remove(targets->known, id);
        free(directory);
    }
}

size_t stats_targets_update(struct stats_targets *targets)
{
    const struct stats_arguments *arguments = targets->arguments;
    for (size_t i = 0; arguments->cgroups && arguments->cgroups[i]; i++)
        add(targets, arguments->cgroups[i], arguments->cgroups[i], NULL);
    for (size_t i = 0; arguments->containers && arguments->containers[i]; i++)
        add_container(targets, arguments->containers[i]);
    if (!arguments->cgroups && !arguments->containers)
        scan(targets, arguments->root, 0);
    retire_gone(targets);
    return targets->count;
}
