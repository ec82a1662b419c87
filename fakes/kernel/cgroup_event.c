/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: who is told when the content of an events file changes, when a cgroup goes, and when a
 * v1 cgroup becomes free (release agent). Watches are called from the loop, never from inside the
 * change; open files and the sink only take a note.
 */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_node.h"
#include "fakes/kernel/memory.h"

struct cgroup_event_sink {
    cgroup_event_fn fn;
    void *arg;
};

struct cgroup_notify {
    struct cgroup_listener listener;
    struct kernel *kernel;
    cgroup_notify_fn fn;
    void *arg;
    uint64_t count;     /* events since it was last called */
    int result;
    bool stopped;
    struct list due;    /* in world->notifications */
    struct memory_event *memory; /* v1 registration; NULL for a watch */
};

void cgroup_set_event_sink(struct kernel *kernel, cgroup_event_fn fn, void *arg)
{
    struct cgroup_world *world = kernel->cgroup_world;
    free(world->sink);
    world->sink = NULL;
    if (!fn)
        return;
    world->sink = mem_alloc(sizeof(*world->sink));
    *world->sink = (struct cgroup_event_sink){fn, arg};
}

void cgroup_listener_add(struct cgroup_listener *listener, struct cgroup *cgroup,
    const struct cgroup_file *file)
{
    listener->cgroup = cgroup_get(cgroup);
    listener->file = file;
    list_append(&cgroup->listeners, &listener->node);
}

void cgroup_listener_remove(struct cgroup_listener *listener)
{
    if (!listener->cgroup)
        return;
    list_remove(&listener->node);
    cgroup_put(listener->cgroup);
    listener->cgroup = NULL;
}

/* kernfs tells inotify of files only whose inode is in memory: nobody looked one up, then neither
 * it nor its directory has news (fs/kernfs/file.c, kernfs_notify_workfn). */
static bool has_inode(const struct cgroup *cgroup, const struct cgroup_file *file)
{
    const struct cgroup_file_slot *slot =
        cgroup_slot_find(cgroup->root, file->name, strlen(file->name));
    return slot && cgroup->looked_up & slot->event_bit;
}

void cgroup_file_modified(struct cgroup *cgroup, const struct cgroup_file *file)
{
    struct cgroup_event_sink *sink = cgroup_world_of(cgroup)->sink;
    if (sink && has_inode(cgroup, file)) {
        struct cgroup_event event = {CGROUP_EVENT_MODIFIED, {cgroup, file}};
        sink->fn(sink->arg, &event);
    }
}

void cgroup_file_raise(struct cgroup *cgroup, const struct cgroup_file *file)
{
    list_for_each_safe(node, following, &cgroup->listeners) {
        struct cgroup_listener *listener = list_entry(node, struct cgroup_listener, node);
        if (listener->file == file)
            listener->raised(listener, false);
    }
    cgroup_file_modified(cgroup, file);
}

/* The cgroup, or with `only` one of its files, is no more. */
void cgroup_listeners_gone(struct cgroup *cgroup, const struct cgroup_file *only)
{
    list_for_each_safe(node, following, &cgroup->listeners) {
        struct cgroup_listener *listener = list_entry(node, struct cgroup_listener, node);
        if (!only || listener->file == only)
            listener->raised(listener, true);
    }
    const struct cgroup_file_slot *slot =
        only ? cgroup_slot_find(cgroup->root, only->name, strlen(only->name)) : NULL;
    if (slot)
        cgroup->looked_up &= ~slot->event_bit;
}

static void notify_due(void *arg)
{
    struct kernel *kernel = arg;
    struct cgroup_world *world = kernel->cgroup_world;
    world->notifier = NULL;
    while (!list_empty(&world->notifications)) {
        struct cgroup_notify *notify =
            list_entry(world->notifications.next, struct cgroup_notify, due);
        list_remove(&notify->due);
        uint64_t count = notify->count;
        notify->count = 0;
        notify->fn(notify->arg, notify->result, count); /* may stop it */
    }
}

static void notify_queue(struct cgroup_notify *notify)
{
    struct cgroup_world *world = notify->kernel->cgroup_world;
    notify->count++;
    if (list_empty(&notify->due))
        list_append(&world->notifications, &notify->due);
    if (!world->notifier)
        world->notifier = loop_timer_start(notify->kernel->loop, 0, notify_due, notify->kernel);
}

static void watch_raised(struct cgroup_listener *listener, bool removed)
{
    struct cgroup_notify *notify = container_of(listener, struct cgroup_notify, listener);
    if (removed)
        notify->result = -ENODEV;
    notify_queue(notify);
}

