/* SPDX-License-Identifier: Apache-2.0 */
/* What tests on the real kernel share: a loop, a host, a directory of their own, and plans. */
#pragma once

#include "reference/base/loop_uv.h"
#include "reference/host_linux.h"
#include "reference/launchers/launcher.h"

struct world {
    struct loop *loop;
    struct host *host;
    char *directory; /* removed at the end */
    struct host_linux_options options;
};

/* For cmocka: *state is a struct world *. The variant takes the ways of older kernels. */
int world_setup(void **state);
int world_setup_old(void **state);
/* With the v1 hierarchies alone, or the cgroup2 alone; null host when there are none. */
int world_setup_v1(void **state);
int world_setup_v2(void **state);
int world_teardown(void **state);

/* Skips the rest of a test that needs it. */
void need_root(void);

/* A plan with the shell command, its stdio and runtime directory below the world's directory. */
void world_plan(struct world *world, struct plan *plan, const char *name, const char *command);
/* Spawns and lets go; the pid. */
pid_t world_start(struct world *world, const struct plan *plan);
/* Steps the loop until `*flag`, for at most ten seconds. */
void world_until(struct world *world, const bool *flag);
/* Waits for the end of the process; its raw status, -1 when unknown. */
int world_wait(struct world *world, pid_t pid);
/* What a file below the directory holds; owned, "" when there is none. */
char *world_read(const struct world *world, const char *name, const char *file);
/* Waits for a file below the directory to have text; owned. */
char *world_await(struct world *world, const char *name, const char *file);
/* Sends the launcher's process off, and yields the gate released. Fails the test on an error. */
pid_t world_fork(struct world *world, struct launcher *launcher, const char *id,
    struct plan *plan);
/* Destroys and waits; the result, with the message in *ret_message when that is given (owned). */
int world_destroy(
    struct world *world, struct launcher *launcher, const char *id, char **ret_message);
/* Number of open descriptors of this process. */
unsigned count_descriptors(void);
bool is_alive(pid_t pid);
/* How many processes of that group or session have not ended. */
unsigned count_alive(struct world *world, pid_t leader);

/* A completion that is waited for. */
struct outcome {
    bool done;
    int result;
    char *message;
    char **strings; /* of launcher_recover */
};
struct done outcome_of(struct outcome *outcome);
struct done outcome_strings(struct outcome *outcome);
void outcome_release(struct outcome *outcome);
