/* SPDX-License-Identifier: Apache-2.0 */
/* linux/nnp: no_new_privs, always (isolators.md 8). */
#include "reference/isolators/isolator.h"

static void nnp_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    const struct launch_info info = {.no_new_privileges = OPT(true)};

    (void)isolator;
    (void)id;
    (void)config;
    done_ok(done, &info);
}

static void nnp_free(struct isolator *isolator)
{
    free(isolator);
}

static const struct isolator_ops nnp_ops = {.prepare = nnp_prepare, .free = nnp_free};

int isolator_linux_nnp_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct isolator *isolator = mem_alloc(sizeof(*isolator));

    (void)err;
    *isolator = (struct isolator){.ops = &nnp_ops, .name = "linux/nnp", .host = context->host};
    *ret_isolator = isolator;
    return 0;
}
