/* SPDX-License-Identifier: Apache-2.0 */
/* The cpu controller (spec cgroupfs.md 4.3 and 6): shares and weight are one number. */
#include "fakes/kernel/cpu.h"

#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

#define SHARES_MIN 2
#define SHARES_MAX (1 << 18)
#define SHARES_DEFAULT 1024
#define SHARES_IDLE 3
#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000
#define WEIGHT_DEFAULT 100
#define QUOTA_NONE UINT64_MAX
#define BANDWIDTH_NS_MIN NS_PER_MS
#define PERIOD_NS_MAX NS_PER_SEC
#define PERIOD_NS_DEFAULT (100 * NS_PER_MS)
#define RATIO_SHIFT 20
/* Keeps quota << RATIO_SHIFT within 64 bits. */
#define RUNTIME_US_MAX ((UINT64_C(1) << (64 - RATIO_SHIFT)) - 1)
#define UCLAMP_PERCENT_MAX 10000 /* in hundredths */
#define RT_PERIOD_US_DEFAULT 1000000
#define RT_RUNTIME_US_ROOT 950000 /* sched_rt_runtime_us */
#define RT_NONE UINT64_MAX

struct cpu_css {
    struct cgroup_css css;
    uint64_t shares;
    bool idle;
    uint64_t quota_ns;
    uint64_t period_ns;
    uint64_t burst_ns;
    uint64_t periods;
    uint64_t throttled;
    uint64_t timer_ns;     /* since when the idle periods below are due */
    unsigned idle_periods; /* that the period timer will still count */
    bool timer_idle;       /* it has found nobody to refill before */
    uint64_t throttled_ns;
    uint32_t uclamp[2]; /* min, max in hundredths of a percent */
    uint64_t rt_runtime_us;
    uint64_t rt_period_us;
};

/* Weights of nice -20 to 19: each step is 10 % of CPU time (kernel/sched/core.c). */
static const uint32_t nice_weights[40] = {
    88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904,
    3906, 3121, 2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87,
    70, 56, 45, 36, 29, 23, 18, 15};

static struct cpu_css *cpu(const struct cgroup_io *io)
{
    return (struct cpu_css *)io->css;
}

static struct cpu_css *cpu_parent(const struct cpu_css *state)
{
    return (struct cpu_css *)cgroup_css_parent(&state->css);
}

static void cpu_init(struct cgroup_css *css)
{
    struct cpu_css *state = (struct cpu_css *)css;
    state->shares = SHARES_DEFAULT;
    state->quota_ns = QUOTA_NONE;
    state->period_ns = PERIOD_NS_DEFAULT;
    state->uclamp[1] = UCLAMP_PERCENT_MAX;
    state->rt_period_us = RT_PERIOD_US_DEFAULT;
    if (!css->cgroup->parent)
        state->rt_runtime_us = RT_RUNTIME_US_ROOT;
}

static void changed(const struct cgroup_io *io)
{
    sched_changed(io->kernel);
}

/* ---------------------------------------------------------------------- shares and weight */

static int set_shares(const struct cgroup_io *io, uint64_t shares)
{
    if (!io->cgroup->parent || cpu(io)->idle)
        return -EINVAL;
    shares = shares < SHARES_MIN ? SHARES_MIN : shares > SHARES_MAX ? SHARES_MAX : shares;
    cpu(io)->shares = shares;
    changed(io);
    return 0;
}

static int shares_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, cpu(io)->shares);
    return 0;
}

static int shares_write(const struct cgroup_io *io, char *text)
{
    uint64_t shares;
    int result = text_u64(text, &shares);
    return result ? result : set_shares(io, shares);
}

static uint64_t divide_closest(uint64_t dividend, uint64_t divisor)
{
    return (dividend + divisor / 2) / divisor;
}

static int weight_read(const struct cgroup_io *io, struct strbuf *out)
{
    uint64_t weight = divide_closest(cpu(io)->shares * WEIGHT_DEFAULT, SHARES_DEFAULT);
    if (cgroup_since(io->cgroup, KERNEL_6_12) && weight < WEIGHT_MIN)
        weight = WEIGHT_MIN;
    print_line_u64(out, weight);
    return 0;
}

static int weight_write(const struct cgroup_io *io, char *text)
{
    uint64_t weight;
    int result = text_u64(text, &weight);
    if (result)
        return result;
    if (weight < WEIGHT_MIN || weight > WEIGHT_MAX)
        return -ERANGE;
    return set_shares(io, divide_closest(weight * SHARES_DEFAULT, WEIGHT_DEFAULT));
}

