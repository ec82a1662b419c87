/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux/capabilities: the sets of a container from its own wish and the operator's flags
 * (isolators.md 8).
 *
 * effective = requested, else the operator's. bounding = requested (within the operator's), else
 * the operator's, else effective. effective must be within bounding.
 */
#include <errno.h>
#include <strings.h>

#include "reference/isolators/isolator.h"
#include "reference/isolators/launch_build.h"

struct capabilities {
    struct isolator base;
    struct capability_info *effective; /* the operator's; NULL = not given */
    struct capability_info *bounding;
};

/* capabilities(7). The kernel of an agent may have fewer: that, its init finds out. */
static const char *const known_names[] = {"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",
    "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
    "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE",
    "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON",
    "BPF", "CHECKPOINT_RESTORE", NULL};

/* The first name that is none, with or without "CAP_"; NULL when all are. */
static const char *first_unknown(const struct capability_info *set)
{
    for (size_t i = 0; set && set->capabilities && set->capabilities[i]; i++) {
        const char *name = set->capabilities[i];
        const char *bare = strncasecmp(name, "CAP_", 4) == 0 ? name + 4 : name;
        size_t known = 0;

        while (known_names[known] && strcasecmp(known_names[known], bare) != 0)
            known++;
        if (!known_names[known])
            return name;
    }
    return NULL;
}

/* The first name of `inner` that `outer` lacks; NULL when it is within. A missing outer holds all.
 */
static const char *first_beyond(
    const struct capability_info *inner, const struct capability_info *outer)
{
    for (size_t i = 0; outer && inner && inner->capabilities && inner->capabilities[i]; i++) {
        if (!strv_contains(outer->capabilities, inner->capabilities[i]))
            return inner->capabilities[i];
    }
    return NULL;
}

static struct capability_info *info_copy(const struct capability_info *from)
{
    struct capability_info *copy = mem_alloc(sizeof(*copy));

    json_type_copy(&capability_info_json, copy, from);
    return copy;
}

/* Command tasks with a root file system get them as arguments: their executor starts the task
 * later. */
static void info_pass(struct launch_info *info, const struct container_config *config,
    const struct capability_info *effective, const struct capability_info *bounding)
{
    if (!container_config_is_command_task(config) || !config->rootfs) {
        info->effective_capabilities = effective ? info_copy(effective) : NULL;
        info->bounding_capabilities = bounding ? info_copy(bounding) : NULL;
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct capability_info *set = i ? bounding : effective;
        _cleanup_free_ char *json = set ? json_type_encode_text(&capability_info_json, set) : NULL;
        _cleanup_free_ char *argument =
            str_printf("--%s_capabilities=%s", i ? "bounding" : "effective", json ? json : "");

        if (json)
            launch_add_argument(info, argument);
    }
}

static void capabilities_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    static const struct linux_info nothing;
    struct capabilities *capabilities = container_of(isolator, struct capabilities, base);
    const struct linux_info *wish = config->container_info && config->container_info->linux_info
                                        ? config->container_info->linux_info
                                        : &nothing;
    const struct capability_info *effective, *bounding;
    struct launch_info info = {0};
    const char *beyond;

    (void)id;
    if (wish->capability_info && wish->effective_capabilities) {
        done_error(done, -EINVAL,
            "only one of linux_info.capability_info and effective_capabilities may be set");
        return;
    }
    beyond = first_unknown(wish->effective_capabilities);
    if (!beyond)
        beyond = first_unknown(wish->bounding_capabilities);
    if (!beyond)
        beyond = first_unknown(wish->capability_info);
    if (beyond) {
        done_error(done, -EINVAL, "there is no capability %s", beyond);
        return;
    }
    effective = wish->effective_capabilities ? wish->effective_capabilities : wish->capability_info;
    if (!effective)
        effective = capabilities->effective;
    beyond = first_beyond(wish->bounding_capabilities, capabilities->bounding);
    if (beyond) {
        done_error(done, -EPERM,
            "the bounding capability %s is beyond what --bounding_capabilities allows", beyond);
        return;
    }
    bounding = wish->bounding_capabilities ? wish->bounding_capabilities
               : capabilities->bounding    ? capabilities->bounding
                                           : effective;
    beyond = first_beyond(effective, bounding);
    if (beyond) {
        done_error(done, -EPERM, "the effective capability %s is not in the bounding set", beyond);
        return;
    }
    if (!effective && !bounding) {
        done_ok(done, NULL);
        return;
    }
    info_pass(&info, config, effective, bounding);
    launch_done(done, &info);
}

static void set_free(struct capability_info *set)
{
    if (set)
        json_type_release(&capability_info_json, set);
    free(set);
}

static void capabilities_free(struct isolator *isolator)
{
    struct capabilities *capabilities = container_of(isolator, struct capabilities, base);

    set_free(capabilities->effective);
    set_free(capabilities->bounding);
    free(capabilities);
}

static const struct isolator_ops capabilities_ops = {
    .prepare = capabilities_prepare, .free = capabilities_free};

static int operator_set(
    const json_t *json, const char *flag, struct capability_info **ret_set, struct err *err)
{
    struct capability_info set = {0};
    int r;

    if (!json)
        return 0;
    r = json_type_decode(&capability_info_json, json, &set, flag, err);
    if (r == 0 && first_unknown(&set))
        r = err_set(err, -EINVAL, "%s: there is no capability %s", flag, first_unknown(&set));
    if (r == 0)
        *ret_set = mem_dup(&set, sizeof(set));
    else
        json_type_release(&capability_info_json, &set);
    return r;
}

int isolator_linux_capabilities_create(
    const struct isolator_context *context, struct isolator **ret_isolator, struct err *err)
{
    struct capabilities *capabilities;
    const char *beyond;
    int r;

    capabilities = mem_alloc(sizeof(*capabilities));
    capabilities->base = (struct isolator){
        .ops = &capabilities_ops, .name = "linux/capabilities", .host = context->host};
    r = operator_set(context->flags->effective_capabilities, "effective_capabilities",
        &capabilities->effective, err);
    if (r == 0)
        r = operator_set(context->flags->bounding_capabilities, "bounding_capabilities",
            &capabilities->bounding, err);
    beyond = r == 0 ? first_beyond(capabilities->effective, capabilities->bounding) : NULL;
    if (beyond)
        r = err_set(
            err, -EINVAL, "effective_capabilities: %s is not in bounding_capabilities", beyond);
    if (r < 0) {
        capabilities_free(&capabilities->base);
        return r;
    }
    *ret_isolator = &capabilities->base;
    return 0;
}
