/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scenario does to a docker engine and sees of it: of the simulated one, or of a real one
 * that the tests have for themselves (ci/docker-engine), whose CLI goes through a front
 * (scenarios/docker/front.h).
 */
#pragma once

#include "fakes/docker/fake_docker.h"

struct flags;
struct docker_control;

struct docker_control_ops {
    void (*add_rule)(struct docker_control *control, const struct fake_docker_rule *rule);
    /* Ends holds; how many calls go on. */
    unsigned (*release)(struct docker_control *control, enum docker_verb verb, const char *name);
    void (*calm)(struct docker_control *control); /* nothing goes wrong any more */
    void (*refuse)(struct docker_control *control, bool refuse);
    int (*restart)(struct docker_control *control, struct err *err);
    void (*set_version)(struct docker_control *control, const char *version);
    /* Somebody else's container, which sleeps; and the end of any container's main process (of a
     * real one by SIGKILL, whatever the status). */
    int (*start)(struct docker_control *control, const char *name, struct err *err);
    int (*end)(struct docker_control *control, const char *name, int status, struct err *err);
    void (*look)(
        struct docker_control *control, const char *name, bool *ret_exists, bool *ret_running);
    /* Command lines so far, without `docker -H SOCKET`; owned, NULL: none. */
    char **(*lines)(struct docker_control *control);
    void (*free)(struct docker_control *control); /* what is left in a real engine goes */
};
struct docker_control {
    const struct docker_control_ops *ops;
};

/* The engine stays the caller's. */
struct docker_control *docker_control_sim(struct fake_docker *engine);

/* The socket of the engine that is the tests' own; NULL: none is given. */
const char *docker_real_socket(void);
/*
 * Takes the engine for one world: another process that has it is waited for. The front is made in
 * the directory, and the image busybox:latest in the engine, with the workload program as
 * DOCKER_WORKLOAD in it. Errors: what the engine or the file system says.
 */
#define DOCKER_WORKLOAD "/seatrial-workload"
int docker_control_real(const char *directory, const char *front_program, const char *workload,
    struct docker_control **ret_control, struct err *err);
/* The agent's way to it. */
void docker_real_flags(const struct docker_control *control, struct flags *flags);
/* Containers that still run, one line each: those that wait for their removal are not left. */
void docker_real_audit(struct docker_control *control, char ***lines);
