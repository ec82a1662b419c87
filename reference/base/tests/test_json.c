/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/json_internal.h"
#include "reference/base/tests/json_generate.h"

struct inner {
    char *mode;
    int64_t size;
    double share;
};
struct outer {
    bool on;
    bool off;
    int64_t count;
    double ratio;
    char *name;
    int color;
    struct opt_bool maybe;
    struct opt_u64 shm_size;
    struct opt_i64 offset;
    struct opt_double limit;
    struct inner inner;
    struct inner *pointed;
    char **words;
    struct inner *volumes;
    size_t volumes_count;
    json_t *raw;
};

static const char *const mode_names[] = {"RW", "RO", NULL};
static const char *const color_names[] = {"RED", "GREEN", "BLUE", NULL};
static const struct json_field inner_fields[] = {
    JSON_FIELD(struct inner, mode, JSON_KIND_STRING, .enum_names = mode_names, .required = true),
    JSON_FIELD(struct inner, size, JSON_KIND_INT, .default_number = 7),
    JSON_FIELD(struct inner, share, JSON_KIND_DOUBLE),
};
static const struct json_type inner_json = {
    "inner", sizeof(struct inner), inner_fields, ARRAY_SIZE(inner_fields), NULL};
static const struct json_type inner_optional_json = {
    "inner", sizeof(struct inner), inner_fields + 1, ARRAY_SIZE(inner_fields) - 1, NULL};
static const struct json_field outer_fields[] = {
    JSON_FIELD(struct outer, on, JSON_KIND_BOOL, .default_number = true),
    JSON_FIELD(struct outer, off, JSON_KIND_BOOL),
    JSON_FIELD(struct outer, count, JSON_KIND_INT),
    JSON_FIELD(struct outer, ratio, JSON_KIND_DOUBLE, .default_number = 0.5),
    JSON_FIELD(struct outer, name, JSON_KIND_STRING),
    JSON_FIELD(struct outer, color, JSON_KIND_ENUM, .enum_names = color_names,
        .default_number = 1),
    JSON_FIELD(struct outer, maybe, JSON_KIND_OPT_BOOL),
    JSON_FIELD(struct outer, shm_size, JSON_KIND_OPT_U64),
    JSON_FIELD(struct outer, offset, JSON_KIND_OPT_I64),
    JSON_FIELD(struct outer, limit, JSON_KIND_OPT_DOUBLE),
    JSON_FIELD(struct outer, inner, JSON_KIND_OBJECT, .type = &inner_optional_json),
    JSON_FIELD(struct outer, pointed, JSON_KIND_OBJECT_PTR, .type = &inner_json),
    JSON_FIELD(struct outer, words, JSON_KIND_STRINGS),
    JSON_ARRAY_FIELD(struct outer, volumes, volumes_count, &inner_json),
    JSON_FIELD(struct outer, raw, JSON_KIND_RAW),
};
static const struct json_type outer_json = {
    "outer", sizeof(struct outer), outer_fields, ARRAY_SIZE(outer_fields), NULL};

static void decode(const char *text, struct outer *outer)
{
    _cleanup_err_ struct err err = ERR_INIT;
    *outer = (struct outer){0};
    if (json_type_decode_text(&outer_json, text, strlen(text), outer, "o", &err) < 0)
        fail_msg("%s", err_text(&err));
}

static void test_defaults(void **state)
{
    (void)state;
    struct outer outer;
    decode("{}", &outer);
    assert_true(outer.on);
    assert_false(outer.off);
    assert_int_equal(outer.color, 1);
    assert_true(outer.ratio == 0.5);
    assert_int_equal(outer.inner.size, 7);
    assert_false(outer.shm_size.set);
    assert_null(outer.pointed);
    assert_null(outer.words);
    _cleanup_free_ char *text = json_type_encode_text(&outer_json, &outer);
    assert_string_equal(text, "{}");
    struct outer built = {0};
    json_type_init(&outer_json, &built);
    assert_memory_equal(&built, &outer, sizeof(built));
    json_type_release(&outer_json, &outer);
}

