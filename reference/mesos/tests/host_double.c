/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/mesos/tests/host_double.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fakes/sim_loop.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

struct double_host {
    struct host host;
    struct double_world *world;
    struct list watches;
};

struct double_watch {
    struct host_request request;
    struct double_host *host;
    struct list node;
    pid_t pid;
    host_exit_fn fn;
    void *arg;
    struct loop_timer *timer;
};

static struct double_host *of(struct host *host)
{
    return container_of(host, struct double_host, host);
}

/* --- the world --- */

void double_world_init(struct double_world *world)
{
    world->loop = sim_loop_new(0);
    world->vfs = vfs_new();
    world->processes = u64map_new();
    world->last_pid = 100;
}

static void process_free(struct double_process *process)
{
    free(process->runtime);
    free(process->environment);
    free(process->command);
    free(process->working_directory);
    free(process->user);
    free(process);
}

void double_world_release(struct double_world *world)
{
    size_t cursor = 0;
    uint64_t pid = 0;
    void *process = NULL;
    while (u64map_next(world->processes, &cursor, &pid, &process))
        process_free(process);
    u64map_free(world->processes);
    vfs_free(world->vfs);
    loop_free(world->loop);
}

struct double_process *double_process_find(struct double_world *world, pid_t pid)
{
    return u64map_get(world->processes, (uint64_t)pid);
}

struct double_process *double_process_add(struct double_world *world, pid_t pid, pid_t ppid)
{
    struct double_process *process = mem_alloc(sizeof(*process));
    process->pid = pid;
    process->ppid = ppid;
    process->mount_namespace = 1;
    u64map_set(world->processes, (uint64_t)pid, process);
    return process;
}

size_t double_processes_alive(struct double_world *world)
{
    size_t cursor = 0;
    size_t alive = 0;
    uint64_t pid = 0;
    void *value = NULL;
    while (u64map_next(world->processes, &cursor, &pid, &value))
        alive += !((struct double_process *)value)->ended;
    return alive;
}

static void write_status(struct double_world *world, const struct double_process *process,
    const char *text)
{
    if (!process->runtime)
        return;
    _cleanup_free_ char *path = str_printf("%s/status", process->runtime);
    vfs_write(world->vfs, path, text, strlen(text), 0600, false);
}

void double_process_end(struct double_world *world, pid_t pid, int wait_status, bool killed)
{
    struct double_process *process = double_process_find(world, pid);
    assert(process);
    if (process->ended)
        return;
    process->ended = true;
    process->wait_status = killed ? SIGKILL : 0;
    if (killed)
        return;
    _cleanup_free_ char *text = str_printf("%d", wait_status);
    write_status(world, process, text);
}

/* --- processes --- */

static char *joined(char *const *strings)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; strings && strings[i]; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", strings[i]);
    return strbuf_take(&text);
}

static int double_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    _cleanup_strv_ char **argv = NULL;
    int r = plan_arguments(plan->info.command, &argv, err);
    if (r < 0)
        return r;
    struct double_world *world = of(host)->world;
    struct double_process *process = double_process_add(world, ++world->last_pid, 1);
    _cleanup_strv_ char **environment = plan_environment(&plan->info);
    process->plan = *plan;
    process->command = joined(argv);
    process->environment = joined(environment);
    process->runtime = str_dup(plan->runtime_directory);
    process->working_directory = str_dup(plan->info.working_directory);
    process->user = str_dup(plan->info.user);
    for (size_t i = 1; i < 3; i++) {
        if (!plan->stdio[i])
            continue;
        vfs_write(world->vfs, plan->stdio[i], "", 0, 0644, true);
        if (plan->stdio_uid != (uid_t)-1)
            vfs_chown(world->vfs, plan->stdio[i], plan->stdio_uid, plan->stdio_gid, false);
    }
    write_status(world, process, "");
    *ret_pid = process->pid;
    *ret_gate = (int)process->pid;
    return 0;
}

static int double_gate_release(struct host *host, int gate, struct err *err)
{
    (void)err;
    double_process_find(of(host)->world, gate)->released = true;
    return 0;
}

/* A gate that closes without its byte ends the init with exit code 1. */
static void double_gate_close(struct host *host, int gate)
{
    struct double_process *process = double_process_find(of(host)->world, gate);
    if (!process->released)
        double_process_end(of(host)->world, process->pid, 1 << 8, false);
}

