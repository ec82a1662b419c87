/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel under our feet: a loop of real time, the agent in this process, directories and a root
 * cgroup of its own. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fakes/fake_csi.h"
#include "reference/base/loop_uv.h"
#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/host_linux.h"
#include "scenarios/engine/backends/audit.h"
#include "scenarios/engine/backends/docker_control.h"
#include "scenarios/engine/backends/kernel_clean.h"
#include "scenarios/engine/backends/kernel_world.h"
#include "scenarios/engine/backends/machine.h"
#include "scenarios/engine/backends/private_disk.h"
#include "scenarios/engine/backends/private_network.h"

#define TRACE_KEPT 25
#define ABOVE_MAX_BYTES 24 /* a path of a Unix socket has 107 */
#define VOLUME_CLIENT "/dvdcli/dvdcli" /* below the work directory; volumes lie beside it */

/* A program beside this one (the build tree), or where it is installed. */
char *kernel_program_path(const char *name)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length > 0) {
        self[length] = '\0';
        char *slash = strrchr(self, '/');
        char *path = str_printf("%.*s/%s", (int)(slash - self), self, name);
        if (access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return str_printf("%s/%s", SEATRIAL_LIBEXEC, name);
}

static struct host *new_host(struct kernel_world *kernel, struct trace *trace, struct err *err)
{
    const struct host_linux_options options = {
        .init_helper = kernel->init_helper, .cgroups = kernel->cgroups};
    struct host *host = NULL;
    return host_linux_new(kernel->base.loop, trace, &options, &host, err) < 0 ? NULL : host;
}

struct host *kernel_agent_host(struct world *world)
{
    struct host *host = new_host(kernel_of(world), world->trace, NULL);
    assert(host); /* the observer's was made the same way */
    return host;
}

void kernel_flags(struct world *world, struct flags *flags)
{
    str_set(&flags->work_dir, world->work_dir);
    str_set(&flags->runtime_dir, world->runtime_dir);
    str_set(&flags->cgroups_root, world->cgroups_root);
    str_set(&flags->launcher, "posix");
    image_flags(flags, kernel_of(world)->directory);
    _cleanup_free_ char *programs = kernel_program_path("mesos-executor");
    *strrchr(programs, '/') = '\0';
    str_set(&flags->launcher_dir, programs);
    _cleanup_free_ char *cache = str_printf("%s/fetch", kernel_of(world)->directory);
    flags_set(flags, "fetcher_cache_dir", cache, NULL);
    _cleanup_free_ char *volumes = str_printf("%s/isolators/docker/volume", world->runtime_dir);
    _cleanup_free_ char *client = str_printf("%s" VOLUME_CLIENT, world->work_dir);
    flags_set(flags, "docker_volume_checkpoint_dir", volumes, NULL);
    flags_set(flags, "docker_volume_client", client, NULL);
    machine_csi_flags(world, flags);
    /* Most scenarios attach to none of their DEBUG containers: each end would take five seconds. */
    flags_set(flags, "io_switchboard_grace", "300ms", NULL);
    if (world->docker_control)
        docker_real_flags(world->docker_control, flags);
}

/* Zombies are this process' own: an agent reaps those that it watches, init those of an agent that
 * has crashed; here supervisor_reap does. */
struct process_info *kernel_processes(struct world *world, size_t *ret_count)
{
    size_t count = 0;
    size_t kept = 0;
    struct process_info *list = supervisor_processes(world->observer, &count);
    for (size_t i = 0; i < count; i++) {
        if (list[i].state != 'Z' && list[i].pid != kernel_of(world)->agent_pid)
            list[kept++] = list[i];
    }
    *ret_count = kept;
    return list;
}

/* Or, when others make some too, one behind it. */
int kernel_next_pid(struct world *world, pid_t pid, struct err *err)
{
    static const char path[] = "/proc/sys/kernel/ns_last_pid";
    (void)world;
    _cleanup_free_ char *text = str_printf("%d", (int)pid - 1);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return err_errno(err, -errno, "write %s to %s", text, path);
    return 0;
}

static void audit_descriptors(const struct kernel_world *kernel, char ***lines)
{
    _cleanup_strv_ char **now = open_descriptors();
    for (size_t i = 0; now && now[i]; i++) {
        if (!strv_contains(kernel->descriptors, now[i]))
            strv_add_owned(lines, str_printf("descriptor %s", now[i]));
    }
}

static void audit_mounts(const struct kernel_world *kernel, char ***lines)
{
    struct mount_info *mounts = NULL;
    size_t count = 0;
    if (host_mounts(kernel->base.observer, 0, &mounts, &count, NULL) < 0)
        return;
    for (size_t i = 0; i < count; i++) {
        if (str_starts(mounts[i].target, kernel->directory) &&
            !str_starts(mounts[i].target, kernel->hierarchies) &&
            !str_equal(mounts[i].target, kernel->base.work_dir))
            strv_add_owned(lines, str_printf("mount %s", mounts[i].target));
    }
    mount_info_free(mounts, count);
}

char **kernel_audit(struct world *world, bool final)
{
    char **lines = NULL;
    if (final)
        supervisor_reap();
    audit_processes(world, &lines);
    audit_cgroups(world, &lines);
    audit_mounts(kernel_of(world), &lines);
    audit_runtime(world, &lines);
    private_network_audit(kernel_of(world)->network, &lines);
    if (world->docker_control)
        docker_real_audit(world->docker_control, &lines);
    if (final)
        audit_descriptors(kernel_of(world), &lines);
    return lines;
}

/* The first line of a file below /proc, for the dump. */
static char *proc_text(pid_t pid, const char *file)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/%s", (int)pid, file);
    FILE *stream = fopen(path, "re");
    char line[400] = "";
    if (stream) {
        size_t length = fread(line, 1, sizeof(line) - 1, stream);
        line[length] = '\0';
        for (size_t i = 0; i < length; i++)
            line[i] = line[i] == '\0' || line[i] == '\n' ? ' ' : line[i];
        fclose(stream);
    }
    return str_dup(line);
}