/* Each text decodes, and encodes as the second says (NULL: the same). */
static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *encoded;
    } cases[] = {
        {"{\"on\":false,\"off\":true}", NULL},
        {"{\"on\":true,\"off\":false}", "{}"},
        {"{\"off\":true,\"on\":false}", "{\"on\":false,\"off\":true}"}, /* the tables' order */
        {"{\"count\":-9223372036854775808}", NULL},
        {"{\"count\":9223372036854775807}", NULL},
        {"{\"count\":3.0}", "{\"count\":3}"},
        {"{\"count\":-9007199254740992.0}", "{\"count\":-9007199254740992}"},
        {"{\"ratio\":2}", "{\"ratio\":2.0}"},
        {"{\"ratio\":0.1}", NULL},
        {"{\"ratio\":1e300}", "{\"ratio\":1e+300}"},
        {"{\"ratio\":-0.0}", "{\"ratio\":-0.0}"},
        {"{\"ratio\":-12.5}", NULL},
        {"{\"ratio\":-3.0}", NULL},
        {"{\"ratio\":0.30000000000000004}", NULL},
        {"{\"ratio\":\"Infinity\"}", NULL},
        {"{\"limit\":\"Infinity\"}", NULL},
        {"{\"limit\":0}", "{\"limit\":0.0}"},
        {"{\"name\":\"\"}", NULL},
        {"{\"name\":\"\\u00e4\\n\"}", "{\"name\":\"\xc3\xa4\\n\"}"},
        {"{\"color\":\"GREEN\"}", "{}"},
        {"{\"color\":\"RED\"}", NULL},
        {"{\"maybe\":false}", NULL},
        {"{\"shm_size\":0}", NULL},
        {"{\"shm_size\":9223372036854771712}", NULL},
        {"{\"shm_size\":\"18446744073709551615\"}", NULL},
        {"{\"shm_size\":\"64\"}", "{\"shm_size\":64}"},
        {"{\"offset\":-1}", NULL},
        {"{\"inner\":{\"size\":7}}", "{}"},
        {"{\"inner\":{\"size\":0}}", NULL},
        {"{\"pointed\":{\"mode\":\"RO\"}}", NULL},
        {"{\"words\":[]}", NULL},
        {"{\"words\":[\"a\",\"\"]}", NULL},
        {"{\"volumes\":[]}", "{}"},
        {"{\"volumes\":[{\"mode\":\"RW\"},{\"mode\":\"RO\",\"size\":1}]}", NULL},
        {"{\"raw\":{\"z\":1,\"a\":[null,1.5]}}", NULL},
        {"{\"raw\":null}", NULL},
        {"{\"raw\":\"x\"}", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct outer outer;
        decode(cases[i].text, &outer);
        _cleanup_free_ char *text = json_type_encode_text(&outer_json, &outer);
        assert_string_equal(text, cases[i].encoded ? cases[i].encoded : cases[i].text);
        json_type_release(&outer_json, &outer);
    }
}

