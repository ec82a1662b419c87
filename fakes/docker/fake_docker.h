/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated docker engine: images, and containers whose main processes are simulated ones in the
 * cgroups docker/<id>, each the child of a shim, in a pid namespace of its own. It answers both as
 * a `docker` vtable (the double) and as the program `docker` of the simulated host, so that the
 * real CLI client runs against it too. It outlives agents, as a real engine does.
 */
#pragma once

#include "fakes/kernel/kernel.h"
#include "reference/docker/docker.h"

struct fake_docker;
/* The kernel is borrowed, and freed after the engine. */
struct fake_docker *fake_docker_new(struct kernel *kernel);
void fake_docker_free(struct fake_docker *engine);

/* The double: a client of the host's agent; counted as one effect a call, like any other. */
struct docker *fake_docker_client(struct fake_docker *engine, struct host *host);
/* Makes the engine the program `docker` of the host's machine, and mesos-docker-executor a program
 * that it can spawn. */
void fake_docker_install(struct fake_docker *engine, struct host *host);

/* Images are named with their tag. `local`: there without a pull. The command is what an image
 * starts when it is given no arguments; strings are copied, lists may be NULL. */
struct fake_docker_image {
    const char *name;
    bool local;
    char *const *entrypoint;
    char *const *command;
    char *const *environment;
};
void fake_docker_add_image(struct fake_docker *engine, const struct fake_docker_image *image);
/* What `docker --version` prints after "Docker version "; "20.10.24, build 5d6db84" at first. */
void fake_docker_set_version(struct fake_docker *engine, const char *version);
/* Nobody listens on the socket any more, or again. */
void fake_docker_refuse(struct fake_docker *engine, bool refuse);
/* The engine restarts: its containers are killed, and every CLI that waits for it ends with status
 * 125. */
void fake_docker_restart(struct fake_docker *engine);

/* What is to go wrong. The first rule that matches a call applies. */
enum fake_docker_fault {
    FAKE_DOCKER_HOLD,    /* does not answer until released */
    FAKE_DOCKER_FAIL,    /* does nothing, and ends with `status` and the text on stderr */
    FAKE_DOCKER_GARBAGE, /* prints the text instead of what it should */
    FAKE_DOCKER_DELAY,   /* takes delay_ns longer */
};
struct fake_docker_rule {
    enum docker_verb verb;
    const char *name; /* of container or image, a part of it; NULL: any */
    enum fake_docker_fault fault;
    int status;       /* FAIL: exit status, 0 = 1 */
    const char *text; /* FAIL, GARBAGE; NULL: "injected failure", or nothing */
    uint64_t delay_ns;
    unsigned times;   /* 0: always */
};
void fake_docker_add_rule(struct fake_docker *engine, const struct fake_docker_rule *rule);
/* Ends the holds of that verb and name (NULL: any), and lets what they hold go on. How many. */
unsigned fake_docker_release(struct fake_docker *engine, enum docker_verb verb, const char *name);

/* Nothing goes wrong any more: no rules, nothing held, and the socket listens. */
void fake_docker_calm(struct fake_docker *engine);

/*
 * The task that mesos-docker-executor would be given by the agent: when the executor of the
 * container `name` starts, it runs this, and ends with status 0 when that has ended. Without a task
 * an executor only waits for signals. The config is copied.
 */
void fake_docker_set_task(
    struct fake_docker *engine, const char *name, const struct container_config *config);

/* What is there. */
pid_t fake_docker_pid(const struct fake_docker *engine, const char *name); /* 0: does not run */
bool fake_docker_exists(const struct fake_docker *engine, const char *name);
/* Names of all containers, or of the running ones, sorted; owned, never NULL. */
char **fake_docker_names(const struct fake_docker *engine, bool only_running);
/* Starts a container as somebody else does: of any image, it sleeps. -EEXIST: the name is taken. */
int fake_docker_start(struct fake_docker *engine, const char *name, struct err *err);
/* Ends the main process of a container. */
void fake_docker_exit(struct fake_docker *engine, const char *name, int wait_status);
/* The command lines of all calls so far, without "docker -H <socket>"; borrowed, NULL: none. */
char *const *fake_docker_lines(const struct fake_docker *engine);
uint64_t fake_docker_digest(const struct fake_docker *engine, uint64_t hash);
