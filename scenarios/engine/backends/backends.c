/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "scenarios/engine/backends/backend.h"

const struct backend *const backends[] = {&backend_sim, &backend_kernel, &backend_agent, NULL};

const struct backend *backend_find(const char *name)
{
    for (size_t i = 0; backends[i]; i++) {
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    }
    return NULL;
}
