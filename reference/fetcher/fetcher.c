/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/fetcher/fetcher.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/fetcher/request.h"
#include "reference/fetcher/uri.h"
#include "reference/process_tree.h"

#define PROGRAM "mesos-fetcher"
#define METRIC "containerizer/fetcher/"

/* What each owner has. */
struct handle {
    struct fetcher base;
    struct cached_fetcher *fetcher;
};

static struct cached_fetcher *cached_of(struct fetcher *fetcher)
{
    return container_of(fetcher, struct handle, base)->fetcher;
}

/* --- metrics --- */

static void count(struct cached_fetcher *fetcher, bool succeeded)
{
    struct containerizer *into = fetcher->metrics;
    if (!into)
        return;
    uint64_t used = fetcher->cache.used_bytes;
    containerizer_metric_add(
        into, succeeded ? METRIC "task_fetches_succeeded" : METRIC "task_fetches_failed", 1);
    containerizer_metric_add(
        into, METRIC "cache_size_used_bytes", (double)used - (double)fetcher->used_told);
    fetcher->used_told = used;
}

void cached_fetcher_count_into(struct fetcher *fetcher, struct containerizer *containerizer)
{
    struct cached_fetcher *cached = cached_of(fetcher);
    cached->metrics = containerizer;
    containerizer_metric_add(containerizer, METRIC "cache_size_total_bytes",
        (double)cached->cache.space_bytes);
}

/* --- the end of a request --- */

static void fetch_free(struct fetch *fetch)
{
    host_cancel(fetch->exit_watch);
    host_cancel(fetch->late);
    list_remove(&fetch->node);
    fetch_items_release(fetch);
    json_type_release(&command_info_json, &fetch->command);
    free(fetch->id);
    free(fetch->directory);
    free(fetch->user);
    free(fetch->cache_directory);
    free(fetch);
}

static void fetch_finish(struct fetch *fetch, int result, const struct err *err)
{
    struct cached_fetcher *fetcher = fetch->fetcher;
    struct done done = fetch->done;
    list_remove(&fetch->node);
    fetch_account(fetch, result == 0);
    count(fetcher, result == 0);
    fetch_free(fetch);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, NULL);
}

/* --- the helper --- */

static void report_end(struct fetch *fetch)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int status = fetch->wait_status;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        fetch_finish(fetch, 0, NULL);
        return;
    }
    _cleanup_free_ char *how = WIFEXITED(status)
        ? str_printf("exited with status %d", WEXITSTATUS(status))
        : str_printf("terminated with signal %s", strsignal(WTERMSIG(status)));
    int code = fetch->killed ? -ECANCELED : -EIO;
    err_set(&err, code, "Failed to fetch all URIs for container '%s': %s", fetch->id, how);
    fetch_finish(fetch, code, &err);
}

static void late_due(void *arg, int result)
{
    struct fetch *fetch = arg;
    fetch->late = NULL;
    if (result == 0)
        report_end(fetch);
}

static void helper_ended(void *arg, int result, bool status_known, int wait_status)
{
    struct fetch *fetch = arg;
    fetch->exit_watch = NULL;
    if (result == -ESHUTDOWN)
        return;
    fetch->pid = 0;
    fetch->wait_status = result == 0 && status_known ? wait_status : 1 << 8;
    if (fetch->verdict.delay_ns && !fetch->killed)
        fetch->late = fetch->verdict.delay_ns == UINT64_MAX
            ? host_pending(fetch->fetcher->host, late_due, fetch)
            : host_timer(fetch->fetcher->host, fetch->verdict.delay_ns, late_due, fetch);
    else
        report_end(fetch);
}

static char *info_text(const struct fetch *fetch)
{
    const struct cached_fetcher *fetcher = fetch->fetcher;
    struct fetcher_info info = {
        .sandbox_directory = fetch->directory,
        .cache_directory = fetch->cache_directory,
        .items = mem_alloc((fetch->count + 1) * sizeof(*info.items)),
        .items_count = fetch->count,
        .user = fetch->user,
        .frameworks_home = fetcher->frameworks_home,
        .stall_timeout.nanoseconds = (int64_t)fetcher->stall_timeout_ns,
    };
    for (size_t i = 0; i < fetch->count; i++) {
        const struct fetch_item *item = &fetch->items[i];
        info.items[i] = (struct fetcher_item){.uri = *item->uri,
            .action = item->action,
            .cache_filename = item->entry ? item->entry->file : NULL};
    }
    char *text = json_type_encode_text(&fetcher_info_json, &info);
    free(info.items);
    return text;
}

