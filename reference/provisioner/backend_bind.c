/* SPDX-License-Identifier: Apache-2.0 */
/* bind: the one layer itself, read-only. */
#include <errno.h>
#include <sys/mount.h>

#include "reference/base/mem.h"
#include "reference/provisioner/backend.h"

static int bind_mount(const struct backend *backend, char *const *layers, const char *rootfs,
    struct err *err)
{
    struct mount_entry entry = {.target = (char *)(uintptr_t)rootfs,
        .source = layers[0],
        .flags = MS_BIND | MS_RDONLY};
    if (strv_length(layers) != 1)
        return err_set(err, -EINVAL, "the bind backend takes one layer, got %zu",
            strv_length(layers));
    int r = host_mkdir(backend->host, rootfs, 0755, true, err);
    if (r == 0)
        r = host_mount(backend->host, &entry, err);
    return r < 0 ? r : backend_share(backend->host, rootfs, err);
}

static struct helper_call *bind_provision(const struct backend *backend, char *const *layers,
    const struct backend_place *place, struct done done)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int r = bind_mount(backend, layers, place->rootfs, &err);
    done_result(done, r, &err);
    return NULL;
}

static int bind_destroy(const struct backend *backend, const struct backend_place *place,
    bool *ret_removed, struct err *err)
{
    struct host *host = backend->host;
    *ret_removed = host_is_mounted(host, place->rootfs);
    if (!*ret_removed)
        return 0;
    int r = host_unmount(host, place->rootfs, MNT_DETACH, err);
    if (r == 0)
        r = host_file_remove(host, place->rootfs, err);
    if (r != -EBUSY)
        return r;
    /* Another mount namespace still has it: it goes with that one. */
    (*backend->remove_errors)++;
    err_clear(err);
    return 0;
}

const struct backend_kind backend_bind = {.name = "bind",
    .needs_root = true,
    .tree = "rootfs",
    .provision = bind_provision,
    .destroy = bind_destroy};
