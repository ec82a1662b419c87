/* SPDX-License-Identifier: Apache-2.0 */
/* Counts on the real kernel against what a workload did: they are exact, or the test says why. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpf/internal.h"
#include "bpf/tests/kernel_fixture.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

#define A "seatrial-bpf-a"
#define B "seatrial-bpf-b"
#define PAGE 4096
#define BLOCKS 16

/* Both cgroups, published in fresh statistics. */
static struct stats *open_both(const struct stats_options *options)
{
    struct stats *stats = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    int result = stats_open(options, &stats, &err);
    if (result < 0)
        print_error("%s\n", err_text(&err));
    assert_int_equal(result, 0);
    kernel_cgroup_make(A);
    kernel_cgroup_make(B);
    assert_int_equal(stats_publish(stats, "a", A, NULL, NULL), 0);
    assert_int_equal(stats_publish(stats, "b", B, NULL, NULL), 0);
    return stats;
}

static void close_both(struct stats *stats)
{
    stats_close(stats);
    kernel_cgroup_remove(A);
    kernel_cgroup_remove(B);
}

/* --- processes --- */

#define EXECS 5
#define EXITS 7
#define KILLED 3

static void wait_all(void)
{
    while (wait(NULL) > 0)
        ;
}

static int fork_and_end(void *arg)
{
    (void)arg;
    for (int i = 0; i < EXECS + EXITS + KILLED; i++) {
        pid_t pid = fork();
        if (pid == 0 && i < EXECS)
            _exit(execl("/bin/true", "true", (char *)NULL));
        if (pid == 0 && i < EXECS + EXITS)
            _exit(i);
        if (pid == 0)
            _exit(kill(getpid(), i % 2 ? SIGTERM : SIGKILL));
    }
    wait_all();
    return 0;
}

static void check_processes(struct stats *stats)
{
    struct kernel_child child;
    kernel_child_run(&child, A, fork_and_end, NULL);
    const struct stats_container *a = kernel_read(stats, "a");
    assert_int_equal(a->values[FIELD_FORKS].value, EXECS + EXITS + KILLED);
    assert_int_equal(a->values[FIELD_EXECS].value, EXECS);
    assert_int_equal(a->values[FIELD_EXITS].value, EXECS + EXITS + KILLED + 1);
    assert_true(a->values[FIELD_EXITS_SIGNALLED].valid);
    assert_int_equal(a->values[FIELD_EXITS_SIGNALLED].value, KILLED);
    assert_int_equal(a->values[FIELD_EXITS_SIGNALLED].by_signal[SIGKILL], 2);
    assert_int_equal(a->values[FIELD_EXITS_SIGNALLED].by_signal[SIGTERM], 1);
    assert_int_equal(a->values[FIELD_THREADS].value, 0);
    assert_in_range(a->values[FIELD_THREADS_PEAK].value, 2, EXECS + EXITS + KILLED + 1);
    assert_int_equal(kernel_value(stats, "b", FIELD_FORKS), 0);
    assert_int_equal(kernel_value(stats, "b", FIELD_EXITS), 0);
}

static void test_processes(void **state)
{
    (void)state;
    struct stats *stats = open_both(&(struct stats_options){0});
    check_processes(stats);
    close_both(stats);
}

/* The same figures from raw tracepoints. */
static void test_processes_raw(void **state)
{
    (void)state;
    const char *without[] = {"tp_btf", NULL};
    struct stats *stats = open_both(&(struct stats_options){.without = without});
    assert_string_equal(stats_source_of(stats, "sched_process_fork"), "raw_tp");
    check_processes(stats);
    close_both(stats);
}

/* --- memory --- */

#define PAGES 1000

static int touch(void *arg)
{
    (void)arg;
    char *memory = mmap(
        NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, PAGES * PAGE, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < PAGES; i++)
        memory[i * PAGE] = 1;
    return 0;
}

static void check_faults(const char *const *without)
{
    struct stats *stats = open_both(&(struct stats_options){.without = without});
    struct kernel_child child;
    kernel_child_run(&child, A, touch, NULL);
    uint64_t told = (uint64_t)(child.after.ru_minflt - child.before.ru_minflt);
    assert_true(told >= PAGES);
    assert_int_equal(kernel_value(stats, "a", FIELD_FAULTS_MINOR), told);
    assert_int_equal(kernel_value(stats, "b", FIELD_FAULTS_MINOR), 0);
    close_both(stats);
}

