/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/host/sim_host.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "fakes/cgroup_fs_model.h"
#include "fakes/host/sim_host_internal.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/profile.h"
#include "fakes/rng.h"
#include "reference/base/map.h"

/* Where virtual time stands on the calendar: 2026-01-01T00:00:00Z. */
#define EPOCH_SECONDS 1767225600.0

static double sim_wall_time(struct host *host)
{
    return EPOCH_SECONDS + (double)loop_now_ns(host->loop) / (double)NS_PER_SEC;
}

static void sim_random(struct host *host, const char *stream, void *bytes, size_t length)
{
    rng_bytes(&sim_host_of(host)->kernel->rng, stream, bytes, length);
}

static void sim_agent_gone(struct host *host)
{
    struct sim_host *sim = sim_host_of(host);
    if (sim->agent)
        process_exit(sim->agent, SIGKILL);
    sim->agent = NULL;
}

static void sim_free(struct host *host)
{
    struct sim_host *sim = sim_host_of(host);
    sim_agent_gone(host);
    assert(u64map_count(sim->gates) == 0);
    u64map_free(sim->gates);
    free(sim->cgroup_mount);
    free(sim->cgroup_directory);
    free(sim->outputs[0]);
    free(sim->outputs[1]);
    free(sim);
}

size_t sim_host_open_gates(struct host *host)
{
    return u64map_count(sim_host_of(host)->gates);
}

static const struct cgroup_fs_server *sim_cgroup_server(const struct sim_host *sim)
{
    return sim->cgroup_server.directory ? &sim->cgroup_server : NULL;
}

static int sim_hierarchy_mount(
    struct host *host, const char *controller, const char *directory, struct err *err)
{
    struct sim_host *sim = sim_host_of(host);
    int r = cgroup_fs_model_mount(host->cgroups, sim->kernel, host, controller, sim->cgroup_mount,
        sim->agent->pid, sim_cgroup_server(sim));
    return r < 0 ? err_errno(err, r, "mount the %s hierarchy at %s", controller, directory) : 0;
}

static const struct host_ops sim_ops = {
    .wall_time = sim_wall_time,
    .random = sim_random,
    .spawn = sim_spawn,
    .gate_release = sim_gate_byte,
    .gate_close = sim_gate_shut,
    .signal = sim_signal,
    .process_write = sim_process_write,
    .process_info = sim_process_info,
    .process_list = sim_process_list,
    .namespace_inode = sim_namespace_inode,
    .process_holds = sim_process_holds,
    .exit_watch = sim_exit_watch,
    .run = sim_run,
    .mkdir = sim_mkdir,
    .rename = sim_rename,
    .filesystem_info = sim_filesystem_info,
    .file_write = sim_file_write,
    .file_read = sim_file_read,
    .file_info = sim_file_info,
    .file_remove = sim_file_remove,
    .tree_remove = sim_tree_remove,
    .list = sim_list,
    .symlink = sim_symlink,
    .node_copy = sim_node_copy,
    .real_path = sim_real_path,
    .chown = sim_chown,
    .user_lookup = sim_user_lookup,
    .device_program = sim_device_program,
    .mount = sim_mount,
    .unmount = sim_unmount,
    .hierarchy_mount = sim_hierarchy_mount,
    .mounts = sim_mounts,
    .streams = &sim_streams,
    .agent_gone = sim_agent_gone,
    .free = sim_free,
};

static unsigned namespaces_of(const struct kernel_profile *profile)
{
    unsigned mask = NS_BIT(NS_COUNT) - 1;
    if (profile->no_mount_namespaces)
        mask &= ~NS_BIT(NS_MNT);
    if (profile->no_pid_namespaces)
        mask &= ~NS_BIT(NS_PID);
    if (profile->no_ipc_namespaces)
        mask &= ~NS_BIT(NS_IPC);
    return mask;
}

struct host *sim_host_new(
    struct kernel *kernel, struct trace *trace, const struct sim_host_options *options)
{
    struct sim_host *sim = mem_alloc(sizeof(*sim));
    host_init(&sim->base, &sim_ops, kernel->loop, trace);
    sim->kernel = kernel;
    sim->world = sim_world_get(kernel);
    sim->gates = u64map_new();
    int r = process_fork(kernel, NULL, 0, &sim->agent);
    assert(r == 0); /* init has no pids limit */
    process_setsid(sim->agent);
    process_set_command(sim->agent, "agent");

    const char *mount = options ? options->cgroup_mount : NULL;
    sim->cgroup_mount = str_dup(mount ? mount : "/sys/fs/cgroup");
    if (options && options->cgroups && !str_equal(options->cgroups, "direct")) {
        sim->cgroup_directory = str_dup(options->cgroups);
        sim->cgroup_server = (struct cgroup_fs_server){
            .directory = sim->cgroup_directory,
            .let = options->cgroups_let,
            .take = options->cgroups_take,
            .arg = options->cgroups_arg,
        };
    }
    sim->base.cgroups = cgroup_fs_model_hierarchies(
        kernel, &sim->base, sim->cgroup_mount, sim->agent->pid, sim_cgroup_server(sim));
    sim->base.facts = (struct host_facts){
        .cpus = kernel->cpus,
        .memory_bytes = kernel->memory_bytes,
        .page_bytes = kernel->page_bytes,
        .clock_ticks = 100,
        .root = !kernel->profile->not_root,
        .namespaces = namespaces_of(kernel->profile),
        .systemd = cgroup_root_find(kernel, "name=systemd") != NULL,
        .kernel = str_dup(kernel->profile->name),
    };
    return &sim->base;
}

struct host *sim_host_for(struct process *process, const char *output, const char *errors)
{
    struct sim_host *sim = mem_alloc(sizeof(*sim));
    struct kernel *kernel = process->kernel;
    host_init(&sim->base, &sim_ops, kernel->loop, NULL);
    sim->kernel = kernel;
    sim->world = sim_world_get(kernel);
    sim->gates = u64map_new();
    sim->agent = process;
    sim->outputs[0] = str_dup(output);
    sim->outputs[1] = str_dup(errors);
    sim->base.facts = (struct host_facts){
        .cpus = kernel->cpus,
        .memory_bytes = kernel->memory_bytes,
        .page_bytes = kernel->page_bytes,
        .clock_ticks = 100,
        .root = process->uid == 0,
        .kernel = str_dup(kernel->profile->name),
    };
    return &sim->base;
}

void sim_host_leave(struct host *host)
{
    assert(host->ops == &sim_ops);
    sim_host_of(host)->agent = NULL;
}

struct process *sim_host_process(struct host *host)
{
    assert(host->ops == &sim_ops);
    return sim_host_of(host)->agent;
}
