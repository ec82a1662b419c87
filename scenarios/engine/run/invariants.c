/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds always, whatever the scenario says: only legal transitions, statistics never negative,
 * cumulative ones never falling. Looks at every line of the trace.
 */
#include <stdarg.h>
#include <string.h>

#include "reference/base/mem.h"
#include "scenarios/engine/run/run.h"

void run_violation(struct run *run, const char *format, ...)
{
    if (run->violation)
        return;
    va_list list;
    va_start(list, format);
    run->violation = str_vprintf(format, list);
    va_end(list);
}

struct transition {
    const char *from;
    const char *to;
};
/* containerizer.md 3, docker.md; recovered containers begin in RUNNING. */
static const struct transition transitions[] = {
    {"STARTING", "PROVISIONING"},
    {"PROVISIONING", "PREPARING"},
    {"PREPARING", "ISOLATING"},
    {"ISOLATING", "FETCHING"},
    {"FETCHING", "RUNNING"},
    {"PROVISIONING", "DESTROYING"},
    {"PREPARING", "DESTROYING"},
    {"ISOLATING", "DESTROYING"},
    {"FETCHING", "DESTROYING"},
    {"RUNNING", "DESTROYING"},
    {"FETCHING", "PULLING"},
    {"PULLING", "MOUNTING"},
    {"MOUNTING", "RUNNING"},
    {"PULLING", "DESTROYING"},
    {"MOUNTING", "DESTROYING"},
    {"STARTING", "RUNNING"},
    {"NEW", "FETCHING"},
    {"NEW", "RUNNING"},
};

static bool transition_legal(const char *from, const char *to)
{
    for (size_t i = 0; i < ARRAY_SIZE(transitions); i++) {
        if (strcmp(transitions[i].from, from) == 0 && strcmp(transitions[i].to, to) == 0)
            return true;
    }
    return false;
}

static void transition_check(struct run *run, const char *op, const json_t *args)
{
    const char *id = json_string_value(json_object_get(args, "id"));
    const char *from = json_string_value(json_object_get(args, "from"));
    const char *to = json_string_value(json_object_get(args, "to"));
    if (!id || !from || !to)
        return;
    bool begins = strcmp(from, "STARTING") == 0 || strcmp(from, "NEW") == 0;
    if (begins)
        lifecycle_event(run, op, args);
    if (!transition_legal(from, to))
        run_violation(run, "%s went from %s to %s, which is no legal transition", id, from, to);
    struct known *known = known_get(run, id);
    if (!known)
        return;
    if (known->phase && !begins && strcmp(known->phase, from) != 0)
        run_violation(run, "%s was %s, but goes from %s to %s", id, known->phase, from, to);
    str_set(&known->phase, to);
}

struct watched_op {
    const char *op;
    void (*fn)(struct run *run, const char *op, const json_t *args);
};
static const struct watched_op watched_ops[] = {{"container.state", transition_check},
    {"container.destroy", lifecycle_event}, {"isolator.recover", lifecycle_event},
    {"isolator.prepare", lifecycle_event}, {"isolator.cleanup", lifecycle_event}};

static const struct watched_op *watched_op_of(const char *line)
{
    static const char mark[] = "\"op\":\"";
    const char *op = strstr(line, mark);
    for (size_t i = 0; op && i < ARRAY_SIZE(watched_ops); i++) {
        size_t length = strlen(watched_ops[i].op);
        const char *name = op + sizeof(mark) - 1;
        if (strncmp(name, watched_ops[i].op, length) == 0 && name[length] == '"')
            return &watched_ops[i];
    }
    return NULL;
}

void invariants_line(struct run *run, const char *line)
{
    const struct watched_op *watched = watched_op_of(line);
    if (!watched)
        return;
    json_t *event = json_loads(line, 0, NULL);
    watched->fn(run, watched->op, json_object_get(event, "args"));
    json_decref(event);
}

/* Counters since the creation of the cgroup (statistics.md 2). */
static const char *const cumulative[] = {"cpus_nr_periods", "cpus_nr_throttled",
    "cpus_throttled_time_secs", "mem_low_pressure_counter", "mem_medium_pressure_counter",
    "mem_critical_pressure_counter", "net_rx_packets", "net_rx_bytes", "net_tx_packets",
    "net_tx_bytes", NULL};
/* These count by processes, which end, unless cgroups count them. */
static const char *const cumulative_with_cgroups[] = {
    "cpus_user_time_secs", "cpus_system_time_secs", NULL};

static void check_not_falling(
    struct run *run, const struct known *known, const json_t *usage, const char *const *names)
{
    for (size_t i = 0; names[i]; i++) {
        const json_t *before = json_object_get(known->usage, names[i]);
        const json_t *now = json_object_get(usage, names[i]);
        if (before && now && json_number_value(now) < json_number_value(before))
            run_violation(run, "%s of %s fell from %.17g to %.17g", names[i], known->id,
                json_number_value(before), json_number_value(now));
    }
}

void invariants_usage(struct run *run, struct known *known, const json_t *usage)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)usage, name, value)
    {
        if (json_is_number(value) && json_number_value(value) < 0)
            run_violation(run, "%s of %s is %.17g", name, known->id, json_number_value(value));
    }
    check_not_falling(run, known, usage, cumulative);
    if (run->flags.isolation && strstr(run->flags.isolation, "cgroups/cpu"))
        check_not_falling(run, known, usage, cumulative_with_cgroups);
    json_decref(known->usage);
    known->usage = json_incref((json_t *)(uintptr_t)usage);
}
