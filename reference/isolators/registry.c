/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in isolators in their fixed order, and the rules by which `--isolation` becomes a list
 * of them (isolators.md 2, containerizer.md 2.4).
 */
#include <errno.h>
#include <string.h>

#include "reference/cgroups/cgroup_fs.h"
#include "reference/isolators/io_switchboard.h"
#include "reference/isolators/isolator.h"

/* Behind the modules, too. */
#define SWITCHBOARD "io/switchboard"

const struct isolator_entry isolator_registry[] = {
    {"filesystem/posix", false, false, 0, isolator_filesystem_posix_create},
    {"filesystem/linux", true, true, ISOLATOR_NEEDS_LINUX, isolator_filesystem_linux_create},
    {"filesystem/shared", false, false, ISOLATOR_NEEDS_ROOT, isolator_filesystem_shared_create},
    {"posix/cpu", false, false, 0, isolator_posix_cpu_create},
    {"posix/mem", false, false, 0, isolator_posix_mem_create},
    {"posix/rlimits", true, true, 0, isolator_posix_rlimits_create},
    {"cgroups/", true, true, ISOLATOR_NEEDS_LINUX, isolator_cgroups_create},
    {"appc/runtime", true, true, 0, isolator_appc_runtime_create},
    {"docker/runtime", true, true, 0, isolator_docker_runtime_create},
    {"linux/devices", true, true, ISOLATOR_NEEDS_LINUX | ISOLATOR_NEEDS_FILESYSTEM_LINUX,
        isolator_linux_devices_create},
    {"linux/capabilities", true, true, ISOLATOR_NEEDS_ROOT, isolator_linux_capabilities_create},
    {"linux/nnp", true, true, 0, isolator_linux_nnp_create},
    {"namespaces/ipc", true, true, ISOLATOR_NEEDS_LINUX | ISOLATOR_NEEDS_FILESYSTEM_LINUX,
        isolator_namespaces_ipc_create},
    {"namespaces/pid", true, true, ISOLATOR_NEEDS_LINUX | ISOLATOR_NEEDS_FILESYSTEM_LINUX,
        isolator_namespaces_pid_create},
    {"volume/sandbox_path", true, true, 0, isolator_volume_sandbox_path_create},
    {"docker/volume", true, true, ISOLATOR_NEEDS_ROOT, isolator_docker_volume_create},
    {"volume/host_path", true, true,
        ISOLATOR_NEEDS_LINUX_LAUNCHER | ISOLATOR_NEEDS_FILESYSTEM_LINUX,
        isolator_volume_host_path_create},
    {"volume/image", true, true, ISOLATOR_NEEDS_FILESYSTEM_LINUX, isolator_volume_image_create},
    {"volume/secret", true, false,
        ISOLATOR_NEEDS_LINUX_LAUNCHER | ISOLATOR_NEEDS_FILESYSTEM_LINUX,
        isolator_volume_secret_create},
    {"volume/csi", true, false, ISOLATOR_NEEDS_FILESYSTEM_LINUX, isolator_volume_csi_create},
    {"disk/du", true, true, 0, isolator_disk_du_create},
    {"disk/xfs", false, false, ISOLATOR_NEEDS_ROOT, isolator_disk_xfs_create},
    {"gpu/nvidia", true, true, ISOLATOR_NEEDS_LINUX | ISOLATOR_NEEDS_FILESYSTEM_LINUX,
        isolator_gpu_nvidia_create},
    {"network/cni", true, false, 0, isolator_network_cni_create},
    {"network/port_mapping", false, false, ISOLATOR_NEEDS_ROOT, isolator_port_mapping_create},
    {"network/ports", true, false, ISOLATOR_NEEDS_LINUX_LAUNCHER, isolator_network_ports_create},
    {"linux/seccomp", true, true, ISOLATOR_NEEDS_ROOT, isolator_linux_seccomp_create},
    {"environment_secret", true, true, 0, isolator_environment_secret_create},
    {SWITCHBOARD, true, true, 0, isolator_io_switchboard_create},
};
const size_t isolator_registry_count = ARRAY_SIZE(isolator_registry);

