/* SPDX-License-Identifier: Apache-2.0 */
/* Mounting, serving, unmounting. */
#include "fakes/cgroupfs/cgroupfs.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"
#include "fakes/sim_loop.h"

#define MOUNT_OPTIONS "default_permissions,nosuid,nodev,noexec,fsname=cgroup"

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* ---------------------------------------------------------------------- faults */

bool cgroupfs_faulted(fuse_req_t req, enum cgroupfs_operation operation,
    const struct cgroup_node *node, const char *name)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    if (!fs->faults.first || fs->delay_spent)
        return false;
    _cleanup_free_ char *directory = cgroupfs_node_path(fs, node);
    _cleanup_free_ char *path =
        str_printf("%s%s%s", directory, name && *directory ? "/" : "", name ? name : "");
    const struct cgroupfs_fault *fault = cgroupfs_fault_find(
        &fs->faults, operation, path, loop_now_ns(fs->kernel->loop));
    if (!fault)
        return false;
    if (fault->delay_ns) {
        fs->delay_ns = fault->delay_ns;
        fuse_reply_none(req);
        return true;
    }
    int error = fault->missing ? ENOENT : fault->error;
    if (error)
        fuse_reply_err(req, error);
    return error != 0;
}

void cgroupfs_changed(struct cgroupfs *fs, const struct cgroupfs_change *change)
{
    if (fs->changed)
        fs->changed(fs->changed_arg, change);
}

/* ---------------------------------------------------------------------- mounting */

static int directory_is_empty(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory)
        return -errno;
    int result = 0;
    for (const struct dirent *entry; !result && (entry = readdir(directory));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
            result = -ENOTEMPTY;
    closedir(directory);
    return result;
}

