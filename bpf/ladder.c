/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/ladder.h"

#include <assert.h>
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

#define ROUNDS 3
#define WHY_MAX 400 /* of what libbpf says, the end counts */

const char *const rung_names[RUNG_COUNT] = {"tp_btf", "raw_tp", "tracepoint", "iter", "cgroup"};

/* --- what libbpf says while it loads: it has one place for that, and we one thread --- */

static struct strbuf said;

__attribute__((format(printf, 2, 0))) static int listen(
    enum libbpf_print_level level, const char *format, va_list list)
{
    if (level == LIBBPF_DEBUG)
        return 0;
    _cleanup_free_ char *text = str_vprintf(format, list);
    strbuf_add(&said, text);
    return 0;
}

/* The last lines that mean something, on one line. */
static char *why_said(const char *what, int result)
{
    const char *text = strbuf_text(&said);
    size_t length = strlen(text);
    const char *from = length > WHY_MAX ? text + length - WHY_MAX : text;
    char *why = str_printf("%s: %s%s%s", what, err_name(result), length ? ": " : "", from);
    for (char *at = why; *at; at++)
        if (*at == '\n' || *at == '\t')
            *at = ' ';
    return why;
}

/* --- one probe, one rung --- */

static bool is_without(const char *const *without, enum rung rung, const char *hook)
{
    _cleanup_free_ char *exact = str_printf("%s:%s", rung_names[rung], hook);
    for (size_t i = 0; without && without[i]; i++)
        if (str_equal(without[i], rung_names[rung]) || str_equal(without[i], hook) ||
            str_equal(without[i], exact))
            return true;
    return false;
}

/* Whether the kernel has the tracepoint; yes when it does not say. */
static bool hook_exists(const struct btf *btf, const char *hook)
{
    _cleanup_free_ char *name = str_printf("btf_trace_%s", hook);
    return !btf || btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) > 0;
}

static void why_not(struct probe_state *state, enum rung rung, char *why)
{
    free(state->why[rung]);
    state->why[rung] = why;
}

static bool is_attached(const struct ladder *ladder, const char *hook)
{
    return ladder_find(ladder, hook)->rung != RUNG_NONE;
}

static bool has_core_switch(const struct ladder *ladder)
{
    return is_attached(ladder, "sched_switch") &&
           ladder_find(ladder, "sched_switch")->rung <= RUNG_RAW_TP;
}

bool ladder_iterates(const struct ladder *ladder)
{
    return is_attached(ladder, "task") && is_attached(ladder, "sched_process_free");
}

bool ladder_collects(const struct ladder *ladder)
{
    return has_core_switch(ladder) || ladder_iterates(ladder);
}

/* Why a program is needless, as others that were tried before it do what it does; NULL. */
static const char *needless(const struct ladder *ladder, const struct probe *probe,
    const struct ladder_parts *parts)
{
    if ((probe->flags & PROBE_UNLESS_COLLECTED) && ladder_collects(ladder))
        return "the tasks' own counters are collected";
    if ((probe->flags & PROBE_SYSCALL) && !parts->syscalls)
        return "off by default";
    return NULL;
}

/* Wakeups are wanted by those who ask, and by a switch that cannot see the waits in the tasks. */
static bool wakeup_is_off(
    const struct ladder *ladder, enum rung rung, const struct ladder_parts *parts)
{
    return !parts->wakeups && parts->config.waits_in_tasks &&
           (rung <= RUNG_RAW_TP || has_core_switch(ladder));
}

/* Why this rung is not to be tried for the probe; NULL: it is. */
static const char *why_unwanted(const struct ladder *ladder, const struct probe *probe,
    enum rung rung, const struct ladder_parts *parts)
{
    const char *why = needless(ladder, probe, parts);
    if (why)
        return why;
    if ((probe->flags & PROBE_BY_CLOCK) && rung == RUNG_TRACEPOINT && ladder_iterates(ladder))
        return "the tasks' own counters are collected";
    if ((probe->flags & PROBE_WAKEUP) && wakeup_is_off(ladder, rung, parts))
        return "off by default: the tasks count their waits";
    if (is_without(parts->without, rung, probe->hook))
        return "left out on request";
    if (parts->refused)
        return parts->refused;
    if (rung < RUNG_ITERATOR && !hook_exists(parts->btf, probe->hook))
        return "the kernel has no such tracepoint";
    if (rung != RUNG_TRACEPOINT && !parts->btf)
        return "the kernel has no BTF";
    if (rung == RUNG_TRACEPOINT && parts->config.identity_hierarchy != 0)
        return "plain tracepoints tell no cgroups of v1";
    if (rung == RUNG_CGROUP && parts->cgroup_fd < 0)
        return "no cgroup2 is mounted";
    return NULL;
}

