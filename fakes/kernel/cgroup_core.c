/* SPDX-License-Identifier: Apache-2.0 */
/* The control files of the cgroup itself, v1 and v2 (spec cgroupfs.md 3.1 and 5). */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"
#include "fakes/kernel/cpu.h"

static bool since_6_12(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_12;
}

static bool since_6_18(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_18;
}

/* ---------------------------------------------------------------------- v2 */

static int controllers_read(const struct cgroup_io *io, struct strbuf *out)
{
    cgroup_mask_print(cgroup_control_mask(io->cgroup), out);
    return 0;
}

static int subtree_control_read(const struct cgroup_io *io, struct strbuf *out)
{
    cgroup_mask_print(io->cgroup->subtree_control, out);
    return 0;
}

static int subtree_control_write(const struct cgroup_io *io, char *text)
{
    return cgroup_subtree_control_set(io->cgroup, text, io->caller);
}

static int procs_write(const struct cgroup_io *io, char *text)
{
    return cgroup_attach_text(io, text, true);
}

static int threads_write(const struct cgroup_io *io, char *text)
{
    return cgroup_attach_text(io, text, false);
}

static int type_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct cgroup *cgroup = io->cgroup;
    strbuf_add(out, cgroup_is_threaded(cgroup)          ? "threaded\n"
                    : !cgroup_is_valid_domain(cgroup)   ? "domain invalid\n"
                    : cgroup_is_thread_root(cgroup)     ? "domain threaded\n"
                                                        : "domain\n");
    return 0;
}

static int type_write(const struct cgroup_io *io, char *text)
{
    if (strcmp(text_strip(text), "threaded"))
        return -EINVAL;
    return cgroup_enable_threaded(io->cgroup);
}

static int events_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_key_u64(out, "populated", cgroup_is_populated(io->cgroup));
    print_key_u64(out, "frozen", io->cgroup->frozen);
    return 0;
}

static uint32_t *limit_of(const struct cgroup_io *io)
{
    return (uint32_t *)((char *)io->cgroup + io->file->argument);
}

static int limit_read(const struct cgroup_io *io, struct strbuf *out)
{
    uint32_t limit = *limit_of(io);
    if (limit == INT_MAX)
        strbuf_add(out, "max\n");
    else
        print_line_u64(out, limit);
    return 0;
}

static int limit_write(const struct cgroup_io *io, char *text)
{
    int value = INT_MAX;
    text = text_strip(text);
    int result = strcmp(text, "max") ? text_int(text, &value) : 0;
    if (result)
        return result;
    if (value < 0)
        return -ERANGE;
    *limit_of(io) = (uint32_t)value;
    return 0;
}

static void stat_css_line(
    struct strbuf *out, const char *prefix, const struct cgroup_controller *controller, uint64_t n)
{
    strbuf_add(out, prefix);
    print_key_u64(out, controller->name, n);
}

static int stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct cgroup *cgroup = io->cgroup;
    bool per_controller = cgroup_since(cgroup, KERNEL_6_12);
    uint32_t subsystems = per_controller ? cgroup->root->subsystems : 0;
    print_key_u64(out, "nr_descendants", cgroup->descendants);
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (subsystems & SUBSYS_BIT(i))
            stat_css_line(out, "nr_subsys_", cgroup_controllers[i],
                cgroup->css[i] ? cgroup->css[i]->descendants + 1 : 0);
    print_key_u64(out, "nr_dying_descendants", cgroup->dying_descendants);
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (subsystems & SUBSYS_BIT(i))
            stat_css_line(out, "nr_dying_subsys_", cgroup_controllers[i],
                cgroup->dying_css ? cgroup->dying_css[i] : 0);
    return 0;
}

static int stat_local_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct cgroup *cgroup = io->cgroup;
    uint64_t ns = cgroup->frozen_total_ns;
    if (cgroup->freeze_effective)
        ns += loop_now_ns(io->kernel->loop) - cgroup->frozen_since_ns;
    print_key_u64(out, "frozen_usec", ns / NS_PER_US);
    return 0;
}

static int freeze_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, io->cgroup->freeze);
    return 0;
}

static int parse_range(char *text, int low, int high, int *ret_value)
{
    int result = text_int(text_strip(text), ret_value);
    if (result)
        return result;
    return *ret_value < low || *ret_value > high ? -ERANGE : 0;
}

static int freeze_write(const struct cgroup_io *io, char *text)
{
    int freeze;
    int result = parse_range(text, 0, 1, &freeze);
    if (!result)
        cgroup_freeze_set(io->cgroup, freeze);
    return result;
}

static int kill_write(const struct cgroup_io *io, char *text)
{
    int value;
    int result = parse_range(text, 1, 1, &value);
    return result ? result : cgroup_kill_all(io->cgroup);
}

static int cpu_stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct cgroup *cgroup = io->cgroup;
    sched_update(io->kernel);
    print_key_u64(out, "usage_usec", (cgroup->user_ns + cgroup->system_ns) / NS_PER_US);
    print_key_u64(out, "user_usec", cgroup->user_ns / NS_PER_US);
    print_key_u64(out, "system_usec", cgroup->system_ns / NS_PER_US);
    if (cgroup_since(cgroup, KERNEL_6_12))
        print_key_u64(out, "nice_usec", 0);
    if (cgroup->css[SUBSYS_CPU])
        cpu_stat_print(cgroup->css[SUBSYS_CPU], out);
    return 0;
}

