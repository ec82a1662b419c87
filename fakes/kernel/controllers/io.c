/* SPDX-License-Identifier: Apache-2.0 */
/* The io controller: devices, and the files of v2 (spec cgroupfs.md 4.5). */
#include "fakes/kernel/io.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_node.h"

#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000
#define WEIGHT_DEFAULT 100
#define BFQ_WEIGHT_MAX 1000
#define TOKEN_MAX 26 /* io.max is read with scanf("%26s") */

struct io_world *io_world_new(void)
{
    return mem_alloc(sizeof(struct io_world));
}

void io_world_free(struct io_world *world)
{
    for (size_t i = 0; i < world->count; i++)
        free(world->devices[i]);
    free(world->devices);
    free(world);
}

static struct io_device *device_find(struct kernel *kernel, unsigned major, unsigned minor)
{
    const struct io_world *world = kernel->cgroup_world->io;
    for (size_t i = 0; i < world->count; i++)
        if (world->devices[i]->major == major && world->devices[i]->minor == minor)
            return world->devices[i];
    return NULL;
}

void cgroup_add_block_device(struct kernel *kernel, unsigned major, unsigned minor)
{
    struct io_world *world = kernel->cgroup_world->io;
    if (device_find(kernel, major, minor))
        return;
    struct io_device *device = mem_alloc(sizeof(*device));
    device->major = major;
    device->minor = minor;
    world->devices =
        mem_grow(world->devices, &world->capacity, world->count + 1, sizeof(struct io_device *));
    world->devices[world->count++] = device;
}

int io_parse_device(const struct cgroup_io *io, const char *text, struct io_device **ret_device,
    const char **ret_rest)
{
    uint32_t major, minor;
    const char *at = text_scan_u32(text, &major);
    at = at && *at == ':' && isdigit((unsigned char)at[1]) ? text_scan_u32(at + 1, &minor) : NULL;
    if (!at || !text_is_space(*at))
        return -EINVAL;
    *ret_device = device_find(io->kernel, major, minor);
    *ret_rest = text_skip_spaces(at);
    return *ret_device ? 0 : -ENODEV;
}

struct io_group *io_group_find(const struct io_css *io, const struct io_device *device)
{
    struct io_group *group = io->groups;
    while (group && group->device != device)
        group = group->next;
    return group;
}

/* Groups of a device exist from a cgroup up to the root. */
struct io_group *io_group_make(struct io_css *io, struct io_device *device)
{
    struct cgroup_css *parent = cgroup_css_parent(&io->css);
    if (parent && !io_group_find(io, device))
        io_group_make(io_of(parent), device);
    struct io_group **at = &io->groups;
    while (*at && (*at)->device != device)
        at = &(*at)->next;
    if (*at)
        return *at;
    *at = mem_alloc(sizeof(**at));
    **at = (struct io_group){
        .device = device,
        .limits = {IO_UNLIMITED, IO_UNLIMITED, IOPS_UNLIMITED, IOPS_UNLIMITED},
    };
    return *at;
}

void io_account(struct task *task, unsigned major, unsigned minor, uint64_t read_bytes,
    uint64_t written_bytes)
{
    struct io_device *device = device_find(task->process->kernel, major, minor);
    for (struct cgroup_css *css = cgroup_css_of(task, SUBSYS_IO); css && device;
         css = css->cgroup->root->v2 ? cgroup_css_parent(css) : NULL) {
        struct io_group *group = io_group_make(io_of(css), device);
        group->bytes[0] += read_bytes;
        group->bytes[1] += written_bytes;
        group->requests[0] += read_bytes != 0;
        group->requests[1] += written_bytes != 0;
    }
}

static void io_init(struct cgroup_css *css)
{
    io_of(css)->weight = WEIGHT_DEFAULT;
    io_of(css)->bfq_weight = WEIGHT_DEFAULT;
}

static void io_free(struct cgroup_css *css)
{
    for (struct io_group *group = io_of(css)->groups, *next; group; group = next) {
        next = group->next;
        free(group);
    }
}

/* ---------------------------------------------------------------------- io.max */

static const char *const limit_names[IO_LIMITS] = {"rbps", "wbps", "riops", "wiops"};

static uint64_t unlimited(int limit)
{
    return limit >= IO_RIOPS ? IOPS_UNLIMITED : IO_UNLIMITED;
}

static int max_read(const struct cgroup_io *io, struct strbuf *out)
{
    for (const struct io_group *group = io_of(io->css)->groups; group; group = group->next) {
        bool any = false;
        for (int i = 0; i < IO_LIMITS; i++)
            any |= group->limits[i] != unlimited(i);
        if (!any)
            continue;
        strbuf_addf(out, "%u:%u", group->device->major, group->device->minor);
        for (int i = 0; i < IO_LIMITS; i++) {
            strbuf_addf(out, " %s=", limit_names[i]);
            if (group->limits[i] == unlimited(i))
                strbuf_add(out, "max");
            else
                print_u64(out, group->limits[i]);
        }
        strbuf_add(out, "\n");
    }
    return 0;
}

/* "key=value" of at most 26 characters. Before 6.18 a value of 1 is taken for a missing key. */
static int parse_limit(const struct cgroup_io *io, char *token, uint64_t *limits)
{
    uint64_t value = IO_UNLIMITED;
    char *equals = strchr(token, '=');
    if (!equals)
        return -EINVAL;
    *equals = '\0';
    if (!text_scan_u64(equals + 1, &value) && strcmp(equals + 1, "max"))
        return -EINVAL;
    if (value == 0)
        return -ERANGE;
    if (value == 1 && !cgroup_since(io->cgroup, KERNEL_6_18))
        return -EINVAL;
    for (int i = 0; i < IO_LIMITS; i++)
        if (!strcmp(token, limit_names[i])) {
            limits[i] = value < unlimited(i) ? value : unlimited(i);
            return 0;
        }
    return -EINVAL;
}

