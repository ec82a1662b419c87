/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroups isolator on v2: a non-leaf cgroup with the limits and a leaf with the processes, also
 * for nested containers that share their ancestor's limits (isolators.md 4). The launcher puts the
 * process into the leaf.
 */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/strbuf.h"
#include "reference/cgroups/cgroup_removal.h"
#include "reference/isolators/cgroups/subsystem.h"
#include "reference/isolators/launch_build.h"

static struct cgroup_fs *object_fs(const struct cgroups_object *object)
{
    return object->subsystems[0].fs; /* core is always there, and there is one hierarchy */
}

int cgroups_v2_start(struct cgroups_object *object, struct err *err)
{
    return cgroup_create_recursive(object_fs(object), object->flags.cgroups_root, err);
}

/* "+cpu +memory": all that is to be enabled in one write, which takes all or nothing. */
static char *controllers_text(const struct cgroups_object *object)
{
    struct strbuf text = STRBUF_INIT;

    for (unsigned i = 0; i < object->count; i++) {
        const char *controller = object->subsystems[i].ops->controller_v2;

        if (*controller)
            strbuf_addf(&text, "%s+%s", text.length ? " " : "", controller);
    }
    return strbuf_take(&text);
}

/* From the hierarchy's root down to the container's non-leaf, separators included, never in the
 * leaf. */
static int controllers_enable(struct cgroups_object *object, const char *path, struct err *err)
{
    _cleanup_free_ char *controllers = controllers_text(object);
    const char *end = path;
    int r;

    if (!*controllers)
        return 0;
    r = cgroup_write(object_fs(object), "", "cgroup.subtree_control", controllers, err);
    while (r == 0 && end) {
        _cleanup_free_ char *level = NULL;

        end = strchr(end, '/');
        level = end ? str_ndup(path, (size_t)(end - path)) : str_dup(path);
        r = cgroup_write(object_fs(object), level, "cgroup.subtree_control", controllers, err);
        end = end ? end + 1 : NULL;
    }
    return r;
}

static int leaf_give(struct cgroup_container *container, const struct container_config *config,
    const char *leaf, struct err *err)
{
    struct cgroups_object *object = container->object;
    const char *user = cgroups_object_owner(object, config);
    struct user_info owner = {0};
    int r;

    if (!user)
        return 0;
    r = host_user_lookup(object->base.host, user, &owner, err);
    if (r == 0)
        r = cgroup_chown(object_fs(object), leaf, NULL, owner.uid, owner.gid, err);
    user_info_release(&owner);
    return r;
}

static int v2_create(
    struct cgroup_container *container, const struct container_config *config, struct err *err)
{
    struct cgroups_object *object = container->object;
    struct cgroup_fs *fs = object_fs(object);
    _cleanup_free_ char *leaf = launcher_cgroup_leaf(object->flags.cgroups_root, container->id);
    int r;

    /* Whoever removed it took the controllers with it that we enabled at start, and may do so
     * again: not ours to repair. */
    if (!cgroup_exists(fs, object->flags.cgroups_root))
        return err_set(err, -ENOENT, "the cgroup root %s was removed under the agent",
            object->flags.cgroups_root);
    if (cgroup_exists(fs, container->path))
        return err_set(err, -EEXIST, "the cgroup %s already exists", container->path);
    container->owned = ~0u;
    r = cgroup_create_recursive(fs, container->path, err);
    if (r == 0)
        r = cgroup_create(fs, leaf, err);
    if (r == 0)
        r = leaf_give(container, config, leaf, err);
    if (r < 0 || container->shared)
        return r;
    container->active = (1u << object->count) - 1;
    r = controllers_enable(object, container->path, err);
    return r < 0 ? r : cgroup_container_prepare(container, config, err);
}

static void v2_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r;

    if (cgroup_container_find(object, id)) {
        r = err_set(&err, -EEXIST, "container %s has already been prepared", id);
    } else {
        struct cgroup_container *container = cgroup_container_new(object, id, config);

        container->shared = container->nested && container_config_shares_cgroups(config);
        r = v2_create(container, config, &err);
        if (r == 0)
            cgroup_container_mounts(container, config, &info);
    }
    launch_result(done, r, &info, &err);
}

static void v2_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    if (!container)
        r = err_set(&err, -ENOENT, "unknown container %s", id);
    for (unsigned i = 0; r == 0 && i < object->count; i++) {
        struct cgroup_subsystem *subsystem = &object->subsystems[i];

        if (subsystem->ops->isolate && (container->active & (1u << i)))
            r = subsystem->ops->isolate(subsystem, container, pid, &err);
    }
    done_result(done, r, &err);
}

