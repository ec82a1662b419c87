/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/port_mapping_calls.h"

#include <errno.h>
#include <string.h>

#include "reference/base/map.h"

struct port_call *port_call_new(struct port_mapper *mapper, const char *id, struct done done)
{
    struct port_call *call = mem_alloc(sizeof(*call));

    call->mapper = mapper;
    call->id = str_dup(id);
    call->done = done;
    list_append(&mapper->calls, &call->node);
    return call;
}

void port_call_end(struct port_call *call, int result, const struct err *err)
{
    struct done done = call->done;

    list_remove(&call->node);
    host_cancel(call->run);
    port_recovery_free(call->recovery);
    err_clear(&call->err);
    free(call->found);
    free(call->id);
    free(call);
    done_result(done, result, err);
}

void port_calls_end(struct port_mapper *mapper)
{
    list_for_each_safe(node, following, &mapper->calls)
        port_call_end(list_entry(node, struct port_call, node), -ECANCELED, NULL);
}

struct port_container *port_call_container(const struct port_call *call)
{
    return strmap_get(call->mapper->containers, call->id);
}

static void call_ran(void *arg, int result, const void *value, const struct err *from)
{
    struct port_call *call = arg;
    const struct run_result *run = value;
    const bool lenient = call->lenient;
    _cleanup_err_ struct err err = ERR_INIT;

    call->run = NULL;
    call->lenient = false;
    if (result < 0 && from)
        err_copy(&err, from);
    else if (result == 0 && run->status != 0)
        result = err_set(&err, -EIO, "%s", run->errors);
    if (result == -ESHUTDOWN || (result < 0 && !lenient))
        port_call_end(call, result, &err);
    else
        call->next(call, result < 0 ? NULL : run->output);
}

void port_call_run(struct port_call *call, char *const *argv, const char *input,
    void (*next)(struct port_call *call, const char *output))
{
    const struct run_request request = {.argv = argv, .input = input};

    call->next = next;
    call->run = host_run(call->mapper->base.host, &request, DONE(call_ran, call));
}

void port_call_batch(struct port_call *call, const char *program, const char *batch,
    void (*next)(struct port_call *call, const char *output))
{
    const char *const argv[] = {program, "-batch", "-", NULL};

    if (*batch)
        port_call_run(call, (char *const *)(uintptr_t)argv, batch, next);
    else
        next(call, "");
}

void port_call_inside(struct port_call *call, pid_t pid, const char *batch,
    void (*next)(struct port_call *call, const char *output))
{
    _cleanup_free_ char *net = str_printf("--net=/proc/%d/ns/net", (int)pid);
    const char *const argv[] = {"nsenter", net, "tc", "-batch", "-", NULL};

    port_call_run(call, (char *const *)(uintptr_t)argv, batch, next);
}

/* --- searches --- */

/* The veth first, then eth0 and lo. */
static const char *search_device(const struct port_call *call, char veth[PORT_MAPPING_DEVICE_BYTES])
{
    const struct port_mapper *mapper = call->mapper;

    snprintf(veth, PORT_MAPPING_DEVICE_BYTES, PORT_MAPPING_VETH "%d", (int)call->pid);
    return call->device == 0 ? veth : call->device == 1 ? mapper->eth0 : mapper->lo;
}

static void search_next(struct port_call *call);

static void searched_device(struct port_call *call, const char *output)
{
    _cleanup_free_ struct port_filter *filters = NULL;
    const size_t count = port_filters_parse(output ? output : "", &filters);
    char veth[PORT_MAPPING_DEVICE_BYTES];
    const char *device = search_device(call, veth);

    for (size_t i = 0; i < count; i++) {
        struct port_found *found;

        if (!filters[i].has_source && !filters[i].has_destination)
            continue;
        if (call->device > 0 && !str_equal(filters[i].device, veth))
            continue; /* another container's */
        call->found = mem_realloc(call->found, (call->found_count + 1) * sizeof(*call->found));
        found = &call->found[call->found_count++];
        *found = (struct port_found){.filter = filters[i]};
        snprintf(found->device, sizeof(found->device), "%s", device);
    }
    call->device++;
    search_next(call);
}

static void search_next(struct port_call *call)
{
    char veth[PORT_MAPPING_DEVICE_BYTES];
    const char *const argv[] = {
        "tc", "filter", "show", "dev", search_device(call, veth), "parent", "ffff:", NULL};

    if (call->device == 3) {
        call->searched(call);
        return;
    }
    call->lenient = true; /* the veth may be gone */
    port_call_run(call, (char *const *)(uintptr_t)argv, NULL, searched_device);
}

void port_call_find(
    struct port_call *call, pid_t pid, void (*searched)(struct port_call *call))
{
    call->pid = pid;
    call->device = 0;
    call->found_count = 0;
    call->searched = searched;
    search_next(call);
}

bool port_call_has(
    const struct port_call *call, const char *device, const struct resource_range *range)
{
    for (size_t i = 0; i < call->found_count; i++) {
        if (str_equal(call->found[i].device, device) &&
            port_range_same(&call->found[i].filter.ports, range))
            return true;
    }
    return false;
}

void port_call_delete(
    struct strbuf *batch, const struct port_call *call, const struct ranges *kept)
{
    for (size_t i = 0; i < call->found_count; i++) {
        const struct port_found *found = &call->found[i];
        bool stays = false;

        for (size_t k = 0; k < kept->count; k++)
            stays = stays || port_range_same(&kept->items[k], &found->filter.ports);
        if (!stays)
            port_filter_delete(batch, found->device, &found->filter);
    }
}
