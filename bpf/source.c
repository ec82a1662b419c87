/* SPDX-License-Identifier: Apache-2.0 */
/* The probes as the containerizer's statistics source. */
#include "bpf/source.h"

#include <string.h>
#include <time.h>

#include "bpf/cli/output.h"
#include "bpf/stats.h"
#include "reference/agent/agent_main.h"
#include "reference/base/mem.h"

#define FRESH_NS 5000000U /* usage of many containers in a row is one reading */

struct stats_source {
    struct statistics_source base;
    struct stats *stats;
    const struct stats_reading *reading;
};

static struct stats_source *source_of(struct statistics_source *source)
{
    return container_of(source, struct stats_source, base);
}

static int publish(struct statistics_source *base, const char *id, const char *cgroup,
    const char *parent, struct err *err)
{
    struct stats_source *source = source_of(base);
    source->reading = NULL;
    return stats_publish(source->stats, id, cgroup, parent, err);
}

static void retire(struct statistics_source *base, const char *id)
{
    struct stats_source *source = source_of(base);
    source->reading = NULL;
    stats_retire(source->stats, id, NULL);
}

static const struct stats_reading *fresh(struct stats_source *source)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
    if (!source->reading || now_ns - source->reading->time_ns > FRESH_NS)
        source->reading = stats_read(source->stats);
    return source->reading;
}

static void usage(struct statistics_source *base, const char *id, struct statistics *into)
{
    const struct stats_container *container = stats_find(fresh(source_of(base)), id);
    if (!container)
        return;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    output_values(container, &text);
    json_decref(into->bpf);
    into->bpf = json_loadb(strbuf_text(&text), strlen(strbuf_text(&text)), 0, NULL);
}

static void source_free(struct statistics_source *base)
{
    struct stats_source *source = source_of(base);
    stats_close(source->stats);
    free(source);
}

static const struct statistics_source_ops ops = {publish, retire, usage, source_free};

int stats_source_new(bool unified, struct statistics_source **ret_source, struct err *err)
{
    const struct stats_options options = {.controller = unified ? "unified" : NULL,
        .switch_percent = STATS_SWITCH_PERCENT};
    struct stats *stats = NULL;
    int result = stats_open(&options, &stats, err);
    if (result < 0)
        return result;
    struct stats_source *source = mem_alloc(sizeof(*source));
    source->base.ops = &ops;
    source->stats = stats;
    *ret_source = &source->base;
    return 0;
}

int stats_agent_main(int argc, char **argv)
{
    return agent_main_with(
        argc, argv, &(struct agent_extras){.statistics_new = stats_source_new});
}
