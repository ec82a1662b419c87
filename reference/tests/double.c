/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/tests/double.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

static struct double_host *double_of(struct host *host)
{
    return container_of(host, struct double_host, base);
}

static int note(struct host *host, const char *verb, const char *what)
{
    struct double_host *self = double_of(host);
    strbuf_addf(&self->calls, "%s %s;", verb, what);
    return self->result;
}

static int note_error(struct host *host, const char *verb, const char *what, struct err *err)
{
    int r = note(host, verb, what);
    return r < 0 ? err_errno(err, r, "%s %s", verb, what) : 0;
}

static int double_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    *ret_pid = 42;
    *ret_gate = 7;
    return note_error(host, "spawn", plan->container_id, err);
}

static int double_gate_release(struct host *host, int gate, struct err *err)
{
    return note_error(host, "release", gate == 7 ? "7" : "?", err);
}

static void double_gate_close(struct host *host, int gate)
{
    note(host, "close", gate == 7 ? "7" : "?");
}

static int double_signal(struct host *host, pid_t pid, int signal)
{
    (void)signal;
    return note(host, "signal", pid == 42 ? "42" : "?");
}

static void request_cancel(struct host_request *request)
{
    struct double_request *self = container_of(request, struct double_request, request);
    if (self->host->exit == self)
        self->host->exit = NULL;
    if (self->host->run == self)
        self->host->run = NULL;
    note(&self->host->base, "cancel", self->exit ? "watch" : "run");
    free(self);
}

static struct double_request *request_new(struct host *host)
{
    struct double_request *request = mem_alloc(sizeof(*request));
    request->request.cancel = request_cancel;
    request->host = double_of(host);
    return request;
}

static struct host_request *double_exit_watch(
    struct host *host, pid_t pid, host_exit_fn fn, void *arg)
{
    (void)pid;
    struct double_request *request = request_new(host);
    request->exit = fn;
    request->arg = arg;
    request->host->exit = request;
    return &request->request;
}

void double_exit(struct double_host *host, bool status_known, int status)
{
    struct double_request *request = TAKE_PTR(host->exit);
    host_exit_fn fn = request->exit;
    void *arg = request->arg;
    free(request);
    fn(arg, 0, status_known, status);
}

static struct host_request *double_run(
    struct host *host, const struct run_request *run, struct done done)
{
    struct double_request *request = request_new(host);
    note(host, "run", run->argv[0]);
    request->done = done;
    request->host->run = request;
    return &request->request;
}

void double_run_end(struct double_host *host, int code, const struct run_result *result)
{
    struct double_request *request = TAKE_PTR(host->run);
    struct done done = request->done;
    free(request);
    _cleanup_err_ struct err err = ERR_INIT;
    if (code < 0)
        done_fail(done, err_errno(&err, code, "run"), &err);
    else
        done_ok(done, result);
}

static int double_mkdir(
    struct host *host, const char *path, mode_t mode, bool parents, struct err *err)
{
    (void)mode;
    (void)parents;
    return note_error(host, "mkdir", path, err);
}

static int double_rename(struct host *host, const char *from, const char *to, struct err *err)
{
    (void)to;
    return note_error(host, "rename", from, err);
}

static int double_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err)
{
    *ret_info = (struct filesystem_info){.type = "ext4", .tells_entry_type = true};
    return note_error(host, "filesystem", path, err);
}

static int double_file_write(struct host *host, const char *path, const void *data,
    size_t length, mode_t mode, struct err *err)
{
    (void)data;
    (void)length;
    (void)mode;
    return note_error(host, "write", path, err);
}

static int double_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err)
{
    int r = note_error(host, "read", path, err);
    if (r == 0) {
        *ret_text = str_dup("text");
        *ret_length = 4;
    }
    return r;
}

static int double_file_info(
    struct host *host, const char *path, bool follow, struct file_info *ret_info)
{
    (void)follow;
    *ret_info = (struct file_info){.type = 'f'};
    return note(host, "info", path);
}

static int double_path(struct host *host, const char *path, struct err *err)
{
    return note_error(host, "remove", path, err);
}

static void double_agent_gone(struct host *host)
{
    note(host, "gone", "agent");
}

static void double_free(struct host *host)
{
    struct double_host *self = double_of(host);
    strbuf_release(&self->calls);
    free(self);
}

static void double_random(struct host *host, const char *stream, void *bytes, size_t length)
{
    (void)host;
    (void)stream;
    memset(bytes, 0xff, length);
}

static double double_wall_time(struct host *host)
{
    (void)host;
    return 1.5;
}