static void test_properties(void **state)
{
    (void)state;
    json_check_type(&outer_json, 3000);
    json_check_type(&inner_json, 300);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"[]", "o: expected an object, got an array"},
        {"5", "o: expected an object, got 5"},
        {"{\"shm_size\":\"x\"}", "o.shm_size: expected a number, got \"x\""},
        {"{\"shm_size\":\"-1\"}", "o.shm_size: expected a number, got \"-1\""},
        {"{\"shm_size\":\"\"}", "o.shm_size: expected a number, got \"\""},
        {"{\"shm_size\":-1}", "o.shm_size: expected a number that is not negative, got -1"},
        {"{\"shm_size\":1.5}", "o.shm_size: expected a whole number, got 1.5"},
        {"{\"shm_size\":\"18446744073709551616\"}",
            "o.shm_size: expected a number of at most 64 bits, got \"18446744073709551616\""},
        {"{\"shm_size\":null}", "o.shm_size: expected a number, got null"},
        {"{\"count\":true}", "o.count: expected a number, got true"},
        {"{\"count\":\"1\"}", "o.count: expected a number, got \"1\""},
        {"{\"count\":1e30}", "o.count: expected a whole number, got 1e30"},
        {"{\"ratio\":\"-Infinity\"}", "o.ratio: expected a number, got \"-Infinity\""},
        {"{\"limit\":[]}", "o.limit: expected a number, got an array"},
        {"{\"name\":1}", "o.name: expected a text, got 1"},
        {"{\"name\":{\"a\":1}}", "o.name: expected a text, got an object"},
        {"{\"on\":1}", "o.on: expected true or false, got 1"},
        {"{\"maybe\":\"yes\"}", "o.maybe: expected true or false, got \"yes\""},
        {"{\"color\":\"PINK\"}", "o.color: expected RED, GREEN or BLUE, got \"PINK\""},
        {"{\"color\":1}", "o.color: expected RED, GREEN or BLUE, got 1"},
        {"{\"volumes\":[{\"mode\":\"rw\"}]}", "o.volumes[0].mode: expected RW or RO, got \"rw\""},
        {"{\"volumes\":[{\"mode\":\"RW\"},{}]}", "o.volumes[1].mode: required field is missing"},
        {"{\"volumes\":[{\"mode\":\"RW\"},3]}", "o.volumes[1]: expected an object, got 3"},
        {"{\"volumes\":{}}", "o.volumes: expected an array, got an object"},
        {"{\"words\":[\"a\",2]}", "o.words[1]: expected a text, got 2"},
        {"{\"words\":\"a\"}", "o.words: expected an array of texts, got \"a\""},
        {"{\"pointed\":{\"mode\":\"RW\",\"size\":\"1\"}}",
            "o.pointed.size: expected a number, got \"1\""},
        {"{\"shm_siz\":1}", "o.shm_siz: unknown field; did you mean \"shm_size\"?"},
        {"{\"volume\":[]}", "o.volume: unknown field; did you mean \"volumes\"?"},
        {"{\"pointed\":{\"moed\":\"RW\"}}",
            "o.pointed.moed: unknown field; did you mean \"mode\"?"},
        {"{\"qqq\":1}", "o.qqq: unknown field"},
        {"{\"a\":1", "o:1:6: '}' expected near end of file"},
        {"{\n \"name\": nope}", "o:2:13: invalid token near 'nope'"},
        {"{\"on\":true,\"on\":false}", "o:1:15: duplicate object key near '\"on\"'"},
        {"", "o:1:0: unexpected token near end of file"},
        {"{\"count\":99999999999999999999}",
            "o:1:29: too big integer near '99999999999999999999'"},
        {"{\"name\":\"a\\u0000b\"}",
            "o:1:18: \\u0000 is not allowed without JSON_ALLOW_NUL near '\"a\\u0000b\"'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct outer outer = {0};
        const char *text = cases[i].text;
        assert_int_equal(
            json_type_decode_text(&outer_json, text, strlen(text), &outer, "o", &err), -EINVAL);
        assert_string_equal(err_text(&err), cases[i].message);
        assert_int_equal(err.code, -EINVAL);
        assert_int_equal(
            json_type_decode_text(&outer_json, text, strlen(text), &outer, "o", NULL), -EINVAL);
    }
}

/* A failure late in a text releases all that was decoded before, and leaves zeros. */
static void test_failure_releases(void **state)
{
    (void)state;
    static const char text[] = "{\"name\":\"n\",\"words\":[\"a\"],\"raw\":[1],"
                               "\"pointed\":{\"mode\":\"RW\"},"
                               "\"volumes\":[{\"mode\":\"RW\"},{\"mode\":5}]}";
    struct outer outer = {0};
    struct outer zeros = {0};
    assert_int_equal(
        json_type_decode_text(&outer_json, text, strlen(text), &outer, "", NULL), -EINVAL);
    assert_memory_equal(&outer, &zeros, sizeof(outer));
}

