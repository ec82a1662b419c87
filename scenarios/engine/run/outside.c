/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <signal.h>
#include <string.h>

#include "fakes/docker/fake_docker.h"
#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
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

/* The docker containerizer takes only names with a UUID for its own (docker.md): the others are an
 * operator's to remove. */
static bool is_uuid(const char *text)
{
    static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    for (size_t i = 0; i < sizeof(form); i++) {
        bool fits = form[i] == 'x' ? isxdigit((unsigned char)text[i]) != 0 : text[i] == form[i];
        if (!fits)
            return false;
    }
    return true;
}

static void end_docker_container(struct run *run, const char *id)
{
    static const char *const ends[] = {"", ".executor"};
    for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
        _cleanup_free_ char *name = str_printf("mesos-%s%s", id, ends[i]);
        if (fake_docker_pid(run->world->docker, name) > 0)
            fake_docker_exit(run->world->docker, name, SIGKILL);
    }
}

void outside_undo(struct run *run)
{
    size_t cursor = 0;
    const char *name;
    void *value;
    while (strmap_next(run->spawned, &cursor, &name, &value))
        host_signal(run->world->observer, (pid_t)(intptr_t)value, SIGKILL, NULL);
    cursor = 0;
    while (run->world->docker && strmap_next(run->known, &cursor, &name, &value)) {
        if (!is_uuid(name))
            end_docker_container(run, name);
    }
    run_settle(run, 100 * NS_PER_MS, NS_PER_SEC);
    for (size_t i = run->outside_cgroups_count; i > 0; i--)
        remove_cgroup(run, run->outside_cgroups[i - 1].fs, run->outside_cgroups[i - 1].path);
}
