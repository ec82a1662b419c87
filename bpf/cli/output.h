/* SPDX-License-Identifier: Apache-2.0 */
/* A reading as text: a table with histograms, JSON, and what Prometheus scrapes. */
#pragma once

#include "bpf/stats.h"

/* Figures of two readings: the later one, and what changed since. */
struct stats_sample {
    const struct stats_reading *reading;
    const struct stats_rates *rates; /* one for each container; NULL: no earlier reading */
};
struct stats_rates {
    double cpus;      /* CPUs in use */
    double switches;  /* per second, and so on */
    double faults;
    double block_bytes;
    double network_bytes;
};
/* The rates between a copy of the earlier values and the present ones. */
void stats_rates_of(const struct stats_container *before, const struct stats_container *now,
    double seconds, struct stats_rates *ret_rates);

void output_table(const struct stats_sample *sample, struct strbuf *into);
/* Histograms and launch timeline of one container. */
void output_details(const struct stats_container *container, struct strbuf *into);
void output_json(const struct stats_reading *reading, struct strbuf *into);
/* Its valid values: {"cpu_time":{"value":1,"unit":"ns","kind":"counter","source":"tp_btf"},...} */
void output_values(const struct stats_container *container, struct strbuf *into);
/* The exposition format, version 0.0.4; names of cAdvisor, or of OpenTelemetry. */
void output_prometheus(const struct stats_reading *reading, bool otel, struct strbuf *into);
/* All figures with unit, kind, names and help; Markdown. */
void output_documentation(struct strbuf *into);
