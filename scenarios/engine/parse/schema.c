/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/schema.h"

#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/parse/kinds.h"

const struct key *schema_key(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (strcmp(schema->keys[i].name, name) == 0)
            return &schema->keys[i];
    }
    return NULL;
}

const char *value_kind_text(enum value_kind kind)
{
    return value_kinds[kind].expected;
}

void unknown_problem(struct problems *problems, const struct node *at, const char *what,
    const char *name, const char *const *known)
{
    const char *near = json_suggest(name, known);
    if (near) {
        node_problem(problems, at, "%s, expected \"%s\"", what, near);
        return;
    }
    _cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
    for (size_t i = 0; known[i]; i++)
        strbuf_addf(&list, "%s%s", i ? ", " : "", known[i]);
    node_problem(problems, at, "%s, expected one of %s", what, strbuf_text(&list));
}

static void unknown_key(
    const struct schema *schema, const struct node *key, struct problems *problems)
{
    const char **names = mem_alloc((schema->count + 1) * sizeof(*names));
    for (size_t i = 0; i < schema->count; i++)
        names[i] = schema->keys[i].name;
    _cleanup_free_ char *what = str_printf("unknown key \"%s\" of %s", key->text, schema->what);
    unknown_problem(problems, key, what, key->text, names);
    free(names);
}

void schema_check_value(const struct key *key, struct node *node, struct problems *problems)
{
    const struct kind *kind = &value_kinds[key->kind];
    if (node->broken)
        return;
    if (!(key->flags & KEY_LIST) || node->kind != NODE_LIST) {
        kind->check(key, node, problems);
        return;
    }
    for (size_t i = 0; i < node->count; i++)
        kind->check(key, node->items[i], problems);
}

/* `destroy: c1` reads as `destroy: {id: c1}`: the node becomes that map. */
static void scalar_to_map(const struct schema *schema, struct node *node)
{
    struct node *key = node_new(NODE_SCALAR, node->file, node->line, node->column);
    struct node *value = node_new(node->kind, node->file, node->line, node->column);
    key->text = str_dup(schema->scalar);
    value->text = node->text;
    value->quoted = node->quoted;
    value->items = node->items;
    value->count = node->count;
    node->text = NULL;
    node->items = NULL;
    node->count = 0;
    node->kind = NODE_MAP;
    node_put(node, key, value);
}

static bool is_nothing(const struct node *node)
{
    return node->kind == NODE_SCALAR && node->text[0] == '\0' && !node->quoted;
}

static bool all_optional(const struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->keys[i].flags & KEY_REQUIRED)
            return false;
    }
    return true;
}

static bool schema_take_map(
    const struct schema *schema, struct node *node, struct problems *problems)
{
    if (node->kind == NODE_MAP)
        return true;
    if (is_nothing(node) && all_optional(schema)) { /* `crash:` */
        free(node->text);
        node->text = NULL;
        node->kind = NODE_MAP;
        return true;
    }
    const struct key *key = schema->scalar ? schema_key(schema, schema->scalar) : NULL;
    bool list = node->kind == NODE_LIST;
    if (key && !is_nothing(node) &&
        (!list || (key->flags & KEY_LIST) || key->kind == VALUE_STEPS)) {
        scalar_to_map(schema, node);
        return true;
    }
    _cleanup_free_ char *seen = node_describe(node);
    if (key)
        node_problem(problems, node, "%s is %s, expected %s, or a map with %s", schema->what, seen,
            key->kind == VALUE_ENUM ? "a name" : value_kind_text(key->kind), key->name);
    else
        node_problem(problems, node, "%s is %s, expected a map", schema->what, seen);
    return false;
}

void schema_check(const struct schema *schema, struct node *node, struct problems *problems)
{
    if (node->broken || !schema_take_map(schema, node, problems))
        return;
    size_t before = problems->met;
    for (size_t i = 0; i < node->count; i++) {
        const struct key *key = schema_key(schema, node->keys[i]->text);
        if (key)
            schema_check_value(key, node->items[i], problems);
        else
            unknown_key(schema, node->keys[i], problems);
    }
    for (size_t i = 0; i < schema->count; i++) {
        const struct key *key = &schema->keys[i];
        if ((key->flags & KEY_REQUIRED) && !node_get(node, key->name))
            node_problem(problems, node, "%s has no \"%s\", expected %s", schema->what, key->name,
                key->kind == VALUE_ENUM ? "one of its names" : value_kind_text(key->kind));
    }
    if (schema->check && problems->met == before)
        schema->check(node, problems);
}

static void key_help(const struct key *key, unsigned indent, struct strbuf *out)
{
    strbuf_addf(out, "%*s- `%s`", (int)indent, "", key->name);
    if (key->kind == VALUE_ENUM) {
        strbuf_add(out, " (");
        for (size_t i = 0; key->names[i]; i++)
            strbuf_addf(out, "%s%s", i ? ", " : "", key->names[i]);
        strbuf_add(out, ")");
    } else if (key->kind != VALUE_MAP && key->kind != VALUE_ANY) {
        strbuf_addf(
            out, " (%s%s)", value_kind_text(key->kind), key->flags & KEY_LIST ? ", or a list" : "");
    }
    strbuf_addf(out, "%s: %s\n", key->flags & KEY_REQUIRED ? ", required" : "", key->help);
    if (key->kind == VALUE_MAP)
        schema_help(key->schema, indent + 2, out);
}

void schema_help(const struct schema *schema, unsigned indent, struct strbuf *out)
{
    if (schema->scalar)
        strbuf_addf(out, "%*s- a bare value stands for `%s`\n", (int)indent, "", schema->scalar);
    for (size_t i = 0; i < schema->count; i++)
        key_help(&schema->keys[i], indent, out);
}

bool match_is_regex(const char *text)
{
    size_t length = strlen(text);
    return length > 2 && text[0] == '/' && text[length - 1] == '/';
}

bool match_text(const char *match, const char *text)
{
    if (!text)
        return false;
    if (!match_is_regex(match))
        return strcmp(match, text) == 0;
    _cleanup_free_ char *pattern = str_ndup(match + 1, strlen(match) - 2);
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool found = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}
