/* SPDX-License-Identifier: Apache-2.0 */
/* Setting, loading, copying and describing flags, all by the table (flags.md 1). */
#include "reference/flags.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/flags/internal.h"

#define FILE_BYTES_MAX (16 << 20)

static const struct {
    const char *old;
    const char *name;
} renamed[] = {
    {"slave_subsystems", "agent_subsystems"},
    {"allowed_capabilities", "effective_capabilities"},
    {"executor_secret_key", "jwt_secret_key"},
};

const struct flag *flag_find(const char *name, bool *ret_old)
{
    bool old = false;
    for (size_t i = 0; i < ARRAY_SIZE(renamed) && !old; i++) {
        old = strcmp(renamed[i].old, name) == 0;
        if (old)
            name = renamed[i].name;
    }
    if (ret_old)
        *ret_old = old;
    for (size_t i = 0; i < flag_count; i++)
        if (strcmp(flag_table[i].name, name) == 0)
            return &flag_table[i];
    return NULL;
}

const char *flag_old_name(const struct flag *flag)
{
    for (size_t i = 0; i < ARRAY_SIZE(renamed); i++)
        if (strcmp(renamed[i].name, flag->name) == 0)
            return renamed[i].old;
    return NULL;
}

static void *flag_member(const struct flag *flag, const struct flags *flags)
{
    assert(flag->offset != FLAG_IN_OTHERS);
    return (char *)flags + flag->offset;
}

static bool flag_is_text(const struct flag *flag)
{
    return flag->kind == FLAG_STRING || flag->kind == FLAG_PATH;
}

/* Stores a value that was checked. */
static void flag_store(struct flags *flags, const struct flag *flag, const char *value)
{
    if (flag->offset == FLAG_IN_OTHERS) {
        if (!flags->others)
            flags->others = json_object();
        int set = json_object_set_new_nocheck(
            flags->others, flag->name, json_string_nocheck(value));
        assert(set == 0);
        return;
    }
    void *member = flag_member(flag, flags);
    int result = 0;
    if (flag_is_text(flag)) {
        str_set(member, value);
    } else if (flag->kind == FLAG_BOOL) {
        result = boolean_parse(value, member, NULL);
    } else if (flag->kind == FLAG_DURATION) {
        result = duration_parse(value, member, NULL);
    } else if (flag->kind == FLAG_BYTES) {
        result = bytes_parse(value, member, NULL);
    } else {
        assert(flag->kind == FLAG_JSON);
        json_decref(*(json_t **)member);
        *(json_t **)member = json_loads(value, 0, NULL);
    }
    assert(result == 0);
}

void flags_init(struct flags *flags)
{
    *flags = (struct flags){0};
    for (size_t i = 0; i < flag_count; i++)
        if (flag_table[i].fallback && flag_table[i].offset != FLAG_IN_OTHERS)
            flag_store(flags, &flag_table[i], flag_table[i].fallback);
}

void flags_release(struct flags *flags)
{
    for (size_t i = 0; i < flag_count; i++) {
        const struct flag *flag = &flag_table[i];
        if (flag->offset == FLAG_IN_OTHERS)
            continue;
        if (flag_is_text(flag))
            free(*(char **)flag_member(flag, flags));
        else if (flag->kind == FLAG_JSON)
            json_decref(*(json_t **)flag_member(flag, flags));
    }
    json_decref(flags->others);
    *flags = (struct flags){0};
}

void flags_copy(struct flags *to, const struct flags *from)
{
    assert(to != from);
    *to = *from;
    for (size_t i = 0; i < flag_count; i++) {
        const struct flag *flag = &flag_table[i];
        if (flag->offset == FLAG_IN_OTHERS)
            continue;
        if (flag_is_text(flag))
            *(char **)flag_member(flag, to) = str_dup(*(char **)flag_member(flag, from));
        else if (flag->kind == FLAG_JSON)
            *(json_t **)flag_member(flag, to) =
                json_deep_copy(*(json_t **)flag_member(flag, from));
    }
    to->others = json_deep_copy(from->others);
}

const char *flags_other(const struct flags *flags, const char *name)
{
    const struct flag *flag = flag_find(name, NULL);
    assert(flag && flag->offset == FLAG_IN_OTHERS);
    const char *value = json_string_value(json_object_get(flags->others, flag->name));
    return value ? value : flag->fallback;
}

