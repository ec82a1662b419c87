/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated machine with a docker engine and an agent's docker containerizer on it. With `cli`
 * the containerizer uses the client that runs the CLI, which the engine plays; otherwise the
 * double.
 */
#pragma once

#include "fakes/docker/fake_docker.h"
#include "fakes/fake_fetcher.h"
#include "fakes/faults.h"
#include "reference/docker/docker_containerizer.h"

/* Ids must be UUIDs: others are not recognised. */
#define ID "c1a5d0a0-1111-4222-8333-44445555abcd"
#define NAME "mesos-" ID
#define EXECUTOR_NAME NAME ".executor"
#define ID2 "c2a5d0a0-1111-4222-8333-44445555abcd"
#define WORK "/work"
#define SANDBOX WORK "/slaves/S0/frameworks/f/executors/e/runs/" ID
#define PID_PATH WORK "/forked.pid"

struct heard {
    unsigned count;
    int result;
    bool none;
    int64_t number; /* launch result */
    struct opt_i64 status;
    char *message; /* of an error, or of a termination; NULL: none */
    struct statistics usage;
};

struct docker_fixture {
    struct loop *loop;
    struct kernel *kernel;
    struct trace *trace;
    struct host *host;
    struct fault_plan faults;
    struct flags flags;
    struct fake_docker *engine;
    struct fetcher *fetcher;
    struct containerizer *containerizer;
    struct docker_hooks hooks;
    bool cli;
    size_t lines_seen;
    struct heard launch;
    struct heard wait;
    struct heard destroy;
    struct heard other;
};

/* cmocka set-up and tear-down; the state is the fixture. The machine has cgroups v1. */
int docker_setup(void **state);     /* with the double */
int docker_setup_cli(void **state); /* with the CLI */
int docker_teardown(void **state);
/* The agent is gone, another one with the same flags comes. */
void docker_restart(struct docker_fixture *fixture);
/* The same, after changing a flag. */
void docker_set_flag(struct docker_fixture *fixture, const char *name, const char *value);

enum what { CUSTOM, TASK };
/* Launches ID: a custom executor, or a command task. extra is added to the config's JSON with a
 * leading comma, docker to its docker info; both may be "". */
void docker_launch_id(
    struct docker_fixture *fixture, enum what what, const char *docker, const char *extra);
void docker_config(struct container_config *ret_config, enum what what, const char *id,
    const char *docker, const char *extra);
void docker_wait_id(struct docker_fixture *fixture);
void docker_destroy_id(struct docker_fixture *fixture);
void docker_recover_run(struct docker_fixture *fixture, pid_t pid, bool command_task);
struct done docker_hear(struct heard *heard);
struct done docker_hear_launch(struct heard *heard);
struct done docker_hear_termination(struct heard *heard);
struct done docker_hear_usage(struct heard *heard);

void docker_run_ms(struct docker_fixture *fixture, uint64_t milliseconds);
/* Until the container has that phase; fails the test after a minute. */
void docker_run_to(struct docker_fixture *fixture, enum container_phase phase);
/* The engine's new lines since the last look, joined by "; "; up to the next call. */
const char *docker_lines(struct docker_fixture *fixture);
const char *docker_file(struct docker_fixture *fixture, const char *path);
bool docker_process_lives(struct docker_fixture *fixture, pid_t pid);
/* A control file of the container's cgroup, or of the root. */
const char *docker_cgroup_file(
    struct docker_fixture *fixture, const char *controller, const char *file, bool of_root);
/* No container, process of ours, mount or cgroup is left. */
void docker_assert_clean(struct docker_fixture *fixture);