/* The round in which a probe is tried: after those that may make it needless, or cheaper. */
static int round_of(const struct probe *probe)
{
    if (probe->flags & PROBE_UNLESS_COLLECTED)
        return 2;
    return probe->flags & PROBE_COLLECTS ? 0 : 1;
}

/* Whether this rung is to be tried for the probe now. */
static bool wanted(struct ladder *ladder, const struct probe *probe, struct probe_state *state,
    enum rung rung, const struct ladder_parts *parts)
{
    if (state->rung != RUNG_NONE || state->why[rung] || round_of(probe) != ladder->round)
        return false;
    const char *why = why_unwanted(ladder, probe, rung, parts);
    if (why)
        why_not(state, rung, str_dup(why));
    return !why;
}

/* --- one object --- */

static struct probe_state *state_of(
    struct ladder *ladder, const char *family, const char *program, const struct probe **ret_probe)
{
    for (size_t i = 0; i < ladder_probes_count; i++) {
        if (!str_equal(ladder_probes[i].family, family) ||
            !str_equal(ladder_probes[i].program, program))
            continue;
        if (ret_probe)
            *ret_probe = &ladder_probes[i];
        return &ladder->states[i];
    }
    return NULL;
}

/* The configuration is the only constant of a probe. */
static int config_put(struct bpf_map *map, const struct probe_config *config)
{
    size_t size = 0;
    const void *data = bpf_map__initial_value(map, &size);
    assert(data && size >= sizeof(*config));
    _cleanup_free_ void *copy = mem_dup(data, size);
    memcpy(copy, config, sizeof(*config));
    return bpf_map__set_initial_value(map, copy, size);
}

static int maps_prepare(struct bpf_object *object, const struct ladder_parts *parts)
{
    struct bpf_map *map;
    bpf_object__for_each_map(map, object) {
        const char *name = bpf_map__name(map);
        if (bpf_map__is_internal(map) && str_ends(name, ".rodata")) {
            int result = config_put(map, &parts->config);
            if (result < 0)
                return result;
        }
        for (size_t i = 0; i < parts->maps_count; i++) {
            if (!str_equal(parts->maps[i].name, name))
                continue;
            int result = bpf_map__reuse_fd(map, parts->maps[i].fd);
            if (result < 0)
                return result;
            break;
        }
    }
    return 0;
}

/* The program that libbpf complained about last; NULL when it named none that is on. */
static struct bpf_program *culprit(struct bpf_object *object)
{
    struct bpf_program *found = NULL;
    const char *last = NULL;
    struct bpf_program *program;
    bpf_object__for_each_program(program, object) {
        _cleanup_free_ char *mark = str_printf("prog '%s'", bpf_program__name(program));
        const char *at = strstr(strbuf_text(&said), mark);
        if (!at || !bpf_program__autoload(program) || (last && at < last))
            continue;
        found = program;
        last = at;
    }
    return found;
}

/* The object with the programs that are to be tried; NULL for none. */
static struct bpf_object *object_open(struct ladder *ladder, const struct probe_object *row,
    const struct ladder_parts *parts, char **ret_why)
{
    size_t size = 0;
    const void *bytes = row->bytes(&size);
    struct bpf_object *object = bpf_object__open_mem(bytes, size, NULL);
    if (!object) {
        *ret_why = why_said("open", -errno);
        return NULL;
    }
    size_t count = 0;
    struct bpf_program *program;
    bpf_object__for_each_program(program, object) {
        const struct probe *probe = NULL;
        struct probe_state *state =
            state_of(ladder, row->family, bpf_program__name(program), &probe);
        assert(state);
        bool on = wanted(ladder, probe, state, row->rung, parts);
        bpf_program__set_autoload(program, on);
        count += on;
    }
    int result = count ? maps_prepare(object, parts) : 0;
    if (result < 0)
        *ret_why = why_said("share the maps", result);
    if (count == 0 || result < 0) {
        bpf_object__close(object);
        return NULL;
    }
    return object;
}

/* What is left of the programs was refused for one reason. */
static void refuse_all(
    struct ladder *ladder, const struct probe_object *row, const char *why)
{
    for (size_t i = 0; i < ladder_probes_count; i++) {
        struct probe_state *state = &ladder->states[i];
        if (str_equal(ladder_probes[i].family, row->family) && state->rung == RUNG_NONE &&
            !state->why[row->rung])
            why_not(state, row->rung, str_dup(why));
    }
}

