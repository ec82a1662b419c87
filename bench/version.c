/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/version.h"

#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

char *version_of(const char *path)
{
    _cleanup_free_ char *command = str_printf("'%s' --version 2>/dev/null", path);
    char line[200] = "";
    FILE *stream = popen(command, "re");

    if (!stream)
        return NULL;
    if (!fgets(line, sizeof(line), stream))
        line[0] = '\0';
    pclose(stream);
    line[strcspn(line, "\n")] = '\0';
    return line[0] ? str_dup(line) : NULL;
}
