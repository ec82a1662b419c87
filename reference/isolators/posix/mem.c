/* SPDX-License-Identifier: Apache-2.0 */
/* posix/mem: no isolation; resident memory summed over the process tree (isolators.md 5). */
#include "reference/isolators/posix/usage.h"

static void fill_mem(const struct posix_sums *sums, struct statistics *into)
{
    into->mem_rss_bytes = (struct opt_u64)OPT(sums->rss_bytes);
}

int isolator_posix_mem_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    (void)err;
    *ret_isolator = posix_usage_new(context->host, "posix/mem", fill_mem);
    return 0;
}
