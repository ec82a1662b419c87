/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names and whole files, as system calls. */
#include "fakes/replay/replay_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fakes/replay/replay_real.h"
#include "reference/base/mem.h"

#define DUMP_BYTES_MAX 3000
#define XATTR_BYTES_MAX 4096

/* ---------------------------------------------------------------------- around calls */

char *replay_files_path(const struct replay_world *world, const char *recorded)
{
    const struct replay_files *files = world->files;
    const char *base = files->base;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    replay_substitute(world, recorded, strlen(recorded), &text);
    const char *path = strbuf_text(&text);
    if (*path == '^') {
        base = "";
        path++;
    }
    size_t length = world->header->v2 ? 0 : strcspn(path, "/");
    const char *rest = path + length + (path[length] == '/' && length);
    if (!strcmp(rest, "."))
        rest = "";
    return str_printf("%s%s%.*s%s%s%s%s", files->directory, length ? "/" : "", (int)length, path,
        *base ? "/" : "", base, *rest ? "/" : "", rest);
}

/* Of this thread only: a server's thread keeps its rights. */
static void become(uid_t uid)
{
    if (uid) {
        syscall(SYS_setgroups, 0, NULL);
        syscall(SYS_setresgid, -1, uid, -1);
        syscall(SYS_setresuid, -1, uid, -1);
    } else {
        syscall(SYS_setresuid, -1, 0, -1);
        syscall(SYS_setresgid, -1, 0, -1);
    }
}

void replay_files_begin(struct replay_world *world, const struct replay_op *op)
{
    if (world->files->let)
        world->files->let(world->files->arg);
    if (op->uid)
        become(op->uid);
}

void replay_files_end(struct replay_world *world, const struct replay_op *op)
{
    if (op->uid)
        become(0);
    if (world->files->take)
        world->files->take(world->files->arg);
    if (world->files->settle)
        world->files->settle(world->files->arg);
}

/* One system call on one path. */
typedef int (*path_call_fn)(const struct replay_op *op, const char *path);

static void path_call(struct replay_world *world, const struct replay_op *op,
    struct replay_outcome *outcome, path_call_fn fn)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    replay_files_begin(world, op);
    outcome->result = fn(op, path) < 0 ? -errno : 0;
    replay_files_end(world, op);
}

/* ---------------------------------------------------------------------- reading and writing */

int64_t replay_files_write(struct replay_world *world, const struct replay_op *op, int flags,
    const struct strbuf *data, struct replay_outcome *outcome)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    int64_t result = 0;
    if (world->files->real && replay_is_pid_list(replay_text(op, "path")) &&
        !replay_real_may_move(world, strbuf_text(data), data->length)) {
        outcome->skipped = REPLAY_NOT_OURS;
        return 0;
    }
    replay_files_begin(world, op);
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) {
        result = -errno;
        outcome->at_open = true;
    } else {
        ssize_t written = write(fd, strbuf_text(data), data->length);
        result = written < 0 ? -errno : (size_t)written == data->length ? 0 : written;
        close(fd);
    }
    replay_files_end(world, op);
    return result;
}

static int slurp(int fd, struct strbuf *out)
{
    char buffer[65536];
    ssize_t length;
    while ((length = read(fd, buffer, sizeof(buffer))) > 0)
        strbuf_add_bytes(out, buffer, (size_t)length);
    return length < 0 ? -errno : 0;
}

bool replay_files_read(struct replay_world *world, const struct replay_op *op,
    struct replay_outcome *outcome, struct strbuf *out)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    replay_files_begin(world, op);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    outcome->at_open = fd < 0;
    outcome->result = fd < 0 ? -errno : slurp(fd, out);
    if (fd >= 0)
        close(fd);
    replay_files_end(world, op);
    return outcome->result == 0;
}

/* ---------------------------------------------------------------------- names */

static mode_t octal(const struct replay_op *op, const char *field, mode_t fallback)
{
    return replay_has(op, field) ? (mode_t)strtoul(replay_text(op, field), NULL, 8) : fallback;
}

static int call_mkdir(const struct replay_op *op, const char *path)
{
    mode_t mask = umask(022);
    int result = mkdir(path, octal(op, "mode", 0755));
    int error = errno;
    umask(mask);
    errno = error;
    return result;
}

static int call_rmdir(const struct replay_op *op, const char *path)
{
    (void)op;
    return rmdir(path);
}

static int call_unlink(const struct replay_op *op, const char *path)
{
    (void)op;
    return unlink(path);
}

