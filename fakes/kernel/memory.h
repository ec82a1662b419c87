/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory controller from the inside: charging, reclaim and the OOM killer (controllers/
 * memory.c), the files of v2 and v1, and v1's event registrations. Amounts are bytes, limits pages.
 */
#pragma once

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

enum memory_event_kind {
    MEMORY_LOW,
    MEMORY_HIGH,
    MEMORY_MAX,
    MEMORY_OOM,
    MEMORY_OOM_KILL,
    MEMORY_OOM_GROUP_KILL,
    MEMORY_EVENTS,
};
enum swap_event_kind { SWAP_HIGH, SWAP_MAX, SWAP_FAIL, SWAP_EVENTS };

/* What memory is: of processes, or page cache, which can be dropped. */
enum memory_kind { MEMORY_ANON, MEMORY_FILE, MEMORY_KINDS };

struct memory_css {
    struct cgroup_css css;
    /* of the subtree */
    uint64_t usage[MEMORY_KINDS];
    uint64_t swapped;
    uint64_t peak;
    uint64_t swap_peak;
    uint64_t memsw_peak;
    uint64_t local_peak; /* since memory.peak was last written on any open file */
    uint64_t faults;
    /* of the cgroup alone */
    uint64_t own[MEMORY_KINDS];
    uint64_t own_swapped;
    /* limits in pages; PAGES_MAX = none */
    uint64_t max;
    uint64_t high;
    uint64_t low;
    uint64_t min;
    uint64_t swap_max;
    uint64_t swap_high;
    uint64_t memsw_max; /* v1: memory and swap together */
    uint64_t soft_max;
    uint64_t tcp_max;
    uint64_t failures;       /* v1 failcnt */
    uint64_t memsw_failures;
    uint64_t kernel_peak;    /* v1 kmem.max_usage_in_bytes */
    uint64_t shown_ram;      /* a vendor's; pages */
    uint64_t events[MEMORY_EVENTS];
    uint64_t events_local[MEMORY_EVENTS];
    uint64_t swap_events[SWAP_EVENTS];
    bool oom_group;
    bool oom_kill_disable;
    bool under_oom;
    uint8_t swappiness;
    uint64_t move_charge;
    struct list charges;    /* struct memory_charge.node */
    struct list listeners;  /* struct memory_event.node: v1 registrations */
    struct list waiters;    /* struct oom_waiter.node */
};

/* What one process is charged in one cgroup. */
struct memory_charge {
    struct memory_charge *next; /* of the process, newest first */
    struct process *process;
    struct memory_css *memory;
    struct list node; /* in memory->charges */
    uint64_t bytes[MEMORY_KINDS];
    uint64_t swapped;
};

struct memory_world {
    uint64_t swap_used;
    struct loop_timer *recoverer; /* wakes those who wait for the end of an OOM */
    struct list recovering;       /* struct oom_waiter.node */
    struct list stalls;           /* struct memory_stall.node: sleep above memory.high */
};
struct memory_world *memory_world_new(void);
void memory_world_free(struct memory_world *world);

static inline struct memory_css *memory_of(const struct cgroup_css *css)
{
    return (struct memory_css *)css;
}
static inline struct memory_css *memory_parent(const struct memory_css *memory)
{
    return memory_of(cgroup_css_parent(&memory->css));
}
static inline uint64_t memory_usage(const struct memory_css *memory)
{
    return memory->usage[MEMORY_ANON] + memory->usage[MEMORY_FILE];
}
static inline uint64_t limit_bytes(uint64_t pages)
{
    return pages >= PAGES_MAX ? UINT64_MAX : pages * PAGE_BYTES;
}
static inline uint64_t whole_pages(uint64_t bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

/* What the cgroups below cost: it counts against limits, and cannot be reclaimed. */
uint64_t memory_children_bytes(const struct memory_css *memory);
/* The same as it is shown, of the subtree; 0 unless the profile counts it. */
uint64_t memory_kernel_bytes(const struct memory_css *memory);
/* Whether what another child of the cgroup costs is within the limits; counts events when not. NULL
 * is fine. */
bool memory_child_fits(struct cgroup_css *css);
/* Page cache of a file that the process read or wrote; as cgroup_charge, for the control. */
int memory_charge_file(struct process *process, uint64_t bytes);
/* Finds room for what a new task of the process costs; -ENOMEM when there is none, or the process
 * was killed for it. The room is not taken: the model counts no kernel memory. */
int memory_make_task(struct process *process, bool thread);
/* Frees up to that much of the subtree by dropping page cache and swapping; returns how much. */
uint64_t memory_reclaim(struct memory_css *memory, uint64_t bytes);
/* Kills by the rules of the OOM killer; false when there is nothing to kill. */
bool memory_oom_kill(struct memory_css *memory);
void memory_event_count(struct memory_css *memory, enum memory_event_kind kind);
void memory_swap_event(struct memory_css *memory, enum swap_event_kind kind);
/* v2: memory.max below the usage reclaims, then kills. */
void memory_enforce_max(struct memory_css *memory);
/* v1: the cgroup, or one above it, waits for memory with the killer disabled. */
bool memory_is_under_oom(const struct memory_css *memory);
/* Of that process; NULL: of all, at the end of the kernel. */
void memory_stall_forget(struct memory_world *world, const struct process *process);
/* The limit grew or the killer was enabled: those who wait under OOM try again. */
void memory_oom_recover(struct memory_css *memory);

/* Hooks of the controller: memory_charge.c. */
void memory_process_exited(struct cgroup_css *css, struct task *task);
void memory_reparent(struct memory_css *memory);

/* v1 registrations: memory_event.c. fn as cgroup_notify_fn. */
struct memory_event;
int memory_event_register(struct cgroup *cgroup, const struct cgroup_file *file,
    const char *arguments, cgroup_notify_fn fn, void *arg, struct memory_event **ret_event);
/* Ends what was registered through cgroup.event_control in the hierarchy. */
void memory_events_forget(struct cgroup_root *root);
void memory_event_unregister(struct memory_event *event); /* NULL is fine */
int memory_event_control_write(const struct cgroup_io *io, char *text);
void memory_thresholds_check(struct memory_css *memory, uint64_t before, uint64_t memsw_before);
void memory_oom_notify(struct memory_css *memory);
enum memory_pressure { PRESSURE_LOW, PRESSURE_MEDIUM, PRESSURE_CRITICAL, PRESSURE_LEVELS };
void memory_pressure_notify(struct memory_css *memory, enum memory_pressure level);
void memory_events_gone(struct memory_css *memory); /* the cgroup was removed */

/* Statistics: memory_stat.c; the files of v1: memory_v1.c. */
int memory_stat_read(const struct cgroup_io *io, struct strbuf *out);
int memory_numa_stat_read(const struct cgroup_io *io, struct strbuf *out);
int memory_stat_v1_read(const struct cgroup_io *io, struct strbuf *out);
int memory_numa_stat_v1_read(const struct cgroup_io *io, struct strbuf *out);
extern const struct cgroup_file memory_files_v1[];
