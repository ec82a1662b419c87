/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fork: the launch info is completed and checkpointed, the plan made from it, the process started,
 * and its pid checkpointed: first for the agent, then in the runtime directory, so that a pid in
 * the runtime directory alone means that the agent's metadata was wiped (containerizer.md 1.3).
 */
#include "reference/isolators/io_switchboard.h"
#include "reference/mesos/container.h"
#include "reference/model/container_id.h"

#include <errno.h>

/* --- namespaces --- */

static int namespace_mask(char *const *names, unsigned *ret_mask, struct err *err)
{
    *ret_mask = 0;
    for (size_t i = 0; names && names[i]; i++) {
        unsigned kind = 0;
        while (kind < NS_COUNT && !str_equal(namespace_names[kind], names[i]))
            kind++;
        if (kind == NS_COUNT)
            return err_set(err, -EINVAL, "there is no namespace \"%s\"", names[i]);
        *ret_mask |= NS_BIT(kind);
    }
    return 0;
}

/* What is below the init of a command task, to find the process of the task itself. */
struct task_search {
    struct host *host;
    pid_t init;
    uint64_t mount_namespace; /* of the init */
    const struct process_info *processes;
    size_t count;
    size_t grandchildren;
    size_t found;
    pid_t pid; /* the last one found */
};

static void search_children_of(struct task_search *search, pid_t executor)
{
    for (size_t i = 0; i < search->count; i++) {
        uint64_t inode = 0;
        if (search->processes[i].ppid != executor)
            continue;
        pid_t pid = search->processes[i].pid;
        if (host_namespace_inode(search->host, pid, NS_MNT, &inode) < 0)
            continue; /* it has ended meanwhile */
        search->grandchildren++;
        if (inode == search->mount_namespace)
            continue;
        search->found++;
        search->pid = pid;
    }
}

static void search_executors(struct task_search *search)
{
    for (size_t i = 0; i < search->count; i++) {
        uint64_t inode = 0;
        if (search->processes[i].ppid != search->init)
            continue;
        pid_t pid = search->processes[i].pid;
        if (host_namespace_inode(search->host, pid, NS_MNT, &inode) == 0 &&
            inode == search->mount_namespace)
            search_children_of(search, pid);
    }
}

/*
 * The process of a command task, whose mount namespace a DEBUG container enters (launchers.md 4):
 * the one grandchild of the init in another mount namespace; the init when none is in another.
 */
static int task_process(struct host *host, pid_t init, pid_t *ret_pid, struct err *err)
{
    struct process_info *processes = NULL;
    struct task_search search = {.host = host, .init = init};
    int r = host_namespace_inode(host, init, NS_MNT, &search.mount_namespace);
    if (r < 0)
        return err_errno(err, r, "mount namespace of pid %d", (int)init);
    r = host_process_list(host, &processes, &search.count, err);
    if (r < 0)
        return r;
    search.processes = processes;
    search_executors(&search);
    free(processes);
    if (search.grandchildren == 0)
        return err_set(err, -ESRCH, "pid %d has no task yet", (int)init);
    if (search.found > 1)
        return err_set(err, -EINVAL, "%zu processes below pid %d could be its task", search.found,
            (int)init);
    *ret_pid = search.found == 1 ? search.pid : init;
    return 0;
}

/* The init helper enters the mount namespace, not the launcher: it must be reachable itself. */
static int plan_mount_namespace(struct container *container, struct plan *plan, struct err *err)
{
    if (!(plan->enter_namespaces & NS_BIT(NS_MNT)))
        return 0;
    const struct container *parent = container->parent;
    if (!parent || parent->pid == 0)
        return err_set(err, -ESRCH, "enter the mount namespace of its parent: no pid is known");
    plan->enter_namespaces &= ~NS_BIT(NS_MNT);
    plan->mount_namespace_pid = parent->pid;
    plan->mount_namespace_rooted = parent->launch_info && parent->launch_info->rootfs;
    if (!parent->config || !container_config_is_command_task(parent->config))
        return 0;
    int r = task_process(container->mesos->host, parent->pid, &plan->mount_namespace_pid, err);
    return r < 0 ? err_wrap(err, r, "enter the mount namespace of its parent") : 0;
}

