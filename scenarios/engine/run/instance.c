/* SPDX-License-Identifier: Apache-2.0 */
/* One life of the agent: made, recovered, crashed or stopped. */
#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/run/operation.h"
#include "scenarios/engine/run/place.h"
#include "scenarios/engine/steps/step.h"

#define DESCRIPTORS_NS (20 * NS_PER_SEC) /* on a loaded machine */

bool instance_alive(const struct run *run)
{
    return run->instance.agent != NULL;
}

/* Every effect of the agent comes by here: counted over all instances, then decided. */
static struct effect_verdict run_decide(void *arg, const struct effect *effect)
{
    struct run *run = arg;
    run->effects++;
    if (run->record_effects) {
        run->effect_records = mem_grow(run->effect_records, &run->effect_records_capacity,
            run->effect_records_count + 1, sizeof(*run->effect_records));
        run->effect_records[run->effect_records_count++] = (struct effect_record){
            effect->kind, str_dup(effect->subject), str_dup(effect->detail), run->step_index};
    }
    if (run->point.number == run->effects) {
        run->point_hit = true;
        return run->point.verdict;
    }
    return fault_plan_decide(&run->faults, effect);
}

/* "cgroups/mem" names the one object that stands for all cgroups isolators. */
static bool isolator_is(const struct isolator *isolator, const char *name)
{
    return strcmp(isolator->name, name) == 0 ||
           (str_starts(name, "cgroups/") && str_starts(isolator->name, "cgroups"));
}

static void instance_add_isolator(struct instance *instance, struct isolator *isolator)
{
    instance->isolators = mem_realloc(
        instance->isolators, (instance->isolators_count + 1) * sizeof(*instance->isolators));
    instance->isolators[instance->isolators_count++] = isolator;
}

/* Every part is wrapped, named by a step or not: their calls are in the trace then, where steps and
 * invariants see them. */
static struct isolator *wrap_isolator(void *arg, struct isolator *inner)
{
    struct run *run = arg;
    struct isolator *wrapped = fake_isolator_wrap(inner);
    instance_add_isolator(&run->instance, wrapped);
    return wrapped;
}

static bool steps_name(const struct run *run, const char *key)
{
    for (size_t i = 0; i < run->scenario->steps_count; i++) {
        const struct node *args = run->scenario->steps[i].args;
        size_t count;
        struct node *const *calls = node_list(args, "calls", &count);
        bool named = node_get(args, key) != NULL;
        for (size_t k = 0; k < count && !named; k++)
            named = node_get(calls[k], key) != NULL;
        if (named)
            return true;
    }
    return false;
}

static struct launcher *wrap_launcher(void *arg, struct launcher *inner)
{
    struct run *run = arg;
    run->instance.launcher = fake_launcher_wrap(inner);
    return run->instance.launcher;
}

struct isolator *instance_isolator(struct run *run, const char *name)
{
    for (size_t i = 0; i < run->instance.isolators_count; i++) {
        if (isolator_is(run->instance.isolators[i], name))
            return run->instance.isolators[i];
    }
    return NULL;
}

/* Files in it may be named by place: what is no container's. Any other name stays, for the init to
 * complain of. */
static void fake_set_launch_info(
    struct run *run, struct isolator *isolator, const struct node *node)
{
    if (!node)
        return;
    struct launch_info info = {0};
    json_t *json = node_json(node);
    _cleanup_err_ struct err unknown = ERR_INIT;
    place_json(run, json, &unknown);
    if (json_type_decode(&launch_info_json, json, &info, "launch_info", NULL) == 0)
        fake_isolator_set_launch_info(isolator, &info);
    json_type_release(&launch_info_json, &info);
    json_decref(json);
}

/* The stand-alone fakes of the scenario, which the agent takes like modules. */
static struct isolator **make_fakes(struct run *run, size_t *ret_count)
{
    struct node *const *fakes = node_list(run->scenario->agent, "fakes", ret_count);
    struct isolator **isolators = mem_alloc((*ret_count + 1) * sizeof(struct isolator *));
    for (size_t i = 0; i < *ret_count; i++) {
        isolators[i] = fake_isolator_new(run->instance.host, node_text(fakes[i], "name"),
            node_bool(fakes[i], "nesting", true), node_bool(fakes[i], "standalone", true));
        fake_set_launch_info(run, isolators[i], node_get(fakes[i], "launch_info"));
        instance_add_isolator(&run->instance, isolators[i]);
    }
    return isolators;
}

static bool wants_fake(const struct run *run, const char *part)
{
    const char *asked = node_text(run->scenario->agent, part);
    return asked ? strcmp(asked, "fake") == 0 : steps_name(run, part);
}

/* The agent frees parts that none of its containerizers takes. */
static bool has_containerizer(const struct run *run, const char *name)
{
    _cleanup_strv_ char **names = strv_split(run->flags.containerizers, ", ");
    return strv_contains(names, name);
}

/* NULL: that containerizer is not there, or fetches for real. */
static struct fetcher *make_fetcher(struct run *run, const char *containerizer)
{
    struct instance *instance = &run->instance;
    if (!wants_fake(run, "fetcher") || !has_containerizer(run, containerizer))
        return NULL;
    struct fetcher *fetcher = fake_fetcher_new(instance->host);
    instance->fetchers[instance->fetchers_count++] = fetcher;
    return fetcher;
}

static char **framework_capabilities(const struct run *run)
{
    size_t count;
    struct node *const *nodes = node_list(run->scenario->agent, "framework", &count);
    char **capabilities = NULL;
    for (size_t i = 0; i < count; i++)
        strv_add(&capabilities, nodes[i]->text);
    return capabilities;
}