static void object_attach(struct ladder *ladder, const struct probe_object *row,
    struct bpf_object *object, const struct ladder_parts *parts)
{
    struct bpf_program *program;
    bpf_object__for_each_program(program, object) {
        struct probe_state *state =
            state_of(ladder, row->family, bpf_program__name(program), NULL);
        if (!bpf_program__autoload(program))
            continue;
        strbuf_reset(&said);
        state->link = row->rung == RUNG_CGROUP
                          ? bpf_program__attach_cgroup(program, parts->cgroup_fd)
                          : bpf_program__attach(program);
        state->program = program;
        if (state->link)
            state->rung = (int)row->rung;
        else
            why_not(state, row->rung, why_said("attach", -errno));
    }
    ladder->objects = mem_realloc(
        ladder->objects, (ladder->objects_count + 1) * sizeof(struct bpf_object *));
    ladder->objects[ladder->objects_count++] = object;
}

/* Loads; as long as single programs are refused, without those. */
static void object_try(
    struct ladder *ladder, const struct probe_object *row, const struct ladder_parts *parts)
{
    for (size_t round = 0; round <= ladder_probes_count; round++) {
        _cleanup_free_ char *why = NULL;
        strbuf_reset(&said);
        struct bpf_object *object = object_open(ladder, row, parts, &why);
        if (!object) {
            if (why)
                refuse_all(ladder, row, why);
            return;
        }
        int result = bpf_object__load(object);
        if (result == 0) {
            object_attach(ladder, row, object, parts);
            return;
        }
        struct bpf_program *program = culprit(object);
        why = why_said("load", result);
        if (program)
            why_not(state_of(ladder, row->family, bpf_program__name(program), NULL), row->rung,
                str_dup(why));
        bpf_object__close(object);
        if (!program) {
            refuse_all(ladder, row, why);
            return;
        }
    }
}

static void climb(struct ladder *ladder, const struct ladder_parts *parts)
{
    for (int rung = 0; rung < RUNG_COUNT; rung++)
        for (size_t i = 0; i < ladder_objects_count; i++)
            if (ladder_objects[i].rung == (enum rung)rung)
                object_try(ladder, &ladder_objects[i], parts);
}

void ladder_climb(struct ladder *ladder, const struct ladder_parts *parts)
{
    ladder->states = mem_alloc(ladder_probes_count * sizeof(*ladder->states));
    for (size_t i = 0; i < ladder_probes_count; i++)
        ladder->states[i].rung = RUNG_NONE;
    struct ladder_parts now = *parts;
    libbpf_print_fn_t before = libbpf_set_print(listen);
    for (ladder->round = 0; ladder->round < ROUNDS; ladder->round++) {
        climb(ladder, &now);
        now.config.switch_collects = !ladder_iterates(ladder);
    }
    libbpf_set_print(before);
    strbuf_release(&said);
}

void ladder_detach(struct ladder *ladder, const char *hook)
{
    for (size_t i = 0; i < ladder_probes_count; i++) {
        if (!str_equal(ladder_probes[i].hook, hook))
            continue;
        bpf_link__destroy(ladder->states[i].link);
        ladder->states[i].link = NULL;
    }
}

void ladder_release(struct ladder *ladder)
{
    for (size_t i = 0; ladder->states && i < ladder_probes_count; i++) {
        bpf_link__destroy(ladder->states[i].link);
        for (int rung = 0; rung < RUNG_COUNT; rung++)
            free(ladder->states[i].why[rung]);
    }
    for (size_t i = 0; i < ladder->objects_count; i++)
        bpf_object__close(ladder->objects[i]);
    free(ladder->objects);
    free(ladder->states);
    *ladder = (struct ladder){0};
}

const struct probe_state *ladder_find(const struct ladder *ladder, const char *hook)
{
    for (size_t i = 0; ladder->states && i < ladder_probes_count; i++)
        if (str_equal(ladder_probes[i].hook, hook))
            return &ladder->states[i];
    return NULL;
}

static bool is_hook(const char *name)
{
    for (size_t i = 0; i < ladder_probes_count; i++)
        if (str_equal(ladder_probes[i].hook, name))
            return true;
    return false;
}

int ladder_check_without(const char *const *without, struct err *err)
{
    for (size_t i = 0; without && without[i]; i++) {
        const char *colon = strchr(without[i], ':');
        size_t length = colon ? (size_t)(colon - without[i]) : strlen(without[i]);
        _cleanup_free_ char *name = str_ndup(without[i], length);
        bool known = !colon && (str_equal(name, "file") || str_equal(name, "sched_info") ||
                                   str_equal(name, "btf") || is_hook(name));
        for (int rung = 0; rung < RUNG_COUNT; rung++)
            known |= str_equal(name, rung_names[rung]) && (!colon || is_hook(colon + 1));
        if (!known)
            return err_set(err, -EINVAL,
                "no such source \"%s\": expected tp_btf, raw_tp, tracepoint, iter, cgroup, "
                "btf, sched_info, file, or a hook that --explain lists; that also after one of the "
                "first five and a colon",
                without[i]);
    }
    return 0;
}
