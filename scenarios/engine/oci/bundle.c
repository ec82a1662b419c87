/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/oci/bundle.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/oci/bundle_mounts.h"

extern char **environ;

static json_t *strings(char *const *texts)
{
    json_t *list = json_array();
    for (size_t i = 0; texts && texts[i]; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

/* --- the process --- */

static int add_command(const struct launch_info *info, json_t *process, struct err *err)
{
    _cleanup_strv_ char **argv = NULL;
    if (!info->command)
        return err_set(err, -EINVAL, "the plan has no command");
    int result = plan_arguments(info->command, &argv, err);
    if (result < 0)
        return result;
    /* The program and its name are two things for exec, and one in a bundle. */
    if (!info->command->shell && info->command->value)
        str_set(&argv[0], info->command->value);
    _cleanup_strv_ char **environment = plan_environment(info);
    json_object_set_new(process, "args", strings(argv));
    json_object_set_new(process, "env", strings(environment ? environment : environ));
    json_object_set_new(process, "cwd",
        json_string(info->working_directory ? info->working_directory : "/"));
    return 0;
}

static int add_user(
    struct host *host, const struct launch_info *info, json_t *process, struct err *err)
{
    struct user_info user = {0};
    int result = info->user ? host_user_lookup(host, info->user, &user, err) : 0;
    if (result < 0)
        return result;
    json_t *groups = json_array();
    for (size_t i = 0; i < user.groups_count; i++)
        json_array_append_new(groups, json_integer((json_int_t)user.groups[i]));
    /* They are taken with a user, and not by who stays the agent's. */
    char *const *more = info->user ? info->supplementary_groups : NULL;
    for (size_t i = 0; more && more[i]; i++)
        json_array_append_new(groups, json_integer(strtoll(more[i], NULL, 10)));
    json_object_set_new(process, "user",
        json_pack("{sI sI so}", "uid", (json_int_t)user.uid, "gid", (json_int_t)user.gid,
            "additionalGids", groups));
    user_info_release(&user);
    return 0;
}

/* Those of the kernel at hand, which the library may know more or less of. */
static json_t *all_capabilities(void)
{
    json_t *list = json_array();
    for (int i = 0; cap_get_bound(i) >= 0; i++) {
        char *name = cap_get_bound(i) > 0 ? cap_to_name(i) : NULL;
        for (char *c = name; c && *c; c++)
            *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        if (name && str_starts(name, "CAP_"))
            json_array_append_new(list, json_string(name));
        cap_free(name);
    }
    return list;
}

static int named_capabilities(
    const struct capability_info *info, json_t **ret_list, struct err *err)
{
    *ret_list = json_array();
    for (size_t i = 0; info->capabilities && info->capabilities[i]; i++) {
        const char *given = info->capabilities[i];
        const char *bare = str_starts(given, "CAP_") ? given + strlen("CAP_") : given;
        _cleanup_free_ char *name = str_printf("CAP_%s", bare);
        cap_value_t value;
        if (cap_from_name(name, &value) < 0) {
            json_decref(*ret_list);
            return err_set(err, -EINVAL, "unknown capability %s", given);
        }
        json_array_append_new(*ret_list, json_string(name));
    }
    return 0;
}

/* Nothing said is: as the user's are by themselves, which a bundle has to spell out. */
static int add_capabilities(
    const struct launch_info *info, bool root, json_t *process, struct err *err)
{
    json_t *bounding = NULL;
    json_t *effective = NULL;
    int result = 0;
    if (info->effective_capabilities)
        result = named_capabilities(info->effective_capabilities, &effective, err);
    if (result == 0 && info->bounding_capabilities)
        result = named_capabilities(info->bounding_capabilities, &bounding, err);
    if (result < 0) {
        json_decref(effective);
        return result;
    }
    json_t *ambient = effective ? json_incref(effective) : json_array();
    if (!bounding)
        bounding = effective ? json_incref(effective) : all_capabilities();
    if (!effective)
        effective = root ? json_incref(bounding) : json_array();
    json_object_set_new(process, "capabilities",
        json_pack("{sO so so sO so}", "bounding", bounding, "inheritable", bounding, "effective",
            effective, "permitted", effective, "ambient", ambient));
    return 0;
}

/* No limit is the largest number of 64 bits, which the library's integers don't reach. */
#define NO_LIMIT "18446744073709551615"

static json_t *bound(const struct opt_u64 *value)
{
    bool ends = value->set && value->value <= INT64_MAX;
    return ends ? json_integer((json_int_t)value->value) : json_string(NO_LIMIT);
}

/* The quotes around it go. */
static char *unquote_limits(char *text)
{
    static const char quoted[] = "\"" NO_LIMIT "\"";
    for (char *at = strstr(text, quoted); at; at = strstr(at, quoted)) {
        memmove(at, NO_LIMIT, strlen(NO_LIMIT));
        memmove(at + strlen(NO_LIMIT), at + strlen(quoted), strlen(at + strlen(quoted)) + 1);
    }
    return text;
}

static int add_limits(const struct launch_info *info, json_t *process, struct err *err)
{
    json_t *list = json_array();
    json_object_set_new(process, "rlimits", list);
    for (size_t i = 0; info->rlimits && i < info->rlimits->rlimits_count; i++) {
        const struct rlimit *limit = &info->rlimits->rlimits[i];
        if (limit->soft.set != limit->hard.set)
            return err_set(
                err, -EINVAL, "resource limit %s has only one bound", limit->type);
        _cleanup_free_ char *type = str_printf("RLIMIT_%s", limit->type + strlen("RLMT_"));
        json_array_append_new(list,
            json_pack("{ss so so}", "type", type, "soft", bound(&limit->soft), "hard",
                bound(&limit->hard)));
    }
    return 0;
}

static int make_process(
    struct host *host, const struct launch_info *info, json_t **ret_process, struct err *err)
{
    json_t *process = json_pack("{sb sb}", "terminal", 0, "noNewPrivileges",
        info->no_new_privileges.set && info->no_new_privileges.value);
    int result = add_command(info, process, err);
    if (result == 0)
        result = add_user(host, info, process, err);
    if (result == 0) {
        const json_t *uid = json_object_get(json_object_get(process, "user"), "uid");
        result = add_capabilities(info, json_integer_value(uid) == 0, process, err);
    }
    if (result == 0)
        result = add_limits(info, process, err);
    if (result < 0)
        json_decref(process);
    else
        *ret_process = process;
    return result;
}

/* --- the rest of Linux --- */

static const char *const namespace_types[NS_COUNT] = {[NS_USER] = "user",
    [NS_CGROUP] = "cgroup",
    [NS_IPC] = "ipc",
    [NS_UTS] = "uts",
    [NS_NET] = "network",
    [NS_PID] = "pid",
    [NS_MNT] = "mount"};

static void add_namespace(json_t *list, enum namespace_kind kind, pid_t pid)
{
    json_t *item = json_pack("{ss}", "type", namespace_types[kind]);
    if (pid > 0) {
        _cleanup_free_ char *path = str_printf("/proc/%d/ns/%s", (int)pid, namespace_names[kind]);
        json_object_set_new(item, "path", json_string(path));
    }
    json_array_append_new(list, item);
}

/* A runtime wants a mount namespace of its own in any case. */
static json_t *make_namespaces(const struct plan *plan)
{
    json_t *list = json_array();
    for (int kind = 0; kind < NS_COUNT; kind++) {
        if (kind == NS_MNT)
            add_namespace(list, NS_MNT, 0);
        else if (plan->clone_namespaces & NS_BIT(kind))
            add_namespace(list, (enum namespace_kind)kind, 0);
        else if (plan->enter_namespaces & NS_BIT(kind))
            add_namespace(list, (enum namespace_kind)kind, plan->enter_pid);
    }
    return list;
}

/* The profile of an image engine has conditions (includes, excludes), a bundle's has none. */
static int add_seccomp(const struct launch_info *info, json_t *linux_part, struct err *err)
{
    const json_t *calls = json_object_get(info->seccomp_profile, "syscalls");
    const json_t *action = json_object_get(info->seccomp_profile, "defaultAction");
    const json_t *call;
    size_t i;
    if (!info->seccomp_profile)
        return 0;
    json_t *list = json_array();
    json_array_foreach(calls, i, call)
    {
        json_t *copy = json_object();
        static const char *const keys[] = {"names", "action", "args", "errnoRet"};
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++)
            if (json_object_get(call, keys[k]))
                json_object_set(copy, keys[k], json_object_get(call, keys[k]));
        json_array_append_new(list, copy);
        if (json_object_size(json_object_get(call, "includes")) > 0 ||
            json_object_size(json_object_get(call, "excludes")) > 0) {
            json_decref(list);
            return err_set(err, -EOPNOTSUPP, "a seccomp profile with conditions");
        }
    }
    json_object_set_new(linux_part, "seccomp",
        json_pack("{sO so}", "defaultAction", action, "syscalls", list));
    return 0;
}

static json_t *masked_paths(const struct launch_info *info)
{
    json_t *list = json_array();
    for (size_t i = 0; info->masked_paths && info->masked_paths[i]; i++) {
        const char *inside = bundle_path_inside(info, info->masked_paths[i]);
        if (inside)
            json_array_append_new(list, json_string(inside));
    }
    return list;
}

static int refuse_wordless(const struct plan *plan, struct err *err)
{
    const struct launch_info *info = &plan->info;
    if (plan->enter_namespaces & plan->clone_namespaces & NS_BIT(NS_PID))
        return err_set(err, -EOPNOTSUPP, "a pid namespace below another container's");
    /* Runtimes change the root of whatever mount namespace the process is in. */
    if (plan->mount_namespace_pid)
        return err_set(err, -EOPNOTSUPP, "another container's mount namespace");
    if (info->pre_exec_commands_count > 0)
        return err_set(err, -EOPNOTSUPP, "commands before that of the container");
    if (info->tty_slave_path)
        return err_set(err, -EOPNOTSUPP, "a terminal of the agent's");
    return 0;
}

int bundle_config(struct host *host, const struct plan *plan, const struct bundle_place *place,
    char **ret_config, struct err *err)
{
    const struct launch_info *info = &plan->info;
    json_t *process = NULL;
    json_t *mounts = NULL;
    json_t *linux_part = json_pack("{ss so so so ss}", "cgroupsPath", place->cgroups, "namespaces",
        make_namespaces(plan), "maskedPaths", masked_paths(info), "readonlyPaths",
        bundle_read_only_paths(info), "rootfsPropagation", "rslave");
    int result = refuse_wordless(plan, err);
    if (result == 0)
        result = add_seccomp(info, linux_part, err);
    if (result == 0)
        result = bundle_mounts(info, place->writable, &mounts, err);
    if (result == 0)
        result = make_process(host, info, &process, err);
    if (result < 0) {
        json_decref(linux_part);
        json_decref(mounts);
        return result;
    }
    json_t *config = json_pack("{ss so s{ss sb} so so}", "ociVersion", "1.0.2", "process", process,
        "root", "path", info->rootfs ? info->rootfs : place->root, "readonly",
        bundle_root_is_read_only(info), "mounts", mounts, "linux", linux_part);
    *ret_config = unquote_limits(json_dumps(config, JSON_COMPACT));
    json_decref(config);
    return 0;
}
