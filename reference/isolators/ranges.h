/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of numbers as merged and sorted ranges: ports, project ids. */
#pragma once

#include "reference/model/resources.h"

struct ranges {
    struct resource_range *items;
    size_t count;
};

/* Those of a resource; ret_ranges is released first. */
void ranges_of_resources(
    const struct resources *resources, const char *name, struct ranges *ret_ranges);
/* Of a flag's text "[1-5,7-7]", which the flag's check has passed. -EINVAL. */
int ranges_parse(const char *text, struct ranges *ret_ranges, struct err *err);
bool ranges_contain(const struct ranges *ranges, int64_t number);
uint64_t ranges_total(const struct ranges *ranges);
/* One resource of type RANGES with these numbers, sorted, to the list. */
void ranges_to_resource(
    const int64_t *numbers, size_t count, const char *name, struct resources *list);
void ranges_release(struct ranges *ranges);
