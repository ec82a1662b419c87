/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/oci/bundle_mounts.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/mem.h"

static const struct {
    unsigned long flag;
    const char *option;
} flag_options[] = {
    {MS_RDONLY, "ro"},
    {MS_NOSUID, "nosuid"},
    {MS_NODEV, "nodev"},
    {MS_NOEXEC, "noexec"},
    {MS_NOATIME, "noatime"},
    {MS_RELATIME, "relatime"},
    {MS_STRICTATIME, "strictatime"},
};

/* What a change of propagation is called; MS_REC makes it that of all below. */
static const struct {
    unsigned long flag;
    const char *one;
    const char *all;
} propagations[] = {
    {MS_SHARED, "shared", "rshared"},
    {MS_SLAVE, "slave", "rslave"},
    {MS_PRIVATE, "private", "rprivate"},
    {MS_UNBINDABLE, "unbindable", "runbindable"},
};

const char *bundle_path_inside(const struct launch_info *info, const char *path)
{
    if (!info->rootfs)
        return path;
    if (!str_starts(path, info->rootfs))
        return NULL;
    path += strlen(info->rootfs);
    return path[0] == '/' ? path : path[0] == '\0' ? "/" : NULL;
}

bool bundle_root_is_read_only(const struct launch_info *info)
{
    bool read_only = false;
    for (size_t i = 0; info->rootfs && i < info->mounts_count; i++)
        read_only |= str_equal(info->mounts[i].target, info->rootfs) &&
                     (info->mounts[i].flags & MS_RDONLY) != 0;
    return read_only;
}

/* Bound on itself to be read: a bundle has a list of such paths. */
static bool is_read_only_path(const struct mount_entry *entry)
{
    return (entry->flags & MS_BIND) && (entry->flags & MS_RDONLY) &&
           str_equal(entry->source, entry->target);
}

json_t *bundle_read_only_paths(const struct launch_info *info)
{
    json_t *list = json_array();
    for (size_t i = 0; i < info->mounts_count; i++) {
        const char *inside = bundle_path_inside(info, info->mounts[i].target);
        if (inside && is_read_only_path(&info->mounts[i]))
            json_array_append_new(list, json_string(inside));
    }
    return list;
}

static void add_option(json_t *options, const char *option)
{
    json_array_append_new(options, json_string(option));
}

static void add_flags(json_t *options, unsigned long flags)
{
    for (size_t i = 0; i < ARRAY_SIZE(flag_options); i++)
        if (flags & flag_options[i].flag)
            add_option(options, flag_options[i].option);
}

static const char *propagation_of(unsigned long flags)
{
    for (size_t i = 0; i < ARRAY_SIZE(propagations); i++)
        if (flags & propagations[i].flag)
            return flags & MS_REC ? propagations[i].all : propagations[i].one;
    return NULL;
}

/* The options of the last mount at that place; NULL when there is none. */
static json_t *options_at(json_t *mounts, const char *destination)
{
    for (size_t i = json_array_size(mounts); i-- > 0;) {
        json_t *mount = json_array_get(mounts, i);
        if (str_equal(json_string_value(json_object_get(mount, "destination")), destination))
            return json_object_get(mount, "options");
    }
    return NULL;
}

static void add_new(json_t *mounts, const struct mount_entry *entry, const char *destination)
{
    const unsigned long flags = (unsigned long)entry->flags;
    json_t *options = json_array();
    if (flags & MS_BIND)
        add_option(options, flags & MS_REC ? "rbind" : "bind");
    add_flags(options, flags);
    _cleanup_strv_ char **words = entry->options ? strv_split(entry->options, ",") : NULL;
    for (size_t i = 0; words && words[i]; i++)
        add_option(options, words[i]);
    json_t *mount = json_pack("{ss so}", "destination", destination, "options", options);
    json_object_set_new(mount, "type",
        json_string(entry->type ? entry->type : flags & MS_BIND ? "bind" : "none"));
    if (entry->source)
        json_object_set_new(mount, "source", json_string(entry->source));
    json_array_append_new(mounts, mount);
}

