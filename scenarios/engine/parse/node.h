/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document as a tree whose every node knows its place. Scenarios are run from this tree: a
 * step reads its arguments by key.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenarios/engine/parse/problem.h"

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool quoted; /* scalar: in quotes, so a text whatever it looks like */
    bool broken; /* there is a problem with it already: say no more */
    int line;
    int column;
    char *file;
    char *text;          /* scalar; owned */
    struct node **keys;  /* map: scalars */
    struct node **items; /* list and map; owned */
    size_t count;
    double number; /* set by the check of its kind: numbers, durations in ns, sizes in bytes */
};

#define NODE_DEPTH_MAX 32
#define NODE_KEYS_MAX 512

struct node *node_new(enum node_kind kind, const char *file, int line, int column);
void node_free(struct node *node); /* NULL is fine */
/* Append; the nodes are taken. */
void node_append(struct node *list, struct node *item);
void node_put(struct node *map, struct node *key, struct node *value);

/* The value of a key; NULL when it is absent or `map` is NULL or no map. */
struct node *node_get(const struct node *map, const char *key);
/* The key itself, for its place. */
struct node *node_key(const struct node *map, const char *key);
/* Text of a scalar value, NULL when absent. */
const char *node_text(const struct node *map, const char *key);
bool node_bool(const struct node *map, const char *key, bool otherwise);
/* The checked number of a value: counts, ns or bytes by its kind. */
double node_number(const struct node *map, const char *key, double otherwise);
uint64_t node_amount(const struct node *map, const char *key, uint64_t otherwise);
/* The value as a list: itself, or a list of one; *ret_count 0 when absent. Borrowed. */
struct node *const *node_list(const struct node *map, const char *key, size_t *ret_count);
/* The texts of that list, by commas; owned, NULL when absent. */
char *node_list_text(const struct node *map, const char *key);

/* Reads a plain scalar as YAML 1.2 does; false when it is no such thing. */
bool node_is_number(const struct node *node, double *ret_number);
bool node_is_bool(const struct node *node, bool *ret_value);
/* A new reference. */
json_t *node_json(const struct node *node);
/* "a map", "a list", "\"text\"": for messages; owned. */
char *node_describe(const struct node *node);
void node_problem(struct problems *problems, const struct node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