static int double_signal(struct host *host, pid_t pid, int signal)
{
    struct double_process *process = double_process_find(of(host)->world, pid);
    if (!process || process->ended)
        return -ESRCH;
    process->last_signal = signal;
    if (signal == SIGKILL)
        double_process_end(of(host)->world, pid, 0, true);
    else if (signal == SIGTERM)
        double_process_end(of(host)->world, pid, SIGTERM, false);
    return 0;
}

/* Each is the leader of a session of its own. */
static struct process_info info_of(const struct double_process *process)
{
    return (struct process_info){
        .pid = process->pid,
        .ppid = process->ppid,
        .pgid = process->pid,
        .sid = process->pid,
        .state = 'S',
    };
}

static int double_process_info(struct host *host, pid_t pid, struct process_info *ret_info)
{
    const struct double_process *process = double_process_find(of(host)->world, pid);
    if (!process || process->ended)
        return -ESRCH;
    *ret_info = info_of(process);
    return 0;
}

static int double_process_list(
    struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err)
{
    (void)err;
    struct double_world *world = of(host)->world;
    struct process_info *list = mem_alloc((u64map_count(world->processes) + 1) * sizeof(*list));
    size_t count = 0;
    size_t cursor = 0;
    uint64_t pid = 0;
    void *value = NULL;
    while (u64map_next(world->processes, &cursor, &pid, &value)) {
        const struct double_process *process = value;
        if (!process->ended)
            list[count++] = info_of(process);
    }
    *ret_list = list;
    *ret_count = count;
    return 0;
}

static int double_namespace_inode(
    struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode)
{
    const struct double_process *process = double_process_find(of(host)->world, pid);
    if (!process || process->ended)
        return -ESRCH;
    *ret_inode = kind == NS_MNT ? process->mount_namespace : 1;
    return 0;
}

/* Its processes have no files: nobody is told from anybody. */
static int double_process_holds(struct host *host, pid_t pid, const char *path)
{
    (void)host, (void)pid, (void)path;
    return -ENOENT;
}

static void watch_cancel(struct host_request *request)
{
    struct double_watch *watch = container_of(request, struct double_watch, request);
    loop_timer_stop(watch->host->host.loop, watch->timer);
    free(watch);
}

static void watch_look(void *arg)
{
    struct double_watch *watch = arg;
    struct double_world *world = watch->host->world;
    const struct double_process *process = double_process_find(world, watch->pid);
    watch->timer = NULL;
    if (process && !process->ended) {
        watch->timer = loop_timer_start(world->loop, NS_PER_MS, watch_look, watch);
        return;
    }
    const struct double_watch copy = *watch;
    free(watch);
    copy.fn(copy.arg, 0, process != NULL, process ? process->wait_status : 0);
}

static struct host_request *double_exit_watch(
    struct host *host, pid_t pid, host_exit_fn fn, void *arg)
{
    struct double_watch *watch = mem_alloc(sizeof(*watch));
    watch->request.host = host;
    watch->request.cancel = watch_cancel;
    watch->host = of(host);
    watch->pid = pid;
    watch->fn = fn;
    watch->arg = arg;
    watch->timer = loop_timer_start(host->loop, 0, watch_look, watch);
    return &watch->request;
}

/* --- files --- */

static int told(int r, const char *what, const char *path, struct err *err)
{
    return r < 0 ? err_errno(err, r, "%s %s", what, path) : 0;
}

static int double_mkdir(
    struct host *host, const char *path, mode_t mode, bool parents, struct err *err)
{
    return told(vfs_mkdir(of(host)->world->vfs, path, mode, parents), "mkdir", path, err);
}

static int double_rename(struct host *host, const char *from, const char *to, struct err *err)
{
    return told(vfs_rename(of(host)->world->vfs, from, to), "rename", from, err);
}

static int double_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err)
{
    (void)host, (void)path, (void)err;
    *ret_info = (struct filesystem_info){.type = "ext4", .tells_entry_type = true};
    return 0;
}

static int double_file_write(struct host *host, const char *path, const void *data, size_t length,
    mode_t mode, struct err *err)
{
    return told(
        vfs_write(of(host)->world->vfs, path, data, length, mode, false), "write", path, err);
}

