/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher interface: brings the URIs of a command into a sandbox (fetcher.md). */
#pragma once

#include "reference/host.h"
#include "reference/model/config.h"

struct fetcher;
struct fetcher_ops {
    void (*fetch)(struct fetcher *fetcher, const char *id, const struct command_info *command,
        const char *directory, const char *user, struct done done);
    void (*kill)(struct fetcher *fetcher, const char *id);
    void (*free)(struct fetcher *fetcher);
};
struct fetcher {
    const struct fetcher_ops *ops;
    struct host *host;
};
/* No URIs: ready. A killed fetch answers -ECANCELED. */
static inline void fetcher_fetch(struct fetcher *fetcher, const char *id,
    const struct command_info *command, const char *directory, const char *user, struct done done)
{
    fetcher->ops->fetch(fetcher, id, command, directory, user, done);
}
/* Kills the fetcher's process tree for this container; nothing when there is none. */
static inline void fetcher_kill(struct fetcher *fetcher, const char *id)
{
    fetcher->ops->kill(fetcher, id);
}
static inline void fetcher_free(struct fetcher *fetcher)
{
    if (fetcher)
        fetcher->ops->free(fetcher);
}
