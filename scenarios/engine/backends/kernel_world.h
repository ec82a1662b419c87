/* SPDX-License-Identifier: Apache-2.0 */
/* The world of the kernel under our feet, which two backends share: with the agent in this process,
 * and in one of its own. */
#pragma once

#include "scenarios/engine/backends/backend.h"

struct private_network;

struct kernel_world {
    struct world base;
    struct private_network *network; /* of its own; NULL: the machine's */
    char *directory;
    char *hierarchies; /* where those that the machine has not mounted are, below it */
    char *init_helper;
    char **descriptors;  /* open before the first agent */
    const struct node *agent; /* the scenario's; borrowed, NULL: default */
    const char *cgroups; /* which hierarchies the agent sees */
    pid_t agent_pid;     /* of an agent in a process of its own; -1: none */
    bool agent_killed;   /* the last one ended by SIGKILL */
};

static inline struct kernel_world *kernel_of(struct world *world)
{
    return (struct kernel_world *)world;
}

/* The operations of the world, for both tables. */
struct host *kernel_agent_host(struct world *world);
void kernel_flags(struct world *world, struct flags *flags);
int kernel_next_pid(struct world *world, pid_t pid, struct err *err);
struct process_info *kernel_processes(struct world *world, size_t *ret_count);
char **kernel_audit(struct world *world, bool final);
char **kernel_descriptors(struct world *world, struct host *host);
char **kernel_describe(struct world *world);
void kernel_free_world(struct world *world);

int kernel_world_make(const struct world_options *options, const struct backend *backend,
    const struct world_ops *ops, struct world **ret_world, struct err *err);
bool kernel_has(enum capability capability, const char **ret_reason);
/* A program beside this one (the build tree), or where it is installed; owned. */
char *kernel_program_path(const char *name);
