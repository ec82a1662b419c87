/* SPDX-License-Identifier: Apache-2.0 */
/* Containers of the simulated engine: a shim, its child, and their cgroups. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "fakes/docker/engine.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/workload.h"

#define CGROUP_PARENT "docker"

struct box *box_find(const struct fake_docker *engine, const char *name)
{
    if (*name == '/')
        name++;
    list_for_each(node, &engine->boxes) {
        struct box *box = list_entry(node, struct box, node);
        if (str_equal(box->options.name, name) || str_equal(box->id, name))
            return box;
    }
    return NULL;
}

struct box *box_new(struct fake_docker *engine, const struct docker_run_options *options,
    const struct engine_image *image)
{
    struct box *box = mem_alloc(sizeof(*box));
    box->engine = engine;
    box->id = str_printf("%064x", ++engine->last_id);
    box->image = image;
    json_type_copy(&docker_run_options_json, &box->options, options);
    if (!box->options.name)
        box->options.name = str_printf("simulated_%u", engine->last_id);
    list_append(&engine->boxes, &box->node);
    return box;
}

void box_free(struct box *box)
{
    list_remove(&box->node);
    loop_timer_stop(box->engine->kernel->loop, box->ending);
    if (box->shim)
        box->shim->behaviour = NULL;
    docker_run_options_release(&box->options);
    free(box->id);
    free(box);
}

/* --- cgroups --- */

static char *box_cgroup(const struct box *box)
{
    return str_printf(CGROUP_PARENT "/%s", box->id);
}

static void write_text(
    struct cgroup_root *root, const char *path, const char *file, const char *text)
{
    cgroup_file_write(root, path, file, text, strlen(text), &cgroup_caller_root);
}

static void write_number(
    struct cgroup_root *root, const char *path, const char *file, const struct opt_u64 *number)
{
    _cleanup_free_ char *text = str_printf("%lu", (unsigned long)number->value);
    if (number->set)
        write_text(root, path, file, text);
}

/* A v1 cpuset must be filled before a process can be put into it. */
static void copy_cpuset(struct cgroup_root *root, const char *from, const char *to)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        char *text = NULL;
        size_t length = 0;
        if (cgroup_file_read(root, from, files[i], &cgroup_caller_root, &text, &length) == 0)
            write_text(root, to, files[i], text);
        free(text);
    }
}

/* What docker's options ask for; files that a hierarchy does not have are no error. */
static void apply_limits(const struct box *box, struct cgroup_root *root, const char *path)
{
    const struct docker_run_options *options = &box->options;
    write_number(root, path, "cpu.shares", &options->cpu_shares);
    write_number(root, path, "cpu.cfs_quota_us", &options->cpu_quota);
    write_number(root, path, "memory.soft_limit_in_bytes", &options->memory_reservation);
    write_number(root, path, "memory.limit_in_bytes", &options->memory);
    const struct opt_u64 with_swap = {options->memory.set, 2 * options->memory.value};
    write_number(root, path, "memory.memsw.limit_in_bytes", &with_swap);
    if (!cgroup_root_is_v2(root))
        return;
    write_number(root, path, "memory.low", &options->memory_reservation);
    write_number(root, path, "memory.max", &options->memory);
    _cleanup_free_ char *quota =
        str_printf("%lu 100000", (unsigned long)options->cpu_quota.value);
    if (options->cpu_quota.set)
        write_text(root, path, "cpu.max", quota);
}

static int enter_cgroups(const struct box *box, const struct process *process)
{
    struct kernel *kernel = box->engine->kernel;
    _cleanup_free_ char *path = box_cgroup(box);
    _cleanup_free_ char *pid = str_printf("%d", (int)process->pid);
    int result = 0;
    for (unsigned i = 0; i < kernel->hierarchies_count && result == 0; i++) {
        struct cgroup_root *root = kernel->hierarchies[i];
        cgroup_mkdir(root, CGROUP_PARENT, 0755, &cgroup_caller_root);
        if (cgroup_root_is_v2(root)) {
            write_text(root, "", "cgroup.subtree_control", "+cpu +memory +pids");
            write_text(root, CGROUP_PARENT, "cgroup.subtree_control", "+cpu +memory +pids");
        } else {
            copy_cpuset(root, "", CGROUP_PARENT);
        }
        result = cgroup_mkdir(root, path, 0755, &cgroup_caller_root);
        if (result < 0)
            continue;
        copy_cpuset(root, CGROUP_PARENT, path);
        apply_limits(box, root, path);
        result = cgroup_file_write(
            root, path, "cgroup.procs", pid, strlen(pid), &cgroup_caller_root);
    }
    return result;
}

static void remove_cgroups(const struct box *box)
{
    struct kernel *kernel = box->engine->kernel;
    _cleanup_free_ char *path = box_cgroup(box);
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        cgroup_rmdir(kernel->hierarchies[i], path, &cgroup_caller_root);
        /* the parent goes with the last of its children */
        cgroup_rmdir(kernel->hierarchies[i], CGROUP_PARENT, &cgroup_caller_root);
    }
}

