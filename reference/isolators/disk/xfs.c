/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk/xfs: quotas of sandboxes and persistent volumes by XFS project ids (isolators.md 11). Root
 * containers only. A sandbox gives its id back when it is gone, and so does a volume; a volume that
 * is a mount of its own is only measured.
 */
#include "reference/isolators/disk/xfs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/isolators/filesystem/persistent_volume.h"
#include "reference/isolators/launch_build.h"

#define MEGABYTE (UINT64_C(1) << 20)

/* --- records --- */

static void check_arm(struct disk_xfs *xfs);

struct xfs_container *xfs_container_add(struct disk_xfs *xfs, const char *id,
    const char *directory, char *const *ephemeral, int64_t project)
{
    struct xfs_container *container = mem_alloc(sizeof(*container));

    container->id = str_dup(id);
    container->directory = str_dup(directory);
    container->ephemeral = strv_copy(ephemeral);
    container->project = project;
    strmap_set(xfs->containers, id, container);
    check_arm(xfs);
    return container;
}

static void container_free(struct xfs_container *container)
{
    if (container->watched)
        done_fail(container->watch, -ECANCELED, NULL);
    disk_paths_free(container->paths, container->paths_count);
    strv_free(container->ephemeral);
    free(container->directory);
    free(container->id);
    free(container);
}

static uint64_t sandbox_quota(const struct xfs_container *container)
{
    for (size_t i = 0; i < container->paths_count; i++) {
        if (container->paths[i].root_of_sandbox)
            return container->paths[i].quota_bytes;
    }
    return UINT64_MAX;
}

/* Where a volume lies on the host; NULL: it is none that has a quota of its own. Owned. */
static char *volume_directory(const struct disk_xfs *xfs, const struct disk_path *path)
{
    const struct resource *resource = path->resources.items;

    if (!path->volume || path->resources.count == 0 || !persistent_volume_is(resource))
        return NULL;
    return persistent_volume_source(xfs->work_dir, resource);
}

/* Any path of the file system that has the volume. */
static const char *volume_root(const struct disk_xfs *xfs, const struct disk_path *path)
{
    const struct disk_source *source = path->resources.items->disk->source;

    return source && source->root ? source->root : xfs->work_dir;
}

/* --- limits --- */

static char *limit_command(const struct disk_xfs *xfs, uint64_t quota_bytes, int64_t project)
{
    const bool limits = xfs->enforce && quota_bytes != UINT64_MAX;
    const uint64_t soft = limits ? quota_bytes : 0; /* 0: none */
    const uint64_t hard = limits && xfs->kill ? soft + xfs->headroom_bytes : soft;

    return str_printf(
        "limit -p bsoft=%" PRIu64 " bhard=%" PRIu64 " %" PRId64, soft, hard, project);
}

static void project_set(char ***commands, const char *directory, int64_t project)
{
    strv_add_owned(commands, str_printf("project -s -p %s %" PRId64, directory, project));
}

static void sandbox_limit(
    struct xfs_operation *operation, const struct xfs_container *container, char **commands)
{
    struct disk_xfs *xfs = operation->xfs;

    strv_add_owned(
        &commands, limit_command(xfs, sandbox_quota(container), container->project));
    xfs_quota_add(operation, xfs->work_dir, commands, NULL, NULL);
}

void xfs_sandbox_assign(struct xfs_operation *operation, const struct xfs_container *container)
{
    char **commands = NULL;

    project_set(&commands, container->directory, container->project);
    for (char *const *path = container->ephemeral; path && *path; path++)
        project_set(&commands, *path, container->project);
    sandbox_limit(operation, container, commands);
}

/* A volume keeps the project that it once got, whoever uses it. */
static int volume_limit(
    struct xfs_operation *operation, const struct disk_path *path, struct err *err)
{
    struct disk_xfs *xfs = operation->xfs;
    _cleanup_free_ char *directory = volume_directory(xfs, path);
    int64_t project;
    char **commands = NULL;

