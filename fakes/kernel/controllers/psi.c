/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.pressure and {cpu,io,memory,irq}.pressure with their triggers (spec cgroupfs.md 3.7). */
#include "fakes/kernel/psi.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/kernel/cgroup_open.h"
#include "fakes/kernel/cgroup_parse.h"

#define WINDOW_US_MAX 10000000
#define WINDOW_US_MIN_6_1 500000
/* Without CAP_SYS_RESOURCE, so that the periodic averaging is enough. */
#define WINDOW_US_UNPRIVILEGED 2000000

/* How often the kernel averages: 2 s and a tick of 250 Hz. */
#define AVERAGE_PERIOD_US 2004000
/* Averages are fixed point numbers of so many bits behind the point. */
#define POINT_BITS 11
#define POINT_ONE (1u << POINT_BITS)
#define WAITING_LEAST 1e-6 /* less is rounding */

/* Of 10, 60 and 300 s: what is left of an average after a period, exp(-2 / n). */
static const struct {
    const char *name;
    uint32_t left;
} averages[] = {{"avg10", 1677}, {"avg60", 1981}, {"avg300", 2034}};

struct average {
    uint64_t counted_us; /* of the total */
    uint32_t of[ARRAY_SIZE(averages)]; /* percent */
};

struct pressure {
    uint64_t some_us[PSI_COUNT];
    uint64_t full_us[PSI_COUNT];
    struct average some[PSI_COUNT];
    struct average full[PSI_COUNT];
    uint64_t next_ns; /* when the period ends */
    /* CPUs that tasks of the subtree wait for, and run on, while that is summed up. */
    double waiting;
    double running;
};

struct psi_trigger {
    struct cgroup_open *open;
    enum psi_resource resource;
    bool full;
    uint32_t threshold_us;
    uint32_t window_us;
    uint64_t window_start_ns;
    uint64_t total_us; /* at the start of the window */
    uint64_t event_ns; /* the last event; 0: none yet */
    bool fired;
};

/* ---------------------------------------------------------------------- averages */

/* x to the power of n, rounded at each step as the kernel does. */
static uint32_t point_power(uint32_t x, uint64_t n)
{
    uint32_t result = POINT_ONE;
    for (; n; n >>= 1) {
        if (n & 1)
            result = (result * x + POINT_ONE / 2) >> POINT_BITS;
        x = (x * x + POINT_ONE / 2) >> POINT_BITS;
    }
    return result;
}

/* Towards what is now; a rising average is rounded up. */
static uint32_t average_step(uint32_t average, uint32_t left, uint32_t now)
{
    uint64_t sum = (uint64_t)average * left + (uint64_t)now * (POINT_ONE - left);
    if (now >= average)
        sum += POINT_ONE - 1;
    return (uint32_t)(sum / POINT_ONE);
}

/* One period; what does not fit into it is left for the next. True when something is left. */
static bool average_period(struct average *average, uint64_t total_us)
{
    uint64_t sample_us = total_us - average->counted_us;
    if (sample_us > AVERAGE_PERIOD_US)
        sample_us = AVERAGE_PERIOD_US;
    average->counted_us += sample_us;
    uint32_t percent = (uint32_t)(sample_us * 100 / AVERAGE_PERIOD_US) * POINT_ONE;
    for (size_t i = 0; i < ARRAY_SIZE(averages); i++)
        average->of[i] = average_step(average->of[i], averages[i].left, percent);
    return average->counted_us < total_us;
}

static void average_decay(struct average *average, uint64_t periods)
{
    for (size_t i = 0; i < ARRAY_SIZE(averages); i++)
        average->of[i] =
            average_step(average->of[i], point_power(averages[i].left, periods), 0);
}

/* All periods that have ended by now. */
static void pressure_average(struct pressure *pressure, uint64_t now_ns)
{
    static const uint64_t period_ns = AVERAGE_PERIOD_US * NS_PER_US;
    bool left = true;
    for (; left && now_ns >= pressure->next_ns; pressure->next_ns += period_ns) {
        left = false;
        for (int i = 0; i < PSI_COUNT; i++) {
            left |= average_period(&pressure->some[i], pressure->some_us[i]);
            left |= average_period(&pressure->full[i], pressure->full_us[i]);
        }
    }
    if (now_ns < pressure->next_ns)
        return;
    uint64_t periods = (now_ns - pressure->next_ns) / period_ns + 1;
    for (int i = 0; i < PSI_COUNT; i++) {
        average_decay(&pressure->some[i], periods);
        average_decay(&pressure->full[i], periods);
    }
    pressure->next_ns += periods * period_ns;
}

/* ---------------------------------------------------------------------- totals and triggers */

static uint64_t trigger_total(const struct psi_trigger *trigger)
{
    const struct pressure *pressure = trigger->open->node.cgroup->pressure;
    if (!pressure)
        return 0;
    return trigger->full ? pressure->full_us[trigger->resource]
                         : pressure->some_us[trigger->resource];
}

