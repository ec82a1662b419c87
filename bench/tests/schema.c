/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <stdint.h>
#include <string.h>

#include "bench/tests/schema.h"
#include "reference/base/mem.h"

#define SCHEMA "bench/report/schema.json" /* tests run at the root of the repository */
#define DEPTH_MAX 32

struct check {
    const json_t *root; /* of the schema, for its references */
    int depth;
};

static char *violation(
    struct check *check, const json_t *schema, const json_t *value, const char *where);

static bool is_of_type(const json_t *value, const char *type)
{
    return (str_equal(type, "object") && json_is_object(value)) ||
           (str_equal(type, "array") && json_is_array(value)) ||
           (str_equal(type, "string") && json_is_string(value)) ||
           (str_equal(type, "number") && json_is_number(value)) ||
           (str_equal(type, "integer") && json_is_integer(value)) ||
           (str_equal(type, "boolean") && json_is_boolean(value)) ||
           (str_equal(type, "null") && json_is_null(value));
}

static bool is_among(const json_t *list, const json_t *value, bool types)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (types ? is_of_type(value, json_string_value(item)) : json_equal(item, value))
            return true;
    }
    return false;
}

/* --- rules: each gets what the schema says of it --- */

static char *rule_type(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    const bool good = json_is_array(rule) ? is_among(rule, value, true)
                                          : is_of_type(value, json_string_value(rule));

    (void)check, (void)schema;
    return good ? NULL : str_printf("%s: is not of its type", where);
}

static char *rule_const(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    (void)check, (void)schema;
    return json_equal(rule, value) ? NULL : str_printf("%s: is another value", where);
}

static char *rule_enum(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    (void)check, (void)schema;
    return is_among(rule, value, false) ? NULL : str_printf("%s: is none of the values", where);
}

static char *rule_minimum(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    (void)check, (void)schema;
    return json_number_value(value) >= json_number_value(rule) ? NULL
                                                               : str_printf("%s: too small", where);
}

static char *rule_required(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    const json_t *name;
    size_t i;

    (void)check, (void)schema;
    json_array_foreach(rule, i, name)
    {
        if (!json_object_get(value, json_string_value(name)))
            return str_printf("%s: lacks \"%s\"", where, json_string_value(name));
    }
    return NULL;
}

static char *rule_properties(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    const char *name;
    json_t *each;
    char *found = NULL;

    (void)schema;
    json_object_foreach((json_t *)(uintptr_t)rule, name, each)
    {
        const json_t *member = json_object_get(value, name);
        _cleanup_free_ char *inner = str_printf("%s.%s", where, name);

        if (!found && member)
            found = violation(check, each, member, inner);
    }
    return found;
}

static char *rule_additional(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    const json_t *known = json_object_get(schema, "properties");
    const char *name;
    json_t *member;
    char *found = NULL;

    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        _cleanup_free_ char *inner = str_printf("%s.%s", where, name);

        if (found || json_object_get(known, name))
            continue;
        found = json_is_false(rule) ? str_printf("%s: is not foreseen", inner)
                                    : violation(check, rule, member, inner);
    }
    return found;
}

static char *rule_items(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    const json_t *item;
    size_t i;
    char *found = NULL;

    (void)schema;
    json_array_foreach(value, i, item)
    {
        _cleanup_free_ char *inner = str_printf("%s[%zu]", where, i);

        if (!found)
            found = violation(check, rule, item, inner);
    }
    return found;
}

static char *rule_reference(struct check *check, const json_t *schema, const json_t *rule,
    const json_t *value, const char *where)
{
    static const char place[] = "#/$defs/";
    const char *path = json_string_value(rule);

    (void)schema;
    assert_true(path && str_starts(path, place));
    const json_t *definition =
        json_object_get(json_object_get(check->root, "$defs"), path + strlen(place));
    assert_non_null(definition);
    return violation(check, definition, value, where);
}

static const struct {
    const char *name;
    /* NULL: says nothing of the value */
    char *(*broken)(struct check *check, const json_t *schema, const json_t *rule,
        const json_t *value, const char *where);
} rules[] = {{"type", rule_type}, {"const", rule_const}, {"enum", rule_enum},
    {"minimum", rule_minimum}, {"required", rule_required}, {"properties", rule_properties},
    {"additionalProperties", rule_additional}, {"items", rule_items}, {"$ref", rule_reference},
    {"$schema", NULL}, {"$defs", NULL}, {"title", NULL}, {"description", NULL}};

static char *violation(
    struct check *check, const json_t *schema, const json_t *value, const char *where)
{
    const char *name;
    json_t *rule;
    char *found = NULL;

    assert_true(++check->depth < DEPTH_MAX);
    json_object_foreach((json_t *)(uintptr_t)schema, name, rule)
    {
        size_t i = 0;

        while (i < ARRAY_SIZE(rules) && !str_equal(rules[i].name, name))
            i++;
        if (i == ARRAY_SIZE(rules))
            fail_msg("%s: the test does not know the rule \"%s\"", where, name);
        if (!found && rules[i].broken)
            found = rules[i].broken(check, schema, rule, value, where);
    }
    check->depth--;
    return found;
}

char *schema_violation(const json_t *schema, const json_t *value)
{
    struct check check = {.root = schema};

    return violation(&check, schema, value, "result");
}

void assert_valid(const json_t *result)
{
    json_error_t problem;
    json_t *schema = json_load_file(SCHEMA, JSON_REJECT_DUPLICATES, &problem);

    if (!schema)
        fail_msg("%s:%d: %s", SCHEMA, problem.line, problem.text);
    _cleanup_free_ char *found = schema_violation(schema, result);
    json_decref(schema);
    if (found)
        fail_msg("%s", found);
}

void assert_valid_file(const char *path)
{
    json_t *result = json_load_file(path, 0, NULL);

    assert_non_null(result);
    assert_valid(result);
    json_decref(result);
}
