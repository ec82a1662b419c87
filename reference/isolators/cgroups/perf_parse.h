/* SPDX-License-Identifier: Apache-2.0 */
/* Names of perf events, and the lines of `perf stat` (isolators.md 3.10, tests.md CM-06). */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "reference/base/err.h"

#define PERF_SEPARATOR ","

/* "L1-dcache-loads" -> "l1_dcache_loads", as the field of PerfStatistics is named; owned. */
char *perf_event_normalize(const char *event);
/* Whether a field of PerfStatistics (statistics.md 2.5) has this normalized name, and whether it is
 * a fraction. */
bool perf_event_find(const char *name, bool *ret_fraction);
/* The nearest name for a message; NULL: none is near. */
const char *perf_event_suggest(const char *name);

/*
 * What one run printed, by cgroup: {cgroup: {event: number}}, a new reference. Lines have 3 (value,
 * event, cgroup), 4 (value, unit, event, cgroup), 6 (with run time and share), 8 (with a metric) or
 * 10 columns, of which the last four are empty. What is not supported is left out, what was not
 * counted is 0. -EBADMSG tells the line.
 */
int perf_parse(const char *text, json_t **ret_samples, struct err *err);
