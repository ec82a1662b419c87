/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a plan to what the init helper reads: everything that needs a name service, a table or a
 * library is computed here. What is wrong with a plan does not fail the spawn: the helper says it
 * at its stage, so that the container ends as launchers.md 5 says, with its message in stderr.
 */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "reference/host_linux/seccomp.h"
#include "reference/launchers/child_wire.h"

#define NUMBER_BYTES 24

/* Texts of the plan, NULL behind the last; none is copied. */
struct texts {
    const char **items;
    size_t count;
    size_t capacity;
};

/* What the wire plan points to, and its first error. */
struct builder {
    struct host *host;
    const struct plan *plan;
    struct child_plan wire;
    struct texts mounts;
    struct texts files;
    char (*numbers)[NUMBER_BYTES]; /* one for each mount of both */
    size_t numbers_count;
    char **enter;
    char **pre_exec;
    char **groups;
    char **rlimits;
    char **arguments;
    char **environment;
    void *seccomp;
    struct err user_error;
    struct err plan_error;
};

static void builder_release(struct builder *builder)
{
    char **const lists[] = {builder->enter, builder->pre_exec, builder->groups, builder->rlimits,
        builder->arguments, builder->environment};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        strv_free(lists[i]);
    free(builder->mounts.items);
    free(builder->files.items);
    free(builder->numbers);
    free(builder->seccomp);
    err_clear(&builder->user_error);
    err_clear(&builder->plan_error);
}

static const char **as_wire(char **strings)
{
    return (const char **)(uintptr_t)strings;
}

static void add(struct texts *list, const char *text)
{
    list->items =
        mem_grow(list->items, &list->capacity, list->count + 2, sizeof(*list->items));
    list->items[list->count++] = text ? text : "";
    list->items[list->count] = NULL;
}

/* The text is at the end of the room for it, which is returned. Some fifty are written for each
 * container, for which a format takes too long. */
static char *number_write(char room[NUMBER_BYTES], uint64_t number)
{
    char *text = room + NUMBER_BYTES - 1;
    *text = '\0';
    do
        *--text = (char)('0' + number % 10);
    while (number /= 10);
    return text;
}

static void add_mount(
    struct builder *builder, struct texts *list, const struct mount_entry *entry)
{
    static const struct mount_entry none;
    char *flags = builder->numbers[builder->numbers_count++];
    if (!entry)
        entry = &none;
    flags = number_write(flags, (uint64_t)entry->flags);
    const char *const texts[CHILD_MOUNT_STRINGS] = {
        entry->target, entry->source, entry->type, entry->options, flags, entry->source_root};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        add(list, texts[i]);
}

static void build_files(struct builder *builder)
{
    static const char *const kinds[] = {[FILE_OPERATION_SYMLINK] = "symlink",
        [FILE_OPERATION_MOUNT] = "mount",
        [FILE_OPERATION_RENAME] = "rename",
        [FILE_OPERATION_MKDIR] = "mkdir"};
    const struct launch_info *info = &builder->plan->info;
    builder->numbers = mem_alloc(
        (info->mounts_count + info->file_operations_count + 1) * sizeof(*builder->numbers));
    for (size_t i = 0; i < info->mounts_count; i++)
        add_mount(builder, &builder->mounts, &info->mounts[i]);
    for (size_t i = 0; i < info->file_operations_count; i++) {
        const struct file_operation *operation = &info->file_operations[i];
        const char *const texts[] = {kinds[operation->operation], operation->source,
            operation->target, operation->recursive ? "1" : "0"};
        for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
            add(&builder->files, texts[k]);
        add_mount(builder, &builder->files, operation->mount);
    }
    builder->wire.mounts = builder->mounts.items;
    builder->wire.file_operations = builder->files.items;
    builder->wire.masked_paths = as_wire(info->masked_paths);
    builder->wire.rootfs = info->rootfs;
    builder->wire.working_directory = info->working_directory;
    builder->wire.tty = info->tty_slave_path;
}

/* The program of a command: the shell, its value, or its first argument. */
static const char *program_of(const struct command_info *command)
{
    if (command->shell)
        return "/bin/sh";
    return command->value ? command->value : command->arguments ? command->arguments[0] : "";
}

