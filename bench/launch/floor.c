/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floors: the shortest sequences of kernel calls we know for the same containers as the
 * launchers of the reference make: its v1 cgroups, with the limits of a container of one CPU and
 * 64 MiB; an init in a session of its own that enters them, makes the mounts (floor_root.c), starts
 * the payload, reaps it and writes its status to a file; stdio to files; the files by which an
 * agent that is started anew finds the container (floor_files.c). Everything is removed again.
 *
 * The init shares our memory (CLONE_VM, on a stack of its own): no page table is copied, and no
 * helper program is executed. It calls the kernel only. What is not there is what an agent does
 * about a container while it runs: it listens to nothing.
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
#include "bench/launch/floor_files.h"
#include "bench/launch/floor_root.h"
#include "reference/base/mem.h"

#define STACK_BYTES (32 * 1024)

struct floor_kind {
    size_t hierarchies;
    int namespaces; /* flags of clone */
    bool rooted;    /* in a root of its own */
};

struct floor {
    const struct floor_kind *kind;
    const struct launch_world *world;
    int roots[WORLD_HIERARCHIES]; /* our cgroup in each */
};

/* What the processes of one container see of our memory. */
struct floor_box {
    const struct floor *floor;
    const struct container *container;
    struct floor_root *root; /* NULL: the host's */
    struct floor_files *files;
    char *init_stack;
    char *payload_stack;
    char *errors;
    char *cgroup; /* its name */
    char *tasks;
    const char *program;
    pid_t init;
    pid_t payload;
    const char *volatile failed; /* what the init could not do */
};

static int payload_start(void *arg)
{
    const struct floor_box *box = arg;
    char *const argv[] = {(char *)(uintptr_t)box->program,
        box->container->stays ? (char *)(uintptr_t) "stay" : NULL, NULL};
    char *const environment[] = {NULL};

    execve(box->program, argv, environment);
    _exit(127);
}

static void fail(struct floor_box *box, const char *what)
{
    box->failed = what;
    _exit(1);
}

/* By the file of single tasks: the kernel then waits for no other's threads. */
static void cgroups_enter(struct floor_box *box)
{
    for (size_t i = 0; i < box->floor->kind->hierarchies; i++) {
        int tasks = openat(box->floor->roots[i], box->tasks, O_WRONLY | O_CLOEXEC);

        if (tasks < 0 || write(tasks, "0", 1) != 1)
            fail(box, "enter a cgroup");
        close(tasks);
    }
}

