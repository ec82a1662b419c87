/* SPDX-License-Identifier: Apache-2.0 */
/* How network/port_mapping takes a container off the host's network (isolators.md 12.6). Each step
 * is tried whatever became of the one before; the first failure is told. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/isolators/network/port_mapping_calls.h"

static void failure_note(struct port_call *call, const char *what)
{
    log_warning("container %s: %s", call->id, what);
    if (call->err.code == 0)
        err_set(&call->err, -EIO, "%s", what);
}

/* The mount table has the real path: /var/run is a link on most machines. */
int port_handle_remove(struct host *host, const char *name)
{
    _cleanup_free_ char *handle = str_printf(PORT_MAPPING_HANDLES "/%s", name);
    _cleanup_free_ char *real = NULL;
    int r = 0;

    if (host_real_path(host, handle, &real, NULL) < 0)
        return 0;
    if (host_is_mounted(host, real))
        r = host_unmount(host, real, MNT_DETACH, NULL);
    if (r == 0 && host_file_remove(host, real, NULL) < 0)
        log_warning("network/port_mapping: %s is left", real);
    return r;
}

static void handle_remove(struct port_call *call)
{
    struct host *host = call->mapper->base.host;
    _cleanup_free_ char *name = str_printf("%d", (int)call->pid);
    _cleanup_free_ char *link = str_printf(PORT_MAPPING_LINKS "/%s", call->id);
    struct file_info info;

    if (*call->id && host_file_info(host, link, false, &info) == 0 &&
        host_file_remove(host, link, NULL) < 0)
        failure_note(call, "its symbolic link can't be removed");
    if (port_handle_remove(host, name) < 0)
        failure_note(call, "its network namespace can't be unmounted");
}

static void link_gone(struct port_call *call, const char *output)
{
    _cleanup_err_ struct err err = ERR_INIT;

    if (!output)
        failure_note(call, "its link can't be removed");
    handle_remove(call);
    err_copy(&err, &call->err);
    port_call_end(call, err.code, &err);
}

static void filters_found(struct port_call *call);

static void filters_gone(struct port_call *call, const char *output)
{
    struct host *host = call->mapper->base.host;
    _cleanup_free_ char *link =
        str_printf("/sys/class/net/" PORT_MAPPING_VETH "%d", (int)call->pid);
    _cleanup_free_ char *batch =
        str_printf("link del dev " PORT_MAPPING_VETH "%d\n", (int)call->pid);

    /* What of the batch was done tells another look. */
    if (!output && !call->again) {
        call->again = true;
        call->mapper->mirrors_known = call->mapper->flows.known = false;
        port_call_find(call, call->pid, filters_found);
        return;
    }
    if (!output)
        failure_note(call, "filters of the host can't be removed");
    call->lenient = true;
    /* The kernel takes it away with the namespace at the other end. */
    port_call_batch(call, "ip", host_file_exists(host, link) ? batch : "", link_gone);
}

static void filters_found(struct port_call *call)
{
    struct port_mapper *mapper = call->mapper;
    struct strbuf batch = STRBUF_INIT;

    for (size_t i = 0; i < call->found_count; i++) {
        const struct port_found *found = &call->found[i];

        if (!str_starts(found->device, PORT_MAPPING_VETH)) /* those die with it */
            port_filter_delete(&batch, found->device, found->parent, &found->filter);
    }
    port_mirrors_set(&batch, mapper, call->pid);
    call->updates_mirrors = mapper->mirrors;
    if (!mapper->mirrors)
        port_flows_end(&batch, mapper);
    call->lenient = true;
    port_call_batch(call, "tc", strbuf_text(&batch), filters_gone);
    strbuf_release(&batch);
}

struct port_call *port_detach(
    struct port_mapper *mapper, const char *id, pid_t pid, struct done done)
{
    struct port_call *call = port_call_new(mapper, id, done);

    port_call_find(call, pid, filters_found);
    return call;
}