static int double_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err)
{
    const char *text = NULL;
    size_t length = 0;
    int r = vfs_read(of(host)->world->vfs, path, &text, &length);
    if (r < 0)
        return told(r, "read", path, err);
    *ret_text = str_ndup(text ? text : "", length);
    if (ret_length)
        *ret_length = length;
    return 0;
}

static int double_file_info(
    struct host *host, const char *path, bool follow, struct file_info *ret_info)
{
    struct vfs_info info;
    int r = vfs_info(of(host)->world->vfs, path, follow, &info);
    if (r == 0 && ret_info)
        *ret_info = (struct file_info){
            .type = info.type, .mode = info.mode, .uid = info.uid, .gid = info.gid};
    return r;
}

static int double_file_remove(struct host *host, const char *path, struct err *err)
{
    return told(vfs_remove(of(host)->world->vfs, path), "remove", path, err);
}

static int double_tree_remove(struct host *host, const char *path, struct err *err)
{
    int r = vfs_remove_tree(of(host)->world->vfs, path);
    return told(r == -ENOENT ? 0 : r, "remove", path, err);
}

static int double_list(struct host *host, const char *path, char ***ret_names, struct err *err)
{
    return told(vfs_list(of(host)->world->vfs, path, ret_names), "list", path, err);
}

static int double_symlink(
    struct host *host, const char *target, const char *path, struct err *err)
{
    return told(vfs_symlink(of(host)->world->vfs, target, path), "symlink", path, err);
}

static int double_real_path(
    struct host *host, const char *path, char **ret_path, struct err *err)
{
    return told(vfs_real_path(of(host)->world->vfs, path, ret_path), "resolve", path, err);
}

static int double_chown(
    struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err)
{
    return told(vfs_chown(of(host)->world->vfs, path, uid, gid, recursive), "chown", path, err);
}

/* There is one user beside root: alice, 1000. */
static int double_user_lookup(
    struct host *host, const char *name, struct user_info *ret_user, struct err *err)
{
    (void)host;
    bool alice = str_equal(name, "alice");
    if (!alice && !str_equal(name, "root"))
        return err_set(err, -ENOENT, "no such user: %s", name);
    *ret_user = (struct user_info){.uid = alice ? 1000 : 0, .gid = alice ? 1000 : 0};
    return 0;
}

static double double_wall_time(struct host *host)
{
    return 1e9 + (double)loop_now_ns(host->loop) / 1e9;
}

static void double_free(struct host *host)
{
    free(of(host));
}

/* A socket that nobody connects to. */
struct host_stream_server {
    bool unused;
};

static int double_listen(struct host *host, const char *path, mode_t mode,
    void (*accepted)(void *arg, struct host_stream *stream), void *arg,
    struct host_stream_server **ret_server, struct err *err)
{
    (void)host, (void)path, (void)mode, (void)accepted, (void)arg, (void)err;
    *ret_server = mem_alloc(sizeof(**ret_server));
    return 0;
}

static void double_unlisten(struct host *host, struct host_stream_server *server)
{
    (void)host;
    free(server);
}

static const struct host_stream_ops streams = {
    .listen = double_listen, .unlisten = double_unlisten};

static const struct host_ops ops = {
    .streams = &streams,
    .wall_time = double_wall_time,
    .spawn = double_spawn,
    .gate_release = double_gate_release,
    .gate_close = double_gate_close,
    .signal = double_signal,
    .process_info = double_process_info,
    .process_list = double_process_list,
    .namespace_inode = double_namespace_inode,
    .process_holds = double_process_holds,
    .exit_watch = double_exit_watch,
    .mkdir = double_mkdir,
    .rename = double_rename,
    .filesystem_info = double_filesystem_info,
    .file_write = double_file_write,
    .file_read = double_file_read,
    .file_info = double_file_info,
    .file_remove = double_file_remove,
    .tree_remove = double_tree_remove,
    .list = double_list,
    .symlink = double_symlink,
    .real_path = double_real_path,
    .chown = double_chown,
    .user_lookup = double_user_lookup,
    .free = double_free,
};

struct host *double_host_new(struct double_world *world, struct trace *trace)
{
    struct double_host *host = mem_alloc(sizeof(*host));
    host->world = world;
    host_init(&host->host, &ops, world->loop, trace);
    host->host.facts = (struct host_facts){
        .cpus = 4, .memory_bytes = UINT64_C(1) << 33, .page_bytes = 4096, .root = true};
    return &host->host;
}
