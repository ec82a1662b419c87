/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no kernel: hierarchies, sums, the table of figures, and what is printed of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "bpf/cli/cli.h"
#include "bpf/cli/output.h"
#include "bpf/internal.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

/* --- hierarchies --- */

static const char hybrid_mounts[] =
    "30 29 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
    "31 29 0:28 / /sys/fs/cgroup/freezer rw shared:9 - cgroup cgroup rw,freezer\n"
    "32 29 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "33 29 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
    "34 29 0:31 /docker/x /mnt/part rw - cgroup cgroup rw,memory\n"
    "35 29 0:32 / /proc rw - proc proc rw\n"
    "broken\n";
static const char hybrid_numbers[] =
    "7:freezer:/\n4:cpu,cpuacct:/x\n3:memory:/\n1:name=systemd:/\n0::/\n";

static void test_hierarchies(void **state)
{
    (void)state;
    struct hierarchy_list list;
    const char *below = NULL;
    hierarchies_parse(hybrid_mounts, hybrid_numbers, &list);
    assert_int_equal(list.count, 4); /* the part of a hierarchy does not count */
    assert_int_equal(hierarchy_of(&list, "cpuacct")->number, 4);
    assert_int_equal(hierarchy_of(&list, "name=systemd")->number, 1);
    assert_int_equal(hierarchy_of(&list, NULL)->number, 0);
    assert_null(hierarchy_of(&list, "memory"));
    assert_int_equal(hierarchy_of_path(&list, "/sys/fs/cgroup/freezer/a/b", &below)->number, 7);
    assert_string_equal(below, "a/b");
    assert_int_equal(hierarchy_of_path(&list, "/sys/fs/cgroup/freezer", &below)->number, 7);
    assert_string_equal(below, "");
    assert_null(hierarchy_of_path(&list, "/sys/fs/cgroup/freezers/a", &below));
    hierarchies_release(&list);
}

/* --- sums --- */

static void test_rollup(void **state)
{
    (void)state;
    struct record outer = {0};
    struct record inner = {.parent = &outer};
    struct record deep = {.parent = &inner};
    struct record *records[] = {&deep, &outer, &inner};
    outer.own.sched.cpu_ns = 1;
    inner.own.sched.cpu_ns = 10;
    deep.own.sched.cpu_ns = 100;
    deep.own.process.exits_by_signal[9] = 2;
    inner.inherits = true;
    inner.inherited.sched.cpu_ns = 1000;
    deep.own.sched.wait_buckets[31] = 4;
    deep.own.gauge.threads = 5;
    rollup(records, 3);
    assert_int_equal(deep.total.sched.cpu_ns, 100);
    assert_int_equal(inner.total.sched.cpu_ns, 1110);
    assert_int_equal(outer.total.sched.cpu_ns, 1111);
    assert_int_equal(outer.total.process.exits_by_signal[9], 2);
    assert_int_equal(outer.total.sched.wait_buckets[31], 4);
    assert_int_equal(outer.total.gauge.threads, 0); /* the probes sum those */
}

static void test_quantiles(void **state)
{
    (void)state;
    uint64_t buckets[STATS_BUCKETS] = {0};
    assert_int_equal(buckets_quantile_ns(buckets, 0.5), 0);
    buckets[2] = 98;
    buckets[10] = 2;
    assert_int_equal(buckets_quantile_ns(buckets, 0.5), bucket_ceiling_ns(2));
    assert_int_equal(buckets_quantile_ns(buckets, 0.99), bucket_ceiling_ns(10));
    for (unsigned i = 0; i + 1 < STATS_BUCKETS; i++)
        assert_int_equal(bucket_ceiling_ns(i), bucket_floor_ns(i + 1));
    assert_true(bucket_ceiling_ns(STATS_BUCKETS - 1) == UINT64_MAX);
}

