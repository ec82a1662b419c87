/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/options.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/json.h"
#include "reference/base/mem.h"

static void *member(const struct bench_option *row, void *settings)
{
    return (char *)settings + row->offset;
}

static bool number_read(const struct bench_option *row, const char *text, double *ret_number)
{
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    *ret_number = strtod(text, &end);
    if (*end == '%' && row->most <= 10) {
        *ret_number /= 100;
        end++;
    }
    return *end == '\0' && isfinite(*ret_number) && *ret_number >= row->least &&
           *ret_number <= row->most;
}

static bool count_read(const struct bench_option *row, const char *text, size_t *ret_count)
{
    char *end;

    errno = 0;
    *ret_count = isdigit((unsigned char)text[0]) ? strtoul(text, &end, 10) : 0;
    return isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 &&
           (double)*ret_count >= row->least && (double)*ret_count <= row->most;
}

static bool counts_read(
    const struct bench_option *row, const char *text, struct option_counts *ret_counts)
{
    _cleanup_strv_ char **words = strv_split(text, ",");

    ret_counts->count = 0;
    for (size_t i = 0; i < strv_length(words); i++) {
        if (ret_counts->count == OPTION_COUNTS_MAX ||
            !count_read(row, words[i], &ret_counts->items[ret_counts->count++]))
            return false;
    }
    return true;
}

static bool is_choice(const struct bench_option *row, const char *text)
{
    return !row->choices || strv_contains((char *const *)(uintptr_t)row->choices, text);
}

static bool names_read(const struct bench_option *row, const char *text, char ***into)
{
    strv_free(*into);
    *into = strv_split(text, ",");
    for (size_t i = 0; i < strv_length(*into); i++) {
        if (!is_choice(row, (*into)[i]))
            return false;
    }
    return strv_length(*into) > 0;
}

static int value_refused(const struct bench_option *row, const char *text, struct err *err)
{
    switch (row->kind) {
    case OPTION_COUNT:
    case OPTION_NUMBER:
        return err_set(err, -EINVAL, "--%s: expected a number from %.6g to %.6g, got \"%s\"",
            row->name, row->least, row->most, text);
    case OPTION_COUNTS:
        return err_set(err, -EINVAL,
            "--%s: expected at most %d numbers from %.6g to %.6g with commas, got \"%s\"",
            row->name, OPTION_COUNTS_MAX, row->least, row->most, text);
    default:
        return err_set(
            err, -EINVAL, "--%s: expected %s, got \"%s\"", row->name, row->argument, text);
    }
}

static int value_read(
    const struct bench_option *row, const char *text, void *settings, struct err *err)
{
    void *into = member(row, settings);
    bool good = true;

    switch (row->kind) {
    case OPTION_FLAG:
        *(bool *)into = true;
        break;
    case OPTION_NUMBER:
        good = number_read(row, text, into);
        break;
    case OPTION_COUNT:
        good = count_read(row, text, into);
        break;
    case OPTION_COUNTS:
        good = counts_read(row, text, into);
        break;
    case OPTION_NAMES:
        good = names_read(row, text, into);
        break;
    case OPTION_CHOICE:
    case OPTION_TEXT:
        *(const char **)into = text;
        good = text[0] != '\0' && is_choice(row, text);
        break;
    }
    return good ? 0 : value_refused(row, text, err);
}

static int unknown(const struct bench_option *rows, const char *word, struct err *err)
{
    const char *names[64] = {NULL};
    size_t count = 0;

    for (; rows->name && count < ARRAY_SIZE(names) - 1; rows++)
        names[count++] = rows->name;
    const char *near = json_suggest(word + strspn(word, "-"), names);
    return near ? err_set(err, -EINVAL, "unknown argument \"%s\", did you mean --%s?", word, near)
                : err_set(err, -EINVAL, "unknown argument \"%s\"", word);
}

/* The row of "--name" or "--name=value"; *ret_value points at what follows the sign, or is NULL. */
static const struct bench_option *row_of(
    const struct bench_option *rows, const char *word, const char **ret_value)
{
    const char *sign = strchr(word, '=');
    const size_t length = sign ? (size_t)(sign - word) : strlen(word);

    *ret_value = sign ? sign + 1 : NULL;
    for (; rows->name; rows++) {
        if (strlen(rows->name) + 2 == length && strncmp(word + 2, rows->name, length - 2) == 0)
            return rows;
    }
    return NULL;
}

int bench_options_read(const struct bench_option *rows, int argc, char **argv, void *settings,
    char ***ret_words, struct err *err)
{
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct bench_option *row =
            str_starts(argv[i], "--") ? row_of(rows, argv[i], &value) : NULL;
        int r;

        if (!row && ret_words && !str_starts(argv[i], "-")) {
            strv_add(ret_words, argv[i]);
            continue;
        }
        if (!row || (row->kind == OPTION_FLAG && value))
            return unknown(rows, argv[i], err);
        if (row->kind != OPTION_FLAG && !value && !(value = argv[++i]))
            return err_set(err, -EINVAL, "--%s: expected %s", row->name, row->argument);
        r = value_read(row, value, settings, err);
        if (r < 0)
            return r;
    }
    return 0;
}

void bench_options_help(const struct bench_option *rows, const char *usage)
{
    printf("Usage: %s\n\n", usage);
    for (; rows->name; rows++) {
        _cleanup_free_ char *left = str_printf("--%s%s%s", rows->name, rows->argument ? " " : "",
            rows->argument ? rows->argument : "");

        printf("  %-24s %s\n", left, rows->help);
    }
}
