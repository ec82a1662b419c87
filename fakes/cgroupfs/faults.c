/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/cgroupfs/faults.h"

#include <string.h>

#include "reference/base/mem.h"

const char *const cgroupfs_operation_names[OPERATION_COUNT + 1] = {
    [OPERATION_LOOKUP] = "lookup",
    [OPERATION_GETATTR] = "getattr",
    [OPERATION_SETATTR] = "setattr",
    [OPERATION_OPEN] = "open",
    [OPERATION_READ] = "read",
    [OPERATION_WRITE] = "write",
    [OPERATION_POLL] = "poll",
    [OPERATION_LIST] = "list",
    [OPERATION_MKDIR] = "mkdir",
    [OPERATION_RMDIR] = "rmdir",
    [OPERATION_RENAME] = "rename",
    [OPERATION_XATTR] = "xattr",
    [OPERATION_EVENT] = "event",
};

uint64_t cgroupfs_fault_add(struct cgroupfs_faults *faults, const struct cgroupfs_fault *fault)
{
    struct cgroupfs_fault **at = &faults->first;
    while (*at)
        at = &(*at)->next;
    *at = mem_dup(fault, sizeof(*fault));
    (*at)->id = ++faults->last_id;
    (*at)->next = NULL;
    return (*at)->id;
}

bool cgroupfs_fault_remove(struct cgroupfs_faults *faults, uint64_t id)
{
    bool found = id == 0;
    for (struct cgroupfs_fault **at = &faults->first; *at;) {
        struct cgroupfs_fault *fault = *at;
        if (id != 0 && fault->id != id) {
            at = &fault->next;
            continue;
        }
        found = true;
        *at = fault->next;
        free(fault->path);
        free(fault);
    }
    return found;
}

static bool path_matches(const char *pattern, const char *path)
{
    size_t length = strlen(pattern);
    if (length && pattern[length - 1] == '*')
        return strncmp(pattern, path, length - 1) == 0;
    return strcmp(pattern, path) == 0;
}

/* A missing file is missing to all that goes by name. */
static bool operation_matches(const struct cgroupfs_fault *fault, enum cgroupfs_operation operation)
{
    if (fault->missing)
        return operation == OPERATION_LOOKUP || operation == OPERATION_OPEN ||
            operation == OPERATION_GETATTR;
    return fault->operation < 0 ? operation != OPERATION_EVENT : fault->operation == (int)operation;
}

const struct cgroupfs_fault *cgroupfs_fault_find(struct cgroupfs_faults *faults,
    enum cgroupfs_operation operation, const char *path, uint64_t now_ns)
{
    for (struct cgroupfs_fault *at = faults->first; at; at = at->next) {
        if (!operation_matches(at, operation) || (at->path && !path_matches(at->path, path)) ||
            (at->until_ns && now_ns >= at->until_ns))
            continue;
        at->seen++;
        if (at->seen < at->nth || (at->times && at->struck >= at->times))
            continue;
        at->struck++;
        return at;
    }
    return NULL;
}