/* What the one object for cgroups/ understands; it checks them against the hierarchies itself. */
const char *const isolator_cgroup_names[] = {"cgroups/all", "cgroups/blkio", "cgroups/cpu",
    "cgroups/cpuset", "cgroups/devices", "cgroups/hugetlb", "cgroups/io", "cgroups/mem",
    "cgroups/net_cls", "cgroups/net_prio", "cgroups/perf_event", "cgroups/pids", NULL};

/* filesystem/linux brings these along (containerizer.md 2.4). */
static const char *const implied_by_linux[] = {
    "volume/host_path", "volume/image", "volume/sandbox_path", NULL};

/* Deprecated names and what they stand for. */
static const struct {
    const char *name;
    const char *becomes[3];
} aliases[] = {
    {"process", {"posix/cpu", "posix/mem", NULL}},
    {"cgroups", {"cgroups/cpu", "cgroups/mem", NULL}},
    {"posix/disk", {"disk/du", NULL, NULL}},
};

static const struct isolator_entry *registry_find(const char *name)
{
    for (size_t i = 0; i < isolator_registry_count; i++) {
        const char *entry = isolator_registry[i].name;

        if (str_ends(entry, "/") ? str_starts(name, entry) : str_equal(name, entry))
            return &isolator_registry[i];
    }
    return NULL;
}

static char **known_names(void)
{
    char **names = NULL;

    for (size_t i = 0; i < isolator_registry_count; i++) {
        if (!str_ends(isolator_registry[i].name, "/"))
            strv_add(&names, isolator_registry[i].name);
    }
    for (size_t i = 0; isolator_cgroup_names[i]; i++)
        strv_add(&names, isolator_cgroup_names[i]);
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
        strv_add(&names, aliases[i].name);
    return names;
}

static bool is_known(const char *name)
{
    const struct isolator_entry *entry = registry_find(name);

    if (!entry)
        return false;
    return !str_ends(entry->name, "/") || strv_contains((char *const *)isolator_cgroup_names, name);
}

static bool is_module(const char *name, struct isolator *const *extra, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(extra[i]->name, name))
            return true;
    }
    return false;
}

static int add_name(char ***names, const char *name, struct err *err)
{
    if (strv_contains(*names, name))
        return err_set(err, -EINVAL, "isolation: duplicate isolator \"%s\"", name);
    strv_add(names, name);
    return 0;
}

/* Splits and resolves aliases; duplicates are errors, also between an alias and what it stands for.
 */
static int names_expand(const char *isolation, char ***ret_names, struct err *err)
{
    _cleanup_strv_ char **given = strv_split(isolation ? isolation : "", ",");
    _cleanup_strv_ char **names = NULL;

    for (size_t i = 0; given && given[i]; i++) {
        const char *const *becomes = NULL;
        int r = 0;

        for (size_t k = 0; k < ARRAY_SIZE(aliases); k++) {
            if (str_equal(given[i], aliases[k].name))
                becomes = aliases[k].becomes;
        }
        if (!becomes)
            r = add_name(&names, given[i], err);
        for (; r == 0 && becomes && *becomes; becomes++)
            r = add_name(&names, *becomes, err);
        if (r < 0)
            return r;
    }
    *ret_names = TAKE_PTR(names);
    return 0;
}

static size_t count_prefixed(char *const *names, const char *prefix, const char *except)
{
    size_t count = 0;

    for (; names && *names; names++)
        count += str_starts(*names, prefix) && !str_equal(*names, except);
    return count;
}

static int needs_check(const char *name, unsigned needs, char *const *names,
    const struct isolator_context *context, struct err *err)
{
    if ((needs & ISOLATOR_NEEDS_LINUX_LAUNCHER) && !context->linux_launcher)
        return err_set(err, -EINVAL, "isolation: %s requires the linux launcher", name);
    if ((needs & ISOLATOR_NEEDS_FILESYSTEM_LINUX) && !strv_contains(names, "filesystem/linux"))
        return err_set(err, -EINVAL, "isolation: %s requires filesystem/linux", name);
    if ((needs & ISOLATOR_NEEDS_ROOT) && !context->host->facts.root)
        return err_set(err, -EPERM, "isolation: %s requires root", name);
    return 0;
}

