/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fetcher/sim_fetcher.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/fetcher/sim_web.h"
#include "fakes/host/sim_host.h"
#include "fakes/host/sim_world.h"
#include "fakes/kernel/process.h"
#include "fakes/kernel/workload.h"
#include "reference/base/strbuf.h"
#include "reference/fetcher/place.h"
#include "reference/fetcher/uri.h"

#define ITEM_NS (1 * NS_PER_MS)
#define HEAD_NS (5 * NS_PER_MS)
#define ARCHIVE_MARK "#archive\n"
#define GZIP_MARK "#gzip\n"
#define DAMAGE_MARK "#damaged"

/* A helper process at work. */
struct sim_fetch {
    struct sim_resident resident;
    struct process *process;
    struct vfs *vfs;
    struct loop *loop;
    struct loop_timer *timer;
    struct fetcher_info info;
    char *errors;
    size_t next;  /* item */
    bool stalled; /* the item whose turn it is */
};

/* --- files, with the rights of the process --- */

static int may(const struct sim_fetch *fetch, const char *path, unsigned bit)
{
    struct vfs_info info;
    int r = vfs_info(fetch->vfs, path, true, &info);
    uid_t uid = fetch->process->uid;
    if (r < 0 || uid == 0)
        return r;
    unsigned mode = info.uid == uid                       ? info.mode >> 6
                    : info.gid == fetch->process->gid ? info.mode >> 3
                                                      : info.mode;
    return mode & bit ? 0 : -EACCES;
}

static int parent_may(const struct sim_fetch *fetch, const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent =
        slash && slash > path ? str_ndup(path, (size_t)(slash - path)) : str_dup("/");
    return may(fetch, parent, 2);
}

/* Over what is there; new files belong to the process' user. */
static int put(const struct sim_fetch *fetch, const char *path, const char *text, size_t length,
    mode_t mode, struct err *err)
{
    struct vfs_info info;
    bool exists = vfs_info(fetch->vfs, path, true, &info) == 0;
    int r = exists ? may(fetch, path, 2) : parent_may(fetch, path);
    if (r == 0 && exists && info.type == 'd')
        r = -EISDIR;
    _cleanup_free_ char *copy = str_ndup(text, length); /* the text may be of the tree itself */
    if (r == 0)
        r = vfs_write(fetch->vfs, path, copy, length, mode, false);
    if (r == 0 && !exists)
        vfs_chown(fetch->vfs, path, fetch->process->uid, fetch->process->gid, false);
    return r < 0 ? err_errno(err, r, "write %s", path) : 0;
}

static bool do_exists(void *arg, const char *path)
{
    const struct sim_fetch *fetch = arg;
    struct vfs_info info;
    return vfs_info(fetch->vfs, path, true, &info) == 0;
}

static int do_make_parents(void *arg, const char *path, struct err *err)
{
    const struct sim_fetch *fetch = arg;
    _cleanup_free_ char *parent = str_ndup(path, (size_t)(strrchr(path, '/') - path));
    struct vfs_info info;
    if (vfs_info(fetch->vfs, parent, true, &info) == 0)
        return 0;
    int r = vfs_mkdir(fetch->vfs, parent, 0755, true);
    vfs_chown(fetch->vfs, parent, fetch->process->uid, fetch->process->gid, false);
    return r < 0 ? err_errno(err, r, "make directory %s", parent) : 0;
}

static int do_copy(void *arg, const char *from, const char *to, struct err *err)
{
    const struct sim_fetch *fetch = arg;
    const char *text;
    size_t length;
    struct vfs_info info = {0};
    int r = may(fetch, from, 4);
    if (r == 0)
        r = vfs_read(fetch->vfs, from, &text, &length);
    if (r < 0)
        return err_errno(err, r, "copy '%s'", from);
    vfs_info(fetch->vfs, from, true, &info);
    return put(fetch, to, text, length, info.mode & 0777, err);
}

static int do_download(void *arg, const char *uri, const char *path, struct err *err)
{
    const struct sim_fetch *fetch = arg;
    const char *text;
    size_t length;
    if (fetch->stalled)
        return err_set(err, -ETIMEDOUT,
            "failed to download '%s': Operation too slow. Less than 1 bytes/sec transferred", uri);
    int r = put(fetch, path, "", 0, 0644, err); /* before anything comes */
    if (r == 0)
        r = sim_web_get(fetch->vfs, uri, &text, &length, err);
    return r < 0 ? r : put(fetch, path, text, length, 0644, err);
}

