/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroups isolator on v1: one cgroup per container in each subsystem's hierarchy (isolators.md
 * 3). */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/cgroups/cgroup_removal.h"
#include "reference/isolators/cgroups/subsystem.h"
#include "reference/isolators/launch_build.h"

/* Co-mounted subsystems share a hierarchy: work per hierarchy happens for the first of them only.
 */
static bool is_first_of_hierarchy(const struct cgroups_object *object, unsigned index)
{
    for (unsigned i = 0; i < index; i++) {
        if (object->subsystems[i].hierarchy == object->subsystems[index].hierarchy)
            return false;
    }
    return true;
}

#define for_each_hierarchy(subsystem, object)                                                      \
    for (struct cgroup_subsystem *subsystem = (object)->subsystems;                                \
         subsystem < (object)->subsystems + (object)->count; subsystem++)                          \
        if (is_first_of_hierarchy((object), subsystem->index))

/* Nested containers share by default; their own cgroups are for direct children of a root only. */
static int sharing(
    const char *id, const struct container_config *config, bool *ret_shared, struct err *err)
{
    *ret_shared = container_id_is_nested(id) && container_config_shares_cgroups(config);
    if (*ret_shared || !container_id_is_nested(id))
        return 0;
    if (config->container_class == CONTAINER_CLASS_DEBUG)
        return err_set(err, -EINVAL, "a DEBUG container can't have cgroups of its own");
    if (container_id_depth(id) > 2)
        return err_set(
            err, -EINVAL, "only direct children of a root container can have cgroups of their own");
    return 0;
}

static int level_copy(struct cgroup_fs *fs, const char *parent, const char *path, struct err *err)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *text = NULL;

        r = cgroup_read(fs, parent, files[i], &text, err);
        if (r == 0)
            r = cgroup_write(fs, path, files[i], text, err);
    }
    return r;
}

/* No task may enter a cpuset without cpus and mems: each new level gets its parent's (CG-36). */
static int cpuset_create(struct cgroup_fs *fs, const char *path, struct err *err)
{
    _cleanup_free_ char *parent = str_dup("");
    const char *end = path;
    int r = 0;

    while (r == 0 && end) {
        char *level;

        end = strchr(end, '/');
        level = end ? str_ndup(path, (size_t)(end - path)) : str_dup(path);
        end = end ? end + 1 : NULL;
        if (!cgroup_exists(fs, level)) {
            r = cgroup_create(fs, level, err);
            if (r == 0)
                r = level_copy(fs, parent, level, err);
        }
        free(parent);
        parent = level;
    }
    return r;
}

static int level_create(const struct cgroup_subsystem *subsystem, const char *path, struct err *err)
{
    if (strv_contains(subsystem->hierarchy->controllers, "cpuset"))
        return cpuset_create(subsystem->fs, path, err);
    return cgroup_create_recursive(subsystem->fs, path, err);
}

