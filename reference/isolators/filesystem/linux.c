/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filesystem/linux: a mount namespace, the root file system's special mounts, the sandbox, and
 * persistent volumes as bind mounts that propagate from the host (isolators.md 6.2).
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/isolators/filesystem/persistent_volume.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/model/container_id.h"

struct linux_container {
    char *directory;
    bool new_rootfs; /* of a root container, for the gauge */
    bool shares_pid; /* wishes its parent's pid namespace, a root container the agent's */
    struct resources resources;
};

/* The mounts of a root file system, in order (isolators.md 6.2). */
static const struct {
    const char *source; /* NULL: the target itself, bound */
    const char *target; /* below the root file system */
    const char *type;
    unsigned long flags;
    const char *options;
} root_mounts[] = {
    {"proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
    {NULL, "/proc/bus", NULL, MS_BIND | MS_RDONLY, NULL},
    {NULL, "/proc/fs", NULL, MS_BIND | MS_RDONLY, NULL},
    {NULL, "/proc/irq", NULL, MS_BIND | MS_RDONLY, NULL},
    {NULL, "/proc/sys", NULL, MS_BIND | MS_RDONLY, NULL},
    {NULL, "/proc/sysrq-trigger", NULL, MS_BIND | MS_RDONLY, NULL},
    {"sysfs", "/sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL},
    {"tmpfs", "/sys/fs/cgroup", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755"},
    {"tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_STRICTATIME, "mode=755"},
    {"devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
        "newinstance,ptmxmode=0666,mode=0620,gid=5"},
};

#define ROOT_MOUNTS ARRAY_SIZE(root_mounts)

struct filesystem_linux {
    struct isolator base;
    struct flags flags;
    bool has_ipc; /* namespaces/ipc then takes care of /dev/shm */
    bool lacks[ROOT_MOUNTS]; /* of root_mounts, what this kernel's /proc does not have */
    struct strmap *containers;
};

static const char *const device_nodes[] = {"full", "null", "random", "tty", "urandom", "zero"};

static const struct {
    const char *target;
    const char *link;
} device_links[] = {
    {"/proc/self/fd", "/dev/fd"},
    {"/proc/self/fd/0", "/dev/stdin"},
    {"/proc/self/fd/1", "/dev/stdout"},
    {"/proc/self/fd/2", "/dev/stderr"},
    {"pts/ptmx", "/dev/ptmx"},
};

static const char *const masked_paths[] = {"/proc/acpi", "/proc/asound", "/proc/kcore",
    "/proc/keys", "/proc/key-users", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats", "/sys/firmware"};

static void container_free(struct linux_container *container)
{
    if (!container)
        return;
    resources_release(&container->resources);
    free(container->directory);
    free(container);
}

/* Kernels differ in what /proc has (sysrq-trigger, irq): what is not there can't be covered. A host
 * without a /proc to look at tells nothing. */
static void proc_look(struct filesystem_linux *linux_fs)
{
    struct host *host = linux_fs->base.host;
    const bool told = host_file_exists(host, "/proc/version");

    for (size_t i = 0; told && i < ROOT_MOUNTS; i++)
        linux_fs->lacks[i] =
            !root_mounts[i].source && !host_file_exists(host, root_mounts[i].target);
}

static void special_mounts(
    const struct filesystem_linux *linux_fs, const char *rootfs, struct launch_info *info)
{
    launch_add_mount(info, rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL);
    for (size_t i = 0; i < ROOT_MOUNTS; i++) {
        _cleanup_free_ char *target = str_concat(rootfs, root_mounts[i].target, NULL);

        if (linux_fs->lacks[i])
            continue;
        launch_add_mount(info, root_mounts[i].source ? root_mounts[i].source : target, target,
            root_mounts[i].type, root_mounts[i].flags, root_mounts[i].options);
    }
    if (!linux_fs->has_ipc) {
        _cleanup_free_ char *target = str_concat(rootfs, "/dev/shm", NULL);

        launch_add_mount(
            info, "tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME, "mode=1777");
    }
}

static int devices_make(struct filesystem_linux *linux_fs, const char *id,
    const struct container_config *config, struct launch_info *info, struct err *err)
{
    struct host *host = linux_fs->base.host;
    _cleanup_free_ char *directory =
        launch_runtime_file(linux_fs->flags.runtime_dir, id, "devices");
    int r;

    if (host_file_exists(host, directory))
        return err_set(err, -EEXIST, "the devices directory %s already exists", directory);
    r = host_mkdir(host, directory, 0700, true, err);
    if (r == 0 && config->user && linux_fs->flags.switch_user) {
        struct user_info user = {0};

        r = host_user_lookup(host, config->user, &user, err);
        if (r == 0)
            r = host_chown(host, directory, user.uid, user.gid, false, err);
        user_info_release(&user);
    }
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(device_nodes); i++) {
        _cleanup_free_ char *from = str_concat("/dev/", device_nodes[i], NULL);
        _cleanup_free_ char *node = str_concat(directory, "/", device_nodes[i], NULL);
        _cleanup_free_ char *target = str_concat(config->rootfs, "/dev/", device_nodes[i], NULL);

        r = host_node_copy(host, from, node, 0666, err);
        if (r == 0)
            launch_add_mount(info, node, target, NULL, MS_BIND, NULL);
    }
    return r;
}

static void device_links_add(const char *rootfs, struct launch_info *info)
{
    for (size_t i = 0; i < ARRAY_SIZE(device_links); i++) {
        _cleanup_free_ char *link = str_concat(rootfs, device_links[i].link, NULL);

        launch_add_symlink(info, device_links[i].target, link);
    }
}

static bool shares_pid(const struct container_config *config)
{
    const struct linux_info *info =
        config && config->container_info ? config->container_info->linux_info : NULL;

    return info && info->share_pid_namespace.set && info->share_pid_namespace.value;
}

/* The pid namespace is shared all the way up to the host (isolators.md 6.2): who shares that of an
 * unprivileged parent is not privileged. */
static bool is_privileged(struct filesystem_linux *linux_fs, const char *id)
{
    _cleanup_free_ char *current = str_dup(id);

    while (current) {
        const struct linux_container *container = strmap_get(linux_fs->containers, current);
        char *parent;

        if (!container || !container->shares_pid)
            return false;
        parent = container_id_parent(current);
        free(current);
        current = parent;
    }
    return true;
}

static int rootfs_prepare(struct filesystem_linux *linux_fs, const char *id,
    const struct container_config *config, struct launch_info *info, struct err *err)
{
    const char *rootfs = config->rootfs;
    _cleanup_free_ char *sandbox = str_concat(rootfs, linux_fs->flags.sandbox_directory, NULL);
    int r;

    special_mounts(linux_fs, rootfs, info);
    r = devices_make(linux_fs, id, config, info, err);
    if (r < 0)
        return r;
    device_links_add(rootfs, info);
    _cleanup_free_ char *trusted = container_id_root_sandbox(id, config->directory);

    launch_add_mount(info, config->directory, sandbox, NULL, MS_BIND | MS_REC, NULL);
    launch_mount_source_root(info, trusted);
    const bool masked = !is_privileged(linux_fs, id);

    for (size_t i = 0; masked && i < ARRAY_SIZE(masked_paths); i++) {
        _cleanup_free_ char *path = str_concat(rootfs, masked_paths[i], NULL);

        launch_add_masked(info, path);
    }
    return 0;
}

static bool has_persistent_volumes(const struct resources *resources)
{
    for (size_t i = 0; i < resources->count; i++) {
        if (persistent_volume_is(&resources->items[i]))
            return true;
    }
    return false;
}

static int volume_mount(struct filesystem_linux *linux_fs,
    const struct linux_container *container, const struct resource *resource, struct err *err)
{
    struct host *host = linux_fs->base.host;
    _cleanup_free_ char *source = persistent_volume_source(linux_fs->flags.work_dir, resource);
    _cleanup_free_ char *target =
        str_concat(container->directory, "/", resource->disk->container_path, NULL);
    struct mount_entry mount = {.target = target, .source = source, .flags = MS_BIND | MS_REC};
    int r;

    if (host_is_mounted(host, target))
        return 0;
    r = persistent_volume_give(host, container->directory, source, err);
    if (r == 0)
        r = host_mkdir_below(
            host, container->directory, resource->disk->container_path, 0755, err);
    if (r == 0)
        r = host_mount_below(host, container->directory, &mount, err);
    if (r == 0 && str_equal(resource->disk->volume_mode, "RO")) {
        mount.flags |= MS_RDONLY | MS_REMOUNT;
        r = host_mount_below(host, container->directory, &mount, err);
    }
    return r;
}

static int volume_unmount(struct filesystem_linux *linux_fs,
    const struct linux_container *container, const struct resource *resource, struct err *err)
{
    _cleanup_free_ char *target =
        str_concat(container->directory, "/", resource->disk->container_path, NULL);
    int r = host_unmount(linux_fs->base.host, target, 0, err);

    return r < 0 ? r : host_file_remove(linux_fs->base.host, target, err);
}

static int volumes_update(struct filesystem_linux *linux_fs, struct linux_container *container,
    const struct resources *resources, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < container->resources.count; i++) {
        const struct resource *old = &container->resources.items[i];

        if (persistent_volume_is(old) &&
            !persistent_volume_find(resources, old->disk->persistence->id))
            r = volume_unmount(linux_fs, container, old, err);
    }
    for (size_t i = 0; r == 0 && i < resources->count; i++) {
        if (persistent_volume_is(&resources->items[i]))
            r = volume_mount(linux_fs, container, &resources->items[i], err);
    }
    if (r == 0)
        resources_copy(&container->resources, resources);
    return r;
}

static struct linux_container *container_add(
    struct filesystem_linux *linux_fs, const char *id, const char *directory)
{
    struct linux_container *container = mem_alloc(sizeof(*container));

    container->directory = str_dup(directory);
    strmap_set(linux_fs->containers, id, container);
    return container;
}

static int prepare_check(struct filesystem_linux *linux_fs, const char *id,
    const struct container_config *config, struct err *err)
{
    const bool standalone =
        !container_id_is_nested(id) && !config->executor_info && !config->task_info;

    if (strmap_get(linux_fs->containers, id))
        return err_set(err, -EEXIST, "container %s has already been prepared", id);
    if (config->container_class == CONTAINER_CLASS_DEBUG &&
        (config->rootfs || (config->container_info && config->container_info->volumes_count > 0)))
        return err_set(err, -EINVAL, "a DEBUG container can't have a root file system or volumes");
    if (standalone && has_persistent_volumes(&config->resources))
        return err_set(err, -EINVAL, "a standalone container can't have persistent volumes");
    return 0;
}

static int linux_fill(struct filesystem_linux *linux_fs, const char *id,
    const struct container_config *config, struct launch_info *info, struct err *err)
{
    struct linux_container *container = container_add(linux_fs, id, config->directory);
    int r = 0;

    container->new_rootfs = config->rootfs && !container_id_is_nested(id);
    container->shares_pid = shares_pid(config);
    if (config->container_class == CONTAINER_CLASS_DEBUG) {
        launch_add_enter(info, NS_MNT);
        return 0;
    }
    launch_add_clone(info, NS_MNT);
    if (config->rootfs)
        r = rootfs_prepare(linux_fs, id, config, info, err);
    if (r == 0 && !container_id_is_nested(id))
        r = volumes_update(linux_fs, container, &config->resources, err);
    return r;
}

static void linux_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct filesystem_linux *linux_fs = container_of(isolator, struct filesystem_linux, base);
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    int r = prepare_check(linux_fs, id, config, &err);

    if (r == 0)
        r = linux_fill(linux_fs, id, config, &info, &err);
    launch_result(done, r, &info, &err);
}

static void linux_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    struct filesystem_linux *linux_fs = container_of(isolator, struct filesystem_linux, base);
    struct linux_container *container = strmap_get(linux_fs->containers, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r;

    (void)limits;
    if (!container)
        r = err_set(&err, -ENOENT, "unknown container %s", id);
    else
        r = volumes_update(linux_fs, container, requests, &err);
    done_result(done, r, &err);
}

/* Lazily, from the last to the first, all that is mounted in the sandbox; errors are collected. */
static int sandbox_unmount(struct host *host, const char *directory, struct err *err)
{
    _cleanup_free_ char *below = str_concat(directory, "/", NULL);
    struct mount_info *mounts = NULL;
    size_t count = 0;
    int result;

    if (!host_may_be_mounted(host, directory))
        return 0;
    result = host_mounts(host, 0, &mounts, &count, err);
    for (size_t i = result < 0 ? 0 : count; i > 0; i--) {
        const char *target = mounts[i - 1].target;
        int r = 0;

        if (str_equal(target, directory) || str_starts(target, below))
            r = host_unmount(host, target, MNT_DETACH, result == 0 ? err : NULL);
        if (r < 0 && result == 0)
            result = r;
    }
    mount_info_free(mounts, count);
    return result;
}

static bool has_children(const struct filesystem_linux *linux_fs, const char *id)
{
    size_t cursor = 0;
    const char *other;
    void *container;

    while (strmap_next(linux_fs->containers, &cursor, &other, &container)) {
        if (container_id_is_descendant(other, id))
            return true;
    }
    return false;
}

static void linux_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct filesystem_linux *linux_fs = container_of(isolator, struct filesystem_linux, base);
    struct linux_container *container = strmap_get(linux_fs->containers, id);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    if (!container) {
        done_ok(done, NULL);
        return;
    }
    if (has_children(linux_fs, id)) {
        done_error(done, -EBUSY, "container %s still has nested containers", id);
        return;
    }
    strmap_remove(linux_fs->containers, id);
    if (container->directory)
        r = sandbox_unmount(isolator->host, container->directory, &err);
    container_free(container);
    done_result(done, r, &err);
}

static void linux_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct filesystem_linux *linux_fs = container_of(isolator, struct filesystem_linux, base);

    for (size_t i = 0; i < count; i++) {
        struct linux_container *container =
            container_add(linux_fs, states[i].id, states[i].directory);

        if (!states[i].config)
            continue;
        resources_copy(&container->resources, &states[i].config->resources);
        container->new_rootfs =
            states[i].config->rootfs && !container_id_is_nested(states[i].id);
        container->shares_pid = shares_pid(states[i].config);
    }
    for (; orphans && *orphans; orphans++) {
        if (!strmap_get(linux_fs->containers, *orphans))
            container_add(linux_fs, *orphans, NULL);
    }
    done_ok(done, NULL);
}

static void linux_metrics(struct isolator *isolator, json_t *into)
{
    struct filesystem_linux *linux_fs = container_of(isolator, struct filesystem_linux, base);
    json_int_t roots = 0;
    size_t cursor = 0;
    const char *id;
    void *container;

    while (strmap_next(linux_fs->containers, &cursor, &id, &container))
        roots += ((struct linux_container *)container)->new_rootfs;
    json_object_set_new(
        into, "containerizer/mesos/filesystem/containers_new_rootfs", json_integer(roots));
}

static void linux_free(struct isolator *isolator)
{
    struct filesystem_linux *linux_fs = container_of(isolator, struct filesystem_linux, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    while (strmap_next(linux_fs->containers, &cursor, &id, &container))
        container_free(container);
    strmap_free(linux_fs->containers);
    flags_release(&linux_fs->flags);
    free(linux_fs);
}

static const struct isolator_ops filesystem_linux_ops = {
    .recover = linux_recover,
    .prepare = linux_prepare,
    .update = linux_update,
    .cleanup = linux_cleanup,
    .metrics = linux_metrics,
    .free = linux_free,
};

/* The work directory is a shared mount of its own peer group, so that volumes propagate into
 * containers and nothing propagates out (MESOS-3483). */
static int work_dir_share(struct host *host, const char *work_dir, struct err *err)
{
    const struct mount_entry steps[] = {
        {.target = (char *)(uintptr_t)work_dir,
            .source = (char *)(uintptr_t)work_dir,
            .flags = MS_BIND},
        {.target = (char *)(uintptr_t)work_dir, .flags = MS_PRIVATE},
        {.target = (char *)(uintptr_t)work_dir, .flags = MS_SHARED},
    };
    struct mount_info *mounts = NULL;
    size_t count = 0;
    bool shared = false;
    int r = host_mounts(host, 0, &mounts, &count, err);

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (str_equal(mounts[i].target, work_dir))
            shared = mounts[i].shared;
    }
    for (size_t i = 0; r == 0 && !shared && i < ARRAY_SIZE(steps); i++)
        r = host_mount(host, &steps[i], err);
    mount_info_free(mounts, count);
    return r;
}

int isolator_filesystem_linux_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct filesystem_linux *linux_fs;
    _cleanup_strv_ char **names = strv_split(context->flags->isolation, ",");
    int r;

    if (!(context->host->facts.namespaces & NS_BIT(NS_MNT)))
        return err_set(
            err, -ENOTSUP, "the kernel has no mount namespaces, or they may not be made");
    r = host_mkdir(context->host, context->flags->work_dir, 0755, true, err);
    if (r == 0)
        r = work_dir_share(context->host, context->flags->work_dir, err);
    if (r < 0)
        return r;
    linux_fs = mem_alloc(sizeof(*linux_fs));
    linux_fs->base = (struct isolator){
        .ops = &filesystem_linux_ops, .name = "filesystem/linux", .host = context->host};
    flags_copy(&linux_fs->flags, context->flags);
    linux_fs->has_ipc = strv_contains(names, "namespaces/ipc");
    linux_fs->containers = strmap_new();
    proc_look(linux_fs);
    *ret_isolator = &linux_fs->base;
    return 0;
}
