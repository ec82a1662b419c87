/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/fetcher/place.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/fetcher/uri.h"

static void say(const struct fetch_files *files, char *line)
{
    files->log(files->arg, line);
    free(line);
}

/* Brings the source to the path, whatever it is. */
static int bring(const struct fetch_files *files, const struct fetcher_info *info,
    const char *value, const char *path, struct err *err)
{
    const char *uri = uri_trim(value);
    enum uri_kind kind = uri_kind_of(uri);
    say(files, str_printf("Fetching '%s' to '%s'", uri, path));
    if (kind == URI_NET)
        return files->download(files->arg, uri, path, err);
    if (kind == URI_OTHER)
        return files->hadoop(files->arg, uri, path, err);
    _cleanup_free_ char *from = NULL;
    int r = uri_local_path(uri, info->frameworks_home, &from, err);
    return r < 0 ? r : files->copy(files->arg, from, path, err);
}

/* "x.gz" becomes "x" in the sandbox. */
static int unzip_one(const struct fetch_files *files, const struct fetcher_info *info,
    const char *path, const char *name, struct err *err)
{
    _cleanup_free_ char *to = str_printf("%s/%.*s", info->sandbox_directory,
        (int)(strlen(name) - strlen(".gz")), name);
    return files->gunzip(files->arg, path, to, err);
}

/* name: what the file is called, which alone says whether it is an archive. */
static int unpack(const struct fetch_files *files, const struct fetcher_info *info,
    const char *path, const char *name, bool *ret_unpacked, struct err *err)
{
    enum archive_kind kind = archive_kind_of(name);
    *ret_unpacked = kind != ARCHIVE_NONE;
    if (kind == ARCHIVE_NONE) {
        say(files, str_printf("Warning: '%s' is not unpacked: its name has no suffix of an archive",
                       name));
        return 0;
    }
    say(files, str_printf("Unpacking '%s' into '%s'", path, info->sandbox_directory));
    return kind == ARCHIVE_MEMBERS
               ? files->unpack(files->arg, path, info->sandbox_directory, err)
               : unzip_one(files, info, path, name, err);
}

static int place_directly(const struct fetch_files *files, const struct fetcher_info *info,
    const struct fetcher_item *item, const char *name, const char *path, struct err *err)
{
    bool unpacked;
    int r = bring(files, info, item->uri.value, path, err);
    if (r == 0 && item->uri.executable)
        r = files->make_executable(files->arg, path, err);
    else if (r == 0 && item->uri.extract)
        r = unpack(files, info, path, name, &unpacked, err);
    return r;
}

static int place_from_cache(const struct fetch_files *files, const struct fetcher_info *info,
    const struct fetcher_item *item, const char *path, struct err *err)
{
    _cleanup_free_ char *cached =
        str_printf("%s/%s", info->cache_directory, item->cache_filename);
    bool unpacked = false;
    int r = 0;
    /* Shared by items of the same value: downloaded once. */
    if (item->action == FETCH_DOWNLOAD_AND_CACHE && !files->exists(files->arg, cached))
        r = bring(files, info, item->uri.value, cached, err);
    if (r == 0 && item->uri.extract && !item->uri.executable)
        r = unpack(files, info, cached, item->cache_filename, &unpacked, err);
    if (r == 0 && !unpacked)
        r = files->copy(files->arg, cached, path, err);
    if (r == 0 && item->uri.executable)
        r = files->make_executable(files->arg, path, err);
    return r;
}

int fetch_place(const struct fetch_files *files, const struct fetcher_info *info,
    const struct fetcher_item *item, struct err *err)
{
    const char *uri = uri_trim(item->uri.value);
    _cleanup_free_ char *name =
        item->uri.output_file ? str_dup(item->uri.output_file) : uri_basename(uri);
    _cleanup_free_ char *path = str_printf("%s/%s", info->sandbox_directory, name);
    int r = item->uri.output_file ? files->make_parents(files->arg, path, err) : 0;
    if (r == 0 && item->action == FETCH_BYPASS_CACHE)
        say(files, str_printf("Fetching directly into the sandbox directory"));
    if (r == 0)
        r = item->action == FETCH_BYPASS_CACHE
                ? place_directly(files, info, item, name, path, err)
                : place_from_cache(files, info, item, path, err);
    if (r < 0)
        return err_wrap(err, r, "Failed to fetch '%s'", uri);
    say(files, str_printf("Fetched '%s' to '%s'", uri, path));
    return 0;
}
