/* SPDX-License-Identifier: Apache-2.0 */
/* Rules across the steps of a scenario: ids, labels, and launches of an id that is still there. */
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "scenarios/engine/parse/scenario.h"
#include "scenarios/engine/steps/step.h"

typedef void (*value_fn)(void *arg, const struct key *key, const struct node *value);

/* Calls fn for every value below a map, by its schema; schemas nest a few levels at most. */
static void values_walk(const struct schema *schema, const struct node *map, value_fn fn, void *arg)
{
    for (size_t i = 0; map->kind == NODE_MAP && i < map->count; i++) {
        const struct key *key = schema_key(schema, map->keys[i]->text);
        size_t count;
        struct node *const *values = node_list(map, map->keys[i]->text, &count);
        for (size_t k = 0; key && k < count; k++) {
            fn(arg, key, values[k]);
            if (key->kind == VALUE_MAP)
                values_walk(key->schema, values[k], fn, arg);
        }
    }
}

struct ids {
    struct strmap *launched; /* id -> node */
    struct problems *problems;
};

static void ids_collect(void *arg, const struct key *key, const struct node *value)
{
    struct ids *ids = arg;
    if (key->kind == VALUE_NEW_ID && !strmap_get(ids->launched, value->text))
        strmap_set(ids->launched, value->text, (void *)(uintptr_t)value);
}

static void id_problem(const struct ids *ids, const struct node *at)
{
    const char **known = mem_alloc((strmap_count(ids->launched) + 1) * sizeof(*known));
    size_t cursor = 0;
    size_t count = 0;
    void *value;
    while (strmap_next(ids->launched, &cursor, &known[count], &value))
        count++;
    known[count] = NULL;
    _cleanup_free_ char *what = str_printf("no step launches \"%s\"", at->text);
    if (count)
        unknown_problem(ids->problems, at, what, at->text, known);
    else
        node_problem(ids->problems, at,
            "no step launches \"%s\", expected a launch of it, or the id in `unknown`", at->text);
    free(known);
}

static void ids_check(void *arg, const struct key *key, const struct node *value)
{
    const struct ids *ids = arg;
    if (key->kind == VALUE_ID && !strmap_get(ids->launched, value->text))
        id_problem(ids, value);
}

static void check_ids(const struct scenario *scenario, struct problems *problems)
{
    struct ids ids = {strmap_new(), problems};
    values_walk(&scenario_schema, scenario->root, ids_collect, &ids);
    for (size_t i = 0; i < scenario->steps_count; i++)
        values_walk(scenario->steps[i].spec->schema, scenario->steps[i].args, ids_collect, &ids);
    for (size_t i = 0; i < scenario->steps_count; i++)
        values_walk(scenario->steps[i].spec->schema, scenario->steps[i].args, ids_check, &ids);
    strmap_free(ids.launched);
}

/* A second launch of an id that nothing can have ended says what it expects. */
static void check_launches(const struct scenario *scenario, struct problems *problems)
{
    struct strmap *there = strmap_new();
    for (size_t i = 0; i < scenario->steps_count; i++) {
        const struct step *step = &scenario->steps[i];
        if (step->spec->ends) {
            strmap_free(there);
            there = strmap_new();
        }
        if (strcmp(step->spec->name, "launch") != 0)
            continue;
        const struct node *id = node_get(step->args, "id");
        const struct node *first = strmap_get(there, id->text);
        if (first && !node_get(step->args, "expect"))
            node_problem(problems, id,
                "\"%s\" is launched at line %d and may still be there, "
                "expected another id, or an `expect`",
                id->text, first->line);
        strmap_set(there, id->text, (void *)(uintptr_t)id);
    }
    strmap_free(there);
}

static char *step_label(const struct step *step)
{
    const char *as = node_text(step->args, "as");
    const char *id = node_text(step->args, "id");
    if (as)
        return str_dup(as);
    return id ? str_printf("%s %s", step->spec->name, id) : str_dup(step->spec->name);
}

static void label_problem(struct strmap *labels, const struct node *of, struct problems *problems)
{
    const char **known = mem_alloc((strmap_count(labels) + 1) * sizeof(*known));
    size_t cursor = 0;
    size_t count = 0;
    void *value;
    while (strmap_next(labels, &cursor, &known[count], &value))
        count++;
    known[count] = NULL;
    _cleanup_free_ char *what = str_printf("no async step is called \"%s\"", of->text);
    if (count)
        unknown_problem(problems, of, what, of->text, known);
    else
        node_problem(problems, of, "no async step is called \"%s\", expected one before this step",
            of->text);
    free(known);
}

/* What an await expects is of the schema of the step it waits for. */
static void await_check(
    const struct step *step, const struct step *awaited, struct problems *problems)
{
    struct node *expect = node_get(step->args, "expect");
    const struct key *key = schema_key(awaited->spec->schema, "expect");
    if (expect && key)
        schema_check_value(key, expect, problems);
}

static void check_labels(const struct scenario *scenario, struct problems *problems)
{
    struct strmap *labels = strmap_new(); /* label -> step */
    for (size_t i = 0; i < scenario->steps_count; i++) {
        const struct step *step = &scenario->steps[i];
        if (strcmp(step->spec->name, "await") == 0) {
            const struct node *of = node_get(step->args, "of");
            const struct step *awaited = strmap_get(labels, of->text);
            if (awaited)
                await_check(step, awaited, problems);
            else
                label_problem(labels, of, problems);
        } else if (step->spec->operation && node_bool(step->args, "async", false)) {
            _cleanup_free_ char *label = step_label(step);
            const struct step *first = strmap_get(labels, label);
            if (first && node_get(step->args, "as"))
                node_problem(problems, node_get(step->args, "as"),
                    "the name \"%s\" is taken at line %d, expected another", label,
                    first->at->line);
            strmap_set(labels, label, (void *)(uintptr_t)step);
        }
    }
    strmap_free(labels);
}

void scenario_check_references(const struct scenario *scenario, struct problems *problems)
{
    check_ids(scenario, problems);
    check_launches(scenario, problems);
    check_labels(scenario, problems);
}
