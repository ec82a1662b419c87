/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random operations on a mounted fake from several threads at once: paths, sizes, offsets, files
 * held open while their directories go. Nothing is checked but that every call returns, and what
 * the sanitizers see.
 *
 * usage: cgroupfs_stress [--operations N] [--seconds S] [--threads N] [--seed N]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs.h"
#include "fakes/kernel/process.h"
#include "reference/base/mem.h"

#define HANDLES 16
#define THREADS_MAX 16
#define EXIT_SKIPPED 77

static char mount_point[] = "/tmp/seatrial-stress.XXXXXX";
static _Atomic uint64_t operations_left = 40000;
static _Atomic uint64_t operations_done;
static uint64_t seconds_most = 60;

struct worker {
    pthread_t thread;
    uint64_t state;
    int handles[HANDLES];
    char path[512];
    char data[8192];
};

static uint64_t draw(struct worker *worker, uint64_t bound)
{
    worker->state ^= worker->state << 13;
    worker->state ^= worker->state >> 7;
    worker->state ^= worker->state << 17;
    return worker->state % bound;
}

static const char *draw_directory(struct worker *worker)
{
    static const char *const directories[] = {
        "", "/a", "/a/b", "/a/b/c", "/d", "/d/e", "/f", "/f/g"};
    snprintf(worker->path, sizeof(worker->path), "%s%s", mount_point,
        directories[draw(worker, ARRAY_SIZE(directories))]);
    return worker->path;
}

static const char *draw_file(struct worker *worker)
{
    static const char *const files[] = {"cgroup.procs", "cgroup.subtree_control", "cgroup.events",
        "cgroup.freeze", "cgroup.kill", "cgroup.type", "cgroup.max.depth", "cgroup.threads",
        "cgroup.pressure", "memory.max", "memory.high", "memory.current", "memory.events",
        "memory.peak", "memory.reclaim", "memory.pressure", "pids.max", "cpu.max", "cpu.weight",
        "cpuset.cpus", "cpuset.cpus.partition", "io.max", "io.stat", "hugetlb.2MB.max", "nothing"};
    draw_directory(worker);
    size_t length = strlen(worker->path);
    snprintf(worker->path + length, sizeof(worker->path) - length, "/%s",
        files[draw(worker, ARRAY_SIZE(files))]);
    return worker->path;
}

static size_t draw_data(struct worker *worker)
{
    static const char *const values[] = {"1", "0", "max", "64M", "+memory +pids +cpu", "-memory",
        "threaded", "0-1", "8:0 rbps=1048576", "50000 100000", "some 150000 2000000", "root", "-1"};
    if (draw(worker, 4)) {
        const char *value = values[draw(worker, ARRAY_SIZE(values))];
        memcpy(worker->data, value, strlen(value));
        return strlen(value);
    }
    size_t length = draw(worker, 8) ? draw(worker, 40) : draw(worker, sizeof(worker->data));
    for (size_t i = 0; i < length; i++)
        worker->data[i] = (char)draw(worker, 256);
    return length;
}

static int *draw_handle(struct worker *worker)
{
    return &worker->handles[draw(worker, HANDLES)];
}

static void do_open(struct worker *worker)
{
    static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_TRUNC, O_RDWR | O_APPEND};
    int *handle = draw_handle(worker);
    if (*handle >= 0)
        close(*handle);
    bool directory = draw(worker, 8) == 0;
    *handle = open(directory ? draw_directory(worker) : draw_file(worker),
        (directory ? O_RDONLY : flags[draw(worker, ARRAY_SIZE(flags))]) | O_CLOEXEC | O_NONBLOCK);
}

