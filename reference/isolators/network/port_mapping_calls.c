/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/network/port_mapping_calls.h"

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

/* --- batches of tc, one at a time: each is made for what those before it leave --- */

static void batch_run(struct port_call *call, const char *program)
{
    const char *const argv[] = {program, "-batch", "-", NULL};

    port_call_run(call, (char *const *)(uintptr_t)argv, call->batch, call->next);
}

static void batch_next(struct port_mapper *mapper)
{
    struct port_call *call;

    if (mapper->ending || list_empty(&mapper->waiting))
        return;
    call = list_entry(mapper->waiting.next, struct port_call, turn);
    list_remove(&call->turn);
    call->waits = false;
    mapper->filtering = call;
    batch_run(call, "tc");
}

/* The call's turn is over, or it waits no more. */
static void batch_leave(struct port_call *call)
{
    struct port_mapper *mapper = call->mapper;

    if (call->waits)
        list_remove(&call->turn);
    call->waits = false;
    if (mapper->filtering != call)
        return;
    mapper->filtering = NULL;
    batch_next(mapper);
}

void port_call_end(struct port_call *call, int result, const struct err *err)
{
    struct done done = call->done;

    list_remove(&call->node);
    host_cancel(call->run);
    batch_leave(call);
    port_recovery_free(call->recovery);
    err_clear(&call->err);
    if (call->statistics)
        json_type_release(&statistics_json, call->statistics);
    free(call->statistics);
    free(call->batch);
    free(call->found);
    free(call->id);
    free(call);
    done_result(done, result, err);
}

void port_calls_end(struct port_mapper *mapper)
{
    mapper->ending = true;
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
    if (result == -EIO && call->batch)
        port_metrics_note(call->mapper, call->batch, err_text(&err), call->updates_mirrors);
    free(TAKE_PTR(call->batch));
    batch_leave(call);
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
    if (!*batch) {
        next(call, "");
        return;
    }
    str_set(&call->batch, batch);
    call->next = next;
    if (!str_equal(program, "tc")) {
        batch_run(call, program);
        return;
    }
    list_append(&call->mapper->waiting, &call->turn);
    call->waits = true;
    if (!call->mapper->filtering)
        batch_next(call->mapper);
}

void port_call_enter(struct port_call *call, const char *const *argv, const char *input,
    void (*next)(struct port_call *call, const char *output))
{
    _cleanup_strv_ char **whole = NULL;

    strv_add(&whole, "nsenter");
    strv_add_owned(&whole, str_printf("--net=/proc/%d/ns/net", (int)call->pid));
    for (; *argv; argv++)
        strv_add(&whole, *argv);
    port_call_run(call, whole, input, next);
}

/* --- searches --- */

/* The veth first, then eth0 and lo, and at last what leaves by eth0. */
#define SEARCH_ETH0 1
#define SEARCH_FLOWS 3

struct search_place {
    char veth[PORT_MAPPING_DEVICE_BYTES];
    char parent[8];
    const char *device; /* NULL: that was all */
};

static void search_place_set(const struct port_call *call, struct search_place *ret_place)
{
    const struct port_mapper *mapper = call->mapper;
    const char *const devices[] = {
        ret_place->veth, mapper->eth0, mapper->lo, mapper->flows.handle ? mapper->eth0 : NULL};
    const unsigned handle = call->device == SEARCH_FLOWS ? mapper->flows.handle : 0xffff;

    snprintf(ret_place->veth, sizeof(ret_place->veth), PORT_MAPPING_VETH "%d", (int)call->pid);
    snprintf(ret_place->parent, sizeof(ret_place->parent), "%x:", handle);
    ret_place->device = call->device < ARRAY_SIZE(devices) ? devices[call->device] : NULL;
}

static void search_next(struct port_call *call);

/* Others on the way are another container's. */
static bool search_wants(
    const struct port_call *call, const struct port_filter *filter, const char *veth)
{
    if (!filter->has_source && !filter->has_destination)
        return false;
    if (call->device == SEARCH_FLOWS) /* of ports that were found for this one */
        return port_call_has(call, veth, &filter->ports) ||
               port_call_has(call, call->mapper->eth0, &filter->ports);
    return call->device == 0 || str_equal(filter->device, veth);
}

static void found_add(struct port_call *call, const struct port_filter *filter, const char *device,
    const char *parent)
{
    struct port_found *found;

    call->found = mem_realloc(call->found, (call->found_count + 1) * sizeof(*call->found));
    found = &call->found[call->found_count++];
    *found = (struct port_found){.filter = *filter};
    snprintf(found->device, sizeof(found->device), "%s", device);
    snprintf(found->parent, sizeof(found->parent), "%s", parent);
}

static void searched_device(struct port_call *call, const char *output)
{
    _cleanup_free_ struct port_filter *filters = NULL;
    const size_t count = port_filters_parse(output ? output : "", &filters);
    struct search_place place;

    /* Those of eth0 and lo would be left for good. */
    if (!output && call->device > 0 && !call->again) {
        call->again = true;
        search_next(call);
        return;
    }
    search_place_set(call, &place);
    if (call->device == SEARCH_FLOWS && output)
        port_flows_found(call->mapper, output);
    if (call->device == SEARCH_ETH0 && output && !call->mapper->mirrors_known) {
        call->mapper->mirrors = strstr(output, "pref 514 ");
        call->mapper->mirrors_known = true;
    }
    for (size_t i = 0; i < count; i++) {
        if (search_wants(call, &filters[i], place.veth))
            found_add(call, &filters[i], place.device, place.parent);
    }
    call->device++;
    search_next(call);
}

static void search_next(struct port_call *call)
{
    struct search_place place;

    search_place_set(call, &place);
    if (!place.device) {
        call->searched(call);
        return;
    }
    const char *const argv[] = {
        "tc", "filter", "show", "dev", place.device, "parent", place.parent, NULL};
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

static const char *inside_device(const struct port_call *call)
{
    const char *const devices[] = {call->mapper->lo, call->mapper->eth0};

    return call->device < ARRAY_SIZE(devices) ? devices[call->device] : NULL;
}

static void inside_next(struct port_call *call);

static void inside_known(struct port_call *call, const char *output)
{
    _cleanup_free_ struct port_filter *filters = NULL;
    const size_t count = port_filters_parse(output ? output : "", &filters);

    if (!output && !call->again) {
        call->again = true;
        inside_next(call);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (filters[i].has_destination)
            found_add(call, &filters[i], inside_device(call), "ffff:");
    }
    call->device++;
    inside_next(call);
}

static void inside_next(struct port_call *call)
{
    const char *device = inside_device(call);
    const char *const argv[] = {"tc", "filter", "show", "dev", device, "parent", "ffff:", NULL};

    if (!device) {
        call->searched(call);
        return;
    }
    call->lenient = true;
    port_call_enter(call, argv, NULL, inside_known);
}

void port_call_find_inside(struct port_call *call, void (*searched)(struct port_call *call))
{
    call->device = 0;
    call->found_count = 0;
    call->searched = searched;
    inside_next(call);
}

bool port_call_has(
    const struct port_call *call, const char *device, const struct resource_range *range)
{
    for (size_t i = 0; i < call->found_count; i++) {
        if (str_equal(call->found[i].device, device) && !call->found[i].filter.flow &&
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
            port_filter_delete(batch, found->device, found->parent, &found->filter);
    }
}
