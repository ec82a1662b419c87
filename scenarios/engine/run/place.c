/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/run/place.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/launchers/launcher.h"
#include "reference/mesos/mesos.h"

static char *cgroup_path(struct run *run, const struct node *args, bool v2)
{
    const char *path = node_text(args, "path");
    const char *of = node_text(args, "of");
    const char *root = run->flags.cgroups_root;
    if (path && path[0] == '/')
        return str_dup(path + strspn(path, "/"));
    _cleanup_free_ char *base = !of ? str_dup(root)
                                : v2 && node_bool(args, "leaf", false)
                                    ? launcher_cgroup_leaf(root, of)
                                    : launcher_cgroup(root, of);
    if (!path || !path[0])
        return str_dup(base);
    return str_printf("%s/%s", base, path);
}

int place_cgroup(struct run *run, const struct node *args, struct place *ret_place, struct err *err)
{
    struct cgroup_hierarchies *all = run->world->observer->cgroups;
    const char *controller = node_text(args, "hierarchy");
    *ret_place = (struct place){0};
    if (!all || all->count == 0)
        return err_set(err, -ENOENT, "there are no cgroups");
    struct cgroup_hierarchy *hierarchy = cgroup_hierarchy_find(all, controller ? controller : "");
    if (!hierarchy && all->unified)
        hierarchy = cgroup_hierarchy_find(all, "");
    if (!hierarchy && !controller)
        hierarchy = &all->items[0];
    if (!hierarchy)
        return err_set(err, -ENOENT, "there is no hierarchy of %s", controller);
    ret_place->fs = hierarchy->fs;
    ret_place->path = cgroup_path(run, args, hierarchy->v2);
    return 0;
}

void place_release(struct place *place)
{
    free(place->path);
    *place = (struct place){0};
}

/* "sandbox:c1/out" -> base of c1, then "/out". */
static char *container_file(struct run *run, const char *rest, bool sandbox, struct err *err)
{
    _cleanup_free_ char *id = str_ndup(rest, strcspn(rest, "/"));
    const char *below = rest + strlen(id);
    _cleanup_free_ char *base =
        sandbox ? known_sandbox(run, id) : mesos_runtime_path(run->flags.runtime_dir, id);
    if (base)
        return str_printf("%s%s", base, below);
    err_set(err, -ENOENT, "no container %s was launched", id);
    return NULL;
}

/* "rootfs:c1/etc/motd": below the root that the config tells, as it was checkpointed. */
static char *rootfs_file(struct run *run, const char *rest, struct err *err)
{
    _cleanup_free_ char *id = str_ndup(rest, strcspn(rest, "/"));
    _cleanup_free_ char *path = mesos_runtime_file(run->flags.runtime_dir, id, "config");
    _cleanup_free_ char *text = NULL;
    if (host_file_read(run->world->observer, path, &text, NULL, err) < 0)
        return NULL;
    json_t *config = json_loads(text, 0, NULL);
    const char *rootfs = json_string_value(json_object_get(config, "rootfs"));
    char *place = rootfs ? str_printf("%s%s", rootfs, rest + strlen(id)) : NULL;
    json_decref(config);
    if (!place)
        err_set(err, -ENOENT, "%s has no root file system of its own", id);
    return place;
}

char *place_file(struct run *run, const char *path, struct err *err)
{
    const struct {
        const char *prefix;
        const char *directory;
    } prefixes[] = {{"work:", run->flags.work_dir}, {"run:", run->flags.runtime_dir},
        {"images:", flags_other(&run->flags, "docker_registry")},
        {"store:", flags_other(&run->flags, "docker_store_dir")}};
    if (str_starts(path, "sandbox:") || str_starts(path, "runtime:"))
        return container_file(run, strchr(path, ':') + 1, *path == 's', err);
    if (str_starts(path, "rootfs:"))
        return rootfs_file(run, strchr(path, ':') + 1, err);
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (!str_starts(path, prefixes[i].prefix))
            continue;
        const char *below = path + strlen(prefixes[i].prefix);
        return str_printf("%s%s%s", prefixes[i].directory, *below ? "/" : "", below);
    }
    if (path[0] == '/')
        return str_dup(path);
    err_set(err, -EINVAL, "\"%s\" is no path, expected %s", path, PLACE_FILE_HELP);
    return NULL;
}

