/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk/xfs: quotas of sandboxes by XFS project ids (isolators.md 11). The tools of xfsprogs do what
 * the kernel wants of the file system: xfs_quota assigns ids, sets limits and tells what is used,
 * xfs_io tells the id of a directory. Root containers only.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/ranges.h"

#define MEGABYTE (UINT64_C(1) << 20)

struct disk_xfs {
    struct isolator base;
    char *work_dir;
    struct ranges projects;
    bool enforce;
    bool kill; /* enforce by killing: a soft limit, checked now and then */
    uint64_t headroom_bytes;
    uint64_t check_ns;
    uint64_t reclaim_ns;
    struct strmap *containers; /* id -> struct xfs_container * */
    struct list retired;       /* struct xfs_retired: ended, whose directories are still there */
    struct list operations;    /* struct xfs_operation */
    struct host_request *check;
    struct host_request *reclaim;
};

struct xfs_container {
    char *id;
    char *directory;
    char **ephemeral; /* share its project */
    int64_t project;
    struct opt_u64 limit_bytes;
    bool watched;
    struct done watch;
};

struct xfs_retired {
    struct list node;
    char *directory;
    int64_t project;
};

/* One run of a tool; `fn` gets what it said, while the container is still known. */
struct xfs_operation {
    struct list node;
    struct disk_xfs *xfs;
    char *id; /* of the container */
    struct host_request *run;
    struct done done;
    void (*fn)(struct xfs_operation *operation, const struct run_result *run);
    /* recover: what is left of it */
    char **ids;
    size_t next;
};

/* --- running tools --- */

static void operation_end(struct xfs_operation *operation, int result, const struct err *err)
{
    struct done done = operation->done;

    list_remove(&operation->node);
    host_cancel(operation->run);
    strv_free(operation->ids);
    free(operation->id);
    free(operation);
    done_result(done, result, err);
}

static void operation_ran(void *arg, int result, const void *value, const struct err *from)
{
    struct xfs_operation *operation = arg;
    const struct run_result *run = value;
    _cleanup_err_ struct err err = ERR_INIT;

    operation->run = NULL;
    if (result < 0)
        operation_end(operation, result, from);
    else if (run->status != 0)
        operation_end(operation, err_set(&err, -EIO, "XFS quota of container %s: %s",
            operation->id, run->errors), &err);
    else
        operation->fn(operation, run);
}

static struct xfs_operation *operation_new(struct disk_xfs *xfs, const char *id, struct done done,
    void (*fn)(struct xfs_operation *, const struct run_result *))
{
    struct xfs_operation *operation = mem_alloc(sizeof(*operation));

    operation->xfs = xfs;
    operation->id = str_dup(id);
    operation->done = done;
    operation->fn = fn;
    list_append(&xfs->operations, &operation->node);
    return operation;
}

/* Takes the commands. */
static void quota_run(struct xfs_operation *operation, char **commands)
{
    struct disk_xfs *xfs = operation->xfs;
    _cleanup_strv_ char **argv = NULL;

    strv_add(&argv, "xfs_quota");
    strv_add(&argv, "-x");
    for (size_t i = 0; commands[i]; i++) {
        strv_add(&argv, "-c");
        strv_add(&argv, commands[i]);
    }
    strv_add(&argv, xfs->work_dir);
    strv_free(commands);
    const struct run_request request = {.argv = argv};
    operation->run = host_run(xfs->base.host, &request, DONE(operation_ran, operation));
}

static void nothing_more(struct xfs_operation *operation, const struct run_result *run)
{
    (void)run;
    operation_end(operation, 0, NULL);
}

/* --- project ids --- */

static bool project_taken(const struct disk_xfs *xfs, int64_t project)
{
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(xfs->containers, &cursor, &id, &value)) {
        const struct xfs_container *container = value;

        if (container->project == project)
            return true;
    }
    list_for_each_safe(node, following, &xfs->retired) {
        if (list_entry(node, struct xfs_retired, node)->project == project)
            return true;
    }
    return false;
}

/* The lowest free one; 0: none. */
static int64_t project_allocate(const struct disk_xfs *xfs)
{
    for (size_t i = 0; i < xfs->projects.count; i++) {
        for (int64_t p = xfs->projects.items[i].begin; p <= xfs->projects.items[i].end; p++) {
            if (!project_taken(xfs, p))
                return p;
        }
    }
    return 0;
}

/* --- limits --- */

/* The sandbox's own disk; volumes have paths, and are not its. */
static void limit_read(struct xfs_container *container, const struct resources *resources)
{
    container->limit_bytes = (struct opt_u64){0};
    for (size_t i = 0; i < resources->count; i++) {
        const struct resource *resource = &resources->items[i];

        if (!str_equal(resource->name, "disk") ||
            (resource->disk && resource->disk->container_path))
            continue;
        container->limit_bytes.set = true;
        container->limit_bytes.value += (uint64_t)(resource->scalar.value * (double)MEGABYTE);
    }
}

