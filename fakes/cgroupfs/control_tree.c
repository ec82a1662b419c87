/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about cgroups and files: what a client of the mount does, without the mount. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "fakes/cgroupfs/control_internal.h"

#define ARG(member, kind, ...) JSON_FIELD(struct control_args, member, kind, __VA_ARGS__)
#define PATH ARG(path, JSON_KIND_STRING, .required = true)
#define READ_MAX (UINT64_C(1) << 24)

int control_path(const struct control *control, const char *path, struct cgroup_root **ret_root,
    const char **ret_rest, struct err *err)
{
    while (*path == '/')
        path++;
    if (control->kernel->layout == CGROUP_LAYOUT_V2) {
        *ret_root = cgroup_root_find(control->kernel, "");
        *ret_rest = path;
        return 0;
    }
    size_t length = strcspn(path, "/");
    _cleanup_free_ char *name = str_ndup(path, length);
    *ret_root = !*name                   ? NULL
                : !strcmp(name, "unified") ? cgroup_root_find(control->kernel, "")
                                           : cgroup_root_find(control->kernel, name);
    if (!*ret_root)
        return err_set(err, -ENOENT, "path: \"%s\" begins with no hierarchy", path);
    *ret_rest = path[length] ? path + length + 1 : "";
    return 0;
}

int control_node(const struct control *control, const char *path, struct cgroup_node *ret_node,
    struct err *err)
{
    struct cgroup_root *root;
    const char *rest;
    int result = control_path(control, path, &root, &rest, err);
    if (result)
        return result;
    result = cgroup_node_lookup(root, rest, &cgroup_caller_root, ret_node);
    return result ? err_errno(err, result, "path: %s", path) : 0;
}

/* Whoever does it: the numbers of the record, or root. */
static struct cgroup_caller caller_of(const struct control_args *args)
{
    return (struct cgroup_caller){
        .uid = (uid_t)args->uid.value,
        .gid = (gid_t)args->gid.value,
        .resource_capability = args->uid.value == 0,
        .pid = (pid_t)args->writer.value,
    };
}

static int run_mkdir(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_root *root;
    const char *rest;
    const struct cgroup_caller caller = caller_of(args);
    mode_t mode = args->mode.set ? (mode_t)args->mode.value : 0755;
    (void)reply;
    int result = control_path(control, args->path, &root, &rest, err);
    if (result)
        return result;
    /* The rights were checked where it was asked for. */
    result = cgroup_mkdir(root, rest, mode & 07777, &cgroup_caller_root);
    if (result)
        return err_errno(err, result, "mkdir %s", args->path);
    struct cgroup *cgroup = cgroup_lookup(root, rest);
    if (caller.uid || caller.gid) {
        cgroup->uid = cgroup->files_uid = caller.uid;
        cgroup->gid = cgroup->files_gid = caller.gid;
        for (int i = 0; i < SUBSYS_COUNT; i++)
            if (cgroup->css[i]) {
                cgroup->css[i]->uid = caller.uid;
                cgroup->css[i]->gid = caller.gid;
            }
    }
    return 0;
}

static int run_rmdir(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_root *root;
    const char *rest;
    (void)reply;
    int result = control_path(control, args->path, &root, &rest, err);
    if (!result)
        result = cgroup_rmdir(root, rest, &cgroup_caller_root);
    return result && !err->code ? err_errno(err, result, "rmdir %s", args->path) : result;
}

static int run_rename(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_node node;
    (void)reply;
    int result = control_node(control, args->path, &node, err);
    if (result)
        return result;
    if (node.file || !node.cgroup->parent)
        return err_set(err, -EPERM, "rename %s", args->path);
    struct cgroup *parent = node.cgroup->parent;
    _cleanup_free_ char *name = str_dup(node.cgroup->name);
    result = cgroup_node_rename(parent, name, parent, args->to, 0, &cgroup_caller_root);
    return result ? err_errno(err, result, "rename %s", args->path) : 0;
}

