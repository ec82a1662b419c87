/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

static void test_growing(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf buf = STRBUF_INIT;
    assert_string_equal(strbuf_text(&buf), "");
    for (int i = 0; i < 500; i++)
        strbuf_addf(&buf, "%d,", i);
    assert_int_equal(buf.length, 10 * 2 + 90 * 3 + 400 * 4);
    assert_int_equal(strlen(buf.text), buf.length);
    assert_memory_equal(buf.text, "0,1,2,", 6);
    strbuf_reset(&buf);
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_add(&buf, "");
    assert_string_equal(buf.text, "");
    strbuf_add(&buf, "a");
    strbuf_add_bytes(&buf, "bc", 1);
    assert_string_equal(buf.text, "ab");
}

static void test_format_longer_than_the_room(void **state)
{
    (void)state;
    _cleanup_strbuf_ struct strbuf buf = STRBUF_INIT;
    char wide[300];
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    strbuf_add(&buf, "<");
    strbuf_addf(&buf, "%s>", wide);
    assert_int_equal(buf.length, 301);
    assert_int_equal(buf.text[300], '>');
}

static void test_take(void **state)
{
    (void)state;
    struct strbuf buf = STRBUF_INIT;
    _cleanup_free_ char *empty = strbuf_take(&buf);
    assert_string_equal(empty, "");
    strbuf_add(&buf, "x");
    _cleanup_free_ char *text = strbuf_take(&buf);
    assert_string_equal(text, "x");
    assert_null(buf.text);
    strbuf_add(&buf, "y");
    strbuf_reset(&buf);
    _cleanup_free_ char *again = strbuf_take(&buf);
    assert_string_equal(again, "");
}

static void test_json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"", "\"\""},
        {"plain /text", "\"plain /text\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\""},
        {"\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xff", "\"\\u00ff\""},
        {"a\xc3", "\"a\\u00c3\""},
        {"\xc3(", "\"\\u00c3(\""},
        {"\xc0\xaf", "\"\\u00c0\\u00af\""},                 /* overlong */
        {"\xe0\x9f\xbf", "\"\\u00e0\\u009f\\u00bf\""},      /* overlong */
        {"\xed\xa0\x80", "\"\\u00ed\\u00a0\\u0080\""},      /* surrogate */
        {"\xf0\x8f\xbf\xbf", "\"\\u00f0\\u008f\\u00bf\\u00bf\""},
        {"\xf4\x90\x80\x80", "\"\\u00f4\\u0090\\u0080\\u0080\""}, /* above U+10FFFF */
        {"\xe2\x82", "\"\\u00e2\\u0082\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strbuf_ struct strbuf buf = STRBUF_INIT;
        strbuf_add_json_string(&buf, cases[i].text);
        assert_string_equal(buf.text, cases[i].json);
    }
}

/* Whatever the bytes are, a JSON parser takes the text. */
static void test_json_strings_always_parse(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < 20000; round++) {
        char bytes[9] = {0};
        for (int i = 0; i < 8; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            unsigned char byte = (unsigned char)(random >> 32);
            /* Mostly the bytes that begin and continue sequences. */
            bytes[i] = (char)(random & 1 ? byte | 0x80 : byte | 1);
        }
        _cleanup_strbuf_ struct strbuf buf = STRBUF_INIT;
        strbuf_add_json_string(&buf, bytes);
        json_t *json = json_loadb(buf.text, buf.length, JSON_DECODE_ANY, NULL);
        assert_non_null(json);
        json_t *valid = json_string(bytes);
        if (valid)
            assert_string_equal(json_string_value(json), bytes);
        json_decref(valid);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_format_longer_than_the_room),
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_json_strings),
        cmocka_unit_test(test_json_strings_always_parse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
