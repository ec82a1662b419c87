/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every rung of the ladder: one workload, which touches all families, is played with each of the
 * rungs left out in turn. Each family's figures then come from the next rung, or are not valid; and
 * whatever is valid agrees with what the workload and the kernel tell.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/tests/kernel_fixture.h"
#include "reference/base/mem.h"

#define CGROUP "seatrial-bpf-rung"
#define FORKS 4 /* of those: */
#define EXECS 2
#define KILLED 1
#define PAGES 600
#define SLEEPS 50
#define BURN_MS 60
#define DATAGRAMS 20
#define DATAGRAM 100
#define HEADERS 28 /* IPv4 and UDP */
#define SIGNALS 5
#define ERRORS 30
#define BLOCKS 8
#define SETTLES_MS 5000 /* what the kernel frees or charges a little later */

/* --- the workload --- */

static void make_processes(void)
{
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();
        if (pid == 0 && i < EXECS)
            _exit(execl("/bin/true", "true", (char *)NULL));
        if (pid == 0 && i < EXECS + KILLED)
            _exit(kill(getpid(), SIGKILL));
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
}

static void *do_nothing(void *arg)
{
    return arg;
}

static void use_memory(void)
{
    size_t size = (size_t)PAGES * KERNEL_PAGE;
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < size; i += KERNEL_PAGE)
        memory[i] = 1;
}

static void use_cpu(void)
{
    struct timespec ran;
    do {
        for (volatile int i = 0; i < 100000; i++)
            ;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ran);
    } while (ran.tv_sec == 0 && ran.tv_nsec < BURN_MS * 1000000);
}

static bool use_network(void)
{
    char payload[DATAGRAM] = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return false;
    for (int i = 0; i < DATAGRAMS; i++)
        if (sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&address, length) < 0 ||
            recv(fd, payload, sizeof(payload), 0) < 0)
            return false;
    return true;
}

static bool use_device(void)
{
    void *page = NULL;
    int fd = open(kernel_block_file(), O_RDWR | O_DIRECT);
    if (fd < 0 || posix_memalign(&page, KERNEL_PAGE, KERNEL_PAGE) != 0)
        return false;
    memset(page, 1, KERNEL_PAGE);
    for (int i = 0; i < BLOCKS; i++)
        if (pwrite(fd, page, KERNEL_PAGE, i * KERNEL_PAGE) != KERNEL_PAGE)
            return false;
    return true;
}

static void take_signal(int number)
{
    (void)number;
}

/* arg: not NULL when there is a device to write to. */
static int work(void *arg)
{
    pthread_t thread;
    make_processes();
    if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    use_memory();
    use_cpu();
    for (int i = 0; i < SLEEPS; i++)
        nanosleep(&(struct timespec){0, 100000}, NULL);
    signal(SIGUSR1, take_signal);
    for (int i = 0; i < SIGNALS; i++)
        kill(getpid(), SIGUSR1);
    for (int i = 0; i < ERRORS; i++)
        close(-1);
    return use_network() && (!arg || use_device()) ? 0 : 1;
}

/* --- what is right --- */

struct range {
    enum stats_field field;
    double low;
    double high;
};
#define RANGES_MAX 32
struct truth {
    struct range ranges[RANGES_MAX];
    size_t count;
};

static void add(struct truth *truth, enum stats_field field, double low, double high)
{
    truth->ranges[truth->count++] = (struct range){field, low, high};
}

static void exact(struct truth *truth, enum stats_field field, double value)
{
    add(truth, field, value, value);
}

