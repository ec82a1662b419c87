/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says about processes. */
#include "reference/host_linux/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROCESS_EXITING 0x4u /* PF_EXITING of the kernel's sched.h, in the flags of proc(5) */

/* "PID (COMMAND) STATE PPID PGRP SESSION …": proc(5). The command may hold anything. */
static int parse_stat(const struct host *host, const char *text, struct process_info *info)
{
    const char *after = strrchr(text, ')');
    char state = 0;
    int ppid = 0;
    int pgid = 0;
    int sid = 0;
    unsigned long user = 0;
    unsigned long system = 0;
    long rss = 0;
    if (!after || sscanf(after + 1,
                      " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d "
                      "%*u %*u %ld",
                      &state, &ppid, &pgid, &sid, &user, &system, &rss) != 7)
        return -ESRCH;
    const uint64_t tick_ns = NS_PER_SEC / host->facts.clock_ticks;
    info->pid = (pid_t)strtol(text, NULL, 10);
    info->ppid = ppid;
    info->pgid = pgid;
    info->sid = sid;
    info->state = state;
    info->rss_bytes = rss > 0 ? (uint64_t)rss * host->facts.page_bytes : 0;
    info->user_ns = user * tick_ns;
    info->system_ns = system * tick_ns;
    return 0;
}

static int read_stat(const struct host *host, int proc, const char *pid, struct process_info *info)
{
    char path[32];
    char text[1024];
    snprintf(path, sizeof(path), "%s/stat", pid);
    _cleanup_close_ int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    ssize_t length = read(fd, text, sizeof(text) - 1);
    if (length <= 0)
        return length < 0 ? -errno : -ESRCH;
    text[length] = '\0';
    return parse_stat(host, text, info);
}

int linux_process_info(struct host *host, pid_t pid, struct process_info *ret_info)
{
    char path[32];
    linux_abandoned_reap();
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    return read_stat(host, AT_FDCWD, path, ret_info);
}

static int by_pid(const void *a, const void *b)
{
    const struct process_info *left = a;
    const struct process_info *right = b;
    return (left->pid > right->pid) - (left->pid < right->pid);
}

int linux_process_list(
    struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err)
{
    linux_abandoned_reap();
    DIR *proc = opendir("/proc");
    if (!proc)
        return err_errno(err, -errno, "list /proc");
    struct process_info *list = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (const struct dirent *entry; (entry = readdir(proc));) {
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        list = mem_grow(list, &capacity, count + 1, sizeof(*list));
        if (read_stat(host, dirfd(proc), entry->d_name, &list[count]) == 0)
            count++; /* else it has just gone */
    }
    closedir(proc);
    if (count > 0)
        qsort(list, count, sizeof(*list), by_pid);
    *ret_list = list;
    *ret_count = count;
    return 0;
}

int linux_namespace_inode(
    struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode)
{
    (void)host;
    char path[64];
    struct stat info;
    snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, namespace_names[kind]);
    if (stat(path, &info) < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    *ret_inode = info.st_ino;
    return 0;
}

int linux_process_write(struct host *host, pid_t pid, const char *file, const char *text)
{
    (void)host;
    _cleanup_free_ char *path = str_printf("/proc/%d/%s", (int)pid, file);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Such a process has closed its files already. */
static bool is_exiting(pid_t pid)
{
    char path[32];
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    unsigned flags = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (linux_read_path(AT_FDCWD, path, &text, &length) < 0)
        return true;
    const char *after = strrchr(text, ')');
    if (!after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
        return true;
    return flags & PROCESS_EXITING;
}

int linux_process_holds(struct host *host, pid_t pid, const char *path)
{
    (void)host;
    struct stat file;
    struct stat info;
    if (stat(path, &file) < 0)
        return -errno;
    char directory[32];
    snprintf(directory, sizeof(directory), "/proc/%d/fd", (int)pid);
    DIR *descriptors = opendir(directory);
    if (!descriptors)
        return errno == ENOENT ? -ESRCH : -errno;
    bool held = false;
    for (const struct dirent *entry; !held && (entry = readdir(descriptors));)
        held = entry->d_name[0] != '.' &&
               fstatat(dirfd(descriptors), entry->d_name, &info, 0) == 0 &&
               info.st_dev == file.st_dev && info.st_ino == file.st_ino;
    closedir(descriptors);
    /* Looked at last: who is not exiting yet had its files until now. */
    return held ? 1 : is_exiting(pid) ? -ESRCH : 0;
}
