/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the simulated host. */
#pragma once

#include "fakes/cgroup_fs_model.h"
#include "fakes/host/sim_host.h"
#include "fakes/host/sim_init.h"
#include "fakes/host/sim_world.h"
#include "fakes/kernel/process.h"

struct sim_host {
    struct host base;
    struct kernel *kernel;
    struct sim_world *world;
    struct process *agent;  /* NULL once it has ended */
    struct u64map *gates;   /* number -> struct sim_gate * */
    int last_gate;
    char *cgroup_mount;
    char *cgroup_directory; /* NULL: the cgroup model is called directly */
    struct cgroup_fs_server cgroup_server;
    char *outputs[2]; /* where our own stdout and stderr go, for who inherits them; NULL: nowhere */
};

static inline struct sim_host *sim_host_of(struct host *host)
{
    return container_of(host, struct sim_host, base);
}

/* sim_host_process.c */
int sim_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err);
int sim_gate_byte(struct host *host, int gate, struct err *err);
void sim_gate_shut(struct host *host, int gate);
int sim_signal(struct host *host, pid_t pid, int signal);
int sim_process_write(struct host *host, pid_t pid, const char *file, const char *text);
int sim_process_info(struct host *host, pid_t pid, struct process_info *ret_info);
int sim_process_list(
    struct host *host, struct process_info **ret_list, size_t *ret_count, struct err *err);
int sim_namespace_inode(
    struct host *host, pid_t pid, enum namespace_kind kind, uint64_t *ret_inode);
int sim_process_holds(struct host *host, pid_t pid, const char *path);

/* sim_host_run.c */
struct host_request *sim_run(
    struct host *host, const struct run_request *request, struct done done);

/* sim_host_stream.c */
extern const struct host_stream_ops sim_streams;

/* sim_host_exit.c */
struct host_request *sim_exit_watch(struct host *host, pid_t pid, host_exit_fn fn, void *arg);

/* sim_proc.c */
/* False for files that are not of /proc here; *ret_text NULL: there is no such process. */
bool sim_proc_read(struct host *host, const char *path, char **ret_text);
/* The same of the descriptors of a process: a listening socket is all that they tell. */
bool sim_proc_list(struct host *host, const char *path, char ***ret_names);
bool sim_proc_info(struct host *host, const char *path, struct file_info *ret_info);

/* sim_host_files.c */
int sim_mkdir(struct host *host, const char *path, mode_t mode, bool parents, struct err *err);
int sim_file_write(struct host *host, const char *path, const void *data, size_t length,
    mode_t mode, struct err *err);
int sim_file_read(
    struct host *host, const char *path, char **ret_text, size_t *ret_length, struct err *err);
int sim_file_info(struct host *host, const char *path, bool follow, struct file_info *ret_info);
int sim_file_remove(struct host *host, const char *path, struct err *err);
int sim_tree_remove(struct host *host, const char *path, struct err *err);
int sim_list(struct host *host, const char *path, char ***ret_names, struct err *err);
int sim_symlink(struct host *host, const char *target, const char *path, struct err *err);
int sim_rename(struct host *host, const char *from, const char *to, struct err *err);
int sim_filesystem_info(
    struct host *host, const char *path, struct filesystem_info *ret_info, struct err *err);
int sim_node_copy(
    struct host *host, const char *from, const char *to, mode_t mode, struct err *err);
int sim_device_program(struct host *host, struct cgroup_fs *fs, const char *path,
    const struct bpf_insn *instructions, size_t count, struct err *err);
int sim_real_path(struct host *host, const char *path, char **ret_path, struct err *err);
int sim_chown(
    struct host *host, const char *path, uid_t uid, gid_t gid, bool recursive, struct err *err);
int sim_user_lookup(
    struct host *host, const char *name, struct user_info *ret_user, struct err *err);
int sim_mount(struct host *host, const struct mount_entry *mount, struct err *err);
int sim_unmount(struct host *host, const char *target, int flags, struct err *err);
int sim_mounts(struct host *host, pid_t pid, struct mount_info **ret_mounts, size_t *ret_count,
    struct err *err);
