/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/fetcher/info.h"

#include "reference/base/mem.h"

const char *const fetch_action_names[] = {
    "BYPASS_CACHE", "DOWNLOAD_AND_CACHE", "RETRIEVE_FROM_CACHE", NULL};

static const struct json_field uri_fields[] = {
    JSON_FIELD(struct command_uri, value, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct command_uri, executable, JSON_KIND_BOOL),
    JSON_FIELD(struct command_uri, extract, JSON_KIND_BOOL, .default_number = 1),
    JSON_FIELD(struct command_uri, cache, JSON_KIND_BOOL),
    JSON_FIELD(struct command_uri, output_file, JSON_KIND_STRING),
};
static const struct json_type uri_json = {
    "uri", sizeof(struct command_uri), uri_fields, ARRAY_SIZE(uri_fields), NULL};

static const struct json_field item_fields[] = {
    JSON_FIELD(struct fetcher_item, uri, JSON_KIND_OBJECT, .type = &uri_json),
    JSON_FIELD(struct fetcher_item, action, JSON_KIND_ENUM, .enum_names = fetch_action_names,
        .required = true),
    JSON_FIELD(struct fetcher_item, cache_filename, JSON_KIND_STRING),
};
static const struct json_type item_json = {
    "item", sizeof(struct fetcher_item), item_fields, ARRAY_SIZE(item_fields), NULL};

static const struct json_field duration_fields[] = {
    JSON_FIELD(struct fetch_duration, nanoseconds, JSON_KIND_INT),
};
static const struct json_type duration_json = {
    "duration", sizeof(struct fetch_duration), duration_fields, ARRAY_SIZE(duration_fields), NULL};

static const struct json_field info_fields[] = {
    JSON_FIELD(struct fetcher_info, sandbox_directory, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct fetcher_info, cache_directory, JSON_KIND_STRING),
    JSON_ARRAY_FIELD(struct fetcher_info, items, items_count, &item_json),
    JSON_FIELD(struct fetcher_info, user, JSON_KIND_STRING),
    JSON_FIELD(struct fetcher_info, frameworks_home, JSON_KIND_STRING),
    JSON_FIELD(struct fetcher_info, stall_timeout, JSON_KIND_OBJECT, .type = &duration_json),
};
const struct json_type fetcher_info_json = {
    "fetcher_info", sizeof(struct fetcher_info), info_fields, ARRAY_SIZE(info_fields), NULL};
