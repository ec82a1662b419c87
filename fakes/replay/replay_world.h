/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world a trace runs in: a kernel as the header describes it, the recorder's process, actors,
 * handles, and the symbols by which the trace names pids and descriptors. Operations are a table of
 * functions (replay_ops.c), each filling an outcome.
 */
#pragma once

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/cgroup_node.h"
#include "fakes/kernel/process.h"
#include "fakes/replay/replay_trace.h"
#include "reference/base/err.h"
#include "reference/base/strbuf.h"

#define REPLAY_BASE "base"

/* What the model did. */
struct replay_outcome {
    const char *skipped; /* why it was not compared; NULL */
    int64_t result;
    bool at_open;        /* the error is open(2)'s */
    bool has_out;
    struct strbuf out;
};

enum handle_kind { HANDLE_NONE, HANDLE_FILE, HANDLE_EVENTFD, HANDLE_INOTIFY };
struct replay_handle {
    struct replay_handle *next;
    char *name;
    int fd;
    enum handle_kind kind; /* NONE: closed */
    struct cgroup_open *open;
    int flags;             /* of open(2) */
    uint64_t count;        /* eventfd */
    struct cgroup *watched_cgroup; /* inotify; held */
    const struct cgroup_file *watched_file;
    uint32_t mask;
    char **events;         /* unread inotify events, as printed */
};

struct replay_request; /* what an actor was asked and has not done yet */
struct replay_actor {
    struct replay_actor *next;
    char *name;
    int fd; /* the recorder's end of its socket */
    pid_t pid;
    struct process *process; /* NULL once reaped */
    int status;              /* raw wait status once reaped */
    uint64_t namespace_root;
    uint64_t allocated;      /* by its last allocation */
    bool reset_seen;         /* ECONNRESET was reported */
    bool waits;              /* in an allocation, for the end of an OOM */
    struct replay_request *requests;
    int64_t *replies;        /* unread, oldest first */
    size_t replies_count;
    size_t replies_capacity;
};

struct replay_symbol {
    struct replay_symbol *next;
    char *name;
    int64_t value;
    bool thread;
};

struct replay_files;
struct replay_world {
    const struct replay_header *header;
    struct loop *loop;
    struct kernel *kernel;
    struct process *recorder;
    struct cgroup_caller root;       /* the recorder's credentials */
    struct replay_actor *actors;     /* newest first, as they are looked up */
    struct replay_handle *handles;   /* newest first */
    struct replay_symbol *symbols;   /* newest first */
    int passing_fd; /* of the file that an operation has open for itself; -1 */
    struct replay_files *files; /* where file operations go; NULL: the model */
};

int replay_world_start(
    struct replay_world *world, const struct replay_header *header, struct err *err);
void replay_world_stop(struct replay_world *world);
/* Lets time pass, and actors do what they can. */
void replay_world_advance(struct replay_world *world, uint64_t duration_ns);
struct cgroup_caller replay_caller(const struct replay_world *world, const struct replay_op *op);

/* Runs one operation; -ENOSYS when its name is unknown. */
int replay_execute(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome);
/* Replaces what is the same only in meaning: sets are sorted, … NULL result: equal. Otherwise what
 * differs: "result" or "out". */
const char *replay_compare(const struct replay_op *op, const struct replay_outcome *outcome);

/* ---- symbols and paths */
void replay_symbol_set(struct replay_world *world, const char *name, int64_t value, bool thread);
const struct replay_symbol *replay_symbol_find(const struct replay_world *world, const char *name);
/* Replaces $NAME by what it stands for. */
void replay_substitute(
    const struct replay_world *world, const char *text, size_t length, struct strbuf *out);
/* A recorded path as hierarchy and path in it; false when there is no such hierarchy. */
bool replay_path(const struct replay_world *world, const char *recorded,
    struct cgroup_root **ret_root, char **ret_path);
int replay_node(const struct replay_world *world, const char *recorded,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node);
/* The directory that a path lies in, and its last name (borrowed from *ret_path). */
int replay_parent(const struct replay_world *world, const char *recorded,
    const struct cgroup_caller *caller, struct cgroup **ret_parent, const char **ret_name,
    char **ret_path);

/* ---- handles: replay_handle.c */
struct replay_handle *replay_handle_find(const struct replay_world *world, const char *name);
struct replay_handle *replay_handle_add(
    struct replay_world *world, const char *name, enum handle_kind kind);
void replay_handle_close(struct replay_handle *handle);
/* The number that the recorder's next descriptor gets: the lowest that is free. */
int replay_fd_next(const struct replay_world *world);
void replay_handles_start(struct replay_world *world); /* eventfds of event_control */
/* An inotify event of a file (or directory) and of the directory it lies in. */
void replay_inotify(struct replay_world *world, const struct cgroup_node *node, uint32_t mask);
void replay_inotify_print(uint32_t mask, const char *name, struct strbuf *out);
void replay_inotify_name(
    struct replay_world *world, struct cgroup *directory, const char *name, uint32_t mask);
int replay_open_flags(const char *letters);
/* POLLIN … of the recorded letters, and the names of those that came, as they are recorded. */
short replay_poll_events(const char *letters);
void replay_poll_print(int events, struct strbuf *out);
/* open(2) of a recorded path, with its inotify events. */
int replay_open(struct replay_world *world, const char *recorded, int flags,
    const struct cgroup_caller *caller, struct cgroup_open **ret_open);
/* write(2) and close(2) of that, with theirs; 0 or the write's error. */
int64_t replay_write_close(struct replay_world *world, struct cgroup_open *open, int flags,
    const struct strbuf *data, const struct cgroup_caller *caller);
bool replay_is_pid_list(const char *path);

/* ---- actors: replay_actor.c */
struct replay_actor *replay_actor_find(const struct replay_world *world, const char *name);
struct replay_actor *replay_actor_add(
    struct replay_world *world, const char *name, struct process *process);
/* Works off the requests of all who can run. */
void replay_actors_run(struct replay_world *world);
void replay_actor_free(struct replay_actor *actor);

/* ---- operations */
typedef void (*replay_fn)(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome);
struct replay_operation {
    const char *name;
    replay_fn run;
};
extern const struct replay_operation replay_path_ops[];
extern const struct replay_operation replay_content_ops[];
extern const struct replay_operation replay_handle_ops[];
extern const struct replay_operation replay_actor_ops[];
/* Waits up to that long, checking every 10 ms, until ready(arg). */
bool replay_wait(
    struct replay_world *world, uint64_t ms, bool (*ready)(void *arg), void *arg);
