/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: which cgroups containers are known by, what the kernel offers, the ladder. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "bpf/internal.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

#define UNIFIED "unified"
#define UNIFIED_MOUNT "/sys/fs/cgroup"

/* v1 controllers, the one first whose cgroups the linux launcher makes for every container. */
static const char *const v1_controllers[] = {
    "freezer", "pids", "memory", "cpuacct", "cpu", "blkio", "devices", "cpuset", NULL};

static void identity_set(struct stats *stats, const char *name)
{
    bool unified = str_equal(name, UNIFIED);
    stats->identity = hierarchy_of(&stats->hierarchies, unified ? NULL : name);
    str_set(&stats->identity_name, stats->identity ? name : NULL);
}

/* Asked for; or unified when that is the standard mount; or the freezer's, …; or a unified one. */
static int identity_choose(struct stats *stats, const char *controller, struct err *err)
{
    stats->identity_css = -1;
    if (controller) {
        identity_set(stats, controller);
        return stats->identity ? 0
                               : err_set(err, -ENOENT, "no hierarchy of %s is mounted", controller);
    }
    identity_set(stats, UNIFIED);
    if (stats->identity && str_equal(stats->identity->mount_point, UNIFIED_MOUNT))
        return 0;
    for (size_t i = 0; v1_controllers[i]; i++) {
        if (!hierarchy_of(&stats->hierarchies, v1_controllers[i]))
            continue;
        identity_set(stats, v1_controllers[i]);
        return 0;
    }
    return 0;
}

/* --- what the kernel's types say --- */

static bool enum_value(
    const struct btf *btf, const char *type_name, const char *name, int *ret_value)
{
    int id = btf__find_by_name_kind(btf, type_name, BTF_KIND_ENUM);
    const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
    for (int i = 0; type && i < btf_vlen(type); i++) {
        const struct btf_enum *item = btf_enum(type) + i;
        if (!str_equal(btf__name_by_offset(btf, item->name_off), name))
            continue;
        *ret_value = item->val;
        return true;
    }
    return false;
}

/* The parameters that the tracepoint gives to a program, without the first, which is ours. */
static const struct btf_type *tracepoint_type(const struct btf *btf, const char *tracepoint)
{
    _cleanup_free_ char *name = str_printf("btf_trace_%s", tracepoint);
    int id = btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF);
    const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
    while (type && (btf_is_typedef(type) || btf_is_ptr(type)))
        type = btf__type_by_id(btf, type->type);
    return type && btf_is_func_proto(type) ? type : NULL;
}

static bool parameter_is_pointer(const struct btf *btf, const char *tracepoint, int index)
{
    const struct btf_type *type = tracepoint_type(btf, tracepoint);
    if (!type || btf_vlen(type) <= index + 1)
        return false;
    const struct btf_type *one = btf__type_by_id(btf, btf_params(type)[index + 1].type);
    return one && btf_is_ptr(one);
}

static int parameters_count(const struct btf *btf, const char *tracepoint)
{
    const struct btf_type *type = tracepoint_type(btf, tracepoint);
    return type ? btf_vlen(type) - 1 : 0;
}

static bool is_without(const char *const *without, const char *source)
{
    for (size_t i = 0; without && without[i]; i++)
        if (str_equal(without[i], source))
            return true;
    return false;
}

static bool has_waits(const struct btf *btf)
{
    int id = btf ? btf__find_by_name_kind(btf, "sched_info", BTF_KIND_STRUCT) : 0;
    const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
    for (int i = 0; type && i < btf_vlen(type); i++)
        if (str_equal(btf__name_by_offset(btf, btf_members(type)[i].name_off), "run_delay"))
            return true;
    return false;
}

static struct probe_config config_make(
    const struct stats *stats, const struct stats_options *options, const struct btf *btf)
{
    return (struct probe_config){
        .identity_css = stats->identity_css,
        .identity_hierarchy = stats->identity ? stats->identity->number : 0,
        .slots = stats->slots,
        .task_mask = stats->task_mask,
        .exit_group_dead = btf && parameters_count(btf, "sched_process_exit") >= 2,
        .victim_is_task = btf && parameter_is_pointer(btf, "mark_victim", 0),
        .waits_in_tasks = !options->wakeups && has_waits(btf) &&
                          !is_without(options->without, "sched_info"),
    };
}

