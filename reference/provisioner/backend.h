/* SPDX-License-Identifier: Apache-2.0 */
/* Backends: how layers become one root file system (provisioner.md 5). */
#pragma once

#include "reference/flags.h"
#include "reference/host.h"
#include "reference/provisioner/helper.h"

/* Where a backend works for one root: owned by the caller. */
struct backend_place {
    const char *rootfs;  /* …/backends/<backend>/rootfses/<uuid> */
    const char *scratch; /* …/backends/<backend>/scratch/<uuid> */
};

struct backend;
struct backend_kind {
    const char *name;
    bool automatic;    /* may be chosen without being asked for */
    bool needs_root;
    bool in_filesystems; /* the kernel must list it in /proc/filesystems */
    const char *tree;  /* name of a layer's tree in a store */
    const char *const *refused; /* file systems of the provisioner's directory; NULL-terminated */
    bool needs_entry_types;
    /*
     * Makes the root from layers, the bottom first. done's value: char *const * of ephemeral
     * volumes or NULL. Returns the helper that works on it, NULL when done was called.
     */
    struct helper_call *(*provision)(const struct backend *backend, char *const *layers,
        const struct backend_place *place, struct done done);
    /* Removes it; false when it was not there (mounted). */
    int (*destroy)(const struct backend *backend, const struct backend_place *place,
        bool *ret_removed, struct err *err);
};
struct backend {
    const struct backend_kind *kind;
    struct host *host;
    const char *helper; /* borrowed: the program */
    uint64_t *remove_errors; /* counted: bind's rmdir that found it busy */
};

extern const struct backend_kind backend_overlay, backend_copy, backend_bind;
/* In the order in which they are tried when none is asked for; NULL-terminated. */
extern const struct backend_kind *const backend_kinds[];

/* Can it be used on this machine (not: on this directory)? */
bool backend_available(struct host *host, const struct backend_kind *kind);
/* The one that --image_provisioner_backend asks for, else the first that the directory allows. */
int backend_choose(struct host *host, const struct flags *flags, const char *directory,
    const struct backend_kind **ret_kind, struct err *err);
/* NULL when there is none of that name. */
const struct backend_kind *backend_kind_find(const char *name);

/* Makes a mount private to what it came from, and shared onward. */
int backend_share(struct host *host, const char *target, struct err *err);