    if (!directory || path->mount_source)
        return 0;
    project = xfs_known_project(xfs, directory);
    if (!project) {
        project = xfs_project_allocate(xfs);
        if (!project)
            return err_set(err, -ENOSPC, "no project id of --xfs_project_range is free");
        xfs_known_add(xfs, directory, project);
        project_set(&commands, directory, project);
    }
    strv_add_owned(&commands, limit_command(xfs, path->quota_bytes, project));
    xfs_quota_add(operation, volume_root(xfs, path), commands, NULL, NULL);
    return 0;
}

static void volumes_limit(struct xfs_operation *operation, const struct xfs_container *container)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    for (size_t i = 0; r == 0 && i < container->paths_count; i++)
        r = volume_limit(operation, &container->paths[i], &err);
    if (r < 0)
        xfs_operation_end(operation, r, &err);
    else
        xfs_operation_start(operation);
}

static void paths_update(struct xfs_container *container, const struct resources *resources)
{
    disk_paths_update(&container->paths, &container->paths_count, container->directory,
        container->ephemeral, resources);
}

/* --- what is used --- */

/* "SOURCE USED SOFT HARD …", in KiB. */
static int used_known(
    struct xfs_operation *operation, const char *subject, const char *output, struct err *err)
{
    struct xfs_container *container = xfs_operation_container(operation);
    unsigned long long kib;

    (void)err;
    if (!container || sscanf(output, "%*s %llu", &kib) != 1)
        return 0;
    if (!subject)
        container->used_bytes = (struct opt_u64)OPT(kib * 1024);
    for (size_t i = 0; subject && i < container->paths_count; i++) {
        if (str_equal(container->paths[i].path, subject))
            container->paths[i].used_bytes = (struct opt_u64)OPT(kib * 1024);
    }
    return 0;
}

static void used_ask(
    struct xfs_operation *operation, const char *where, int64_t project, const char *subject)
{
    char **commands = NULL;

    strv_add_owned(&commands, str_printf("quota -p -N -b -v -n %" PRId64, project));
    xfs_quota_add(operation, where, commands, subject, used_known);
}

/* A mount of its own is used as much as its file system is. */
static void mount_measure(struct disk_xfs *xfs, struct disk_path *path)
{
    struct filesystem_info info;

    if (path->resources.count > 0 &&
        host_filesystem_info(xfs->base.host, volume_root(xfs, path), &info, NULL) == 0)
        path->used_bytes = (struct opt_u64)OPT(info.used_bytes);
}

static void measure(struct disk_xfs *xfs, struct xfs_container *container, struct done done,
    void (*ended)(struct xfs_operation *))
{
    struct xfs_operation *operation = xfs_operation_new(xfs, container->id, done);

    used_ask(operation, xfs->work_dir, container->project, NULL);
    for (size_t i = 0; i < container->paths_count; i++) {
        struct disk_path *path = &container->paths[i];
        _cleanup_free_ char *directory = volume_directory(xfs, path);
        const int64_t project = directory ? xfs_known_project(xfs, directory) : 0;

        if (path->mount_source)
            mount_measure(xfs, path);
        else if (project)
            used_ask(operation, volume_root(xfs, path), project, path->path);
    }
    operation->ended = ended;
    xfs_operation_start(operation);
}

/* --- checks --- */

/* In whole megabytes; of a volume with all that its resource says. */
static void limit_reached(struct xfs_container *container, const struct disk_path *path,
    uint64_t used_bytes, uint64_t quota_bytes)
{
    const double megabytes = (double)((used_bytes + MEGABYTE - 1) / MEGABYTE);
    struct limitation limitation = {0};

    limitation.message = str_printf("Disk usage (%" PRIu64 "B) exceeds quota (%" PRIu64 "B)",
        used_bytes, quota_bytes);
    limitation.reason = str_dup("REASON_CONTAINER_LIMITATION_DISK");
    if (path) {
        const struct resources one = {.items = path->resources.items, .count = 1};

        resources_copy(&limitation.resources, &one);
        limitation.resources.items[0].scalar = (struct opt_double){true, megabytes};
    } else {
        resources_add_scalar(&limitation.resources, "disk", megabytes);
    }
    container->watched = false;
    done_ok(container->watch, &limitation);
    json_type_release(&limitation_json, &limitation);
}

