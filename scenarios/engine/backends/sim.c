/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world: a loop of virtual time, a simulated kernel, and a host on it per agent. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs.h"
#include "fakes/executors/sim_executors.h"
#include "fakes/fake_csi.h"
#include "fakes/fetcher/sim_fetcher.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/cgroup_node.h"
#include "fakes/kernel/process.h"
#include "fakes/host/sim_cni.h"
#include "fakes/host/sim_host.h"
#include "fakes/sim_loop.h"
#include "fakes/host/sim_net.h"
#include "fakes/host/sim_perf.h"
#include "fakes/host/sim_volumes.h"
#include "fakes/host/sim_world.h"
#include "fakes/host/sim_xfs.h"
#include "fakes/vfs.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/launchers/launcher.h"
#include "reference/mesos/mesos.h"
#include "scenarios/engine/backends/docker_control.h"
#include "scenarios/engine/backends/audit.h"
#include "scenarios/engine/backends/machine.h"

#define TRACE_KEPT 25
#define LAUNCHER_DIR "/usr/libexec/mesos"
#define WORK_DIR "/var/lib/mesos"
#define VOLUME_CLIENT WORK_DIR "/dvdcli/dvdcli"

struct sim_backend_world {
    struct world base;
    struct kernel *kernel;
    struct u64map *own_pids; /* of the observer and the agents */
    struct sim_host_options options;
    bool docker_cli;
    char **stuck;              /* ids of containers whose freezer does not work */
    struct cgroupfs *cgroupfs; /* the kernel's cgroups as files; NULL: direct */
    char *cgroupfs_directory;
};

static struct sim_backend_world *sim_of(struct world *world)
{
    return (struct sim_backend_world *)world;
}

static struct host *sim_new_host(struct sim_backend_world *sim, struct trace *trace)
{
    struct host *host = sim_host_new(sim->kernel, trace, &sim->options);
    u64map_set(sim->own_pids, (uint64_t)sim_host_process(host)->pid, host);
    return host;
}

static struct host *sim_agent_host(struct world *world)
{
    struct host *host = sim_new_host(sim_of(world), world->trace);
    if (world->docker) {
        fake_docker_install(world->docker, host);
        sim_docker_executor_install(host, world->docker);
    }
    return host;
}

static struct docker *sim_docker_client(struct world *world, struct host *host)
{
    bool by_program = !world->docker || sim_of(world)->docker_cli;
    return by_program ? NULL : fake_docker_client(world->docker, host);
}

static void sim_flags(struct world *world, struct flags *flags)
{
    str_set(&flags->work_dir, world->work_dir);
    str_set(&flags->runtime_dir, world->runtime_dir);
    str_set(&flags->cgroups_root, world->cgroups_root);
    str_set(&flags->launcher, "posix");
    image_flags(flags, "/var/lib");
    str_set(&flags->launcher_dir, LAUNCHER_DIR);
    flags_set(flags, "docker_volume_client", VOLUME_CLIENT, NULL);
    machine_csi_flags(world, flags);
}

static uint64_t sim_next_ns(struct world *world)
{
    return sim_loop_next_ns(world->loop);
}

static bool sim_is_ours(struct world *world, const struct process_info *process)
{
    const struct sim_backend_world *sim = sim_of(world);
    if (process->pid == sim->kernel->init->pid || u64map_get(sim->own_pids, (uint64_t)process->pid))
        return false;
    const struct process *found = process_find(sim->kernel, process->pid);
    return !found || !found->kernel_thread;
}

static struct process_info *sim_processes(struct world *world, size_t *ret_count)
{
    struct process_info *list = NULL;
    size_t count = 0;
    size_t kept = 0;
    if (host_process_list(world->observer, &list, &count, NULL) < 0)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        if (sim_is_ours(world, &list[i]))
            list[kept++] = list[i];
    }
    *ret_count = kept;
    return list;
}

static void audit_mounts(struct world *world, char ***lines)
{
    _cleanup_strv_ char **targets = sim_host_mount_targets(sim_of(world)->kernel);
    for (size_t i = 0; targets && targets[i]; i++) {
        if (strcmp(targets[i], world->work_dir) != 0)
            strv_add_owned(lines, str_printf("mount %s", targets[i]));
    }
}

/* Short names of layers (reference/provisioner/backend_overlay.c). */
static void audit_links(struct world *world, char ***lines)
{
    _cleanup_strv_ char **names = NULL;
    if (host_list(world->observer, "/tmp", &names, NULL) < 0)
        return;
    for (size_t i = 0; names[i]; i++) {
        if (str_starts(names[i], "layers-"))
            strv_add_owned(lines, str_printf("file /tmp/%s", names[i]));
    }
}

