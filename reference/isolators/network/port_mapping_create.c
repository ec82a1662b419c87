/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold before network/port_mapping starts (isolators.md 12.2, flags.md 6). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/isolators/network/port_mapping.h"
#include "reference/isolators/program.h"

#define DEFAULT_MINIMUM 125000
#define MBIT_BYTES 125000u
#define UNKNOWN_SPEED UINT32_MAX

static int text_read(struct host *host, const char *path, char **ret_text, struct err *err)
{
    size_t length;
    int r = host_file_read(host, path, ret_text, &length, err);

    if (r == 0)
        (*ret_text)[strcspn(*ret_text, "\n")] = '\0';
    return r;
}

static int device_read(struct host *host, const char *device, const char *file, char **ret_text,
    struct err *err)
{
    _cleanup_free_ char *path = str_printf("/sys/class/net/%s/%s", device, file);

    return text_read(host, path, ret_text, err);
}

static int mtu_read(struct host *host, const char *device, unsigned *ret_mtu, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    int r = device_read(host, device, "mtu", &text, err);

    if (r == 0 && sscanf(text, "%u", ret_mtu) != 1)
        r = err_set(err, -EBADMSG, "the MTU of %s: \"%s\" is no number", device, text);
    return r;
}

/* "Iface Destination Gateway …": the route to 0.0.0.0, addresses as the machine stores them. */
static int route_read(struct port_mapper *mapper, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;
    size_t length;
    int r = host_file_read(mapper->base.host, "/proc/net/route", &text, &length, err);

    if (r < 0)
        return r;
    lines = strv_split(text, "\n");
    for (size_t i = 0; lines && lines[i]; i++) {
        char device[PORT_MAPPING_DEVICE_BYTES];
        unsigned to;
        unsigned via;

        if (sscanf(lines[i], "%15s %8x %8x", device, &to, &via) != 3 || to != 0 || via == 0 ||
            (mapper->eth0 && !str_equal(mapper->eth0, device)))
            continue;
        str_set(&mapper->eth0, device);
        mapper->gateway = str_printf("%u.%u.%u.%u", via & 0xff, via >> 8 & 0xff, via >> 16 & 0xff,
            via >> 24);
        return 0;
    }
    return err_set(err, -ENOENT, "the host has no default gateway%s%s",
        mapper->eth0 ? " by " : "", mapper->eth0 ? mapper->eth0 : "");
}

/* --- ports --- */

static int pool_check(struct port_mapper *mapper, struct err *err)
{
    static const struct resource_range well_known = {0, 1023};
    _cleanup_free_ char *local = NULL;
    struct resource_range hosts = {0};
    int r;

    if (mapper->pool.count == 0)
        return err_set(err, -EINVAL, "--resources: ephemeral_ports are required");
    for (size_t i = 0; i < mapper->pool.count; i++) {
        if (port_ranges_overlap(&mapper->managed, &mapper->pool.items[i]))
            return err_set(err, -EINVAL, "--resources: ports and ephemeral_ports overlap");
    }
    if (port_ranges_overlap(&mapper->pool, &well_known))
        return err_set(
            err, -EINVAL, "--resources: ephemeral_ports overlap the well-known ports 0-1023");
    r = text_read(
        mapper->base.host, "/proc/sys/net/ipv4/ip_local_port_range", &local, err);
    if (r == 0 && sscanf(local, "%" SCNd64 " %" SCNd64, &hosts.begin, &hosts.end) == 2 &&
        port_ranges_overlap(&mapper->pool, &hosts))
        r = err_set(err, -EINVAL,
            "--resources: ephemeral_ports overlap the host's own ones, %" PRId64 "-%" PRId64
            " of ip_local_port_range",
            hosts.begin, hosts.end);
    if (r == 0 && (uint64_t)mapper->block_size > ranges_total(&mapper->pool))
        r = err_set(err, -EINVAL,
            "--ephemeral_ports_per_container: %" PRId64 " is more than the agent's "
            "ephemeral_ports",
            mapper->block_size);
    return r;
}

/* --- rates --- */

struct speed {
    bool known;
    uint64_t bytes; /* a second */
};

