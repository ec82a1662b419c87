/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about the whole: time, faults, the record of all changes, snapshots, the state. */
#include <errno.h>
#include <string.h>

#include "fakes/cgroupfs/control_internal.h"
#include "fakes/sim_loop.h"

#define ARG(member, kind, ...) JSON_FIELD(struct control_args, member, kind, __VA_ARGS__)
#define ADVANCE_MAX_NS (NS_PER_SEC * 86400 * 365)
#define TRACE_LIMIT 1000

static int run_ping(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    static const char *const layouts[] = {"v1", "v2", "hybrid", "none"};
    (void)args, (void)err;
    json_object_set_new(reply, "kernel", json_string(control->kernel->profile->name));
    json_object_set_new(reply, "hierarchy", json_string(layouts[control->kernel->layout]));
    json_object_set_new(
        reply, "now_ns", json_integer((json_int_t)loop_now_ns(control->kernel->loop)));
    json_object_set_new(reply, "requests", json_integer((json_int_t)control->fs->requests));
    return 0;
}

static int run_advance(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct loop *loop = control->kernel->loop;
    uint64_t ms = args->ms.value, s = args->s.value, ns = args->ns.value;
    if (ns > ADVANCE_MAX_NS || ms > ADVANCE_MAX_NS / NS_PER_MS || s > ADVANCE_MAX_NS / NS_PER_SEC)
        return err_set(err, -EINVAL, "expected at most a year");
    sim_loop_advance(loop, ns + ms * NS_PER_MS + s * NS_PER_SEC);
    sched_update(control->kernel);
    json_object_set_new(reply, "now_ns", json_integer((json_int_t)loop_now_ns(loop)));
    return 0;
}

/* ---------------------------------------------------------------------- faults */

static int operation_find(const char *name)
{
    for (int i = 0; i < OPERATION_COUNT; i++)
        if (!strcmp(cgroupfs_operation_names[i], name))
            return i;
    return -1;
}

static int errno_find(const char *name)
{
    for (int code = 1; code < 134; code++)
        if (!strcmp(err_name(code), name))
            return code;
    return 0;
}

/* Names that the kernel keeps would be used without asking us. */
static void forget_names(struct cgroupfs *fs)
{
    size_t cursor = 0;
    uint64_t number;
    void *value;
    while (u64map_next(fs->inodes, &cursor, &number, &value))
        cgroupfs_inode_invalidate(fs, value);
}

static int run_fault(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroupfs_fault fault = {
        .operation = args->operation ? operation_find(args->operation) : -1,
        .nth = args->nth.set ? args->nth.value : 1,
        .times = args->times.value,
        .delay_ns = args->delay_ms.value * NS_PER_MS,
        .lost = args->lost,
        .missing = args->missing,
        .error = args->error ? errno_find(args->error) : 0,
    };
    if (args->operation && fault.operation < 0)
        return err_set(err, -EINVAL, "operation: \"%s\": expected one of lookup, getattr, setattr, "
            "open, read, write, poll, list, mkdir, rmdir, rename, xattr, event", args->operation);
    if (args->error && !fault.error)
        return err_set(err, -EINVAL, "error: \"%s\": expected a name such as EBUSY", args->error);
    if (!fault.error + !fault.delay_ns + !fault.lost + !fault.missing != 3)
        return err_set(
            err, -EINVAL, "expected one of \"error\", \"delay_ms\", \"lost\" and \"missing\"");
    if (fault.lost && fault.operation != OPERATION_EVENT)
        return err_set(err, -EINVAL, "lost: only events can get lost");
    if (args->for_ms.set)
        fault.until_ns =
            loop_now_ns(control->kernel->loop) + args->for_ms.value * NS_PER_MS;
    fault.path = str_dup(args->path);
    uint64_t id = cgroupfs_fault_add(&control->fs->faults, &fault);
    forget_names(control->fs);
    json_object_set_new(reply, "fault", json_integer((json_int_t)id));
    return 0;
}

static int run_unfault(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    (void)reply;
    if (!cgroupfs_fault_remove(&control->fs->faults, args->fault.value))
        return err_set(err, -ENOENT, "fault: there is no %llu",
            (unsigned long long)args->fault.value);
    return 0;
}

static int run_faults(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    json_t *list = json_array();
    (void)args, (void)err;
    for (const struct cgroupfs_fault *at = control->fs->faults.first; at; at = at->next)
        json_array_append_new(list,
            json_pack("{s:I, s:s, s:s?, s:I, s:I}", "fault", (json_int_t)at->id, "operation",
                at->operation < 0 ? "any" : cgroupfs_operation_names[at->operation], "path",
                at->path, "seen", (json_int_t)at->seen, "struck", (json_int_t)at->struck));
    json_object_set_new(reply, "faults", list);
    return 0;
}

/* ---------------------------------------------------------------------- the record */

static void record_push(struct control *control, char *text)
{
    control->record = mem_grow(control->record, &control->record_capacity,
        control->record_count + 1, sizeof(*control->record));
    control->record[control->record_count++] = text;
}

