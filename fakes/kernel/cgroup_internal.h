/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the cgroup model: what the core and the controllers share.
 *
 * A hierarchy (cgroup_root) is a tree of cgroups. A cgroup that takes part in a controller has a
 * state of it (cgroup_css); where it has none, the nearest ancestor's holds. Control files are rows
 * of constant tables, never objects: a file exists where its row, the hierarchy, the profile and
 * the cgroup's states say so. What was changed about a single file (mode, owner, xattrs) and who
 * has it open hangs off the cgroup in lists that are empty nearly always.
 */
#pragma once

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/profile.h"
#include "reference/base/strbuf.h"

#define CGROUP_WRITE_MAX 4096 /* longest command of one write; more is -E2BIG */

struct cgroup_css;
struct cgroup_open;
struct cgroup_file;

/* One read or write of a control file. */
struct cgroup_io {
    struct kernel *kernel;
    struct cgroup *cgroup;
    struct cgroup_css *css; /* of the file's controller; NULL for core files */
    const struct cgroup_file *file;
    struct cgroup_open *open;            /* NULL for a direct call */
    const struct cgroup_caller *opener;  /* credentials of open(2) */
    const struct cgroup_caller *caller;  /* of this read(2) or write(2) */
};

enum cgroup_where {
    ON_ROOT = 1,
    ON_CHILD = 2,
    ON_BOTH = 3,
};
enum cgroup_file_flags {
    FILE_V1 = 1,
    FILE_V2 = 2,
    FILE_ANY = FILE_V1 | FILE_V2,
    FILE_EVENTS = 4,      /* can raise PRI and IN_MODIFY */
    FILE_DELEGATABLE = 8, /* writable for the root of a cgroup namespace from inside */
    FILE_PRESSURE = 16,   /* hidden by cgroup.pressure */
    FILE_PIDS = 32,       /* a list of pids or tids */
};

/* A row of a controller's table. */
struct cgroup_file {
    const char *name;
    enum cgroup_where where;
    unsigned flags;
    mode_t mode;
    int (*read)(const struct cgroup_io *io, struct strbuf *out); /* NULL: -EINVAL */
    /* text is NUL-terminated, may be changed, and is as written: not stripped. NULL: -EINVAL. */
    int (*write)(const struct cgroup_io *io, char *text);
    /* Whether the build has it; NULL: always. */
    bool (*available)(const struct kernel_profile *profile);
    intptr_t argument;  /* for functions that serve several rows */
    size_t (*write_max)(const struct kernel_profile *profile); /* NULL: CGROUP_WRITE_MAX */
};

/* State of a controller in a cgroup; the first member of each controller's own struct. */
struct cgroup_css {
    struct cgroup *cgroup;
    const struct cgroup_controller *controller;
    uint32_t descendants; /* states below */
    uid_t uid;            /* owner of its files */
    gid_t gid;
    uint64_t serial;      /* distinguishes a state from one that was there before */
};

struct cgroup_controller {
    const char *name;        /* of v2 */
    const char *legacy_name; /* of v1 */
    enum cgroup_subsys subsys;
    unsigned versions;       /* FILE_V1, FILE_V2 */
    bool threaded;           /* v2: may be enabled in a threaded domain */
    bool implicit;           /* v2: always there, never listed */
    const struct cgroup_file *files;
    size_t files_count;
    const struct cgroup_file *legacy_files; /* more rows, up to one without a name; or NULL */
    size_t css_size;
    /* All optional. init: the state is zeroed and its header filled. */
    void (*init)(struct cgroup_css *css);
    void (*offline)(struct cgroup_css *css); /* removed or disabled */
    bool (*busy)(const struct cgroup_css *css); /* offline, and yet not free to go */
    void (*free)(struct cgroup_css *css);
    int (*can_attach)(struct cgroup_css *css, struct task *task);
    void (*attach)(struct cgroup_css *from, struct cgroup_css *to, struct task *task);
    int (*can_fork)(struct cgroup_css *css, struct task *parent);
    void (*fork)(struct cgroup_css *css, struct task *child);
    void (*exited)(struct cgroup_css *css, struct task *task);
    void (*released)(struct cgroup_css *css, struct task *task);
    uint64_t (*digest)(const struct cgroup_css *css, uint64_t hash);
};
extern const struct cgroup_controller *const cgroup_controllers[SUBSYS_COUNT];
extern const struct cgroup_controller cgroup_core; /* files of the cgroup itself */
extern const struct cgroup_controller cgroup_psi;  /* and those of pressure */