static int speed_read(struct port_mapper *mapper, struct speed *ret_speed, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    uint32_t mbit = 0;
    int r = device_read(mapper->base.host, mapper->eth0, "speed", &text, NULL);

    *ret_speed = (struct speed){0};
    if (r == -ENOENT || r == -EINVAL) /* a device that is down, or has none */
        return 0;
    if (r < 0)
        return err_errno(err, r, "the speed of %s", mapper->eth0);
    if (str_equal(text, "-1"))
        mbit = UNKNOWN_SPEED;
    else if (sscanf(text, "%" SCNu32, &mbit) != 1)
        return err_set(err, -EBADMSG, "the speed of %s: \"%s\" is no number", mapper->eth0, text);
    if (mbit == UNKNOWN_SPEED)
        log_warning("the speed of %s is unknown: limits are not checked against it", mapper->eth0);
    else
        *ret_speed = (struct speed){true, (uint64_t)mbit * MBIT_BYTES};
    return 0;
}

static int bytes_flag(const struct flags *flags, const char *format, const char *way,
    uint64_t *value, struct err *err)
{
    char name[64];
    const char *text;

    snprintf(name, sizeof(name), format, way);
    text = flags_other(flags, name);
    return text ? bytes_parse(text, value, err) : 0;
}

/* The link's speed by the CPUs that the flag --resources names. */
static int per_cpu_auto(struct port_mapper *mapper, const struct flags *flags, const char *way,
    const struct speed *speed, uint64_t *ret_bytes, struct err *err)
{
    struct resources resources = {0};
    uint64_t link = speed->known ? speed->bytes : 0;
    double cpus = 0;
    int r = flags->resources ? resources_parse_text(flags->resources, &resources, err) : 0;

    if (r == 0)
        r = bytes_flag(flags, "network_link_speed%s", "", &link, err);
    if (r == 0 && !resources_scalar(&resources, "cpus", RESOURCES_ALL, &cpus))
        r = err_set(err, -EINVAL, "--%s_rate_per_cpu=auto needs cpus in --resources", way);
    if (r == 0 && link == 0)
        r = err_set(err, -ENOENT, "--%s_rate_per_cpu=auto: the speed of %s is unknown", way,
            mapper->eth0);
    resources_release(&resources);
    if (r == 0)
        *ret_bytes = (uint64_t)((double)link / cpus);
    return r;
}

static int rates_check(const struct port_rate_settings *settings, const char *way,
    const struct speed *speed, struct err *err)
{
    if (!speed->known)
        return 0;
    if (settings->fixed > speed->bytes)
        return err_set(
            err, -EINVAL, "--%s_rate_limit_per_container is above the speed of the link", way);
    if (settings->least > speed->bytes)
        return err_set(err, -EINVAL, "--minimum_%s_rate_limit is above the speed of the link", way);
    if (settings->most != UINT64_MAX && settings->most > speed->bytes)
        log_warning("--maximum_%s_rate_limit is above the speed of the link", way);
    return 0;
}

static int rates_read(struct port_mapper *mapper, const struct flags *flags, const char *way,
    const struct speed *speed, struct port_rate_settings *settings, struct err *err)
{
    _cleanup_free_ char *name = str_printf("%s_rate_per_cpu", way);
    const char *per_cpu = flags_other(flags, name);
    const struct {
        const char *format;
        uint64_t *value;
    } rows[] = {{"%s_rate_limit_per_container", &settings->fixed},
        {"minimum_%s_rate_limit", &settings->least}, {"maximum_%s_rate_limit", &settings->most},
        {"%s_ceil_limit", &settings->ceil}, {"%s_burst", &settings->burst}};
    int r = 0;

    *settings = (struct port_rate_settings){.least = DEFAULT_MINIMUM, .most = UINT64_MAX};
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(rows); i++)
        r = bytes_flag(flags, rows[i].format, way, rows[i].value, err);
    if (r == 0 && per_cpu)
        r = str_equal(per_cpu, "auto")
                ? per_cpu_auto(mapper, flags, way, speed, &settings->per_cpu, err)
                : bytes_parse(per_cpu, &settings->per_cpu, err);
    settings->limits = settings->fixed || per_cpu;
    if (r == 0 && settings->burst && !settings->ceil)
        r = err_set(err, -EINVAL, "--%s_burst needs --%s_ceil_limit", way, way);
    return r < 0 ? r : rates_check(settings, way, speed, err);
}

/* --- all --- */

