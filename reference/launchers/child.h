/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The init helper, seatrial-init: what runs between the creation of a container's first process and
 * the exec of its command, and then stays as its init (launchers.md 5). A static program without
 * other libraries; the agent runs it from a sealed copy in memory, so that no container can change
 * it for the next one. child.c walks the stages; each other file is a group of them.
 *
 * A stage that fails says so on stderr, leaves the status of exit code 1, and ends the process.
 *
 * Variables begin as zero, so that the program has no page to be copied at its start: among
 * descriptors of ours, which are above the container's 0 to 2, that is "none".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "reference/launchers/child_wire.h"

/* CHILD_WIRE_MARK and the version, for the agent to find in the program. */
extern const char child_wire_version[];

#define CHILD_STATUS_FAILED 256 /* the raw wait status of exit code 1 */

/* Says "seatrial-init: FORMAT: ERROR" (without ERROR when it is 0) and ends with exit code 1. */
_Noreturn void child_fail(int error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void child_warn(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* child_init.c */
void child_status_open(const char *runtime_directory);
/* Writes the status and closes the file; the first call counts. Async-signal-safe. */
void child_status_write(int wait_status);
/* Handlers for all signals: before the command exists a signal ends us, later it is passed on. */
void child_signals_install(void);
/* Starts the command as a child, and stays as its init, which ends with 0 after it. */
_Noreturn void child_become_init(const struct child_plan *plan);
/* Nothing blocked, and no handler of ours for whoever executes a program next: the exec resets
 * them, and a signal that comes before it finds us as it will find the program. */
void child_signals_default(void);

/* child_enter.c: enters the namespaces whose descriptors were passed, clones the final process, in
 * which it returns, and reports its pid. */
void child_enter_and_clone(const struct child_plan *plan);

/* child_path.c: paths below a root directory, whose symlinks cannot lead out of it. */
/* An O_PATH descriptor of the path as seen from the root (NULL: the host's); -1 and errno. With
 * no_follow the last component may not be a symlink. */
int child_path_open(const char *root, const char *path, bool no_follow);
/* Of a path below the directory, to which no symlink below that leads; -1 and errno. */
int child_path_open_beneath(const char *directory, const char *path);
/* Of its parent directory; the last component is yielded, pointing into path. */
int child_path_parent(const char *root, const char *path, const char **ret_name);
/* Makes it and what is missing above it: a directory, or an empty file. A descriptor of it; -1 and
 * errno, EEXIST when it was there. */
int child_path_make(const char *root, const char *path, bool directory);
/* A directory; what is there is fine. 0, or -1 and errno. */
int child_path_make_directory(const char *root, const char *path);
/* What was mounted or renamed may be the root, or above it: the next path looks for it again. Until
 * then a root that was looked for is kept open. */
void child_path_forget(void);
/* The part of path below root ("/a" of "/root/a"); NULL when it is not below it. */
const char *child_path_below(const char *root, const char *path);
/* mkdir -p on the plain path. */
int child_mkdir_parents(const char *path);

/* child_mounts.c */
void child_mounts(const struct child_plan *plan);
void child_masked_paths(const struct child_plan *plan);
void child_file_operations(const struct child_plan *plan);
/* One mount as its strings. */
enum mount_string {
    MOUNT_TARGET,
    MOUNT_SOURCE,
    MOUNT_TYPE,
    MOUNT_OPTIONS,
    MOUNT_FLAGS,
    MOUNT_SOURCE_ROOT
};
void child_mount(const struct child_plan *plan, const char *const *entry);

/* child_own.c: file systems that nobody else has seen, in which names need no check. */
/* Mounts the entry's file system at what the descriptor is of, and keeps it as one of these; ends
 * the process when it can't. False when it is to be mounted another way. */
bool child_own_mount(
    const struct child_plan *plan, const char *const *entry, int target, unsigned long flags);
/* The entry's mount, when its target lies directly in one of them; ends the process when it can't.
 * False: find the target by child_path_open. */
bool child_own_place(const char *const *entry, unsigned long flags);
/* Covers the path, when it lies directly in one of them; *ret_result is 0, or -1 and errno. */
bool child_own_mask(const char *path, int *ret_result);
/* The one in which a symlink at the path will lie, by its descriptor, which stays its own; -1.
 * From here on its names are checked. */
int child_own_directory(const char *path, const char **ret_name);
/* Something is mounted at the path: what it covers is none of them any more. */
void child_own_cover(const char *path);
void child_own_forget(void);

/* child_bind.c */
/* mount(2) at what the descriptor is of: it takes only paths, and a path looked up again could lead
 * elsewhere by now. On an older kernel a relative source is the number of a descriptor of ours. -1
 * and errno. */
int child_mount_at(const struct child_plan *plan, int fd, const char *source, const char *type,
    unsigned long flags, const char *options);
/* A copy of the mounts at the source (a path from the directory, or "" for what this is of), with
 * their options, at what the descriptor is of. Needs CHILD_MOUNT_API. -1 and errno. */
int child_bind_tree(int directory, const char *source, int target, unsigned long flags);
/* Binds the entry's source at what the descriptor is of; ends the process when it can't. */
void child_bind(
    const struct child_plan *plan, const char *const *entry, int target, unsigned long flags);
/* Works in that directory until child_mounts_done(). -1 and errno. */
int child_mounts_enter(int directory);
/* Leaves the directory in which child_mount_at works: whoever is in the container could go from
 * there to the host's processes. */
void child_mounts_done(void);

/* child_root.c */
void child_change_root(const char *rootfs);

/* child_privileges.c */
void child_rlimits(const struct child_plan *plan);
void child_keep_capabilities(const struct child_plan *plan);
void child_user(const struct child_plan *plan);
void child_capabilities(const struct child_plan *plan);
void child_seccomp(const struct child_plan *plan);
void child_no_new_privileges(const struct child_plan *plan);

/* child_command.c */
void child_pre_exec(const struct child_plan *plan);
_Noreturn void child_exec(const struct child_plan *plan);
/* Runs it and waits; the raw wait status, or -1 and errno. */
int child_run(const char *program, const char *const *arguments);