static char *limit_command(const struct disk_xfs *xfs, const struct xfs_container *container)
{
    const bool limits = xfs->enforce && container->limit_bytes.set;
    const uint64_t soft = limits ? container->limit_bytes.value : 0; /* 0: none */
    const uint64_t hard = limits && xfs->kill ? soft + xfs->headroom_bytes : soft;

    return str_printf("limit -p bsoft=%" PRIu64 " bhard=%" PRIu64 " %" PRId64, soft, hard,
        container->project);
}

static void assign_commands(
    const struct disk_xfs *xfs, const struct xfs_container *container, char ***commands)
{
    strv_add_owned(commands,
        str_printf("project -s -p %s %" PRId64, container->directory, container->project));
    for (char *const *path = container->ephemeral; path && *path; path++)
        strv_add_owned(
            commands, str_printf("project -s -p %s %" PRId64, *path, container->project));
    strv_add_owned(commands, limit_command(xfs, container));
}

/* "SOURCE USED SOFT HARD …", in KiB. */
static bool used_parse(const char *output, uint64_t *ret_bytes)
{
    unsigned long long kib;

    if (sscanf(output, "%*s %llu", &kib) != 1)
        return false;
    *ret_bytes = kib * 1024;
    return true;
}

static char **used_commands(const struct xfs_container *container)
{
    char **commands = NULL;

    strv_add_owned(&commands, str_printf("quota -p -N -b -v -n %" PRId64, container->project));
    return commands;
}

/* --- checks and reclaims --- */

static void limit_reached(struct xfs_container *container, uint64_t used_bytes)
{
    struct limitation limitation = {0};

    limitation.message = str_printf("Disk usage (%" PRIu64 "B) exceeds quota (%" PRIu64 "B)",
        used_bytes, container->limit_bytes.value);
    limitation.reason = str_dup("REASON_CONTAINER_LIMITATION_DISK");
    resources_add_scalar(&limitation.resources, "disk",
        (double)((used_bytes + MEGABYTE - 1) / MEGABYTE));
    container->watched = false;
    done_ok(container->watch, &limitation);
    json_type_release(&limitation_json, &limitation);
}

static void checked(struct xfs_operation *operation, const struct run_result *run)
{
    struct xfs_container *container = strmap_get(operation->xfs->containers, operation->id);
    uint64_t used_bytes;

    if (container && container->watched && container->limit_bytes.set &&
        used_parse(run->output, &used_bytes) && used_bytes > container->limit_bytes.value)
        limit_reached(container, used_bytes);
    operation_end(operation, 0, NULL);
}

static void check_due(void *arg, int result);

static void check_arm(struct disk_xfs *xfs)
{
    if (!xfs->check && xfs->enforce && xfs->kill && strmap_count(xfs->containers) > 0)
        xfs->check = host_timer(xfs->base.host, xfs->check_ns, check_due, xfs);
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
        quota_run(operation_new(xfs, id, DONE_NONE, checked), used_commands(container));
    check_arm(xfs);
}

static void reclaim_due(void *arg, int result);

static void reclaim_arm(struct disk_xfs *xfs)
{
    if (!xfs->reclaim && !list_empty(&xfs->retired))
        xfs->reclaim = host_timer(xfs->base.host, xfs->reclaim_ns, reclaim_due, xfs);
}

static void retired_free(struct xfs_retired *retired)
{
    list_remove(&retired->node);
    free(retired->directory);
    free(retired);
}

/* An id is free when nothing has it any more; its limits go first. */
static void reclaim_due(void *arg, int result)
{
    struct disk_xfs *xfs = arg;

    xfs->reclaim = NULL;
    if (result < 0)
        return;
    list_for_each_safe(node, following, &xfs->retired) {
        struct xfs_retired *retired = list_entry(node, struct xfs_retired, node);
        char **commands = NULL;

        if (host_file_exists(xfs->base.host, retired->directory))
            continue;
        strv_add_owned(&commands,
            str_printf("limit -p bsoft=0 bhard=0 %" PRId64, retired->project));
        quota_run(operation_new(xfs, "", DONE_NONE, nothing_more), commands);
        retired_free(retired);
    }
    reclaim_arm(xfs);
}

/* --- the calls --- */

static struct xfs_container *container_add(struct disk_xfs *xfs, const char *id,
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
    strv_free(container->ephemeral);
    free(container->directory);
    free(container->id);
    free(container);
}

