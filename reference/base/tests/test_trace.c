/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/trace.h"

struct still_loop {
    struct loop loop;
    uint64_t now_ns;
};

static uint64_t still_now(struct loop *loop)
{
    return container_of(loop, struct still_loop, loop)->now_ns;
}

static const struct loop_ops still_ops = {.now_ns = still_now};

static void collect(void *arg, const char *line)
{
    strv_add(arg, line);
}

static uint64_t digest_number(void *arg, uint64_t hash)
{
    return trace_hash_u64(hash, *(uint64_t *)arg);
}

static void test_line(void **state)
{
    (void)state;
    struct still_loop clock = {{&still_ops}, 1000000};
    struct trace *trace = trace_new(&clock.loop, 0);
    _cleanup_strv_ char **lines = NULL;
    trace_set_sink(trace, collect, &lines);
    trace_event(trace, "agent", "cgroup.write", 0, "path=%s data=%s", "mesos/c1/cpu.max",
        "50000 100000");
    char expected[256];
    snprintf(expected, sizeof(expected),
        "{\"n\":1,\"t\":1000000,\"actor\":\"agent\",\"op\":\"cgroup.write\",\"args\":{\"path\":"
        "\"mesos/c1/cpu.max\",\"data\":\"50000 100000\"},\"result\":0,\"hash\":\"%016llx\"}",
        (unsigned long long)trace_hash(trace));
    assert_string_equal(lines[0], expected);
    assert_int_equal(trace_count(trace), 1);
    trace_free(trace);
}

/* The hash is FNV-1a of the line up to its result, as anyone can compute. */
static void test_hash(void **state)
{
    (void)state;
    static const char line[] =
        "{\"n\":1,\"t\":0,\"actor\":\"a\",\"op\":\"b\",\"args\":{},\"result\":0";
    uint64_t expected = TRACE_HASH_INIT;
    for (const char *at = line; *at; at++)
        expected = (expected ^ (unsigned char)*at) * UINT64_C(1099511628211);
    struct trace *trace = trace_new(NULL, 0);
    assert_int_equal(trace_hash(trace), TRACE_HASH_INIT);
    trace_event(trace, "a", "b", 0, NULL);
    assert_int_equal(trace_hash(trace), expected);
    trace_free(trace);
    assert_int_equal(trace_hash_string(TRACE_HASH_INIT, ""), UINT64_C(0xaf63bd4c8601b7df));
    assert_int_not_equal(trace_hash_string(trace_hash_string(1, "a"), "b"),
        trace_hash_string(trace_hash_string(1, "ab"), ""));
    assert_int_not_equal(trace_hash_u64(1, 1), trace_hash_u64(1, UINT64_C(1) << 56));
}

static void test_digest_is_folded_in(void **state)
{
    (void)state;
    uint64_t hashes[3];
    uint64_t worlds[3] = {1, 1, 2};
    for (size_t i = 0; i < 3; i++) {
        struct trace *trace = trace_new(NULL, 0);
        trace_set_digest(trace, digest_number, &worlds[i]);
        trace_event(trace, "a", "b", 0, "x=%d", 1);
        trace_event(trace, "a", "b", 0, "x=%d", 2);
        hashes[i] = trace_hash(trace);
        trace_free(trace);
    }
    assert_int_equal(hashes[0], hashes[1]);
    assert_int_not_equal(hashes[0], hashes[2]);
}

