/* SPDX-License-Identifier: Apache-2.0 */
/* The io controller (v2) and blkio (v1) from the inside: block devices and what is kept of them. */
#pragma once

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

enum io_limit { IO_RBPS, IO_WBPS, IO_RIOPS, IO_WIOPS, IO_LIMITS };
#define IO_UNLIMITED UINT64_MAX
#define IOPS_UNLIMITED UINT32_MAX

struct io_device {
    unsigned major;
    unsigned minor;
    bool cost_set;     /* io.cost.qos was written */
    bool cost_enabled;
    bool cost_user;
    uint64_t qos[6];   /* rpct, rlat, wpct, wlat, min, max; percents in hundredths */
    bool model_user;
    uint64_t model[6];
};

/* Of one cgroup on one device; kept from the first setting or transfer on. */
struct io_group {
    struct io_group *next;
    struct io_device *device;
    uint64_t limits[IO_LIMITS];
    uint32_t weight;   /* 0 = default */
    uint32_t bfq_weight;
    uint64_t bytes[3]; /* read, written, discarded; of the subtree in v2 */
    uint64_t requests[3];
};

struct io_css {
    struct cgroup_css css;
    struct io_group *groups;
    uint32_t weight;
    uint32_t bfq_weight;
};

struct io_world {
    struct io_device **devices;
    size_t count;
    size_t capacity;
};
struct io_world *io_world_new(void); /* without devices */
void io_world_free(struct io_world *world);

static inline struct io_css *io_of(const struct cgroup_css *css)
{
    return (struct io_css *)css;
}
struct io_group *io_group_find(const struct io_css *io, const struct io_device *device);
struct io_group *io_group_make(struct io_css *io, struct io_device *device);
/* "MAJ:MIN" and a blank: -EINVAL when it is not one, -ENODEV when there is no such disk. */
int io_parse_device(const struct cgroup_io *io, const char *text, struct io_device **ret_device,
    const char **ret_rest);
/* A process did that much; counts in its cgroup. */
void io_account(struct task *task, unsigned major, unsigned minor, uint64_t read_bytes,
    uint64_t written_bytes);
extern const struct cgroup_file blkio_files_v1[];

/* io.cost.qos and io.cost.model: controllers/io_cost.c. */
int io_cost_qos_read(const struct cgroup_io *io, struct strbuf *out);
int io_cost_qos_write(const struct cgroup_io *io, char *text);
int io_cost_model_read(const struct cgroup_io *io, struct strbuf *out);
int io_cost_model_write(const struct cgroup_io *io, char *text);
