/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <string.h>

#include "fakes/docker/fake_docker.h"
#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/docker/names.h"
#include "scenarios/engine/run/run.h"

void outside_note_cgroup(struct run *run, struct cgroup_fs *fs, const char *path)
{
    run->outside_cgroups = mem_realloc(
        run->outside_cgroups, (run->outside_cgroups_count + 1) * sizeof(*run->outside_cgroups));
    run->outside_cgroups[run->outside_cgroups_count++] = (struct outside_cgroup){fs, str_dup(path)};
}

void outside_forget(struct run *run)
{
    for (size_t i = 0; i < run->outside_cgroups_count; i++)
        free(run->outside_cgroups[i].path);
    free(run->outside_cgroups);
    run->outside_cgroups = NULL;
    run->outside_cgroups_count = 0;
}

/* With what was made on the way to it, as long as that is empty. */
static void remove_cgroup(struct run *run, struct cgroup_fs *fs, const char *path)
{
    _cleanup_strv_ char **below = NULL;
    if (cgroup_descendants(fs, path, &below, NULL) == 0) {
        for (size_t i = 0; below && below[i]; i++)
            cgroup_remove(fs, below[i], NULL);
    }
    _cleanup_free_ char *above = str_dup(path);
    while (strcmp(above, run->world->cgroups_root) != 0 && cgroup_remove(fs, above, NULL) == 0) {
        char *slash = strrchr(above, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
}

/* What the docker containerizer does not take for its own (docker.md 3), or is told to leave alone
 * when it does not know it, is an operator's to end. */
static void end_docker_strangers(struct run *run)
{
    struct fake_docker *engine = run->world->docker;
    bool kills_orphans = str_equal(flags_other(&run->flags, "docker_kill_orphans"), "true");
    _cleanup_strv_ char **names = fake_docker_names(engine, true);
    for (size_t i = 0; names[i]; i++) {
        struct docker_name name = {0};
        bool ours = kills_orphans && docker_name_parse(names[i], &name);
        free(name.id);
        if (!ours)
            fake_docker_exit(engine, names[i], SIGKILL);
    }
}

void outside_undo(struct run *run)
{
    size_t cursor = 0;
    const char *name;
    void *value;
    while (strmap_next(run->spawned, &cursor, &name, &value))
        host_signal(run->world->observer, (pid_t)(intptr_t)value, SIGKILL, NULL);
    if (run->world->docker)
        end_docker_strangers(run);
    run_settle(run, 100 * NS_PER_MS, NS_PER_SEC);
    for (size_t i = run->outside_cgroups_count; i > 0; i--)
        remove_cgroup(run, run->outside_cgroups[i - 1].fs, run->outside_cgroups[i - 1].path);
}
