/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program mesos-fetcher: fetches the items of MESOS_FETCHER_INFO, one after the other, as the
 * user that it names; or, with --size=URI, prints how big that is. Exit: 0 done, 1 failed.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/fetcher/helper.h"
#include "reference/fetcher/place.h"

#define SIZE_FLAG "--size="
#define STALL_FLAG "--stall_timeout="
#define NS_PER_SECOND INT64_C(1000000000)

static long stall_seconds(int64_t ns)
{
    return ns < NS_PER_SECOND ? 1 : (long)(ns / NS_PER_SECOND);
}

/* --- the operations --- */

static bool do_exists(void *arg, const char *path)
{
    (void)arg;
    return access(path, F_OK) == 0;
}

static int do_make_parents(void *arg, const char *path, struct err *err)
{
    (void)arg;
    return make_parent_directories(path, err);
}

static int do_download(void *arg, const char *uri, const char *path, struct err *err)
{
    const struct fetcher_info *info = arg;
    return download_file(uri, path, stall_seconds(info->stall_timeout.nanoseconds), err);
}

static int do_hadoop(void *arg, const char *uri, const char *path, struct err *err)
{
    (void)arg;
    return hadoop_copy(uri, path, err);
}

static int do_copy(void *arg, const char *from, const char *to, struct err *err)
{
    (void)arg;
    return copy_file(from, to, err);
}

static int do_make_executable(void *arg, const char *path, struct err *err)
{
    (void)arg;
    return chmod(path, 0755) < 0 ? err_errno(err, -errno, "chmod %s", path) : 0;
}

static int do_unpack(void *arg, const char *archive, const char *directory, struct err *err)
{
    (void)arg;
    return extract_archive(archive, directory, err);
}

static int do_gunzip(void *arg, const char *from, const char *to, struct err *err)
{
    (void)arg;
    return extract_gzip(from, to, err);
}

static void do_log(void *arg, const char *line)
{
    (void)arg;
    fprintf(stderr, "%s\n", line);
}

/* What is fetched is of no use without the agent that asked for it. A change of user forgets it.
 * (That it is gone already cannot be told from its being pid 1: then we fetch to the end.) */
static void die_with_agent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static int fetch_all(struct fetcher_info *info, struct err *err)
{
    const struct fetch_files files = {info, do_exists, do_make_parents, do_download, do_hadoop,
        do_copy, do_make_executable, do_unpack, do_gunzip, do_log};
    bool cached = false;
    for (size_t i = 0; i < info->items_count; i++)
        cached |= info->items[i].action != FETCH_BYPASS_CACHE;
    int r = cached ? make_cache_directory(info->cache_directory, info->user, err) : 0;
    if (r == 0 && info->user)
        r = become_user(info->user, err);
    die_with_agent();
    for (size_t i = 0; r == 0 && i < info->items_count; i++)
        r = fetch_place(&files, info, &info->items[i], err);
    return r;
}

/* --- the program --- */

static int fetch_main(struct err *err)
{
    const char *text = getenv("MESOS_FETCHER_INFO");
    struct fetcher_info info = {0};
    if (!text)
        return err_set(err, -EINVAL, "MESOS_FETCHER_INFO: expected to be set");
    int r = json_type_decode_text(
        &fetcher_info_json, text, strlen(text), &info, "MESOS_FETCHER_INFO", err);
    if (r < 0)
        return r;
    die_with_agent();
    fprintf(stderr, "Fetcher Info: %s\n", text);
    r = fetch_all(&info, err);
    if (r == 0)
        fprintf(stderr, "Successfully fetched all URIs into '%s'\n", info.sandbox_directory);
    json_type_release(&fetcher_info_json, &info);
    return r;
}

static int size_main(const char *uri, int64_t stall_ns, struct err *err)
{
    uint64_t size = 0;
    int r = download_size(uri, stall_seconds(stall_ns), &size, err);
    if (r == 0)
        printf("%" PRIu64 "\n", size);
    return r;
}

int main(int argc, char **argv)
{
    _cleanup_err_ struct err err = ERR_INIT;
    const char *uri = NULL;
    int64_t stall_ns = 60 * NS_PER_SECOND;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], SIZE_FLAG, strlen(SIZE_FLAG)) == 0) {
            uri = argv[i] + strlen(SIZE_FLAG);
        } else if (strncmp(argv[i], STALL_FLAG, strlen(STALL_FLAG)) == 0) {
            stall_ns = strtoll(argv[i] + strlen(STALL_FLAG), NULL, 10);
        } else {
            fprintf(stderr, "Usage: mesos-fetcher [--size=URI] [--stall_timeout=NS]\n");
            return 1;
        }
    }
    int r = uri ? size_main(uri, stall_ns, &err) : fetch_main(&err);
    if (r < 0)
        fprintf(stderr, "%s\n", err_text(&err));
    return r < 0 ? 1 : 0;
}
