/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containerizer interface that mesos, docker and composing implement (containerizer.md 1). All
 * operations of one containerizer run on one loop; each finishes through its done, called exactly
 * once, with a value of the type named here.
 */
#pragma once

#include "reference/base/done.h"
#include "reference/base/json.h"
#include "reference/model/agent_state.h"
#include "reference/model/container_id.h"
#include "reference/model/statistics.h"
#include "reference/model/status.h"
#include "reference/model/termination.h"

enum launch_result { LAUNCH_SUCCESS, LAUNCH_ALREADY_LAUNCHED, LAUNCH_NOT_SUPPORTED };
extern const char *const launch_result_names[]; /* "SUCCESS", … */

enum container_phase {
    CONTAINER_PROVISIONING,
    CONTAINER_PREPARING,
    CONTAINER_ISOLATING,
    CONTAINER_FETCHING,
    CONTAINER_RUNNING,
    CONTAINER_DESTROYING,
    CONTAINER_PULLING,  /* docker only */
    CONTAINER_MOUNTING, /* docker only */
};
extern const char *const container_phase_names[];

struct containerizer;
struct containerizer_ops {
    const char *name;
    void (*recover)(struct containerizer *, const struct agent_state *state, struct done done);
    /* value: const enum launch_result * */
    void (*launch)(struct containerizer *, const char *id, const struct container_config *config,
        const struct environment_variable *environment, size_t environment_count,
        const char *pid_checkpoint_path, struct done done);
    /* value: const char *, path of the socket of its I/O switchboard. */
    void (*attach)(struct containerizer *, const char *id, struct done done);
    void (*update)(struct containerizer *, const char *id, const struct resources *requests,
        const struct resource_limits *limits, struct done done);
    void (*usage)(
        struct containerizer *, const char *id, struct done done); /* const struct statistics * */
    void (*status)(struct containerizer *, const char *id,
        struct done done); /* const struct container_status * */
    /* value: const struct termination *, NULL = none */
    void (*wait)(struct containerizer *, const char *id, struct done done);
    void (*wait_cancel)(struct containerizer *, const char *id, const void *arg);
    void (*destroy)(struct containerizer *, const char *id, struct done done);
    void (*kill)(
        struct containerizer *, const char *id, int signal, struct done done); /* const bool * */
    char **(*containers)(struct containerizer *); /* sorted, owned by the caller */
    void (*remove)(struct containerizer *, const char *id, struct done done);
    void (*prune_images)(struct containerizer *, char *const *keep, struct done done);
    /* The phase of a known container; -ENOENT. For observers. */
    int (*phase)(struct containerizer *, const char *id, enum container_phase *ret_phase);
    /* NULL: base.metrics as it is. */
    const json_t *(*metrics)(struct containerizer *);
    void (*free)(struct containerizer *);
};
struct containerizer {
    const struct containerizer_ops *ops;
    json_t *metrics; /* object of numbers, named as in the spec; owned */
};

void containerizer_recover(
    struct containerizer *, const struct agent_state *state, struct done done);
void containerizer_launch(struct containerizer *, const char *id,
    const struct container_config *config, const struct environment_variable *environment,
    size_t environment_count, const char *pid_checkpoint_path, struct done done);
void containerizer_attach(struct containerizer *, const char *id, struct done done);
void containerizer_update(struct containerizer *, const char *id, const struct resources *requests,
    const struct resource_limits *limits, struct done done);
void containerizer_usage(struct containerizer *, const char *id, struct done done);
void containerizer_status(struct containerizer *, const char *id, struct done done);
void containerizer_wait(struct containerizer *, const char *id, struct done done);
/*
 * Gives up a pending wait or destroy of the container, the one whose done has this arg: it is
 * called with -ECANCELED, here and now. The container and the other waits never notice
 * (containerizer.md 1.7). Nothing when there is no such wait.
 */
void containerizer_wait_cancel(struct containerizer *, const char *id, const void *arg);
void containerizer_destroy(struct containerizer *, const char *id, struct done done);
void containerizer_kill(struct containerizer *, const char *id, int signal, struct done done);
char **containerizer_containers(struct containerizer *);
void containerizer_remove(struct containerizer *, const char *id, struct done done);
void containerizer_prune_images(struct containerizer *, char *const *keep, struct done done);
int containerizer_phase(struct containerizer *, const char *id, enum container_phase *ret_phase);
/* Object of numbers, borrowed; NULL when nothing was counted. */
const json_t *containerizer_metrics(struct containerizer *);
/* Frees the instance: pending dones are called with -ESHUTDOWN; the world is not touched. NULL is
 * fine. */
void containerizer_free(struct containerizer *);

/* Adds to a metric, made on first use. */
void containerizer_metric_add(struct containerizer *, const char *name, double amount);
