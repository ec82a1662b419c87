/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The isolator interface (isolators.md 1). Each call may finish later; each done is called exactly
 * once, at the latest from free. An op that is NULL answers as the table of the spec says.
 */
#pragma once

#include "reference/flags.h"
#include "reference/host.h"
#include "reference/launchers/launcher.h"
#include "reference/model/agent_state.h"
#include "reference/model/launch_info.h"
#include "reference/model/statistics.h"
#include "reference/model/status.h"
#include "reference/model/termination.h"

struct isolator;
struct provisioner;
struct isolator_ops {
    void (*recover)(struct isolator *isolator, const struct container_state *states, size_t count,
        char *const *orphans, struct done done);
    /* value: const struct launch_info *, or NULL for none. */
    void (*prepare)(struct isolator *isolator, const char *id,
        const struct container_config *config, struct done done);
    void (*isolate)(struct isolator *isolator, const char *id, pid_t pid, struct done done);
    /* value: const struct limitation *. Pending until a limit is reached; cleanup answers
     * -ECANCELED. */
    void (*watch)(struct isolator *isolator, const char *id, struct done done);
    /* The init has ended. A limit that was reached, and whose event has not come yet, is told by
     * watch from inside (field-bugs.md FB-31). */
    void (*exited)(struct isolator *isolator, const char *id);
    void (*update)(struct isolator *isolator, const char *id, const struct resources *requests,
        const struct resource_limits *limits, struct done done);
    void (*usage)(struct isolator *isolator, const char *id,
        struct done done); /* const struct statistics * */
    void (*status)(struct isolator *isolator, const char *id,
        struct done done); /* const struct container_status * */
    void (*cleanup)(struct isolator *isolator, const char *id, struct done done);
    /* Sets its gauges in an object of numbers (statistics.md 6). */
    void (*metrics)(struct isolator *isolator, json_t *into);
    void (*free)(struct isolator *isolator);
};
struct isolator {
    const struct isolator_ops *ops;
    const char *name; /* as in --isolation; static or owned by the isolator */
    bool nesting;
    bool standalone;
    struct host *host;
};

/* Front: default answers for missing ops. */
void isolator_recover(struct isolator *isolator, const struct container_state *states, size_t count,
    char *const *orphans, struct done done);
void isolator_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done);
void isolator_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done);
/* False when the isolator has no limits to tell: done is never called then. */
bool isolator_watch(struct isolator *isolator, const char *id, struct done done);
void isolator_exited(struct isolator *isolator, const char *id);
void isolator_update(struct isolator *isolator, const char *id, const struct resources *requests,
    const struct resource_limits *limits, struct done done);
void isolator_usage(struct isolator *isolator, const char *id, struct done done);
void isolator_status(struct isolator *isolator, const char *id, struct done done);
void isolator_cleanup(struct isolator *isolator, const char *id, struct done done);
void isolator_metrics(struct isolator *isolator, json_t *into);
void isolator_free(struct isolator *isolator); /* NULL is fine */

/* What isolators are made from. */
struct isolator_context {
    struct host *host;
    const struct flags *flags;
    bool linux_launcher;
    struct provisioner *provisioner; /* for image volumes; NULL: none */
    struct isolator *cgroups;        /* the cgroups object, for those behind it; set by the list */
};

/*
 * The registry: one table of the built-in isolators in the fixed order of isolators.md 2, with
 * nesting, standalone, requirements and constructor.
 */
enum isolator_need {
    ISOLATOR_NEEDS_ROOT = 1,
    ISOLATOR_NEEDS_LINUX_LAUNCHER = 2,
    ISOLATOR_NEEDS_FILESYSTEM_LINUX = 4,
    ISOLATOR_NEEDS_LINUX = ISOLATOR_NEEDS_ROOT | ISOLATOR_NEEDS_LINUX_LAUNCHER,
};
struct isolator_entry {
    const char *name; /* "cgroups/" stands for the one cgroups object */
    bool nesting;
    bool standalone;
    unsigned needs; /* enum isolator_need */
    int (*create)(
        const struct isolator_context *context, struct isolator **ret_isolator, struct err *err);
};
extern const struct isolator_entry isolator_registry[];
extern const size_t isolator_registry_count;
/* The names that "cgroups/" stands for; NULL-terminated. */
extern const char *const isolator_cgroup_names[];

struct isolator_list {
    struct isolator **items;
    size_t count;
};

/*
 * Creates the isolators that `--isolation` asks for by the rules of containerizer.md 2.4: aliases,
 * duplicates, one "filesystem/..." only, unknown names (with a suggestion), implied ones,
 * requirements; in the fixed order. `extra` (modules, e.g. fakes) are appended in their order and
 * become owned by the list. On error nothing is left, `extra` is not taken.
 */
int isolator_list_create(const struct isolator_context *context, struct isolator *const *extra,
    size_t extra_count, struct isolator_list *ret_list, struct err *err);
void isolator_list_free(struct isolator_list *list);

/* Constructors, each in the file named after it. */
int isolator_filesystem_posix_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_filesystem_linux_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_filesystem_shared_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_posix_cpu_create(const struct isolator_context *, struct isolator **, struct err *);
int isolator_posix_mem_create(const struct isolator_context *, struct isolator **, struct err *);
int isolator_posix_rlimits_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_appc_runtime_create(const struct isolator_context *, struct isolator **, struct err *);
int isolator_docker_runtime_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_linux_capabilities_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_linux_nnp_create(const struct isolator_context *, struct isolator **, struct err *);
int isolator_linux_seccomp_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_namespaces_ipc_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_namespaces_pid_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_docker_volume_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_volume_host_path_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_volume_sandbox_path_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_volume_image_create(const struct isolator_context *, struct isolator **, struct err *);
int isolator_volume_secret_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_volume_csi_create(const struct isolator_context *, struct isolator **, struct err *);
int isolator_linux_devices_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_disk_du_create(const struct isolator_context *, struct isolator **, struct err *);
int isolator_disk_xfs_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_gpu_nvidia_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_network_cni_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_port_mapping_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_network_ports_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_io_switchboard_create(
    const struct isolator_context *, struct isolator **, struct err *);
int isolator_environment_secret_create(
    const struct isolator_context *, struct isolator **, struct err *);
/* The one object for every "cgroups/..." name asked for, v1 or v2 by the host's hierarchies. */
int isolator_cgroups_create(const struct isolator_context *, struct isolator **, struct err *);
