/* SPDX-License-Identifier: Apache-2.0 */
/* PA-04, PA-05, PA-06: cgroup paths of containers, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/launchers/launcher.h"

static void expect_path(char *path, const char *expected)
{
    assert_string_equal(path, expected);
    free(path);
}

static void paths_of_ids(void **state)
{
    (void)state;
    expect_path(launcher_cgroup("root", "a"), "root/a");
    expect_path(launcher_cgroup_leaf("root", "a"), "root/a/leaf");
    expect_path(launcher_cgroup("root", "a.b"), "root/a/mesos/b");
    expect_path(launcher_cgroup_leaf("root", "a.b"), "root/a/mesos/b/leaf");
    expect_path(launcher_cgroup("r/s", "a.b.c"), "r/s/a/mesos/b/mesos/c");
}

struct parse_case {
    const char *root;
    const char *path;
    const char *id; /* NULL: not ours */
};

static void check(
    const struct parse_case *cases, size_t count, char *(*parse)(const char *, const char *))
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *id = parse(cases[i].root, cases[i].path);
        if (!str_equal(id, cases[i].id))
            fail_msg("%s in %s: expected %s, got %s", cases[i].path, cases[i].root,
                cases[i].id ? cases[i].id : "none", id ? id : "none");
    }
}

static void parse_v1(void **state)
{
    static const struct parse_case cases[] = {
        {"mesos", "mesos/a", "a"},
        {"mesos", "/mesos/a/", "a"},
        {"mesos", "mesos/a/mesos/b", "a.b"},
        {"mesos", "mesos/a/mesos/b/mesos/c", "a.b.c"},
        {"r/s", "r/s/a/mesos/b", "a.b"},
        {"mesos", "mesos/mesos", "mesos"},
        {"mesos", "mesos", NULL},
        {"mesos", "", NULL},
        {"mesos", "mesos/a/mesos", NULL},
        {"mesos", "mesos/a/other/b", NULL},
        {"mesos", "mesos/a/b", NULL},
        {"mesos", "mesos/a/leaf", NULL},
        {"mesos", "mesos/slave", NULL},
        {"mesos", "mesosphere/a", NULL},
        {"mesos", "other/a", NULL},
        {"mesos", "mesos/a.b", NULL},
        {"r/s", "r/a", NULL},
    };
    (void)state;
    check(cases, ARRAY_SIZE(cases), launcher_cgroup_parse_v1);
}

static void parse_v2(void **state)
{
    static const struct parse_case cases[] = {
        {"root", "", NULL},
        {"root", "/", NULL},
        {"root", "root", NULL},
        {"root", "root/agent", NULL},
        {"root", "root/agent/leaf", NULL},
        {"root", "agent", NULL},
        {"root", "agent/leaf", NULL},
        {"root", "root/a", "a"},
        {"root", "/root/a/", "a"},
        {"root", "root/a/leaf", "a"},
        {"root", "a/leaf", "a"},
        {"root", "a", "a"},
        {"root", "root/a/mesos/b", "a.b"},
        {"root", "root/a/mesos/b/leaf", "a.b"},
        {"root", "a/mesos/b/leaf", "a.b"},
        {"r/s", "r/s/a/mesos/b/leaf", "a.b"},
        {"r/s", "r/s", NULL},
        /* What a workload makes below its own cgroup is nobody's container. */
        {"root", "root/a/leaf/foo", NULL},
        {"root", "root/a/leaf/foo/leaf", NULL},
        {"root", "root/a/mesos", NULL},
        {"root", "root/a/foo/b", NULL},
        {"root", "user.slice", NULL},
    };
    (void)state;
    check(cases, ARRAY_SIZE(cases), launcher_cgroup_parse_v2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_ids),
        cmocka_unit_test(parse_v1),
        cmocka_unit_test(parse_v2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
