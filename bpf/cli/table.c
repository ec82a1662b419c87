/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "bpf/cli/output.h"
#include "reference/base/mem.h"

#define NAME_WIDTH 28
#define BAR_WIDTH 40

/* --- numbers for people --- */

static void short_number(char *text, size_t size, double value, int decimals, bool valid)
{
    static const char units[] = " kMGTP";
    size_t unit = 0;
    while (value >= 9999.5 && unit + 1 < sizeof(units) - 1) {
        value /= 1000;
        unit++;
    }
    if (!valid)
        snprintf(text, size, "-");
    else if (unit == 0)
        snprintf(text, size, "%.*f", decimals, value);
    else
        snprintf(text, size, "%.0f%c", value, units[unit]);
}

static void short_time(char *text, size_t size, uint64_t ns)
{
    if (ns == UINT64_MAX)
        snprintf(text, size, "more");
    else if (ns < 1000)
        snprintf(text, size, "%uns", (unsigned)ns);
    else if (ns < 1000000)
        snprintf(text, size, "%.3gus", (double)ns / 1e3);
    else if (ns < 1000000000)
        snprintf(text, size, "%.3gms", (double)ns / 1e6);
    else
        snprintf(text, size, "%.4gs", (double)ns / 1e9);
}

/* --- the table --- */

void stats_rates_of(const struct stats_container *before, const struct stats_container *now,
    double seconds, struct stats_rates *ret_rates)
{
#define DELTA(field) ((double)(now->values[field].value - before->values[field].value))
    ret_rates->cpus = DELTA(FIELD_CPU) / 1e9 / seconds;
    ret_rates->switches =
        (DELTA(FIELD_SWITCHES_VOLUNTARY) + DELTA(FIELD_SWITCHES_INVOLUNTARY)) / seconds;
    ret_rates->faults = DELTA(FIELD_FAULTS) / seconds;
    ret_rates->block_bytes = (DELTA(FIELD_READ_BYTES) + DELTA(FIELD_WRITE_BYTES)) / seconds;
    ret_rates->network_bytes =
        (DELTA(FIELD_RECEIVE_BYTES) + DELTA(FIELD_TRANSMIT_BYTES)) / seconds;
#undef DELTA
}

struct column {
    const char *title;
    int field;          /* whose value is shown, or whose validity decides on the rate */
    size_t rate_offset; /* in struct stats_rates, plus one; 0: not a rate */
    double scale;
    int decimals;
};
#define RATE(member) (offsetof(struct stats_rates, member) + 1)
static const struct column columns[] = {
    {"CPU%", FIELD_CPU, RATE(cpus), 100, 1},
    {"CSW/s", FIELD_SWITCHES_VOLUNTARY, RATE(switches), 1, 0},
    {"FAULT/s", FIELD_FAULTS, RATE(faults), 1, 0},
    {"BLOCK/s", FIELD_READ_BYTES, RATE(block_bytes), 1, 0},
    {"NET/s", FIELD_RECEIVE_BYTES, RATE(network_bytes), 1, 0},
    {"THREADS", FIELD_THREADS, 0, 1, 0},
    {"PEAK", FIELD_THREADS_PEAK, 0, 1, 0},
    {"FORKS", FIELD_FORKS, 0, 1, 0},
    {"EXECS", FIELD_EXECS, 0, 1, 0},
    {"EXITS", FIELD_EXITS, 0, 1, 0},
    {"KILLED", FIELD_EXITS_SIGNALLED, 0, 1, 0},
    {"OOM", FIELD_OOM_KILLS, 0, 1, 0},
};

static void add_columns(
    const struct stats_container *container, const struct stats_rates *rates, struct strbuf *into)
{
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        const struct column *column = &columns[i];
        const struct stats_value *value = &container->values[column->field];
        bool valid = value->valid;
        double number = (double)value->value;
        if (column->rate_offset) {
            valid = valid && rates;
            number = valid ? *(const double *)(const void *)((const char *)rates +
                                                             column->rate_offset - 1)
                           : 0;
        }
        char text[32];
        short_number(text, sizeof(text), number * column->scale, column->decimals, valid);
        strbuf_addf(into, " %7s", text);
    }
}

