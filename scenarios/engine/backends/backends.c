/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "scenarios/engine/backends/backend.h"

const struct backend *const backends[] = {&backend_sim, &backend_kernel, &backend_agent, NULL};

void image_flags(struct flags *flags, const char *directory)
{
    static const struct {
        const char *flag;
        const char *below;
    } places[] = {
        {"docker_registry", "images"},
        {"docker_store_dir", "store/docker"},
        {"rootfs_store_dir", "store/rootfs"},
        {"appc_store_dir", "store/appc"},
        {"appc_simple_discovery_uri_prefix", "images/"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, places[i].below);
        flags_set(flags, places[i].flag, path, NULL);
    }
}

const struct backend *backend_find(const char *name)
{
    for (size_t i = 0; backends[i]; i++) {
        if (strcmp(backends[i]->name, name) == 0)
            return backends[i];
    }
    return backend_oci(name);
}
