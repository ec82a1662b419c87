/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/tests/world.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void world_start(
    struct world *world, enum cgroup_layout layout, const char *isolation, const char *const *flags)
{
    const struct kernel_config config = {.layout = layout, .profile = "6.1"};
    struct isolator_context context = {.linux_launcher = true};
    struct err err = ERR_INIT;
    int r;

    *world = (struct world){0};
    world->loop = sim_loop_new(0);
    world->kernel = kernel_new(world->loop, &config);
    world->host = sim_host_new(world->kernel, NULL, NULL);
    flags_init(&world->flags);
    str_set(&world->flags.isolation, isolation);
    str_set(&world->flags.work_dir, "/work");
    for (; flags && *flags; flags += 2) {
        r = flags_set(&world->flags, flags[0], flags[1], &err);
        assert(r == 0);
    }
    context.host = world->host;
    context.flags = &world->flags;
    r = isolator_list_create(&context, NULL, 0, &world->isolators, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", err_text(&err));
    assert(r == 0);
}

void world_stop(struct world *world)
{
    host_crash(world->host);
    host_gone(world->host);
    isolator_list_free(&world->isolators);
    flags_release(&world->flags);
    host_free(world->host);
    kernel_free(world->kernel);
    loop_free(world->loop);
}

struct isolator *world_isolator(struct world *world, const char *name)
{
    for (size_t i = 0; i < world->isolators.count; i++) {
        if (str_equal(world->isolators.items[i]->name, name))
            return world->isolators.items[i];
    }
    return NULL;
}

void world_settle(struct world *world)
{
    sim_loop_advance(world->loop, NS_PER_SEC);
}

char *world_read(struct world *world, const char *controller, const char *path, const char *file)
{
    struct cgroup_hierarchy *hierarchy = cgroup_hierarchy_find(world->host->cgroups, controller);
    struct err err = ERR_INIT;
    char *text = NULL;
    int r;

    assert(hierarchy);
    r = cgroup_read(hierarchy->fs, path, file, &text, &err);
    if (r < 0)
        fprintf(stderr, "%s\n", err_text(&err));
    assert(r == 0);
    text[strcspn(text, "\n")] = '\0';
    return text;
}

void outcome_done(void *arg, int result, const void *value, const struct err *err)
{
    struct outcome *outcome = arg;

    (void)value;
    outcome->calls++;
    outcome->result = result;
    if (err)
        str_set(&outcome->message, err_text(err));
}

void outcome_statistics(void *arg, int result, const void *value, const struct err *err)
{
    struct outcome *outcome = arg;

    outcome_done(arg, result, value, err);
    if (value)
        json_type_copy(&statistics_json, &outcome->statistics, value);
}

void outcome_limitation(void *arg, int result, const void *value, const struct err *err)
{
    struct outcome *outcome = arg;

    outcome_done(arg, result, value, err);
    if (value)
        json_type_copy(&limitation_json, &outcome->limitation, value);
}

void outcome_release(struct outcome *outcome)
{
    free(outcome->message);
    json_type_release(&statistics_json, &outcome->statistics);
    json_type_release(&limitation_json, &outcome->limitation);
    *outcome = (struct outcome){0};
}

struct container_config world_config(
    double cpus, double mem_mb, double cpus_limit, double mem_limit_mb)
{
    struct container_config config = {0};

    if (!isnan(cpus))
        resources_add_scalar(&config.resources, "cpus", cpus);
    if (!isnan(mem_mb))
        resources_add_scalar(&config.resources, "mem", mem_mb);
    if (!isnan(cpus_limit))
        config.limits.cpus = (struct opt_double)OPT(cpus_limit);
    if (!isnan(mem_limit_mb))
        config.limits.mem = (struct opt_double)OPT(mem_limit_mb);
    config.directory = str_dup("/work/sandbox");
    return config;
}
