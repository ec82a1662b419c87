/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The books of the fetcher's cache (fetcher.md 6): entries by user and URI, their files, space that
 * is claimed, and who is evicted for it. Only files that are evicted are touched, through the host.
 */
#pragma once

#include "reference/base/list.h"
#include "reference/host.h"

enum cache_state { CACHE_PENDING, CACHE_DONE };

struct cache_entry {
    struct list node; /* in the cache, the least recently used first */
    char *key;
    char *directory;
    char *file; /* name in the directory */
    enum cache_state state;
    uint64_t size_bytes; /* claimed */
    unsigned references; /* of fetches; while there are some it is not evicted */
    bool dropped;        /* out of the cache, freed with the last reference */
    struct list waiters; /* struct cache_waiter: fetches that wait for it to settle */
};

/* Called when the entry is done, or has failed: then it is gone after the call. */
struct cache_waiter {
    struct list node;
    void (*settled)(struct cache_waiter *waiter, struct cache_entry *entry, bool done);
};

struct cache {
    struct host *host;
    struct list entries;
    uint64_t space_bytes;
    uint64_t used_bytes;
    uint64_t serial;
};

void cache_init(struct cache *cache, struct host *host, uint64_t space_bytes);
void cache_release(struct cache *cache); /* nobody may wait */
/* Moves a hit to the end. NULL: there is none. user may be NULL. */
struct cache_entry *cache_find(struct cache *cache, const char *user, const char *uri);
struct cache_entry *cache_add(
    struct cache *cache, const char *directory, const char *user, const char *uri);
void cache_ref(struct cache_entry *entry);
void cache_unref(struct cache_entry *entry);
char *cache_path(const struct cache_entry *entry); /* owned */
/* Claims space for a pending entry, evicting what nobody uses. -ENOSPC: nothing was evicted. */
int cache_reserve(
    struct cache *cache, struct cache_entry *entry, uint64_t size_bytes, struct err *err);
/* The download is over. With its real size, at most the claimed one: those who wait are told. */
void cache_finish(struct cache *cache, struct cache_entry *entry, uint64_t size_bytes);
/* Removes the entry and its file, whatever it is; those who wait are told that it has failed. */
void cache_drop(struct cache *cache, struct cache_entry *entry);
