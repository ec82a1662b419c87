/* SPDX-License-Identifier: Apache-2.0 */
/* The cpuacct controller of v1, and the CPU time that v2 keeps in every cgroup. */
#include <errno.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

#define TICK_NS (10 * NS_PER_MS) /* USER_HZ of cpuacct.stat */

struct cpuacct_css {
    struct cgroup_css css;
    uint64_t user_ns;
    uint64_t system_ns;
};

enum { TIME_USER = 1, TIME_SYSTEM = 2 };

void cgroup_account_cpu(struct task *task, uint64_t user_ns, uint64_t system_ns)
{
    struct kernel *kernel = task->process->kernel;
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        const struct cgroup_root *root = kernel->hierarchies[i];
        bool accounts = root->subsystems & SUBSYS_BIT(SUBSYS_CPUACCT);
        if (!root->v2 && !accounts)
            continue;
        for (struct cgroup *at = task->cgroups[i]; at; at = at->parent) {
            at->user_ns += user_ns;
            at->system_ns += system_ns;
            struct cpuacct_css *state =
                accounts ? (struct cpuacct_css *)at->css[SUBSYS_CPUACCT] : NULL;
            if (state) {
                state->user_ns += user_ns;
                state->system_ns += system_ns;
            }
        }
    }
}

static const struct cpuacct_css *state_of(const struct cgroup_io *io)
{
    sched_update(io->kernel);
    return (const struct cpuacct_css *)io->css;
}

static uint64_t time_of(const struct cpuacct_css *state, intptr_t which)
{
    return (which & TIME_USER ? state->user_ns : 0) + (which & TIME_SYSTEM ? state->system_ns : 0);
}

/* The model does not follow on which CPU it was: an even share each, the rest on the first. */
static uint64_t on_cpu(const struct cgroup_io *io, uint64_t total, unsigned cpu)
{
    return total / io->kernel->cpus + (cpu == 0 ? total % io->kernel->cpus : 0);
}

static int usage_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, time_of(state_of(io), io->file->argument));
    return 0;
}

static int usage_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (result)
        return result;
    if (value)
        return -EINVAL;
    sched_update(io->kernel);
    struct cpuacct_css *state = (struct cpuacct_css *)io->css;
    state->user_ns = state->system_ns = 0;
    return 0;
}

static int percpu_read(const struct cgroup_io *io, struct strbuf *out)
{
    uint64_t total = time_of(state_of(io), io->file->argument);
    for (unsigned cpu = 0; cpu < io->kernel->cpus; cpu++) {
        print_u64(out, on_cpu(io, total, cpu));
        strbuf_add(out, " ");
    }
    strbuf_add(out, "\n");
    return 0;
}

static int all_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct cpuacct_css *state = state_of(io);
    strbuf_add(out, "cpu user system\n");
    for (unsigned cpu = 0; cpu < io->kernel->cpus; cpu++) {
        print_u64(out, cpu);
        strbuf_add(out, " ");
        print_u64(out, on_cpu(io, state->user_ns, cpu));
        strbuf_add(out, " ");
        print_line_u64(out, on_cpu(io, state->system_ns, cpu));
    }
    return 0;
}

static int stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct cpuacct_css *state = state_of(io);
    print_key_u64(out, "user", state->user_ns / TICK_NS);
    print_key_u64(out, "system", state->system_ns / TICK_NS);
    return 0;
}

static const struct cgroup_file files[] = {
    {"cpuacct.usage", ON_BOTH, FILE_V1, 0644, usage_read, usage_write, NULL,
        TIME_USER | TIME_SYSTEM, 0},
    {"cpuacct.usage_user", ON_BOTH, FILE_V1, 0444, usage_read, NULL, NULL, TIME_USER, 0},
    {"cpuacct.usage_sys", ON_BOTH, FILE_V1, 0444, usage_read, NULL, NULL, TIME_SYSTEM, 0},
    {"cpuacct.usage_percpu", ON_BOTH, FILE_V1, 0444, percpu_read, NULL, NULL,
        TIME_USER | TIME_SYSTEM, 0},
    {"cpuacct.usage_percpu_user", ON_BOTH, FILE_V1, 0444, percpu_read, NULL, NULL, TIME_USER, 0},
    {"cpuacct.usage_percpu_sys", ON_BOTH, FILE_V1, 0444, percpu_read, NULL, NULL, TIME_SYSTEM, 0},
    {"cpuacct.usage_all", ON_BOTH, FILE_V1, 0444, all_read, NULL, NULL, 0, 0},
    {"cpuacct.stat", ON_BOTH, FILE_V1, 0444, stat_read, NULL, NULL, 0, 0},
};

const struct cgroup_controller cgroup_controller_cpuacct = {
    .name = "cpuacct",
    .legacy_name = "cpuacct",
    .subsys = SUBSYS_CPUACCT,
    .versions = FILE_V1,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct cpuacct_css),
};
