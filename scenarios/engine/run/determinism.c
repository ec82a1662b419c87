/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/run/determinism.h"

#include <inttypes.h>
#include <string.h>

#include "reference/base/mem.h"

static char *value_text(const json_t *value)
{
    return value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : str_dup("absent");
}

/* The first field that differs, as a path; NULL when none does. Events nest two levels. */
static char *first_difference(const json_t *a, const json_t *b, const char *path)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, name, value)
    {
        const json_t *other = json_object_get(b, name);
        if (other && json_equal(value, other))
            continue;
        /* The hash also differs when only the world does: say so, if nothing else is to be said. */
        if (strcmp(name, "hash") == 0)
            continue;
        _cleanup_free_ char *below = str_printf("%s%s%s", path, path[0] ? "." : "", name);
        if (json_is_object(value) && json_is_object(other)) {
            char *deeper = first_difference(value, other, below);
            if (deeper)
                return deeper;
        }
        _cleanup_free_ char *was = value_text(value);
        _cleanup_free_ char *is = value_text(other);
        return str_printf("%s is %s, then %s", below, was, is);
    }
    return NULL;
}

static char *line_difference(size_t number, const char *first, const char *second)
{
    json_t *a = json_loads(first, 0, NULL);
    json_t *b = json_loads(second, 0, NULL);
    char *field = first_difference(a, b, "");
    if (!field)
        field = first_difference(b, a, "");
    char *text =
        str_printf("event %zu (%s): %s", number, json_string_value(json_object_get(a, "op")),
            field ? field : "the digest of the world (processes, cgroups, files) differs");
    free(field);
    json_decref(a);
    json_decref(b);
    return text;
}

char *determinism_compare(char *const *first, char *const *second)
{
    size_t first_count = strv_length(first);
    size_t second_count = strv_length(second);
    size_t count = first_count < second_count ? first_count : second_count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(first[i], second[i]) != 0)
            return line_difference(i + 1, first[i], second[i]);
    }
    if (first_count == second_count)
        return NULL;
    return str_printf("event %zu is there only the %s time: %s", count + 1,
        first_count > second_count ? "first" : "second",
        first_count > second_count ? first[count] : second[count]);
}

void determinism_check(const struct scenario *scenario, const struct backend *backend,
    const struct run_options *options, struct run_report *ret_report)
{
    struct run_options own = *options;
    own.fold_world = true;
    own.keep_trace = true;
    scenario_run(scenario, backend, &own, ret_report);
    if (ret_report->result == RUN_SKIPPED)
        return;
    struct run_report second;
    scenario_run(scenario, backend, &own, &second);
    _cleanup_free_ char *difference = determinism_compare(ret_report->trace, second.trace);
    if (difference || ret_report->hash != second.hash) {
        char *reason =
            str_printf("not deterministic: %s", difference ? difference : "the hashes differ");
        free(ret_report->reason);
        ret_report->reason = reason;
        ret_report->result = RUN_FAILED;
    }
    ret_report->seconds += second.seconds;
    run_report_release(&second);
    if (!options->keep_trace)
        ret_report->trace = strv_free(ret_report->trace);
}
