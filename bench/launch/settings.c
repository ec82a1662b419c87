/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `seatrial bench launch`. */
#include <errno.h>
#include <string.h>

#include "bench/launch/run.h"
#include "reference/base/json.h"
#include "reference/base/mem.h"

#define AT(member) offsetof(struct launch_settings, member)

static const char *const phase_sources[] = {"kernel", "trace", NULL};

const struct bench_option launch_options[] = {
    {"samples", OPTION_COUNT, AT(samples), 2, 1000000, "N", "of each measure (200)", NULL},
    {"warmup", OPTION_COUNT, AT(warmup), 0, 10000, "N", "rounds that do not count (10)", NULL},
    {"only", OPTION_NAMES, AT(only), 0, 0, "A,B", "these contenders alone", NULL},
    {"without", OPTION_NAMES, AT(without), 0, 0, "A,B", "not these contenders", NULL},
    {"scenes", OPTION_NAMES, AT(scenes), 0, 0, "A,B", "these scenes alone", NULL},
    {"pin", OPTION_NAMES, AT(pin), 0, 0, "0,2-3", "run on these CPUs alone", NULL},
    {"docker", OPTION_TEXT, AT(docker), 0, 0, "SOCKET", "of docker's engine", NULL},
    {"workers", OPTION_COUNTS, AT(workers), 1, 256, "1,2,…",
        "of the closed loop (1,2,4,8,16,32,64)", NULL},
    {"parallel", OPTION_COUNTS, AT(parallel), 1, 1000, "K,…", "sizes of batches (4,16)", NULL},
    {"live", OPTION_COUNTS, AT(live), 0, 20000, "N,…", "live containers (0,100,1000,5000)", NULL},
    {"rate", OPTION_NUMBER, AT(rate), 0.1, 100000, "N", "containers a second, open loop (50)",
        NULL},
    {"loop-seconds", OPTION_NUMBER, AT(loop_seconds), 0.05, 3600, "S", "of each loop (5)", NULL},
    {"seconds", OPTION_NUMBER, AT(seconds), 1, 86400, "S", "of sustained throughput (60)", NULL},
    {"burst", OPTION_COUNT, AT(burst), 0, 20000, "N", "containers of the burst (1000)", NULL},
    {"agent-mib", OPTION_COUNT, AT(agent_mib), 0, 65536, "N", "of the large agent (500)", NULL},
    {"phases", OPTION_CHOICE, AT(phases), 0, 0, "kernel|trace",
        "source of phases (kernel, else trace)", phase_sources},
    {"list", OPTION_FLAG, AT(list), 0, 0, NULL, "name contenders and scenes", NULL},
    OUTPUT_OPTIONS(struct launch_settings),
    {0},
};

static int names_check(
    char *const *names, const char *what, const char *const *known, struct err *err)
{
    for (; names && *names; names++) {
        if (strv_contains((char *const *)(uintptr_t)known, *names))
            continue;
        const char *near = json_suggest(*names, known);
        return err_set(err, -EINVAL, "unknown %s \"%s\"%s%s%s", what, *names,
            near ? ", did you mean \"" : "; --list names them", near ? near : "",
            near ? "\"?" : "");
    }
    return 0;
}

static int settings_check(const struct launch_settings *settings, struct err *err)
{
    const char *known_contenders[ENTRANTS_MAX + 1] = {NULL};
    const char *known_scenes[ENTRANTS_MAX + 1] = {NULL};
    int r;

    for (size_t i = 0; contenders[i]; i++)
        known_contenders[i] = contenders[i]->name;
    for (size_t i = 0; scenes[i].name; i++)
        known_scenes[i] = scenes[i].name;
    r = names_check(settings->only, "contender", known_contenders, err);
    if (r == 0)
        r = names_check(settings->without, "contender", known_contenders, err);
    if (r == 0)
        r = names_check(settings->scenes, "scene", known_scenes, err);
    return r;
}

int launch_settings_read(
    int argc, char **argv, struct launch_settings *ret_settings, struct err *err)
{
    *ret_settings = (struct launch_settings){.samples = 200,
        .warmup = 10,
        .workers = {{1, 2, 4, 8, 16, 32, 64}, 7},
        .parallel = {{4, 16}, 2},
        .live = {{0, 100, 1000, 5000}, 4},
        .rate = 50,
        .loop_seconds = 5,
        .seconds = 60,
        .burst = 1000,
        .agent_mib = 500,
        .phases = "kernel"};
    int r = bench_options_read(launch_options, argc, argv, ret_settings, NULL, err);

    return r < 0 ? r : settings_check(ret_settings, err);
}

void launch_settings_release(struct launch_settings *settings)
{
    strv_free(settings->only);
    strv_free(settings->without);
    strv_free(settings->scenes);
    strv_free(settings->pin);
    *settings = (struct launch_settings){0};
}

static json_t *names_json(char *const *names)
{
    json_t *list = json_array();

    for (; names && *names; names++)
        json_array_append_new(list, json_string(*names));
    return list;
}

static json_t *counts_json(const struct option_counts *counts)
{
    json_t *list = json_array();

    for (size_t i = 0; i < counts->count; i++)
        json_array_append_new(list, json_integer((json_int_t)counts->items[i]));
    return list;
}

json_t *launch_settings_json(const struct launch_settings *settings)
{
    return json_pack("{s:I,s:I,s:o,s:o,s:o,s:o,s:s*,s:f,s:f,s:f,s:I,s:I}", "samples",
        (json_int_t)settings->samples, "warmup", (json_int_t)settings->warmup, "workers",
        counts_json(&settings->workers), "parallel", counts_json(&settings->parallel), "live",
        counts_json(&settings->live), "pin", names_json(settings->pin), "docker", settings->docker,
        "rate", settings->rate, "loop-seconds", settings->loop_seconds, "seconds",
        settings->seconds, "burst", (json_int_t)settings->burst, "agent-mib",
        (json_int_t)settings->agent_mib);
}
