/* SPDX-License-Identifier: Apache-2.0 */
/* A v2 tree with just what the tests of processes and of the CPU need of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "reference/base/mem.h"

#define CGROUPS_MAX 64

struct cgroup {
    char *path;
    struct cgroup *parent;
    uint64_t id;
    struct cgroup_cpu cpu;
    uint64_t pids_max;
    uint64_t pids;
    uint64_t memory_max;
    uint64_t memory;
    uint64_t user_ns, system_ns;
    uint64_t periods, throttled, throttled_ns;
    bool frozen;
};
struct cgroup_root {
    struct cgroup *cgroups[CGROUPS_MAX];
    unsigned count;
};
const struct cgroup_caller cgroup_caller_root = {.resource_capability = true};

static struct cgroup *cgroup_add(struct cgroup_root *root, const char *path)
{
    struct cgroup *cgroup = mem_alloc(sizeof(*cgroup));
    cgroup->path = str_dup(path);
    cgroup->id = ++root->count;
    cgroup->cpu = (struct cgroup_cpu){.weight = 1024, .quota_ns = -1, .period_ns = 100000000};
    cgroup->pids_max = cgroup->memory_max = UINT64_MAX;
    root->cgroups[cgroup->id - 1] = cgroup;
    return cgroup;
}

const struct kernel_profile *kernel_profile_find(const char *name)
{
    return strcmp(name, "6.12") == 0 ? (const void *)name : NULL;
}

int cgroup_init(struct kernel *kernel, const struct kernel_config *config)
{
    (void)config;
    kernel->hierarchies[0] = mem_alloc(sizeof(struct cgroup_root));
    kernel->hierarchies_count = 1;
    cgroup_add(kernel->hierarchies[0], "");
    return 0;
}

void cgroup_exit_kernel(struct kernel *kernel)
{
    struct cgroup_root *root = kernel->hierarchies[0];
    for (unsigned i = 0; i < root->count; i++) {
        free(root->cgroups[i]->path);
        free(root->cgroups[i]);
    }
    free(root);
}

struct cgroup_root *cgroup_root_find(struct kernel *kernel, const char *controller)
{
    return controller[0] == '\0' ? kernel->hierarchies[0] : NULL;
}

bool cgroup_root_is_v2(const struct cgroup_root *root)
{
    return root != NULL;
}

const char *cgroup_root_name(const struct cgroup_root *root)
{
    return root ? "unified" : NULL;
}

struct cgroup *cgroup_lookup(struct cgroup_root *root, const char *path)
{
    for (unsigned i = 0; i < root->count; i++) {
        if (strcmp(root->cgroups[i]->path, path) == 0)
            return root->cgroups[i];
    }
    return NULL;
}

int cgroup_mkdir(
    struct cgroup_root *root, const char *path, mode_t mode, const struct cgroup_caller *caller)
{
    (void)mode, (void)caller;
    if (cgroup_lookup(root, path))
        return -EEXIST;
    _cleanup_free_ char *parent = str_dup(path);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    struct cgroup *above = cgroup_lookup(root, slash ? parent : "");
    if (!above)
        return -ENOENT;
    cgroup_add(root, path)->parent = above;
    return 0;
}

int cgroup_rmdir(struct cgroup_root *root, const char *path, const struct cgroup_caller *caller)
{
    (void)root, (void)path, (void)caller;
    return -EBUSY;
}

static void cgroup_count(struct cgroup *cgroup, int64_t pids)
{
    for (; cgroup; cgroup = cgroup->parent)
        cgroup->pids += (uint64_t)pids;
}

static int cgroup_attach(struct kernel *kernel, struct cgroup *cgroup, const char *pid)
{
    struct process *process = process_find(kernel, (pid_t)strtol(pid, NULL, 10));
    if (!process)
        return -ESRCH;
    sched_update(kernel);
    list_for_each (node, &process->tasks) {
        struct task *task = list_entry(node, struct task, node);
        cgroup_count(task->cgroups[0], -1);
        task->cgroups[0] = cgroup;
        cgroup_count(cgroup, 1);
        task_set_frozen(task, cgroup->frozen);
    }
    sched_changed(kernel);
    return 0;
}

static void cgroup_freeze(struct kernel *kernel, struct cgroup *cgroup, bool frozen)
{
    cgroup->frozen = frozen;
    list_for_each (node, &kernel->processes) {
        struct process *process = list_entry(node, struct process, node);
        list_for_each (task_node, &process->tasks) {
            struct task *task = list_entry(task_node, struct task, node);
            if (task->cgroups[0] == cgroup)
                task_set_frozen(task, frozen);
        }
    }
}

static struct kernel *double_kernel;

int cgroup_file_write(struct cgroup_root *root, const char *path, const char *file,
    const char *data, size_t length, const struct cgroup_caller *caller)
{
    struct cgroup *cgroup = cgroup_lookup(root, path);
    long long first = 0;
    long long second = 100000;
    (void)length;
    if (!cgroup)
        return -ENOENT;
    int found = sscanf(data, "%lld %lld", &first, &second);
    if (strcmp(file, "cgroup.procs") == 0) {
        char pid[16];
        snprintf(pid, sizeof(pid), "%d", caller->pid);
        return cgroup_attach(double_kernel, cgroup, first == 0 ? pid : data);
    }
    if (strcmp(file, "cgroup.freeze") == 0)
        cgroup_freeze(double_kernel, cgroup, first != 0);
    else if (strcmp(file, "cpu.weight") == 0)
        cgroup->cpu.weight = (uint64_t)first * 1024 / 100;
    else if (strcmp(file, "cpu.idle") == 0)
        cgroup->cpu.idle = first != 0;
    else if (strcmp(file, "pids.max") == 0)
        cgroup->pids_max = (uint64_t)first;
    else if (strcmp(file, "memory.max") == 0)
        cgroup->memory_max = (uint64_t)first;
    else if (strcmp(file, "cpu.max") == 0) {
        cgroup->cpu.quota_ns = found == 0 ? -1 : first * 1000;
        cgroup->cpu.period_ns = (uint64_t)second * 1000;
    }
    sched_changed(double_kernel);
    return 0;
}

int cgroup_file_read(struct cgroup_root *root, const char *path, const char *file,
    const struct cgroup_caller *caller, char **ret_text, size_t *ret_length)
{
    struct cgroup *cgroup = cgroup_lookup(root, path);
    (void)caller;
    if (!cgroup || strcmp(file, "cpu.stat") != 0)
        return -ENOENT;
    sched_update(double_kernel);
    *ret_text = str_printf("usage_usec %llu\nuser_usec %llu\nsystem_usec %llu\nnr_periods %llu\n"
                           "nr_throttled %llu\nthrottled_usec %llu\n",
        (unsigned long long)(cgroup->user_ns + cgroup->system_ns) / 1000,
        (unsigned long long)cgroup->user_ns / 1000, (unsigned long long)cgroup->system_ns / 1000,
        (unsigned long long)cgroup->periods, (unsigned long long)cgroup->throttled,
        (unsigned long long)cgroup->throttled_ns / 1000);
    *ret_length = strlen(*ret_text);
    return 0;
}

int cgroup_can_fork(struct task *parent, struct cgroup *into)
{
    for (struct cgroup *cgroup = into ? into : parent->cgroups[0]; cgroup;
         cgroup = cgroup->parent) {
        if (cgroup->pids >= cgroup->pids_max)
            return -EAGAIN;
    }
    return 0;
}

void cgroup_post_fork(struct task *parent, struct task *child, struct cgroup *into)
{
    double_kernel = child->process->kernel;
    child->cgroups[0] = into     ? into
                        : parent ? parent->cgroups[0]
                                 : double_kernel->hierarchies[0]->cgroups[0];
    cgroup_count(child->cgroups[0], 1);
    task_set_frozen(child, child->cgroups[0]->frozen);
}

void cgroup_task_exit(struct task *task)
{
    cgroup_count(task->cgroups[0], -1);
}

void cgroup_task_release(struct task *task)
{
    task->cgroups[0] = NULL;
}

int cgroup_charge(struct process *process, uint64_t bytes)
{
    struct cgroup *cgroup = process->leader->cgroups[0];
    if (cgroup->memory + bytes > cgroup->memory_max) {
        process_signal(process, 9);
        return 0;
    }
    cgroup->memory += bytes;
    return 0;
}

void cgroup_uncharge(struct process *process, uint64_t bytes)
{
    process->leader->cgroups[0]->memory -= bytes;
}

bool cgroup_oom_wait(
    struct process *process, void (*fn)(struct process *process, void *arg), void *arg)
{
    (void)process, (void)fn, (void)arg;
    return false;
}

bool cgroup_task_killable(const struct task *task)
{
    (void)task;
    return true;
}

int cgroup_device_check(
    const struct task *task, char type, unsigned major, unsigned minor, const char *access)
{
    (void)task, (void)type, (void)major, (void)minor, (void)access;
    return 0;
}

void cgroup_account_cpu(struct task *task, uint64_t user_ns, uint64_t system_ns)
{
    for (struct cgroup *cgroup = task->cgroups[0]; cgroup; cgroup = cgroup->parent) {
        cgroup->user_ns += user_ns;
        cgroup->system_ns += system_ns;
    }
}

struct cgroup *cgroup_cpu_of(const struct task *task)
{
    return task->cgroups[0];
}

struct cgroup *cgroup_parent(const struct cgroup *cgroup)
{
    return cgroup->parent;
}

uint64_t cgroup_id(const struct cgroup *cgroup)
{
    return cgroup->id;
}

char *cgroup_path_of(const struct cgroup *cgroup)
{
    return str_dup(cgroup->path);
}

void cgroup_cpu_get(const struct cgroup *cgroup, struct cgroup_cpu *ret_cpu)
{
    *ret_cpu = cgroup->cpu;
}

void cgroup_cpu_throttled(
    struct cgroup *cgroup, uint64_t periods, uint64_t throttled, uint64_t throttled_ns)
{
    cgroup->periods += periods;
    cgroup->throttled += throttled;
    cgroup->throttled_ns += throttled_ns;
}

uint64_t cgroup_digest(struct kernel *kernel, uint64_t hash)
{
    (void)kernel;
    return hash;
}

unsigned cgroup_root_index(const struct cgroup_root *root)
{
    (void)root;
    return 0;
}