static double seconds_of(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* Exact where the workload knows; files and exceptions count faults in their own ways, and the
 * clock of plain tracepoints has interrupts in it. */
static void truth_of(struct truth *truth, const struct kernel_child *child, bool device)
{
    double ran_ns = (seconds_of(&child->after) - seconds_of(&child->before)) * 1e9;
    double faults = (double)(child->after.ru_minflt - child->before.ru_minflt);
    double left = (double)(child->after.ru_nvcsw - child->before.ru_nvcsw);
    truth->count = 0;
    add(truth, FIELD_CPU, ran_ns * 0.9 - 5e6, ran_ns * 1.1 + 10e6);
    add(truth, FIELD_SWITCHES_VOLUNTARY, left, left + 2 * FORKS + 6);
    add(truth, FIELD_FAULTS, faults * 0.75, faults * 1.5 + 100);
    add(truth, FIELD_FAULTS_MINOR, faults, faults);
    add(truth, FIELD_RUN_QUEUE, 0, 60e9);
    add(truth, FIELD_RUN_QUEUE_TIME, 0, 60e9);
    exact(truth, FIELD_FORKS, FORKS);
    exact(truth, FIELD_THREADS_CREATED, 1);
    exact(truth, FIELD_EXECS, EXECS);
    exact(truth, FIELD_EXITS, FORKS + 1);
    exact(truth, FIELD_EXITS_SIGNALLED, KILLED);
    exact(truth, FIELD_THREADS, 0);
    exact(truth, FIELD_THREADS_PEAK, 2);
    exact(truth, FIELD_OOM_KILLS, 0);
    exact(truth, FIELD_WRITES, device ? BLOCKS : 0);
    exact(truth, FIELD_WRITE_BYTES, device ? BLOCKS * KERNEL_PAGE : 0);
    exact(truth, FIELD_TRANSMIT_PACKETS, DATAGRAMS);
    exact(truth, FIELD_RECEIVE_BYTES, DATAGRAMS * (DATAGRAM + HEADERS));
    exact(truth, FIELD_SIGNALS_SENT, SIGNALS + KILLED + FORKS); /* SIGCHLD is sent, and ignored */
    exact(truth, FIELD_SIGNALS_DELIVERED, SIGNALS + KILLED);
    add(truth, FIELD_SYSCALL_ERRORS, ERRORS, ERRORS + 200); /* what libraries look for in vain */
    add(truth, FIELD_SYSCALLS, ERRORS + SIGNALS + SLEEPS + 2 * DATAGRAMS, 5000);
}

/* --- who tells it --- */

enum family {
    SCHED, WAITS, PROCESS, MEMORY, BLOCK, NETWORK, SIGNALS_, SYSCALLS, LIFECYCLE, FAMILIES
};
static const enum stats_field speaker[FAMILIES] = {FIELD_CPU, FIELD_RUN_QUEUE, FIELD_FORKS,
    FIELD_RECLAIMS, FIELD_BLOCK_LATENCY, FIELD_TRANSMIT_BYTES, FIELD_SIGNALS_DELIVERED,
    FIELD_SYSCALLS, FIELD_EMPTY};

#define FILE_ "file" /* the cgroup's; which one depends on the hierarchies */
struct variant {
    const char *name;
    const char *without[6];
    bool unified;                 /* the identity, instead of the usual one */
    const char *source[FAMILIES]; /* NULL: the figure is not valid */
};
#define EACH(tasks, waits, rung, sockets)                                                          \
    tasks, waits, rung, rung, rung, sockets, rung, rung, rung
#define ALL(rung) EACH("iter", rung, rung, "cgroup")
static const struct variant variants[] = {
    {"all", {NULL}, false, {ALL("tp_btf")}},
    {"without tp_btf", {"tp_btf"}, false, {ALL("raw_tp")}},
    {"without raw_tp", {"raw_tp"}, false, {ALL("tp_btf")}},
    {"without waits in the tasks", {"sched_info"}, false, {ALL("tp_btf")}},
    {"without a switch", {"sched_switch"}, false, {EACH("iter", NULL, "tp_btf", "cgroup")}},
    {"without a switch and tp_btf", {"sched_switch", "tp_btf"}, false,
        {EACH("iter", NULL, "raw_tp", "cgroup")}},
    {"without the iterator", {"iter"}, false, {EACH("tp_btf", "tp_btf", "tp_btf", "cgroup")}},
    {"without the iterator and tp_btf", {"iter", "tp_btf"}, false,
        {EACH("raw_tp", "raw_tp", "raw_tp", "cgroup")}},
    {"without the sockets' hooks", {"cgroup"}, false, {EACH("iter", "tp_btf", "tp_btf", NULL)}},
    {"unified", {NULL}, true, {ALL("tp_btf")}},
    {"unified, without tp_btf", {"tp_btf"}, true, {ALL("raw_tp")}},
    {"unified, without a switch", {"sched_switch"}, true,
        {EACH("iter", NULL, "tp_btf", "cgroup")}},
    {"unified, without the iterator", {"iter"}, true,
        {EACH("tp_btf", "tp_btf", "tp_btf", "cgroup")}},
    {"unified, plain tracepoints", {"tp_btf", "raw_tp"}, true,
        {"tracepoint", "tracepoint", "tracepoint", "tracepoint", NULL, "cgroup", NULL,
            "tracepoint", NULL}},
    {"unified, no BTF", {"btf"}, true,
        {"tracepoint", "tracepoint", "tracepoint", "tracepoint", NULL, NULL, NULL, "tracepoint",
            NULL}},
    {"unified, sockets and files", {"tp_btf", "raw_tp", "tracepoint"}, true,
        {FILE_, NULL, NULL, NULL, NULL, "cgroup", NULL, NULL, NULL}},
    {"files", {"tp_btf", "raw_tp", "tracepoint", "iter", "cgroup"}, false,
        {FILE_, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL}},
    {"nothing", {"tp_btf", "raw_tp", "tracepoint", "cgroup", "file"}, false, {NULL}},
};

/* --- playing --- */

static const struct range *first_wrong(
    const struct truth *truth, const struct stats_container *container)
{
    for (size_t i = 0; i < truth->count; i++) {
        const struct stats_value *value = &container->values[truth->ranges[i].field];
        if (value->valid && ((double)value->value < truth->ranges[i].low ||
                                (double)value->value > truth->ranges[i].high))
            return &truth->ranges[i];
    }
    return NULL;
}

/* False: some figure is wrong, which on the last try is a failure. */
static bool check_figures(
    struct stats *stats, const struct variant *variant, const struct truth *truth, bool last)
{
    const struct range *wrong = first_wrong(truth, kernel_read(stats, "it"));
    for (int i = 0; wrong && i < SETTLES_MS / 10; i++) {
        nanosleep(&(struct timespec){0, 10000000}, NULL);
        wrong = first_wrong(truth, kernel_read(stats, "it"));
    }
    if (!wrong || !last)
        return !wrong;
    const struct stats_value *value = &kernel_read(stats, "it")->values[wrong->field];
    fail_msg("%s: %s of %s is %llu, not %.0f to %.0f", variant->name,
        stats_fields[wrong->field].name, value->source, (unsigned long long)value->value,
        wrong->low, wrong->high);
    return false;
}

static void check_sources(
    const struct stats_container *container, const struct variant *variant, bool device)
{
    for (int i = 0; i < FAMILIES; i++) {
        const struct stats_value *value = &container->values[speaker[i]];
        const char *wanted = variant->source[i];
        const char *got = value->valid ? value->source : NULL;
        bool is_file = str_equal(wanted, FILE_) && got && strchr(got, '.');
        if (!(i == BLOCK && !device) && !is_file && !str_equal(got, wanted))
            fail_msg("%s: %s is from %s, not %s", variant->name, stats_fields[speaker[i]].name,
                got ? got : "nothing", wanted ? wanted : "nothing");
    }
}

static bool play(const struct variant *variant, bool last)
{
    struct stats *stats = NULL;
    struct kernel_child child;
    struct truth truth;
    bool device = kernel_block_file_make(BLOCKS);
    const struct stats_options options = {.without = variant->without, .syscalls = true,
        .controller = variant->unified ? "unified" : NULL};
    assert_int_equal(stats_open(&options, &stats, NULL), 0);
    kernel_cgroup_make(CGROUP);
    assert_int_equal(stats_publish(stats, "it", CGROUP, NULL, NULL), 0);
    kernel_child_run(&child, CGROUP, work, device ? &device : NULL);
    assert_int_equal(child.status, 0);
    truth_of(&truth, &child, device);
    const bool right = check_figures(stats, variant, &truth, last);
    check_sources(kernel_read(stats, "it"), variant, device);
    stats_close(stats);
    kernel_cgroup_remove(CGROUP);
    if (device)
        unlink(kernel_block_file());
    return right;
}

/* Plain tracepoints need a tracefs; this process mounts one for itself alone if it has to. */
static bool has_tracefs(void)
{
    return access("/sys/kernel/tracing/events/sched", F_OK) == 0 ||
           (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) == 0);
}

