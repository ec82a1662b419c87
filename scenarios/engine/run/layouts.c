/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/run/layouts.h"

#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/backends/backend.h"
#include "scenarios/engine/run/determinism.h"

/* Fields that the contract lets differ between versions, wherever they appear in a value. */
static const struct {
    const char *field;
    const char *reason;
} free_fields[] = {
    {"timestamp", "a point of time"},
    {"executor_pid", "a number that says nothing"},
    {"message", "tells the figures of the controller that was reached"},
    {"limited_resources", "v1 tells the usage, v2 the limit (containerizer.md 4.1)"},
    {"processes", "v1 counts the cgroup itself, v2 its leaf (statistics.md 2.1)"},
    {"threads", "the same"},
    {"cpus_nr_periods", "v1 only with the CFS flag (statistics.md 2.1)"},
    {"cpus_nr_throttled", "the same"},
    {"cpus_throttled_time_secs", "the same"},
    {"cpus_user_time_secs", "ticks on v1, microseconds on v2"},
    {"cpus_system_time_secs", "the same"},
    {"mem_total_memsw_bytes", "v1 only"},
    {"mem_kmem_usage_bytes", "other files"},
    {"mem_kmem_tcp_usage_bytes", "other files"},
    {"mem_swap_bytes", "never on v2"},
    {"mem_low_pressure_counter", "never on v2"},
    {"mem_medium_pressure_counter", "never on v2"},
    {"mem_critical_pressure_counter", "never on v2"},
    {"mem_file_bytes", "absent keys are 0 on v2"},
    {"mem_cache_bytes", "the same"},
    {"mem_anon_bytes", "the same"},
    {"mem_rss_bytes", "the same"},
    {"mem_mapped_file_bytes", "the same"},
    {"mem_unevictable_bytes", "the same"},
    {"mem_total_bytes", "the kernels account differently"},
    {"blkio_statistics", "v1 only (statistics.md 2.4)"},
};

/* What differs by the contract: a part of the scenario's name, or of what is said to differ. */
static const struct {
    const char *part;
    const char *reason;
} known_differences[] = {
    {"hybrid hierarchies are not supported",
        "the linux launcher refuses hybrid layouts (containerizer.md 2.4)"},
    {"an operator who destroys by id",
        "who ends the orphan first is the next agent's own timing: v1 waits for its freezer"},
    {"roots after a reboot", "the same"},
    {"an agent killed while it destroys",
        "a crash still meets the destroy or not by the launcher's own timing: v1 freezes first"},
    {"that stays busy for ever",
        "v1 gives up after a time, v2 after 5,000 attempts (launchers.md 3.5)"},
    {"usage of shared",
        "a shared nested container answers nothing on v1, empty on v2 (isolators.md 4)"},
};

static void fields_free(json_t *value)
{
    json_t *item;
    const char *name;
    size_t i;

    for (i = 0; json_is_object(value) && i < ARRAY_SIZE(free_fields); i++)
        json_object_del(value, free_fields[i].field);
    json_object_foreach(value, name, item)
    {
        fields_free(item);
    }
    json_array_foreach(value, i, item)
    {
        fields_free(item);
    }
}

/* That a call failed is the contract; the text names files of one version or the other. */
static void error_blur(json_t *args)
{
    if (json_is_string(json_object_get(args, "error")))
        json_object_set_new(args, "error", json_string("failed"));
}

/* What callers saw: the answers to their calls, without time, numbers of events, and free fields.
 */
static char **observed(char *const *trace)
{
    char **lines = NULL;

    for (; trace && *trace; trace++) {
        json_t *event = json_loads(*trace, 0, NULL);
        const char *op = json_string_value(json_object_get(event, "op"));

        if (op && str_equal(json_string_value(json_object_get(event, "actor")), "engine") &&
            str_ends(op, ".done")) {
            json_object_del(event, "n");
            json_object_del(event, "t");
            json_object_del(event, "hash");
            error_blur(json_object_get(event, "args"));
            fields_free(event);
            strv_add_owned(&lines, json_dumps(event, JSON_COMPACT | JSON_SORT_KEYS));
        }
        json_decref(event);
    }
    /* Which of two answers of one instant comes first is nobody's to rely on. */
    strv_sort(lines);
    return lines;
}

struct variant {
    const struct scenario *scenario;
    const char *layout;
};

static char **variant_play(
    const struct variant *variant, const struct run_options *options, char **ret_failure)
{
    struct run_options own = *options;
    struct run_report report;
    char **lines;

    own.layout = variant->layout;
    own.keep_trace = true;
    scenario_run(variant->scenario, &backend_sim, &own, &report);
    *ret_failure =
        report.result == RUN_PASSED ? NULL : str_dup(report.reason ? report.reason : "skipped");
    lines = observed(report.trace);
    run_report_release(&report);
    return lines;
}

