/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/fetcher/cache.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/fetcher/uri.h"

/* fetcher.md 6.1: long names keep both ends. */
#define NAME_MAX_LENGTH 20
#define NAME_PART 10

void cache_init(struct cache *cache, struct host *host, uint64_t space_bytes)
{
    *cache = (struct cache){.host = host, .space_bytes = space_bytes};
    list_init(&cache->entries);
}

static void entry_free(struct cache_entry *entry)
{
    assert(list_empty(&entry->waiters));
    list_remove(&entry->node);
    free(entry->key);
    free(entry->directory);
    free(entry->file);
    free(entry);
}

void cache_release(struct cache *cache)
{
    while (!list_empty(&cache->entries))
        entry_free(list_entry(cache->entries.next, struct cache_entry, node));
}

static char *key_of(const char *user, const char *uri)
{
    return user ? str_printf("%s@%s", user, uri) : str_dup(uri);
}

struct cache_entry *cache_find(struct cache *cache, const char *user, const char *uri)
{
    _cleanup_free_ char *key = key_of(user, uri);
    list_for_each(node, &cache->entries) {
        struct cache_entry *entry = list_entry(node, struct cache_entry, node);
        if (!str_equal(entry->key, key))
            continue;
        list_remove(&entry->node);
        list_append(&cache->entries, &entry->node);
        return entry;
    }
    return NULL;
}

static char *file_name(struct cache *cache, const char *uri)
{
    _cleanup_free_ char *name = uri_basename(uri);
    size_t length = strlen(name);
    cache->serial++;
    if (length <= NAME_MAX_LENGTH)
        return str_printf("c%" PRIu64 "-%s", cache->serial, name);
    return str_printf("c%" PRIu64 "-%.*s_%s", cache->serial, NAME_PART, name,
        name + length - NAME_PART);
}

struct cache_entry *cache_add(
    struct cache *cache, const char *directory, const char *user, const char *uri)
{
    struct cache_entry *entry = mem_alloc(sizeof(*entry));
    entry->key = key_of(user, uri);
    entry->directory = str_dup(directory);
    entry->file = file_name(cache, uri);
    list_init(&entry->waiters);
    list_append(&cache->entries, &entry->node);
    return entry;
}

void cache_ref(struct cache_entry *entry)
{
    entry->references++;
}

void cache_unref(struct cache_entry *entry)
{
    assert(entry->references > 0);
    entry->references--;
    if (entry->dropped && entry->references == 0)
        entry_free(entry);
}

char *cache_path(const struct cache_entry *entry)
{
    return str_printf("%s/%s", entry->directory, entry->file);
}

/* What eviction can free at most; stops when it is enough. */
static uint64_t evictable(const struct cache *cache, uint64_t wanted)
{
    uint64_t sum = 0;
    list_for_each(node, &cache->entries) {
        const struct cache_entry *entry = list_entry(node, struct cache_entry, node);
        if (entry->references == 0 && entry->state == CACHE_DONE && sum < wanted)
            sum += entry->size_bytes;
    }
    return sum;
}

/* The file of an entry that cannot be removed takes its space for ever. */
static int evict(struct cache *cache, struct cache_entry *entry, struct err *err)
{
    _cleanup_free_ char *path = cache_path(entry);
    uint64_t size = entry->size_bytes;
    entry_free(entry);
    int r = host_file_remove(cache->host, path, err);
    if (r < 0 && r != -ENOENT)
        return err_wrap(err, r, "evict %s, whose space is lost", path);
    err_clear(err);
    cache->used_bytes -= size;
    return 0;
}

int cache_reserve(
    struct cache *cache, struct cache_entry *entry, uint64_t size_bytes, struct err *err)
{
    assert(entry->state == CACHE_PENDING && entry->size_bytes == 0);
    uint64_t free_bytes =
        cache->space_bytes > cache->used_bytes ? cache->space_bytes - cache->used_bytes : 0;
    uint64_t missing = size_bytes > free_bytes ? size_bytes - free_bytes : 0;
    if (evictable(cache, missing) < missing)
        return err_set(err, -ENOSPC,
            "could not free up enough space in the cache: %" PRIu64 " bytes are missing", missing);
    uint64_t freed = 0;
    list_for_each_safe(node, following, &cache->entries) {
        struct cache_entry *victim = list_entry(node, struct cache_entry, node);
        if (freed >= missing)
            break;
        if (victim->references > 0 || victim->state != CACHE_DONE)
            continue;
        freed += victim->size_bytes;
        int r = evict(cache, victim, err);
        if (r < 0)
            return r;
    }
    entry->size_bytes = size_bytes;
    cache->used_bytes += size_bytes;
    return 0;
}

/* Each is called once, and may wait for something else then. */
static void tell(struct cache_entry *entry, bool done)
{
    while (!list_empty(&entry->waiters)) {
        struct cache_waiter *waiter =
            list_entry(entry->waiters.next, struct cache_waiter, node);
        list_remove(&waiter->node);
        waiter->settled(waiter, entry, done);
    }
}

void cache_finish(struct cache *cache, struct cache_entry *entry, uint64_t size_bytes)
{
    assert(entry->state == CACHE_PENDING && size_bytes <= entry->size_bytes);
    cache->used_bytes -= entry->size_bytes - size_bytes;
    entry->size_bytes = size_bytes;
    entry->state = CACHE_DONE;
    tell(entry, true);
}

void cache_drop(struct cache *cache, struct cache_entry *entry)
{
    _cleanup_free_ char *path = cache_path(entry);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = host_file_exists(cache->host, path) ? host_file_remove(cache->host, path, &err) : 0;
    if (r < 0)
        log_warning("fetcher cache: %s", err_text(&err));
    cache->used_bytes -= entry->size_bytes;
    list_remove(&entry->node);
    tell(entry, false);
    entry->dropped = true;
    if (entry->references == 0)
        entry_free(entry);
}
