/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/net_cls: a network class id per container, primary << 16 | secondary, the lowest free
 * secondary first (isolators.md 3.9). Without a primary handle it does nothing.
 */
#include <errno.h>

#include "reference/isolators/cgroups/net_cls_handles.h"
#include "reference/isolators/cgroups/subsystem.h"

struct net_cls_container {
    uint32_t classid; /* 0: none */
};

static int hex_parse(const char *text, uint64_t most, uint64_t *ret_value)
{
    char *end;

    errno = 0;
    *ret_value = strtoull(text, &end, 16);
    return errno || end == text || *end || *ret_value == 0 || *ret_value > most ? -EINVAL : 0;
}

static int range_parse(const char *text, uint16_t *ret_low, uint16_t *ret_high, struct err *err)
{
    _cleanup_strv_ char **parts = strv_split(text, ",");
    uint64_t low = 0, high = 0;

    if (strv_length(parts) != 2 || hex_parse(parts[0], UINT16_MAX, &low) < 0 ||
        hex_parse(parts[1], UINT16_MAX, &high) < 0 || low > high)
        return err_set(err, -EINVAL,
            "cgroups_net_cls_secondary_handles: expected \"0xLOW,0xHIGH\" with 0 < LOW <= HIGH, "
            "got \"%s\"",
            text);
    *ret_low = (uint16_t)low;
    *ret_high = (uint16_t)high;
    return 0;
}

static int net_cls_create(struct cgroup_subsystem *subsystem, struct err *err)
{
    const struct flags *flags = &subsystem->object->flags;
    uint16_t low = 1, high = UINT16_MAX;
    uint64_t primary = 0;
    int r = 0;

    if (!flags->cgroups_net_cls_primary_handle)
        return flags->cgroups_net_cls_secondary_handles
                   ? err_set(err, -EINVAL,
                         "cgroups_net_cls_secondary_handles needs cgroups_net_cls_primary_handle")
                   : 0;
    if (hex_parse(flags->cgroups_net_cls_primary_handle, UINT16_MAX, &primary) < 0)
        return err_set(err, -EINVAL,
            "cgroups_net_cls_primary_handle: expected a non-zero 16 bit hexadecimal number, got "
            "\"%s\"",
            flags->cgroups_net_cls_primary_handle);
    if (flags->cgroups_net_cls_secondary_handles)
        r = range_parse(flags->cgroups_net_cls_secondary_handles, &low, &high, err);
    if (r == 0)
        subsystem->data = net_cls_handles_new((uint16_t)primary, low, high);
    return r;
}

static void net_cls_free(struct cgroup_subsystem *subsystem)
{
    net_cls_handles_free(subsystem->data);
}

static struct net_cls_container *state_new(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct net_cls_container *state = mem_alloc(sizeof(*state));

    container->states[subsystem->index] = state;
    return state;
}

static int net_cls_prepare(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    struct net_cls_container *state = state_new(subsystem, container);

    return subsystem->data ? net_cls_handles_allocate(subsystem->data, &state->classid, err) : 0;
}

static int net_cls_recover(
    struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err)
{
    struct net_cls_container *state = state_new(subsystem, container);
    uint64_t classid = 0;
    int r;

    if (!subsystem->data)
        return 0;
    r = cgroup_read_u64(subsystem->fs, container->path, "net_cls.classid", &classid, err);
    if (r < 0 || classid == 0)
        return r;
    r = net_cls_handles_reserve(subsystem->data, (uint32_t)classid, err);
    if (r == 0)
        state->classid = (uint32_t)classid;
    return r;
}

static int net_cls_isolate(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    pid_t pid, struct err *err)
{
    const struct net_cls_container *state = container->states[subsystem->index];

    (void)pid;
    if (state->classid == 0)
        return 0;
    return cgroup_write_u64(subsystem->fs, container->path, "net_cls.classid", state->classid, err);
}

static int net_cls_status(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
    struct container_status *into, struct err *err)
{
    const struct net_cls_container *state = container->states[subsystem->index];

    (void)err;
    if (state->classid == 0)
        return 0;
    into->cgroup_info = mem_alloc(sizeof(*into->cgroup_info));
    into->cgroup_info->net_cls = mem_alloc(sizeof(*into->cgroup_info->net_cls));
    into->cgroup_info->net_cls->classid = (struct opt_u64)OPT(state->classid);
    return 0;
}

static void net_cls_cleanup(struct cgroup_subsystem *subsystem, struct cgroup_container *container)
{
    struct net_cls_container *state = container->states[subsystem->index];

    if (!state) /* preparing did not get here */
        return;
    if (state->classid)
        (void)net_cls_handles_release(subsystem->data, state->classid, NULL);
    free(state);
    container->states[subsystem->index] = NULL;
}

const struct cgroup_subsystem_ops cgroup_net_cls_ops = {
    .name = "net_cls",
    .controller_v1 = "net_cls",
    .create = net_cls_create,
    .prepare = net_cls_prepare,
    .recover = net_cls_recover,
    .isolate = net_cls_isolate,
    .status = net_cls_status,
    .cleanup = net_cls_cleanup,
    .free = net_cls_free,
};