static int nice_read(const struct cgroup_io *io, struct strbuf *out)
{
    uint64_t shares = cpu(io)->shares, last = UINT64_MAX;
    int nice = 0;
    for (size_t i = 0; i < ARRAY_SIZE(nice_weights); i++) {
        uint64_t weight = nice_weights[i];
        uint64_t distance = weight > shares ? weight - shares : shares - weight;
        if (distance >= last)
            break;
        last = distance;
        nice = (int)i - 20;
    }
    strbuf_addf(out, "%d\n", nice);
    return 0;
}

static int nice_write(const struct cgroup_io *io, char *text)
{
    int64_t nice;
    int result = text_s64(text, &nice);
    if (result)
        return result;
    if (nice < -20 || nice > 19)
        return -ERANGE;
    return set_shares(io, nice_weights[nice + 20]);
}

static int idle_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, cpu(io)->idle);
    return 0;
}

static int idle_write(const struct cgroup_io *io, char *text)
{
    int64_t idle;
    int result = text_s64(text, &idle);
    if (result)
        return result;
    if (!io->cgroup->parent || idle < 0 || idle > 1)
        return -EINVAL;
    if (cpu(io)->idle == idle)
        return 0;
    cpu(io)->idle = idle;
    cpu(io)->shares = idle ? SHARES_IDLE : SHARES_DEFAULT;
    changed(io);
    return 0;
}

/* ---------------------------------------------------------------------- quota */

static uint64_t ratio(uint64_t period_ns, uint64_t quota_ns)
{
    return quota_ns == QUOTA_NONE ? UINT64_MAX
                                  : (quota_ns / NS_PER_US << RATIO_SHIFT) / (period_ns / NS_PER_US);
}

/* v1: no child may get more than its nearest limited ancestor. */
static bool ratios_allow(const struct cpu_css *state, uint64_t period_ns, uint64_t quota_ns)
{
    struct cgroup *cgroup = state->css.cgroup;
    uint64_t own = ratio(period_ns, quota_ns);
    if (own == UINT64_MAX)
        return true;
    for (const struct cpu_css *up = cpu_parent(state); up; up = cpu_parent(up))
        if (up->css.cgroup->parent && up->quota_ns != QUOTA_NONE) {
            if (own > ratio(up->period_ns, up->quota_ns))
                return false;
            break;
        }
    for (struct cgroup *at = cgroup_next(cgroup, cgroup); at; at = cgroup_next(cgroup, at)) {
        const struct cpu_css *below = (const struct cpu_css *)at->css[SUBSYS_CPU];
        if (below->quota_ns != QUOTA_NONE && ratio(below->period_ns, below->quota_ns) > own)
            return false;
    }
    return true;
}

/* A new quota starts the period timer. With nobody to give runtime to it counts a period, sees the
 * group idle, and stops after the next one; when it was idle before, after the first
 * (kernel/sched/fair.c, do_sched_cfs_period_timer). */
static void timer_start(struct cpu_css *state)
{
    state->timer_ns = loop_now_ns(cgroup_kernel(state->css.cgroup)->loop);
    state->idle_periods = state->quota_ns == QUOTA_NONE ? 0 : state->timer_idle ? 1 : 2;
}

static void timer_settle(struct cpu_css *state)
{
    uint64_t now_ns = loop_now_ns(cgroup_kernel(state->css.cgroup)->loop);
    for (; state->idle_periods && now_ns - state->timer_ns >= state->period_ns;
         state->idle_periods--) {
        state->timer_ns += state->period_ns;
        state->timer_idle = true;
        state->periods++;
    }
}

static int set_bandwidth(
    const struct cgroup_io *io, uint64_t period_ns, uint64_t quota_ns, uint64_t burst_ns)
{
    const uint64_t runtime_ns_max = RUNTIME_US_MAX * NS_PER_US;
    struct cpu_css *state = cpu(io);
    if (!io->cgroup->parent)
        return -EINVAL;
    if (quota_ns < BANDWIDTH_NS_MIN || period_ns < BANDWIDTH_NS_MIN || period_ns > PERIOD_NS_MAX)
        return -EINVAL;
    if (quota_ns != QUOTA_NONE && (quota_ns > runtime_ns_max || burst_ns > quota_ns ||
                                      burst_ns + quota_ns > runtime_ns_max))
        return -EINVAL;
    if (!io->cgroup->root->v2 && !ratios_allow(state, period_ns, quota_ns))
        return -EINVAL;
    timer_settle(state);
    state->period_ns = period_ns;
    state->quota_ns = quota_ns;
    state->burst_ns = burst_ns;
    timer_start(state);
    changed(io);
    return 0;
}

