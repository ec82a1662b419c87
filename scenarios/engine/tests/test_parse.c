/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file of bad/ gives exactly the messages of its `.expected`, and nothing loads. Files that
 * cannot stand in a repository (huge, special, unreadable) are made here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/parse/check.h"
#include "scenarios/engine/parse/capability.h"
#include "scenarios/engine/parse/scenario.h"

#define BAD "scenarios/engine/tests/bad"

/* All problems of loading one path, as they are printed. */
static char *load(const char *path, size_t *ret_scenarios)
{
    char *paths[] = {(char *)(uintptr_t)path, NULL};
    struct suite suite;
    struct problems problems = {0};
    suite_load(paths, &suite, &problems);
    *ret_scenarios = suite.count;
    suite_release(&suite);
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    problems_print(&problems, stream);
    fclose(stream);
    problems_release(&problems);
    return text;
}

static char *file_text(const char *path)
{
    FILE *stream = fopen(path, "re");
    if (!stream)
        return str_dup("");
    struct strbuf text = STRBUF_INIT;
    char buffer[4096];
    size_t length;
    while ((length = fread(buffer, 1, sizeof(buffer), stream)) > 0)
        strbuf_add_bytes(&text, buffer, length);
    fclose(stream);
    return strbuf_take(&text);
}

static int is_yaml(const struct dirent *entry)
{
    return str_ends(entry->d_name, ".yaml");
}

/* With SEATRIAL_WRITE_EXPECTED set the files are written anew, to be read before they are kept. */
static void compare(const char *expected_path, const char *seen)
{
    if (getenv("SEATRIAL_WRITE_EXPECTED")) {
        FILE *stream = fopen(expected_path, "we");
        assert_non_null(stream);
        fputs(seen, stream);
        fclose(stream);
    }
    _cleanup_free_ char *expected = file_text(expected_path);
    assert_string_equal(expected, seen);
}

static void test_bad_files(void **state)
{
    (void)state;
    struct dirent **entries;
    int count = scandir(BAD, &entries, is_yaml, alphasort);
    assert_true(count >= 30);
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *path = str_printf(BAD "/%s", entries[i]->d_name);
        _cleanup_free_ char *expected = str_printf("%.*s.expected", (int)strlen(path) - 5, path);
        size_t scenarios;
        _cleanup_free_ char *seen = load(path, &scenarios);
        if (seen[0] == '\0')
            fail_msg("%s loads", path);
        assert_int_equal(scenarios, 0);
        compare(expected, seen);
        free(entries[i]);
    }
    free(entries);
}

static void expect_problem(const char *path, const char *expected)
{
    size_t scenarios;
    _cleanup_free_ char *seen = load(path, &scenarios);
    assert_string_equal(seen, expected);
    assert_int_equal(scenarios, 0);
}

static void test_special_files(void **state)
{
    (void)state;
    char directory[] = "/tmp/seatrial-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    _cleanup_free_ char *huge = str_printf("%s/huge.yaml", directory);
    _cleanup_free_ char *fifo = str_printf("%s/fifo.yaml", directory);
    _cleanup_free_ char *empty = str_printf("%s/empty", directory);
    _cleanup_free_ char *missing = str_printf("%s/missing.yaml", directory);
    int fd = open(huge, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 100 * 1024 * 1024), 0);
    close(fd);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(empty, 0700), 0);
    _cleanup_free_ char *too_large =
        str_printf("%s:1:1: the file has 104857600 bytes, expected at most 1048576\n", huge);
    _cleanup_free_ char *not_regular =
        str_printf("%s:1:1: not a regular file, expected a scenario file\n", fifo);
    _cleanup_free_ char *without =
        str_printf("%s:1:1: a directory without scenarios, expected *.yaml files in it\n", empty);
    _cleanup_free_ char *nothing =
        str_printf("%s:1:1: cannot open it (ENOENT), expected a scenario "
                   "file or a directory of them\n",
            missing);
    expect_problem(huge, too_large);
    expect_problem(fifo, not_regular);
    expect_problem(empty, without);
    expect_problem(missing, nothing);
    unlink(huge);
    unlink(fifo);
    rmdir(empty);
    rmdir(directory);
}

/* Any byte changed or cut in a good file: problems or none, but always an answer. */
static void test_mangled(void **state)
{
    (void)state;
    _cleanup_free_ char *good = file_text("scenarios/engine/tests/good/all.yaml");
    size_t length = strlen(good);
    assert_true(length > 200);
    char path[] = "/tmp/seatrial-mangled-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char bytes[] = "{}[]:-\"'#&*!|>%@`\n\t 0x\x01\xff";
    for (size_t i = 0; i < length; i += 3) {
        _cleanup_free_ char *bad = str_dup(good);
        bad[i] = bytes[i % (sizeof(bytes) - 1)];
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, bad, i % 2 ? length : i, 0), (ssize_t)(i % 2 ? length : i));
        size_t scenarios;
        _cleanup_free_ char *seen = load(path, &scenarios);
        assert_true((seen[0] == '\0') == (scenarios > 0));
    }
    close(fd);
    unlink(path);
}

static void test_good(void **state)
{
    (void)state;
    char *paths[] = {(char *)(uintptr_t) "scenarios/engine/tests/good/all.yaml", NULL};
    struct suite suite;
    struct problems problems = {0};
    suite_load(paths, &suite, &problems);
    problems_print(&problems, stderr);
    assert_int_equal(problems.count, 0);
    problems_release(&problems);
    assert_int_equal(suite.count, 3);
    assert_string_equal(suite.items[0]->name, "by version [cgroups=v1]");
    assert_string_equal(suite.items[1]->name, "by version [cgroups=v2]");
    assert_string_equal(suite.items[2]->name, "other");
    assert_int_equal(suite.items[0]->line, 3);
    assert_true(suite.items[0]->needs & NEED(CAPABILITY_LINUX_LAUNCHER));
    /* one step of its own, two of the fragment, three rounds of two, and what follows */
    assert_int_equal(suite.items[0]->steps_count, 1 + 2 + 6 + 3);
    suite_release(&suite);
}

static void test_checks(void **state)
{
    (void)state;
    static const struct {
        const char *check;
        const char *value;
        bool holds;
    } rows[] = {
        {"3", "3", true},
        {"3", "3\n", true},
        {"3", "4", false},
        {"64MiB", "67108864", true},
        {">= 3", "3", true},
        {"> 3", "3", false},
        {"<= 3", "3", true},
        {"< 3", "2.9", true},
        {"!= 3", "3", false},
        {"!= 3", "4", true},
        {"1..5", "5", true},
        {"1..5", "6", false},
        {"absent", NULL, true},
        {"absent", "x", false},
        {"present", "x", true},
        {"present", NULL, false},
        {"/^a.c$/", "abc", true},
        {"/^a.c$/", "xabc", false},
        {"text", "text", true},
        {"text", "other", false},
        {"-1", "-1", true},
        {"max", "max", true},
        {"infinity", "infinity", true},
        {">= 100", "2", false},
        {"<= 1", "2", false},
        {"> 1", "infinity", true},
        {"infinity", "3", false},
        {"!= infinity", "3", true},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct node node = {.kind = NODE_SCALAR, .text = (char *)(uintptr_t)rows[i].check};
        struct check check;
        assert_true(check_parse(&node, &check));
        if (check_text_value(&check, rows[i].value) != rows[i].holds)
            fail_msg("%s against %s", rows[i].check, rows[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_special_files),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_mangled),
        cmocka_unit_test(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
