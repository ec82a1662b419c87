/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/kinds.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "fakes/kernel/actions.h"
#include "reference/base/mem.h"
#include "reference/model/container_id.h"
#include "reference/model/resources.h"
#include "scenarios/engine/parse/check.h"

static void mistake(const struct key *key, const struct node *node, struct problems *problems)
{
    _cleanup_free_ char *seen = node_describe(node);
    node_problem(
        problems, node, "%s is %s, expected %s", key->name, seen, value_kinds[key->kind].expected);
}

static bool is_scalar(const struct key *key, const struct node *node, struct problems *problems)
{
    bool absent = node->kind == NODE_SCALAR && node->text[0] == '\0' && !node->quoted;
    if (node->kind == NODE_SCALAR && !absent)
        return true;
    mistake(key, node, problems);
    return false;
}

static void check_text(const struct key *key, struct node *node, struct problems *problems)
{
    is_scalar(key, node, problems);
}

static void check_any(const struct key *key, struct node *node, struct problems *problems)
{
    (void)key, (void)node, (void)problems;
}

static void check_match(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_scalar(key, node, problems) || !match_is_regex(node->text))
        return;
    _cleanup_free_ char *pattern = str_ndup(node->text + 1, strlen(node->text) - 2);
    regex_t regex;
    int result = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
    if (result) {
        char message[120];
        regerror(result, &regex, message, sizeof(message));
        node_problem(problems, node, "%s is /%s/ (%s), expected a regular expression", key->name,
            pattern, message);
        return;
    }
    regfree(&regex);
}

static void check_id(const struct key *key, struct node *node, struct problems *problems)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (is_scalar(key, node, problems) && container_id_validate(node->text, &err) < 0)
        node_problem(problems, node, "%s is \"%s\" (%s), expected a container id such as c1 or p.c",
            key->name, node->text, err_text(&err));
}

static void check_integer(const struct key *key, struct node *node, struct problems *problems)
{
    if (!node_is_number(node, &node->number) || node->number < 0 ||
        node->number != floor(node->number) || node->number > 9007199254740992.0)
        mistake(key, node, problems);
}

static void check_number(const struct key *key, struct node *node, struct problems *problems)
{
    if (!node_is_number(node, &node->number))
        mistake(key, node, problems);
}

static void check_bool(const struct key *key, struct node *node, struct problems *problems)
{
    bool value;
    if (!node_is_bool(node, &value))
        mistake(key, node, problems);
}

struct unit {
    const char *name;
    double factor;
};
static bool number_with_unit(
    const char *text, const struct unit *units, size_t count, double *ret_number)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    double number = strtod(text, &end);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(end, units[i].name) == 0) {
            *ret_number = number * units[i].factor;
            return true;
        }
    }
    return false;
}

bool duration_text(const char *text, double *ret_ns)
{
    static const struct unit units[] = {
        {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}};
    return number_with_unit(text, units, ARRAY_SIZE(units), ret_ns);
}

bool bytes_text(const char *text, double *ret_bytes)
{
    static const struct unit units[] = {{"", 1}, {"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20},
        {"GiB", 0x1p30}, {"TiB", 0x1p40}, {"KB", 0x1p10}, {"MB", 0x1p20}, {"GB", 0x1p30},
        {"TB", 0x1p40}};
    return number_with_unit(text, units, ARRAY_SIZE(units), ret_bytes);
}

static void check_duration(const struct key *key, struct node *node, struct problems *problems)
{
    if (is_scalar(key, node, problems) && !duration_text(node->text, &node->number))
        mistake(key, node, problems);
}

static void check_bytes(const struct key *key, struct node *node, struct problems *problems)
{
    if (is_scalar(key, node, problems) && !bytes_text(node->text, &node->number))
        mistake(key, node, problems);
}

static void check_signal(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_scalar(key, node, problems))
        return;
    int signal = strcmp(node->text, "0") == 0 ? 0 : action_signal(node->text);
    if (signal == 0 && strcmp(node->text, "0") != 0)
        mistake(key, node, problems);
    node->number = signal;
}

int errno_number(const char *name)
{
    if (name[0] != 'E')
        return 0;
    for (int number = 1; number < 134; number++) {
        if (strcmp(err_name(number), name) == 0)
            return number;
    }
    return 0;
}

static void check_errno(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_scalar(key, node, problems))
        return;
    node->number = errno_number(node->text);
    if (node->number == 0)
        mistake(key, node, problems);
}

static void check_mode(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_scalar(key, node, problems))
        return;
    char *end;
    unsigned long mode = strtoul(node->text, &end, 8);
    if (*end || mode > 07777 || !isdigit((unsigned char)node->text[0]))
        mistake(key, node, problems);
    node->number = (double)mode;
}

