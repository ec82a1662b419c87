/* SPDX-License-Identifier: Apache-2.0 */
/* The records of plugin_volumes.c, in memory and on disk. */
#pragma once

#include "reference/isolators/volume/plugin_volumes.h"

/* The message is held too, so the one it came from may go. */
int plugin_volume_parse(const struct plugin_volumes_ops *plugin, const json_t *message,
    struct plugin_volume *ret_volume, struct err *err);
void plugin_volume_copy(struct plugin_volume *to, const struct plugin_volume *from);
void plugin_volume_release(struct plugin_volume *volume);

struct container_volume {
    struct plugin_volume volume;
    bool read_only;
    bool failed;   /* was not mounted, so it is not to be unmounted */
    char *target;  /* in the container; NULL after a recovery */
    char *mounted; /* on the host; NULL: not yet, or after a recovery */
};
struct volumes_container {
    char *id;
    struct container_volume *items;
    size_t count;
};
struct volumes_container *volumes_container_new(const char *id);
void volumes_container_free(struct volumes_container *container); /* NULL is fine */
/* Takes what the volume owns. The item is only good until the next add. */
struct container_volume *volumes_container_add(
    struct volumes_container *container, struct plugin_volume *volume);
/* By plugin and name; NULL: it has it not. container may be NULL. */
struct container_volume *volumes_container_find(
    const struct volumes_container *container, const struct plugin_volume *volume);

/* <directory>/<id>; owned. */
char *volumes_state_directory(const struct plugin_volumes *volumes, const char *id);
int volumes_state_write(
    struct plugin_volumes *volumes, const struct volumes_container *container, struct err *err);
/* *ret_container NULL: it has no file. An empty file: one without volumes. -EBADMSG, -EEXIST. */
int volumes_state_read(struct plugin_volumes *volumes, const char *id,
    struct volumes_container **ret_container, struct err *err);
