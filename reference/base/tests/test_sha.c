/* SPDX-License-Identifier: Apache-2.0 */
/* Values of FIPS 180-4's examples, and lengths around the ends of blocks. */
#include <string.h>

#include "reference/base/sha.h"
#include "reference/base/tests/unit.h"

static const struct {
    bool wide;
    const char *text;
    const char *digest;
} examples[] = {
    {false, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {false, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {false, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {true, "abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

static void test_examples(void **state)
{
    (void)state;
    char text[SHA_HEX_MAX];
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        sha_text(examples[i].wide, examples[i].text, strlen(examples[i].text), text);
        assert_string_equal(text, examples[i].digest);
    }
}

/* A million times "a", in parts of odd lengths. */
static void test_parts(void **state)
{
    (void)state;
    char part[997];
    char text[SHA_HEX_MAX];
    struct sha sha;
    memset(part, 'a', sizeof(part));
    sha_init(&sha, false);
    for (size_t left = 1000000; left > 0;) {
        size_t length = left < sizeof(part) ? left : sizeof(part);
        sha_add(&sha, part, length);
        left -= length;
    }
    sha_hex(&sha, text);
    assert_string_equal(
        text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
