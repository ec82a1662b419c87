/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/model/container_id.h"

static void test_validate(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        const char *message; /* NULL: valid */
    } cases[] = {
        {"c1", NULL},
        {"p.c.d", NULL},
        {"a-b_c@1:2", NULL},
        {"\xc3\xa4", NULL},
        {"", "container id: value 1 is empty"},
        {".", "container id: value 1 is empty"},
        {"..", "container id: value 1 is empty"},
        {"a.", "container id: value 2 is empty"},
        {".a", "container id: value 1 is empty"},
        {"a..b", "container id: value 2 is empty"},
        {"a/b", "container id: value 1, \"a/b\", contains '/'"},
        {"a.b\\", "container id: value 2, \"b\\\\\", contains '\\'"},
        {"a b", "container id: value 1, \"a b\", contains a space"},
        {"a.b\n.c", "container id: value 2, \"b\\n\", contains a control character"},
        {"\x7f", "container id: value 1, \"\x7f\", contains a control character"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        int result = container_id_validate(cases[i].id, &err);
        assert_int_equal(result, cases[i].message ? -EINVAL : 0);
        assert_string_equal(err_text(&err), cases[i].message ? cases[i].message : "no error");
    }
}

static void test_validate_length(void **state)
{
    (void)state;
    _cleanup_err_ struct err err = ERR_INIT;
    char id[2 * CONTAINER_ID_VALUE_MAX + 3];
    memset(id, 'a', sizeof(id));
    id[CONTAINER_ID_VALUE_MAX] = '.';
    id[sizeof(id) - 2] = '\0'; /* two values of just the length */
    assert_int_equal(container_id_validate(id, &err), 0);
    id[sizeof(id) - 2] = 'a';
    id[sizeof(id) - 1] = '\0';
    assert_int_equal(container_id_validate(id, &err), -EINVAL);
    assert_string_equal(err_text(&err), "container id: value 2 has 243 bytes, of at most 242");
}

static void test_family(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        const char *parent;
        const char *root;
        const char *leaf;
        size_t depth;
    } cases[] = {
        {"p", NULL, "p", "p", 1},
        {"p.c", "p", "p", "c", 2},
        {"p.c.d", "p.c", "p", "d", 3},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *parent = container_id_parent(cases[i].id);
        _cleanup_free_ char *root = container_id_root(cases[i].id);
        assert_true(str_equal(parent, cases[i].parent));
        assert_string_equal(root, cases[i].root);
        assert_string_equal(container_id_leaf(cases[i].id), cases[i].leaf);
        assert_int_equal(container_id_depth(cases[i].id), cases[i].depth);
        assert_int_equal(container_id_is_nested(cases[i].id), cases[i].parent != NULL);
    }
}

static void test_descendants(void **state)
{
    (void)state;
    assert_true(container_id_is_descendant("p.c", "p"));
    assert_true(container_id_is_descendant("p.c.d", "p"));
    assert_true(container_id_is_descendant("p.c.d", "p.c"));
    assert_false(container_id_is_descendant("p", "p"));
    assert_false(container_id_is_descendant("pp.c", "p"));
    assert_false(container_id_is_descendant("p.cc", "p.c"));
    assert_false(container_id_is_descendant("p", "p.c"));
}

/* PA-01 to PA-03 of tests.md. */
static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum container_path_mode mode;
        const char *path;
    } cases[] = {
        {"a.b", CONTAINER_PATH_PREFIX, "s/a/s/b"},
        {"a", CONTAINER_PATH_PREFIX, "s/a"},
        {"a.b", CONTAINER_PATH_SUFFIX, "a/s/b/s"},
        {"a", CONTAINER_PATH_SUFFIX, "a/s"},
        {"a.b", CONTAINER_PATH_JOIN, "a/s/b"},
        {"a", CONTAINER_PATH_JOIN, "a"},
        {"a.b.c", CONTAINER_PATH_JOIN, "a/s/b/s/c"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *path = container_id_path(cases[i].id, "s", cases[i].mode);
        assert_string_equal(path, cases[i].path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validate),
        cmocka_unit_test(test_validate_length),
        cmocka_unit_test(test_family),
        cmocka_unit_test(test_descendants),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
