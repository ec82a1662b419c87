/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/oci/oci_host.h"

#include <errno.h>

#include "reference/base/mem.h"

/* Of the host that was taken over last; there is one agent at a time. */
static struct oci_world *the_world;
static const struct host_ops *linux_ops;

static int oci_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    struct oci_container *container;
    /* A program of the agent's own, such as a server of the I/O switchboard, is no container. */
    if (!plan->runtime_directory)
        return linux_ops->spawn(host, plan, ret_pid, ret_gate, err);
    int result = oci_container_new(the_world, host, plan, &container, err);
    if (result < 0)
        return result;
    *ret_pid = container->pid;
    *ret_gate = container->number;
    return 0;
}

static int oci_gate_release(struct host *host, int gate, struct err *err)
{
    if (gate < OCI_FIRST_GATE)
        return linux_ops->gate_release(host, gate, err);
    struct oci_container *container = oci_container_by_gate(the_world, gate);
    if (!container)
        return -EPIPE; /* it has ended */
    oci_container_start(the_world, host, container);
    return 0;
}

static void oci_gate_close(struct host *host, int gate)
{
    if (gate < OCI_FIRST_GATE) {
        linux_ops->gate_close(host, gate);
        return;
    }
    struct oci_container *container = oci_container_by_gate(the_world, gate);
    if (container)
        oci_container_give_up(container);
}

struct end_watch {
    struct host_request request;
    struct host_request *inner;
    pid_t pid;
    host_exit_fn fn;
    void *arg;
};

static void end_cancel(struct host_request *request)
{
    struct end_watch *watch = container_of(request, struct end_watch, request);
    watch->inner->cancel(watch->inner);
    free(watch);
}

static void ended(void *arg, int result, bool status_known, int wait_status)
{
    struct end_watch *watch = arg;
    struct oci_container *container = oci_container_by_pid(the_world, watch->pid);
    host_exit_fn fn = watch->fn;
    void *fn_arg = watch->arg;
    free(watch);
    if (container && result == 0)
        oci_container_end(the_world, container, status_known, wait_status);
    fn(fn_arg, result, status_known, wait_status);
}

static struct host_request *oci_exit_watch(
    struct host *host, pid_t pid, host_exit_fn fn, void *arg)
{
    struct end_watch *watch = mem_alloc(sizeof(*watch));
    watch->request.host = host;
    watch->request.cancel = end_cancel;
    watch->pid = pid;
    watch->fn = fn;
    watch->arg = arg;
    watch->inner = linux_ops->exit_watch(host, pid, ended, watch);
    return &watch->request;
}

/* The init helper holds its status file, by which it is known; here we know it. */
static int oci_process_holds(struct host *host, pid_t pid, const char *path)
{
    const struct oci_container *container = oci_container_by_pid(the_world, pid);
    if (container && str_equal(container->status, path) && oci_container_lives(container))
        return 1;
    return linux_ops->process_holds(host, pid, path);
}

void oci_host_take(struct host *host, struct oci_world *world)
{
    static struct host_ops ops;
    if (!linux_ops) {
        linux_ops = host->ops;
        ops = *linux_ops;
        ops.spawn = oci_spawn;
        ops.gate_release = oci_gate_release;
        ops.gate_close = oci_gate_close;
        ops.exit_watch = oci_exit_watch;
        ops.process_holds = oci_process_holds;
        ops.enter_at_gate = NULL;
        ops.enters_later = NULL;
    }
    the_world = world;
    host->ops = &ops;
    host->facts.clone_into_cgroup = false;
}
