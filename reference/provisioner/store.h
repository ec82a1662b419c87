/* SPDX-License-Identifier: Apache-2.0 */
/* Stores: from an image to its layers on this machine, one kind per type (provisioner.md 3, 4). */
#pragma once

#include "reference/flags.h"
#include "reference/host.h"
#include "reference/model/config.h"
#include "reference/provisioner/backend.h"

struct stored_image {
    char *const *layers; /* paths, the bottom first */
    json_t *docker_manifest; /* borrowed, NULL: none */
    json_t *appc_manifest;
    const char *config_path; /* of a docker image with a config file, else NULL */
};

struct store;
struct store_ops {
    const char *type;     /* of images: "DOCKER" */
    const char *provider; /* word of --image_providers: "docker" */
    void (*recover)(struct store *store, struct done done);
    /* done's value: const struct stored_image *. */
    void (*get)(struct store *store, const struct image *image, const struct backend_kind *backend,
        struct done done);
    /* The get whose done has this argument is answered -ECANCELED; what only it waited for stops.
     * False when there is none. */
    bool (*cancel)(struct store *store, void *arg);
    /* Keeps the images of these names, and the layers at the active paths. NULL: never prunes. */
    void (*prune)(struct store *store, char *const *keep, char *const *active, struct done done);
    /* NULL: it counts nothing. */
    void (*metrics)(struct store *store, json_t *into);
    void (*free)(struct store *store);
};
struct store {
    const struct store_ops *ops;
    struct host *host;
};

/* What stores are made from; all borrowed, and alive as long as they. */
struct store_context {
    struct host *host;
    const struct flags *flags;
    const char *helper;
};
int docker_store_new(
    const struct store_context *context, struct store **ret_store, struct err *err);
int rootfs_store_new(
    const struct store_context *context, struct store **ret_store, struct err *err);
int appc_store_new(
    const struct store_context *context, struct store **ret_store, struct err *err);
