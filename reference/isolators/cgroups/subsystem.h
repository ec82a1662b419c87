/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One controller's part in the cgroups isolator. The object (object_v1.c, object_v2.c) owns cgroups
 * and placement; a subsystem writes limits and reads statistics. The same subsystem code serves v1
 * and v2 where the rules agree; where they differ each has its own file row in the code.
 *
 * All calls are synchronous; only limits are told later, by cgroup_container_limited.
 */
#pragma once

#include "reference/base/map.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/isolators/isolator.h"
#include "reference/model/container_id.h"

#define CGROUP_SUBSYSTEMS_MAX 16

struct cgroups_object;
struct cgroup_subsystem;

/* A container that has cgroups of its own. */
struct cgroup_container {
    struct cgroups_object *object;
    char *id;
    char *path; /* relative to each hierarchy's root; v2: the non-leaf */
    bool command_task;
    bool nested;
    bool shared;     /* v2: a nested container that shares its ancestor's limits: both cgroups, no
                        controllers */
    unsigned active; /* bit i: object's subsystem i works for this container */
    /* Bit i: the cgroup in the hierarchy of subsystem i is its own, made or recovered. One that was
     * there before is somebody else's: prepare refuses it, cleanup leaves it alone (FB-05). */
    unsigned owned;
    void *states[CGROUP_SUBSYSTEMS_MAX]; /* owned by subsystem i */
    bool watched;
    struct done watch;             /* when watched */
    struct limitation *limitation; /* reached before anyone watched */
    struct host_request *removal;  /* while cleanup waits */
};

struct cgroup_subsystem_ops {
    const char *name;          /* for messages: "cpu" */
    const char *controller_v1; /* the hierarchy it lives in; NULL: not in v1 */
    const char
        *controller_v2; /* to enable in subtree_control; "" = nothing to enable; NULL: not in v2 */
    int (*create)(struct cgroup_subsystem *subsystem, struct err *err);
    int (*prepare)(
        struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err);
    int (*isolate)(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
        pid_t pid, struct err *err);
    void (*exited)(struct cgroup_subsystem *subsystem, struct cgroup_container *container);
    int (*update)(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
        const struct resources *requests, const struct resource_limits *limits, struct err *err);
    int (*usage)(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
        struct statistics *into, struct err *err);
    int (*status)(struct cgroup_subsystem *subsystem, struct cgroup_container *container,
        struct container_status *into, struct err *err);
    int (*recover)(
        struct cgroup_subsystem *subsystem, struct cgroup_container *container, struct err *err);
    /* Once, with the cgroups of all recovered containers. */
    int (*recover_all)(struct cgroup_subsystem *subsystem, char *const *paths, struct err *err);
    /* Frees states[index]; the cgroup may be gone already. Called for every container it was active
     * for. */
    void (*cleanup)(struct cgroup_subsystem *subsystem, struct cgroup_container *container);
    void (*free)(struct cgroup_subsystem *subsystem); /* what create made; may be NULL */
};

struct cgroup_subsystem {
    const struct cgroup_subsystem_ops *ops;
    struct cgroups_object *object;
    struct cgroup_hierarchy *hierarchy;
    struct cgroup_fs *fs; /* hierarchy->fs */
    unsigned index;       /* in the object and in states */
    bool v2;
    void *data; /* owned by the subsystem, across containers */
};

/* What both versions of the object have in common. */
struct cgroups_object {
    struct isolator base;
    struct flags flags; /* a copy */
    bool v2;
    struct cgroup_subsystem subsystems[CGROUP_SUBSYSTEMS_MAX];
    unsigned count;
    struct strmap *containers; /* id -> struct cgroup_container * */
};

/*
 * One row per --isolation name; a name may stand for several subsystems (cpu: cpu and cpuacct on
 * v1). NULL-terminated.
 */
