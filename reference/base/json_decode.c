/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to structures by tables, with errors that name the field. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/json_internal.h"
#include "reference/base/strbuf.h"

#define SHOWN_TEXT_MAX 64 /* bytes of a wrong text that an error repeats */

/* Where decoding stands; the path is only put together for an error. */
struct place {
    const struct place *parent;
    const char *name; /* NULL: an array's item */
    size_t item;
};

static void place_add(const struct place *place, struct strbuf *path)
{
    /* As deep as the tables are nested, which is bounded by the types there are. */
    if (place->parent)
        place_add(place->parent, path);
    if (!place->name)
        strbuf_addf(path, "[%zu]", place->item);
    else if (path->length > 0)
        strbuf_addf(path, ".%s", place->name);
    else
        strbuf_add(path, place->name);
}

static int fail(struct err *err, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int fail(struct err *err, const struct place *place, const char *format, ...)
{
    if (!err)
        return -EINVAL;
    _cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
    place_add(place, &path);
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *message = str_vprintf(format, list);
    va_end(list);
    if (path.length == 0)
        return err_set(err, -EINVAL, "%s", message);
    return err_set(err, -EINVAL, "%s: %s", path.text, message);
}

/* What stands there, for an error: scalars as they are, else their kind. Caller frees. */
static char *show(const json_t *json)
{
    if (json_is_object(json))
        return str_dup("an object");
    if (json_is_array(json))
        return str_dup("an array");
    if (json_is_string(json) && json_string_length(json) > SHOWN_TEXT_MAX)
        return str_dup("a long text");
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT);
    return text ? text : str_dup("a value");
}

static int fail_type(struct err *err, const struct place *place, const char *expected,
    const json_t *json)
{
    if (!err)
        return -EINVAL;
    _cleanup_free_ char *shown = show(json);
    return fail(err, place, "expected %s, got %s", expected, shown);
}

static int decode_bool(const json_t *json, bool *value, const struct place *place, struct err *err)
{
    if (!json_is_boolean(json))
        return fail_type(err, place, "true or false", json);
    *value = json_is_true(json);
    return 0;
}

/* Whole numbers; a real one counts when it is whole and exact (below 2^53). */
static int decode_i64(const json_t *json, int64_t *value, const struct place *place,
    struct err *err)
{
    if (json_is_integer(json)) {
        *value = json_integer_value(json);
        return 0;
    }
    if (!json_is_real(json))
        return fail_type(err, place, "a number", json);
    double real = json_real_value(json);
    if (real != trunc(real) || fabs(real) > 9007199254740992.0)
        return fail_type(err, place, "a whole number", json);
    *value = (int64_t)real;
    return 0;
}

static int decode_u64(const json_t *json, uint64_t *value, const struct place *place,
    struct err *err)
{
    if (json_is_string(json)) {
        const char *text = json_string_value(json);
        size_t digits = strspn(text, "0123456789");
        char *end = NULL;
        errno = 0;
        uint64_t number = digits ? strtoull(text, &end, 10) : 0;
        if (digits == 0 || text[digits] != '\0')
            return fail_type(err, place, "a number", json);
        if (errno != 0)
            return fail_type(err, place, "a number of at most 64 bits", json);
        *value = number;
        return 0;
    }
    int64_t number;
    int result = decode_i64(json, &number, place, err);
    if (result < 0)
        return result;
    if (number < 0)
        return fail_type(err, place, "a number that is not negative", json);
    *value = (uint64_t)number;
    return 0;
}

static int decode_double(const json_t *json, double *value, const struct place *place,
    struct err *err)
{
    if (json_is_number(json))
        *value = json_number_value(json);
    else if (json_is_string(json) && strcmp(json_string_value(json), "Infinity") == 0)
        *value = INFINITY;
    else
        return fail_type(err, place, "a number", json);
    return 0;
}