static void xfs_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    const int64_t project = project_allocate(xfs);
    struct xfs_container *container;
    char **commands = NULL;

    if (strmap_get(xfs->containers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    if (project == 0) {
        done_error(done, -ENOSPC, "no project id of --xfs_project_range is free");
        return;
    }
    container = container_add(xfs, id, config->directory, config->ephemeral_volumes, project);
    limit_read(container, &config->resources);
    assign_commands(xfs, container, &commands);
    quota_run(operation_new(xfs, id, done, nothing_more), commands);
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
    char **commands = NULL;

    (void)limits;
    if (!container) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    limit_read(container, requests);
    strv_add_owned(&commands, limit_command(xfs, container));
    quota_run(operation_new(xfs, id, done, nothing_more), commands);
}

static void used(struct xfs_operation *operation, const struct run_result *run)
{
    const struct xfs_container *container =
        strmap_get(operation->xfs->containers, operation->id);
    struct done done = operation->done;
    struct statistics statistics = {0};

    statistics.disk_used_bytes.set = used_parse(run->output, &statistics.disk_used_bytes.value);
    if (container)
        statistics.disk_limit_bytes = container->limit_bytes;
    operation->done = DONE_NONE;
    operation_end(operation, 0, NULL);
    done_ok(done, &statistics);
}

static void xfs_usage(struct isolator *isolator, const char *id, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    const struct xfs_container *container = strmap_get(xfs->containers, id);

    if (container)
        quota_run(operation_new(xfs, id, done, used), used_commands(container));
    else
        done_error(done, -ENOENT, "unknown container %s", id);
}

static void xfs_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    struct xfs_container *container = strmap_remove(xfs->containers, id);

    if (container) {
        struct xfs_retired *retired = mem_alloc(sizeof(*retired));

        retired->directory = str_dup(container->directory);
        retired->project = container->project;
        list_append(&xfs->retired, &retired->node);
        container_free(container);
        reclaim_arm(xfs);
    }
    done_ok(done, NULL);
}

/* --- recover: the id of each sandbox, one after the other --- */

static void recover_next(struct xfs_operation *operation);

static void recover_assigned(struct xfs_operation *operation, const struct run_result *run)
{
    (void)run;
    recover_next(operation);
}

/* "projid = N". One without an id of ours was started without this isolator, and gets one now. */
static void recover_read(struct xfs_operation *operation, const struct run_result *run)
{
    struct disk_xfs *xfs = operation->xfs;
    struct xfs_container *container = strmap_get(xfs->containers, operation->id);
    char **commands = NULL;
    long long project = 0;

    if (sscanf(run->output, "projid = %lld", &project) == 1 &&
        ranges_contain(&xfs->projects, project) && !project_taken(xfs, project)) {
        container->project = project;
        recover_next(operation);
        return;
    }
    container->project = project_allocate(xfs);
    assign_commands(xfs, container, &commands);
    operation->fn = recover_assigned;
    quota_run(operation, commands);
}

static void recover_next(struct xfs_operation *operation)
{
    struct disk_xfs *xfs = operation->xfs;
    const char *id = operation->ids ? operation->ids[operation->next] : NULL;
    const struct xfs_container *container = id ? strmap_get(xfs->containers, id) : NULL;

    if (!container) {
        operation_end(operation, 0, NULL);
        return;
    }
    operation->next++;
    str_set(&operation->id, id);
    operation->fn = recover_read;
    const char *const argv[] = {"xfs_io", "-r", "-c", "lsproj", container->directory, NULL};
    const struct run_request request = {.argv = (char *const *)(uintptr_t)argv};
    operation->run = host_run(xfs->base.host, &request, DONE(operation_ran, operation));
}

static void xfs_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    struct xfs_operation *operation = operation_new(xfs, "", done, recover_read);

    (void)orphans; /* their ids are read again when they are in the way: they are not recovered */
    for (size_t i = 0; i < count; i++) {
        const struct container_config *config = states[i].config;

        if (!states[i].directory)
            continue;
        container_add(xfs, states[i].id, states[i].directory,
            config ? config->ephemeral_volumes : NULL, 0);
        strv_add(&operation->ids, states[i].id);
    }
    recover_next(operation);
}

/* --- birth and end --- */

static void xfs_free(struct isolator *isolator)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    list_for_each_safe(node, following, &xfs->operations)
        operation_end(list_entry(node, struct xfs_operation, node), -ECANCELED, NULL);
    while (strmap_next(xfs->containers, &cursor, &id, &container))
        container_free(container);
    list_for_each_safe(node, following, &xfs->retired)
        retired_free(list_entry(node, struct xfs_retired, node));
    strmap_free(xfs->containers);
    host_cancel(xfs->check);
    host_cancel(xfs->reclaim);
    ranges_release(&xfs->projects);
    free(xfs->work_dir);
    free(xfs);
}

static void xfs_metrics(struct isolator *isolator, json_t *into)
{
    struct disk_xfs *xfs = container_of(isolator, struct disk_xfs, base);
    json_int_t total = 0, free_ones = 0;

    for (size_t i = 0; i < xfs->projects.count; i++) {
        for (int64_t p = xfs->projects.items[i].begin; p <= xfs->projects.items[i].end; p++) {
            total++;
            free_ones += !project_taken(xfs, p);
        }
    }
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

static int settings_read(struct disk_xfs *xfs, const struct flags *flags, struct err *err)
{
    struct filesystem_info info;
    int r = host_filesystem_info(xfs->base.host, flags->work_dir, &info, err);

    if (r == 0 && !str_equal(info.type, "xfs"))
        r = err_set(err, -ENOTSUP, "--work_dir: disk/xfs needs XFS, but \"%s\" is on %s",
            flags->work_dir, info.type);
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
    list_init(&xfs->retired);
    list_init(&xfs->operations);
    r = settings_read(xfs, flags, err);
    if (r < 0) {
        xfs_free(&xfs->base);
        return r;
    }
    *ret_isolator = &xfs->base;
    return 0;
}
