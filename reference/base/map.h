/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maps from strings or numbers to pointers: O(1), and iterated in insertion order so that nothing
 * depends on addresses. Values are borrowed. Keys of strmap are copied.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strmap;
struct strmap *strmap_new(void);
void strmap_free(struct strmap *map);                               /* NULL is fine; values stay */
void *strmap_get(const struct strmap *map, const char *key);        /* NULL when absent */
void strmap_set(struct strmap *map, const char *key, void *value);  /* replaces */
void *strmap_remove(struct strmap *map, const char *key); /* the value, NULL when absent */
size_t strmap_count(const struct strmap *map);
/* Walks in insertion order: start with *cursor = 0; false at the end. Removing while walking is
 * fine. */
bool strmap_next(const struct strmap *map, size_t *cursor, const char **key, void **value);

struct u64map;
struct u64map *u64map_new(void);
void u64map_free(struct u64map *map);
void *u64map_get(const struct u64map *map, uint64_t key);
void u64map_set(struct u64map *map, uint64_t key, void *value);
void *u64map_remove(struct u64map *map, uint64_t key);
size_t u64map_count(const struct u64map *map);
bool u64map_next(const struct u64map *map, size_t *cursor, uint64_t *key, void **value);
