/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that hold, fail or lose calls of isolators, the launcher, the fetcher and the
 * provisioner. */
#include <errno.h>

#include "reference/base/mem.h"
#include "reference/model/launch_info.h"
#include "scenarios/engine/run/config.h"
#include "scenarios/engine/steps/steps.h"

#define PART_KEYS                                                                                  \
    {"isolator", VALUE_TEXT, 0, NULL, NULL, NULL, "the isolator, as in `isolation` or `fakes`"},   \
        {"at", VALUE_ENUM, 0, isolator_call_names, NULL, NULL, "the call of that isolator"},       \
        {"launcher", VALUE_ENUM, 0, launcher_call_names, NULL, NULL, "or a call of the launcher"}, \
        {"fetcher", VALUE_ID, 0, NULL, NULL, NULL, "or the fetcher, for this container"},          \
        {"provisioner", VALUE_ID, 0, NULL, NULL, NULL, "or the provisioner, for this container"},  \
    {                                                                                              \
        "of", VALUE_ID, 0, NULL, NULL, NULL, "only for this container (default: any)"              \
    }
#define NEXT_KEY                                                                                   \
    {                                                                                              \
        "next", VALUE_BOOL, 0, NULL, NULL, NULL,                                                   \
            "from the agent's next start on, before it recovers"                                   \
    }

static void part_check(const struct node *map, struct problems *problems)
{
    static const char *const parts[] = {"isolator", "launcher", "fetcher", "provisioner"};
    unsigned given = 0;
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        given += node_get(map, parts[i]) != NULL;
    if (given != 1)
        node_problem(problems, map,
            "%u of isolator, launcher, fetcher and provisioner are given, "
            "expected one",
            given);
    else if (node_get(map, "isolator") && !node_get(map, "at"))
        node_problem(problems, map,
            "an isolator without `at`, expected the call, such as "
            "at: prepare");
}

static const struct key hold_keys[] = {PART_KEYS, NEXT_KEY};
static const struct schema hold_schema = {
    "hold", hold_keys, ARRAY_SIZE(hold_keys), NULL, part_check};

static const struct key release_keys[] = {PART_KEYS};
static const struct schema release_schema = {
    "release", release_keys, ARRAY_SIZE(release_keys), NULL, part_check};

static const struct key fail_keys[] = {PART_KEYS, NEXT_KEY,
    {"message", VALUE_TEXT, 0, NULL, NULL, NULL, "with this message (default: as told)"},
    {"times", VALUE_INTEGER, 0, NULL, NULL, NULL, "so many calls (default 1; 0: every one)"}};
static const struct schema fail_schema = {
    "fail", fail_keys, ARRAY_SIZE(fail_keys), NULL, part_check};

