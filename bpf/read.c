/* SPDX-License-Identifier: Apache-2.0 */
/* A reading: all containers, every figure from the best source that there is. */
#include <string.h>
#include <time.h>

#include "bpf/internal.h"
#include "reference/base/mem.h"

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static const void *at(const struct stats_raw *raw, size_t offset)
{
    return (const char *)raw + offset;
}

/* Gauges are 32 bits wide; counters and times 64. */
static uint64_t value_of(const struct stats_raw *raw, const struct field_info *field)
{
    if (field->kind == FIELD_GAUGE) {
        int32_t value = *(const int32_t *)at(raw, field->offset);
        return value > 0 ? (uint64_t)value : 0;
    }
    return *(const uint64_t *)at(raw, field->offset);
}

static void probe_value(
    const struct stats_raw *raw, const struct field_info *field, struct stats_value *value)
{
    if (field->kind == FIELD_BY_SIGNAL) {
        value->by_signal = at(raw, field->buckets_offset);
        for (unsigned i = 0; i < STATS_SIGNALS; i++)
            value->value += value->by_signal[i];
        return;
    }
    value->value = value_of(raw, field);
    if (field->kind != FIELD_HISTOGRAM)
        return;
    value->buckets = at(raw, field->buckets_offset);
    for (unsigned i = 0; i < STATS_BUCKETS; i++)
        value->count += value->buckets[i];
}

/* Both kinds from the tasks' counters, or the exceptions counted. */
static void faults_value(
    const struct stats *stats, const struct stats_raw *raw, struct stats_value *value)
{
    value->source = stats->sources[FIELD_FAULTS_MINOR];
    value->value = raw->sched.faults_minor + raw->sched.faults_major;
    if (!value->source) {
        value->source = stats_source_of(stats, "page_fault_user");
        value->value = raw->memory.faults;
    }
    value->valid = value->source != NULL;
}

static void field_value(const struct stats *stats, struct record *record, enum stats_field field,
    struct stats_value *value)
{
    const struct stats_raw *raw = &record->total;
    if (field == FIELD_FAULTS) {
        faults_value(stats, raw, value);
    } else if (stats->sources[field]) {
        value->source = stats->sources[field];
        probe_value(raw, &stats_fields[field], value);
        value->valid = stats_fields[field].kind != FIELD_TIME || value->value != 0;
    }
    if (!value->valid && stats->files && !record->retired)
        value->valid = file_value(stats, record, field, value);
    if (field == FIELD_CPU && value->valid) {
        if (value->value < record->cpu_floor_ns)
            value->value = record->cpu_floor_ns;
        record->cpu_floor_ns = value->value;
    }
}

static void container_fill(
    const struct stats *stats, struct record *record, struct stats_container *container)
{
    memset(container, 0, sizeof(*container));
    container->id = record->id;
    container->parent = record->parent ? record->parent->id : NULL;
    container->cgroup = record->cgroup;
    container->retired = record->retired;
    container->slot = record->slot;
    memcpy(container->victim, record->total.gauge.victim_comm, sizeof(container->victim));
    container->victim[sizeof(container->victim) - 1] = '\0';
    for (int field = 0; field < FIELD_COUNT; field++)
        field_value(stats, record, (enum stats_field)field, &container->values[field]);
}

const struct stats_reading *stats_read(struct stats *stats)
{
    struct stats_reading *reading = &stats->reading;
    reading->time_ns = now_ns();
    maps_read(stats);
    rollup(stats->records, stats->records_count);
    reading->containers = mem_grow(reading->containers, &stats->reading_capacity,
        stats->records_count, sizeof(*reading->containers));
    reading->count = stats->records_count;
    reading->unpublished = stats->unpublished;
    reading->switches_watched = watch_share(stats);
    for (size_t i = 0; i < reading->count; i++)
        container_fill(stats, stats->records[i], &reading->containers[i]);
    return reading;
}

const struct stats_container *stats_find(const struct stats_reading *reading, const char *id)
{
    for (size_t i = reading->count; i-- > 0;)
        if (str_equal(reading->containers[i].id, id))
            return &reading->containers[i];
    return NULL;
}
