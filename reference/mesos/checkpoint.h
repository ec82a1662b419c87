/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a runtime directory (containerizer.md 6.1): how they are written and read. */
#pragma once

#include "reference/base/json.h"
#include "reference/host.h"

#define CHECKPOINT_CONFIG "config"
#define CHECKPOINT_LAUNCH_INFO "launch_info"
#define CHECKPOINT_PID "pid"
#define CHECKPOINT_STATUS "status"
#define CHECKPOINT_TERMINATION "termination"
#define CHECKPOINT_FORCE_DESTROY "force_destroy_on_recovery"
#define CHECKPOINT_STANDALONE "standalone.marker"

/* "directory/name"; owned. */
char *path_join(const char *directory, const char *name);
/* Each is written whole, mode 0600. */
int checkpoint_write(struct host *host, const char *directory, const char *file,
    const struct json_type *type, const void *object, struct err *err);
int checkpoint_mark(struct host *host, const char *directory, const char *file, struct err *err);
int checkpoint_write_pid(struct host *host, const char *path, pid_t pid, struct err *err);
bool checkpoint_exists(struct host *host, const char *directory, const char *file);
/* *ret_object: a new object, NULL when there is no such file. -EINVAL names file and place. */
int checkpoint_read(struct host *host, const char *directory, const char *file,
    const struct json_type *type, void **ret_object, struct err *err);
/* Absent when the file is missing or empty. */
int checkpoint_read_number(struct host *host, const char *directory, const char *file,
    struct opt_i64 *ret_number, struct err *err);