/* The control files that say why a cgroup does not go. */
static void describe_cgroups(struct world *world, char ***lines)
{
    static const char *const files[] = {"cgroup.procs", "freezer.state", "cgroup.events"};
    const struct cgroup_hierarchies *all = world->observer->cgroups;
    for (size_t i = 0; all && i < all->count; i++) {
        struct cgroup_fs *fs = all->items[i].fs;
        _cleanup_strv_ char **paths = NULL;
        if (!cgroup_exists(fs, world->cgroups_root) ||
            cgroup_descendants(fs, world->cgroups_root, &paths, NULL) < 0)
            continue;
        for (size_t k = 0; paths && paths[k]; k++) {
            for (size_t f = 0; f < ARRAY_SIZE(files); f++) {
                _cleanup_free_ char *text = NULL;
                if (cgroup_read(fs, paths[k], files[f], &text, NULL) < 0)
                    continue;
                for (char *c = text; *c; c++)
                    *c = *c == '\n' ? ' ' : *c;
                strv_add_owned(lines, str_printf("cgroup %s %s/%s: %s", all->items[i].name,
                                          paths[k], files[f], text));
            }
        }
    }
}

char **kernel_describe(struct world *world)
{
    char **lines = NULL;
    size_t count = 0;
    _cleanup_free_ struct process_info *list = kernel_processes(world, &count);
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *command = proc_text(list[i].pid, "cmdline");
        _cleanup_free_ char *stack = proc_text(list[i].pid, "stack");
        _cleanup_free_ char *cgroups = proc_text(list[i].pid, "cgroup");
        strv_add_owned(&lines, str_printf("%d (%c) %s| stack %s| cgroups %s", (int)list[i].pid,
                                   list[i].state, command, stack, cgroups));
    }
    describe_cgroups(world, &lines);
    return lines;
}

