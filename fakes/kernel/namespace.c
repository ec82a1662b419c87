/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/kernel/namespace.h"

#include <assert.h>
#include <errno.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process_internal.h"
#include "reference/base/mem.h"

/* What Linux numbers its first namespaces; new ones count on from there. */
#define NAMESPACE_FIRST_INODE UINT64_C(4026531834)

struct namespace *namespace_new(
    struct kernel *kernel, enum namespace_kind kind, struct namespace *parent)
{
    struct namespace *space = mem_alloc(sizeof(*space));
    if (kernel->last_namespace < NAMESPACE_FIRST_INODE)
        kernel->last_namespace = NAMESPACE_FIRST_INODE;
    space->kind = kind;
    space->inode = ++kernel->last_namespace;
    space->references = 1;
    list_init(&space->inner);
    list_init(&space->members);
    list_init(&space->sibling);
    if (parent) {
        assert(kind == NS_PID);
        space->parent = namespace_get(parent);
        space->depth = parent->depth + 1;
        list_append(&parent->inner, &space->sibling);
    }
    return space;
}

struct namespace *namespace_get(struct namespace *space)
{
    space->references++;
    return space;
}

void namespace_put(struct namespace *space)
{
    while (space && --space->references == 0) {
        struct namespace *parent = space->parent;
        assert(list_empty(&space->members) && list_empty(&space->inner));
        list_remove(&space->sibling);
        strv_free(space->cgroup_roots);
        free(space);
        space = parent;
    }
}

void namespace_set_cgroup_roots(struct namespace *space, const struct task *task)
{
    assert(space->kind == NS_CGROUP && !space->cgroup_roots);
    for (unsigned i = 0; i < task->process->kernel->hierarchies_count; i++) {
        const struct cgroup *cgroup = task->cgroups[i];
        strv_add_owned(&space->cgroup_roots, cgroup ? cgroup_path_of(cgroup) : str_dup(""));
    }
}

bool namespace_within(const struct namespace *inner, const struct namespace *outer)
{
    while (inner && inner->depth > outer->depth)
        inner = inner->parent;
    return inner == outer;
}

struct namespace *namespace_following(const struct namespace *space, const struct namespace *top)
{
    if (!list_empty(&space->inner))
        return list_entry(space->inner.next, struct namespace, sibling);
    while (space != top) {
        if (space->sibling.next != &space->parent->inner)
            return list_entry(space->sibling.next, struct namespace, sibling);
        space = space->parent;
    }
    return NULL;
}

static struct process *namespace_find(const struct namespace *viewer, pid_t pid)
{
    for (const struct namespace *space = viewer; space;
         space = namespace_following(space, viewer)) {
        list_for_each (node, &space->members) {
            struct process *process = list_entry(node, struct process, member);
            if (!process->reaped && process->pids[viewer->depth] == pid)
                return process;
        }
    }
    return NULL;
}

pid_t namespace_next_pid(struct namespace *space)
{
    for (pid_t tries = 0; tries < PID_MAX; tries++) {
        if (++space->last_pid >= PID_MAX) {
            space->last_pid = PID_RESERVED;
            space->wrapped = true;
        }
        if (!space->wrapped || !namespace_find(space, space->last_pid))
            return space->last_pid;
    }
    return 0;
}

struct process *process_find_in(
    const struct kernel *kernel, const struct namespace *viewer, pid_t pid)
{
    if (viewer->depth > 0)
        return namespace_find(viewer, pid);
    struct task *task = u64map_get(kernel->tasks, (uint64_t)pid);
    return task && task == task->process->leader ? task->process : NULL;
}

pid_t process_pid_in(const struct process *process, const struct namespace *viewer)
{
    return namespace_within(process->namespaces[NS_PID], viewer) ? process->pids[viewer->depth]
                                                                 : 0;
}

int process_enter(struct process *process, const struct process *from, unsigned mask)
{
    if (from->state == PROCESS_ZOMBIE)
        return -ESRCH;
    if ((mask & NS_BIT(NS_PID)) != 0 &&
        !namespace_within(from->namespaces[NS_PID], process->namespaces[NS_PID]))
        return -EINVAL;
    for (unsigned kind = 0; kind < NS_COUNT; kind++) {
        struct namespace **place =
            kind == NS_PID ? &process->children_pid_namespace : &process->namespaces[kind];
        if ((mask & NS_BIT(kind)) == 0)
            continue;
        struct namespace *old = *place;
        *place = namespace_get(from->namespaces[kind]);
        namespace_put(old);
    }
    return 0;
}

int process_unshare(struct process *process, unsigned mask)
{
    struct kernel *kernel = process->kernel;
    if ((mask & NS_BIT(NS_PID)) != 0 &&
        process->children_pid_namespace->depth + 1 >= PID_NAMESPACE_DEPTH_MAX)
        return -ENOSPC;
    for (unsigned kind = 0; kind < NS_COUNT; kind++) {
        bool pid = kind == NS_PID;
        struct namespace **place =
            pid ? &process->children_pid_namespace : &process->namespaces[kind];
        if ((mask & NS_BIT(kind)) == 0)
            continue;
        struct namespace *old = *place;
        *place = namespace_new(kernel, kind, pid ? old : NULL);
        if (kind == NS_CGROUP)
            namespace_set_cgroup_roots(*place, process->leader);
        namespace_put(old);
    }
    return 0;
}