static int programs_check(struct host *host, bool details, struct err *err)
{
    static const char *const programs[] = {"tc", "ethtool", "ip", "nsenter", "ss"};
    const size_t count = ARRAY_SIZE(programs) - !details; /* ss tells of sockets only */

    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *path = agent_program_find(host, programs[i]);

        if (!path)
            return err_set(err, -ENOENT, "the program %s is not there", programs[i]);
    }
    return 0;
}

/* What containers get as the host has it (isolators.md 12.2); others stay as a kernel begins. */
static void sysctls_read(struct port_mapper *mapper)
{
    static const char *const names[] = {"core/somaxconn", "core/netdev_max_backlog",
        "core/rmem_max", "core/wmem_max", "ipv4/tcp_keepalive_time", "ipv4/tcp_keepalive_intvl",
        "ipv4/tcp_keepalive_probes", "ipv4/tcp_max_syn_backlog", "ipv4/tcp_ecn",
        "ipv4/tcp_ecn_fallback", "ipv4/tcp_rmem", "ipv4/tcp_wmem", "ipv4/tcp_retries2",
        "ipv4/tcp_synack_retries", "ipv4/neigh/default/gc_thresh1",
        "ipv4/neigh/default/gc_thresh2", "ipv4/neigh/default/gc_thresh3"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = str_printf("/proc/sys/net/%s", names[i]);
        _cleanup_free_ char *value = NULL;

        if (text_read(mapper->base.host, path, &value, NULL) == 0)
            strv_add_owned(&mapper->sysctls, str_printf("%s=%s", path, value));
    }
}

static void statistics_settings(struct port_mapper *mapper, const struct flags *flags)
{
    const char *window = flags_other(flags, "network_rate_statistics_window");
    const char *interval = flags_other(flags, "network_rate_statistics_interval");

    mapper->socket_summary = flags_other_bool(flags, "network_enable_socket_statistics_summary");
    mapper->socket_details = flags_other_bool(flags, "network_enable_socket_statistics_details");
    mapper->snmp = flags_other_bool(flags, "network_enable_snmp_statistics");
    if (!flags_other_bool(flags, "network_enable_rate_statistics"))
        return;
    /* The checks of the flags have seen them. */
    duration_parse(window, &mapper->rate_window_ns, NULL);
    duration_parse(interval, &mapper->rate_interval_ns, NULL);
}

int port_mapping_settings(struct port_mapper *mapper, const struct flags *flags, struct err *err)
{
    struct host *host = mapper->base.host;
    struct resources resources = {0};
    struct speed speed = {0};
    const char *size = flags_other(flags, "ephemeral_ports_per_container");
    int r;

    statistics_settings(mapper, flags);
    r = programs_check(host, mapper->socket_details, err);

    if (r == 0 && !(host->facts.namespaces & NS_BIT(NS_NET)))
        r = err_set(err, -ENOTSUP, "port mapping requires network namespaces");
    if (r == 0 && flags->resources)
        r = resources_parse_text(flags->resources, &resources, err);
    ranges_of_resources(&resources, "ports", &mapper->managed);
    ranges_of_resources(&resources, "ephemeral_ports", &mapper->pool);
    resources_release(&resources);
    mapper->eth0 = str_dup(flags_other(flags, "eth0_name"));
    mapper->lo = str_dup(flags_other(flags, "lo_name") ? flags_other(flags, "lo_name") : "lo");
    sscanf(size, "%" SCNd64, &mapper->block_size); /* the flag's check has seen it */
    _cleanup_free_ char *lo = str_printf("/sys/class/net/%s", mapper->lo);
    if (r == 0)
        r = pool_check(mapper, err);
    if (r == 0)
        r = route_read(mapper, err);
    if (r == 0)
        r = device_read(host, mapper->eth0, "address", &mapper->mac, err);
    if (r == 0)
        r = mtu_read(host, mapper->eth0, &mapper->mtu, err);
    if (r == 0 && !host_file_exists(host, lo))
        r = err_set(err, -ENODEV, "--lo_name: there is no interface %s", mapper->lo);
    if (r == 0)
        r = speed_read(mapper, &speed, err);
    if (r == 0)
        r = rates_read(mapper, flags, "egress", &speed, &mapper->egress, err);
    if (r == 0)
        r = rates_read(mapper, flags, "ingress", &speed, &mapper->ingress, err);
    if (r == 0)
        r = port_flows_settings(mapper, flags, err);
    mapper->ingress_existing = flags_other_bool(flags, "ingress_isolate_existing_containers");
    sysctls_read(mapper);
    return r;
}
