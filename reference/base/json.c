/* SPDX-License-Identifier: Apache-2.0 */
/* What tables of fields give besides decoding and encoding: defaults, release, copy and merge. */
#include <assert.h>
#include <string.h>

#include "reference/base/json_internal.h"

void json_type_init(const struct json_type *type, void *object)
{
    assert(type->field_count <= JSON_FIELDS_MAX);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct json_field *field = &type->fields[i];
        switch (field->kind) {
        case JSON_KIND_BOOL:
            JSON_MEMBER(bool, field, object) = field->default_number != 0;
            break;
        case JSON_KIND_INT:
            JSON_MEMBER(int64_t, field, object) = (int64_t)field->default_number;
            break;
        case JSON_KIND_DOUBLE:
            JSON_MEMBER(double, field, object) = field->default_number;
            break;
        case JSON_KIND_ENUM:
            JSON_MEMBER(int, field, object) = (int)field->default_number;
            break;
        case JSON_KIND_OBJECT:
            json_type_init(field->type, json_member(field, object));
            break;
        default:
            break;
        }
    }
}

static bool object_is_absent(const struct json_type *type, const void *object)
{
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].required || !json_field_is_absent(&type->fields[i], object))
            return false;
    return true;
}

bool json_field_is_absent(const struct json_field *field, const void *object)
{
    switch (field->kind) {
    case JSON_KIND_BOOL:
        return JSON_MEMBER(bool, field, object) == (field->default_number != 0);
    case JSON_KIND_INT:
        return JSON_MEMBER(int64_t, field, object) == (int64_t)field->default_number;
    case JSON_KIND_DOUBLE:
        return JSON_MEMBER(double, field, object) == field->default_number;
    case JSON_KIND_ENUM:
        return JSON_MEMBER(int, field, object) == (int)field->default_number;
    case JSON_KIND_OPT_BOOL:
        return !JSON_MEMBER(struct opt_bool, field, object).set;
    case JSON_KIND_OPT_U64:
        return !JSON_MEMBER(struct opt_u64, field, object).set;
    case JSON_KIND_OPT_I64:
        return !JSON_MEMBER(struct opt_i64, field, object).set;
    case JSON_KIND_OPT_DOUBLE:
        return !JSON_MEMBER(struct opt_double, field, object).set;
    case JSON_KIND_OBJECT:
        return object_is_absent(field->type, json_member(field, object));
    case JSON_KIND_OBJECTS:
        return *json_count(field, object) == 0;
    case JSON_KIND_STRING:
    case JSON_KIND_OBJECT_PTR:
    case JSON_KIND_STRINGS:
    case JSON_KIND_RAW:
        break;
    }
    return JSON_MEMBER(void *, field, object) == NULL;
}

static void objects_release(const struct json_field *field, void *object)
{
    void *items = JSON_MEMBER(void *, field, object);
    for (size_t i = 0; i < *json_count(field, object); i++)
        json_type_release(field->type, json_item(field, items, i));
    free(items);
    *json_count(field, object) = 0;
}

void json_type_release(const struct json_type *type, void *object)
{
    if (!object)
        return;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct json_field *field = &type->fields[i];
        switch (field->kind) {
        case JSON_KIND_STRING:
            free(JSON_MEMBER(char *, field, object));
            break;
        case JSON_KIND_OBJECT:
            json_type_release(field->type, json_member(field, object));
            break;
        case JSON_KIND_OBJECT_PTR:
            json_type_release(field->type, JSON_MEMBER(void *, field, object));
            free(JSON_MEMBER(void *, field, object));
            break;
        case JSON_KIND_STRINGS:
            strv_free(JSON_MEMBER(char **, field, object));
            break;
        case JSON_KIND_OBJECTS:
            objects_release(field, object);
            break;
        case JSON_KIND_RAW:
            json_decref(JSON_MEMBER(json_t *, field, object));
            break;
        default:
            break;
        }
    }
    memset(object, 0, type->size);
}

