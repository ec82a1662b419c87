/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cgroups/cgroup_fs_mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/strbuf.h"
#include "reference/cgroups/cgroup_fs_inotify.h"

struct mount_fs {
    struct cgroup_fs base;
    char *directory;
    int root; /* the directory, open (cgroup_fs_mount_hold), or AT_FDCWD */
    struct cgroup_inotify *inotify; /* made with the first watch */
};

enum watch_kind { WATCH_INOTIFY, WATCH_EVENTFD };

struct cgroup_fs_watch {
    enum watch_kind kind;
    struct mount_fs *mount;
    struct cgroup_inotify_watch *inotify;
    /* a v1 listener */
    int eventfd;
    struct loop_watch *readable;
    char *path;
    cgroup_watch_fn fn;
    void *arg;
};

static struct mount_fs *mount_of(struct cgroup_fs *fs)
{
    return container_of(fs, struct mount_fs, base);
}

/* The file (or, without one, the cgroup) as a host path in `buffer`; -ENAMETOOLONG. */
static int path_make(
    struct cgroup_fs *fs, const char *path, const char *file, char *buffer, size_t size)
{
    int length = snprintf(buffer, size, "%s%s%s%s%s", mount_of(fs)->directory,
        path[0] ? "/" : "", path, file ? "/" : "", file ? file : "");
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

/* The same below mount_of(fs)->root. */
static int name_make(
    struct cgroup_fs *fs, const char *path, const char *file, char *buffer, size_t size)
{
    if (mount_of(fs)->root == AT_FDCWD)
        return path_make(fs, path, file, buffer, size);
    int length = snprintf(buffer, size, "%s%s%s", path, path[0] && file ? "/" : "",
        file ? file : path[0] ? "" : ".");
    return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

static int mount_create(struct cgroup_fs *fs, const char *path, mode_t mode)
{
    char buffer[PATH_MAX];
    int r = name_make(fs, path, NULL, buffer, sizeof(buffer));
    if (r < 0)
        return r;
    return mkdirat(mount_of(fs)->root, buffer, mode) < 0 ? -errno : 0;
}

static int mount_remove(struct cgroup_fs *fs, const char *path)
{
    char buffer[PATH_MAX];
    int r = name_make(fs, path, NULL, buffer, sizeof(buffer));
    if (r < 0)
        return r;
    return unlinkat(mount_of(fs)->root, buffer, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int file_open(struct cgroup_fs *fs, const char *path, const char *file, int flags)
{
    char buffer[PATH_MAX];
    int r = name_make(fs, path, file, buffer, sizeof(buffer));
    if (r < 0)
        return r;
    int fd = openat(mount_of(fs)->root, buffer, flags | O_CLOEXEC | O_NOCTTY);
    return fd < 0 ? -errno : fd;
}

static int mount_read(struct cgroup_fs *fs, const char *path, const char *file, char **ret_text)
{
    _cleanup_close_ int fd = file_open(fs, path, file, O_RDONLY);
    if (fd < 0)
        return fd;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (;;) {
        char buffer[4096];
        ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        strbuf_add_bytes(&text, buffer, (size_t)got);
    }
    *ret_text = strbuf_take(&text);
    return 0;
}

/*
 * A process that enters a v1 cgroup by itself, by its "tasks", takes no lock of all thread groups.
 * To take that costs a grace period of RCU, some 10 ms, whenever nobody had it just before. So one
 * that waits at its gate is told to.
 */
static bool enters_by_itself(
    struct cgroup_fs *fs, const char *path, const char *file, const char *data)
{
    char buffer[PATH_MAX];
    const struct host_ops *ops = fs->host->ops;
    return ops->enter_at_gate && str_equal(file, "cgroup.procs") &&
        name_make(fs, path, "tasks", buffer, sizeof(buffer)) == 0 &&
        faccessat(mount_of(fs)->root, buffer, W_OK, 0) == 0 &&
        path_make(fs, path, "tasks", buffer, sizeof(buffer)) == 0 &&
        ops->enter_at_gate(fs->host, (pid_t)strtol(data, NULL, 10), buffer);
}

static int mount_write(
    struct cgroup_fs *fs, const char *path, const char *file, const char *data, size_t length)
{
    if (enters_by_itself(fs, path, file, data))
        return 0;
    _cleanup_close_ int fd = file_open(fs, path, file, O_WRONLY);
    if (fd < 0)
        return fd;
    /* A control file takes its value in one write(2). */
    ssize_t written;
    do
        written = write(fd, data, length);
    while (written < 0 && errno == EINTR);
    if (written < 0)
        return -errno;
    return (size_t)written == length ? 0 : -EIO;
}

static bool entry_is_directory(int fd, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    struct stat status;
    return fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISDIR(status.st_mode);
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int mount_list(struct cgroup_fs *fs, const char *path, char ***ret_names)
{
    char buffer[PATH_MAX];
    int r = path_make(fs, path, NULL, buffer, sizeof(buffer));
    if (r < 0)
        return r;
    DIR *directory = opendir(buffer);
    if (!directory)
        return -errno;
    size_t capacity = 0;
    size_t count = 0;
    char **names = mem_grow(NULL, &capacity, 8, sizeof(*names));
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(directory)); errno = 0) {
        if (entry->d_name[0] == '.' || !entry_is_directory(dirfd(directory), entry))
            continue;
        names = mem_grow(names, &capacity, count + 2, sizeof(*names));
        names[count++] = str_dup(entry->d_name);
        names[count] = NULL;
    }
    r = -errno;
    closedir(directory);
    if (r < 0) {
        strv_free(names);
        return r;
    }
    qsort(names, count, sizeof(*names), name_compare);
    *ret_names = names;
    return 0;
}

static bool mount_exists(struct cgroup_fs *fs, const char *path, const char *file)
{
    char buffer[PATH_MAX];
    struct stat status;
    return name_make(fs, path, file, buffer, sizeof(buffer)) == 0 &&
        fstatat(mount_of(fs)->root, buffer, &status, 0) == 0 && S_ISDIR(status.st_mode) == !file;
}

static int mount_chown(
    struct cgroup_fs *fs, const char *path, const char *file, uid_t uid, gid_t gid)
{
    char buffer[PATH_MAX];
    int r = path_make(fs, path, file, buffer, sizeof(buffer));
    if (r < 0)
        return r;
    return lchown(buffer, uid, gid) < 0 ? -errno : 0;
}

static void inotify_happened(void *arg, int result)
{
    struct cgroup_fs_watch *watch = arg;
    cgroup_watch_fn fn = watch->fn;
    void *fn_arg = watch->arg;
    if (result < 0)
        free(watch);
    fn(fn_arg, result, 1);
}

static int mount_watch(struct cgroup_fs *fs, const char *path, const char *file,
    cgroup_watch_fn fn, void *arg, struct cgroup_fs_watch **ret_watch)
{
    struct mount_fs *mount = mount_of(fs);
    if (!mount->inotify) {
        int r = cgroup_inotify_new(fs->host->loop, mount->directory, &mount->inotify);
        if (r < 0)
            return r;
    }
    struct cgroup_fs_watch *watch = mem_alloc(sizeof(*watch));
    *watch = (struct cgroup_fs_watch){
        .kind = WATCH_INOTIFY, .mount = mount, .eventfd = -1, .fn = fn, .arg = arg};
    int r = cgroup_inotify_watch(
        mount->inotify, path, file, inotify_happened, watch, &watch->inotify);
    if (r < 0) {
        free(watch);
        return r;
    }
    *ret_watch = watch;
    return 0;
}

static void mount_unwatch(struct cgroup_fs *fs, struct cgroup_fs_watch *watch)
{
    if (watch->kind == WATCH_INOTIFY) {
        cgroup_inotify_unwatch(watch->mount->inotify, watch->inotify);
    } else {
        loop_fd_stop(fs->host->loop, watch->readable);
        close(watch->eventfd);
        free(watch->path);
    }
    free(watch);
}

/* The kernel also signals the listeners of a cgroup that is removed. */
static void eventfd_readable(void *arg, unsigned events)
{
    (void)events;
    struct cgroup_fs_watch *watch = arg;
    uint64_t count = 0;
    if (read(watch->eventfd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return;
    struct cgroup_fs *fs = &watch->mount->base;
    cgroup_watch_fn fn = watch->fn;
    void *fn_arg = watch->arg;
    if (mount_exists(fs, watch->path, NULL)) {
        fn(fn_arg, 0, count);
        return;
    }
    mount_unwatch(fs, watch);
    fn(fn_arg, -ENODEV, 0);
}

/* "EVENTFD FD ARGUMENTS" into cgroup.event_control (cgroup v1, memory.rst section 9). */
static int listener_register(struct cgroup_fs *fs, const char *path, const char *file,
    const char *arguments, int eventfd)
{
    _cleanup_close_ int control = file_open(fs, path, file, O_RDONLY);
    if (control < 0)
        return control;
    _cleanup_free_ char *line = arguments && arguments[0]
        ? str_printf("%d %d %s", eventfd, control, arguments)
        : str_printf("%d %d", eventfd, control);
    return mount_write(fs, path, "cgroup.event_control", line, strlen(line));
}

static int mount_listen(struct cgroup_fs *fs, const char *path, const char *file,
    const char *arguments, cgroup_watch_fn fn, void *arg, struct cgroup_fs_watch **ret_watch)
{
    _cleanup_close_ int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    int r = listener_register(fs, path, file, arguments, fd);
    if (r < 0)
        return r;
    struct cgroup_fs_watch *watch = mem_alloc(sizeof(*watch));
    *watch = (struct cgroup_fs_watch){
        .kind = WATCH_EVENTFD, .mount = mount_of(fs), .eventfd = fd, .fn = fn, .arg = arg};
    watch->readable =
        loop_fd_start(fs->host->loop, fd, LOOP_READABLE, eventfd_readable, watch);
    if (!watch->readable) {
        free(watch);
        return -ENOSYS;
    }
    watch->path = str_dup(path);
    (void)TAKE_FD(fd);
    *ret_watch = watch;
    return 0;
}

static void mount_free(struct cgroup_fs *fs)
{
    struct mount_fs *mount = mount_of(fs);
    cgroup_inotify_free(mount->inotify);
    cgroup_fs_release(fs);
    if (mount->root >= 0)
        close(mount->root);
    free(mount->directory);
    free(mount);
}

static const struct cgroup_fs_ops mount_ops = {
    .create = mount_create,
    .remove = mount_remove,
    .read = mount_read,
    .write = mount_write,
    .list = mount_list,
    .exists = mount_exists,
    .chown = mount_chown,
    .watch = mount_watch,
    .listen = mount_listen,
    .unwatch = mount_unwatch,
    .free = mount_free,
};

struct cgroup_fs *cgroup_fs_mount_new(
    struct host *host, const char *name, const char *directory, const char *mount_point)
{
    struct mount_fs *mount = mem_alloc(sizeof(*mount));
    cgroup_fs_init(&mount->base, &mount_ops, host, name, mount_point);
    mount->directory = str_dup(directory);
    mount->root = AT_FDCWD;
    return &mount->base;
}

void cgroup_fs_mount_hold(struct cgroup_fs *fs)
{
    struct mount_fs *mount = mount_of(fs);
    int root = open(mount->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0)
        mount->root = root;
}
