/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam: all that containerizers, launchers and isolators ask of the world. host.c is the front
 * of it: it counts effects, asks the hook about faults, traces, and calls the implementation's
 * table (host_linux.c for the real kernel, fakes/host/sim_host.c for the simulated one).
 *
 * Effects. Every call that changes the world is an effect with a number (from 1) in the trace. The
 * hook may let it fail, lose it, delay it, or crash the agent before or after it. Once the agent
 * has crashed (`gone`), every call answers -ESHUTDOWN ("agent gone") and changes nothing.
 *
 * Requests. A call that finishes later returns a request and calls its function exactly once, never
 * before it returns: with the result, or with -ESHUTDOWN from host_gone. A request that is
 * cancelled never calls. So a crashed instance unwinds through its own error paths and leaks
 * nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reference/base/done.h"
#include "reference/base/err.h"
#include "reference/base/list.h"
#include "reference/base/loop.h"
#include "reference/base/trace.h"
#include "reference/launchers/plan.h"

struct host;
struct cgroup_hierarchies;
struct cgroup_fs;
struct bpf_insn;
struct statistics_source;
struct u64map;
struct host_channel;
struct host_listener;
struct host_stream;
struct host_stream_server;

/* One kind per way to change the world; the fault atlas (fakes/faults.h) has a row for each. */
enum effect_kind {
    EFFECT_SPAWN,        /* a process from a plan */
    EFFECT_GATE_RELEASE, /* the one byte into the control pipe */
    EFFECT_SIGNAL,
    EFFECT_PROCESS_WRITE, /* a file of /proc/PID */
    EFFECT_RUN,           /* a helper command */
    EFFECT_MKDIR,
    EFFECT_FILE_WRITE, /* checkpoint: temporary file and rename */
    EFFECT_FILE_REMOVE,
    EFFECT_TREE_REMOVE,
    EFFECT_RENAME,
    EFFECT_SYMLINK,
    EFFECT_CHOWN,
    EFFECT_MOUNT,
    EFFECT_UNMOUNT,
    EFFECT_CGROUP_CREATE,
    EFFECT_CGROUP_REMOVE,
    EFFECT_CGROUP_WRITE,
    EFFECT_CGROUP_CHOWN,
    EFFECT_EVENT, /* delivery of a watched event; may fail, be lost or late */
    EFFECT_FETCH,
    EFFECT_PROVISION,
    EFFECT_DOCKER,
    EFFECT_BPF, /* device programs */
    EFFECT_MESSAGE, /* a socket to listen at, a connection, a line sent */
    EFFECT_KIND_COUNT
};
extern const char *const effect_kind_names[EFFECT_KIND_COUNT + 1]; /* "spawn", "cgroup.write", … */

struct effect {
    uint64_t number;
    enum effect_kind kind;
    const char *subject; /* path, pid or command, as text */
    const char *detail;  /* file and data …, may be NULL */
};

enum effect_action {
    EFFECT_PROCEED,
    EFFECT_FAIL,         /* answer `error`, do nothing */
    EFFECT_LOSE,         /* answer success, do nothing (events: never delivered) */
    EFFECT_CRASH_BEFORE, /* the agent is gone, nothing was done */
    EFFECT_CRASH_AFTER,  /* done, then the agent is gone */
};
struct effect_verdict {
    enum effect_action action;
    int error;         /* EFFECT_FAIL: negative errno */
    uint64_t delay_ns; /* requests and events only: finish that much later; UINT64_MAX = hang */
};
struct effect_hook {
    struct effect_verdict (*decide)(void *arg, const struct effect *effect);
    void *arg;
};

/* Facts about the machine, probed once when the host is made. */
struct host_facts {
    unsigned cpus;
    uint64_t memory_bytes;
    uint64_t page_bytes;
    unsigned clock_ticks; /* per second, of /proc and cpuacct.stat */
    bool root;            /* effective uid 0 */
    unsigned namespaces;  /* NS_BIT mask of those that the kernel has and we may make */
    bool systemd;
    bool clone_into_cgroup; /* a plan's into_cgroup is honoured: nobody needs to move the process */
    char *kernel;           /* release */
    char *const *environment; /* of the agent's process, "NAME=value"; borrowed, NULL: empty */
};

