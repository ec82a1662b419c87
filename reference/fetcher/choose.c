/* SPDX-License-Identifier: Apache-2.0 */
/* What of a request comes from the cache (fetcher.md 6.2), and the books after it (6.3). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/fetcher/request.h"
#include "reference/fetcher/uri.h"

#define OUTPUT_MAX_BYTES 4096

static void item_settled(struct fetch_item *item)
{
    struct fetch *fetch = item->fetch;
    if (--fetch->unsettled == 0)
        fetch_settled(fetch);
}

/* The cache is of no use for it: also for those of the request that share the entry. */
static void bypass_all(struct fetch *fetch, struct cache_entry *entry)
{
    for (size_t i = 0; i < fetch->count; i++) {
        struct fetch_item *item = &fetch->items[i];
        if (item->entry != entry)
            continue;
        item->action = FETCH_BYPASS_CACHE;
        item->entry = NULL;
        item->creator = false;
        cache_unref(entry);
    }
}

/* --- how big it is --- */

static void size_failed(struct fetch_item *item, const char *why)
{
    struct cache_entry *entry = item->entry;
    log_warning("fetch '%s' without the cache: %s", item->uri->value, why);
    cache_ref(entry);
    cache_drop(&item->fetch->fetcher->cache, entry);
    bypass_all(item->fetch, entry);
    cache_unref(entry);
}

static void size_known(struct fetch_item *item, uint64_t size_bytes)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (cache_reserve(&item->fetch->fetcher->cache, item->entry, size_bytes, &err) < 0)
        size_failed(item, err_text(&err));
}

/* "123\n", or "123 456 /path" of hadoop. */
static bool parse_size(const char *text, uint64_t *ret_size)
{
    char *end = NULL;
    errno = 0;
    unsigned long long size = strtoull(text, &end, 10);
    *ret_size = size;
    return end != text && errno == 0 && strchr(" \t\n", *end) && text[0] != '-';
}

static void size_answered(void *arg, int code, const void *value, const struct err *err)
{
    struct fetch_item *item = arg;
    const struct run_result *run = value;
    uint64_t size = 0;
    item->size = NULL;
    if (code == -ESHUTDOWN)
        return;
    if (code < 0)
        size_failed(item, err_text(err));
    else if (!WIFEXITED(run->status) || WEXITSTATUS(run->status) != 0)
        size_failed(item, run->errors[0] ? run->errors : "its size cannot be told");
    else if (!parse_size(run->output, &size) ||
             (size == 0 && uri_kind_of(item->uri->value) == URI_NET))
        size_failed(item, "its size is not known");
    else
        size_known(item, size);
    item_settled(item);
}

static void ask_size(struct fetch_item *item, char **arguments)
{
    const struct run_request request = {
        .argv = arguments, .max_output_bytes = OUTPUT_MAX_BYTES};
    item->fetch->unsettled++;
    item->size =
        host_run(item->fetch->fetcher->host, &request, DONE(size_answered, item));
    strv_free(arguments);
}

static void ask_net_size(struct fetch_item *item)
{
    const struct cached_fetcher *fetcher = item->fetch->fetcher;
    char **arguments = NULL;
    strv_add(&arguments, fetcher->helper);
    strv_add_owned(&arguments, str_printf("--size=%s", item->uri->value));
    strv_add_owned(&arguments, str_printf("--stall_timeout=%luns",
                                   (unsigned long)fetcher->stall_timeout_ns));
    ask_size(item, arguments);
}

static void ask_hadoop_size(struct fetch_item *item)
{
    char **arguments = NULL;
    strv_add(&arguments, "hadoop");
    strv_add(&arguments, "fs");
    strv_add(&arguments, "-du");
    strv_add(&arguments, item->uri->value);
    ask_size(item, arguments);
}

static void look_local_size(struct fetch_item *item)
{
    const struct cached_fetcher *fetcher = item->fetch->fetcher;
    _cleanup_free_ char *path = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    struct file_info info;
    int r = uri_local_path(item->uri->value, fetcher->frameworks_home, &path, &err);
    if (r == 0) {
        r = host_file_info(fetcher->host, path, true, &info);
        if (r == 0 && info.type != 'f')
            r = -EISDIR;
        if (r < 0)
            err_errno(&err, r, "%s", path);
    }
    if (r < 0)
        size_failed(item, err_text(&err));
    else
        size_known(item, info.size_bytes);
}

