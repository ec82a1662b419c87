/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about processes and what they demand. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "fakes/cgroupfs/cgroupfs_real.h"
#include "fakes/cgroupfs/control_internal.h"
#include "fakes/kernel/actions.h"
#include "fakes/kernel/io.h"
#include "fakes/kernel/psi.h"

#define ARG(member, kind, ...) JSON_FIELD(struct control_args, member, kind, __VA_ARGS__)
#define PID ARG(pid, JSON_KIND_OPT_I64, .required = true)

struct process *control_process(
    const struct control *control, struct opt_i64 pid, struct err *err)
{
    struct process *process = process_find(control->kernel, (pid_t)pid.value);
    if (!process)
        err_set(err, -ESRCH, "pid %lld: there is no such process", (long long)pid.value);
    return process;
}

/* A live process that is not init. */
static struct process *live(const struct control *control, struct opt_i64 pid, struct err *err)
{
    struct process *process = control_process(control, pid, err);
    if (process && process->state == PROCESS_ZOMBIE)
        err_set(err, -ESRCH, "pid %lld: it is a zombie", (long long)pid.value);
    else if (process && process == control->kernel->init)
        err_set(err, -EPERM, "pid %lld: init takes no commands", (long long)pid.value);
    else
        return process;
    return NULL;
}

/* As the process itself would join: its pid written to cgroup.procs. */
static int join(const struct control *control, const struct process *process, const char *path,
    struct err *err)
{
    struct cgroup_root *root;
    const char *rest;
    char text[16];
    int length = snprintf(text, sizeof(text), "%d", (int)process->pid);
    int result = control_path(control, path, &root, &rest, err);
    if (result)
        return result;
    result = cgroup_file_write(
        root, rest, "cgroup.procs", text, (size_t)length, &cgroup_caller_root);
    return result ? err_errno(err, result, "join %s", path) : 0;
}

static int run_spawn(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process;
    int result = process_fork(control->kernel, NULL, 0, &process);
    if (result)
        return err_errno(err, result, "spawn");
    process->uid = (uid_t)args->uid.value;
    process->gid = (gid_t)args->gid.value;
    process->kernel_thread = args->kernel_thread;
    process_set_command(process, args->command ? args->command : "simulated");
    for (char **path = args->cgroups; !result && path && *path; path++)
        result = join(control, process, *path, err);
    if (result)
        process_exit(process, 0);
    else
        json_object_set_new(reply, "pid", json_integer(process->pid));
    return result;
}

static int run_fork(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *parent = live(control, args->pid, err), *child;
    struct cgroup_node node = {0};
    if (!parent)
        return err->code;
    int result = args->path ? control_node(control, args->path, &node, err) : 0;
    if (result)
        return result;
    if (args->path && (node.file || !node.cgroup->root->v2))
        return err_set(err, -EINVAL, "path: \"%s\" is no cgroup of v2", args->path);
    result = process_fork_into(control->kernel, parent, 0, node.cgroup, &child);
    if (result)
        return err_errno(err, result, "fork of %d", (int)parent->pid);
    json_object_set_new(reply, "pid", json_integer(child->pid));
    return 0;
}

static int run_thread(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = live(control, args->pid, err);
    struct task *task;
    if (!process)
        return err->code;
    int result = process_thread(process, &task);
    if (result)
        return err_errno(err, result, "thread of %d", (int)process->pid);
    json_object_set_new(reply, "tid", json_integer(task->tid));
    return 0;
}

static int run_exit(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = live(control, args->pid, err);
    (void)reply;
    if (!process)
        return err->code;
    int signal = args->signal ? action_signal(args->signal) : 0;
    if (args->signal && !signal)
        return err_set(err, -EINVAL, "signal: \"%s\" is none", args->signal);
    process_exit(process, signal ? signal : ((int)args->status.value & 0xff) << 8);
    if (!args->zombie && process->state == PROCESS_ZOMBIE && !process->reaped)
        process_reap(process);
    return 0;
}

