/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/cgroupfs/replay_errno.h"

#include <string.h>

#include "reference/base/err.h"

#define ERRNO_MAX 140

int replay_errno_find(const char *name)
{
    for (int number = 1; number < ERRNO_MAX; number++)
        if (!strcmp(err_name(number), name))
            return number;
    return strcmp(name, "EOPNOTSUPP") ? 0 : replay_errno_find("ENOTSUP");
}
