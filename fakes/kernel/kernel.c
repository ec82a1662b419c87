/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/kernel/kernel.h"

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process_internal.h"
#include "fakes/kernel/pipe.h"
#include "fakes/vfs.h"
#include "reference/base/mem.h"

#define KERNEL_CPUS_DEFAULT 4
#define KERNEL_MEMORY_DEFAULT (UINT64_C(8) << 30)
#define KERNEL_PAGE_BYTES 4096
#define KERNEL_PROFILE_DEFAULT "6.12"

struct kernel *kernel_new(struct loop *loop, const struct kernel_config *config)
{
    struct kernel *kernel = mem_alloc(sizeof(*kernel));
    kernel->loop = loop;
    kernel->cpus = config->cpus ? config->cpus : KERNEL_CPUS_DEFAULT;
    kernel->memory_bytes = config->memory_bytes ? config->memory_bytes : KERNEL_MEMORY_DEFAULT;
    kernel->swap_bytes = config->swap_bytes;
    kernel->page_bytes = KERNEL_PAGE_BYTES;
    kernel->layout = config->layout;
    kernel->profile =
        kernel_profile_find(config->profile ? config->profile : KERNEL_PROFILE_DEFAULT);
    if (!kernel->profile) {
        free(kernel);
        return NULL;
    }
    rng_init(&kernel->rng, config->seed);
    kernel->tasks = u64map_new();
    list_init(&kernel->processes);
    list_init(&kernel->reaped);
    list_init(&kernel->untold);
    kernel->vfs = vfs_new();
    kernel->sched = sched_new(kernel);
    if (cgroup_init(kernel, config) < 0) {
        kernel_free(kernel);
        return NULL;
    }
    process_make_init(kernel);
    return kernel;
}

void kernel_free(struct kernel *kernel)
{
    if (!kernel)
        return;
    if (kernel->world_close)
        kernel->world_close(kernel->world);
    if (kernel->init)
        process_free_all(kernel);
    if (kernel->world_free)
        kernel->world_free(kernel->world);
    sched_free(kernel->sched);
    cgroup_exit_kernel(kernel);
    u64map_free(kernel->tasks);
    pipes_free(kernel);
    vfs_free(kernel->vfs);
    rng_release(&kernel->rng);
    free(kernel);
}

/* FNV-1a over whole numbers. */
static uint64_t digest_add(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x100000001b3);
    return hash ^ (hash >> 31);
}

static uint64_t digest_process(uint64_t hash, const struct process *process)
{
    const uint64_t facts[] = {
        (uint64_t)process->pid,
        process->parent ? (uint64_t)process->parent->pid : 0,
        (uint64_t)process->pgid,
        (uint64_t)process->sid,
        process->uid,
        process->gid,
        process->state,
        (uint64_t)process->exit_status,
        process->pending_signals,
        process->ignored_signals,
        process->handled_signals,
        process->resident_bytes,
        process->start_ns,
    };
    for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
        hash = digest_add(hash, facts[i]);
    for (unsigned kind = 0; kind < NS_COUNT; kind++)
        hash = digest_add(hash, process->namespaces[kind]->inode);
    list_for_each (node, &process->tasks) {
        const struct task *task = list_entry(node, struct task, node);
        hash = digest_add(hash, (uint64_t)task->tid);
        hash = digest_add(hash, task->user_ns);
        hash = digest_add(hash, task->system_ns);
        hash = digest_add(hash, (unsigned)task->frozen * 2u + (unsigned)task->dead);
    }
    return hash;
}

uint64_t kernel_digest(struct kernel *kernel, uint64_t hash)
{
    sched_update(kernel);
    list_for_each (node, &kernel->processes)
        hash = digest_process(hash, list_entry(node, struct process, node));
    hash = digest_add(hash, kernel->memory_used_bytes);
    hash = vfs_digest(kernel->vfs, hash);
    if (kernel->world_digest)
        hash = kernel->world_digest(kernel->world, hash);
    return cgroup_digest(kernel, hash);
}
