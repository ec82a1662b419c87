/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial bench launch`: contenders side by side in one run, interleaved, each payload's run
 * checked. */
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/launch/contender.h"
#include "fakes/rng.h"
#include "reference/base/mem.h"
#include "scenarios/engine/backends/kernel_world.h"

#define EXIT_USAGE 2
#define CONTENDERS_MAX 16
#define RESAMPLES 1000

const struct contender *const contenders[] = {&contender_floor, &contender_posix, &contender_linux,
    &contender_floor_namespaces, &contender_linux_namespaces, &contender_crun, &contender_runc,
    &contender_bwrap, NULL};

struct entrant {
    const struct contender *contender;
    void *data;
    double *launch_us;
    double *lifecycle_us;
    size_t count;
    char *missing; /* why it does not run here */
};

struct settings {
    size_t samples;
    size_t warmup;
    bool json;
};

uint64_t launch_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int stamp_read(const char *path, uint64_t *ret_stamp_ns, struct err *err)
{
    char text[64] = "";
    FILE *file = fopen(path, "re");

    if (file) {
        if (!fgets(text, sizeof(text), file))
            text[0] = '\0';
        fclose(file);
    }
    *ret_stamp_ns = strtoull(text, NULL, 10);
    return *ret_stamp_ns ? 0
                         : err_set(err, -EPROTO, "the payload did not run (%s says nothing)", path);
}

static int sample_take(
    struct launch_world *world, struct entrant *entrant, bool keep, struct err *err)
{
    uint64_t stamp = 0;
    const uint64_t start = launch_now_ns();
    int r = entrant->contender->run(world, entrant->data, &stamp, err);
    const uint64_t end = launch_now_ns();

    if (r < 0)
        return err_wrap(err, r, "%s", entrant->contender->name);
    if (stamp < start || stamp > end)
        return err_set(
            err, -EPROTO, "%s: the payload told a time outside its run", entrant->contender->name);
    if (keep) {
        entrant->launch_us[entrant->count] = (double)(stamp - start) / 1e3;
        entrant->lifecycle_us[entrant->count++] = (double)(end - start) / 1e3;
    }
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(const double *samples, size_t count, double p)
{
    double *sorted = mem_dup(samples, count * sizeof(*samples));
    size_t index = (size_t)ceil(p / 100 * (double)count);
    double value;

    qsort(sorted, count, sizeof(*sorted), by_value);
    value = sorted[index > 0 ? index - 1 : 0];
    free(sorted);
    return value;
}

/* The ratio of medians with its 95 % bootstrap interval (percentile method). */
struct ratio {
    double value;
    double low;
    double high;
};

static double resampled_median(const struct entrant *entrant, struct rng *rng)
{
    double *drawn = mem_alloc(entrant->count * sizeof(*drawn));
    double median;

    for (size_t i = 0; i < entrant->count; i++)
        drawn[i] = entrant->lifecycle_us[rng_below(rng, "bootstrap", entrant->count)];
    median = bench_median(drawn, entrant->count);
    free(drawn);
    return median;
}

static struct ratio ratio_of(const struct entrant *a, const struct entrant *b)
{
    double ratios[RESAMPLES];
    struct ratio ratio;
    struct rng rng;

    rng_init(&rng, 1);
    for (size_t i = 0; i < RESAMPLES; i++)
        ratios[i] = resampled_median(a, &rng) / resampled_median(b, &rng);
    rng_release(&rng);
    ratio.value =
        percentile(a->lifecycle_us, a->count, 50) / percentile(b->lifecycle_us, b->count, 50);
    ratio.low = percentile(ratios, RESAMPLES, 2.5);
    ratio.high = percentile(ratios, RESAMPLES, 97.5);
    return ratio;
}

static json_t *distribution(const double *samples, size_t count)
{
    static const struct {
        const char *name;
        double p;
    } rows[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p999", 99.9}, {"max", 100}};
    json_t *object = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        json_object_set_new(object, rows[i].name, json_real(percentile(samples, count, rows[i].p)));
    json_object_set_new(object, "samples", json_integer((json_int_t)count));
    return object;
}

static json_t *environment(void)
{
    struct utsname name;

    uname(&name);
    return json_pack("{s:s,s:s,s:i}", "kernel", name.release, "machine", name.machine, "cpus",
        (int)sysconf(_SC_NPROCESSORS_ONLN));
}

/* What is compared with what: the reference with the floor of the same container, others with the
 * reference. */
static const char *const pairs[][2] = {{"linux", "floor"}, {"linux-ns", "floor-ns"},
    {"crun", "linux-ns"}, {"runc", "linux-ns"}, {"bwrap", "linux-ns"}};

static const struct entrant *entrant_find(
    const struct entrant *entrants, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(entrants[i].contender->name, name) && entrants[i].count > 0)
            return &entrants[i];
    }
    return NULL;
}

static void json_report(const struct entrant *entrants, size_t count)
{
    json_t *report = json_object(), *list = json_object(), *ratios = json_object();
    json_t *missing = json_object();

    for (size_t i = 0; i < count; i++) {
        if (entrants[i].missing)
            json_object_set_new(
                missing, entrants[i].contender->name, json_string(entrants[i].missing));
        else
            json_object_set_new(list, entrants[i].contender->name,
                json_pack("{s:o,s:o}", "launch_us",
                    distribution(entrants[i].launch_us, entrants[i].count), "lifecycle_us",
                    distribution(entrants[i].lifecycle_us, entrants[i].count)));
    }
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        const struct entrant *a = entrant_find(entrants, count, pairs[i][0]);
        const struct entrant *b = entrant_find(entrants, count, pairs[i][1]);
        _cleanup_free_ char *name = str_printf("%s/%s", pairs[i][0], pairs[i][1]);
        struct ratio ratio;

        if (!a || !b)
            continue;
        ratio = ratio_of(a, b);
        json_object_set_new(ratios, name,
            json_pack(
                "{s:f,s:f,s:f}", "median", ratio.value, "low", ratio.low, "high", ratio.high));
    }
    json_object_set_new(report, "contenders", list);
    json_object_set_new(report, "ratios", ratios);
    json_object_set_new(report, "missing", missing);
    json_object_set_new(report, "environment", environment());
    json_dumpf(report, stdout, JSON_INDENT(2));
    printf("\n");
    json_decref(report);
}

static void table_report(const struct entrant *entrants, size_t count)
{
    printf("%-10s %28s   %36s\n", "", "launch, us", "lifecycle, us");
    printf("%-10s %9s %9s %8s   %9s %9s %9s %6s\n", "contender", "p50", "p90", "p99", "p50", "p90",
        "p99", "n");
    for (size_t i = 0; i < count; i++) {
        const struct entrant *e = &entrants[i];

        if (e->missing)
            printf("%-10s not run: %s\n", e->contender->name, e->missing);
        else
            printf("%-10s %9.0f %9.0f %8.0f   %9.0f %9.0f %9.0f %6zu\n", e->contender->name,
                percentile(e->launch_us, e->count, 50), percentile(e->launch_us, e->count, 90),
                percentile(e->launch_us, e->count, 99), percentile(e->lifecycle_us, e->count, 50),
                percentile(e->lifecycle_us, e->count, 90),
                percentile(e->lifecycle_us, e->count, 99), e->count);
    }
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        const struct entrant *a = entrant_find(entrants, count, pairs[i][0]);
        const struct entrant *b = entrant_find(entrants, count, pairs[i][1]);
        struct ratio ratio;

        if (!a || !b)
            continue;
        ratio = ratio_of(a, b);
        printf("%s / %s: %.2f (95 %%: %.2f to %.2f)%s\n", pairs[i][0], pairs[i][1], ratio.value,
            ratio.low, ratio.high,
            ratio.low <= 1 && ratio.high >= 1 ? ", no difference beyond the noise" : "");
    }
}

static int measure(struct launch_world *world, struct entrant *entrants, size_t count,
    const struct settings *settings, struct err *err)
{
    struct rng rng;
    int r = 0;

    rng_init(&rng, 7);
    for (size_t round = 0; r == 0 && round < settings->warmup + settings->samples; round++) {
        const size_t first = rng_below(&rng, "order", count);

        /* Interleaved, from another contender on in each round. */
        for (size_t i = 0; r == 0 && i < count; i++) {
            struct entrant *entrant = &entrants[(first + i) % count];

            if (!entrant->missing)
                r = sample_take(world, entrant, round >= settings->warmup, err);
        }
    }
    rng_release(&rng);
    return r;
}

/* crun refuses hybrid layouts: all contenders run where the unified hierarchy is out of sight. */
static int cgroup2_hide(struct err *err)
{
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return err_errno(err, -errno, "a mount namespace of its own");
    if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
        return err_errno(err, -errno, "hide the unified hierarchy");
    return 0;
}

static int world_open(struct launch_world *world, struct err *err)
{
    char template[] = "/tmp/seatrial-bench-XXXXXX";

    if (!mkdtemp(template))
        return err_errno(err, -errno, "make a directory below /tmp");
    world->directory = str_dup(template);
    world->payload = kernel_program_path("seatrial-payload");
    world->init_helper = kernel_program_path("seatrial-init");
    world->cgroup = str_printf("seatrial-bench-%d", (int)getpid());
    return cgroup2_hide(err);
}

/* What is left in our cgroups is a leak of somebody; the rest of it is removed. */
static int world_close(struct launch_world *world)
{
    static const char *const hierarchies[] = {"freezer", "cpu", "cpuacct", "memory", "pids",
        "devices", "cpuset", "blkio", "systemd"};
    _cleanup_free_ char *command = str_printf("umount -R %s/work-linux-* 2>/dev/null; rm -rf %s",
        world->directory ? world->directory : "/nonexistent",
        world->directory ? world->directory : "");
    int leaks = 0;

    for (size_t i = 0; i < ARRAY_SIZE(hierarchies); i++) {
        _cleanup_free_ char *path =
            str_printf("/sys/fs/cgroup/%s/%s", hierarchies[i], world->cgroup);

        if (rmdir(path) < 0 && errno != ENOENT) {
            fprintf(stderr, "seatrial bench launch: left behind: %s\n", path);
            leaks++;
        }
    }
    if (world->directory && system(command) != 0)
        leaks++;
    free(world->directory);
    free(world->payload);
    free(world->init_helper);
    free(world->cgroup);
    return leaks;
}

static int settings_read(struct settings *settings, char **argv)
{
    for (; *argv; argv++) {
        char *end = NULL;

        if (str_equal(*argv, "--json")) {
            settings->json = true;
        } else if (str_equal(*argv, "--samples") && argv[1]) {
            settings->samples = strtoul(*++argv, &end, 10);
            if (*end || settings->samples < 2 || settings->samples > 1000000) {
                fprintf(stderr,
                    "seatrial bench launch: --samples: expected a number from 2 to 1000000, got "
                    "\"%s\"\n",
                    *argv);
                return EXIT_USAGE;
            }
        } else {
            fprintf(stderr,
                "seatrial bench launch: unknown argument \"%s\"\n"
                "Usage: seatrial bench launch [--json] [--samples N]\n",
                *argv);
            return EXIT_USAGE;
        }
    }
    return 0;
}

static size_t entrants_open(struct launch_world *world, struct entrant *entrants, size_t samples)
{
    size_t count = 0;

    for (; contenders[count]; count++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct entrant *entrant = &entrants[count];
        uint64_t stamp;

        entrant->contender = contenders[count];
        entrant->launch_us = mem_alloc(samples * sizeof(double));
        entrant->lifecycle_us = mem_alloc(samples * sizeof(double));
        /* One container before anything is measured: who can't run it does not take part. */
        if (entrant->contender->open(world, &entrant->data, &err) < 0 ||
            entrant->contender->run(world, entrant->data, &stamp, &err) < 0)
            entrant->missing = str_dup(err_text(&err));
    }
    return count;
}

int bench_launch_main(int argc, char **argv)
{
    struct settings settings = {.samples = 200, .warmup = 10};
    struct entrant entrants[CONTENDERS_MAX] = {{0}};
    struct launch_world world = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    size_t count = 0;
    int r = settings_read(&settings, argv + 1);

    (void)argc;
    if (r != 0)
        return r;
    if (geteuid() != 0) {
        fprintf(stderr, "seatrial bench launch: containers with cgroups need root\n");
        return EXIT_USAGE;
    }
    r = world_open(&world, &err);
    if (r == 0) {
        count = entrants_open(&world, entrants, settings.samples);
        r = measure(&world, entrants, count, &settings, &err);
    }
    if (r < 0)
        fprintf(stderr, "seatrial bench launch: %s\n", err_text(&err));
    else if (settings.json)
        json_report(entrants, count);
    else
        table_report(entrants, count);
    for (size_t i = 0; i < count; i++) {
        entrants[i].contender->close(&world, entrants[i].data);
        free(entrants[i].launch_us);
        free(entrants[i].lifecycle_us);
        free(entrants[i].missing);
    }
    return world_close(&world) || r < 0 ? 1 : 0;
}