static const struct host_ops double_ops = {
    .wall_time = double_wall_time,
    .random = double_random,
    .spawn = double_spawn,
    .gate_release = double_gate_release,
    .gate_close = double_gate_close,
    .signal = double_signal,
    .exit_watch = double_exit_watch,
    .run = double_run,
    .mkdir = double_mkdir,
    .rename = double_rename,
    .filesystem_info = double_filesystem_info,
    .file_write = double_file_write,
    .file_read = double_file_read,
    .file_info = double_file_info,
    .file_remove = double_path,
    .tree_remove = double_path,
    .agent_gone = double_agent_gone,
    .free = double_free,
};

struct double_host *double_host_new(struct loop *loop, struct trace *trace)
{
    struct double_host *self = mem_alloc(sizeof(*self));
    host_init(&self->base, &double_ops, loop, trace);
    return self;
}

const char *double_calls(struct double_host *host)
{
    static char calls[512];
    snprintf(calls, sizeof(calls), "%s", strbuf_text(&host->calls));
    strbuf_reset(&host->calls);
    return calls;
}

static struct double_cgroup_fs *fs_of(struct cgroup_fs *fs)
{
    return container_of(fs, struct double_cgroup_fs, base);
}

static int fs_create(struct cgroup_fs *fs, const char *path, mode_t mode)
{
    strbuf_addf(&fs_of(fs)->calls, "create %s %o;", path, (unsigned)mode);
    return fs_of(fs)->result;
}

static int fs_remove(struct cgroup_fs *fs, const char *path)
{
    strbuf_addf(&fs_of(fs)->calls, "remove %s;", path);
    return fs_of(fs)->result;
}

static int fs_read(struct cgroup_fs *fs, const char *path, const char *file, char **ret_text)
{
    (void)path;
    (void)file;
    if (fs_of(fs)->result == 0)
        *ret_text = str_dup(fs_of(fs)->text);
    return fs_of(fs)->result;
}

static int fs_write(
    struct cgroup_fs *fs, const char *path, const char *file, const char *data, size_t length)
{
    strbuf_addf(&fs_of(fs)->calls, "write %s/%s=%.*s;", path, file, (int)length, data);
    return fs_of(fs)->result;
}

static bool fs_exists(struct cgroup_fs *fs, const char *path, const char *file)
{
    (void)file;
    return fs_of(fs)->children && strv_contains(fs_of(fs)->children, path);
}

static int fs_list(struct cgroup_fs *fs, const char *path, char ***ret_names)
{
    char **names = mem_alloc(sizeof(*names));
    size_t length = strlen(path);
    for (char *const *child = fs_of(fs)->children; child && *child; child++) {
        const char *rest = *child;
        if (length > 0 && (strncmp(rest, path, length) != 0 || rest[length] != '/'))
            continue;
        rest += length > 0 ? length + 1 : 0;
        if (!strchr(rest, '/'))
            strv_add(&names, rest);
    }
    *ret_names = names;
    return 0;
}

static int fs_watch(struct cgroup_fs *fs, const char *path, const char *file, cgroup_watch_fn fn,
    void *arg, struct cgroup_fs_watch **ret_watch)
{
    (void)path;
    (void)file;
    fs_of(fs)->watch_fn = fn;
    fs_of(fs)->watch_arg = arg;
    *ret_watch = (struct cgroup_fs_watch *)fs;
    return fs_of(fs)->result;
}

static int fs_listen(struct cgroup_fs *fs, const char *path, const char *file,
    const char *arguments, cgroup_watch_fn fn, void *arg, struct cgroup_fs_watch **ret_watch)
{
    strbuf_addf(&fs_of(fs)->calls, "listen %s/%s %s;", path, file, arguments);
    return fs_watch(fs, path, file, fn, arg, ret_watch);
}

static void fs_unwatch(struct cgroup_fs *fs, struct cgroup_fs_watch *watch)
{
    (void)watch;
    strbuf_add(&fs_of(fs)->calls, "unwatch;");
}

static void fs_free(struct cgroup_fs *fs)
{
    strbuf_release(&fs_of(fs)->calls);
    cgroup_fs_release(fs);
    free(fs_of(fs));
}

static const struct cgroup_fs_ops fs_ops = {
    .create = fs_create,
    .remove = fs_remove,
    .read = fs_read,
    .write = fs_write,
    .list = fs_list,
    .exists = fs_exists,
    .watch = fs_watch,
    .listen = fs_listen,
    .unwatch = fs_unwatch,
    .free = fs_free,
};

struct double_cgroup_fs *double_cgroup_fs_new(struct host *host)
{
    struct double_cgroup_fs *fs = mem_alloc(sizeof(*fs));
    cgroup_fs_init(&fs->base, &fs_ops, host, "memory", "/sys/fs/cgroup/memory");
    return fs;
}