/* A remount, or a change of propagation, is an option of the mount that it is about. The root and
 * its propagation are the runtime's own affair. */
static void add_mount(
    const struct launch_info *info, const struct mount_entry *entry, json_t *mounts)
{
    const unsigned long flags = (unsigned long)entry->flags;
    const char *destination = bundle_path_inside(info, entry->target);
    const char *propagation = propagation_of(flags);
    if (!destination || strcmp(destination, "/") == 0 || is_read_only_path(entry))
        return;
    json_t *options = flags & MS_REMOUNT || propagation ? options_at(mounts, destination) : NULL;
    if (options && propagation)
        add_option(options, propagation);
    else if (options)
        add_flags(options, flags);
    else if (flags & MS_REMOUNT)
        add_new(mounts,
            &(struct mount_entry){.source = entry->target,
                .flags = (entry->flags & ~(int64_t)MS_REMOUNT) | MS_BIND},
            destination);
    else if (!propagation)
        add_new(mounts, entry, destination);
}

/*
 * A runtime fills /dev with nodes and links of its own unless something is mounted there, which
 * must not be the host's.
 */
static void add_devices(json_t *mounts)
{
    static const struct mount_entry own[] = {
        {.target = (char *)(uintptr_t) "/dev",
            .source = (char *)(uintptr_t) "tmpfs",
            .type = (char *)(uintptr_t) "tmpfs",
            .options = (char *)(uintptr_t) "mode=755",
            .flags = MS_NOSUID | MS_STRICTATIME},
        {.target = (char *)(uintptr_t) "/dev/pts",
            .source = (char *)(uintptr_t) "devpts",
            .type = (char *)(uintptr_t) "devpts",
            .options = (char *)(uintptr_t) "newinstance,ptmxmode=0666,mode=0620",
            .flags = MS_NOSUID | MS_NOEXEC},
        {.target = (char *)(uintptr_t) "/dev/shm",
            .source = (char *)(uintptr_t) "/dev/shm",
            .flags = MS_BIND},
    };
    for (size_t i = 0; i < ARRAY_SIZE(own); i++)
        add_new(mounts, &own[i], own[i].target);
}

/* Links that a runtime makes without being asked. */
static bool is_own_link(const struct launch_info *info, const struct file_operation *operation)
{
    static const char *const links[] = {
        "/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/ptmx", "/dev/core"};
    const char *path = bundle_path_inside(info, operation->target);
    bool found = false;
    for (size_t i = 0; path && i < ARRAY_SIZE(links); i++)
        found |= strcmp(links[i], path) == 0;
    return found && operation->operation == FILE_OPERATION_SYMLINK;
}

/* The host's root is only to be read, but for such directories. */
static void add_writable(const char *directory, json_t *mounts)
{
    const struct mount_entry entry = {
        .source = (char *)(uintptr_t)directory, .flags = MS_BIND | MS_REC};
    add_new(mounts, &entry, directory);
}

int bundle_mounts(const struct launch_info *info, const char *writable, json_t **ret_mounts,
    struct err *err)
{
    for (size_t i = 0; i < info->file_operations_count; i++)
        if (!is_own_link(info, &info->file_operations[i]))
            return err_set(err, -EOPNOTSUPP, "an operation on the file %s",
                info->file_operations[i].target ? info->file_operations[i].target : "");
    *ret_mounts = json_array();
    if (!info->rootfs) {
        add_devices(*ret_mounts);
        add_writable(writable, *ret_mounts);
        add_writable("/sys/fs/cgroup", *ret_mounts);
    }
    for (size_t i = 0; i < info->mounts_count; i++)
        add_mount(info, &info->mounts[i], *ret_mounts);
    return 0;
}
