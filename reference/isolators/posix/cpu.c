/* SPDX-License-Identifier: Apache-2.0 */
/* posix/cpu: no isolation; CPU times summed over the process tree (isolators.md 5). */
#include "reference/isolators/posix/usage.h"

static void fill_cpu(const struct posix_sums *sums, struct statistics *into)
{
    into->cpus_user_time_secs = (struct opt_double)OPT((double)sums->user_ns / NS_PER_SEC);
    into->cpus_system_time_secs = (struct opt_double)OPT((double)sums->system_ns / NS_PER_SEC);
}

int isolator_posix_cpu_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    (void)err;
    *ret_isolator = posix_usage_new(context->host, "posix/cpu", fill_cpu);
    return 0;
}
