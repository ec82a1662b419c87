/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup model, as the rest of the simulated kernel sees it: hooks on fork, exit, memory and
 * CPU, and the file system operations. The rules are those of shared/spec/cgroupfs.md; each
 * controller is a file with one table of its control files.
 *
 * Paths of the file operations are relative to a hierarchy's root, without slashes at the ends.
 */
#pragma once

#include "fakes/kernel/kernel.h"
#include "fakes/kernel/process.h"

/* Differences between kernel versions and builds. One instance per profile, in profile.c. */
struct kernel_profile;
const struct kernel_profile *kernel_profile_find(const char *name); /* NULL when unknown */

int cgroup_init(struct kernel *kernel, const struct kernel_config *config);
void cgroup_exit_kernel(struct kernel *kernel);

/* The hierarchy that a v1 controller is bound to ("memory"), the v2 one for "", NULL when there is
 * none. */
struct cgroup_root *cgroup_root_find(struct kernel *kernel, const char *controller);
unsigned cgroup_root_index(const struct cgroup_root *root);
const char *cgroup_root_name(
    const struct cgroup_root *root); /* "memory", "cpu,cpuacct", "unified" */
bool cgroup_root_is_v2(const struct cgroup_root *root);
/* Whether it is mounted anywhere; from boot on unless the build says otherwise (profile.h). */
bool cgroup_root_mounted(const struct cgroup_root *root);
void cgroup_root_mount(struct cgroup_root *root);
/* NULL-terminated names of its controllers. Borrowed. */
const char *const *cgroup_root_controllers(const struct cgroup_root *root);

/* Who does a file operation. */
struct cgroup_caller {
    uid_t uid;
    gid_t gid;
    bool resource_capability; /* CAP_SYS_RESOURCE */
    pid_t pid;                /* "0" written to cgroup.procs means this process; 0 = none */
    /* Id of the v2 cgroup that is the root of its cgroup namespace; 0 = the initial namespace. */
    uint64_t namespace_root;
};
extern const struct cgroup_caller cgroup_caller_root;

/* The cgroup at a path; NULL when there is none. */
struct cgroup *cgroup_lookup(struct cgroup_root *root, const char *path);
int cgroup_mkdir(
    struct cgroup_root *root, const char *path, mode_t mode, const struct cgroup_caller *caller);
int cgroup_rmdir(struct cgroup_root *root, const char *path, const struct cgroup_caller *caller);
/* Whole-file read (offset 0) of a control file by path + file name; caller frees the text. */
int cgroup_file_read(struct cgroup_root *root, const char *path, const char *file,
    const struct cgroup_caller *caller, char **ret_text, size_t *ret_length);
/* One write(2): all or an errno. */
int cgroup_file_write(struct cgroup_root *root, const char *path, const char *file,
    const char *data, size_t length, const struct cgroup_caller *caller);
int cgroup_file_present(
    struct cgroup_root *root, const char *path, const char *file); /* 0 or -ENOENT */
/* Child cgroups, sorted; NULL-terminated, caller frees with strv_free. */
int cgroup_children(struct cgroup_root *root, const char *path, char ***ret_names);
int cgroup_chown_path(
    struct cgroup_root *root, const char *path, const char *file, uid_t uid, gid_t gid);

/* Notification of a v2 events file (or of removal, with -ENODEV). Called from the loop, never from
 * inside the change. Stopped with the handle. */
struct cgroup_notify;
typedef void (*cgroup_notify_fn)(void *arg, int result, uint64_t count);
int cgroup_file_watch(struct cgroup_root *root, const char *path, const char *file,
    cgroup_notify_fn fn, void *arg, struct cgroup_notify **ret_notify);
/* v1 event_control: the same errors as the kernel; fn per signal of the eventfd. */
int cgroup_event_listen(struct cgroup_root *root, const char *path, const char *file,
    const char *arguments, cgroup_notify_fn fn, void *arg, struct cgroup_notify **ret_notify);