static void mounts_make(struct floor_box *box)
{
    if (!(box->floor->kind->namespaces & CLONE_NEWNS))
        return;
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        fail(box, "make / a slave");
    if (box->root && floor_root_enter(box->root) < 0)
        fail(box, "change the root");
    if (!box->root && mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        fail(box, "mount /proc");
}

static int init_start(void *arg)
{
    struct floor_box *box = arg;
    char text[16];
    int status = 0;
    int file =
        open(floor_files_status(box->files), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int output = open(box->container->output, O_WRONLY | O_CLOEXEC);
    int errors = open(box->errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (file < 0 || dup3(null, 0, 0) < 0 || dup3(output, 1, 0) < 0 || dup3(errors, 2, 0) < 0)
        fail(box, "open its files");
    setsid();
    cgroups_enter(box);
    mounts_make(box);
    /* The kernel notes the pid before the payload runs: who hears of it may kill it. */
    pid_t payload = clone(payload_start, box->payload_stack + STACK_BYTES,
        CLONE_VM | CLONE_VFORK | CLONE_PARENT_SETTID | SIGCHLD, box, &box->payload);
    if (payload < 0 || waitpid(payload, &status, 0) != payload)
        fail(box, "start the payload");
    int length = snprintf(text, sizeof(text), "%d", status);
    _exit(write(file, text, (size_t)length) == length ? 0 : 1);
}

static void *stack_new(void)
{
    void *stack = mmap(
        NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

    return stack == MAP_FAILED ? NULL : stack;
}

static int floor_open(
    const struct contender *self, struct launch_world *world, void **ret_data, struct err *err)
{
    struct floor *floor = mem_alloc(sizeof(*floor));

    *ret_data = floor;
    floor->kind = self->kind;
    floor->world = world;
    for (size_t i = 0; i < floor->kind->hierarchies; i++) {
        _cleanup_free_ char *path =
            str_printf("/sys/fs/cgroup/%s/%s", world_hierarchies[i], world->cgroup);

        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return err_errno(err, -ENOENT, "v1 hierarchy %s", world_hierarchies[i]);
        floor->roots[i] = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (floor->roots[i] < 0)
            return err_errno(err, -errno, "%s", path);
    }
    return 0;
}

static int floor_prepare(void *data, struct container *container, struct err *err)
{
    const struct floor *floor = data;
    struct floor_box *box = mem_alloc(sizeof(*box));

    container->data = box;
    box->floor = floor;
    box->container = container;
    box->errors = str_printf("%s/stderr", container->directory);
    box->files = floor_files_new(container->directory, floor->kind->rooted);
    box->cgroup = str_printf("%s", strrchr(container->directory, '/') + 1);
    box->tasks = str_printf("%s/tasks", box->cgroup);
    box->program = floor->kind->rooted ? "/payload" : floor->world->payload;
    box->init_stack = stack_new();
    box->payload_stack = stack_new();
    if (!box->init_stack || !box->payload_stack)
        return err_set(err, -ENOMEM, "no memory for stacks");
    if (floor->kind->rooted)
        box->root =
            floor_root_new(floor->world->rootfs, container->directory, floor->world->cgroup);
    return 0;
}

/* By the files of the hierarchies in world_hierarchies. */
static int limits_write(const struct floor *floor, const struct floor_box *box)
{
    static const struct {
        const char *hierarchy;
        const char *file;
        const char *value;
    } limits[] = {{"cpu", "cpu.shares", "1024"},
        {"memory", "memory.soft_limit_in_bytes", "67108864"},
        {"memory", "memory.limit_in_bytes", "67108864"}};

    for (size_t i = 0; i < ARRAY_SIZE(limits) * floor->kind->hierarchies; i++) {
        const size_t k = i / ARRAY_SIZE(limits), which = i % ARRAY_SIZE(limits);
        const size_t length = strlen(limits[which].value);
        char path[64];

        if (strcmp(world_hierarchies[k], limits[which].hierarchy) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", box->cgroup, limits[which].file);
        _cleanup_close_ int fd = openat(floor->roots[k], path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, limits[which].value, length) != (ssize_t)length)
            return -1;
    }
    return 0;
}

static int floor_launch(void *data, struct container *container, struct err *err)
{
    const struct floor *floor = data;
    struct floor_box *box = container->data;

    for (size_t i = 0; i < floor->kind->hierarchies; i++) {
        if (mkdirat(floor->roots[i], box->cgroup, 0755) < 0)
            return err_errno(err, -errno, "mkdir %s", box->cgroup);
    }
    if (limits_write(floor, box) < 0 || floor_files_make(box->files) < 0)
        return err_errno(err, -errno, "write limits and files");
    if (box->root && floor_root_make(box->root) < 0)
        return err_errno(err, -errno, "make the devices");
    box->failed = NULL;
    box->init = clone(init_start, box->init_stack + STACK_BYTES,
        CLONE_VM | SIGCHLD | floor->kind->namespaces, box);
    if (box->init < 0)
        return err_errno(err, -errno, "clone");
    return floor_files_note(box->files, box->init) < 0 ? err_errno(err, -errno, "note the pid") : 0;
}

/* Reaps the init and removes what was made for the container. */
static int floor_gone(
    const struct floor *floor, struct floor_box *box, int *ret_status, struct err *err)
{
    while (waitpid(box->init, ret_status, 0) < 0) {
        if (errno != EINTR)
            return err_errno(err, -errno, "wait");
    }
    box->init = 0;
    for (size_t i = 0; i < floor->kind->hierarchies; i++) {
        while (unlinkat(floor->roots[i], box->cgroup, AT_REMOVEDIR) < 0) {
            if (errno != EBUSY)
                return err_errno(err, -errno, "rmdir %s", box->cgroup);
        }
    }
    if (box->root)
        floor_root_remove(box->root);
    floor_files_remove(box->files);
    return 0;
}

static void floor_release(void *data, struct container *container)
{
    struct floor_box *box = container->data;
    int status;

    if (!box)
        return;
    if (box->init > 0) { /* a measurement has failed */
        kill(box->init, SIGKILL);
        kill(-box->init, SIGKILL);
        floor_gone(data, box, &status, NULL);
    }
    if (box->init_stack)
        munmap(box->init_stack, STACK_BYTES);
    if (box->payload_stack)
        munmap(box->payload_stack, STACK_BYTES);
    floor_root_free(box->root);
    floor_files_free(box->files);
    free(box->errors);
    free(box->cgroup);
    free(box->tasks);
    free(box);
}

static int floor_wait(void *data, struct container *container, struct err *err)
{
    struct floor_box *box = container->data;
    int status = 0;
    int r = floor_gone(data, box, &status, err);

    if (r == 0 && status != 0)
        r = err_set(err, -EPROTO, "the init failed to %s (status %d)",
            box->failed ? box->failed : "end well", status);
    return r;
}

/* The init of a pid namespace takes all with it; any other reaps its payload, writes, and ends. */
static int floor_destroy(void *data, struct container *container, struct err *err)
{
    const struct floor *floor = data;
    struct floor_box *box = container->data;
    int status;

    if (kill(floor->kind->namespaces & CLONE_NEWPID ? box->init : box->payload, SIGKILL) < 0)
        return err_errno(err, -errno, "kill");
    return floor_gone(floor, box, &status, err);
}

static void floor_close(void *data)
{
    struct floor *floor = data;

    for (size_t i = 0; i < floor->kind->hierarchies; i++) {
        if (floor->roots[i] > 0)
            close(floor->roots[i]);
    }
    free(floor);
}

#define NAMESPACES (CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS)

static const struct floor_kind kind_posix = {0, 0, false};
static const struct floor_kind kind_plain = {1, 0, false};
static const struct floor_kind kind_cgroups = {WORLD_HIERARCHIES, 0, false};
static const struct floor_kind kind_namespaces = {WORLD_HIERARCHIES, NAMESPACES, false};
static const struct floor_kind kind_rootfs = {WORLD_HIERARCHIES, NAMESPACES | CLONE_NEWUTS, true};

#define FLOOR(name_, kind_, help_)                                                                 \
    {                                                                                              \
        .name = (name_), .help = (help_), .kind = &(kind_), .open = floor_open,                    \
        .prepare = floor_prepare, .release = floor_release, .launch = floor_launch,                \
        .wait = floor_wait, .destroy = floor_destroy, .close = floor_close                         \
    }

const struct contender floors[] = {
    FLOOR("floor-posix", kind_posix, "fewest kernel calls: an init that reaps, stdio and status"),
    FLOOR("floor-plain", kind_plain, "the same in a cgroup of the freezer"),
    FLOOR("floor", kind_cgroups, "the same in five v1 cgroups"),
    FLOOR("floor-ns", kind_namespaces, "the same with pid, ipc and mount namespaces and /proc"),
    FLOOR("floor-rootfs", kind_rootfs,
        "the same, with an uts namespace too, in a pivoted root with its mounts and devices"),
    {0},
};
