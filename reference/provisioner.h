/* SPDX-License-Identifier: Apache-2.0 */
/* The provisioner interface: root file systems from images (provisioner.md). */
#pragma once

#include "reference/host.h"
#include "reference/model/config.h"

struct provision_info {
    const char *rootfs;
    char *const *ephemeral_volumes;
    json_t *docker_manifest; /* borrowed, may be NULL */
    json_t *appc_manifest;
};

struct provisioner;
struct provisioner_ops {
    void (*recover)(struct provisioner *provisioner, char *const *known, struct done done);
    void (*provision)(struct provisioner *provisioner, const char *id, const struct image *image,
        struct done done); /* const struct provision_info * */
    void (*destroy)(
        struct provisioner *provisioner, const char *id, struct done done); /* const bool * */
    void (*prune)(struct provisioner *provisioner, char *const *keep, struct done done);
    /* NULL: it has none. Else sets its counters in an object of numbers (statistics.md 6). */
    void (*metrics)(struct provisioner *provisioner, json_t *into);
    void (*free)(struct provisioner *provisioner);
};
struct provisioner {
    const struct provisioner_ops *ops;
    struct host *host;
};
static inline void provisioner_recover(
    struct provisioner *provisioner, char *const *known, struct done done)
{
    provisioner->ops->recover(provisioner, known, done);
}
static inline void provisioner_provision(struct provisioner *provisioner, const char *id,
    const struct image *image, struct done done)
{
    provisioner->ops->provision(provisioner, id, image, done);
}
/* Waits for a running provision; false when the id is unknown. */
static inline void provisioner_destroy(
    struct provisioner *provisioner, const char *id, struct done done)
{
    provisioner->ops->destroy(provisioner, id, done);
}
static inline void provisioner_prune(
    struct provisioner *provisioner, char *const *keep, struct done done)
{
    provisioner->ops->prune(provisioner, keep, done);
}
static inline void provisioner_metrics(struct provisioner *provisioner, json_t *into)
{
    if (provisioner && provisioner->ops->metrics)
        provisioner->ops->metrics(provisioner, into);
}
static inline void provisioner_free(struct provisioner *provisioner)
{
    if (provisioner)
        provisioner->ops->free(provisioner);
}