static void test_key_lines(void **state)
{
    (void)state;
    uint64_t value = 0;
    static const char text[] = "user 1\nusage_usec 22\nusage 3\n";
    assert_true(text_key_u64(text, "usage", &value));
    assert_int_equal(value, 3);
    assert_true(text_key_u64(text, "user", &value));
    assert_int_equal(value, 1);
    assert_false(text_key_u64(text, "us", &value));
    assert_false(text_key_u64("", "us", &value));
}

/* --- the table of figures --- */

static void test_fields(void **state)
{
    (void)state;
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_info *field = &stats_fields[i];
        assert_non_null(field->name);
        assert_non_null(field->help);
        assert_non_null(field->needs[0]);
        for (size_t k = 0; k < 3 && field->needs[k]; k++) {
            bool known = false;
            for (size_t p = 0; p < ladder_probes_count; p++)
                known |= str_equal(ladder_probes[p].hook, field->needs[k]);
            assert_true(known);
        }
        if (field->kind != FIELD_TIME) {
            assert_non_null(field->prometheus);
            assert_non_null(field->otel);
        }
        for (int k = 0; k < i; k++)
            assert_string_not_equal(field->name, stats_fields[k].name);
    }
}

static void test_without(void **state)
{
    (void)state;
    static const struct {
        const char *item;
        int result;
    } cases[] = {{"tp_btf", 0}, {"raw_tp:sched_switch", 0}, {"file", 0}, {"sched_info", 0},
        {"file:sched_switch", -EINVAL}, {"tp_btf:nope", -EINVAL}, {"", -EINVAL}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *without[] = {cases[i].item, NULL};
        assert_int_equal(ladder_check_without(without, NULL), cases[i].result);
    }
}

/* --- what is printed --- */

static uint64_t buckets[STATS_BUCKETS] = {[1] = 3, [STATS_BUCKETS - 1] = 1};
static uint32_t signals[STATS_SIGNALS] = {[9] = 2};

static struct stats_container example(void)
{
    struct stats_container container = {.id = "c\"1", .cgroup = "mesos/c1", .parent = "c0"};
    container.values[FIELD_CPU] =
        (struct stats_value){.valid = true, .value = 1500000000, .source = "tp_btf"};
    container.values[FIELD_RUN_QUEUE] = (struct stats_value){
        .valid = true, .value = 2000, .source = "tp_btf", .count = 4, .buckets = buckets};
    container.values[FIELD_EXITS_SIGNALLED] = (struct stats_value){
        .valid = true, .value = 2, .source = "tp_btf", .by_signal = signals};
    container.values[FIELD_READ_BYTES] =
        (struct stats_value){.valid = true, .value = 7, .source = "io.stat"};
    container.values[FIELD_CLONE] =
        (struct stats_value){.valid = true, .value = 1000, .source = "tp_btf"};
    container.values[FIELD_EXEC] =
        (struct stats_value){.valid = true, .value = 2001000, .source = "tp_btf"};
    return container;
}

static void assert_has(const struct strbuf *text, const char *part)
{
    if (!strstr(strbuf_text(text), part))
        fail_msg("\"%s\" is not in: %s", part, strbuf_text(text));
}

static void test_json(void **state)
{
    (void)state;
    struct stats_container container = example();
    struct stats_reading reading = {.containers = &container, .count = 1, .unpublished = 3};
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    output_json(&reading, &text);
    json_t *json = json_loads(strbuf_text(&text), 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "unpublished")), 3);
    json_t *one = json_array_get(json_object_get(json, "containers"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "id")), "c\"1");
    json_t *values = json_object_get(one, "values");
    json_t *cpu = json_object_get(values, "cpu_time");
    assert_int_equal(json_integer_value(json_object_get(cpu, "value")), 1500000000);
    assert_string_equal(json_string_value(json_object_get(cpu, "source")), "tp_btf");
    json_t *waits = json_object_get(values, "run_queue_latency");
    assert_int_equal(json_array_size(json_object_get(waits, "buckets")), 2);
    json_t *ended = json_object_get(json_object_get(values, "exits_signalled"), "signals");
    assert_int_equal(json_integer_value(json_object_get(ended, "9")), 2);
    assert_null(json_object_get(values, "forks")); /* not valid: not there */
    json_decref(json);
}

