/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp profiles (isolators.md, linux/seccomp) into the program that the init helper loads, by
 * libseccomp. The profile is the JSON of docker's format: defaultAction, archMap or architectures,
 * and syscalls with arguments and conditions. Conditions on capabilities look at the bounding set
 * that the process will have.
 */
#include "reference/host_linux/seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/host_linux/internal.h"

struct name_value {
    const char *name;
    uint32_t value;
};

static const struct name_value actions[] = {
    {"SCMP_ACT_KILL", SCMP_ACT_KILL},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
    {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(EPERM)},
    {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(EPERM)},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
};

static const struct name_value comparisons[] = {
    {"SCMP_CMP_NE", SCMP_CMP_NE},
    {"SCMP_CMP_LT", SCMP_CMP_LT},
    {"SCMP_CMP_LE", SCMP_CMP_LE},
    {"SCMP_CMP_EQ", SCMP_CMP_EQ},
    {"SCMP_CMP_GE", SCMP_CMP_GE},
    {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

static int look_up(const struct name_value *table, size_t count, const char *what,
    const json_t *name, uint32_t *ret_value, struct err *err)
{
    const char *text = json_string_value(name);
    for (size_t i = 0; text && i < count; i++) {
        if (str_equal(table[i].name, text)) {
            *ret_value = table[i].value;
            return 0;
        }
    }
    return err_set(err, -EINVAL, "seccomp: unknown %s %s", what, text ? text : "(none)");
}

/* "SCMP_ARCH_X86_64" to libseccomp's "x86_64"; 0 when it knows none of that name. */
static uint32_t architecture(const char *name)
{
    _cleanup_free_ char *lower = str_dup(str_starts(name, "SCMP_ARCH_") ? name + 10 : name);
    for (char *letter = lower; *letter; letter++)
        if (*letter >= 'A' && *letter <= 'Z')
            *letter = (char)(*letter - 'A' + 'a');
    return seccomp_arch_resolve_name(lower);
}

static int add_architecture(scmp_filter_ctx filter, const json_t *name, struct err *err)
{
    const char *text = json_string_value(name);
    uint32_t token = text ? architecture(text) : 0;
    if (token == 0)
        return err_set(err, -EINVAL, "seccomp: unknown architecture %s", text ? text : "(none)");
    int result = seccomp_arch_add(filter, token);
    return result < 0 && result != -EEXIST
               ? err_errno(err, result, "seccomp: add architecture %s", text)
               : 0;
}

/* The entry of the native architecture, or a plain list. */
static int add_architectures(scmp_filter_ctx filter, const json_t *profile, struct err *err)
{
    size_t i;
    size_t k;
    const json_t *entry;
    const json_t *name;
    int result = 0;
    json_array_foreach(json_object_get(profile, "architectures"), i, entry)
        if (result == 0)
            result = add_architecture(filter, entry, err);
    json_array_foreach(json_object_get(profile, "archMap"), i, entry) {
        const char *main = json_string_value(json_object_get(entry, "architecture"));
        if (!main || architecture(main) != seccomp_arch_native())
            continue;
        json_array_foreach(json_object_get(entry, "subArchitectures"), k, name)
            if (result == 0)
                result = add_architecture(filter, name, err);
    }
    return result;
}

static bool has_native(const json_t *architectures)
{
    size_t i;
    const json_t *name;
    json_array_foreach(architectures, i, name)
        if (json_is_string(name) &&
            architecture(json_string_value(name)) == seccomp_arch_native())
            return true;
    return false;
}

/* How many of the named capabilities are in the set. */
static size_t count_capabilities(const json_t *names, uint64_t bounding)
{
    size_t i;
    size_t count = 0;
    const json_t *name;
    json_array_foreach(names, i, name) {
        cap_value_t value;
        if (json_is_string(name) && cap_from_name(json_string_value(name), &value) == 0 &&
            bounding >> value & 1)
            count++;
    }
    return count;
}

static bool rule_applies(const json_t *rule, uint64_t bounding)
{
    const json_t *includes = json_object_get(rule, "includes");
    const json_t *excludes = json_object_get(rule, "excludes");
    const json_t *arches = json_object_get(includes, "arches");
    const json_t *capabilities = json_object_get(includes, "caps");
    if (json_array_size(arches) > 0 && !has_native(arches))
        return false;
    if (has_native(json_object_get(excludes, "arches")))
        return false;
    return count_capabilities(capabilities, bounding) == json_array_size(capabilities) &&
           count_capabilities(json_object_get(excludes, "caps"), bounding) == 0;
}

static int build_arguments(const json_t *list, struct scmp_arg_cmp into[6], unsigned *ret_count,
    struct err *err)
{
    size_t i;
    const json_t *entry;
    *ret_count = 0;
    json_array_foreach(list, i, entry) {
        uint32_t comparison = 0;
        int result = look_up(comparisons, ARRAY_SIZE(comparisons), "comparison",
            json_object_get(entry, "op"), &comparison, err);
        json_int_t index = json_integer_value(json_object_get(entry, "index"));
        if (result < 0)
            return result;
        if (*ret_count == 6 || index < 0 || index > 5)
            return err_set(err, -EINVAL, "seccomp: argument index %lld", (long long)index);
        into[(*ret_count)++] = (struct scmp_arg_cmp){.arg = (unsigned)index,
            .op = (enum scmp_compare)comparison,
            .datum_a = (scmp_datum_t)json_integer_value(json_object_get(entry, "value")),
            .datum_b = (scmp_datum_t)json_integer_value(json_object_get(entry, "valueTwo"))};
    }
    return 0;
}

static int add_rule(
    scmp_filter_ctx filter, const json_t *rule, uint32_t default_action, struct err *err)
{
    uint32_t action = 0;
    struct scmp_arg_cmp arguments[6];
    unsigned count = 0;
    int result = look_up(actions, ARRAY_SIZE(actions), "action", json_object_get(rule, "action"),
        &action, err);
    if (result == 0)
        result = build_arguments(json_object_get(rule, "args"), arguments, &count, err);
    if (result < 0 || action == default_action) /* libseccomp refuses what changes nothing */
        return result;
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(rule, "names"), i, name) {
        const char *text = json_string_value(name);
        int number = text ? seccomp_syscall_resolve_name(text) : __NR_SCMP_ERROR;
        if (number == __NR_SCMP_ERROR)
            return err_set(err, -EINVAL, "seccomp: unknown system call %s", text ? text : "(none)");
        result = seccomp_rule_add_array(filter, action, number, count, arguments);
        if (result < 0)
            return err_errno(err, result, "seccomp: rule for %s", text);
    }
    return 0;
}

/* libseccomp writes programs to descriptors only. */
static int export_program(
    scmp_filter_ctx filter, void **ret_data, size_t *ret_length, struct err *err)
{
    _cleanup_close_ int fd = memfd_create("seatrial-seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "seccomp: make a file");
    int result = seccomp_export_bpf(filter, fd);
    off_t length = lseek(fd, 0, SEEK_END);
    if (result < 0 || length <= 0)
        return err_errno(err, result < 0 ? result : -EIO, "seccomp: export the program");
    char *data = mem_alloc((size_t)length);
    if (pread(fd, data, (size_t)length, 0) != length) {
        free(data);
        return err_errno(err, -EIO, "seccomp: read the program");
    }
    *ret_data = data;
    *ret_length = (size_t)length;
    return 0;
}

int linux_seccomp_program(const json_t *profile, uint64_t bounding, void **ret_data,
    size_t *ret_length, struct err *err)
{
    uint32_t default_action = 0;
    int result = look_up(actions, ARRAY_SIZE(actions), "default action",
        json_object_get(profile, "defaultAction"), &default_action, err);
    if (result < 0)
        return result;
    scmp_filter_ctx filter = seccomp_init(default_action);
    if (!filter)
        return err_set(err, -EINVAL, "seccomp: the default action is not known here");
    result = add_architectures(filter, profile, err);
    size_t i;
    const json_t *rule;
    json_array_foreach(json_object_get(profile, "syscalls"), i, rule)
        if (result == 0 && rule_applies(rule, bounding))
            result = add_rule(filter, rule, default_action, err);
    if (result == 0)
        result = export_program(filter, ret_data, ret_length, err);
    seccomp_release(filter);
    return result;
}
