/* SPDX-License-Identifier: Apache-2.0 */
/* What an unpacked archive of a docker image says (provisioner.md 3.4). */
#pragma once

#include <jansson.h>

#include "reference/host.h"
#include "reference/provisioner/image_name.h"

struct archive_layer {
    char *id;
    char *json;   /* its v1 manifest; NULL: it has none */
    char *tar;    /* path; below the archive, whatever links are in it */
    char *digest; /* sha256 in hex that the tar must have; NULL: not told */
};
struct archive_image {
    struct archive_layer *layers; /* the bottom first */
    size_t layers_count;
    char *config; /* of the image, where it is one file; NULL: the json of the top layer */
    char *config_digest; /* "sha256:…"; NULL with config */
    char **blobs; /* further files whose names are their digests, to be verified */
};
/*
 * directory: the unpacked archive, a real path. oci: archives of the OCI form too, which the rule
 * itself refuses. -EBADMSG names what is missing or wrong.
 */
int docker_archive_read(struct host *host, const char *directory, const struct image_name *name,
    bool oci, struct archive_image *ret_image, struct err *err);
void archive_image_release(struct archive_image *image);

/* The OCI form (docker_oci.c): oci-layout, index.json, blobs/. */
int docker_oci_read(struct host *host, const char *directory, const struct image_name *name,
    struct archive_image *ret_image, struct err *err);

/* For both: the real path of a file of the archive (-EBADMSG when a link leads out of it), and its
 * JSON. Owned. */
int archive_path(
    struct host *host, const char *directory, const char *name, char **ret_path, struct err *err);
int archive_json(
    struct host *host, const char *directory, const char *name, json_t **ret_json, struct err *err);
/* The next layer, on top; zeroed. */
struct archive_layer *archive_layer_add(struct archive_image *image);
