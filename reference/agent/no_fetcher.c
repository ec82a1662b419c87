/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/agent/no_fetcher.h"

#include <errno.h>

#include "reference/base/mem.h"

static void no_fetch(struct fetcher *fetcher, const char *id, const struct command_info *command,
    const char *directory, const char *user, struct done done)
{
    (void)fetcher;
    (void)id;
    (void)directory;
    (void)user;
    if (command->uris_count == 0) {
        done_ok(done, NULL);
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    const char *uri = command->uris[0].value;
    err_set(&err, -EOPNOTSUPP, "%s: there is no fetcher", uri ? uri : "a URI");
    done_fail(done, -EOPNOTSUPP, &err);
}

static void no_kill(struct fetcher *fetcher, const char *id)
{
    (void)fetcher;
    (void)id;
}

static void no_free(struct fetcher *fetcher)
{
    free(fetcher);
}

static const struct fetcher_ops no_fetcher_ops = {
    .fetch = no_fetch, .kill = no_kill, .free = no_free};

struct fetcher *no_fetcher_new(struct host *host)
{
    struct fetcher *fetcher = mem_alloc(sizeof(*fetcher));
    *fetcher = (struct fetcher){&no_fetcher_ops, host};
    return fetcher;
}
