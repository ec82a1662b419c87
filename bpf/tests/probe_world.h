/* SPDX-License-Identifier: Apache-2.0 */
/* A small kernel for the probes under test: cgroups and tasks. Included after the probes. */
#pragma once

#define HIERARCHY 6

struct world_cgroup {
    struct cgroup cgroup;
    struct kernfs_node node;
    struct cgroup_root root;
    struct css_set set;
};
struct world_task {
    struct task_struct task;
    struct signal_struct signal;
};

static inline void world_cgroup_init(
    struct world_cgroup *one, unsigned long long id, struct world_cgroup *above)
{
    memset(one, 0, sizeof(*one));
    one->node.id = id;
    one->root.hierarchy_id = HIERARCHY;
    one->cgroup.kn = &one->node;
    one->cgroup.root = &one->root;
    one->cgroup.self.cgroup = &one->cgroup;
    one->cgroup.self.parent = above ? &above->cgroup.self : NULL;
    one->set.subsys[config.identity_css] = &one->cgroup.self;
    one->set.dfl_cgrp = &one->cgroup;
}

static inline void world_task_init(struct world_task *one, int pid, struct world_cgroup *cgroup)
{
    memset(one, 0, sizeof(*one));
    one->task.pid = one->task.tgid = pid;
    one->task.cgroups = &cgroup->set;
    one->task.signal = &one->signal;
    one->signal.nr_threads = 1;
}

static inline void world_publish(struct world_cgroup *cgroup, unsigned slot, unsigned parent)
{
    struct cgroup_key key = {cgroup->node.id, config.identity_hierarchy, 0};
    struct gauge gauge = {.parent = parent};
    bpf_map_update_elem(&containers, &key, &slot, BPF_ANY);
    bpf_map_update_elem(&gauges, &slot, &gauge, BPF_ANY);
    control.generation++;
}

static struct shim_map *const world_maps[] = {&containers, &cpus, &tasks, &gauges};

static inline void world_reset(void)
{
    memset(&shim, 0, sizeof(shim));
    control.collects = 1;
    config = (struct probe_config){.identity_css = 6, .identity_hierarchy = HIERARCHY,
        .slots = SHIM_SLOTS, .task_mask = SHIM_TASKS - 1, .exit_group_dead = 1,
        .victim_is_task = 1, .waits_in_tasks = 1};
    for (size_t i = 0; i < sizeof(world_maps) / sizeof(world_maps[0]); i++)
        shim_map_reset(world_maps[i]);
}

static inline void world_free(void)
{
    for (size_t i = 0; i < sizeof(world_maps) / sizeof(world_maps[0]); i++)
        shim_map_free(world_maps[i]);
}

/* Two containers, in slots 0 and 1, one of them with a cgroup of its own inside, and who is
 * outside. */
struct world_pair {
    struct world_cgroup root, a, inner, b;
    struct world_task idle, one, two, deep, outside;
};

static inline struct world_pair *world_pair_start(void)
{
    static struct world_pair world;
    world_reset();
    world_cgroup_init(&world.root, 1, NULL);
    world_cgroup_init(&world.a, 100, &world.root);
    world_cgroup_init(&world.inner, 101, &world.a);
    world_cgroup_init(&world.b, 200, &world.root);
    world_task_init(&world.idle, 0, &world.root);
    world_task_init(&world.one, 1, &world.a);
    world_task_init(&world.two, 2, &world.b);
    world_task_init(&world.deep, 3, &world.inner);
    world_task_init(&world.outside, 4, &world.root);
    world_publish(&world.a, 0, STATS_SLOT_NONE);
    world_publish(&world.b, 1, STATS_SLOT_NONE);
    return &world;
}