static void test_values(void **state)
{
    (void)state;
    struct trace *trace = trace_new(NULL, 1);
    trace_event(trace, "a", "b", 7,
        " s=%s none=%s d=%d u=%u lu=%lu ld=%ld zu=%zu llu=%llu lld=%lld yes=%b no=%b J=%J "
        "nothing=%J ", "\"\n", NULL, -5, 4000000000u, ~0ul, -1L, (size_t)9, ~0ull, INT64_MIN, 3, 0,
        "[1,{}]", NULL);
    _cleanup_free_ char *args = NULL;
    const char *start = strstr(trace_kept(trace, 0), "\"args\":");
    args = str_ndup(start, (size_t)(strstr(start, ",\"result\"") - start));
    assert_string_equal(args, "\"args\":{\"s\":\"\\\"\\n\",\"none\":null,\"d\":-5,\"u\":4000000000,"
                              "\"lu\":18446744073709551615,\"ld\":-1,\"zu\":9,"
                              "\"llu\":18446744073709551615,\"lld\":-9223372036854775808,"
                              "\"yes\":true,\"no\":false,\"J\":[1,{}],\"nothing\":null}");
    trace_free(trace);
}

/* A line is JSON, whatever the texts in it are. */
static void test_lines_parse(void **state)
{
    (void)state;
    struct trace *trace = trace_new(NULL, 1);
    trace_event(trace, "agent \"1\"", "op\\", -EIO, "a.b-c_D9=%s J=%J", "\xff\x01\xc3\xa4",
        "{\"x\":[1,2]}");
    json_t *line = json_loads(trace_kept(trace, 0), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(line);
    static const char *const keys[] = {"n", "t", "actor", "op", "args", "result", "hash"};
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach (line, key, value)
        assert_string_equal(key, keys[i++]);
    assert_int_equal(i, ARRAY_SIZE(keys));
    json_t *text = json_object_get(json_object_get(line, "args"), "a.b-c_D9");
    assert_string_equal(json_string_value(text), "\xc3\xbf\x01\xc3\xa4");
    json_decref(line);
    trace_free(trace);
}

static void test_results(void **state)
{
    (void)state;
    static const struct {
        int64_t result;
        const char *text;
    } cases[] = {{0, "\"result\":0,"}, {42, "\"result\":42,"}, {-EBUSY, "\"result\":\"-EBUSY\","},
        {-ESHUTDOWN, "\"result\":\"-ESHUTDOWN\","}, {-30000, "\"result\":\"-E30000\","},
        {INT64_MAX, "\"result\":9223372036854775807,"},
        {INT64_MIN, "\"result\":-9223372036854775808,"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct trace *trace = trace_new(NULL, 1);
        trace_event(trace, "a", "b", cases[i].result, "");
        assert_non_null(strstr(trace_kept(trace, 0), cases[i].text));
        trace_free(trace);
    }
}

static void test_keeps_the_last(void **state)
{
    (void)state;
    struct trace *trace = trace_new(NULL, 3);
    _cleanup_strv_ char **lines = NULL;
    assert_null(trace_kept(trace, 0));
    trace_set_sink(trace, collect, &lines);
    for (int i = 0; i < 10; i++) {
        trace_event(trace, "a", "b", 0, "i=%d", i);
        unsigned held = i < 2 ? (unsigned)i + 1 : 3;
        for (unsigned j = 0; j < held; j++)
            assert_string_equal(trace_kept(trace, j), lines[strv_length(lines) - held + j]);
        assert_null(trace_kept(trace, held));
    }
    assert_int_equal(trace_count(trace), 10);
    trace_free(trace);
}

static void test_none(void **state)
{
    (void)state;
    trace_event(NULL, "a", "b", 0, "x=%s", "y");
    trace_free(NULL);
}

static void event_of_format(void *format)
{
    struct trace *trace = trace_new(NULL, 0);
    trace_event(trace, "a", "b", 0, format, 1, 2, 3);
}

static void test_bad_formats(void **state)
{
    (void)state;
    static const char *const formats[] = {
        "x", "x=", "x=1", "=%d", "x=%", "x=%x", "x=%dd", "x=%d,y=%d", "x %d", "x=%lld%lld",
        "\"=%d", "x=%l", "x=%ll", "x=%llx", "x= %d", "x=%d y"};
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        assert_aborts(event_of_format, (void *)(uintptr_t)formats[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_digest_is_folded_in),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_lines_parse),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_keeps_the_last),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_bad_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