void kernel_free_world(struct world *world)
{
    struct kernel_world *kernel = kernel_of(world);
    if (world->docker_control)
        world->docker_control->ops->free(world->docker_control);
    fake_csi_free(world->csi);
    if (world->observer) {
        world_clean(world, kernel->directory);
        host_gone(world->observer);
        host_free(world->observer);
    }
    trace_free(world->trace);
    loop_free(world->loop);
    private_network_leave(kernel->network);
    strv_free(kernel->descriptors);
    free(kernel->directory);
    free(kernel->hierarchies);
    free(kernel->init_helper);
    free(world->work_dir);
    free(world->runtime_dir);
    free(world->cgroups_root);
    free(world->workload);
    free(kernel);
}

/* All agents live in this process, one at a time. A host keeps its inotify once it has one; that it
 * closes it in the end, the final audit sees. */
char **kernel_descriptors(struct world *world, struct host *host)
{
    (void)world, (void)host;
    _cleanup_strv_ char **all = open_descriptors();
    char **lines = NULL;
    for (size_t i = 0; all && all[i]; i++) {
        if (!str_ends(all[i], "anon_inode:inotify"))
            strv_add(&lines, all[i]);
    }
    return lines;
}

static const struct world_ops kernel_world_ops = {.host_new = kernel_agent_host,
    .flags = kernel_flags,
    .descriptors = kernel_descriptors,
    .next_pid = kernel_next_pid,
    .processes = kernel_processes,
    .audit = kernel_audit,
    .describe = kernel_describe,
    .free = kernel_free_world};

/* Whoever looks for what a run has left behind learns the names of its cgroups here, and takes
 * nobody else's for them (ci/left-behind). */
static void tell_name(const char *name)
{
    const char *path = getenv("SEATRIAL_CGROUP_NAMES");
    FILE *file = path && *path ? fopen(path, "ae") : NULL;
    if (!file)
        return;
    fprintf(file, "%s\n", name);
    fclose(file);
}

static const char *directory_above(void)
{
    const char *above = getenv("TMPDIR");
    return above && *above ? above : "/tmp";
}

/* File systems without a device have 0 as its major number. */
static bool has_disk(void)
{
    struct stat info;
    return stat(directory_above(), &info) == 0 && major(info.st_dev) != 0;
}

static int make_directory(struct kernel_world *kernel, struct err *err)
{
    const char *above = directory_above();
    if (strlen(above) > ABOVE_MAX_BYTES)
        return err_set(err, -ENAMETOOLONG, "TMPDIR=%s is too long for the sockets below it", above);
    _cleanup_free_ char *path = str_printf("%s/seatrial-XXXXXX", above);
    if (!mkdtemp(path))
        return err_errno(err, -errno, "make a directory below %s", above);
    /* Containers of other users must get at their sandboxes. */
    chmod(path, 0755);
    kernel->base.work_dir = str_printf("%s/work", path);
    kernel->base.runtime_dir = str_printf("%s/run", path);
    kernel->hierarchies = str_printf("%s/cgroup", path);
    /* Of the same name: no other run has it, in whatever pid namespace. */
    kernel->base.cgroups_root = str_dup(strrchr(path, '/') + 1);
    supervisor_note(path, kernel->base.cgroups_root);
    tell_name(kernel->base.cgroups_root);
    kernel->directory = TAKE_PTR(path);
    return 0;
}