static void check_enum(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_scalar(key, node, problems))
        return;
    for (size_t i = 0; key->names[i]; i++) {
        if (strcmp(key->names[i], node->text) == 0) {
            node->number = (double)i;
            return;
        }
    }
    _cleanup_free_ char *what = str_printf("%s is \"%s\"", key->name, node->text);
    unknown_problem(problems, node, what, node->text, key->names);
}

static void check_map(const struct key *key, struct node *node, struct problems *problems)
{
    schema_check(key->schema, node, problems);
}

static bool is_map(const struct key *key, const struct node *node, struct problems *problems)
{
    if (node->kind == NODE_MAP)
        return true;
    mistake(key, node, problems);
    return false;
}

static void check_text_map(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_map(key, node, problems))
        return;
    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i]->kind != NODE_SCALAR)
            node_problem(problems, node->items[i], "%s.%s is no plain value, expected a text",
                key->name, node->keys[i]->text);
    }
}

static void check_check(const struct key *key, struct node *node, struct problems *problems)
{
    struct check check;
    if (is_scalar(key, node, problems) && !check_parse(node, &check))
        mistake(key, node, problems);
}

static void check_check_map(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_map(key, node, problems))
        return;
    for (size_t i = 0; i < node->count; i++) {
        struct check check;
        _cleanup_free_ char *seen = node_describe(node->items[i]);
        if (node->items[i]->kind != NODE_SCALAR || !check_parse(node->items[i], &check))
            node_problem(problems, node->items[i], "%s.%s is %s, expected %s", key->name,
                node->keys[i]->text, seen, value_kinds[VALUE_CHECK].expected);
    }
}

/* Appends "word:argument" of an action given as {word: argument}; lists nest in brackets. */
static void action_text(const struct node *node, struct strbuf *out)
{
    if (node->kind == NODE_SCALAR) {
        strbuf_add(out, node->text);
        return;
    }
    if (node->kind == NODE_LIST) {
        strbuf_add(out, "[");
        for (size_t i = 0; i < node->count; i++) {
            strbuf_add(out, i ? ";" : "");
            action_text(node->items[i], out);
        }
        strbuf_add(out, "]");
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        strbuf_addf(out, "%s%s:", i ? ";" : "", node->keys[i]->text);
        action_text(node->items[i], out);
    }
}

char **workload_arguments(const struct node *list)
{
    char **arguments = NULL;
    strv_add(&arguments, "seatrial-workload");
    bool many = list->kind == NODE_LIST;
    for (size_t i = 0; i < (many ? list->count : 1); i++) {
        struct strbuf text = STRBUF_INIT;
        action_text(many ? list->items[i] : list, &text);
        strv_add_owned(&arguments, strbuf_take(&text));
    }
    return arguments;
}

static void check_workload(const struct key *key, struct node *node, struct problems *problems)
{
    if (node->kind != NODE_LIST) {
        mistake(key, node, problems);
        return;
    }
    _cleanup_strv_ char **arguments = workload_arguments(node);
    for (size_t i = 0; i < node->count; i++) {
        const char *const one[] = {arguments[i + 1], NULL};
        struct action *actions = NULL;
        size_t count = 0;
        char error[200];
        if (actions_parse(one, &actions, &count, error, sizeof(error)) < 0)
            node_problem(problems, node->items[i],
                "action \"%s\" (%s), expected an action such as "
                "sleep: 10s",
                one[0], error);
        else
            actions_free(actions, count);
    }
}

/* A resource is a number (mem and disk in MB, or with a unit), a text of ranges or a set, or a map
 * with value, revocable and role. */
static bool resource_value_valid(const char *name, struct node *node)
{
    bool amount = strcmp(name, "mem") == 0 || strcmp(name, "disk") == 0;
    if (node->kind != NODE_SCALAR)
        return false;
    if (node_is_number(node, &node->number))
        return node->number >= 0;
    if (amount && bytes_text(node->text, &node->number)) {
        node->number /= 0x1p20;
        return true;
    }
    return node->text[0] == '[' || node->text[0] == '{';
}

static void check_resource_map(const char *name, struct node *node, struct problems *problems)
{
    static const char *const known[] = {"value", "revocable", "role", "shared", NULL};
    for (size_t i = 0; i < node->count; i++) {
        _cleanup_free_ char *what = str_printf("unknown key \"%s\"", node->keys[i]->text);
        if (!strv_contains((char *const *)known, node->keys[i]->text))
            unknown_problem(problems, node->keys[i], what, node->keys[i]->text, known);
    }
    struct node *value = node_get(node, "value");
    if (!value || !resource_value_valid(name, value))
        node_problem(
            problems, node, "%s has no valid value, expected {value: 1, revocable: true}", name);
}

