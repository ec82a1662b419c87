/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes in user space: helpers, maps and the kernel's structures as plain C, so that a test
 * includes a .bpf.c and calls its programs with tasks of its own. Time and the CPU are the test's.
 */
#pragma once

#include <linux/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/kernel.h"

/* Programs name all that a tracepoint gives, or nothing. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define SHIM_CPUS 2
#define SHIM_SLOTS 4
#define SHIM_TASKS 16
#define SHIM_KEYS 16

#define SEC(name)
#define INLINE static inline
#define OUTLINE static
#define ARGUMENT(index) (shim.arguments[index])
#define PROBE(tracepoint) static
#define BPF_PROG(name, ...) name(__VA_ARGS__)
#define K(from, ...) SHIM_K(from, __VA_ARGS__)
#define READ_STRING(into, from, field) memcpy((into), (from)->field, sizeof(into))
#define ADD_SHARED(counter, by) ((counter) += (by))
#define CURRENT() (shim.current)
#define barrier_var(variable) ((void)(variable))
#define bpf_core_read(to, size, from) memcpy((to), (from), (size))

/* K(task, a, b.c) is task->a->b.c, up to four steps. */
#define SHIM_K4(p, a, b, c, d) ((p)->a->b->c->d)
#define SHIM_K3(p, a, b, c) ((p)->a->b->c)
#define SHIM_K2(p, a, b) ((p)->a->b)
#define SHIM_K1(p, a) ((p)->a)
#define SHIM_PICK(p, a, b, c, d, name, ...) name
#define SHIM_K(...) SHIM_PICK(__VA_ARGS__, SHIM_K4, SHIM_K3, SHIM_K2, SHIM_K1)(__VA_ARGS__)

struct shim_map {
    int type;
    size_t key_size;
    size_t value_size;
    char *values; /* of arrays: entries, or entries of each CPU */
    char *keys;   /* of hashes: SHIM_KEYS keys */
    size_t used;
};
#define MAP(map_name, map_type, key_type, value_type, entries, flags)                              \
    static struct shim_map map_name = {                                                            \
        .type = BPF_MAP_TYPE_##map_type, .key_size = sizeof(key_type),                             \
        .value_size = (sizeof(value_type))}

static struct {
    unsigned long long now_ns;
    int cpu;
    struct task_struct *current;
    unsigned long long arguments[4]; /* of the tracepoint, beyond a program's parameters */
    unsigned long long socket_cgroup; /* that the kernel says a socket belongs to */
} shim;
static struct probe_config config;

static inline unsigned long long bpf_ktime_get_ns(void)
{
    return shim.now_ns;
}

static inline size_t shim_entries(const struct shim_map *map)
{
    return map->type == BPF_MAP_TYPE_ARRAY || map->type == BPF_MAP_TYPE_PERCPU_ARRAY ? SHIM_TASKS
                                                                                    : SHIM_KEYS;
}

static inline void shim_map_reset(struct shim_map *map)
{
    free(map->values);
    free(map->keys);
    map->values = calloc(shim_entries(map) * SHIM_CPUS, map->value_size);
    map->keys = calloc(SHIM_KEYS, map->key_size);
    map->used = 0;
}

static inline void shim_map_free(struct shim_map *map)
{
    free(map->values);
    free(map->keys);
    map->values = map->keys = NULL;
}

static inline void *bpf_map_lookup_elem(struct shim_map *map, const void *key)
{
    if (map->type == BPF_MAP_TYPE_HASH || map->type == BPF_MAP_TYPE_LRU_HASH) {
        for (size_t i = 0; i < map->used; i++)
            if (memcmp(map->keys + i * map->key_size, key, map->key_size) == 0)
                return map->values + i * map->value_size;
        return NULL;
    }
    unsigned index = *(const unsigned *)key;
    if (index >= SHIM_TASKS)
        return NULL;
    size_t cpu = map->type == BPF_MAP_TYPE_PERCPU_ARRAY ? (size_t)shim.cpu : 0;
    return map->values + (cpu * SHIM_TASKS + index) * map->value_size;
}

static inline long bpf_map_update_elem(
    struct shim_map *map, const void *key, const void *value, unsigned long long flags)
{
    (void)flags;
    void *place = bpf_map_lookup_elem(map, key);
    if (!place && map->used < SHIM_KEYS) {
        memcpy(map->keys + map->used * map->key_size, key, map->key_size);
        place = map->values + map->used++ * map->value_size;
    }
    if (place)
        memcpy(place, value, map->value_size);
    return place ? 0 : -1;
}

static inline long bpf_map_delete_elem(struct shim_map *map, const void *key)
{
    char *place = bpf_map_lookup_elem(map, key);
    if (!place)
        return -1;
    size_t i = (size_t)(place - map->values) / map->value_size;
    map->used--;
    memmove(place, map->values + map->used * map->value_size, map->value_size);
    memmove(map->keys + i * map->key_size, map->keys + map->used * map->key_size, map->key_size);
    return 0;
}

/* --- sockets: what is kept with one is an entry by its address --- */

#define MAP_SOCKETS(map_name, value_type)                                                          \
    MAP(map_name, HASH, const struct bpf_sock *, value_type, 1, 0)

static inline void *bpf_sk_storage_get(struct shim_map *map, const struct bpf_sock *socket,
    const void *value, unsigned long long flags)
{
    if (value && (flags & BPF_SK_STORAGE_GET_F_CREATE) && !bpf_map_lookup_elem(map, &socket))
        bpf_map_update_elem(map, &socket, value, BPF_ANY);
    return bpf_map_lookup_elem(map, &socket);
}

/* A request for a connection is no full socket. */
static inline struct bpf_sock *bpf_sk_fullsock(struct bpf_sock *socket)
{
    return socket->type ? socket : NULL;
}

static inline unsigned long long bpf_sk_cgroup_id(const struct bpf_sock *socket)
{
    (void)socket;
    return shim.socket_cgroup;
}

/* --- the task that runs --- */

static inline unsigned long long bpf_get_current_task(void)
{
    return (uintptr_t)shim.current;
}

static inline unsigned long long bpf_get_current_pid_tgid(void)
{
    return (unsigned long long)(unsigned)shim.current->tgid << 32 | (unsigned)shim.current->pid;
}

static inline unsigned long long bpf_get_current_cgroup_id(void)
{
    return shim.current->cgroups->dfl_cgrp->kn->id;
}

/* Of its cgroups from the root (level 0) to its own; 0 beyond. */
static inline unsigned long long bpf_get_current_ancestor_cgroup_id(int level)
{
    struct cgroup *path[SHIM_KEYS];
    int depth = 0;
    struct cgroup *at = shim.current->cgroups->dfl_cgrp;
    for (; at && depth < SHIM_KEYS; at = at->self.parent ? at->self.parent->cgroup : NULL)
        path[depth++] = at;
    return level < depth ? path[depth - 1 - level]->kn->id : 0;
}