struct process_info {
    pid_t pid;
    pid_t ppid;
    pid_t pgid;
    pid_t sid;
    char state; /* R S D T Z … */
    uint64_t rss_bytes;
    uint64_t user_ns;
    uint64_t system_ns;
};

struct file_info {
    char type; /* 'f' 'd' 'l' 'b' 'c' 'p' 's' */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    uint64_t size_bytes;
    dev_t rdev;
    uint64_t inode; /* of sockets, to tell one from another */
};

struct filesystem_info {
    char type[24];         /* as in the mount table: "ext4", "xfs", "overlay" … */
    bool tells_entry_type; /* its directories say what kind each entry is (d_type) */
    uint64_t size_bytes;
    uint64_t used_bytes;   /* what nobody can have any more, the reserve of root included */
};

struct mount_info {
    char *target;
    char *source;
    char *type;
    bool shared;
};

struct user_info {
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t groups_count;
};

struct run_result {
    int status;         /* raw wait status */
    const char *output; /* stdout, NUL-terminated, bounded by max_output_bytes */
    size_t output_length;
    const char *errors; /* stderr, likewise */
    bool truncated;
    bool timed_out;
};
struct run_request {
    char *const *argv;
    char *const *environment; /* NULL: the agent's own */
    char *const *variables;   /* "NAME=value" set on top of that; NULL: none */
    const char *input;        /* stdin text or NULL */
    const char *directory;    /* NULL: the agent's */
    uint64_t timeout_ns;      /* 0: none; then SIGKILL to its process group */
    size_t max_output_bytes;  /* per stream; 0: 1 MiB */
};

/*
 * One pending call. The front keeps its own in host->requests. An implementation (exit_watch, run)
 * embeds one and sets only `cancel`: the front holds it, cancels it at most once, and forgets it
 * when its function was called; it never stands in the list.
 */
struct host_request {
    struct list node;
    struct host *host;
    void (*cancel)(struct host_request *request);   /* forgets and frees; never calls back */
    void (*shutdown)(struct host_request *request); /* calls back with -ESHUTDOWN, frees */
};

typedef void (*host_fn)(void *arg, int result);
/* result 0: it is gone; status_known is false for processes that are not our children. */
typedef void (*host_exit_fn)(void *arg, int result, bool status_known, int wait_status);

/*
 * Streams of bytes between processes of the machine. Both functions are called from the loop, never
 * from inside a call; after `ended` nothing more comes, and the front ends the stream.
 */
struct host_stream_events {
    void (*received)(void *arg, const char *bytes, size_t length);
    void (*ended)(void *arg, int result); /* 0: the other side has closed; else negative errno */
};
struct host_stream_ops {
    int (*connect)(
        struct host *host, const char *path, struct host_stream **ret_stream, struct err *err);
    /* Replaces what is at the path. accepted gets streams that start delivers nothing before. */
    int (*listen)(struct host *host, const char *path, mode_t mode,
        void (*accepted)(void *arg, struct host_stream *stream), void *arg,
        struct host_stream_server **ret_server, struct err *err);
    void (*unlisten)(struct host *host, struct host_stream_server *server); /* the file stays */
    /* Events come from now on. */
    void (*start)(struct host_stream *stream, const struct host_stream_events *events, void *arg);
    int (*send)(struct host_stream *stream, const char *bytes, size_t length); /* takes all */
    void (*end)(struct host_stream *stream); /* frees */
};

/*
 * What an implementation does, without counting, faults or traces: those are the front's. Gates are
 * its own numbers (descriptors): gate_release only writes the byte, and the front calls gate_close
 * once for every gate, after the release too. Errors name the operation and the path.
 */
struct host_ops {
    double (*wall_time)(struct host *host);
    void (*random)(struct host *host, const char *stream, void *bytes, size_t length);

    int (*spawn)(
        struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err);
    int (*gate_release)(struct host *host, int gate, struct err *err);
    void (*gate_close)(struct host *host, int gate);
    int (*signal)(struct host *host, pid_t pid, int signal);
    int (*process_write)(struct host *host, pid_t pid, const char *file, const char *text);
    int (*process_info)(struct host *host, pid_t pid, struct process_info *ret_info);
    int (*process_list)(
        struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err);
    int (*namespace_inode)(
        struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode);
    int (*process_holds)(struct host *host, pid_t pid, const char *path);
    struct host_request *(*exit_watch)(struct host *host, pid_t pid, host_exit_fn fn, void *arg);
    struct host_request *(*run)(
        struct host *host, const struct run_request *request, struct done done);

