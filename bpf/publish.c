/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publication: a container gets a slot, and its cgroups lead to that slot. Slots are dense; one of
 * a retired container is used again when there are no others, the oldest first, and what it holds
 * then moves to the container's parent.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bpf/internal.h"
#include "reference/base/mem.h"
#include "reference/base/sometimes.h"

struct record *record_find(const struct stats *stats, const char *id)
{
    for (size_t i = stats->records_count; id && i-- > 0;)
        if (!stats->records[i]->retired && str_equal(stats->records[i]->id, id))
            return stats->records[i];
    return NULL;
}

void record_free(struct record *record)
{
    free(record->id);
    free(record->cgroup);
    free(record);
}

/* What caches hold of the published cgroups is void from here on. */
static void generation_advance(struct stats *stats)
{
    __atomic_fetch_add(&stats->control->generation, 1, __ATOMIC_RELEASE);
}

/* --- slots --- */

static void record_remove(struct stats *stats, size_t index)
{
    struct record *gone = stats->records[index];
    maps_read(stats);
    for (size_t i = 0; i < stats->records_count; i++)
        if (stats->records[i]->parent == gone)
            stats->records[i]->parent = gone->parent;
    if (gone->parent) {
        gone->parent->inherits = true;
        raw_add(&gone->parent->inherited, &gone->own);
        raw_add(&gone->parent->inherited, &gone->inherited);
    }
    record_free(gone);
    stats->records_count--;
    memmove(&stats->records[index], &stats->records[index + 1],
        (stats->records_count - index) * sizeof(struct record *));
}

static int slot_take(struct stats *stats, uint32_t *ret_slot)
{
    if (stats->slots_used < stats->slots) {
        *ret_slot = stats->slots_used++;
        return 0;
    }
    for (size_t i = 0; i < stats->records_count; i++) {
        if (!stats->records[i]->retired)
            continue;
        sometimes("the slot of a retired container is used again");
        *ret_slot = stats->records[i]->slot;
        record_remove(stats, i);
        return stats->loaded ? slot_clear(stats, *ret_slot) : 0;
    }
    sometimes("more containers than slots");
    stats->unpublished++;
    return -ENOSPC;
}

/* --- cgroups --- */

static int key_add(struct record *record, const struct hierarchy *hierarchy, struct err *err)
{
    struct cgroup_key key = {.hierarchy = hierarchy->number};
    uint64_t id = 0;
    int result = cgroup_id_read(hierarchy, record->cgroup, &id);
    if (result < 0)
        return err_errno(err, result, "cgroup %s of %s", record->cgroup, hierarchy->mount_point);
    key.id = id;
    record->keys[record->keys_count++] = key;
    return 0;
}

static int keys_find(struct stats *stats, struct record *record, struct err *err)
{
    if (!stats->identity)
        return err_set(err, -ENOENT, "no cgroup hierarchy is mounted");
    int result = key_add(record, stats->identity, err);
    const struct hierarchy *block = hierarchy_of(&stats->hierarchies, "blkio");
    if (result == 0 && block && block != stats->identity)
        key_add(record, block, NULL);
    return result;
}

/* Whether the kernel charges its block I/O to a cgroup of its own. */
static bool has_block_cgroup(const struct stats *stats, const struct record *record)
{
    if (record->keys_count > 1 || str_equal(stats->identity_name, "blkio"))
        return true;
    _cleanup_free_ char *path =
        str_printf("%s/%s/io.stat", stats->identity->mount_point, record->cgroup);
    return stats->identity->number == 0 && access(path, F_OK) == 0;
}

/* Slot first, then the keys: no task sees a slot that holds another container's figures. */
static int slot_fill(
    struct stats *stats, struct record *record, bool *ret_untouched, struct err *err)
{
    struct gauge gauge = {.parent = record->parent ? record->parent->slot : STATS_SLOT_NONE,
        .block_cgroup = has_block_cgroup(stats, record)};
    struct timeline line = {0};
    struct newborn_entry newborn = {0};
    if (bpf_map_lookup_elem(stats->maps[MAP_NEWBORN].fd, &record->keys[0], &newborn) == 0)
        line.created_ns = newborn.created_ns;
    *ret_untouched = newborn.created_ns != 0 && !newborn.populated;
    int result =
        bpf_map_update_elem(stats->maps[MAP_GAUGES].fd, &record->slot, &gauge, BPF_ANY);
    if (result == 0)
        result = bpf_map_update_elem(stats->maps[MAP_TIMELINES].fd, &record->slot, &line, BPF_ANY);
    for (size_t i = 0; result == 0 && i < record->keys_count; i++)
        result = bpf_map_update_elem(
            stats->maps[MAP_CONTAINERS].fd, &record->keys[i], &record->slot, BPF_ANY);
    if (result < 0)
        return err_errno(err, result, "publish in the maps");
    bpf_map_delete_elem(stats->maps[MAP_NEWBORN].fd, &record->keys[0]);
    generation_advance(stats);
    return 0;
}

/* The path below the root of the hierarchies, whichever way it was given. */
static char *cgroup_below(const struct stats *stats, const char *cgroup)
{
    const char *below = cgroup;
    if (cgroup[0] == '/' && !hierarchy_of_path(&stats->hierarchies, cgroup, &below))
        below = cgroup + strspn(cgroup, "/");
    size_t length = strlen(below);
    while (length > 0 && below[length - 1] == '/')
        length--;
    return str_ndup(below, length);
}

static int record_place(struct stats *stats, struct record *record, struct err *err)
{
    int result = keys_find(stats, record, err);
    if (result < 0)
        return result;
    result = slot_take(stats, &record->slot);
    if (result < 0)
        return err_set(err, result, "all %u slots are in use", stats->slots);
    if (!stats->loaded)
        return 0;
    bool untouched = false;
    result = slot_fill(stats, record, &untouched, err);
    if (result == 0 && !untouched)
        tasks_adopt(stats, record);
    return result;
}

int stats_publish(struct stats *stats, const char *id, const char *cgroup, const char *parent,
    struct err *err)
{
    if (record_find(stats, id))
        return err_set(err, -EEXIST, "publish %s: it is published", id);
    struct record *record = mem_alloc(sizeof(*record));
    record->id = str_dup(id);
    record->cgroup = cgroup_below(stats, cgroup);
    record->parent = record_find(stats, parent);
    int result = record_place(stats, record, err);
    if (result < 0) {
        record_free(record);
        return err_wrap(err, result, "publish %s", id);
    }
    stats->records = mem_grow(stats->records, &stats->records_capacity, stats->records_count + 1,
        sizeof(struct record *));
    stats->records[stats->records_count++] = record;
    return 0;
}

int stats_retire(struct stats *stats, const char *id, struct err *err)
{
    struct record *record = record_find(stats, id);
    if (!record)
        return err_set(err, -ENOENT, "retire %s: it is not published", id);
    record->retired = true;
    for (size_t i = 0; stats->loaded && i < record->keys_count; i++)
        bpf_map_delete_elem(stats->maps[MAP_CONTAINERS].fd, &record->keys[i]);
    if (stats->loaded)
        generation_advance(stats);
    return 0;
}
