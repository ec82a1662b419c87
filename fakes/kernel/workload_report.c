/* SPDX-License-Identifier: Apache-2.0 */
/* What a simulated process sees of itself. The shape is that of scenarios/workload/report.c; what
 * the simulation does not know (mounts, capabilities, descriptors, …) is absent. */
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/namespace.h"
#include "fakes/kernel/workload_internal.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

/* "/a" seen from the root "b": "/../a". */
static char *path_from(const char *root, const char *path)
{
    struct strbuf buf = STRBUF_INIT;
    size_t root_length = strlen(root);
    if (strncmp(path, root, root_length) == 0 &&
        (root_length == 0 || path[root_length] == '/' || path[root_length] == '\0')) {
        path += root_length;
        path += *path == '/';
        strbuf_addf(&buf, "/%s", path);
        return strbuf_take(&buf);
    }
    size_t common = 0; /* whole components */
    size_t i = 0;
    for (; root[i] == path[i] && root[i] != '\0'; i++) {
        if (root[i] == '/')
            common = i + 1;
    }
    if (root[i] == '/' && path[i] == '\0') {
        path += i;
        root += i + 1;
        common = 0;
    }
    strbuf_add(&buf, "/..");
    for (const char *c = root + common; *c != '\0'; c++) {
        if (*c == '/')
            strbuf_add(&buf, "/..");
    }
    if (path[common] != '\0')
        strbuf_addf(&buf, "/%s", path + common);
    return strbuf_take(&buf);
}

static void report_strings(struct strbuf *buf, const char *name, char *const *strings)
{
    strbuf_addf(buf, ",\n  \"%s\": [", name);
    for (size_t i = 0; strings && strings[i]; i++) {
        strbuf_add(buf, i > 0 ? ", " : "");
        strbuf_add_json_string(buf, strings[i]);
    }
    strbuf_add(buf, "]");
}

/* Of a group or session, whose leader may be gone. */
static pid_t leader_pid(const struct process *process, pid_t leader)
{
    const struct namespace *space = process->namespaces[NS_PID];
    const struct process *found = process_find(process->kernel, leader);
    return space->depth == 0 ? leader : found ? process_pid_in(found, space) : 0;
}

static void report_ids(struct strbuf *buf, const struct process *process)
{
    const struct namespace *space = process->namespaces[NS_PID];
    strbuf_addf(buf, "{\n  \"pid\": %d,\n  \"ppid\": %d,\n  \"pgid\": %d,\n  \"sid\": %d",
        process_pid_in(process, space),
        process->parent ? process_pid_in(process->parent, space) : 0,
        leader_pid(process, process->pgid), leader_pid(process, process->sid));
    strbuf_addf(buf, ",\n  \"uid\": %u,\n  \"gid\": %u", process->uid, process->gid);
    const struct workload_program *program = process->workload->program;
    strbuf_add(buf, ",\n  \"groups\": [");
    for (size_t i = 0; i < program->groups_count; i++)
        strbuf_addf(buf, "%s%u", i > 0 ? ", " : "", program->groups[i]);
    strbuf_add(buf, "]");
}

static void report_namespaces(struct strbuf *buf, const struct process *process)
{
    strbuf_add(buf, ",\n  \"namespaces\": {");
    for (unsigned kind = 0; kind < NS_COUNT; kind++)
        strbuf_addf(buf, "%s\"%s\": %llu", kind > 0 ? ", " : "", namespace_names[kind],
            (unsigned long long)process->namespaces[kind]->inode);
    strbuf_add(buf, "}");
}

static void report_cgroups(struct strbuf *buf, const struct process *process)
{
    const struct kernel *kernel = process->kernel;
    char *const *roots = process->namespaces[NS_CGROUP]->cgroup_roots;
    bool first = true;
    strbuf_add(buf, ",\n  \"cgroups\": {");
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        const struct cgroup *cgroup = process->leader->cgroups[i];
        const struct cgroup_root *root = kernel->hierarchies[i];
        if (!cgroup)
            continue;
        _cleanup_free_ char *path = cgroup_path_of(cgroup);
        _cleanup_free_ char *seen = path_from(roots ? roots[i] : "", path);
        strbuf_add(buf, first ? "" : ", ");
        strbuf_add_json_string(buf, cgroup_root_is_v2(root) ? "" : cgroup_root_name(root));
        strbuf_add(buf, ": ");
        strbuf_add_json_string(buf, seen);
        first = false;
    }
    strbuf_add(buf, "}");
}

static int compare_pids(const void *a, const void *b)
{
    pid_t left = *(const pid_t *)a;
    pid_t right = *(const pid_t *)b;
    return left < right ? -1 : left > right;
}

static void report_pids(struct strbuf *buf, const struct process *process)
{
    const struct namespace *viewer = process->namespaces[NS_PID];
    pid_t *pids = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (const struct namespace *space = viewer; space;
         space = namespace_following(space, viewer)) {
        list_for_each (node, &space->members) {
            const struct process *member = list_entry(node, struct process, member);
            if (member->reaped)
                continue;
            pids = mem_grow(pids, &capacity, count + 1, sizeof(*pids));
            pids[count++] = member->pids[viewer->depth];
        }
    }
    if (count > 0)
        qsort(pids, count, sizeof(*pids), compare_pids);
    strbuf_add(buf, ",\n  \"pids\": [");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(buf, "%s%d", i > 0 ? ", " : "", pids[i]);
    strbuf_add(buf, "]");
    free(pids);
}

static void report_limit(struct strbuf *buf, const char *name, uint64_t value)
{
    if (value == UINT64_MAX)
        strbuf_addf(buf, "\"%s\": null", name);
    else
        strbuf_addf(buf, "\"%s\": %llu", name, (unsigned long long)value);
}

static void report_limits(struct strbuf *buf, const struct workload_program *program)
{
    strbuf_add(buf, ",\n  \"limits\": {");
    for (size_t i = 0; i < program->limits_count; i++) {
        strbuf_addf(buf, "%s\"%s\": {", i > 0 ? ", " : "", program->limits[i].name);
        report_limit(buf, "soft", program->limits[i].soft);
        strbuf_add(buf, ", ");
        report_limit(buf, "hard", program->limits[i].hard);
        strbuf_add(buf, "}");
    }
    strbuf_add(buf, "}");
}

char *workload_report(const struct process *process)
{
    const struct workload_program *program = process->workload->program;
    struct strbuf buf = STRBUF_INIT;
    report_ids(&buf, process);
    strbuf_add(&buf, ",\n  \"directory\": ");
    strbuf_add_json_string(&buf, program->directory);
    report_strings(&buf, "arguments", program->argv);
    report_strings(&buf, "environment", program->environment);
    report_namespaces(&buf, process);
    report_cgroups(&buf, process);
    report_pids(&buf, process);
    if (program->limits_count > 0)
        report_limits(&buf, program);
    strbuf_addf(&buf, ",\n  \"oom_score_adj\": %d\n}\n", process->oom_score_adj);
    return strbuf_take(&buf);
}
