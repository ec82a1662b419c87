/* SPDX-License-Identifier: Apache-2.0 */
/* Files of scenarios: found below the paths given, read within bounds, checked to be text. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "scenarios/engine/parse/problem.h"

#define SOURCE_BYTES_MAX (1024 * 1024)

struct source_list {
    char **files;
    bool *named; /* given by name, not found in a directory */
    size_t count;
};

/* Walks directories for *.yaml and *.yml, sorted; each file once. */
void source_find(char *const *paths, struct source_list *ret_list, struct problems *problems);
void source_list_release(struct source_list *list);

/*
 * Reads a file of at most SOURCE_BYTES_MAX of UTF-8 text; NULL with a problem otherwise. Nothing of
 * a larger file is read. The caller frees. A NULL-terminator follows the text.
 */
char *source_read(const char *path, size_t *ret_length, struct problems *problems);