static int fail_name(struct err *err, const struct place *place, const char *const *names,
    const json_t *json)
{
    _cleanup_strbuf_ struct strbuf expected = STRBUF_INIT;
    for (size_t i = 0; names[i]; i++) {
        bool last = i > 0 && !names[i + 1];
        strbuf_addf(&expected, "%s%s", i == 0 ? "" : last ? " or " : ", ", names[i]);
    }
    return fail_type(err, place, expected.text, json);
}

/* The index of the text in names, -1 when it is none of them. */
static int name_index(const json_t *json, const char *const *names)
{
    const char *text = json_string_value(json);
    for (int i = 0; text && names[i]; i++)
        if (strcmp(names[i], text) == 0)
            return i;
    return -1;
}

static int decode_string(const json_t *json, char **value, const char *const *names,
    const struct place *place, struct err *err)
{
    if (names && name_index(json, names) < 0)
        return fail_name(err, place, names, json);
    if (!json_is_string(json))
        return fail_type(err, place, "a text", json);
    if (strlen(json_string_value(json)) != json_string_length(json))
        return fail(err, place, "a text may not contain a NUL");
    *value = str_ndup(json_string_value(json), json_string_length(json));
    return 0;
}

static int decode_enum(const json_t *json, int *value, const char *const *names,
    const struct place *place, struct err *err)
{
    int index = name_index(json, names);
    if (index < 0)
        return fail_name(err, place, names, json);
    *value = index;
    return 0;
}

static int decode_object(const struct json_type *type, const json_t *json, void *object,
    const struct place *place, struct err *err);

static int decode_strings(const json_t *json, char ***value, const struct place *place,
    struct err *err)
{
    if (!json_is_array(json))
        return fail_type(err, place, "an array of texts", json);
    *value = mem_alloc((json_array_size(json) + 1) * sizeof(char *));
    for (size_t i = 0; i < json_array_size(json); i++) {
        struct place at = {place, NULL, i};
        int result = decode_string(json_array_get(json, i), &(*value)[i], NULL, &at, err);
        if (result < 0)
            return result; /* what is there so far is released with the whole object */
    }
    return 0;
}

static int decode_objects(const struct json_field *field, const json_t *json, void *object,
    const struct place *place, struct err *err)
{
    if (!json_is_array(json))
        return fail_type(err, place, "an array", json);
    size_t count = json_array_size(json);
    if (count == 0)
        return 0;
    void *items = mem_alloc(count * field->type->size);
    JSON_MEMBER(void *, field, object) = items;
    *json_count(field, object) = count;
    for (size_t i = 0; i < count; i++) {
        struct place at = {place, NULL, i};
        int result = decode_object(
            field->type, json_array_get(json, i), json_item(field, items, i), &at, err);
        if (result < 0)
            return result;
    }
    return 0;
}

static int decode_pointer(const struct json_field *field, const json_t *json, void *object,
    const struct place *place, struct err *err)
{
    void *pointed = mem_alloc(field->type->size);
    JSON_MEMBER(void *, field, object) = pointed;
    return decode_object(field->type, json, pointed, place, err);
}

