/* SPDX-License-Identifier: Apache-2.0 */
/* remove: the files that a terminated nested container has left (containerizer.md 1.11). */
#include "reference/mesos/container.h"

#include <errno.h>

static int remove_files(struct mesos *mesos, const char *id, struct err *err)
{
    if (!container_id_is_nested(id))
        return err_set(err, -EINVAL, "only nested containers are removed");
    if (container_find(mesos, id))
        return err_set(err, -EBUSY, "container has not terminated");
    _cleanup_free_ char *root_id = container_id_root(id);
    const struct container *root = container_find(mesos, root_id);
    if (!root)
        return err_set(err, -ENOENT, "its root %s is not known", root_id);
    _cleanup_free_ char *runtime = mesos_runtime_path(mesos->flags.runtime_dir, id);
    int r = host_tree_remove(mesos->host, runtime, err);
    if (r < 0 || !root->directory)
        return r;
    _cleanup_free_ char *sandbox = mesos_sandbox_path(root->directory, id);
    return host_tree_remove(mesos->host, sandbox, err);
}

void mesos_remove(struct containerizer *containerizer, const char *id, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = mesos_alive(mesos) ? remove_files(mesos, id, &err)
                               : err_set(&err, -ESHUTDOWN, "agent gone");
    trace_event(mesos->host->trace, "agent", "container.remove", r, "id=%s", id);
    if (r < 0)
        operation_fail(done, r, &err, "remove", id);
    else
        done_ok(done, NULL);
}