static void checked(struct xfs_operation *operation)
{
    struct xfs_container *container = xfs_operation_container(operation);

    if (container && container->watched && container->used_bytes.set &&
        container->used_bytes.value > sandbox_quota(container))
        limit_reached(
            container, NULL, container->used_bytes.value, sandbox_quota(container));
    for (size_t i = 0; container && container->watched && i < container->paths_count; i++) {
        const struct disk_path *path = &container->paths[i];

        if (path->volume && !path->mount_source && path->used_bytes.set &&
            path->used_bytes.value > path->quota_bytes)
            limit_reached(container, path, path->used_bytes.value, path->quota_bytes);
    }
    xfs_operation_end(operation, 0, NULL);
}

static void check_due(void *arg, int result)
{
    struct disk_xfs *xfs = arg;
    size_t cursor = 0;
    const char *id;
    void *container;

    xfs->check = NULL;
    if (result < 0)
        return;
    while (strmap_next(xfs->containers, &cursor, &id, &container))
        measure(xfs, container, DONE_NONE, checked);
    check_arm(xfs);
}

static void check_arm(struct disk_xfs *xfs)
{
    if (!xfs->check && xfs->enforce && xfs->kill && strmap_count(xfs->containers) > 0)
        xfs->check = host_timer(xfs->base.host, xfs->check_ns, check_due, xfs);
}

/* --- the calls --- */

static void xfs_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    const int64_t project = xfs_project_allocate(xfs);
    struct xfs_container *container;
    struct xfs_operation *operation;

    if (strmap_get(xfs->containers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    if (project == 0) {
        done_error(done, -ENOSPC, "no project id of --xfs_project_range is free");
        return;
    }
    container =
        xfs_container_add(xfs, id, config->directory, config->ephemeral_volumes, project);
    paths_update(container, &config->resources);
    operation = xfs_operation_new(xfs, id, done);
    xfs_sandbox_assign(operation, container);
    volumes_limit(operation, container);
}

static void xfs_watch(struct isolator *isolator, const char *id, struct done done)
{
    struct xfs_container *container =
        strmap_get(container_of(isolator, struct disk_xfs, base)->containers, id);

    if (!container) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    container->watched = true;
    container->watch = done;
}

static void xfs_update(struct isolator *isolator, const char *id, const struct resources *requests,
    const struct resource_limits *limits, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    struct xfs_container *container = strmap_get(xfs->containers, id);
    struct xfs_operation *operation;

    (void)limits;
    if (!container) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    paths_update(container, requests);
    operation = xfs_operation_new(xfs, id, done);
    sandbox_limit(operation, container, NULL);
    volumes_limit(operation, container);
}

static void used(struct xfs_operation *operation)
{
    const struct xfs_container *container = xfs_operation_container(operation);
    struct done done = operation->done;
    struct statistics statistics = {0};

    if (container) {
        disk_paths_volumes(container->paths, container->paths_count, &statistics);
        statistics.disk_used_bytes = container->used_bytes;
        if (sandbox_quota(container) != UINT64_MAX)
            statistics.disk_limit_bytes = (struct opt_u64)OPT(sandbox_quota(container));
    }
    operation->done = DONE_NONE;
    xfs_operation_end(operation, 0, NULL);
    done_ok(done, &statistics);
    json_type_release(&statistics_json, &statistics);
}

static void xfs_usage(struct isolator *isolator, const char *id, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    struct xfs_container *container = strmap_get(xfs->containers, id);

    if (container)
        measure(xfs, container, done, used);
    else
        done_error(done, -ENOENT, "unknown container %s", id);
}

static void xfs_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    struct xfs_container *container = strmap_remove(xfs->containers, id);

    if (container) {
        xfs_known_add(xfs, container->directory, container->project);
        container_free(container);
    }
    done_ok(done, NULL);
}

