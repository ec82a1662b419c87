/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Volumes that a plugin mounts somewhere on the host, and that containers share: what docker/volume
 * and volume/csi have in common (isolators.md 10). Which volumes a container has is on disk before
 * the plugin hears of them, so that the next agent can unmount what this one mounted; a volume is
 * unmounted when no other container has it; the calls of a plugin for one volume never overlap.
 *
 * The owner embeds a struct plugin_volumes as its isolator, and says how its plugin is called.
 */
#pragma once

#include "reference/isolators/isolator.h"

struct plugin_volume {
    char *plugin; /* docker/volume: the driver */
    char *name;   /* volume/csi: the id */
    json_t *message; /* the volume's source as the API gives it, and the checkpoint keeps it */
    bool read_only_only; /* may only be mounted read-only */
};

struct plugin_volumes;
struct plugin_volumes_ops {
    /* Its part of a volume's source; NULL: it is none of these. Borrowed. */
    const json_t *(*message)(const struct volume *volume);
    /* Fills plugin, name and read_only_only from such a message. -EINVAL names the field. */
    int (*parse)(const json_t *message, struct plugin_volume *ret_volume, struct err *err);
    /* value of done: const char *, the directory on the host. Both may answer at once. */
    void (*mount)(
        struct plugin_volumes *volumes, const struct plugin_volume *volume, struct done done);
    void (*unmount)(
        struct plugin_volumes *volumes, const struct plugin_volume *volume, struct done done);
    /* Whether a mount that failed so has certainly mounted nothing, and is not to be unmounted. */
    bool (*is_harmless)(int result);
    /* Answers what is under way with -ECANCELED, and frees the owner. */
    void (*free)(struct plugin_volumes *volumes);
};

enum plugin_volumes_chown {
    PLUGIN_VOLUMES_CHOWN_NEVER,
    PLUGIN_VOLUMES_CHOWN_ALWAYS,
    PLUGIN_VOLUMES_CHOWN_UNUSED, /* unless another container has the volume */
};

struct plugin_volumes {
    struct isolator base;
    const struct plugin_volumes_ops *plugin;
    struct flags flags; /* a copy */
    enum plugin_volumes_chown chown; /* the volume's root is given to users that are not root */
    char *directory;           /* checkpoints: <directory>/<container>/volumes */
    struct strmap *containers; /* id -> struct volumes_container * */
    struct strmap *queues;     /* plugin and name -> struct volume_queue * */
    struct list tasks;         /* struct volumes_task: prepares and cleanups under way */
    bool ending;
};

/* Takes the directory. The ops of the isolator are these. */
extern const struct isolator_ops plugin_volumes_isolator_ops;
void plugin_volumes_init(struct plugin_volumes *volumes, const struct isolator_context *context,
    const char *name, const struct plugin_volumes_ops *plugin, char *directory);
/* What init made; for the owner's free. */
void plugin_volumes_release(struct plugin_volumes *volumes);
