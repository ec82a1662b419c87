/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text to trees of nodes, by libfyaml's events. */
#pragma once

#include "scenarios/engine/parse/node.h"

struct documents {
    struct node **items; /* owned */
    size_t count;
};

/*
 * Adds each document of the text. Syntax errors, duplicate keys, aliases, keys that are no plain
 * text and too deep nesting are problems. Documents before a syntax error are kept.
 */
void yaml_read(const char *text, size_t length, const char *file, struct documents *ret_documents,
    struct problems *problems);
void documents_release(struct documents *documents);
