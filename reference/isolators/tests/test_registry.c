/* SPDX-License-Identifier: Apache-2.0 */
/* `--isolation` becomes a list of isolators (containerizer.md 2.4, isolators.md 2). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/base/strbuf.h"
#include "reference/isolators/tests/world.h"

/* An error starts with '!'. The order is the fixed one, whatever the flag's. */
static const struct {
    const char *isolation;
    bool linux_launcher;
    const char *expected;
} rows[] = {
    {"posix/cpu,posix/mem", false, "filesystem/posix posix/cpu posix/mem environment_secret"},
    {"posix/mem,posix/cpu", false, "filesystem/posix posix/cpu posix/mem environment_secret"},
    {"process", false, "filesystem/posix posix/cpu posix/mem environment_secret"},
    {"", false, "filesystem/posix environment_secret"},
    {"posix/rlimits,filesystem/posix", false, "filesystem/posix posix/rlimits environment_secret"},
    {"cgroups/mem,cgroups/cpu", true, "filesystem/posix cgroups environment_secret"},
    {"cgroups", true, "filesystem/posix cgroups environment_secret"},
    {"cgroups/all", true, "filesystem/posix cgroups environment_secret"},
    {"posix/cpu,posix/cpu", false, "!isolation: duplicate isolator \"posix/cpu\""},
    {"process,posix/cpu", false, "!isolation: duplicate isolator \"posix/cpu\""},
    {"posix/cpus", false,
        "!isolation: unknown isolator \"posix/cpus\", did you mean \"posix/cpu\"?"},
    {"cgroups/memory", true, "!isolation: unknown isolator \"cgroups/memory\""},
    {"cgroups/cpu", false, "!isolation: cgroups/cpu requires the linux launcher"},
};

static char *names_of(const struct isolator_list *list)
{
    struct strbuf text = STRBUF_INIT;

    for (size_t i = 0; i < list->count; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", list->items[i]->name);
    return strbuf_take(&text);
}

static void test_rows(void **state)
{
    struct world world;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V1, "", NULL);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct isolator_context context = {
            .host = world.host, .flags = &world.flags, .linux_launcher = rows[i].linux_launcher};
        struct isolator_list list = {0};
        struct err err = ERR_INIT;
        int r;

        str_set(&world.flags.isolation, rows[i].isolation);
        r = isolator_list_create(&context, NULL, 0, &list, &err);
        if (rows[i].expected[0] == '!') {
            assert_int_equal(r, -EINVAL);
            assert_int_equal(
                strncmp(err_text(&err), rows[i].expected + 1, strlen(rows[i].expected) - 1), 0);
            assert_int_equal(list.count, 0);
        } else {
            char *names = names_of(&list);

            assert_int_equal(r, 0);
            assert_string_equal(names, rows[i].expected);
            free(names);
        }
        err_clear(&err);
        isolator_list_free(&list);
    }
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
