/* SPDX-License-Identifier: Apache-2.0 */
/* The blkio files of v1 (spec cgroupfs.md 6): throttling, and what BFQ adds where it is built. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/kernel/io.h"

#define BFQ_WEIGHT_MIN 1
#define BFQ_WEIGHT_MAX 1000

/* Rates are 64 bits wide, operations 32: 2^32 of those becomes 0, which is printed. */
static int throttle_read(const struct cgroup_io *io, struct strbuf *out)
{
    intptr_t limit = io->file->argument;
    uint64_t hidden = limit >= IO_RIOPS ? IOPS_UNLIMITED : IO_UNLIMITED;
    for (const struct io_group *group = io_of(io->css)->groups; group; group = group->next)
        if (group->limits[limit] != hidden)
            strbuf_addf(out, "%u:%u %llu\n", group->device->major, group->device->minor,
                (unsigned long long)group->limits[limit]);
    return 0;
}

static int throttle_write(const struct cgroup_io *io, char *text)
{
    struct io_device *device;
    const char *rest;
    uint64_t value;
    int result = io_parse_device(io, text, &device, &rest);
    if (result)
        return result;
    if (!text_scan_u64(rest, &value))
        return -EINVAL;
    if (value == 0)
        value = IO_UNLIMITED;
    intptr_t limit = io->file->argument;
    io_group_make(io_of(io->css), device)->limits[limit] =
        limit >= IO_RIOPS ? (uint32_t)value : value;
    return 0;
}

enum stat_kind { STAT_BYTES, STAT_REQUESTS, STAT_RECURSIVE = 2 };

struct stat_sum {
    uint64_t values[3]; /* read, written, discarded */
};

static void stat_add(struct stat_sum *sum, const struct io_group *group, intptr_t kind)
{
    const uint64_t *from = kind & STAT_REQUESTS ? group->requests : group->bytes;
    for (int i = 0; i < 3; i++)
        sum->values[i] += from[i];
}

static struct stat_sum stat_of(
    const struct cgroup_io *io, const struct io_device *device, intptr_t kind)
{
    struct stat_sum sum = {{0}};
    struct cgroup *top = io->cgroup;
    for (struct cgroup *at = top; at; at = kind & STAT_RECURSIVE ? cgroup_next(top, at) : NULL) {
        const struct io_group *group = io_group_find(io_of(at->css[SUBSYS_IO]), device);
        if (group)
            stat_add(&sum, group, kind);
    }
    return sum;
}

static int stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    uint64_t total = 0;
    for (const struct io_group *group = io_of(io->css)->groups; group; group = group->next) {
        const struct io_device *device = group->device;
        struct stat_sum sum = stat_of(io, device, io->file->argument);
        uint64_t all = sum.values[0] + sum.values[1] + sum.values[2];
        const struct {
            const char *name;
            uint64_t value;
        } lines[] = {{"Read", sum.values[0]}, {"Write", sum.values[1]},
            {"Sync", sum.values[0] + sum.values[1]}, {"Async", 0}, {"Discard", sum.values[2]},
            {"Total", all}};
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
            strbuf_addf(out, "%u:%u %s %llu\n", device->major, device->minor, lines[i].name,
                (unsigned long long)lines[i].value);
        total += all;
    }
    print_key_u64(out, "Total", total);
    return 0;
}

static int reset_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (result)
        return result;
    for (struct io_group *group = io_of(io->css)->groups; group; group = group->next) {
        memset(group->bytes, 0, sizeof(group->bytes));
        memset(group->requests, 0, sizeof(group->requests));
    }
    return 0;
}

static int bfq_weight_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, io_of(io->css)->bfq_weight);
    return 0;
}

static int bfq_weight_write(const struct cgroup_io *io, char *text)
{
    uint64_t weight;
    int result = text_u64(text, &weight);
    if (result)
        return result;
    if (weight < BFQ_WEIGHT_MIN || weight > BFQ_WEIGHT_MAX)
        return -ERANGE;
    io_of(io->css)->bfq_weight = (uint32_t)weight;
    return 0;
}

static int bfq_weight_device_read(const struct cgroup_io *io, struct strbuf *out)
{
    strbuf_addf(out, "default %u\n", io_of(io->css)->bfq_weight);
    return 0;
}

static int bfq_weight_device_write(const struct cgroup_io *io, char *text)
{
    struct io_device *device;
    const char *rest;
    char *end;
    text = text_strip(text);
    /* "WEIGHT" and "default WEIGHT" are for all devices. */
    unsigned long long weight = strtoull(text, &end, 0);
    if (*text == '-' || *text == '+')
        end = text;
    if ((!*end && (end != text || !*text)) || sscanf(text, "default %llu", &weight) == 1) {
        if (weight < BFQ_WEIGHT_MIN || weight > BFQ_WEIGHT_MAX)
            return -ERANGE;
        io_of(io->css)->bfq_weight = (uint32_t)weight;
        return 0;
    }
    int result = io_parse_device(io, text, &device, &rest);
    if (result)
        return result;
    return *rest ? -EOPNOTSUPP : -EINVAL; /* no device is scheduled by BFQ */
}

static int bfq_stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    print_key_u64(out, "Total", 0);
    return 0;
}

static bool has_bfq(const struct kernel_profile *profile)
{
    return profile->bfq;
}

#define STAT_ROW(name_, kind_)                                                                     \
    {                                                                                              \
        (name_), ON_BOTH, FILE_V1, 0444, stat_read, NULL, NULL, (kind_), 0                         \
    }
#define BFQ_ROW(name_)                                                                             \
    {                                                                                              \
        (name_), ON_BOTH, FILE_V1, 0444, bfq_stat_read, NULL, has_bfq, 0, 0                        \
    }

const struct cgroup_file blkio_files_v1[] = {
    {"blkio.throttle.read_bps_device", ON_BOTH, FILE_V1, 0644, throttle_read, throttle_write, NULL,
        IO_RBPS, 0},
    {"blkio.throttle.write_bps_device", ON_BOTH, FILE_V1, 0644, throttle_read, throttle_write,
        NULL, IO_WBPS, 0},
    {"blkio.throttle.read_iops_device", ON_BOTH, FILE_V1, 0644, throttle_read, throttle_write,
        NULL, IO_RIOPS, 0},
    {"blkio.throttle.write_iops_device", ON_BOTH, FILE_V1, 0644, throttle_read, throttle_write,
        NULL, IO_WIOPS, 0},
    STAT_ROW("blkio.throttle.io_service_bytes", STAT_BYTES),
    STAT_ROW("blkio.throttle.io_service_bytes_recursive", STAT_BYTES | STAT_RECURSIVE),
    STAT_ROW("blkio.throttle.io_serviced", STAT_REQUESTS),
    STAT_ROW("blkio.throttle.io_serviced_recursive", STAT_REQUESTS | STAT_RECURSIVE),
    {"blkio.reset_stats", ON_BOTH, FILE_V1, 0200, NULL, reset_write, NULL, 0, 0},
    {"blkio.bfq.weight", ON_CHILD, FILE_V1, 0644, bfq_weight_read, bfq_weight_write, has_bfq, 0,
        0},
    {"blkio.bfq.weight_device", ON_CHILD, FILE_V1, 0644, bfq_weight_device_read,
        bfq_weight_device_write, has_bfq, 0, 0},
    BFQ_ROW("blkio.bfq.io_service_bytes"),
    BFQ_ROW("blkio.bfq.io_serviced"),
    BFQ_ROW("blkio.bfq.io_service_bytes_recursive"),
    BFQ_ROW("blkio.bfq.io_serviced_recursive"),
    {.name = NULL},
};