static struct cgroup_notify *notify_new(
    struct kernel *kernel, cgroup_notify_fn fn, void *arg)
{
    struct cgroup_notify *notify = mem_alloc(sizeof(*notify));
    notify->kernel = kernel;
    notify->fn = fn;
    notify->arg = arg;
    notify->listener.raised = watch_raised;
    list_init(&notify->due);
    return notify;
}

int cgroup_file_watch(struct cgroup_root *root, const char *path, const char *file,
    cgroup_notify_fn fn, void *arg, struct cgroup_notify **ret_notify)
{
    struct cgroup_node node;
    int result = cgroup_node_find(root, path, file, &cgroup_caller_root, &node);
    if (result)
        return result;
    struct cgroup_notify *notify = notify_new(root->kernel, fn, arg);
    cgroup_listener_add(&notify->listener, node.cgroup, node.file);
    *ret_notify = notify;
    return 0;
}

static void memory_fired(void *arg, int result, uint64_t count)
{
    struct cgroup_notify *notify = arg;
    (void)count;
    notify->result = result;
    notify_queue(notify);
}

int cgroup_event_listen(struct cgroup_root *root, const char *path, const char *file,
    const char *arguments, cgroup_notify_fn fn, void *arg, struct cgroup_notify **ret_notify)
{
    struct cgroup_node node;
    int result = cgroup_node_find(root, path, file, &cgroup_caller_root, &node);
    if (result)
        return result;
    if (profile_files_have(cgroup_profile(node.cgroup)->mute_files, file))
        return -EOPNOTSUPP;
    struct cgroup_notify *notify = notify_new(root->kernel, fn, arg);
    result = memory_event_register(
        node.cgroup, node.file, arguments, memory_fired, notify, &notify->memory);
    if (result) {
        free(notify);
        return result;
    }
    *ret_notify = notify;
    return 0;
}

void cgroup_notify_stop(struct cgroup_notify *notify)
{
    if (!notify)
        return;
    list_remove(&notify->due);
    cgroup_listener_remove(&notify->listener);
    memory_event_unregister(notify->memory);
    free(notify);
}

void cgroup_notify_release_all(struct kernel *kernel)
{
    struct cgroup_world *world = kernel->cgroup_world;
    loop_timer_stop(kernel->loop, world->notifier);
    world->notifier = NULL;
    while (!list_empty(&world->notifications))
        list_remove(world->notifications.next);
    loop_timer_stop(kernel->loop, world->releaser);
    for (size_t i = 0; i < world->releases_count; i++)
        cgroup_put(world->releases[i]);
    free(world->releases);
    free(world->sink);
}

/* ---------------------------------------------------------------------- */

static bool released(const struct cgroup *cgroup)
{
    return cgroup->notify_on_release && !cgroup->dead && !cgroup_is_populated(cgroup) &&
           !cgroup->children_count;
}

static void run_agent(struct cgroup *cgroup)
{
    struct cgroup_root *root = cgroup->root;
    cgroup->release_pending = false;
    if (!released(cgroup) || !root->release_agent || !*root->release_agent)
        return;
    _cleanup_free_ char *path = cgroup_path_of(cgroup);
    strv_add_owned(&root->released, str_printf("%s /%s", root->release_agent, path));
    struct cgroup_event_sink *sink = root->kernel->cgroup_world->sink;
    if (sink) {
        struct cgroup_event event = {CGROUP_EVENT_RELEASED, {cgroup, NULL}};
        sink->fn(sink->arg, &event);
    }
}

static void run_agents(void *arg)
{
    struct kernel *kernel = arg;
    struct cgroup_world *world = kernel->cgroup_world;
    world->releaser = NULL;
    size_t count = world->releases_count;
    for (size_t i = 0; i < count; i++) {
        struct cgroup *cgroup = world->releases[i];
        run_agent(cgroup);
        cgroup_put(cgroup);
    }
    world->releases_count = 0;
}

void cgroup_release_check(struct cgroup *cgroup)
{
    if (cgroup->root->v2 || cgroup->release_pending || !released(cgroup))
        return;
    struct cgroup_world *world = cgroup_world_of(cgroup);
    cgroup->release_pending = true;
    world->releases = mem_grow(world->releases, &world->releases_capacity,
        world->releases_count + 1, sizeof(struct cgroup *));
    world->releases[world->releases_count++] = cgroup_get(cgroup);
    if (!world->releaser)
        world->releaser =
            loop_timer_start(cgroup_kernel(cgroup)->loop, 0, run_agents, cgroup_kernel(cgroup));
}