/* What the scenario asks to have of its own. */
static int take_private(struct kernel_world *kernel, uint64_t needs, struct err *err)
{
    _cleanup_free_ char *file = str_printf("%s/disk", kernel->directory);
    const bool network = needs & NEED(CAPABILITY_PRIVATE_NETWORK);
    const bool disk = needs & NEED(CAPABILITY_XFS);
    /* Before the network: its mounts end with it. */
    int r = network || disk ? machine_mounts_unshare() : 0;
    if (r < 0)
        return err_errno(err, r, "make a mount namespace");
    if (network)
        r = private_network_enter(&kernel->network, err);
    if (r < 0 || !disk)
        return r;
    if (mkdir(kernel->base.work_dir, 0755) < 0)
        return err_errno(err, -errno, "make a place for an XFS");
    return private_disk_mount(file, kernel->base.work_dir, err);
}

static int take_docker(
    struct kernel_world *kernel, const struct node *agent, struct err *err)
{
    if (!machine_has_docker(agent))
        return 0;
    _cleanup_free_ char *front = kernel_program_path("seatrial-docker");
    kernel->base.docker_workload = DOCKER_WORKLOAD;
    return docker_control_real(
        kernel->directory, front, kernel->base.workload, &kernel->base.docker_control, err);
}

static int take_volumes(
    struct kernel_world *kernel, const struct node *agent, struct err *err)
{
    if (!machine_has_isolator(agent, "docker/volume"))
        return 0;
    struct host *observer = kernel->base.observer;
    _cleanup_free_ char *program = kernel_program_path("seatrial-dvdcli");
    _cleanup_free_ char *link = str_printf("%s" VOLUME_CLIENT, kernel->base.work_dir);
    _cleanup_free_ char *folder = str_ndup(link, (size_t)(strrchr(link, '/') - link));
    int result = host_mkdir(observer, folder, 0755, true, err);
    return result < 0 ? result : host_symlink(observer, program, link, err);
}

int kernel_world_make(const struct world_options *options, const struct backend *backend,
    const struct world_ops *ops, struct world **ret_world, struct err *err)
{
    supervisor_start();
    struct kernel_world *kernel = mem_alloc(sizeof(*kernel));
    struct world *world = &kernel->base;
    world->ops = ops;
    world->backend = backend;
    kernel->agent_pid = -1;
    kernel->agent = options->agent;
    kernel->cgroups = machine_layout(options->agent);
    kernel->init_helper = kernel_program_path("seatrial-init");
    world->workload = kernel_program_path("seatrial-workload");
    world->loop = loop_uv_new();
    world->trace = trace_new(world->loop, TRACE_KEPT);
    int result = access(world->workload, X_OK) == 0
                     ? make_directory(kernel, err)
                     : err_set(err, -ENOENT, "the workload program %s is missing", world->workload);
    if (result == 0)
        result = take_private(kernel, options->needs, err);
    if (result == 0)
        result = machine_mount(options->agent, kernel->hierarchies, err);
    if (result == 0) {
        world->observer = new_host(kernel, NULL, err);
        result = world->observer ? host_mkdir(world->observer, world->work_dir, 0755, true, err)
                                 : err->code;
    }
    if (result == 0) {
        world->observer_pid = getpid();
        result = take_docker(kernel, options->agent, err);
        if (result == 0)
            result = take_volumes(kernel, options->agent, err);
        if (result == 0)
            result = machine_csi_start(world, options->agent, err);
    }
    if (result < 0) {
        kernel_free_world(world);
        return result;
    }
    kernel->descriptors = open_descriptors();
    *ret_world = world;
    return 0;
}

static int kernel_world_new(
    const struct world_options *options, struct world **ret_world, struct err *err)
{
    return kernel_world_make(options, &backend_kernel, &kernel_world_ops, ret_world, err);
}

static bool has_cgroups(enum capability capability)
{
    bool v1 = machine_has_v1();
    if (capability == CAPABILITY_CGROUPS_V2)
        return machine_cgroup2() != NULL;
    if (capability == CAPABILITY_CGROUPS_HYBRID)
        return v1 && machine_cgroup2() != NULL;
    return capability == CAPABILITY_CGROUPS_V1 ? v1 : v1 || machine_cgroup2();
}

