/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bpf/internal.h"

#define LAYOUT(member, u64s)                                                                       \
    {offsetof(struct stats_raw, member), sizeof(((struct stats_raw *)0)->member), (u64s)}
#define ALL_U64(member) LAYOUT(member, sizeof(((struct stats_raw *)0)->member) / sizeof(uint64_t))

const struct family_layout family_layouts[FAMILY_COUNT] = {
    [MAP_SCHED] = ALL_U64(sched),
    [MAP_PROCESS] = LAYOUT(process, offsetof(struct process_stats, exits_by_signal) / 8),
    [MAP_MEMORY] = ALL_U64(memory),
    [MAP_BLOCK] = ALL_U64(block),
    [MAP_NETWORK] = ALL_U64(network),
    [MAP_SYSCALL] = ALL_U64(syscall),
    [MAP_SIGNAL] = LAYOUT(signal, offsetof(struct signal_stats, by_number) / 8),
};

void raw_add(struct stats_raw *into, const struct stats_raw *from)
{
    for (size_t family = 0; family < FAMILY_COUNT; family++) {
        const struct family_layout *layout = &family_layouts[family];
        uint64_t *to = (uint64_t *)(void *)((char *)into + layout->offset);
        const uint64_t *more =
            (const uint64_t *)(const void *)((const char *)from + layout->offset);
        for (size_t i = 0; i < layout->u64_count; i++)
            to[i] += more[i];
        uint32_t *to32 = (uint32_t *)(void *)(to + layout->u64_count);
        const uint32_t *more32 = (const uint32_t *)(const void *)(more + layout->u64_count);
        size_t count = (layout->size - layout->u64_count * sizeof(uint64_t)) / sizeof(uint32_t);
        for (size_t i = 0; i < count; i++)
            to32[i] += more32[i];
    }
}

void rollup(struct record *const *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        records[i]->total = records[i]->own;
        if (records[i]->inherits)
            raw_add(&records[i]->total, &records[i]->inherited);
    }
    for (size_t i = 0; i < count; i++) {
        if (!records[i]->parent)
            continue;
        struct stats_raw part = records[i]->own;
        if (records[i]->inherits)
            raw_add(&part, &records[i]->inherited);
        for (struct record *above = records[i]->parent; above; above = above->parent)
            raw_add(&above->total, &part);
    }
}
