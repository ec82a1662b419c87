/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of single values: durations, bytes, ranges, and what each kind of flag takes. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/loop.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/flags/internal.h"
#include "reference/model/resources.h"

#define FRACTION_DIGITS_MAX 9

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit *unit_find(const struct unit *units, const char *name)
{
    while (units->name && strcmp(units->name, name) != 0)
        units++;
    return units->name ? units : NULL;
}

/* Whole digits and, when `ret_fraction` is given, up to nine more after a point, in 1e-9. */
static int digits_parse(const char *text, const char **ret_end, uint64_t *ret_whole,
    uint64_t *ret_fraction)
{
    size_t digits = strspn(text, "0123456789");
    errno = 0;
    *ret_whole = digits ? strtoull(text, NULL, 10) : 0;
    if (digits == 0 || errno != 0)
        return -EINVAL;
    text += digits;
    if (ret_fraction) {
        *ret_fraction = 0;
        size_t decimals = *text == '.' ? strspn(text + 1, "0123456789") : 0;
        if (*text == '.' && (decimals == 0 || decimals > FRACTION_DIGITS_MAX))
            return -EINVAL;
        for (size_t i = 1; i <= FRACTION_DIGITS_MAX && decimals; i++)
            *ret_fraction = *ret_fraction * 10 + (i <= decimals ? (uint64_t)(text[i] - '0') : 0);
        text += decimals ? decimals + 1 : 0;
    }
    *ret_end = text;
    return 0;
}

int duration_parse(const char *text, uint64_t *ret_ns, struct err *err)
{
    static const struct unit units[] = {{"ns", 1}, {"us", NS_PER_US}, {"ms", NS_PER_MS},
        {"secs", NS_PER_SEC}, {"mins", 60 * NS_PER_SEC}, {"hrs", 3600 * NS_PER_SEC},
        {"days", 86400 * NS_PER_SEC}, {"weeks", 7 * 86400 * NS_PER_SEC}, {NULL, 0}};
    assert(text);
    assert(ret_ns);
    const char *end;
    uint64_t whole;
    uint64_t fraction;
    const struct unit *unit = NULL;
    if (digits_parse(text, &end, &whole, &fraction) == 0)
        unit = unit_find(units, end);
    if (!unit)
        return err_set(err, -EINVAL,
            "expected a duration as 5secs, in ns, us, ms, secs, mins, hrs, days or weeks, "
            "got \"%s\"", text);
    uint64_t ns;
    /* Units below a second divide 1e9: what is lost is below 1 ns. */
    uint64_t rest = unit->factor >= NS_PER_SEC ? fraction * (unit->factor / NS_PER_SEC)
                                               : fraction / (NS_PER_SEC / unit->factor);
    if (__builtin_mul_overflow(whole, unit->factor, &ns) || __builtin_add_overflow(ns, rest, &ns))
        return err_set(err, -EINVAL, "the duration %s is too long", text);
    *ret_ns = ns;
    return 0;
}

int bytes_parse(const char *text, uint64_t *ret_bytes, struct err *err)
{
    static const struct unit units[] = {{"B", 1}, {"KB", UINT64_C(1) << 10},
        {"MB", UINT64_C(1) << 20}, {"GB", UINT64_C(1) << 30}, {"TB", UINT64_C(1) << 40}, {NULL, 0}};
    assert(text);
    assert(ret_bytes);
    const char *end;
    uint64_t whole;
    const struct unit *unit = NULL;
    if (digits_parse(text, &end, &whole, NULL) == 0)
        unit = unit_find(units, end);
    if (!unit)
        return err_set(err, -EINVAL, "expected bytes as 10MB, in B, KB, MB, GB or TB, got \"%s\"",
            text);
    if (__builtin_mul_overflow(whole, unit->factor, &whole))
        return err_set(err, -EINVAL, "%s are too many bytes", text);
    *ret_bytes = whole;
    return 0;
}

