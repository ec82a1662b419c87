/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/cgroupfs/cgroupfs_real.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"
#include "fakes/kernel/process.h"

#define KERNEL_THREAD_FLAG 0x00200000 /* PF_KTHREAD of /proc/PID/stat */
/* Pids of simulated processes start here, beyond those that a host usually gives. */
#define SIMULATED_PIDS 2000000

struct cgroupfs_real {
    int epoll;            /* of pidfds; data is the pid */
    struct u64map *pidfds; /* pid -> fd + 1 */
};

struct cgroupfs_real *cgroupfs_real_new(struct kernel *kernel)
{
    struct cgroupfs_real *real = mem_alloc(sizeof(*real));
    real->epoll = epoll_create1(EPOLL_CLOEXEC);
    real->pidfds = u64map_new();
    cgroupfs_real_pids(kernel);
    return real;
}

void cgroupfs_real_pids(struct kernel *kernel)
{
    kernel->last_pid = SIMULATED_PIDS;
}

void cgroupfs_real_free(struct cgroupfs_real *real)
{
    size_t cursor = 0;
    uint64_t pid;
    void *fd;
    if (!real)
        return;
    while (u64map_next(real->pidfds, &cursor, &pid, &fd))
        close((int)(intptr_t)fd - 1);
    u64map_free(real->pidfds);
    close(real->epoll);
    free(real);
}

int cgroupfs_real_fd(const struct cgroupfs *fs)
{
    return fs->real ? fs->real->epoll : -1;
}

pid_t cgroupfs_real_group(pid_t thread)
{
    char path[64], line[256];
    int group = thread;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "Tgid: %d", &group) == 1)
            break;
    if (file)
        fclose(file);
    return group;
}

/* Flags and state of /proc/PID/stat; false when there is no such thread. */
static bool real_stat(pid_t pid, unsigned *ret_flags, char *ret_state)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *at = strrchr(text, ')');
    return at && sscanf(at + 1, " %c %*d %*d %*d %*d %*d %u", ret_state, ret_flags) == 2;
}

static void watch_end(struct cgroupfs_real *real, pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return;
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)pid};
    if (epoll_ctl(real->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        close(fd);
        return;
    }
    u64map_set(real->pidfds, (uint64_t)pid, (void *)(intptr_t)(fd + 1));
}

struct process *cgroupfs_real_make(
    struct kernel *kernel, pid_t pid, pid_t thread, uid_t uid, gid_t gid, bool kernel_thread)
{
    const pid_t last_pid = kernel->last_pid;
    struct process *process = process_find(kernel, pid);
    if (!process && pid > 1) {
        kernel->last_pid = pid - 1;
        if (process_fork(kernel, NULL, 0, &process))
            process = NULL;
        if (process) {
            process->uid = uid;
            process->gid = gid;
            process->kernel_thread = kernel_thread;
        }
    }
    if (process && thread != pid && !task_find(kernel, thread) &&
        process->state != PROCESS_ZOMBIE) {
        struct task *task;
        kernel->last_pid = thread - 1;
        if (process_thread(process, &task))
            process = NULL;
    }
    kernel->last_pid = last_pid;
    return process;
}

static void real_ensure(struct cgroupfs *fs, pid_t thread)
{
    char path[64], state;
    unsigned flags;
    struct stat stat_buffer;
    if (task_find(fs->kernel, thread) || !real_stat(thread, &flags, &state) || state == 'Z')
        return;
    snprintf(path, sizeof(path), "/proc/%d", (int)thread);
    if (stat(path, &stat_buffer) < 0)
        return;
    pid_t pid = cgroupfs_real_group(thread);
    bool known = process_find(fs->kernel, pid);
    struct process *process = cgroupfs_real_make(fs->kernel, pid, thread, stat_buffer.st_uid,
        stat_buffer.st_gid, flags & KERNEL_THREAD_FLAG);
    if (!process)
        return;
    if (!known)
        watch_end(fs->real, pid);
    cgroupfs_changed(fs, &(struct cgroupfs_change){
                             .operation = OPERATION_COUNT,
                             .numbers = {pid, thread, stat_buffer.st_uid,
                                 (flags & KERNEL_THREAD_FLAG) != 0},
                         });
}

void cgroupfs_real_prepare(
    struct cgroupfs *fs, const char *data, size_t length, struct cgroup_caller *caller)
{
    char text[32];
    if (length >= sizeof(text))
        return;
    memcpy(text, data, length);
    text[length] = '\0';
    char *end;
    errno = 0;
    long number = strtol(text, &end, 0);
    while (isspace((unsigned char)*end))
        end++;
    if (errno || end == text || *end || number < 0 || number > INT32_MAX)
        return;
    real_ensure(fs, number ? (pid_t)number : caller->pid);
}

void cgroupfs_real_ended(struct cgroupfs *fs)
{
    struct epoll_event events[16];
    int count = epoll_wait(fs->real->epoll, events, (int)ARRAY_SIZE(events), 0);
    for (int i = 0; i < count; i++) {
        uint64_t pid = events[i].data.u64;
        void *fd = u64map_remove(fs->real->pidfds, pid);
        struct process *process = process_find(fs->kernel, (pid_t)pid);
        if (fd)
            close((int)(intptr_t)fd - 1);
        if (!process)
            continue;
        if (process->state != PROCESS_ZOMBIE)
            process_exit(process, 0);
        cgroupfs_changed(fs, &(struct cgroupfs_change){
                                 .operation = OPERATION_COUNT,
                                 .numbers = {(int64_t)pid, 0, 0, 0},
                             });
    }
}
