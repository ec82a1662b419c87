/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/process_tree.h"

#include "reference/base/log.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"

/* What belongs to the task: pids, and the groups and sessions of those. */
struct tree {
    struct u64map *members; /* pid, group or session -> non-NULL */
    const struct process_info *processes;
    size_t count;
    bool *ours;
    pid_t spared[2]; /* group and session of its parent: those of a process that just began */
};

static bool has(const struct tree *tree, pid_t id)
{
    return id > 0 && id != tree->spared[0] && id != tree->spared[1] &&
        u64map_get(tree->members, (uint64_t)id);
}

static void add(struct tree *tree, pid_t id)
{
    if (id > 0)
        u64map_set(tree->members, (uint64_t)id, tree->members);
}

/* Group and session numbers are pids: one map serves for all three. */
static void tree_close(struct tree *tree, pid_t pid)
{
    add(tree, pid);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < tree->count; i++) {
            const struct process_info *process = &tree->processes[i];
            if (tree->ours[i] || (process->pid != pid && !has(tree, process->ppid) &&
                                     !has(tree, process->pgid) && !has(tree, process->sid)))
                continue;
            tree->ours[i] = changed = true;
            add(tree, process->pid);
            add(tree, process->pgid);
            add(tree, process->sid);
        }
    }
}

void process_tree_signal(struct host *host, pid_t pid, int signal)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct process_info *processes = NULL;
    size_t count = 0;
    if (host_process_list(host, &processes, &count, &err) < 0) {
        log_warning("signal %d to the tree of %d: %s", signal, (int)pid, err_text(&err));
        host_signal(host, pid, signal, NULL);
        return;
    }
    struct tree tree = {
        .members = u64map_new(),
        .processes = processes,
        .count = count,
        .ours = mem_alloc(count + 1),
    };
    struct process_info info;
    if (host_process_info(host, pid, &info) == 0 &&
        host_process_info(host, info.ppid, &info) == 0) {
        tree.spared[0] = info.pgid;
        tree.spared[1] = info.sid;
    }
    tree_close(&tree, pid);
    for (size_t i = 0; i < count; i++)
        if (tree.ours[i] && processes[i].state != 'Z' && processes[i].state != 'X')
            host_signal(host, processes[i].pid, signal, NULL);
    u64map_free(tree.members);
    free(tree.ours);
    free(processes);
}