static int instance_make(struct run *run, struct err *err)
{
    struct instance *instance = &run->instance;
    const struct world_ops *ops = run->world->ops;
    if (ops->agent_new)
        return ops->agent_new(run->world, instance->host, &run->flags, &instance->agent, err);
    size_t count;
    struct isolator **fakes = make_fakes(run, &count);
    struct fetcher *fetcher = make_fetcher(run, "mesos");
    struct fetcher *docker_fetcher = make_fetcher(run, "docker");
    _cleanup_free_ char *store = str_printf("%s/provisioner", run->world->work_dir);
    if (wants_fake(run, "provisioner"))
        instance->provisioner = fake_provisioner_new(instance->host, store);
    _cleanup_strv_ char **capabilities = framework_capabilities(run);
    const struct agent_parts parts = {.capabilities = capabilities,
        .isolators = fakes,
        .isolators_count = count,
        .fetcher = fetcher,
        .docker_fetcher = docker_fetcher,
        .docker = run->world->ops->docker_client
                      ? run->world->ops->docker_client(run->world, instance->host)
                      : NULL,
        .provisioner = instance->provisioner,
        .wrap_isolator = wrap_isolator,
        .wrap_launcher = wrap_launcher,
        .wrap_arg = run};
    int result = agent_create(instance->host, &run->flags, &parts, &instance->agent, err);
    free(fakes);
    return result;
}

static void instance_forget(struct run *run)
{
    unsigned number = run->instance.number;
    free(run->instance.isolators);
    strv_free(run->instance.descriptors);
    run->instance = (struct instance){.number = number};
    lifecycles_forget(run);
}

static int apply_deferred(struct run *run, struct err *err)
{
    int result = 0;
    for (size_t i = 0; i < run->deferred_count && result == 0; i++)
        result = step_apply_deferred(run, run->deferred[i], err);
    run->deferred_count = 0;
    return result;
}

int instance_start(struct run *run, struct err *err)
{
    struct instance *instance = &run->instance;
    instance->number++;
    instance->host = run->world->ops->host_new(run->world);
    instance->host->hook = (struct effect_hook){run_decide, run};
    instance->descriptors = run->world->ops->descriptors(run->world, instance->host);
    trace_event(run->world->trace, "engine", "agent.start", 0, "number=%u", instance->number);
    int result = instance_make(run, err);
    if (result < 0) {
        host_gone(instance->host);
        host_free(instance->host);
        instance_forget(run);
        return result;
    }
    result = apply_deferred(run, err);
    if (result < 0)
        return result;
    struct operation *recover = operation_start(run, &operation_recover, NULL, NULL, NULL, err);
    if (!recover)
        return err->code;
    result = operation_await(run, recover, err);
    if (result < 0)
        return result;
    recover->judged = true;
    if (recover->result < 0)
        return err_set(err, recover->result, "%s", recover->error);
    known_watch_all(run);
    return 0;
}

static void usage_forget(struct run *run)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(run->known, &cursor, &id, &value)) {
        struct known *known = value;
        json_decref(known->usage);
        known->usage = NULL;
        free(known->phase);
        known->phase = NULL;
    }
}

void instance_crash(struct run *run)
{
    struct instance *instance = &run->instance;
    if (!instance->host)
        return;
    trace_event(run->world->trace, "engine", "agent.crash", 0, "number=%u", instance->number);
    struct agent *agent = instance->agent;
    struct host *host = instance->host;
    /* Nobody may start anything while it unwinds. */
    instance->agent = NULL;
    if (run->world->ops->agent_end)
        run->world->ops->agent_end(run->world, true);
    host_crash(host);
    host_gone(host);
    agent_free(agent);
    host_free(host);
    instance_forget(run);
    usage_forget(run);
}

/* The first descriptor that was not there when the agent started; NULL: none. Owned. */
static char *descriptor_left(struct run *run)
{
    struct instance *instance = &run->instance;
    _cleanup_strv_ char **now = run->world->ops->descriptors(run->world, instance->host);
    for (size_t i = 0; now && now[i]; i++)
        if (!strv_contains(instance->descriptors, now[i]))
            return str_dup(now[i]);
    return NULL;
}

static bool descriptors_closed(struct run *run, void *arg)
{
    (void)arg;
    _cleanup_free_ char *left = descriptor_left(run);
    return !left;
}

/* An agent that has stopped in peace has closed what it opened; a helper that it killed may still
 * be watched until it is reaped. */
static void check_descriptors(struct run *run)
{
    _cleanup_err_ struct err ignored = ERR_INIT;
    run_until(run, descriptors_closed, NULL, DESCRIPTORS_NS, "", &ignored);
    _cleanup_free_ char *left = descriptor_left(run);
    if (left)
        run_violation(run, "descriptor left open by the agent: %s", left);
}

void instance_stop(struct run *run)
{
    struct instance *instance = &run->instance;
    if (!instance->host)
        return;
    struct agent *agent = instance->agent;
    instance->agent = NULL;
    if (run->world->ops->agent_end)
        run->world->ops->agent_end(run->world, false);
    agent_free(agent);
    /* Its parts were the agent's: nobody is to ask them what they hold. */
    instance->isolators_count = 0;
    instance->launcher = NULL;
    size_t requests = 0;
    list_for_each(node, &instance->host->requests) requests++;
    if (requests)
        run_violation(
            run, "%zu requests (timers, watches) are left after the agent stopped", requests);
    /* They would call into what is freed. */
    while (!list_empty(&instance->host->requests))
        host_cancel(list_entry(instance->host->requests.next, struct host_request, node));
    check_descriptors(run);
    host_gone(instance->host);
    host_free(instance->host);
    instance_forget(run);
}