static bool has_unified(void)
{
    struct stats *stats = NULL;
    const struct stats_options options = {.controller = "unified"};
    int result = stats_open(&options, &stats, NULL);
    stats_close(stats);
    return result == 0;
}

static void test_rungs(void **state)
{
    (void)state;
    bool unified = has_unified();
    assert_true(has_tracefs());
    for (size_t i = 0; i < ARRAY_SIZE(variants); i++) {
        bool sockets = variants[i].source[NETWORK] != NULL;
        if (!unified && (variants[i].unified || sockets))
            print_message("skipped: %s: no cgroup2 is mounted\n", variants[i].name);
        else
            for (int try = 1; !play(&variants[i], try == KERNEL_TRIES); try++)
                continue;
    }
}

static void test_reasons(void **state)
{
    (void)state;
    struct stats *stats = NULL;
    const struct stats_options options = {.without = variants[ARRAY_SIZE(variants) - 2].without};
    assert_int_equal(stats_open(&options, &stats, NULL), 0);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    stats_explain(stats, &text);
    assert_non_null(strstr(strbuf_text(&text), "not tp_btf: left out on request"));
    assert_non_null(strstr(strbuf_text(&text), "not iter: left out on request"));
    stats_close(stats);
}

int main(void)
{
    kernel_need();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rungs),
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
