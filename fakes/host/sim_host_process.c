/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the simulated host. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_host_internal.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/vfs.h"
#include "reference/base/map.h"
#include "reference/cgroups/cgroup_fs.h"

/* stdout and stderr exist before the process does. */
static int stdio_create(struct sim_host *sim, const struct plan *plan, struct err *err)
{
    for (int i = 1; i < 3; i++) {
        const char *path = plan->stdio[i];
        if (!path || str_equal(path, "/dev/null"))
            continue;
        int r = vfs_write(sim->kernel->vfs, path, "", 0, 0644, true);
        if (r == 0 && plan->stdio_uid != (uid_t)-1)
            r = vfs_chown(sim->kernel->vfs, path, plan->stdio_uid, plan->stdio_gid, false);
        if (r < 0)
            return err_errno(err, r, "open %s", path);
    }
    return 0;
}

/* The v2 cgroup to be born in, from its host path; NULL when the plan names none. */
static int birth_cgroup(struct sim_host *sim, const struct plan *plan,
    struct cgroup **ret_cgroup, struct err *err)
{
    *ret_cgroup = NULL;
    if (!plan->into_cgroup)
        return 0;
    struct cgroup_hierarchy *hierarchy = cgroup_hierarchy_find(sim->base.cgroups, "");
    size_t length = hierarchy ? strlen(hierarchy->fs->mount_point) : 0;
    if (hierarchy && strncmp(plan->into_cgroup, hierarchy->fs->mount_point, length) == 0 &&
        plan->into_cgroup[length] == '/')
        *ret_cgroup = cgroup_lookup(
            cgroup_root_find(sim->kernel, ""), plan->into_cgroup + length + 1);
    return *ret_cgroup ? 0 : err_errno(err, -ENOENT, "open %s", plan->into_cgroup);
}

static int plain_clone(struct sim_host *sim, struct process *parent, const struct plan *plan,
    struct cgroup *cgroup, struct process **ret_process, struct err *err)
{
    int r = process_fork_into(sim->kernel, parent, plan->clone_namespaces, cgroup, ret_process);
    return r < 0 ? err_errno(err, r, "clone") : 0;
}

static const char *first_namespace(unsigned mask)
{
    for (unsigned kind = 0; kind < NS_COUNT; kind++)
        if (mask & NS_BIT(kind))
            return namespace_names[kind];
    return "";
}

/* launchers.md 3.4: a helper enters, makes the process, and ends; so init adopts the process, and
 * the agent can't wait for it. */
static int enter_and_clone(struct sim_host *sim, const struct plan *plan, struct cgroup *cgroup,
    struct process **ret_process, struct err *err)
{
    unsigned mask = plan->enter_namespaces;
    if (mask & NS_BIT(NS_USER))
        return err_errno(err, -EINVAL, "enter the user namespace");
    const struct process *target = mask ? process_find(sim->kernel, plan->enter_pid) : NULL;
    if (mask && (!target || target->state == PROCESS_ZOMBIE))
        return err_errno(
            err, -ENOENT, "open /proc/%d/ns/%s", (int)plan->enter_pid, first_namespace(mask));
    struct process *helper = NULL;
    int r = process_fork(sim->kernel, sim->agent, 0, &helper);
    if (r < 0)
        return err_errno(err, r, "clone");
    if (mask)
        r = process_enter(helper, target, mask);
    if (r < 0)
        err_errno(err, r, "enter the namespaces of %d", (int)plan->enter_pid);
    else
        r = plain_clone(sim, helper, plan, cgroup, ret_process, err);
    process_exit(helper, 0);
    process_reap(helper);
    return r;
}

int sim_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    struct sim_host *sim = sim_host_of(host);
    struct process *process = NULL;
    struct cgroup *cgroup = NULL;
    int r = stdio_create(sim, plan, err);
    if (r == 0)
        r = birth_cgroup(sim, plan, &cgroup, err);
    if (r == 0)
        r = plan->enter_and_clone || plan->enter_namespaces
            ? enter_and_clone(sim, plan, cgroup, &process, err)
            : plain_clone(sim, sim->agent, plan, cgroup, &process, err);
    if (r < 0)
        return r;
    process_setsid(process);
    struct sim_gate *gate = NULL;
    sim_init_start(sim->world, process, plan, sim->outputs, &gate);
    u64map_set(sim->gates, (uint64_t)++sim->last_gate, gate);
    *ret_pid = process->pid;
    *ret_gate = sim->last_gate;
    return 0;
}