/* --- the ladder --- */

/* The v1 controller's number among the kernel's; it is "io" inside that is "blkio" outside. */
static char *css_of_identity(struct stats *stats, const struct btf *btf)
{
    if (!stats->identity || stats->identity->number == 0)
        return NULL;
    const char *name = str_equal(stats->identity_name, "blkio") ? "io" : stats->identity_name;
    _cleanup_free_ char *constant = str_printf("%s_cgrp_id", name);
    if (btf && enum_value(btf, "cgroup_subsys_id", constant, &stats->identity_css))
        return NULL;
    return str_printf("the kernel does not say which controller %s is", name);
}

static char *refusal(struct stats *stats, const struct btf *btf)
{
    if (!stats->identity)
        return str_dup("no cgroup hierarchy is mounted");
    char *why = css_of_identity(stats, btf);
    if (why)
        return why;
    _cleanup_err_ struct err err = ERR_INIT;
    if (maps_create(stats, &err) == 0)
        return NULL;
    bool rights = err.code == -EPERM || err.code == -EACCES;
    return str_printf("%s%s", err_text(&err), rights ? ": run it as root" : "");
}

static bool source_add(const struct stats *stats, const char *hook, const char **source)
{
    const struct probe_state *state = ladder_find(&stats->ladder, hook);
    if (!state || state->rung == RUNG_NONE)
        return false;
    if (!*source)
        *source = rung_names[state->rung];
    return true;
}

/* Waits that the tasks count need the switch alone, by a rung that can see them. */
static const char *probes_source(
    const struct stats *stats, enum stats_field index, bool waits_in_tasks)
{
    const struct field_info *field = &stats_fields[index];
    const char *source = NULL;
    bool all = true;
    for (size_t k = 0; k < ARRAY_SIZE(field->needs) && field->needs[k] &&
                       !(k > 0 && index == FIELD_RUN_QUEUE && waits_in_tasks); k++)
        all = source_add(stats, field->needs[k], &source) && all;
    return all && !(field->core && str_equal(source, rung_names[RUNG_TRACEPOINT])) ? source : NULL;
}

static void sources_find(struct stats *stats, bool waits_in_tasks)
{
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (i == FIELD_RUN_QUEUE_TIME && !waits_in_tasks)
            continue;
        stats->sources[i] = stats->iterator && stats_fields[i].tasks
                                ? rung_names[RUNG_ITERATOR]
                                : probes_source(stats, (enum stats_field)i, waits_in_tasks);
    }
}

static int libbpf_silent(enum libbpf_print_level level, const char *format, va_list list)
{
    (void)level;
    (void)format;
    (void)list;
    return 0;
}

