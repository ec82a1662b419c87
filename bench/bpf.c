/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench bpf`: how true the figures of the probes are, and what they cost. Accuracy: each
 * figure beside what the workload did or the kernel tells elsewhere. Cost: loads with and without
 * probes in pairs, one after the other, whose order changes; the median of the pairs' ratios is
 * told, with their quartiles, as one pair alone says nothing on a busy machine.
 */
#include <assert.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/bpf_load.h"
#include "bench/finish.h"
#include "bench/interrupt.h"
#include "bpf/stats.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

#define CGROUP "seatrial-bench-load"
#define LOAD "load"
#define LAUNCH "launch"
#define READ_CONTAINERS 1000
#define WRITES 64
#define READ_ROUNDS 21
#define READ_GOAL_MS 5
#define CPU_GOAL_PERCENT 1

struct settings {
    struct output output;
    double seconds;
    size_t pairs;
    char **only; /* parts; NULL: all */
};

/* A figure of the probes beside what is known to be true. */
struct row {
    const char *metric;
    const char *oracle;
    double expected;
    double counted;
    bool valid;
};
#define ROWS_MAX 16
struct table {
    struct row rows[ROWS_MAX];
    size_t count;
};

static void row_add(struct table *table, const struct stats_container *container,
    enum stats_field field, const char *oracle, double expected)
{
    const struct stats_value *value = &container->values[field];
    assert(table->count < ROWS_MAX);
    table->rows[table->count++] = (struct row){stats_fields[field].name, oracle, expected,
        (double)value->value, value->valid};
}

/* --- accuracy --- */

static struct stats *open_published(const struct stats_options *options, struct err *err)
{
    struct stats *stats = NULL;
    int result = stats_open(options, &stats, err);
    if (result == 0)
        result = stats_publish(stats, LOAD, CGROUP, NULL, err);
    if (result == 0)
        return stats;
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

static void rows_spin(struct table *table, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)amount;
    double expected_ns = result->cpu_seconds * 1e9;
    const char *oracle = cgroup_cpu(&expected_ns);
    row_add(table, container, FIELD_CPU, oracle, expected_ns);
}

static void rows_spawn(struct table *table, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)result;
    row_add(table, container, FIELD_FORKS, "the workload", amount->count);
    row_add(table, container, FIELD_EXECS, "the workload", amount->count);
    row_add(table, container, FIELD_EXITS, "the workload", amount->count + 1);
}

static void rows_touch(struct table *table, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)amount;
    row_add(table, container, FIELD_FAULTS_MINOR, "rusage", (double)result->faults_minor);
}

static void rows_ping_pong(struct table *table, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)amount;
    row_add(table, container, FIELD_SWITCHES_VOLUNTARY, "rusage",
        (double)result->switches_voluntary);
}

static void rows_datagrams(struct table *table, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)result;
    double bytes = amount->count * (double)(LOAD_DATAGRAM + 28);
    row_add(table, container, FIELD_TRANSMIT_PACKETS, "the workload", amount->count);
    row_add(table, container, FIELD_TRANSMIT_BYTES, "the workload", bytes);
    row_add(table, container, FIELD_RECEIVE_PACKETS, "the workload", amount->count);
    row_add(table, container, FIELD_RECEIVE_BYTES, "the workload", bytes);
}

static void rows_write(struct table *table, const struct stats_container *container,
    const struct load_amount *amount, const struct load_result *result)
{
    (void)result;
    row_add(table, container, FIELD_WRITES, "the workload", amount->count);
    row_add(table, container, FIELD_WRITE_BYTES, "the workload",
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

struct check {
    const char *name;
    load_fn load;
    struct load_amount amount;
    void (*rows)(struct table *table, const struct stats_container *container,
        const struct load_amount *amount, const struct load_result *result);
};
static const struct check checks[] = {
    {"spinning", load_spin, {.seconds = 10}, rows_spin},
    {"spawning", load_spawn, {.count = 100}, rows_spawn},
    {"touching pages", load_touch, {.count = 5000}, rows_touch},
    {"a ping-pong of two processes", load_ping_pong, {.count = 5000}, rows_ping_pong},
    {"datagrams", load_datagrams, {.count = 1000}, rows_datagrams},
    {"writing", load_write, {.count = WRITES}, rows_write},
};

/* What does not run is told as missing; without probes nothing can be measured. */
static int check_run(struct table *table, const struct check *check, struct load_amount amount,
    struct report *report, struct err *err)
{
    int result = load_cgroup_make(LOAD);
    struct stats *stats = result == 0 ? open_published(&(struct stats_options){0}, err) : NULL;
    struct load_result told = {0};
    if (stats)
        result = load_run(LOAD, check->load, &amount, &told);
    if (stats && result == 0 && told.status == 0)
        check->rows(table, stats_find(stats_read(stats), LOAD), &amount, &told);
    else
        report_missing(report, check->name, stats ? "the load failed" : "no probes");
    if (!stats && result < 0)
        err_errno(err, result, "make a cgroup");
    stats_close(stats);
    load_cgroup_remove(LOAD);
    return stats ? 0 : -EIO;
}

static int accuracy(
    struct table *table, const struct settings *settings, struct report *report, struct err *err)
{
    int result = 0;
    if (!write_file_make(WRITES))
        result = err_errno(err, -errno, "make %s", LOAD_FILE);
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(checks) && !interrupted(); i++) {
        struct load_amount amount = checks[i].amount;
        if (amount.seconds > 0)
            amount.seconds = settings->seconds;
        progress(&settings->output, "accuracy: %s", checks[i].name);
        result = check_run(table, &checks[i], amount, report, err);
    }
    unlink(LOAD_FILE);
    return result;
}

/* --- cost --- */

/* What is attached while a load runs. */
enum attached {
    NOTHING,
    PROBES,
    PROBES_NO_REST,   /* the program at the switch stays whatever it takes */
    PROBES_NO_SWITCH, /* all but the program at the switch */
    EMPTY_SWITCH,     /* nothing but an empty program at the switch: the floor of any */
    ATTACHED_COUNT
};
static const char *const attached_names[ATTACHED_COUNT] = {
    "without probes", "with probes", "with probes that never rest",
    "with probes but at the switch", "with an empty program"};

struct setup {
    struct stats *stats; /* NULL: none, or it failed */
    int program;
    int link;
};

/* Does nothing at each switch. */
static bool empty_attach(struct setup *setup)
{
    static const struct bpf_insn nothing[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0}, {.code = BPF_JMP | BPF_EXIT}};
    setup->program = bpf_prog_load(
        BPF_PROG_TYPE_RAW_TRACEPOINT, "nothing", "GPL", nothing, ARRAY_SIZE(nothing), NULL);
    if (setup->program >= 0)
        setup->link = bpf_raw_tracepoint_open("sched_switch", setup->program);
    return setup->link >= 0;
}

static bool setup_make(struct setup *setup, enum attached attached)
{
    static const char *const no_switch[] = {"sched_switch", NULL};
    const struct stats_options options = {
        .without = attached == PROBES_NO_SWITCH ? no_switch : NULL,
        .switch_percent = attached == PROBES_NO_REST ? 0 : STATS_SWITCH_PERCENT};
    *setup = (struct setup){.program = -1, .link = -1};
    if (attached == EMPTY_SWITCH)
        return empty_attach(setup);
    if (attached != NOTHING)
        setup->stats = open_published(&options, NULL);
    return setup->stats || attached == NOTHING;
}

static void setup_end(struct setup *setup)
{
    stats_close(setup->stats);
    if (setup->link >= 0)
        close(setup->link);
    if (setup->program >= 0)
        close(setup->program);
}

/* Samples of a load, in ns. False: it failed. */
typedef bool (*sample_fn)(enum attached attached, struct series *into);

/* CPU time of a load of so many turns, of one. */
static bool sample_cpu(
    enum attached attached, load_fn load, void *arg, double turns, struct series *into)
{
    struct setup setup;
    struct load_result told = {0};
    const bool good = setup_make(&setup, attached) && load_run(LOAD, load, arg, &told) == 0 &&
                      told.status == 0;
    setup_end(&setup);
    if (good)
        series_add(into, told.cpu_seconds / turns * 1e9);
    return good;
}

/* Long enough that the program at the switch is on and rests a few times. */
#define TRIPS 500000

static bool sample_switches(enum attached attached, struct series *into)
{
    struct load_amount amount = {.count = TRIPS};
    return sample_cpu(attached, load_ping_pong, &amount, amount.count, into);
}

static bool sample_perf(enum attached attached, struct series *into)
{
    struct load_amount amount = {.count = TRIPS};
    return sample_cpu(attached, load_perf_pipe, &amount, amount.count, into);
}

static bool sample_perf_pinned(enum attached attached, struct series *into)
{
    struct load_amount amount = {.count = TRIPS, .pinned = true};
    return sample_cpu(attached, load_perf_pipe, &amount, amount.count, into);
}

/* Work done per CPU second is what counts: a fixed number of turns. */
static int turn(void *arg)
{
    (void)arg;
    for (volatile unsigned i = 0; i < 1000000000U; i++)
        ;
    return 0;
}

static bool sample_spinning(enum attached attached, struct series *into)
{
    return sample_cpu(attached, turn, NULL, 1, into);
}

/* Cgroup, publication, fork, move, exec, end; in the hierarchy that the launcher uses, as a move
 * waits for a grace period in each one. */
static bool sample_launches(enum attached attached, struct series *into)
{
    enum { LAUNCHES = 31 };
    struct setup setup;
    struct load_amount one = {.count = 1};
    if (!setup_make(&setup, attached))
        return false;
    for (int i = 0; i < LAUNCHES; i++) {
        struct load_result told = {0};
        double start = bench_now();
        load_cgroup_make(LAUNCH);
        if (setup.stats)
            stats_publish(setup.stats, LAUNCH, "seatrial-bench-" LAUNCH, NULL, NULL);
        load_run(LAUNCH, load_spawn, &one, &told);
        series_add(into, (bench_now() - start) * 1e9);
        load_cgroup_remove(LAUNCH);
        if (setup.stats)
            stats_retire(setup.stats, LAUNCH, NULL);
    }
    setup_end(&setup);
    return true;
}

/* goal: of the ratio with/without; 0: none. */
static const struct cost {
    const char *part;
    const char *what;
    sample_fn sample;
    enum attached attached;
    double goal;
} costs[] = {
    {"round_trip_cpu", "a round trip of a pipe", sample_switches, PROBES, 1.02},
    {"round_trip_cpu", "a round trip of a pipe", sample_switches, PROBES_NO_REST, 0},
    {"round_trip_cpu", "a round trip of a pipe", sample_switches, PROBES_NO_SWITCH, 1.02},
    {"round_trip_cpu", "a round trip of a pipe", sample_switches, EMPTY_SWITCH, 0},
    {"perf_pipe_cpu", "perf bench sched pipe", sample_perf, PROBES, 1.02},
    {"perf_pipe_pinned_cpu", "the same on one CPU", sample_perf_pinned, PROBES, 1.02},
    {"spinning_cpu", "a load bound to the CPU", sample_spinning, PROBES, 0},
    {"launch", "a launch", sample_launches, PROBES, 1.02},
};

/* The median of what a half of a pair has added. */
static double added(const struct series *series, size_t before)
{
    return median_of(series->values + before, series->count - before);
}

/* The ratio is that of the halves of a pair, as one follows the other: what else the machine does
 * hits both more alike than all of the one and all of the other. */
static void pairs(struct report *report, const struct settings *settings, const struct cost *cost)
{
    const char *with = attached_names[cost->attached];
    _cleanup_free_ char *measure = str_printf("%s_ns", cost->part);
    _cleanup_free_ char *ratio = str_printf("%s_ratio", cost->part);
    _cleanup_free_ char *name = str_printf("%s, of that without: %s", with, cost->what);
    struct series *off = report_series(report, attached_names[NOTHING], measure, "", 0);
    struct series *on = report_series(report, with, measure, "", 0);
    struct series *ratios = report_series(report, with, ratio, "", 0);
    double one = 1;
    const struct series same = {.values = &one, .count = 1};
    load_cgroup_make(LOAD);
    for (size_t i = 0; i < settings->pairs && !interrupted(); i++) {
        const size_t had_off = off->count, had_on = on->count;
        const bool on_first = i % 2;
        progress(&settings->output, "%s: pair %zu of %zu", cost->what, i + 1, settings->pairs);
        const enum attached first = on_first ? cost->attached : NOTHING;
        const enum attached second = on_first ? NOTHING : cost->attached;
        if (!cost->sample(first, on_first ? on : off) || !cost->sample(second, on_first ? off : on))
            break;
        series_add(ratios, added(on, had_on) / added(off, had_off));
    }
    load_cgroup_remove(LOAD);
    if (ratios->count == 0 && !interrupted())
        report_missing(report, name, "the load does not run here");
    report_ratio(report, name, ratios, &same, cost->goal, false);
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
    struct stats *stats = open_published(&(struct stats_options){.wakeups = true}, NULL);
    if (stats) {
        load_run(LOAD, load_ping_pong, &trips, &told);
        load_run(LOAD, load_spawn, &many, &told);
        size_t count = 0;
        _cleanup_free_ struct stats_cost *runs = stats_costs(stats, &count);
        for (size_t i = 0; i < count; i++) {
            _cleanup_free_ char *name = str_printf("a run of %s:%s", runs[i].source, runs[i].hook);
            if (runs[i].runs > 0)
                report_number(
                    report, name, "run_ns", (double)runs[i].ns / (double)runs[i].runs, 0, false);
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
    struct series *publishing = report_series(report, "stats", "publish_us", "", 0);
    struct series *reads = report_series(report, "stats", "read_1000_ms", "", 0);
    struct stats *stats = NULL;
    if (stats_open(&(struct stats_options){.slots = READ_CONTAINERS}, &stats, NULL) < 0)
        return;
    many_make_or_remove(stats_mount_point(stats), true);
    for (int i = 0; i < READ_CONTAINERS; i++) {
        _cleanup_free_ char *id = str_printf("r%d", i);
        _cleanup_free_ char *cgroup = str_printf("seatrial-bench-read/%d", i);
        const double start = bench_now();
        stats_publish(stats, id, cgroup, NULL, NULL);
        series_add(publishing, (bench_now() - start) * 1e6);
    }
    for (int i = 0; i < READ_ROUNDS; i++) {
        const double start = bench_now();
        stats_read(stats);
        series_add(reads, (bench_now() - start) * 1e3);
    }
    report_number(report, "reading 1000 containers", "read_1000_ms",
        median_of(reads->values, reads->count), READ_GOAL_MS, false);
    many_make_or_remove(stats_mount_point(stats), false);
    stats_close(stats);
}

/* --- the report --- */

static double error_of(const struct row *row)
{
    return row->expected != 0 ? (row->counted - row->expected) / row->expected * 100 : 0;
}

/* How far each figure is off, and in the JSON what it said. */
static void accuracy_tell(const struct table *table, struct report *report)
{
    json_t *list = json_array();
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];
        _cleanup_free_ char *name = str_printf("%s beside %s", row->metric, row->oracle);
        json_t *item = json_pack("{ss ss sf sn}", "metric", row->metric, "oracle", row->oracle,
            "expected", row->expected, "counted");
        if (row->valid) {
            json_object_set_new(item, "counted", json_real(row->counted));
            json_object_set_new(item, "error_percent", json_real(error_of(row)));
            report_number(report, name, "error_percent", fabs(error_of(row)),
                str_equal(row->metric, stats_fields[FIELD_CPU].name) ? CPU_GOAL_PERCENT : 0, false);
        } else {
            report_missing(report, name, "the probes do not tell it here");
        }
        json_array_append_new(list, item);
    }
    json_object_set_new(report->extra, "accuracy", list);
}

static const char *const parts[] = {
    "accuracy", "round_trip_cpu", "perf_pipe_cpu", "perf_pipe_pinned_cpu", "spinning_cpu",
    "launch", "programs", "publish", "read_1000", NULL};

static bool is_asked_for(const struct settings *settings, const char *part)
{
    return !interrupted() && (!settings->only || strv_contains(settings->only, part));
}

#define AT(member) offsetof(struct settings, member)
static const struct bench_option options[] = {
    {"seconds", OPTION_NUMBER, AT(seconds), 0.01, 3600, "S",
        "of CPU time whose measure is checked (10)", NULL},
    {"pairs", OPTION_COUNT, AT(pairs), 1, 1000, "N", "of runs with and without probes (9)", NULL},
    {"only", OPTION_NAMES, AT(only), 0, 0, "A,B",
        "accuracy, round_trip_cpu, perf_pipe_cpu, perf_pipe_pinned_cpu, spinning_cpu, launch, "
        "programs, publish, read_1000",
        parts},
    OUTPUT_OPTIONS(struct settings),
    {0},
};

static int bench(const void *arg, struct report *report, struct err *err)
{
    const struct settings *settings = arg;
    struct table table = {.count = 0};
    int result = geteuid() == 0 ? 0 : err_set(err, -EPERM, "probes need root");
    if (result == 0 && is_asked_for(settings, "accuracy")) {
        result = accuracy(&table, settings, report, err);
        accuracy_tell(&table, report);
    }
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(costs); i++) {
        if (is_asked_for(settings, costs[i].part))
            pairs(report, settings, &costs[i]);
    }
    if (result == 0 && is_asked_for(settings, "programs"))
        programs(report);
    if (result == 0 && (is_asked_for(settings, "publish") || is_asked_for(settings, "read_1000")))
        reading(report);
    json_object_set_new(report->settings, "seconds", json_real(settings->seconds));
    json_object_set_new(report->settings, "pairs", json_integer((json_int_t)settings->pairs));
    return result;
}

int bench_bpf_main(int argc, char **argv)
{
    struct settings settings = {.seconds = 10, .pairs = 9};
    const int status =
        bench_play("bpf", options, argc, argv, &settings, &settings.output, bench);
    strv_free(settings.only);
    return status;
}
