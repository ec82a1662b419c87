/* SPDX-License-Identifier: Apache-2.0 */
/* Structures to JSON by tables: as a tree, and straight to text, which says the same. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/json_internal.h"
#include "reference/base/strbuf.h"

#define DOUBLE_TEXT_MAX 32
#define ENCODED_BYTES 1023 /* most texts are shorter, or grow three times */

static void encode_object(const struct json_type *type, const void *object, struct strbuf *text);

/* The value that a field has, as a reference to a scalar; used by both encoders. */
struct scalar {
    enum { SCALAR_BOOL, SCALAR_SIGNED, SCALAR_UNSIGNED, SCALAR_DOUBLE, SCALAR_TEXT } kind;
    bool boolean;
    int64_t number;
    uint64_t natural;
    double real;
    const char *text;
};

static const char *enum_name(const struct json_field *field, int value)
{
    assert(value >= 0);
    for (int i = 0; i < value; i++)
        assert(field->enum_names[i]);
    assert(field->enum_names[value]);
    return field->enum_names[value];
}

/* False when the field is no scalar. */
static bool field_scalar(const struct json_field *field, const void *object, struct scalar *ret)
{
    switch (field->kind) {
    case JSON_KIND_BOOL:
        *ret = (struct scalar){SCALAR_BOOL, .boolean = JSON_MEMBER(bool, field, object)};
        return true;
    case JSON_KIND_OPT_BOOL:
        *ret = (struct scalar){
            SCALAR_BOOL, .boolean = JSON_MEMBER(struct opt_bool, field, object).value};
        return true;
    case JSON_KIND_INT:
        *ret = (struct scalar){SCALAR_SIGNED, .number = JSON_MEMBER(int64_t, field, object)};
        return true;
    case JSON_KIND_OPT_I64:
        *ret = (struct scalar){
            SCALAR_SIGNED, .number = JSON_MEMBER(struct opt_i64, field, object).value};
        return true;
    case JSON_KIND_OPT_U64:
        *ret = (struct scalar){
            SCALAR_UNSIGNED, .natural = JSON_MEMBER(struct opt_u64, field, object).value};
        return true;
    case JSON_KIND_DOUBLE:
        *ret = (struct scalar){SCALAR_DOUBLE, .real = JSON_MEMBER(double, field, object)};
        return true;
    case JSON_KIND_OPT_DOUBLE:
        *ret = (struct scalar){
            SCALAR_DOUBLE, .real = JSON_MEMBER(struct opt_double, field, object).value};
        return true;
    case JSON_KIND_STRING:
        *ret = (struct scalar){SCALAR_TEXT, .text = JSON_MEMBER(char *, field, object)};
        return true;
    case JSON_KIND_ENUM:
        *ret = (struct scalar){
            SCALAR_TEXT, .text = enum_name(field, JSON_MEMBER(int, field, object))};
        return true;
    default:
        return false;
    }
}

static void add_number(struct strbuf *text, uint64_t magnitude, bool negative)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (negative)
        digits[--at] = '-';
    strbuf_add_bytes(text, digits + at, sizeof(digits) - at);
}

/* The shortest text that reads back as the same number; whole numbers keep a ".0". */
static void add_double(struct strbuf *text, double real)
{
    assert(!isnan(real) && real != -INFINITY);
    if (isinf(real)) {
        strbuf_add(text, "\"Infinity\"");
        return;
    }
    if (fabs(real) < 1e15 && real == trunc(real) && !(real == 0 && signbit(real))) {
        add_number(text, (uint64_t)fabs(real), real < 0);
        strbuf_add(text, ".0");
        return;
    }
    char digits[DOUBLE_TEXT_MAX];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*g", precision, real);
        if (strtod(digits, NULL) == real)
            break;
    }
    strbuf_add(text, digits);
    if (!strpbrk(digits, ".e"))
        strbuf_add(text, ".0");
}

static void add_scalar(struct strbuf *text, const struct scalar *scalar)
{
    switch (scalar->kind) {
    case SCALAR_BOOL:
        strbuf_add(text, scalar->boolean ? "true" : "false");
        break;
    case SCALAR_SIGNED: {
        int64_t number = scalar->number;
        add_number(text, number < 0 ? -(uint64_t)number : (uint64_t)number, number < 0);
        break;
    }
    case SCALAR_UNSIGNED:
        if (scalar->natural > INT64_MAX)
            strbuf_add(text, "\"");
        add_number(text, scalar->natural, false);
        if (scalar->natural > INT64_MAX)
            strbuf_add(text, "\"");
        break;
    case SCALAR_DOUBLE:
        add_double(text, scalar->real);
        break;
    case SCALAR_TEXT:
        strbuf_add_json_string(text, scalar->text ? scalar->text : "");
        break;
    }
}

static int add_dumped(const char *bytes, size_t length, void *arg)
{
    strbuf_add_bytes(arg, bytes, length);
    return 0;
}