/* --- the shim, and the process below it --- */

static void box_ended(void *arg)
{
    struct box *box = arg;
    struct process *shim = TAKE_PTR(box->shim);
    box->ending = NULL;
    box->state = BOX_EXITED;
    shim->behaviour = NULL;
    process_exit(shim, 0);
    remove_cgroups(box);
    engine_box_ended(box);
}

/* Ending is told from the loop: the kernel is in the middle of something. */
static void shim_child_ended(struct process *shim, struct process *child)
{
    struct box *box = shim->behaviour_data;
    if (child == box->process) {
        box->status = child->exit_status;
        box->process = NULL;
        box->ending = loop_timer_start(shim->kernel->loop, 0, box_ended, box);
    }
    process_reap(child);
}

static const struct process_behaviour shim_behaviour = {.child_ended = shim_child_ended};

/* "outside:inside[:mode]" of -v. */
static size_t mappings_make(const struct box *box, struct workload_mapping **ret_mappings)
{
    char *const *volumes = box->options.volumes;
    size_t count = strv_length(volumes);
    struct workload_mapping *mappings = mem_alloc((count + 1) * sizeof(*mappings));
    for (size_t i = 0; i < count; i++) {
        const char *inside = strchr(volumes[i], ':');
        const char *end = inside ? strchr(inside + 1, ':') : NULL;
        if (!inside)
            continue;
        mappings[i].outside = str_ndup(volumes[i], (size_t)(inside - volumes[i]));
        mappings[i].inside = end ? str_ndup(inside + 1, (size_t)(end - inside - 1))
                                 : str_dup(inside + 1);
    }
    *ret_mappings = mappings;
    return count;
}

static char **arguments_make(const struct box *box)
{
    const struct docker_run_options *options = &box->options;
    char **arguments = NULL;
    if (options->entrypoint)
        strv_add(&arguments, options->entrypoint);
    else
        arguments = strv_copy(box->image->entrypoint);
    char *const *rest = options->arguments && options->arguments[0] ? options->arguments
        : options->entrypoint                                       ? NULL
                                                                    : box->image->command;
    for (size_t i = 0; rest && rest[i]; i++)
        strv_add(&arguments, rest[i]);
    return arguments;
}

static char **environment_make(const struct box *box)
{
    char **environment = strv_copy(box->image->environment);
    for (size_t i = 0; i < box->options.environment_count; i++)
        strv_add_owned(&environment,
            str_printf("%s=%s", box->options.environment[i].name,
                box->options.environment[i].value));
    return environment;
}

static int play(const struct box *box, struct process *process)
{
    _cleanup_strv_ char **arguments = arguments_make(box);
    _cleanup_strv_ char **environment = environment_make(box);
    struct workload_mapping *mappings = NULL;
    size_t count = mappings_make(box, &mappings);
    const struct workload_start start = {
        .argv = arguments,
        .environment = environment,
        .stdout_path = box->options.stdout_path,
        .stderr_path = box->options.stderr_path,
        .mappings = mappings,
        .mappings_count = count,
    };
    int r = executor_play(box->engine, process, &start) ? 0 : workload_start(process, &start);
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)mappings[i].inside);
        free((char *)(uintptr_t)mappings[i].outside);
    }
    free(mappings);
    return r;
}

int box_start(struct box *box)
{
    static const unsigned namespaces =
        NS_BIT(NS_PID) | NS_BIT(NS_MNT) | NS_BIT(NS_UTS) | NS_BIT(NS_IPC) | NS_BIT(NS_NET);
    struct kernel *kernel = box->engine->kernel;
    struct process *shim = NULL;
    struct process *process = NULL;
    int r = process_fork(kernel, NULL, 0, &shim);
    if (r < 0)
        return r;
    process_setsid(shim);
    process_set_command(shim, "containerd-shim");
    r = process_fork(kernel, shim, namespaces, &process);
    if (r == 0) {
        shim->behaviour = &shim_behaviour;
        shim->behaviour_data = box;
        box->shim = shim;
        box->process = process;
        process_setsid(process);
        r = enter_cgroups(box, process);
    }
    if (r == 0)
        r = play(box, process);
    if (r < 0) {
        box->process = NULL;
        box->shim = NULL;
        if (process) {
            shim->behaviour = NULL;
            process_exit(process, SIGKILL);
        }
        process_exit(shim, 0);
        remove_cgroups(box);
        return r;
    }
    box->state = BOX_RUNNING;
    box->started_ns = (struct opt_u64)OPT(loop_now_ns(kernel->loop));
    return 0;
}

void box_signal(struct box *box, int signal)
{
    if (box->process)
        process_signal(box->process, signal);
}