static void test_prometheus(void **state)
{
    (void)state;
    struct stats_container container = example();
    struct stats_reading reading = {.containers = &container, .count = 1};
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    output_prometheus(&reading, false, &text);
    assert_has(&text, "# TYPE container_cpu_usage_seconds_total counter\n");
    assert_has(&text,
        "container_cpu_usage_seconds_total{id=\"/mesos/c1\",name=\"c\\\"1\"} 1.500000000\n");
    assert_has(&text, "container_fs_reads_bytes_total{id=\"/mesos/c1\",name=\"c\\\"1\"} 7\n");
    assert_has(&text, "name=\"c\\\"1\",le=\"1.024e-06\"} 3\n");
    assert_has(&text, "name=\"c\\\"1\",le=\"+Inf\"} 4\n");
    assert_has(&text, "run_queue_latency_seconds_count{id=\"/mesos/c1\",name=\"c\\\"1\"} 4\n");
    assert_has(&text, "signal=\"9\"} 2\n");
    /* A name stands once, whatever figures share it. */
    const char *first = strstr(strbuf_text(&text), "# TYPE container_memory_failures_total");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE container_memory_failures_total"));
    strbuf_reset(&text);
    output_prometheus(&reading, true, &text);
    assert_has(&text, "container_cpu_time{container_id=\"c\\\"1\",container_name=\"c\\\"1\"}");
    assert_has(&text, "disk_io_direction=\"read\"} 7\n");
}

static void test_table(void **state)
{
    (void)state;
    struct stats_container container = example();
    struct stats_container before = example();
    struct stats_reading reading = {.containers = &container, .count = 1, .unpublished = 2};
    struct stats_rates rates;
    container.values[FIELD_CPU].value += 500000000;
    stats_rates_of(&before, &container, 1, &rates);
    assert_true(rates.cpus > 0.499 && rates.cpus < 0.501);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    output_table(&(struct stats_sample){&reading, &rates}, &text);
    assert_has(&text, "c\"1                             50.0");
    assert_has(&text, "2 containers found no slot");
    strbuf_reset(&text);
    output_details(&container, &text);
    assert_has(&text, "512ns - 1.02us            3 |########################################");
    assert_has(&text, "clone      +       0.000 ms");
    assert_has(&text, "exec       +       2.000 ms");
}

static void test_documentation(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    output_documentation(&text);
    for (int i = 0; i < FIELD_COUNT; i++)
        assert_has(&text, stats_fields[i].help);
}

static void test_arguments(void **state)
{
    (void)state;
    struct stats_arguments arguments;
    const char *good[] = {"stats", "--watch", "--interval", "0.5", "--cgroup", "/a", "--without",
        "tp_btf", "--slots", "7", "--syscalls", "c1", "c1.c2", NULL};
    assert_int_equal(stats_arguments_parse(13, (char **)(uintptr_t)good, &arguments), 0);
    assert_true(arguments.watch && arguments.options.syscalls && !arguments.json);
    assert_true(arguments.interval_seconds > 0.49 && arguments.interval_seconds < 0.51);
    assert_int_equal(arguments.options.slots, 7);
    assert_string_equal(arguments.cgroups[0], "/a");
    assert_string_equal(arguments.options.without[0], "tp_btf");
    assert_string_equal(arguments.containers[1], "c1.c2");
    stats_arguments_release(&arguments);
    const char *bad[][3] = {{"stats", "--interval=0", NULL}, {"stats", "--interval=x", NULL},
        {"stats", "--slots=0", NULL}, {"stats", "--nope", NULL}};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(stats_arguments_parse(2, (char **)(uintptr_t)bad[i], &arguments), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hierarchies),
        cmocka_unit_test(test_rollup),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_key_lines),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_prometheus),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_documentation),
        cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