static void do_handle(struct worker *worker)
{
    struct pollfd fd = {.fd = *draw_handle(worker), .events = POLLIN | POLLPRI};
    size_t length = draw_data(worker);
    off_t offset = (off_t)draw(worker, 10000);
    ssize_t ignored = 0;
    switch (draw(worker, 7)) {
    case 0:
        ignored = read(fd.fd, worker->data, draw(worker, sizeof(worker->data)));
        break;
    case 1:
        ignored = pread(fd.fd, worker->data, draw(worker, sizeof(worker->data)), offset);
        break;
    case 2:
        ignored = write(fd.fd, worker->data, length);
        break;
    case 3:
        ignored = pwrite(fd.fd, worker->data, length, offset);
        break;
    case 4:
        ignored = poll(&fd, 1, 0);
        break;
    case 5:
        ignored = ftruncate(fd.fd, offset);
        break;
    default:
        ignored = lseek(fd.fd, offset, SEEK_SET);
    }
    (void)ignored;
}

static void do_list(struct worker *worker)
{
    DIR *directory = opendir(draw_directory(worker));
    if (!directory)
        return;
    for (size_t left = draw(worker, 100); left && readdir(directory); left--)
        ;
    closedir(directory);
}

static void do_name(struct worker *worker)
{
    struct stat stat_buffer;
    int ignored;
    switch (draw(worker, 6)) {
    case 0:
    case 1:
        ignored = mkdir(draw_directory(worker), 0755);
        break;
    case 2:
        ignored = rmdir(draw_directory(worker));
        break;
    case 3:
        ignored = stat(draw_file(worker), &stat_buffer);
        break;
    case 4:
        ignored = chmod(draw_file(worker), (mode_t)draw(worker, 01000));
        break;
    default:
        ignored = setxattr(draw_file(worker), "user.x", worker->data, draw(worker, 64), 0);
    }
    (void)ignored;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    time_t start = time(NULL);
    while (operations_left > 0 && (uint64_t)(time(NULL) - start) < seconds_most) {
        operations_left--;
        operations_done++;
        uint64_t kind = draw(worker, 10);
        if (kind < 3)
            do_name(worker);
        else if (kind < 5)
            do_open(worker);
        else if (kind == 5)
            do_list(worker);
        else
            do_handle(worker);
    }
    for (size_t i = 0; i < HANDLES; i++)
        if (worker->handles[i] >= 0)
            close(worker->handles[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    _cleanup_err_ struct err err = ERR_INIT;
    static struct worker workers[THREADS_MAX];
    uint64_t threads = 4, seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = strtoull(argv[i + 1], NULL, 10);
        if (!strcmp(argv[i], "--operations"))
            operations_left = number;
        else if (!strcmp(argv[i], "--seconds"))
            seconds_most = number;
        else if (!strcmp(argv[i], "--threads"))
            threads = number < THREADS_MAX ? number : THREADS_MAX;
        else
            seed = number;
    }
    const struct kernel_config config = {.layout = CGROUP_LAYOUT_V2};
    const struct cgroupfs_options options = {.settle = true};
    struct kernel *kernel = cgroupfs_kernel_new(&config, 0);
    struct cgroupfs *fs = NULL;
    if (!mkdtemp(mount_point))
        return 1;
    if (cgroupfs_mount(kernel, mount_point, &options, &fs, &err) ||
        cgroupfs_thread_start(fs, &err)) {
        printf("skipped: %s\n", err_text(&err));
        rmdir(mount_point);
        struct loop *unused = kernel->loop;
        kernel_free(kernel);
        loop_free(unused);
        return EXIT_SKIPPED;
    }
    cgroupfs_let(fs);
    for (uint64_t i = 0; i < threads; i++) {
        workers[i].state = seed * 1000003 + i + 1;
        memset(workers[i].handles, -1, sizeof(workers[i].handles));
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    for (uint64_t i = 0; i < threads; i++)
        pthread_join(workers[i].thread, NULL);
    cgroupfs_take(fs);
    cgroupfs_unmount(fs);
    struct loop *loop = kernel->loop;
    kernel_free(kernel);
    loop_free(loop);
    rmdir(mount_point);
    printf("%llu operations by %llu threads\n", (unsigned long long)operations_done,
        (unsigned long long)threads);
    return 0;
}
