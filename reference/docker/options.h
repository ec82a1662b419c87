/* SPDX-License-Identifier: Apache-2.0 */
/* The flags that the docker containerizer reads, with the defaults of flags.md (docker.md 1). */
#pragma once

#include "reference/flags.h"
#include "reference/host.h"

struct docker_options {
    char *program;     /* --docker */
    char *socket;      /* --docker_socket */
    char *mesos_image; /* --docker_mesos_image; NULL: the agent runs on the host */
    int64_t stop_timeout_ns;
    uint64_t remove_delay_ns;
    bool kill_orphans;
    json_t *config;      /* --docker_config, an object; NULL */
    json_t *default_dns; /* --default_container_dns, an object; NULL */
    bool enable_cfs;
    char *mapped_directory; /* --sandbox_directory */
    char *launcher_dir;
    char *work_dir;
    char *runtime_dir;
};

/* JSON flags may be given as text or as the path of a file. Errors name the flag. */
int docker_options_read(struct host *host, const struct flags *flags,
    struct docker_options *ret_options, struct err *err);
void docker_options_release(struct docker_options *options);

/* As flags write durations: "0ns", "5secs", "100ms". Caller frees. */
char *docker_duration_text(int64_t duration_ns);