static int names_check(char *const *names, const struct isolator_context *context,
    struct isolator *const *extra, size_t extra_count, struct err *err)
{
    if (count_prefixed(names, "filesystem/", NULL) > 1)
        return err_set(err, -EINVAL, "isolation: more than one filesystem isolator");
    if (count_prefixed(names, "network/", "network/ports") > 1)
        return err_set(err, -EINVAL, "isolation: more than one network isolator");
    for (size_t i = 0; names && names[i]; i++) {
        int r;

        if (is_module(names[i], extra, extra_count))
            continue;
        if (!is_known(names[i])) {
            _cleanup_strv_ char **known = known_names();
            const char *near = json_suggest(names[i], (const char *const *)known);

            return err_set(err, -EINVAL, "isolation: unknown isolator \"%s\"%s%s%s", names[i],
                near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        r = needs_check(names[i], registry_find(names[i])->needs, names, context, err);
        if (r < 0)
            return r;
    }
    if (context->flags->image_providers && !strv_contains(names, "filesystem/linux"))
        return err_set(err, -EINVAL, "image_providers requires the filesystem/linux isolator");
    return 0;
}

static bool has_switchboard(const struct isolator_context *context)
{
    _cleanup_free_ char *program =
        str_printf("%s/" IO_SWITCHBOARD_PROGRAM, context->flags->launcher_dir);

    return host_file_exists(context->host, program);
}

static bool is_wanted(
    const struct isolator_entry *entry, char *const *names, const struct isolator_context *context)
{
    if (str_equal(entry->name, "environment_secret"))
        return true; /* always on */
    if (str_equal(entry->name, SWITCHBOARD))
        return has_switchboard(context);
    if (str_equal(entry->name, "cgroups/"))
        /* v2: the launcher needs its leaf cgroups, which this object makes. */
        return count_prefixed(names, "cgroups/", NULL) > 0 ||
               (context->linux_launcher && context->host->cgroups &&
                   context->host->cgroups->unified);
    if (str_starts(entry->name, "volume/") && strv_contains(names, "filesystem/linux") &&
        strv_contains((char *const *)implied_by_linux, entry->name))
        return true;
    /* It does nothing without root file systems and networks, and then nobody misses it. */
    if (str_equal(entry->name, "network/cni") &&
        count_prefixed(names, "network/", "network/ports") == 0)
        return strv_contains(names, "filesystem/linux") ||
               flags_other(context->flags, "network_cni_config_dir");
    if (str_equal(entry->name, "filesystem/posix"))
        return count_prefixed(names, "filesystem/", NULL) == 0 || strv_contains(names, entry->name);
    return strv_contains(names, entry->name);
}

static void list_add(struct isolator_list *list, struct isolator *isolator)
{
    list->items = mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = isolator;
}

int isolator_list_create(const struct isolator_context *given, struct isolator *const *extra,
    size_t extra_count, struct isolator_list *ret_list, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    struct isolator_list list = {0};
    struct isolator_context complete = *given;
    struct isolator_context *context = &complete;
    struct isolator *last = NULL;
    int r = names_expand(context->flags->isolation, &names, err);

    if (r == 0)
        r = names_check(names, context, extra, extra_count, err);
    for (size_t i = 0; r == 0 && i < isolator_registry_count; i++) {
        const struct isolator_entry *entry = &isolator_registry[i];
        struct isolator *isolator = NULL;

        if (!is_wanted(entry, names, context))
            continue;
        r = entry->create(context, &isolator, err);
        if (r < 0) {
            err_wrap(err, r, "create isolator %s", entry->name);
            break;
        }
        isolator->nesting = entry->nesting;
        isolator->standalone = entry->standalone;
        list_add(&list, isolator);
        if (str_equal(entry->name, "cgroups/"))
            context->cgroups = isolator;
    }
    if (r < 0) {
        isolator_list_free(&list);
        return r;
    }
    if (list.count > 0 && str_equal(list.items[list.count - 1]->name, SWITCHBOARD))
        last = list.items[--list.count];
    for (size_t i = 0; i < extra_count; i++)
        list_add(&list, extra[i]);
    if (last)
        list_add(&list, last);
    *ret_list = list;
    return 0;
}
