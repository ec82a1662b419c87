/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for what, when nothing moves any more. */
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/run/operation.h"

static void describe_containers(struct run *run, struct strbuf *out)
{
    if (!run->instance.agent) {
        strbuf_add(out, "no agent is running\n");
        return;
    }
    struct containerizer *containerizer = run->instance.agent->containerizer;
    _cleanup_strv_ char **ids = containerizer_containers(containerizer);
    for (size_t i = 0; ids && ids[i]; i++) {
        enum container_phase phase;
        if (containerizer_phase(containerizer, ids[i], &phase) == 0)
            strbuf_addf(out, "container %s is %s\n", ids[i], container_phase_names[phase]);
    }
}

static void describe_operations(struct run *run, struct strbuf *out)
{
    list_for_each(node, &run->operations)
    {
        const struct operation *operation = list_entry(node, struct operation, node);
        if (operation->answers)
            continue;
        strbuf_addf(out, "pending: %s %s%s", operation->kind->name,
            operation->id ? operation->id : "", operation->step ? "" : " (of the engine)");
        if (operation->step)
            strbuf_addf(out, " of line %d", operation->step->at->line);
        strbuf_add(out, "\n");
    }
}

static void describe_lines(char **lines, const char *what, struct strbuf *out)
{
    for (size_t i = 0; lines && lines[i]; i++)
        strbuf_addf(out, "%s: %s\n", what, lines[i]);
    strv_free(lines);
}

static void describe_held(struct run *run, struct strbuf *out)
{
    struct instance *instance = &run->instance;
    for (size_t i = 0; i < instance->isolators_count; i++)
        describe_lines(fake_isolator_held(instance->isolators[i]), "held", out);
    if (instance->launcher)
        describe_lines(fake_launcher_held(instance->launcher), "held by the launcher", out);
    if (!instance->host)
        return;
    size_t requests = 0;
    list_for_each(node, &instance->host->requests) requests++;
    strbuf_addf(out, "the agent has %zu pending requests (timers, watches, commands)\n", requests);
}

char *run_describe(struct run *run)
{
    struct strbuf out = STRBUF_INIT;
    describe_containers(run, &out);
    describe_operations(run, &out);
    describe_held(run, &out);
    describe_lines(run->world->ops->describe(run->world), "in the world", &out);
    return strbuf_take(&out);
}
