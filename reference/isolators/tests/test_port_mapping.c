/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of network/port_mapping, and what it reads from tc (isolators.md 12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/isolators/network/port_mapping.h"

static char *ranges_text(const struct ranges *ranges)
{
    struct strbuf text = STRBUF_INIT;

    for (size_t i = 0; i < ranges->count; i++)
        strbuf_addf(&text, "%s%lld-%lld", i ? " " : "", (long long)ranges->items[i].begin,
            (long long)ranges->items[i].end);
    return strbuf_take(&text);
}

static void test_split(void **state)
{
    static const struct {
        const char *ports;
        const char *split;
    } cases[] = {
        {"[31000-31000]", "31000-31000"},
        {"[31000-31007]", "31000-31007"},
        {"[31000-31008]", "31000-31007 31008-31008"},
        {"[31001-31010]", "31001-31001 31002-31003 31004-31007 31008-31009 31010-31010"},
        {"[30208-30719]", "30208-30719"},
        {"[1-3,8-9]", "1-1 2-3 8-9"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ranges ports = {0};
        struct ranges split = {0};

        assert_int_equal(ranges_parse(cases[i].ports, &ports, NULL), 0);
        port_ranges_split(&ports, &split);
        _cleanup_free_ char *text = ranges_text(&split);
        assert_string_equal(text, cases[i].split);
        ranges_release(&ports);
        ranges_release(&split);
    }
}

static void test_union(void **state)
{
    static const struct {
        const char *ports;
        struct resource_range block;
        const char *all;
    } cases[] = {
        {"[31000-31001]", {30016, 30031}, "30016-30031 31000-31001"},
        {"[100-101]", {30016, 30031}, "100-101 30016-30031"},
        {"[30000-30015]", {30016, 30031}, "30000-30031"},
        {"[30032-30033]", {30016, 30031}, "30016-30033"},
        {"[30000-30015,30032-30033,31000-31000]", {30016, 30031}, "30000-30033 31000-31000"},
        {"[5-6]", {0, 0}, "5-6"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct ranges ports = {0};
        struct ranges all = {0};

        assert_int_equal(ranges_parse(cases[i].ports, &ports, NULL), 0);
        port_ranges_union(&ports, &cases[i].block, &all);
        _cleanup_free_ char *text = ranges_text(&all);
        assert_string_equal(text, cases[i].all);
        ranges_release(&ports);
        ranges_release(&all);
    }
}

/* The pool of 30001-30999 gives exactly one block of 512, and 61 of 16. */
static void test_blocks(void **state)
{
    struct resource_range items[100];
    struct resource_range block;
    struct ranges pool = {0};
    struct ranges taken = {.items = items};

    (void)state;
    assert_int_equal(ranges_parse("[30001-30999]", &pool, NULL), 0);
    assert_true(port_block_allocate(&pool, 512, &taken, &block));
    assert_int_equal(block.begin, 30208);
    assert_int_equal(block.end, 30719);
    const struct ranges whole = {.items = &block, .count = 1};
    assert_false(port_block_allocate(&pool, 512, &whole, &items[0]));
    while (taken.count < ARRAY_SIZE(items) && port_block_allocate(&pool, 16, &taken, &block)) {
        assert_int_equal(block.begin % 16, 0);
        items[taken.count++] = block;
    }
    assert_int_equal(taken.count, 61);
    assert_int_equal(items[0].begin, 30016);
    ranges_release(&pool);
}

static void test_rates(void **state)
{
    static const struct {
        struct port_rate_settings settings;
        double cpus;
        struct port_rate rate;
    } cases[] = {
        {{.limits = false}, 4, {0}},
        {{true, 0, 1000, 2000, 4000, 0, 0}, 1, {2000, 0, 0}},
        {{true, 0, 1000, 2000, 4000, 0, 0}, 3.1, {3000, 0, 0}},
        {{true, 0, 1000, 2000, 4000, 0, 0}, 5, {4000, 0, 0}},
        {{true, 0, 1000, 2000, 4000, 0, 0}, 0.9, {2000, 0, 0}},
        {{true, 5000, 0, 125000, UINT64_MAX, 0, 0}, 1, {125000, 0, 0}},
        {{true, 200000, 0, 125000, UINT64_MAX, 300000, 10}, 1, {200000, 300000, 10}},
        {{true, 200000, 0, 125000, UINT64_MAX, 200000, 10}, 1, {200000, 0, 0}},
        /* 100 Gbit/s and 64 CPUs: beyond 32 bit */
        {{true, 0, 12500000000 / 64, 125000, UINT64_MAX, 0, 0}, 30, {195312500ull * 30, 0, 0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct resources resources = {0};
        struct port_rate rate;

        resources_add_scalar(&resources, "cpus", cases[i].cpus);
        rate = port_rate_of(&cases[i].settings, &resources);
        assert_int_equal(rate.rate, cases[i].rate.rate);
        assert_int_equal(rate.ceil, cases[i].rate.ceil);
        assert_int_equal(rate.burst, cases[i].rate.burst);
        resources_release(&resources);
    }
}

/* As iproute2 6.1 prints it. */
static void test_filters(void **state)
{
    static const char text[] =
        "filter protocol arp pref 258 u32 chain 0 fh 802::800 order 2048 key ht 802 bkt 0\n"
        "  match 00000000/00000000 at 0\n"
        "\taction order 1: mirred (Egress Redirect to device vB) stolen\n"
        "\n"
        "filter protocol ip pref 769 u32 chain 0 fh 804: ht divisor 1 \n"
        "filter protocol ip pref 769 u32 chain 0 fh 804::800 order 2048 key ht 804 bkt 0\n"
        "  match 00007918/0000fff8 at 20\n"
        "filter protocol ip pref 771 u32 chain 0 fh 800::801 order 2049 key ht 800 bkt 0\n"
        "  match 79180000/fff80000 at 20\n"
        "  match 0a000001/ffffffff at 16\n"
        "\taction order 1: mirred (Egress Redirect to device mesos7) stolen\n";
    _cleanup_free_ struct port_filter *filters = NULL;

    (void)state;
    assert_int_equal(port_filters_parse(text, &filters), 2);
    assert_string_equal(filters[0].handle, "804::800");
    assert_true(filters[0].has_destination && !filters[0].has_source);
    assert_int_equal(filters[0].ports.begin, 31000);
    assert_int_equal(filters[0].ports.end, 31007);
    assert_string_equal(filters[0].device, "");
    assert_int_equal(filters[1].priority, 771);
    assert_true(filters[1].has_source && !filters[1].has_destination);
    assert_int_equal(filters[1].ports.begin, 31000);
    assert_int_equal(filters[1].ports.end, 31007);
    assert_string_equal(filters[1].device, "mesos7");
}

/* As iproute2 6.1 prints it for classifiers, whose flow is hexadecimal. */
static void test_flows(void **state)
{
    static const char text[] =
        "filter protocol ip pref 771 u32 chain 0 fh 801: ht divisor 1 \n"
        "filter protocol ip pref 771 u32 chain 0 fh 801::800 order 2048 key ht 801 bkt 0 flowid "
        "1:1f not_in_hw \n"
        "  match 79180000/fff80000 at 20\n";
    _cleanup_free_ struct port_filter *filters = NULL;

    (void)state;
    assert_int_equal(port_filters_parse(text, &filters), 1);
    assert_int_equal(filters[0].flow, 0x1f);
    assert_int_equal(filters[0].ports.end, 31007);
}

static void test_limits(void **state)
{
    static const struct {
        const char *text;
        bool found;
        struct port_rate rate;
    } cases[] = {
        {"", false, {0}},
        {"class htb 1:1 root leaf 8001: prio 0 rate 16Kbit ceil 16Kbit burst 1599b cburst 1599b \n",
            true, {2000, 0, 0}},
        {"class htb 1:1 root prio 0 rate 16Kbit ceil 2400Kbit burst 5000b cburst 1599b \n", true,
            {2000, 300000, 5000}},
        {"class htb 1:1 root prio 0 rate 1Gbit ceil 100Gbit burst 15Kb cburst 1b \n", true,
            {125000000, 12500000000, 15360}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct port_rate rate = {0};

        assert_int_equal(port_limit_parse(cases[i].text, &rate), cases[i].found);
        assert_int_equal(rate.rate, cases[i].rate.rate);
        assert_int_equal(rate.ceil, cases[i].rate.ceil);
        assert_int_equal(rate.burst, cases[i].rate.burst);
    }
}

static double number_at(const json_t *json, const char *group, const char *name)
{
    const json_t *value = json_object_get(json_object_get(json, group), name);

    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* Five rates 100, 100, 50, 50, 50 (tests.md NW-22s); then the window has passed. */
static void test_collector(void **state)
{
    static const uint64_t bytes[] = {1000, 1100, 1200, 1250, 1300, 1350};
    const uint64_t second = 1000000000;
    struct port_rates rates = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bytes); i++) {
        const struct port_traffic traffic = {.rx = {[PORT_BYTES] = bytes[i]}};

        assert_null(i < 2 ? port_rates_json(&rates, 10 * second, second) : NULL);
        port_rates_add(&rates, &traffic, (i + 1) * second, 10 * second);
    }
    json_t *told = port_rates_json(&rates, 10 * second, second);
    assert_int_equal(number_at(told, "rx_rate", "samples"), 5);
    assert_true(number_at(told, "rx_rate", "max") == 100);
    assert_true(number_at(told, "rx_rate", "min") == 50);
    assert_true(number_at(told, "rx_rate", "p50") == 50);
    assert_true(number_at(told, "rx_rate", "p90") == 100);
    assert_true(number_at(told, "tx_rate", "max") == 0);
    assert_true(number_at(told, "rx_packet_rate", "p9999") == 0);
    json_decref(told);
    /* A link that was made anew counts from 0; what is older than the window is dropped. */
    port_rates_add(&rates, &(struct port_traffic){0}, 17 * second, 10 * second);
    told = port_rates_json(&rates, 10 * second, second);
    assert_int_equal(number_at(told, "rx_rate", "samples"), 1);
    assert_true(number_at(told, "rx_rate", "max") == 0);
    json_decref(told);
    port_rates_release(&rates);
}

static void test_told(void **state)
{
    struct statistics statistics = {0};

    (void)state;
    port_statistics_sockets(&statistics,
        "sockets: used 9\nTCP: inuse 5 orphan 1 tw 3 alloc 6 mem 1\nUDP: inuse 7 mem 0\n");
    assert_true(statistics.net_tcp_active_connections.value == 5);
    assert_true(statistics.net_tcp_time_wait_connections.value == 3);
    /* Of ten, those of 0 left out, element n x percent / 100 of the nine sorted. */
    port_statistics_rtt(&statistics, "x rtt:9/1 y\nx rtt:1/1\nx rtt:0/0\nx rtt:2/1\nx rtt:3/1\n"
                                     "x rtt:4/1\nx rtt:5/1\nx rtt:6/1\nx rtt:7/1\nx rtt:8/1\n");
    assert_true(statistics.net_tcp_rtt_microsecs_p50.value == 5000);
    assert_true(statistics.net_tcp_rtt_microsecs_p90.value == 9000);
    assert_true(statistics.net_tcp_rtt_microsecs_p99.value == 9000);
    port_statistics_snmp(&statistics, "Tcp: MaxConn InSegs\nTcp: -1 7\nUdpLite: InErrors\n"
                                      "UdpLite: 1\n");
    const json_t *tcp = json_object_get(statistics.net_snmp_statistics, "tcp_stats");
    assert_int_equal(json_integer_value(json_object_get(tcp, "MaxConn")), -1);
    assert_int_equal(json_object_size(statistics.net_snmp_statistics), 1);
    port_statistics_qdiscs(&statistics, "ingress_", "[{\"kind\":\"noqueue\"},{\"kind\":\"htb\","
                                                    "\"drops\":2,\"qlen\":1,\"rate\":8}]");
    const json_t *htb = json_array_get(statistics.net_traffic_control_statistics, 0);
    assert_string_equal(json_string_value(json_object_get(htb, "id")), "ingress_bw_limit");
    assert_int_equal(json_integer_value(json_object_get(htb, "drops")), 2);
    assert_int_equal(json_integer_value(json_object_get(htb, "ratebps")), 8);
    assert_int_equal(json_array_size(statistics.net_traffic_control_statistics), 1);
    json_type_release(&statistics_json, &statistics);
}

static uint64_t metric(struct port_mapper *mapper, const char *name)
{
    json_t *all = json_object();

    port_mapping_metrics(&mapper->base, all);
    const uint64_t value = (uint64_t)json_integer_value(json_object_get(all, name));
    json_decref(all);
    return value;
}

/* What tc says names the line at which it stopped. */
static void test_metrics(void **state)
{
    static const char batch[] =
        "filter add dev mesos7 parent ffff: protocol ip prio 771 u32 match x\n"
        "filter add dev eth0 parent ffff: protocol ip prio 770 u32 match x\n"
        "filter add dev eth0 parent ffff: protocol arp prio 258 u32 match x\n"
        "filter del dev eth0 parent 1: protocol ip prio 771 handle 800::800 u32\n"
        "qdisc add dev eth0 ingress\n";
    static const struct {
        const char *said;
        bool updates;
        const char *name;
    } cases[] = {
        {"RTNETLINK answers: File exists\nCommand failed -:1\n", false,
            "port_mapping/adding_veth_ip_filters_already_exist"},
        {"Error: no\nCommand failed -:2\n", false, "port_mapping/adding_eth0_ip_filters_errors"},
        {"Error: no\nCommand failed -:3\n", false, "port_mapping/adding_eth0_arp_filters_errors"},
        {"Error: no\nCommand failed -:3\n", true, "port_mapping/updating_eth0_arp_filters_errors"},
        {"RTNETLINK answers: No such file or directory\nCommand failed -:4\n", false,
            "port_mapping/removinging_eth0_egress_filters_do_not_exist"},
    };
    struct port_mapper mapper = {.eth0 = (char *)"eth0", .lo = (char *)"lo"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(metric(&mapper, cases[i].name), 0);
        port_metrics_note(&mapper, batch, cases[i].said, cases[i].updates);
        assert_int_equal(metric(&mapper, cases[i].name), 1);
    }
    port_metrics_note(&mapper, batch, "Command failed -:5\n", false);
    port_metrics_note(&mapper, batch, "Command failed -:6\n", false);
    port_metrics_note(&mapper, batch, "tc: not found\n", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_union),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_flows),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_collector),
        cmocka_unit_test(test_told),
        cmocka_unit_test(test_metrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