extern const struct cgroup_subsystem_name {
    const char *name; /* "cgroups/cpu" */
    const struct cgroup_subsystem_ops *v1[3];
    const struct cgroup_subsystem_ops *v2[2];
} cgroup_subsystem_names[];

extern const struct cgroup_subsystem_ops cgroup_cpu_v1_ops;
extern const struct cgroup_subsystem_ops cgroup_cpuacct_ops;
extern const struct cgroup_subsystem_ops cgroup_cpu_v2_ops;
extern const struct cgroup_subsystem_ops cgroup_memory_v1_ops;
extern const struct cgroup_subsystem_ops cgroup_memory_v2_ops;
extern const struct cgroup_subsystem_ops cgroup_pids_ops;
extern const struct cgroup_subsystem_ops cgroup_cpuset_ops;
extern const struct cgroup_subsystem_ops cgroup_hugetlb_ops;
extern const struct cgroup_subsystem_ops cgroup_devices_v1_ops;
extern const struct cgroup_subsystem_ops cgroup_devices_v2_ops;
extern const struct cgroup_subsystem_ops cgroup_blkio_ops;
extern const struct cgroup_subsystem_ops cgroup_net_cls_ops;
extern const struct cgroup_subsystem_ops cgroup_net_prio_ops;
extern const struct cgroup_subsystem_ops cgroup_io_ops;
extern const struct cgroup_subsystem_ops cgroup_perf_event_ops;
extern const struct cgroup_subsystem_ops cgroup_core_v2_ops;

/* The container reached a limit: completes its watch, or keeps it for the one to come. Takes
 * nothing. */
void cgroup_container_limited(
    struct cgroup_container *container, const struct limitation *limitation);

/* Pieces that object_v1.c and object_v2.c share (object.c). */
struct cgroup_container *cgroup_container_new(
    struct cgroups_object *object, const char *id, const struct container_config *config);
/* Ends what its subsystems keep (listeners first of all); may be called again. */
void cgroup_container_clean(struct cgroup_container *container);
void cgroup_container_free(struct cgroup_container *container); /* cleans it, forgets it */
/* recover_all of every subsystem, with the paths of these containers. */
int cgroups_object_recover_all(struct cgroups_object *object, const struct container_state *states,
    size_t count, struct err *err);
struct cgroup_container *cgroup_container_find(struct cgroups_object *object, const char *id);
/* The nearest ancestor with limits of its own; NULL when none is known. */
struct cgroup_container *cgroup_container_ancestor(struct cgroups_object *object, const char *id);
int cgroup_container_prepare(struct cgroup_container *container,
    const struct container_config *config,
    struct err *err); /* prepare, then update, of every active subsystem */
int cgroup_container_update(struct cgroup_container *container, const struct resources *requests,
    const struct resource_limits *limits, struct err *err);
/* Adds to the launch info of a container with a root file system what it sees of its cgroups
 * (mounts.c), and its cgroup namespace in v2. */
struct launch_info;
void cgroup_container_mounts(const struct cgroup_container *container,
    const struct container_config *config, struct launch_info *info);
void cgroups_object_watch(struct isolator *isolator, const char *id, struct done done);
void cgroups_object_exited(struct isolator *isolator, const char *id);
void cgroups_object_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done);
void cgroups_object_usage(struct isolator *isolator, const char *id, struct done done);
void cgroups_object_status(struct isolator *isolator, const char *id, struct done done);
void cgroups_object_free(struct isolator *isolator);
/* The owner a container's cgroup is given to; NULL: nobody. */
const char *cgroups_object_owner(
    const struct cgroups_object *object, const struct container_config *config);

/* The version-specific parts. */
extern const struct isolator_ops cgroups_v1_isolator_ops;
extern const struct isolator_ops cgroups_v2_isolator_ops;
/* Makes `<root>` in each hierarchy (v1) or checks it (v2). */
int cgroups_v1_start(struct cgroups_object *object, struct err *err);
int cgroups_v2_start(struct cgroups_object *object, struct err *err);
