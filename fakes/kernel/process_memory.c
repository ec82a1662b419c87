/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of processes: the cgroups' limits first, then the machine's, each with its OOM killer. */
#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process_internal.h"

#define OOM_SCORE_ADJ_MIN (-1000)

/* The badness of oom_kill.c: resident pages, plus the adjustment in thousandths of the memory. */
static int64_t process_badness(const struct process *process)
{
    const struct kernel *kernel = process->kernel;
    int64_t pages = (int64_t)(process->resident_bytes / kernel->page_bytes);
    int64_t total = (int64_t)(kernel->memory_bytes / kernel->page_bytes);
    return pages + process->oom_score_adj * (total / 1000);
}

static struct process *process_worst(struct kernel *kernel)
{
    struct process *worst = NULL;
    list_for_each (node, &kernel->processes) {
        struct process *process = list_entry(node, struct process, node);
        if (process == kernel->init || process->kernel_thread || process->resident_bytes == 0 ||
            process->state == PROCESS_ZOMBIE || process->oom_score_adj == OOM_SCORE_ADJ_MIN ||
            (process->pending_signals & SIGNAL_BIT(SIGKILL)) != 0)
            continue;
        if (!worst || process_badness(process) > process_badness(worst))
            worst = process;
    }
    return worst;
}

int process_allocate(struct process *process, uint64_t bytes)
{
    struct kernel *kernel = process->kernel;
    assert(process->state != PROCESS_ZOMBIE);
    int result = cgroup_charge(process, bytes);
    if (process->state == PROCESS_ZOMBIE || process->ending)
        return -EINTR;
    if (result < 0)
        return result;
    kernel->memory_used_bytes += bytes;
    process->resident_bytes += bytes;
    while (kernel->memory_used_bytes > kernel->memory_bytes) {
        struct process *worst = process_worst(kernel);
        if (!worst) {
            process_release_memory(process, bytes);
            return -ENOMEM;
        }
        process_signal(worst, SIGKILL);
        if (process->state == PROCESS_ZOMBIE || process->ending)
            return -EINTR;
    }
    return 0;
}

void process_release_memory(struct process *process, uint64_t bytes)
{
    if (bytes > process->resident_bytes)
        bytes = process->resident_bytes;
    if (bytes == 0)
        return;
    process->resident_bytes -= bytes;
    process->kernel->memory_used_bytes -= bytes;
    cgroup_uncharge(process, bytes);
}
