/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay: the layers below a writable one. The kernel takes one page of mount options, so that
 * layers go by short names: links in a directory of their own below /tmp, to which `links` in the
 * scratch directory points (MESOS-6000).
 */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/provisioner/backend.h"

#define OPTIONS_MAX 4095 /* one page with its NUL */
/* Short, as each layer's name begins with it; then some digits of the root's uuid. */
#define LINKS "/tmp/layers-"
#define LINKS_DIGITS 8

static const char *const refused[] = {"aufs", "btrfs", "ecryptfs", "zfs", "overlay", NULL};

/* In the text of mount options these characters have a meaning. */
static void add_escaped(struct strbuf *options, const char *path)
{
    for (; *path; path++)
        strbuf_addf(options, "%s%c", strchr("\\,:", *path) ? "\\" : "", *path);
}

/* scratch/<uuid>/links -> the directory of links: the link first, so that a crash leaves nothing
 * that nobody finds. */
static int links_make(
    struct host *host, char *const *layers, const char *scratch, char **ret_links, struct err *err)
{
    const char *uuid = strrchr(scratch, '/') + 1;
    _cleanup_free_ char *directory = str_printf(LINKS "%.*s", LINKS_DIGITS, uuid);
    _cleanup_free_ char *link = str_printf("%s/links", scratch);
    int r = host_file_exists(host, directory)
                ? err_set(err, -EEXIST, "%s exists already", directory)
                : host_symlink(host, directory, link, err);
    if (r == 0)
        r = host_mkdir(host, directory, 0700, true, err);
    for (size_t i = 0; r == 0 && layers[i]; i++) {
        _cleanup_free_ char *name = str_printf("%s/%zu", directory, i);
        r = host_symlink(host, layers[i], name, err);
    }
    if (r == 0)
        *ret_links = TAKE_PTR(directory);
    return r;
}

static int options_make(const char *links, size_t layers, const char *upper, const char *work,
    char **ret_options, struct err *err)
{
    struct strbuf options = STRBUF_INIT;
    strbuf_add(&options, "lowerdir=");
    for (size_t i = layers; i > 0; i--)
        strbuf_addf(&options, "%s/%zu%s", links, i - 1, i > 1 ? ":" : "");
    strbuf_add(&options, ",upperdir=");
    add_escaped(&options, upper);
    strbuf_add(&options, ",workdir=");
    add_escaped(&options, work);
    if (options.length > OPTIONS_MAX) {
        strbuf_release(&options);
        return err_set(err, -E2BIG, "%zu layers are more than overlayfs can mount", layers);
    }
    *ret_options = strbuf_take(&options);
    return 0;
}

static int overlay_mount(const struct backend *backend, char *const *layers,
    const struct backend_place *place, char *const volumes[2], struct err *err)
{
    struct host *host = backend->host;
    _cleanup_free_ char *links = NULL;
    _cleanup_free_ char *options = NULL;
    int r = host_mkdir(host, place->rootfs, 0755, true, err);
    for (size_t i = 0; r == 0 && i < 2; i++)
        r = host_mkdir(host, volumes[i], 0755, true, err);
    if (r == 0)
        r = links_make(host, layers, place->scratch, &links, err);
    if (r == 0)
        r = options_make(links, strv_length(layers), volumes[0], volumes[1], &options, err);
    struct mount_entry entry = {.target = (char *)(uintptr_t)place->rootfs,
        .source = (char *)(uintptr_t)"overlay",
        .type = (char *)(uintptr_t)"overlay",
        .options = options};
    if (r == 0)
        r = host_mount(host, &entry, err);
    return r < 0 ? r : backend_share(host, place->rootfs, err);
}

static struct helper_call *overlay_provision(const struct backend *backend, char *const *layers,
    const struct backend_place *place, struct done done)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *upper = str_printf("%s/upperdir", place->scratch);
    _cleanup_free_ char *work = str_printf("%s/workdir", place->scratch);
    char *const volumes[] = {upper, work, NULL};
    int r = overlay_mount(backend, layers, place, volumes, &err);
    if (r < 0)
        done_fail(done, r, &err);
    else
        done_ok(done, volumes);
    return NULL;
}

/* Before the root's own directory: as long as that is there, the next agent finds the links too. */
static int links_remove(struct host *host, const char *scratch, struct err *err)
{
    _cleanup_free_ char *link = str_printf("%s/links", scratch);
    _cleanup_free_ char *links = NULL;
    if (host_real_path(host, link, &links, NULL) < 0 || !str_starts(links, LINKS))
        return 0;
    int r = host_tree_remove(host, links, err);
    return r < 0 ? r : host_file_remove(host, link, err);
}

static int overlay_destroy(const struct backend *backend, const struct backend_place *place,
    bool *ret_removed, struct err *err)
{
    struct host *host = backend->host;
    _cleanup_err_ struct err ignored = ERR_INIT;
    *ret_removed = host_is_mounted(host, place->rootfs);
    int r = *ret_removed ? host_unmount(host, place->rootfs, MNT_DETACH, err) : 0;
    if (r == 0)
        r = links_remove(host, place->scratch, err);
    if (r == 0 && host_tree_remove(host, place->rootfs, &ignored) < 0)
        log_warning("overlay: %s", err_text(&ignored));
    return r;
}

const struct backend_kind backend_overlay = {.name = "overlay",
    .automatic = true,
    .needs_root = true,
    .in_filesystems = true,
    .tree = "rootfs.overlay",
    .refused = refused,
    .needs_entry_types = true,
    .provision = overlay_provision,
    .destroy = overlay_destroy};