void control_record_add(struct control *control, json_t *command, uint64_t at_ns)
{
    json_object_set_new(command, "at_ns", json_integer((json_int_t)at_ns));
    char *text = json_dumps(command, JSON_COMPACT);
    if (text)
        record_push(control, text);
    json_decref(command);
}

static void record_cut(struct control *control, size_t count)
{
    while (control->record_count > count)
        free(control->record[--control->record_count]);
}

void control_record_free(struct control *control)
{
    size_t cursor = 0;
    const char *name;
    void *snapshot;
    control->fs->changed = NULL;
    record_cut(control, 0);
    free(control->record);
    while (strmap_next(control->snapshots, &cursor, &name, &snapshot))
        free(snapshot);
    strmap_free(control->snapshots);
}

static int run_trace(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    json_t *list = json_array();
    size_t at = args->since.value < control->record_count ? (size_t)args->since.value
                                                          : control->record_count;
    size_t limit = args->limit.set ? (size_t)args->limit.value : TRACE_LIMIT;
    (void)err;
    for (; at < control->record_count && json_array_size(list) < limit; at++)
        json_array_append_new(list, json_loads(control->record[at], JSON_ALLOW_NUL, NULL));
    json_object_set_new(reply, "operations", list);
    json_object_set_new(reply, "next", json_integer((json_int_t)at));
    return 0;
}

static int run_snapshot(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    (void)reply, (void)err;
    struct control_snapshot *snapshot = strmap_get(control->snapshots, args->name);
    if (!snapshot) {
        snapshot = mem_alloc(sizeof(*snapshot));
        strmap_set(control->snapshots, args->name, snapshot);
    }
    *snapshot = (struct control_snapshot){
        .count = control->record_count,
        .now_ns = loop_now_ns(control->kernel->loop),
    };
    return 0;
}

static void advance_to(struct loop *loop, uint64_t at_ns)
{
    uint64_t now_ns = loop_now_ns(loop);
    if (at_ns > now_ns)
        sim_loop_advance(loop, at_ns - now_ns);
}

int control_restore(
    struct control *control, const struct control_snapshot *snapshot, struct err *err)
{
    struct kernel *kernel = cgroupfs_kernel_new(control->config, control->start_ns);
    struct kernel *before = control->kernel;
    if (!kernel)
        return err_set(err, -EINVAL, "the kernel cannot be made again");
    if (control->fs->real)
        cgroupfs_real_pids(kernel);
    control->kernel = kernel;
    for (size_t i = 0; i < snapshot->count; i++) {
        json_t *command = json_loads(control->record[i], JSON_ALLOW_NUL, NULL);
        advance_to(kernel->loop, (uint64_t)json_integer_value(json_object_get(command, "at_ns")));
        /* What failed then fails again. */
        json_decref(control_run(control, command));
        sim_loop_advance(kernel->loop, 0);
        json_decref(command);
    }
    advance_to(kernel->loop, snapshot->now_ns);
    record_cut(control, snapshot->count);
    cgroupfs_replace_kernel(control->fs, kernel);
    struct loop *loop = before->loop;
    kernel_free(before);
    loop_free(loop);
    return 0;
}

/* Snapshots of what did not happen are no more. */
static void snapshots_cut(struct control *control)
{
    size_t cursor = 0;
    const char *name;
    void *value;
    while (strmap_next(control->snapshots, &cursor, &name, &value)) {
        struct control_snapshot *snapshot = value;
        if (snapshot->count <= control->record_count)
            continue;
        free(snapshot);
        _cleanup_free_ char *key = str_dup(name);
        strmap_remove(control->snapshots, key);
    }
}

static int run_restore(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    (void)reply;
    const struct control_snapshot *snapshot = strmap_get(control->snapshots, args->name);
    if (!snapshot)
        return err_set(err, -ENOENT, "name: there is no snapshot \"%s\"", args->name);
    int result = control_restore(control, snapshot, err);
    if (!result)
        snapshots_cut(control);
    return result;
}

/* ---------------------------------------------------------------------- the state */

static json_t *describe_process(const struct control *control, const struct process *process)
{
    static const char *const states[] = {"running", "stopped", "zombie"};
    json_t *cgroups = json_object();
    for (unsigned i = 0; i < control->kernel->hierarchies_count; i++) {
        const struct cgroup_root *root = control->kernel->hierarchies[i];
        _cleanup_free_ char *path = cgroup_proc_path(process->leader, root);
        json_object_set_new(cgroups, root->name, json_string(path));
    }
    return json_pack("{s:i, s:i, s:s, s:s?, s:i, s:I, s:b, s:o}", "pid", (int)process->pid,
        "parent", process->parent ? (int)process->parent->pid : 0, "state", states[process->state],
        "command", process->command, "uid", (int)process->uid, "resident",
        (json_int_t)process->resident_bytes, "frozen", process->leader->frozen, "cgroups",
        cgroups);
}