/* The agent's own settings are not the helper's (fetcher.md 4, step 8). */
static bool is_passed_on(const char *variable)
{
    static const char *const kept[] = {"MESOS_EXTERNAL_LOG_FILE=",
        "MESOS_INITIALIZE_DRIVER_LOGGING=", "MESOS_LOG_DIR=", "MESOS_LOGBUFSECS=",
        "MESOS_LOGGING_LEVEL=", "MESOS_QUIET="};
    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (str_starts(variable, kept[i]))
            return true;
    return !str_starts(variable, "LIBPROCESS_") && !str_starts(variable, "MESOS_");
}

static void add_variable(struct launch_info *info, const char *name, size_t length,
    const char *value)
{
    info->environment = mem_realloc(
        info->environment, (info->environment_count + 1) * sizeof(*info->environment));
    info->environment[info->environment_count++] = (struct environment_variable){
        .name = str_ndup(name, length), .value = str_dup(value)};
}

static void helper_environment(const struct fetch *fetch, struct launch_info *info)
{
    const struct cached_fetcher *fetcher = fetch->fetcher;
    char *const *own = fetcher->host->facts.environment;
    _cleanup_free_ char *text = info_text(fetch);
    const char *const more[][2] = {{"MESOS_FETCHER_INFO", text}, {"LIBPROCESS_IP", "127.0.0.1"},
        {"HADOOP_HOME", fetcher->hadoop_home}};
    for (size_t i = 0; own && own[i]; i++)
        if (strchr(own[i], '=') && is_passed_on(own[i]))
            add_variable(info, own[i], strcspn(own[i], "="), strchr(own[i], '=') + 1);
    for (size_t i = 0; i < ARRAY_SIZE(more); i++)
        if (more[i][1])
            add_variable(info, more[i][0], strlen(more[i][0]), more[i][1]);
}

static void helper_plan(
    const struct fetch *fetch, const struct user_info *owner, struct plan *plan)
{
    plan_init(plan);
    plan->container_id = str_dup(fetch->id);
    plan->stdio[1] = str_printf("%s/stdout", fetch->directory);
    plan->stdio[2] = str_printf("%s/stderr", fetch->directory);
    if (fetch->user) {
        plan->stdio_uid = owner->uid;
        plan->stdio_gid = owner->gid;
    }
    plan->info.command = mem_alloc(sizeof(*plan->info.command));
    plan->info.command->value = str_dup(fetch->fetcher->helper);
    strv_add(&plan->info.command->arguments, PROGRAM);
    helper_environment(fetch, &plan->info);
}

static int helper_spawn(struct fetch *fetch, const struct user_info *owner, struct err *err)
{
    struct host *host = fetch->fetcher->host;
    struct plan plan;
    int gate = -1;
    helper_plan(fetch, owner, &plan);
    int r = host_spawn(host, &plan, &fetch->pid, &gate, err);
    plan_release(&plan);
    if (r < 0)
        return r;
    fetch->exit_watch = host_exit_watch(host, fetch->pid, helper_ended, fetch);
    r = host_gate_release(host, gate, err);
    host_gate_close(host, gate);
    return r < 0 && r != -ESHUTDOWN ? 0 : r; /* it ends by itself, which the watch tells */
}

/* The fetch is one effect; a lost one answers success without having run. */
static int helper_start(struct fetch *fetch, const struct user_info *owner, struct err *err)
{
    struct host *host = fetch->fetcher->host;
    const char *uri = fetch->items[0].uri->value;
    int r = host_effect(host, EFFECT_FETCH, fetch->id, uri, &fetch->verdict, err);
    if (r != 0)
        return r;
    r = helper_spawn(fetch, owner, err);
    return host_effect_done(host, EFFECT_FETCH, fetch->id, uri, &fetch->verdict, r, err);
}

