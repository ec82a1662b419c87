/* SPDX-License-Identifier: Apache-2.0 */
/* The native containerizer (containerizer.md): one state machine, its checkpoints, recovery. */
#pragma once

#include "reference/containerizer.h"
#include "reference/fetcher.h"
#include "reference/flags.h"
#include "reference/host.h"
#include "reference/isolators/isolator.h"
#include "reference/launchers/launcher.h"
#include "reference/provisioner.h"

struct mesos_parts {
    struct host *host;              /* borrowed */
    const struct flags *flags;      /* copied */
    struct launcher *launcher;      /* owned from here on */
    struct isolator_list isolators; /* owned */
    struct fetcher *fetcher;        /* owned */
    struct provisioner *provisioner; /* owned; NULL: no images */
};
/* Takes the parts. Never fails. */
struct containerizer *mesos_containerizer_new(const struct mesos_parts *parts);

/* Paths (containerizer.md 6); owned. */
char *mesos_runtime_path(const char *runtime_dir, const char *id);
char *mesos_runtime_file(const char *runtime_dir, const char *id, const char *file);
char *mesos_sandbox_path(const char *root_sandbox, const char *id);
/* The container whose sandbox holds `path`, below a root's sandbox (PA-07); -EINVAL outside. */
int mesos_sandbox_parse(const char *root_id, const char *root_sandbox, const char *path,
    char **ret_id, struct err *err);
