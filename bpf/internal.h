/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the loader share. */
#pragma once

#include <pthread.h>

#include "bpf/hierarchy.h"
#include "bpf/ladder.h"
#include "bpf/stats.h"

#define SLOTS_DEFAULT 1024
#define SLOTS_MAX (1U << 20)
#define KEYS_MAX 2 /* of a container: its cgroup of the identity, and that of block I/O */
#define TASKS_MAX (1U << 17)

/* The maps that several objects share; the first FAMILY_COUNT hold per-CPU counters by slot. */
enum map_index {
    MAP_SCHED,
    MAP_PROCESS,
    MAP_MEMORY,
    MAP_BLOCK,
    MAP_NETWORK,
    MAP_SYSCALL,
    MAP_SIGNAL,
    FAMILY_COUNT,
    MAP_GAUGES = FAMILY_COUNT,
    MAP_TIMELINES,
    MAP_CONTAINERS,
    MAP_CONTROL,
    MAP_CPUS,
    MAP_SWITCHES,
    MAP_TASKS,
    MAP_NEWBORN,
    MAP_COUNT
};
/* Where a family's counters stand in struct stats_raw, and what they are. */
struct family_layout {
    size_t offset;
    size_t size;
    size_t u64_count; /* the first ones; the rest are u32 */
};
extern const struct family_layout family_layouts[FAMILY_COUNT];

struct record {
    char *id;
    char *cgroup;          /* below the root of the hierarchies */
    struct record *parent; /* NULL: none, or forgotten */
    uint32_t slot;
    bool retired;
    struct cgroup_key keys[KEYS_MAX];
    size_t keys_count;
    bool inherits;                  /* anything: */
    struct stats_raw inherited;     /* of nested containers whose slots were used again */
    struct stats_raw own;           /* as last read */
    struct stats_raw total;         /* own, inherited and nested */
    uint64_t cpu_floor_ns;          /* the last CPU time told: it never falls */
};

/* The program at the switch, which comes and goes: see watch.c. */
struct watch {
    int program;        /* -1: there is none */
    const char *name;   /* of the tracepoint for the raw rung, NULL for the other */
    int link;           /* -1: it rests */
    uint64_t opened_ns; /* CLOCK_MONOTONIC, like these: */
    uint64_t since_ns;  /* it has been on, or has rested */
    uint64_t until_ns;  /* it rests */
    uint64_t watched_ns; /* before since_ns */
    uint64_t *counts;   /* of the CPUs' switches: those at since_ns, and room for as many */
    unsigned percent;   /* of a CPU that it may take */
    bool tended;        /* the thread runs */
    bool ends;
    pthread_t thread;
    pthread_mutex_t lock; /* on all above but the first two */
    pthread_cond_t wakes;
};

struct stats {
    struct ladder ladder;
    struct watch watch;
    struct hierarchy_list hierarchies;
    const struct hierarchy *identity; /* NULL: no cgroups at all */
    int identity_css;                 /* -1: unified */
    char *identity_name;              /* "freezer", "unified" */
    bool files;                       /* may be read as the last rung */
    struct shared_map maps[MAP_COUNT];
    bool loaded;                      /* the maps exist */
    struct control *control;          /* mapped */
    const struct bpf_link *iterator;  /* over tasks, when it is what collects; of the ladder's */
    int cgroup_fd;
    int cpus;
    uint32_t slots;
    uint32_t task_mask;
    uint32_t slots_used;              /* high-water mark */
    struct record **records;          /* in the order of publication */
    size_t records_count;
    size_t records_capacity;
    uint64_t unpublished;
    const char *sources[FIELD_COUNT]; /* of the probes; NULL: that figure is not theirs */
    void *batch;                      /* buffer of a batch read */
    struct stats_reading reading;
    size_t reading_capacity;
};

/* maps.c */
int maps_create(struct stats *stats, struct err *err);
void maps_close(struct stats *stats);
int slot_clear(struct stats *stats, uint32_t slot);
/* Figures of all slots in use into the records' `own`. */
void maps_read(struct stats *stats);
/* Lets the iterator over tasks, if it is what collects, add what the tasks have counted. */
void tasks_collect(const struct stats *stats);

/* watch.c */
void watch_open(struct stats *stats, unsigned percent);
void watch_close(struct stats *stats);
/* The share of the time since the opening in which switches were looked at; 0 without a program. */
double watch_share(struct stats *stats);
/* Takes the program from the switch, and brings it back; as watch_open's thread does. */
void watch_detach(struct stats *stats);
void watch_attach(struct stats *stats);
/* How long to rest after so long in which the busiest CPU had so many switches, that no more than
 * that many percent of its time go into them; 0: not at all. */
uint64_t watch_rest_ns(uint64_t elapsed_ns, uint64_t switches, unsigned percent);

/* files.c: the last rung; false when there is no such file or figure. */
bool file_value(const struct stats *stats, const struct record *record, enum stats_field field,
    struct stats_value *ret_value);

/* tasks.c: the tasks' own counters, from outside. */
bool task_times(uint32_t tid, uint64_t *ret_ran_ns, uint64_t *ret_waited_ns);
/* Tasks that are in the cgroup or below already: their lines, so that they count from now on, and
 * their number. Who comes and goes meanwhile may be missed or counted twice. */
void tasks_adopt(const struct stats *stats, const struct record *record);

/* publish.c */
struct record *record_find(const struct stats *stats, const char *id);
void record_free(struct record *record);

/* rollup.c: sums of nested containers; pure. */
void raw_add(struct stats_raw *into, const struct stats_raw *from);
/* Every record's total from all `own` and `inherited`, whatever the order of records. */
void rollup(struct record *const *records, size_t count);