/* --- stdout and stderr: what is there stays, as the container's process has it open --- */

static int make_output(
    const struct fetch *fetch, const char *name, const struct user_info *owner, struct err *err)
{
    struct host *host = fetch->fetcher->host;
    _cleanup_free_ char *path = str_printf("%s/%s", fetch->directory, name);
    struct file_info info = {0};
    int r = 0;
    if (host_file_info(host, path, false, &info) < 0) {
        r = host_file_write(host, path, "", 0, 0644, err);
        info.uid = (uid_t)-1;
    }
    if (r == 0 && fetch->user && info.uid != owner->uid)
        r = host_chown(host, path, owner->uid, owner->gid, false, err);
    return r;
}

static int make_outputs(const struct fetch *fetch, struct user_info *owner, struct err *err)
{
    struct host *host = fetch->fetcher->host;
    int r = 0;
    if (fetch->user) {
        r = host_user_lookup(host, fetch->user, owner, err);
        if (r < 0)
            return err_wrap(err, r, "chown stdout and stderr to '%s'", fetch->user);
    }
    r = make_output(fetch, "stdout", owner, err);
    return r < 0 ? r : make_output(fetch, "stderr", owner, err);
}

static int resolve_helper(const struct fetch *fetch, struct err *err)
{
    _cleanup_free_ char *real = NULL;
    return host_real_path(fetch->fetcher->host, fetch->fetcher->helper, &real, err);
}

void fetch_settled(struct fetch *fetch)
{
    struct user_info owner = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    int r = make_outputs(fetch, &owner, &err);
    if (r == 0 && fetch->count > 0)
        r = resolve_helper(fetch, &err);
    bool runs = r == 0 && fetch->count > 0;
    if (runs)
        r = helper_start(fetch, &owner, &err);
    user_info_release(&owner);
    if (r == -ESHUTDOWN)
        return; /* answered when the fetcher is freed */
    if (r < 0)
        err_wrap(&err, r, "Could not fetch");
    if (r != 0 || !runs)
        fetch_finish(fetch, r < 0 ? r : 0, &err);
}

/* --- the interface --- */

static bool uris_equal(const struct command_uri *a, const struct command_uri *b)
{
    return str_equal(a->value, b->value) && a->executable == b->executable &&
        a->extract == b->extract && str_equal(a->output_file, b->output_file);
}

/* Equal entries count once. */
static void add_item(struct fetch *fetch, const struct command_uri *uri)
{
    for (size_t i = 0; i < fetch->count; i++)
        if (uris_equal(fetch->items[i].uri, uri))
            return;
    struct fetch_item *item = &fetch->items[fetch->count++];
    item->fetch = fetch;
    item->uri = uri;
}

static int validate(const struct command_info *command, struct err *err)
{
    for (size_t i = 0; i < command->uris_count; i++) {
        int r = uri_validate(&command->uris[i], err);
        if (r < 0)
            return err_wrap(err, r, "Could not fetch");
    }
    return 0;
}

static void cached_fetch(struct fetcher *base, const char *id, const struct command_info *command,
    const char *directory, const char *user, struct done done)
{
    struct cached_fetcher *fetcher = cached_of(base);
    _cleanup_err_ struct err err = ERR_INIT;
    int r = validate(command, &err);
    if (r < 0 || !directory) {
        count(fetcher, r == 0);
        if (r < 0)
            done_fail(done, r, &err);
        else
            done_ok(done, NULL); /* nothing can be put nowhere */
        return;
    }
    struct fetch *fetch = mem_alloc(sizeof(*fetch));
    fetch->fetcher = fetcher;
    fetch->owner = base;
    fetch->id = str_dup(id);
    fetch->directory = str_dup(directory);
    json_type_copy(&command_info_json, &fetch->command, command);
    fetch->user = str_dup(command->user ? command->user : user);
    fetch->cache_directory = fetch->user
        ? str_printf("%s/%s", fetcher->cache_directory, fetch->user)
        : str_dup(fetcher->cache_directory);
    fetch->done = done;
    fetch->items = mem_alloc((command->uris_count + 1) * sizeof(*fetch->items));
    for (size_t i = 0; i < fetch->command.uris_count; i++)
        add_item(fetch, &fetch->command.uris[i]);
    list_append(&fetcher->fetches, &fetch->node);
    fetch_choose(fetch);
}