/* What was changed about a file or directory. */
struct cgroup_attributes {
    struct cgroup_attributes *next;
    const struct cgroup_file *file; /* NULL: the directory */
    uint64_t serial;                /* of the state the file belongs to; 0 for core files */
    bool mode_set;
    bool owner_set;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    uint64_t mtime_ns;
    struct cgroup_xattr *xattrs;
};

struct cgroup {
    struct cgroup_root *root;
    struct cgroup *parent;
    char *name;
    uint64_t id;
    uint32_t hash;            /* of parent and name, in root->places */
    struct list children;     /* of sibling */
    struct list sibling;
    struct list tasks;        /* of task.cgroup_nodes[], live ones, by arrival */
    unsigned references;      /* tasks (zombies too), open files, charges; freed at 0 once dead */
    unsigned level;
    unsigned children_count;
    unsigned tasks_count;
    unsigned populated_children; /* children with a live task somewhere below */
    unsigned populated_domains;  /* v2: of these, those that are not threaded */
    unsigned descendants;
    unsigned dying_descendants;
    unsigned dying_children;     /* removed, not yet torn down */
    unsigned threaded_children;
    uint32_t max_depth;          /* INT_MAX = max */
    uint32_t max_descendants;
    uint32_t subtree_control;    /* SUBSYS_BITs */
    bool subtree_implicit;       /* implicit controllers are on below */
    bool dead;                   /* removed */
    bool torn_down;
    bool notify_on_release;      /* v1 */
    bool clone_children;         /* v1 */
    bool release_pending;
    bool pressure_hidden;
    /* v2 freezer: own wish, effective (own or an ancestor's), reached */
    bool freeze;
    bool freeze_effective;
    bool frozen;
    bool freezer_stuck;          /* fault: its tasks never freeze */
    bool freeze_pending;         /* listed in world->freezes */
    unsigned frozen_tasks;
    unsigned frozen_descendants;
    uint64_t frozen_since_ns;    /* cgroup.stat.local */
    uint64_t frozen_total_ns;
    uint64_t kills;              /* writes to cgroup.kill here or above */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    uid_t files_uid;             /* owner of the core files */
    gid_t files_gid;
    uint64_t mtime_ns;
    uint64_t user_ns;            /* v2 cpu.stat: CPU time of the subtree */
    uint64_t system_ns;
    uint32_t looked_up;          /* event_bit of files that have an inode, which events need */
    struct cgroup *domain;       /* v2: itself, or the thread root when threaded */
    struct cgroup *dying_next;
    struct cgroup_css *css[SUBSYS_COUNT];
    uint32_t *dying_css;         /* [SUBSYS_COUNT] dying states below; NULL until the first */
    struct cgroup_attributes *attributes;
    struct list listeners;       /* of cgroup_listener.node */
    struct pressure *pressure;   /* controllers/psi.c; NULL until something stalls */
    struct device_program *device_program; /* v2 devices; NULL = allow all */
};

/* One who wants to know of events of a file: an open file, or a watch. */
struct cgroup_listener {
    struct list node;
    struct cgroup *cgroup;
    const struct cgroup_file *file;
    void (*raised)(struct cgroup_listener *listener, bool removed);
};

struct cgroup_root {
    struct kernel *kernel;
    char *name;
    bool v2;
    unsigned index;
    uint32_t subsystems; /* SUBSYS_BITs bound here */
    bool mounted;        /* hosts see it */
    char **controllers;
    struct cgroup *top;
    /* All cgroups below top, by parent and name: linear probing. The hash stands beside the pointer
     * so that neither a search nor growth touches other cgroups. */
    struct cgroup_place {
        struct cgroup *cgroup;
        uint32_t hash;
    } *places;
    size_t places_count; /* a power of two, at least twice cgroups_count */
    size_t cgroups_count;
    /* The files that this hierarchy can have, and an index of them by name. */
    struct cgroup_file_slot *slots;
    size_t slots_count;
    unsigned event_files_count;
    uint32_t *slot_index; /* slot + 1; 0 = free */
    size_t slot_index_count;
    char *release_agent;
    char **released; /* what the release agent was called with, oldest first */
};
struct cgroup_file_slot {
    const struct cgroup_file *file;
    const struct cgroup_controller *controller;
    uint32_t hash;
    uint32_t event_bit; /* in cgroup.looked_up; 0: it has no events */
};

