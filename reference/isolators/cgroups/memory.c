/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/cgroups/memory.h"

#include <errno.h>
#include <math.h>

#include "reference/base/strbuf.h"

#define MEGABYTE (UINT64_C(1) << 20)
#define LEAST_BYTES (32 * MEGABYTE)

static uint64_t whole_megabytes(double megabytes)
{
    const uint64_t bytes = (uint64_t)megabytes * MEGABYTE;

    return bytes > LEAST_BYTES ? bytes : LEAST_BYTES;
}

int memory_targets(const struct resources *requests, const struct resource_limits *limits,
    uint64_t *ret_soft_bytes, uint64_t *ret_hard_bytes, struct err *err)
{
    double request = 0;

    if (!resources_scalar(requests, "mem", RESOURCES_ALL, &request))
        return err_set(err, -EINVAL, "no mem resource given");
    *ret_soft_bytes = whole_megabytes(request);
    if (!limits->mem.set)
        *ret_hard_bytes = *ret_soft_bytes;
    else if (isinf(limits->mem.value))
        *ret_hard_bytes = MEMORY_UNLIMITED;
    else
        *ret_hard_bytes = whole_megabytes(limits->mem.value);
    return 0;
}

bool memory_hard_is_due(bool first, uint64_t target_bytes, uint64_t current_bytes)
{
    return first || target_bytes == MEMORY_UNLIMITED || target_bytes > current_bytes;
}

void memory_limited(struct cgroup_container *container, uint64_t limit_bytes, uint64_t used_bytes,
    const char *statistics)
{
    struct limitation limitation = {0};
    struct strbuf message = STRBUF_INIT;

    strbuf_add(&message, "Memory limit exceeded: Requested: ");
    if (limit_bytes == MEMORY_UNLIMITED)
        strbuf_add(&message, "unlimited");
    else
        strbuf_addf(&message, "%lluMB", (unsigned long long)(limit_bytes / MEGABYTE));
    strbuf_addf(&message, " Maximum Used: %lluMB\n\nMEMORY STATISTICS: \n%s\n",
        (unsigned long long)(used_bytes / MEGABYTE), statistics);
    limitation.message = strbuf_take(&message);
    limitation.reason = str_dup("REASON_CONTAINER_LIMITATION_MEMORY");
    resources_add_scalar(&limitation.resources, "mem",
        container->object->v2 && limit_bytes == MEMORY_UNLIMITED
            ? 0
            : (double)((container->object->v2 ? limit_bytes : used_bytes) / MEGABYTE));
    cgroup_container_limited(container, &limitation);
    json_type_release(&limitation_json, &limitation);
}
