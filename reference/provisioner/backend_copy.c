/* SPDX-License-Identifier: Apache-2.0 */
/* copy: a private tree, written by the helper. */
#include <errno.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/provisioner/backend.h"

static struct helper_call *copy_provision(const struct backend *backend, char *const *layers,
    const struct backend_place *place, struct done done)
{
    _cleanup_strv_ char **arguments = NULL;
    if (host_file_exists(backend->host, place->rootfs)) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, -EEXIST, "the root file system %s exists already", place->rootfs);
        done_fail(done, -EEXIST, &err);
        return NULL;
    }
    strv_add(&arguments, "copy");
    strv_add(&arguments, place->rootfs);
    for (size_t i = 0; layers[i]; i++)
        strv_add(&arguments, layers[i]);
    return helper_start(backend->host, backend->helper, arguments, done);
}

/* What can't be removed now goes with the container's directory, or stays and is counted there: it
 * is only a copy (provisioner.md 5). */
static int copy_destroy(const struct backend *backend, const struct backend_place *place,
    bool *ret_removed, struct err *err)
{
    int r = host_tree_remove(backend->host, place->rootfs, err);
    *ret_removed = true;
    if (r == 0 || r == -ESHUTDOWN)
        return r;
    log_warning("copy backend: %s", err_text(err));
    err_clear(err);
    return 0;
}

const struct backend_kind backend_copy = {.name = "copy",
    .automatic = true,
    .tree = "rootfs",
    .provision = copy_provision,
    .destroy = copy_destroy};
