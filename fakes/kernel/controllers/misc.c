/* SPDX-License-Identifier: Apache-2.0 */
/* The misc controller (spec cgroupfs.md 4.6): this machine has no such resources. */
#include <errno.h>

#include "fakes/kernel/cgroup_internal.h"

static int empty_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    (void)out;
    return 0;
}

static int max_write(const struct cgroup_io *io, char *text)
{
    (void)io;
    (void)text;
    return -EINVAL; /* whatever the name is, it is unknown */
}

static bool before_6_12(const struct kernel_profile *profile)
{
    return profile->version < KERNEL_6_12;
}

static bool since_6_12(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_12;
}

static const struct cgroup_file files[] = {
    {"misc.max", ON_CHILD, FILE_ANY, 0644, empty_read, max_write, NULL, 0, 0},
    {"misc.current", ON_CHILD, FILE_ANY, 0444, empty_read, NULL, before_6_12, 0, 0},
    {"misc.current", ON_BOTH, FILE_ANY, 0444, empty_read, NULL, since_6_12, 0, 0},
    {"misc.peak", ON_BOTH, FILE_ANY, 0444, empty_read, NULL, since_6_12, 0, 0},
    {"misc.capacity", ON_ROOT, FILE_ANY, 0444, empty_read, NULL, NULL, 0, 0},
    {"misc.events", ON_CHILD, FILE_ANY | FILE_EVENTS, 0444, empty_read, NULL, NULL, 0, 0},
    {"misc.events.local", ON_CHILD, FILE_ANY | FILE_EVENTS, 0444, empty_read, NULL, since_6_12, 0,
        0},
};

const struct cgroup_controller cgroup_controller_misc = {
    .name = "misc",
    .legacy_name = "misc",
    .subsys = SUBSYS_MISC,
    .versions = FILE_ANY,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct cgroup_css),
};
