/* SPDX-License-Identifier: Apache-2.0 */
/* The net_prio controller of v1: a priority per network interface, which children inherit. */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_node.h"
#include "fakes/kernel/cgroup_parse.h"
#include "fakes/kernel/net.h"

#define INTERFACE_NAME_MAX 16 /* IFNAMSIZ */

struct net_prio_css {
    struct cgroup_css css;
    unsigned index;
    uint32_t *priorities; /* as net_world.interfaces; NULL = all 0 */
    size_t count;
};

struct net_world *net_world_new(void)
{
    struct net_world *world = mem_alloc(sizeof(*world));
    world->interfaces = mem_alloc(sizeof(*world->interfaces));
    strv_add(&world->interfaces, "lo");
    return world;
}

void net_world_free(struct net_world *world)
{
    strv_free(world->interfaces);
    free(world);
}

void cgroup_add_interface(struct kernel *kernel, const char *name)
{
    if (!strv_contains(kernel->cgroup_world->net->interfaces, name))
        strv_add(&kernel->cgroup_world->net->interfaces, name);
}

static void net_prio_init(struct cgroup_css *css)
{
    struct net_prio_css *state = (struct net_prio_css *)css;
    const struct net_prio_css *parent = (const struct net_prio_css *)cgroup_css_parent(css);
    state->index = ++cgroup_world_of(css->cgroup)->net->last_index;
    if (!parent || !parent->count)
        return;
    state->count = parent->count;
    state->priorities = mem_dup(parent->priorities, parent->count * sizeof(*parent->priorities));
}

static void net_prio_free(struct cgroup_css *css)
{
    free(((struct net_prio_css *)css)->priorities);
}

static int index_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, ((const struct net_prio_css *)io->css)->index);
    return 0;
}

static int map_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct net_prio_css *state = (const struct net_prio_css *)io->css;
    char *const *interfaces = io->kernel->cgroup_world->net->interfaces;
    for (size_t i = 0; interfaces[i]; i++)
        print_key_u64(out, interfaces[i], i < state->count ? state->priorities[i] : 0);
    return 0;
}

/* As sscanf("%16s %u"). */
static int map_write(const struct cgroup_io *io, char *text)
{
    struct net_prio_css *state = (struct net_prio_css *)io->css;
    char *const *interfaces = io->kernel->cgroup_world->net->interfaces;
    unsigned length;
    uint32_t priority;
    const char *name = text_scan_word(text, INTERFACE_NAME_MAX, &length);
    if (!name || !text_scan_u32(name + length, &priority))
        return -EINVAL;
    for (size_t i = 0; interfaces[i]; i++) {
        if (strlen(interfaces[i]) != length || strncmp(interfaces[i], name, length))
            continue;
        state->priorities =
            mem_grow(state->priorities, &state->count, i + 1, sizeof(*state->priorities));
        state->priorities[i] = priority;
        return 0;
    }
    return -ENODEV;
}

static const struct cgroup_file files[] = {
    {"net_prio.prioidx", ON_BOTH, FILE_V1, 0444, index_read, NULL, NULL, 0, 0},
    {"net_prio.ifpriomap", ON_BOTH, FILE_V1, 0644, map_read, map_write, NULL, 0, 0},
};

const struct cgroup_controller cgroup_controller_net_prio = {
    .name = "net_prio",
    .legacy_name = "net_prio",
    .subsys = SUBSYS_NET_PRIO,
    .versions = FILE_V1,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct net_prio_css),
    .init = net_prio_init,
    .free = net_prio_free,
};
