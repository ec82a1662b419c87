/* SPDX-License-Identifier: Apache-2.0 */
/* The docker containerizer (docker.md): containers are those of a docker engine. */
#pragma once

#include "reference/containerizer.h"
#include "reference/docker/docker.h"
#include "reference/fetcher.h"
#include "reference/flags.h"
#include "reference/host.h"

/* What the pre-launch hook adds (docker.md 5, step 2). */
struct docker_hook_environment {
    const struct environment_variable *executor;
    size_t executor_count;
    const struct environment_variable *task;
    size_t task_count;
};
/* Hook modules; both may finish later, and answer each done once. */
struct docker_hooks {
    void *arg;
    /* value: const struct docker_hook_environment * or NULL; may be NULL */
    void (*pre_launch)(
        void *arg, const char *id, const struct container_config *config, struct done done);
    /* after the pull, with the sandbox; may be NULL; what it answers is only logged */
    void (*post_fetch)(void *arg, const char *id, const char *directory, struct done done);
};

struct docker_parts {
    struct host *host;         /* borrowed */
    const struct flags *flags; /* copied */
    struct docker *docker;     /* owned on success; NULL: the CLI that the flags name */
    struct fetcher *fetcher;   /* owned on success */
    struct docker_hooks hooks; /* copied */
    const char *glog_v;        /* GLOG_v of the agent's environment, for executors; NULL */
    /*
     * The docker containerizer demands a mounted v1 hierarchy with the cpu controller (quirk of
     * docker.md 1). True: it also does without; then updates change nothing and usage fails.
     */
    bool without_cgroups;
};
/*
 * Errors: -EINVAL for flags, -ENODEV without the v1 hierarchy; the parts stay the caller's then.
 * That the docker CLI answers and is new enough (1.8.0) is asked at the begin of recover, which
 * fails otherwise: creation never waits.
 */
int docker_containerizer_new(const struct docker_parts *parts,
    struct containerizer **ret_containerizer, struct err *err);
