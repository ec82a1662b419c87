/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structures to and from JSON by tables. A table describes each field once; decoding, encoding,
 * copying, freeing and hashing all come from it. Errors name the field:
 *
 *     container.linux_info.shm_size: expected a number, got "x"
 *
 * Absent is distinct from zero: optional scalars are the opt_* types, optional objects are
 * pointers, strings are NULL. Unknown fields are an error that suggests the nearest name.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/base/err.h"

struct opt_bool {
    bool set;
    bool value;
};
struct opt_u64 {
    bool set;
    uint64_t value;
};
struct opt_i64 {
    bool set;
    int64_t value;
};
struct opt_double {
    bool set;
    double value;
};
#define OPT(number) {true, (number)}

enum json_kind {
    JSON_KIND_BOOL,       /* bool; absent = default_number */
    JSON_KIND_INT,        /* int64_t */
    JSON_KIND_DOUBLE,     /* double; the text "Infinity" stands for +infinity, both ways */
    JSON_KIND_STRING,     /* char *, owned */
    JSON_KIND_ENUM,       /* int, by enum_names (NULL-terminated; index = value) */
    JSON_KIND_OPT_BOOL,
    JSON_KIND_OPT_U64,    /* above INT64_MAX, which JSON texts do not carry: as a decimal text */
    JSON_KIND_OPT_I64,
    JSON_KIND_OPT_DOUBLE,
    JSON_KIND_OBJECT,     /* struct embedded by value: always there */
    JSON_KIND_OBJECT_PTR, /* struct X *, owned, NULL = absent */
    JSON_KIND_STRINGS,    /* char **, NULL-terminated, owned */
    JSON_KIND_OBJECTS,    /* array: X *items (owned) at offset, size_t count at count_offset */
    JSON_KIND_RAW,        /* json_t *, owned reference */
};

struct json_type;
struct json_field {
    const char *name;
    enum json_kind kind;
    size_t offset;
    size_t count_offset;             /* OBJECTS */
    const struct json_type *type;    /* OBJECT, OBJECT_PTR, OBJECTS */
    const char *const *enum_names;   /* ENUM; STRING: the texts allowed, NULL for any */
    double default_number;           /* BOOL, INT, DOUBLE, ENUM when absent */
    bool required;
};
struct json_type {
    const char *name;
    size_t size;
    const struct json_field *fields;
    size_t field_count;
    /* Extra check after decoding; may be NULL. */
    int (*validate)(const void *object, const char *path, struct err *err);
};

/* Short table rows: JSON_FIELD(struct command_info, value, JSON_KIND_STRING). */
#define JSON_FIELD(type_, member, kind_, ...)                                                      \
    {                                                                                              \
        .name = #member, .kind = (kind_), .offset = offsetof(type_, member), __VA_ARGS__           \
    }
#define JSON_ARRAY_FIELD(type_, member, count_member, item_type)                                   \
    {                                                                                              \
        .name = #member, .kind = JSON_KIND_OBJECTS, .offset = offsetof(type_, member),             \
        .count_offset = offsetof(type_, count_member), .type = (item_type)                         \
    }

/* Sets a zeroed object's defaults (numbers that are not 0, also of embedded objects): what decoding
 * `{}` gives. For objects that code builds. */
void json_type_init(const struct json_type *type, void *object);
/* Fills a zeroed object from json. path is the prefix for errors ("container"). On failure the
 * object is released. Errors: -EINVAL. */
int json_type_decode(const struct json_type *type, const json_t *json, void *object,
    const char *path, struct err *err);
/* Parses text first; syntax errors name `path`, line and column. */
int json_type_decode_text(const struct json_type *type, const char *text, size_t length,
    void *object, const char *path, struct err *err);
/* A new reference. Defaults and absent values are left out. */
json_t *json_type_encode(const struct json_type *type, const void *object);
/* Compact text with fields in table order, without going through a tree; caller frees. */
char *json_type_encode_text(const struct json_type *type, const void *object);
/* Frees what the object owns and zeroes it (not the object itself). */
void json_type_release(const struct json_type *type, void *object);
/* Deep copy into `to`, which must be zeroed. */
void json_type_copy(const struct json_type *type, void *to, const void *from);
/* protobuf's MergeFrom: scalars set in `from` overwrite, repeated append, sub-objects merge. */
void json_type_merge(const struct json_type *type, void *into, const void *from);
/* The same, but what `from` owns becomes that of `into`, without a copy where there is none of it
 * yet. `from` remains to be released. */
void json_type_take(const struct json_type *type, void *into, void *from);
/* The nearest of names (NULL-terminated) by edit distance, or NULL when none is near. */
const char *json_suggest(const char *name, const char *const *names);
