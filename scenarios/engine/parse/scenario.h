/* SPDX-License-Identifier: Apache-2.0 */
/* Scenarios as read: their documents expanded, checked, and their steps in a row. */
#pragma once

#include "scenarios/engine/parse/node.h"
#include "scenarios/engine/parse/schema.h"

struct step_spec;
struct step {
    const struct step_spec *spec; /* steps/step.h */
    const struct node *args;      /* borrowed from the scenario's root */
    const struct node *at;        /* the step's name, for its place */
};

struct scenario {
    char *file;
    int line;                 /* of the document's key `scenario` */
    char *name;               /* with the values of the matrix: `oom [cgroups=v1]` */
    struct node *root;        /* owned */
    const struct node *agent; /* NULL: the default one */
    char **covers;
    char **tags;
    uint64_t needs; /* NEED bits */
    struct step *steps;
    size_t steps_count;
};
struct suite {
    struct scenario **items;
    size_t count;
};

/*
 * Reads every scenario of the files and directories. Returns 0, or -EINVAL when there are problems
 * (the suite then holds nothing).
 */
int suite_load(char *const *paths, struct suite *ret_suite, struct problems *problems);
void suite_release(struct suite *suite);

/* The keys of a scenario, for the help. */
extern const struct schema scenario_schema;

/* parts of the reading, one file each */

/* Expands a document: one root per combination of its matrix, with `${…}` replaced, and `include`
 * and `repeat` steps written out. The caller frees each root. */
struct expansion {
    struct node **roots;
    char **suffixes; /* "" or " [cgroups=v1]" */
    size_t count;
};
void document_expand(
    const struct node *document, struct expansion *ret_expansion, struct problems *problems);
void expansion_release(struct expansion *expansion);
/* Rules across steps: ids that no step launches, labels, launches of an id that is still there. */
void scenario_check_references(const struct scenario *scenario, struct problems *problems);