static int max_write(const struct cgroup_io *io, char *text)
{
    struct io_device *device;
    const char *at;
    int result = io_parse_device(io, text, &device, &at);
    if (result)
        return result;
    struct io_group *group = io_group_make(io_of(io->css), device);
    uint64_t limits[IO_LIMITS];
    memcpy(limits, group->limits, sizeof(limits));
    unsigned length;
    while ((at = text_scan_word(at, TOKEN_MAX, &length))) {
        char token[TOKEN_MAX + 1];
        memcpy(token, at, length);
        token[length] = '\0';
        at += length;
        result = parse_limit(io, token, limits);
        if (result)
            return result;
    }
    memcpy(group->limits, limits, sizeof(limits));
    return 0;
}

/* ---------------------------------------------------------------------- weights */

static int weight_read(const struct cgroup_io *io, struct strbuf *out)
{
    strbuf_addf(out, "default %u\n", io_of(io->css)->weight);
    for (const struct io_group *group = io_of(io->css)->groups; group; group = group->next)
        if (group->weight)
            strbuf_addf(out, "%u:%u %u\n", group->device->major, group->device->minor,
                group->weight);
    return 0;
}

/* "N" or "default N". */
static int parse_default_weight(const char *text, uint32_t most, uint32_t *ret_weight)
{
    uint32_t weight;
    if (str_starts(text, "default"))
        text += strlen("default");
    if (!text_scan_u32(text, &weight) || weight < WEIGHT_MIN || weight > most)
        return -EINVAL;
    *ret_weight = weight;
    return 0;
}

/* Per device only where the cost model governs it. */
static int weight_write(const struct cgroup_io *io, char *text)
{
    if (!strchr(text, ':'))
        return parse_default_weight(text, WEIGHT_MAX, &io_of(io->css)->weight);
    struct io_device *device;
    const char *rest;
    uint32_t weight;
    int result = io_parse_device(io, text, &device, &rest);
    if (result)
        return result;
    if (!device->cost_enabled)
        return -EOPNOTSUPP;
    if (str_starts(rest, "default"))
        weight = 0;
    else if (!text_scan_u32(rest, &weight) || weight < WEIGHT_MIN || weight > WEIGHT_MAX)
        return -EINVAL;
    io_group_make(io_of(io->css), device)->weight = weight;
    return 0;
}

static int bfq_weight_read(const struct cgroup_io *io, struct strbuf *out)
{
    strbuf_addf(out, "default %u\n", io_of(io->css)->bfq_weight);
    return 0;
}

static int bfq_weight_write(const struct cgroup_io *io, char *text)
{
    struct io_device *device;
    const char *rest;
    if (!strchr(text, ':'))
        return parse_default_weight(text, BFQ_WEIGHT_MAX, &io_of(io->css)->bfq_weight);
    int result = io_parse_device(io, text, &device, &rest);
    return result ? result : -EOPNOTSUPP;
}

/* ---------------------------------------------------------------------- statistics */

static int stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    static const char *const names[] = {"rbytes", "wbytes", "dbytes"};
    static const char *const counts[] = {"rios", "wios", "dios"};
    for (const struct io_group *group = io_of(io->css)->groups; group; group = group->next) {
        uint64_t any = 0;
        for (int i = 0; i < 3; i++)
            any |= group->bytes[i] | group->requests[i];
        if (!any)
            continue;
        strbuf_addf(out, "%u:%u", group->device->major, group->device->minor);
        for (int i = 0; i < 2; i++)
            strbuf_addf(out, " %s=%llu", names[i], (unsigned long long)group->bytes[i]);
        for (int i = 0; i < 2; i++)
            strbuf_addf(out, " %s=%llu", counts[i], (unsigned long long)group->requests[i]);
        strbuf_addf(out, " %s=%llu %s=%llu\n", names[2], (unsigned long long)group->bytes[2],
            counts[2], (unsigned long long)group->requests[2]);
    }
    return 0;
}

static bool has_bfq(const struct kernel_profile *profile)
{
    return profile->bfq;
}

static const struct cgroup_file files[] = {
    {"io.max", ON_CHILD, FILE_V2, 0644, max_read, max_write, NULL, 0, 0},
    {"io.weight", ON_CHILD, FILE_V2, 0644, weight_read, weight_write, NULL, 0, 0},
    {"io.bfq.weight", ON_CHILD, FILE_V2, 0644, bfq_weight_read, bfq_weight_write, has_bfq, 0, 0},
    {"io.stat", ON_BOTH, FILE_V2, 0444, stat_read, NULL, NULL, 0, 0},
    {"io.cost.qos", ON_ROOT, FILE_V2, 0644, io_cost_qos_read, io_cost_qos_write, NULL, 0, 0},
    {"io.cost.model", ON_ROOT, FILE_V2, 0644, io_cost_model_read, io_cost_model_write, NULL, 0, 0},
};

const struct cgroup_controller cgroup_controller_io = {
    .name = "io",
    .legacy_name = "blkio",
    .subsys = SUBSYS_IO,
    .versions = FILE_ANY,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .legacy_files = blkio_files_v1,
    .css_size = sizeof(struct io_css),
    .init = io_init,
    .free = io_free,
};