static int cpu_stat_local_read(const struct cgroup_io *io, struct strbuf *out)
{
    if (io->cgroup->css[SUBSYS_CPU])
        cpu_stat_local_print(io->cgroup->css[SUBSYS_CPU], out);
    return 0;
}

/* ---------------------------------------------------------------------- v1 */

static bool *flag_of(const struct cgroup_io *io)
{
    return (bool *)((char *)io->cgroup + io->file->argument);
}

static int flag_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, *flag_of(io));
    return 0;
}

static int flag_write(const struct cgroup_io *io, char *text)
{
    uint64_t value;
    int result = text_u64(text, &value);
    if (!result)
        *flag_of(io) = value != 0;
    return result;
}

static int sane_behavior_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    strbuf_add(out, "0\n");
    return 0;
}

static int release_agent_read(const struct cgroup_io *io, struct strbuf *out)
{
    const char *agent = io->cgroup->root->release_agent;
    strbuf_add(out, agent ? agent : "");
    strbuf_add(out, "\n");
    return 0;
}

static int release_agent_write(const struct cgroup_io *io, char *text)
{
    str_set(&io->cgroup->root->release_agent, text_strip(text));
    return 0;
}

#define CORE_FIELD(member) ((intptr_t)offsetof(struct cgroup, member))

static size_t path_write_max(const struct kernel_profile *profile)
{
    (void)profile;
    return PATH_MAX - 1;
}

static const struct cgroup_file files[] = {
    {"cgroup.type", ON_CHILD, FILE_V2, 0644, type_read, type_write, NULL, 0, 0},
    {"cgroup.procs", ON_BOTH, FILE_V2 | FILE_DELEGATABLE | FILE_PIDS, 0644, cgroup_procs_print,
        procs_write, NULL, 0, 0},
    {"cgroup.threads", ON_BOTH, FILE_V2 | FILE_DELEGATABLE | FILE_PIDS, 0644,
        cgroup_threads_print, threads_write, NULL, 0, 0},
    {"cgroup.controllers", ON_BOTH, FILE_V2, 0444, controllers_read, NULL, NULL, 0, 0},
    {"cgroup.subtree_control", ON_BOTH, FILE_V2 | FILE_DELEGATABLE, 0644, subtree_control_read,
        subtree_control_write, NULL, 0, 0},
    {"cgroup.events", ON_CHILD, FILE_V2 | FILE_EVENTS, 0444, events_read, NULL, NULL, 0, 0},
    {"cgroup.max.descendants", ON_BOTH, FILE_V2, 0644, limit_read, limit_write, NULL,
        CORE_FIELD(max_descendants), 0},
    {"cgroup.max.depth", ON_BOTH, FILE_V2, 0644, limit_read, limit_write, NULL,
        CORE_FIELD(max_depth), 0},
    {"cgroup.stat", ON_BOTH, FILE_V2, 0444, stat_read, NULL, NULL, 0, 0},
    {"cgroup.stat.local", ON_CHILD, FILE_V2, 0444, stat_local_read, NULL, since_6_18, 0, 0},
    {"cgroup.freeze", ON_CHILD, FILE_V2, 0644, freeze_read, freeze_write, NULL, 0, 0},
    {"cgroup.kill", ON_CHILD, FILE_V2, 0200, NULL, kill_write, NULL, 0, 0},
    {"cpu.stat", ON_BOTH, FILE_V2, 0444, cpu_stat_read, NULL, NULL, 0, 0},
    {"cpu.stat.local", ON_BOTH, FILE_V2, 0444, cpu_stat_local_read, NULL, since_6_12, 0, 0},
    {"tasks", ON_BOTH, FILE_V1 | FILE_PIDS, 0644, cgroup_threads_print, threads_write, NULL, 0, 0},
    {"cgroup.procs", ON_BOTH, FILE_V1 | FILE_PIDS, 0644, cgroup_procs_print, procs_write, NULL, 0,
        0},
    {"notify_on_release", ON_BOTH, FILE_V1, 0644, flag_read, flag_write, NULL,
        CORE_FIELD(notify_on_release), 0},
    {"cgroup.clone_children", ON_BOTH, FILE_V1, 0644, flag_read, flag_write, NULL,
        CORE_FIELD(clone_children), 0},
    {"cgroup.sane_behavior", ON_ROOT, FILE_V1, 0444, sane_behavior_read, NULL, NULL, 0, 0},
    {"release_agent", ON_ROOT, FILE_V1, 0644, release_agent_read, release_agent_write, NULL, 0,
        path_write_max},
};
const struct cgroup_file *const cgroup_events_file = &files[5];

const struct cgroup_controller cgroup_core = {
    .name = "cgroup",
    .legacy_name = "cgroup",
    .subsys = SUBSYS_CORE,
    .versions = FILE_ANY,
    .files = files,
    .files_count = ARRAY_SIZE(files),
};