bool flags_other_bool(const struct flags *flags, const char *name)
{
    bool value = false;
    boolean_parse(flags_other(flags, name), &value, NULL);
    return value;
}

static int fail_unknown(struct err *err, const char *name)
{
    if (!err)
        return -EINVAL;
    const char **names = mem_alloc((flag_count + 1) * sizeof(*names));
    for (size_t i = 0; i < flag_count; i++)
        names[i] = flag_table[i].name;
    const char *nearest = json_suggest(name, names);
    int result = nearest
        ? err_set(err, -EINVAL, "--%s: unknown flag; did you mean --%s?", name, nearest)
        : err_set(err, -EINVAL, "--%s: unknown flag", name);
    free(names);
    return result;
}

/* The whole file as a text; nothing is trimmed. */
static int file_read(const char *path, char **ret_text, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return err_errno(err, -errno, "read %s", path);
    struct strbuf text = STRBUF_INIT;
    char block[4096];
    int result = 0;
    for (size_t length; result == 0 && (length = fread(block, 1, sizeof(block), file)) > 0;) {
        strbuf_add_bytes(&text, block, length);
        if (text.length > FILE_BYTES_MAX)
            result = err_set(err, -EFBIG, "read %s: more than 16 MB", path);
        else if (memchr(block, '\0', length))
            result = err_set(err, -EINVAL, "read %s: not a text", path);
    }
    if (result == 0 && ferror(file))
        result = err_set(err, -EIO, "read %s: EIO", path);
    fclose(file);
    if (result == 0)
        *ret_text = strbuf_take(&text);
    strbuf_release(&text);
    return result;
}

/* What stands in a file when the value says so, else the value. */
static int value_resolve(const struct flag *flag, const char *value, char **ret_value,
    struct err *err)
{
    if (flag->kind != FLAG_PATH && str_starts(value, "file://"))
        return file_read(value + strlen("file://"), ret_value, err);
    if (flag->kind == FLAG_JSON && value[0] == '/') {
        log_warning("--%s: a plain path is deprecated, use file://%s", flag->name, value);
        return file_read(value, ret_value, err);
    }
    *ret_value = str_dup(value);
    return 0;
}

/* origin: how the user gave it, for errors ("--port", "MESOS_PORT"). */
static int flag_set(struct flags *flags, const struct flag *flag, const char *origin,
    const char *value, struct err *err)
{
    if (!value)
        return err_set(err, -EINVAL, "%s: a value is missing", origin);
    _cleanup_free_ char *resolved = NULL;
    int result = value_resolve(flag, value, &resolved, err);
    if (result == 0)
        result = flag_check(flag, resolved, err);
    if (result < 0) {
        err_wrap(err, result, "%s", origin);
        return -EINVAL;
    }
    flag_store(flags, flag, resolved);
    return 0;
}

static void warn_renamed(const struct flag *flag, bool old)
{
    if (old)
        log_warning("--%s is deprecated, use --%s", flag_old_name(flag), flag->name);
}

int flags_set(struct flags *flags, const char *name, const char *value, struct err *err)
{
    assert(flags);
    assert(name);
    bool old;
    const struct flag *flag = flag_find(name, &old);
    if (!flag)
        return fail_unknown(err, name);
    warn_renamed(flag, old);
    _cleanup_free_ char *origin = str_printf("--%s", name);
    return flag_set(flags, flag, origin, value, err);
}

/* Where the value of a flag comes from, while loading. */
struct given_flag {
    char *origin; /* NULL: not given */
    char *value;
    bool old; /* by its old name */
    bool command_line;
};

/* Notes that the flag was given; what is noted already wins, and may conflict. Takes origin. */
static int given_note(struct given_flag *given, const struct flag *flag, struct given_flag noted,
    struct err *err)
{
    struct given_flag *at = &given[flag - flag_table];
    int result = 0;
    if (at->origin && at->old != noted.old)
        result = err_set(err, -EINVAL, "%s and %s are the same flag: give only --%s", at->origin,
            noted.origin, flag->name);
    else if (at->origin && at->command_line && noted.command_line)
        result = err_set(err, -EINVAL, "%s: --%s is given twice", noted.origin, flag->name);
    if (!at->origin && result == 0) {
        *at = noted;
        return 0;
    }
    free(noted.origin);
    free(noted.value);
    return result;
}

