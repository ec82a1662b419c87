/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/linux/seccomp_profile.h"

#include <errno.h>

#include "reference/base/mem.h"
#include "reference/base/json.h"

#define ARGUMENTS_MOST 6

static const char *const action_words[] = {"SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS",
    "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",
    "SCMP_ACT_LOG", NULL};
static const char *const compare_words[] = {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",
    "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL};
static const char *const architecture_words[] = {"SCMP_ARCH_X86", "SCMP_ARCH_X86_64",
    "SCMP_ARCH_X32", "SCMP_ARCH_ARM", "SCMP_ARCH_AARCH64", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_MIPSEL64N32",
    "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_PPC64LE", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
    NULL};

static int bad(struct err *err, const char *place, const char *expected)
{
    return err_set(err, -EINVAL, "%s: expected %s", place, expected);
}

/* A text of the list; the nearest one is suggested. */
static int word_check(
    const json_t *value, const char *const *words, const char *place, struct err *err)
{
    const char *text = json_string_value(value);
    const char *near;

    if (!text)
        return bad(err, place, "a text");
    for (size_t i = 0; words[i]; i++) {
        if (str_equal(words[i], text))
            return 0;
    }
    near = json_suggest(text, words);
    return err_set(err, -EINVAL, "%s: unknown \"%s\"%s%s%s", place, text,
        near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* A list of texts, of the words when there are any; missing is fine unless required. */
static int texts_check(const json_t *list, const char *const *words, bool required,
    const char *place, struct err *err)
{
    const json_t *item;
    size_t i;

    if (!list && !required)
        return 0;
    if (!json_is_array(list) || (required && json_array_size(list) == 0))
        return bad(err, place, required ? "a list with at least one text" : "a list of texts");
    json_array_foreach(list, i, item) {
        _cleanup_free_ char *where = str_printf("%s[%zu]", place, i);
        int r = words ? word_check(item, words, where, err) : 0;

        if (r == 0 && !json_is_string(item))
            r = bad(err, where, "a text");
        if (r < 0)
            return r;
    }
    return 0;
}

static int architectures_check(const json_t *map, struct err *err)
{
    const json_t *entry;
    size_t i;

    if (!json_is_array(map))
        return bad(err, "archMap", "a list");
    json_array_foreach(map, i, entry) {
        _cleanup_free_ char *main = str_printf("archMap[%zu].architecture", i);
        _cleanup_free_ char *others = str_printf("archMap[%zu].subArchitectures", i);
        int r = word_check(json_object_get(entry, "architecture"), architecture_words, main, err);

        if (r == 0)
            r = texts_check(json_object_get(entry, "subArchitectures"), architecture_words, false,
                others, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int arguments_check(const json_t *arguments, const char *rule, struct err *err)
{
    static const char *const numbers[] = {"index", "value", "valueTwo"};
    const json_t *argument;
    size_t i;

    json_array_foreach(arguments, i, argument) {
        _cleanup_free_ char *op = str_printf("%s.args[%zu].op", rule, i);

        for (size_t k = 0; k < ARRAY_SIZE(numbers); k++) {
            _cleanup_free_ char *place = str_printf("%s.args[%zu].%s", rule, i, numbers[k]);
            const json_t *number = json_object_get(argument, numbers[k]);

            if (!json_is_integer(number) || json_integer_value(number) < 0)
                return bad(err, place, "a number, not negative");
            if (k == 0 && json_integer_value(number) >= ARGUMENTS_MOST)
                return bad(err, place, "0 to 5");
        }
        int r = word_check(json_object_get(argument, "op"), compare_words, op, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* "includes" and "excludes": architectures and capabilities. */
static int condition_check(
    const json_t *rule, const char *key, const char *place, struct err *err)
{
    _cleanup_free_ char *whole = str_printf("%s.%s", place, key);
    _cleanup_free_ char *arches = str_printf("%s.arches", whole);
    _cleanup_free_ char *capabilities = str_printf("%s.caps", whole);
    const json_t *condition = json_object_get(rule, key);
    int r;

    if (!json_is_object(condition))
        return bad(err, whole, "a map (it may be empty)");
    r = texts_check(json_object_get(condition, "arches"), architecture_words, false, arches, err);
    return r < 0
               ? r
               : texts_check(json_object_get(condition, "caps"), NULL, false, capabilities, err);
}

static int rule_check(const json_t *rule, const char *place, struct err *err)
{
    _cleanup_free_ char *names = str_printf("%s.names", place);
    _cleanup_free_ char *action = str_printf("%s.action", place);
    _cleanup_free_ char *arguments = str_printf("%s.args", place);
    const json_t *list = json_object_get(rule, "args");
    int r = texts_check(json_object_get(rule, "names"), NULL, true, names, err);

    if (r == 0)
        r = word_check(json_object_get(rule, "action"), action_words, action, err);
    if (r == 0 && !json_is_array(list) && !json_is_null(list))
        r = bad(err, arguments, "null or a list");
    if (r == 0)
        r = arguments_check(list, place, err);
    if (r == 0)
        r = condition_check(rule, "includes", place, err);
    return r < 0 ? r : condition_check(rule, "excludes", place, err);
}

int seccomp_profile_check(const json_t *profile, struct err *err)
{
    const json_t *rules = json_object_get(profile, "syscalls");
    const json_t *rule;
    size_t i;
    int r;

    if (!json_is_object(profile))
        return bad(err, "profile", "a map");
    r = word_check(json_object_get(profile, "defaultAction"), action_words, "defaultAction", err);
    if (r == 0)
        r = architectures_check(json_object_get(profile, "archMap"), err);
    if (r == 0 && !json_is_array(rules))
        r = bad(err, "syscalls", "a list");
    json_array_foreach(rules, i, rule) {
        _cleanup_free_ char *place = str_printf("syscalls[%zu]", i);

        if (r == 0)
            r = rule_check(rule, place, err);
    }
    return r;
}

int seccomp_profile_parse(
    const char *text, const char *name, json_t **ret_profile, struct err *err)
{
    json_error_t error;
    json_t *profile = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    int r;

    if (!profile)
        return err_set(err, -EINVAL, "seccomp profile %s: line %d: %s", name, error.line,
            error.text);
    r = seccomp_profile_check(profile, err);
    if (r < 0) {
        json_decref(profile);
        return err_wrap(err, r, "seccomp profile %s", name);
    }
    *ret_profile = profile;
    return 0;
}
