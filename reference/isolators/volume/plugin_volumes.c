/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/volume/plugin_volumes.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/base/strbuf.h"
#include "reference/isolators/launch_build.h"
#include "reference/isolators/volume/plugin_volumes_state.h"
#include "reference/isolators/volume/target.h"
#include "reference/model/container_id.h"

/* The prepare or cleanup of one container, which waits for all its volumes. */
struct volumes_task {
    struct list node;
    struct plugin_volumes *volumes;
    char *id;
    struct done done;
    struct user_info user; /* who gets the volumes; uid 0: nobody */
    bool mounting;
    size_t pending;
    int result;
    struct strbuf failures;
};

/* One call of the plugin. Those for one volume stand in its queue, the first of them runs. */
struct volume_call {
    struct list node;
    struct volumes_task *task;
    struct plugin_volume volume;
};
struct volume_queue {
    struct plugin_volumes *volumes;
    char *key;
    struct list calls;
};

static struct plugin_volumes *volumes_of(struct isolator *isolator)
{
    return container_of(isolator, struct plugin_volumes, base);
}

/* --- who has what --- */

static bool is_used(const struct plugin_volumes *volumes, const struct plugin_volume *volume,
    const struct volumes_container *except)
{
    size_t cursor = 0;
    const char *id;
    void *value;

    while (strmap_next(volumes->containers, &cursor, &id, &value)) {
        const struct volumes_container *container = value;
        const struct container_volume *found =
            container == except ? NULL : volumes_container_find(container, volume);

        if (found && !found->failed)
            return true;
    }
    return false;
}

static bool has_child(const struct plugin_volumes *volumes, const char *id)
{
    size_t cursor = 0;
    const char *other;
    void *value;

    while (strmap_next(volumes->containers, &cursor, &other, &value)) {
        _cleanup_free_ char *parent = container_id_parent(other);

        if (str_equal(parent, id))
            return true;
    }
    return false;
}

/* --- tasks --- */

static struct volumes_task *task_new(
    struct plugin_volumes *volumes, const char *id, bool mounting, struct done done)
{
    struct volumes_task *task = mem_alloc(sizeof(*task));

    *task = (struct volumes_task){.volumes = volumes,
        .id = str_dup(id),
        .done = done,
        .mounting = mounting,
        .pending = 1};
    list_append(&volumes->tasks, &task->node);
    return task;
}

static void mounts_add(struct launch_info *info, const struct volumes_container *container)
{
    for (size_t i = 0; i < container->count; i++) {
        const struct container_volume *item = &container->items[i];

        launch_add_mount(info, item->mounted, item->target, NULL,
            MS_BIND | MS_REC | (item->read_only ? MS_RDONLY : 0UL), NULL);
    }
    launch_add_clone(info, NS_MNT);
}

/* The directory stays after a failure: the next agent tries again. */
static int cleanup_finish(struct volumes_task *task, struct err *err)
{
    _cleanup_free_ char *directory = volumes_state_directory(task->volumes, task->id);

    return host_tree_remove(task->volumes->base.host, directory, err);
}

static void task_end(struct volumes_task *task)
{
    const struct volumes_container *container = strmap_get(task->volumes->containers, task->id);
    struct done done = task->done;
    struct launch_info info = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    const bool mounting = task->mounting;
    int r = task->result;

    if (r < 0)
        err_set(&err, r, "%s", strbuf_text(&task->failures));
    else if (!mounting)
        r = cleanup_finish(task, &err);
    else if (container)
        mounts_add(&info, container);
    list_remove(&task->node);
    strbuf_release(&task->failures);
    user_info_release(&task->user);
    free(task->id);
    free(task);
    if (r == 0 && mounting)
        launch_done(done, &info);
    else
        done_result(done, r, &err);
}

/* One of those that the task waits for has ended; failures are all told, one a line. */
static void task_settle(struct volumes_task *task, int result, const struct err *err)
{
    if (result < 0) {
        task->result = task->result < 0 ? task->result : result;
        strbuf_addf(&task->failures, "%s%s", task->failures.length ? "\n" : "",
            err ? err_text(err) : strerror(-result));
    }
    if (--task->pending == 0)
        task_end(task);
}

/* --- calls of the plugin --- */

static void queue_run(struct volume_queue *queue);

static int mounted_note(
    struct volumes_task *task, const struct plugin_volume *volume, const char *where,
    struct err *err)
{
    struct plugin_volumes *volumes = task->volumes;
    struct volumes_container *container = strmap_get(volumes->containers, task->id);
    struct container_volume *item = volumes_container_find(container, volume);

    str_set(&item->mounted, where);
    if (task->user.uid == 0 || volumes->chown == PLUGIN_VOLUMES_CHOWN_NEVER ||
        (volumes->chown == PLUGIN_VOLUMES_CHOWN_UNUSED && is_used(volumes, volume, container)))
        return 0;
    return host_chown(
        volumes->base.host, where, task->user.uid, task->user.gid, false, err);
}

