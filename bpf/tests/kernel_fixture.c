/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/tests/kernel_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/hierarchy.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

#define SKIPPED 77
#define REMOVAL_TRIES 200

static void fail(const char *what)
{
    perror(what);
    abort();
}

/* Cgroups and files of the tests have one name each: who comes second waits until the first has
 * ended, whichever tree it was built in. */
static void wait_for_others(void)
{
    int fd = open("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        fail("lock /sys/fs/cgroup");
}

void kernel_need(void)
{
    struct hierarchy_list list = {0};
    bool some = hierarchies_read(&list, NULL) == 0 && list.count > 0;
    hierarchies_release(&list);
    const char *why = geteuid() != 0 ? "not root" : some ? NULL : "no cgroup hierarchy is mounted";
    if (!why && access("/sys/kernel/btf/vmlinux", R_OK) != 0)
        why = "the kernel has no BTF";
    if (!why) {
        wait_for_others();
        return;
    }
    fprintf(stderr, "skipped: %s\n", why);
    exit(SKIPPED);
}

const struct stats_container *kernel_read(struct stats *stats, const char *id)
{
    const struct stats_container *container = stats_find(stats_read(stats), id);
    if (!container)
        fail(id);
    return container;
}

uint64_t kernel_value(struct stats *stats, const char *id, enum stats_field field)
{
    const struct stats_value *value = &kernel_read(stats, id)->values[field];
    if (!value->valid)
        fail(stats_fields[field].name);
    return value->value;
}

/* --- cgroups --- */

static bool write_text(const char *path, const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A v1 cpuset takes no task before it has CPUs and memory. */
static void prepare(const char *directory)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *above = str_printf("%s/../%s", directory, files[i]);
        _cleanup_free_ char *here = str_printf("%s/%s", directory, files[i]);
        _cleanup_free_ char *text = text_read(above);
        if (text)
            write_text(here, text);
    }
}

static void each_hierarchy(const char *name, void (*fn)(const char *directory, const char *arg),
    const char *arg)
{
    struct hierarchy_list list = {0};
    if (hierarchies_read(&list, NULL) < 0)
        fail("hierarchies");
    for (size_t i = 0; i < list.count; i++) {
        _cleanup_free_ char *directory = str_printf("%s/%s", list.items[i].mount_point, name);
        fn(directory, arg);
    }
    hierarchies_release(&list);
}

static void make_one(const char *directory, const char *arg)
{
    (void)arg;
    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        fail(directory);
    prepare(directory);
}

static void remove_one(const char *directory, const char *arg)
{
    (void)arg;
    for (int i = 0; i < REMOVAL_TRIES && rmdir(directory) < 0 && errno == EBUSY; i++)
        nanosleep(&(struct timespec){0, 5000000}, NULL);
}

static void move_one(const char *directory, const char *pid)
{
    _cleanup_free_ char *path = str_printf("%s/cgroup.procs", directory);
    if (!write_text(path, pid))
        fail(path);
}

void kernel_cgroup_make(const char *name)
{
    each_hierarchy(name, make_one, NULL);
}

void kernel_cgroup_remove(const char *name)
{
    each_hierarchy(name, remove_one, NULL);
}

/* NULL when no such hierarchy is mounted. */
static char *control_file(const char *controller, const char *name, const char *file)
{
    struct hierarchy_list list = {0};
    if (hierarchies_read(&list, NULL) < 0)
        fail("hierarchies");
    const struct hierarchy *one = hierarchy_of(&list, controller);
    char *path = one ? str_printf("%s/%s/%s", one->mount_point, name, file) : NULL;
    hierarchies_release(&list);
    return path;
}

bool kernel_cgroup_write(
    const char *controller, const char *name, const char *file, const char *text)
{
    _cleanup_free_ char *path = control_file(controller, name, file);
    return path && write_text(path, text);
}

char *kernel_cgroup_read(const char *controller, const char *name, const char *file)
{
    _cleanup_free_ char *path = control_file(controller, name, file);
    return path ? text_read(path) : NULL;
}

/* --- children --- */

