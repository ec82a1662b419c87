/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated engine itself: what it has, and what can be seen of it. */
#include <errno.h>

#include "fakes/docker/engine.h"
#include "reference/base/trace.h"

#define FIRST_VERSION "20.10.24, build 5d6db84"

static void image_free(struct engine_image *image)
{
    free(image->name);
    strv_free(image->entrypoint);
    strv_free(image->command);
    strv_free(image->environment);
    free(image);
}

struct fake_docker *fake_docker_new(struct kernel *kernel)
{
    struct fake_docker *engine = mem_alloc(sizeof(*engine));
    engine->kernel = kernel;
    list_init(&engine->boxes);
    list_init(&engine->jobs);
    list_init(&engine->rules);
    list_init(&engine->executors);
    list_init(&engine->commands);
    list_init(&engine->clients);
    engine->images = strmap_new();
    engine->tasks = strmap_new();
    engine->version = str_dup(FIRST_VERSION);
    return engine;
}

void fake_docker_free(struct fake_docker *engine)
{
    if (!engine)
        return;
    executors_free(engine);
    commands_free(engine);
    while (!list_empty(&engine->jobs))
        job_forget(list_entry(engine->jobs.next, struct job, node));
    while (!list_empty(&engine->boxes))
        box_free(list_entry(engine->boxes.next, struct box, node));
    while (!list_empty(&engine->rules))
        rule_free(list_entry(engine->rules.next, struct rule, node));
    size_t cursor = 0;
    void *value = NULL;
    while (strmap_next(engine->images, &cursor, NULL, &value))
        image_free(value);
    for (cursor = 0; strmap_next(engine->tasks, &cursor, NULL, &value);) {
        json_type_release(&container_config_json, value);
        free(value);
    }
    strmap_free(engine->images);
    strmap_free(engine->tasks);
    strv_free(engine->lines);
    free(engine->version);
    free(engine);
}

void fake_docker_add_image(struct fake_docker *engine, const struct fake_docker_image *image)
{
    struct engine_image *earlier = strmap_remove(engine->images, image->name);
    if (earlier)
        image_free(earlier);
    struct engine_image *copy = mem_alloc(sizeof(*copy));
    copy->name = str_dup(image->name);
    copy->local = image->local;
    copy->entrypoint = strv_copy(image->entrypoint);
    copy->command = strv_copy(image->command);
    copy->environment = strv_copy(image->environment);
    strmap_set(engine->images, image->name, copy);
}

void fake_docker_set_version(struct fake_docker *engine, const char *version)
{
    str_set(&engine->version, version);
}

void fake_docker_refuse(struct fake_docker *engine, bool refuse)
{
    engine->refuses = refuse;
}

void fake_docker_calm(struct fake_docker *engine)
{
    for (unsigned verb = 0; verb < DOCKER_VERB_COUNT; verb++)
        fake_docker_release(engine, (enum docker_verb)verb, NULL);
    while (!list_empty(&engine->rules))
        rule_free(list_entry(engine->rules.next, struct rule, node));
    engine->refuses = false;
    fake_docker_set_version(engine, FIRST_VERSION);
}

pid_t fake_docker_pid(const struct fake_docker *engine, const char *name)
{
    const struct box *box = box_find(engine, name);
    return box && box->process ? box->process->pid : 0;
}

bool fake_docker_exists(const struct fake_docker *engine, const char *name)
{
    return box_find(engine, name) != NULL;
}

char **fake_docker_names(const struct fake_docker *engine, bool only_running)
{
    char **names = mem_alloc(sizeof(*names));
    list_for_each(node, &engine->boxes) {
        const struct box *box = list_entry(node, struct box, node);
        if (!only_running || box->state == BOX_RUNNING)
            strv_add(&names, box->options.name);
    }
    strv_sort(names);
    return names;
}

int fake_docker_start(struct fake_docker *engine, const char *name, struct err *err)
{
    static const struct engine_image nothing;
    if (box_find(engine, name))
        return err_set(err, -EEXIST, "docker has a container %s already", name);
    struct docker_run_options options = {.name = str_dup(name)};
    strv_add(&options.arguments, "sleep");
    strv_add(&options.arguments, "100000");
    struct box *box = box_new(engine, &options, &nothing);
    docker_run_options_release(&options);
    int r = box_start(box);
    if (r < 0) {
        box_free(box);
        return err_errno(err, r, "docker container %s", name);
    }
    return 0;
}

void fake_docker_exit(struct fake_docker *engine, const char *name, int wait_status)
{
    struct box *box = box_find(engine, name);
    if (box && box->process)
        process_exit(box->process, wait_status);
}

char *const *fake_docker_lines(const struct fake_docker *engine)
{
    return engine->lines;
}

uint64_t fake_docker_digest(const struct fake_docker *engine, uint64_t hash)
{
    list_for_each(node, &engine->boxes) {
        const struct box *box = list_entry(node, struct box, node);
        hash = trace_hash_string(hash, box->options.name);
        hash = trace_hash_u64(hash, (uint64_t)box->state);
        hash = trace_hash_u64(hash, (uint64_t)box->status);
    }
    return hash;
}
