/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of network/port_mapping: ranges of filters, blocks of ephemeral ports, rates. */
#include <math.h>
#include <string.h>

#include "reference/isolators/network/port_mapping.h"

#define PORTS 65536

static void range_append(struct ranges *ranges, int64_t begin, int64_t end)
{
    ranges->items = mem_realloc(ranges->items, (ranges->count + 1) * sizeof(*ranges->items));
    ranges->items[ranges->count++] = (struct resource_range){begin, end};
}

void port_ranges_split(const struct ranges *ports, struct ranges *ret_split)
{
    *ret_split = (struct ranges){0};
    for (size_t i = 0; i < ports->count; i++) {
        int64_t begin = ports->items[i].begin;

        while (begin <= ports->items[i].end) {
            int64_t size = 1;

            while (size < PORTS && begin % (size * 2) == 0 &&
                   begin + size * 2 - 1 <= ports->items[i].end)
                size *= 2;
            range_append(ret_split, begin, begin + size - 1);
            begin += size;
        }
    }
}

void port_ranges_union(
    const struct ranges *ports, const struct resource_range *block, struct ranges *ret_union)
{
    struct resource_range next = *block;
    bool pending = block->begin > 0;

    *ret_union = (struct ranges){0};
    for (size_t i = 0; i <= ports->count; i++) {
        const struct resource_range *item = i < ports->count ? &ports->items[i] : NULL;

        if (item && pending && item->end + 1 >= next.begin && item->begin <= next.end + 1) {
            next.begin = item->begin < next.begin ? item->begin : next.begin;
            next.end = item->end > next.end ? item->end : next.end;
            continue;
        }
        if (pending && (!item || item->begin > next.end)) {
            range_append(ret_union, next.begin, next.end);
            pending = false;
        }
        if (item)
            range_append(ret_union, item->begin, item->end);
    }
}

void port_ranges_own(const struct port_container *container, struct ranges *ret_own)
{
    struct ranges all = {0};

    port_ranges_union(&container->ports, &container->block, &all);
    port_ranges_split(&all, ret_own);
    ranges_release(&all);
}

bool port_range_same(const struct resource_range *a, const struct resource_range *b)
{
    return a->begin == b->begin && a->end == b->end;
}

bool port_ranges_within(const struct ranges *inner, const struct ranges *outer)
{
    for (size_t i = 0; i < inner->count; i++) {
        bool within = false;

        for (size_t k = 0; k < outer->count; k++)
            within = within || (inner->items[i].begin >= outer->items[k].begin &&
                                   inner->items[i].end <= outer->items[k].end);
        if (!within)
            return false;
    }
    return true;
}

bool port_ranges_overlap(const struct ranges *ranges, const struct resource_range *range)
{
    for (size_t i = 0; i < ranges->count; i++) {
        if (ranges->items[i].begin <= range->end && range->begin <= ranges->items[i].end)
            return true;
    }
    return false;
}

bool port_block_allocate(const struct ranges *pool, int64_t size, const struct ranges *taken,
    struct resource_range *ret_block)
{
    for (size_t i = 0; i < pool->count; i++) {
        int64_t begin = (pool->items[i].begin + size - 1) / size * size;

        for (; begin + size - 1 <= pool->items[i].end; begin += size) {
            *ret_block = (struct resource_range){begin, begin + size - 1};
            if (!port_ranges_overlap(taken, ret_block))
                return true;
        }
    }
    return false;
}

struct port_rate port_rate_of(
    const struct port_rate_settings *settings, const struct resources *resources)
{
    struct port_rate rate = {0};
    double cpus = 0;

    if (!settings->limits)
        return rate;
    resources_scalar(resources, "cpus", RESOURCES_ALL, &cpus);
    rate.rate = settings->fixed ? settings->fixed : settings->per_cpu * (uint64_t)floor(cpus);
    rate.rate = rate.rate < settings->least ? settings->least : rate.rate;
    rate.rate = rate.rate > settings->most ? settings->most : rate.rate;
    if (settings->ceil > rate.rate) {
        rate.ceil = settings->ceil;
        rate.burst = settings->burst;
    }
    return rate;
}
