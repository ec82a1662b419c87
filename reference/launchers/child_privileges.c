/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, users, capabilities, seccomp and no_new_privs (launchers.md 5, stages 14 and 17-22). */
#include "reference/launchers/child.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
    const char *type;
    int resource;
} limits[] = {
    {"RLMT_AS", RLIMIT_AS},
    {"RLMT_CORE", RLIMIT_CORE},
    {"RLMT_CPU", RLIMIT_CPU},
    {"RLMT_DATA", RLIMIT_DATA},
    {"RLMT_FSIZE", RLIMIT_FSIZE},
    {"RLMT_LOCKS", RLIMIT_LOCKS},
    {"RLMT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLMT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLMT_NICE", RLIMIT_NICE},
    {"RLMT_NOFILE", RLIMIT_NOFILE},
    {"RLMT_NPROC", RLIMIT_NPROC},
    {"RLMT_RSS", RLIMIT_RSS},
    {"RLMT_RTPRIO", RLIMIT_RTPRIO},
    {"RLMT_RTTIME", RLIMIT_RTTIME},
    {"RLMT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLMT_STACK", RLIMIT_STACK},
};

static int resource_of(const char *type)
{
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        if (strcmp(limits[i].type, type) == 0)
            return limits[i].resource;
    child_fail(0, "unknown resource limit %s", type);
}

static rlim_t bound_of(const char *text)
{
    return text[0] ? (rlim_t)strtoull(text, NULL, 10) : RLIM_INFINITY;
}

/* launchers.md 5.4 */
void child_rlimits(const struct child_plan *plan)
{
    for (const char **limit = plan->rlimits; limit && *limit; limit += 3) {
        if (!limit[1][0] != !limit[2][0])
            child_fail(0, "resource limit %s has only one bound", limit[0]);
        const struct rlimit value = {
            .rlim_cur = bound_of(limit[1]), .rlim_max = bound_of(limit[2])};
        if (setrlimit((__rlimit_resource_t)resource_of(limit[0]), &value) < 0)
            child_fail(errno, "set resource limit %s to %s:%s", limit[0], limit[1], limit[2]);
    }
}

static bool wants_capabilities(const struct child_plan *plan)
{
    return plan->flags & (CHILD_CAP_EFFECTIVE | CHILD_CAP_BOUNDING);
}

void child_keep_capabilities(const struct child_plan *plan)
{
    if (wants_capabilities(plan) && plan->flags & CHILD_USER && prctl(PR_SET_KEEPCAPS, 1) < 0)
        child_fail(errno, "keep capabilities");
}

void child_user(const struct child_plan *plan)
{
    if (!(plan->flags & CHILD_USER))
        return;
    gid_t groups[512];
    size_t count = 0;
    for (const char **group = plan->groups; group && *group; group++) {
        if (count == sizeof(groups) / sizeof(groups[0]))
            child_fail(0, "more than %zu groups", count);
        groups[count++] = (gid_t)strtoul(*group, NULL, 10);
    }
    if (setgid((gid_t)plan->gid) < 0)
        child_fail(errno, "take group %lu", (unsigned long)plan->gid);
    if (setgroups(count, groups) < 0)
        child_fail(errno, "take %zu groups", count);
    if (setuid((uid_t)plan->uid) < 0)
        child_fail(errno, "take user %lu", (unsigned long)plan->uid);
}

/* The sets as masks by capability number. */
struct capability_sets {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};

static void capabilities_get(struct capability_sets *sets)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        child_fail(errno, "read capabilities");
    sets->effective = data[0].effective | (uint64_t)data[1].effective << 32;
    sets->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    sets->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
}

static void capabilities_set(const struct capability_sets *sets)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(sets->effective >> 32 * i);
        data[i].permitted = (uint32_t)(sets->permitted >> 32 * i);
        data[i].inheritable = (uint32_t)(sets->inheritable >> 32 * i);
    }
    if (syscall(SYS_capset, &header, data) < 0)
        child_fail(errno, "set capabilities");
}

/* What the kernel has in its bounding set: as many as it knows. */
static uint64_t bounding_get(void)
{
    uint64_t mask = 0;
    for (int i = 0; i < 64; i++) {
        int has = prctl(PR_CAPBSET_READ, i);
        if (has < 0)
            break;
        mask |= (uint64_t)(has > 0) << i;
    }
    return mask;
}

static void bounding_shrink(uint64_t wanted)
{
    uint64_t dropped = bounding_get() & ~wanted;
    for (int i = 0; i < 64; i++)
        if (dropped >> i & 1 && prctl(PR_CAPBSET_DROP, i) < 0)
            child_fail(errno, "drop capability %d from the bounding set", i);
}

static void ambient_set(uint64_t wanted)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
        if (errno != EINVAL) /* before 4.3 */
            child_fail(errno, "clear ambient capabilities");
        return;
    }
    for (int i = 0; i < 64; i++)
        if (wanted >> i & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
            child_fail(errno, "raise ambient capability %d", i);
}

/* launchers.md 5.3. Those that this kernel does not know are not there to be given. */
void child_capabilities(const struct child_plan *plan)
{
    if (!wants_capabilities(plan))
        return;
    struct capability_sets sets;
    capabilities_get(&sets);
    const uint64_t effective = sets.effective;
    sets.effective |= UINT64_C(1) << CAP_SETPCAP;
    capabilities_set(&sets);
    sets.effective = effective;

    uint64_t bounding = bounding_get();
    uint64_t ambient = 0;
    if (plan->flags & CHILD_CAP_EFFECTIVE) {
        sets.effective = sets.permitted = ambient = plan->cap_effective;
        bounding &= plan->cap_effective;
    }
    if (plan->flags & CHILD_CAP_BOUNDING)
        bounding = plan->cap_bounding;
    bounding_shrink(bounding);
    sets.inheritable = bounding_get();
    capabilities_set(&sets);
    ambient_set(ambient);
}

void child_seccomp(const struct child_plan *plan)
{
    if (!plan->seccomp.data)
        return;
    struct sock_fprog program = {
        .len = (unsigned short)(plan->seccomp.length / sizeof(struct sock_filter)),
        .filter = (struct sock_filter *)(uintptr_t)plan->seccomp.data,
    };
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
        child_fail(errno, "load the seccomp filter");
}

void child_no_new_privileges(const struct child_plan *plan)
{
    if (plan->flags & CHILD_NO_NEW_PRIVS && plan->flags & CHILD_NO_NEW_PRIVS_ON &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        child_fail(errno, "set no_new_privs");
}
