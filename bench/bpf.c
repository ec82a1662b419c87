/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench bpf`: how true the figures of the probes are, and what they cost. Accuracy: each
 * figure beside what the workload did or the kernel tells elsewhere. Cost: loads with and without
 * probes in pairs, one after the other, whose order changes; the median of the pairs' ratios is
 * told, with their quartiles, as one pair alone says nothing on a busy machine.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/bpf_load.h"
#include "bpf/stats.h"
#include "bpf/text.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define CGROUP "seatrial-bench-load"
#define LOAD "load"
#define LAUNCH "launch"
#define READ_CONTAINERS 1000
#define READ_ROUNDS 21

struct options {
    double seconds;
    unsigned pairs;
    bool json;
};

struct row {
    const char *metric;
    const char *oracle;
    double expected;
    double counted;
    bool valid;
};
#define ROWS_MAX 16
struct report {
    struct row rows[ROWS_MAX];
    size_t count;
    struct strbuf costs; /* lines, or members of JSON */
    bool json;
};

static void row_add(struct report *report, const struct stats_container *container,
    enum stats_field field, const char *oracle, double expected)
{
    const struct stats_value *value = &container->values[field];
    report->rows[report->count++] = (struct row){stats_fields[field].name, oracle, expected,
        (double)value->value, value->valid};
}

/* --- accuracy --- */

static struct stats *open_published(const struct stats_options *options)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct stats *stats = NULL;
    int result = stats_open(options, &stats, &err);
    if (result == 0)
        result = stats_publish(stats, LOAD, CGROUP, NULL, &err);
    if (result == 0)
        return stats;
    fprintf(stderr, "seatrial bench bpf: %s\n", err_text(&err));
    stats_close(stats);
    return NULL;
}

/* The kernel's own sum for the cgroup; *ret_ns stays when there is none. */
static const char *cgroup_cpu(double *ret_ns)
{
    _cleanup_free_ char *v1 = text_read("/sys/fs/cgroup/cpuacct/" CGROUP "/cpuacct.usage");
    _cleanup_free_ char *v2 = text_read("/sys/fs/cgroup/" CGROUP "/cpu.stat");
    uint64_t usec = 0;
    if (v1) {
        *ret_ns = strtod(v1, NULL);
        return "cpuacct.usage";
    }
    if (v2 && text_key_u64(v2, "usage_usec", &usec)) {
        *ret_ns = (double)usec * 1000;
        return "cpu.stat";
    }
    return "rusage";
}

static int measure(struct report *report, load_fn fn, struct load_amount *amount,
    void (*rows)(struct report *report, const struct stats_container *container,
        const struct load_amount *amount, const struct load_result *result))
{
    int result = load_cgroup_make(LOAD);
    struct stats *stats = result == 0 ? open_published(&(struct stats_options){0}) : NULL;
    struct load_result told = {0};
    if (stats)
        result = load_run(LOAD, fn, amount, &told);
    if (stats && result == 0 && told.status == 0)
        rows(report, stats_find(stats_read(stats), LOAD), amount, &told);
    else
        fprintf(stderr, "seatrial bench bpf: a load did not run: left out\n");
    stats_close(stats);
    load_cgroup_remove(LOAD);
    return stats ? 0 : -EIO;
}

static void rows_spin(struct report *report, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)amount;
    double expected_ns = result->cpu_seconds * 1e9;
    const char *oracle = cgroup_cpu(&expected_ns);
    row_add(report, container, FIELD_CPU, oracle, expected_ns);
}

static void rows_spawn(struct report *report, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)result;
    row_add(report, container, FIELD_FORKS, "the workload", amount->count);
    row_add(report, container, FIELD_EXECS, "the workload", amount->count);
    row_add(report, container, FIELD_EXITS, "the workload", amount->count + 1);
}

static void rows_touch(struct report *report, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)amount;
    row_add(report, container, FIELD_FAULTS_MINOR, "rusage", (double)result->faults_minor);
}

static void rows_ping_pong(struct report *report, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)amount;
    row_add(report, container, FIELD_SWITCHES_VOLUNTARY, "rusage",
        (double)result->switches_voluntary);
}

static void rows_datagrams(struct report *report, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)result;
    double bytes = amount->count * (double)(LOAD_DATAGRAM + 28);
    row_add(report, container, FIELD_TRANSMIT_PACKETS, "the workload", amount->count);
    row_add(report, container, FIELD_TRANSMIT_BYTES, "the workload", bytes);
    row_add(report, container, FIELD_RECEIVE_PACKETS, "the workload", amount->count);
    row_add(report, container, FIELD_RECEIVE_BYTES, "the workload", bytes);
}

static void rows_write(struct report *report, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)result;
    row_add(report, container, FIELD_WRITES, "the workload", amount->count);
    row_add(report, container, FIELD_WRITE_BYTES, "the workload",
        amount->count * (double)LOAD_PAGE);
}

static bool write_file_make(unsigned pages)
{
    char page[LOAD_PAGE] = {1};
    _cleanup_close_ int fd = open(LOAD_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (unsigned i = 0; fd >= 0 && i < pages; i++)
        if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page))
            return false;
    return fd >= 0 && fsync(fd) == 0;
}

static int accuracy(struct report *report, const struct options *options)
{
    struct load_amount spin = {.seconds = options->seconds};
    struct load_amount many = {.count = 100};
    struct load_amount pages = {.count = 5000};
    struct load_amount trips = {.count = 5000};
    struct load_amount packets = {.count = 1000};
    struct load_amount blocks = {.count = 64};
    int result = measure(report, load_spin, &spin, rows_spin);
    if (result < 0)
        return result;
    measure(report, load_spawn, &many, rows_spawn);
    measure(report, load_touch, &pages, rows_touch);
    measure(report, load_ping_pong, &trips, rows_ping_pong);
    measure(report, load_datagrams, &packets, rows_datagrams);
    if (write_file_make(blocks.count))
        measure(report, load_write, &blocks, rows_write);
    unlink(LOAD_FILE);
    return 0;
}

/* --- cost --- */

/* With probes (or without) one sample of a load, in its unit; negative: it failed. */
typedef double (*sample_fn)(bool on);

static double sample_switches(bool on)
{
    struct load_amount amount = {.count = 50000};
    struct load_result told = {0};
    struct stats *stats = on ? open_published(&(struct stats_options){0}) : NULL;
    int result = load_run(LOAD, load_ping_pong, &amount, &told);
    stats_close(stats);
    return result == 0 && told.status == 0 ? told.cpu_seconds / amount.count * 1e9 : -1;
}

/* Work done per CPU second is what counts: a fixed number of turns. */
static int turn(void *arg)
{
    (void)arg;
    for (volatile unsigned i = 0; i < 1000000000U; i++)
        ;
    return 0;
}

static double sample_spinning(bool on)
{
    struct load_result told = {0};
    struct stats *stats = on ? open_published(&(struct stats_options){0}) : NULL;
    int result = load_run(LOAD, turn, NULL, &told);
    stats_close(stats);
    return result == 0 && told.status == 0 ? told.cpu_seconds * 1e9 : -1;
}

/* Cgroup, publication, fork, move, exec, end: the median of some; in the hierarchy that the
 * launcher uses, as a move waits for a grace period in each one. */
static double sample_launch(bool on)
{
    enum { LAUNCHES = 31 };
    double samples[LAUNCHES];
    struct stats *stats = NULL;
    struct load_amount one = {.count = 1};
    if (on && stats_open(&(struct stats_options){0}, &stats, NULL) < 0)
        return -1;
    for (int i = 0; i < LAUNCHES; i++) {
        struct load_result told = {0};
        double start = bench_now();
        load_cgroup_make(LAUNCH);
        if (stats)
            stats_publish(stats, LAUNCH, "seatrial-bench-" LAUNCH, NULL, NULL);
        load_run(LAUNCH, load_spawn, &one, &told);
        samples[i] = (bench_now() - start) * 1e9;
        load_cgroup_remove(LAUNCH);
        if (stats)
            stats_retire(stats, LAUNCH, NULL);
    }
    stats_close(stats);
    return bench_median(samples, LAUNCHES);
}

static void line_add(struct report *report, const char *name, double value, const char *unit)
{
    if (report->json)
        strbuf_addf(&report->costs, ",\"%s\":{\"value\":%.6g,\"unit\":\"%s\"}", name, value, unit);
    else
        strbuf_addf(&report->costs, "%-44s %12.4g %s\n", name, value, unit);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void pairs(struct report *report, const char *name, sample_fn sample, unsigned count)
{
    _cleanup_free_ double *percent = mem_alloc(count * sizeof(double));
    _cleanup_free_ double *off = mem_alloc(count * sizeof(double));
    size_t good = 0;
    load_cgroup_make(LOAD);
    for (unsigned i = 0; i < count; i++) {
        bool on_first = i % 2;
        double first = sample(on_first);
        double second = sample(!on_first);
        double without = on_first ? second : first;
        double with = on_first ? first : second;
        if (without <= 0 || with <= 0)
            continue;
        off[good] = without;
        percent[good++] = (with / without - 1) * 100;
    }
    load_cgroup_remove(LOAD);
    if (good == 0)
        return;
    qsort(percent, good, sizeof(double), by_value);
    _cleanup_free_ char *base = str_printf("%s, without probes", name);
    _cleanup_free_ char *middle = str_printf("%s, more with probes", name);
    _cleanup_free_ char *low = str_printf("%s, lower quartile", name);
    _cleanup_free_ char *high = str_printf("%s, upper quartile", name);
    line_add(report, base, bench_median(off, good), "ns");
    line_add(report, middle, bench_median(percent, good), "%");
    line_add(report, low, percent[good / 4], "%");
    line_add(report, high, percent[good * 3 / 4], "%");
}

/* Run time of each program as the kernel measures it, its own clock reads included. */
static void programs(struct report *report)
{
    _cleanup_close_ int counting = bpf_enable_stats(BPF_STATS_RUN_TIME);
    if (counting < 0)
        return;
    struct load_amount trips = {.count = 50000};
    struct load_amount many = {.count = 100};
    struct load_result told = {0};
    load_cgroup_make(LOAD);
    struct stats *stats = open_published(&(struct stats_options){.wakeups = true});
    if (stats) {
        load_run(LOAD, load_ping_pong, &trips, &told);
        load_run(LOAD, load_spawn, &many, &told);
        size_t count = 0;
        _cleanup_free_ struct stats_cost *costs = stats_costs(stats, &count);
        for (size_t i = 0; i < count; i++) {
            _cleanup_free_ char *name =
                str_printf("a run of %s:%s", costs[i].source, costs[i].hook);
            if (costs[i].runs > 0)
                line_add(report, name, (double)costs[i].ns / (double)costs[i].runs, "ns");
        }
    }
    stats_close(stats);
    load_cgroup_remove(LOAD);
}

static void many_make_or_remove(const char *mount_point, bool make)
{
    for (int i = make ? -1 : READ_CONTAINERS - 1; make ? i < READ_CONTAINERS : i >= -1;
         i += make ? 1 : -1) {
        _cleanup_free_ char *path = i < 0 ? str_printf("%s/seatrial-bench-read", mount_point)
                                          : str_printf("%s/seatrial-bench-read/%d", mount_point, i);
        if (make)
            mkdir(path, 0755);
        else
            rmdir(path);
    }
}

static void reading(struct report *report)
{
    struct stats *stats = NULL;
    if (stats_open(&(struct stats_options){.slots = READ_CONTAINERS}, &stats, NULL) < 0)
        return;
    many_make_or_remove(stats_mount_point(stats), true);
    double start = bench_now();
    for (int i = 0; i < READ_CONTAINERS; i++) {
        _cleanup_free_ char *id = str_printf("r%d", i);
        _cleanup_free_ char *cgroup = str_printf("seatrial-bench-read/%d", i);
        stats_publish(stats, id, cgroup, NULL, NULL);
    }
    line_add(report, "publishing a container",
        (bench_now() - start) / READ_CONTAINERS * 1e6, "us");
    double samples[READ_ROUNDS];
    for (int i = 0; i < READ_ROUNDS; i++) {
        start = bench_now();
        stats_read(stats);
        samples[i] = (bench_now() - start) * 1e3;
    }
    line_add(report, "reading 1000 containers", bench_median(samples, READ_ROUNDS), "ms");
    many_make_or_remove(stats_mount_point(stats), false);
    stats_close(stats);
}

/* --- the report --- */

static double error_of(const struct row *row)
{
    return row->expected != 0 ? (row->counted - row->expected) / row->expected * 100 : 0;
}

static void print_json(const struct report *report)
{
    printf("{\"accuracy\":[");
    for (size_t i = 0; i < report->count; i++) {
        const struct row *row = &report->rows[i];
        printf("%s{\"metric\":\"%s\",\"oracle\":\"%s\",\"expected\":%.0f,", i ? "," : "",
            row->metric, row->oracle, row->expected);
        if (row->valid)
            printf("\"counted\":%.0f,\"error_percent\":%.4f}", row->counted, error_of(row));
        else
            printf("\"counted\":null}");
    }
    const char *costs = strbuf_text(&report->costs);
    printf("],\"cost\":{%s}}\n", *costs ? costs + 1 : "");
}

static void print_text(const struct report *report)
{
    printf("%-24s %-16s %14s %14s %10s\n", "METRIC", "ORACLE", "EXPECTED", "COUNTED", "ERROR %");
    for (size_t i = 0; i < report->count; i++) {
        const struct row *row = &report->rows[i];
        if (row->valid)
            printf("%-24s %-16s %14.0f %14.0f %10.4f\n", row->metric, row->oracle, row->expected,
                row->counted, error_of(row));
        else
            printf("%-24s %-16s %14.0f %14s %10s\n", row->metric, row->oracle, row->expected, "-",
                "-");
    }
    printf("\nCOST\n%s", strbuf_text(&report->costs));
}

static int usage(FILE *stream)
{
    fprintf(stream,
        "Usage: seatrial bench bpf [--json] [--seconds N] [--pairs N]\n\n"
        "  --json         one object\n"
        "  --seconds N    of CPU time whose measure is checked (10)\n"
        "  --pairs N      runs with and without probes (9)\n");
    return stream == stderr ? EXIT_USAGE : 0;
}

static bool options_parse(int argc, char **argv, struct options *options, bool *ret_help)
{
    static const struct option rows[] = {{"json", no_argument, NULL, 'j'},
        {"seconds", required_argument, NULL, 's'}, {"pairs", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    optind = 0;
    for (int option; (option = getopt_long(argc, argv, "", rows, NULL)) != -1;) {
        char *end = NULL;
        if (option == 'j')
            options->json = true;
        else if (option == 'h')
            *ret_help = true;
        else if (option == 's')
            options->seconds = strtod(optarg, &end);
        else if (option == 'p')
            options->pairs = (unsigned)strtoul(optarg, &end, 10);
        if (option == '?' || (end && (*end || end == optarg)))
            return false;
    }
    return optind == argc && options->seconds > 0 && options->pairs > 0 && options->pairs < 1000;
}

int bench_bpf_main(int argc, char **argv)
{
    struct options options = {.seconds = 10, .pairs = 9};
    bool help = false;
    if (!options_parse(argc, argv, &options, &help))
        return usage(stderr);
    if (help)
        return usage(stdout);
    if (geteuid() != 0) {
        fprintf(stderr, "seatrial bench bpf: needs root\n");
        return EXIT_FAILURE;
    }
    struct report report = {.json = options.json};
    if (accuracy(&report, &options) < 0)
        return EXIT_FAILURE;
    pairs(&report, "CPU per round trip of a pipe", sample_switches, options.pairs);
    pairs(&report, "CPU of spinning", sample_spinning, options.pairs);
    pairs(&report, "a launch", sample_launch, options.pairs);
    programs(&report);
    reading(&report);
    if (options.json)
        print_json(&report);
    else
        print_text(&report);
    strbuf_release(&report.costs);
    return EXIT_SUCCESS;
}
