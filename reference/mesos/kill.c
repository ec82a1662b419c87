/* SPDX-License-Identifier: Apache-2.0 */
/* kill: a signal to the init, which forwards it to the workload (containerizer.md 1.9). */
#include "reference/mesos/container.h"

#include <errno.h>

static void answer(struct mesos *mesos, const char *id, int signal, bool found, struct done done)
{
    trace_event(mesos->host->trace, "agent", "container.kill", 0, "id=%s signal=%d found=%b", id,
        signal, (int)found);
    done_ok(done, &found);
}

void mesos_kill(struct containerizer *containerizer, const char *id, int signal, struct done done)
{
    struct mesos *mesos = mesos_of(containerizer);
    struct container *container = container_find(mesos, id);
    if (!mesos_alive(mesos)) {
        operation_refuse(done, -ESHUTDOWN, "kill", id, "agent gone");
        return;
    }
    if (!container) {
        answer(mesos, id, signal, false, done);
        return;
    }
    if (container->pid == 0) {
        container_destroy(container, NULL);
        answer(mesos, id, signal, true, done);
        return;
    }
    /* The number of a process that was reaped may be another's by now. */
    if (container->exited) {
        operation_refuse(done, -ESRCH, "kill", id, "pid %d has ended", (int)container->pid);
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_signal(mesos->host, container->pid, signal, &err);
    if (r < 0)
        operation_fail(done, r, &err, "kill", id);
    else
        answer(mesos, id, signal, true, done);
}
