/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix/rlimits: copies the requested limits into the launch info. Bad values fail in the init
 * helper, not here (isolators.md 5).
 */
#include "reference/isolators/isolator.h"

static void rlimits_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct launch_info info = {0};

    (void)isolator;
    (void)id;
    if (!config->container_info || !config->container_info->rlimit_info) {
        done_ok(done, NULL);
        return;
    }
    info.rlimits = config->container_info->rlimit_info; /* borrowed for the call */
    done_ok(done, &info);
}

static void rlimits_free(struct isolator *isolator)
{
    free(isolator);
}

static const struct isolator_ops rlimits_ops = {.prepare = rlimits_prepare, .free = rlimits_free};

int isolator_posix_rlimits_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct isolator *isolator = mem_alloc(sizeof(*isolator));

    (void)err;
    *isolator =
        (struct isolator){.ops = &rlimits_ops, .name = "posix/rlimits", .host = context->host};
    *ret_isolator = isolator;
    return 0;
}
