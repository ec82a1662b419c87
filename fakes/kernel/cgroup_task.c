/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks in cgroups: birth, migration, death, and what follows from them (populated, release, the
 * counts of controllers). A task belongs to one cgroup of each hierarchy, holds it until it is
 * reaped, and is listed there as long as it lives.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/memory.h"
#include "fakes/kernel/cgroup_parse.h"

bool cgroup_is_populated(const struct cgroup *cgroup)
{
    return cgroup->tasks_count + cgroup->populated_children > 0;
}

struct task *cgroup_task_at(const struct cgroup *cgroup, struct list *node)
{
    struct list *first = node - cgroup->root->index;
    return container_of(first, struct task, cgroup_nodes);
}

struct task **cgroup_tasks_snapshot(struct cgroup *cgroup, bool below, size_t *ret_count)
{
    struct task **tasks = NULL;
    size_t count = 0, capacity = 0;
    for (struct cgroup *at = cgroup; at; at = below ? cgroup_next(cgroup, at) : NULL)
        list_for_each(node, &at->tasks) {
            tasks = mem_grow(tasks, &capacity, count + 1, sizeof(struct task *));
            tasks[count++] = cgroup_task_at(at, node);
        }
    *ret_count = count;
    return tasks;
}

/* The cgroup itself has just become populated, or ceased to be. */
static void populated_changed(struct cgroup *cgroup, bool populated)
{
    for (struct cgroup *at = cgroup; at; at = at->parent) {
        if (at->parent && at->root->v2)
            cgroup_file_raise(at, cgroup_events_file);
        if (!populated)
            cgroup_release_check(at);
        struct cgroup *parent = at->parent;
        if (!parent)
            return;
        bool before = cgroup_is_populated(parent);
        parent->populated_children += populated ? 1u : -1u;
        if (!cgroup_is_threaded(at))
            parent->populated_domains += populated ? 1u : -1u;
        if (before == cgroup_is_populated(parent))
            return;
    }
}

static void task_enter(struct cgroup *cgroup, struct task *task)
{
    bool before = cgroup_is_populated(cgroup);
    unsigned index = cgroup->root->index;
    task->cgroups[index] = cgroup_get(cgroup);
    list_append(&cgroup->tasks, &task->cgroup_nodes[index]);
    cgroup->tasks_count++;
    if (!before)
        populated_changed(cgroup, true);
}

/* Keeps the reference. */
static void task_unlist(struct cgroup *cgroup, struct task *task)
{
    list_remove(&task->cgroup_nodes[cgroup->root->index]);
    cgroup->tasks_count--;
    if (cgroup->root->v2)
        cgroup_freezer_left(cgroup, task);
    if (!cgroup_is_populated(cgroup))
        populated_changed(cgroup, false);
}

/* ---------------------------------------------------------------------- birth and death */

int cgroup_can_fork(struct task *parent, struct cgroup *into, bool thread)
{
    struct kernel *kernel = parent->process->kernel;
    int no_memory = memory_make_task(parent->process, thread);
    if (no_memory)
        return no_memory;
    if (into) {
        int result = into->dead ? -ENODEV : cgroup_vet_destination(into);
        if (result)
            return result;
    }
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        const struct cgroup_root *root = kernel->hierarchies[i];
        struct cgroup *cgroup = into && root->v2 ? into : parent->cgroups[i];
        if (!(root->subsystems & SUBSYS_BIT(SUBSYS_PIDS)))
            continue;
        struct cgroup_css *css = cgroup_css_effective(cgroup, SUBSYS_PIDS);
        int result = css->controller->can_fork(css, parent);
        if (result)
            return result;
    }
    return 0;
}

static void kill_newborns(void *arg)
{
    struct kernel *kernel = arg;
    struct cgroup_world *world = kernel->cgroup_world;
    world->newborn_killer = NULL;
    for (size_t i = 0; i < world->newborns_count; i++) {
        struct process *process = process_find(kernel, world->newborns[i]);
        if (process)
            process_signal(process, SIGKILL);
    }
    world->newborns_count = 0;
}

