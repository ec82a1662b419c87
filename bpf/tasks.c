/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/internal.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

#define ADOPTED_MAX 8192 /* tasks of one cgroup; the others count from their next switch but one */

bool task_times(uint32_t tid, uint64_t *ret_ran_ns, uint64_t *ret_waited_ns)
{
    _cleanup_free_ char *path = str_printf("/proc/%u/schedstat", tid);
    _cleanup_free_ char *text = text_read(path);
    char *end = NULL;
    if (!text)
        return false;
    *ret_ran_ns = strtoull(text, &end, 10);
    *ret_waited_ns = strtoull(end, &end, 10);
    return *end == ' ';
}

/* Fields 10 and 12 of the task's own stat, behind the command in parentheses: in that of a process
 * are the faults of threads that have ended too. */
static bool task_faults(uint32_t tid, uint32_t *ret_minor, uint32_t *ret_major)
{
    _cleanup_free_ char *path = str_printf("/proc/%u/task/%u/stat", tid, tid);
    _cleanup_free_ char *text = text_read(path);
    const char *tail = text ? strrchr(text, ')') : NULL;
    _cleanup_strv_ char **words = tail ? strv_split(tail + 1, " ") : NULL;
    if (strv_length(words) < 10)
        return false;
    *ret_minor = (uint32_t)strtoul(words[7], NULL, 10);
    *ret_major = (uint32_t)strtoul(words[9], NULL, 10);
    return true;
}

static bool task_switches(uint32_t tid, uint32_t *ret_voluntary, uint32_t *ret_involuntary)
{
    _cleanup_free_ char *path = str_printf("/proc/%u/task/%u/status", tid, tid);
    _cleanup_free_ char *text = text_read(path);
    const char *voluntary = text ? strstr(text, "\nvoluntary_ctxt_switches:") : NULL;
    const char *involuntary = text ? strstr(text, "\nnonvoluntary_ctxt_switches:") : NULL;
    if (!voluntary || !involuntary)
        return false;
    *ret_voluntary = (uint32_t)strtoul(strchr(voluntary, ':') + 1, NULL, 10);
    *ret_involuntary = (uint32_t)strtoul(strchr(involuntary, ':') + 1, NULL, 10);
    return true;
}

static void adopt(const struct stats *stats, uint32_t tid, uint32_t slot)
{
    struct task_entry entry = {0};
    uint32_t line = tid & stats->task_mask;
    int fd = stats->maps[MAP_TASKS].fd;
    if (bpf_map_lookup_elem(fd, &line, &entry) < 0 || entry.pid == tid)
        return;
    uint64_t ran_ns = 0;
    uint64_t waited_ns = 0;
    entry = (struct task_entry){
        .pid = tid, .slot = slot, .watch = stats->control->watch - 1};
    if (!task_times(tid, &ran_ns, &waited_ns) ||
        !task_switches(tid, &entry.left_voluntary, &entry.left_involuntary) ||
        !task_faults(tid, &entry.faults_minor, &entry.faults_major))
        return;
    entry.ran_ns = ran_ns;
    entry.waited_ns = waited_ns;
    bpf_map_update_elem(fd, &line, &entry, BPF_ANY);
}

/* The tasks of one cgroup, then those below. */
static uint32_t adopt_tree(
    const struct stats *stats, const char *directory, uint32_t slot, int depth)
{
    const char *file = stats->identity->number == 0 ? "cgroup.threads" : "tasks";
    _cleanup_free_ char *path = str_printf("%s/%s", directory, file);
    _cleanup_free_ char *text = text_read(path);
    uint32_t count = 0;
    for (char *at = text; at && *at && count < ADOPTED_MAX; count++) {
        adopt(stats, (uint32_t)strtoul(at, &at, 10), slot);
        at += *at == '\n';
    }
    DIR *open_directory = depth < STATS_DEPTH_MAX ? opendir(directory) : NULL;
    if (!open_directory)
        return count;
    const struct dirent *entry;
    while ((entry = readdir(open_directory)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        _cleanup_free_ char *below = str_printf("%s/%s", directory, entry->d_name);
        count += adopt_tree(stats, below, slot, depth + 1);
    }
    closedir(open_directory);
    return count;
}

void tasks_adopt(const struct stats *stats, const struct record *record)
{
    _cleanup_free_ char *directory =
        str_printf("%s/%s", stats->identity->mount_point, record->cgroup);
    uint32_t count = adopt_tree(stats, directory, record->slot, 0);
    struct gauge gauge;
    int fd = stats->maps[MAP_GAUGES].fd;
    if (count == 0 || bpf_map_lookup_elem(fd, &record->slot, &gauge) < 0)
        return;
    gauge.threads = (int)count;
    gauge.threads_peak = count;
    gauge.tasks_seen = 1;
    bpf_map_update_elem(fd, &record->slot, &gauge, BPF_ANY);
}

/* It runs as it is read, and writes nothing. */
void tasks_collect(const struct stats *stats)
{
    char nothing[16];
    _cleanup_close_ int fd = stats->iterator ? bpf_iter_create(bpf_link__fd(stats->iterator)) : -1;
    while (fd >= 0 && read(fd, nothing, sizeof(nothing)) > 0)
        ;
}
