/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: all that a new process does between its creation and the exec of its command, as plain
 * data. On Linux the child walks it (child.c, and the init helper); the simulated kernel interprets
 * the same plan. Nothing in it is computed after the clone.
 *
 * The new process is the container's init: session leader, stdio as given, no other descriptor. It
 * blocks at its gate until one byte is released (launchers.md 5, stage 4); when the gate closes
 * without it, it writes the status of exit code 1 and exits. Then it walks the stages in order,
 * starts the command as its child, reaps, forwards signals, writes the raw wait status of the
 * command as decimal into `status_path`, and exits 0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "reference/model/launch_info.h"

struct plan {
    /* creation */
    unsigned clone_namespaces; /* NS_BIT mask */
    unsigned enter_namespaces; /* NS_BIT mask, entered from enter_pid before the clone */
    pid_t enter_pid;           /* the parent container's init; 0 when this is a root container */
    bool enter_and_clone;      /* nested: launchers.md 3.4, even with an empty mask */
    char *stdio[3]; /* path of stdin, stdout, stderr; NULL = /dev/null; created 0644, appended */
    char *stdio_below; /* no symbolic link below this directory leads to them; NULL: trusted */
    int stdio_fds[3];          /* an inherited descriptor instead, -1 = none */
    uid_t stdio_uid;           /* owner of created stdout and stderr; (uid_t)-1 = the agent */
    gid_t stdio_gid;
    const char
        *into_cgroup; /* v2: host path of the cgroup to be born in where the kernel can; NULL */

    /* the init's stages */
    char *runtime_directory;   /* where `status` is created, mode 0600; NULL = no status, no init */
    pid_t
        mount_namespace_pid; /* DEBUG: enter this process' mount namespace in the helper; 0 = no */
    /* That process has or gets a root of its own: whoever enters waits for it, and never sees the
     * host's. */
    bool mount_namespace_rooted;
    struct launch_info info;   /* command, environment (flattened later), mounts, rootfs, user, … */

    char *container_id;        /* for traces and messages */
};

/* A plan with every descriptor at -1 and owners at "the agent". */
void plan_init(struct plan *plan);
void plan_release(struct plan *plan);

/*
 * Flattens the environment of the plan into "NAME=value" strings: later entries win, the place is
 * that of the last mention; SECRET variables are skipped; PATH is added when missing and the list
 * is not empty. NULL when the list is empty: the command then inherits (launchers.md 5, stage 23).
 * Caller frees.
 */
char **plan_environment(const struct launch_info *info);

/* argv of the command: shell -> "sh" "-c" value. -EINVAL when the command or its value is missing.
 */
int plan_arguments(const struct command_info *command, char ***ret_argv, struct err *err);

#define PLAN_DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
