/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a map of a scenario may hold, as tables: one row per key with its kind. Validation, the help
 * of `seatrial run --help-steps` and scenarios/README.md come from the same rows.
 */
#pragma once

#include <regex.h>
#include <stdbool.h>

#include "reference/base/json.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/parse/node.h"

enum value_kind {
    VALUE_TEXT,
    VALUE_MATCH,   /* a text, or /an extended regular expression/ */
    VALUE_ID,      /* of a container that some step launches */
    VALUE_NEW_ID,  /* of a container that this step launches */
    VALUE_INTEGER, /* not negative */
    VALUE_NUMBER,
    VALUE_BOOL,
    VALUE_DURATION,  /* 10s, 100ms: number is in ns */
    VALUE_BYTES,     /* 64MiB, or a plain number: number is in bytes */
    VALUE_SIGNAL,    /* TERM, SIGTERM or 15 */
    VALUE_ERRNO,     /* EBUSY */
    VALUE_MODE,      /* octal */
    VALUE_ENUM,      /* one of key.names */
    VALUE_MAP,       /* of key.schema */
    VALUE_TEXT_MAP,  /* names to plain values */
    VALUE_CHECK,     /* a value to compare with: check.h */
    VALUE_CHECK_MAP, /* names to checks */
    VALUE_WORKLOAD,  /* a list of actions: fakes/kernel/actions.h */
    VALUE_RESOURCES, /* {cpus: 1, mem: 64}, or a list of Resource */
    VALUE_LIMITS,    /* {cpus: 2, mem: infinity} */
    VALUE_JSON,      /* a message of key.type */
    VALUE_STEPS,     /* a list of steps */
    VALUE_ANY,
    VALUE_KIND_COUNT
};

enum key_flags { KEY_REQUIRED = 1, KEY_LIST = 2 /* or one value, as a list of one */ };

struct schema;
struct key {
    const char *name;
    enum value_kind kind;
    unsigned flags;
    const char *const *names;     /* ENUM; NULL-terminated */
    const struct schema *schema;  /* MAP */
    const struct json_type *type; /* JSON */
    const char *help;
};
struct schema {
    const char *what; /* "launch": for messages */
    const struct key *keys;
    size_t count;
    const char *scalar; /* key that a bare value stands for, NULL: a map is a must */
    /* Further rules across keys; may be NULL. */
    void (*check)(const struct node *map, struct problems *problems);
};

#define SCHEMA(what_, keys_, scalar_)                                                              \
    {                                                                                              \
        (what_), (keys_), ARRAY_SIZE(keys_), (scalar_), NULL                                       \
    }

/* Checks a value and all below it, fills in node->number, and turns bare values into maps of their
 * schema. Every mistake becomes a problem. */
void schema_check(const struct schema *schema, struct node *node, struct problems *problems);
/* The same for the value of one key. */
void schema_check_value(const struct key *key, struct node *node, struct problems *problems);
const struct key *schema_key(const struct schema *schema, const char *name);
/* "a duration such as 10s or 100ms" */
const char *value_kind_text(enum value_kind kind);
/* Rows of a schema for people: "  id: the id of a container, required: …". */
void schema_help(const struct schema *schema, unsigned indent, struct strbuf *out);

/* "WHAT, expected NEAREST", or all known names when none is near to `name`. */
void unknown_problem(struct problems *problems, const struct node *at, const char *what,
    const char *name, const char *const *known);

/* True when the text has the form /…/. */
bool match_is_regex(const char *text);
/* Does `text` satisfy the match: equal, or found by the regular expression (POSIX extended)? */
bool match_text(const char *match, const char *text);