static bool add_content(void *arg, const char *name, const struct cgroup_node *node)
{
    char *text;
    size_t length;
    if (!node->file)
        return true;
    _cleanup_free_ char *path = cgroup_path_of(node->cgroup);
    if (cgroup_file_read(
            node->cgroup->root, path, name, &cgroup_caller_root, &text, &length) == 0) {
        json_object_set_new(arg, name, json_stringn(text, length));
        free(text);
    }
    return true;
}

static json_t *describe_cgroup(
    const struct control *control, struct cgroup *cgroup, bool with_files)
{
    struct cgroup_node node = {cgroup, NULL};
    struct cgroup_stat stat;
    cgroup_node_stat(&node, &stat);
    _cleanup_free_ char *path = cgroupfs_node_path(control->fs, &node);
    json_t *object = json_pack("{s:s?, s:I, s:i, s:i, s:i, s:I}", "path", path, "id",
        (json_int_t)cgroup->id, "mode", (int)(stat.mode & 07777), "uid", (int)stat.uid, "tasks",
        (int)cgroup->tasks_count, "children", (json_int_t)cgroup->children_count);
    if (!object)
        return json_object(); /* a name that is no text */
    if (with_files) {
        json_t *files = json_object();
        cgroup_node_list(&node, &cgroup_caller_root, add_content, files);
        json_object_set_new(object, "files", files);
    }
    return object;
}

static void dump_tree(
    const struct control *control, struct cgroup *top, bool files, json_t *list)
{
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at))
        json_array_append_new(list, describe_cgroup(control, at, files));
}

static int run_dump(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct kernel *kernel = control->kernel;
    json_t *cgroups = json_array(), *processes = json_array();
    json_object_set_new(reply, "now_ns", json_integer((json_int_t)loop_now_ns(kernel->loop)));
    json_object_set_new(reply, "cgroups", cgroups);
    json_object_set_new(reply, "processes", processes);
    sched_update(kernel);
    if (args->path) {
        struct cgroup_node node;
        int result = control_node(control, args->path, &node, err);
        if (result)
            return result;
        dump_tree(control, node.cgroup, args->files, cgroups);
    } else {
        for (unsigned i = 0; i < kernel->hierarchies_count; i++)
            dump_tree(control, kernel->hierarchies[i]->top, args->files, cgroups);
    }
    list_for_each(node, &kernel->processes)
        json_array_append_new(
            processes, describe_process(control, list_entry(node, struct process, node)));
    return 0;
}

static const struct json_field plain_fields[] = {CONTROL_COMMON};
static const struct json_field advance_fields[] = {CONTROL_COMMON, ARG(ns, JSON_KIND_OPT_U64),
    ARG(ms, JSON_KIND_OPT_U64), ARG(s, JSON_KIND_OPT_U64)};
static const struct json_field fault_fields[] = {CONTROL_COMMON, ARG(operation, JSON_KIND_STRING),
    ARG(path, JSON_KIND_STRING), ARG(nth, JSON_KIND_OPT_U64), ARG(times, JSON_KIND_OPT_U64),
    ARG(for_ms, JSON_KIND_OPT_U64), ARG(error, JSON_KIND_STRING), ARG(delay_ms, JSON_KIND_OPT_U64),
    ARG(lost, JSON_KIND_BOOL), ARG(missing, JSON_KIND_BOOL)};
static const struct json_field unfault_fields[] = {CONTROL_COMMON, ARG(fault, JSON_KIND_OPT_U64)};
static const struct json_field trace_fields[] = {
    CONTROL_COMMON, ARG(since, JSON_KIND_OPT_U64), ARG(limit, JSON_KIND_OPT_U64)};
static const struct json_field name_fields[] = {
    CONTROL_COMMON, ARG(name, JSON_KIND_STRING, .required = true)};
static const struct json_field dump_fields[] = {
    CONTROL_COMMON, ARG(path, JSON_KIND_STRING), ARG(files, JSON_KIND_BOOL)};

const struct control_command control_state_commands[] = {
    {"ping", "kernel, hierarchy and time", false, CONTROL_FIELDS(plain_fields), run_ping},
    {"advance", "lets time pass", true, CONTROL_FIELDS(advance_fields), run_advance},
    {"fault", "makes operations of the mount fail, or slow", false, CONTROL_FIELDS(fault_fields),
        run_fault},
    {"unfault", "removes a fault, or without a number all", false,
        CONTROL_FIELDS(unfault_fields), run_unfault},
    {"faults", "lists them", false, CONTROL_FIELDS(plain_fields), run_faults},
    {"trace", "all changes so far, from since on", false, CONTROL_FIELDS(trace_fields), run_trace},
    {"snapshot", "remembers this state by a name", false, CONTROL_FIELDS(name_fields),
        run_snapshot},
    {"restore", "goes back to it", false, CONTROL_FIELDS(name_fields), run_restore},
    {"dump", "processes and cgroups; with files their content", false,
        CONTROL_FIELDS(dump_fields), run_dump},
    {.op = NULL},
};
