/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on the simulated machine beside processes, cgroups and files: mounts, users and helper
 * programs. It belongs to the kernel (made on first use, freed with it) and outlives the agents.
 */
#pragma once

#include "fakes/host/sim_host.h"
#include "fakes/kernel/kernel.h"
#include "reference/host.h"

struct sim_program {
    sim_program_fn fn; /* NULL: commands */
    void *arg;
    struct sim_commands commands;
};
struct sim_player {
    sim_player_fn play;
    void *arg;
};

/* Something that belongs to a simulated process, and goes with the machine when that goes first. */
struct sim_resident {
    struct list node;
    void (*free)(struct sim_resident *resident); /* takes it out too */
};

struct sim_world {
    struct list residents;
    struct kernel *kernel;
    struct strmap *programs; /* name -> struct sim_program * */
    char *program_output;    /* of the last of our own programs; owned */
    char *program_errors;
    struct strmap *players;  /* name -> struct sim_player * */
    struct strmap *servers;  /* path -> struct host_stream_server *, of the hosts */
    struct sim_mounts *root_mounts;
    struct u64map *mounts;   /* inode of a mount namespace -> struct sim_mounts *: those with own */
    struct sim_xfs *xfs;     /* NULL: the file system has no project quotas */
    const char *filesystem;  /* its type: static; NULL: xfs with those quotas, else ext4 */
    bool hides_entry_types;  /* its directories do not say what kind each entry is */
    struct sim_cni *cni;     /* what CNI plugins hold; NULL: they were never installed */
    struct sim_net *net;     /* links and filters; NULL: nobody asked for them */
    struct u64map *watchers; /* pid -> who waits for its end; of sim_host_exit.c */
};

struct sim_world *sim_world_get(struct kernel *kernel);
void sim_resident_add(struct sim_world *world, struct sim_resident *resident);
void sim_resident_remove(struct sim_resident *resident);

/* Plays a helper command: a registered program by the name in argv[0] (without its folder), or one
 * of true, false, sleep and du. -ENOENT when there is none. */
int sim_program_play(struct sim_world *world, const struct run_request *request,
    struct sim_program_result *ret_result);

/* The program that plays its commands as they come; NULL when argv[0] names none. */
const struct sim_commands *sim_commands_find(struct sim_world *world, const char *program);
/* Lets a fake program play in the process. False when argv[0] names none. */
bool sim_player_play(
    struct sim_world *world, struct process *process, const struct workload_start *start);

/* The machine's users: root, nobody and alice. NULL when there is none of that name. */
struct sim_user {
    const char *name;
    uid_t uid;
    gid_t gid;
};
const struct sim_user *sim_user_find(const char *name);

/*
 * Mounts, per mount namespace. A new namespace sees what is mounted in the root one too, as the
 * init helper makes everything slave (launchers.md 5.1).
 */
struct sim_mount {
    struct list node;
    char *target;
    char *source;
    char *type;
    bool shared;
    bool by_boot; /* there before any agent */
    bool shown;   /* what it holds was put into the directory, and goes with it */
};
struct sim_mounts {
    struct list list; /* of struct sim_mount, oldest first */
};

/* The namespace's own mounts; NULL when it has none and !create. */
struct sim_mounts *sim_mounts_of(struct sim_world *world, uint64_t inode, bool create);
/* mount(2): 0, -ENOENT (target or bind source), -EINVAL (propagation of what is no mount). */
int sim_mounts_add(
    struct sim_world *world, struct sim_mounts *mounts, const struct mount_entry *entry);
/* umount2(2): -EINVAL when nothing is mounted there, -EBUSY when something is mounted below. */
int sim_mounts_remove(struct sim_mounts *mounts, const char *target, bool detach);
/* Puts into an empty target what the last mount there shows of it: an overlay its layers, a
 * read-only bind its source as it is now. Of the agent's own mounts only. */
int sim_mounts_show(
    struct sim_world *world, struct sim_mounts *mounts, const struct mount_entry *entry);
/* Was something put there so? Then it is to be hidden once the mount is gone. */
bool sim_mounts_shown(const struct sim_mounts *mounts, const char *target);
void sim_mounts_hide(struct sim_world *world, const char *target);
/* The mounts of every namespace into the hash. */
uint64_t sim_mounts_digest(const struct sim_world *world, uint64_t hash);
/* True when something is mounted on path or below. */
bool sim_mounts_below(const struct sim_mounts *mounts, const char *path);
/* Frees world->watchers' values. */
void sim_watchers_drop(struct sim_world *world);
/* The namespace is gone. */
void sim_mounts_drop(struct sim_world *world, uint64_t inode);
