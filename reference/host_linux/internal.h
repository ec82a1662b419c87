/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the Linux host share. */
#pragma once

#include "reference/base/list.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/host.h"
#include "reference/host_linux.h"

struct host_linux {
    struct host base;
    int init_helper;             /* sealed copy of the helper; shared by all containers */
    bool has_pidfd;
    bool has_clone3;
    bool has_gate_entry;
    bool has_mount_api;
    struct u64map *watched;      /* pid -> struct watched_process * */
    struct u64map *children;     /* pids of children that are not watched */
    int mount_table;             /* open, to be told of changes; -1 when it can't be */
    char *mount_text;            /* as it was read last */
    struct list flights;         /* new processes that wait at their gates: spawn.c */
    struct flight *spare_flight;
};

static inline struct host_linux *host_linux_of(struct host *host)
{
    return container_of(host, struct host_linux, base);
}

/* exit.c */
struct host_request *linux_exit_watch(struct host *host, pid_t pid, host_exit_fn fn, void *arg);
int linux_signal(struct host *host, pid_t pid, int signal);
/* The children that nobody has reaped are without a parent who cares from here on. */
void linux_children_abandon(struct host *host);
/* Reaps those of them that have ended. */
void linux_abandoned_reap(void);
/* Frees the tables. */
void linux_exits_free(struct host_linux *linux_host);

/* process.c */
int linux_process_write(struct host *host, pid_t pid, const char *file, const char *text);
int linux_process_info(struct host *host, pid_t pid, struct process_info *ret_info);
int linux_process_list(
    struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err);
int linux_namespace_inode(
    struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode);
int linux_process_holds(struct host *host, pid_t pid, const char *path);

/* spawn.c */
int linux_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err);
int linux_gate_release(struct host *host, int gate, struct err *err);
void linux_gate_close(struct host *host, int gate);
bool linux_enter_at_gate(struct host *host, pid_t pid, const char *tasks);
bool linux_enters_later(struct host *host, pid_t pid);

void linux_flights_free(struct host_linux *host);

/* plan.c: the plan as the helper reads it, its length before it; malloc'ed. */
void *linux_plan_encode(struct host *host, const struct plan *plan, size_t *ret_length);
/* CLONE_NEW… for a mask of NS_BIT, without that of the cgroup namespace: the helper unshares it
 * when it is in its cgroups. */
uint64_t linux_clone_flags(unsigned mask);
/* A memory file with these bytes that nobody can change; -errno. */
int linux_sealed_file(const char *name, const void *data, size_t length);

/* run.c */
struct host_request *linux_run(
    struct host *host, const struct run_request *request, struct done done);

/* stream.c */
extern const struct host_stream_ops linux_streams;

/* files.c */
int linux_mkdir(struct host *host, const char *path, mode_t mode, bool parents, struct err *err);
int linux_mkdir_below(
    struct host *host, const char *base, const char *path, mode_t mode, struct err *err);
/* Opens the directory BASE/PATH as O_PATH, following no link below the base; with `make`, what is
 * missing is made: the last component with that mode, others with 0755. */
int linux_open_below(const char *base, const char *path, bool make, mode_t mode);
int linux_file_write(struct host *host, const char *path, const void *data, size_t length,
    mode_t mode, struct err *err);
int linux_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err);
int linux_file_info(struct host *host, const char *path, bool follow, struct file_info *ret_info);
int linux_file_remove(struct host *host, const char *path, struct err *err);
int linux_list(struct host *host, const char *path, char ***ret_names, struct err *err);
int linux_symlink(struct host *host, const char *target, const char *path, struct err *err);
int linux_real_path(struct host *host, const char *path, char **ret_path, struct err *err);
/* The rest of an open file, and a whole file; -errno. */
int linux_read_open(int fd, char **ret_text, size_t *ret_length);
int linux_read_path(int directory, const char *path, char **ret_text, size_t *ret_length);

/* tree.c: whole trees, never through a symlink. */
int linux_tree_remove(struct host *host, const char *path, struct err *err);
int linux_rename(struct host *host, const char *from, const char *to, struct err *err);
int linux_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err);
int linux_chown(
    struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err);

/* mounts.c */
int linux_mount(struct host *host, const struct mount_entry *entry, struct err *err);
int linux_mount_below(
    struct host *host, const char *base, const struct mount_entry *entry, struct err *err);
int linux_unmount(struct host *host, const char *target, int flags, struct err *err);
int linux_mounts(struct host *host, pid_t pid, struct mount_info **ret_mounts, size_t *ret_count,
    struct err *err);

bool linux_may_be_mounted(struct host *host, const char *path);
void linux_mount_table_open(struct host_linux *host);
void linux_mount_table_close(struct host_linux *host);

/* devices.c */
int linux_node_copy(
    struct host *host, const char *from, const char *to, mode_t mode, struct err *err);
int linux_device_program(struct host *host, struct cgroup_fs *fs, const char *cgroup,
    const struct bpf_insn *instructions, size_t count, struct err *err);

/* users.c */
int linux_user_lookup(
    struct host *host, const char *name, struct user_info *ret_user, struct err *err);

/* cgroups.c: the hierarchies of the mount table that the option chooses; NULL when there
 * are none. */
struct cgroup_hierarchies *linux_hierarchies(struct host *host, const char *choice);
int linux_hierarchy_mount(
    struct host *host, const char *controller, const char *directory, struct err *err);