static bool hex_decode(const char *hex, struct strbuf *out)
{
    size_t length = strlen(hex);
    for (size_t i = 0; i + 1 < length; i += 2) {
        char pair[3] = {hex[i], hex[i + 1], '\0'}, *end;
        char byte = (char)strtoul(pair, &end, 16);
        if (*end)
            return false;
        strbuf_add_bytes(out, &byte, 1);
    }
    return length % 2 == 0;
}

static int run_write(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_node node;
    struct cgroup_open *open;
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    (void)reply;
    if (!args->data == !args->data_hex)
        return err_set(err, -EINVAL, "expected either \"data\" or \"data_hex\"");
    if (args->data)
        strbuf_add(&data, args->data);
    else if (!hex_decode(args->data_hex, &data))
        return err_set(err, -EINVAL, "data_hex: expected pairs of hexadecimal digits");
    int result = control_node(control, args->path, &node, err);
    if (result)
        return result;
    struct cgroup_caller caller = caller_of(args);
    result = cgroup_file_open(&node, O_WRONLY, &cgroup_caller_root, &open);
    if (result)
        return err_errno(err, result, "open %s", args->path);
    open->opener = caller;
    ssize_t written = cgroup_open_write(open, strbuf_text(&data), data.length, &caller);
    cgroup_open_close(open);
    return written < 0 ? err_errno(err, (int)written, "write %s", args->path) : 0;
}

/* A JSON string, or with bytes that are none in hexadecimal. */
static void put_bytes(json_t *object, const char *field, const char *bytes, size_t length)
{
    json_t *text = json_stringn(bytes, length);
    if (text && !memchr(bytes, '\0', length)) {
        json_object_set_new(object, field, text);
        return;
    }
    json_decref(text);
    _cleanup_strbuf_ struct strbuf hex = STRBUF_INIT;
    _cleanup_free_ char *name = str_printf("%s_hex", field);
    for (size_t i = 0; i < length; i++)
        strbuf_addf(&hex, "%02x", (unsigned char)bytes[i]);
    json_object_set_new(object, name, json_string(strbuf_text(&hex)));
}

static int run_read(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_root *root;
    const char *rest;
    char *text;
    size_t length;
    int result = control_path(control, args->path, &root, &rest, err);
    if (result)
        return result;
    const char *slash = strrchr(rest, '/');
    _cleanup_free_ char *directory = str_ndup(rest, slash ? (size_t)(slash - rest) : 0);
    result = cgroup_file_read(
        root, directory, slash ? slash + 1 : rest, &cgroup_caller_root, &text, &length);
    if (result)
        return err_errno(err, result, "read %s", args->path);
    put_bytes(reply, "data", text, length);
    free(text);
    return 0;
}

static bool list_add(void *arg, const char *name, const struct cgroup_node *node)
{
    json_t *entry = node->file ? json_string(name) : json_sprintf("%s/", name);
    json_array_append_new(arg, entry ? entry : json_string("?"));
    return true;
}

static int run_list(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_node node;
    int result = control_node(control, args->path, &node, err);
    if (result)
        return result;
    json_t *names = json_array();
    result = cgroup_node_list(&node, &cgroup_caller_root, list_add, names);
    json_object_set_new(reply, "names", names);
    return result ? err_errno(err, result, "list %s", args->path) : 0;
}

static int run_setattr(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_node node;
    (void)reply;
    int result = control_node(control, args->path, &node, err);
    if (result)
        return result;
    if (args->mode.set)
        result = cgroup_node_chmod(&node, (mode_t)args->mode.value, &cgroup_caller_root);
    if (!result && (args->uid.set || args->gid.set))
        result = cgroup_node_chown(&node, args->uid.set ? (uid_t)args->uid.value : (uid_t)-1,
            args->gid.set ? (gid_t)args->gid.value : (gid_t)-1, &cgroup_caller_root);
    if (!result && args->mtime_ns.set)
        result =
            cgroup_node_utimes(&node, (uint64_t)args->mtime_ns.value, &cgroup_caller_root);
    return result ? err_errno(err, result, "setattr %s", args->path) : 0;
}

