/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of protobuf to and from JSON; the bytes are those of the encoding's own description. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>

#include "reference/base/mem.h"
#include "reference/grpc/protobuf.h"

static const char *const colours[] = {"NONE", "RED", "GREEN", NULL};
static const struct proto_field inner_fields[] = {
    {1, "text", PROTO_STRING, false, NULL, NULL}, {.number = 0}};
static const struct proto_message inner = {inner_fields};
static const struct proto_field fields[] = {
    {1, "text", PROTO_STRING, false, NULL, NULL},
    {2, "texts", PROTO_STRING, true, NULL, NULL},
    {3, "map", PROTO_STRING_MAP, false, NULL, NULL},
    {4, "is", PROTO_BOOL, false, NULL, NULL},
    {5, "colour", PROTO_ENUM, false, NULL, colours},
    {6, "inner", PROTO_MESSAGE, false, &inner, NULL},
    {16, "inners", PROTO_MESSAGE, true, &inner, NULL},
    {.number = 0},
};
static const struct proto_message message = {fields};

#define BYTES(text) text, sizeof(text) - 1

static json_t *parsed(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);

    assert_non_null(json);
    return json;
}

static void test_both_ways(void **state)
{
    static const struct {
        const char *json;
        const char *bytes;
        size_t length;
    } cases[] = {
        {"{}", BYTES("")},
        {"{\"text\": \"testing\"}", BYTES("\x0a\x07testing")},
        {"{\"texts\": [\"a\", \"\", \"b\"]}", BYTES("\x12\x01" "a\x12\x00\x12\x01" "b")},
        {"{\"map\": {\"k\": \"v\", \"l\": \"\"}}",
            BYTES("\x1a\x06\x0a\x01k\x12\x01v\x1a\x05\x0a\x01l\x12\x00")},
        {"{\"is\": true}", BYTES("\x20\x01")},
        {"{\"colour\": \"GREEN\"}", BYTES("\x28\x02")},
        {"{\"colour\": 300}", BYTES("\x28\xac\x02")}, /* of a newer table */
        {"{\"inner\": {}}", BYTES("\x32\x00")},
        {"{\"inner\": {\"text\": \"x\"}}", BYTES("\x32\x03\x0a\x01x")},
        {"{\"inners\": [{}, {\"text\": \"x\"}]}",
            BYTES("\x82\x01\x00\x82\x01\x03\x0a\x01x")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *json = parsed(cases[i].json);
        json_t *back = NULL;
        struct strbuf buf = STRBUF_INIT;

        assert_int_equal(proto_encode(&message, json, &buf, NULL), 0);
        if (buf.length != cases[i].length || memcmp(strbuf_text(&buf), cases[i].bytes, buf.length))
            fail_msg("%s has other bytes", cases[i].json);
        assert_int_equal(
            proto_decode(&message, cases[i].bytes, cases[i].length, &back, NULL), 0);
        if (!json_equal(json, back))
            fail_msg("%s comes back as another", cases[i].json);
        json_decref(back);
        json_decref(json);
        strbuf_release(&buf);
    }
}

/* Defaults are left out, and names that the table has not. */
static void test_left_out(void **state)
{
    json_t *json = parsed("{\"text\": \"\", \"is\": false, \"colour\": \"NONE\", \"inner\": null, "
                          "\"texts\": [], \"map\": {}, \"unknown\": 1}");
    struct strbuf buf = STRBUF_INIT;

    (void)state;
    assert_int_equal(proto_encode(&message, json, &buf, NULL), 0);
    assert_int_equal(buf.length, 0);
    json_decref(json);
}

static void test_encode_errors(void **state)
{
    static const struct {
        const char *json;
        const char *error;
    } cases[] = {
        {"{\"text\": 1}", "text: expected a string"},
        {"{\"texts\": \"a\"}", "texts: expected a list"},
        {"{\"texts\": [1]}", "texts: expected a string"},
        {"{\"map\": []}", "map: expected an object"},
        {"{\"map\": {\"k\": 1}}", "map.k: expected a string"},
        {"{\"is\": \"true\"}", "is: expected true or false"},
        {"{\"colour\": \"BLUE\"}", "colour: \"BLUE\" is none of its names"},
        {"{\"inner\": \"x\"}", "inner: expected an object"},
        {"{\"inner\": {\"text\": 1}}", "inner: text: expected a string"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *json = parsed(cases[i].json);
        struct strbuf buf = STRBUF_INIT;
        _cleanup_err_ struct err err = ERR_INIT;

        assert_int_equal(proto_encode(&message, json, &buf, &err), -EINVAL);
        assert_string_equal(err_text(&err), cases[i].error);
        json_decref(json);
        strbuf_release(&buf);
    }
}

/* What comes may be newer, older, or nonsense. */
static void test_decode(void **state)
{
    static const struct {
        const char *bytes;
        size_t length;
        const char *expected; /* JSON, or the error */
    } cases[] = {
        {BYTES("\x98\x06\x01\x9a\x06\x01x\x9d\x06" "abcd\x99\x06" "abcdefgh\x20\x01"),
            "{\"is\":true}"}, /* unknown fields of each type */
        {BYTES("\x22\x01x\x20\x01"), "{\"is\":true}"}, /* a known one of another type */
        {BYTES("\x0a\x01" "a\x0a\x01" "b"), "{\"text\":\"b\"}"}, /* the last counts */
        {BYTES("\x1a\x00"), "{\"map\":{\"\":\"\"}}"},
        {BYTES("\x1a\x04\x12\x02vv"), "{\"map\":{\"\":\"vv\"}}"},
        {BYTES("\x1a\x06\x18\x01\x0a\x02kk"), "{\"map\":{\"kk\":\"\"}}"},
        {BYTES("\x20"), "byte 1: a number is cut off"},
        {BYTES("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "byte 11: a number has more than 64 bits"},
        {BYTES("\x0a\x05" "abc"), "byte 2: a field is longer than its message"},
        {BYTES("\x0a\xff\xff\xff\xff\x7f"), "byte 6: a field is longer than its message"},
        {BYTES("\x9d\x06" "abc"), "byte 2: a field is longer than its message"},
        {BYTES("\x99\x06" "abc"), "byte 2: a field is longer than its message"},
        {BYTES("\x0b"), "byte 1: a field has no type that there is"},
        {BYTES("\x0a\x02\xff\xfe"), "byte 2: a string is no UTF-8"},
        {BYTES("\x32\x02\x0a\x05xxxxx"), "byte 4: a field is longer than its message"},
        {BYTES("\x1a\x02\x0a\x05xxxxx"), "byte 4: a field is longer than its message"},
        {BYTES("\x1a\x01\x0a"), "byte 3: a number is cut off"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *json = NULL;
        _cleanup_err_ struct err err = ERR_INIT;
        int r = proto_decode(&message, cases[i].bytes, cases[i].length, &json, &err);
        _cleanup_free_ char *text = r == 0 ? json_dumps(json, JSON_COMPACT) : NULL;

        if (r != 0)
            assert_int_equal(r, -EBADMSG);
        assert_string_equal(text ? text : err_text(&err), cases[i].expected);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_left_out),
        cmocka_unit_test(test_encode_errors),
        cmocka_unit_test(test_decode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