static const char *const lost_calls[] = {"destroy", NULL};
static const struct key lose_keys[] = {
    {"launcher", VALUE_ENUM, KEY_REQUIRED, lost_calls, NULL, NULL, "the call"},
    {"of", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
};
static const struct schema lose_schema = SCHEMA("lose", lose_keys, NULL);

static const struct key limit_keys[] = {
    {"isolator", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "the isolator whose limit it is"},
    {"of", VALUE_ID, KEY_REQUIRED, NULL, NULL, NULL, "the container"},
    {"message", VALUE_TEXT, 0, NULL, NULL, NULL, "message of the limitation"},
    {"reason", VALUE_TEXT, 0, NULL, NULL, NULL, "REASON_…"},
    {"resources", VALUE_RESOURCES, 0, NULL, NULL, NULL, "resources whose limit was reached"},
};
static const struct schema limit_schema = SCHEMA("limit", limit_keys, NULL);

static int isolator_missing(const char *name, struct err *err)
{
    return err_set(err, -ENOENT, "the agent has no isolator %s", name);
}

static int part_missing(const struct node *args, struct err *err)
{
    return err_set(err, -ENOENT, "no agent with that part is running (line %d)", args->line);
}

static int hold_apply(struct run *run, const struct node *args, struct err *err)
{
    const char *of = node_text(args, "of");
    const char *name = node_text(args, "isolator");
    struct instance *instance = &run->instance;
    if (name) {
        struct isolator *isolator = instance_isolator(run, name);
        if (!isolator)
            return isolator_missing(name, err);
        fake_isolator_hold(isolator, (enum isolator_call)node_amount(args, "at", 0), of);
    } else if (node_get(args, "launcher") && instance->launcher) {
        fake_launcher_hold(
            instance->launcher, (enum launcher_call)node_amount(args, "launcher", 0), of);
    } else if (node_get(args, "fetcher") && instance->fetchers_count) {
        for (size_t i = 0; i < instance->fetchers_count; i++)
            fake_fetcher_hold(instance->fetchers[i], node_text(args, "fetcher"));
    } else if (node_get(args, "provisioner") && instance->provisioner) {
        fake_provisioner_hold(instance->provisioner, node_text(args, "provisioner"));
    } else {
        return part_missing(args, err);
    }
    return 0;
}

static int fail_apply(struct run *run, const struct node *args, struct err *err)
{
    const char *of = node_text(args, "of");
    const char *name = node_text(args, "isolator");
    const char *given = node_text(args, "message");
    const char *message = given ? given : "as told";
    unsigned times = (unsigned)node_amount(args, "times", 1);
    struct instance *instance = &run->instance;
    if (name) {
        struct isolator *isolator = instance_isolator(run, name);
        if (!isolator)
            return isolator_missing(name, err);
        fake_isolator_fail(
            isolator, (enum isolator_call)node_amount(args, "at", 0), of, message, times);
    } else if (node_get(args, "launcher") && instance->launcher) {
        fake_launcher_fail(instance->launcher, (enum launcher_call)node_amount(args, "launcher", 0),
            of, message, times);
    } else if (node_get(args, "fetcher") && instance->fetchers_count) {
        for (size_t i = 0; i < instance->fetchers_count; i++)
            fake_fetcher_fail(instance->fetchers[i], node_text(args, "fetcher"), message);
    } else if (node_get(args, "provisioner") && instance->provisioner) {
        fake_provisioner_fail(instance->provisioner, node_text(args, "provisioner"), message);
    } else {
        return part_missing(args, err);
    }
    return 0;
}

int step_apply_deferred(struct run *run, const struct step *step, struct err *err)
{
    if (step->spec == &step_fail)
        return fail_apply(run, step->args, err);
    return hold_apply(run, step->args, err);
}

static int hold_or_fail_run(struct run *run, const struct step *step, struct err *err)
{
    if (node_bool(step->args, "next", false)) {
        run->deferred =
            mem_realloc(run->deferred, (run->deferred_count + 1) * sizeof(struct step *));
        run->deferred[run->deferred_count++] = step;
        return 0;
    }
    return step_apply_deferred(run, step, err);
}

static int release_run(struct run *run, const struct step *step, struct err *err)
{
    const struct node *args = step->args;
    const char *of = node_text(args, "of");
    const char *name = node_text(args, "isolator");
    struct instance *instance = &run->instance;
    unsigned released = 0;
    if (name) {
        struct isolator *isolator = instance_isolator(run, name);
        if (!isolator)
            return isolator_missing(name, err);
        released =
            fake_isolator_release(isolator, (enum isolator_call)node_amount(args, "at", 0), of);
    } else if (node_get(args, "launcher") && instance->launcher) {
        released = fake_launcher_release(
            instance->launcher, (enum launcher_call)node_amount(args, "launcher", 0), of);
    } else if (node_get(args, "fetcher") && instance->fetchers_count) {
        for (size_t i = 0; i < instance->fetchers_count; i++)
            released += fake_fetcher_release(instance->fetchers[i], node_text(args, "fetcher"));
    } else if (node_get(args, "provisioner") && instance->provisioner) {
        released = fake_provisioner_release(instance->provisioner, node_text(args, "provisioner"));
    } else {
        return part_missing(args, err);
    }
    if (released == 0)
        return err_set(err, -ENOENT, "expected something to be held there, but nothing was");
    return 0;
}

static int lose_run(struct run *run, const struct step *step, struct err *err)
{
    if (!run->instance.launcher)
        return part_missing(step->args, err);
    fake_launcher_lose(run->instance.launcher, node_text(step->args, "of"));
    return 0;
}

static int limit_run(struct run *run, const struct step *step, struct err *err)
{
    const struct node *args = step->args;
    const char *name = node_text(args, "isolator");
    struct isolator *isolator = instance_isolator(run, name);
    if (!isolator)
        return isolator_missing(name, err);
    struct limitation limitation = {.message = str_dup(node_text(args, "message")),
        .reason = str_dup(node_text(args, "reason"))};
    config_resources(node_get(args, "resources"), &limitation.resources);
    int result = fake_isolator_limit(isolator, node_text(args, "of"), &limitation);
    json_type_release(&limitation_json, &limitation);
    if (result < 0)
        return err_errno(err, result, "expected %s to watch %s", name, node_text(args, "of"));
    return 0;
}

const struct step_spec step_hold = {"hold", &hold_schema,
    "from now on the call is made, but its completion is kept until `release`",
    NEED(CAPABILITY_PARTS), NULL, hold_or_fail_run, false};
const struct step_spec step_release = {"release", &release_schema,
    "delivers what is held there, with its own result, and holds no more", NEED(CAPABILITY_PARTS),
    NULL, release_run, true};
const struct step_spec step_fail = {"fail", &fail_schema, "the next calls there fail",
    NEED(CAPABILITY_PARTS), NULL, hold_or_fail_run, false};
const struct step_spec step_lose = {"lose", &lose_schema,
    "the launcher's destroy says that it succeeded, but kills nothing",
    NEED(CAPABILITY_FAULTS) | NEED(CAPABILITY_PARTS), NULL, lose_run, false};
const struct step_spec step_limit = {"limit", &limit_schema,
    "the isolator says that a limit of the container was reached", NEED(CAPABILITY_PARTS), NULL,
    limit_run, true};