/* Per kernel: hangs off kernel->cgroups. */
struct cgroup_world {
    struct kernel_profile profile; /* with the options applied */
    struct cgroup *dying;          /* to be torn down, newest first */
    struct cgroup **dying_tail;
    struct loop_timer *reaper;
    struct cgroup **freezes;       /* cgroups with tasks that are to be frozen */
    size_t freezes_count;
    size_t freezes_capacity;
    struct loop_timer *freezer;
    struct list notifications;     /* struct cgroup_notify due */
    struct loop_timer *notifier;
    struct cgroup **releases; /* v1 cgroups whose release agent is due */
    size_t releases_count;
    size_t releases_capacity;
    struct loop_timer *releaser;
    pid_t *newborns; /* cloned into a killed cgroup: die at birth */
    size_t newborns_count;
    size_t newborns_capacity;
    struct loop_timer *newborn_killer;
    struct cgroup_event_sink *sink;
    struct cgroup_descriptors *descriptors;
    struct memory_world *memory;
    struct io_world *io;
    struct net_world *net;
    uint64_t last_serial;
    bool shutting_down;
};

/* tree: cgroup_tree.c */
struct cgroup *cgroup_child_find(struct cgroup *parent, const char *name, size_t length);
int cgroup_tree_create(
    struct cgroup *parent, const char *name, mode_t mode, const struct cgroup_caller *caller);
int cgroup_tree_destroy(struct cgroup *cgroup);
void cgroup_tree_rename(struct cgroup *cgroup, const char *name);
struct cgroup *cgroup_new_top(struct cgroup_root *root);
void cgroup_free_tree(struct cgroup_root *root);
struct cgroup *cgroup_get(struct cgroup *cgroup);
void cgroup_put(struct cgroup *cgroup);
/* Pre-order walk of live descendants: start with NULL; returns NULL at the end. */
struct cgroup *cgroup_next(struct cgroup *top, struct cgroup *current);
bool cgroup_is_within(const struct cgroup *cgroup, const struct cgroup *ancestor);
void cgroup_reaper_schedule(struct kernel *kernel);

/* states: cgroup_css.c */
struct cgroup_css *cgroup_css_create(
    struct cgroup *cgroup, const struct cgroup_controller *controller, uid_t uid, gid_t gid);
void cgroup_css_destroy(struct cgroup *cgroup, enum cgroup_subsys subsys);
/* Switched off while the cgroup lives on: tells who has its files open, then destroys it. */
void cgroup_css_retire(struct cgroup *cgroup, enum cgroup_subsys subsys);
/* The state that holds for the cgroup: its own or the nearest ancestor's. */
struct cgroup_css *cgroup_css_effective(const struct cgroup *cgroup, enum cgroup_subsys subsys);
/* That of the nearest ancestor with one; NULL for the root's. */
struct cgroup_css *cgroup_css_parent(const struct cgroup_css *css);
/* That of a task; NULL when the controller is bound nowhere. */
struct cgroup_css *cgroup_css_of(const struct task *task, enum cgroup_subsys subsys);
struct cgroup_root *cgroup_subsys_root(struct kernel *kernel, enum cgroup_subsys subsys);
uint32_t cgroup_control_mask(const struct cgroup *cgroup); /* cgroup.controllers */
int cgroup_subtree_control_set(
    struct cgroup *cgroup, char *text, const struct cgroup_caller *caller);
void cgroup_mask_print(uint32_t mask, struct strbuf *out);

/* files: cgroup_files.c */
const struct cgroup_file_slot *cgroup_slot_find(
    const struct cgroup_root *root, const char *name, size_t length);
bool cgroup_slot_present(const struct cgroup *cgroup, const struct cgroup_file_slot *slot);
/* Whether its name is taken: what cgroup.pressure hides keeps it. */
bool cgroup_slot_taken(const struct cgroup *cgroup, const struct cgroup_file_slot *slot);
void cgroup_slots_build(struct cgroup_root *root, const struct kernel_profile *profile);
/* The permission bits and owner in force. */
mode_t cgroup_slot_mode(const struct cgroup *cgroup, const struct cgroup_file_slot *slot,
    uid_t *ret_uid, gid_t *ret_gid);
