/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/node.h"

#include <math.h>
#include <string.h>

#include "reference/base/mem.h"

struct node *node_new(enum node_kind kind, const char *file, int line, int column)
{
    struct node *node = mem_alloc(sizeof(*node));
    node->kind = kind;
    node->file = str_dup(file);
    node->line = line;
    node->column = column;
    return node;
}

/* The depth is bounded by NODE_DEPTH_MAX, which the reader keeps. */
void node_free(struct node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->count; i++) {
        if (node->keys)
            node_free(node->keys[i]);
        node_free(node->items[i]);
    }
    free(node->keys);
    free(node->items);
    free(node->text);
    free(node->file);
    free(node);
}

/* Powers of two of the count are where the arrays grow. */
static bool is_full(size_t count)
{
    return (count & (count - 1)) == 0;
}

void node_append(struct node *list, struct node *item)
{
    if (is_full(list->count))
        list->items =
            mem_realloc(list->items, (list->count ? list->count * 2 : 1) * sizeof(*list->items));
    list->items[list->count++] = item;
}

void node_put(struct node *map, struct node *key, struct node *value)
{
    if (is_full(map->count))
        map->keys = mem_realloc(map->keys, (map->count ? map->count * 2 : 1) * sizeof(*map->keys));
    map->keys[map->count] = key;
    node_append(map, value);
}

static size_t node_find(const struct node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0)
            return i;
    }
    return map->count;
}

struct node *node_get(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    size_t at = node_find(map, key);
    return at < map->count ? map->items[at] : NULL;
}

struct node *node_key(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    size_t at = node_find(map, key);
    return at < map->count ? map->keys[at] : NULL;
}

const char *node_text(const struct node *map, const char *key)
{
    const struct node *node = node_get(map, key);
    return node && node->kind == NODE_SCALAR ? node->text : NULL;
}

bool node_bool(const struct node *map, const char *key, bool otherwise)
{
    const struct node *node = node_get(map, key);
    bool value;
    return node && node_is_bool(node, &value) ? value : otherwise;
}

double node_number(const struct node *map, const char *key, double otherwise)
{
    const struct node *node = node_get(map, key);
    return node ? node->number : otherwise;
}

uint64_t node_amount(const struct node *map, const char *key, uint64_t otherwise)
{
    const struct node *node = node_get(map, key);
    return node ? (uint64_t)node->number : otherwise;
}

struct node *const *node_list(const struct node *map, const char *key, size_t *ret_count)
{
    *ret_count = 0;
    if (!map || map->kind != NODE_MAP)
        return NULL;
    size_t at = node_find(map, key);
    if (at == map->count)
        return NULL;
    if (map->items[at]->kind == NODE_LIST) {
        *ret_count = map->items[at]->count;
        return map->items[at]->items;
    }
    *ret_count = 1;
    return &map->items[at];
}

char *node_list_text(const struct node *map, const char *key)
{
    _cleanup_strv_ char **texts = NULL;
    size_t count;
    struct node *const *items = node_list(map, key, &count);
    if (!items && !node_get(map, key))
        return NULL;
    for (size_t i = 0; i < count; i++)
        strv_add(&texts, items[i]->text);
    return strv_join(texts, ",");
}

bool node_is_number(const struct node *node, double *ret_number)
{
    if (node->kind != NODE_SCALAR || node->quoted || node->text[0] == '\0')
        return false;
    /* strtod also reads hexadecimal, "nan" and "inf": only decimals count here. */
    if (strspn(node->text, "+-.0123456789eE") != strlen(node->text))
        return false;
    char *end;
    double number = strtod(node->text, &end);
    if (*end || end == node->text || !isfinite(number))
        return false;
    *ret_number = number;
    return true;
}

bool node_is_bool(const struct node *node, bool *ret_value)
{
    if (node->kind != NODE_SCALAR || node->quoted)
        return false;
    *ret_value = strcmp(node->text, "true") == 0;
    return *ret_value || strcmp(node->text, "false") == 0;
}

static json_t *scalar_json(const struct node *node)
{
    double number;
    bool truth;
    if (node_is_bool(node, &truth))
        return json_boolean(truth);
    if (!node->quoted && (strcmp(node->text, "null") == 0 || strcmp(node->text, "~") == 0))
        return json_null();
    if (!node_is_number(node, &number))
        return json_string(node->text);
    bool whole = strspn(node->text, "+-0123456789") == strlen(node->text);
    if (whole && fabs(number) < 9007199254740992.0)
        return json_integer((json_int_t)number);
    return json_real(number);
}

json_t *node_json(const struct node *node)
{
    json_t *json;
    switch (node->kind) {
    case NODE_SCALAR:
        return scalar_json(node);
    case NODE_LIST:
        json = json_array();
        for (size_t i = 0; i < node->count; i++)
            json_array_append_new(json, node_json(node->items[i]));
        return json;
    case NODE_MAP:
        json = json_object();
        for (size_t i = 0; i < node->count; i++)
            json_object_set_new(json, node->keys[i]->text, node_json(node->items[i]));
        return json;
    }
    return json_null();
}

char *node_describe(const struct node *node)
{
    if (node->kind == NODE_MAP)
        return str_dup("a map");
    if (node->kind == NODE_LIST)
        return str_dup("a list");
    if (node->text[0] == '\0' && !node->quoted)
        return str_dup("nothing");
    if (strlen(node->text) > 60)
        return str_printf("\"%.57s...\"", node->text);
    return str_printf("\"%s\"", node->text);
}

void node_problem(struct problems *problems, const struct node *node, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    problem_addv(problems, node->file, node->line, node->column, format, list);
    va_end(list);
}