/* --- birth and end --- */

static void xfs_free(struct isolator *isolator)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    list_for_each_safe(node, following, &xfs->operations)
        xfs_operation_end(list_entry(node, struct xfs_operation, node), -ECANCELED, NULL);
    while (strmap_next(xfs->containers, &cursor, &id, &container))
        container_free(container);
    xfs_known_free(xfs);
    strmap_free(xfs->containers);
    host_cancel(xfs->check);
    host_cancel(xfs->reclaim);
    ranges_release(&xfs->projects);
    free(xfs->work_dir);
    free(xfs);
}

static void xfs_metrics(struct isolator *isolator, json_t *into)
{
    json_int_t total, free_ones;

    xfs_projects_count(container_of(isolator, struct disk_xfs, base), &total, &free_ones);
    json_object_set_new(
        into, "containerizer/mesos/disk/project_ids_total", json_integer(total));
    json_object_set_new(
        into, "containerizer/mesos/disk/project_ids_free", json_integer(free_ones));
}

static const struct isolator_ops xfs_ops = {
    .recover = xfs_recover,
    .prepare = xfs_prepare,
    .watch = xfs_watch,
    .update = xfs_update,
    .usage = xfs_usage,
    .cleanup = xfs_cleanup,
    .metrics = xfs_metrics,
    .free = xfs_free,
};

static int place_check(struct host *host, const char *what, const char *path, struct err *err)
{
    struct filesystem_info info;
    int r = host_filesystem_info(host, path, &info, err);

    if (r == 0 && !str_equal(info.type, "xfs"))
        r = err_set(err, -ENOTSUP, "%s: disk/xfs needs XFS, but \"%s\" is on %s", what, path,
            info.type);
    return r;
}

/* Volumes of PATH disks lie there too. */
static int disks_check(struct host *host, const char *text, struct err *err)
{
    struct resources resources = {0};
    int r = text ? resources_parse_text(text, &resources, err) : 0;

    for (size_t i = 0; r == 0 && i < resources.count; i++) {
        const struct resource_disk *disk = resources.items[i].disk;

        if (disk && disk->source && str_equal(disk->source->type, "PATH") && disk->source->root)
            r = place_check(host, "--resources", disk->source->root, err);
    }
    resources_release(&resources);
    return r;
}

static int settings_read(struct disk_xfs *xfs, const struct flags *flags, struct err *err)
{
    struct host *host = xfs->base.host;
    int r = place_check(host, "--work_dir", flags->work_dir, err);

    if (r == 0)
        r = disks_check(host, flags->resources, err);
    if (r == 0)
        r = ranges_parse(flags_other(flags, "xfs_project_range"), &xfs->projects, err);
    if (r == 0)
        r = bytes_parse(flags_other(flags, "xfs_quota_headroom"), &xfs->headroom_bytes, err);
    if (r == 0)
        r = duration_parse(flags_other(flags, "disk_watch_interval"), &xfs->reclaim_ns, err);
    return r;
}

int isolator_disk_xfs_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    const struct flags *flags = context->flags;
    struct disk_xfs *xfs = mem_alloc(sizeof(*xfs));
    int r;

    xfs->base = (struct isolator){.ops = &xfs_ops, .name = "disk/xfs", .host = context->host};
    xfs->work_dir = str_dup(flags->work_dir);
    xfs->enforce = flags->enforce_container_disk_quota;
    xfs->kill = flags_other_bool(flags, "xfs_kill_containers");
    xfs->check_ns = flags->container_disk_watch_interval_ns;
    xfs->containers = strmap_new();
    list_init(&xfs->known);
    list_init(&xfs->operations);
    r = settings_read(xfs, flags, err);
    if (r < 0) {
        xfs_free(&xfs->base);
        return r;
    }
    *ret_isolator = &xfs->base;
    return 0;
}
