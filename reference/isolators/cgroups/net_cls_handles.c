/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/cgroups/net_cls_handles.h"

#include <errno.h>

#include "reference/base/mem.h"

struct net_cls_handles {
    uint16_t primary;
    uint16_t low;
    uint16_t high;
    uint8_t taken[(UINT16_MAX + 1) / 8]; /* a bit per secondary */
};

static bool is_taken(const struct net_cls_handles *handles, unsigned secondary)
{
    return handles->taken[secondary / 8] & (1u << secondary % 8);
}

struct net_cls_handles *net_cls_handles_new(uint16_t primary, uint16_t low, uint16_t high)
{
    struct net_cls_handles *handles = mem_alloc(sizeof(*handles));

    handles->primary = primary;
    handles->low = low;
    handles->high = high;
    return handles;
}

void net_cls_handles_free(struct net_cls_handles *handles)
{
    free(handles);
}

int net_cls_handles_allocate(
    struct net_cls_handles *handles, uint32_t *ret_classid, struct err *err)
{
    for (unsigned secondary = handles->low; secondary <= handles->high; secondary++) {
        if (is_taken(handles, secondary))
            continue;
        handles->taken[secondary / 8] |= (uint8_t)(1u << secondary % 8);
        *ret_classid = (uint32_t)handles->primary << 16 | secondary;
        return 0;
    }
    return err_set(err, -ENOSPC, "no network class handle is left below 0x%x", handles->primary);
}

static int in_pool(const struct net_cls_handles *handles, uint32_t classid, unsigned *ret_secondary,
    struct err *err)
{
    *ret_secondary = classid & UINT16_MAX;
    if (classid >> 16 != handles->primary || *ret_secondary < handles->low ||
        *ret_secondary > handles->high)
        return err_set(
            err, -ERANGE, "the network class handle 0x%x is outside the agent's", classid);
    return 0;
}

int net_cls_handles_reserve(struct net_cls_handles *handles, uint32_t classid, struct err *err)
{
    unsigned secondary = 0;
    int r = in_pool(handles, classid, &secondary, err);

    if (r < 0)
        return r;
    if (is_taken(handles, secondary))
        return err_set(err, -EEXIST, "the network class handle 0x%x is already in use", classid);
    handles->taken[secondary / 8] |= (uint8_t)(1u << secondary % 8);
    return 0;
}

int net_cls_handles_release(struct net_cls_handles *handles, uint32_t classid, struct err *err)
{
    unsigned secondary = 0;
    int r = in_pool(handles, classid, &secondary, err);

    if (r < 0)
        return r;
    if (!is_taken(handles, secondary))
        return err_set(err, -ENOENT, "the network class handle 0x%x is not in use", classid);
    handles->taken[secondary / 8] &= (uint8_t) ~(1u << secondary % 8);
    return 0;
}