static void audit_attachments(struct world *world, char ***lines)
{
    const struct sim_world *machine = sim_world_get(sim_of(world)->kernel);
    _cleanup_strv_ char **attached = sim_cni_attached(machine->cni);
    for (size_t i = 0; attached[i]; i++)
        strv_add_owned(lines, str_printf("network interface %s", attached[i]));
    _cleanup_strv_ char **left = sim_net_left(machine->net);
    for (size_t i = 0; left[i]; i++)
        strv_add_owned(lines, str_printf("network %s", left[i]));
}

static char **sim_audit(struct world *world, bool final)
{
    (void) final;
    char **lines = NULL;
    audit_processes(world, &lines);
    audit_cgroups(world, &lines);
    audit_mounts(world, &lines);
    audit_links(world, &lines);
    audit_attachments(world, &lines);
    audit_runtime(world, &lines);
    return lines;
}

static char **sim_describe(struct world *world)
{
    static const char *const states[] = {"running", "stopped", "zombie"};
    char **lines = NULL;
    struct kernel *kernel = sim_of(world)->kernel;
    list_for_each(node, &kernel->processes)
    {
        const struct process *process = list_entry(node, struct process, node);
        if (process == kernel->init)
            continue;
        strv_add_owned(&lines,
            str_printf("%d %s %s%s%s", (int)process->pid, process->command ? process->command : "?",
                states[process->state], process->unkillable ? " unkillable" : "",
                process->leader && process->leader->frozen ? " frozen" : ""));
    }
    return lines;
}

static int knob_freezer(struct world *world, const char *id, bool stuck, struct err *err)
{
    struct cgroup_root *root = cgroup_root_find(sim_of(world)->kernel, "freezer");
    _cleanup_free_ char *path = launcher_cgroup(world->cgroups_root, id);
    struct cgroup *cgroup = root ? cgroup_lookup(root, path) : NULL;
    if (!cgroup)
        return err_set(err, -ENOENT, "there is no freezer cgroup %s", path);
    cgroup_set_stuck_freezer(cgroup, stuck);
    if (stuck)
        strv_add(&sim_of(world)->stuck, id);
    return 0;
}

/* The init and what descends from it; depth is bounded by the number of processes. */
static void set_unkillable(struct process *process, bool unkillable)
{
    process->unkillable = unkillable;
    list_for_each_safe(node, following, &process->children)
        set_unkillable(list_entry(node, struct process, sibling), unkillable);
    if (!unkillable && (process->pending_signals & (UINT64_C(1) << SIGKILL)))
        process_signal(process, SIGKILL);
}

static int knob_unkillable(struct world *world, const char *id, bool unkillable, struct err *err)
{
    _cleanup_free_ char *path = mesos_runtime_file(world->runtime_dir, id, "pid");
    _cleanup_free_ char *text = NULL;
    size_t length;
    int result = host_file_read(world->observer, path, &text, &length, err);
    if (result < 0)
        return result;
    struct process *process = process_find(sim_of(world)->kernel, (pid_t)strtol(text, NULL, 10));
    if (!process)
        return err_set(err, -ESRCH, "the init of %s is gone", id);
    set_unkillable(process, unkillable);
    return 0;
}

static int sim_next_pid(struct world *world, pid_t pid, struct err *err)
{
    (void)err;
    sim_of(world)->kernel->last_pid = pid - 1;
    return 0;
}

/* What was asked of the kernel ends with the steps, as faults do. */
static void sim_knobs_off(struct world *world)
{
    struct sim_backend_world *sim = sim_of(world);
    _cleanup_free_ pid_t *killed = NULL;
    size_t capacity = 0;
    size_t count = 0;
    for (size_t i = 0; sim->stuck && sim->stuck[i]; i++)
        knob_freezer(world, sim->stuck[i], false, NULL);
    sim->stuck = strv_free(sim->stuck);
    list_for_each(node, &sim->kernel->processes)
    {
        struct process *process = list_entry(node, struct process, node);
        if (!process->unkillable)
            continue;
        process->unkillable = false;
        if (!(process->pending_signals & (UINT64_C(1) << SIGKILL)))
            continue;
        killed = mem_grow(killed, &capacity, count + 1, sizeof(*killed));
        killed[count++] = process->pid;
    }
    for (size_t i = 0; i < count; i++) {
        struct process *process = process_find(sim->kernel, killed[i]);
        if (process)
            process_signal(process, SIGKILL);
    }
}

static int sim_knob(struct world *world, const char *knob, const struct node *args, struct err *err)
{
    static const struct {
        const char *name;
        int (*turn)(struct world *, const char *, bool, struct err *);
        bool on;
    } knobs[] = {{"stuck freezer", knob_freezer, true}, {"freezer works", knob_freezer, false},
        {"unkillable", knob_unkillable, true}, {"killable", knob_unkillable, false}};
    for (size_t i = 0; i < ARRAY_SIZE(knobs); i++) {
        if (strcmp(knobs[i].name, knob) == 0)
            return knobs[i].turn(world, node_text(args, "of"), knobs[i].on, err);
    }
    return err_set(err, -EINVAL, "no knob %s", knob);
}

