/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <string.h>

#include "reference/base/sometimes.h"

static void visit(int branch)
{
    if (branch == 1)
        sometimes("one");
    else if (branch == 2)
        sometimes("two");
    else
        sometimes("never");
}

static const struct sometimes_mark *find(const char *what)
{
    size_t count;
    struct sometimes_mark *marks = sometimes_marks(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(marks[i].what, what) == 0)
            return &marks[i];
    return NULL;
}

static void test_marks(void **state)
{
    (void)state;
    size_t count;
    assert_non_null(sometimes_marks(&count));
    assert_int_equal(count, 3);
    for (int i = 0; i < 5; i++)
        visit(1 + i % 2);
    assert_int_equal(find("one")->count, 3);
    assert_int_equal(find("two")->count, 2);
    assert_int_equal(find("never")->count, 0);
    assert_non_null(strstr(find("never")->file, "test_sometimes.c"));
    assert_true(find("never")->line > find("two")->line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
