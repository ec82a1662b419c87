/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: the shortest sequence of kernel calls we know for the same container as the linux
 * launcher makes with cgroups/cpu, mem and pids: five v1 cgroups, an init in a session of its own
 * that enters them, starts the payload, reaps it and writes its status to a file, stdio to files;
 * with namespaces: pid, ipc and mount, with /proc mounted. Everything is removed again.
 *
 * The init shares our memory (CLONE_VM, on a stack of its own): no page table is copied, and no
 * helper program is executed. It calls the kernel only.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/launch/contender.h"
#include "reference/base/mem.h"

#define STACK_BYTES (64 * 1024)

static const char *const hierarchies[] = {"freezer", "cpu", "cpuacct", "memory", "pids"};
#define HIERARCHIES (sizeof(hierarchies) / sizeof(hierarchies[0]))

struct floor {
    bool namespaces;
    char *init_stack;
    char *payload_stack;
    int roots[HIERARCHIES]; /* our cgroup in each */
    char *output;
    char *status;
};

struct start {
    struct floor *floor;
    const char *payload;
};

static int payload_start(void *arg)
{
    const struct start *start = arg;
    char *const argv[] = {(char *)(uintptr_t)start->payload, NULL};
    char *const environment[] = {NULL};

    execve(start->payload, argv, environment);
    _exit(127);
}

static int init_start(void *arg)
{
    const struct start *start = arg;
    struct floor *floor = start->floor;
    char text[16];
    int status = 0;
    int file = open(floor->status, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    setsid();
    for (size_t i = 0; i < HIERARCHIES; i++) {
        int procs = openat(floor->roots[i], "c/cgroup.procs", O_WRONLY | O_CLOEXEC);

        if (procs < 0 || write(procs, "0", 1) != 1)
            _exit(1);
        close(procs);
    }
    if (floor->namespaces &&
        (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
            mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0))
        _exit(1);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int output = open(floor->output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    dup3(null, 0, 0);
    dup3(output, 1, 0);
    dup3(output, 2, 0);
    pid_t payload = clone(
        payload_start, floor->payload_stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | SIGCHLD, arg);
    if (payload < 0 || waitpid(payload, &status, 0) != payload)
        _exit(1);
    int length = snprintf(text, sizeof(text), "%d", status);
    _exit(write(file, text, (size_t)length) == length ? 0 : 1);
}

static void *stack_new(void)
{
    void *stack = mmap(
        NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

    return stack == MAP_FAILED ? NULL : stack;
}

static int floor_open_with(
    struct launch_world *world, bool namespaces, void **ret_data, struct err *err)
{
    struct floor *floor = mem_alloc(sizeof(*floor));

    *ret_data = floor;
    floor->namespaces = namespaces;
    floor->output = str_printf("%s/floor-output", world->directory);
    floor->status = str_printf("%s/floor-status", world->directory);
    floor->init_stack = stack_new();
    floor->payload_stack = stack_new();
    for (size_t i = 0; i < HIERARCHIES; i++) {
        _cleanup_free_ char *path =
            str_printf("/sys/fs/cgroup/%s/%s", hierarchies[i], world->cgroup);

        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return err_errno(err, -ENOENT, "v1 hierarchy %s", hierarchies[i]);
        floor->roots[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (floor->roots[i] < 0)
            return err_errno(err, -errno, "%s", path);
    }
    return 0;
}

static int floor_open(struct launch_world *world, void **ret_data, struct err *err)
{
    return floor_open_with(world, false, ret_data, err);
}

static int floor_open_namespaces(struct launch_world *world, void **ret_data, struct err *err)
{
    return floor_open_with(world, true, ret_data, err);
}

static int floor_run(
    struct launch_world *world, void *data, uint64_t *ret_stamp_ns, struct err *err)
{
    struct floor *floor = data;
    struct start start = {floor, world->payload};
    const int flags =
        CLONE_VM | SIGCHLD | (floor->namespaces ? CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS : 0);
    int status = 0;

    for (size_t i = 0; i < HIERARCHIES; i++) {
        if (mkdirat(floor->roots[i], "c", 0755) < 0)
            return err_errno(err, -errno, "mkdir");
    }
    pid_t init = clone(init_start, floor->init_stack + STACK_BYTES, flags, &start);
    if (init < 0 || waitpid(init, &status, 0) != init || status != 0)
        return err_set(err, -EPROTO, "the init failed (status %d)", status);
    for (size_t i = 0; i < HIERARCHIES; i++) {
        while (unlinkat(floor->roots[i], "c", AT_REMOVEDIR) < 0) {
            if (errno != EBUSY)
                return err_errno(err, -errno, "rmdir");
        }
    }
    return stamp_read(floor->output, ret_stamp_ns, err);
}

static void floor_close(struct launch_world *world, void *data)
{
    struct floor *floor = data;

    for (size_t i = 0; i < HIERARCHIES; i++) {
        _cleanup_free_ char *path =
            str_printf("/sys/fs/cgroup/%s/%s", hierarchies[i], world->cgroup);

        if (floor->roots[i] > 0)
            close(floor->roots[i]);
        rmdir(path); /* another floor may still need it */
    }
    munmap(floor->init_stack, STACK_BYTES);
    munmap(floor->payload_stack, STACK_BYTES);
    free(floor->output);
    free(floor->status);
    free(floor);
}

const struct contender contender_floor = {"floor",
    "the shortest kernel calls: five v1 cgroups, an init that reaps, stdio and status files",
    floor_open, floor_run, floor_close};
const struct contender contender_floor_namespaces = {"floor-ns",
    "the same with pid, ipc and mount namespaces and /proc", floor_open_namespaces, floor_run,
    floor_close};
