/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk/du: measures sandboxes and volumes by `du`, one run at a time for the whole agent, and
 * limits those above their quota when told to (isolators.md 11). Root containers only.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/base/strbuf.h"
#include "reference/isolators/disk/paths.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/model/container_id.h"

struct disk_du;

struct du_container {
    struct disk_du *du;
    char *id;
    char *directory;
    char **ephemeral;
    struct disk_path *paths; /* what is measured, with quota and last result */
    size_t paths_count;
    bool watched;
    struct done watch;
};

struct disk_du {
    struct isolator base;
    uint64_t interval_ns;
    bool enforce;
    struct strmap *containers;
    struct host_request *run;   /* the running du */
    struct host_request *timer; /* until the next */
    char *current_id;           /* what the running du measures */
    char *current_path;
    uint64_t turn; /* counts measurements, so that every path gets its turn */
};

static void next_arm(struct disk_du *du);

static void du_container_free(struct du_container *container)
{
    strmap_remove(container->du->containers, container->id);
    if (container->watched) {
        container->watched = false;
        done_fail(container->watch, -ECANCELED, NULL);
    }
    disk_paths_free(container->paths, container->paths_count);
    strv_free(container->ephemeral);
    free(container->directory);
    free(container->id);
    free(container);
}

static void quota_exceeded(
    struct du_container *container, const struct disk_path *path, uint64_t used_bytes)
{
    struct limitation limitation = {0};

    limitation.message = str_printf("Disk usage (%lluB) exceeds quota (%lluB)",
        (unsigned long long)used_bytes, (unsigned long long)path->quota_bytes);
    limitation.reason = str_dup("REASON_CONTAINER_LIMITATION_DISK");
    resources_copy(&limitation.resources, &path->resources);
    if (container->watched) {
        container->watched = false;
        done_ok(container->watch, &limitation);
    }
    json_type_release(&limitation_json, &limitation);
}

/* Strictly above: equal is fine. Ephemeral paths count together with the sandbox. */
static void quota_check(struct du_container *container, const struct disk_path *measured)
{
    uint64_t used = measured->used_bytes.value;

    if (!container->du->enforce || measured->mount_source || measured->quota_bytes == UINT64_MAX)
        return;
    if (measured->sandbox) {
        used = 0;
        for (size_t i = 0; i < container->paths_count; i++)
            used += container->paths[i].sandbox ? container->paths[i].used_bytes.value : 0;
    }
    if (used > measured->quota_bytes)
        quota_exceeded(container, measured, used);
}

static struct disk_path *path_find(struct du_container *container, const char *path)
{
    for (size_t i = 0; container && i < container->paths_count; i++) {
        if (str_equal(container->paths[i].path, path))
            return &container->paths[i];
    }
    return NULL;
}

static void measured(void *arg, int result, const void *value, const struct err *err)
{
    struct disk_du *du = arg;
    const struct run_result *run = value;
    struct du_container *container = strmap_get(du->containers, du->current_id);
    struct disk_path *path = path_find(container, du->current_path);

    du->run = NULL;
    if (result == -ESHUTDOWN)
        return;
    if (result < 0 || run->status != 0) {
        log_warning(
            "du of %s failed: %s", du->current_path, result < 0 ? err_text(err) : run->errors);
    } else if (path) {
        path->used_bytes = (struct opt_u64)OPT(strtoull(run->output, NULL, 10) * 1024);
        path->last_turn = du->turn;
        quota_check(container, path);
    }
    next_arm(du);
}

/* "du -k -s [--exclude PATH]… PATH": volumes are measured by themselves, so not as part of the
 * sandbox. */
static char **du_command(const struct du_container *container, const struct disk_path *path)
{
    char **argv = NULL;

    strv_add(&argv, "du");
    strv_add(&argv, "-k");
    strv_add(&argv, "-s");
    for (size_t i = 0; path->root_of_sandbox && i < container->paths_count; i++) {
        if (!container->paths[i].volume)
            continue;
        strv_add(&argv, "--exclude");
        strv_add(&argv, container->paths[i].path);
    }
    strv_add(&argv, path->path);
    return argv;
}

/* The path whose turn is longest ago, over all containers. */
static struct disk_path *path_oldest(struct disk_du *du, struct du_container **ret_container)
{
    struct disk_path *oldest = NULL;
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(du->containers, &cursor, &id, &value)) {
        struct du_container *container = value;

        for (size_t i = 0; i < container->paths_count; i++) {
            if (oldest && container->paths[i].last_turn >= oldest->last_turn)
                continue;
            oldest = &container->paths[i];
            *ret_container = container;
        }
    }
    return oldest;
}

