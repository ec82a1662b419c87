/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <math.h>

#include "bench/options.h"
#include "reference/base/mem.h"

struct settings {
    bool json;
    size_t samples;
    double limit;
    double seconds;
    struct option_counts live;
    const char *file;
    char **only;
};
static const struct bench_option rows[] = {
    {"json", OPTION_FLAG, offsetof(struct settings, json), 0, 0, NULL, "", NULL},
    {"samples", OPTION_COUNT, offsetof(struct settings, samples), 2, 1000, "N", "", NULL},
    {"limit", OPTION_NUMBER, offsetof(struct settings, limit), 0, 10, "10%", "", NULL},
    {"seconds", OPTION_NUMBER, offsetof(struct settings, seconds), 0.1, 3600, "S", "", NULL},
    {"live", OPTION_COUNTS, offsetof(struct settings, live), 0, 5000, "N,…", "", NULL},
    {"file", OPTION_TEXT, offsetof(struct settings, file), 0, 0, "FILE", "", NULL},
    {"only", OPTION_NAMES, offsetof(struct settings, only), 0, 0, "A,B", "", NULL},
    {0},
};

static int read_line(const char *line, struct settings *settings, char ***words, struct err *err)
{
    _cleanup_strv_ char **argv = strv_split(line, " ");

    *settings = (struct settings){0};
    return bench_options_read(rows, (int)strv_length(argv), argv, settings, words, err);
}

static void test_good(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **words = NULL;
    struct settings settings;

    (void)state;
    assert_int_equal(read_line("x --json --samples 200 a --limit=15% --live 0,100,5000 b "
                               "--only p,q --seconds 2.5",
                         &settings, &words, &err),
        0);
    assert_true(settings.json);
    assert_int_equal(settings.samples, 200);
    assert_true(fabs(settings.limit - 0.15) < 1e-12);
    assert_true(fabs(settings.seconds - 2.5) < 1e-12);
    assert_int_equal(settings.live.count, 3);
    assert_int_equal(settings.live.items[2], 5000);
    assert_int_equal(strv_length(settings.only), 2);
    assert_int_equal(strv_length(words), 2);
    assert_string_equal(words[1], "b");
    strv_free(settings.only);
}

static void test_bad(void **state)
{
    static const struct {
        const char *line;
        const char *message;
    } cases[] = {
        {"x --samples 1", "--samples: expected a number from 2 to 1000, got \"1\""},
        {"x --samples -5", "--samples: expected a number from 2 to 1000, got \"-5\""},
        {"x --samples 10x", "--samples: expected a number from 2 to 1000, got \"10x\""},
        {"x --samples 99999999999999999999999",
            "--samples: expected a number from 2 to 1000, got \"99999999999999999999999\""},
        {"x --samples", "--samples: expected N"},
        {"x --seconds nan", "--seconds: expected a number from 0.1 to 3600, got \"nan\""},
        {"x --seconds 1e9", "--seconds: expected a number from 0.1 to 3600, got \"1e9\""},
        {"x --seconds 10%", "--seconds: expected a number from 0.1 to 3600, got \"10%\""},
        {"x --live 1,2,9999",
            "--live: expected at most 16 numbers from 0 to 5000 with commas, got \"1,2,9999\""},
        {"x --sample 5", "unknown argument \"--sample\", did you mean --samples?"},
        {"x --json=yes", "unknown argument \"--json=yes\""},
        {"x stray", "unknown argument \"stray\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct settings settings;

        assert_int_equal(read_line(cases[i].line, &settings, NULL, &err), -EINVAL);
        assert_true(str_starts(err_text(&err), cases[i].message));
        strv_free(settings.only);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