    int (*mkdir)(struct host *host, const char *path, mode_t mode, bool parents, struct err *err);
    /* NULL where nobody makes links behind our back: the front looks for them first then. */
    int (*mkdir_below)(
        struct host *host, const char *base, const char *path, mode_t mode, struct err *err);
    int (*file_write)(struct host *host, const char *path, const void *data, size_t length,
        mode_t mode, struct err *err);
    int (*file_read)(
        struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err);
    int (*file_info)(struct host *host, const char *path, bool follow, struct file_info *ret_info);
    int (*file_remove)(struct host *host, const char *path, struct err *err);
    int (*tree_remove)(struct host *host, const char *path, struct err *err);
    int (*list)(struct host *host, const char *path, char ***ret_names, struct err *err);
    int (*symlink)(struct host *host, const char *target, const char *path, struct err *err);
    int (*rename)(struct host *host, const char *from, const char *to, struct err *err);
    int (*filesystem_info)(struct host *host, const char *path,
        struct filesystem_info *ret_info, struct err *err);
    int (*node_copy)(
        struct host *host, const char *from, const char *to, mode_t mode, struct err *err);
    int (*real_path)(struct host *host, const char *path, char **ret_path, struct err *err);
    int (*chown)(
        struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err);
    int (*user_lookup)(
        struct host *host, const char *name, struct user_info *ret_user, struct err *err);

    int (*device_program)(struct host *host, struct cgroup_fs *fs, const char *cgroup,
        const struct bpf_insn *instructions, size_t count, struct err *err);
    int (*mount)(struct host *host, const struct mount_entry *mount, struct err *err);
    int (*mount_below)(struct host *host, const char *base, const struct mount_entry *mount,
        struct err *err); /* NULL: as for mkdir_below */
    int (*unmount)(struct host *host, const char *target, int flags, struct err *err);
    int (*mounts)(struct host *host, pid_t pid, struct mount_info **ret_mounts, size_t *ret_count,
        struct err *err);
    bool (*may_be_mounted)(struct host *host, const char *path); /* NULL: always true */
    /* Mounts the v1 hierarchy of a controller that has none there, and adds it to host->cgroups. */
    int (*hierarchy_mount)(
        struct host *host, const char *controller, const char *directory, struct err *err);
    /* NULL, or: a process that waits at its gate shall write "0" into that file of a cgroup
     * before it goes on. False when it does not wait, or the file is not there. */
    bool (*enter_at_gate)(struct host *host, pid_t pid, const char *tasks);
    /* NULL, or: whether it has not gone on yet, nor ended, and was told to enter cgroups. */
    bool (*enters_later)(struct host *host, pid_t pid);

    /* Streams of bytes over Unix sockets. NULL: this world has none. */
    const struct host_stream_ops *streams;

    /* the agent's process ends; its gates and requests were closed and cancelled before; may be
     * NULL */
    void (*agent_gone)(struct host *host);
    void (*free)(struct host *host);
};

struct host {
    const struct host_ops *ops;
    struct loop *loop;   /* borrowed */
    struct trace *trace; /* borrowed, may be NULL */
    struct effect_hook hook;
    uint64_t effects; /* number of the last effect */
    bool gone;
    struct host_facts facts;
    struct cgroup_hierarchies *cgroups; /* owned; NULL when the world has none */
    struct statistics_source *statistics; /* borrowed; NULL: none */
    struct list requests;
    struct u64map *gates; /* open ones, by the front's number; owned */
    int last_gate;
};

/* For implementations: prepares the embedded host. ops->free releases only what is the
 * implementation's own, and the structure; facts.kernel is the front's to free. */
void host_init(
    struct host *host, const struct host_ops *ops, struct loop *loop, struct trace *trace);
/* Frees; the agent must be gone or idle: requests that are left are called back with -ESHUTDOWN.
 * NULL is fine. */
void host_free(struct host *host);
/* Marks the agent as crashed without unwinding; calls answer -ESHUTDOWN from here on. */
void host_crash(struct host *host);
/* Unwinds a crashed agent: closes its gates, calls back every pending request with -ESHUTDOWN in
 * the order of their creation (those added meanwhile too), and ends its process. Call from the
 * loop's caller, never from inside the agent's stack. */