static void test_faults(void **state)
{
    (void)state;
    const char *raw[] = {"tp_btf", NULL};
    check_faults(NULL);
    check_faults(raw);
}

/* The pages of a file that the cache has forgotten, each for itself. */
static int read_mapped(void *arg)
{
    (void)arg;
    _cleanup_close_ int fd = open(kernel_block_file(), O_RDONLY | O_CLOEXEC);
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    const volatile char *memory =
        mmap(NULL, BLOCKS * KERNEL_PAGE, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return 1;
    madvise((void *)(uintptr_t)memory, BLOCKS * KERNEL_PAGE, MADV_RANDOM);
    for (size_t i = 0; i < BLOCKS; i++)
        if (memory[i * KERNEL_PAGE] == 127)
            return 1;
    return 0;
}

static void test_faults_major(void **state)
{
    (void)state;
    struct kernel_child child;
    if (!kernel_block_file_make(BLOCKS)) {
        print_message("skipped: no direct I/O to a block device at %s\n", kernel_block_file());
        skip();
    }
    struct stats *stats = open_both(&(struct stats_options){0});
    kernel_child_run(&child, A, read_mapped, NULL);
    unlink(kernel_block_file());
    assert_int_equal(child.status, 0);
    assert_true(child.after.ru_majflt > 0);
    assert_int_equal(kernel_value(stats, "a", FIELD_FAULTS_MAJOR), child.after.ru_majflt);
    assert_int_equal(kernel_value(stats, "b", FIELD_FAULTS_MAJOR), 0);
    close_both(stats);
}

static int eat(void *arg)
{
    (void)arg;
    size_t size = 64U << 20;
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < size; i += PAGE)
        memory[i] = 1;
    return 0;
}

static void test_oom(void **state)
{
    (void)state;
    struct stats *stats = open_both(&(struct stats_options){0});
    bool limited = kernel_cgroup_write("memory", A, "memory.limit_in_bytes", "16777216") ||
                   kernel_cgroup_write(NULL, A, "memory.max", "16777216");
    if (!limited) {
        close_both(stats);
        print_message("skipped: no memory controller to limit\n");
        skip();
    }
    struct kernel_child child;
    kernel_child_run(&child, A, eat, NULL);
    assert_true(WIFSIGNALED(child.status));
    const struct stats_container *a = kernel_read(stats, "a");
    assert_int_equal(a->values[FIELD_OOM_KILLS].value, 1);
    assert_int_equal(a->values[FIELD_OOM_VICTIM].value, child.pid);
    assert_string_equal(a->victim, "test_stats_kern");
    assert_int_equal(a->values[FIELD_EXITS_SIGNALLED].by_signal[SIGKILL], 1);
    assert_true(a->values[FIELD_RECLAIMS].value > 0);
    assert_true(a->values[FIELD_RECLAIM_TIME].value > 0);
    assert_int_equal(kernel_value(stats, "b", FIELD_OOM_KILLS), 0);
    close_both(stats);
}

/* --- whom a wakeup concerns --- */

#define WAKEUPS 400
#define PAUSE 20000 /* turns of a loop: time enough for the reader to fall asleep again */

struct ping {
    int pipe[2];
    volatile unsigned *count;
};

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

/* Never sleeps, and wakes the other one. */
static int write_on(void *arg)
{
    struct ping *ping = arg;
    pin(0);
    for (unsigned i = 1; i <= WAKEUPS; i++) {
        if (write(ping->pipe[1], "x", 1) != 1)
            return 1;
        while (*ping->count < i)
            ;
        for (volatile int k = 0; k < PAUSE; k++)
            ;
    }
    return 0;
}

static int read_on(void *arg)
{
    struct ping *ping = arg;
    char byte = 0;
    pin(1);
    for (unsigned i = 0; i < WAKEUPS && read(ping->pipe[0], &byte, 1) == 1; i++)
        ++*ping->count;
    return 0;
}

