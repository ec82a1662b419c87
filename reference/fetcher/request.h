/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the agent's side of the fetcher: one request, and what it waits for. */
#pragma once

#include "reference/fetcher/cache.h"
#include "reference/fetcher/fetcher.h"
#include "reference/fetcher/info.h"

struct cached_fetcher {
    struct host *host;
    unsigned owners;
    struct cache cache;
    struct list fetches;
    char *cache_directory;
    char *frameworks_home;
    char *hadoop_home;
    char *helper; /* path of mesos-fetcher */
    uint64_t stall_timeout_ns;
    struct containerizer *metrics; /* NULL: nobody counts */
    uint64_t used_told;            /* of the cache, as last told */
};

struct fetch_item {
    struct fetch *fetch;
    const struct command_uri *uri;
    enum fetch_action action;
    struct cache_entry *entry; /* referenced; NULL when the cache is bypassed */
    bool creator;              /* of the entry */
    bool waits;                /* for an entry of somebody else */
    struct cache_waiter waiter;
    struct host_request *size; /* asks how big it is */
};

struct fetch {
    struct list node;
    struct cached_fetcher *fetcher;
    const struct fetcher *owner; /* who has asked; its requests end with it */
    char *id;
    struct command_info command;
    char *directory;
    char *user;            /* NULL: none */
    char *cache_directory; /* of that user */
    struct done done;
    struct fetch_item *items;
    size_t count;
    unsigned unsettled; /* items that are waited for */
    pid_t pid;          /* of the helper; 0: does not run */
    struct host_request *exit_watch;
    struct host_request *late; /* a fault keeps its end */
    struct effect_verdict verdict;
    bool killed;
    int wait_status;
};

/* choose.c: for each item whether it comes from the cache, and sizes of those that are new. Calls
 * fetch_settled when all is known, maybe at once. */
void fetch_choose(struct fetch *fetch);
/* The request is over: the books are brought up to date. */
void fetch_account(struct fetch *fetch, bool succeeded);
/* Forgets what the items wait for and refer to. */
void fetch_items_release(struct fetch *fetch);

/* fetcher.c */
void fetch_settled(struct fetch *fetch);
