/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench sim`: how many lifecycles of a container (launch, run, exit, clean-up by the
 * isolators; cgroups/cpu, mem and pids on the direct model; linux launcher; all checkpoints) the
 * simulation plays in a second of one core (CPU time; by the clock on the wall it is told too), and
 * how much memory a live container takes. Each run is a world of its own; the median of the runs
 * counts. What it costs must not depend on how many containers are alive.
 */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"
#include "bench/finish.h"
#include "bench/interrupt.h"
#include "fakes/host/sim_host.h"
#include "fakes/kernel/kernel.h"
#include "fakes/sim_loop.h"
#include "reference/agent/agent.h"
#include "reference/base/mem.h"

#define RUNS_MAX 100
#define FEW_LIVE 10
#define MANY_LIVE 10000

struct settings {
    struct output output;
    size_t lifecycles;
    size_t live; /* 0: both FEW_LIVE and MANY_LIVE */
    size_t runs;
    const char *cgroups; /* "v1" or "v2" */
};
struct sample {
    double lifecycles_per_second;
    double bytes_per_live_container;
    double by_wall_clock; /* lifecycles per second */
};

/* One simulated machine with an agent on it. */
struct machine {
    struct loop *loop;
    struct kernel *kernel;
    struct host *host;
    struct flags flags;
    struct agent *agent;
    uint64_t launched;
    uint64_t ended;
    uint64_t failed;
};

static void machine_open(struct machine *machine, bool v1)
{
    *machine = (struct machine){.loop = sim_loop_new(0)};
    const struct kernel_config config = {
        .layout = v1 ? CGROUP_LAYOUT_V1 : CGROUP_LAYOUT_V2, .memory_bytes = UINT64_C(1) << 44};
    machine->kernel = kernel_new(machine->loop, &config);
    const struct sim_host_options options = {.cgroups = "direct"};
    machine->host = sim_host_new(machine->kernel, NULL, &options);
    flags_init(&machine->flags);
    str_set(&machine->flags.work_dir, "/var/lib/mesos");
    str_set(&machine->flags.runtime_dir, "/var/run/mesos");
    str_set(&machine->flags.launcher, "linux");
    str_set(&machine->flags.isolation, "cgroups/cpu,cgroups/mem,cgroups/pids");
}

static void machine_close(struct machine *machine)
{
    agent_free(machine->agent);
    host_gone(machine->host);
    host_free(machine->host);
    flags_release(&machine->flags);
    kernel_free(machine->kernel);
    loop_free(machine->loop);
}

static void on_recovered(void *arg, int result, const void *value, const struct err *err)
{
    struct machine *machine = arg;
    (void)value, (void)err;
    machine->failed += result < 0;
}

static void on_ended(void *arg, int result, const void *value, const struct err *err)
{
    struct machine *machine = arg;
    (void)err;
    machine->failed += result < 0 || !value;
    machine->ended++;
}

static void on_launched(void *arg, int result, const void *value, const struct err *err)
{
    struct machine *machine = arg;
    (void)err;
    machine->failed += result < 0 || *(const enum launch_result *)value != LAUNCH_SUCCESS;
    machine->launched++;
}

static void step(struct machine *machine)
{
    bool more = loop_step(machine->loop);
    assert(more);
}

static int machine_start(struct machine *machine, struct err *err)
{
    const struct agent_parts parts = {.launcher = NULL};
    int result = agent_create(machine->host, &machine->flags, &parts, &machine->agent, err);
    if (result < 0)
        return result;
    agent_recover(machine->agent, DONE(on_recovered, machine));
    while (sim_loop_next_ns(machine->loop) == loop_now_ns(machine->loop))
        step(machine);
    return 0;
}

static void launch(struct machine *machine, const char *id, const char *action)
{
    char *arguments[] = {(char *)"seatrial-workload", (char *)(uintptr_t)action, NULL};
    struct container_config config = {
        .command_info = {.value = (char *)"seatrial-workload", .arguments = arguments}};
    resources_add_scalar(&config.resources, "cpus", 0.1);
    resources_add_scalar(&config.resources, "mem", 32);
    agent_launch(machine->agent, id, &config, DONE(on_launched, machine));
    resources_release(&config.resources);
}

static void launch_live(struct machine *machine, uint64_t live)
{
    for (uint64_t i = 0; i < live; i++) {
        _cleanup_free_ char *id = str_printf("live%" PRIu64, i);
        uint64_t launched = machine->launched;
        launch(machine, id, "sleep:1000000s");
        while (machine->launched == launched)
            step(machine);
    }
}

static void play_lifecycles(struct machine *machine, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        _cleanup_free_ char *id = str_printf("c%" PRIu64, i);
        uint64_t launched = machine->launched;
        launch(machine, id, "exit:0");
        while (machine->launched == launched)
            step(machine);
        uint64_t ended = machine->ended;
        containerizer_wait(machine->agent->containerizer, id, DONE(on_ended, machine));
        while (machine->ended == ended)
            step(machine);
    }
}

static int take_sample(
    const struct settings *settings, uint64_t live, struct sample *ret_sample, struct err *err)
{
    struct machine machine;
    machine_open(&machine, str_equal(settings->cgroups, "v1"));
    int result = machine_start(&machine, err);
    if (result == 0) {
        double before_bytes = bench_resident_bytes();
        launch_live(&machine, live);
        double grown = bench_resident_bytes() - before_bytes;
        double start = bench_now();
        double cpu_start = bench_cpu_now();
        play_lifecycles(&machine, settings->lifecycles);
        double count = (double)settings->lifecycles;
        ret_sample->lifecycles_per_second = count / (bench_cpu_now() - cpu_start);
        ret_sample->by_wall_clock = count / (bench_now() - start);
        ret_sample->bytes_per_live_container = live ? grown / (double)live : 0;
        if (machine.failed)
            result = err_set(err, -EPROTO, "%" PRIu64 " operations failed", machine.failed);
    }
    machine_close(&machine);
    return result;
}

static const char *const sample_measures[] = {
    "lifecycles_per_second", "lifecycles_per_wall_second", "bytes_per_live_container"};

static int measure(
    const struct settings *settings, uint64_t live, struct report *report, struct err *err)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < settings->runs && !interrupted(); i++) {
        struct sample sample = {0};
        progress(&settings->output, "%" PRIu64 " live: run %zu of %zu", live, i + 1,
            settings->runs);
        result = take_sample(settings, live, &sample, err);
        if (result < 0)
            break;
        const double values[] = {sample.lifecycles_per_second, sample.by_wall_clock,
            sample.bytes_per_live_container};
        /* Later runs reuse memory that the first has taken: the first is the true growth. */
        for (size_t k = 0; k < ARRAY_SIZE(values) - (i > 0); k++)
            series_add(
                report_series(report, "sim", sample_measures[k], "live", (double)live), values[k]);
    }
    return result;
}

static json_t *median_json(const struct report *report, const char *measure, uint64_t live)
{
    const struct series *series = report_find(report, "sim", measure, "live", (double)live);
    return series ? json_real(median_of(series->values, series->count)) : json_null();
}

/* The members that the JSON had before it had series. */
static void extra_add(
    const struct settings *settings, const uint64_t *live, size_t count, struct report *report)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_pack("{sI}", "live", (json_int_t)live[i]);
        for (size_t k = 0; k < ARRAY_SIZE(sample_measures); k++)
            json_object_set_new(
                row, sample_measures[k], median_json(report, sample_measures[k], live[i]));
        json_array_append_new(rows, row);
    }
    json_t *json = json_pack("{so so ss sI sI so}", sample_measures[0],
        median_json(report, sample_measures[0], live[0]), sample_measures[2],
        median_json(report, sample_measures[2], live[count - 1]), "cgroups",
        settings->cgroups, "runs", (json_int_t)settings->runs, "lifecycles",
        (json_int_t)settings->lifecycles, "by_live", rows);
    json_object_update(report->extra, json);
    json_decref(json);
}

#define AT(member) offsetof(struct settings, member)
static const char *const layouts[] = {"v1", "v2", NULL};
static const struct bench_option options[] = {
    {"lifecycles", OPTION_COUNT, AT(lifecycles), 1, 100000000, "N", "in a run (20000)", NULL},
    {"live", OPTION_COUNT, AT(live), 0, 1000000, "N", "containers beside (10, then 10000)", NULL},
    {"runs", OPTION_COUNT, AT(runs), 1, RUNS_MAX, "N", "of which the median counts (5)", NULL},
    {"cgroups", OPTION_CHOICE, AT(cgroups), 0, 0, "v1|v2", "the model's layout (v2)", layouts},
    OUTPUT_OPTIONS(struct settings),
    {0},
};

static int bench(const void *arg, struct report *report, struct err *err)
{
    const struct settings *settings = arg;
    const uint64_t both[] = {FEW_LIVE, MANY_LIVE}, one[] = {settings->live};
    const uint64_t *live = settings->live ? one : both;
    const size_t count = settings->live ? 1 : ARRAY_SIZE(both);
    int result = 0;

    for (size_t i = 0; result == 0 && i < count; i++)
        result = measure(settings, live[i], report, err);
    extra_add(settings, live, count, report);
    json_t *said = json_pack("{sI sI sI ss}", "lifecycles", (json_int_t)settings->lifecycles,
        "runs", (json_int_t)settings->runs, "live", (json_int_t)settings->live, "cgroups",
        settings->cgroups);
    json_object_update(report->settings, said);
    json_decref(said);
    report_ratio(report, "sim: live 10000/10",
        report_find(report, "sim", sample_measures[0], "live", MANY_LIVE),
        report_find(report, "sim", sample_measures[0], "live", FEW_LIVE), 0, true);
    return result;
}

int bench_sim_main(int argc, char **argv)
{
    struct settings settings = {.lifecycles = 20000, .runs = 5, .cgroups = "v2"};

    return bench_play("sim", options, argc, argv, &settings, &settings.output, bench);
}
