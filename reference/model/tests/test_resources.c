/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/model/resources.h"

static struct resources parse(const char *text)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct resources resources = {NULL, 0};
    if (resources_parse_text(text, &resources, &err) < 0)
        fail_msg("%s", err_text(&err));
    return resources;
}

static char *print(const struct resources *resources)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; i < resources->count; i++) {
        _cleanup_free_ char *item = json_type_encode_text(&resource_json, &resources->items[i]);
        strbuf_add(&text, item);
    }
    return strbuf_take(&text);
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"", ""},
        {" ; ", ""},
        {"cpus:1", "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":1.0}"},
        {"cpus:0", "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":0.0}"},
        {" cpus : .5 ;mem:64;", "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":0.5}"
                                "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":64.0}"},
        {"ports:[31000-32000, 5-5]", "{\"name\":\"ports\",\"type\":\"RANGES\",\"ranges\":["
                                     "{\"begin\":31000,\"end\":32000},{\"begin\":5,\"end\":5}]}"},
        {"zones:{a, b}", "{\"name\":\"zones\",\"type\":\"SET\",\"set\":[\"a\",\"b\"]}"},
        {"zones:{}", "{\"name\":\"zones\",\"type\":\"SET\",\"set\":[]}"},
        {"disk(prod):1e3",
            "{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":1000.0,\"role\":\"prod\"}"},
        {" [{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":2,\"revocable\":true}]",
            "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":2.0,\"revocable\":true}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct resources resources = parse(cases[i].text);
        _cleanup_free_ char *json = print(&resources);
        assert_string_equal(json, cases[i].json);
        resources_release(&resources);
    }
}

static void test_parse_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"cpus", "resources: expected name:value, got \"cpus\""},
        {":1", "resources: a resource has no name"},
        {"cpus:", "resources: cpus: expected a number, ranges or a set, got \"\""},
        {"cpus:x", "resources: cpus: expected a number, ranges or a set, got \"x\""},
        {"cpus:1x", "resources: cpus: expected a number, ranges or a set, got \"1x\""},
        {"cpus:-1", "resources: cpus: expected a number, ranges or a set, got \"-1\""},
        {"cpus:inf", "resources: cpus: expected a number, ranges or a set, got \"inf\""},
        {"cpus:1e999", "resources: cpus: expected a number, ranges or a set, got \"1e999\""},
        {"mem:1;cpus:x", "resources: cpus: expected a number, ranges or a set, got \"x\""},
        {"p:[1]", "resources: p: expected ranges as [1-2,5-9], got \"[1]\""},
        {"p:[1-2", "resources: p: expected ranges as [1-2,5-9], got \"[1-2\""},
        {"p:[2-1]", "resources: p: expected ranges as [1-2,5-9], got \"[2-1]\""},
        {"p:[1-2,]", "resources: p: expected ranges as [1-2,5-9], got \"[1-2,]\""},
        {"p:[1-2]]", "resources: p: expected ranges as [1-2,5-9], got \"[1-2]]\""},
        {"p:[1-99999999999999999999]",
            "resources: p: expected ranges as [1-2,5-9], got \"[1-99999999999999999999]\""},
        {"p:[", "resources: p: expected ranges as [1-2,5-9], got \"[\""},
        {"z:{a", "resources: z: expected a set as {a,b}, got \"{a\""},
        {"z:{", "resources: z: expected a set as {a,b}, got \"{\""},
        {"a():1", "resources: a: expected name(role), got \"a()\""},
        {"a(r:1", "resources: a: expected name(role), got \"a(r\""},
        {"[{\"name\":\"cpus\",\"type\":\"SCALAR\"}]",
            "resources[0].scalar: required field is missing"},
        {"[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":-1}]",
            "resources[0].scalar: expected a number that is not negative, got -1"},
        {"[{\"name\":\"cpus\",\"type\":\"RANGES\",\"scalar\":1}]",
            "resources[0]: a resource of type RANGES has no scalar"},
        {"[{\"name\":\"p\",\"type\":\"RANGES\",\"ranges\":[{\"begin\":2,\"end\":1}]}]",
            "resources[0].ranges[0]: 2-1 is not a range"},
        {"[{\"name\":\"cpus\",\"type\":\"SCALE\",\"scalar\":1}]",
            "resources[0].type: expected SCALAR, RANGES or SET, got \"SCALE\""},
        {"[5]", "resources[0]: expected an object, got 5"},
        {"[", "resources:1:1: ']' expected near end of file"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct resources resources = {NULL, 0};
        assert_int_equal(resources_parse_text(cases[i].text, &resources, &err), -EINVAL);
        assert_string_equal(err_text(&err), cases[i].message);
        assert_null(resources.items);
        assert_int_equal(resources_parse_text(cases[i].text, &resources, NULL), -EINVAL);
    }
}

