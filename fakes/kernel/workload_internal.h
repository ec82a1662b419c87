/* SPDX-License-Identifier: Apache-2.0 */
/* Between the workload*.c only. */
#pragma once

#include "fakes/kernel/actions.h"
#include "fakes/kernel/workload.h"

/* What a started program and all that it spawns have in common; reference counted. */
struct workload_program {
    unsigned references;
    struct action *actions; /* owned; lists that are played point into them */
    size_t count;
    char **argv;
    char **environment;
    char *directory;
    struct kernel *kernel;
    char *stdin_path;
    char *stdout_path;
    char *stderr_path;
    char *rootfs;
    char **inside;  /* mappings, side by side */
    char **outside;
    gid_t *groups;
    size_t groups_count;
    struct workload_limit *limits; /* names owned */
    size_t limits_count;
};

/* A list that is being played. */
struct frame {
    const struct action *actions;
    size_t count;
    size_t next;
    uint64_t rounds; /* left, with this one */
};

enum player_wait {
    PLAYER_RUNS,
    PLAYER_SLEEPS, /* for the timer, or for ever */
    PLAYER_BURNS,  /* for its demand */
    PLAYER_WAITS,  /* for children */
    PLAYER_READS,  /* its input */
    PLAYER_STARVES /* for memory, without the OOM killer; or sleeps above memory.high */
};

/* One thread of a workload. */
struct player {
    struct workload *workload;
    struct task *task;
    struct list node; /* in workload->players, the main one first */
    struct frame *frames;
    size_t depth;
    size_t capacity;
    enum player_wait wait;
    bool due; /* has something to do as soon as the process is runnable */
    struct loop_timer *timer;
};

struct handler {
    int signal;
    const struct action *actions;
    size_t count;
};

struct workload {
    struct process *process;
    struct workload_program *program;
    struct list players;
    struct handler *handlers;
    size_t handlers_count;
    uint64_t allocated_bytes;
};

/* workload.c */
struct workload *workload_new(
    struct process *process, struct workload_program *program, const struct workload *like);
struct player *player_new(
    struct workload *workload, struct task *task, const struct action *actions, size_t count);
void player_push(struct player *player, const struct action *actions, size_t count,
    uint64_t rounds);
/* Goes on from the loop, after that time. */
void player_wake_after(struct player *player, uint64_t delay_ns);
/* A line "TEXT" to stderr, and exit with that status. */
void workload_fail(struct workload *workload, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* workload_actions.c: plays one action. The process may be dead afterwards. */
void player_act(struct player *player, const struct action *action);

/* workload_files.c */
void workload_write_stdout(const struct workload_program *program, struct kernel *kernel,
    const char *text, size_t length);
void workload_write_stderr(const struct workload_program *program, struct kernel *kernel,
    const char *text, size_t length);
/* The place in the vfs of a path as seen inside; owned. */
char *workload_path(const struct workload_program *program, const char *path);
/* As the process' user: 0 or a negative errno. */
int workload_file_write(const struct workload *workload, const char *path, const char *text,
    size_t length, bool append);
int workload_file_read(
    const struct workload *workload, const char *path, const char **ret_text, size_t *ret_length);
/* A symbolic link in the place of what is there. */
int workload_file_link(const struct workload *workload, const char *path, const char *target);
/* open(2), mode "r", "w" or "rw" ("": is it there?): files, and the devices that everyone knows. */
int workload_file_open(const struct workload *workload, const char *path, const char *mode);

/* workload_builtin.c: what argv stands for, as actions (for actions_free). */
void workload_translate(struct workload_program *program);
