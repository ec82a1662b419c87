/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "bpf/cli/output.h"
#include "reference/base/mem.h"

#define NS_PER_SECOND 1e9

/* Dots are not for Prometheus: the OpenTelemetry name with underscores. */
static char *metric_name(const struct field_info *field, bool otel)
{
    char *name = str_dup(otel ? field->otel : field->prometheus);
    for (char *at = name; at && *at; at++)
        if (*at == '.')
            *at = '_';
    return name;
}

static void label_add(struct strbuf *into, const char *name, const char *value)
{
    strbuf_addf(into, "%s=\"", name);
    for (const char *at = value; *at; at++) {
        if (*at == '\\' || *at == '"')
            strbuf_add(into, "\\");
        if (*at == '\n')
            strbuf_add(into, "\\n");
        else
            strbuf_add_bytes(into, at, 1);
    }
    strbuf_add(into, "\"");
}

/* name{id="/mesos/c1",name="c1", with the closing brace still to come. */
static void sample_open(struct strbuf *into, const char *name, const char *suffix,
    const struct stats_container *container, const char *labels, bool otel)
{
    _cleanup_free_ char *path = str_printf("/%s", container->cgroup);
    strbuf_addf(into, "%s%s{", name, suffix);
    label_add(into, otel ? "container_id" : "id", otel ? container->id : path);
    strbuf_add(into, ",");
    label_add(into, otel ? "container_name" : "name", container->id);
    if (labels)
        strbuf_addf(into, ",%s", labels);
}

static void number_add(struct strbuf *into, const struct field_info *field, uint64_t value)
{
    if (field->unit == UNIT_NS)
        strbuf_addf(into, "} %.9f\n", (double)value / NS_PER_SECOND);
    else
        strbuf_addf(into, "} %llu\n", (unsigned long long)value);
}

static void histogram_add(struct strbuf *into, const char *name, const struct field_info *field,
    const struct stats_container *container, const struct stats_value *value, bool otel)
{
    uint64_t below = 0;
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        below += value->buckets[i];
        sample_open(into, name, "_bucket", container, NULL, otel);
        if (i + 1 < STATS_BUCKETS)
            strbuf_addf(into, ",le=\"%.9g\"} %llu\n", (double)bucket_ceiling_ns(i) / NS_PER_SECOND,
                (unsigned long long)below);
        else
            strbuf_addf(into, ",le=\"+Inf\"} %llu\n", (unsigned long long)below);
    }
    sample_open(into, name, "_sum", container, NULL, otel);
    number_add(into, field, value->value);
    sample_open(into, name, "_count", container, NULL, otel);
    strbuf_addf(into, "} %llu\n", (unsigned long long)below);
}

static void signals_add(struct strbuf *into, const char *name,
    const struct stats_container *container, const struct stats_value *value, bool otel)
{
    for (unsigned i = 0; i < STATS_SIGNALS; i++) {
        if (!value->by_signal[i])
            continue;
        sample_open(into, name, "", container, NULL, otel);
        strbuf_addf(into, ",signal=\"%u\"} %u\n", i, value->by_signal[i]);
    }
}

static void field_add(struct strbuf *into, const char *name, const struct field_info *field,
    const struct stats_reading *reading, bool otel)
{
    size_t index = (size_t)(field - stats_fields);
    for (size_t i = 0; i < reading->count; i++) {
        const struct stats_container *container = &reading->containers[i];
        const struct stats_value *value = &container->values[index];
        if (!value->valid || container->retired)
            continue;
        if (value->by_signal) {
            signals_add(into, name, container, value, otel);
        } else if (field->kind == FIELD_HISTOGRAM) {
            if (value->buckets)
                histogram_add(into, name, field, container, value, otel);
        } else {
            sample_open(into, name, "", container, otel ? field->otel_labels : field->labels, otel);
            number_add(into, field, value->value);
        }
    }
}

/* The samples of one metric stand together: figures that differ by a label share its name. */
static void metric_add(
    struct strbuf *into, size_t first, const struct stats_reading *reading, bool otel)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "counter", "gauge"};
    const struct field_info *field = &stats_fields[first];
    _cleanup_free_ char *name = metric_name(field, otel);
    strbuf_addf(into, "# HELP %s %s\n# TYPE %s %s\n", name, field->help, name, types[field->kind]);
    for (size_t i = first; i < FIELD_COUNT; i++) {
        _cleanup_free_ char *other = metric_name(&stats_fields[i], otel);
        if (str_equal(name, other))
            field_add(into, name, &stats_fields[i], reading, otel);
    }
}

static bool named_before(size_t index, bool otel)
{
    _cleanup_free_ char *name = metric_name(&stats_fields[index], otel);
    for (size_t i = 0; i < index; i++) {
        _cleanup_free_ char *other = metric_name(&stats_fields[i], otel);
        if (str_equal(name, other))
            return true;
    }
    return false;
}

void output_prometheus(const struct stats_reading *reading, bool otel, struct strbuf *into)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const char *name = otel ? stats_fields[i].otel : stats_fields[i].prometheus;
        if (name && !named_before(i, otel))
            metric_add(into, i, reading, otel);
    }
    strbuf_addf(into,
        "# HELP seatrial_containers_unpublished_total containers that found no slot\n"
        "# TYPE seatrial_containers_unpublished_total counter\n"
        "seatrial_containers_unpublished_total %llu\n"
        "# HELP seatrial_switches_watched_ratio time that run-queue latencies are of\n"
        "# TYPE seatrial_switches_watched_ratio gauge\n"
        "seatrial_switches_watched_ratio %.3f\n",
        (unsigned long long)reading->unpublished, reading->switches_watched);
}
