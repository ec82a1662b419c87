/* SPDX-License-Identifier: Apache-2.0 */
/* Flags back to arguments, for an agent in another process. */
#include <inttypes.h>

#include "reference/base/mem.h"
#include "reference/flags/internal.h"

/* The value as text; NULL: not set. */
static char *value_format(const struct flags *flags, const struct flag *flag)
{
    const char *at = (const char *)flags + flag->offset;
    const char *text;

    if (flag->offset == FLAG_IN_OTHERS)
        return str_dup(json_string_value(json_object_get(flags->others, flag->name)));
    switch (flag->kind) {
    case FLAG_BOOL:
        return str_dup(*(const bool *)at ? "true" : "false");
    case FLAG_DURATION:
        return str_printf("%" PRIu64 "ns", *(const uint64_t *)at);
    case FLAG_BYTES:
        return *(const uint64_t *)at ? str_printf("%" PRIu64 "B", *(const uint64_t *)at) : NULL;
    case FLAG_JSON:
        return *(json_t *const *)at ? json_dumps(*(json_t *const *)at, JSON_COMPACT) : NULL;
    default:
        text = *(char *const *)at;
        return str_dup(text);
    }
}

char **flags_arguments(const struct flags *flags)
{
    char **arguments = NULL;

    for (size_t i = 0; i < flag_count; i++) {
        _cleanup_free_ char *value = value_format(flags, &flag_table[i]);

        if (value)
            strv_add_owned(&arguments, str_printf("--%s=%s", flag_table[i].name, value));
    }
    return arguments;
}