void host_gone(struct host *host);

/*
 * Accounts for one effect: numbers it, asks the hook. 0: go on (and call host_effect_done with its
 * result); negative: answer that; 1: answer success without doing it. For seams with a table of
 * their own (cgroup_fs, fetcher, docker, …).
 */
int host_effect(struct host *host, enum effect_kind kind, const char *subject, const char *detail,
    struct effect_verdict *ret_verdict, struct err *err);
/* Traces the effect and performs a crash after it; returns result, or -ESHUTDOWN after that crash.
 */
int host_effect_done(struct host *host, enum effect_kind kind, const char *subject,
    const char *detail, const struct effect_verdict *verdict, int result, struct err *err);

/* Time. */
static inline uint64_t host_now_ns(struct host *host)
{
    return loop_now_ns(host->loop);
}
double host_wall_time(struct host *host); /* seconds since the epoch */
/* fn(arg, 0) after delay_ns (0: soon, never from here). */
struct host_request *host_timer(struct host *host, uint64_t delay_ns, host_fn fn, void *arg);
/* A request that only its owner completes, by host_complete: for things held somewhere else. */
struct host_request *host_pending(struct host *host, host_fn fn, void *arg);
void host_complete(struct host_request *request, int result);
/* Forgets; never calls back. NULL is fine. The handle dies with its call-back too. */
void host_cancel(struct host_request *request);

/* Random bytes of the named stream; a version 4 UUID as text (owned). */
void host_random(struct host *host, const char *stream, void *bytes, size_t length);
char *host_uuid(struct host *host, const char *stream);

/*
 * Processes. host_spawn makes the plan's process, which waits at its gate; the gate must be
 * released or closed. A release closes the gate too, whatever it answers (without the byte the
 * process ends); closing a gate again is harmless, as its number is never used again. Errors name
 * the stage. host_signal: -ESRCH when there is no such process.
 */
int host_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err);
int host_gate_release(struct host *host, int gate, struct err *err);
void host_gate_close(struct host *host, int gate); /* -1 is fine */
int host_signal(struct host *host, pid_t pid, int signal, struct err *err);
/* Whether the process waits at its gate, and enters its cgroups when it goes on, although their
 * files have been written: who kills what is in a cgroup does not find it there. */
bool host_enters_later(struct host *host, pid_t pid);
/* Writes to /proc/PID/FILE, such as oom_score_adj. */
int host_process_write(
    struct host *host, pid_t pid, const char *file, const char *text, struct err *err);
int host_process_info(struct host *host, pid_t pid, struct process_info *ret_info); /* -ESRCH */
/* All processes, by pid; caller frees the array. */
int host_process_list(
    struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err);
int host_namespace_inode(
    struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode);
/* Whether the process has that file open: 1 or 0. -ESRCH when it has ended or is about to, -ENOENT
 * when there is no such file, -EACCES when we may not look. */
int host_process_holds(struct host *host, pid_t pid, const char *path);
/* Calls fn when the process has ended (at once, from the loop, when there is none). Reaps our
 * children. */
struct host_request *host_exit_watch(struct host *host, pid_t pid, host_exit_fn fn, void *arg);
/* Runs a helper command; done's value is a struct run_result. A program that can't be started:
 * -errno. */
struct host_request *host_run(
    struct host *host, const struct run_request *request, struct done done);

/* Files. Paths are absolute host paths. Reads of missing files: -ENOENT. */
int host_mkdir(struct host *host, const char *path, mode_t mode, bool parents, struct err *err);
/*
 * Makes BASE/PATH and what is missing on the way, but leads over no symbolic link below the base
 * (-ELOOP, or -ENOTDIR): what is there may be a container's, which would choose where the agent
 * writes. A directory that is there is fine.
 */
int host_mkdir_below(
    struct host *host, const char *base, const char *path, mode_t mode, struct err *err);
/* True when a component of `path` below the directory `base` is a symbolic link. Whoever owns the
 * place may make one right after: for a message, or where nothing else will do. */
bool host_path_links(struct host *host, const char *base, const char *path);
int host_file_write(struct host *host, const char *path, const void *data, size_t length,
    mode_t mode, struct err *err);
