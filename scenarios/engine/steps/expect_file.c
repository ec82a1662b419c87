/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/steps/expect_file.h"

#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/parse/check.h"
#include "scenarios/engine/run/operation.h"
#include "scenarios/engine/run/place.h"

static const struct key file_keys[] = {
    {"path", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, PLACE_FILE_HELP},
    {"exists", VALUE_BOOL, 0, NULL, NULL, NULL, "it is there (default true)"},
    {"content", VALUE_MATCH, 0, NULL, NULL, NULL, "what it holds, without the last newline"},
    {"json", VALUE_CHECK_MAP, 0, NULL, NULL, NULL,
        "what its fields must be, when it holds JSON; `a.b.0` goes down"},
    {"like", VALUE_TEXT, 0, NULL, NULL, NULL, "another file of JSON, to compare `fields` with"},
    {"fields", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "the fields to compare"},
    {"same", VALUE_BOOL, 0, NULL, NULL, NULL, "they are equal, or differ (default true)"},
    {"mode", VALUE_MODE, 0, NULL, NULL, NULL, "its permissions"},
    {"owner", VALUE_CHECK, 0, NULL, NULL, NULL, "its uid"},
    {"group", VALUE_CHECK, 0, NULL, NULL, NULL, "its gid"},
};
static void file_check(const struct node *map, struct problems *problems)
{
    if ((node_get(map, "like") != NULL) != (node_get(map, "fields") != NULL))
        node_problem(problems, map, "like and fields do not come together, expected both");
}
const struct schema expect_file_schema = {
    "file", file_keys, ARRAY_SIZE(file_keys), "path", file_check};

static char *look_info(const struct node *args, const char *path, const struct file_info *info)
{
    const struct node *mode = node_get(args, "mode");
    if (mode && (info->mode & 07777) != (mode_t)mode->number)
        return str_printf("%s to have mode %s, but it has %04o", path, mode->text,
            (unsigned)(info->mode & 07777));
    static const char *const names[] = {"owner", "group"};
    const double ids[] = {info->uid, info->gid};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        const struct node *expected = node_get(args, names[i]);
        struct check check;
        if (expected && check_parse(expected, &check) && !check_number_value(&check, ids[i]))
            return str_printf(
                "%s to have %s %s, but it has %.0f", path, names[i], expected->text, ids[i]);
    }
    return NULL;
}

static char *look_content(const char *path, const char *content, const char *text)
{
    size_t length = strlen(text);
    while (length && text[length - 1] == '\n')
        length--;
    _cleanup_free_ char *line = str_ndup(text, length);
    return match_text(content, line)
               ? NULL
               : str_printf("%s to hold %s, but it holds \"%s\"", path, content, line);
}

static char *look_json(const char *path, const struct node *fields, const json_t *json)
{
    for (size_t i = 0; i < fields->count; i++) {
        const char *name = fields->keys[i]->text;
        const json_t *value = json_down(json, name);
        struct check check;
        if (check_parse(fields->items[i], &check) && check_json_value(&check, value))
            continue;
        _cleanup_free_ char *seen =
            value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : str_dup("absent");
        return str_printf(
            "%s of %s to be %s, but it is %s", name, path, fields->items[i]->text, seen);
    }
    return NULL;
}

json_t *expect_read_json(struct run *run, const char *place, char **ret_seen)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = place_file(run, place, &err);
    _cleanup_free_ char *text = NULL;
    size_t length;
    json_error_t error;
    if (!path || host_file_read(run->world->observer, path, &text, &length, &err) < 0) {
        *ret_seen = str_printf("%s to be readable, but %s", place, err_text(&err));
        return NULL;
    }
    json_t *json = json_loadb(text, length, JSON_DECODE_ANY, &error);
    if (!json)
        *ret_seen = str_printf("%s to hold JSON, but %s", path, error.text);
    return json;
}

static char *look_like(struct run *run, const struct node *args, const json_t *json)
{
    char *seen = NULL;
    const char *like = node_text(args, "like");
    json_t *other = expect_read_json(run, like, &seen);
    bool wanted = node_bool(args, "same", true);
    size_t count;
    struct node *const *fields = node_list(args, "fields", &count);
    for (size_t i = 0; other && !seen && i < count; i++) {
        const json_t *mine = json_down(json, fields[i]->text);
        const json_t *others = json_down(other, fields[i]->text);
        bool same = mine && others && json_equal(mine, others);
        if (!mine || !others)
            seen = str_printf("%s in %s and %s, but it is absent", fields[i]->text,
                node_text(args, "path"), like);
        else if (same != wanted)
            seen = str_printf("%s of %s and %s to %s, but %s", fields[i]->text,
                node_text(args, "path"), like, wanted ? "be equal" : "differ",
                wanted ? "they differ" : "they are equal");
    }
    json_decref(other);
    return seen;
}

static char *look_inside(struct run *run, const struct node *args)
{
    const struct node *fields = node_get(args, "json");
    char *seen = NULL;
    if (!fields && !node_get(args, "like"))
        return NULL;
    json_t *json = expect_read_json(run, node_text(args, "path"), &seen);
    if (json && fields)
        seen = look_json(node_text(args, "path"), fields, json);
    if (json && !seen && node_get(args, "like"))
        seen = look_like(run, args, json);
    json_decref(json);
    return seen;
}

char *expect_look_file(struct run *run, const struct node *args)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct host *observer = run->world->observer;
    _cleanup_free_ char *path = place_file(run, node_text(args, "path"), &err);
    if (!path)
        return str_printf("the file to have a place, but %s", err_text(&err));
    struct file_info info;
    bool exists = host_file_info(observer, path, false, &info) == 0;
    bool wanted = node_bool(args, "exists", true);
    if (exists != wanted)
        return str_printf(
            "%s to %sexist, but it does%s", path, wanted ? "" : "not ", wanted ? " not" : "");
    if (!exists)
        return NULL;
    char *seen = look_info(args, path, &info);
    const char *content = node_text(args, "content");
    if (!seen && content) {
        _cleanup_free_ char *text = NULL;
        size_t length;
        if (host_file_read(observer, path, &text, &length, &err) < 0)
            return str_printf("%s to be readable, but %s", path, err_text(&err));
        seen = look_content(path, content, text);
    }
    return seen ? seen : look_inside(run, args);
}