/* Without data: removes it. */
static int run_xattr(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_node node;
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    (void)reply;
    int result = control_node(control, args->path, &node, err);
    if (result)
        return result;
    if (args->data)
        strbuf_add(&data, args->data);
    if (args->data_hex && !hex_decode(args->data_hex, &data))
        return err_set(err, -EINVAL, "data_hex: expected pairs of hexadecimal digits");
    if (args->data || args->data_hex)
        result = cgroup_node_xattr_set(&node, args->name, strbuf_text(&data), data.length,
            (int)args->flags.value, &cgroup_caller_root);
    else
        result = cgroup_node_xattr_remove(&node, args->name, &cgroup_caller_root);
    return result ? err_errno(err, result, "xattr %s", args->path) : 0;
}

static int run_freezer(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    struct cgroup_node node;
    (void)reply;
    int result = control_node(control, args->path, &node, err);
    if (result)
        return result;
    cgroup_set_stuck_freezer(node.cgroup, args->stuck);
    return 0;
}

static int run_device(struct control *control, const struct control_args *args, json_t *reply,
    struct err *err)
{
    (void)reply, (void)err;
    cgroup_add_block_device(
        control->kernel, (unsigned)args->major.value, (unsigned)args->minor.value);
    return 0;
}

/* ---------------------------------------------------------------------- from the mount */

static const char *const change_ops[OPERATION_COUNT] = {
    [OPERATION_MKDIR] = "mkdir",
    [OPERATION_RMDIR] = "rmdir",
    [OPERATION_RENAME] = "rename",
    [OPERATION_WRITE] = "write",
    [OPERATION_SETATTR] = "setattr",
    [OPERATION_XATTR] = "xattr",
};

static void put_number(json_t *command, const char *field, int64_t number)
{
    json_object_set_new(command, field, json_integer(number));
}

static void put_caller(json_t *command, const struct cgroup_caller *caller)
{
    if (caller->uid)
        put_number(command, "uid", caller->uid);
    if (caller->gid)
        put_number(command, "gid", caller->gid);
}

