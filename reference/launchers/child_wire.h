/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent tells the init helper: a plan with everything computed, flattened into one buffer
 * that the helper reads from the pipe of its gate. Both sides are built from the same sources; a
 * helper of other ones is refused by its version, when the agent starts. Needs nothing but libc:
 * the helper is static.
 *
 * Records inside string lists:
 *   mounts           target, source, type, options, flags, root of the source
 *   file operations  kind, source, target, recursive, and a mount's six
 *   pre-exec         program, count of arguments, arguments …
 *   rlimits          type, soft, hard                             (decimal, "" when absent)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Raised with every change of what goes through the plan, the gate or the report. The helper
 * carries the text, where the agent looks for it (host_linux.c): one of another version might wait
 * for what is not said any more.
 */
#define CHILD_WIRE_VERSION "4"
#define CHILD_WIRE_MARK "seatrial-init speaks version "

/* Descriptors of the helper when it starts; everything above is closed. */
enum child_fd { CHILD_FD_GATE = 3, CHILD_FD_REPORT = 4, CHILD_FD_FIRST_NS = 5 };

/* Through the gate comes the plan, its length (a uint64_t) before it; then, at most so much: files
 * of cgroups to be entered by, each with a NUL, and the 'g' that lets the process go on. */
#define CHILD_ORDERS_BYTES 32768

#define CHILD_MOUNT_STRINGS 6
#define CHILD_FILE_STRINGS (4 + CHILD_MOUNT_STRINGS)

/* A set of bytes, such as a seccomp program. */
struct child_bytes {
    const void *data;
    uint64_t length;
};

/* Flags of child_plan.flags. */
enum child_flag {
    CHILD_INIT = 1 << 0,            /* fork the command and stay as its init */
    CHILD_NEW_MOUNT = 1 << 2,       /* the mount namespace is new: mounts are allowed */
    CHILD_HAS_ENVIRONMENT = 1 << 3,
    CHILD_USER = 1 << 4,            /* uid, gid and groups are to be taken */
    CHILD_CAP_EFFECTIVE = 1 << 5,   /* cap_effective is given */
    CHILD_CAP_BOUNDING = 1 << 9,    /* cap_bounding is given */
    CHILD_NO_NEW_PRIVS = 1 << 6,    /* no_new_privs is given … */
    CHILD_NO_NEW_PRIVS_ON = 1 << 7, /* … and this is it */
    CHILD_ENTER_AND_CLONE = 1 << 8, /* nested: enter, then clone, and report the pid */
    CHILD_SHELL = 1 << 10,          /* the program is the system's shell */
    CHILD_ROOT_CHANGES = 1 << 12,   /* the entered mount namespace gets another root than ours */
    CHILD_MOUNT_API = 1 << 13,      /* the kernel has open_tree, mount_setattr and move_mount */
    CHILD_UNSHARE_CGROUP = 1 << 11, /* a new cgroup namespace, once in the container's cgroups */
};

struct child_plan {
    uint64_t flags;             /* enum child_flag */
    uint64_t clone_flags;       /* ENTER_AND_CLONE: CLONE_NEW… of the final process */
    const char **enter;         /* names of the namespaces whose descriptors follow, in order */
    const char *runtime_directory;
    const char *tty;
    const char *rootfs;
    const char **mounts;
    const char **masked_paths;
    const char **file_operations;
    const char **pre_exec;
    const char *user_error;     /* the lookup's failure, reported at its stage */
    uint64_t uid;
    uint64_t gid;
    const char **groups;        /* decimal */
    uint64_t mount_namespace_fd; /* to be entered late; 0: none */
    const char **rlimits;
    const char *plan_error;     /* what else is wrong with the plan, reported at its stage */
    const char *working_directory;
    struct child_bytes seccomp; /* struct sock_filter[] */
    uint64_t cap_effective;     /* masks by capability number */
    uint64_t cap_bounding;
    const char *program;
    const char **arguments;
    const char **environment;   /* of the command, with HAS_ENVIRONMENT */
};

/* Malloc'ed; never fails but for memory. */
void *child_wire_encode(const struct child_plan *plan, size_t *ret_length);
/* Fills `plan` with pointers into `buffer` (and malloc'ed lists). -1 when it is not a plan. */
int child_wire_decode(const void *buffer, size_t length, struct child_plan *plan);