static int call_creat(const struct replay_op *op, const char *path)
{
    (void)op;
    int fd = open(path, O_CREAT | O_WRONLY | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static int call_symlink(const struct replay_op *op, const char *path)
{
    (void)op;
    return symlink("target", path);
}

static int call_mknod(const struct replay_op *op, const char *path)
{
    (void)op;
    return mknod(path, S_IFIFO | 0644, 0);
}

static int call_truncate(const struct replay_op *op, const char *path)
{
    return truncate(path, replay_number(op, "size"));
}

static int call_chmod(const struct replay_op *op, const char *path)
{
    return chmod(path, octal(op, "mode", 0));
}

static int call_chown(const struct replay_op *op, const char *path)
{
    unsigned uid = 0, gid = 0;
    sscanf(replay_text(op, "owner"), "%u:%u", &uid, &gid);
    return chown(path, uid, gid);
}

static int call_utimes(const struct replay_op *op, const char *path)
{
    (void)op;
    return utimensat(AT_FDCWD, path, NULL, 0);
}

static int call_setxattr(const struct replay_op *op, const char *path)
{
    const char *value = replay_text(op, "value");
    return setxattr(path, replay_text(op, "name"), value, strlen(value), 0);
}

static int call_removexattr(const struct replay_op *op, const char *path)
{
    return removexattr(path, replay_text(op, "name"));
}

static int call_access(const struct replay_op *op, const char *path)
{
    const char *want = replay_text(op, "want");
    int mode = (strchr(want, 'r') ? R_OK : 0) | (strchr(want, 'w') ? W_OK : 0) |
        (strchr(want, 'x') ? X_OK : 0);
    return (int)syscall(SYS_faccessat2, AT_FDCWD, path, mode, AT_EACCESS);
}

static int call_exists(const struct replay_op *op, const char *path)
{
    (void)op;
    return access(path, F_OK);
}

static const struct path_call {
    const char *op;
    path_call_fn fn;
} path_calls[] = {
    {"mkdir", call_mkdir},
    {"rmdir", call_rmdir},
    {"unlink", call_unlink},
    {"creat", call_creat},
    {"symlink", call_symlink},
    {"mknod", call_mknod},
    {"truncate", call_truncate},
    {"chmod", call_chmod},
    {"chown", call_chown},
    {"utimes", call_utimes},
    {"setxattr", call_setxattr},
    {"removexattr", call_removexattr},
    {"access", call_access},
    {"exists", call_exists},
};

static void run_path_call(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    size_t i = 0;
    while (strcmp(path_calls[i].op, op->op))
        i++;
    path_call(world, op, outcome, path_calls[i].fn);
}

struct removal {
    struct replay_world *world;
    const struct replay_op *op;
    struct replay_outcome *outcome;
};

static bool removed(void *arg)
{
    const struct removal *removal = arg;
    path_call(removal->world, removal->op, removal->outcome, call_rmdir);
    return removal->outcome->result == 0;
}

static void run_awaitgone(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct removal removal = {world, op, outcome};
    replay_wait(world, (uint64_t)replay_number(op, "ms"), removed, &removal);
}

static void run_two_paths(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_free_ char *from = replay_files_path(world, replay_text(op, "path"));
    _cleanup_free_ char *to = replay_files_path(world, replay_text(op, "path2"));
    int result;
    replay_files_begin(world, op);
    if (!strcmp(op->op, "link"))
        result = link(from, to);
    else if (!strcmp(op->op, "rename"))
        result = rename(from, to);
    else
        result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to,
            (unsigned)replay_number(op, "rflags"));
    outcome->result = result < 0 ? -errno : 0;
    replay_files_end(world, op);
}

/* ---------------------------------------------------------------------- attributes */

static void run_getxattr(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    bool list = !strcmp(op->op, "listxattr");
    char value[XATTR_BYTES_MAX];
    replay_files_begin(world, op);
    ssize_t length = list ? listxattr(path, value, sizeof(value))
                          : getxattr(path, replay_text(op, "name"), value, sizeof(value));
    outcome->result = length < 0 ? -errno : 0;
    replay_files_end(world, op);
    outcome->has_out = length >= 0;
    if (!list && length > 0)
        strbuf_add_bytes(&outcome->out, value, (size_t)length);
    for (ssize_t at = 0; list && at < length; at += (ssize_t)strlen(value + at) + 1)
        strbuf_addf(&outcome->out, "%s\n", value + at);
}

static int path_stat(struct replay_world *world, const struct replay_op *op, const char *field,
    struct stat *ret_stat)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, field));
    replay_files_begin(world, op);
    int result = lstat(path, ret_stat) < 0 ? -errno : 0;
    replay_files_end(world, op);
    return result;
}

static void run_stat(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct stat stat;
    outcome->result = path_stat(world, op, "path", &stat);
    outcome->has_out = outcome->result == 0;
    if (outcome->has_out)
        strbuf_addf(&outcome->out,
            "%s %04o nlink=%lu uid=%u gid=%u size=%lld blksize=%ld blocks=%lld",
            S_ISDIR(stat.st_mode) ? "dir" : "file", stat.st_mode & 07777,
            (unsigned long)stat.st_nlink, stat.st_uid, stat.st_gid, (long long)stat.st_size,
            (long)stat.st_blksize, (long long)stat.st_blocks);
}

