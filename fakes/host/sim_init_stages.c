/* SPDX-License-Identifier: Apache-2.0 */
/* The stages of launchers.md 5 that the simulated machine has. */
#include "fakes/host/sim_init_stages.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "fakes/kernel/namespace.h"
#include "fakes/kernel/process.h"
#include "fakes/kernel/workload.h"
#include "fakes/vfs.h"

static struct vfs *init_vfs(const struct sim_init *init)
{
    return init->process->kernel->vfs;
}

/* Most plans need neither mounts nor limits: those are not copied whole. */
void init_keep_plan(struct sim_init *init, const struct plan *plan)
{
    const struct launch_info *info = &plan->info;
    if (info->command && info->command->value)
        plan_arguments(info->command, &init->argv, NULL);
    init->environment = plan_environment(info);
    init->working_directory = str_dup(info->working_directory);
    init->user = str_dup(info->user);
    init->mounts_allowed = plan->clone_namespaces & NS_BIT(NS_MNT);
    init->enters_mount_namespace = plan->mount_namespace_pid > 0;
    const struct process *target = init->enters_mount_namespace
        ? process_find(init->process->kernel, plan->mount_namespace_pid) : NULL;
    if (target && target->state != PROCESS_ZOMBIE)
        init->mount_namespace = namespace_get(target->namespaces[NS_MNT]);
    if (!info->rootfs && info->mounts_count == 0 && info->file_operations_count == 0 &&
        info->pre_exec_commands_count == 0 && !info->rlimits && !info->masked_paths)
        return;
    init->info = mem_alloc(sizeof(*init->info));
    json_type_copy(&launch_info_json, init->info, info);
}

void init_forget_plan(struct sim_init *init)
{
    namespace_put(TAKE_PTR(init->mount_namespace));
    init->argv = strv_free(init->argv);
    init->environment = strv_free(init->environment);
    free(TAKE_PTR(init->working_directory));
    free(TAKE_PTR(init->user));
    if (init->info)
        json_type_release(&launch_info_json, init->info);
    free(TAKE_PTR(init->info));
}

/* Stages 3 and 7. */
static int stage_check(struct sim_init *init, struct err *err)
{
    if (!init->argv)
        return err_set(err, -EINVAL, "the launch info has no command with a value");
    const struct launch_info *info = init->info;
    if (init->enters_mount_namespace && info && (info->rootfs || info->mounts_count > 0))
        return err_set(err, -EINVAL, "mounts or a root in a mount namespace that is entered");
    return 0;
}

/* Stage 8. */
static int stage_rootfs(struct sim_init *init, struct err *err)
{
    if (!init->info || !init->info->rootfs)
        return 0;
    const char *rootfs = init->info->rootfs;
    _cleanup_free_ char *real = NULL;
    int r = vfs_real_path(init_vfs(init), rootfs, &real);
    if (r < 0)
        return err_errno(err, r, "root %s", rootfs);
    if (!str_equal(real, rootfs))
        return err_set(err, -EINVAL, "root %s is really %s", rootfs, real);
    return 0;
}

static bool is_directory(struct vfs *vfs, const char *path)
{
    struct vfs_info info;
    return vfs_info(vfs, path, true, &info) == 0 && info.type == 'd';
}

/* launchers.md 5.1: a missing target is made, as what its source is. */
static int mount_target_make(struct vfs *vfs, const struct mount_entry *mount)
{
    struct vfs_info info;
    if (!mount->source || vfs_info(vfs, mount->target, true, &info) == 0)
        return 0;
    if (vfs_info(vfs, mount->source, true, &info) < 0 || info.type == 'd')
        return vfs_mkdir(vfs, mount->target, 0755, true);
    _cleanup_free_ char *parent = str_dup(mount->target);
    char *slash = strrchr(parent, '/');
    if (slash && slash != parent) {
        *slash = '\0';
        int r = vfs_mkdir(vfs, parent, 0755, true);
        if (r < 0 && r != -EEXIST)
            return r;
    }
    return vfs_write(vfs, mount->target, "", 0, 0644, false);
}