static void call_settle(struct volume_call *call, int result, const char *where,
    const struct err *from)
{
    struct volumes_task *task = call->task;
    struct volumes_container *container =
        strmap_get(task->volumes->containers, task->id);
    _cleanup_err_ struct err err = ERR_INIT;

    if (from)
        err_copy(&err, from);
    if (result == 0 && task->mounting)
        result = mounted_note(task, &call->volume, where, &err);
    else if (result < 0 && task->mounting)
        volumes_container_find(container, &call->volume)->failed =
            task->volumes->plugin->is_harmless(result);
    if (result < 0)
        err_wrap(&err, result, "%s volume \"%s\" of \"%s\"",
            task->mounting ? "mount" : "unmount", call->volume.name, call->volume.plugin);
    plugin_volume_release(&call->volume);
    free(call);
    task_settle(task, result, &err);
}

static void call_ended(void *arg, int result, const void *value, const struct err *from)
{
    struct volume_queue *queue = arg;
    struct volume_call *call = list_entry(queue->calls.next, struct volume_call, node);
    const bool ending = queue->volumes->ending;

    list_remove(&call->node);
    if (!ending && !list_empty(&queue->calls)) {
        call_settle(call, result, value, from);
        queue_run(queue);
        return;
    }
    if (!ending) {
        strmap_remove(queue->volumes->queues, queue->key);
        free(queue->key);
        free(queue);
    }
    call_settle(call, result, value, from);
}

static void queue_run(struct volume_queue *queue)
{
    struct plugin_volumes *volumes = queue->volumes;
    const struct volume_call *call = list_entry(queue->calls.next, struct volume_call, node);

    if (call->task->mounting)
        volumes->plugin->mount(volumes, &call->volume, DONE(call_ended, queue));
    else
        volumes->plugin->unmount(volumes, &call->volume, DONE(call_ended, queue));
}

static void call_add(struct volumes_task *task, const struct plugin_volume *volume)
{
    struct plugin_volumes *volumes = task->volumes;
    _cleanup_free_ char *key = str_printf("%s\n%s", volume->plugin, volume->name);
    struct volume_queue *queue = strmap_get(volumes->queues, key);
    struct volume_call *call = mem_alloc(sizeof(*call));
    const bool first = !queue;

    if (first) {
        queue = mem_alloc(sizeof(*queue));
        *queue = (struct volume_queue){.volumes = volumes, .key = str_dup(key)};
        list_init(&queue->calls);
        strmap_set(volumes->queues, key, queue);
    }
    call->task = task;
    plugin_volume_copy(&call->volume, volume);
    list_append(&queue->calls, &call->node);
    task->pending++;
    if (first)
        queue_run(queue);
}

/* --- prepare --- */

static int volume_add(struct plugin_volumes *volumes, struct volumes_container *container,
    const struct container_config *config, const struct volume *given, struct err *err)
{
    const json_t *message = volumes->plugin->message(given);
    struct container_volume *item;
    struct plugin_volume volume = {0};
    int r;

    if (!message)
        return 0;
    if (config->container_class == CONTAINER_CLASS_DEBUG)
        return err_set(
            err, -EINVAL, "a DEBUG container can't have volumes of %s", volumes->base.name);
    r = plugin_volume_parse(volumes->plugin, message, &volume, err);
    if (r < 0)
        return r;
    if (volumes_container_find(container, &volume))
        r = err_set(err, -EEXIST, "volume \"%s\" of \"%s\" is there twice", volume.name,
            volume.plugin);
    else if (volume.read_only_only && !volume_is_read_only(given))
        r = err_set(err, -EINVAL,
            "volume.mode: volume \"%s\" of \"%s\" can only be read, so it must be RO", volume.name,
            volume.plugin);
    if (r < 0) {
        plugin_volume_release(&volume);
        return r;
    }
    item = volumes_container_add(container, &volume);
    item->read_only = volume_is_read_only(given);
    return volume_target(volumes->base.host, &volumes->flags, config, given->container_path, true,
        &item->target, err);
}

static int user_find(struct volumes_task *task, const struct container_config *config,
    struct err *err)
{
    const struct plugin_volumes *volumes = task->volumes;
    const char *user = container_config_user(config);

    if (!user || !volumes->flags.switch_user || volumes->chown == PLUGIN_VOLUMES_CHOWN_NEVER)
        return 0;
    return host_user_lookup(volumes->base.host, user, &task->user, err);
}

static void prepare_all(struct plugin_volumes *volumes, struct volumes_container *container,
    const struct container_config *config, struct done done)
{
    struct volumes_task *task = task_new(volumes, container->id, true, done);
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    strmap_set(volumes->containers, container->id, container);
    r = user_find(task, config, &err);
    if (r == 0)
        r = volumes_state_write(volumes, container, &err);
    for (size_t i = 0; i < container->count; i++) {
        if (r == 0)
            call_add(task, &container->items[i].volume);
        else
            container->items[i].failed = true; /* nothing was asked of the plugin */
    }
    task_settle(task, r, &err);
}