static bool is_place(const char *text)
{
    static const char *const prefixes[] = {
        "sandbox:", "runtime:", "rootfs:", "work:", "run:", "images:", "store:"};
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
        if (str_starts(text, prefixes[i]))
            return true;
    }
    return false;
}

char *place_text(struct run *run, const char *text, struct err *err)
{
    if (str_equal(text, PLACE_WORKLOAD))
        return str_dup(run->world->workload);
    return is_place(text) ? place_file(run, text, err) : str_dup(text);
}

int place_json(struct run *run, json_t *json, struct err *err)
{
    const char *key;
    json_t *value;
    size_t index;
    void *next;
    int result = 0;
    if (json_is_string(json)) {
        _cleanup_free_ char *text = place_text(run, json_string_value(json), err);
        return text ? json_string_set(json, text) : err->code;
    }
    json_object_foreach_safe (json, next, key, value) {
        if (result == 0)
            result = place_json(run, value, err);
    }
    json_array_foreach (json, index, value) {
        if (result == 0)
            result = place_json(run, value, err);
    }
    return result;
}

char *place_key_value(const char *text, const char *key)
{
    _cleanup_strv_ char **lines = strv_split(text, "\n");
    size_t length = strlen(key);
    for (size_t i = 0; lines && lines[i]; i++) {
        if (strncmp(lines[i], key, length) == 0 && strchr(" =:", lines[i][length]) &&
            lines[i][length])
            return str_dup(lines[i] + length + 1);
    }
    return NULL;
}

pid_t place_init(struct run *run, const char *id)
{
    return place_pid(run, id, "pid");
}

pid_t place_pid(struct run *run, const char *id, const char *file)
{
    _cleanup_free_ char *path = mesos_runtime_file(run->flags.runtime_dir, id, file);
    _cleanup_free_ char *text = NULL;
    size_t length;
    if (host_file_read(run->world->observer, path, &text, &length, NULL) < 0)
        return 0;
    return (pid_t)strtol(text, NULL, 10);
}

static const struct process_info *find_process(
    const struct process_info *list, size_t count, pid_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].pid == pid)
            return &list[i];
    }
    return NULL;
}

/* Is it the init, of its session, or below it? Chains of parents end at pid 1. */
static bool belongs_to(
    const struct process_info *list, size_t count, const struct process_info *process, pid_t init)
{
    for (size_t depth = 0; process && depth <= count; depth++) {
        if (process->pid == init || process->sid == init)
            return true;
        process = find_process(list, count, process->ppid);
    }
    return false;
}

/* Does a process of `spawn` have this number? Then nothing is left of its session before. */
static bool is_spawned(const struct run *run, pid_t pid)
{
    size_t cursor = 0;
    const char *name;
    void *spawned;
    while (strmap_next(run->spawned, &cursor, &name, &spawned)) {
        if ((pid_t)(intptr_t)spawned == pid)
            return true;
    }
    return false;
}

static size_t processes_below(struct run *run, pid_t init)
{
    _cleanup_free_ struct process_info *list = NULL;
    size_t count = 0;
    size_t found = 0;
    if (host_process_list(run->world->observer, &list, &count, NULL) < 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        found += list[i].state != 'Z' && belongs_to(list, count, &list[i], init);
    return found;
}

static size_t processes_of_scenario(struct world *world)
{
    size_t count = 0;
    size_t found = 0;
    _cleanup_free_ struct process_info *list = world->ops->processes(world, &count);
    for (size_t i = 0; i < count; i++)
        found += list[i].state != 'Z';
    return found;
}

size_t place_processes(struct run *run, const char *id)
{
    if (!id)
        return processes_of_scenario(run->world);
    pid_t init = place_init(run, id);
    return init && !is_spawned(run, init) ? processes_below(run, init) : 0;
}