static void cgroups_let(void *arg)
{
    cgroupfs_let(arg);
}

static void cgroups_take(void *arg)
{
    cgroupfs_take(arg);
}

/* Serves the kernel's cgroups as files to its hosts, from a thread. */
static int cgroups_mount(struct sim_backend_world *sim, struct err *err)
{
    char directory[] = "/tmp/seatrial-cgroups.XXXXXX";
    cgroupfs_mount_privately();
    if (!mkdtemp(directory))
        return err_errno(err, -errno, "%s", directory);
    sim->cgroupfs_directory = str_dup(directory);
    /* The hosts write pids, never "0": who is behind it does not matter. */
    const struct cgroupfs_options options = {.writer = sim->kernel->init->pid, .no_inotify = true};
    int result = cgroupfs_mount(sim->kernel, directory, &options, &sim->cgroupfs, err);
    if (result == 0)
        result = cgroupfs_thread_start(sim->cgroupfs, err);
    sim->options = (struct sim_host_options){
        .cgroups = sim->cgroupfs_directory,
        .cgroups_let = cgroups_let,
        .cgroups_take = cgroups_take,
        .cgroups_arg = sim->cgroupfs,
    };
    return result;
}

static void cgroups_unmount(struct sim_backend_world *sim)
{
    cgroupfs_unmount(sim->cgroupfs);
    if (sim->cgroupfs_directory)
        rmdir(sim->cgroupfs_directory);
    free(sim->cgroupfs_directory);
}

static void sim_free(struct world *world)
{
    struct sim_backend_world *sim = sim_of(world);
    fake_csi_free(world->csi);
    if (world->observer) {
        host_gone(world->observer);
        host_free(world->observer);
    }
    if (world->docker_control)
        world->docker_control->ops->free(world->docker_control);
    fake_docker_free(world->docker);
    cgroups_unmount(sim);
    kernel_free(sim->kernel);
    trace_free(world->trace);
    loop_free(world->loop);
    u64map_free(sim->own_pids);
    strv_free(sim->stuck);
    free(sim);
}

static char **sim_descriptors(struct world *world, struct host *host)
{
    (void)world;
    char **lines = NULL;
    for (size_t i = sim_host_open_gates(host); i > 0; i--)
        strv_add(&lines, "the gate of a process");
    return lines;
}

static const struct world_ops sim_ops = {.host_new = sim_agent_host,
    .flags = sim_flags,
    .next_ns = sim_next_ns,
    .descriptors = sim_descriptors,
    .docker_client = sim_docker_client,
    .knob = sim_knob,
    .knobs_off = sim_knobs_off,
    .next_pid = sim_next_pid,
    .processes = sim_processes,
    .audit = sim_audit,
    .describe = sim_describe,
    .free = sim_free};

static uint64_t sim_digest(void *arg, uint64_t hash)
{
    const struct sim_backend_world *sim = arg;
    hash = vfs_digest(sim->kernel->vfs, kernel_digest(sim->kernel, hash));
    return sim->base.docker ? fake_docker_digest(sim->base.docker, hash) : hash;
}

static enum cgroup_layout layout_of(const char *name)
{
    static const struct {
        const char *name;
        enum cgroup_layout layout;
    } layouts[] = {{"v1", CGROUP_LAYOUT_V1}, {"v2", CGROUP_LAYOUT_V2},
        {"hybrid", CGROUP_LAYOUT_HYBRID}, {"none", CGROUP_LAYOUT_NONE}};
    for (size_t i = 0; name && i < ARRAY_SIZE(layouts); i++) {
        if (strcmp(layouts[i].name, name) == 0)
            return layouts[i].layout;
    }
    return CGROUP_LAYOUT_V2;
}

static char **texts_of(const struct node *map, const char *key)
{
    size_t count;
    struct node *const *items = node_list(map, key, &count);
    char **texts = NULL;
    for (size_t i = 0; i < count; i++)
        strv_add(&texts, items[i]->text);
    return texts;
}

static void add_image(struct fake_docker *engine, const struct node *node)
{
    _cleanup_strv_ char **entrypoint = texts_of(node, "entrypoint");
    _cleanup_strv_ char **command = texts_of(node, "command");
    _cleanup_strv_ char **environment = texts_of(node, "environment");
    const struct fake_docker_image image = {.name = node_text(node, "name"),
        .local = node_bool(node, "local", true),
        .entrypoint = entrypoint,
        .command = command,
        .environment = environment};
    fake_docker_add_image(engine, &image);
}

