/* SPDX-License-Identifier: Apache-2.0 */
/* Between sim_init.c, which says when, and sim_init_stages.c, which says what. */
#pragma once

#include "fakes/host/sim_init.h"

/* Raw wait statuses (wait(2)): exit code 1; death of a signal is its number. */
#define STATUS_EXIT_1 (1 << 8)

enum init_state { INIT_STARTING, INIT_BLOCKED, INIT_STAGES, INIT_RUNNING };

struct sim_init {
    struct sim_world *world;
    struct process *process;
    /* Raw wait statuses (wait(2)): exit code 1; death of a signal is its number. */
#define STATUS_EXIT_1 (1 << 8)

enum init_state state;
    struct loop_timer *timer; /* the next step */
    bool due;                 /* it came while frozen */
    bool released;
    bool own_mounts;          /* the mount namespace is its own and has a table */
    struct sim_gate *gate;    /* NULL once closed */
    int signal;               /* that came before the workload */
    char *status_path;        /* NULL: no status, the process itself becomes the command */
    char *input_path;
    char *output_path;
    char *errors_path;

    struct process *workload;
    bool workload_ended;
    int workload_status;

    /* what is kept of the plan until the workload runs */
    char **argv;
    char **environment;
    struct launch_info *info; /* a copy when stages need more than the fields below; else NULL */
    char *working_directory;
    char *user;
    bool mounts_allowed;
    bool enters_mount_namespace;
    struct namespace *mount_namespace; /* that it enters, once; a reference */
    size_t next_pre_exec;
    bool walked_before; /* the stages before the pre-exec commands */
};

void init_step(struct sim_init *init);
/* The next step comes after that time. */
void init_continue(struct sim_init *init, uint64_t delay_ns);
/* The message to stderr, the status of exit code 1, and the end: init is freed. */
void init_fail(struct sim_init *init, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The process is no init any more; then free it. */
void init_detach(struct sim_init *init);
void init_free(struct sim_init *init);

void init_keep_plan(struct sim_init *init, const struct plan *plan);
void init_forget_plan(struct sim_init *init);
/* The stages from the release on, up to the next delay; init may be freed afterwards. */
void init_stages(struct sim_init *init);