static int given_argument(struct given_flag *given, const char *argument, struct err *err)
{
    if (!str_starts(argument, "--"))
        return err_set(err, -EINVAL, "\"%s\" is not a flag", argument);
    const char *equals = strchr(argument, '=');
    size_t length = equals ? (size_t)(equals - argument) : strlen(argument);
    _cleanup_free_ char *origin = str_ndup(argument, length);
    const char *name = origin + 2;
    bool old;
    const struct flag *flag = flag_find(name, &old);
    bool negated = !flag && str_starts(name, "no-");
    if (negated)
        flag = flag_find(name + strlen("no-"), &old);
    if (!flag)
        return fail_unknown(err, name);
    if (negated && flag->kind != FLAG_BOOL)
        return err_set(err, -EINVAL, "%s: --%s is not a boolean", origin, flag->name);
    if (negated && equals)
        return err_set(err, -EINVAL, "%s: takes no value", origin);
    struct given_flag noted = {.old = old, .command_line = true};
    if (negated)
        noted.value = str_dup("false");
    else if (equals)
        noted.value = str_dup(equals + 1);
    else if (flag->kind == FLAG_BOOL)
        noted.value = str_dup("true");
    else
        return err_set(err, -EINVAL, "%s: a value is missing", origin);
    noted.origin = TAKE_PTR(origin);
    return given_note(given, flag, noted, err);
}

/* "MESOS_NAME=value"; names that are no flag's are somebody else's. */
static int given_variable(struct given_flag *given, const char *variable, struct err *err)
{
    const char *equals = strchr(variable, '=');
    if (!equals || !str_starts(variable, "MESOS_"))
        return 0;
    _cleanup_free_ char *origin = str_ndup(variable, (size_t)(equals - variable));
    _cleanup_free_ char *name = str_dup(origin + strlen("MESOS_"));
    for (char *letter = name; *letter; letter++)
        *letter = (char)tolower((unsigned char)*letter);
    bool old;
    const struct flag *flag = flag_find(name, &old);
    struct given_flag noted = {.value = NULL};
    if (!flag && str_starts(name, "no-")) {
        flag = flag_find(name + strlen("no-"), &old);
        if (!flag || flag->kind != FLAG_BOOL)
            return 0;
        if (equals[1] != '\0')
            return err_set(err, -EINVAL, "%s: takes no value", origin);
        noted.value = str_dup("false");
    }
    if (!flag)
        return 0;
    noted.old = old;
    noted.origin = TAKE_PTR(origin);
    if (!noted.value)
        noted.value = str_dup(equals + 1);
    return given_note(given, flag, noted, err);
}

int flags_load(
    struct flags *flags, char *const *arguments, char *const *environment, struct err *err)
{
    assert(flags);
    struct given_flag *given = mem_alloc(flag_count * sizeof(*given));
    int result = 0;
    for (size_t i = 0; result == 0 && arguments && arguments[i]; i++) {
        if (strcmp(arguments[i], "--") == 0)
            break;
        result = given_argument(given, arguments[i], err);
    }
    for (size_t i = 0; result == 0 && environment && environment[i]; i++)
        result = given_variable(given, environment[i], err);
    for (size_t i = 0; i < flag_count; i++) {
        if (result == 0 && given[i].origin) {
            warn_renamed(&flag_table[i], given[i].old);
            result = flag_set(flags, &flag_table[i], given[i].origin, given[i].value, err);
        }
        free(given[i].origin);
        free(given[i].value);
    }
    free(given);
    return result;
}

char *flags_help(void)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < flag_count; i++) {
        const struct flag *flag = &flag_table[i];
        _cleanup_free_ char *name = flag->kind == FLAG_BOOL
            ? str_printf("--[no-]%s", flag->name)
            : str_printf("--%s=VALUE", flag->name);
        strbuf_addf(&text, "  %-50s %s", name, flag->help);
        if (flag->fallback)
            strbuf_addf(&text, " (default: %s)", flag->fallback);
        strbuf_add(&text, "\n");
    }
    return strbuf_take(&text);
}