static void build_pre_exec(struct builder *builder)
{
    const struct launch_info *info = &builder->plan->info;
    for (size_t i = 0; i < info->pre_exec_commands_count; i++) {
        const struct command_info *command = &info->pre_exec_commands[i];
        _cleanup_strv_ char **arguments = NULL;
        if (plan_arguments(command, &arguments, &builder->plan_error) < 0)
            return;
        strv_add(&builder->pre_exec, program_of(command));
        strv_add_owned(&builder->pre_exec, str_printf("%zu", strv_length(arguments)));
        for (size_t k = 0; arguments && arguments[k]; k++)
            strv_add(&builder->pre_exec, arguments[k]);
    }
    builder->wire.pre_exec = as_wire(builder->pre_exec);
}

static void build_command(struct builder *builder)
{
    const struct command_info *command = builder->plan->info.command;
    if (plan_arguments(command, &builder->arguments, &builder->plan_error) < 0)
        return;
    builder->wire.program = program_of(command);
    builder->wire.arguments = as_wire(builder->arguments);
    if (command->shell)
        builder->wire.flags |= CHILD_SHELL;
    builder->environment = plan_environment(&builder->plan->info);
    if (builder->environment)
        builder->wire.flags |= CHILD_HAS_ENVIRONMENT;
    builder->wire.environment = as_wire(builder->environment);
}

static void add_group(struct builder *builder, gid_t gid)
{
    _cleanup_free_ char *text = str_printf("%u", (unsigned)gid);
    if (!builder->groups || !strv_contains(builder->groups, text))
        strv_add(&builder->groups, text);
}

/* launchers.md 5, stage 13. A user that we are already keeps its groups, unless there are
 * supplementary ones to be added. */
static void build_user(struct builder *builder)
{
    const struct launch_info *info = &builder->plan->info;
    if (!info->user)
        return;
    struct user_info user = {0};
    if (host_user_lookup(builder->host, info->user, &user, &builder->user_error) < 0) {
        builder->wire.user_error = err_text(&builder->user_error);
        return;
    }
    if (user.uid != geteuid() || strv_length(info->supplementary_groups) > 0) {
        builder->wire.flags |= CHILD_USER;
        builder->wire.uid = user.uid;
        builder->wire.gid = user.gid;
        for (size_t i = 0; i < user.groups_count; i++)
            add_group(builder, user.groups[i]);
        for (char **group = info->supplementary_groups; group && *group; group++)
            add_group(builder, (gid_t)strtoul(*group, NULL, 10));
        builder->wire.groups = as_wire(builder->groups);
    }
    user_info_release(&user);
}

/* Names with or without "CAP_", in any case. */
static uint64_t capability_mask(struct builder *builder, const struct capability_info *info)
{
    uint64_t mask = 0;
    for (char **name = info->capabilities; name && *name; name++) {
        const char *bare = strncasecmp(*name, "CAP_", 4) == 0 ? *name + 4 : *name;
        _cleanup_free_ char *full = str_printf("cap_%s", bare);
        cap_value_t value;
        for (char *letter = full; *letter; letter++)
            if (*letter >= 'A' && *letter <= 'Z')
                *letter = (char)(*letter - 'A' + 'a');
        if (cap_from_name(full, &value) < 0)
            err_set(&builder->plan_error, -EINVAL, "unknown capability %s", *name);
        else
            mask |= UINT64_C(1) << value;
    }
    return mask;
}

static void build_capabilities(struct builder *builder)
{
    const struct launch_info *info = &builder->plan->info;
    if (info->effective_capabilities) {
        builder->wire.flags |= CHILD_CAP_EFFECTIVE;
        builder->wire.cap_effective = capability_mask(builder, info->effective_capabilities);
    }
    if (info->bounding_capabilities) {
        builder->wire.flags |= CHILD_CAP_BOUNDING;
        builder->wire.cap_bounding = capability_mask(builder, info->bounding_capabilities);
    }
    if (info->no_new_privileges.set) {
        builder->wire.flags |= CHILD_NO_NEW_PRIVS;
        if (info->no_new_privileges.value)
            builder->wire.flags |= CHILD_NO_NEW_PRIVS_ON;
    }
}

