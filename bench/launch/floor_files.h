/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a floor's container: a runtime directory with what an agent needs in order to take
 * the container over when it is started anew, as the reference's (containerizer.md 6.1): config,
 * launch info, a mark, the pid, and the status that the init writes. Of the same lengths, but
 * written in place, where the reference renames a whole one.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct floor_files;

/* directory is the container's own; rooted: the launch info tells of many mounts. */
struct floor_files *floor_files_new(const char *directory, bool rooted);
void floor_files_free(struct floor_files *files); /* NULL is fine */
/* Before the init, and as soon as it is there. 0, or -1 with errno. */
int floor_files_make(const struct floor_files *files);
int floor_files_note(const struct floor_files *files, pid_t pid);
void floor_files_remove(const struct floor_files *files);
/* Where the init writes. */
const char *floor_files_status(const struct floor_files *files);
