/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/image_gc.h"

#include "reference/base/log.h"
#include "reference/base/mem.h"

struct image_gc {
    struct host *host;
    struct containerizer *containerizer;
    char *store;     /* whose file system is looked at */
    double headroom; /* the share that shall be free */
    uint64_t interval_ns;
    char **excluded;
    struct host_request *timer;
    bool stopped;
};

static void timer_due(void *arg, int result);

static void timer_arm(struct image_gc *gc)
{
    if (!gc->stopped)
        gc->timer = host_timer(gc->host, gc->interval_ns, timer_due, gc);
}

/* Whatever came of it: the next look decides anew. */
static void pruned(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    if (result < 0)
        log_warning("image gc: %s", err_text(err));
    timer_arm(arg);
}

static bool too_full(const struct image_gc *gc)
{
    struct filesystem_info info;
    _cleanup_err_ struct err err = ERR_INIT;
    if (host_filesystem_info(gc->host, gc->store, &info, &err) < 0) {
        log_warning("image gc: %s", err_text(&err));
        return false;
    }
    return info.size_bytes > 0 &&
           (double)info.used_bytes / (double)info.size_bytes + gc->headroom > 1;
}

static void timer_due(void *arg, int result)
{
    struct image_gc *gc = arg;
    gc->timer = NULL;
    if (result < 0)
        return;
    if (too_full(gc))
        containerizer_prune_images(gc->containerizer, gc->excluded, DONE(pruned, gc));
    else
        timer_arm(gc);
}

static void excluded_read(const json_t *images, char ***ret_names)
{
    const json_t *image;
    size_t i;
    json_array_foreach(images, i, image)
    {
        const char *name = json_string_value(json_object_get(image, "name"));
        if (name)
            strv_add(ret_names, name);
    }
}

struct image_gc *image_gc_new(
    struct host *host, const struct flags *flags, struct containerizer *containerizer)
{
    const char *text = flags_other(flags, "image_gc_config");
    _cleanup_strv_ char **kinds = strv_split(flags->containerizers, ",");
    json_t *config = text ? json_loads(text, 0, NULL) : NULL;
    if (!config || !flags->image_providers || !strv_contains(kinds, "mesos")) {
        json_decref(config);
        return NULL;
    }
    struct image_gc *gc = mem_alloc(sizeof(*gc));
    gc->host = host;
    gc->containerizer = containerizer;
    gc->store = str_dup(flags_other(flags, "docker_store_dir"));
    gc->headroom = json_number_value(json_object_get(config, "image_disk_headroom"));
    gc->interval_ns = (uint64_t)json_integer_value(
        json_object_get(json_object_get(config, "image_disk_watch_interval"), "nanoseconds"));
    excluded_read(json_object_get(config, "excluded_images"), &gc->excluded);
    json_decref(config);
    return gc;
}

void image_gc_start(struct image_gc *gc)
{
    if (gc)
        timer_arm(gc);
}

void image_gc_prune(struct image_gc *gc, struct containerizer *containerizer, char *const *keep,
    struct done done)
{
    _cleanup_strv_ char **all = strv_copy(keep);
    for (size_t i = 0; gc && gc->excluded && gc->excluded[i]; i++)
        strv_add(&all, gc->excluded[i]);
    containerizer_prune_images(containerizer, all, done);
}

void image_gc_stop(struct image_gc *gc)
{
    if (!gc)
        return;
    gc->stopped = true;
    host_cancel(gc->timer);
    gc->timer = NULL;
}

void image_gc_free(struct image_gc *gc)
{
    if (!gc)
        return;
    strv_free(gc->excluded);
    free(gc->store);
    free(gc);
}
