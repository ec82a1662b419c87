/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an executor says of its task (executors.md 2.5, 4): states, and what checks and the health
 * check find out. An update of the latter kind is a copy of the last status with what is new.
 */
#pragma once

#include "reference/executors/checker.h"
#include "reference/executors/client.h"

struct reporter {
    struct host *host;
    struct executor_client *client;
    char *task_id;
    struct task_update last;
    struct checker *checker; /* NULL: none, or paused */
    json_t *check_status;    /* latest; NULL: the task has no check */
    struct checker *health;
    unsigned failures; /* counted ones in a row */
    bool succeeded;    /* the health check, ever */
    uint64_t grace_end_ns;
    void (*unhealthy)(void *arg); /* the health check asks for a kill */
    void *arg;
};

void reporter_init(struct reporter *reporter, struct host *host, struct executor_client *client,
    const char *task_id);
void reporter_release(struct reporter *reporter);

/* A status from scratch; reason, message and healthy (negative: absent) may be missing. The other
 * task's: one that is refused beside ours (executors.md 2.3, quirk). */
void reporter_state(struct reporter *reporter, const char *state, const char *reason,
    const char *message, int healthy);
void reporter_refuse(struct reporter *reporter, const char *other_task_id, const char *message);
/* The same with what docker said: data and container_status may be NULL. */
void reporter_running(struct reporter *reporter, const char *data, const json_t *container_status);

/* That there is a check, so that every status has its field, before any state is reported. A bad
 * definition: false. */
void reporter_announce_check(struct reporter *reporter, const struct task_info *task);
/* Start the checks of the task; a definition that is not valid is only logged (quirk). */
void reporter_start_checks(struct reporter *reporter, const struct task_info *task,
    const struct check_place *place, bool only_health);
/* No results from here on. */
void reporter_stop_checks(struct reporter *reporter);
