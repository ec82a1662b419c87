/* SPDX-License-Identifier: Apache-2.0 */
#include "ci/lab/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"

#define LINE_MAX_BYTES 4096

enum field {
    FIELD_UNTIL,
    FIELD_KIND,
    FIELD_CELLS,
    FIELD_SCENARIOS,
    FIELD_TOLD,
    FIELD_REASON,
    FIELDS
};

static const char *const kinds[] = {"kernel", "emulation", "ours"};

static int pattern_compile(regex_t *pattern, const char *text, struct err *err)
{
    if (regcomp(pattern, text, REG_EXTENDED | REG_NOSUB) == 0)
        return 0;
    /* So that it may be released. */
    regcomp(pattern, "", REG_EXTENDED | REG_NOSUB);
    return err_set(err, -EINVAL, "\"%s\" is no extended regular expression", text);
}

static bool kind_known(const char *kind)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i], kind) == 0)
            return true;
    }
    return false;
}

static int line_take(
    struct explanations *explanations, char *const *fields, const char *today, struct err *err)
{
    if (strv_length(fields) != FIELDS)
        return err_set(
            err, -EINVAL, "%zu fields by tabs, expected %d", strv_length(fields), FIELDS);
    if (strlen(fields[FIELD_UNTIL]) != strlen("2026-01-31"))
        return err_set(err, -EINVAL, "\"%s\", expected a day as 2026-01-31", fields[FIELD_UNTIL]);
    if (!kind_known(fields[FIELD_KIND]))
        return err_set(
            err, -EINVAL, "\"%s\", expected kernel, emulation or ours", fields[FIELD_KIND]);
    explanations->items = mem_realloc(
        explanations->items, (explanations->count + 1) * sizeof(*explanations->items));
    struct explanation *one = &explanations->items[explanations->count++];
    *one = (struct explanation){
        .text = str_printf("%s: %s (until %s)", fields[FIELD_KIND], fields[FIELD_REASON],
            fields[FIELD_UNTIL]),
        .expired = strcmp(fields[FIELD_UNTIL], today) < 0,
    };
    regex_t *patterns[] = {&one->cells, &one->scenarios, &one->told};
    int r = 0;
    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        int compiled = pattern_compile(patterns[i], fields[FIELD_CELLS + i], r == 0 ? err : NULL);
        r = r < 0 ? r : compiled;
    }
    return r;
}

int explanations_read(
    const char *path, const char *today, struct explanations *ret_explanations, struct err *err)
{
    *ret_explanations = (struct explanations){0};
    FILE *stream = fopen(path, "re");
    if (!stream)
        return errno == ENOENT ? 0 : err_errno(err, -errno, "open %s", path);
    char line[LINE_MAX_BYTES];
    int r = 0;
    for (unsigned number = 1; r == 0 && fgets(line, sizeof(line), stream); number++) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        _cleanup_strv_ char **fields = strv_split(line, "\t");
        r = line_take(ret_explanations, fields, today, err);
        if (r < 0)
            err_wrap(err, r, "%s:%u", path, number);
    }
    fclose(stream);
    if (r < 0)
        explanations_release(ret_explanations);
    return r;
}

void explanations_release(struct explanations *explanations)
{
    for (size_t i = 0; i < explanations->count; i++) {
        free(explanations->items[i].text);
        regfree(&explanations->items[i].cells);
        regfree(&explanations->items[i].scenarios);
        regfree(&explanations->items[i].told);
    }
    free(explanations->items);
    *explanations = (struct explanations){0};
}

static bool matches(const regex_t *pattern, const char *text)
{
    return regexec(pattern, text, 0, NULL, 0) == 0;
}

static bool speaks_of(
    const struct explanation *explanation, const char *cell, const char *scenario)
{
    return !explanation->expired && matches(&explanation->cells, cell) &&
           matches(&explanation->scenarios, scenario);
}

const struct explanation *explanations_find(struct explanations *explanations, const char *cell,
    const char *scenario, const char *told)
{
    for (size_t i = 0; i < explanations->count; i++) {
        struct explanation *one = &explanations->items[i];
        if (!speaks_of(one, cell, scenario) || !matches(&one->told, told ? told : ""))
            continue;
        one->matched++;
        return one;
    }
    return NULL;
}

void explanations_played(struct explanations *explanations, const char *cell, const char *scenario)
{
    for (size_t i = 0; i < explanations->count; i++)
        explanations->items[i].played += speaks_of(&explanations->items[i], cell, scenario);
}

bool explanation_is_stale(const struct explanation *explanation)
{
    return explanation->played > 0 && explanation->matched == 0;
}
