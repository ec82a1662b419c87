/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of a container: one table, from which the output, its help and the names in other
 * systems come. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/layout.h"

/* All that the maps hold of one slot, summed over the CPUs. */
struct stats_raw {
    struct sched_stats sched;
    struct process_stats process;
    struct memory_stats memory;
    struct block_stats block;
    struct network_stats network;
    struct syscall_stats syscall;
    struct signal_stats signal;
    struct gauge gauge;
    struct timeline timeline;
};

enum stats_field {
    FIELD_CPU,
    FIELD_SWITCHES_VOLUNTARY,
    FIELD_SWITCHES_INVOLUNTARY,
    FIELD_WAKEUPS,
    FIELD_RUN_QUEUE,
    FIELD_RUN_QUEUE_TIME,
    FIELD_FORKS,
    FIELD_THREADS_CREATED,
    FIELD_EXECS,
    FIELD_EXITS,
    FIELD_EXITS_SIGNALLED,
    FIELD_THREADS,
    FIELD_THREADS_PEAK,
    FIELD_FAULTS_MINOR,
    FIELD_FAULTS_MAJOR,
    FIELD_FAULTS,
    FIELD_RECLAIMS,
    FIELD_RECLAIM_TIME,
    FIELD_OOM_KILLS,
    FIELD_OOM_VICTIM,
    FIELD_READ_BYTES,
    FIELD_WRITE_BYTES,
    FIELD_READS,
    FIELD_WRITES,
    FIELD_OTHER_IO,
    FIELD_BLOCK_LATENCY,
    FIELD_RECEIVE_BYTES,
    FIELD_RECEIVE_PACKETS,
    FIELD_TRANSMIT_BYTES,
    FIELD_TRANSMIT_PACKETS,
    FIELD_SYSCALLS,
    FIELD_SYSCALL_ERRORS,
    FIELD_SIGNALS_SENT,
    FIELD_SIGNALS_DELIVERED,
    FIELD_CREATED,
    FIELD_CLONE,
    FIELD_ATTACH,
    FIELD_FIRST_RUN,
    FIELD_EXEC,
    FIELD_EXIT,
    FIELD_EMPTY,
    FIELD_REMOVED,
    FIELD_COUNT
};

enum field_kind {
    FIELD_COUNTER,
    FIELD_GAUGE,
    FIELD_HISTOGRAM, /* value: sum; with count and buckets */
    FIELD_BY_SIGNAL, /* value: sum over all signals */
    FIELD_TIME,      /* CLOCK_MONOTONIC, of the launch timeline */
};
enum field_unit { UNIT_ONE, UNIT_NS, UNIT_BYTES };

struct field_info {
    const char *name;       /* of JSON and tables */
    const char *help;
    enum field_kind kind;
    enum field_unit unit;
    bool rolls_up;          /* sum over nested containers; the probes or the files do others */
    size_t offset;          /* in struct stats_raw: the value; of a histogram its sum */
    size_t buckets_offset;  /* of a histogram, or of the numbers by signal */
    const char *needs[3];   /* hooks whose probes must be attached */
    bool tasks;             /* the tasks' own counters tell it, where they are collected */
    bool core;              /* not by plain tracepoints, which do not look into the kernel */
    const char *prometheus; /* cAdvisor's name where there is one */
    const char *labels;     /* more labels of that, or NULL */
    const char *otel;       /* OpenTelemetry's name */
    const char *otel_labels;
};
extern const struct field_info stats_fields[FIELD_COUNT];

struct stats_value {
    bool valid;
    uint64_t value;
    const char *source;        /* static: "tp_btf", "cpuacct.usage", …; NULL when not valid */
    uint64_t count;            /* of a histogram */
    const uint64_t *buckets;   /* STATS_BUCKETS of a histogram; NULL for other kinds */
    const uint32_t *by_signal; /* STATS_SIGNALS, NULL for other kinds */
};

/* The lower and upper bound of a bucket, in ns; the last one has none above: UINT64_MAX. */
uint64_t bucket_floor_ns(unsigned bucket);
uint64_t bucket_ceiling_ns(unsigned bucket);
/* The ceiling of the bucket below which `fraction` of all lie; 0 without any. */
uint64_t buckets_quantile_ns(const uint64_t *buckets, double fraction);