static void test_wakeups(void **state)
{
    (void)state;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        print_message("skipped: needs two CPUs\n");
        skip();
    }
    struct stats *stats = open_both(&(struct stats_options){.wakeups = true});
    struct ping ping = {.count = kernel_shared(PAGE)};
    assert_int_equal(pipe(ping.pipe), 0);
    struct kernel_child writer;
    struct kernel_child reader;
    kernel_child_start(&reader, B, read_on, &ping);
    kernel_child_start(&writer, A, write_on, &ping);
    kernel_child_release(&reader);
    kernel_child_release(&writer);
    kernel_child_wait(&writer);
    kernel_child_wait(&reader);
    assert_int_equal(writer.status, 0);
    assert_in_range(kernel_value(stats, "b", FIELD_WAKEUPS), WAKEUPS / 2, WAKEUPS * 2);
    assert_in_range(kernel_value(stats, "a", FIELD_WAKEUPS), 0, WAKEUPS / 10);
    /* The kernel's own count; the last switch of all is counted after the status was taken. */
    uint64_t told = (uint64_t)(reader.after.ru_nvcsw - reader.before.ru_nvcsw);
    assert_in_range(kernel_value(stats, "b", FIELD_SWITCHES_VOLUNTARY), told, told + 1);
    const struct stats_value *waits = &kernel_read(stats, "b")->values[FIELD_RUN_QUEUE];
    assert_true(waits->count >= WAKEUPS / 2);
    close_both(stats);
    close(ping.pipe[0]);
    close(ping.pipe[1]);
}

/* --- the program at the switch rests --- */

#define NAPS 100

static int nap(void *arg)
{
    (void)arg;
    touch(NULL);
    for (int i = 0; i < NAPS; i++)
        nanosleep(&(struct timespec){0, 100000}, NULL);
    return 0;
}

static struct kernel_child nap_in_a(void)
{
    struct kernel_child child;
    kernel_child_run(&child, A, nap, NULL);
    assert_int_equal(child.status, 0);
    return child;
}

/* Then there is no histogram, and all else is as it is, but for what a task does after its end was
 * told: that comes when the kernel frees it. After that it goes on. */
static void test_resting(void **state)
{
    (void)state;
    struct stats *stats = open_both(&(struct stats_options){0});
    watch_detach(stats);
    const struct kernel_child unseen = nap_in_a();
    uint64_t left = (uint64_t)(unseen.after.ru_nvcsw - unseen.before.ru_nvcsw);
    uint64_t faults = (uint64_t)(unseen.after.ru_minflt - unseen.before.ru_minflt);
    const struct stats_container *a = kernel_read(stats, "a");
    assert_int_equal(a->values[FIELD_RUN_QUEUE].count, 0);
    assert_in_range(a->values[FIELD_SWITCHES_VOLUNTARY].value, left - 2, left + 1);
    assert_in_range(a->values[FIELD_FAULTS_MINOR].value, PAGES, faults);
    assert_true(a->values[FIELD_RUN_QUEUE_TIME].valid);
    assert_true(stats_read(stats)->switches_watched < 1);

    watch_attach(stats);
    const struct kernel_child seen = nap_in_a();
    left += (uint64_t)(seen.after.ru_nvcsw - seen.before.ru_nvcsw);
    a = kernel_read(stats, "a");
    assert_in_range(a->values[FIELD_RUN_QUEUE].count, NAPS / 2,
        left + (uint64_t)seen.after.ru_nivcsw);
    assert_in_range(a->values[FIELD_SWITCHES_VOLUNTARY].value, left - 3, left + 2);
    assert_true(a->values[FIELD_RUN_QUEUE].value <= a->values[FIELD_RUN_QUEUE_TIME].value);
    assert_true(stats_read(stats)->switches_watched > 0);
    close_both(stats);
}

/* --- CPU time --- */

/* arg: how much, in microseconds of the user's time. */
static int burn(void *arg)
{
    const long *wanted_us = arg;
    struct rusage usage;
    do {
        for (volatile int i = 0; i < 100000; i++)
            ;
        getrusage(RUSAGE_SELF, &usage);
    } while (usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec < *wanted_us);
    return 0;
}