static void check_resources(const struct key *key, struct node *node, struct problems *problems)
{
    if (node->kind == NODE_LIST) {
        _cleanup_err_ struct err err = ERR_INIT;
        for (size_t i = 0; i < node->count; i++) {
            struct resource resource = {0};
            json_t *json = node_json(node->items[i]);
            if (json_type_decode(&resource_json, json, &resource, key->name, &err) < 0)
                node_problem(problems, node->items[i], "%s", err_text(&err));
            json_decref(json);
            json_type_release(&resource_json, &resource);
        }
        return;
    }
    if (!is_map(key, node, problems))
        return;
    for (size_t i = 0; i < node->count; i++) {
        const char *name = node->keys[i]->text;
        struct node *value = node->items[i];
        _cleanup_free_ char *seen = node_describe(value);
        if (value->kind == NODE_MAP)
            check_resource_map(name, value, problems);
        else if (!resource_value_valid(name, value))
            node_problem(problems, value, "%s is %s, expected an amount such as %s", name, seen,
                strcmp(name, "mem") == 0 || strcmp(name, "disk") == 0 ? "64 (MB) or 64MiB" : "1");
    }
}

static void check_limits(const struct key *key, struct node *node, struct problems *problems)
{
    static const char *const known[] = {"cpus", "mem", NULL};
    if (!is_map(key, node, problems))
        return;
    for (size_t i = 0; i < node->count; i++) {
        struct node *value = node->items[i];
        const char *name = node->keys[i]->text;
        _cleanup_free_ char *seen = node_describe(value);
        _cleanup_free_ char *what = str_printf("unknown limit \"%s\"", name);
        if (!strv_contains((char *const *)known, name))
            unknown_problem(problems, node->keys[i], what, name, known);
        else if (value->kind == NODE_SCALAR && strcmp(value->text, "infinity") == 0)
            value->number = INFINITY;
        else if (!resource_value_valid(name, value))
            node_problem(problems, value, "%s is %s, expected a number or infinity", name, seen);
    }
}

/* The deepest node that a path such as "container.linux_info.shm_size" of a message leads to. */
static const struct node *node_by_path(const struct node *node, const char *path)
{
    _cleanup_free_ char *head = str_ndup(path, strcspn(path, ": "));
    _cleanup_strv_ char **names = strv_split(head, ".[]");
    for (size_t i = 1; names && names[i]; i++) {
        const struct node *below = NULL;
        if (node->kind == NODE_MAP)
            below = node_get(node, names[i]) ? node_get(node, names[i]) : node_key(node, names[i]);
        else if (node->kind == NODE_LIST && strtoul(names[i], NULL, 10) < node->count)
            below = node->items[strtoul(names[i], NULL, 10)];
        if (!below)
            break;
        node = below;
    }
    return node;
}

static void check_json(const struct key *key, struct node *node, struct problems *problems)
{
    if (!is_map(key, node, problems))
        return;
    _cleanup_err_ struct err err = ERR_INIT;
    void *object = mem_alloc(key->type->size);
    json_t *json = node_json(node);
    if (json_type_decode(key->type, json, object, key->name, &err) < 0)
        node_problem(problems, node_by_path(node, err_text(&err)), "%s", err_text(&err));
    json_decref(json);
    json_type_release(key->type, object);
    free(object);
}

const struct kind value_kinds[VALUE_KIND_COUNT] = {
    [VALUE_TEXT] = {"a text", check_text},
    [VALUE_MATCH] = {"a text or a /regular expression/", check_match},
    [VALUE_ID] = {"the id of a container", check_id},
    [VALUE_NEW_ID] = {"an id for the new container", check_id},
    [VALUE_INTEGER] = {"a whole number, not negative", check_integer},
    [VALUE_NUMBER] = {"a number", check_number},
    [VALUE_BOOL] = {"true or false", check_bool},
    [VALUE_DURATION] = {"a duration such as 10s, 100ms or 1h", check_duration},
    [VALUE_BYTES] = {"a size such as 64MiB or 4096", check_bytes},
    [VALUE_SIGNAL] = {"a signal such as TERM or KILL", check_signal},
    [VALUE_ERRNO] = {"an errno such as EBUSY", check_errno},
    [VALUE_MODE] = {"an octal mode such as 0750", check_mode},
    [VALUE_ENUM] = {"one of the names", check_enum},
    [VALUE_MAP] = {"a map", check_map},
    [VALUE_TEXT_MAP] = {"a map of names to texts", check_text_map},
    [VALUE_CHECK] =
        {"a value, \"absent\", \"present\", \">= 1\", \"1..5\" or a /regular expression/",
            check_check},
    [VALUE_CHECK_MAP] = {"a map of names to checks such as \">= 1\"", check_check_map},
    [VALUE_WORKLOAD] = {"a list of actions such as [{sleep: 10s}, {exit: 3}]", check_workload},
    [VALUE_RESOURCES] = {"a map such as {cpus: 1, mem: 64}", check_resources},
    [VALUE_LIMITS] = {"a map such as {cpus: 2, mem: infinity}", check_limits},
    [VALUE_JSON] = {"a map", check_json},
    [VALUE_STEPS] = {"a list of steps", check_any},
    [VALUE_ANY] = {"a value", check_any},
};