int cgroups_v1_start(struct cgroups_object *object, struct err *err)
{
    for_each_hierarchy(subsystem, object)
    {
        int r = level_create(subsystem, object->flags.cgroups_root, err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int hierarchy_create(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    const struct user_info *owner, struct err *err)
{
    const bool levels = strv_contains(subsystem->hierarchy->controllers, "cpuset");
    int r = levels && cgroup_exists(subsystem->fs, container->path) ? -EEXIST : -ENOENT;

    /* Usually the cgroup above is there: then this is the only call. */
    if (!levels)
        r = cgroup_create(subsystem->fs, container->path, err);
    if (r == -EEXIST)
        return err_set(err, -EEXIST, "the cgroup %s already exists in %s", container->path,
            subsystem->hierarchy->name);
    container->owned |= 1u << subsystem->index;
    if (r == -ENOENT) {
        err_clear(err);
        r = level_create(subsystem, container->path, err);
    }
    if (r == 0 && owner)
        r = cgroup_chown(subsystem->fs, container->path, NULL, owner->uid, owner->gid, err);
    return r;
}

static int v1_create(
    struct cgroup_container *container, const struct container_config *config, struct err *err)
{
    struct cgroups_object *object = container->object;
    const char *user = cgroups_object_owner(object, config);
    struct user_info owner = {0};
    int r = user ? host_user_lookup(object->base.host, user, &owner, err) : 0;

    container->active = (1u << object->count) - 1;
    for_each_hierarchy(subsystem, object)
    {
        if (r == 0)
            r = hierarchy_create(subsystem, container, user ? &owner : NULL, err);
    }
    if (r == 0)
        r = cgroup_container_prepare(container, config, err);
    user_info_release(&owner);
    return r;
}

static void v1_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    bool shared = false;
    int r = 0;

    if (cgroup_container_find(object, id))
        r = err_set(&err, -EEXIST, "container %s has already been prepared", id);
    if (r == 0)
        r = sharing(id, config, &shared, &err);
    if (r == 0 && !shared) {
        struct cgroup_container *container = cgroup_container_new(object, id, config);

        r = v1_create(container, config, &err);
        if (r == 0)
            cgroup_container_mounts(container, config, &info);
    }
    launch_result(done, r, &info, &err);
}

static int pid_place(
    struct cgroup_subsystem *subsystem, const char *path, pid_t pid, struct err *err)
{
    return cgroup_write_u64(subsystem->fs, path, "cgroup.procs", (uint64_t)pid, err);
}

/* A nested container that shares goes where its nearest ancestor is, except in hierarchies that
 * were enabled after that ancestor was launched (CG-23, FB-22). */
static int shared_place(struct cgroups_object *object, const char *id, pid_t pid, struct err *err)
{
    struct cgroup_container *ancestor = cgroup_container_ancestor(object, id);
    int r = 0;

    if (!ancestor)
        return err_set(err, -ENOENT, "no known ancestor of container %s", id);
    for_each_hierarchy(subsystem, object)
    {
        if (r == 0 && cgroup_exists(subsystem->fs, ancestor->path))
            r = pid_place(subsystem, ancestor->path, pid, err);
    }
    return r;
}

static int own_place(struct cgroup_container *container, pid_t pid, struct err *err)
{
    struct cgroups_object *object = container->object;
    int r = 0;

    for (unsigned i = 0; r == 0 && i < object->count; i++) {
        struct cgroup_subsystem *subsystem = &object->subsystems[i];

        if (subsystem->ops->isolate && (container->active & (1u << i)))
            r = subsystem->ops->isolate(subsystem, container, pid, err);
    }
    for_each_hierarchy(subsystem, object)
    {
        if (r == 0)
            r = pid_place(subsystem, container->path, pid, err);
    }
    return r;
}

static void v1_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    if (container && !container->shared)
        r = own_place(container, pid, &err);
    else
        r = shared_place(object, id, pid, &err);
    done_result(done, r, &err);
}

/* The cleanup of one container: its cgroups go from every hierarchy side by side. */
struct v1_cleanup {
    struct cgroup_container *container;
    struct done done;
    unsigned pending;
    int result;
    struct err err;
};

static void cleanup_removed(void *arg, int result, const void *value, const struct err *err)
{
    struct v1_cleanup *cleanup = arg;

    (void)value;
    if (result < 0 && cleanup->result == 0) {
        cleanup->result = result;
        err_copy(&cleanup->err, err);
    }
    if (--cleanup->pending > 0)
        return;
    if (cleanup->container)
        cgroup_container_free(cleanup->container);
    if (cleanup->result < 0)
        done_fail(cleanup->done, cleanup->result, &cleanup->err);
    else
        done_ok(cleanup->done, NULL);
    err_clear(&cleanup->err);
    free(cleanup);
}

static void v1_container_cleanup(struct cgroup_container *container, struct done done)
{
    struct cgroups_object *object = container->object;
    struct v1_cleanup *cleanup = mem_alloc(sizeof(*cleanup));

    *cleanup = (struct v1_cleanup){.container = container, .done = done, .pending = 1};
    /* Listeners go first: removing a cgroup signals each eventfd that is still registered on it. */
    cgroup_container_clean(container);
    for_each_hierarchy(subsystem, object)
    {
        if (!(container->owned & (1u << subsystem->index)))
            continue;
        cleanup->pending++;
        cgroup_tree_remove(subsystem->fs, container->path, object->flags.cgroups_destroy_timeout_ns,
            DONE(cleanup_removed, cleanup));
    }
    cleanup_removed(cleanup, 0, NULL, NULL);
}

static void v1_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);

    if (!container) {
        done_ok(done, NULL);
    } else if (container->shared) {
        cgroup_container_free(container);
        done_ok(done, NULL);
    } else {
        v1_container_cleanup(container, done);
    }
}

static int container_recover(struct cgroups_object *object, const char *id,
    const struct container_config *config, struct cgroup_container **ret_container, struct err *err)
{
    struct cgroup_container *container = cgroup_container_new(object, id, config);

    *ret_container = container;
    container->owned = ~0u;
    for (unsigned i = 0; i < object->count; i++) {
        struct cgroup_subsystem *subsystem = &object->subsystems[i];
        int r;

        if (!cgroup_exists(subsystem->fs, container->path)) {
            log_warning("container %s has no cgroup in %s", id, subsystem->hierarchy->name);
            continue;
        }
        container->active |= 1u << i;
        r = subsystem->ops->recover ? subsystem->ops->recover(subsystem, container, err) : 0;
        if (r < 0)
            return err_wrap(err, r, "recover %s of %s", subsystem->ops->name, id);
    }
    return 0;
}

/* Containers that only the hierarchy knows. Those that no one else reports are cleaned up here,
 * without waiting. */
static int orphans_recover(struct cgroups_object *object, struct cgroup_subsystem *subsystem,
    char *const *orphans, struct err *err)
{
    const char *root = object->flags.cgroups_root;
    _cleanup_free_ char *agent = str_printf("%s/slave", root);
    _cleanup_strv_ char **paths = NULL;
    int r = cgroup_exists(subsystem->fs, root)
                ? cgroup_descendants(subsystem->fs, root, &paths, err)
                : 0;

    for (size_t i = 0; r == 0 && paths && paths[i]; i++) {
        _cleanup_free_ char *id = launcher_cgroup_parse_v1(root, paths[i]);
        struct cgroup_container *container = NULL;

        if (!id || str_equal(paths[i], agent) || cgroup_container_find(object, id))
            continue;
        r = container_recover(object, id, NULL, &container, err);
        if (r == 0 && !strv_contains(orphans, id))
            v1_container_cleanup(container, DONE_NONE);
    }
    return r;
}

static void v1_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct cgroup_container *container = NULL;

        if (container_id_is_nested(states[i].id) &&
            (!states[i].config || container_config_shares_cgroups(states[i].config)))
            continue;
        r = container_recover(object, states[i].id, states[i].config, &container, &err);
    }
    for_each_hierarchy(subsystem, object)
    {
        if (r == 0)
            r = orphans_recover(object, subsystem, orphans, &err);
    }
    done_result(done, r, &err);
}

const struct isolator_ops cgroups_v1_isolator_ops = {
    .recover = v1_recover,
    .prepare = v1_prepare,
    .isolate = v1_isolate,
    .watch = cgroups_object_watch,
    .exited = cgroups_object_exited,
    .update = cgroups_object_update,
    .usage = cgroups_object_usage,
    .status = cgroups_object_status,
    .cleanup = v1_cleanup,
    .free = cgroups_object_free,
};
