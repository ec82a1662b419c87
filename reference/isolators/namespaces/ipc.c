/* SPDX-License-Identifier: Apache-2.0 */
/*
 * namespaces/ipc: the ipc namespace and /dev/shm of a container by its ipc_mode (isolators.md 9).
 *
 *              mode unset                    PRIVATE                      SHARE_PARENT
 *   root       new ipc; rootfs: tmpfs shm    new ipc; <runtime>/shm       the agent's ipc and shm
 *   nested     enters; rootfs: tmpfs shm     new ipc; own <runtime>/shm   enters; the parent's shm
 *   DEBUG      enters                        refused                      enters
 */
#include <errno.h>
#include <sys/mount.h>

#include "reference/base/map.h"
#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"
#include "reference/model/container_id.h"

enum ipc_mode { IPC_UNSET, IPC_PRIVATE, IPC_SHARE_PARENT };

struct ipc_container {
    enum ipc_mode mode;
    bool rootfs;
};

struct namespaces_ipc {
    struct isolator base;
    bool disallow_agent;
    uint64_t default_shm_bytes; /* 0: the kernel's default, half of the memory */
    char *runtime_dir;
    struct strmap *containers; /* id -> struct ipc_container *, to find what a nested one shares */
};

static const struct linux_info *linux_info_of(const struct container_config *config)
{
    return config->container_info ? config->container_info->linux_info : NULL;
}

static int mode_of(const struct container_config *config, enum ipc_mode *ret_mode, struct err *err)
{
    const struct linux_info *info = linux_info_of(config);
    const char *mode = info ? info->ipc_mode : NULL;

    if (!mode || str_equal(mode, "UNKNOWN"))
        *ret_mode = IPC_UNSET;
    else if (str_equal(mode, "PRIVATE"))
        *ret_mode = IPC_PRIVATE;
    else if (str_equal(mode, "SHARE_PARENT"))
        *ret_mode = IPC_SHARE_PARENT;
    else
        return err_set(err, -EINVAL,
            "linux_info.ipc_mode: expected PRIVATE or SHARE_PARENT, got \"%s\"", mode);
    return 0;
}

static int mode_check(const struct namespaces_ipc *ipc, const char *id,
    const struct container_config *config, enum ipc_mode mode, struct err *err)
{
    const struct linux_info *info = linux_info_of(config);

    if (info && info->shm_size.set && mode != IPC_PRIVATE)
        return err_set(err, -EINVAL, "linux_info.shm_size may only be set with ipc_mode PRIVATE");
    if (config->container_class == CONTAINER_CLASS_DEBUG && mode == IPC_PRIVATE)
        return err_set(err, -EINVAL, "a DEBUG container can't have a private ipc namespace");
    if (!container_id_is_nested(id) && mode == IPC_SHARE_PARENT && ipc->disallow_agent)
        return err_set(err, -EPERM, "sharing the agent's ipc namespace is not allowed");
    return 0;
}

/* The /dev/shm that a child of `id` shares: a private one, or the agent's. -EINVAL when it can't be
 * told. */
static int shm_of(struct namespaces_ipc *ipc, const char *id, char **ret_path, struct err *err)
{
    _cleanup_free_ char *current = str_dup(id);

    while (current) {
        const struct ipc_container *container = strmap_get(ipc->containers, current);
        char *parent;

        if (!container)
            return err_set(err, -ENOENT, "unknown parent container %s", current);
        if (container->mode == IPC_PRIVATE) {
            *ret_path = launch_runtime_file(ipc->runtime_dir, current, "shm");
            return 0;
        }
        if (container->mode == IPC_UNSET && container->rootfs)
            return err_set(err, -EINVAL, "the /dev/shm of container %s can't be shared", current);
        if (container->mode == IPC_UNSET)
            break;
        parent = container_id_parent(current);
        free(current);
        current = parent;
    }
    *ret_path = str_dup("/dev/shm");
    return 0;
}

/* A tmpfs in the runtime directory, mounted on the host so that children can share it. */
static int shm_make(struct namespaces_ipc *ipc, const char *id,
    const struct container_config *config, struct err *err)
{
    const struct linux_info *info = linux_info_of(config);
    const uint64_t bytes = info && info->shm_size.set ? info->shm_size.value << 20
                           : info                     ? ipc->default_shm_bytes
                                                      : 0;
    _cleanup_free_ char *path = launch_runtime_file(ipc->runtime_dir, id, "shm");
    _cleanup_free_ char *options =
        bytes ? str_printf("mode=1777,size=%llu", (unsigned long long)bytes) : str_dup("mode=1777");
    const struct mount_entry mount = {.target = path,
        .source = (char *)(uintptr_t) "tmpfs",
        .type = (char *)(uintptr_t) "tmpfs",
        .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC,
        .options = options};
    int r = host_mkdir(ipc->base.host, path, 0755, true, err);

    return r < 0 ? r : host_mount(ipc->base.host, &mount, err);
}

static void shm_bind(
    struct launch_info *info, const struct container_config *config, const char *from)
{
    _cleanup_free_ char *target =
        str_concat(config->rootfs ? config->rootfs : "", "/dev/shm", NULL);

    launch_add_clone(info, NS_MNT);
    launch_add_mount(info, from, target, NULL, MS_BIND | MS_REC, NULL);
}