/* What it takes to have it, beyond being root; NULL: nothing is missing. */
static const char *machine_misses(enum capability capability)
{
    switch (capability) {
    case CAPABILITY_DOCKER:
        return docker_real_socket() ? NULL
                                    : "no engine is given: ci/docker-engine run COMMAND starts one";
    case CAPABILITY_CNI:
        return access("/usr/lib/cni/ptp", X_OK) == 0 && access("/usr/sbin/ip", X_OK) == 0
                   ? NULL
                   : "containernetworking-plugins or iproute2 is not installed";
    case CAPABILITY_PRIVATE_NETWORK:
        return private_network_works() ? NULL : "no network namespaces, veth links or iproute2";
    case CAPABILITY_TRAFFIC_CONTROL:
        return traffic_control_works()
                   ? NULL
                   : "tc or ethtool is not installed, or the kernel lacks ingress, u32 or mirred";
    case CAPABILITY_TRAFFIC_SHAPING:
        return traffic_shaping_works() ? NULL : "the kernel lacks the qdiscs htb or fq_codel";
    case CAPABILITY_XFS:
        return private_disk_works()
                   ? NULL
                   : "xfsprogs is not installed, or the kernel mounts no XFS with project quotas";
    case CAPABILITY_PERF:
        return access("/usr/bin/perf", X_OK) == 0 ? NULL : "perf is not installed";
    case CAPABILITY_DISK:
        return has_disk() ? NULL : "the work directory is on no block device";
    case CAPABILITY_STEADY_CPUS:
        return getenv("SEATRIAL_PATIENCE")
                   ? "the machine is emulated, its CPU time is not what it seems"
                   : NULL;
    case CAPABILITY_FUSE:
        return access("/dev/fuse", R_OK | W_OK) == 0 ? NULL : "there is no /dev/fuse";
    default:
        return NULL;
    }
}

bool kernel_has(enum capability capability, const char **ret_reason)
{
    static const char *const lacks[CAPABILITY_COUNT] = {
        [CAPABILITY_VIRTUAL_TIME] = "time is real here",
        [CAPABILITY_KERNEL_KNOBS] = "a real kernel misbehaves only when it wants to",
        [CAPABILITY_SIMULATION] = "this is no simulation",
    };
    static const uint64_t root_only =
        NEED(CAPABILITY_ROOT) | NEED(CAPABILITY_IMAGES) | NEED(CAPABILITY_LINUX_LAUNCHER) |
        NEED(CAPABILITY_NAMESPACES) | NEED(CAPABILITY_MOUNTS) | NEED(CAPABILITY_CNI) |
        NEED(CAPABILITY_PERF) | NEED(CAPABILITY_CGROUPS_V1) | NEED(CAPABILITY_CGROUPS_V2) |
        NEED(CAPABILITY_CGROUPS_HYBRID) | NEED(CAPABILITY_PRIVATE_NETWORK) |
        NEED(CAPABILITY_TRAFFIC_CONTROL) | NEED(CAPABILITY_TRAFFIC_SHAPING) | NEED(CAPABILITY_XFS);
    static const uint64_t on_cgroups = NEED(CAPABILITY_LINUX_LAUNCHER) |
                                       NEED(CAPABILITY_CGROUPS_V1) | NEED(CAPABILITY_CGROUPS_V2) |
                                       NEED(CAPABILITY_CGROUPS_HYBRID);
    *ret_reason = lacks[capability];
    if (*ret_reason)
        return false;
    if ((root_only & NEED(capability)) && geteuid() != 0)
        *ret_reason = "only root can";
    else if ((on_cgroups & NEED(capability)) && !has_cgroups(capability))
        *ret_reason = "the machine has no such cgroups mounted";
    else
        *ret_reason = machine_misses(capability);
    return !*ret_reason;
}

const struct backend backend_kernel = {
    "kernel", "the kernel that this runs on", NULL, 0, kernel_has, machine_lacks, kernel_world_new};
