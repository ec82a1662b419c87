/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/ranges.h"

#include "reference/base/mem.h"

void ranges_of_resources(
    const struct resources *resources, const char *name, struct ranges *ret_ranges)
{
    ranges_release(ret_ranges);
    ret_ranges->count = resources_ranges(resources, name, &ret_ranges->items);
}

int ranges_parse(const char *text, struct ranges *ret_ranges, struct err *err)
{
    _cleanup_free_ char *whole = str_printf("ranges:%s", text);
    struct resources resources = {0};
    int r = resources_parse_text(whole, &resources, err);

    if (r < 0)
        return r;
    ranges_of_resources(&resources, "ranges", ret_ranges);
    resources_release(&resources);
    return 0;
}

bool ranges_contain(const struct ranges *ranges, int64_t number)
{
    for (size_t i = 0; i < ranges->count; i++) {
        if (number >= ranges->items[i].begin && number <= ranges->items[i].end)
            return true;
    }
    return false;
}

uint64_t ranges_total(const struct ranges *ranges)
{
    uint64_t total = 0;

    for (size_t i = 0; i < ranges->count; i++)
        total += (uint64_t)(ranges->items[i].end - ranges->items[i].begin) + 1;
    return total;
}

void ranges_to_resource(
    const int64_t *numbers, size_t count, const char *name, struct resources *list)
{
    struct resource *resource;

    list->items = mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
    resource = &list->items[list->count++];
    *resource = (struct resource){.name = str_dup(name), .type = RESOURCE_RANGES};
    resource->ranges = mem_alloc(count * sizeof(*resource->ranges));
    for (size_t i = 0; i < count; i++) {
        struct resource_range *last =
            resource->ranges_count ? &resource->ranges[resource->ranges_count - 1] : NULL;

        if (last && last->end + 1 == numbers[i])
            last->end = numbers[i];
        else
            resource->ranges[resource->ranges_count++] =
                (struct resource_range){numbers[i], numbers[i]};
    }
}

void ranges_release(struct ranges *ranges)
{
    free(ranges->items);
    *ranges = (struct ranges){0};
}