/* The name without the value that the matrix gave to `cgroups`. */
static char *name_without_layout(const char *name)
{
    const char *at = strstr(name, "cgroups=");
    const char *end = at ? at + strcspn(at, ",]") : NULL;

    return at ? str_printf("%.*s%s", (int)(at - name), name, end) : str_dup(name);
}

static const struct scenario *sibling(
    const struct suite *suite, const struct scenario *scenario, const char *layout)
{
    _cleanup_free_ char *wanted = name_without_layout(scenario->name);

    for (size_t i = 0; i < suite->count; i++) {
        const struct scenario *other = suite->items[i];
        _cleanup_free_ char *name = name_without_layout(other->name);

        if (str_equal(other->file, scenario->file) && other->line == scenario->line &&
            str_equal(name, wanted) && str_equal(node_text(other->agent, "cgroups"), layout))
            return other;
    }
    return NULL;
}

/* The variant of the scenario on that layout; false when it has none. */
static bool variant_of(const struct suite *suite, const struct scenario *scenario,
    const char *layout, struct variant *ret_variant)
{
    const bool by_matrix = strstr(scenario->name, "cgroups=") != NULL;
    const char *fixed = node_text(scenario->agent, "cgroups");

    if (fixed && !by_matrix)
        return false;
    *ret_variant = (struct variant){scenario, layout};
    if (!fixed)
        return true;
    /* Hybrid is v1 with a second hierarchy beside it. */
    ret_variant->scenario = sibling(suite, scenario, str_equal(layout, "hybrid") ? "v1" : layout);
    return ret_variant->scenario != NULL;
}

static const char *explanation(const char *name, const char *difference)
{
    for (size_t i = 0; i < ARRAY_SIZE(known_differences); i++) {
        const char *part = known_differences[i].part;
        if (strstr(name, part) || strstr(difference, part))
            return known_differences[i].reason;
    }
    return NULL;
}

static void scenario_compare(const struct suite *suite, const struct scenario *scenario,
    char *const *layouts, const struct run_options *options, FILE *stream,
    struct layouts_totals *totals)
{
    _cleanup_strv_ char **first = NULL;
    const char *first_layout = NULL;

    for (; *layouts; layouts++) {
        struct variant variant;
        _cleanup_free_ char *failure = NULL;
        _cleanup_free_ char *difference = NULL;
        _cleanup_strv_ char **lines = NULL;

        /* A sweep crashes at each effect, and layouts differ in how many there are. */
        if (node_get(scenario->root, "sweep") || !variant_of(suite, scenario, *layouts, &variant)) {
            fprintf(stream, "skip %s: %s: it is about one layout of cgroups, or sweeps effects\n",
                scenario->file, scenario->name);
            totals->skipped++;
            return;
        }
        lines = variant_play(&variant, options, &failure);
        if (!first_layout) {
            first_layout = *layouts;
            first = TAKE_PTR(lines);
            continue;
        }
        difference = failure ? str_dup(failure) : determinism_compare(first, lines);
        if (!difference)
            continue;
        const char *reason = explanation(scenario->name, difference);
        if (reason) {
            fprintf(stream, "known %s: %s: %s and %s: %s\n", scenario->file, scenario->name,
                first_layout, *layouts, reason);
            totals->explained++;
        } else {
            fprintf(stream, "DIFF %s:%d: %s\n  %s and %s: %s\n", scenario->file, scenario->line,
                scenario->name, first_layout, *layouts, difference);
            totals->differ++;
        }
        return;
    }
    totals->same++;
}

void layouts_compare(const struct suite *suite, char *const *layouts,
    const struct run_options *options, FILE *stream, struct layouts_totals *ret_totals)
{
    *ret_totals = (struct layouts_totals){0};
    for (size_t i = 0; i < suite->count; i++) {
        const struct scenario *scenario = suite->items[i];
        const char *fixed = node_text(scenario->agent, "cgroups");
        _cleanup_free_ char *skip = scenario_skip_reason(scenario, &backend_sim);

        /* Of the variants of one scenario, the first stands for all. */
        if (fixed && strstr(scenario->name, "cgroups=") && !str_equal(fixed, layouts[0]) &&
            sibling(suite, scenario, layouts[0]))
            continue;
        if (skip) {
            ret_totals->skipped++;
            continue;
        }
        scenario_compare(suite, scenario, layouts, options, stream, ret_totals);
    }
}
