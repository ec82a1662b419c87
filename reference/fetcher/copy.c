/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/fetcher/helper.h"

#define BLOCK_BYTES 65536

static int copy_bytes(int from, int to, struct err *err)
{
    char block[BLOCK_BYTES];
    for (;;) {
        ssize_t length = read(from, block, sizeof(block));
        if (length == 0)
            return 0;
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return err_errno(err, -errno, "read");
        for (ssize_t at = 0; at < length;) {
            ssize_t more = write(to, block + at, (size_t)(length - at));
            if (more < 0 && errno != EINTR)
                return err_errno(err, -errno, "write");
            at += more > 0 ? more : 0;
        }
    }
}

/* As cp(1) does: the permissions of the source, less the umask, when the file is new. */
int copy_file(const char *from, const char *to, struct err *err)
{
    struct stat info;
    _cleanup_close_ int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0 || fstat(source, &info) < 0)
        return err_errno(err, -errno, "copy '%s'", from);
    if (!S_ISREG(info.st_mode))
        return err_errno(
            err, S_ISDIR(info.st_mode) ? -EISDIR : -EINVAL, "copy '%s': it is no file", from);
    _cleanup_close_ int target =
        open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, info.st_mode & 0777);
    if (target < 0)
        return err_errno(err, -errno, "copy '%s' to '%s'", from, to);
    int r = copy_bytes(source, target, err);
    return r < 0 ? err_wrap(err, r, "copy '%s' to '%s'", from, to) : 0;
}

static int run(char *const *argv, int *ret_status)
{
    pid_t pid;
    int error = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
    if (error)
        return -error;
    while (waitpid(pid, ret_status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

static int hadoop_run(char *const *argv, struct err *err)
{
    int status = 0;
    int r = run(argv, &status);
    if (r < 0)
        return err_errno(err, r, "run %s", argv[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, -EIO, "%s %s: %s %d", argv[0], argv[1],
            WIFEXITED(status) ? "exited with status" : "terminated with signal",
            WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    return 0;
}

int hadoop_copy(const char *uri, const char *path, struct err *err)
{
    const char *home = getenv("HADOOP_HOME");
    _cleanup_free_ char *program =
        home ? str_printf("%s/bin/hadoop", home) : str_dup("hadoop");
    char *version[] = {program, (char *)(uintptr_t)"version", NULL};
    char *copy[] = {program, (char *)(uintptr_t)"fs", (char *)(uintptr_t)"-copyToLocal",
        (char *)(uintptr_t)uri, (char *)(uintptr_t)path, NULL};
    int r = hadoop_run(version, err);
    return r < 0 ? r : hadoop_run(copy, err);
}

int become_user(const char *name, struct err *err)
{
    errno = 0;
    const struct passwd *user = getpwnam(name);
    if (!user)
        return err_set(err, errno ? -errno : -ENOENT, "there is no user '%s'", name);
    if (user->pw_uid == geteuid())
        return 0;
    if (initgroups(name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 ||
        setuid(user->pw_uid) < 0)
        return err_errno(err, -errno, "switch to user '%s'", name);
    return 0;
}

int make_parent_directories(const char *path, struct err *err)
{
    _cleanup_free_ char *part = str_dup(path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            return err_errno(err, -errno, "make directory %s", part);
        *slash = '/';
    }
    return 0;
}

int make_cache_directory(const char *path, const char *user, struct err *err)
{
    int r = make_parent_directories(path, err);
    if (r < 0)
        return r;
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "make directory %s", path);
    const struct passwd *owner = user ? getpwnam(user) : NULL;
    if (user && !owner)
        return err_set(err, -ENOENT, "there is no user '%s'", user);
    if (owner && owner->pw_uid != geteuid() && chown(path, owner->pw_uid, owner->pw_gid) < 0)
        return err_errno(err, -errno, "chown %s", path);
    return 0;
}
