/* SPDX-License-Identifier: Apache-2.0 */
/* A recovery under way (containerizer.md 5): what scan.c has found, and where recover.c stands. */
#pragma once

#include "reference/mesos/container.h"

enum recovery_stage {
    RECOVERY_LAUNCHER,
    RECOVERY_ISOLATORS,
    RECOVERY_PROVISIONER,
    RECOVERY_ADOPT,
};

/* A growing, NULL-terminated list of ids. */
struct id_list {
    char **ids; /* owned; NULL while empty */
    size_t count;
    size_t capacity;
};

struct recovery {
    struct mesos *mesos;
    struct done done;
    enum recovery_stage stage;
    bool asked;
    unsigned pending;
    int result;
    struct err err;
    struct id_list found;   /* parents before children, in the order found */
    struct id_list orphans; /* of those to be destroyed, likewise */
    struct container_state *states; /* of the recoverable ones */
    size_t states_count;
    struct container_state *launcher_states;
    struct recovery_share *shares; /* per isolator */
    size_t shares_count;
};

/* What one isolator gets to see. */
struct recovery_share {
    struct recovery *recovery;
    const struct isolator *isolator;
    struct container_state *states;
    size_t count;
    char **orphans; /* of the recovery's ids */
};

void id_list_add(struct id_list *list, const char *id); /* copies */
void id_list_release(struct id_list *list);
/* A record for a container that was found, in RUNNING; *ret_container is in the map. */
struct container *recovery_record(
    struct recovery *recovery, const char *id, enum container_origin origin);
/* Step A: the executors of the agent's state (5.1). */
int recovery_scan_agent(
    struct recovery *recovery, const struct agent_state *state, struct err *err);
/* Step B: the runtime directory (5.2). */
int recovery_scan_runtime(struct recovery *recovery, struct err *err);