static int do_hadoop(void *arg, const char *uri, const char *path, struct err *err)
{
    _cleanup_free_ char *from = str_printf("/hdfs/%s", strstr(uri, "://") + 3);
    return do_copy(arg, from, path, err);
}

static int do_make_executable(void *arg, const char *path, struct err *err)
{
    const struct sim_fetch *fetch = arg;
    const char *text;
    size_t length;
    int r = vfs_read(fetch->vfs, path, &text, &length);
    if (r < 0)
        return err_errno(err, r, "chmod %s", path);
    _cleanup_free_ char *copy = str_ndup(text, length);
    vfs_remove(fetch->vfs, path);
    return put(fetch, path, copy, length, 0755, err);
}

static int read_marked(const struct sim_fetch *fetch, const char *path, const char *mark,
    char **ret_text, struct err *err)
{
    const char *text;
    size_t length;
    int r = vfs_read(fetch->vfs, path, &text, &length);
    if (r < 0)
        return err_errno(err, r, "unpack '%s'", path);
    _cleanup_free_ char *copy = str_ndup(text, length);
    if (!str_starts(copy, mark) || strstr(copy, DAMAGE_MARK))
        return err_set(err, -EIO, "unpack '%s': %s", path,
            strstr(copy, DAMAGE_MARK) ? "ZIP bad CRC" : "Unrecognized archive format");
    *ret_text = str_dup(copy + strlen(mark));
    return 0;
}

static int do_unpack(void *arg, const char *archive, const char *directory, struct err *err)
{
    const struct sim_fetch *fetch = arg;
    _cleanup_free_ char *text = NULL;
    int r = read_marked(fetch, archive, ARCHIVE_MARK, &text, err);
    _cleanup_strv_ char **lines = r == 0 ? strv_split(text, "\n") : NULL;
    for (size_t i = 0; r == 0 && lines && lines[i]; i++) {
        char *colon = strstr(lines[i], ": ");
        if (!colon)
            continue;
        *colon = '\0';
        _cleanup_free_ char *path = str_printf("%s/%s", directory, lines[i]);
        r = put(fetch, path, colon + 2, strlen(colon + 2), 0644, err);
    }
    return r;
}

static int do_gunzip(void *arg, const char *from, const char *to, struct err *err)
{
    const struct sim_fetch *fetch = arg;
    _cleanup_free_ char *text = NULL;
    int r = read_marked(fetch, from, GZIP_MARK, &text, err);
    return r < 0 ? r : put(fetch, to, text, strlen(text), 0644, err);
}

static void do_log(void *arg, const char *line)
{
    const struct sim_fetch *fetch = arg;
    _cleanup_free_ char *text = str_printf("%s\n", line);
    if (fetch->errors)
        vfs_write(fetch->vfs, fetch->errors, text, strlen(text), 0644, true);
}

/* --- the process --- */

static void fetch_free(struct sim_fetch *fetch)
{
    loop_timer_stop(fetch->loop, fetch->timer);
    sim_resident_remove(&fetch->resident);
    json_type_release(&fetcher_info_json, &fetch->info);
    free(fetch->errors);
    free(fetch);
}

static void process_ended(struct process *process)
{
    fetch_free(process->behaviour_data);
}

static void resident_free(struct sim_resident *resident)
{
    struct sim_fetch *fetch = container_of(resident, struct sim_fetch, resident);
    process_exit(fetch->process, SIGKILL);
}

static void fetch_exit(struct sim_fetch *fetch, const struct err *err)
{
    if (err)
        do_log(fetch, err_text(err));
    process_exit(fetch->process, err ? 1 << 8 : 0); /* frees it */
}

static int become_user(struct sim_fetch *fetch, struct err *err)
{
    const char *name = fetch->info.user;
    const struct sim_user *user = name ? sim_user_find(name) : NULL;
    bool cached = false;
    for (size_t i = 0; i < fetch->info.items_count; i++)
        cached |= fetch->info.items[i].action != FETCH_BYPASS_CACHE;
    if (cached)
        vfs_mkdir(fetch->vfs, fetch->info.cache_directory, 0755, true);
    if (cached && user)
        vfs_chown(fetch->vfs, fetch->info.cache_directory, user->uid, user->gid, false);
    if (name && !user)
        return err_set(err, -ENOENT, "there is no user '%s'", name);
    if (user) {
        fetch->process->uid = user->uid;
        fetch->process->gid = user->gid;
    }
    return 0;
}

static void item_due(void *arg);

