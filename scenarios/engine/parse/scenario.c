/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/scenario.h"

#include <errno.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "scenarios/engine/backends/backend.h"
#include "scenarios/engine/parse/capability.h"
#include "scenarios/engine/parse/source.h"
#include "scenarios/engine/parse/yaml.h"
#include "scenarios/engine/steps/step.h"

static const char *const backend_names[] = {"sim", "kernel", "agent", NULL};
static const struct key only_keys[] = {
    {"only", VALUE_ENUM, KEY_REQUIRED | KEY_LIST, backend_names, NULL, NULL, "where it runs"},
    {"because", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "why nowhere else"},
};
static const struct schema only_schema = SCHEMA("backends", only_keys, NULL);

static const char *const sweep_steps[] = {"all", "launch", "destroy", "restart", NULL};
static const char *const sweep_actions[] = {"crash before", "crash after", NULL};
static const struct key sweep_keys[] = {
    {"effects", VALUE_ENUM, 0, sweep_steps, NULL, NULL,
        "the effects of all steps (default), or of those named so"},
    {"actions", VALUE_ENUM, KEY_LIST, sweep_actions, NULL, NULL,
        "where the agent crashes: the effect not done, or done (default: both)"},
};
static const struct schema sweep_schema = SCHEMA("sweep", sweep_keys, "effects");

static const char *const leftovers[] = {
    "process", "cgroup", "mount", "file", "descriptor", "request", NULL};
static const struct key leaves_keys[] = {
    {"what", VALUE_ENUM, KEY_REQUIRED | KEY_LIST, leftovers, NULL, NULL, "what may be left"},
    {"because", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "the rule that leaves it"},
};
static const struct schema leaves_schema = SCHEMA("leaves", leaves_keys, NULL);

static const struct key scenario_keys[] = {
    {"scenario", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "its name, unique in the catalogue"},
    {"why", VALUE_TEXT, 0, NULL, NULL, NULL, "the rule that it holds, in a sentence"},
    {"covers", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL,
        "ids of behaviours (MC-12) and field bugs (FB-03)"},
    {"tags", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "words for `--tag`"},
    {"agent", VALUE_MAP, 0, NULL, &agent_schema, NULL, "the agent and the machine it runs on"},
    {"needs", VALUE_ENUM, KEY_LIST, capability_names, NULL, NULL,
        "capabilities beyond those that agent and steps imply"},
    {"backends", VALUE_MAP, 0, NULL, &only_schema, NULL, "restricts where it runs, with a reason"},
    {"unknown", VALUE_NEW_ID, KEY_LIST, NULL, NULL, NULL,
        "ids that steps name though no step launches them"},
    {"leaves", VALUE_MAP, 0, NULL, &leaves_schema, NULL,
        "what the audit at the end may find, with a reason"},
    {"timeout", VALUE_DURATION, 0, NULL, NULL, NULL,
        "how long one step may wait, in the world's time (default 1h simulated, 2m real)"},
    {"sweep", VALUE_MAP, 0, NULL, &sweep_schema, NULL,
        "plays the steps once per effect, with the agent crashing there and recovering"},
    {"matrix", VALUE_ANY, 0, NULL, NULL, NULL,
        "names with lists of values: one scenario per combination, `${name}` stands for the value"},
    {"steps", VALUE_STEPS, KEY_REQUIRED, NULL, NULL, NULL, "what happens, in order"},
};
const struct schema scenario_schema = SCHEMA("a scenario", scenario_keys, NULL);

static void step_names_problem(struct problems *problems, const struct node *at, const char *name)
{
    const char *known[128];
    size_t count = 0;
    known[count++] = "include";
    known[count++] = "repeat";
    for (size_t i = 0; step_table[i]; i++)
        known[count++] = step_table[i]->name;
    known[count] = NULL;
    _cleanup_free_ char *what = str_printf("unknown step \"%s\"", name);
    if (json_suggest(name, known))
        unknown_problem(problems, at, what, name, known);
    else
        node_problem(problems, at, "%s, expected one that `seatrial run --help-steps` lists", what);
}