/* --- the plan --- */

/* The pipes of its I/O switchboard. False: it has none. */
static bool plan_pipes(const struct container *container, struct plan *plan)
{
    const struct mesos *mesos = container->mesos;
    /* They are there together, made by the one server. */
    for (unsigned fd = 0; fd < ARRAY_SIZE(plan->stdio) && (fd == 0 || plan->stdio[0]); fd++)
        plan->stdio[fd] =
            io_switchboard_pipe(mesos->host, mesos->flags.runtime_dir, container->id, fd);
    return plan->stdio[0];
}

/* stdout and stderr of the sandbox, owned by the user of the container; those with a terminal get
 * it in the init. */
static int plan_stdio(struct container *container, struct plan *plan, struct err *err)
{
    if (plan->info.tty_slave_path || plan_pipes(container, plan) || !container->directory)
        return 0;
    plan->stdio[1] = path_join(container->directory, "stdout");
    plan->stdio[2] = path_join(container->directory, "stderr");
    plan->stdio_below = container_id_root_sandbox(container->id, container->directory);
    if (!container->config->user)
        return 0;
    struct user_info user = {0};
    int r = host_user_lookup(container->mesos->host, container->config->user, &user, err);
    if (r < 0)
        return r;
    plan->stdio_uid = user.uid;
    plan->stdio_gid = user.gid;
    user_info_release(&user);
    return 0;
}

static int make_plan(struct container *container, struct plan *plan, struct err *err)
{
    const struct launch_info *info = &plan->info;
    plan->container_id = str_dup(container->id);
    plan->runtime_directory = str_dup(container->runtime);
    int r = namespace_mask(info->clone_namespaces, &plan->clone_namespaces, err);
    if (r == 0)
        r = namespace_mask(info->enter_namespaces, &plan->enter_namespaces, err);
    if (r == 0)
        r = plan_mount_namespace(container, plan, err);
    if (r == 0)
        r = plan_stdio(container, plan, err);
    return r;
}

/* --- fork --- */

static int checkpoint_pids(struct container *container, struct err *err)
{
    struct host *host = container->mesos->host;
    const char *agents = container->launch->pid_checkpoint_path;
    int r = 0;
    if (agents)
        r = checkpoint_write_pid(host, agents, container->pid, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *path = path_join(container->runtime, CHECKPOINT_PID);
    return checkpoint_write_pid(host, path, container->pid, err);
}

static int start_process(struct container *container, struct plan *plan, struct err *err)
{
    int r = make_plan(container, plan, err);
    if (r < 0)
        return r;
    r = launcher_fork(container->mesos->launcher, container->id, plan, &container->pid,
        &container->launch->gate, err);
    if (r < 0) {
        container->pid = 0;
        container->launch->gate = -1;
        return err_wrap(err, r, "fork");
    }
    return 0;
}

/* The info moves: from the launch to the plan, and from there into the record. */
static int fork_with_plan(struct container *container, struct err *err)
{
    struct plan plan;
    plan_init(&plan);
    plan.info = container->launch->info;
    container->launch->info = (struct launch_info){0};
    int r = start_process(container, &plan, err);
    container->launch_info = mem_dup(&plan.info, sizeof(plan.info));
    plan.info = (struct launch_info){0};
    plan_release(&plan);
    return r;
}

int container_fork(struct container *container, struct err *err)
{
    struct launch *launch = container->launch;
    int r = launch_info_complete(container, &launch->info, launch, err);
    if (r < 0)
        return r;
    r = checkpoint_write(container->mesos->host, container->runtime, CHECKPOINT_LAUNCH_INFO,
        &launch_info_json, &launch->info, err);
    if (r < 0)
        return r;
    r = fork_with_plan(container, err);
    if (r < 0)
        return r;
    container_watch_exit(container);
    return checkpoint_pids(container, err);
}