/* How long the next item takes. */
static void item_begin(struct sim_fetch *fetch)
{
    const struct fetcher_item *item = &fetch->info.items[fetch->next];
    const char *uri = uri_trim(item->uri.value);
    uint64_t duration_ns = ITEM_NS;
    fetch->stalled = false;
    if (item->action != FETCH_RETRIEVE_FROM_CACHE && uri_kind_of(uri) == URI_NET) {
        duration_ns = sim_web_duration_ns(fetch->vfs, uri, &fetch->stalled);
        if (fetch->stalled)
            duration_ns = (uint64_t)fetch->info.stall_timeout.nanoseconds;
    }
    fetch->timer = loop_timer_start(fetch->loop, duration_ns, item_due, fetch);
}

static void item_due(void *arg)
{
    struct sim_fetch *fetch = arg;
    const struct fetch_files files = {fetch, do_exists, do_make_parents, do_download, do_hadoop,
        do_copy, do_make_executable, do_unpack, do_gunzip, do_log};
    _cleanup_err_ struct err err = ERR_INIT;
    fetch->timer = NULL;
    int r = fetch_place(&files, &fetch->info, &fetch->info.items[fetch->next++], &err);
    if (r < 0) {
        fetch_exit(fetch, &err);
    } else if (fetch->next < fetch->info.items_count) {
        item_begin(fetch);
    } else {
        _cleanup_free_ char *line = str_printf(
            "Successfully fetched all URIs into '%s'", fetch->info.sandbox_directory);
        do_log(fetch, line);
        fetch_exit(fetch, NULL);
    }
}

static const char *variable(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment && environment[i]; i++)
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
            return environment[i] + length + 1;
    return "";
}

static void play_fetcher(void *arg, struct process *process, const struct workload_start *start)
{
    static const struct process_behaviour behaviour = {.ended = process_ended};
    (void)arg;
    const char *text = variable(start->environment, "MESOS_FETCHER_INFO");
    _cleanup_err_ struct err err = ERR_INIT;
    struct sim_fetch *fetch = mem_alloc(sizeof(*fetch));
    fetch->process = process;
    process->parent_death_signal = SIGKILL;
    fetch->vfs = process->kernel->vfs;
    fetch->loop = process->kernel->loop;
    fetch->errors = str_dup(start->stderr_path);
    fetch->resident.free = resident_free;
    sim_resident_add(sim_world_get(process->kernel), &fetch->resident);
    process->behaviour = &behaviour;
    process->behaviour_data = fetch;
    int r = json_type_decode_text(
        &fetcher_info_json, text, strlen(text), &fetch->info, "MESOS_FETCHER_INFO", &err);
    if (r == 0) {
        _cleanup_free_ char *line = str_printf("Fetcher Info: %s", text);
        do_log(fetch, line);
        r = become_user(fetch, &err);
    }
    if (process->parent == process->kernel->init)
        process_exit(process, SIGKILL); /* the agent has gone before */
    else if (r < 0)
        fetch_exit(fetch, &err);
    else
        item_begin(fetch);
}

/* mesos-fetcher --size=URI */
static void play_size(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static const char flag[] = "--size=";
    static char answer[32];
    struct kernel *kernel = arg;
    const char *given = request->argv[1] ? request->argv[1] : "";
    uint64_t size = 0;
    result->duration_ns = HEAD_NS;
    if (!str_starts(given, flag) ||
        sim_web_head(kernel->vfs, given + sizeof(flag) - 1, &size, NULL) < 0) {
        result->status = 1 << 8;
        result->errors = "the server tells no length";
        return;
    }
    snprintf(answer, sizeof(answer), "%" PRIu64 "\n", size);
    result->output = answer;
}

/* hadoop fs -du URI */
static void play_hadoop(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static char answer[32];
    struct kernel *kernel = arg;
    const char *uri = request->argv[strv_length(request->argv) - 1];
    const char *place = strstr(uri, "://");
    _cleanup_free_ char *path = str_printf("/hdfs/%s", place ? place + 3 : uri);
    struct vfs_info info;
    result->duration_ns = HEAD_NS;
    result->status = vfs_info(kernel->vfs, path, true, &info) < 0 ? 1 << 8 : 0;
    snprintf(answer, sizeof(answer), "%zu %s\n", result->status ? 0 : info.size_bytes, "x");
    result->output = answer;
}

void sim_fetcher_install(struct host *host)
{
    struct kernel *kernel = sim_host_process(host)->kernel;
    sim_host_player(host, "mesos-fetcher", play_fetcher, NULL);
    sim_host_program(host, "mesos-fetcher", play_size, kernel);
    sim_host_program(host, "hadoop", play_hadoop, kernel);
}