static int init_mount(struct sim_init *init, const struct mount_entry *mount, struct err *err)
{
    struct vfs *vfs = init_vfs(init);
    int r = mount_target_make(vfs, mount);
    if (r == 0) {
        uint64_t inode = init->process->namespaces[NS_MNT]->inode;
        init->own_mounts = true;
        r = sim_mounts_add(init->world, sim_mounts_of(init->world, inode, true), mount);
    }
    return r < 0 ? err_errno(err, r, "mount %s on %s", mount->source ? mount->source : mount->type,
                       mount->target)
                 : 0;
}

/* Without a mount namespace of its own all of these would change the host's mounts. */
static int check_unmounted(const struct launch_info *info, struct err *err)
{
    bool mounts = info->mounts_count > 0;
    for (size_t i = 0; i < info->file_operations_count; i++)
        mounts |= info->file_operations[i].operation == FILE_OPERATION_MOUNT;
    if (mounts)
        return err_set(err, -EINVAL, "mounts without a mount namespace");
    if (info->rootfs)
        return err_set(err, -EINVAL, "a root without a mount namespace");
    if (info->masked_paths && info->masked_paths[0])
        return err_set(err, -EINVAL, "masked paths without a mount namespace");
    return 0;
}

/* Stage 9. */
static int stage_mounts(struct sim_init *init, struct err *err)
{
    const struct launch_info *info = init->info;
    if (!info)
        return 0;
    if (!init->mounts_allowed)
        return check_unmounted(info, err);
    for (size_t i = 0; i < info->mounts_count; i++) {
        int r = init_mount(init, &info->mounts[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int file_operation_do(
    struct sim_init *init, const struct file_operation *operation, struct err *err)
{
    struct vfs *vfs = init_vfs(init);
    int r = 0;
    switch ((enum file_operation_kind)operation->operation) {
    case FILE_OPERATION_SYMLINK:
        r = vfs_symlink(vfs, operation->source, operation->target);
        break;
    case FILE_OPERATION_RENAME:
        r = vfs_rename(vfs, operation->source, operation->target);
        break;
    case FILE_OPERATION_MKDIR:
        r = vfs_mkdir(vfs, operation->target, 0755, operation->recursive);
        break;
    case FILE_OPERATION_MOUNT:
        return init_mount(init, operation->mount, err);
    }
    return r < 0 ? err_errno(err, r, "file operation on %s", operation->target) : 0;
}

/* Stage 11. */
static int stage_files(struct sim_init *init, struct err *err)
{
    const struct launch_info *info = init->info;
    for (size_t i = 0; info && i < info->file_operations_count; i++) {
        int r = file_operation_do(init, &info->file_operations[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Stage 15. */
static int stage_enter(struct sim_init *init, struct err *err)
{
    if (!init->enters_mount_namespace)
        return 0;
    if (!init->mount_namespace)
        return err_errno(err, -ENOENT, "enter the mount namespace");
    namespace_put(init->process->namespaces[NS_MNT]);
    init->process->namespaces[NS_MNT] = TAKE_PTR(init->mount_namespace);
    return 0;
}

/* Stages 13 and 20. */
static int stage_user(struct sim_init *init, struct err *err)
{
    if (!init->user)
        return 0;
    const struct sim_user *user = sim_user_find(init->user);
    if (!user)
        return err_set(err, -ENOENT, "there is no user %s", init->user);
    init->process->uid = user->uid;
    init->process->gid = user->gid;
    return 0;
}

/* What setrlimit(2) knows on Linux. */
static const char *const rlimit_types[] = {"RLMT_AS", "RLMT_CORE", "RLMT_CPU", "RLMT_DATA",
    "RLMT_FSIZE", "RLMT_LOCKS", "RLMT_MEMLOCK", "RLMT_MSGQUEUE", "RLMT_NICE", "RLMT_NOFILE",
    "RLMT_NPROC", "RLMT_RSS", "RLMT_RTPRIO", "RLMT_RTTIME", "RLMT_SIGPENDING", "RLMT_STACK", NULL};

/* Stage 17, launchers.md 5.4. */
static int stage_rlimits(struct sim_init *init, struct err *err)
{
    const struct rlimit_info *rlimits = init->info ? init->info->rlimits : NULL;
    for (size_t i = 0; rlimits && i < rlimits->rlimits_count; i++) {
        const struct rlimit *rlimit = &rlimits->rlimits[i];
        if (rlimit->soft.set != rlimit->hard.set)
            return err_set(err, -EINVAL, "%s: one of soft and hard limit only", rlimit->type);
        if (!strv_contains((char *const *)rlimit_types, rlimit->type))
            return err_set(err, -EINVAL, "unknown resource limit %s", rlimit->type);
    }
    return 0;
}

/* The host path of a path inside: below the root, or where a bind mount leads. */
static char *host_path(const struct sim_init *init, const char *path)
{
    const struct launch_info *info = init->info;
    if (!info)
        return str_dup(path);
    _cleanup_free_ char *inside =
        info->rootfs ? str_printf("%s%s", info->rootfs, path) : str_dup(path);
    const struct mount_entry *best = NULL;
    size_t best_length = 0;
    for (size_t i = 0; i < info->mounts_count; i++) {
        const struct mount_entry *mount = &info->mounts[i];
        size_t length = strlen(mount->target);
        if (!(mount->flags & MS_BIND) || length < best_length ||
            strncmp(inside, mount->target, length) != 0 ||
            (inside[length] != '\0' && inside[length] != '/'))
            continue;
        best = mount;
        best_length = length;
    }
    return best ? str_printf("%s%s", best->source, inside + best_length) : str_dup(inside);
}

/* Stage 18. */
static int stage_directory(struct sim_init *init, struct err *err)
{
    if (!init->working_directory)
        return 0;
    _cleanup_free_ char *path = host_path(init, init->working_directory);
    vfs_mkdir(init_vfs(init), path, 0755, true);
    if (!is_directory(init_vfs(init), path))
        return err_errno(err, -ENOTDIR, "working directory %s", init->working_directory);
    return 0;
}

/* A bind mount below the root leads elsewhere in the file system. */
static size_t mapping_add(const struct mount_entry *mount, const char *rootfs,
    struct workload_mapping *mappings, size_t count)
{
    size_t root_length = rootfs ? strlen(rootfs) : 0;
    if (!mount || !(mount->flags & MS_BIND) || !mount->source ||
        (root_length > 0 && strncmp(mount->target, rootfs, root_length) != 0))
        return count;
    const char *inside = mount->target + root_length;
    mappings[count] = (struct workload_mapping){
        .inside = inside[0] ? inside : "/", .outside = mount->source};
    return count + 1;
}

/* What the workload sees of its mounts, and of those among its file operations. */
static size_t mappings_make(const struct sim_init *init, struct workload_mapping **ret_mappings)
{
    const struct launch_info *info = init->info;
    size_t count = 0;
    size_t most = info ? info->mounts_count + info->file_operations_count : 0;
    if (most == 0)
        return 0;
    struct workload_mapping *mappings = mem_alloc(most * sizeof(*mappings));
    for (size_t i = 0; i < info->mounts_count; i++)
        count = mapping_add(&info->mounts[i], info->rootfs, mappings, count);
    for (size_t i = 0; i < info->file_operations_count; i++)
        count = mapping_add(info->file_operations[i].mount, info->rootfs, mappings, count);
    *ret_mappings = mappings;
    return count;
}

/* "RLMT_NOFILE" -> "nofile"; limits without values are unlimited. */
static size_t limits_make(const struct sim_init *init, struct workload_limit **ret_limits)
{
    const struct rlimit_info *rlimits = init->info ? init->info->rlimits : NULL;
    if (!rlimits || rlimits->rlimits_count == 0)
        return 0;
    struct workload_limit *limits = mem_alloc(rlimits->rlimits_count * sizeof(*limits));
    for (size_t i = 0; i < rlimits->rlimits_count; i++) {
        const struct rlimit *rlimit = &rlimits->rlimits[i];
        char *name = str_dup(str_starts(rlimit->type, "RLMT_") ? rlimit->type + 5 : rlimit->type);
        for (char *at = name; *at; at++)
            *at = (char)tolower((unsigned char)*at);
        limits[i] = (struct workload_limit){
            .name = name,
            .soft = rlimit->soft.set ? rlimit->soft.value : UINT64_MAX,
            .hard = rlimit->hard.set ? rlimit->hard.value : UINT64_MAX,
        };
    }
    *ret_limits = limits;
    return rlimits->rlimits_count;
}

static void limits_free(struct workload_limit *limits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)(uintptr_t)limits[i].name);
    free(limits);
}

static int workload_begin(const struct sim_init *init, struct process *process)
{
    _cleanup_free_ struct workload_mapping *mappings = NULL;
    struct workload_limit *limits = NULL;
    struct workload_start start = {
        .argv = init->argv,
        .environment = init->environment,
        .directory = init->working_directory,
        .stdin_path = init->input_path,
        .stdout_path = init->output_path,
        .stderr_path = init->errors_path,
        .rootfs = init->info ? init->info->rootfs : NULL,
    };
    start.mappings_count = mappings_make(init, &mappings);
    start.mappings = mappings;
    start.limits_count = limits_make(init, &limits);
    start.limits = limits;
    int r = sim_player_play(init->world, process, &start) ? 0 : workload_start(process, &start);
    limits_free(limits, start.limits_count);
    return r;
}

/* Stages 23 to 25. The command runs as the child of init, or in its place when there is no status
 * to write. Init may be freed afterwards. */
static void init_exec(struct sim_init *init)
{
    struct process *process = init->process;
    struct process *child = NULL;
    if (!init->status_path) {
        init_detach(init);
        int r = workload_begin(init, process);
        init_free(init);
        if (r < 0)
            process_exit(process, STATUS_EXIT_1);
        return;
    }
    int r = process_fork(process->kernel, process, 0, &child);
    if (r < 0) {
        init_fail(init, "fork: %s", err_name(r));
        return;
    }
    init->workload = child;
    init->state = INIT_RUNNING;
    if (workload_begin(init, child) < 0)
        process_exit(child, STATUS_EXIT_1);
    init_forget_plan(init);
}

typedef int (*stage_fn)(struct sim_init *init, struct err *err);
static const stage_fn stages_before[] = {stage_check, stage_rootfs, stage_mounts, stage_files};
static const stage_fn stages_after[] = {stage_enter, stage_user, stage_rlimits, stage_directory};

static bool stages_walk(struct sim_init *init, const stage_fn *stages, size_t count)
{
    _cleanup_err_ struct err err = ERR_INIT;
    for (size_t i = 0; i < count; i++) {
        if (stages[i](init, &err) < 0) {
            init_fail(init, "%s", err_text(&err));
            return false;
        }
    }
    return true;
}

/* Stage 12: one command a call, and back when it has ended; true when there is none left. */
static bool pre_exec_step(struct sim_init *init)
{
    const struct launch_info *info = init->info;
    if (!info || init->next_pre_exec == info->pre_exec_commands_count)
        return true;
    const struct command_info *command = &info->pre_exec_commands[init->next_pre_exec++];
    _cleanup_strv_ char **argv = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    struct sim_program_result result = {0};
    int r = plan_arguments(command, &argv, &err);
    if (r == 0 && command->shell) {
        strv_free(argv);
        argv = strv_split(command->value, " ");
    }
    /* A shell knows whose child it is. */
    _cleanup_free_ char *parent = str_printf("PPID=%d", (int)init->process->pid);
    char *const variables[] = {parent, NULL};
    if (r == 0 && argv && argv[0])
        r = sim_program_play(init->world,
            &(struct run_request){.argv = argv, .variables = variables}, &result);
    if (r < 0 || result.status != 0) {
        init_fail(init, "pre-exec command %s failed", command->value ? command->value : "");
        return false;
    }
    if (result.duration_ns != UINT64_MAX)
        init_continue(init, result.duration_ns);
    return false;
}

void init_stages(struct sim_init *init)
{
    if (!init->walked_before) {
        init->walked_before = true;
        if (!stages_walk(init, stages_before, ARRAY_SIZE(stages_before)))
            return;
    }
    if (!pre_exec_step(init) || !stages_walk(init, stages_after, ARRAY_SIZE(stages_after)))
        return;
    init_exec(init);
}