static void shm_tmpfs(struct launch_info *info, const struct container_config *config)
{
    _cleanup_free_ char *target = str_concat(config->rootfs, "/dev/shm", NULL);

    launch_add_mount(
        info, "tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV | MS_STRICTATIME, "mode=1777");
}

static int ipc_private(struct namespaces_ipc *ipc, const char *id,
    const struct container_config *config, struct launch_info *info, struct err *err)
{
    _cleanup_free_ char *shm = launch_runtime_file(ipc->runtime_dir, id, "shm");
    int r = shm_make(ipc, id, config, err);

    if (r < 0)
        return r;
    launch_add_clone(info, NS_IPC);
    shm_bind(info, config, shm);
    return 0;
}

static int ipc_shared(struct namespaces_ipc *ipc, const char *id,
    const struct container_config *config, struct launch_info *info, struct err *err)
{
    _cleanup_free_ char *parent = container_id_parent(id);
    _cleanup_free_ char *shm = parent ? NULL : str_dup("/dev/shm");
    int r = parent ? shm_of(ipc, parent, &shm, err) : 0;

    if (r < 0)
        return r;
    if (parent)
        launch_add_enter(info, NS_IPC);
    if (config->rootfs || !str_equal(shm, "/dev/shm"))
        shm_bind(info, config, shm);
    return 0;
}

static int ipc_fill(struct namespaces_ipc *ipc, const char *id,
    const struct container_config *config, enum ipc_mode mode, struct launch_info *info,
    struct err *err)
{
    if (config->container_class == CONTAINER_CLASS_DEBUG) {
        launch_add_enter(info, NS_IPC); /* its /dev/shm is that of the mount namespace it enters */
        return 0;
    }
    if (mode == IPC_PRIVATE)
        return ipc_private(ipc, id, config, info, err);
    if (mode == IPC_SHARE_PARENT)
        return ipc_shared(ipc, id, config, info, err);
    if (container_id_is_nested(id))
        launch_add_enter(info, NS_IPC);
    else
        launch_add_clone(info, NS_IPC);
    if (config->rootfs)
        shm_tmpfs(info, config);
    return 0;
}

static void container_keep(
    struct namespaces_ipc *ipc, const char *id, enum ipc_mode mode, bool rootfs)
{
    struct ipc_container *container = mem_alloc(sizeof(*container));

    *container = (struct ipc_container){mode, rootfs};
    free(strmap_remove(ipc->containers, id));
    strmap_set(ipc->containers, id, container);
}

static void ipc_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct namespaces_ipc *ipc = container_of(isolator, struct namespaces_ipc, base);
    _cleanup_err_ struct err err = ERR_INIT;
    struct launch_info info = {0};
    enum ipc_mode mode = IPC_UNSET;
    int r = mode_of(config, &mode, &err);

    if (r == 0)
        r = mode_check(ipc, id, config, mode, &err);
    if (r == 0)
        r = ipc_fill(ipc, id, config, mode, &info, &err);
    if (r == 0)
        container_keep(ipc, id, mode, config->rootfs != NULL);
    launch_result(done, r, &info, &err);
}

static void ipc_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    struct namespaces_ipc *ipc = container_of(isolator, struct namespaces_ipc, base);

    (void)orphans; /* theirs is unmounted by cleanup, which looks at the directory only */
    for (size_t i = 0; i < count; i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        enum ipc_mode mode = IPC_UNSET;

        if (states[i].config && mode_of(states[i].config, &mode, &err) == 0)
            container_keep(ipc, states[i].id, mode, states[i].config->rootfs != NULL);
    }
    done_ok(done, NULL);
}

static void ipc_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct namespaces_ipc *ipc = container_of(isolator, struct namespaces_ipc, base);
    _cleanup_free_ char *shm = launch_runtime_file(ipc->runtime_dir, id, "shm");
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;

    free(strmap_remove(ipc->containers, id));
    if (host_file_exists(isolator->host, shm))
        r = host_unmount(isolator->host, shm, MNT_DETACH, &err);
    if (r < 0 && r != -EINVAL) /* EINVAL: it never became a mount point */
        done_fail(done, r, &err);
    else
        done_ok(done, NULL);
}

static void ipc_free(struct isolator *isolator)
{
    struct namespaces_ipc *ipc = container_of(isolator, struct namespaces_ipc, base);
    size_t cursor = 0;
    const char *id;
    void *container;

    while (strmap_next(ipc->containers, &cursor, &id, &container))
        free(container);
    strmap_free(ipc->containers);
    free(ipc->runtime_dir);
    free(ipc);
}

static const struct isolator_ops namespaces_ipc_ops = {
    .recover = ipc_recover,
    .prepare = ipc_prepare,
    .cleanup = ipc_cleanup,
    .free = ipc_free,
};

int isolator_namespaces_ipc_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct namespaces_ipc *ipc;

    if (!(context->host->facts.namespaces & NS_BIT(NS_IPC)))
        return err_set(err, -ENOTSUP, "the kernel has no ipc namespaces, or they may not be made");
    ipc = mem_alloc(sizeof(*ipc));
    ipc->base = (struct isolator){
        .ops = &namespaces_ipc_ops, .name = "namespaces/ipc", .host = context->host};
    ipc->disallow_agent = context->flags->disallow_sharing_agent_ipc_namespace;
    ipc->default_shm_bytes = context->flags->default_container_shm_size_bytes;
    ipc->runtime_dir = str_dup(context->flags->runtime_dir);
    ipc->containers = strmap_new();
    *ret_isolator = &ipc->base;
    return 0;
}