static void encode_array(const struct json_field *field, const void *object, struct strbuf *text)
{
    strbuf_add_bytes(text, "[", 1);
    if (field->kind == JSON_KIND_STRINGS) {
        char **strings = JSON_MEMBER(char **, field, object);
        for (size_t i = 0; strings && strings[i]; i++) {
            if (i > 0)
                strbuf_add_bytes(text, ",", 1);
            strbuf_add_json_string(text, strings[i]);
        }
    } else {
        void *items = JSON_MEMBER(void *, field, object);
        for (size_t i = 0; i < *json_count(field, object); i++) {
            if (i > 0)
                strbuf_add_bytes(text, ",", 1);
            encode_object(field->type, json_item(field, items, i), text);
        }
    }
    strbuf_add_bytes(text, "]", 1);
}

static void encode_field(const struct json_field *field, const void *object, struct strbuf *text)
{
    struct scalar scalar;
    if (field_scalar(field, object, &scalar)) {
        add_scalar(text, &scalar);
        return;
    }
    if (field->kind == JSON_KIND_STRINGS || field->kind == JSON_KIND_OBJECTS) {
        encode_array(field, object, text);
    } else if (field->kind == JSON_KIND_OBJECT) {
        encode_object(field->type, json_member(field, object), text);
    } else if (!JSON_MEMBER(void *, field, object)) {
        strbuf_add(text, "{}"); /* a required one that is not there */
    } else if (field->kind == JSON_KIND_OBJECT_PTR) {
        encode_object(field->type, JSON_MEMBER(void *, field, object), text);
    } else {
        int dumped = json_dump_callback(JSON_MEMBER(json_t *, field, object), add_dumped, text,
            JSON_COMPACT | JSON_ENCODE_ANY);
        assert(dumped == 0);
    }
}

static void encode_object(const struct json_type *type, const void *object, struct strbuf *text)
{
    bool first = true;
    strbuf_add_bytes(text, "{", 1);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct json_field *field = &type->fields[i];
        if (!field->required && json_field_is_absent(field, object))
            continue;
        strbuf_add(text, first ? "\"" : ",\"");
        strbuf_add(text, field->name);
        strbuf_add_bytes(text, "\":", 2);
        encode_field(field, object, text);
        first = false;
    }
    strbuf_add_bytes(text, "}", 1);
}

char *json_type_encode_text(const struct json_type *type, const void *object)
{
    assert(type);
    assert(object);
    struct strbuf text = STRBUF_INIT;
    strbuf_reserve(&text, ENCODED_BYTES);
    encode_object(type, object, &text);
    return strbuf_take(&text);
}

/* A JSON text of any string: what is not UTF-8 becomes the character of the byte's number, as in
 * the text encoder. */
static json_t *string_json(const char *string)
{
    json_t *json = json_string(string);
    if (json)
        return json;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    strbuf_add_json_string(&text, string);
    json = json_loadb(text.text, text.length, JSON_DECODE_ANY, NULL);
    assert(json);
    return json;
}

static json_t *scalar_json(const struct scalar *scalar)
{
    switch (scalar->kind) {
    case SCALAR_BOOL:
        return json_boolean(scalar->boolean);
    case SCALAR_SIGNED:
        return json_integer(scalar->number);
    case SCALAR_UNSIGNED:
        if (scalar->natural <= INT64_MAX)
            return json_integer((json_int_t)scalar->natural);
        return json_sprintf("%llu", (unsigned long long)scalar->natural);
    case SCALAR_DOUBLE:
        assert(!isnan(scalar->real) && scalar->real != -INFINITY);
        return isinf(scalar->real) ? json_string("Infinity") : json_real(scalar->real);
    case SCALAR_TEXT:
        break;
    }
    return string_json(scalar->text ? scalar->text : "");
}

static json_t *array_json(const struct json_field *field, const void *object)
{
    json_t *array = json_array();
    if (field->kind == JSON_KIND_STRINGS) {
        char **strings = JSON_MEMBER(char **, field, object);
        for (size_t i = 0; strings && strings[i]; i++)
            json_array_append_new(array, string_json(strings[i]));
        return array;
    }
    void *items = JSON_MEMBER(void *, field, object);
    for (size_t i = 0; i < *json_count(field, object); i++)
        json_array_append_new(array, json_type_encode(field->type, json_item(field, items, i)));
    return array;
}

static json_t *field_json(const struct json_field *field, const void *object)
{
    struct scalar scalar;
    if (field_scalar(field, object, &scalar))
        return scalar_json(&scalar);
    if (field->kind == JSON_KIND_STRINGS || field->kind == JSON_KIND_OBJECTS)
        return array_json(field, object);
    if (field->kind == JSON_KIND_OBJECT)
        return json_type_encode(field->type, json_member(field, object));
    if (!JSON_MEMBER(void *, field, object))
        return json_object();
    if (field->kind == JSON_KIND_OBJECT_PTR)
        return json_type_encode(field->type, JSON_MEMBER(void *, field, object));
    return json_deep_copy(JSON_MEMBER(json_t *, field, object));
}

json_t *json_type_encode(const struct json_type *type, const void *object)
{
    assert(type);
    assert(object);
    json_t *json = json_object();
    for (size_t i = 0; i < type->field_count; i++) {
        const struct json_field *field = &type->fields[i];
        if (field->required || !json_field_is_absent(field, object))
            json_object_set_new(json, field->name, field_json(field, object));
    }
    return json;
}