int sim_gate_byte(struct host *host, int number, struct err *err)
{
    struct sim_gate *gate = u64map_get(sim_host_of(host)->gates, (uint64_t)number);
    int r = sim_gate_release(gate);
    return r < 0 ? err_errno(err, r, "write to the gate") : 0;
}

void sim_gate_shut(struct host *host, int number)
{
    sim_gate_close(u64map_remove(sim_host_of(host)->gates, (uint64_t)number));
}

int sim_signal(struct host *host, pid_t pid, int signal)
{
    struct process *process = process_find(sim_host_of(host)->kernel, pid);
    return process ? process_signal(process, signal) : -ESRCH;
}

/* /proc/PID/oom_score_adj, of proc(5); others can be written, and change nothing here. */
int sim_process_write(struct host *host, pid_t pid, const char *file, const char *text)
{
    struct process *process = process_find(sim_host_of(host)->kernel, pid);
    if (!process || process->state == PROCESS_ZOMBIE)
        return -ENOENT;
    if (!str_equal(file, "oom_score_adj"))
        return 0;
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || value < -1000 || value > 1000)
        return -EINVAL;
    process->oom_score_adj = (int)value;
    return 0;
}

static char state_letter(const struct process *process)
{
    static const char letters[] = {
        [PROCESS_RUNNING] = 'S', [PROCESS_STOPPED] = 'T', [PROCESS_ZOMBIE] = 'Z'};
    if (process->state != PROCESS_RUNNING)
        return letters[process->state];
    if (process->unkillable)
        return 'D';
    list_for_each(node, &process->tasks) {
        const struct task *task = list_entry(node, struct task, node);
        if (task->demand_ns > 0 && !task->frozen)
            return 'R';
    }
    return letters[process->state];
}

static void times_add(const struct list *tasks, struct process_info *info)
{
    list_for_each(node, tasks) {
        const struct task *task = list_entry(node, struct task, node);
        info->user_ns += task->user_ns;
        info->system_ns += task->system_ns;
    }
}

static struct process_info info_make(const struct process *process)
{
    struct process_info info = {
        .pid = process->pid,
        .ppid = process->parent ? process->parent->pid : 0,
        .pgid = process->pgid,
        .sid = process->sid,
        .state = state_letter(process),
        .rss_bytes = process->resident_bytes,
    };
    times_add(&process->tasks, &info);
    times_add(&process->dead_tasks, &info);
    return info;
}

int sim_process_info(struct host *host, pid_t pid, struct process_info *ret_info)
{
    struct sim_host *sim = sim_host_of(host);
    const struct process *process = process_find(sim->kernel, pid);
    if (!process)
        return -ESRCH;
    sched_update(sim->kernel);
    *ret_info = info_make(process);
    return 0;
}

static int by_pid(const void *a, const void *b)
{
    const struct process_info *left = a;
    const struct process_info *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

int sim_process_list(
    struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err)
{
    (void)err;
    struct sim_host *sim = sim_host_of(host);
    sched_update(sim->kernel);
    struct process_info *list = NULL;
    size_t count = 0;
    size_t capacity = 0;
    list_for_each(node, &sim->kernel->processes) {
        list = mem_grow(list, &capacity, count + 1, sizeof(*list));
        list[count++] = info_make(list_entry(node, struct process, node));
    }
    qsort(list, count, sizeof(*list), by_pid);
    *ret_list = list;
    *ret_count = count;
    return 0;
}

int sim_namespace_inode(
    struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode)
{
    const struct process *process = process_find(sim_host_of(host)->kernel, pid);
    if (!process || process->state == PROCESS_ZOMBIE)
        return -ESRCH;
    *ret_inode = process->namespaces[kind]->inode;
    return 0;
}

int sim_process_holds(struct host *host, pid_t pid, const char *path)
{
    struct sim_host *sim = sim_host_of(host);
    const struct process *process = process_find(sim->kernel, pid);
    struct vfs_info info;
    int r = vfs_info(sim->kernel->vfs, path, true, &info);
    if (r < 0)
        return r;
    if (!process || process->state == PROCESS_ZOMBIE || process->ending)
        return -ESRCH;
    return sim_init_holds(process, path);
}