static void determine_size(struct fetch_item *item)
{
    static void (*const by_kind[])(struct fetch_item *item) = {
        [URI_LOCAL] = look_local_size, [URI_NET] = ask_net_size, [URI_OTHER] = ask_hadoop_size};
    by_kind[uri_kind_of(item->uri->value)](item);
}

/* --- which way --- */

static void take_entry(struct fetch_item *item, struct cache_entry *entry, enum fetch_action action)
{
    item->entry = entry;
    item->action = action;
    cache_ref(entry);
}

/* Somebody else has downloaded it, or failed to. */
static void entry_settled(struct cache_waiter *waiter, struct cache_entry *entry, bool done)
{
    struct fetch_item *item = container_of(waiter, struct fetch_item, waiter);
    item->waits = false;
    if (done)
        take_entry(item, entry, FETCH_RETRIEVE_FROM_CACHE);
    else
        log_warning("fetch '%s' without the cache: the download that it waited for has failed",
            item->uri->value);
    item_settled(item);
}

static bool is_ours(const struct fetch_item *item, const struct cache_entry *entry)
{
    const struct fetch *fetch = item->fetch;
    for (size_t i = 0; i < fetch->count; i++)
        if (fetch->items[i].entry == entry && fetch->items[i].creator)
            return true;
    return false;
}

static bool file_is_there(const struct fetch_item *item, const struct cache_entry *entry)
{
    _cleanup_free_ char *path = cache_path(entry);
    return host_file_exists(item->fetch->fetcher->host, path);
}

static void choose(struct fetch_item *item)
{
    struct fetch *fetch = item->fetch;
    struct cache *cache = &fetch->fetcher->cache;
    struct cache_entry *entry = cache_find(cache, fetch->user, item->uri->value);
    if (entry && entry->state == CACHE_DONE && !file_is_there(item, entry)) {
        cache_drop(cache, entry);
        entry = NULL;
    }
    if (entry && entry->state == CACHE_DONE) {
        take_entry(item, entry, FETCH_RETRIEVE_FROM_CACHE);
    } else if (entry && is_ours(item, entry)) {
        take_entry(item, entry, FETCH_DOWNLOAD_AND_CACHE);
    } else if (entry) {
        item->waits = true;
        item->waiter.settled = entry_settled;
        fetch->unsettled++;
        list_append(&entry->waiters, &item->waiter.node);
    } else {
        entry = cache_add(cache, fetch->cache_directory, fetch->user, item->uri->value);
        take_entry(item, entry, FETCH_DOWNLOAD_AND_CACHE);
        item->creator = true;
    }
}

void fetch_choose(struct fetch *fetch)
{
    fetch->unsettled = 1; /* until all are looked at */
    for (size_t i = 0; i < fetch->count; i++)
        if (fetch->items[i].uri->cache)
            choose(&fetch->items[i]);
    for (size_t i = 0; i < fetch->count; i++)
        if (fetch->items[i].creator)
            determine_size(&fetch->items[i]);
    if (--fetch->unsettled == 0)
        fetch_settled(fetch);
}

/* --- afterwards --- */

static void account_download(struct fetch_item *item, bool succeeded)
{
    struct cache *cache = &item->fetch->fetcher->cache;
    struct cache_entry *entry = item->entry;
    _cleanup_free_ char *path = cache_path(entry);
    struct file_info info;
    if (succeeded && host_file_info(cache->host, path, true, &info) < 0) {
        log_warning("fetcher cache: %s is missing", path);
        succeeded = false;
    } else if (succeeded && info.size_bytes > entry->size_bytes) {
        log_warning("fetcher cache: %s is bigger than was announced", path);
        succeeded = false;
    }
    if (succeeded)
        cache_finish(cache, entry, info.size_bytes);
    else
        cache_drop(cache, entry);
}

void fetch_account(struct fetch *fetch, bool succeeded)
{
    for (size_t i = 0; i < fetch->count; i++)
        if (fetch->items[i].creator)
            account_download(&fetch->items[i], succeeded);
    fetch_items_release(fetch);
}

void fetch_items_release(struct fetch *fetch)
{
    for (size_t i = 0; i < fetch->count; i++) {
        struct fetch_item *item = &fetch->items[i];
        host_cancel(TAKE_PTR(item->size));
        if (item->waits)
            list_remove(&item->waiter.node);
        if (item->entry)
            cache_unref(TAKE_PTR(item->entry));
    }
    free(fetch->items);
    fetch->items = NULL;
    fetch->count = 0;
}