static void trigger_check(struct psi_trigger *trigger, uint64_t now_ns, uint64_t before_us)
{
    if (now_ns - trigger->window_start_ns >= trigger->window_us * NS_PER_US) {
        trigger->window_start_ns = now_ns;
        trigger->total_us = before_us;
    }
    if (trigger_total(trigger) - trigger->total_us < trigger->threshold_us)
        return;
    /* Once per window (kernel/sched/psi.c, update_triggers). */
    if (trigger->event_ns && now_ns < trigger->event_ns + trigger->window_us * NS_PER_US)
        return;
    bool news = !trigger->fired;
    trigger->fired = true;
    trigger->event_ns = trigger->window_start_ns = now_ns;
    trigger->total_us = trigger_total(trigger);
    if (trigger->open->wakeup)
        trigger->open->wakeup(trigger->open->wakeup_arg);
    /* By kernfs_notify (since 6.5, and in the later ones of 6.1), which inotify hears, too. */
    if (news)
        cgroup_file_modified(trigger->open->node.cgroup, trigger->open->node.file);
}

static struct pressure *pressure_make(struct cgroup *cgroup, uint64_t now_ns)
{
    if (!cgroup->pressure) {
        cgroup->pressure = mem_alloc(sizeof(*cgroup->pressure));
        cgroup->pressure->next_ns = now_ns + AVERAGE_PERIOD_US * NS_PER_US;
    }
    return cgroup->pressure;
}

/* Of the cgroup alone, with its triggers. */
static void stall_one(
    struct cgroup *cgroup, enum psi_resource resource, uint64_t some_us, uint64_t full_us)
{
    uint64_t now_ns = loop_now_ns(cgroup_kernel(cgroup)->loop);
    struct pressure *pressure = pressure_make(cgroup, now_ns);
    pressure_average(pressure, now_ns);
    pressure->some_us[resource] += some_us;
    pressure->full_us[resource] += full_us;
    list_for_each(node, &cgroup->listeners) {
        struct cgroup_listener *listener = list_entry(node, struct cgroup_listener, node);
        const struct cgroup_open *open = cgroup_open_of(listener);
        struct psi_trigger *trigger = open ? open->trigger : NULL;
        if (trigger && trigger->resource == resource)
            trigger_check(
                trigger, now_ns, trigger_total(trigger) - (trigger->full ? full_us : some_us));
    }
}

void psi_stall(struct cgroup *cgroup, enum psi_resource resource, uint64_t some_us,
    uint64_t full_us)
{
    for (; cgroup; cgroup = cgroup->parent)
        stall_one(cgroup, resource, some_us, full_us);
}

static struct cgroup *unified_of(const struct task *task)
{
    const struct cgroup_root *root = cgroup_root_find(task->process->kernel, "");
    return root ? task->cgroups[root->index] : NULL;
}

static size_t tasks_below(struct cgroup *cgroup)
{
    size_t count = 0;
    free(cgroup_tasks_snapshot(cgroup, true, &count));
    return count;
}

void psi_task_stalled(const struct task *task, enum psi_resource resource, uint64_t us)
{
    for (struct cgroup *at = unified_of(task); at; at = at->parent)
        stall_one(at, resource, us, tasks_below(at) <= 1 ? us : 0);
}

void psi_cpu_add(const struct task *task, double running)
{
    uint64_t now_ns = loop_now_ns(task->process->kernel->loop);
    for (struct cgroup *at = unified_of(task); at; at = at->parent) {
        struct pressure *pressure = pressure_make(at, now_ns);
        pressure->running += running;
        pressure->waiting += 1 - running;
    }
}

void psi_cpu_settle(const struct task *task, uint64_t elapsed_ns)
{
    double elapsed_us = (double)elapsed_ns / NS_PER_US;
    for (struct cgroup *at = unified_of(task); at && at->pressure; at = at->parent) {
        struct pressure *pressure = at->pressure;
        double some = pressure->waiting < 1 ? pressure->waiting : 1;
        /* Of the whole machine nobody says that it does not run. */
        double full = at->parent && pressure->running < 1 ? 1 - pressure->running : 0;
        pressure->waiting = pressure->running = 0;
        if (some >= WAITING_LEAST)
            stall_one(at, PSI_CPU, (uint64_t)llround(elapsed_us * some),
                (uint64_t)llround(elapsed_us * (full < some ? full : some)));
    }
}

void psi_trigger_free(struct psi_trigger *trigger)
{
    free(trigger);
}

unsigned psi_trigger_poll(struct psi_trigger *trigger)
{
    if (!trigger)
        return POLLPRI | POLLERR;
    bool fired = trigger->fired;
    trigger->fired = false;
    return fired ? POLLPRI : 0;
}

