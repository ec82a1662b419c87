/* SPDX-License-Identifier: Apache-2.0 */
/* Checks across flags, after all are loaded (flags.md); the first error ends the agent. */
#include <errno.h>
#include <string.h>

#include "reference/base/loop.h"
#include "reference/base/mem.h"
#include "reference/flags/internal.h"

#define RATE_INTERVAL_LEAST_NS (20 * NS_PER_MS)

/* At most one of the two may be given. */
static const struct {
    const char *one;
    const char *other;
} exclusive[] = {
    {"ip", "ip_discovery_command"},
    {"ip6", "ip6_discovery_command"},
    {"modules", "modules_dir"},
    {"check_agent_port_range_only", "container_ports_isolated_range"},
    {"egress_rate_limit_per_container", "egress_rate_per_cpu"},
    {"ingress_rate_limit_per_container", "ingress_rate_per_cpu"},
};

/* The first needs the second. */
static const struct {
    const char *flag;
    const char *needs;
} dependent[] = {
    {"network_cni_plugins_dir", "network_cni_config_dir"},
    {"network_cni_config_dir", "network_cni_plugins_dir"},
    {"authenticate_http_executors", "jwt_secret_key"},
    {"network_enable_rate_statistics", "network_rate_statistics_window"},
    {"network_enable_rate_statistics", "network_rate_statistics_interval"},
};

/* Among the others: given, and for booleans, true. */
static bool given(const struct flags *flags, const char *name)
{
    const char *value = flags_other(flags, name);
    bool yes = true;
    if (value && flag_find(name, NULL)->kind == FLAG_BOOL)
        boolean_parse(value, &yes, NULL);
    return value && yes;
}

static bool has_word(const char *list, const char *word)
{
    _cleanup_strv_ char **words = strv_split(list, ",");
    return strv_contains(words, word);
}

static int validate_pairs(const struct flags *flags, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(exclusive); i++)
        if (given(flags, exclusive[i].one) && given(flags, exclusive[i].other))
            return err_set(err, -EINVAL, "--%s and --%s: at most one may be given",
                exclusive[i].one, exclusive[i].other);
    for (size_t i = 0; i < ARRAY_SIZE(dependent); i++)
        if (given(flags, dependent[i].flag) && !given(flags, dependent[i].needs))
            return err_set(err, -EINVAL, "--%s needs --%s", dependent[i].flag, dependent[i].needs);
    return 0;
}

static int validate_cgroups(const struct flags *flags, bool unified, struct err *err)
{
    if (flags->cgroups_limit_swap && unified)
        return err_set(
            err, -EINVAL, "--cgroups_limit_swap: swap cannot be limited with cgroups v2");
    if (flags->cgroups_net_cls_secondary_handles && !flags->cgroups_net_cls_primary_handle)
        return err_set(err, -EINVAL,
            "--cgroups_net_cls_secondary_handles needs --cgroups_net_cls_primary_handle");
    if (flags->perf_events && flags->perf_duration_ns > flags->perf_interval_ns)
        return err_set(err, -EINVAL, "--perf_duration is longer than --perf_interval");
    if (given(flags, "nvidia_gpu_devices") && !has_word(flags->isolation, "gpu/nvidia"))
        return err_set(err, -EINVAL, "--nvidia_gpu_devices needs gpu/nvidia in --isolation");
    return 0;
}

static int validate_capabilities(const struct flags *flags, struct err *err)
{
    if (!flags->effective_capabilities || !flags->bounding_capabilities)
        return 0;
    json_t *effective = json_object_get(flags->effective_capabilities, "capabilities");
    json_t *bounding = json_object_get(flags->bounding_capabilities, "capabilities");
    for (size_t i = 0; i < json_array_size(effective); i++) {
        bool within = false;
        for (size_t j = 0; j < json_array_size(bounding); j++)
            within = within
                || json_equal(json_array_get(effective, i), json_array_get(bounding, j));
        if (!within)
            return err_set(err, -EINVAL,
                "--effective_capabilities: %s is not within --bounding_capabilities",
                json_string_value(json_array_get(effective, i)));
    }
    return 0;
}

static int validate_order(const struct flags *flags, const char *least, const char *most,
    struct err *err)
{
    uint64_t low;
    uint64_t high;
    if (!given(flags, least) || !given(flags, most))
        return 0;
    if (bytes_parse(flags_other(flags, least), &low, NULL) == 0
        && bytes_parse(flags_other(flags, most), &high, NULL) == 0 && low > high)
        return err_set(err, -EINVAL, "--%s is above --%s", least, most);
    return 0;
}

static int validate_network(const struct flags *flags, struct err *err)
{
    int result =
        validate_order(flags, "minimum_egress_rate_limit", "maximum_egress_rate_limit", err);
    if (result == 0)
        result = validate_order(
            flags, "minimum_ingress_rate_limit", "maximum_ingress_rate_limit", err);
    if (result < 0 || !given(flags, "network_enable_rate_statistics"))
        return result;
    uint64_t window_ns = 0;
    uint64_t interval_ns = 0;
    duration_parse(flags_other(flags, "network_rate_statistics_window"), &window_ns, NULL);
    duration_parse(flags_other(flags, "network_rate_statistics_interval"), &interval_ns, NULL);
    if (interval_ns < RATE_INTERVAL_LEAST_NS)
        return err_set(err, -EINVAL, "--network_rate_statistics_interval: expected 20ms or more");
    if (window_ns <= interval_ns)
        return err_set(err, -EINVAL, "--network_rate_statistics_window is not longer than "
                                     "--network_rate_statistics_interval");
    return 0;
}

/* provisioner.md 1: the word anywhere in the text will do (quirk). */
static int validate_images(const struct flags *flags, struct err *err)
{
    if (flags->image_providers && strcasestr(flags->image_providers, "docker") &&
        !(flags->isolation && strstr(flags->isolation, "docker/runtime")))
        return err_set(
            err, -EINVAL, "--image_providers: docker needs docker/runtime in --isolation");
    return 0;
}

int flags_validate(const struct flags *flags, bool unified_cgroups, struct err *err)
{
    if (!flags->work_dir || flags->work_dir[0] == '\0')
        return err_set(err, -EINVAL, "--work_dir is required");
    int result = validate_pairs(flags, err);
    if (result == 0)
        result = validate_cgroups(flags, unified_cgroups, err);
    if (result == 0)
        result = validate_capabilities(flags, err);
    if (result == 0)
        result = validate_network(flags, err);
    if (result == 0)
        result = validate_images(flags, err);
    return result;
}
