/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/launchers/exit_set.h"

#include "reference/base/map.h"
#include "reference/base/mem.h"

struct exit_member {
    struct exit_set *set;
    pid_t pid;
    struct host_request *request;
};

struct exit_set {
    struct host *host;
    struct u64map *members; /* pid -> struct exit_member * */
    host_fn fn;
    void *arg;
};

struct exit_set *exit_set_new(struct host *host, host_fn fn, void *arg)
{
    struct exit_set *set = mem_alloc(sizeof(*set));
    set->host = host;
    set->fn = fn;
    set->arg = arg;
    set->members = u64map_new();
    return set;
}

static void member_ended(void *arg, int result, bool status_known, int wait_status)
{
    (void)status_known;
    (void)wait_status;
    struct exit_member *member = arg;
    struct exit_set *set = member->set;
    u64map_remove(set->members, (uint64_t)member->pid);
    free(member);
    if (result < 0 || u64map_count(set->members) == 0)
        set->fn(set->arg, result < 0 ? result : 0);
}

void exit_set_add(struct exit_set *set, pid_t pid)
{
    if (u64map_get(set->members, (uint64_t)pid))
        return;
    struct exit_member *member = mem_alloc(sizeof(*member));
    member->set = set;
    member->pid = pid;
    u64map_set(set->members, (uint64_t)pid, member);
    member->request = host_exit_watch(set->host, pid, member_ended, member);
}

bool exit_set_awaits(const struct exit_set *set, pid_t pid)
{
    return u64map_get(set->members, (uint64_t)pid) != NULL;
}

size_t exit_set_count(const struct exit_set *set)
{
    return u64map_count(set->members);
}

void exit_set_free(struct exit_set *set)
{
    if (!set)
        return;
    size_t cursor = 0;
    uint64_t pid;
    void *value;
    while (u64map_next(set->members, &cursor, &pid, &value)) {
        struct exit_member *member = value;
        host_cancel(member->request);
        free(member);
    }
    u64map_free(set->members);
    free(set);
}