static void scenario_add_step(
    struct scenario *scenario, struct node *item, struct problems *problems)
{
    if (item->kind != NODE_MAP || item->count != 1) {
        _cleanup_free_ char *seen = node_describe(item);
        if (item->kind == NODE_MAP && item->count > 1)
            node_problem(problems, item->keys[1],
                "a step with %zu keys, expected one: a step's "
                "name with its arguments",
                item->count);
        else
            node_problem(
                problems, item, "a step is %s, expected a map such as launch: {id: c1}", seen);
        return;
    }
    const struct step_spec *spec = step_find(item->keys[0]->text);
    if (!spec) {
        step_names_problem(problems, item->keys[0], item->keys[0]->text);
        return;
    }
    schema_check(spec->schema, item->items[0], problems);
    scenario->steps[scenario->steps_count++] = (struct step){spec, item->items[0], item->keys[0]};
}

static void scenario_take_steps(struct scenario *scenario, struct problems *problems)
{
    struct node *steps = node_get(scenario->root, "steps");
    if (!steps || (steps->broken && steps->count == 0))
        return;
    if (steps->kind != NODE_LIST || steps->count == 0) {
        _cleanup_free_ char *seen = node_describe(steps);
        node_problem(problems, steps, "steps is %s, expected a list of steps",
            steps->kind == NODE_LIST ? "an empty list" : seen);
        return;
    }
    scenario->steps = mem_alloc(steps->count * sizeof(*scenario->steps));
    for (size_t i = 0; i < steps->count; i++)
        scenario_add_step(scenario, steps->items[i], problems);
}

static void texts_take(const struct node *root, const char *key, char ***ret_texts)
{
    size_t count;
    struct node *const *items = node_list(root, key, &count);
    for (size_t i = 0; i < count; i++) {
        if (items[i]->kind == NODE_SCALAR)
            strv_add(ret_texts, items[i]->text);
    }
}

/* A work directory on XFS is what a real kernel can have, too. */
static uint64_t kernel_needs(const struct node *kernel)
{
    if (!kernel)
        return 0;
    if (kernel->count == 1 && str_equal(node_text(kernel, "filesystem"), "xfs"))
        return NEED(CAPABILITY_XFS);
    return NEED(CAPABILITY_KERNEL_KNOBS);
}

/* What the agent map asks of the machine. */
static uint64_t agent_needs(const struct node *agent)
{
    static const struct {
        const char *key;
        const char *value;
        uint64_t needs;
    } rows[] = {
        {"launcher", "linux", NEED(CAPABILITY_LINUX_LAUNCHER)},
        {"cgroups", "v1", NEED(CAPABILITY_CGROUPS_V1)},
        {"cgroups", "v2", NEED(CAPABILITY_CGROUPS_V2)},
        {"cgroups", "hybrid", NEED(CAPABILITY_CGROUPS_HYBRID)},
        {"cgroups", "none", NEED(CAPABILITY_SIMULATION)},
    };
    uint64_t needs = kernel_needs(node_get(agent, "kernel"));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (str_equal(node_text(agent, rows[i].key), rows[i].value))
            needs |= rows[i].needs;
    }
    size_t count;
    struct node *const *names = node_list(agent, "containerizers", &count);
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i]->text, "docker"))
            needs |= NEED(CAPABILITY_DOCKER);
    }
    const struct node *docker = node_get(agent, "docker");
    if (str_equal(node_text(docker, "client"), "double") || node_get(docker, "images") ||
        node_get(docker, "version"))
        needs |= NEED(CAPABILITY_SIMULATION);
    if (node_get(agent, "fakes") || str_equal(node_text(agent, "fetcher"), "fake") ||
        str_equal(node_text(agent, "provisioner"), "fake"))
        needs |= NEED(CAPABILITY_PARTS);
    return needs;
}

/* A wait that costs nothing in virtual time is not worth its time on a real kernel. */
#define LONG_WAIT_NS 5e9

static uint64_t step_needs(const struct step *step)
{
    static const char *const waits[] = {"for", "quiet"};
    static const char *const inner[] = {"calls", "order", "traced"};
    /* A launch on its way to an agent that is a process is not asked about (remote.c). */
    static const char *const launching[] = {"PULLING", "MOUNTING"};
    uint64_t needs = node_get(step->args, "command") ? NEED(CAPABILITY_SHELL) : 0;
    for (size_t i = 0; i < ARRAY_SIZE(inner); i++) {
        if (node_get(step->args, inner[i]))
            needs |= NEED(CAPABILITY_PARTS);
    }
    for (size_t i = 0; i < ARRAY_SIZE(launching); i++) {
        if (str_equal(node_text(step->args, "state"), launching[i]))
            needs |= NEED(CAPABILITY_PARTS);
    }
    for (size_t i = 0; i < ARRAY_SIZE(waits); i++) {
        if (node_number(step->args, waits[i], 0) > LONG_WAIT_NS)
            needs |= NEED(CAPABILITY_VIRTUAL_TIME);
    }
    return needs | step->spec->needs;
}

