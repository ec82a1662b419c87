/* SPDX-License-Identifier: Apache-2.0 */
/* FetcherInfo: what the helper program is told, in MESOS_FETCHER_INFO (fetcher.md 4). */
#pragma once

#include "reference/model/config.h"

enum fetch_action { FETCH_BYPASS_CACHE, FETCH_DOWNLOAD_AND_CACHE, FETCH_RETRIEVE_FROM_CACHE };
extern const char *const fetch_action_names[];

struct fetcher_item {
    struct command_uri uri;
    int action; /* enum fetch_action */
    char *cache_filename;
};
struct fetch_duration {
    int64_t nanoseconds;
};
struct fetcher_info {
    char *sandbox_directory;
    char *cache_directory;
    struct fetcher_item *items;
    size_t items_count;
    char *user;
    char *frameworks_home;
    struct fetch_duration stall_timeout;
};
extern const struct json_type fetcher_info_json;
