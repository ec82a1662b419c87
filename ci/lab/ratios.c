/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of a benchmark that ran in an emulated guest: how contenders compare, no times. */
#include <jansson.h>
#include <stdio.h>

#include "ci/lab/lab.h"

#define EXIT_USAGE 2

int lab_ratios(const char *path)
{
    json_error_t error;
    json_t *result = json_load_file(path, 0, &error);
    json_t *ratios = json_object_get(result, "ratios");
    const char *name;
    json_t *ratio;
    if (!json_is_object(ratios)) {
        fprintf(stderr, "seatrial lab: %s: %s\n", path, result ? "it has no ratios" : error.text);
        json_decref(result);
        return EXIT_USAGE;
    }
    json_object_foreach(ratios, name, ratio) {
        printf("%-44s %7.2f (95 %%: %.2f to %.2f) %s\n", name,
            json_real_value(json_object_get(ratio, "median")),
            json_real_value(json_object_get(ratio, "low")),
            json_real_value(json_object_get(ratio, "high")),
            json_string_value(json_object_get(ratio, "verdict")));
    }
    const char *missing;
    json_t *why;
    json_object_foreach(json_object_get(result, "missing"), missing, why)
        printf("%s is missing: %s\n", missing, json_string_value(why));
    json_decref(result);
    return 0;
}
