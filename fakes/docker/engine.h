/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the simulated docker engine. */
#pragma once

#include "fakes/docker/fake_docker.h"
#include "fakes/kernel/process.h"
#include "reference/base/list.h"
#include "reference/base/map.h"

struct workload_start;

/* How a call ended, for the client. */
struct docker_answer {
    int status;         /* raw wait status of the CLI */
    const char *errors; /* stderr */
    const void *value;  /* of the verb's type, when status is 0 */
    const char *garbage; /* what is printed instead of the value; NULL: nothing is */
};
typedef void (*docker_answer_fn)(void *arg, const struct docker_answer *answer);

struct engine_image {
    char *name;
    bool local;
    char **entrypoint;
    char **command;
    char **environment;
};

enum box_state { BOX_CREATED, BOX_RUNNING, BOX_EXITED };

/* A container of the engine. */
struct box {
    struct list node;
    struct fake_docker *engine;
    char *id;
    struct docker_run_options options;
    const struct engine_image *image;
    enum box_state state;
    struct process *process;   /* the main one, while it lives */
    struct process *shim;      /* while it is RUNNING */
    struct loop_timer *ending; /* the process has ended, the engine does not know yet */
    struct opt_u64 started_ns;
    int status; /* once exited */
};

/* A call under way. */
struct job {
    struct list node;
    struct fake_docker *engine;
    enum docker_verb verb;
    char *name;
    int64_t stop_seconds;
    int signal;
    bool force;
    struct docker_run_options run;
    bool held;
    char *garbage;            /* printed in the end; NULL: what is due */
    struct loop_timer *timer; /* until it is done, or for its next step; NULL while it waits */
    struct box *box;          /* RUN and STOP: whose end it waits for */
    docker_answer_fn answer;
    void *arg;
};

struct rule {
    struct list node;
    struct fake_docker_rule rule; /* its strings are owned */
};

struct fake_docker {
    struct kernel *kernel;
    struct list boxes;       /* struct box, oldest first */
    struct list jobs;        /* struct job */
    struct list rules;       /* struct rule */
    struct strmap *images;   /* name -> struct engine_image * */
    struct strmap *tasks;    /* container's name -> struct container_config * */
    struct list executors;   /* struct executor: executor.c */
    struct list commands;    /* struct command: program.c */
    struct list clients;     /* struct client: program.c */
    char *version;
    bool refuses;
    unsigned last_id;
    char **lines;
};

/* --- call.c --- */
/* Begins a call, which is noted; answers later, once. The line is only for the notes. */
struct job *engine_start(struct fake_docker *engine, const struct docker_call *call,
    char *const *line, docker_answer_fn answer, void *arg);
/* The client is gone: a container that was run runs on. */
void job_forget(struct job *job);
void rule_free(struct rule *rule);
/* A container's main process has ended: answers who waits for that. */
void engine_box_ended(struct box *box);

/* --- box.c: containers and their processes --- */
struct box *box_find(const struct fake_docker *engine, const char *name);
struct box *box_new(struct fake_docker *engine, const struct docker_run_options *options,
    const struct engine_image *image);
/* Starts the main process. -errno; the box is as it was then. */
int box_start(struct box *box);
void box_signal(struct box *box, int signal);
void box_free(struct box *box); /* it must not run, but at the end of the engine */

/* --- executor.c: mesos-docker-executor, on the host and in a container --- */
/* Plays it in the process when argv names it. */
bool executor_play(struct fake_docker *engine, struct process *process,
    const struct workload_start *start);
void executors_free(struct fake_docker *engine);

/* --- program.c: the engine as a program --- */
void commands_free(struct fake_docker *engine);

/* --- text.c: what the CLI prints --- */
/* Owned; NULL: nothing. */
char *answer_text(enum docker_verb verb, const void *value);