int boolean_parse(const char *text, bool *ret_value, struct err *err)
{
    bool yes = *text == '\0' || strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    if (!yes && strcmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return err_set(err, -EINVAL, "expected true, 1, false or 0, got \"%s\"", text);
    *ret_value = yes;
    return 0;
}

static int check_boolean(const char *value, struct err *err)
{
    bool ignored;
    return boolean_parse(value, &ignored, err);
}

static int check_duration(const char *value, struct err *err)
{
    uint64_t ignored;
    return duration_parse(value, &ignored, err);
}

static int check_bytes(const char *value, struct err *err)
{
    uint64_t ignored;
    return bytes_parse(value, &ignored, err);
}

static int check_json(const char *value, struct err *err)
{
    json_error_t error;
    json_t *json = json_loads(value, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        return err_set(err, -EINVAL, "%d:%d: %s", error.line, error.column, error.text);
    json_decref(json);
    return 0;
}

static int check_double(const char *value, struct err *err)
{
    char *end;
    double number = strtod(value, &end);
    if (!strchr("-0123456789.", *value) || end == value || *end != '\0' || !isfinite(number))
        return err_set(err, -EINVAL, "expected a number, got \"%s\"", value);
    return 0;
}

static int check_count(const char *value, struct err *err)
{
    const char *end;
    uint64_t number;
    if (digits_parse(value, &end, &number, NULL) < 0 || *end != '\0')
        return err_set(err, -EINVAL, "expected a whole number, got \"%s\"", value);
    return 0;
}

static int check_port(const char *value, struct err *err)
{
    const char *end;
    uint64_t number;
    if (digits_parse(value, &end, &number, NULL) < 0 || *end != '\0' || number > UINT16_MAX)
        return err_set(err, -EINVAL, "expected a number of 16 bits, got \"%s\"", value);
    return 0;
}

/* Ranges with all numbers in least..most. */
static int check_bounds(const char *value, int64_t least, int64_t most, struct err *err)
{
    _cleanup_free_ char *text = str_printf("range:%s", value);
    struct resources resources = {NULL, 0};
    int result = strchr(value, ';') ? -EINVAL : resources_parse_text(text, &resources, NULL);
    if (result < 0 || resources.count != 1 || resources.items[0].type != RESOURCE_RANGES)
        result = err_set(err, -EINVAL, "expected ranges as [1-2,5-9], got \"%s\"", value);
    for (size_t i = 0; result == 0 && i < resources.items[0].ranges_count; i++) {
        const struct resource_range *range = &resources.items[0].ranges[i];
        if (range->begin < least || range->end > most)
            result = err_set(err, -EINVAL, "%lld-%lld is not within %lld-%lld",
                (long long)range->begin, (long long)range->end, (long long)least, (long long)most);
    }
    resources_release(&resources);
    return result;
}

static int check_ranges(const char *value, struct err *err)
{
    return check_bounds(value, 0, INT64_MAX, err);
}

int flag_check_gid_range(const char *value, struct err *err)
{
    return check_bounds(value, 1, UINT32_MAX, err);
}

int flag_check_project_range(const char *value, struct err *err)
{
    return check_bounds(value, 1, UINT32_MAX, err);
}

int flag_check_port_range(const char *value, struct err *err)
{
    return check_bounds(value, 0, UINT16_MAX, err);
}

static int check_words(const char *value, const char *const *words, struct err *err)
{
    _cleanup_strbuf_ struct strbuf expected = STRBUF_INIT;
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], value) == 0)
            return 0;
        bool last = i > 0 && !words[i + 1];
        strbuf_addf(&expected, "%s%s", i == 0 ? "" : last ? " or " : ", ", words[i]);
    }
    return err_set(err, -EINVAL, "expected %s, got \"%s\"", expected.text, value);
}

int flag_check(const struct flag *flag, const char *value, struct err *err)
{
    static int (*const by_kind[FLAG_KIND_COUNT])(const char *value, struct err *err) = {
        [FLAG_BOOL] = check_boolean,
        [FLAG_DURATION] = check_duration,
        [FLAG_BYTES] = check_bytes,
        [FLAG_JSON] = check_json,
        [FLAG_DOUBLE] = check_double,
        [FLAG_COUNT] = check_count,
        [FLAG_PORT] = check_port,
        [FLAG_RANGES] = check_ranges,
    };
    assert(flag);
    assert(value);
    int result = by_kind[flag->kind] ? by_kind[flag->kind](value, err) : 0;
    if (result == 0 && flag->words)
        result = check_words(value, flag->words, err);
    if (result == 0 && flag->check)
        result = flag->check(value, err);
    return result;
}