/* Appends copies of the items of `from`. */
static void objects_append(const struct json_field *field, void *into, const void *from)
{
    size_t added = *json_count(field, from);
    size_t *count = json_count(field, into);
    if (added == 0)
        return;
    size_t size = field->type->size;
    char *items = mem_realloc(JSON_MEMBER(void *, field, into), (*count + added) * size);
    memset(items + *count * size, 0, added * size);
    void *originals = JSON_MEMBER(void *, field, from);
    for (size_t i = 0; i < added; i++)
        json_type_copy(
            field->type, items + (*count + i) * size, json_item(field, originals, i));
    JSON_MEMBER(void *, field, into) = items;
    *count += added;
}

void json_type_copy(const struct json_type *type, void *to, const void *from)
{
    assert(to != from);
    memcpy(to, from, type->size);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct json_field *field = &type->fields[i];
        switch (field->kind) {
        case JSON_KIND_STRING:
            JSON_MEMBER(char *, field, to) = str_dup(JSON_MEMBER(char *, field, from));
            break;
        case JSON_KIND_OBJECT:
            json_type_copy(field->type, json_member(field, to), json_member(field, from));
            break;
        case JSON_KIND_OBJECT_PTR:
            if (!JSON_MEMBER(void *, field, from))
                break;
            JSON_MEMBER(void *, field, to) = mem_alloc(field->type->size);
            json_type_copy(field->type, JSON_MEMBER(void *, field, to),
                JSON_MEMBER(void *, field, from));
            break;
        case JSON_KIND_STRINGS:
            JSON_MEMBER(char **, field, to) = strv_copy(JSON_MEMBER(char **, field, from));
            break;
        case JSON_KIND_OBJECTS:
            JSON_MEMBER(void *, field, to) = NULL;
            *json_count(field, to) = 0;
            objects_append(field, to, from);
            break;
        case JSON_KIND_RAW:
            JSON_MEMBER(json_t *, field, to) = json_deep_copy(JSON_MEMBER(json_t *, field, from));
            break;
        default:
            break;
        }
    }
}

static void strings_append(const struct json_field *field, void *into, const void *from)
{
    char **added = JSON_MEMBER(char **, field, from);
    char ***strings = &JSON_MEMBER(char **, field, into);
    if (!*strings) {
        *strings = strv_copy(added);
        return;
    }
    for (size_t i = 0; added[i]; i++)
        strv_add(strings, added[i]);
}

/* Objects merge member by member, arrays append, all else is replaced. */
static void raw_merge(json_t **into, json_t *from)
{
    json_t *copy = json_deep_copy(from);
    if (json_is_object(*into) && json_is_object(from)) {
        json_t *merged = json_deep_copy(*into); /* others may hold references to it */
        json_object_update_recursive(merged, copy);
        json_decref(copy);
        copy = merged;
    } else if (json_is_array(*into) && json_is_array(from)) {
        json_t *merged = json_deep_copy(*into);
        json_array_extend(merged, copy);
        json_decref(copy);
        copy = merged;
    }
    json_decref(*into);
    *into = copy;
}

