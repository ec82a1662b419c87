/* SPDX-License-Identifier: Apache-2.0 */
#include "ci/lab/cell.h"

#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

#define TEXT_MAX (1 << 20)

const char *const verdict_words[VERDICT_COUNT] = {
    [VERDICT_ABSENT] = "absent",
    [VERDICT_PASSED] = "passed",
    [VERDICT_FAILED] = "failed",
    [VERDICT_SKIPPED] = "skipped",
};

/* The text of a small file, without the newline at its end. */
static char *text_of(const char *directory, const char *file)
{
    _cleanup_free_ char *path = str_printf("%s/%s", directory, file);
    FILE *stream = fopen(path, "re");
    if (!stream)
        return str_dup("");
    char *text = mem_alloc(TEXT_MAX + 1);
    size_t length = fread(text, 1, TEXT_MAX, stream);
    fclose(stream);
    while (length > 0 && text[length - 1] == '\n')
        length--;
    text[length] = '\0';
    return text;
}

static char **lines_of(const char *directory, const char *file)
{
    _cleanup_free_ char *text = text_of(directory, file);
    return strv_split(text, "\n");
}

/* One a line, as they were told; a guest that died may have left the last one unfinished. */
static json_t *scenarios_of(const char *directory)
{
    _cleanup_free_ char *path = str_printf("%s/scenarios", directory);
    json_t *scenarios = json_array();
    FILE *stream = fopen(path, "re");
    json_t *scenario;
    while (stream && (scenario = json_loadf(stream, JSON_DISABLE_EOF_CHECK, NULL)))
        json_array_append_new(scenarios, scenario);
    if (stream)
        fclose(stream);
    return scenarios;
}

static enum verdict verdict_of(json_t *scenario)
{
    const char *word = json_string_value(json_object_get(scenario, "result"));
    for (int i = 0; word && i < VERDICT_COUNT; i++) {
        if (strcmp(verdict_words[i], word) == 0)
            return (enum verdict)i;
    }
    return VERDICT_ABSENT;
}

void cell_read(const char *directory, struct cell *ret_cell)
{
    _cleanup_free_ char *state = text_of(directory, "state");
    size_t word = strcspn(state, "\t");
    *ret_cell = (struct cell){.name = text_of(directory, "name"),
        .kernel = text_of(directory, "kernel"),
        .cgroups = text_of(directory, "cgroups"),
        .state = str_ndup(state, word),
        .note = str_dup(state[word] ? state + word + 1 : ""),
        .boot = text_of(directory, "boot"),
        .features = lines_of(directory, "features"),
        .splats = lines_of(directory, "splats"),
        .scenarios = scenarios_of(directory)};
    size_t index;
    json_t *scenario;
    json_array_foreach(ret_cell->scenarios, index, scenario)
        ret_cell->counts[verdict_of(scenario)]++;
}

void cell_release(struct cell *cell)
{
    free(cell->name);
    free(cell->kernel);
    free(cell->cgroups);
    free(cell->state);
    free(cell->note);
    free(cell->boot);
    strv_free(cell->features);
    strv_free(cell->splats);
    json_decref(cell->scenarios);
}

enum verdict cell_verdict(
    const struct cell *cell, const char *file, const char *name, const char **ret_reason)
{
    size_t index;
    json_t *scenario;
    *ret_reason = NULL;
    json_array_foreach(cell->scenarios, index, scenario) {
        const char *its_file = json_string_value(json_object_get(scenario, "file"));
        const char *its_name = json_string_value(json_object_get(scenario, "name"));
        if (str_equal(its_file, file) && str_equal(its_name, name)) {
            *ret_reason = json_string_value(json_object_get(scenario, "reason"));
            return verdict_of(scenario);
        }
    }
    return VERDICT_ABSENT;
}

const char *cell_feature(const struct cell *cell, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; cell->features && cell->features[i]; i++) {
        const char *line = cell->features[i];
        if (strncmp(line, name, length) == 0 && line[length] == ' ')
            return line + length + 1;
    }
    return NULL;
}
