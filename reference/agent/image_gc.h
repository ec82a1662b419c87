/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Automatic removal of unused images (provisioner.md 7): now and then the file system of the docker
 * store is looked at, and when it is too full images are pruned. --image_gc_config gives headroom,
 * interval and the images that stay.
 */
#pragma once

#include "reference/containerizer.h"
#include "reference/flags.h"
#include "reference/host.h"

struct image_gc;

/* NULL without --image_gc_config, without image providers, or without the mesos containerizer. The
 * flag was checked. All are borrowed, and alive as long as it. */
struct image_gc *image_gc_new(
    struct host *host, const struct flags *flags, struct containerizer *containerizer);
/* From recovery on. NULL is fine in all of these. */
void image_gc_start(struct image_gc *gc);
/* Prunes with these and the configured images kept; those of the call alone without a gc. */
void image_gc_prune(struct image_gc *gc, struct containerizer *containerizer, char *const *keep,
    struct done done);
/* Asks for nothing more; what is under way may still answer until it is freed. */
void image_gc_stop(struct image_gc *gc);
void image_gc_free(struct image_gc *gc);
