/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phases by the trace of the reference's agent: its lines are kept while a container lives, and
 * read only then, as reading them takes time. Others have no trace: theirs are the caller's and the
 * payload's clock.
 */
#include <string.h>

#include "bench/launch/phases.h"
#include "reference/base/mem.h"

/* The first line with this operation, and with this state in its arguments. An effect's line is
 * written when it is done. */
static const struct {
    const char *operation;
    const char *state; /* NULL: of any, or none */
} points[] = {
    {"container.state", "PREPARING"},
    {"spawn", NULL},
    {"container.state", "ISOLATING"},
    {"container.state", "FETCHING"},
    {"gate.release", NULL},
    {"container.exit", NULL},
    {"cgroup.remove", NULL},
    {"container.destroy", NULL},
};
static const char *const phases[] = {"until it is checkpointed", "until its process is made",
    "until that is checkpointed", "until it is isolated", "until the agent has let it go on",
    "until the agent sees its end", "until its first cgroup is removed",
    "until the agent has cleaned up", NULL};

struct keeper {
    char **lines;
};

static int keeper_open(struct run *run, void **ret_data, struct err *err)
{
    (void)run, (void)err;
    *ret_data = mem_alloc(sizeof(struct keeper));
    return 0;
}

static void keeper_close(void *data)
{
    struct keeper *keeper = data;

    strv_free(keeper->lines);
    free(keeper);
}

static void keep(void *arg, const char *line)
{
    struct keeper *keeper = arg;

    strv_add(&keeper->lines, line);
}

static void keeper_begin(void *data, const struct entrant *entrant)
{
    if (entrant->contender->trace)
        entrant->contender->trace(entrant->data, keep, data);
}

/* The point that a line is; ARRAY_SIZE(points): none. */
static size_t point_of(const json_t *line)
{
    const char *operation = json_string_value(json_object_get(line, "op"));
    const char *state = json_string_value(json_object_get(json_object_get(line, "args"), "to"));
    size_t i = 0;

    while (i < ARRAY_SIZE(points) && !(str_equal(points[i].operation, operation) &&
                                         (!points[i].state || str_equal(points[i].state, state))))
        i++;
    return i;
}

static void keeper_end(
    void *data, const struct entrant *entrant, uint64_t called_ns, uint64_t gone_ns, double *us)
{
    struct keeper *keeper = data;
    bool seen[ARRAY_SIZE(points) + 1] = {false};

    if (entrant->contender->trace)
        entrant->contender->trace(entrant->data, NULL, NULL);
    for (size_t i = 0; i < strv_length(keeper->lines); i++) {
        json_t *line = json_loads(keeper->lines[i], 0, NULL);
        const size_t point = point_of(line);
        const uint64_t at = (uint64_t)json_integer_value(json_object_get(line, "t"));

        if (point < ARRAY_SIZE(points) && !seen[point] && at >= called_ns && at <= gone_ns)
            us[point] = (double)(at - called_ns) / 1e3;
        seen[point] = true;
        json_decref(line);
    }
    strv_free(keeper->lines);
    keeper->lines = NULL;
}

const struct phase_source phases_trace = {.name = "the agent's trace and the payload's clock",
    .phases = phases,
    .open = keeper_open,
    .begin = keeper_begin,
    .end = keeper_end,
    .close = keeper_close};
