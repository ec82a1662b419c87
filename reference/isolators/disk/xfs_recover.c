/* SPDX-License-Identifier: Apache-2.0 */
/* What disk/xfs finds at its start: whether there are quotas at all, and which directories have
 * projects. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/isolators/disk/xfs.h"

/* "Project quota state on … \n  Accounting: ON\n  Enforcement: OFF\n …": a file system that is only
 * accounted is enforced from now on. */
static int state_known(
    struct xfs_operation *operation, const char *subject, const char *output, struct err *err)
{
    struct disk_xfs *xfs = operation->xfs;
    char **commands = NULL;

    (void)subject;
    if (!strstr(output, "Accounting: ON"))
        return err_set(err, -ENOTSUP,
            "--work_dir: disk/xfs needs XFS mounted with prjquota, but \"%s\" has no project "
            "quotas",
            xfs->work_dir);
    if (strstr(output, "Enforcement: ON"))
        return 0;
    strv_add(&commands, "enable -p");
    xfs_quota_add(operation, xfs->work_dir, commands, NULL, NULL);
    return 0;
}

static int64_t project_parse(const struct disk_xfs *xfs, const char *output)
{
    long long project = 0;

    if (sscanf(output, "projid = %lld", &project) != 1 ||
        !ranges_contain(&xfs->projects, project) || xfs_project_taken(xfs, project))
        return 0;
    return project;
}

static int sandbox_known(
    struct xfs_operation *operation, const char *subject, const char *output, struct err *err)
{
    struct xfs_container *container = strmap_get(operation->xfs->containers, subject);

    (void)err;
    if (container)
        container->project = project_parse(operation->xfs, output);
    return 0;
}

static int directory_known(
    struct xfs_operation *operation, const char *subject, const char *output, struct err *err)
{
    const int64_t project = project_parse(operation->xfs, output);

    (void)err;
    if (project)
        xfs_known_add(operation->xfs, subject, project);
    return 0;
}

/* Those without an id of ours were started without this isolator, and get one now. */
static void all_known(struct xfs_operation *operation)
{
    struct disk_xfs *xfs = operation->xfs;
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(xfs->containers, &cursor, &id, &value)) {
        struct xfs_container *container = value;

        if (container->project)
            continue;
        container->project = xfs_project_allocate(xfs);
        if (container->project)
            xfs_sandbox_assign(operation, container);
    }
    xfs_operation_start(operation);
}

static bool is_sandbox(const struct disk_xfs *xfs, const char *directory)
{
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(xfs->containers, &cursor, &id, &value)) {
        if (str_equal(((const struct xfs_container *)value)->directory, directory))
            return true;
    }
    return false;
}

void xfs_recover(struct isolator *isolator, const struct container_state *states, size_t count,
    char *const *orphans, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    struct xfs_operation *operation = xfs_operation_new(xfs, "", done);
    _cleanup_strv_ char **directories = xfs_directories(xfs);
    char **commands = NULL;

    (void)orphans; /* their directories are among those that lie there */
    strv_add(&commands, "state -p");
    xfs_quota_add(operation, xfs->work_dir, commands, NULL, state_known);
    for (size_t i = 0; i < count; i++) {
        const struct container_config *config = states[i].config;

        if (!states[i].directory)
            continue;
        xfs_container_add(xfs, states[i].id, states[i].directory,
            config ? config->ephemeral_volumes : NULL, 0);
        xfs_project_ask(operation, states[i].directory, states[i].id, sandbox_known);
    }
    for (size_t i = 0; directories && directories[i]; i++) {
        if (!is_sandbox(xfs, directories[i]))
            xfs_project_ask(operation, directories[i], directories[i], directory_known);
    }
    operation->ended = all_known;
    xfs_operation_start(operation);
}
