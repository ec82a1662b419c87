/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench cgroupfs`: the mounted fake beside an empty FUSE file system and the real one,
 * in turns; the model without a mount; and a tree of 100,000 cgroups.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/empty_fs.h"
#include "bench/finish.h"
#include "bench/interrupt.h"
#include "fakes/cgroupfs/cgroupfs.h"
#include "fakes/kernel/cgroup.h"
#include "reference/base/mem.h"

#define ROUNDS 15 /* of the model without a mount */
#define ROUND_CALLS 2000
#define SLICE_CALLS 50 /* of a round, before another place has its turn */
#define GOAL_RATIO 1.3
#define DIRECT_CALLS 200000
#define TREE_FEW 1000
#define TREE_MANY 100000
#define MOUNT_WAIT_MS 3000

struct settings {
    struct output output;
    size_t rounds;
    char **only;
};

static bool is_asked_for(const struct settings *settings, const char *part)
{
    return !settings->only || strv_contains(settings->only, part);
}

/* Somewhere with a file to read and a directory that takes others. */
struct place {
    const char *name;
    char *file;
    char *directory;
    pid_t server;    /* 0: none of ours */
    pid_t serves;    /* whose CPU time counts, too; the server, also where another place has it */
    char *mount_point;
};

/* So many times open, read, close; false with errno. */
static bool play_reads(const struct place *place, int calls)
{
    char buffer[4096];
    for (int i = 0; i < calls; i++) {
        int fd = open(place->file, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, buffer, sizeof(buffer)) < 0)
            return false;
        close(fd);
    }
    return true;
}

/* The same of mkdir, rmdir. */
static bool play_directories(const struct place *place, int calls)
{
    for (int i = 0; i < calls; i++)
        if (mkdir(place->directory, 0755) < 0 || rmdir(place->directory) < 0)
            return false;
    return true;
}

static const struct {
    const char *part;
    const char *measure;
    const char *ratio; /* of CPU times to those of the empty one, round by round */
    bool (*play)(const struct place *place, int calls);
} samplers[] = {{"read", "read_us", "read_ratio", play_reads},
    {"mkdir", "mkdir_us", "mkdir_ratio", play_directories}};

enum { PLACE_EMPTY, PLACE_CORE, PLACE_CONTROLLER, PLACE_REAL, PLACES };

/* What a round has taken of a place. */
struct cost {
    double seconds;
    double cpu_seconds; /* ours and the server's */
};

/* CPU time so far of us and who serves the place. */
static double cpu_now(const struct place *place)
{
    clockid_t clock;
    struct timespec served = {0};
    if (place->serves && clock_getcpuclockid(place->serves, &clock) == 0)
        clock_gettime(clock, &served);
    return bench_cpu_now() + (double)served.tv_sec + (double)served.tv_nsec / 1e9;
}

/* A slice of each place in turns, so that what else the machine does hits all alike. */
static int measure_round(const struct place *places, size_t count, size_t sampler,
    struct cost costs[], struct err *err)
{
    for (int slice = 0; slice < ROUND_CALLS / SLICE_CALLS && !interrupted(); slice++)
        for (size_t i = 0; i < count; i++) {
            if (sampler == 1 && !places[i].directory)
                continue;
            const double start = bench_now(), cpu_start = cpu_now(&places[i]);
            if (!samplers[sampler].play(&places[i], SLICE_CALLS))
                return err_errno(err, -errno, "%s: %s", places[i].name,
                    samplers[sampler].measure);
            costs[i].cpu_seconds += cpu_now(&places[i]) - cpu_start;
            costs[i].seconds += bench_now() - start;
        }
    return 0;
}

/* The empty one is the first. */
static int measure_places(const struct settings *settings, const struct place *places,
    size_t count, struct report *report, struct err *err)
{
    for (size_t round = 0; round < settings->rounds && !interrupted(); round++) {
        progress(&settings->output, "round %zu of %zu", round + 1, settings->rounds);
        for (size_t k = 0; k < ARRAY_SIZE(samplers); k++) {
            struct cost costs[PLACES] = {0};
            if (!is_asked_for(settings, samplers[k].part))
                continue;
            const int result = measure_round(places, count, k, costs, err);
            if (result)
                return result;
            for (size_t i = 0; i < count && !interrupted(); i++) {
                if (costs[i].seconds <= 0)
                    continue;
                const char *name = places[i].name;
                series_add(report_series(report, name, samplers[k].measure, "", 0),
                    costs[i].seconds * 1e6 / ROUND_CALLS);
                series_add(report_series(report, name, samplers[k].ratio, "", 0),
                    costs[i].cpu_seconds / costs[PLACE_EMPTY].cpu_seconds);
            }
        }
    }
    return 0;
}

/* ---------------------------------------------------------------------- servers */

static int serve_fake(const char *mount_point)
{
    const struct kernel_config config = {.layout = CGROUP_LAYOUT_V2};
    const struct cgroupfs_options options = {.settle = true};
    struct kernel *kernel = cgroupfs_kernel_new(&config, 0);
    struct cgroupfs *fs;
    if (cgroupfs_mount(kernel, mount_point, &options, &fs, NULL))
        return 1;
    for (;;) {
        struct pollfd fd = {.fd = cgroupfs_fd(fs), .events = POLLIN};
        if ((poll(&fd, 1, -1) < 0 && errno != EINTR) || !cgroupfs_serve(fs))
            break;
    }
    cgroupfs_unmount(fs);
    return 0;
}

/* Forks a server for a fresh directory, and waits until it is mounted. */
static bool place_mount(struct place *place, int (*serve)(const char *mount_point))
{
    char directory[] = "/tmp/seatrial-bench.XXXXXX";
    struct stat before, now;
    if (!mkdtemp(directory) || stat(directory, &before) < 0)
        return false;
    place->mount_point = str_dup(directory);
    fflush(stdout);
    place->server = fork();
    if (place->server == 0)
        _exit(serve(directory));
    place->serves = place->server;
    for (int waited = 0; waited < MOUNT_WAIT_MS; waited++) {
        if (stat(directory, &now) == 0 && now.st_dev != before.st_dev)
            return true;
        if (waitpid(place->server, NULL, WNOHANG) > 0) {
            place->server = 0;
            return false;
        }
        usleep(1000);
    }
    return false;
}

static void place_release(struct place *place)
{
    if (place->server) {
        _cleanup_free_ char *command = str_printf("umount %s", place->mount_point);
        if (system(command))
            kill(place->server, SIGKILL);
        waitpid(place->server, NULL, 0);
    }
    if (place->mount_point)
        rmdir(place->mount_point);
    free(place->mount_point);
    free(place->file);
    free(place->directory);
}

static bool put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

/* A file of the core, which is always there, and one of a controller, which may go. */
static bool start_fake(struct place *core, struct place *controller)
{
    if (!place_mount(core, serve_fake))
        return false;
    _cleanup_free_ char *control = str_printf("%s/cgroup.subtree_control", core->mount_point);
    _cleanup_free_ char *child = str_printf("%s/a", core->mount_point);
    if (!put(control, "+cpu +memory +pids +io") || mkdir(child, 0755) < 0)
        return false;
    core->file = str_printf("%s/a/cgroup.freeze", core->mount_point);
    core->directory = str_printf("%s/b", core->mount_point);
    controller->file = str_printf("%s/a/memory.max", core->mount_point);
    controller->serves = core->server;
    return true;
}

static bool start_empty(struct place *place)
{
    if (!place_mount(place, empty_fs_serve))
        return false;
    place->file = str_printf("%s/file", place->mount_point);
    place->directory = str_printf("%s/b", place->mount_point);
    return true;
}

/* The real one: in a cgroup of its own. False where there is none that we may write. */
static bool start_real(struct place *place)
{
    static const char *const roots[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"};
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
        _cleanup_free_ char *own = str_printf("%s/seatrial-bench-%d", roots[i], (int)getpid());
        _cleanup_free_ char *file = str_printf("%s/cgroup.procs", own);
        if (mkdir(own, 0755) < 0)
            continue;
        if (access(file, R_OK) < 0) {
            rmdir(own);
            continue;
        }
        place->mount_point = str_dup(own);
        place->file = TAKE_PTR(file);
        place->directory = str_printf("%s/b", own);
        return true;
    }
    return false;
}

/* ---------------------------------------------------------------------- without a mount */

struct direct {
    double mkdir_few_us;
    double mkdir_many_us;
    double tree_mib;
};

static void measure_calls(struct cgroup_root *root, struct report *report)
{
    struct series *reads = report_series(report, "model", "read_us", "", 0);
    struct series *writes = report_series(report, "model", "write_us", "", 0);
    for (size_t round = 0; round < ROUNDS && !interrupted(); round++) {
        double start = bench_cpu_now();
        for (int i = 0; i < DIRECT_CALLS / ROUNDS; i++) {
            char *text;
            if (cgroup_file_read(root, "a", "memory.max", &cgroup_caller_root, &text, NULL) == 0)
                free(text);
        }
        series_add(reads, (bench_cpu_now() - start) * 1e6 * ROUNDS / DIRECT_CALLS);
        start = bench_cpu_now();
        for (int i = 0; i < DIRECT_CALLS / ROUNDS; i++)
            cgroup_file_write(root, "a", "memory.max", i % 2 ? "64M" : "max", 3,
                &cgroup_caller_root);
        series_add(writes, (bench_cpu_now() - start) * 1e6 * ROUNDS / DIRECT_CALLS);
    }
}

/* Microseconds per mkdir of the last thousand, on the way to so many. */
static double grow(struct cgroup_root *root, int from, int to)
{
    double start = 0;
    char path[64];
    for (int i = from; i < to; i++) {
        if (i == to - TREE_FEW)
            start = bench_cpu_now();
        snprintf(path, sizeof(path), "g%d", i / 1000);
        if (i % 1000 == 0)
            cgroup_mkdir(root, path, 0755, &cgroup_caller_root);
        snprintf(path, sizeof(path), "g%d/c%d", i / 1000, i);
        cgroup_mkdir(root, path, 0755, &cgroup_caller_root);
    }
    return (bench_cpu_now() - start) * 1e6 / TREE_FEW;
}

static struct direct measure_direct(struct report *report)
{
    const struct kernel_config config = {.layout = CGROUP_LAYOUT_V2};
    static const char controllers[] = "+cpu +memory +pids +io";
    struct direct direct = {0};
    struct kernel *kernel = cgroupfs_kernel_new(&config, 0);
    struct cgroup_root *root = cgroup_root_find(kernel, "");
    cgroup_file_write(root, "", "cgroup.subtree_control", controllers, strlen(controllers),
        &cgroup_caller_root);
    cgroup_mkdir(root, "a", 0755, &cgroup_caller_root);
    measure_calls(root, report);
    double before = bench_resident_bytes();
    direct.mkdir_few_us = grow(root, 0, TREE_FEW);
    direct.mkdir_many_us = grow(root, TREE_FEW, TREE_MANY);
    direct.tree_mib = (bench_resident_bytes() - before) / 1048576;
    struct loop *loop = kernel->loop;
    kernel_free(kernel);
    loop_free(loop);
    return direct;
}

/* ---------------------------------------------------------------------- telling */

static json_t *median_json(const struct report *report, const char *measure)
{
    const struct series *series = report_find(report, "model", measure, "", 0);
    return series ? json_real(median_of(series->values, series->count)) : json_null();
}

/* The members that the JSON had before it had series. */
static void extra_add(const struct place *places, size_t count, const struct direct *direct,
    struct report *report)
{
    json_t *rows = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_object();
        for (size_t k = 0; k < ARRAY_SIZE(samplers); k++) {
            const char *measure = samplers[k].measure;
            const struct series *own = report_find(report, places[i].name, measure, "", 0);
            const struct series *base = report_find(report, "empty", measure, "", 0);
            _cleanup_free_ char *ratio =
                str_printf("%.*s_ratio", (int)strcspn(measure, "_"), measure);
            if (!own || !base)
                continue;
            const double median = median_of(own->values, own->count);
            json_object_set_new(row, measure, json_real(median));
            json_object_set_new(
                row, ratio, json_real(median / median_of(base->values, base->count)));
        }
        json_object_set_new(rows, places[i].name, row);
    }
    json_t *json = json_pack("{so s{so so sf sf sf sI}}", "mounts", rows, "direct", "read_us",
        median_json(report, "read_us"), "write_us", median_json(report, "write_us"),
        "mkdir_among_1000_us", direct->mkdir_few_us, "mkdir_among_100000_us",
        direct->mkdir_many_us, "tree_mib", direct->tree_mib, "tree_cgroups",
        (json_int_t)TREE_MANY);
    json_object_update(report->extra, json);
    json_decref(json);
}

/* The model without a mount, and everything beside the empty file system. */
static void figures_add(
    struct report *report, const struct place *places, size_t count, const struct direct *direct)
{
    for (size_t i = 1; i < count; i++)
        for (size_t k = 0; k < ARRAY_SIZE(samplers); k++) {
            const char *measure = samplers[k].measure;
            _cleanup_free_ char *name = str_printf("%s/empty %s", places[i].name, measure);
            report_ratio(report, name, report_find(report, places[i].name, measure, "", 0),
                report_find(report, "empty", measure, "", 0), 0, false);
            const char *ratio = samplers[k].ratio;
            _cleanup_free_ char *cpu = str_printf("%s/empty %s by CPU time", places[i].name, ratio);
            report_ratio(report, cpu, report_find(report, places[i].name, ratio, "", 0),
                report_find(report, "empty", ratio, "", 0), i == PLACE_REAL ? 0 : GOAL_RATIO,
                false);
        }
    if (direct->tree_mib <= 0)
        return; /* was not asked for */
    report_number(report, "model: mkdir among 1000", "mkdir_us", direct->mkdir_few_us, 0, false);
    report_number(
        report, "model: mkdir among 100000", "mkdir_us", direct->mkdir_many_us, 0, false);
    report_number(report, "model: 100000 cgroups, MiB", "tree_mib", direct->tree_mib, 0, false);
}

static const char *const parts[] = {"read", "mkdir", "write", "tree", NULL};
#define AT(member) offsetof(struct settings, member)
static const struct bench_option options[] = {
    {"rounds", OPTION_COUNT, AT(rounds), 2, 100000, "N", "of 2000 calls each (15)", NULL},
    {"only", OPTION_NAMES, AT(only), 0, 0, "A,B",
        "read, mkdir, write and tree (without a mount)", parts},
    OUTPUT_OPTIONS(struct settings),
    {0},
};

static int bench(const void *arg, struct report *report, struct err *err)
{
    const struct settings *settings = arg;
    struct place places[PLACES] = {{.name = "empty"}, {.name = "fake, core file"},
        {.name = "fake, controller file"}, {.name = "real"}};
    bool mounted = start_empty(&places[PLACE_EMPTY]) &&
        start_fake(&places[PLACE_CORE], &places[PLACE_CONTROLLER]);
    size_t count = start_real(&places[PLACE_REAL]) ? PLACES : PLACES - 1;
    int result =
        mounted ? 0 : err_set(err, -ENOTSUP, "nothing can be mounted through FUSE here");
    if (count < PLACES)
        report_missing(report, places[PLACE_REAL].name, "no cgroup can be made here");
    if (mounted) {
        struct direct direct = {0};
        if (is_asked_for(settings, "read") || is_asked_for(settings, "write") ||
            is_asked_for(settings, "tree"))
            direct = measure_direct(report);
        result = measure_places(settings, places, count, report, err);
        extra_add(places, count, &direct, report);
        figures_add(report, places, count, &direct);
        json_object_set_new(
            report->settings, "rounds", json_integer((json_int_t)settings->rounds));
    }
    for (size_t i = 0; i < PLACES; i++)
        place_release(&places[i]);
    return result;
}

int bench_cgroupfs_main(int argc, char **argv)
{
    struct settings settings = {.rounds = 15};
    const int status =
        bench_play("cgroupfs", options, argc, argv, &settings, &settings.output, bench);
    strv_free(settings.only);
    return status;
}
