/* SPDX-License-Identifier: Apache-2.0 */
/* The files of /proc that the host's users read. */
#include <stdlib.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/sim_host_internal.h"
#include "reference/base/strbuf.h"

/* A zombie is in the root of every v1 hierarchy. */
static char *cgroup_of(const struct process *process, unsigned i)
{
    if (process->state == PROCESS_ZOMBIE || !process->leader->cgroups[i])
        return str_dup("");
    return cgroup_path_of(process->leader->cgroups[i]);
}

/* As the kernel lists them: the hierarchies in reverse, the v2 one as number 0 at the end. */
static char *cgroup_lines(const struct process *process)
{
    const struct kernel *kernel = process->kernel;
    struct strbuf text = STRBUF_INIT;
    for (unsigned i = kernel->hierarchies_count; i > 0; i--) {
        const struct cgroup_root *root = kernel->hierarchies[i - 1];
        _cleanup_free_ char *path = cgroup_of(process, i - 1);
        if (!cgroup_root_is_v2(root))
            strbuf_addf(&text, "%u:%s:/%s\n", i, cgroup_root_name(root), path);
    }
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        _cleanup_free_ char *path = cgroup_of(process, i);
        if (cgroup_root_is_v2(kernel->hierarchies[i]))
            strbuf_addf(&text, "0::/%s\n", path);
    }
    return strbuf_take(&text);
}

bool sim_proc_read(struct host *host, const char *path, char **ret_text)
{
    static const char prefix[] = "/proc/";
    if (!str_starts(path, prefix))
        return false;
    char *rest = NULL;
    if (str_equal(path, "/proc/filesystems")) {
        *ret_text = str_dup("nodev\tsysfs\nnodev\tproc\nnodev\ttmpfs\n\text4\nnodev\toverlay\n");
        return true;
    }
    long pid = strtol(path + sizeof(prefix) - 1, &rest, 10);
    if (!str_equal(rest, "/cgroup"))
        return false;
    const struct process *process = process_find(sim_host_of(host)->kernel, (pid_t)pid);
    *ret_text = process ? cgroup_lines(process) : NULL;
    return true;
}