static void load(struct stats *stats, const struct stats_options *options)
{
    libbpf_print_fn_t before = libbpf_set_print(libbpf_silent);
    struct btf *btf = btf__load_vmlinux_btf();
    if (libbpf_get_error(btf))
        btf = NULL;
    if (is_without(options->without, "btf")) {
        btf__free(btf);
        btf = NULL;
    }
    libbpf_set_print(before);
    _cleanup_free_ char *refused = refusal(stats, btf);
    stats->loaded = !refused;
    const struct hierarchy *unified = hierarchy_of(&stats->hierarchies, NULL);
    if (unified)
        stats->cgroup_fd = open(unified->mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct ladder_parts parts = {
        .config = config_make(stats, options, btf),
        .maps = stats->maps,
        .maps_count = MAP_COUNT,
        .without = options->without,
        .syscalls = options->syscalls,
        .wakeups = options->wakeups,
        .btf = btf,
        .cgroup_fd = stats->cgroup_fd,
        .refused = refused,
    };
    ladder_climb(&stats->ladder, &parts);
    if (ladder_iterates(&stats->ladder))
        stats->iterator = ladder_find(&stats->ladder, "task")->link;
    if (stats->loaded)
        stats->control->collects = ladder_collects(&stats->ladder);
    sources_find(stats, parts.config.waits_in_tasks && ladder_collects(&stats->ladder));
    watch_open(stats, options->switch_percent);
    btf__free(btf);
}

int stats_open(const struct stats_options *options, struct stats **ret_stats, struct err *err)
{
    int result = ladder_check_without(options->without, err);
    if (result < 0)
        return result;
    if (options->slots > SLOTS_MAX)
        return err_set(err, -EINVAL, "%u slots: at most %u", options->slots, SLOTS_MAX);
    struct stats *stats = mem_alloc(sizeof(*stats));
    stats->slots = options->slots ? options->slots : SLOTS_DEFAULT;
    stats->cgroup_fd = -1;
    stats->watch = (struct watch){.program = -1, .link = -1};
    stats->files = !is_without(options->without, "file");
    result = hierarchies_read(&stats->hierarchies, err);
    if (result == 0)
        result = identity_choose(stats, options->controller, err);
    if (result < 0) {
        stats_close(stats);
        return result;
    }
    load(stats, options);
    *ret_stats = stats;
    return 0;
}

void stats_close(struct stats *stats)
{
    if (!stats)
        return;
    watch_close(stats);
    ladder_release(&stats->ladder);
    maps_close(stats);
    for (size_t i = 0; i < stats->records_count; i++)
        record_free(stats->records[i]);
    free(stats->records);
    free(stats->reading.containers);
    if (stats->cgroup_fd >= 0)
        close(stats->cgroup_fd);
    hierarchies_release(&stats->hierarchies);
    free(stats->identity_name);
    free(stats);
}

/* --- explaining --- */

static void explain_probe(const struct stats *stats, size_t index, struct strbuf *into)
{
    const struct probe_state *state = &stats->ladder.states[index];
    strbuf_addf(into, "%-10s %-30s %s\n", ladder_probes[index].family, ladder_probes[index].hook,
        state->rung == RUNG_NONE ? "not attached" : rung_names[state->rung]);
    for (int rung = 0; rung < RUNG_COUNT; rung++)
        if (state->why[rung])
            strbuf_addf(into, "%11snot %s: %s\n", "", rung_names[rung], state->why[rung]);
}

void stats_explain(const struct stats *stats, struct strbuf *into)
{
    if (stats->identity)
        strbuf_addf(into, "containers are known by their cgroups of %s (hierarchy %u, at %s)\n",
            stats->identity_name, stats->identity->number, stats->identity->mount_point);
    else
        strbuf_add(into, "containers cannot be known: no cgroup hierarchy is mounted\n");
    strbuf_addf(into, "%u slots, %u used, %llu containers without one\n", stats->slots,
        stats->slots_used, (unsigned long long)stats->unpublished);
    for (size_t i = 0; i < ladder_probes_count; i++)
        explain_probe(stats, i, into);
}

const char *stats_source_of(const struct stats *stats, const char *tracepoint)
{
    const struct probe_state *state = ladder_find(&stats->ladder, tracepoint);
    return state && state->rung != RUNG_NONE ? rung_names[state->rung] : NULL;
}

struct stats_cost *stats_costs(const struct stats *stats, size_t *ret_count)
{
    struct stats_cost *costs = mem_alloc((ladder_probes_count + 1) * sizeof(*costs));
    *ret_count = 0;
    for (size_t i = 0; i < ladder_probes_count; i++) {
        const struct probe_state *state = &stats->ladder.states[i];
        struct bpf_prog_info info = {0};
        uint32_t size = sizeof(info);
        if (state->rung == RUNG_NONE ||
            bpf_obj_get_info_by_fd(bpf_program__fd(state->program), &info, &size) < 0)
            continue;
        costs[(*ret_count)++] = (struct stats_cost){ladder_probes[i].hook,
            rung_names[state->rung], info.run_cnt, info.run_time_ns};
    }
    return costs;
}

const char *stats_mount_point(const struct stats *stats)
{
    return stats->identity ? stats->identity->mount_point : "";
}
