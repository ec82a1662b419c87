/* SPDX-License-Identifier: Apache-2.0 */
/* Names of docker images (provisioner.md 2). */
#pragma once

#include "reference/base/err.h"

struct image_name {
    char *registry; /* NULL: none in the name */
    char *repository;
    char *tag;    /* NULL: none; no default is added (quirk) */
    char *digest; /* "sha256:…" or NULL */
    char *text;   /* [registry/]repository, then @digest or :tag: the cache key */
};
/* -EINVAL: two digests, an empty part, or a component that is ".." */
int image_name_parse(const char *text, struct image_name *ret_name, struct err *err);
void image_name_release(struct image_name *name);