struct v2_cleanup {
    struct cgroup_container *container;
    struct done done;
};

static void cleanup_removed(void *arg, int result, const void *value, const struct err *err)
{
    struct v2_cleanup *cleanup = arg;

    (void)value;
    cgroup_container_free(cleanup->container);
    if (result < 0)
        done_fail(cleanup->done, result, err);
    else
        done_ok(cleanup->done, NULL);
    free(cleanup);
}

/* Normally the launcher has destroyed the cgroup already, and only the record is left. */
static void container_cleanup(struct cgroup_container *container, struct done done)
{
    struct cgroups_object *object = container->object;
    struct v2_cleanup *cleanup = mem_alloc(sizeof(*cleanup));

    *cleanup = (struct v2_cleanup){container, done};
    if (container->owned && cgroup_exists(object_fs(object), container->path))
        cgroup_tree_remove(object_fs(object), container->path,
            object->flags.cgroups_destroy_timeout_ns, DONE(cleanup_removed, cleanup));
    else
        cleanup_removed(cleanup, 0, NULL, NULL);
}

static void v2_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    struct cgroup_container *container = cgroup_container_find(object, id);

    if (container)
        container_cleanup(container, done);
    else
        done_ok(done, NULL);
}

/* A controller works for a recovered container iff it is enabled in its non-leaf; core always does.
 */
static int subsystems_recover(struct cgroup_container *container, struct err *err)
{
    struct cgroups_object *object = container->object;
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **enabled = NULL;
    int r = cgroup_read(object_fs(object), container->path, "cgroup.subtree_control", &text, err);

    if (r < 0)
        return r;
    enabled = strv_split(text, " \n");
    for (unsigned i = 0; i < object->count; i++) {
        struct cgroup_subsystem *subsystem = &object->subsystems[i];
        const char *controller = subsystem->ops->controller_v2;

        if (*controller && !strv_contains(enabled, controller))
            continue;
        container->active |= 1u << i;
        r = subsystem->ops->recover ? subsystem->ops->recover(subsystem, container, err) : 0;
        if (r < 0)
            return err_wrap(err, r, "recover %s", subsystem->ops->name);
    }
    return 0;
}

static int container_recover(struct cgroups_object *object, const char *id,
    const struct container_config *config, struct cgroup_container **ret_container, struct err *err)
{
    struct cgroup_container *container = cgroup_container_new(object, id, config);
    _cleanup_free_ char *leaf = launcher_cgroup_leaf(object->flags.cgroups_root, id);
    int r;

    *ret_container = container;
    container->owned = ~0u;
    container->shared = container->nested && (!config || container_config_shares_cgroups(config));
    if (!cgroup_exists(object_fs(object), leaf)) {
        log_warning("container %s: its cgroup is missing and made anew", id);
        /* So that destroying the container finds what it expects. */
        r = cgroup_create_recursive(object_fs(object), leaf, err);
        if (r < 0)
            return r;
    }
    r = container->shared ? 0 : subsystems_recover(container, err);
    return r < 0 ? err_wrap(err, r, "container %s", id) : 0;
}

static int orphans_recover(struct cgroups_object *object, char *const *orphans, struct err *err)
{
    const char *root = object->flags.cgroups_root;
    _cleanup_strv_ char **paths = NULL;
    int r = cgroup_descendants(object_fs(object), root, &paths, err);

    for (size_t i = 0; r == 0 && paths && paths[i]; i++) {
        _cleanup_free_ char *id = launcher_cgroup_parse_v2(root, paths[i]);
        struct cgroup_container *container = NULL;

        if (!id || cgroup_container_find(object, id))
            continue;
        r = container_recover(object, id, NULL, &container, err);
        if (r == 0 && !strv_contains(orphans, id))
            container_cleanup(container, DONE_NONE);
    }
    return r;
}

static void v2_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct cgroups_object *object = container_of(isolator, struct cgroups_object, base);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct cgroup_container *container = NULL;

        r = container_recover(object, states[i].id, states[i].config, &container, &err);
    }
    if (r == 0)
        r = cgroups_object_recover_all(object, states, count, &err);
    if (r == 0)
        r = orphans_recover(object, orphans, &err);
    done_result(done, r, &err);
}

const struct isolator_ops cgroups_v2_isolator_ops = {
    .recover = v2_recover,
    .prepare = v2_prepare,
    .isolate = v2_isolate,
    .watch = cgroups_object_watch,
    .exited = cgroups_object_exited,
    .update = cgroups_object_update,
    .usage = cgroups_object_usage,
    .status = cgroups_object_status,
    .cleanup = v2_cleanup,
    .free = cgroups_object_free,
};