static int pressure_read(const struct cgroup_io *io, struct strbuf *out)
{
    static const struct average none;
    const char *const lines[] = {"some", "full"};
    intptr_t resource = io->file->argument;
    sched_update(io->kernel);
    struct pressure *pressure = io->cgroup->pressure;
    if (pressure)
        pressure_average(pressure, loop_now_ns(io->kernel->loop));
    for (int full = resource == PSI_IRQ; full <= 1; full++) {
        const uint64_t *totals = !pressure ? NULL : full ? pressure->full_us : pressure->some_us;
        const struct average *average = !pressure ? &none
                                        : full    ? &pressure->full[resource]
                                                  : &pressure->some[resource];
        strbuf_add(out, lines[full]);
        for (size_t i = 0; i < ARRAY_SIZE(averages); i++)
            strbuf_addf(out, " %s=%u.%02u", averages[i].name, average->of[i] >> POINT_BITS,
                ((average->of[i] & (POINT_ONE - 1)) * 100) >> POINT_BITS);
        strbuf_add(out, " total=");
        print_line_u64(out, totals ? totals[resource] : 0);
    }
    return 0;
}

/* As sscanf("<word> %u %u"), to which a blank stands for any number of them, also none. */
static bool scan_trigger(
    const char *text, const char *word, uint32_t *threshold_us, uint32_t *window_us)
{
    if (!str_starts(text, word))
        return false;
    text = text_scan_u32(text + strlen(word), threshold_us);
    return text && text_scan_u32(text, window_us);
}

static int pressure_write(const struct cgroup_io *io, char *text)
{
    uint32_t threshold_us, window_us;
    if (io->open && io->open->trigger)
        return -EBUSY;
    bool full = false;
    if (!scan_trigger(text, "some", &threshold_us, &window_us)) {
        full = true;
        if (!scan_trigger(text, "full", &threshold_us, &window_us))
            return -EINVAL;
    }
    if (io->file->argument == PSI_IRQ && !full)
        return -EINVAL;
    uint32_t shortest = cgroup_since(io->cgroup, KERNEL_6_12) ? 1 : WINDOW_US_MIN_6_1;
    if (window_us < shortest || window_us > WINDOW_US_MAX)
        return -EINVAL;
    if (!io->opener->resource_capability && window_us % WINDOW_US_UNPRIVILEGED)
        return -EINVAL;
    if (threshold_us == 0 || threshold_us > window_us)
        return -EINVAL;
    if (!io->open)
        return 0; /* closed at once */
    struct psi_trigger *trigger = mem_alloc(sizeof(*trigger));
    *trigger = (struct psi_trigger){
        .open = io->open,
        .resource = (enum psi_resource)io->file->argument,
        .full = full,
        .threshold_us = threshold_us,
        .window_us = window_us,
        .window_start_ns = loop_now_ns(io->kernel->loop),
    };
    trigger->total_us = trigger_total(trigger);
    io->open->trigger = trigger;
    return 0;
}

static bool has_irq(const struct kernel_profile *profile)
{
    return profile->irq_pressure;
}

static int switch_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, !io->cgroup->pressure_hidden);
    return 0;
}

static int switch_write(const struct cgroup_io *io, char *text)
{
    int value;
    int result = text_int(text_strip(text), &value);
    if (result)
        return result;
    if (value < 0 || value > 1)
        return -ERANGE;
    io->cgroup->pressure_hidden = !value;
    for (size_t i = 0; !value && i < cgroup_psi.files_count; i++)
        if (cgroup_psi.files[i].flags & FILE_PRESSURE)
            cgroup_listeners_gone(io->cgroup, &cgroup_psi.files[i]);
    return 0;
}

static const struct cgroup_file files[] = {
    {"cgroup.pressure", ON_BOTH, FILE_V2, 0644, switch_read, switch_write, NULL, 0, 0},
    {"io.pressure", ON_BOTH, FILE_V2 | FILE_PRESSURE, 0644, pressure_read, pressure_write, NULL,
        PSI_IO, 0},
    {"memory.pressure", ON_BOTH, FILE_V2 | FILE_PRESSURE, 0644, pressure_read, pressure_write,
        NULL, PSI_MEMORY, 0},
    {"cpu.pressure", ON_BOTH, FILE_V2 | FILE_PRESSURE, 0644, pressure_read, pressure_write, NULL,
        PSI_CPU, 0},
    {"irq.pressure", ON_BOTH, FILE_V2 | FILE_PRESSURE, 0644, pressure_read, pressure_write,
        has_irq, PSI_IRQ, 0},
};

const struct cgroup_controller cgroup_psi = {
    .name = "psi",
    .legacy_name = "psi",
    .subsys = SUBSYS_CORE,
    .versions = FILE_V2,
    .files = files,
    .files_count = ARRAY_SIZE(files),
};