static void add_latency(const struct stats_value *value, struct strbuf *into)
{
    char median[32] = "-";
    char high[32] = "-";
    if (value->valid && value->count > 0 && value->buckets) {
        short_time(median, sizeof(median), buckets_quantile_ns(value->buckets, 0.5));
        short_time(high, sizeof(high), buckets_quantile_ns(value->buckets, 0.99));
    }
    strbuf_addf(into, " %7s %7s", median, high);
}

void output_table(const struct stats_sample *sample, struct strbuf *into)
{
    strbuf_addf(into, "%-*s", NAME_WIDTH, "CONTAINER");
    for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
        strbuf_addf(into, " %7s", columns[i].title);
    strbuf_addf(into, " %7s %7s\n", "RUNQ50", "RUNQ99");
    for (size_t i = 0; i < sample->reading->count; i++) {
        const struct stats_container *container = &sample->reading->containers[i];
        if (container->retired)
            continue;
        size_t length = strlen(container->id);
        bool cut = length > NAME_WIDTH;
        strbuf_addf(into, "%s%-*s", cut ? "…" : "", cut ? NAME_WIDTH - 1 : NAME_WIDTH,
            cut ? container->id + length - (NAME_WIDTH - 1) : container->id);
        add_columns(container, sample->rates ? &sample->rates[i] : NULL, into);
        add_latency(&container->values[FIELD_RUN_QUEUE], into);
        strbuf_add(into, "\n");
    }
    if (sample->reading->unpublished)
        strbuf_addf(into, "%llu containers found no slot and are not shown: ask for more --slots\n",
            (unsigned long long)sample->reading->unpublished);
}

/* --- one container --- */

static void histogram(const struct field_info *field, const struct stats_value *value,
    struct strbuf *into)
{
    uint64_t most = 0;
    unsigned first = STATS_BUCKETS;
    unsigned last = 0;
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        if (!value->buckets[i])
            continue;
        first = i < first ? i : first;
        last = i;
        most = value->buckets[i] > most ? value->buckets[i] : most;
    }
    strbuf_addf(into, "%s (%s)\n", field->name, field->help);
    for (unsigned i = first; i <= last && most > 0; i++) {
        char from[32];
        char to[32];
        short_time(from, sizeof(from), bucket_floor_ns(i));
        short_time(to, sizeof(to), bucket_ceiling_ns(i));
        int length = (int)((double)value->buckets[i] * BAR_WIDTH / (double)most + 0.5);
        strbuf_addf(into, "  %8s - %-8s %10llu |", from, to, (unsigned long long)value->buckets[i]);
        for (int k = 0; k < length; k++)
            strbuf_add(into, "#");
        strbuf_add(into, "\n");
    }
}

/* From the first event on. */
static void timeline(const struct stats_container *container, struct strbuf *into)
{
    uint64_t start = UINT64_MAX;
    for (int i = 0; i < FIELD_COUNT; i++)
        if (stats_fields[i].kind == FIELD_TIME && container->values[i].valid &&
            container->values[i].value < start)
            start = container->values[i].value;
    if (start == UINT64_MAX)
        return;
    strbuf_add(into, "launch timeline\n");
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (stats_fields[i].kind != FIELD_TIME || !container->values[i].valid)
            continue;
        strbuf_addf(into, "  %-10s +%12.3f ms  %s\n", stats_fields[i].name,
            (double)(container->values[i].value - start) / 1e6, stats_fields[i].help);
    }
}

void output_details(const struct stats_container *container, struct strbuf *into)
{
    strbuf_addf(into, "\n%s\n", container->id);
    for (int i = 0; i < FIELD_COUNT; i++)
        if (container->values[i].valid && container->values[i].buckets &&
            container->values[i].count > 0)
            histogram(&stats_fields[i], &container->values[i], into);
    timeline(container, into);
}
