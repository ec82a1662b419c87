/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both maps are one table: entries stand in insertion order, an open-addressing index (linear
 * probing, removal by shifting back) leads to them. Each entry has a serial number that only grows,
 * and a cursor is such a number: it stays valid whatever is added, removed or compacted meanwhile.
 */
#include "reference/base/map.h"

#include <assert.h>
#include <string.h>

#include "reference/base/mem.h"

struct map_entry {
    uint64_t serial;
    uint64_t hash;
    uint64_t number; /* the key of a u64map */
    char *text;      /* the key of a strmap, owned */
    void *value;
    bool live;
};

struct map_table {
    struct map_entry *entries;
    size_t used;     /* entries in use, live or removed */
    size_t first;    /* no live entry before this one */
    size_t capacity; /* of entries */
    size_t count;    /* live entries */
    uint64_t next_serial;
    uint32_t *index; /* 0 empty, else an entry's position + 1 */
    size_t slots;    /* of the index: a power of two, at least twice the capacity */
};

struct strmap {
    struct map_table table;
};
struct u64map {
    struct map_table table;
};

static uint64_t hash_mix(uint64_t hash)
{
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ (hash >> 32);
}

static uint64_t hash_text(const char *text)
{
    size_t length = strlen(text);
    uint64_t hash = length;
    for (; length >= 8; length -= 8, text += 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    uint64_t rest = 0;
    memcpy(&rest, text, length);
    return hash_mix(hash ^ rest);
}

static bool entry_matches(const struct map_entry *entry, uint64_t hash, uint64_t number,
    const char *text)
{
    if (entry->hash != hash)
        return false;
    return text ? strcmp(entry->text, text) == 0 : entry->number == number;
}

/* The slot that leads to the key, or the empty one where it would go. */
static size_t table_slot(const struct map_table *table, uint64_t hash, uint64_t number,
    const char *text)
{
    size_t mask = table->slots - 1;
    size_t slot = hash & mask;
    while (table->index[slot] != 0) {
        if (entry_matches(&table->entries[table->index[slot] - 1], hash, number, text))
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

static struct map_entry *table_find(const struct map_table *table, uint64_t hash, uint64_t number,
    const char *text)
{
    if (table->count == 0)
        return NULL;
    size_t slot = table_slot(table, hash, number, text);
    return table->index[slot] ? &table->entries[table->index[slot] - 1] : NULL;
}

static void table_compact(struct map_table *table)
{
    size_t kept = 0;
    for (size_t i = table->first; i < table->used; i++)
        if (table->entries[i].live)
            table->entries[kept++] = table->entries[i];
    table->used = kept;
    table->first = 0;
}

/* Makes room for one entry more, dropping removed ones when they are half of all. */
static void table_reserve(struct map_table *table)
{
    if (table->used < table->capacity)
        return;
    if (table->count * 2 > table->capacity || table->capacity == 0) {
        assert(table->capacity < UINT32_MAX / 4);
        table->entries = mem_grow(table->entries, &table->capacity, table->capacity + 1,
            sizeof(*table->entries));
    }
    table_compact(table);
    if (table->slots != 2 * table->capacity) {
        free(table->index);
        table->slots = 2 * table->capacity;
        table->index = mem_alloc(table->slots * sizeof(*table->index));
    } else {
        memset(table->index, 0, table->slots * sizeof(*table->index));
    }
    size_t mask = table->slots - 1;
    for (size_t i = 0; i < table->used; i++) {
        size_t slot = table->entries[i].hash & mask;
        while (table->index[slot] != 0)
            slot = (slot + 1) & mask;
        table->index[slot] = (uint32_t)i + 1;
    }
}

static void table_set(struct map_table *table, uint64_t hash, uint64_t number, const char *text,
    void *value)
{
    struct map_entry *entry = table_find(table, hash, number, text);
    if (entry) {
        entry->value = value;
        return;
    }
    table_reserve(table);
    size_t slot = table_slot(table, hash, number, text);
    table->entries[table->used] = (struct map_entry){.serial = table->next_serial++,
        .hash = hash,
        .number = number,
        .text = str_dup(text),
        .value = value,
        .live = true};
    table->index[slot] = (uint32_t)++table->used;
    table->count++;
}

/* Empties the slot and moves back the entries after it that probing would no longer reach. */
static void table_vacate(struct map_table *table, size_t hole)
{
    size_t mask = table->slots - 1;
    for (size_t slot = (hole + 1) & mask; table->index[slot] != 0; slot = (slot + 1) & mask) {
        size_t home = table->entries[table->index[slot] - 1].hash & mask;
        if (((slot - home) & mask) < ((slot - hole) & mask))
            continue;
        table->index[hole] = table->index[slot];
        hole = slot;
    }
    table->index[hole] = 0;
}

static void *table_remove(struct map_table *table, uint64_t hash, uint64_t number, const char *text)
{
    if (table->count == 0)
        return NULL;
    size_t slot = table_slot(table, hash, number, text);
    if (table->index[slot] == 0)
        return NULL;
    struct map_entry *entry = &table->entries[table->index[slot] - 1];
    table_vacate(table, slot);
    void *value = entry->value;
    free(entry->text); /* the caller's key may be this very text */
    entry->text = NULL;
    entry->value = NULL;
    entry->live = false;
    table->count--;
    while (table->first < table->used && !table->entries[table->first].live)
        table->first++;
    if (table->count == 0)
        table->used = table->first = 0;
    return value;
}

/* The position of the first entry with a serial not below `serial`. */
static size_t table_position(const struct map_table *table, uint64_t serial)
{
    size_t low = table->first;
    size_t high = table->used;
    if (low == high || serial <= table->entries[low].serial)
        return low;
    /* Without a compaction since, serials are dense. */
    uint64_t guess = low + (serial - table->entries[low].serial);
    if (guess < high && table->entries[guess].serial == serial)
        return (size_t)guess;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->entries[middle].serial < serial)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct map_entry *table_next(const struct map_table *table, size_t *cursor)
{
    assert(cursor);
    for (size_t i = table_position(table, *cursor); i < table->used; i++) {
        if (!table->entries[i].live)
            continue;
        *cursor = (size_t)table->entries[i].serial + 1;
        return &table->entries[i];
    }
    return NULL;
}

static void table_release(struct map_table *table)
{
    for (size_t i = 0; i < table->used; i++)
        free(table->entries[i].text);
    free(table->entries);
    free(table->index);
}

struct strmap *strmap_new(void)
{
    return mem_alloc(sizeof(struct strmap));
}

void strmap_free(struct strmap *map)
{
    if (!map)
        return;
    table_release(&map->table);
    free(map);
}

void *strmap_get(const struct strmap *map, const char *key)
{
    assert(key);
    const struct map_entry *entry = table_find(&map->table, hash_text(key), 0, key);
    return entry ? entry->value : NULL;
}

void strmap_set(struct strmap *map, const char *key, void *value)
{
    assert(key);
    table_set(&map->table, hash_text(key), 0, key, value);
}

void *strmap_remove(struct strmap *map, const char *key)
{
    assert(key);
    return table_remove(&map->table, hash_text(key), 0, key);
}

size_t strmap_count(const struct strmap *map)
{
    return map->table.count;
}

bool strmap_next(const struct strmap *map, size_t *cursor, const char **key, void **value)
{
    const struct map_entry *entry = table_next(&map->table, cursor);
    if (!entry)
        return false;
    if (key)
        *key = entry->text;
    if (value)
        *value = entry->value;
    return true;
}

struct u64map *u64map_new(void)
{
    return mem_alloc(sizeof(struct u64map));
}

void u64map_free(struct u64map *map)
{
    if (!map)
        return;
    table_release(&map->table);
    free(map);
}

void *u64map_get(const struct u64map *map, uint64_t key)
{
    const struct map_entry *entry = table_find(&map->table, hash_mix(key), key, NULL);
    return entry ? entry->value : NULL;
}

void u64map_set(struct u64map *map, uint64_t key, void *value)
{
    table_set(&map->table, hash_mix(key), key, NULL, value);
}

void *u64map_remove(struct u64map *map, uint64_t key)
{
    return table_remove(&map->table, hash_mix(key), key, NULL);
}

size_t u64map_count(const struct u64map *map)
{
    return map->table.count;
}

bool u64map_next(const struct u64map *map, size_t *cursor, uint64_t *key, void **value)
{
    const struct map_entry *entry = table_next(&map->table, cursor);
    if (!entry)
        return false;
    if (key)
        *key = entry->number;
    if (value)
        *value = entry->value;
    return true;
}
