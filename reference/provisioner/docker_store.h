/* SPDX-License-Identifier: Apache-2.0 */
/* Between the parts of the docker store: records, paths, and the puller. */
#pragma once

#include "reference/base/map.h"
#include "reference/provisioner/garbage.h"
#include "reference/provisioner/image_name.h"
#include "reference/provisioner/pulls.h"
#include "reference/provisioner/store.h"

/* One of storedImages. */
struct docker_record {
    char *reference;
    char **layers; /* ids, the bottom first */
    char *config;  /* digest, or NULL */
};

struct docker_store {
    struct store base;
    struct store_context context;
    char *directory;
    struct strmap *records; /* reference -> struct docker_record * */
    struct pulls pulls;
    struct garbage garbage;
    struct list gets; /* of struct docker_get */
    uint64_t pulled;  /* pulls that have succeeded, and the time that they took */
    uint64_t pulled_ns;
};

/* What a pull is asked for. */
struct docker_request {
    const struct image_name *name;
    const struct backend_kind *backend;
};
extern const struct pull_ops docker_pull_ops;

/* …/layers/<id>[/<file>]; owned. */
char *docker_layer_path(const struct docker_store *store, const char *id, const char *file);
/* Takes the record in place of one with its reference, and writes storedImages. */
int docker_store_put(struct docker_store *store, struct docker_record *record, struct err *err);
