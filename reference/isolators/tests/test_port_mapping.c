/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of network/port_mapping, and what it reads from tc (isolators.md 12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/isolators/port_mapping.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_union),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_filters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
