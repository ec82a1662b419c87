/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's flags (flags.md), those that containerizers, launchers and isolators read. One table
 * (flags.c) gives name, kind, default, check and help; it also parses `--name=value`, MESOS_*
 * variables and the JSON/YAML mapping of scenarios.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "reference/base/err.h"
#include "reference/base/json.h"

struct flags {
    char *work_dir;
    char *runtime_dir;
    char *launcher_dir;
    char *containerizers; /* "mesos" */
    char *isolation;      /* "posix/cpu,posix/mem" */
    char *launcher;       /* NULL: chosen by what the host has */
    char *sandbox_directory;
    char *resources;
    bool switch_user;
    bool gc_non_executor_container_sandboxes;
    char *cgroups_hierarchy;
    char *cgroups_root;
    uint64_t cgroups_destroy_timeout_ns;
    bool cgroups_enable_cfs;
    bool cgroups_limit_swap;
    bool cgroups_cpu_enable_pids_and_tids_count;
    bool revocable_cpu_low_priority;
    char *cgroups_net_cls_primary_handle;
    char *cgroups_net_cls_secondary_handles;
    char *agent_subsystems;
    json_t *allowed_devices;
    char *perf_events;
    uint64_t perf_interval_ns;
    uint64_t perf_duration_ns;
    bool systemd_enable_support;
    bool disallow_sharing_agent_pid_namespace;
    bool disallow_sharing_agent_ipc_namespace;
    uint64_t default_container_shm_size_bytes; /* 0: none */
    json_t *effective_capabilities;
    json_t *bounding_capabilities;
    char *seccomp_config_dir;
    char *seccomp_profile_name;
    char *host_path_volume_force_creation;
    char *image_providers;
    uint64_t container_disk_watch_interval_ns;
    bool enforce_container_disk_quota;
    char *docker; /* path of the CLI */
    char *docker_mesos_image;
    json_t *others; /* object: texts of further flags, as given; read by flags_other */
};

/* Defaults of flags.md. */
void flags_init(struct flags *flags);
void flags_release(struct flags *flags);
void flags_copy(struct flags *to, const struct flags *from);
/* Sets one flag from text; errors name it, with a suggestion when it is unknown. -EINVAL. */
int flags_set(struct flags *flags, const char *name, const char *value, struct err *err);
/*
 * argv without the program's name; environment "NAME=value" list or NULL. The command line wins
 * (flags.md 1).
 */
int flags_load(
    struct flags *flags, char *const *arguments, char *const *environment, struct err *err);
/* Checks across flags and against what is there (work_dir required, swap with v2 …). */
int flags_validate(const struct flags *flags, bool unified_cgroups, struct err *err);
/* The text given for a flag that is among `others`, else its default, NULL when it has none.
 * Borrowed. An unknown name is a programming error. */
const char *flags_other(const struct flags *flags, const char *name);
/* The same of a boolean. */
bool flags_other_bool(const struct flags *flags, const char *name);
/* "5secs", "100ms", "1mins" … to ns; -EINVAL. */
int duration_parse(const char *text, uint64_t *ret_ns, struct err *err);
/* "10MB" … to bytes; -EINVAL. */
int bytes_parse(const char *text, uint64_t *ret_bytes, struct err *err);
/* `--name=value` of every flag that has a value, so that flags_load gives the same again;
 * NULL-terminated, caller frees. */
char **flags_arguments(const struct flags *flags);
/* A table of name, default and help, one flag a line; caller frees. */
char *flags_help(void);
