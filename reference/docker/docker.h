/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam to a docker engine: a table of asynchronous calls (docker.md 6 to 8). The real one
 * (docker_cli.c) runs the docker CLI through the host; fakes/fake_docker.h answers from a simulated
 * engine. docker.c is the front: each call is an effect (EFFECT_DOCKER) whose subject is the verb
 * and what it is about ("inspect mesos-c1") and whose detail is the whole command line.
 *
 * Results. A call that docker refused (the CLI ended with another status than 0) answers
 * -EREMOTEIO, with the status and what it printed; -EBADMSG when its output can't be understood,
 * with the field; another errno when the CLI can't be run at all (-ENOENT: there is none).
 */
#pragma once

#include "reference/docker/docker_values.h"
#include "reference/docker/run_options.h"
#include "reference/host.h"

enum docker_verb {
    DOCKER_VERSION,
    DOCKER_RUN,
    DOCKER_STOP,
    DOCKER_KILL,
    DOCKER_RM,
    DOCKER_INSPECT,
    DOCKER_PS,
    DOCKER_PULL,
    DOCKER_IMAGE_INSPECT,
    DOCKER_VERB_COUNT
};
extern const char *const docker_verb_names[DOCKER_VERB_COUNT + 1]; /* "version", "run", … */
/* Of the values that the verbs yield; NULL: none. */
extern const struct json_type *const docker_value_types[DOCKER_VERB_COUNT];

struct docker_call {
    enum docker_verb verb;
    const char *name;                     /* container or image; PS: the prefix of names */
    const struct docker_run_options *run; /* RUN */
    int64_t stop_seconds;                 /* STOP */
    int signal;                           /* KILL */
    bool force;                           /* RM */
    const char *home;                     /* PULL: HOME, or NULL */
};

struct docker;
struct docker_ops {
    /*
     * Starts the call, which is valid for the duration of this function. Not counted, never for a
     * gone agent. The request is the implementation's: it sets only `cancel`, as those of struct
     * host_ops do, and calls done once, not before it has returned.
     */
    struct host_request *(*start)(
        struct docker *docker, const struct docker_call *call, struct done done);
    void (*free)(struct docker *docker);
};
struct docker {
    const struct docker_ops *ops;
    struct host *host; /* borrowed */
    char *program;     /* --docker */
    char *socket;      /* --docker_socket */
};

/* For implementations: the common part (strings are copied), and its release. */
void docker_init(struct docker *docker, const struct docker_ops *ops, struct host *host,
    const char *program, const char *socket);
void docker_release(struct docker *docker);
void docker_free(struct docker *docker); /* NULL is fine */

/* The command line of a call, `docker -H unix://<socket> …` (docker.md 7, 8); caller frees. */
char **docker_arguments(const struct docker *docker, const struct docker_call *call);
/* The arguments in one line, those with other characters than letters, digits and -_=:/.,@+%
 * in single quotes. */
char *docker_line(char *const *arguments);

/*
 * All return a request that can be cancelled: then the CLI is killed, and done is not called. Only
 * `docker run` goes on: who wants its container to end stops it.
 */
struct host_request *docker_start(
    struct docker *docker, const struct docker_call *call, struct done done);
/* const struct docker_exit *: that of `docker run`, when it has ended. */
struct host_request *docker_run(
    struct docker *docker, const struct docker_run_options *options, struct done done);
/* Whole seconds count. A negative timeout is refused: -EINVAL. */
struct host_request *docker_stop(
    struct docker *docker, const char *name, int64_t timeout_ns, struct done done);
struct host_request *docker_kill(
    struct docker *docker, const char *name, int signal, struct done done);
struct host_request *docker_rm(
    struct docker *docker, const char *name, bool force, struct done done);
/* const struct docker_inspection *. */
struct host_request *docker_inspect(struct docker *docker, const char *name, struct done done);
/* const struct docker_names *: of the containers, running or not, that begin with the prefix. */
struct host_request *docker_ps(struct docker *docker, const char *prefix, struct done done);
/* home: value of HOME for the CLI, or NULL. */
struct host_request *docker_pull(
    struct docker *docker, const char *image, const char *home, struct done done);
/* const struct docker_image *; -EREMOTEIO when there is no such image. */
struct host_request *docker_inspect_image(
    struct docker *docker, const char *image, struct done done);

/* Several calls in a row, or one with a limit (docker_sequence.c); requests as those above. */

/* const struct docker_version *; -ETIMEDOUT after 5 s (docker.md 1). */
struct host_request *docker_get_version(struct docker *docker, struct done done);

struct docker_patience {
    /* When docker refused, or the container has not started yet: the pause before the next attempt;
     * 0: the answer is taken as it is. */
    uint64_t interval_ns;
    uint64_t attempt_ns; /* what takes longer is killed and tried again at once; 0: never */
};
/* Inspects again and again. Other failures than those named end it. const struct docker_inspection
 * *. */
struct host_request *docker_inspect_patiently(struct docker *docker, const char *name,
    const struct docker_patience *patience, struct done done);
/* Inspects all containers that docker_ps finds, at most 100 at a time; the first failure ends it.
 * const struct docker_inspections *, in the order of docker_ps. */
struct host_request *docker_list(struct docker *docker, const char *prefix, struct done done);
/* Stops and then removes, by force when docker refused the stop. Only a stop that could not be
 * asked for fails; a failed removal is logged. */
struct host_request *docker_stop_and_remove(
    struct docker *docker, const char *name, int64_t timeout_ns, struct done done);