static void run_samefs(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct stat stat, other;
    outcome->result = path_stat(world, op, "path", &stat);
    if (!outcome->result)
        outcome->result = path_stat(world, op, "path2", &other);
    outcome->has_out = outcome->result == 0;
    if (outcome->has_out)
        strbuf_addf(&outcome->out, "%s %s",
            stat.st_dev == other.st_dev ? "samedev" : "otherdev",
            stat.st_ino < other.st_ino    ? "ino<"
            : stat.st_ino == other.st_ino ? "ino="
                                          : "ino>");
}

/* ---------------------------------------------------------------------- directories */

/* From above the base is seen under another name, and what others have beside it is left out:
 * NULL. */
static const char *shown_name(const struct replay_world *world, const struct replay_op *op,
    const char *name, bool directory)
{
    if (*replay_text(op, "path") != '^' || !directory || *name == '.')
        return name;
    return !strcmp(name, world->files->base) ? "$BASE" : NULL;
}

static void run_list(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    replay_files_begin(world, op);
    DIR *directory = opendir(path);
    outcome->result = directory ? 0 : -errno;
    outcome->has_out = directory != NULL;
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        bool below = entry->d_type == DT_DIR;
        const char *name = shown_name(world, op, entry->d_name, below);
        if (name)
            strbuf_addf(&outcome->out, "%s%s\n", name, below ? "/" : "");
    }
    if (directory)
        closedir(directory);
    replay_files_end(world, op);
}

static void add_mode(
    const struct replay_world *world, const struct replay_op *op, const char *path,
    const char *name, struct strbuf *out)
{
    struct stat stat;
    if (*name == '.' || lstat(path, &stat) < 0)
        return;
    const char *shown = shown_name(world, op, name, S_ISDIR(stat.st_mode));
    if (shown)
        strbuf_addf(out, "%s%04o %s\n", S_ISDIR(stat.st_mode) ? "d" : "-", stat.st_mode & 07777,
            shown);
}

static void add_content(const struct replay_world *world, const struct replay_op *op,
    const char *path, const char *name, struct strbuf *out)
{
    char buffer[DUMP_BYTES_MAX];
    struct stat stat;
    (void)world, (void)op;
    if (lstat(path, &stat) || !S_ISREG(stat.st_mode))
        return;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? 0 : read(fd, buffer, sizeof(buffer));
    if (fd < 0 || length < 0) {
        strbuf_addf(out, "%s: !%s %s\n", name, fd < 0 ? "open" : "read", err_name(errno));
        return;
    }
    strbuf_addf(out, "%s: ", name);
    strbuf_add_bytes(out, buffer, (size_t)length);
    if (length == 0 || buffer[length - 1] != '\n')
        strbuf_add(out, "\\\n");
}

static void each_entry(struct replay_world *world, const struct replay_op *op,
    struct replay_outcome *outcome,
    void (*add)(const struct replay_world *world, const struct replay_op *op, const char *path,
        const char *name, struct strbuf *out))
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    struct dirent **entries = NULL;
    replay_files_begin(world, op);
    int count = scandir(path, &entries, NULL, alphasort);
    outcome->result = count < 0 ? -errno : 0;
    outcome->has_out = count >= 0;
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *below = str_printf("%s/%s", path, entries[i]->d_name);
        add(world, op, below, entries[i]->d_name, &outcome->out);
        free(entries[i]);
    }
    free(entries);
    replay_files_end(world, op);
}

static void run_modes(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    each_entry(world, op, outcome, add_mode);
}

static void run_dump(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    each_entry(world, op, outcome, add_content);
}

const struct replay_operation replay_files_ops[] = {
    {"mkdir", run_path_call},
    {"rmdir", run_path_call},
    {"unlink", run_path_call},
    {"creat", run_path_call},
    {"symlink", run_path_call},
    {"mknod", run_path_call},
    {"truncate", run_path_call},
    {"chmod", run_path_call},
    {"chown", run_path_call},
    {"utimes", run_path_call},
    {"setxattr", run_path_call},
    {"removexattr", run_path_call},
    {"access", run_path_call},
    {"exists", run_path_call},
    {"awaitgone", run_awaitgone},
    {"link", run_two_paths},
    {"rename", run_two_paths},
    {"rename2", run_two_paths},
    {"getxattr", run_getxattr},
    {"listxattr", run_getxattr},
    {"stat", run_stat},
    {"samefs", run_samefs},
    {"list", run_list},
    {"modes", run_modes},
    {"dump", run_dump},
    {NULL, NULL},
};