/* The engine is there when the agent may ask for it. */
static void make_docker(struct sim_backend_world *sim, const struct node *agent)
{
    const struct node *docker = node_get(agent, "docker");
    _cleanup_strv_ char **containerizers = texts_of(agent, "containerizers");
    if (!docker && !strv_contains(containerizers, "docker"))
        return;
    struct fake_docker *engine = fake_docker_new(sim->kernel);
    sim->base.docker = engine;
    sim->base.docker_control = docker_control_sim(engine);
    sim->docker_cli = str_equal(node_text(docker, "client"), "cli");
    char *const none[] = {NULL};
    fake_docker_add_image(engine,
        &(struct fake_docker_image){.name = "busybox:latest", .local = true, .entrypoint = none});
    fake_docker_add_image(
        engine, &(struct fake_docker_image){.name = "far:latest", .entrypoint = none});
    size_t count;
    struct node *const *images = node_list(docker, "images", &count);
    for (size_t i = 0; i < count; i++)
        add_image(engine, images[i]);
    if (node_text(docker, "version"))
        fake_docker_set_version(engine, node_text(docker, "version"));
}

static int sim_world_new(
    const struct world_options *options, struct world **ret_world, struct err *err)
{
    const struct node *machine = node_get(options->agent, "kernel");
    const struct kernel_config config = {
        .profile = node_text(machine, "profile"),
        .layout = layout_of(
            options->layout ? options->layout : node_text(options->agent, "cgroups")),
        .cpus = (unsigned)node_amount(machine, "cpus", 0),
        .memory_bytes = node_amount(machine, "memory", 0),
        .swap_bytes = node_amount(machine, "swap", 0),
        .options = node_text(machine, "options"),
        .seed = options->seed,
    };
    struct sim_backend_world *sim = mem_alloc(sizeof(*sim));
    struct world *world = &sim->base;
    world->ops = &sim_ops;
    world->backend = &backend_sim;
    world->virtual_time = true;
    world->work_dir = (char *)WORK_DIR;
    world->runtime_dir = (char *)"/var/run/mesos";
    world->cgroups_root = (char *)"mesos";
    world->workload = (char *)"seatrial-workload";
    world->loop = sim_loop_new(options->seed);
    world->trace = trace_new(world->loop, TRACE_KEPT);
    sim->own_pids = u64map_new();
    sim->options = (struct sim_host_options){.cgroups = options->cgroups};
    sim->kernel = kernel_new(world->loop, &config);
    cgroup_add_block_device(sim->kernel, 8, 0); /* sda */
    bool files = str_equal(options->cgroups, "fuse") && sim->kernel->hierarchies_count > 0;
    int result = files ? cgroups_mount(sim, err) : 0;
    if (result < 0) {
        sim_free(world);
        return result;
    }
    make_docker(sim, options->agent);
    world->observer = sim_new_host(sim, NULL);
    host_mkdir(world->observer, world->work_dir, 0755, true, NULL);
    sim_executors_install(world->observer, LAUNCHER_DIR);
    sim_fetcher_install(world->observer);
    sim_cni_install(world->observer);
    const char *filesystem = node_text(node_get(options->agent, "kernel"), "filesystem");
    sim_host_filesystem(world->observer, filesystem);
    if (str_equal(filesystem, "xfs"))
        sim_xfs_install(world->observer);
    if (machine_has_isolator(options->agent, "docker/volume"))
        sim_volumes_install(world->observer, VOLUME_CLIENT);
    result = machine_csi_start(world, options->agent, err);
    if (result < 0) {
        sim_free(world);
        return result;
    }
    if (machine_has_isolator(options->agent, "network/port_mapping"))
        sim_net_install(world->observer);
    if (machine_has_isolator(options->agent, "cgroups/perf_event"))
        sim_perf_install(world->observer);
    sim_host_gpus(world->observer,
        (unsigned)node_number(node_get(options->agent, "kernel"), "gpus", 0));
    world->observer_pid = sim_host_process(world->observer)->pid;
    if (options->fold_world)
        trace_set_digest(world->trace, sim_digest, sim);
    *ret_world = world;
    return 0;
}

static bool sim_has(enum capability capability, const char **ret_reason)
{
    static const char *const lacks[CAPABILITY_COUNT] = {
        [CAPABILITY_SHELL] = "the simulated kernel plays workloads, not shell commands",
        [CAPABILITY_NETWORK] = "the simulated kernel has no network",
    };
    *ret_reason = lacks[capability];
    return !lacks[capability];
}

const struct backend backend_sim = {
    "sim", "the simulated kernel, in virtual time", NULL, 0, sim_has, NULL, sim_world_new};