static void scenario_take_needs(struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->steps_count; i++)
        scenario->needs |= step_needs(&scenario->steps[i]);
    size_t count;
    struct node *const *needs = node_list(scenario->root, "needs", &count);
    for (size_t i = 0; i < count; i++)
        scenario->needs |= NEED((unsigned)needs[i]->number);
    scenario->needs |= agent_needs(scenario->agent);
    if (node_get(scenario->root, "sweep"))
        scenario->needs |= NEED(CAPABILITY_CRASHES);
}

static void scenario_free(struct scenario *scenario)
{
    if (!scenario)
        return;
    free(scenario->file);
    free(scenario->name);
    node_free(scenario->root);
    strv_free(scenario->covers);
    strv_free(scenario->tags);
    free(scenario->steps);
    free(scenario);
}

/* Takes the root. */
static struct scenario *scenario_new(
    struct node *root, const char *suffix, struct problems *problems)
{
    size_t before = problems->met;
    struct scenario *scenario = mem_alloc(sizeof(*scenario));
    scenario->root = root;
    scenario->file = str_dup(root->file);
    schema_check(&scenario_schema, root, problems);
    const struct node *key = node_key(root, "scenario");
    const char *name = node_text(root, "scenario");
    scenario->line = key ? key->line : root->line;
    scenario->name = str_printf("%s%s", name ? name : "?", suffix);
    texts_take(root, "covers", &scenario->covers);
    texts_take(root, "tags", &scenario->tags);
    scenario->agent = node_get(root, "agent");
    if (root->kind == NODE_MAP)
        scenario_take_steps(scenario, problems);
    if (problems->met == before) {
        scenario_take_needs(scenario);
        scenario_check_references(scenario, problems);
    }
    return scenario;
}

struct loader {
    struct suite *suite;
    struct strmap *names; /* name -> scenario */
    struct problems *problems;
};

static void suite_add(struct loader *loader, struct scenario *scenario)
{
    struct suite *suite = loader->suite;
    const struct scenario *other = strmap_get(loader->names, scenario->name);
    if (other)
        problem_add(loader->problems, scenario->file, scenario->line, 1,
            "the scenario \"%s\" is already at %s:%d, expected a name of its own", scenario->name,
            other->file, other->line);
    strmap_set(loader->names, scenario->name, scenario);
    suite->items = mem_realloc(suite->items, (suite->count + 1) * sizeof(*suite->items));
    suite->items[suite->count++] = scenario;
}

static void file_load(const char *file, bool named, struct loader *loader)
{
    struct problems *problems = loader->problems;
    size_t length;
    _cleanup_free_ char *text = source_read(file, &length, problems);
    if (!text)
        return;
    size_t before = problems->met;
    struct documents documents;
    yaml_read(text, length, file, &documents, problems);
    if (documents.count == 0 && problems->met == before)
        problem_add(problems, file, 1, 1, "the file is empty, expected a scenario");
    for (size_t i = 0; i < documents.count; i++) {
        const struct node *document = documents.items[i];
        /* A list is a fragment: found in a directory it waits for who includes it. */
        if (document->kind == NODE_LIST) {
            if (named)
                node_problem(problems, document,
                    "the document is a list, so a fragment for "
                    "`include`, expected a scenario");
            continue;
        }
        struct expansion expansion;
        document_expand(document, &expansion, problems);
        for (size_t k = 0; k < expansion.count; k++)
            suite_add(loader,
                scenario_new(TAKE_PTR(expansion.roots[k]), expansion.suffixes[k], problems));
        expansion_release(&expansion);
    }
    documents_release(&documents);
}

int suite_load(char *const *paths, struct suite *ret_suite, struct problems *problems)
{
    *ret_suite = (struct suite){0};
    struct loader loader = {ret_suite, strmap_new(), problems};
    struct source_list sources;
    source_find(paths, &sources, problems);
    for (size_t i = 0; i < sources.count; i++)
        file_load(sources.files[i], sources.named[i], &loader);
    source_list_release(&sources);
    strmap_free(loader.names);
    if (problems->count == 0)
        return 0;
    suite_release(ret_suite);
    return -EINVAL;
}

void suite_release(struct suite *suite)
{
    for (size_t i = 0; i < suite->count; i++)
        scenario_free(suite->items[i]);
    free(suite->items);
    *suite = (struct suite){0};
}
