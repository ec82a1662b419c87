/* SPDX-License-Identifier: Apache-2.0 */
/* Short forms with which isolators fill the launch info that they return. All strings are copied.
 */
#pragma once

#include "reference/base/done.h"
#include "reference/model/launch_info.h"

void launch_add_clone(struct launch_info *info, enum namespace_kind kind);
void launch_add_enter(struct launch_info *info, enum namespace_kind kind);
/* source, type and options may be NULL. */
void launch_add_mount(struct launch_info *info, const char *source, const char *target,
    const char *type, unsigned long flags, const char *options);
void launch_add_masked(struct launch_info *info, const char *path);
void launch_add_symlink(struct launch_info *info, const char *source, const char *target);
void launch_add_mkdir(struct launch_info *info, const char *path, bool recursive);
void launch_add_rename(struct launch_info *info, const char *source, const char *target);
void launch_add_mount_operation(struct launch_info *info, const char *source, const char *target,
    const char *type, unsigned long flags, const char *options);
/* No symbolic link below `root` leads to the source of the mount that was added last. NULL: it is
 * trusted. */
void launch_mount_source_root(struct launch_info *info, const char *root);
void launch_add_environment(struct launch_info *info, const char *name, const char *value);
/* Appends "text" to the arguments of the command (command tasks). */
void launch_add_argument(struct launch_info *info, const char *text);

/* A program with its arguments (NULL-terminated), before the command. */
void launch_add_pre_exec(struct launch_info *info, const char *const *argv);

/* <runtime_dir>/containers/<id>[/containers/<nested>...]/<file> (containerizer.md 6.1); owned. */
char *launch_runtime_file(const char *runtime_dir, const char *id, const char *file);

/* Completes with info, of which may be taken, then releases what is left of it. */
void launch_done(struct done done, struct launch_info *info);
/* What a prepare ends with: launch_done when result is 0, else a failure with result and err. The
 * info is released in both cases. */
void launch_result(struct done done, int result, struct launch_info *info, const struct err *err);
/* Completes with a failure whose message is formatted; -EINVAL and the like. */
void done_error(struct done done, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
