/* SPDX-License-Identifier: Apache-2.0 */
/* A config is put together as JSON and decoded by the model's tables: whatever the API can say, a
 * scenario can say in the same words. */
#include "scenarios/engine/run/config.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/model/container_id.h"
#include "scenarios/engine/parse/kinds.h"
#include "scenarios/engine/run/place.h"

#define DEFAULT_CPUS 1.0
#define DEFAULT_MEM_MB 64.0

char *config_executor(const char *id)
{
    return str_printf("executor-%s", id);
}

/* "[31000-32000, 40000-40001]" to Resource.ranges. */
static json_t *ranges_json(const char *text)
{
    json_t *ranges = json_array();
    _cleanup_strv_ char **items = strv_split(text, "[], ");
    for (size_t i = 0; items && items[i]; i++) {
        char *dash = strchr(items[i], '-');
        json_int_t begin = strtoll(items[i], NULL, 10);
        json_int_t end = dash ? strtoll(dash + 1, NULL, 10) : begin;
        json_array_append_new(ranges, json_pack("{sI sI}", "begin", begin, "end", end));
    }
    return ranges;
}

static json_t *set_json(const char *text)
{
    json_t *set = json_array();
    _cleanup_strv_ char **items = strv_split(text, "{}, ");
    for (size_t i = 0; items && items[i]; i++)
        json_array_append_new(set, json_string(items[i]));
    return set;
}

static json_t *resource_item(const char *name, const struct node *node)
{
    const struct node *value = node->kind == NODE_MAP ? node_get(node, "value") : node;
    json_t *json = json_pack("{ss}", "name", name);
    if (value->text[0] == '[') {
        json_object_set_new(json, "type", json_string("RANGES"));
        json_object_set_new(json, "ranges", ranges_json(value->text));
    } else if (value->text[0] == '{') {
        json_object_set_new(json, "type", json_string("SET"));
        json_object_set_new(json, "set", set_json(value->text));
    } else {
        json_object_set_new(json, "type", json_string("SCALAR"));
        json_object_set_new(json, "scalar", json_real(value->number));
    }
    if (node_bool(node, "revocable", false))
        json_object_set_new(json, "revocable", json_true());
    if (node_bool(node, "shared", false))
        json_object_set_new(json, "shared", json_true());
    if (node_text(node, "role"))
        json_object_set_new(json, "role", json_string(node_text(node, "role")));
    return json;
}

static json_t *resources_json(const struct node *node)
{
    if (node->kind == NODE_LIST)
        return node_json(node);
    json_t *list = json_array();
    for (size_t i = 0; i < node->count; i++)
        json_array_append_new(list, resource_item(node->keys[i]->text, node->items[i]));
    return list;
}

void config_resources(const struct node *node, struct resources *resources)
{
    if (!node)
        return;
    json_t *list = resources_json(node);
    for (size_t i = 0; i < json_array_size(list); i++) {
        resources->items =
            mem_realloc(resources->items, (resources->count + 1) * sizeof(*resources->items));
        struct resource *item = &resources->items[resources->count];
        *item = (struct resource){0};
        if (json_type_decode(&resource_json, json_array_get(list, i), item, "resource", NULL) == 0)
            resources->count++;
    }
    json_decref(list);
}

void config_limits(const struct node *node, struct resource_limits *limits)
{
    const struct node *cpus = node_get(node, "cpus");
    const struct node *mem = node_get(node, "mem");
    if (cpus)
        limits->cpus = (struct opt_double){true, cpus->number};
    if (mem)
        limits->mem = (struct opt_double){true, mem->number};
}

static json_t *limit_json(double number)
{
    return isinf(number) ? json_string("Infinity") : json_real(number);
}

static json_t *limits_json(const struct node *node)
{
    json_t *json = json_object();
    for (size_t i = 0; i < node->count; i++)
        json_object_set_new(json, node->keys[i]->text, limit_json(node->items[i]->number));
    return json;
}

