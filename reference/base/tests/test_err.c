/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>

#include "reference/base/err.h"

static void test_set_and_clear(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    assert_string_equal(err_text(&err), "no error");
    assert_int_equal(err_set(&err, -EINVAL, "bad %s", "id"), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err_text(&err), "bad id");
    assert_int_equal(err_set(&err, -ENOENT, "again: %s", err.message), -ENOENT);
    assert_string_equal(err_text(&err), "again: bad id");
    err_clear(&err);
    assert_int_equal(err.code, 0);
    assert_null(err.message);
    err_clear(&err);
    err_clear(NULL);
}

static void test_layers(void **state)
{
    (void)state;
    _cleanup_err_ struct err err = ERR_INIT;
    err_errno(&err, -EBUSY, "write %s \"%s\"", "memory.max", "67108864");
    assert_string_equal(err_text(&err), "write memory.max \"67108864\": EBUSY");
    assert_int_equal(err_wrap(&err, -EIO, "isolator %s", "cgroups/mem"), -EBUSY);
    assert_int_equal(err_wrap(&err, -EIO, "launch %s", "c1"), -EBUSY);
    assert_string_equal(
        err_text(&err), "launch c1: isolator cgroups/mem: write memory.max \"67108864\": EBUSY");
}

static void test_wrap_of_nothing(void **state)
{
    (void)state;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(err_wrap(&err, -EIO, "read"), -EIO);
    assert_string_equal(err_text(&err), "read: EIO");
}

static void test_without_an_error_to_fill(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, -EPERM, "x"), -EPERM);
    assert_int_equal(err_errno(NULL, -EPERM, "x"), -EPERM);
    assert_int_equal(err_wrap(NULL, -EPERM, "x"), -EPERM);
    assert_string_equal(err_text(NULL), "no error");
    struct err err = {-ENOSPC, NULL};
    assert_string_equal(err_text(&err), "ENOSPC");
}

static void test_copy(void **state)
{
    (void)state;
    _cleanup_err_ struct err from = ERR_INIT;
    _cleanup_err_ struct err to = ERR_INIT;
    err_set(&from, -EPERM, "no");
    err_set(&to, -EIO, "other");
    err_copy(&to, &from);
    assert_int_equal(to.code, -EPERM);
    assert_string_equal(to.message, "no");
    assert_ptr_not_equal(to.message, from.message);
    err_copy(&to, &to);
    assert_string_equal(to.message, "no");
    err_copy(&to, NULL);
    assert_int_equal(to.code, 0);
    assert_null(to.message);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        int code;
        const char *name;
    } cases[] = {{-EBUSY, "EBUSY"}, {EBUSY, "EBUSY"}, {-ESHUTDOWN, "ESHUTDOWN"}, {-3000, "E3000"},
        {-99999, "E99999"}, {INT32_MIN, "E2147483648"}, {0, "E0"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(err_name(cases[i].code), cases[i].name);
}

static void set_success(void *arg)
{
    struct err err = ERR_INIT;
    (void)arg;
    err_set(&err, 0, "no failure");
}

static void test_success_is_no_error(void **state)
{
    (void)state;
    assert_aborts(set_success, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_clear),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_wrap_of_nothing),
        cmocka_unit_test(test_without_an_error_to_fill),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_success_is_no_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