static void field_merge(const struct json_field *field, void *into, const void *from)
{
    switch (field->kind) {
    case JSON_KIND_BOOL:
        JSON_MEMBER(bool, field, into) = JSON_MEMBER(bool, field, from);
        break;
    case JSON_KIND_INT:
        JSON_MEMBER(int64_t, field, into) = JSON_MEMBER(int64_t, field, from);
        break;
    case JSON_KIND_DOUBLE:
        JSON_MEMBER(double, field, into) = JSON_MEMBER(double, field, from);
        break;
    case JSON_KIND_STRING:
        str_set(&JSON_MEMBER(char *, field, into), JSON_MEMBER(char *, field, from));
        break;
    case JSON_KIND_ENUM:
        JSON_MEMBER(int, field, into) = JSON_MEMBER(int, field, from);
        break;
    case JSON_KIND_OPT_BOOL:
        JSON_MEMBER(struct opt_bool, field, into) = JSON_MEMBER(struct opt_bool, field, from);
        break;
    case JSON_KIND_OPT_U64:
        JSON_MEMBER(struct opt_u64, field, into) = JSON_MEMBER(struct opt_u64, field, from);
        break;
    case JSON_KIND_OPT_I64:
        JSON_MEMBER(struct opt_i64, field, into) = JSON_MEMBER(struct opt_i64, field, from);
        break;
    case JSON_KIND_OPT_DOUBLE:
        JSON_MEMBER(struct opt_double, field, into) = JSON_MEMBER(struct opt_double, field, from);
        break;
    case JSON_KIND_OBJECT:
        json_type_merge(field->type, json_member(field, into), json_member(field, from));
        break;
    case JSON_KIND_OBJECT_PTR:
        if (!JSON_MEMBER(void *, field, into)) {
            JSON_MEMBER(void *, field, into) = mem_alloc(field->type->size);
            json_type_init(field->type, JSON_MEMBER(void *, field, into));
        }
        json_type_merge(field->type, JSON_MEMBER(void *, field, into),
            JSON_MEMBER(void *, field, from));
        break;
    case JSON_KIND_STRINGS:
        strings_append(field, into, from);
        break;
    case JSON_KIND_OBJECTS:
        objects_append(field, into, from);
        break;
    case JSON_KIND_RAW:
        raw_merge(&JSON_MEMBER(json_t *, field, into), JSON_MEMBER(json_t *, field, from));
        break;
    }
}

void json_type_merge(const struct json_type *type, void *into, const void *from)
{
    assert(into != from);
    for (size_t i = 0; i < type->field_count; i++)
        if (!json_field_is_absent(&type->fields[i], from))
            field_merge(&type->fields[i], into, from);
}

/* Arrays of any kind: the items are moved behind those that are there. */
static void *array_take(void *into, size_t count, void *from, size_t bytes, size_t size)
{
    if (!into)
        return from;
    char *items = mem_realloc(into, count * size + bytes);
    memcpy(items + count * size, from, bytes);
    free(from);
    return items;
}

/* False for what is merged by value. */
static bool field_take(const struct json_field *field, void *into, void *from)
{
    switch (field->kind) {
    case JSON_KIND_STRING:
        free(JSON_MEMBER(char *, field, into));
        JSON_MEMBER(char *, field, into) = TAKE_PTR(JSON_MEMBER(char *, field, from));
        return true;
    case JSON_KIND_OBJECT_PTR:
        if (JSON_MEMBER(void *, field, into))
            return false;
        JSON_MEMBER(void *, field, into) = TAKE_PTR(JSON_MEMBER(void *, field, from));
        return true;
    case JSON_KIND_STRINGS: {
        char **strings = JSON_MEMBER(char **, field, into);
        char **added = TAKE_PTR(JSON_MEMBER(char **, field, from));
        const size_t bytes = (strv_length(added) + 1) * sizeof(*added);
        JSON_MEMBER(char **, field, into) =
            array_take(strings, strv_length(strings), added, bytes, sizeof(*added));
        return true;
    }
    case JSON_KIND_OBJECTS: {
        const size_t size = field->type->size;
        size_t *count = json_count(field, into);
        JSON_MEMBER(void *, field, into) = array_take(JSON_MEMBER(void *, field, into), *count,
            TAKE_PTR(JSON_MEMBER(void *, field, from)), *json_count(field, from) * size, size);
        *count += *json_count(field, from);
        *json_count(field, from) = 0;
        return true;
    }
    default:
        return false;
    }
}

void json_type_take(const struct json_type *type, void *into, void *from)
{
    assert(into != from);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct json_field *field = &type->fields[i];
        if (!json_field_is_absent(field, from) && !field_take(field, into, from))
            field_merge(field, into, from);
    }
}
