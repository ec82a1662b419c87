/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `docker run` is given (docker.md 7): the options as plain data, how they come from a
 * container's info, command and resources, and the command line that they make.
 */
#pragma once

#include "reference/docker/docker_values.h"
#include "reference/model/config.h"

struct docker_run_options {
    bool privileged;
    struct opt_u64 cpu_shares;
    struct opt_u64 cpu_quota; /* us */
    struct opt_u64 memory_reservation; /* bytes */
    struct opt_u64 memory;             /* bytes */
    struct opt_i64 oom_score_adj;
    struct environment_variable *environment; /* sorted by name */
    size_t environment_count;
    char **volumes; /* "host:container:rw" */
    char *volume_driver;
    char *network; /* "host", "bridge", "none" or a user network's name */
    char **dns;
    char **dns_search;
    char **dns_options;
    char *hostname;
    char **ports; /* "8080:80/tcp" */
    struct docker_device *devices;
    size_t devices_count;
    char *entrypoint;
    char *name;
    struct docker_parameter *parameters; /* what remains of them */
    size_t parameters_count;
    char *image;
    char **arguments;
    /* not options, but of the CLI's process */
    char *stdout_path; /* NULL: discarded */
    char *stderr_path;
    struct opt_u64 stdio_uid; /* owner of both when they are created; absent: the agent */
    struct opt_u64 stdio_gid;
};
extern const struct json_type docker_run_options_json; /* to copy and to release */

struct docker_run_request {
    const struct container_info *container; /* of type DOCKER */
    const struct command_info *command;
    const char *name;
    const char *sandbox; /* on the host */
    const char *mapped;  /* --sandbox_directory */
    const struct resources *requests; /* NULL: none given */
    const struct resource_limits *limits; /* NULL: none */
    const struct environment_variable *environment; /* wins over the command's */
    size_t environment_count;
    bool enable_cfs;
    uint64_t host_memory_bytes;
    const struct docker_device *devices;
    size_t devices_count;
    const json_t *default_dns; /* --default_container_dns, an object; NULL */
    const struct docker_version *version; /* NULL: new enough for everything */
};
/* Errors (-EINVAL) say which rule of docker.md 7 is broken, and by what. */
int docker_run_options_make(const struct docker_run_request *request,
    struct docker_run_options *ret_options, struct err *err);
void docker_run_options_release(struct docker_run_options *options);

/* Appends what follows `docker -H <socket> run`. */
void docker_run_options_arguments(const struct docker_run_options *options, char ***arguments);

/* The values of docker.md 7 and 9, shared by `run` and the cgroup writes of updates. */
#define DOCKER_MIN_CPU_SHARES 2u
#define DOCKER_CPU_PERIOD_US 100000u
#define DOCKER_MIN_CPU_QUOTA_US 1000u
#define DOCKER_MIN_MEMORY_BYTES (UINT64_C(32) << 20)
uint64_t docker_cpu_shares(double cpus);
uint64_t docker_cpu_quota_us(double cpus);
uint64_t docker_memory_bytes(double megabytes); /* at least 32 MB */
