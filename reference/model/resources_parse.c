/* SPDX-License-Identifier: Apache-2.0 */
/* The text form of resources, as in the flag --resources: name(role):value;… (flags.md 2). */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/model/resources.h"

static char *trimmed(const char *text, size_t length)
{
    while (length > 0 && strchr(" \t\n", text[0])) {
        text++;
        length--;
    }
    while (length > 0 && strchr(" \t\n", text[length - 1]))
        length--;
    return str_ndup(text, length);
}

static int parse_number(const char *text, const char **end, int64_t *number)
{
    text += strspn(text, " \t");
    size_t digits = strspn(text, "0123456789");
    errno = 0;
    *number = digits ? strtoll(text, NULL, 10) : 0;
    if (digits == 0 || errno != 0)
        return -EINVAL;
    *end = text + digits + strspn(text + digits, " \t");
    return 0;
}

/* "[1-2, 5-9]" */
static int parse_ranges(struct resource *resource, const char *text, struct err *err)
{
    const char *at = text + 1;
    resource->type = RESOURCE_RANGES;
    for (char next = ','; next == ','; at++) {
        struct resource_range range;
        bool good = parse_number(at, &at, &range.begin) == 0 && *at == '-'
            && parse_number(at + 1, &at, &range.end) == 0 && range.begin <= range.end;
        next = good ? *at : '\0';
        if (next != ',' && next != ']')
            return err_set(err, -EINVAL, "expected ranges as [1-2,5-9], got \"%s\"", text);
        resource->ranges = mem_realloc(
            resource->ranges, (resource->ranges_count + 1) * sizeof(*resource->ranges));
        resource->ranges[resource->ranges_count++] = range;
    }
    if (*at != '\0')
        return err_set(err, -EINVAL, "expected ranges as [1-2,5-9], got \"%s\"", text);
    return 0;
}

/* "{a, b}" */
static int parse_set(struct resource *resource, const char *text, struct err *err)
{
    size_t length = strlen(text);
    resource->type = RESOURCE_SET;
    if (text[length - 1] != '}')
        return err_set(err, -EINVAL, "expected a set as {a,b}, got \"%s\"", text);
    _cleanup_free_ char *inner = str_ndup(text + 1, length - 2);
    resource->set = strv_split(inner, ", ");
    return 0;
}

static int parse_scalar(struct resource *resource, const char *text, struct err *err)
{
    char *end;
    double value = strtod(text, &end);
    resource->type = RESOURCE_SCALAR;
    if (!strchr("0123456789.", text[0]) || end == text || *end != '\0' || !isfinite(value))
        return err_set(err, -EINVAL, "expected a number, ranges or a set, got \"%s\"", text);
    resource->scalar = (struct opt_double)OPT(value);
    return 0;
}

static int parse_value(struct resource *resource, const char *text, struct err *err)
{
    if (text[0] == '[')
        return parse_ranges(resource, text, err);
    if (text[0] == '{')
        return parse_set(resource, text, err);
    return parse_scalar(resource, text, err);
}

/* Splits "name(role)" in place. */
static int parse_name(struct resource *resource, const char *text, struct err *err)
{
    size_t length = strcspn(text, "(");
    resource->name = trimmed(text, length);
    if (resource->name[0] == '\0')
        return err_set(err, -EINVAL, "a resource has no name");
    if (text[length] == '\0')
        return 0;
    const char *role = text + length + 1;
    size_t role_length = strcspn(role, ")");
    if (role_length == 0 || role[role_length] != ')' || role[role_length + 1] != '\0')
        return err_set(err, -EINVAL, "expected name(role), got \"%s\"", text);
    resource->role = trimmed(role, role_length);
    return 0;
}

static int parse_item(struct resources *resources, const char *item, struct err *err)
{
    const char *colon = strchr(item, ':');
    if (!colon)
        return err_set(err, -EINVAL, "expected name:value, got \"%s\"", item);
    _cleanup_free_ char *name = trimmed(item, (size_t)(colon - item));
    _cleanup_free_ char *value = trimmed(colon + 1, strlen(colon + 1));
    resources->items =
        mem_realloc(resources->items, (resources->count + 1) * sizeof(*resources->items));
    struct resource *resource = &resources->items[resources->count++];
    *resource = (struct resource){0};
    int result = parse_name(resource, name, err);
    if (result == 0)
        result = parse_value(resource, value, err);
    return result < 0 && resource->name[0] ? err_wrap(err, result, "%s", resource->name) : result;
}

static int parse_json(const char *text, struct resources *resources, struct err *err)
{
    static const struct json_field fields[] = {
        {.name = "resources",
            .kind = JSON_KIND_OBJECTS,
            .offset = offsetof(struct resources, items),
            .count_offset = offsetof(struct resources, count),
            .type = &resource_json},
    };
    static const struct json_type list = {
        "resources", sizeof(struct resources), fields, ARRAY_SIZE(fields), NULL};
    json_error_t error;
    json_t *array = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!array)
        return err_set(
            err, -EINVAL, "resources:%d:%d: %s", error.line, error.column, error.text);
    json_t *object = json_pack("{s:o}", "resources", array);
    int result = json_type_decode(&list, object, resources, "", err);
    json_decref(object);
    return result;
}

int resources_parse_text(const char *text, struct resources *ret_resources, struct err *err)
{
    assert(text);
    assert(ret_resources);
    struct resources resources = {NULL, 0};
    int result = 0;
    if (text[strspn(text, " \t\n")] == '[') {
        result = parse_json(text, &resources, err);
    } else {
        _cleanup_strv_ char **items = strv_split(text, ";");
        for (size_t i = 0; items[i] && result == 0; i++)
            if (items[i][strspn(items[i], " \t\n")] != '\0')
                result = parse_item(&resources, items[i], err);
        if (result < 0)
            err_wrap(err, result, "resources");
    }
    if (result < 0)
        resources_release(&resources);
    else
        *ret_resources = resources;
    return result;
}
