/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the cgroup hierarchies; helpers on it are in cgroup_fs_helpers.c. */
#include "reference/cgroups/cgroup_fs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/host_front.h"

void cgroup_fs_init(struct cgroup_fs *fs, const struct cgroup_fs_ops *ops, struct host *host,
    const char *name, const char *mount_point)
{
    fs->ops = ops;
    fs->host = host;
    fs->name = str_dup(name);
    fs->mount_point = str_dup(mount_point);
}

void cgroup_fs_release(struct cgroup_fs *fs)
{
    free(fs->name);
    free(fs->mount_point);
}

static bool controllers_contain(char *const *controllers, const char *controller)
{
    return controllers && strv_contains(controllers, controller);
}

struct cgroup_hierarchy *cgroup_hierarchy_find(
    struct cgroup_hierarchies *hierarchies, const char *controller)
{
    for (size_t i = 0; hierarchies && i < hierarchies->count; i++) {
        struct cgroup_hierarchy *hierarchy = &hierarchies->items[i];
        if (controllers_contain(hierarchy->controllers, controller))
            return hierarchy;
        if (hierarchy->v2 && controller[0] == '\0')
            return hierarchy;
    }
    return NULL;
}

void cgroup_hierarchies_free(struct cgroup_hierarchies *hierarchies)
{
    if (!hierarchies)
        return;
    for (size_t i = 0; i < hierarchies->count; i++) {
        struct cgroup_hierarchy *hierarchy = &hierarchies->items[i];
        free(hierarchy->name);
        strv_free(hierarchy->controllers);
        if (hierarchy->fs)
            hierarchy->fs->ops->free(hierarchy->fs);
    }
    free(hierarchies->items);
    free(hierarchies);
}

/* One effect on a hierarchy: its texts (made only when somebody looks) and its verdict. */
struct cgroup_effect {
    struct host *host;
    enum effect_kind kind;
    char *subject; /* "memory:mesos/c1" */
    char *detail;
    struct effect_verdict verdict;
};

/* detail is taken. As host_effect. */
static int effect_begin(struct cgroup_effect *effect, struct cgroup_fs *fs, enum effect_kind kind,
    const char *path, char *detail)
{
    effect->host = fs->host;
    effect->kind = kind;
    effect->detail = detail;
    effect->subject =
        host_is_observed(fs->host) ? str_printf("%s:%s", fs->name, path) : NULL;
    return host_effect(fs->host, kind, effect->subject ? effect->subject : path, detail,
        &effect->verdict, NULL);
}

/* result: of host_effect when it answered, else of the operation. */
static int effect_end(struct cgroup_effect *effect, const char *path, int decided, int result)
{
    if (decided == 0)
        result = host_effect_done(effect->host, effect->kind,
            effect->subject ? effect->subject : path, effect->detail, &effect->verdict, result,
            NULL);
    else
        result = decided == 1 ? 0 : decided;
    free(effect->subject);
    free(effect->detail);
    return result;
}

/* "verb path (hierarchy): ECODE", or "agent gone". */
static int cgroup_error(
    struct cgroup_fs *fs, int code, const char *verb, const char *path, struct err *err)
{
    if (fs->host->gone)
        return host_gone_error(err);
    return err_errno(err, code, "%s %s (%s)", verb, path[0] ? path : "/", fs->name);
}

static int file_error(struct cgroup_fs *fs, int code, const char *verb, const char *path,
    const char *file, struct err *err)
{
    if (fs->host->gone)
        return host_gone_error(err);
    return err_errno(err, code, "%s %s/%s", verb, path, file);
}

int cgroup_create(struct cgroup_fs *fs, const char *path, struct err *err)
{
    struct cgroup_effect effect;
    int decided = effect_begin(&effect, fs, EFFECT_CGROUP_CREATE, path, NULL);
    int r = decided == 0 ? fs->ops->create(fs, path, 0755) : 0;
    r = effect_end(&effect, path, decided, r);
    return r < 0 ? cgroup_error(fs, r, "create", path, err) : 0;
}

int cgroup_remove(struct cgroup_fs *fs, const char *path, struct err *err)
{
    struct cgroup_effect effect;
    int decided = effect_begin(&effect, fs, EFFECT_CGROUP_REMOVE, path, NULL);
    int r = decided == 0 ? fs->ops->remove(fs, path) : 0;
    r = effect_end(&effect, path, decided, r);
    return r < 0 ? cgroup_error(fs, r, "remove", path, err) : 0;
}

int cgroup_write(
    struct cgroup_fs *fs, const char *path, const char *file, const char *data, struct err *err)
{
    struct cgroup_effect effect;
    char *detail = host_is_observed(fs->host) ? str_printf("%s=%s", file, data) : NULL;
    int decided = effect_begin(&effect, fs, EFFECT_CGROUP_WRITE, path, detail);
    int r = decided == 0 ? fs->ops->write(fs, path, file, data, strlen(data)) : 0;
    r = effect_end(&effect, path, decided, r);
    if (r == 0)
        return 0;
    if (fs->host->gone)
        return host_gone_error(err);
    return err_errno(err, r, "write %s/%s \"%s\"", path, file, data);
}

int cgroup_chown(struct cgroup_fs *fs, const char *path, const char *file, uid_t uid, gid_t gid,
    struct err *err)
{
    struct cgroup_effect effect;
    char *detail = host_is_observed(fs->host)
        ? str_printf("%s=%u:%u", file ? file : "", (unsigned)uid, (unsigned)gid)
        : NULL;
    int decided = effect_begin(&effect, fs, EFFECT_CGROUP_CHOWN, path, detail);
    int r = decided == 0 ? fs->ops->chown(fs, path, file, uid, gid) : 0;
    r = effect_end(&effect, path, decided, r);
    return r < 0 ? cgroup_error(fs, r, "chown", path, err) : 0;
}

