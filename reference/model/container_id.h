/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container ids in their printed form: values from root to leaf joined with '.', as "p.c.d"
 * (containerizer.md 2.1; a value may not contain a dot, so the form is unambiguous). Everywhere in
 * the code an id is such a string.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "reference/base/err.h"

#define CONTAINER_ID_VALUE_MAX 242 /* containerizer.md 2.1 */

/* Checks every value by the rules of the agent's API; -EINVAL with what is wrong and where. */
int container_id_validate(const char *id, struct err *err);
bool container_id_is_nested(const char *id);
char *container_id_parent(const char *id);        /* owned; NULL for a root */
char *container_id_root(const char *id);          /* owned */
const char *container_id_leaf(const char *id);    /* points into id */
size_t container_id_depth(const char *id);        /* 1 for a root */
/* True when id is below ancestor (not equal). */
bool container_id_is_descendant(const char *id, const char *ancestor);

/*
 * The sandbox of the root container, from that of a nested one, which stands below it; owned. NULL
 * for a root, or a directory that stands elsewhere. Whatever is below it may be a container's own
 * doing: no symbolic link there is followed.
 */
char *container_id_root_sandbox(const char *id, const char *sandbox);

/*
 * Paths from ids (tests.md PA-*): prefix "s/a/s/b", suffix "a/s/b/s", join "a/s/b" for id a.b and
 * separator s. Owned.
 */
enum container_path_mode { CONTAINER_PATH_PREFIX, CONTAINER_PATH_SUFFIX, CONTAINER_PATH_JOIN };
char *container_id_path(const char *id, const char *separator, enum container_path_mode mode);