static bool is_mount_point(const char *path)
{
    struct statx stat;
    return statx(AT_FDCWD, path, 0, STATX_INO, &stat) == 0 &&
        stat.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT &&
        stat.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

int cgroupfs_mount_point_check(const char *mount_point, struct err *err)
{
    struct stat stat_buffer;
    if (stat(mount_point, &stat_buffer) < 0) {
        if (errno == ENOTCONN)
            return err_set(err, -ENOTCONN,
                "%s: a file system whose server died is mounted there; remove it: "
                "fusermount3 -u %s",
                mount_point, mount_point);
        return err_errno(err, -errno, "%s", mount_point);
    }
    if (!S_ISDIR(stat_buffer.st_mode))
        return err_set(err, -ENOTDIR, "%s: not a directory", mount_point);
    if (is_mount_point(mount_point))
        return err_set(err, -EBUSY, "%s: something is mounted there already", mount_point);
    int result = directory_is_empty(mount_point);
    if (result == -ENOTEMPTY)
        return err_set(err, result, "%s: not empty", mount_point);
    if (result)
        return err_errno(err, result, "%s", mount_point);
    if (access("/dev/fuse", R_OK | W_OK) < 0)
        return err_errno(err, errno == ENOENT ? -ENODEV : -errno,
            "/dev/fuse cannot be used (is the module fuse loaded?)");
    return 0;
}

/* Others than the one who mounted may come in: always for root, else if fuse.conf says so. */
static bool may_allow_others(void)
{
    if (geteuid() == 0)
        return true;
    FILE *file = fopen("/etc/fuse.conf", "re");
    char line[256];
    bool found = false;
    while (file && !found && fgets(line, sizeof(line), file))
        found = str_starts(line, "user_allow_other");
    if (file)
        fclose(file);
    return found;
}

static void become_private(void)
{
    if (unshare(CLONE_NEWNS) == 0)
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

void cgroupfs_mount_privately(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, become_private);
}

static const struct fuse_lowlevel_ops *operations(void)
{
    static struct fuse_lowlevel_ops ops;
    cgroupfs_operations_names(&ops);
    cgroupfs_operations_files(&ops);
    cgroupfs_operations_attributes(&ops);
    return &ops;
}

static int session_start(struct cgroupfs *fs, struct err *err)
{
    _cleanup_free_ char *options = str_printf("%s,subtype=%s%s", MOUNT_OPTIONS,
        fs->kernel->layout == CGROUP_LAYOUT_V2 ? "cgroup2" : "cgroup",
        may_allow_others() ? ",allow_other" : "");
    char program[] = "seatrial", flag[] = "-o";
    char *words[] = {program, flag, options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, words);
    fs->session = fuse_session_new(&args, operations(), sizeof(struct fuse_lowlevel_ops), fs);
    fuse_opt_free_args(&args);
    if (!fs->session)
        return err_set(err, -EIO, "%s: libfuse refuses the options %s", fs->mount_point, options);
    if (fuse_session_mount(fs->session, fs->mount_point)) {
        fuse_session_destroy(fs->session);
        return err_set(err, -EPERM, "%s: cannot be mounted", fs->mount_point);
    }
    int fd = fuse_session_fd(fs->session);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return 0;
}

/* The first request is the kernel's greeting; the device is known once it was answered. */
static void mount_finish(struct cgroupfs *fs)
{
    struct pollfd fd = {.fd = cgroupfs_fd(fs), .events = POLLIN};
    struct statx stat;
    if (poll(&fd, 1, 1000) > 0)
        cgroupfs_serve(fs);
    if (statx(AT_FDCWD, fs->mount_point, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO, &stat) ==
        0)
        fs->device = makedev(stat.stx_dev_major, stat.stx_dev_minor);
}

int cgroupfs_mount(struct kernel *kernel, const char *mount_point,
    const struct cgroupfs_options *options, struct cgroupfs **ret_fs, struct err *err)
{
    int result = cgroupfs_mount_point_check(mount_point, err);
    if (result)
        return result;
    struct cgroupfs *fs = mem_alloc(sizeof(*fs));
    fs->kernel = kernel;
    fs->options = *options;
    fs->mount_point = str_dup(mount_point);
    fs->stop_pipe[0] = fs->stop_pipe[1] = -1;
    result = session_start(fs, err);
    if (result) {
        free(fs->mount_point);
        free(fs);
        return result;
    }
    pthread_mutex_init(&fs->lock, NULL);
    cgroupfs_inodes_start(fs);
    cgroupfs_events_start(fs);
    if (!options->writer)
        fs->real = cgroupfs_real_new(kernel);
    mount_finish(fs);
    *ret_fs = fs;
    return 0;
}

static void thread_stop(struct cgroupfs *fs)
{
    if (!fs->threaded)
        return;
    close(fs->stop_pipe[1]);
    cgroupfs_let(fs);
    pthread_join(fs->thread, NULL);
    close(fs->stop_pipe[0]);
}

void cgroupfs_unmount(struct cgroupfs *fs)
{
    if (!fs)
        return;
    thread_stop(fs);
    cgroupfs_events_stop(fs);
    fuse_session_unmount(fs->session); /* whoever waits for an answer gets ENOTCONN */
    cgroupfs_notifier_stop(fs);
    cgroupfs_inodes_stop(fs);
    fuse_session_destroy(fs->session);
    cgroupfs_real_free(fs->real);
    cgroupfs_fault_remove(&fs->faults, 0);
    for (struct cgroupfs_delayed *at = fs->delayed, *next; at; at = next) {
        next = at->next;
        free(at->buffer.mem);
        free(at);
    }
    pthread_mutex_destroy(&fs->lock);
    free(fs->buffer.mem);
    free(fs->mount_point);
    free(fs);
}

struct kernel *cgroupfs_kernel(const struct cgroupfs *fs)
{
    return fs->kernel;
}

/* ---------------------------------------------------------------------- serving */

int cgroupfs_fd(const struct cgroupfs *fs)
{
    return fuse_session_fd(fs->session);
}

void cgroupfs_let_settle(struct cgroupfs *fs)
{
    if (fs->options.settle)
        sim_loop_advance(fs->kernel->loop, 0);
}

static void put_off(struct cgroupfs *fs, const struct fuse_buf *buffer)
{
    struct cgroupfs_delayed *delayed = mem_alloc(sizeof(*delayed));
    delayed->buffer = *buffer;
    delayed->buffer.mem = mem_dup(buffer->mem, buffer->size);
    delayed->due_ns = monotonic_ns() + fs->delay_ns;
    delayed->next = fs->delayed;
    fs->delayed = delayed;
}

static void process(struct cgroupfs *fs, const struct fuse_buf *buffer)
{
    fs->delay_ns = 0;
    fs->requests++;
    fuse_session_process_buf(fs->session, buffer);
    if (fs->delay_ns)
        put_off(fs, buffer);
    cgroupfs_let_settle(fs);
}

bool cgroupfs_serve(struct cgroupfs *fs)
{
    int size = fuse_session_receive_buf(fs->session, &fs->buffer);
    if (size > 0) {
        cgroupfs_take(fs);
        process(fs, &fs->buffer);
        cgroupfs_let(fs);
    }
    return !fuse_session_exited(fs->session) && (size > 0 || size == -EAGAIN || size == -EINTR);
}

uint64_t cgroupfs_due_ns(const struct cgroupfs *fs)
{
    uint64_t due_ns = UINT64_MAX;
    for (const struct cgroupfs_delayed *at = fs->delayed; at; at = at->next)
        due_ns = at->due_ns < due_ns ? at->due_ns : due_ns;
    return due_ns;
}

void cgroupfs_serve_due(struct cgroupfs *fs)
{
    for (struct cgroupfs_delayed **at = &fs->delayed; *at;) {
        struct cgroupfs_delayed *delayed = *at;
        if (delayed->due_ns > monotonic_ns()) {
            at = &delayed->next;
            continue;
        }
        *at = delayed->next;
        cgroupfs_take(fs);
        fs->delay_spent = true;
        process(fs, &delayed->buffer);
        fs->delay_spent = false;
        cgroupfs_let(fs);
        free(delayed->buffer.mem);
        free(delayed);
    }
}

/* ---------------------------------------------------------------------- a thread of its own */

static void *serve_main(void *arg)
{
    struct cgroupfs *fs = arg;
    struct pollfd fds[] = {
        {.fd = cgroupfs_fd(fs), .events = POLLIN},
        {.fd = fs->stop_pipe[0], .events = POLLIN},
    };
    for (;;) {
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents || !cgroupfs_serve(fs))
            break;
    }
    return NULL;
}

int cgroupfs_thread_start(struct cgroupfs *fs, struct err *err)
{
    assert(!fs->threaded);
    if (pipe2(fs->stop_pipe, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "pipe");
    cgroupfs_take(fs);
    int result = -pthread_create(&fs->thread, NULL, serve_main, fs);
    if (result) {
        cgroupfs_let(fs);
        return err_errno(err, result, "thread");
    }
    fs->threaded = true;
    return 0;
}

void cgroupfs_let(struct cgroupfs *fs)
{
    pthread_mutex_unlock(&fs->lock);
}

void cgroupfs_take(struct cgroupfs *fs)
{
    pthread_mutex_lock(&fs->lock);
}

void cgroupfs_settle(struct cgroupfs *fs)
{
    const struct timespec pause = {.tv_nsec = 50000};
    while (!cgroupfs_notifier_idle(fs)) {
        cgroupfs_let(fs);
        nanosleep(&pause, NULL);
        cgroupfs_take(fs);
    }
}