/* Time on a CPU of the child's first thread. */
static uint64_t ran_of(pid_t pid)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/schedstat", (int)pid);
    _cleanup_free_ char *text = text_read(path);
    return text ? strtoull(text, NULL, 10) : 0;
}

/* The time (as the user's), faults and voluntary switches of a child that waits. */
static void usage_of(pid_t pid, struct rusage *usage)
{
    _cleanup_free_ char *stat_path = str_printf("/proc/%d/stat", (int)pid);
    _cleanup_free_ char *status_path = str_printf("/proc/%d/status", (int)pid);
    _cleanup_free_ char *stat_text = text_read(stat_path);
    _cleanup_free_ char *status = text_read(status_path);
    unsigned long minor = 0;
    const char *tail = stat_text ? strrchr(stat_text, ')') : NULL;
    if (!tail || sscanf(tail, ") %*c %*d %*d %*d %*d %*d %*u %lu", &minor) != 1 || !status)
        fail("/proc");
    usage->ru_minflt = (long)minor;
    uint64_t ran_ns = ran_of(pid);
    usage->ru_utime.tv_sec = (time_t)(ran_ns / 1000000000U);
    usage->ru_utime.tv_usec = (suseconds_t)(ran_ns % 1000000000U / 1000U);
    const char *line = strstr(status, "\nvoluntary_ctxt_switches:");
    usage->ru_nvcsw = line ? strtol(strchr(line + 1, ':') + 1, NULL, 10) : 0;
}

void kernel_child_start(struct kernel_child *child, const char *cgroup, kernel_work_fn fn,
    void *arg)
{
    int gate[2];
    *child = (struct kernel_child){0};
    if (pipe(gate) < 0)
        fail("pipe");
    child->pid = fork();
    if (child->pid < 0)
        fail("fork");
    if (child->pid == 0) {
        char byte = 0;
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 1 ? fn(arg) : 1);
    }
    close(gate[0]);
    child->gate = gate[1];
    /* It has to be at its gate, where it counts nothing any more. */
    _cleanup_free_ char *path = str_printf("/proc/%d/stat", (int)child->pid);
    for (bool waits = false; !waits;) {
        _cleanup_free_ char *text = text_read(path);
        const char *tail = text ? strrchr(text, ')') : NULL;
        waits = tail && tail[2] == 'S';
    }
    _cleanup_free_ char *pid = str_printf("%d", (int)child->pid);
    each_hierarchy(cgroup, move_one, pid);
    usage_of(child->pid, &child->before);
}

void kernel_child_release(struct kernel_child *child)
{
    if (write(child->gate, "", 1) != 1)
        fail("gate");
    close(child->gate);
}

void kernel_child_wait(struct kernel_child *child)
{
    if (wait4(child->pid, &child->status, 0, &child->after) != child->pid)
        fail("wait");
}

void kernel_child_run(
    struct kernel_child *child, const char *cgroup, kernel_work_fn fn, void *arg)
{
    kernel_child_start(child, cgroup, fn, arg);
    kernel_child_release(child);
    kernel_child_wait(child);
}

void *kernel_shared(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

/* --- block I/O --- */

const char *kernel_block_file(void)
{
    static char path[256];
    const char *directory = getenv("SEATRIAL_TEST_BLOCK");
    snprintf(path, sizeof(path), "%s/seatrial-bpf-block", directory ? directory : "/var/tmp");
    return path;
}

/* Memory takes direct I/O too, on newer kernels; its device has no number of a driver. */
static bool takes_direct_io(void)
{
    struct stat status;
    _cleanup_close_ int fd = open(kernel_block_file(), O_RDWR | O_DIRECT | O_CLOEXEC);
    return fd >= 0 && fstat(fd, &status) == 0 && major(status.st_dev) != 0;
}

bool kernel_block_file_make(unsigned pages)
{
    char page[KERNEL_PAGE] = {1};
    _cleanup_close_ int fd =
        open(kernel_block_file(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0;
    for (unsigned i = 0; good && i < pages; i++)
        good = write(fd, page, sizeof(page)) == (ssize_t)sizeof(page);
    good = good && fsync(fd) == 0 && takes_direct_io();
    if (!good)
        unlink(kernel_block_file());
    return good;
}
