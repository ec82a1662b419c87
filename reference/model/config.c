/* SPDX-License-Identifier: Apache-2.0 */
/* What is launched: commands, executors, tasks and the whole config; containers are beside. */
#include "reference/model/config.h"

#include "reference/base/mem.h"

static const char *const environment_type_names[] = {"VALUE", "SECRET", NULL};
static const char *const executor_type_names[] = {"DEFAULT", "CUSTOM", NULL};
static const char *const container_class_names[] = {"DEFAULT", "DEBUG", NULL};

static const struct json_field environment_variable_fields[] = {
    JSON_FIELD(struct environment_variable, name, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct environment_variable, value, JSON_KIND_STRING),
    JSON_FIELD(struct environment_variable, type, JSON_KIND_STRING,
        .enum_names = environment_type_names),
    JSON_FIELD(struct environment_variable, secret, JSON_KIND_RAW),
};
const struct json_type environment_variable_json = {"environment_variable",
    sizeof(struct environment_variable),
    environment_variable_fields, ARRAY_SIZE(environment_variable_fields), NULL};

static const struct json_field command_uri_fields[] = {
    JSON_FIELD(struct command_uri, value, JSON_KIND_STRING, .required = true),
    JSON_FIELD(struct command_uri, executable, JSON_KIND_BOOL),
    JSON_FIELD(struct command_uri, extract, JSON_KIND_BOOL, .default_number = true),
    JSON_FIELD(struct command_uri, cache, JSON_KIND_BOOL),
    JSON_FIELD(struct command_uri, output_file, JSON_KIND_STRING),
};
static const struct json_type command_uri_json = {"command_uri", sizeof(struct command_uri),
    command_uri_fields, ARRAY_SIZE(command_uri_fields), NULL};

static const struct json_field command_info_fields[] = {
    JSON_FIELD(struct command_info, shell, JSON_KIND_BOOL, .default_number = true),
    JSON_FIELD(struct command_info, value, JSON_KIND_STRING),
    JSON_FIELD(struct command_info, arguments, JSON_KIND_STRINGS),
    JSON_ARRAY_FIELD(struct command_info, uris, uris_count, &command_uri_json),
    JSON_ARRAY_FIELD(struct command_info, environment, environment_count,
        &environment_variable_json),
    JSON_FIELD(struct command_info, user, JSON_KIND_STRING),
};
const struct json_type command_info_json = {"command_info", sizeof(struct command_info),
    command_info_fields, ARRAY_SIZE(command_info_fields), NULL};

static const struct json_field executor_info_fields[] = {
    JSON_FIELD(struct executor_info, executor_id, JSON_KIND_STRING),
    JSON_FIELD(struct executor_info, framework_id, JSON_KIND_STRING),
    JSON_FIELD(struct executor_info, name, JSON_KIND_STRING),
    JSON_FIELD(struct executor_info, type, JSON_KIND_STRING, .enum_names = executor_type_names),
    JSON_FIELD(struct executor_info, command, JSON_KIND_OBJECT_PTR, .type = &command_info_json),
    JSON_FIELD(struct executor_info, container, JSON_KIND_OBJECT_PTR, .type = &container_info_json),
    RESOURCES_JSON_FIELD(struct executor_info, resources),
    JSON_FIELD(struct executor_info, labels, JSON_KIND_RAW),
};
const struct json_type executor_info_json = {"executor_info", sizeof(struct executor_info),
    executor_info_fields, ARRAY_SIZE(executor_info_fields), NULL};

static const struct json_field task_info_fields[] = {
    JSON_FIELD(struct task_info, name, JSON_KIND_STRING),
    JSON_FIELD(struct task_info, task_id, JSON_KIND_STRING),
    JSON_FIELD(struct task_info, command, JSON_KIND_OBJECT_PTR, .type = &command_info_json),
    JSON_FIELD(struct task_info, container, JSON_KIND_OBJECT_PTR, .type = &container_info_json),
    RESOURCES_JSON_FIELD(struct task_info, resources),
    JSON_FIELD(struct task_info, check, JSON_KIND_RAW),
    JSON_FIELD(struct task_info, health_check, JSON_KIND_RAW),
    JSON_FIELD(struct task_info, kill_policy, JSON_KIND_RAW),
    JSON_FIELD(struct task_info, labels, JSON_KIND_RAW),
    JSON_FIELD(struct task_info, max_completion_time, JSON_KIND_OPT_DOUBLE),
};
const struct json_type task_info_json = {"task_info", sizeof(struct task_info),
    task_info_fields, ARRAY_SIZE(task_info_fields), NULL};

static const struct json_field image_manifest_fields[] = {
    JSON_FIELD(struct image_manifest, manifest, JSON_KIND_RAW),
};
static const struct json_type image_manifest_json = {"image_manifest",
    sizeof(struct image_manifest), image_manifest_fields, ARRAY_SIZE(image_manifest_fields), NULL};

static const struct json_field container_config_fields[] = {
    JSON_FIELD(struct container_config, executor_info, JSON_KIND_OBJECT_PTR,
        .type = &executor_info_json),
    JSON_FIELD(struct container_config, task_info, JSON_KIND_OBJECT_PTR, .type = &task_info_json),
    JSON_FIELD(struct container_config, command_info, JSON_KIND_OBJECT, .type = &command_info_json),
    JSON_FIELD(struct container_config, container_info, JSON_KIND_OBJECT_PTR,
        .type = &container_info_json),
    RESOURCES_JSON_FIELD(struct container_config, resources),
    JSON_FIELD(struct container_config, limits, JSON_KIND_OBJECT, .type = &resource_limits_json),
    JSON_FIELD(struct container_config, container_class, JSON_KIND_ENUM,
        .enum_names = container_class_names),
    JSON_FIELD(struct container_config, directory, JSON_KIND_STRING),
    JSON_FIELD(struct container_config, ephemeral_volumes, JSON_KIND_STRINGS),
    JSON_FIELD(struct container_config, user, JSON_KIND_STRING),
    JSON_FIELD(struct container_config, rootfs, JSON_KIND_STRING),
    JSON_FIELD(struct container_config, docker, JSON_KIND_OBJECT_PTR, .type = &image_manifest_json),
    JSON_FIELD(struct container_config, appc, JSON_KIND_OBJECT_PTR, .type = &image_manifest_json),
};
const struct json_type container_config_json = {"container_config", sizeof(struct container_config),
    container_config_fields, ARRAY_SIZE(container_config_fields), NULL};

bool container_config_shares_cgroups(const struct container_config *config)
{
    const struct container_info *info = config->container_info;
    if (!info || !info->linux_info || !info->linux_info->share_cgroups.set)
        return true;
    return info->linux_info->share_cgroups.value;
}

const char *container_config_user(const struct container_config *config)
{
    if (container_config_is_command_task(config) && config->rootfs)
        return config->task_info->command ? config->task_info->command->user : NULL;
    return config->user;
}
