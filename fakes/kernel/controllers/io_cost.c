/* SPDX-License-Identifier: Apache-2.0 */
/* io.cost.qos and io.cost.model of the root: the cost model's settings per device. */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/io.h"

enum qos { QOS_RPCT, QOS_RLAT, QOS_WPCT, QOS_WLAT, QOS_MIN, QOS_MAX, QOS_COUNT };

static const char *const qos_names[QOS_COUNT] = {"rpct", "rlat", "wpct", "wlat", "min", "max"};
/* Percents are in hundredths; those of the kernel's class "SSD". */
static const uint64_t qos_defaults[QOS_COUNT] = {0, 25000, 0, 25000, 100, 1000000};
static const bool qos_percent[QOS_COUNT] = {true, false, true, false, true, true};
#define PERCENT_MAX 10000
#define SCALE_MIN 100
#define SCALE_MAX 1000000

static const char *const model_names[6] = {
    "rbps", "rseqiops", "rrandiops", "wbps", "wseqiops", "wrandiops"};
static const uint64_t model_defaults[6] = {488636629, 8932, 8518, 427891549, 28755, 21940};

static void device_start(struct io_device *device)
{
    if (device->cost_set)
        return;
    device->cost_set = true;
    memcpy(device->qos, qos_defaults, sizeof(device->qos));
    memcpy(device->model, model_defaults, sizeof(device->model));
}

int io_cost_qos_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct io_world *world = io->kernel->cgroup_world->io;
    for (size_t i = 0; i < world->count; i++) {
        const struct io_device *device = world->devices[i];
        if (!device->cost_set)
            continue;
        strbuf_addf(out, "%u:%u enable=%d ctrl=%s", device->major, device->minor,
            device->cost_enabled, device->cost_user ? "user" : "auto");
        for (int k = 0; k < QOS_COUNT; k++) {
            unsigned long long value = device->qos[k];
            if (qos_percent[k])
                strbuf_addf(out, " %s=%llu.%02llu", qos_names[k], value / 100, value % 100);
            else
                strbuf_addf(out, " %s=%llu", qos_names[k], value);
        }
        strbuf_add(out, "\n");
    }
    return 0;
}

/* A share is refused beyond 100 %, the scale is brought within its bounds. */
static int parse_percent(int which, const char *text, uint64_t *ret_hundredths)
{
    int64_t value;
    if (text_hundredths(text, &value) || value < 0)
        return -EINVAL;
    if (which < QOS_MIN && value > PERCENT_MAX)
        return -EINVAL;
    if (which >= QOS_MIN)
        value = value < SCALE_MIN ? SCALE_MIN : value > SCALE_MAX ? SCALE_MAX : value;
    *ret_hundredths = (uint64_t)value;
    return 0;
}

static int qos_set(struct io_device *device, const char *key, const char *value)
{
    uint64_t number;
    if (!strcmp(key, "enable")) {
        if (text_u64(value, &number))
            return -EINVAL;
        device->cost_enabled = number;
        return 0;
    }
    if (!strcmp(key, "ctrl")) {
        if (strcmp(value, "auto") && strcmp(value, "user"))
            return -EINVAL;
        device->cost_user = !strcmp(value, "user");
        return 0;
    }
    for (int i = 0; i < QOS_COUNT; i++) {
        if (strcmp(key, qos_names[i]))
            continue;
        if (qos_percent[i] ? parse_percent(i, value, &number) : text_u64(value, &number))
            return -EINVAL;
        device->qos[i] = number;
        device->cost_user = true;
        return 0;
    }
    return -EINVAL;
}

/* Settings of the user's own, or the kernel's for the kind of device. */
static int qos_finish(struct io_device *device)
{
    if (device->qos[QOS_MIN] > device->qos[QOS_MAX])
        return -EINVAL;
    if (!device->cost_user)
        memcpy(device->qos, qos_defaults, sizeof(device->qos));
    return 0;
}

static int model_set(struct io_device *device, const char *key, const char *value)
{
    uint64_t number;
    if (!strcmp(key, "ctrl")) {
        if (strcmp(value, "auto") && strcmp(value, "user"))
            return -EINVAL;
        device->model_user = !strcmp(value, "user");
        return 0;
    }
    if (!strcmp(key, "model"))
        return strcmp(value, "linear") ? -EINVAL : 0;
    for (size_t i = 0; i < ARRAY_SIZE(model_names); i++)
        if (!strcmp(key, model_names[i])) {
            if (text_u64(value, &number))
                return -EINVAL;
            device->model[i] = number;
            device->model_user = true;
            return 0;
        }
    return -EINVAL;
}

static int model_finish(struct io_device *device)
{
    if (!device->model_user)
        memcpy(device->model, model_defaults, sizeof(device->model));
    return 0;
}

/* All or nothing: the device changes once every key was good. */
static int cost_write(const struct cgroup_io *io, char *text,
    int (*set)(struct io_device *device, const char *key, const char *value),
    int (*finish)(struct io_device *device))
{
    struct io_device *device;
    const char *rest;
    int result = io_parse_device(io, text, &device, &rest);
    if (result)
        return result;
    struct io_device trial = *device;
    device_start(&trial);
    char *items = text_strip(text + (rest - text));
    for (char *item; (item = text_next_item(&items));) {
        char *equals = strchr(item, '=');
        if (!*item)
            continue;
        if (!equals)
            return -EINVAL;
        *equals = '\0';
        result = set(&trial, item, equals + 1);
        if (result)
            return result;
    }
    result = finish(&trial);
    if (!result)
        *device = trial;
    return result;
}

int io_cost_qos_write(const struct cgroup_io *io, char *text)
{
    return cost_write(io, text, qos_set, qos_finish);
}

int io_cost_model_read(const struct cgroup_io *io, struct strbuf *out)
{
    const struct io_world *world = io->kernel->cgroup_world->io;
    for (size_t i = 0; i < world->count; i++) {
        const struct io_device *device = world->devices[i];
        if (!device->cost_set)
            continue;
        strbuf_addf(out, "%u:%u ctrl=%s model=linear", device->major, device->minor,
            device->model_user ? "user" : "auto");
        for (size_t k = 0; k < ARRAY_SIZE(model_names); k++)
            strbuf_addf(
                out, " %s=%llu", model_names[k], (unsigned long long)device->model[k]);
        strbuf_add(out, "\n");
    }
    return 0;
}

int io_cost_model_write(const struct cgroup_io *io, char *text)
{
    return cost_write(io, text, model_set, model_finish);
}