static void put_attributes(json_t *command, const int64_t *numbers)
{
    static const char *const names[] = {"mode", "uid", "gid", "mtime_ns"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (numbers[i] != -1)
            put_number(command, names[i], numbers[i]);
}

static json_t *real_command(const struct cgroupfs_change *change)
{
    json_t *command = json_pack("{s:s, s:I}", "op", "real", "pid", (json_int_t)change->numbers[0]);
    if (change->numbers[1]) {
        put_number(command, "thread", change->numbers[1]);
        put_number(command, "uid", change->numbers[2]);
        json_object_set_new(command, "kernel_thread", json_boolean(change->numbers[3]));
    }
    return command;
}

/* What was done through the mount, as the command that does the same. */
static void mount_changed(void *arg, const struct cgroupfs_change *change)
{
    struct control *control = arg;
    if (change->operation == OPERATION_COUNT) {
        control_record_add(
            control, real_command(change), loop_now_ns(control->kernel->loop));
        return;
    }
    bool xattr = change->operation == OPERATION_XATTR;
    _cleanup_free_ char *directory = cgroupfs_node_path(control->fs, change->node);
    const char *name = change->name && !xattr ? change->name : NULL;
    _cleanup_free_ char *path =
        str_printf("%s%s%s", directory, name && *directory ? "/" : "", name ? name : "");
    json_t *command = json_pack("{s:s}", "op", change_ops[change->operation]);
    put_bytes(command, "path", path, strlen(path));
    if (change->operation == OPERATION_MKDIR)
        put_number(command, "mode", change->numbers[0]);
    if (change->operation == OPERATION_SETATTR)
        put_attributes(command, change->numbers);
    if (change->new_name)
        put_bytes(command, "to", change->new_name, strlen(change->new_name));
    if (xattr)
        put_bytes(command, "name", change->name, strlen(change->name));
    if (change->data)
        put_bytes(command, "data", change->data, change->length);
    if (change->opener)
        put_caller(command, change->opener);
    else if (change->caller)
        put_caller(command, change->caller);
    if (change->operation == OPERATION_WRITE && change->caller->pid)
        put_number(command, "writer", change->caller->pid);
    put_number(command, "result", change->result < 0 ? change->result : 0);
    control_record_add(control, command, loop_now_ns(control->kernel->loop));
}

void control_record_start(struct control *control)
{
    control->fs->changed = mount_changed;
    control->fs->changed_arg = control;
}

static const struct json_field mkdir_fields[] = {CONTROL_COMMON, PATH,
    ARG(mode, JSON_KIND_OPT_U64), ARG(uid, JSON_KIND_OPT_I64), ARG(gid, JSON_KIND_OPT_I64)};
static const struct json_field path_fields[] = {CONTROL_COMMON, PATH};
static const struct json_field rename_fields[] = {
    CONTROL_COMMON, PATH, ARG(to, JSON_KIND_STRING, .required = true)};
static const struct json_field write_fields[] = {CONTROL_COMMON, PATH, ARG(data, JSON_KIND_STRING),
    ARG(data_hex, JSON_KIND_STRING), ARG(uid, JSON_KIND_OPT_I64), ARG(gid, JSON_KIND_OPT_I64),
    ARG(writer, JSON_KIND_OPT_I64)};
static const struct json_field setattr_fields[] = {CONTROL_COMMON, PATH,
    ARG(mode, JSON_KIND_OPT_U64), ARG(uid, JSON_KIND_OPT_I64), ARG(gid, JSON_KIND_OPT_I64),
    ARG(mtime_ns, JSON_KIND_OPT_I64)};
static const struct json_field xattr_fields[] = {CONTROL_COMMON, PATH,
    ARG(name, JSON_KIND_STRING, .required = true), ARG(data, JSON_KIND_STRING),
    ARG(data_hex, JSON_KIND_STRING), ARG(flags, JSON_KIND_OPT_U64)};
static const struct json_field freezer_fields[] = {
    CONTROL_COMMON, PATH, ARG(stuck, JSON_KIND_BOOL)};
static const struct json_field device_fields[] = {CONTROL_COMMON,
    ARG(major, JSON_KIND_OPT_U64, .required = true),
    ARG(minor, JSON_KIND_OPT_U64, .required = true)};

const struct control_command control_tree_commands[] = {
    {"mkdir", "makes a cgroup", true, CONTROL_FIELDS(mkdir_fields), run_mkdir},
    {"rmdir", "removes one", true, CONTROL_FIELDS(path_fields), run_rmdir},
    {"rename", "v1: gives it another name", true, CONTROL_FIELDS(rename_fields), run_rename},
    {"write", "one write(2) to a file, by root or uid", true, CONTROL_FIELDS(write_fields),
        run_write},
    {"read", "a file's content", false, CONTROL_FIELDS(path_fields), run_read},
    {"list", "a directory's names; cgroups with a slash", false, CONTROL_FIELDS(path_fields),
        run_list},
    {"setattr", "mode, owner, time of change", true, CONTROL_FIELDS(setattr_fields), run_setattr},
    {"xattr", "sets an extended attribute; without data removes it", true,
        CONTROL_FIELDS(xattr_fields), run_xattr},
    {"freezer", "stuck: tasks of the cgroup never freeze", true, CONTROL_FIELDS(freezer_fields),
        run_freezer},
    {"device", "adds a disk", true, CONTROL_FIELDS(device_fields), run_device},
    {.op = NULL},
};
