/* SPDX-License-Identifier: Apache-2.0 */
/* The rdma controller (spec cgroupfs.md 4.6): this machine has no such devices. */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

static int empty_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    (void)out;
    return 0;
}

/* A number, whatever follows it, or "max" or the beginning of that, if it be nothing. */
static bool amount_valid(const char *text)
{
    uint64_t amount;
    if (!strncmp("max", text, strlen(text)))
        return true;
    return text_scan_u64(text, &amount) && !text_is_space(*text) && amount <= INT32_MAX;
}

/* "resource=amount" */
static bool limit_valid(const char *item)
{
    static const char *const names[] = {"hca_handle", "hca_object"};
    const char *equals = strchr(item, '=');
    if (!equals || !amount_valid(equals + 1))
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strlen(names[i]) == (size_t)(equals - item) && str_starts(item, names[i]))
            return true;
    return false;
}

/* "device resource=number …": the limits are read before the device is looked for. */
static int max_write(const struct cgroup_io *io, char *text)
{
    (void)io;
    text = text_strip(text);
    text_next_item(&text);
    for (char *item; (item = text_next_item(&text));)
        if (!limit_valid(item))
            return -EINVAL;
    return -ENODEV;
}

static const struct cgroup_file files[] = {
    {"rdma.max", ON_CHILD, FILE_ANY, 0644, empty_read, max_write, NULL, 0, 0},
    {"rdma.current", ON_CHILD, FILE_ANY, 0444, empty_read, NULL, NULL, 0, 0},
};

const struct cgroup_controller cgroup_controller_rdma = {
    .name = "rdma",
    .legacy_name = "rdma",
    .subsys = SUBSYS_RDMA,
    .versions = FILE_ANY,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct cgroup_css),
};