static void volumes_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct plugin_volumes *volumes = volumes_of(isolator);
    const struct container_info *info = config->container_info;
    struct volumes_container *container;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    if (strmap_get(volumes->containers, id)) {
        done_error(done, -EEXIST, "container %s has already been prepared", id);
        return;
    }
    container = volumes_container_new(id);
    for (size_t i = 0; info && r == 0 && i < info->volumes_count; i++)
        r = volume_add(volumes, container, config, &info->volumes[i], &err);
    if (r == 0 && container->count > 0) {
        prepare_all(volumes, container, config, done);
        return;
    }
    volumes_container_free(container);
    done_result(done, r, &err);
}

/* --- cleanup --- */

/* The record goes first: what can't be unmounted now is not tried again for this container, but
 * for the next one that has the volume (MESOS-10126). */
static void container_cleanup(
    struct plugin_volumes *volumes, struct volumes_container *container, struct done done)
{
    struct volumes_task *task = task_new(volumes, container->id, false, done);

    strmap_remove(volumes->containers, container->id);
    for (size_t i = 0; i < container->count; i++) {
        const struct container_volume *item = &container->items[i];

        if (!item->failed && !is_used(volumes, &item->volume, container))
            call_add(task, &item->volume);
    }
    volumes_container_free(container);
    task_settle(task, 0, NULL);
}

static void volumes_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct plugin_volumes *volumes = volumes_of(isolator);
    struct volumes_container *container = strmap_get(volumes->containers, id);

    if (!container)
        done_ok(done, NULL);
    else if (has_child(volumes, id))
        done_error(done, -EBUSY, "container %s has a child with volumes of %s", id, isolator->name);
    else
        container_cleanup(volumes, container, done);
}

/* --- recover --- */

static void unknown_cleaned(void *arg, int result, const void *value, const struct err *err)
{
    const struct plugin_volumes *volumes = arg;

    (void)value;
    if (result < 0 && result != -ESHUTDOWN && result != -ECANCELED)
        log_warning("%s: an unknown container is left: %s", volumes->base.name,
            err ? err_text(err) : strerror(-result));
}

static void unknown_recover(
    struct plugin_volumes *volumes, const char *id, char *const *orphans)
{
    struct volumes_container *container = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = volumes_state_read(volumes, id, &container, &err);

    if (r < 0)
        log_warning("%s: left alone: %s", volumes->base.name, err_text(&err));
    if (!container)
        return;
    strmap_set(volumes->containers, id, container);
    if (!strv_contains(orphans, id)) /* those of the containerizer come to cleanup like any other */
        container_cleanup(volumes, container, DONE(unknown_cleaned, volumes));
}

static void volumes_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct plugin_volumes *volumes = volumes_of(isolator);
    _cleanup_strv_ char **names = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct volumes_container *container = NULL;

        r = volumes_state_read(volumes, states[i].id, &container, &err);
        if (container)
            strmap_set(volumes->containers, states[i].id, container);
    }
    if (r == 0 && host_list(isolator->host, volumes->directory, &names, NULL) == 0) {
        for (size_t i = 0; names[i]; i++) {
            if (!strmap_get(volumes->containers, names[i]))
                unknown_recover(volumes, names[i], orphans);
        }
    }
    done_result(done, r, &err);
}

/* --- birth and end --- */

static void queue_cancel(struct volume_queue *queue)
{
    list_for_each_safe(node, following, &queue->calls) {
        list_remove(node);
        call_settle(list_entry(node, struct volume_call, node), -ECANCELED, NULL, NULL);
    }
    free(queue->key);
    free(queue);
}

void plugin_volumes_release(struct plugin_volumes *volumes)
{
    size_t cursor = 0;
    const char *key;
    void *value;

    while (strmap_next(volumes->queues, &cursor, &key, &value))
        queue_cancel(value);
    cursor = 0;
    while (strmap_next(volumes->containers, &cursor, &key, &value))
        volumes_container_free(value);
    strmap_free(volumes->queues);
    strmap_free(volumes->containers);
    flags_release(&volumes->flags);
    free(volumes->directory);
}

static void volumes_free(struct isolator *isolator)
{
    struct plugin_volumes *volumes = volumes_of(isolator);

    volumes->ending = true;
    volumes->plugin->free(volumes);
}

const struct isolator_ops plugin_volumes_isolator_ops = {
    .recover = volumes_recover,
    .prepare = volumes_prepare,
    .cleanup = volumes_cleanup,
    .free = volumes_free,
};

void plugin_volumes_init(struct plugin_volumes *volumes, const struct isolator_context *context,
    const char *name, const struct plugin_volumes_ops *plugin, char *directory)
{
    volumes->base = (struct isolator){
        .ops = &plugin_volumes_isolator_ops, .name = name, .host = context->host};
    volumes->plugin = plugin;
    flags_copy(&volumes->flags, context->flags);
    volumes->directory = directory;
    volumes->containers = strmap_new();
    volumes->queues = strmap_new();
    list_init(&volumes->tasks);
}