bool cgroup_permitted(
    const struct cgroup_caller *caller, mode_t mode, uid_t uid, gid_t gid, int want);
int cgroup_slot_read(const struct cgroup_io *io, struct strbuf *out);
int cgroup_slot_write(const struct cgroup_io *io, const char *data, size_t length);
/* Looks up a cgroup with the caller's right to search; -ENOENT, -ENOTDIR, -EACCES. */
int cgroup_walk(struct cgroup_root *root, const char *path, const struct cgroup_caller *caller,
    struct cgroup **ret_cgroup);
struct cgroup_attributes *cgroup_attributes_find(
    const struct cgroup *cgroup, const struct cgroup_file *file, uint64_t serial);
struct cgroup_attributes *cgroup_attributes_make(
    struct cgroup *cgroup, const struct cgroup_file *file, uint64_t serial);
void cgroup_attributes_free(struct cgroup *cgroup);

/* events: cgroup_event.c */
/* The content of an events file changed: wakes pollers, watches and the sink. */
void cgroup_file_raise(struct cgroup *cgroup, const struct cgroup_file *file);
/* Only what inotify hears of that. */
void cgroup_file_modified(struct cgroup *cgroup, const struct cgroup_file *file);
void cgroup_listener_add(struct cgroup_listener *listener, struct cgroup *cgroup,
    const struct cgroup_file *file);
void cgroup_listener_remove(struct cgroup_listener *listener);
void cgroup_listeners_gone(struct cgroup *cgroup, const struct cgroup_file *only);
void cgroup_notify_release_all(struct kernel *kernel);
void cgroup_release_check(struct cgroup *cgroup); /* v1 notify_on_release */

/* tasks: cgroup_task.c */
int cgroup_attach_text(const struct cgroup_io *io, char *text, bool whole_process);
int cgroup_migrate(struct cgroup *to, struct task *task, bool whole_process);
bool cgroup_is_populated(const struct cgroup *cgroup);
struct task *cgroup_task_at(const struct cgroup *cgroup, struct list *node); /* in its tasks */
/* Live tasks of the cgroup, and with `below` of its descendants, as they are now: whoever acts on
 * tasks walks over such a list, because one that dies takes others along. Caller frees. */
struct task **cgroup_tasks_snapshot(struct cgroup *cgroup, bool below, size_t *ret_count);
int cgroup_kill_all(struct cgroup *cgroup);
int cgroup_procs_print(const struct cgroup_io *io, struct strbuf *out);
int cgroup_threads_print(const struct cgroup_io *io, struct strbuf *out);

/* threaded domains: cgroup_threaded.c */
bool cgroup_is_threaded(const struct cgroup *cgroup);
bool cgroup_is_mixable(const struct cgroup *cgroup);
bool cgroup_is_thread_root(const struct cgroup *cgroup);
bool cgroup_can_be_thread_root(const struct cgroup *cgroup);
bool cgroup_is_valid_domain(const struct cgroup *cgroup);
int cgroup_enable_threaded(struct cgroup *cgroup);
int cgroup_vet_destination(const struct cgroup *cgroup);

/* v2 freezer: cgroup_freezer.c */
void cgroup_freeze_set(struct cgroup *cgroup, bool freeze);
void cgroup_freezer_born(struct cgroup *cgroup);
void cgroup_freezer_dead(struct cgroup *cgroup);
void cgroup_freezer_arrived(struct cgroup *cgroup, struct task *task);
void cgroup_freezer_left(struct cgroup *cgroup, struct task *task);
void cgroup_freezer_exit(struct kernel *kernel);
void cgroup_freezer_retry(struct cgroup *cgroup); /* after a stuck one was released */

/* Recomputes task->frozen of a task from both freezers. */
void cgroup_task_refreeze(struct task *task);

/* rows that others raise */
extern const struct cgroup_file *const cgroup_events_file;

static inline struct kernel *cgroup_kernel(const struct cgroup *cgroup)
{
    return cgroup->root->kernel;
}
static inline struct cgroup_world *cgroup_world_of(const struct cgroup *cgroup)
{
    return cgroup->root->kernel->cgroup_world;
}
static inline const struct kernel_profile *cgroup_profile(const struct cgroup *cgroup)
{
    return &cgroup_world_of(cgroup)->profile;
}
static inline bool cgroup_since(const struct cgroup *cgroup, enum kernel_version version)
{
    return cgroup_profile(cgroup)->version >= version;
}
