/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/compare.h"

#include <errno.h>

#include "reference/base/mem.h"

#define FALSE_ALARMS 0.05 /* of a whole comparison of equal programs */

static const struct series *counterpart(const struct report *report, const struct series *series)
{
    return report_find(report, series->contender, series->measure, series->scene, series->x);
}

static struct difference difference_of(
    const struct series *before, const struct series *now, double max_regression)
{
    const struct measure *measure = measure_of(now->measure);
    const double old = median_of(before->values, before->count);
    const double fresh = median_of(now->values, now->count);
    struct difference difference = {.before = before,
        .now = now,
        .limit = measure->noise > max_regression ? measure->noise : max_regression};

    if (measure->more_is_better) {
        difference.change = fresh > 0 ? old / fresh - 1 : 0;
        difference.p = permutation_test(now->values, now->count, before->values, before->count);
    } else {
        difference.change = old > 0 ? fresh / old - 1 : 0;
        difference.p = permutation_test(before->values, before->count, now->values, now->count);
    }
    return difference;
}

int comparison_make(const struct report *before, const struct report *now, double max_regression,
    struct comparison *ret_comparison, struct err *err)
{
    struct comparison comparison = {0};
    size_t capacity = 0;

    if (!str_equal(before->bench, now->bench))
        return err_set(err, -EINVAL, "\"bench %s\" can't be compared with \"bench %s\"",
            before->bench, now->bench);
    for (size_t i = 0; i < now->series_count; i++) {
        const struct series *series = now->series[i];
        const struct series *old = series->count > 0 ? counterpart(before, series) : NULL;

        comparison.unmatched += series->count > 0 && !old;
        if (!old)
            continue;
        comparison.items =
            mem_grow(comparison.items, &capacity, comparison.count + 1, sizeof(*comparison.items));
        comparison.items[comparison.count++] = difference_of(old, series, max_regression);
    }
    for (size_t i = 0; i < before->series_count; i++)
        comparison.unmatched +=
            before->series[i]->count > 0 && !counterpart(now, before->series[i]);
    for (size_t i = 0; i < comparison.count; i++) {
        struct difference *item = &comparison.items[i];

        item->regressed =
            item->change > item->limit && item->p < FALSE_ALARMS / (double)comparison.count;
        comparison.regressions += item->regressed;
    }
    if (comparison.count == 0)
        return err_set(err, -EINVAL, "the results have no series in common");
    *ret_comparison = comparison;
    return 0;
}

void comparison_release(struct comparison *comparison)
{
    free(comparison->items);
    *comparison = (struct comparison){0};
}

size_t comparison_replace(
    const struct comparison *comparison, struct report *now, const struct report *again)
{
    size_t replaced = 0;

    for (size_t i = 0; i < comparison->count; i++) {
        const struct series *old = comparison->items[i].now;
        const struct series *fresh =
            comparison->items[i].regressed ? counterpart(again, old) : NULL;

        if (!fresh)
            continue;
        struct series *series =
            report_series(now, old->contender, old->measure, old->scene, old->x);
        series_clear(series);
        for (size_t k = 0; k < fresh->count; k++)
            series_add(series, fresh->values[k]);
        replaced++;
    }
    return replaced;
}

/* --- other things than the program --- */

/* Members of the environment that do not change by themselves. */
static const char *const steady[] = {"kernel", "machine", "cpu", "cpus", "cpus_allowed",
    "memory_bytes", "governor", "cgroups", "mitigations", "rcu", "compiler", "huge_pages",
    "versions", NULL};

/* json_equal(NULL, NULL) is false. */
static bool is_same(const json_t *before, const json_t *now)
{
    return (!before && !now) || json_equal(before, now);
}

const char *environment_difference(const json_t *before, const json_t *now)
{
    for (size_t i = 0; steady[i]; i++) {
        if (!is_same(json_object_get(before, steady[i]), json_object_get(now, steady[i])))
            return steady[i];
    }
    return NULL;
}

static void difference_add(
    char ***warnings, const char *what, const char *name, const json_t *before, const json_t *now)
{
    if (is_same(before, now))
        return;
    _cleanup_free_ char *old = before ? json_dumps(before, JSON_ENCODE_ANY) : str_dup("nothing");
    _cleanup_free_ char *fresh = now ? json_dumps(now, JSON_ENCODE_ANY) : str_dup("nothing");

    strv_add_owned(warnings, str_printf("%s: %s was %.200s, is %.200s", what, name, old, fresh));
}

char **comparison_warnings(const struct report *before, const struct report *now)
{
    char **warnings = NULL;
    const char *name;
    json_t *value;

    for (size_t i = 0; steady[i]; i++)
        difference_add(&warnings, "another environment", steady[i],
            json_object_get(before->environment, steady[i]),
            json_object_get(now->environment, steady[i]));
    json_object_foreach(before->settings, name, value) difference_add(
        &warnings, "other settings", name, value, json_object_get(now->settings, name));
    return warnings;
}