/*
 * 6.18 compares how often the parent's cgroup and the destination were killed, so as to catch a
 * clone that races with cgroup.kill; into a cgroup that was killed once, the guess is wrong.
 */
static void kill_if_raced(struct task *parent, struct task *child, struct cgroup *into)
{
    if (!into || !cgroup_since(into, KERNEL_6_18) ||
        parent->cgroups[into->root->index]->kills == into->kills)
        return;
    struct cgroup_world *world = cgroup_world_of(into);
    world->newborns = mem_grow(world->newborns, &world->newborns_capacity,
        world->newborns_count + 1, sizeof(*world->newborns));
    world->newborns[world->newborns_count++] = child->tid;
    if (!world->newborn_killer)
        world->newborn_killer = loop_timer_start(
            cgroup_kernel(into)->loop, 0, kill_newborns, cgroup_kernel(into));
}

void cgroup_post_fork(struct task *parent, struct task *child, struct cgroup *into)
{
    struct kernel *kernel = child->process->kernel;
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup_root *root = kernel->hierarchies[i];
        struct cgroup *cgroup = parent ? parent->cgroups[i] : root->top;
        if (into && root->v2)
            cgroup = into;
        task_enter(cgroup, child);
        if (root->v2)
            cgroup_freezer_arrived(cgroup, child);
        for (uint32_t mask = root->subsystems; mask; mask &= mask - 1) {
            enum cgroup_subsys subsys = (enum cgroup_subsys)__builtin_ctz(mask);
            const struct cgroup_controller *controller = cgroup_controllers[subsys];
            if (controller->fork)
                controller->fork(cgroup_css_effective(cgroup, subsys), child);
        }
    }
    if (parent)
        kill_if_raced(parent, child, into);
}

void cgroup_task_exit(struct task *task)
{
    struct kernel *kernel = task->process->kernel;
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup *cgroup = task->cgroups[i];
        if (!cgroup)
            continue;
        task_unlist(cgroup, task);
        for (uint32_t mask = cgroup->root->subsystems; mask; mask &= mask - 1) {
            enum cgroup_subsys subsys = (enum cgroup_subsys)__builtin_ctz(mask);
            const struct cgroup_controller *controller = cgroup_controllers[subsys];
            if (controller->exited)
                controller->exited(cgroup_css_effective(cgroup, subsys), task);
        }
    }
}

void cgroup_task_release(struct task *task)
{
    struct kernel *kernel = task->process->kernel;
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup *cgroup = task->cgroups[i];
        if (!cgroup)
            continue;
        for (uint32_t mask = cgroup->root->subsystems; mask; mask &= mask - 1) {
            enum cgroup_subsys subsys = (enum cgroup_subsys)__builtin_ctz(mask);
            const struct cgroup_controller *controller = cgroup_controllers[subsys];
            if (controller->released)
                controller->released(cgroup_css_effective(cgroup, subsys), task);
        }
        task->cgroups[i] = NULL;
        cgroup_put(cgroup);
    }
}

/* ---------------------------------------------------------------------- migration */

static int can_attach(struct cgroup *from, struct cgroup *to, struct task *task)
{
    for (uint32_t mask = to->root->subsystems; mask; mask &= mask - 1) {
        enum cgroup_subsys subsys = (enum cgroup_subsys)__builtin_ctz(mask);
        const struct cgroup_controller *controller = cgroup_controllers[subsys];
        struct cgroup_css *css = cgroup_css_effective(to, subsys);
        if (!controller->can_attach || css == cgroup_css_effective(from, subsys))
            continue;
        int result = controller->can_attach(css, task);
        if (result)
            return result;
    }
    return 0;
}