static void next_run(void *arg, int result)
{
    struct disk_du *du = arg;
    struct du_container *container = NULL;
    struct disk_path *path;
    struct file_info info;
    struct run_request request = {0};
    char **argv;

    du->timer = NULL;
    path = result < 0 ? NULL : path_oldest(du, &container);
    if (!path)
        return;
    du->turn++;
    path->last_turn = du->turn;
    str_set(&du->current_id, container->id);
    str_set(&du->current_path, path->path);
    argv = du_command(container, path);
    /* A symlink is measured by what it points to. */
    if (host_file_info(du->base.host, path->path, false, &info) == 0 && info.type == 'l') {
        const size_t last = strv_length(argv) - 1;
        char *slashed = str_printf("%s/", argv[last]);

        free(argv[last]);
        argv[last] = slashed;
    }
    request.argv = argv;
    du->run = host_run(du->base.host, &request, DONE(measured, du));
    strv_free(argv);
}

static void next_arm(struct disk_du *du)
{
    if (!du->timer && !du->run && strmap_count(du->containers) > 0)
        du->timer = host_timer(du->base.host, du->interval_ns, next_run, du);
}

static struct du_container *container_add(
    struct disk_du *du, const char *id, const char *directory, char *const *ephemeral)
{
    struct du_container *container = mem_alloc(sizeof(*container));

    container->du = du;
    container->id = str_dup(id);
    container->directory = str_dup(directory);
    container->ephemeral = strv_copy(ephemeral);
    strmap_set(du->containers, id, container);
    return container;
}

static void du_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct disk_du *du = container_of(isolator, struct disk_du, base);
    struct du_container *container;

    if (container_id_is_nested(id)) {
        done_ok(done, NULL);
        return;
    }
    if (strmap_get(du->containers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    container = container_add(du, id, config->directory, config->ephemeral_volumes);
    disk_paths_update(&container->paths, &container->paths_count, container->directory,
        container->ephemeral, &config->resources);
    next_arm(du);
    done_ok(done, NULL);
}

static void du_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct disk_du *du = container_of(isolator, struct disk_du, base);

    (void)orphans;
    for (size_t i = 0; i < count; i++) {
        const struct container_config *config = states[i].config;

        if (!container_id_is_nested(states[i].id))
            container_add(
                du, states[i].id, states[i].directory, config ? config->ephemeral_volumes : NULL);
    }
    done_ok(done, NULL);
}

static void du_watch(struct isolator *isolator, const char *id, struct done done)
{
    struct disk_du *du = container_of(isolator, struct disk_du, base);
    struct du_container *container = strmap_get(du->containers, id);

    if (!container && container_id_is_nested(id)) {
        container = container_add(du, id, NULL, NULL); /* never limits; only holds the watch */
    } else if (!container) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    container->watch = done;
    container->watched = true;
}

static void du_update(struct isolator *isolator, const char *id, const struct resources *requests,
    const struct resource_limits *limits, struct done done)
{
    struct disk_du *du = container_of(isolator, struct disk_du, base);
    struct du_container *container = strmap_get(du->containers, id);

    (void)limits;
    if (!container || container_id_is_nested(id)) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    disk_paths_update(&container->paths, &container->paths_count, container->directory,
        container->ephemeral, requests);
    next_arm(du);
    done_ok(done, NULL);
}

static void du_usage(struct isolator *isolator, const char *id, struct done done)
{
    struct disk_du *du = container_of(isolator, struct disk_du, base);
    struct du_container *container = strmap_get(du->containers, id);
    struct statistics statistics = {0};

    if (!container || container_id_is_nested(id)) {
        done_error(done, -ENOENT, "unknown container %s", id);
        return;
    }
    disk_paths_usage(container->paths, container->paths_count, &statistics);
    done_ok(done, &statistics);
    json_type_release(&statistics_json, &statistics);
}

static void du_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct disk_du *du = container_of(isolator, struct disk_du, base);
    struct du_container *container = strmap_get(du->containers, id);

    if (container)
        du_container_free(container);
    if (strmap_count(du->containers) == 0) {
        host_cancel(du->timer);
        du->timer = NULL;
    }
    done_ok(done, NULL);
}

static void du_free(struct isolator *isolator)
{
    struct disk_du *du = container_of(isolator, struct disk_du, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    host_cancel(du->timer);
    host_cancel(du->run);
    while (strmap_next(du->containers, &cursor, &id, &container))
        du_container_free(container);
    strmap_free(du->containers);
    free(du->current_id);
    free(du->current_path);
    free(du);
}

static const struct isolator_ops disk_du_ops = {
    .recover = du_recover,
    .prepare = du_prepare,
    .watch = du_watch,
    .update = du_update,
    .usage = du_usage,
    .cleanup = du_cleanup,
    .free = du_free,
};

int isolator_disk_du_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct disk_du *du = mem_alloc(sizeof(*du));

    (void)err;
    du->base = (struct isolator){.ops = &disk_du_ops, .name = "disk/du", .host = context->host};
    du->interval_ns = context->flags->container_disk_watch_interval_ns;
    du->enforce = context->flags->enforce_container_disk_quota;
    du->containers = strmap_new();
    *ret_isolator = &du->base;
    return 0;
}