static void test_cpu_time(void **state)
{
    (void)state;
    struct stats *stats = open_both(&(struct stats_options){0});
    struct kernel_child child;
    kernel_child_run(&child, A, burn, &(long){500000});
    double told = (double)(child.after.ru_utime.tv_sec + child.after.ru_stime.tv_sec) +
                  (double)(child.after.ru_utime.tv_usec + child.after.ru_stime.tv_usec) / 1e6 -
                  (double)child.before.ru_utime.tv_sec -
                  (double)child.before.ru_utime.tv_usec / 1e6;
    double counted = (double)kernel_value(stats, "a", FIELD_CPU) / 1e9;
    assert_true(counted > told * 0.95 && counted < told * 1.05);
    assert_true(kernel_value(stats, "b", FIELD_CPU) == 0);
    close_both(stats);
}

#define QUOTA_US "2000"
#define PERIOD_US "100000"

/* What the kernel says that tasks of A were kept from running; 0: it does not say. */
static double throttled_ns(void)
{
    _cleanup_free_ char *v1 = kernel_cgroup_read("cpu", A, "cpu.stat");
    _cleanup_free_ char *v2 = kernel_cgroup_read(NULL, A, "cpu.stat");
    uint64_t value = 0;
    if (v1 && text_key_u64(v1, "throttled_time", &value))
        return (double)value;
    return v2 && text_key_u64(v2, "throttled_usec", &value) ? (double)value * 1000 : 0;
}

/* Time in which the quota is used up is time on the run queue: 30 ms of work at a fiftieth of a
 * CPU, which is less than a busy machine gives, are throttled for most of 1.5 seconds. */
static void test_throttled(void **state)
{
    (void)state;
    struct stats *stats = open_both(&(struct stats_options){0});
    bool limited = (kernel_cgroup_write("cpu", A, "cpu.cfs_period_us", PERIOD_US) &&
                       kernel_cgroup_write("cpu", A, "cpu.cfs_quota_us", QUOTA_US)) ||
                   kernel_cgroup_write(NULL, A, "cpu.max", QUOTA_US " " PERIOD_US);
    if (!limited) {
        close_both(stats);
        print_message("skipped: no quota of CPU time can be set\n");
        skip();
    }
    struct kernel_child child;
    kernel_child_run(&child, A, burn, &(long){30000});
    const double told_ns = throttled_ns();
    const struct stats_container *a = kernel_read(stats, "a");
    const struct stats_value *waits = &a->values[FIELD_RUN_QUEUE];
    assert_true(told_ns > 300e6);
    assert_true((double)waits->value > told_ns * 0.8);
    assert_true(a->values[FIELD_SWITCHES_INVOLUNTARY].value >= 5);
    uint64_t long_waits = 0;
    for (unsigned i = 0; i < STATS_BUCKETS; i++)
        if (bucket_floor_ns(i) >= 16U << 20)
            long_waits += waits->buckets[i];
    assert_true(long_waits >= 5);
    close_both(stats);
}

/* --- signals --- */

#define SIGNALS 5

static int take_signals(void *arg)
{
    volatile unsigned *ready = arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < SIGNALS; i++) {
        ++*ready;
        int number = 0;
        sigwait(&set, &number);
    }
    return 0;
}

static void test_signals(void **state)
{
    (void)state;
    struct stats *stats = open_both(&(struct stats_options){0});
    volatile unsigned *ready = kernel_shared(PAGE);
    struct kernel_child child;
    kernel_child_start(&child, A, take_signals, (void *)(uintptr_t)ready);
    kernel_child_release(&child);
    for (unsigned i = 1; i <= SIGNALS; i++) {
        while (*ready < i)
            sched_yield();
        kill(child.pid, SIGUSR1);
    }
    kernel_child_wait(&child);
    const struct stats_value *sent = &kernel_read(stats, "a")->values[FIELD_SIGNALS_SENT];
    assert_true(sent->valid);
    assert_int_equal(sent->by_signal[SIGUSR1], SIGNALS);
    close_both(stats);
}

/* --- system calls --- */

#define CALLS 50

static int call(void *arg)
{
    (void)arg;
    for (int i = 0; i < CALLS; i++)
        close(-1);
    return 0;
}