static void task_move(struct cgroup *to, struct task *task)
{
    unsigned index = to->root->index;
    struct cgroup *from = task->cgroups[index];
    /* It enters the new one before it leaves the old one, so that common ancestors see nothing. */
    list_remove(&task->cgroup_nodes[index]);
    task_enter(to, task);
    from->tasks_count--;
    if (from->root->v2)
        cgroup_freezer_left(from, task);
    if (!cgroup_is_populated(from))
        populated_changed(from, false);
    for (uint32_t mask = to->root->subsystems; mask; mask &= mask - 1) {
        enum cgroup_subsys subsys = (enum cgroup_subsys)__builtin_ctz(mask);
        const struct cgroup_controller *controller = cgroup_controllers[subsys];
        struct cgroup_css *old = cgroup_css_effective(from, subsys);
        struct cgroup_css *new = cgroup_css_effective(to, subsys);
        if (controller->attach && old != new)
            controller->attach(old, new, task);
    }
    if (to->root->v2)
        cgroup_freezer_arrived(to, task);
    cgroup_put(from);
}

static void sched_relevant(struct cgroup *to, void (*tell)(struct kernel *))
{
    const uint32_t relevant = SUBSYS_BIT(SUBSYS_CPU) | SUBSYS_BIT(SUBSYS_CPUACCT);
    if (to->root->v2 || to->root->subsystems & relevant)
        tell(cgroup_kernel(to));
}

int cgroup_migrate(struct cgroup *to, struct task *task, bool whole_process)
{
    unsigned index = to->root->index;
    struct task *single[1] = {task};
    struct task **tasks = single;
    _cleanup_free_ struct task **many = NULL;
    size_t count = 0, capacity = 0;
    struct list *all = &task->process->tasks;
    if (whole_process && all->next->next != all) {
        list_for_each(node, all) {
            many = mem_grow(many, &capacity, count + 1, sizeof(struct task *));
            many[count++] = list_entry(node, struct task, node);
        }
        tasks = many;
    } else {
        single[0] = whole_process ? task->process->leader : task;
        count = 1;
    }
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (tasks[i]->dead || tasks[i]->cgroups[index] == to)
            continue;
        int result = can_attach(tasks[i]->cgroups[index], to, tasks[i]);
        if (result)
            return result;
        any = true;
    }
    if (!any)
        return 0;
    sched_relevant(to, sched_update);
    for (size_t i = 0; i < count; i++)
        if (!tasks[i]->dead && tasks[i]->cgroups[index] != to)
            task_move(to, tasks[i]);
    sched_relevant(to, sched_changed);
    return 0;
}

/* ---------------------------------------------------------------------- cgroup.procs */

static struct cgroup *common_ancestor(struct cgroup *a, const struct cgroup *b)
{
    while (!cgroup_is_within(b, a))
        a = a->parent;
    return a;
}

static bool may_write_procs(const struct cgroup *cgroup, const struct cgroup_caller *opener)
{
    static const char name[] = "cgroup.procs";
    uid_t uid;
    gid_t gid;
    if (opener->uid == 0)
        return true;
    const struct cgroup_file_slot *slot =
        cgroup_slot_find(cgroup->root, name, sizeof(name) - 1);
    mode_t mode = cgroup_slot_mode(cgroup, slot, &uid, &gid);
    return cgroup_permitted(opener, mode, uid, gid, W_OK);
}

static bool namespace_sees(const struct cgroup *cgroup, uint64_t namespace_root)
{
    for (; cgroup; cgroup = cgroup->parent)
        if (cgroup->id == namespace_root)
            return true;
    return false;
}

/* Rights are those of who opened the file (spec cgroupfs.md 3.4). */
static int attach_permission(
    struct cgroup *from, struct cgroup *to, bool whole_process, const struct cgroup_caller *opener)
{
    if (!may_write_procs(common_ancestor(from, to), opener))
        return -EACCES;
    uint64_t space = opener->namespace_root;
    if (space && cgroup_profile(to)->nsdelegate &&
        !(namespace_sees(from, space) && namespace_sees(to, space)))
        return -ENOENT;
    int result = cgroup_vet_destination(to);
    if (result)
        return result;
    return !whole_process && from->domain != to->domain ? -EOPNOTSUPP : 0;
}