int cgroup_read(
    struct cgroup_fs *fs, const char *path, const char *file, char **ret_text, struct err *err)
{
    int r = fs->host->gone ? -ESHUTDOWN : fs->ops->read(fs, path, file, ret_text);
    return r < 0 ? file_error(fs, r, "read", path, file, err) : 0;
}

int cgroup_list(struct cgroup_fs *fs, const char *path, char ***ret_names, struct err *err)
{
    int r = fs->host->gone ? -ESHUTDOWN : fs->ops->list(fs, path, ret_names);
    return r < 0 ? cgroup_error(fs, r, "list", path, err) : 0;
}

bool cgroup_exists(struct cgroup_fs *fs, const char *path)
{
    return !fs->host->gone && fs->ops->exists(fs, path, NULL);
}

bool cgroup_file_exists(struct cgroup_fs *fs, const char *path, const char *file)
{
    return !fs->host->gone && fs->ops->exists(fs, path, file);
}

/*
 * Watches. Between the implementation and the agent stands the hook: an event may be lost, or late.
 * Late events of one watch merge, as those of an eventfd that nobody has read yet do.
 */
struct cgroup_watch {
    struct cgroup_fs *fs;
    struct cgroup_fs_watch *inner; /* NULL once it has called with an error */
    char *subject;                 /* "memory:mesos/c1", NULL when nobody looked at the start */
    char *file;
    cgroup_watch_fn fn;
    void *arg;
    struct loop_timer *late;
    int late_result;
    uint64_t late_count;
};

static void watch_free(struct cgroup_watch *watch)
{
    loop_timer_stop(watch->fs->host->loop, watch->late);
    if (watch->inner)
        watch->fs->ops->unwatch(watch->fs, watch->inner);
    free(watch->subject);
    free(watch->file);
    free(watch);
}

/* The watch may be gone afterwards: by the error, or because the callee stopped it. */
static void watch_call(struct cgroup_watch *watch, int result, uint64_t count)
{
    cgroup_watch_fn fn = watch->fn;
    void *arg = watch->arg;
    if (result < 0)
        watch_free(watch);
    fn(arg, result, count);
}

static void watch_late(void *arg)
{
    struct cgroup_watch *watch = arg;
    watch->late = NULL;
    int result = watch->late_result;
    uint64_t count = watch->late_count;
    watch->late_result = 0;
    watch->late_count = 0;
    if (!watch->fs->host->gone)
        watch_call(watch, result, count);
}

static void watch_defer(
    struct cgroup_watch *watch, int result, uint64_t count, uint64_t delay_ns)
{
    watch->late_count += count;
    if (result < 0)
        watch->late_result = result;
    if (!watch->late && delay_ns != UINT64_MAX)
        watch->late = loop_timer_start(watch->fs->host->loop, delay_ns, watch_late, watch);
}

static void watch_happened(void *arg, int result, uint64_t count)
{
    struct cgroup_watch *watch = arg;
    struct host *host = watch->fs->host;
    if (result < 0)
        watch->inner = NULL;
    struct effect_verdict verdict;
    int r = host_deliver(
        host, watch->subject ? watch->subject : "", watch->file, &result, &verdict);
    if (r < 0)
        return;
    if (r == 1 || (watch->late && result < 0)) {
        watch_defer(watch, result, count, verdict.delay_ns);
        return;
    }
    watch_call(watch, result, count);
    host_delivered(host, &verdict);
}

static struct cgroup_watch *watch_new(struct cgroup_fs *fs, const char *path, const char *file,
    cgroup_watch_fn fn, void *arg)
{
    assert(fn);
    struct cgroup_watch *watch = mem_alloc(sizeof(*watch));
    watch->fs = fs;
    watch->fn = fn;
    watch->arg = arg;
    if (host_is_observed(fs->host)) {
        watch->subject = str_printf("%s:%s", fs->name, path);
        watch->file = str_dup(file);
    }
    return watch;
}

int cgroup_watch(struct cgroup_fs *fs, const char *path, const char *file, cgroup_watch_fn fn,
    void *arg, struct cgroup_watch **ret_watch, struct err *err)
{
    struct cgroup_watch *watch = watch_new(fs, path, file, fn, arg);
    int r = fs->host->gone
        ? -ESHUTDOWN
        : fs->ops->watch(fs, path, file, watch_happened, watch, &watch->inner);
    if (r < 0) {
        watch_free(watch);
        return file_error(fs, r, "watch", path, file, err);
    }
    *ret_watch = watch;
    return 0;
}

int cgroup_listen(struct cgroup_fs *fs, const char *path, const char *file, const char *arguments,
    cgroup_watch_fn fn, void *arg, struct cgroup_watch **ret_watch, struct err *err)
{
    struct cgroup_watch *watch = watch_new(fs, path, file, fn, arg);
    int r = fs->host->gone
        ? -ESHUTDOWN
        : fs->ops->listen(fs, path, file, arguments, watch_happened, watch, &watch->inner);
    if (r < 0) {
        watch_free(watch);
        return file_error(fs, r, "listen to", path, file, err);
    }
    *ret_watch = watch;
    return 0;
}

void cgroup_unwatch(struct cgroup_fs *fs, struct cgroup_watch *watch)
{
    if (!watch)
        return;
    assert(watch->fs == fs);
    watch_free(watch);
}