void cgroup_notify_stop(struct cgroup_notify *notify);

/* Hooks called by the process side. */
/* May there be one more task, a process or (thread) one of the parent's own? -EAGAIN at a pids
 * limit, which counts the event; -ENOMEM at one of memory, when nobody or the parent was killed. */
int cgroup_can_fork(struct task *parent, struct cgroup *into, bool thread);
/* parent NULL: the first process of all, which is born in every root. */
void cgroup_post_fork(struct task *parent, struct task *child, struct cgroup *into);
/* It became dead: populated, counts. Its memory was uncharged and its CPU time accounted before. */
void cgroup_task_exit(struct task *task);
void cgroup_task_release(struct task *task); /* it was reaped */
/*
 * Charges memory to the process' cgroups, reclaiming and running the OOM killer by the kernel's
 * rules. 0; -ENOMEM over a limit with nothing (else) to kill or killing disabled; the caller checks
 * whether it was itself killed: then nothing of this stays charged.
 */
int cgroup_charge(struct process *process, uint64_t bytes);
void cgroup_uncharge(struct process *process, uint64_t bytes);
/*
 * After a charge above memory.high (v2) the task sleeps, as long as the limit asks for: calls fn
 * (NULL is fine) from the loop when that is over. False when there is nothing to sleep for.
 * Forgotten when the process exits.
 */
bool cgroup_memory_stall(struct process *process, void (*fn)(struct process *process, void *arg),
    void *arg);
/*
 * After a charge failed because the v1 OOM killer is disabled: calls fn from the loop, once, when
 * it is worth trying again (limit raised, memory freed, killer enabled). False when the process has
 * nothing to wait for. Forgotten when the process exits.
 */
bool cgroup_oom_wait(struct process *process, void (*fn)(struct process *process, void *arg),
    void *arg);
/* SIGKILL gets through: not frozen, or frozen by v2 only. */
bool cgroup_task_killable(const struct task *task);
/* open(2), or mknod(2) with 'm' in access, of a device by the device rules of v1 or the program of
 * v2: 0 or -EPERM. type 'b' or 'c', access of "rwm". */
int cgroup_device_check(
    const struct task *task, char type, unsigned major, unsigned minor, const char *access);
/* CPU time of one task to its cgroups' counters. */
void cgroup_account_cpu(struct task *task, uint64_t user_ns, uint64_t system_ns);

/* What the scheduler needs to know of the cpu controller's tree. */
struct cgroup_cpu {
    uint64_t weight;    /* v1 shares or v2 weight, scaled so that the default is 1024 */
    int64_t quota_ns;   /* per period; -1 = none */
    uint64_t period_ns;
    bool idle;
};
/* The cpu hierarchy's cgroup of the task; NULL when there is none. */
struct cgroup *cgroup_cpu_of(const struct task *task);
struct cgroup *cgroup_parent(const struct cgroup *cgroup); /* NULL for the root */
uint64_t cgroup_id(const struct cgroup *cgroup);
char *cgroup_path_of(const struct cgroup *cgroup); /* relative, owned */
/* What /proc/PID/cgroup shows: "/a/b"; "/a/b (deleted)"; for a zombie of v1 "/". Owned. */
char *cgroup_proc_path(const struct task *task, const struct cgroup_root *root);
void cgroup_cpu_get(const struct cgroup *cgroup, struct cgroup_cpu *ret_cpu);
/* Periods that passed with a quota in force, those throttled, and for how long. */
void cgroup_cpu_throttled(
    struct cgroup *cgroup, uint64_t periods, uint64_t throttled, uint64_t throttled_ns);
/* Fault injection for the model's asynchrony, by path in its hierarchy. */
void cgroup_set_stuck_freezer(struct cgroup *cgroup, bool stuck); /* stays in FREEZING */

uint64_t cgroup_digest(struct kernel *kernel, uint64_t hash);