static int decode_field(const struct json_field *field, json_t *json, void *object,
    const struct place *place, struct err *err)
{
    void *member = json_member(field, object);
    switch (field->kind) {
    case JSON_KIND_BOOL:
        return decode_bool(json, member, place, err);
    case JSON_KIND_INT:
        return decode_i64(json, member, place, err);
    case JSON_KIND_DOUBLE:
        return decode_double(json, member, place, err);
    case JSON_KIND_STRING:
        return decode_string(json, member, field->enum_names, place, err);
    case JSON_KIND_ENUM:
        return decode_enum(json, member, field->enum_names, place, err);
    case JSON_KIND_OPT_BOOL:
        ((struct opt_bool *)member)->set = true;
        return decode_bool(json, &((struct opt_bool *)member)->value, place, err);
    case JSON_KIND_OPT_U64:
        ((struct opt_u64 *)member)->set = true;
        return decode_u64(json, &((struct opt_u64 *)member)->value, place, err);
    case JSON_KIND_OPT_I64:
        ((struct opt_i64 *)member)->set = true;
        return decode_i64(json, &((struct opt_i64 *)member)->value, place, err);
    case JSON_KIND_OPT_DOUBLE:
        ((struct opt_double *)member)->set = true;
        return decode_double(json, &((struct opt_double *)member)->value, place, err);
    case JSON_KIND_OBJECT:
        return decode_object(field->type, json, member, place, err);
    case JSON_KIND_OBJECT_PTR:
        return decode_pointer(field, json, object, place, err);
    case JSON_KIND_STRINGS:
        return decode_strings(json, member, place, err);
    case JSON_KIND_OBJECTS:
        return decode_objects(field, json, object, place, err);
    case JSON_KIND_RAW:
        break;
    }
    JSON_MEMBER(json_t *, field, object) = json_deep_copy(json);
    return 0;
}

static int fail_unknown(struct err *err, const struct json_type *type, const struct place *place,
    const char *name)
{
    const char *names[JSON_FIELDS_MAX + 1] = {NULL};
    for (size_t i = 0; i < type->field_count; i++)
        names[i] = type->fields[i].name;
    const char *nearest = json_suggest(name, names);
    struct place at = {place, name, 0};
    if (nearest)
        return fail(err, &at, "unknown field; did you mean \"%s\"?", nearest);
    return fail(err, &at, "unknown field");
}

/* The field of that name; the search begins at `start`, as texts mostly keep the tables' order. */
static size_t field_find(const struct json_type *type, const char *name, size_t start)
{
    for (size_t i = 0; i < type->field_count; i++) {
        size_t candidate = (start + i) % type->field_count;
        if (strcmp(type->fields[candidate].name, name) == 0)
            return candidate;
    }
    return SIZE_MAX;
}

/* Decodes without releasing on failure: the caller of the whole does. */
static int decode_object(const struct json_type *type, const json_t *json, void *object,
    const struct place *place, struct err *err)
{
    assert(type->field_count <= JSON_FIELDS_MAX);
    if (!json_is_object(json))
        return fail_type(err, place, "an object", json);
    json_type_init(type, object);
    uint64_t seen = 0;
    size_t next = 0;
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)json, name, value) {
        size_t i = field_find(type, name, next);
        if (i == SIZE_MAX)
            return fail_unknown(err, type, place, name);
        struct place at = {place, name, 0};
        int result = decode_field(&type->fields[i], value, object, &at, err);
        if (result < 0)
            return result;
        seen |= UINT64_C(1) << i;
        next = i + 1;
    }
    for (size_t i = 0; i < type->field_count; i++) {
        struct place at = {place, type->fields[i].name, 0};
        if (type->fields[i].required && !(seen >> i & 1))
            return fail(err, &at, "required field is missing");
    }
    if (!type->validate)
        return 0;
    _cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
    place_add(place, &path);
    return type->validate(object, strbuf_text(&path), err);
}

int json_type_decode(const struct json_type *type, const json_t *json, void *object,
    const char *path, struct err *err)
{
    assert(type);
    assert(object);
    struct place place = {NULL, path ? path : "", 0};
    int result = decode_object(type, json, object, &place, err);
    if (result < 0)
        json_type_release(type, object);
    return result;
}

int json_type_decode_text(const struct json_type *type, const char *text, size_t length,
    void *object, const char *path, struct err *err)
{
    assert(text);
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json) {
        const char *prefix = path && *path ? path : "json";
        return err_set(
            err, -EINVAL, "%s:%d:%d: %s", prefix, error.line, error.column, error.text);
    }
    int result = json_type_decode(type, json, object, path, err);
    json_decref(json);
    return result;
}
