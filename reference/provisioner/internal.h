/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the parts of the provisioner: what is known of each container's roots, and the operations
 * under way.
 *
 * Locks (provisioner.md 6): provision and destroy share one, prune has it alone; first come, first
 * served. The destroy of a container removes its children under its own share, so that a prune that
 * waits in between can't block it.
 */
#pragma once

#include "reference/base/map.h"
#include "reference/provisioner.h"
#include "reference/provisioner/backend.h"
#include "reference/provisioner/provisioner.h"
#include "reference/provisioner/store.h"

#define STORES_MAX 3

struct root {
    const struct backend_kind *kind;
    char *uuid;
};
struct record {
    char *id;
    struct root *roots;
    size_t roots_count;
    char **layers; /* of the last image (quirk) */
    char *config_path;
    int failure; /* of its destroy: kept, every later one answers it */
    struct err failure_err;
};

enum operation_kind {
    OPERATION_PROVISION,
    OPERATION_DESTROY,
    OPERATION_PRUNE,
    OPERATION_RECOVER,
    OPERATION_KIND_COUNT
};

/* One call, from its start to its answer. */
struct operation {
    struct list node; /* in images->operations, in the order of their start */
    struct images *images;
    enum operation_kind kind;
    char *id;
    struct done done;
    bool granted; /* has the lock */

    /* provision */
    struct image image;
    struct store *store;       /* that it waits for, else NULL */
    struct helper_call *helper; /* that it waits for, else NULL */
    json_t *docker_manifest;
    json_t *appc_manifest;

    /* destroy: who else asked for the same; and tries that are left */
    struct done *more;
    size_t more_count;
    struct host_request *retry;
    unsigned tries;

    /* prune and recover: stores that have not answered */
    size_t pending;
    int result;
    struct err err;
    char **keep; /* prune; recover: the known */
};

struct images {
    struct provisioner base;
    struct flags flags;
    char *directory; /* <work_dir>/provisioner, its real path */
    char *helper;
    const struct backend_kind *kind; /* the one for new roots */
    struct store *stores[STORES_MAX];
    size_t stores_count;
    struct strmap *records;
    struct list operations;
    struct provisioner_counters counters;
    bool closing;
};

static inline struct images *images_of(struct provisioner *provisioner)
{
    return container_of(provisioner, struct images, base);
}

/* records.c */
struct record *record_get(struct images *images, const char *id, bool create);
void record_drop(struct images *images, struct record *record);
/* …/containers/<id>[/containers/…]; owned. */
char *record_path(const struct images *images, const char *id);
void record_add_root(struct record *record, const struct backend_kind *kind, const char *uuid);
/* Of one root; both owned. */
void root_place(const struct images *images, const char *id, const struct root *root,
    char **ret_rootfs, char **ret_scratch);
/* Writes and reads `layers`. */
int record_write(struct images *images, const struct record *record, struct err *err);
int record_read(struct images *images, struct record *record, struct err *err);
struct backend backend_of(struct images *images, const struct backend_kind *kind);

/* operations.c */
struct operation *operation_new(
    struct images *images, enum operation_kind kind, const char *id, struct done done);
/* Starts whoever may go on by now. */
void operations_run(struct images *images);
/* Answers, frees, and lets others go on. */
void operation_end(struct operation *operation, int result, const void *value,
    const struct err *err);
/* One of the stores that the operation (arg) asked has answered: the last answer ends it, with the
 * first failure. */
void operation_store_done(void *arg, int result, const void *value, const struct err *err);
/* The first of that kind and container; NULL when there is none. */
struct operation *operation_find(
    struct images *images, enum operation_kind kind, const char *id);

/* provision.c: starts; discard: as soon as it can be, it is answered -ECANCELED. */
void provision_begin(struct operation *operation);
void provision_discard(struct operation *operation);

/* destroy.c */
void destroy_begin(struct operation *operation);
/* Removes the roots of the container and of those nested in it; needs no lock. */
int destroy_tree(struct images *images, const char *id, bool *ret_known, struct err *err);

/* recover.c, prune.c */
void recover_begin(struct operation *operation);
void prune_begin(struct operation *operation);
