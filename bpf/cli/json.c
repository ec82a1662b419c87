/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/cli/output.h"

static const char *const kind_names[] = {"counter", "gauge", "histogram", "counter", "time"};
static const char *const unit_names[] = {"1", "ns", "bytes"};

static void add_buckets(const struct stats_value *value, struct strbuf *into)
{
    strbuf_addf(into, ",\"count\":%llu,\"buckets\":[", (unsigned long long)value->count);
    const char *comma = "";
    for (unsigned i = 0; i < STATS_BUCKETS; i++) {
        if (!value->buckets[i])
            continue;
        if (i + 1 < STATS_BUCKETS)
            strbuf_addf(into, "%s{\"below_ns\":%llu,\"count\":%llu}", comma,
                (unsigned long long)bucket_ceiling_ns(i), (unsigned long long)value->buckets[i]);
        else
            strbuf_addf(
                into, "%s{\"count\":%llu}", comma, (unsigned long long)value->buckets[i]);
        comma = ",";
    }
    strbuf_add(into, "]");
}

static void add_signals(const struct stats_value *value, struct strbuf *into)
{
    strbuf_add(into, ",\"signals\":{");
    const char *comma = "";
    for (unsigned i = 0; i < STATS_SIGNALS; i++) {
        if (!value->by_signal[i])
            continue;
        strbuf_addf(into, "%s\"%u\":%u", comma, i, value->by_signal[i]);
        comma = ",";
    }
    strbuf_add(into, "}");
}

static void add_value(
    const struct field_info *field, const struct stats_value *value, struct strbuf *into)
{
    strbuf_add_json_string(into, field->name);
    strbuf_addf(into, ":{\"value\":%llu,\"unit\":\"%s\",\"kind\":\"%s\",\"source\":\"%s\"",
        (unsigned long long)value->value, unit_names[field->unit], kind_names[field->kind],
        value->source);
    if (value->buckets)
        add_buckets(value, into);
    if (value->by_signal)
        add_signals(value, into);
    strbuf_add(into, "}");
}

void output_values(const struct stats_container *container, struct strbuf *into)
{
    const char *comma = "{";
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (!container->values[i].valid)
            continue;
        strbuf_add(into, comma);
        add_value(&stats_fields[i], &container->values[i], into);
        comma = ",";
    }
    strbuf_add(into, *comma == '{' ? "{}" : "}");
}

static void add_container(const struct stats_container *container, struct strbuf *into)
{
    strbuf_add(into, "{\"id\":");
    strbuf_add_json_string(into, container->id);
    strbuf_add(into, ",\"cgroup\":");
    strbuf_add_json_string(into, container->cgroup);
    if (container->parent) {
        strbuf_add(into, ",\"parent\":");
        strbuf_add_json_string(into, container->parent);
    }
    if (container->victim[0]) {
        strbuf_add(into, ",\"oom_victim_command\":");
        strbuf_add_json_string(into, container->victim);
    }
    strbuf_addf(into, ",\"retired\":%s,\"values\":", container->retired ? "true" : "false");
    output_values(container, into);
    strbuf_add(into, "}");
}

void output_json(const struct stats_reading *reading, struct strbuf *into)
{
    strbuf_addf(into, "{\"time_ns\":%llu,\"unpublished\":%llu,\"lost_waits\":%llu,"
                      "\"switches_watched\":%.3f,\"containers\":[",
        (unsigned long long)reading->time_ns, (unsigned long long)reading->unpublished,
        (unsigned long long)reading->lost_waits, reading->switches_watched);
    for (size_t i = 0; i < reading->count; i++) {
        strbuf_add(into, i ? "," : "");
        add_container(&reading->containers[i], into);
    }
    strbuf_add(into, "]}\n");
}

void output_documentation(struct strbuf *into)
{
    strbuf_add(into, "| figure | unit | kind | what | Prometheus | OpenTelemetry |\n"
                     "|---|---|---|---|---|---|\n");
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_info *field = &stats_fields[i];
        strbuf_addf(into, "| %s | %s | %s | %s | %s%s%s%s | %s |\n", field->name,
            unit_names[field->unit], kind_names[field->kind], field->help,
            field->prometheus ? field->prometheus : "", field->labels ? "{" : "",
            field->labels ? field->labels : "", field->labels ? "}" : "",
            field->otel ? field->otel : "");
    }
}
