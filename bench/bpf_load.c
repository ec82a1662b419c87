/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/bpf_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bpf/hierarchy.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

#define REMOVAL_TRIES 200

/* --- cgroups --- */

static int write_text(const char *path, const char *text)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

/* A v1 cpuset takes no task before it has CPUs and memory. */
static int make_one(const char *directory, const char *arg)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    (void)arg;
    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *above = str_printf("%s/../%s", directory, files[i]);
        _cleanup_free_ char *here = str_printf("%s/%s", directory, files[i]);
        _cleanup_free_ char *text = text_read(above);
        if (text)
            write_text(here, text);
    }
    return 0;
}

static int remove_one(const char *directory, const char *arg)
{
    (void)arg;
    for (int i = 0; i < REMOVAL_TRIES && rmdir(directory) < 0 && errno == EBUSY; i++)
        nanosleep(&(struct timespec){0, 5000000}, NULL);
    return 0;
}

static int move_one(const char *directory, const char *pid)
{
    _cleanup_free_ char *path = str_printf("%s/cgroup.procs", directory);
    return write_text(path, pid);
}

static const struct hierarchy *launch_hierarchy(const struct hierarchy_list *list)
{
    const struct hierarchy *freezer = hierarchy_of(list, "freezer");
    return freezer ? freezer : hierarchy_of(list, NULL);
}

static int each_hierarchy(
    const char *name, int (*fn)(const char *directory, const char *arg), const char *arg)
{
    struct hierarchy_list list = {0};
    int result = hierarchies_read(&list, NULL);
    const struct hierarchy *only = str_equal(name, "launch") ? launch_hierarchy(&list) : NULL;
    for (size_t i = 0; result == 0 && i < list.count; i++) {
        if (only && only != &list.items[i])
            continue;
        _cleanup_free_ char *directory =
            str_printf("%s/seatrial-bench-%s", list.items[i].mount_point, name);
        result = fn(directory, arg);
    }
    hierarchies_release(&list);
    return result;
}

int load_cgroup_make(const char *name)
{
    return each_hierarchy(name, make_one, NULL);
}

void load_cgroup_remove(const char *name)
{
    each_hierarchy(name, remove_one, NULL);
}

/* --- a child in a cgroup --- */

struct proc_counts {
    uint64_t faults_minor;
    uint64_t switches_voluntary;
};

/* The child is at its gate, where it counts no more. */
static void counts_of(pid_t pid, struct proc_counts *counts)
{
    _cleanup_free_ char *stat_path = str_printf("/proc/%d/stat", (int)pid);
    _cleanup_free_ char *status_path = str_printf("/proc/%d/status", (int)pid);
    for (bool waits = false; !waits;) {
        _cleanup_free_ char *text = text_read(stat_path);
        const char *tail = text ? strrchr(text, ')') : NULL;
        _cleanup_strv_ char **words = tail ? strv_split(tail + 1, " ") : NULL;
        if (strv_length(words) < 8)
            return;
        waits = words[0][0] == 'S';
        counts->faults_minor = strtoull(words[7], NULL, 10);
    }
    _cleanup_free_ char *status = text_read(status_path);
    const char *line = status ? strstr(status, "\nvoluntary_ctxt_switches:") : NULL;
    counts->switches_voluntary = line ? strtoull(strchr(line + 1, ':') + 1, NULL, 10) : 0;
}

static double seconds_of(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * 1e-6;
}

int load_run(const char *cgroup, load_fn fn, void *arg, struct load_result *ret_result)
{
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        char byte = 0;
        dup2(gate[0], STDIN_FILENO);
        close_range(STDERR_FILENO + 1, ~0U, 0); /* a program is detached when no process has it */
        _exit(read(STDIN_FILENO, &byte, 1) == 1 ? fn(arg) : 1);
    }
    close(gate[0]);
    struct proc_counts before = {0};
    _cleanup_free_ char *text = str_printf("%d", (int)pid);
    int result = pid < 0 ? -errno : 0;
    if (result == 0)
        counts_of(pid, &before); /* it is at its gate: nothing comes before the move is done */
    if (result == 0)
        result = each_hierarchy(cgroup, move_one, text);
    double start = bench_now();
    if (result == 0 && write(gate[1], "", 1) != 1)
        result = -errno;
    close(gate[1]);
    struct rusage usage = {0};
    if (pid > 0 && wait4(pid, &ret_result->status, 0, &usage) != pid)
        result = -errno;
    ret_result->wall_seconds = bench_now() - start;
    ret_result->cpu_seconds = seconds_of(&usage);
    ret_result->faults_minor = (uint64_t)usage.ru_minflt - before.faults_minor;
    ret_result->switches_voluntary = (uint64_t)usage.ru_nvcsw - before.switches_voluntary;
    return result;
}

/* --- loads --- */

static void pin_to_first(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

int load_ping_pong(void *arg)
{
    const struct load_amount *amount = arg;
    int there[2];
    int back[2];
    char byte = 0;
    if (pipe(there) < 0 || pipe(back) < 0)
        return 1;
    pin_to_first();
    pid_t pid = fork();
    if (pid == 0) {
        for (unsigned i = 0; i < amount->count; i++)
            if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1)
                _exit(1);
        _exit(0);
    }
    for (unsigned i = 0; i < amount->count; i++)
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
            return 1;
    int status = 0;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 1;
}

int load_perf_pipe(void *arg)
{
    const struct load_amount *amount = arg;
    _cleanup_free_ char *count = str_printf("%u", amount->count);
    _cleanup_close_ int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(nowhere, STDOUT_FILENO);
    if (amount->pinned)
        pin_to_first();
    return execlp("perf", "perf", "bench", "sched", "pipe", "-l", count, (char *)NULL);
}

int load_spin(void *arg)
{
    const struct load_amount *amount = arg;
    struct timespec ran;
    do {
        for (volatile int i = 0; i < 1000000; i++)
            ;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ran);
    } while ((double)ran.tv_sec + (double)ran.tv_nsec * 1e-9 < amount->seconds);
    return 0;
}

int load_spawn(void *arg)
{
    const struct load_amount *amount = arg;
    for (unsigned i = 0; i < amount->count; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(execl("/bin/true", "true", (char *)NULL));
        if (pid < 0 || waitpid(pid, NULL, 0) != pid)
            return 1;
    }
    return 0;
}

int load_touch(void *arg)
{
    const struct load_amount *amount = arg;
    size_t size = (size_t)amount->count * LOAD_PAGE;
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 1;
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < size; at += LOAD_PAGE)
        memory[at] = 1;
    return 0;
}

int load_datagrams(void *arg)
{
    const struct load_amount *amount = arg;
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    char payload[LOAD_DATAGRAM] = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return 1;
    for (unsigned i = 0; i < amount->count; i++)
        if (sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&address, length) < 0 ||
            recv(fd, payload, sizeof(payload), 0) < 0)
            return 1;
    return 0;
}

int load_write(void *arg)
{
    const struct load_amount *amount = arg;
    void *block = NULL;
    int fd = open(LOAD_FILE, O_WRONLY | O_DIRECT | O_CLOEXEC);
    if (fd < 0 || posix_memalign(&block, LOAD_PAGE, LOAD_PAGE) != 0)
        return 1;
    memset(block, 1, LOAD_PAGE);
    for (unsigned i = 0; i < amount->count; i++)
        if (pwrite(fd, block, LOAD_PAGE, (off_t)i * LOAD_PAGE) != LOAD_PAGE)
            return 1;
    return 0;
}