static int max_read(const struct cgroup_io *io, struct strbuf *out)
{
    if (cpu(io)->quota_ns == QUOTA_NONE)
        strbuf_add(out, "max");
    else
        print_u64(out, cpu(io)->quota_ns / NS_PER_US);
    strbuf_add(out, " ");
    print_line_u64(out, cpu(io)->period_ns / NS_PER_US);
    return 0;
}

/* As the kernel's sscanf("%20s %llu"): a bad period leaves the one in force. */
static int max_write(const struct cgroup_io *io, char *text)
{
    unsigned length;
    uint64_t quota = 0, period_us = cpu(io)->period_ns / NS_PER_US;
    const char *word = text_scan_word(text, 20, &length);
    if (!word)
        return -EINVAL;
    text_scan_u64(word + length, &period_us);
    char number[21];
    memcpy(number, word, length);
    number[length] = '\0';
    if (text_scan_u64(number, &quota))
        quota *= NS_PER_US;
    else if (!strcmp(number, "max"))
        quota = QUOTA_NONE;
    else
        return -EINVAL;
    return set_bandwidth(io, period_us * NS_PER_US, quota, cpu(io)->burst_ns);
}

static int quota_read(const struct cgroup_io *io, struct strbuf *out)
{
    if (cpu(io)->quota_ns == QUOTA_NONE)
        strbuf_add(out, "-1\n");
    else
        print_line_u64(out, cpu(io)->quota_ns / NS_PER_US);
    return 0;
}

static int quota_write(const struct cgroup_io *io, char *text)
{
    int64_t quota_us;
    int result = text_s64(text, &quota_us);
    if (result)
        return result;
    if (quota_us > 0 && (uint64_t)quota_us > UINT64_MAX / NS_PER_US)
        return -EINVAL;
    uint64_t quota_ns = quota_us < 0 ? QUOTA_NONE : (uint64_t)quota_us * NS_PER_US;
    return set_bandwidth(io, cpu(io)->period_ns, quota_ns, cpu(io)->burst_ns);
}

static int time_write(char *text, uint64_t *ret_ns)
{
    uint64_t us;
    int result = text_u64(text, &us);
    if (result)
        return result;
    if (us > UINT64_MAX / NS_PER_US)
        return -EINVAL;
    *ret_ns = us * NS_PER_US;
    return 0;
}

static int period_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, cpu(io)->period_ns / NS_PER_US);
    return 0;
}

static int period_write(const struct cgroup_io *io, char *text)
{
    uint64_t period_ns;
    int result = time_write(text, &period_ns);
    return result ? result : set_bandwidth(io, period_ns, cpu(io)->quota_ns, cpu(io)->burst_ns);
}

static int burst_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, cpu(io)->burst_ns / NS_PER_US);
    return 0;
}

static int burst_write(const struct cgroup_io *io, char *text)
{
    uint64_t burst_ns;
    int result = time_write(text, &burst_ns);
    return result ? result : set_bandwidth(io, cpu(io)->period_ns, cpu(io)->quota_ns, burst_ns);
}

/* ---------------------------------------------------------------------- statistics */

void cpu_stat_print(struct cgroup_css *css, struct strbuf *out)
{
    struct cpu_css *state = (struct cpu_css *)css;
    timer_settle(state);
    print_key_u64(out, "nr_periods", state->periods);
    print_key_u64(out, "nr_throttled", state->throttled);
    print_key_u64(out, "throttled_usec", state->throttled_ns / NS_PER_US);
    print_key_u64(out, "nr_bursts", 0);
    print_key_u64(out, "burst_usec", 0);
}

void cpu_stat_local_print(const struct cgroup_css *css, struct strbuf *out)
{
    print_key_u64(out, "throttled_usec", ((const struct cpu_css *)css)->throttled_ns / NS_PER_US);
}