static void test_syscalls(void **state)
{
    (void)state;
    struct stats *stats = open_both(&(struct stats_options){0});
    assert_false(kernel_read(stats, "a")->values[FIELD_SYSCALLS].valid);
    close_both(stats);
    stats = open_both(&(struct stats_options){.syscalls = true});
    struct kernel_child child;
    kernel_child_run(&child, A, call, NULL);
    assert_int_equal(kernel_value(stats, "a", FIELD_SYSCALL_ERRORS), CALLS);
    assert_true(kernel_value(stats, "a", FIELD_SYSCALLS) >= CALLS);
    close_both(stats);
}

/* --- network --- */

#define DATAGRAMS 40
#define PAYLOAD 100
#define HEADERS 28 /* IPv4 and UDP */

/* Of a process that waits and one that comes to it. */
struct meeting {
    struct sockaddr_in *at; /* shared: the port once there is one */
};

static int bind_somewhere(int fd, struct sockaddr_in *ret_address)
{
    socklen_t length = sizeof(*ret_address);
    *ret_address = (struct sockaddr_in){.sin_family = AF_INET};
    ret_address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(fd, (struct sockaddr *)ret_address, length) < 0
        ? -1
        : getsockname(fd, (struct sockaddr *)ret_address, &length);
}

static struct stats *open_with_network(void)
{
    struct stats *stats = open_both(&(struct stats_options){0});
    if (kernel_read(stats, "a")->values[FIELD_TRANSMIT_BYTES].valid)
        return stats;
    close_both(stats);
    print_message("skipped: no cgroup2 is mounted\n");
    skip();
    return NULL;
}

/* The second starts when the first has told where it is. */
static void meet(
    const char *where, int (*wait)(void *), const char *whence, int (*come)(void *))
{
    struct meeting meeting = {kernel_shared(PAGE)};
    struct kernel_child host;
    struct kernel_child guest;
    kernel_child_start(&host, where, wait, &meeting);
    kernel_child_start(&guest, whence, come, &meeting);
    kernel_child_release(&host);
    while (*(volatile in_port_t *)&meeting.at->sin_port == 0)
        sched_yield();
    kernel_child_release(&guest);
    kernel_child_wait(&guest);
    kernel_child_wait(&host);
    assert_int_equal(guest.status, 0);
    assert_int_equal(host.status, 0);
}

static int send_all(void *arg)
{
    struct meeting *meeting = arg;
    char payload[PAYLOAD] = {0};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    for (int i = 0; i < DATAGRAMS; i++)
        if (sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)meeting->at,
                sizeof(*meeting->at)) != PAYLOAD)
            return 1;
    return 0;
}

static int receive_all(void *arg)
{
    struct meeting *meeting = arg;
    struct sockaddr_in address;
    char payload[PAYLOAD];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind_somewhere(fd, &address) < 0)
        return 1;
    memcpy(meeting->at, &address, sizeof(address));
    __atomic_thread_fence(__ATOMIC_RELEASE);
    for (int i = 0; i < DATAGRAMS; i++)
        if (recv(fd, payload, sizeof(payload), 0) != PAYLOAD)
            return 1;
    return 0;
}

static void test_network(void **state)
{
    (void)state;
    struct stats *stats = open_with_network();
    meet(B, receive_all, A, send_all);
    assert_int_equal(kernel_value(stats, "a", FIELD_TRANSMIT_PACKETS), DATAGRAMS);
    assert_int_equal(
        kernel_value(stats, "a", FIELD_TRANSMIT_BYTES), DATAGRAMS * (PAYLOAD + HEADERS));
    assert_int_equal(kernel_value(stats, "a", FIELD_RECEIVE_PACKETS), 0);
    assert_int_equal(kernel_value(stats, "b", FIELD_RECEIVE_PACKETS), DATAGRAMS);
    assert_int_equal(
        kernel_value(stats, "b", FIELD_RECEIVE_BYTES), DATAGRAMS * (PAYLOAD + HEADERS));
    assert_int_equal(kernel_value(stats, "b", FIELD_TRANSMIT_PACKETS), 0);
    close_both(stats);
}

/* --- network: connections --- */

#define STREAM 30000

