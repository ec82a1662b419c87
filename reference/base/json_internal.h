/* SPDX-License-Identifier: Apache-2.0 */
/* What the files behind json.h share: typed access to the members that a table names. */
#pragma once

#include "reference/base/json.h"
#include "reference/base/mem.h"

#define JSON_FIELDS_MAX 64 /* of one type: decoding keeps a bit for each */

static inline void *json_member(const struct json_field *field, const void *object)
{
    return (char *)object + field->offset;
}

/* The member as an lvalue of its C type. */
#define JSON_MEMBER(type_, field, object) (*(type_ *)json_member((field), (object)))

static inline size_t *json_count(const struct json_field *field, const void *object)
{
    return (size_t *)((char *)object + field->count_offset);
}

static inline void *json_item(const struct json_field *field, void *items, size_t i)
{
    return (char *)items + i * field->type->size;
}

/* True when encoding leaves the field out: it is absent, or has its default. */
bool json_field_is_absent(const struct json_field *field, const void *object);