static int stat_v1_read(const struct cgroup_io *io, struct strbuf *out)
{
    sched_update(io->kernel);
    timer_settle(cpu(io));
    print_key_u64(out, "nr_periods", cpu(io)->periods);
    print_key_u64(out, "nr_throttled", cpu(io)->throttled);
    print_key_u64(out, "throttled_time", cpu(io)->throttled_ns);
    print_key_u64(out, "nr_bursts", 0);
    print_key_u64(out, "burst_time", 0);
    return 0;
}

static int stat_local_v1_read(const struct cgroup_io *io, struct strbuf *out)
{
    sched_update(io->kernel);
    print_key_u64(out, "throttled_time", cpu(io)->throttled_ns);
    return 0;
}

/* ---------------------------------------------------------------------- uclamp */

static int uclamp_read(const struct cgroup_io *io, struct strbuf *out)
{
    uint32_t value = cpu(io)->uclamp[io->file->argument];
    if (value == UCLAMP_PERCENT_MAX)
        strbuf_add(out, "max\n");
    else
        strbuf_addf(out, "%u.%02u\n", value / 100, value % 100);
    return 0;
}

static int uclamp_write(const struct cgroup_io *io, char *text)
{
    int64_t value = UCLAMP_PERCENT_MAX;
    text = text_strip(text);
    int result = strcmp(text, "max") ? text_hundredths(text, &value) : 0;
    if (result)
        return result;
    if (value < 0 || value > UCLAMP_PERCENT_MAX)
        return -ERANGE;
    cpu(io)->uclamp[io->file->argument] = (uint32_t)value;
    return 0;
}

/* ---------------------------------------------------------------------- real time */

static uint64_t rt_ratio(uint64_t period_us, uint64_t runtime_us)
{
    return runtime_us == RT_NONE ? UINT64_C(1) << RATIO_SHIFT
                                 : (runtime_us << RATIO_SHIFT) / period_us;
}

static uint64_t rt_children(const struct cgroup *cgroup, const struct cgroup *changed_one,
    uint64_t changed_ratio)
{
    uint64_t sum = 0;
    list_for_each(node, &cgroup->children) {
        const struct cgroup *child = list_entry(node, struct cgroup, sibling);
        const struct cpu_css *state = (const struct cpu_css *)child->css[SUBSYS_CPU];
        sum += child == changed_one ? changed_ratio
                                    : rt_ratio(state->rt_period_us, state->rt_runtime_us);
    }
    return sum;
}

static int set_rt(const struct cgroup_io *io, uint64_t period_us, uint64_t runtime_us)
{
    struct cpu_css *state = cpu(io);
    const struct cgroup *parent = io->cgroup->parent;
    if (period_us == 0 || (!parent && runtime_us == 0))
        return -EINVAL;
    if (runtime_us != RT_NONE && (runtime_us > period_us || runtime_us > RUNTIME_US_MAX))
        return -EINVAL;
    uint64_t own = rt_ratio(period_us, runtime_us);
    if (own > rt_ratio(RT_PERIOD_US_DEFAULT, RT_RUNTIME_US_ROOT) ||
        rt_children(io->cgroup, NULL, 0) > own)
        return -EINVAL;
    if (parent) {
        const struct cpu_css *up = cpu_parent(state);
        if (rt_children(parent, io->cgroup, own) > rt_ratio(up->rt_period_us, up->rt_runtime_us))
            return -EINVAL;
    }
    state->rt_period_us = period_us;
    state->rt_runtime_us = runtime_us;
    return 0;
}

static int rt_runtime_read(const struct cgroup_io *io, struct strbuf *out)
{
    if (cpu(io)->rt_runtime_us == RT_NONE)
        strbuf_add(out, "-1\n");
    else
        print_line_u64(out, cpu(io)->rt_runtime_us);
    return 0;
}

static int rt_runtime_write(const struct cgroup_io *io, char *text)
{
    int64_t us;
    int result = text_s64(text, &us);
    return result ? result : set_rt(io, cpu(io)->rt_period_us, us < 0 ? RT_NONE : (uint64_t)us);
}

static int rt_period_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, cpu(io)->rt_period_us);
    return 0;
}

static int rt_period_write(const struct cgroup_io *io, char *text)
{
    uint64_t us;
    int result = text_u64(text, &us);
    if (result)
        return result;
    return us > UINT64_MAX / NS_PER_US ? -EINVAL : set_rt(io, us, cpu(io)->rt_runtime_us);
}

/* ---------------------------------------------------------------------- for the scheduler */