/* The number is one of the writer's pid namespace; 0 is the writer. */
static struct task *find_target(const struct cgroup_io *io, int pid)
{
    struct task *writer = task_find(io->kernel, io->caller->pid);
    if (pid == 0)
        return writer;
    struct task *direct = task_find(io->kernel, pid);
    const struct namespace *space = writer ? writer->process->namespaces[NS_PID] : NULL;
    if (!space || space->depth == 0)
        return direct;
    struct process *process = process_find_in(io->kernel, space, pid);
    return process ? process->leader : NULL;
}

int cgroup_attach_text(const struct cgroup_io *io, char *text, bool whole_process)
{
    struct cgroup *to = io->cgroup;
    int pid;
    if (text_int(text_strip(text), &pid) || pid < 0)
        return -EINVAL;
    struct task *task = find_target(io, pid);
    if (!task)
        return -ESRCH;
    if (whole_process)
        task = task->process->leader;
    if (task->process->kernel_thread)
        return -EINVAL;
    if (to->root->v2) {
        int result =
            attach_permission(task->cgroups[to->root->index], to, whole_process, io->opener);
        if (result)
            return result;
    } else if (io->opener->uid != 0 && io->opener->uid != task->process->uid) {
        return -EACCES;
    }
    return cgroup_migrate(to, task, whole_process);
}

/* ---------------------------------------------------------------------- lists and kill */

static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a, right = *(const pid_t *)b;
    return left < right ? -1 : left > right;
}

static void print_pids(struct strbuf *out, const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (i == 0 || pids[i] != pids[i - 1])
            print_line_u64(out, (uint64_t)pids[i]);
}

/* v1: sorted numbers; of processes, any of whose threads is here. */
static void print_sorted(const struct cgroup *cgroup, bool processes, struct strbuf *out)
{
    _cleanup_free_ pid_t *pids = mem_alloc((cgroup->tasks_count + 1) * sizeof(*pids));
    size_t count = 0;
    list_for_each(node, &cgroup->tasks) {
        const struct task *task = cgroup_task_at(cgroup, node);
        pids[count++] = processes ? task->process->pid : task->tid;
    }
    qsort(pids, count, sizeof(*pids), compare_pids);
    print_pids(out, pids, count);
}

int cgroup_procs_print(const struct cgroup_io *io, struct strbuf *out)
{
    struct cgroup *cgroup = io->cgroup;
    if (!cgroup->root->v2) {
        print_sorted(cgroup, true, out);
        return 0;
    }
    if (cgroup_is_threaded(cgroup))
        return -EOPNOTSUPP;
    bool below = cgroup->threaded_children > 0;
    for (struct cgroup *at = cgroup; at; at = below ? cgroup_next(cgroup, at) : NULL) {
        if (at->domain != cgroup)
            continue;
        list_for_each(node, &at->tasks) {
            const struct task *task = cgroup_task_at(at, node);
            if (task == task->process->leader)
                print_line_u64(out, (uint64_t)task->tid);
        }
    }
    return 0;
}

int cgroup_threads_print(const struct cgroup_io *io, struct strbuf *out)
{
    if (!io->cgroup->root->v2) {
        print_sorted(io->cgroup, false, out);
        return 0;
    }
    list_for_each(node, &io->cgroup->tasks)
        print_line_u64(out, (uint64_t)cgroup_task_at(io->cgroup, node)->tid);
    return 0;
}

int cgroup_kill_all(struct cgroup *cgroup)
{
    if (cgroup_is_threaded(cgroup))
        return -EOPNOTSUPP;
    for (struct cgroup *at = cgroup_next(cgroup, NULL); at; at = cgroup_next(cgroup, at))
        at->kills++;
    size_t count;
    _cleanup_free_ struct task **tasks = cgroup_tasks_snapshot(cgroup, true, &count);
    for (size_t i = 0; i < count; i++)
        if (!tasks[i]->dead)
            process_signal(tasks[i]->process, SIGKILL);
    return 0;
}