int host_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err);
int host_file_info(struct host *host, const char *path, bool follow, struct file_info *ret_info);
bool host_file_exists(struct host *host, const char *path);
int host_file_remove(struct host *host, const char *path, struct err *err);
int host_tree_remove(struct host *host, const char *path, struct err *err); /* missing is fine */
int host_list(
    struct host *host, const char *path, char ***ret_names, struct err *err); /* sorted, no dots */
int host_symlink(struct host *host, const char *target, const char *path, struct err *err);
/* Both on one file system; a file replaces a file, a directory an empty one. */
int host_rename(struct host *host, const char *from, const char *to, struct err *err);
/* Of the file system that holds the directory; nothing is changed to find out. */
int host_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err);
/* Makes a device node like the one at `from`, with exactly that mode (the umask does not count). */
int host_node_copy(
    struct host *host, const char *from, const char *to, mode_t mode, struct err *err);
int host_real_path(struct host *host, const char *path, char **ret_path, struct err *err);
int host_chown(
    struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err);
int host_user_lookup(
    struct host *host, const char *name, struct user_info *ret_user, struct err *err);
void user_info_release(struct user_info *user);

/*
 * Makes the program the one device program of a v2 cgroup: replaces the one there atomically; more
 * than one there is -EEXIST.
 */
int host_device_program(struct host *host, struct cgroup_fs *fs, const char *cgroup,
    const struct bpf_insn *instructions, size_t count, struct err *err);

/* Mounts. pid 0: the agent's own mount namespace. */
int host_mount(struct host *host, const struct mount_entry *mount, struct err *err);
/* The target is BASE/..., and no symbolic link on the way is followed (-ELOOP, or -ENOTDIR). A bind
 * mount is made read-only by a second call, with MS_REMOUNT. */
int host_mount_below(
    struct host *host, const char *base, const struct mount_entry *mount, struct err *err);
int host_unmount(struct host *host, const char *target, int flags, struct err *err);
/* Mounts the v1 hierarchy of a controller that is bound to none at the directory, which is made;
 * host->cgroups then has it. It stays mounted. */
int host_hierarchy_mount(
    struct host *host, const char *controller, const char *directory, struct err *err);
int host_mounts(struct host *host, pid_t pid, struct mount_info **ret_mounts, size_t *ret_count,
    struct err *err);
/* Whether something is mounted exactly there, in the agent's mount namespace; false when it can't
 * be told. */
bool host_is_mounted(struct host *host, const char *target);
void mount_info_free(struct mount_info *mounts, size_t count);
/* False only when nothing is mounted at or below the path, as the agent sees it: cheaper than the
 * table, which grows with what is mounted. */
bool host_may_be_mounted(struct host *host, const char *path);

/*
 * Channels: lines of text, or bytes as they come, to and from another process of the machine, over
 * a Unix socket. What comes is an event, what is sent a message: both are effects.
 */
#define HOST_LINE_MAX_BYTES (4u << 20)
struct host_channel_events {
    void (*line)(void *arg, const char *line); /* without its newline, borrowed */
    /* The channel has ended, and is freed after the call: 0 when the other side has closed it,
     * -ESHUTDOWN when the agent is gone, -EMSGSIZE after a line that is too long. */
    void (*closed)(void *arg, int result);
    /* In place of lines, where it is given: whatever came at once, borrowed. */
    void (*bytes)(void *arg, const char *bytes, size_t length);
};
/*
 * Listens at the path, in place of what is there. accepted gets each new channel, which is the
 * caller's, and has to start it; it gets NULL when the agent is gone and the listener with it.
 */
int host_listen(struct host *host, const char *path, mode_t mode,
    void (*accepted)(void *arg, struct host_channel *channel), void *arg,
    struct host_listener **ret_listener, struct err *err);
/* Removes the socket too. NULL is fine. */
void host_listener_close(struct host_listener *listener);
/* -ECONNREFUSED, -ENOENT: nobody listens there. The channel has to be started. */
int host_connect(
    struct host *host, const char *path, struct host_channel **ret_channel, struct err *err);
void host_channel_start(
    struct host_channel *channel, const struct host_channel_events *events, void *arg);
int host_channel_send(struct host_channel *channel, const char *line, struct err *err);
/* Bytes as they are; traces tell only how many. */
int host_channel_send_bytes(
    struct host_channel *channel, const char *bytes, size_t length, struct err *err);
/* Never calls back. NULL is fine. */
void host_channel_close(struct host_channel *channel);