struct cgroup *cgroup_cpu_of(const struct task *task)
{
    struct cgroup_css *css = cgroup_css_of(task, SUBSYS_CPU);
    return css ? css->cgroup : NULL;
}

void cgroup_cpu_get(const struct cgroup *cgroup, struct cgroup_cpu *ret_cpu)
{
    const struct cpu_css *state =
        (const struct cpu_css *)cgroup_css_effective(cgroup, SUBSYS_CPU);
    *ret_cpu = (struct cgroup_cpu){
        .weight = state->shares,
        .quota_ns = state->quota_ns == QUOTA_NONE ? -1 : (int64_t)state->quota_ns,
        .period_ns = state->period_ns,
        .idle = state->idle,
    };
}

void cgroup_cpu_throttled(
    struct cgroup *cgroup, uint64_t periods, uint64_t throttled, uint64_t throttled_ns)
{
    struct cpu_css *state = (struct cpu_css *)cgroup->css[SUBSYS_CPU];
    if (!state)
        return;
    if (periods)
        state->idle_periods = 0; /* the timer is busy */
    state->periods += periods;
    state->throttled += throttled;
    state->throttled_ns += throttled_ns;
}

static uint64_t cpu_digest(const struct cgroup_css *css, uint64_t hash)
{
    const struct cpu_css *state = (const struct cpu_css *)css;
    hash = (hash ^ state->shares) * UINT64_C(0x100000001b3);
    hash = (hash ^ state->quota_ns) * UINT64_C(0x100000001b3);
    return (hash ^ state->throttled_ns) * UINT64_C(0x100000001b3);
}

static bool since_6_12(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_12;
}

static bool has_uclamp(const struct kernel_profile *profile)
{
    return profile->uclamp;
}

static bool has_rt(const struct kernel_profile *profile)
{
    return profile->rt_group;
}

static const struct cgroup_file files[] = {
    {"cpu.weight", ON_CHILD, FILE_V2, 0644, weight_read, weight_write, NULL, 0, 0},
    {"cpu.weight.nice", ON_CHILD, FILE_V2, 0644, nice_read, nice_write, NULL, 0, 0},
    {"cpu.max", ON_CHILD, FILE_V2, 0644, max_read, max_write, NULL, 0, 0},
    {"cpu.max.burst", ON_CHILD, FILE_V2, 0644, burst_read, burst_write, NULL, 0, 0},
    {"cpu.idle", ON_CHILD, FILE_V2, 0644, idle_read, idle_write, NULL, 0, 0},
    {"cpu.uclamp.min", ON_CHILD, FILE_V2, 0644, uclamp_read, uclamp_write, has_uclamp, 0, 0},
    {"cpu.uclamp.max", ON_CHILD, FILE_V2, 0644, uclamp_read, uclamp_write, has_uclamp, 1, 0},
    {"cpu.shares", ON_BOTH, FILE_V1, 0644, shares_read, shares_write, NULL, 0, 0},
    {"cpu.idle", ON_BOTH, FILE_V1, 0644, idle_read, idle_write, NULL, 0, 0},
    {"cpu.cfs_quota_us", ON_BOTH, FILE_V1, 0644, quota_read, quota_write, NULL, 0, 0},
    {"cpu.cfs_period_us", ON_BOTH, FILE_V1, 0644, period_read, period_write, NULL, 0, 0},
    {"cpu.cfs_burst_us", ON_BOTH, FILE_V1, 0644, burst_read, burst_write, NULL, 0, 0},
    {"cpu.stat", ON_BOTH, FILE_V1, 0444, stat_v1_read, NULL, NULL, 0, 0},
    {"cpu.stat.local", ON_BOTH, FILE_V1, 0444, stat_local_v1_read, NULL, since_6_12, 0, 0},
    {"cpu.rt_runtime_us", ON_BOTH, FILE_V1, 0644, rt_runtime_read, rt_runtime_write, has_rt, 0, 0},
    {"cpu.rt_period_us", ON_BOTH, FILE_V1, 0644, rt_period_read, rt_period_write, has_rt, 0, 0},
};

const struct cgroup_controller cgroup_controller_cpu = {
    .name = "cpu",
    .legacy_name = "cpu",
    .subsys = SUBSYS_CPU,
    .versions = FILE_ANY,
    .threaded = true,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct cpu_css),
    .init = cpu_init,
    .digest = cpu_digest,
};
