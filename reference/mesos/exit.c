/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a container's init, and the status of its workload. The init helper writes that into
 * the `status` file, so it is known even to an agent that is not the parent (containerizer.md 4.3).
 */
#include "reference/mesos/container.h"

#include <errno.h>
#include <signal.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"

/* A container whose runtime directory is gone can only have what was reaped; otherwise a missing or
 * empty file says that the helper was killed before it could write. */
static void read_status(struct container *container, bool known, int wait_status)
{
    struct host *host = container->mesos->host;
    struct opt_i64 *status = &container->exit_status;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = checkpoint_read_number(host, container->runtime, CHECKPOINT_STATUS, status, &err);
    if (r < 0) {
        sometimes("status file unreadable");
        log_warning("exit of %s: %s", container->id, err_text(&err));
        return;
    }
    if (status->set)
        return;
    if (host_file_exists(host, container->runtime))
        *status = (struct opt_i64)OPT(SIGKILL);
    else if (known)
        *status = (struct opt_i64)OPT(wait_status);
}

static void has_exited(struct container *container)
{
    struct mesos *mesos = container->mesos;
    container->exited = true;
    if (container->recovering)
        return;
    mesos_hold(mesos);
    trace_event(mesos->host->trace, "agent", "container.exit", 0,
        "id=%s pid=%d known=%b status=%ld", container->id, (int)container->pid,
        (int)container->exit_status.set, (long)container->exit_status.value);
    if (container->phase != CONTAINER_DESTROYING)
        container_look_at_limits(container); /* one that was reached has it destroyed */
    if (container->phase == CONTAINER_DESTROYING)
        container_ready(container);
    else
        container_destroy(container, NULL);
    mesos_resume(mesos);
}

static void init_exited(void *arg, int result, bool status_known, int wait_status)
{
    struct container *container = arg;
    container->exit_watch = NULL;
    if (!mesos_alive(container->mesos) || result == -ESHUTDOWN)
        return;
    if (result == 0)
        read_status(container, status_known, wait_status);
    else
        log_warning("exit of %s: %s", container->id, err_name(result));
    has_exited(container);
}

void container_watch_exit(struct container *container)
{
    container->exit_watch =
        host_exit_watch(container->mesos->host, container->pid, init_exited, container);
}

void container_recover_exit(struct container *container)
{
    struct host *host = container->mesos->host;
    if (container->pid == 0)
        return;
    container_watch_exit(container);
    _cleanup_free_ char *status = path_join(container->runtime, CHECKPOINT_STATUS);
    if (host_process_holds(host, container->pid, status) != 0)
        return;
    sometimes("the number of a recovered container's init is somebody else's");
    log_warning("recover %s: pid %d is another process' by now", container->id,
        (int)container->pid);
    host_cancel(TAKE_PTR(container->exit_watch));
    read_status(container, false, 0);
    has_exited(container);
}

static void noted_exit_due(void *arg, int result)
{
    struct container *container = arg;
    container->exit_watch = NULL;
    if (result == 0 && mesos_alive(container->mesos))
        has_exited(container);
}

void container_adopt_exit(struct container *container)
{
    container->recovering = false;
    if (container->pid == 0)
        has_exited(container);
    else if (container->exited)
        container->exit_watch =
            host_timer(container->mesos->host, 0, noted_exit_due, container);
}
