/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan as the config.json of an OCI bundle (OCI runtime specification 1.0): what the init helper
 * would do between clone and exec, said to a runtime. Who makes the process differs, and nothing
 * else: launcher, isolators and containerizer are the same.
 */
#pragma once

#include "reference/host.h"
#include "reference/launchers/plan.h"

struct bundle_place {
    const char *root; /* where the host's root is bound, for plans without a root of their own */
    const char *writable; /* a directory that stays writable in it */
    const char *cgroups;  /* where the runtime may have cgroups of its own, until the launcher moves
                          * the process */
};

/*
 * The text of the config; owned by the caller. -EINVAL: the plan is wrong, as the
 * init helper would say (an unknown user, capability or limit); -EOPNOTSUPP: it asks for something
 * that a bundle has no word for.
 */
int bundle_config(struct host *host, const struct plan *plan, const struct bundle_place *place,
    char **ret_config, struct err *err);
