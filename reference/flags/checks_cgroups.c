/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the flags that cgroups isolators have beyond the contract. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/flags/internal.h"

int flag_check_positive(const char *value, struct err *err)
{
    if (strtoull(value, NULL, 10) == 0)
        return err_set(err, -EINVAL, "expected at least 1, got %s", value);
    return 0;
}

/* "0-3,8": numbers and rising ranges, as cpuset files have them. */
int flag_check_number_list(const char *value, struct err *err)
{
    _cleanup_strv_ char **parts = strv_split(value, ",");

    for (size_t i = 0; parts && parts[i]; i++) {
        unsigned first, last;
        char rest;
        const int numbers = isdigit((unsigned char)parts[i][0])
                                ? sscanf(parts[i], "%u-%u%c", &first, &last, &rest)
                                : 0;
        const bool single = numbers == 1 && strspn(parts[i], "0123456789") == strlen(parts[i]);

        if (!single && (numbers != 2 || last < first))
            return err_set(
                err, -EINVAL, "expected a list such as 0-3,8, got \"%s\"", parts[i]);
    }
    return parts && parts[0] ? 0 : err_set(err, -EINVAL, "expected a list such as 0-3,8");
}

static bool is_io_limit(const char *word)
{
    static const char *const keys[] = {"rbps=", "wbps=", "riops=", "wiops="};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = word + strlen(keys[i]);

        if (str_starts(word, keys[i]))
            return str_equal(value, "max") ||
                   (*value && strspn(value, "0123456789") == strlen(value));
    }
    return false;
}

int flag_check_io_max(const char *value, struct err *err)
{
    _cleanup_strv_ char **lines = strv_split(value, ";");

    for (size_t i = 0; lines && lines[i]; i++) {
        _cleanup_strv_ char **words = strv_split(lines[i], " ");
        unsigned major, minor;
        char rest;
        bool good = strv_length(words) >= 2 &&
                    sscanf(words[0], "%u:%u%c", &major, &minor, &rest) == 2;

        for (size_t k = 1; good && words[k]; k++)
            good = is_io_limit(words[k]);
        if (!good)
            return err_set(err, -EINVAL,
                "expected MAJOR:MINOR and limits such as rbps=1048576 or wiops=max, got \"%s\"",
                lines[i]);
    }
    return lines && lines[0] ? 0 : err_set(err, -EINVAL, "names no device");
}

int flag_check_hugetlb(const char *value, struct err *err)
{
    _cleanup_strv_ char **limits = strv_split(value, ";");

    for (size_t i = 0; limits && limits[i]; i++) {
        const size_t size = strcspn(limits[i], "=");
        _cleanup_free_ char *page = str_ndup(limits[i], size);
        uint64_t bytes;

        if (limits[i][size] == '\0' || bytes_parse(page, &bytes, NULL) < 0 || bytes == 0 ||
            bytes_parse(limits[i] + size + 1, &bytes, NULL) < 0)
            return err_set(err, -EINVAL,
                "expected SIZE=LIMIT such as 2MB=64MB, got \"%s\"", limits[i]);
    }
    return limits && limits[0] ? 0 : err_set(err, -EINVAL, "names no size");
}
