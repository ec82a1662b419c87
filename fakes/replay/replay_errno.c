/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/replay_errno.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/err.h"

#define ERRNO_MAX 140

int replay_errno_find(const char *name)
{
    for (int number = 1; number < ERRNO_MAX; number++)
        if (!strcmp(err_name(number), name))
            return number;
    if (!strcmp(name, "EOPNOTSUPP"))
        return replay_errno_find("ENOTSUP");
    /* The recorder knows fewer names than we do. */
    return name[0] == 'E' && isdigit((unsigned char)name[1]) ? (int)strtol(name + 1, NULL, 10) : 0;
}