static int run_reap(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = control_process(control, args->pid, err);
    if (!process)
        return err->code;
    if (process->state != PROCESS_ZOMBIE)
        return err_set(err, -ECHILD, "pid %d: it is alive", (int)process->pid);
    int status = process->exit_status;
    json_object_set_new(reply, WIFSIGNALED(status) ? "signal" : "status",
        json_integer(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
    process_reap(process);
    return 0;
}

static int run_signal(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = control_process(control, args->pid, err);
    (void)reply;
    if (!process)
        return err->code;
    int signal = action_signal(args->signal);
    if (!signal && strcmp(args->signal, "0"))
        return err_set(err, -EINVAL, "signal: \"%s\" is none", args->signal);
    int result = process_signal(process, signal);
    return result ? err_errno(err, result, "signal %d", (int)args->pid.value) : 0;
}

/* ---------------------------------------------------------------------- demand */

static int run_alloc(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = live(control, args->pid, err);
    if (!process)
        return err->code;
    int result = process_allocate(process, args->bytes.value);
    json_object_set_new(reply, "killed", json_boolean(result == -EINTR));
    if (result == -EINTR)
        return 0;
    json_object_set_new(reply, "resident", json_integer((json_int_t)process->resident_bytes));
    if (!result && cgroup_memory_stall(process, NULL, NULL))
        json_object_set_new(reply, "stalls", json_true());
    return result ? err_errno(err, result, "alloc by %d", (int)process->pid) : 0;
}

static int run_free(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = live(control, args->pid, err);
    if (!process)
        return err->code;
    process_release_memory(
        process, args->bytes.set ? args->bytes.value : process->resident_bytes);
    json_object_set_new(reply, "resident", json_integer((json_int_t)process->resident_bytes));
    return 0;
}

static uint64_t duration_ns(const struct control_args *args)
{
    return args->ns.value + args->ms.value * NS_PER_MS + args->s.value * NS_PER_SEC;
}

static int run_burn(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = live(control, args->pid, err);
    double share = args->system_share.value;
    (void)reply;
    if (!process)
        return err->code;
    if (!(share >= 0 && share <= 1))
        return err_set(err, -EINVAL, "system_share: expected a number from 0 to 1");
    sched_update(control->kernel);
    task_demand(
        process->leader, args->forever ? UINT64_MAX : duration_ns(args), share, NULL);
    return 0;
}

static int run_io(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct process *process = live(control, args->pid, err);
    unsigned major, minor;
    (void)reply;
    if (!process)
        return err->code;
    if (sscanf(args->device ? args->device : "8:0", "%u:%u", &major, &minor) != 2)
        return err_set(err, -EINVAL, "device: expected MAJOR:MINOR, got \"%s\"", args->device);
    io_account(
        process->leader, major, minor, args->read_bytes.value, args->written_bytes.value);
    return 0;
}

/* It has waited for a resource, which shows in the pressure of its cgroups. */
static int run_stall(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    static const struct {
        const char *name;
        enum psi_resource resource;
    } resources[] = {{"io", PSI_IO}, {"memory", PSI_MEMORY}, {"cpu", PSI_CPU}};
    struct process *process = live(control, args->pid, err);
    (void)reply;
    if (!process)
        return err->code;
    for (size_t i = 0; i < ARRAY_SIZE(resources); i++)
        if (!strcmp(resources[i].name, args->name)) {
            psi_task_stalled(
                process->leader, resources[i].resource, duration_ns(args) / NS_PER_US);
            return 0;
        }
    return err_set(err, -EINVAL, "name: \"%s\": expected io, memory or cpu", args->name);
}

/* A process of the host that wrote its pid, from the record. */
static int run_real(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    (void)reply;
    struct process *process = process_find(control->kernel, (pid_t)args->pid.value);
    if (!args->thread.set) {
        if (process && process->state != PROCESS_ZOMBIE)
            process_exit(process, 0);
        return 0;
    }
    if (!cgroupfs_real_make(control->kernel, (pid_t)args->pid.value, (pid_t)args->thread.value,
            (uid_t)args->uid.value, (gid_t)args->gid.value, args->kernel_thread))
        return err_set(err, -EAGAIN, "pid %lld cannot be had", (long long)args->pid.value);
    return 0;
}

static const struct json_field spawn_fields[] = {CONTROL_COMMON, ARG(cgroups, JSON_KIND_STRINGS),
    ARG(command, JSON_KIND_STRING), ARG(uid, JSON_KIND_OPT_I64), ARG(gid, JSON_KIND_OPT_I64),
    ARG(kernel_thread, JSON_KIND_BOOL)};
static const struct json_field fork_fields[] = {CONTROL_COMMON, PID, ARG(path, JSON_KIND_STRING)};
static const struct json_field pid_fields[] = {CONTROL_COMMON, PID};
static const struct json_field exit_fields[] = {CONTROL_COMMON, PID,
    ARG(status, JSON_KIND_OPT_I64), ARG(signal, JSON_KIND_STRING), ARG(zombie, JSON_KIND_BOOL)};
static const struct json_field signal_fields[] = {
    CONTROL_COMMON, PID, ARG(signal, JSON_KIND_STRING, .required = true)};
static const struct json_field alloc_fields[] = {
    CONTROL_COMMON, PID, ARG(bytes, JSON_KIND_OPT_U64, .required = true)};
static const struct json_field free_fields[] = {CONTROL_COMMON, PID, ARG(bytes, JSON_KIND_OPT_U64)};
static const struct json_field burn_fields[] = {CONTROL_COMMON, PID, ARG(ns, JSON_KIND_OPT_U64),
    ARG(ms, JSON_KIND_OPT_U64), ARG(s, JSON_KIND_OPT_U64), ARG(forever, JSON_KIND_BOOL),
    ARG(system_share, JSON_KIND_OPT_DOUBLE)};
static const struct json_field io_fields[] = {CONTROL_COMMON, PID, ARG(device, JSON_KIND_STRING),
    ARG(read_bytes, JSON_KIND_OPT_U64), ARG(written_bytes, JSON_KIND_OPT_U64)};
static const struct json_field stall_fields[] = {CONTROL_COMMON, PID,
    ARG(name, JSON_KIND_STRING, .required = true), ARG(ns, JSON_KIND_OPT_U64),
    ARG(ms, JSON_KIND_OPT_U64), ARG(s, JSON_KIND_OPT_U64)};
static const struct json_field real_fields[] = {CONTROL_COMMON, PID,
    ARG(thread, JSON_KIND_OPT_I64), ARG(uid, JSON_KIND_OPT_I64), ARG(gid, JSON_KIND_OPT_I64),
    ARG(kernel_thread, JSON_KIND_BOOL)};

const struct control_command control_process_commands[] = {
    {"spawn", "a new process, a child of init", true, CONTROL_FIELDS(spawn_fields), run_spawn},
    {"fork", "a child of pid; with path born in that cgroup of v2", true,
        CONTROL_FIELDS(fork_fields), run_fork},
    {"thread", "a thread of pid", true, CONTROL_FIELDS(pid_fields), run_thread},
    {"exit", "pid ends, and is reaped unless zombie", true, CONTROL_FIELDS(exit_fields), run_exit},
    {"reap", "takes the status of a zombie", true, CONTROL_FIELDS(pid_fields), run_reap},
    {"signal", "kill(2)", true, CONTROL_FIELDS(signal_fields), run_signal},
    {"alloc", "touches memory; may reclaim, or kill", true, CONTROL_FIELDS(alloc_fields),
        run_alloc},
    {"free", "gives memory back; without bytes all", true, CONTROL_FIELDS(free_fields), run_free},
    {"burn", "wants so much CPU time, while time advances", true, CONTROL_FIELDS(burn_fields),
        run_burn},
    {"io", "transfers of a block device, 8:0 by default", true, CONTROL_FIELDS(io_fields), run_io},
    {"stall", "has waited so long for name: io, memory or cpu", true,
        CONTROL_FIELDS(stall_fields), run_stall},
    {"real", "a process of the host, as the record has it", true, CONTROL_FIELDS(real_fields),
        run_real},
    {.op = NULL},
};
