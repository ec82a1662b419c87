/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/fetcher/uri.h"

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        enum uri_kind kind;
        const char *name;
        const char *local; /* with the home "/home"; NULL: an error */
    } cases[] = {
        {"/a/b", URI_LOCAL, "b", "/a/b"},
        {"b", URI_LOCAL, "b", "/home/b"},
        {"a/b/", URI_LOCAL, "b", "/home/a/b/"},
        {"file:///a/b", URI_LOCAL, "b", "/a/b"},
        {"file://localhost/a/b", URI_LOCAL, "b", "/a/b"},
        {"file://a/b", URI_LOCAL, "b", NULL},
        {"http://h/b?x=1", URI_NET, "b?x=1", ""},
        {"https://h/d/b", URI_NET, "b", ""},
        {"ftp://h/d/", URI_NET, "", ""},
        {"ftps://h/b", URI_NET, "b", ""},
        {"HTTP://h/b", URI_OTHER, "b", ""},
        {"hdfs://h/b", URI_OTHER, "b", ""},
        {" http://h/b", URI_OTHER, "b", ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *name = uri_basename(cases[i].uri);
        assert_string_equal(name, cases[i].name);
        assert_int_equal(uri_kind_of(cases[i].uri), cases[i].kind);
        if (cases[i].kind != URI_LOCAL)
            continue;
        _cleanup_free_ char *path = NULL;
        int r = uri_local_path(cases[i].uri, "/home", &path, NULL);
        assert_int_equal(r == 0, cases[i].local != NULL);
        if (path)
            assert_string_equal(path, cases[i].local);
    }
    assert_string_equal(uri_trim("\r\n\t http://h/b "), "http://h/b ");
}

static void test_validity(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *output;
        const char *message; /* NULL: valid */
    } cases[] = {
        {"http://h/b", NULL, NULL},
        {"c://x", NULL, NULL}, /* a scheme has two characters at least */
        {"lala://nopath", NULL, "Malformed URI (missing path): lala://nopath"},
        {"http://h/", NULL, "Malformed URI (missing path): http://h/"},
        {"http://h/d/", NULL, NULL},
        {"/a'b", NULL, "Illegal characters in URI '/a'b'"},
        {"/a\\b", NULL, "Illegal characters in URI '/a\\b'"},
        {"/a", "d/x", NULL},
        {"/a", "d..x/..y", NULL},
        {"/a", "", "URI output file is empty"},
        {"/a", "/x", "URI output file must be within the sandbox directory, got '/x'"},
        {"/a", "d/../../x",
            "URI output file must be within the sandbox directory, got 'd/../../x'"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct command_uri uri = {.value = (char *)(uintptr_t)cases[i].value,
            .output_file = (char *)(uintptr_t)cases[i].output};
        _cleanup_err_ struct err err = ERR_INIT;
        int r = uri_validate(&uri, &err);
        assert_int_equal(r, cases[i].message ? -22 : 0);
        if (cases[i].message)
            assert_string_equal(err_text(&err), cases[i].message);
    }
}

static void test_archives(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum archive_kind kind;
    } cases[] = {{"a.tar", ARCHIVE_MEMBERS}, {"a.tar.gz", ARCHIVE_MEMBERS},
        {"a.txz", ARCHIVE_MEMBERS}, {"a.zip", ARCHIVE_MEMBERS}, {"a.gz", ARCHIVE_GZIP},
        {"a.TAR", ARCHIVE_NONE}, {"a.tar?x", ARCHIVE_NONE}, {"tar", ARCHIVE_NONE}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(archive_kind_of(cases[i].name), cases[i].kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_validity),
        cmocka_unit_test(test_archives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
