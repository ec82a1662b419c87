/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/mesos/tests/cmocka_head.h"

#include <string.h>

static void test_runtime_paths(void **state)
{
    (void)state;
    _cleanup_free_ char *root = mesos_runtime_path("/run", "a");
    _cleanup_free_ char *nested = mesos_runtime_path("/run", "a.b.c");
    _cleanup_free_ char *file = mesos_runtime_file("/run", "a.b", "pid");
    assert_string_equal(root, "/run/containers/a");
    assert_string_equal(nested, "/run/containers/a/containers/b/containers/c");
    assert_string_equal(file, "/run/containers/a/containers/b/pid");
}

static void test_sandbox_paths(void **state)
{
    (void)state;
    _cleanup_free_ char *root = mesos_sandbox_path("/s", "a");
    _cleanup_free_ char *nested = mesos_sandbox_path("/s", "a.b.c");
    assert_string_equal(root, "/s");
    assert_string_equal(nested, "/s/containers/b/containers/c");
}

/* PA-07 */
static void test_sandbox_parse(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        const char *id; /* NULL: refused */
    } cases[] = {
        {"/s", "r"},
        {"/s/", "r"},
        {"/s/stdout", "r"},
        {"/s/containers", "r"},
        {"/s/containers/a", "r.a"},
        {"/s/containers/a/stdout", "r.a"},
        {"/s//containers//a/containers/b/x/y", "r.a.b"},
        {"/s/containers/a/data/containers/b", "r.a"},
        {"/s/containers/a/containers", "r.a"},
        {"/sibling", NULL},
        {"/s2/containers/a", NULL},
        {"/", NULL},
        {"/s/../t", NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *id = NULL;
        _cleanup_err_ struct err err = ERR_INIT;
        int r = mesos_sandbox_parse("r", "/s", cases[i].path, &id, &err);
        if (cases[i].id) {
            assert_int_equal(r, 0);
            assert_string_equal(id, cases[i].id);
        } else {
            assert_true(r < 0);
            assert_contains(err_text(&err), cases[i].path);
        }
        free(id);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runtime_paths),
        cmocka_unit_test(test_sandbox_paths),
        cmocka_unit_test(test_sandbox_parse),
    };
    (void)world_setup;
    (void)world_teardown;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
