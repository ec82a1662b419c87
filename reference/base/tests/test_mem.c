/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"

static void test_grow(void **state)
{
    (void)state;
    size_t capacity = 0;
    int *items = mem_grow(NULL, &capacity, 1, sizeof(int));
    assert_true(capacity >= 1);
    for (size_t i = 0; i < capacity; i++)
        assert_int_equal(items[i], 0);
    for (size_t i = 0; i < 1000; i++) {
        items = mem_grow(items, &capacity, i + 1, sizeof(int));
        assert_int_equal(items[i], 0);
        items[i] = (int)i + 1;
    }
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i + 1);
    assert_true(capacity >= 1000 && capacity < 2000);
    assert_ptr_equal(mem_grow(items, &capacity, 5, sizeof(int)), items);
    free(items);
}

static void test_strings(void **state)
{
    (void)state;
    assert_null(str_dup(NULL));
    _cleanup_free_ char *cut = str_ndup("abc", 2);
    assert_string_equal(cut, "ab");
    _cleanup_free_ char *short_one = str_ndup("abc", 99);
    assert_string_equal(short_one, "abc");
    _cleanup_free_ char *printed = str_printf("%s-%d", "a", 7);
    assert_string_equal(printed, "a-7");
    _cleanup_free_ char *long_one = str_printf("%0999d", 7);
    assert_int_equal(strlen(long_one), 999);
    _cleanup_free_ char *joined = str_concat("a", "", "bc", NULL);
    assert_string_equal(joined, "abc");
    assert_true(str_equal(NULL, NULL));
    assert_false(str_equal("", NULL));
    assert_false(str_equal(NULL, ""));
    assert_true(str_equal("a", "a"));
    assert_true(str_starts("cgroups/mem", "cgroups/"));
    assert_true(str_starts("x", ""));
    assert_false(str_starts("cg", "cgroups"));
    assert_false(str_starts(NULL, ""));
    assert_true(str_ends("a.json", ".json"));
    assert_false(str_ends("n", "json"));
    assert_false(str_ends(NULL, ""));
}

static void test_set_from_itself(void **state)
{
    (void)state;
    char *field = NULL;
    str_set(&field, "one two");
    str_set(&field, field + 4);
    assert_string_equal(field, "two");
    str_set(&field, NULL);
    assert_null(field);
}

static void test_dup_and_take(void **state)
{
    (void)state;
    _cleanup_free_ char *copy = mem_dup("ab", 3);
    assert_string_equal(copy, "ab");
    char *taken = TAKE_PTR(copy);
    assert_null(copy);
    assert_string_equal(taken, "ab");
    free(taken);
    free(mem_dup(NULL, 0));
    free(mem_alloc(0));
}

static void test_descriptors_close(void **state)
{
    (void)state;
    int seen;
    {
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int none = -1;
        seen = fd;
        assert_int_equal(none, -1);
        errno = ENOTTY;
    }
    assert_int_equal(errno, ENOTTY);
    assert_int_equal(fcntl(seen, F_GETFD), -1);
    int open_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    {
        _cleanup_close_ int fd = open_fd;
        assert_int_equal(TAKE_FD(fd), open_fd);
        assert_int_equal(fd, -1);
    }
    assert_int_not_equal(fcntl(open_fd, F_GETFD), -1);
    close(open_fd);
}

static void test_vectors(void **state)
{
    (void)state;
    _cleanup_strv_ char **strings = NULL;
    assert_int_equal(strv_length(NULL), 0);
    assert_null(strv_copy(NULL));
    assert_false(strv_contains(NULL, "a"));
    for (int i = 0; i < 100; i++)
        strv_add_owned(&strings, str_printf("%02d", 99 - i));
    assert_int_equal(strv_length(strings), 100);
    strv_sort(strings);
    assert_string_equal(strings[0], "00");
    assert_string_equal(strings[99], "99");
    assert_true(strv_contains(strings, "42"));
    assert_false(strv_contains(strings, "4"));
    _cleanup_strv_ char **copy = strv_copy(strings);
    strv_add(&copy, "more");
    assert_int_equal(strv_length(copy), 101);
    assert_int_equal(strv_length(strings), 100);
    assert_null(strv_free(NULL));
}

/* Also a vector that others allocated to its exact size can be added to. */
static void test_add_to_an_exact_vector(void **state)
{
    (void)state;
    for (size_t length = 0; length < 20; length++) {
        char **strings = mem_alloc((length + 1) * sizeof(char *));
        for (size_t i = 0; i < length; i++)
            strings[i] = str_dup("x");
        strv_add(&strings, "last");
        assert_string_equal(strings[length], "last");
        assert_null(strings[length + 1]);
        strv_free(strings);
    }
}

static void test_split(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        const char *first;
        const char *last;
    } cases[] = {
        {"", 0, NULL, NULL},
        {NULL, 0, NULL, NULL},
        {",,", 0, NULL, NULL},
        {"a", 1, "a", "a"},
        {"a,b;c", 3, "a", "c"},
        {",a,,b,", 2, "a", "b"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strv_ char **strings = strv_split(cases[i].text, ",;");
        assert_non_null(strings);
        assert_int_equal(strv_length(strings), cases[i].length);
        if (cases[i].length == 0)
            continue;
        assert_string_equal(strings[0], cases[i].first);
        assert_string_equal(strings[cases[i].length - 1], cases[i].last);
    }
}

static void test_join(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{NULL, ""}, {"", ""}, {"a", "a"}, {"a,b,c", "a--b--c"}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_strv_ char **strings = cases[i][0] ? strv_split(cases[i][0], ",") : NULL;
        _cleanup_free_ char *text = strv_join(strings, "--");
        assert_string_equal(text, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grow),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_set_from_itself),
        cmocka_unit_test(test_dup_and_take),
        cmocka_unit_test(test_descriptors_close),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_add_to_an_exact_vector),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_join),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
