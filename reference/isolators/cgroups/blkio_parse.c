/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/cgroups/blkio_parse.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

static const struct {
    const char *word;
    const char *name;
} operations[] = {{"Total", "TOTAL"}, {"Read", "READ"}, {"Write", "WRITE"}, {"Sync", "SYNC"},
    {"Async", "ASYNC"}, {"Discard", "DISCARD"}};

static bool number_parse(const char *text, uint64_t *ret_number)
{
    char *end;

    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return !errno && end != text && *end == '\0' && *text != '-' && *text != '+';
}

static bool device_parse(const char *text, struct blkio_value *value)
{
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *major = colon ? str_ndup(text, (size_t)(colon - text)) : NULL;
    uint64_t numbers[2];

    if (!colon || !number_parse(major, &numbers[0]) || !number_parse(colon + 1, &numbers[1]))
        return false;
    value->has_device = true;
    value->major = (int64_t)numbers[0];
    value->minor = (int64_t)numbers[1];
    return true;
}

static bool operation_parse(const char *text, struct blkio_value *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
        if (str_equal(text, operations[i].word)) {
            value->operation = operations[i].name;
            return true;
        }
    }
    return false;
}

int blkio_parse(const char *line, struct blkio_value *ret_value, struct err *err)
{
    _cleanup_strv_ char **tokens = strv_split(line, " ");
    const size_t count = strv_length(tokens);
    struct blkio_value value = {.operation = "UNKNOWN"};
    bool ok = count >= 1 && count <= 3 && number_parse(tokens[count - 1], &value.value);

    if (ok && count == 3)
        ok = device_parse(tokens[0], &value) && operation_parse(tokens[1], &value);
    else if (ok && count == 2)
        ok = device_parse(tokens[0], &value) || operation_parse(tokens[0], &value);
    if (!ok)
        return err_set(err, -EINVAL, "expected [major:minor] [operation] number, got \"%s\"", line);
    *ret_value = value;
    return 0;
}
