/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A containerizer between scripted parts, for tests: three isolators "a", "b", "c" (c sees neither
 * nested nor standalone containers), a launcher that kills through the host, a fetcher and a
 * provisioner. Every call is noted in a journal as "part.call id" and may be held or made to fail.
 */
#pragma once

#include "reference/base/list.h"
#include "reference/mesos/mesos.h"
#include "reference/mesos/tests/host_double.h"

struct script;
struct world {
    struct double_world outside;
    struct host *host;
    struct flags flags;
    struct containerizer *containerizer;
    struct strmap *scripts;  /* "a.prepare" -> struct script */
    struct list held;        /* struct held */
    struct strmap *watches;  /* "a c1" -> struct done * */
    char **journal;
    char **launcher_orphans; /* what the launcher's next recover finds */
    struct launch_info *info_a; /* what prepare of a and b yields; borrowed */
    struct launch_info *info_b;
    struct provision_info provision; /* what the provisioner yields */
    bool without_provisioner;
    uint64_t effects_at_start;
};

/* An answer of the containerizer, taken down. */
struct answer {
    unsigned count;
    int result;
    char *message;
    enum launch_result outcome;
    bool yes;
    bool none;
    struct termination termination;
};

void world_init(struct world *world);
void world_release(struct world *world);
/* Another instance on the same files and processes: the old one is gone, as after a crash. */
void world_restart(struct world *world);
/* Runs all that is due. */
void world_settle(struct world *world);

/* The part answers with a failure from now on; NULL: no more. */
void world_fail(struct world *world, const char *call, const char *message);
/* The part's answers are kept. */
void world_hold(struct world *world, const char *call);
/* Gives the kept answers, and holds no more. */
unsigned world_release_call(struct world *world, const char *call);
/* How often that stands in the journal: "a.prepare c1", or "a.prepare" for any container. */
unsigned world_count(const struct world *world, const char *call);
/* The index in the journal of the first such call; fails the test when there is none. */
size_t world_index(const struct world *world, const char *call);
/* The journal as one text, "a.prepare c1, b.prepare c1", without calls of `except`. */
char *world_journal(const struct world *world);
void world_forget(struct world *world);
/* The isolator tells of a limit (limitation NULL: its watch fails). */
void world_limit(struct world *world, const char *isolator, const char *id,
    const struct limitation *limitation);

struct container_config world_config(const char *command);
/* Launches and runs what is due; the config's directory is made. */
void world_launch(struct world *world, const char *id, const struct container_config *config,
    struct answer *answer);
/* A running standalone container with that command. */
void world_run(struct world *world, const char *id);
pid_t world_pid(struct world *world, const char *id);
struct double_process *world_process(struct world *world, const char *id);
const char *world_phase(struct world *world, const char *id);
bool world_exists(struct world *world, const char *path);
char *world_read(struct world *world, const char *path);
void world_write(struct world *world, const char *path, const char *text);

struct done answer_launch(struct answer *answer);
struct done answer_termination(struct answer *answer);
struct done answer_bool(struct answer *answer);
struct done answer_plain(struct answer *answer);
void answer_release(struct answer *answer);