/* What waits for another download is not cancelled (fetcher.md 7, quirk). */
static void cached_kill(struct fetcher *base, const char *id)
{
    struct cached_fetcher *fetcher = cached_of(base);
    list_for_each_safe(node, following, &fetcher->fetches) {
        struct fetch *fetch = list_entry(node, struct fetch, node);
        if (!str_equal(fetch->id, id))
            continue;
        fetch->killed = fetch->pid > 0 || fetch->late;
        if (fetch->pid > 0) {
            process_tree_signal(base->host, fetch->pid, SIGKILL);
        } else if (fetch->late) {
            host_cancel(TAKE_PTR(fetch->late));
            fetch->wait_status = SIGKILL;
            report_end(fetch);
        }
    }
}

static void abandon(struct fetch *fetch)
{
    struct done done = fetch->done;
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ESHUTDOWN, "agent gone");
    if (fetch->pid > 0)
        process_tree_signal(fetch->fetcher->host, fetch->pid, SIGKILL);
    fetch_account(fetch, false);
    fetch_free(fetch);
    done_fail(done, -ESHUTDOWN, &err);
}

static void cached_free(struct fetcher *base)
{
    struct handle *handle = container_of(base, struct handle, base);
    struct cached_fetcher *fetcher = handle->fetcher;
    list_for_each_safe(node, following, &fetcher->fetches) {
        struct fetch *fetch = list_entry(node, struct fetch, node);
        if (fetch->owner == base)
            abandon(fetch);
    }
    free(handle);
    if (--fetcher->owners > 0)
        return;
    cache_release(&fetcher->cache);
    free(fetcher->cache_directory);
    free(fetcher->frameworks_home);
    free(fetcher->hadoop_home);
    free(fetcher->helper);
    free(fetcher);
}

static const struct fetcher_ops cached_ops = {
    .fetch = cached_fetch, .kill = cached_kill, .free = cached_free};

bool cached_fetcher_is(const struct fetcher *fetcher)
{
    return fetcher->ops == &cached_ops;
}

static struct fetcher *handle_new(struct cached_fetcher *fetcher)
{
    struct handle *handle = mem_alloc(sizeof(*handle));
    handle->base = (struct fetcher){&cached_ops, fetcher->host};
    handle->fetcher = fetcher;
    fetcher->owners++;
    return &handle->base;
}

struct fetcher *cached_fetcher_share(struct fetcher *fetcher)
{
    return handle_new(cached_of(fetcher));
}

int cached_fetcher_new(
    struct host *host, const struct flags *flags, struct fetcher **ret_fetcher, struct err *err)
{
    const char *directory = flags_other(flags, "fetcher_cache_dir");
    uint64_t space = 0;
    uint64_t stall_ns = 0;
    int r = bytes_parse(flags_other(flags, "fetcher_cache_size"), &space, err);
    if (r == 0)
        r = duration_parse(flags_other(flags, "fetcher_stall_timeout"), &stall_ns, err);
    if (r == 0 && host_file_exists(host, directory))
        r = host_tree_remove(host, directory, err);
    if (r < 0)
        return err_wrap(err, r, "fetcher");
    struct cached_fetcher *fetcher = mem_alloc(sizeof(*fetcher));
    fetcher->host = host;
    cache_init(&fetcher->cache, host, space);
    list_init(&fetcher->fetches);
    fetcher->cache_directory = str_dup(directory);
    fetcher->frameworks_home = str_dup(flags_other(flags, "frameworks_home"));
    fetcher->hadoop_home = str_dup(flags_other(flags, "hadoop_home"));
    fetcher->helper = str_printf("%s/" PROGRAM, flags->launcher_dir);
    fetcher->stall_timeout_ns = stall_ns;
    *ret_fetcher = handle_new(fetcher);
    return 0;
}