static void test_sums(void **state)
{
    (void)state;
    struct resources resources = parse("cpus:1;cpus(r):0.5;mem:0;ports:[1-2];cpu:7");
    double value = -1;
    resources.items[1].revocable = true;
    assert_true(resources_scalar(&resources, "cpus", RESOURCES_ALL, &value));
    assert_true(value == 1.5);
    assert_true(resources_scalar(&resources, "cpus", RESOURCES_REVOCABLE, &value));
    assert_true(value == 0.5);
    assert_true(resources_scalar(&resources, "cpus", RESOURCES_FIRM, &value));
    assert_true(value == 1);
    assert_true(resources_scalar(&resources, "cpus", RESOURCES_FIRM, NULL));
    value = -1;
    assert_false(resources_scalar(&resources, "mem", RESOURCES_ALL, &value)); /* zero is none */
    assert_false(resources_scalar(&resources, "gpus", RESOURCES_ALL, &value));
    assert_false(resources_scalar(&resources, "ports", RESOURCES_ALL, &value));
    assert_true(value == -1);
    resources_release(&resources);
}

static void test_add_scalar(void **state)
{
    (void)state;
    struct resources resources = {NULL, 0};
    resources_add_scalar(&resources, "mem", 32);
    resources_add_scalar(&resources, "cpus", 1);
    resources_add_scalar(&resources, "mem", 32);
    assert_int_equal(resources.count, 2);
    assert_true(resources.items[0].scalar.value == 64);
    resources.items[0].revocable = true;
    resources_add_scalar(&resources, "mem", 1);
    assert_int_equal(resources.count, 3);
    str_set(&resources.items[1].role, "prod");
    resources_add_scalar(&resources, "cpus", 1);
    str_set(&resources.items[1].role, "*");
    resources_add_scalar(&resources, "cpus", 5);
    assert_int_equal(resources.count, 4);
    assert_true(resources.items[1].scalar.value == 6);
    resources_release(&resources);
    assert_null(resources.items);
    assert_int_equal(resources.count, 0);
}

static void test_ranges(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        int64_t ranges[3][2];
    } cases[] = {
        {"mem:1", 0, {{0}}},
        {"ports:[1-2]", 1, {{1, 2}}},
        {"ports:[7-9,1-2];ports(r):[3-4]", 2, {{1, 4}, {7, 9}}},
        {"ports:[1-10,2-3,11-11,13-14]", 2, {{1, 11}, {13, 14}}},
        {"ports:[5-9223372036854775807,1-1,6-7]", 2, {{1, 1}, {5, INT64_MAX}}},
        {"ports:[1-1,1-5];prots:[9-9]", 1, {{1, 5}}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct resources resources = parse(cases[i].text);
        struct resource_range *ranges = NULL;
        assert_int_equal(resources_ranges(&resources, "ports", &ranges), cases[i].count);
        for (size_t j = 0; j < cases[i].count; j++) {
            assert_int_equal(ranges[j].begin, cases[i].ranges[j][0]);
            assert_int_equal(ranges[j].end, cases[i].ranges[j][1]);
        }
        free(ranges);
        resources_release(&resources);
    }
}

static void test_copy(void **state)
{
    (void)state;
    struct resources from = parse("cpus:1;ports:[1-2];z:{a}");
    struct resources to = parse("mem:5");
    resources_copy(&to, &from);
    _cleanup_free_ char *expected = print(&from);
    resources_release(&from);
    resources_copy(&to, &to);
    _cleanup_free_ char *copied = print(&to);
    assert_string_equal(copied, expected);
    resources_copy(&to, &from);
    assert_int_equal(to.count, 0);
    resources_release(&to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_add_scalar),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
