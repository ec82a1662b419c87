/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a scenario describes, and how each world packs them into an archive. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct tree_entry {
    char *path; /* relative */
    char type;  /* 'f' 'd' 'l' */
    char *data; /* of a file; where a link leads */
    size_t length;
    mode_t mode;
};
struct tree {
    struct tree_entry *entries;
    size_t count;
    size_t capacity;
};
/* Leading slashes of the path are dropped; the data is copied. */
void tree_add(struct tree *tree, const char *path, char type, const void *data, size_t length,
    mode_t mode);
void tree_release(struct tree *tree);

/* The bytes of an archive; owned. A tar, or what the simulated machine takes for one
 * (fakes/fake_unpack.h). */
char *tree_pack_tar(const struct tree *tree, size_t *ret_length);
char *tree_pack_text(const struct tree *tree, size_t *ret_length);
