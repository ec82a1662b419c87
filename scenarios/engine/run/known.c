/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine knows of each container that a scenario launched. */
#include <string.h>

#include "reference/base/mem.h"
#include "reference/mesos/mesos.h"
#include "scenarios/engine/run/run.h"

struct known *known_get(struct run *run, const char *id)
{
    return id ? strmap_get(run->known, id) : NULL;
}

struct known *known_add(struct run *run, const char *id, const char *root_sandbox)
{
    struct known *known = mem_alloc(sizeof(*known));
    known->id = str_dup(id);
    known->root_sandbox = str_dup(root_sandbox);
    strmap_set(run->known, id, known);
    return known;
}

char *known_sandbox(struct run *run, const char *id)
{
    const struct known *known = known_get(run, id);
    return known ? mesos_sandbox_path(known->root_sandbox, id) : NULL;
}

void known_free_all(struct run *run)
{
    size_t cursor = 0;
    const char *id;
    void *value;
    while (strmap_next(run->known, &cursor, &id, &value)) {
        struct known *known = value;
        free(known->id);
        free(known->root_sandbox);
        free(known->phase);
        json_decref(known->usage);
        free(known);
    }
    strmap_free(run->known);
}
