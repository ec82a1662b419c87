/* SPDX-License-Identifier: Apache-2.0 */
/* Names of docker images (provisioner.md 2). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/provisioner/image_name.h"

static const struct {
    const char *text;
    const char *registry;
    const char *repository;
    const char *tag;
    const char *digest;
} good[] = {
    {"abc", NULL, "abc", NULL, NULL},
    {"abc:latest", NULL, "abc", "latest", NULL},
    {"library/abc:1.2", NULL, "library/abc", "1.2", NULL},
    {"quay.io/a/b", "quay.io", "a/b", NULL, NULL},
    {"localhost/abc:x", "localhost", "abc", "x", NULL},
    {"host:5000/abc", "host:5000", "abc", NULL, NULL},
    {"host:5000/abc:tag", "host:5000", "abc", "tag", NULL},
    {"abc@sha256:feed", NULL, "abc", NULL, "sha256:feed"},
};

static const char *const bad[] = {"", ":tag", "a@b:1@c:2", "abc@feed", "../abc", "a/../b", "a//b",
    "/abc", "abc/", "host.io/", "abc:", "abc@sha256:../../x"};

static void same(const char *seen, const char *expected)
{
    assert_true(str_equal(seen, expected));
}

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct image_name name;
        assert_int_equal(image_name_parse(good[i].text, &name, NULL), 0);
        same(name.registry, good[i].registry);
        same(name.repository, good[i].repository);
        same(name.tag, good[i].tag);
        same(name.digest, good[i].digest);
        same(name.text, good[i].text);
        image_name_release(&name);
    }
}

static void test_digest_wins(void **state)
{
    (void)state;
    struct image_name name;
    assert_int_equal(image_name_parse("abc:tag@sha256:feed", &name, NULL), 0);
    assert_string_equal(name.text, "abc@sha256:feed");
    image_name_release(&name);
}

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct image_name name;
        _cleanup_err_ struct err err = ERR_INIT;
        assert_int_equal(image_name_parse(bad[i], &name, &err), -EINVAL);
        assert_non_null(strstr(err_text(&err), "image name"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_digest_wins),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
