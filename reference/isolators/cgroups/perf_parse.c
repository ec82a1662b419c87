/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/cgroups/perf_parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/json.h"
#include "reference/base/mem.h"

#define COLUMNS_MAX 10

/* The fields of PerfStatistics. */
static const char *const events[] = {"cycles", "stalled_cycles_frontend", "stalled_cycles_backend",
    "instructions", "cache_references", "cache_misses", "branches", "branch_misses", "bus_cycles",
    "ref_cycles", "cpu_clock", "task_clock", "page_faults", "minor_faults", "major_faults",
    "context_switches", "cpu_migrations", "alignment_faults", "emulation_faults",
    "l1_dcache_loads", "l1_dcache_load_misses", "l1_dcache_stores", "l1_dcache_store_misses",
    "l1_dcache_prefetches", "l1_dcache_prefetch_misses", "l1_icache_loads",
    "l1_icache_load_misses", "l1_icache_prefetches", "l1_icache_prefetch_misses", "llc_loads",
    "llc_load_misses", "llc_stores", "llc_store_misses", "llc_prefetches", "llc_prefetch_misses",
    "dtlb_loads", "dtlb_load_misses", "dtlb_stores", "dtlb_store_misses", "dtlb_prefetches",
    "dtlb_prefetch_misses", "itlb_loads", "itlb_load_misses", "branch_loads", "branch_load_misses",
    "node_loads", "node_load_misses", "node_stores", "node_store_misses", "node_prefetches",
    "node_prefetch_misses", NULL};

char *perf_event_normalize(const char *event)
{
    char *name = str_dup(event);

    for (char *c = name; *c; c++)
        *c = *c == '-' ? '_' : (char)tolower((unsigned char)*c);
    return name;
}

bool perf_event_find(const char *name, bool *ret_fraction)
{
    *ret_fraction = str_equal(name, "cpu_clock") || str_equal(name, "task_clock");
    for (size_t i = 0; events[i]; i++) {
        if (str_equal(events[i], name))
            return true;
    }
    return false;
}

const char *perf_event_suggest(const char *name)
{
    return json_suggest(name, events);
}

/* Where value, event and cgroup stand in a line of so many columns; -1: no such line. */
static int event_column(char *const *columns, size_t count)
{
    if (count == 3)
        return 1;
    if (count == COLUMNS_MAX) {
        for (size_t i = 6; i < COLUMNS_MAX; i++) {
            if (*columns[i])
                return -1;
        }
    }
    return count == 4 || count == 6 || count == 8 || count == COLUMNS_MAX ? 2 : -1;
}

/* Empty columns count. */
static size_t line_split(char *line, char *columns[COLUMNS_MAX + 1])
{
    size_t count = 0;

    for (char *rest = line; rest && count <= COLUMNS_MAX;)
        columns[count++] = strsep(&rest, PERF_SEPARATOR);
    return count;
}

static json_t *value_parse(const char *text, bool fraction)
{
    char *end;
    double number;

    if (str_equal(text, "<not counted>"))
        return fraction ? json_real(0) : json_integer(0);
    number = strtod(text, &end);
    if (end == text || *end || !isdigit((unsigned char)*text))
        return NULL;
    return fraction ? json_real(number) : json_integer((json_int_t)number);
}

static int line_parse(const char *text, json_t *samples, struct err *err)
{
    _cleanup_free_ char *line = str_dup(text);
    char *columns[COLUMNS_MAX + 1];
    const size_t count = line_split(line, columns);
    const int at = event_column(columns, count);
    _cleanup_free_ char *name = at < 0 ? NULL : perf_event_normalize(columns[at]);
    json_t *sample;
    json_t *value;
    bool fraction;

    if (!name)
        return err_set(err, -EBADMSG, "perf: unexpected number of columns: \"%s\"", text);
    if (!perf_event_find(name, &fraction))
        return err_set(err, -EBADMSG, "perf: unexpected event \"%s\": \"%s\"", columns[at], text);
    sample = json_object_get(samples, columns[at + 1]);
    if (!sample) {
        sample = json_object();
        json_object_set_new(samples, columns[at + 1], sample);
    }
    if (str_equal(columns[0], "<not supported>"))
        return 0;
    value = value_parse(columns[0], fraction);
    if (!value)
        return err_set(err, -EBADMSG, "perf: \"%s\" is no number: \"%s\"", columns[0], text);
    json_object_set_new(sample, name, value);
    return 0;
}

int perf_parse(const char *text, json_t **ret_samples, struct err *err)
{
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    json_t *samples = json_object();
    int r = 0;

    for (size_t i = 0; r == 0 && lines && lines[i]; i++)
        r = line_parse(lines[i], samples, err);
    if (r < 0)
        json_decref(samples);
    else
        *ret_samples = samples;
    return r;
}
