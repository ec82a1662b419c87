/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/json_generate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/json_internal.h"
#include "reference/base/tests/unit.h"

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*random >> 33) % below;
}

static uint64_t draw_u64(uint64_t *random)
{
    static const uint64_t edges[] = {0, 1, 63, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX,
        UINT64_C(9223372036854771712)};
    if (draw(random, 2))
        return edges[draw(random, ARRAY_SIZE(edges))];
    return draw(random, 1u << 30) << draw(random, 33);
}

static double draw_double(uint64_t *random)
{
    static const double edges[] = {0.1, 1, 64, 1e300, 5e-324, 1.0 / 3, 1e15, 123456789012345680.0,
        0.30000000000000004, INFINITY, 9007199254740993.0};
    if (draw(random, 2))
        return edges[draw(random, ARRAY_SIZE(edges))];
    return (double)draw(random, 1u << 30) / (double)(1 + draw(random, 1000));
}

static char *draw_text(uint64_t *random)
{
    static const char *const texts[] = {
        "", "a", "sleep 1000", "\"quoted\\\"", "tab\tnewline\n\x01", "\xc3\xa4\xf0\x9f\x98\x80",
        "/sys/fs/cgroup/mesos/c1/memory.max"};
    return str_dup(texts[draw(random, ARRAY_SIZE(texts))]);
}

static json_t *draw_raw(uint64_t *random)
{
    static const char *const texts[] = {
        "{\"a\":[1,2.5,{\"b\":null}],\"c\":true}", "[]", "{}", "\"text\"", "[[1],[\"x\"]]"};
    return json_loads(texts[draw(random, ARRAY_SIZE(texts))], JSON_DECODE_ANY, NULL);
}

static char *draw_name(uint64_t *random, const char *const *names)
{
    size_t count = 0;
    while (names[count])
        count++;
    return str_dup(names[draw(random, count)]);
}

static void generate_field(const struct json_field *field, void *object, uint64_t *random)
{
    switch (field->kind) {
    case JSON_KIND_BOOL:
        JSON_MEMBER(bool, field, object) = draw(random, 2);
        break;
    case JSON_KIND_INT:
        JSON_MEMBER(int64_t, field, object) = (int64_t)draw_u64(random);
        break;
    case JSON_KIND_DOUBLE:
        JSON_MEMBER(double, field, object) = draw_double(random);
        break;
    case JSON_KIND_STRING:
        JSON_MEMBER(char *, field, object) =
            field->enum_names ? draw_name(random, field->enum_names) : draw_text(random);
        break;
    case JSON_KIND_ENUM: {
        int count = 0;
        while (field->enum_names[count])
            count++;
        JSON_MEMBER(int, field, object) = (int)draw(random, (uint64_t)count);
        break;
    }
    case JSON_KIND_OPT_BOOL:
        JSON_MEMBER(struct opt_bool, field, object) = (struct opt_bool)OPT(draw(random, 2));
        break;
    case JSON_KIND_OPT_U64:
        JSON_MEMBER(struct opt_u64, field, object) = (struct opt_u64)OPT(draw_u64(random));
        break;
    case JSON_KIND_OPT_I64:
        JSON_MEMBER(struct opt_i64, field, object) = (struct opt_i64)OPT((int64_t)draw_u64(random));
        break;
    case JSON_KIND_OPT_DOUBLE:
        JSON_MEMBER(struct opt_double, field, object) = (struct opt_double)OPT(draw_double(random));
        break;
    case JSON_KIND_OBJECT:
        json_generate(field->type, json_member(field, object), random);
        break;
    case JSON_KIND_OBJECT_PTR:
        JSON_MEMBER(void *, field, object) = mem_alloc(field->type->size);
        json_generate(field->type, JSON_MEMBER(void *, field, object), random);
        break;
    case JSON_KIND_STRINGS:
        JSON_MEMBER(char **, field, object) = strv_split("", ",");
        for (uint64_t i = draw(random, 4); i > 0; i--)
            strv_add_owned(&JSON_MEMBER(char **, field, object), draw_text(random));
        break;
    case JSON_KIND_OBJECTS:
        *json_count(field, object) = draw(random, 4);
        JSON_MEMBER(void *, field, object) =
            mem_alloc(*json_count(field, object) * field->type->size);
        for (size_t i = 0; i < *json_count(field, object); i++)
            json_generate(
                field->type, json_item(field, JSON_MEMBER(void *, field, object), i), random);
        break;
    case JSON_KIND_RAW:
        JSON_MEMBER(json_t *, field, object) = draw_raw(random);
        break;
    }
}

/* Draws anew until the type's own check is content. */
void json_generate(const struct json_type *type, void *object, uint64_t *random)
{
    for (;;) {
        json_type_init(type, object);
        for (size_t i = 0; i < type->field_count; i++)
            if (type->fields[i].required || draw(random, 3) > 0)
                generate_field(&type->fields[i], object, random);
        if (!type->validate || type->validate(object, "", NULL) == 0)
            return;
        json_type_release(type, object);
    }
}

static void check_same(const struct json_type *type, const void *object, const char *expected)
{
    _cleanup_free_ char *text = json_type_encode_text(type, object);
    assert_string_equal(text, expected);
}

static void check_object(const struct json_type *type, const void *object)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = json_type_encode_text(type, object);
    json_t *tree = json_type_encode(type, object);
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    assert_true(json_equal(tree, parsed));
    _cleanup_free_ void *other = mem_alloc(type->size);
    if (json_type_decode_text(type, text, strlen(text), other, type->name, &err) < 0)
        fail_msg("%s: %s", text, err_text(&err));
    check_same(type, other, text);
    json_type_release(type, other);
    assert_int_equal(json_type_decode(type, tree, other, type->name, &err), 0);
    check_same(type, other, text);
    json_type_release(type, other);
    json_type_copy(type, other, object);
    check_same(type, other, text);
    json_type_release(type, other);
    json_type_init(type, other);
    json_type_merge(type, other, object);
    check_same(type, other, text);
    json_type_release(type, other);
    json_decref(parsed);
    json_decref(tree);
}

void json_check_type(const struct json_type *type, unsigned rounds)
{
    uint64_t random = 42;
    _cleanup_free_ char *zeros = mem_alloc(type->size);
    for (unsigned i = 0; i < rounds; i++) {
        _cleanup_free_ void *object = mem_alloc(type->size);
        json_generate(type, object, &random);
        check_object(type, object);
        json_type_release(type, object);
        assert_memory_equal(object, zeros, type->size);
    }
}
