/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/audit.h"

#include <string.h>

#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"

/* What the agent keeps for itself below its root cgroup (launchers.md 3). */
static bool is_agents_own(const char *below)
{
    static const char *const own[] = {"leaf", "agent", "agent/leaf"};
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        if (strcmp(own[i], below) == 0)
            return true;
    }
    return false;
}

void audit_cgroups(struct world *world, char ***lines)
{
    const struct cgroup_hierarchies *all = world->observer->cgroups;
    size_t root_length = strlen(world->cgroups_root);
    for (size_t i = 0; all && i < all->count; i++) {
        const struct cgroup_hierarchy *hierarchy = &all->items[i];
        _cleanup_strv_ char **paths = NULL;
        if (!cgroup_exists(hierarchy->fs, world->cgroups_root))
            continue;
        if (cgroup_descendants(hierarchy->fs, world->cgroups_root, &paths, NULL) < 0)
            continue;
        for (size_t k = 0; paths && paths[k]; k++) {
            if (!is_agents_own(paths[k] + root_length + 1))
                strv_add_owned(lines, str_printf("cgroup %s %s", hierarchy->name, paths[k]));
        }
    }
}

static void audit_directory(struct world *world, const char *directory, char ***lines)
{
    _cleanup_strv_ char **names = NULL;
    if (host_list(world->observer, directory, &names, NULL) < 0)
        return;
    for (size_t i = 0; names && names[i]; i++)
        strv_add_owned(lines, str_printf("file %s/%s", directory, names[i]));
}

/* What is kept of each container: its runtime directory, its root file systems. */
void audit_runtime(struct world *world, char ***lines)
{
    _cleanup_free_ char *runtime = str_printf("%s/containers", world->runtime_dir);
    _cleanup_free_ char *roots = str_printf("%s/provisioner/containers", world->work_dir);
    audit_directory(world, runtime, lines);
    audit_directory(world, roots, lines);
}

void audit_processes(struct world *world, char ***lines)
{
    size_t count = 0;
    _cleanup_free_ struct process_info *list = world->ops->processes(world, &count);
    for (size_t i = 0; i < count; i++)
        strv_add_owned(lines, str_printf("process %d (%c), child of %d", (int)list[i].pid,
                                  list[i].state, (int)list[i].ppid));
}