/* One connection, to its end. */
static int accept_one(void *arg)
{
    struct meeting *meeting = arg;
    struct sockaddr_in address;
    char bytes[PAGE];
    size_t got = 0;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind_somewhere(listener, &address) < 0 || listen(listener, 1) < 0)
        return 1;
    memcpy(meeting->at, &address, sizeof(address));
    int fd = accept(listener, NULL, NULL);
    for (ssize_t count = 1; fd >= 0 && count > 0; got += (size_t)count)
        count = read(fd, bytes, sizeof(bytes));
    return got == STREAM ? 0 : 1;
}

static int connect_one(void *arg)
{
    struct meeting *meeting = arg;
    static const char bytes[STREAM];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)meeting->at, sizeof(*meeting->at)) < 0)
        return 1;
    for (size_t sent = 0; sent < STREAM;) {
        ssize_t count = write(fd, bytes, STREAM - sent);
        if (count < 0)
            return 1;
        sent += (size_t)count;
    }
    return 0;
}

/* An accepted socket is its listener's container's, made by no task of it, on v1 too. How many
 * packets a stream is, the kernel decides. */
static void test_accepted(void **state)
{
    (void)state;
    struct stats *stats = open_with_network();
    meet(A, accept_one, B, connect_one);
    assert_in_range(kernel_value(stats, "a", FIELD_RECEIVE_BYTES), STREAM, STREAM * 2);
    assert_in_range(kernel_value(stats, "b", FIELD_TRANSMIT_BYTES), STREAM, STREAM * 2);
    assert_in_range(kernel_value(stats, "a", FIELD_TRANSMIT_BYTES), 1, STREAM / 2);
    assert_in_range(kernel_value(stats, "b", FIELD_RECEIVE_BYTES), 1, STREAM / 2);
    close_both(stats);
}

/* --- block I/O --- */

/* Over blocks that exist already, so that the file system has nothing to allocate. */
static int write_direct(void *arg)
{
    (void)arg;
    void *block = NULL;
    int fd = open(kernel_block_file(), O_RDWR | O_DIRECT);
    if (fd < 0 || posix_memalign(&block, PAGE, PAGE) != 0)
        return 1;
    memset(block, 1, PAGE);
    for (int i = 0; i < BLOCKS; i++)
        if (pwrite(fd, block, PAGE, i * PAGE) != PAGE)
            return 1;
    for (int i = 0; i < BLOCKS / 2; i++)
        if (pread(fd, block, PAGE, i * PAGE) != PAGE)
            return 1;
    return 0;
}

/* The containers after the load. */
static struct stats *play_direct(void)
{
    struct stats *stats = open_both(&(struct stats_options){0});
    struct kernel_child child;
    kernel_child_run(&child, A, write_direct, NULL);
    assert_int_equal(child.status, 0);
    return stats;
}

static void test_block(void **state)
{
    (void)state;
    if (!kernel_block_file_make(BLOCKS)) {
        print_message("skipped: no direct I/O to a block device at %s\n", kernel_block_file());
        skip();
    }
    struct stats *stats = play_direct();
    for (int try = 1; try < KERNEL_TRIES && kernel_read(stats, "a")->values[FIELD_BLOCK_LATENCY]
                                                    .count != BLOCKS + BLOCKS / 2; try++) {
        close_both(stats);
        stats = play_direct();
    }
    unlink(kernel_block_file());
    const struct stats_container *a = kernel_read(stats, "a");
    assert_int_equal(a->values[FIELD_WRITE_BYTES].value, BLOCKS * PAGE);
    assert_int_equal(a->values[FIELD_WRITES].value, BLOCKS);
    assert_int_equal(a->values[FIELD_READ_BYTES].value, BLOCKS / 2 * PAGE);
    assert_int_equal(a->values[FIELD_READS].value, BLOCKS / 2);
    assert_int_equal(a->values[FIELD_BLOCK_LATENCY].count, BLOCKS + BLOCKS / 2);
    assert_int_equal(kernel_value(stats, "b", FIELD_WRITE_BYTES), 0);
    close_both(stats);
}

int main(void)
{
    kernel_need();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_processes_raw),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_faults_major),
        cmocka_unit_test(test_oom),
        cmocka_unit_test(test_wakeups),
        cmocka_unit_test(test_resting),
        cmocka_unit_test(test_cpu_time),
        cmocka_unit_test(test_throttled),
        cmocka_unit_test(test_signals),
        cmocka_unit_test(test_syscalls),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
