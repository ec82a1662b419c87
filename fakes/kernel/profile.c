/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/kernel/profile.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"

static const struct kernel_profile profiles[] = {
    {.name = "6.1", .version = KERNEL_6_1, .nodes_max = 1024, .cpus_max = 8192},
    {.name = "6.12", .version = KERNEL_6_12, .nodes_max = 1024, .cpus_max = 8192},
    {.name = "6.18", .version = KERNEL_6_18, .nodes_max = 1024, .cpus_max = 8192, .uclamp = true},
};

const struct kernel_profile *kernel_profile_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
        if (!strcmp(profiles[i].name, name))
            return &profiles[i];
    return NULL;
}

int cgroup_subsys_find(const char *name)
{
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (!strcmp(cgroup_controllers[i]->name, name) ||
            !strcmp(cgroup_controllers[i]->legacy_name, name))
            return i;
    return -1;
}

enum option_kind {
    OPTION_SET,
    OPTION_CLEAR,
    OPTION_MISSING,
    OPTION_WITHOUT,
    OPTION_ONLY,
    OPTION_UNMOUNTED,
    OPTION_FILES,
    OPTION_V1,
    OPTION_V2,
    OPTION_NUMBER,
};

struct option {
    const char *word;
    enum option_kind kind;
    size_t offset; /* of the bool or number */
    enum cgroup_subsys subsys;
};
#define OPTION_BOOL(word_, kind_, member)                                                          \
    {                                                                                              \
        .word = (word_), .kind = (kind_), .offset = offsetof(struct kernel_profile, member)        \
    }

static const struct option options[] = {
    {.word = "no-memory-v1", .kind = OPTION_MISSING, .subsys = SUBSYS_MEMORY},
    {.word = "no-cpuset-v1", .kind = OPTION_MISSING, .subsys = SUBSYS_CPUSET},
    OPTION_BOOL("rt-group", OPTION_SET, rt_group),
    OPTION_BOOL("uclamp", OPTION_SET, uclamp),
    OPTION_BOOL("no-uclamp", OPTION_CLEAR, uclamp),
    OPTION_BOOL("bfq", OPTION_SET, bfq),
    OPTION_BOOL("shown-ram", OPTION_SET, shown_ram),
    OPTION_BOOL("kernel-memory", OPTION_SET, kernel_memory),
    OPTION_BOOL("irq-pressure", OPTION_SET, irq_pressure),
    OPTION_BOOL("nsdelegate", OPTION_SET, nsdelegate),
    OPTION_BOOL("no-nsdelegate", OPTION_CLEAR, nsdelegate),
    OPTION_BOOL("no-recursiveprot", OPTION_SET, no_recursiveprot),
    OPTION_BOOL("separate", OPTION_SET, separate),
    OPTION_BOOL("no-mount-namespaces", OPTION_SET, no_mount_namespaces),
    OPTION_BOOL("no-pid-namespaces", OPTION_SET, no_pid_namespaces),
    OPTION_BOOL("no-ipc-namespaces", OPTION_SET, no_ipc_namespaces),
    OPTION_BOOL("not-root", OPTION_SET, not_root),
    {.word = "without=", .kind = OPTION_WITHOUT},
    {.word = "only=", .kind = OPTION_ONLY},
    {.word = "unmounted=", .kind = OPTION_UNMOUNTED},
    OPTION_BOOL("no-files=", OPTION_FILES, no_files),
    OPTION_BOOL("mute-files=", OPTION_FILES, mute_files),
    {.word = "v1=", .kind = OPTION_V1},
    {.word = "v2=", .kind = OPTION_V2},
    OPTION_BOOL("nodes-max=", OPTION_NUMBER, nodes_max),
    OPTION_BOOL("cpus-max=", OPTION_NUMBER, cpus_max),
};

/* "a+b" -> mask; false when one is no controller. Empty is the empty set. */
static bool parse_subsystems(const char *text, size_t length, uint32_t *ret_mask)
{
    *ret_mask = 0;
    for (const char *at = text, *end = text + length; at < end;) {
        char name[32];
        size_t size = strcspn(at, "+");
        if (size > (size_t)(end - at))
            size = (size_t)(end - at);
        if (size >= sizeof(name))
            return false;
        memcpy(name, at, size);
        name[size] = '\0';
        int subsys = cgroup_subsys_find(name);
        if (subsys < 0)
            return false;
        *ret_mask |= SUBSYS_BIT(subsys);
        at += size + 1;
    }
    return true;
}

bool profile_files_have(const profile_files files, const char *name)
{
    for (size_t i = 0; i < PROFILE_FILES && *files[i]; i++)
        if (strcmp(files[i], name) == 0)
            return true;
    return false;
}

/* "a+b": names of files, which nobody checks as they depend on the version. */
static bool parse_files(const char *text, size_t length, profile_files files)
{
    size_t count = 0;
    for (const char *at = text, *end = text + length; at < end;) {
        size_t size = strcspn(at, "+");
        if (size > (size_t)(end - at))
            size = (size_t)(end - at);
        if (size == 0 || size >= PROFILE_FILE_LENGTH || count == PROFILE_FILES)
            return false;
        memcpy(files[count], at, size);
        files[count++][size] = '\0';
        at += size + 1;
    }
    return count > 0;
}

static bool apply_word(struct kernel_profile *profile, const struct option *option,
    const char *value, size_t length)
{
    void *member = (char *)profile + option->offset;
    uint32_t mask;
    switch (option->kind) {
    case OPTION_SET:
    case OPTION_CLEAR:
        *(bool *)member = option->kind == OPTION_SET;
        if (option->offset == offsetof(struct kernel_profile, nsdelegate))
            profile->nsdelegate_set = true;
        return length == 0;
    case OPTION_MISSING:
        profile->v1_missing |= SUBSYS_BIT(option->subsys);
        return length == 0;
    case OPTION_WITHOUT:
        return parse_subsystems(value, length, &profile->missing);
    case OPTION_ONLY:
        if (!parse_subsystems(value, length, &mask))
            return false;
        profile->missing = (SUBSYS_BIT(SUBSYS_COUNT) - 1) & ~mask;
        return true;
    case OPTION_UNMOUNTED:
        return parse_subsystems(value, length, &profile->unmounted);
    case OPTION_V1:
    case OPTION_V2:
        if (!parse_subsystems(value, length, &mask))
            return false;
        profile->v2_bound =
            option->kind == OPTION_V2 ? mask : (SUBSYS_BIT(SUBSYS_COUNT) - 1) & ~mask;
        profile->v2_bound_set = true;
        return true;
    case OPTION_FILES:
        return parse_files(value, length, member);
    case OPTION_NUMBER:
        *(unsigned *)member = (unsigned)strtoul(value, NULL, 10);
        return length > 0 && *(unsigned *)member > 0;
    }
    return false;
}

int kernel_profile_apply(struct kernel_profile *profile, const char *text, const char **ret_word)
{
    for (const char *at = text; at && *at;) {
        size_t length = strcspn(at, ",");
        const struct option *found = NULL;
        size_t word = 0;
        for (size_t i = 0; i < ARRAY_SIZE(options) && !found; i++) {
            word = strlen(options[i].word);
            bool takes_value = options[i].word[word - 1] == '=';
            if (word <= length && !strncmp(at, options[i].word, word) &&
                (takes_value || word == length))
                found = &options[i];
        }
        if (length && (!found || !apply_word(profile, found, at + word, length - word))) {
            *ret_word = at;
            return -EINVAL;
        }
        at += length + (at[length] == ',');
    }
    return 0;
}
