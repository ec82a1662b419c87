/* SPDX-License-Identifier: Apache-2.0 */
/* Rates of what containers get and send, and the timer that collects them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/isolators/network/port_mapping.h"

struct port_rate_sample {
    uint64_t at_ns;
    double rates[2][PORT_COUNTED]; /* a second; got, sent */
};

static void old_drop(struct port_rates *rates, uint64_t now_ns, uint64_t window_ns)
{
    size_t old = 0;

    while (old < rates->count && rates->samples[old].at_ns + window_ns < now_ns)
        old++;
    rates->count -= old;
    if (old > 0)
        memmove(
            rates->samples, rates->samples + old, rates->count * sizeof(*rates->samples));
}

/* A link that was made anew counts from 0. */
static double rate_between(uint64_t before, uint64_t now, double seconds)
{
    return now < before ? 0 : (double)(now - before) / seconds;
}

void port_rates_add(struct port_rates *rates, const struct port_traffic *traffic, uint64_t now_ns,
    uint64_t window_ns)
{
    if (rates->last_ns > 0 && now_ns > rates->last_ns) {
        const double seconds = (double)(now_ns - rates->last_ns) / 1e9;
        struct port_rate_sample *sample;

        rates->samples = mem_grow(
            rates->samples, &rates->capacity, rates->count + 1, sizeof(*rates->samples));
        sample = &rates->samples[rates->count++];
        sample->at_ns = now_ns;
        for (size_t i = 0; i < PORT_COUNTED; i++) {
            sample->rates[0][i] = rate_between(rates->last.rx[i], traffic->rx[i], seconds);
            sample->rates[1][i] = rate_between(rates->last.tx[i], traffic->tx[i], seconds);
        }
    }
    rates->last = *traffic;
    rates->last_ns = now_ns;
    old_drop(rates, now_ns, window_ns);
}

void port_rates_release(struct port_rates *rates)
{
    free(rates->samples);
    *rates = (struct port_rates){0};
}

/* --- what they come to --- */

/* Between two of the sorted values by how near it is to each. */
static double rate_percentile(const double *sorted, size_t count, double part)
{
    const double position = part * (double)(count - 1);
    const size_t index = (size_t)floor(position);

    if (index + 1 >= count)
        return sorted[count - 1];
    return sorted[index] + (position - (double)index) * (sorted[index + 1] - sorted[index]);
}

static json_t *rates_sum_up(const struct port_rates *rates, size_t way, size_t counted)
{
    static const struct {
        const char *name;
        double part;
    } rows[] = {{"min", 0}, {"max", 1}, {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99},
        {"p999", 0.999}, {"p9999", 0.9999}};
    _cleanup_free_ double *sorted = mem_alloc(rates->count * sizeof(*sorted));
    json_t *sum = json_object();

    for (size_t i = 0; i < rates->count; i++)
        sorted[i] = rates->samples[i].rates[way][counted];
    qsort(sorted, rates->count, sizeof(*sorted), port_double_compare);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        json_object_set_new(sum, rows[i].name,
            json_real(rate_percentile(sorted, rates->count, rows[i].part)));
    json_object_set_new(sum, "samples", json_integer((json_int_t)rates->count));
    return sum;
}

json_t *port_rates_json(
    const struct port_rates *rates, uint64_t window_ns, uint64_t interval_ns)
{
    static const char *const ways[] = {"rx", "tx"};
    static const char *const names[PORT_COUNTED] = {
        [PORT_BYTES] = "rate", [PORT_PACKETS] = "packet_rate", [PORT_DROPPED] = "drop_rate",
        [PORT_ERRORS] = "error_rate"};
    json_t *all;

    if (rates->count == 0)
        return NULL;
    all = json_object();
    for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
        for (size_t i = 0; i < PORT_COUNTED; i++) {
            _cleanup_free_ char *name = str_printf("%s_%s", ways[way], names[i]);

            json_object_set_new(all, name, rates_sum_up(rates, way, i));
        }
    }
    json_object_set_new(all, "sampling_window_secs", json_real((double)window_ns / 1e9));
    json_object_set_new(all, "sampling_interval_secs", json_real((double)interval_ns / 1e9));
    return all;
}

/* --- the timer --- */

static void collect_due(void *arg, int result)
{
    struct port_mapper *mapper = arg;
    size_t cursor = 0;
    const char *id;
    void *value;
    bool any = false;

    mapper->rate_timer = NULL;
    if (result < 0)
        return;
    while (strmap_next(mapper->containers, &cursor, &id, &value)) {
        struct port_container *container = value;
        struct port_traffic traffic;

        if (container->unmanaged || container->pid == 0)
            continue;
        any = true;
        if (port_traffic_read(mapper->base.host, container->pid, &traffic, NULL) == 0)
            port_rates_add(&container->rates, &traffic, host_now_ns(mapper->base.host),
                mapper->rate_window_ns);
    }
    if (any)
        port_rates_collect(mapper);
}

void port_rates_collect(struct port_mapper *mapper)
{
    if (mapper->rate_interval_ns > 0 && !mapper->rate_timer)
        mapper->rate_timer =
            host_timer(mapper->base.host, mapper->rate_interval_ns, collect_due, mapper);
}
