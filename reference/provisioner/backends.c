/* SPDX-License-Identifier: Apache-2.0 */
/* Which backends there are, and which of them serves (provisioner.md 1). */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/mem.h"
#include "reference/provisioner/backend.h"

/* aufs is not among them: no kernel of today has it. */
const struct backend_kind *const backend_kinds[] = {
    &backend_overlay, &backend_copy, &backend_bind, NULL};

const struct backend_kind *backend_kind_find(const char *name)
{
    for (size_t i = 0; backend_kinds[i]; i++) {
        if (str_equal(backend_kinds[i]->name, name))
            return backend_kinds[i];
    }
    return NULL;
}

/* "nodev\toverlay" a line. */
static bool kernel_has(struct host *host, const char *filesystem)
{
    _cleanup_free_ char *text = NULL;
    if (host_file_read(host, "/proc/filesystems", &text, NULL, NULL) < 0)
        return false;
    _cleanup_strv_ char **words = strv_split(text, "\t\n ");
    return strv_contains(words, filesystem);
}

bool backend_available(struct host *host, const struct backend_kind *kind)
{
    if (kind->needs_root && !host->facts.root)
        return false;
    return !kind->in_filesystems || kernel_has(host, kind->name);
}

/* NULL: it may be used there; otherwise why not. Owned. */
static char *refusal(struct host *host, const struct backend_kind *kind, const char *directory)
{
    struct filesystem_info info;
    _cleanup_err_ struct err err = ERR_INIT;
    if (!kind->refused && !kind->needs_entry_types)
        return NULL;
    if (host_filesystem_info(host, directory, &info, &err) < 0)
        return str_dup(err_text(&err));
    for (size_t i = 0; kind->refused && kind->refused[i]; i++) {
        if (str_equal(kind->refused[i], info.type))
            return str_printf("%s is on %s, which it can't lie on", directory, info.type);
    }
    if (kind->needs_entry_types && !info.tells_entry_type)
        return str_printf(
            "%s is on %s without d_type: directories do not tell what kind their entries are",
            directory, info.type);
    return NULL;
}

static int choose_asked(struct host *host, const char *name, const char *directory,
    const struct backend_kind **ret_kind, struct err *err)
{
    const struct backend_kind *kind = backend_kind_find(name);
    if (!kind || !backend_available(host, kind))
        return err_set(err, -EOPNOTSUPP,
            "--image_provisioner_backend: %s is not supported: Not found", name);
    _cleanup_free_ char *why = refusal(host, kind, directory);
    if (why)
        return err_set(err, -EINVAL, "--image_provisioner_backend: %s: %s", name, why);
    *ret_kind = kind;
    return 0;
}

int backend_choose(struct host *host, const struct flags *flags, const char *directory,
    const struct backend_kind **ret_kind, struct err *err)
{
    const char *asked = flags_other(flags, "image_provisioner_backend");
    if (asked)
        return choose_asked(host, asked, directory, ret_kind, err);
    for (size_t i = 0; backend_kinds[i]; i++) {
        const struct backend_kind *kind = backend_kinds[i];
        if (!kind->automatic || !backend_available(host, kind))
            continue;
        _cleanup_free_ char *why = refusal(host, kind, directory);
        if (why)
            continue;
        *ret_kind = kind;
        return 0;
    }
    return err_set(err, -EOPNOTSUPP, "no provisioner backend can be used");
}

int backend_share(struct host *host, const char *target, struct err *err)
{
    struct mount_entry entry = {.target = (char *)(uintptr_t)target, .flags = MS_SLAVE};
    int r = host_mount(host, &entry, err);
    entry.flags = MS_SHARED;
    return r < 0 ? r : host_mount(host, &entry, err);
}
