/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/host/sim_perf.h"

#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_world.h"
#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/process.h"
#include "fakes/vfs.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define PROGRAM "/usr/bin/perf"
#define MHZ 2000 /* of the CPUs */
#define EXIT_255 (255 << 8)

/* One pair of --event and --cgroup. */
struct counter {
    char *event;
    char *cgroup;
    uint64_t before_ns;
};
struct perf_run {
    struct sim_resident resident;
    struct sim_world *world;
    struct sim_command *command;
    struct loop_timer *timer;
    struct counter *counters;
    size_t count;
};

static struct cgroup_root *hierarchy(struct kernel *kernel)
{
    struct cgroup_root *root = cgroup_root_find(kernel, "perf_event");
    return root ? root : cgroup_root_find(kernel, ""); /* v2 has it without listing it */
}

/* Of all that lives below the cgroup; UINT64_MAX: there is none. */
static uint64_t cpu_ns(struct kernel *kernel, const char *path)
{
    struct cgroup_root *root = hierarchy(kernel);
    const struct cgroup *top = root ? cgroup_lookup(root, path) : NULL;
    uint64_t sum = 0;
    if (!top)
        return UINT64_MAX;
    sched_update(kernel);
    list_for_each(node, &kernel->processes)
    {
        const struct process *process = list_entry(node, struct process, node);
        list_for_each(thread, &process->tasks)
        {
            const struct task *task = list_entry(thread, struct task, node);
            if (cgroup_is_within(task->cgroups[cgroup_root_index(root)], top))
                sum += task->user_ns + task->system_ns;
        }
    }
    return sum;
}

static void run_free(struct sim_resident *resident)
{
    struct perf_run *run = container_of(resident, struct perf_run, resident);
    sim_resident_remove(resident);
    loop_timer_stop(run->world->kernel->loop, run->timer);
    for (size_t i = 0; i < run->count; i++) {
        free(run->counters[i].event);
        free(run->counters[i].cgroup);
    }
    free(run->counters);
    free(run);
}

static void counter_print(struct strbuf *text, const struct counter *counter, uint64_t now_ns)
{
    /* Who has ended took its time along. */
    uint64_t used_ns = now_ns > counter->before_ns ? now_ns - counter->before_ns : 0;
    if (strstr(counter->event, "clock"))
        strbuf_addf(text, "%.2f,msec", (double)used_ns / 1e6);
    else if (str_equal(counter->event, "cycles") || str_equal(counter->event, "instructions"))
        strbuf_addf(text, "%llu,", (unsigned long long)(used_ns * MHZ / 1000));
    else
        strbuf_add(text, strstr(counter->event, "cycles") ? "<not supported>," : "<not counted>,");
    strbuf_addf(text, ",%s,%s,%llu,100.00,,\n", counter->event, counter->cgroup,
        (unsigned long long)used_ns);
}

static void run_due(void *arg)
{
    struct perf_run *run = arg;
    struct sim_command *command = run->command;
    struct kernel *kernel = run->world->kernel;
    struct strbuf text = STRBUF_INIT;
    run->timer = NULL;
    for (size_t i = 0; i < run->count; i++) {
        uint64_t now_ns = cpu_ns(kernel, run->counters[i].cgroup);
        counter_print(&text, &run->counters[i],
            now_ns == UINT64_MAX ? run->counters[i].before_ns : now_ns);
    }
    run_free(&run->resident);
    sim_command_end(command, &(struct sim_program_result){.output = strbuf_text(&text)});
    strbuf_release(&text);
}

static void perf_start(
    void *arg, struct sim_command *command, const struct run_request *request)
{
    struct sim_world *world = arg;
    struct perf_run *run = mem_alloc(sizeof(*run));
    size_t words = strv_length(request->argv);
    run->world = world;
    run->command = command;
    run->resident.free = run_free;
    run->counters = mem_alloc(words * sizeof(*run->counters));
    sim_resident_add(world, &run->resident);
    for (size_t i = 1; i + 3 < words; i++) {
        if (!str_equal(request->argv[i], "--event"))
            continue;
        struct counter *counter = &run->counters[run->count++];
        counter->event = str_dup(request->argv[i + 1]);
        counter->cgroup = str_dup(request->argv[i + 3]);
        counter->before_ns = cpu_ns(world->kernel, counter->cgroup);
        if (counter->before_ns == UINT64_MAX) {
            run_free(&run->resident);
            sim_command_end(command, &(struct sim_program_result){.status = EXIT_255,
                                         .errors = "no access to cgroup"});
            return;
        }
    }
    double seconds = strtod(request->argv[words - 1], NULL);
    run->timer = loop_timer_start(
        world->kernel->loop, (uint64_t)(seconds * NS_PER_SEC), run_due, run);
}

static void perf_killed(void *arg, struct sim_command *command)
{
    struct sim_world *world = arg;
    list_for_each_safe(node, following, &world->residents) {
        struct sim_resident *resident = list_entry(node, struct sim_resident, node);
        if (resident->free == run_free &&
            container_of(resident, struct perf_run, resident)->command == command)
            run_free(resident);
    }
}

void sim_perf_install(struct host *host)
{
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    const struct sim_commands commands = {perf_start, perf_killed, world};
    vfs_mkdir(world->kernel->vfs, "/usr/bin", 0755, true);
    vfs_write(world->kernel->vfs, PROGRAM, "", 0, 0755, false);
    sim_host_commands(host, "perf", &commands);
}
