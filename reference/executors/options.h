/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an executor is started with: flags (executors.md 2.1, 3.1) and the environment that the
 * agent gives (1.1). The flags of each program are one table.
 */
#pragma once

#include "reference/model/launch_info.h"

/* From the environment. */
struct executor_environment {
    char *framework_id;
    char *executor_id;
    char *socket; /* MESOS_DOMAIN_SOCKET */
    char *directory; /* MESOS_DIRECTORY */
    bool checkpoint;
    bool http; /* MESOS_HTTP_COMMAND_EXECUTOR */
    uint64_t shutdown_grace_ns;
    uint64_t recovery_timeout_ns;
    uint64_t backoff_max_ns;
    struct environment_variable *variables; /* all of it */
    size_t variables_count;
};

struct command_executor_options {
    struct executor_environment environment;
    bool help;
    char *launcher_dir;
    char *sandbox_directory;
    char *user;
    char *rootfs;
    char *working_directory;
    char *task_command;     /* JSON CommandInfo */
    struct environment_variable *task_environment;
    size_t task_environment_count;
    struct capability_info *effective_capabilities;
    struct capability_info *bounding_capabilities;
    struct launch_info *task_launch_info;
    char *tty_slave_path;
    char **task_supplementary_groups;
};

struct docker_executor_options {
    struct executor_environment environment;
    bool help;
    char *container;
    char *docker;
    char *docker_socket;
    char *sandbox_directory;
    char *mapped_directory;
    char *launcher_dir;
    struct environment_variable *task_environment;
    size_t task_environment_count;
    json_t *default_container_dns;
    bool cgroups_enable_cfs;
    uint64_t stop_timeout_ns;
};

/*
 * arguments: without the program's name; environment: "NAME=value". -EINVAL names the flag or the
 * variable; then nothing is to be released.
 */
int command_executor_options_parse(char *const *arguments, char *const *environment,
    struct command_executor_options *ret_options, struct err *err);
void command_executor_options_release(struct command_executor_options *options);
int docker_executor_options_parse(char *const *arguments, char *const *environment,
    struct docker_executor_options *ret_options, struct err *err);
void docker_executor_options_release(struct docker_executor_options *options);
/* "Usage: …" with a line for each flag; owned. */
char *command_executor_usage(void);
char *docker_executor_usage(void);