/* The process will have at most the capabilities of its bounding set. */
static void build_seccomp(struct builder *builder)
{
    const json_t *profile = builder->plan->info.seccomp_profile;
    const struct child_plan *wire = &builder->wire;
    if (!profile)
        return;
    uint64_t bounding = UINT64_MAX;
    if (wire->flags & CHILD_CAP_BOUNDING)
        bounding = wire->cap_bounding;
    else if (wire->flags & CHILD_CAP_EFFECTIVE)
        bounding = wire->cap_effective;
    size_t length = 0;
    if (linux_seccomp_program(
            profile, bounding, &builder->seccomp, &length, &builder->plan_error) < 0)
        return;
    builder->wire.seccomp = (struct child_bytes){builder->seccomp, length};
}

static void add_bound(char ***list, const struct opt_u64 *bound)
{
    strv_add_owned(list, bound->set ? str_printf("%llu", (unsigned long long)bound->value)
                                    : str_dup(""));
}

static void build_limits(struct builder *builder)
{
    const struct rlimit_info *info = builder->plan->info.rlimits;
    for (size_t i = 0; info && i < info->rlimits_count; i++) {
        strv_add(&builder->rlimits, info->rlimits[i].type ? info->rlimits[i].type : "");
        add_bound(&builder->rlimits, &info->rlimits[i].soft);
        add_bound(&builder->rlimits, &info->rlimits[i].hard);
    }
    builder->wire.rlimits = as_wire(builder->rlimits);
}

static const int clone_flags[NS_COUNT] = {
    [NS_USER] = CLONE_NEWUSER,
    [NS_CGROUP] = CLONE_NEWCGROUP,
    [NS_IPC] = CLONE_NEWIPC,
    [NS_UTS] = CLONE_NEWUTS,
    [NS_NET] = CLONE_NEWNET,
    [NS_PID] = CLONE_NEWPID,
    [NS_MNT] = CLONE_NEWNS,
};

uint64_t linux_clone_flags(unsigned mask)
{
    uint64_t flags = 0;
    for (int kind = 0; kind < NS_COUNT; kind++)
        if (mask & NS_BIT(kind) && kind != NS_CGROUP)
            flags |= (uint64_t)clone_flags[kind];
    return flags;
}

static void build_namespaces(struct builder *builder)
{
    const struct plan *plan = builder->plan;
    struct child_plan *wire = &builder->wire;
    unsigned descriptors = 0;
    for (int kind = 0; kind < NS_COUNT; kind++) {
        if (!(plan->enter_namespaces & NS_BIT(kind)))
            continue;
        strv_add(&builder->enter, namespace_names[kind]);
        descriptors++;
    }
    wire->enter = as_wire(builder->enter);
    if (plan->enter_and_clone) {
        wire->flags |= CHILD_ENTER_AND_CLONE;
        wire->clone_flags = linux_clone_flags(plan->clone_namespaces);
    }
    if (plan->clone_namespaces & NS_BIT(NS_MNT))
        wire->flags |= CHILD_NEW_MOUNT;
    if (plan->clone_namespaces & NS_BIT(NS_CGROUP))
        wire->flags |= CHILD_UNSHARE_CGROUP;
    if (plan->mount_namespace_pid > 0)
        wire->mount_namespace_fd = CHILD_FD_FIRST_NS + descriptors;
    if (plan->mount_namespace_pid > 0 && plan->mount_namespace_rooted)
        wire->flags |= CHILD_ROOT_CHANGES;
}

int linux_sealed_file(const char *name, const void *data, size_t length)
{
    _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    for (size_t done = 0; done < length;) {
        ssize_t written = write(fd, (const char *)data + done, length - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        done += (size_t)written;
    }
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -errno;
    return TAKE_FD(fd);
}

void *linux_plan_encode(struct host *host, const struct plan *plan, size_t *ret_length)
{
    struct builder builder = {.host = host, .plan = plan};
    builder.wire.runtime_directory = plan->runtime_directory;
    if (plan->runtime_directory)
        builder.wire.flags |= CHILD_INIT;
    if (host_linux_of(host)->has_mount_api)
        builder.wire.flags |= CHILD_MOUNT_API;
    build_namespaces(&builder);
    build_files(&builder);
    build_pre_exec(&builder);
    build_user(&builder);
    build_capabilities(&builder);
    build_seccomp(&builder);
    build_limits(&builder);
    build_command(&builder);
    if (builder.plan_error.message)
        builder.wire.plan_error = builder.plan_error.message;

    void *bytes = child_wire_encode(&builder.wire, ret_length);
    builder_release(&builder);
    return bytes;
}