static json_t *command_json(struct run *run, const struct node *args)
{
    const struct node *workload = node_get(args, "workload");
    const char *line = node_text(args, "command");
    json_t *json = json_object();
    if (line) {
        json_object_set_new(json, "value", json_string(line));
    } else if (workload) {
        _cleanup_strv_ char **arguments = workload_arguments(workload);
        json_t *list = json_array();
        /* docker.md: the value stands before the arguments, so argv[0] would come twice. */
        bool docker = str_equal(node_text(node_get(args, "container"), "type"), "DOCKER");
        for (size_t i = docker ? 1 : 0; arguments[i]; i++)
            json_array_append_new(list, json_string(arguments[i]));
        json_object_set_new(json, "shell", json_false());
        const char *program = docker && run->world->docker_workload ? run->world->docker_workload
                                                                    : run->world->workload;
        json_object_set_new(json, "value", json_string(program));
        json_object_set_new(json, "arguments", list);
    }
    const struct node *environment = node_get(args, "environment");
    json_t *variables = json_array();
    for (size_t i = 0; environment && i < environment->count; i++)
        json_array_append_new(variables, json_pack("{ss ss}", "name", environment->keys[i]->text,
                                             "value", environment->items[i]->text));
    json_object_set_new(json, "environment", variables);
    size_t uris_count;
    struct node *const *uris = node_list(args, "uris", &uris_count);
    json_t *list = json_array();
    for (size_t i = 0; i < uris_count; i++)
        json_array_append_new(list, json_pack("{ss}", "value", uris[i]->text));
    json_object_set_new(json, "uris", list);
    return json;
}

static json_t *default_resources(void)
{
    return json_pack("[{ss ss sf} {ss ss sf}]", "name", "cpus", "type", "SCALAR", "scalar",
        DEFAULT_CPUS, "name", "mem", "type", "SCALAR", "scalar", DEFAULT_MEM_MB);
}

/* The executor that the scenario gives, when it plays the agent itself or has one of its own. */
static void add_executor(json_t *config, const char *id)
{
    _cleanup_free_ char *executor = config_executor(id);
    json_t *info = json_pack("{ss ss ss sO}", "executor_id", executor, "framework_id",
        CONFIG_FRAMEWORK, "name", executor, "command", json_object_get(config, "command_info"));
    json_t *container = json_object_get(config, "container_info");
    if (container)
        json_object_set(info, "container", container);
    json_object_set_new(config, "executor_info", info);
}

static void add_task(json_t *config, const char *id, const struct node *more)
{
    json_t *task = json_pack("{ss ss sO}", "name", id, "task_id", id, "command",
        json_object_get(config, "command_info"));
    json_t *container = json_object_get(config, "container_info");
    json_t *resources = json_object_get(config, "resources");
    if (container)
        json_object_set(task, "container", container);
    if (resources)
        json_object_set(task, "resources", resources);
    if (more) {
        json_t *json = node_json(more);
        json_object_update_recursive(task, json);
        json_decref(json);
    }
    json_object_set_new(config, "task_info", task);
}

/* What a root container is to the agent: an executor, or a command task, for which the agent makes
 * an executor unless the scenario takes its place. */
static void add_role(json_t *config, const char *id, const struct node *args)
{
    const char *role = node_text(args, "role");
    bool task = str_equal(role, "command task");
    if (container_id_is_nested(id) || str_equal(role, "standalone"))
        return;
    if (!task || str_equal(node_text(args, "via"), "containerizer"))
        add_executor(config, id);
    if (task)
        add_task(config, id, node_get(args, "task"));
}

int config_make(
    struct run *run, const struct node *args, struct container_config *ret_config, struct err *err)
{
    const char *id = node_text(args, "id");
    json_t *config = json_object();
    json_object_set_new(config, "command_info", command_json(run, args));
    const struct node *container = node_get(args, "container");
    if (container)
        json_object_set_new(config, "container_info", node_json(container));
    const struct node *resources = node_get(args, "resources");
    if (resources)
        json_object_set_new(config, "resources", resources_json(resources));
    else if (!container_id_is_nested(id))
        json_object_set_new(config, "resources", default_resources());
    const struct node *limits = node_get(args, "limits");
    if (limits)
        json_object_set_new(config, "limits", limits_json(limits));
    if (node_text(args, "class"))
        json_object_set_new(config, "container_class", json_string(node_text(args, "class")));
    if (node_text(args, "user"))
        json_object_set_new(config, "user", json_string(node_text(args, "user")));
    add_role(config, id, args);
    const struct node *more = node_get(args, "config");
    if (more) {
        json_t *json = node_json(more);
        json_object_update_recursive(config, json);
        json_decref(json);
    }
    *ret_config = (struct container_config){0};
    int result = place_json(run, config, err);
    if (result == 0)
        result = json_type_decode(&container_config_json, config, ret_config, "config", err);
    json_decref(config);
    return result;
}