static void test_paths_without_a_prefix(void **state)
{
    (void)state;
    static const char *const prefixes[] = {NULL, ""};
    for (size_t i = 0; i < 2; i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct outer outer = {0};
        json_type_decode_text(&outer_json, "{\"count\":\"x\"}", 13, &outer, prefixes[i], &err);
        assert_string_equal(err_text(&err), "count: expected a number, got \"x\"");
        json_type_decode_text(&outer_json, "[]", 2, &outer, prefixes[i], &err);
        assert_string_equal(err_text(&err), "expected an object, got an array");
        json_type_decode_text(&outer_json, "{", 1, &outer, prefixes[i], &err);
        assert_memory_equal(err_text(&err), "json:1:1: ", 10);
    }
}

static void test_long_texts_are_not_repeated(void **state)
{
    (void)state;
    _cleanup_err_ struct err err = ERR_INIT;
    struct outer outer = {0};
    char wide[200];
    memset(wide, 'x', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = '\0';
    json_t *json = json_pack("{s:s}", "count", wide);
    json_type_decode(&outer_json, json, &outer, "o", &err);
    assert_string_equal(err_text(&err), "o.count: expected a number, got a long text");
    json_decref(json);
}

static void test_nul_in_a_tree(void **state)
{
    (void)state;
    _cleanup_err_ struct err err = ERR_INIT;
    struct outer outer = {0};
    json_t *json = json_object();
    json_object_set_new(json, "name", json_stringn("a\0b", 3));
    assert_int_equal(json_type_decode(&outer_json, json, &outer, "o", &err), -EINVAL);
    assert_string_equal(err_text(&err), "o.name: a text may not contain a NUL");
    json_decref(json);
}

static int refuse_ten(const void *object, const char *path, struct err *err)
{
    const struct inner *inner = object;
    return inner->size == 10 ? err_set(err, -EINVAL, "%s: ten is refused", path) : 0;
}

static void test_validate(void **state)
{
    (void)state;
    static const struct json_type strict = {
        "inner", sizeof(struct inner), inner_fields, ARRAY_SIZE(inner_fields), refuse_ten};
    _cleanup_err_ struct err err = ERR_INIT;
    struct inner inner = {0};
    static const char bad[] = "{\"mode\":\"RW\",\"size\":10}";
    assert_int_equal(
        json_type_decode_text(&strict, bad, strlen(bad), &inner, "v[3]", &err), -EINVAL);
    assert_string_equal(err_text(&err), "v[3]: ten is refused");
    assert_null(inner.mode);
}

/* What is not UTF-8 still gives JSON, the same from both encoders. */
static void test_bytes_that_are_no_text(void **state)
{
    (void)state;
    struct outer outer = {0};
    json_type_init(&outer_json, &outer);
    str_set(&outer.name, "a\xff");
    strv_add(&outer.words, "\xc3");
    _cleanup_free_ char *text = json_type_encode_text(&outer_json, &outer);
    assert_string_equal(text, "{\"name\":\"a\\u00ff\",\"words\":[\"\\u00c3\"]}");
    json_t *tree = json_type_encode(&outer_json, &outer);
    json_t *parsed = json_loads(text, 0, NULL);
    assert_true(json_equal(tree, parsed));
    json_decref(tree);
    json_decref(parsed);
    json_type_release(&outer_json, &outer);
}

static void test_required_are_always_written(void **state)
{
    (void)state;
    struct inner inner = {0};
    json_type_init(&inner_json, &inner);
    _cleanup_free_ char *text = json_type_encode_text(&inner_json, &inner);
    assert_string_equal(text, "{\"mode\":\"\"}");
}

static void test_merge(void **state)
{
    (void)state;
    static const struct {
        const char *into;
        const char *from;
        const char *merged;
    } cases[] = {
        {"{\"count\":1,\"name\":\"a\"}", "{\"count\":2}", "{\"count\":2,\"name\":\"a\"}"},
        {"{\"count\":1}", "{}", "{\"count\":1}"},
        {"{\"maybe\":true}", "{\"maybe\":false}", "{\"maybe\":false}"},
        {"{\"shm_size\":5}", "{\"shm_size\":0}", "{\"shm_size\":0}"},
        {"{\"words\":[\"a\"]}", "{\"words\":[\"b\",\"a\"]}", "{\"words\":[\"a\",\"b\",\"a\"]}"},
        {"{\"volumes\":[{\"mode\":\"RW\"}]}", "{\"volumes\":[{\"mode\":\"RO\"}]}",
            "{\"volumes\":[{\"mode\":\"RW\"},{\"mode\":\"RO\"}]}"},
        {"{\"pointed\":{\"mode\":\"RW\",\"size\":1}}", "{\"pointed\":{\"mode\":\"RO\"}}",
            "{\"pointed\":{\"mode\":\"RO\",\"size\":1}}"},
        {"{}", "{\"pointed\":{\"mode\":\"RO\"}}", "{\"pointed\":{\"mode\":\"RO\"}}"},
        {"{\"inner\":{\"size\":1}}", "{\"inner\":{\"share\":2.0}}",
            "{\"inner\":{\"size\":1,\"share\":2.0}}"},
        {"{\"raw\":{\"a\":1,\"b\":{\"c\":1}}}", "{\"raw\":{\"a\":2,\"b\":{\"d\":2}}}",
            "{\"raw\":{\"a\":2,\"b\":{\"c\":1,\"d\":2}}}"},
        {"{\"raw\":[1]}", "{\"raw\":[2]}", "{\"raw\":[1,2]}"},
        {"{\"raw\":[1]}", "{\"raw\":{\"x\":1}}", "{\"raw\":{\"x\":1}}"},
        {"{}", "{\"raw\":[2]}", "{\"raw\":[2]}"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct outer into;
        struct outer from;
        decode(cases[i].into, &into);
        decode(cases[i].from, &from);
        json_type_merge(&outer_json, &into, &from);
        _cleanup_free_ char *text = json_type_encode_text(&outer_json, &into);
        assert_string_equal(text, cases[i].merged);
        _cleanup_free_ char *unchanged = json_type_encode_text(&outer_json, &from);
        assert_string_equal(unchanged, cases[i].from);
        json_type_release(&outer_json, &into);
        json_type_release(&outer_json, &from);
    }
}

static void test_suggest(void **state)
{
    (void)state;
    static const char *const names[] = {"isolation", "launcher", "work_dir", "ip", "ip6", NULL};
    static const struct {
        const char *name;
        const char *nearest;
    } cases[] = {
        {"isolatoin", "isolation"}, {"isolations", "isolation"}, {"luncher", "launcher"},
        {"worc_dri", "work_dir"}, {"workdir", "work_dir"}, {"ipp", "ip"}, {"i", "ip"},
        {"launcher", "launcher"}, {"zebra", NULL}, {"", NULL}, {"isolationisolation", NULL},
        {"work_dirwork_dirwork_dirwork_dirwork_dirwork_dirwork_dirwork_dirwork_dir", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *nearest = json_suggest(cases[i].name, names);
        assert_true(str_equal(nearest, cases[i].nearest));
    }
    assert_null(json_suggest("x", NULL));
}

static void encode_nan(void *arg)
{
    struct outer outer = {.ratio = NAN};
    (void)arg;
    free(json_type_encode_text(&outer_json, &outer));
}

static void encode_enum_out_of_range(void *arg)
{
    struct outer outer = {.color = 3};
    (void)arg;
    free(json_type_encode_text(&outer_json, &outer));
}

static void test_invariants(void **state)
{
    (void)state;
    assert_aborts(encode_nan, NULL);
    assert_aborts(encode_enum_out_of_range, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_failure_releases),
        cmocka_unit_test(test_paths_without_a_prefix),
        cmocka_unit_test(test_long_texts_are_not_repeated),
        cmocka_unit_test(test_nul_in_a_tree),
        cmocka_unit_test(test_validate),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_required_are_always_written),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_suggest),
        cmocka_unit_test(test_invariants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
