/* SPDX-License-Identifier: Apache-2.0 */
/* What perf prints, and what becomes of it (tests.md CM-06). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/isolators/cgroups/perf_parse.h"

static void test_lines(void **state)
{
    static const struct {
        const char *text;
        const char *samples; /* NULL: refused */
        const char *message;
    } cases[] = {
        {"", "{}", NULL},
        {"123,cycles,c\n", "{\"c\": {\"cycles\": 123}}", NULL},
        {"123,,cycles,c\n", "{\"c\": {\"cycles\": 123}}", NULL},
        {"0.50,msec,task-clock,c\n", "{\"c\": {\"task_clock\": 0.5}}", NULL},
        {"123,,cycles,c,1000,100.00\n", "{\"c\": {\"cycles\": 123}}", NULL},
        {"123,,cycles,c,1000,100.00,0.1,GHz\n", "{\"c\": {\"cycles\": 123}}", NULL},
        {"123,,cycles,c,1000,100.00,,,,\n", "{\"c\": {\"cycles\": 123}}", NULL},
        {"7,,L1-dcache-loads,c\n", "{\"c\": {\"l1_dcache_loads\": 7}}", NULL},
        {"<not supported>,,cycles,c\n", "{\"c\": {}}", NULL},
        {"<not counted>,,cycles,c\n", "{\"c\": {\"cycles\": 0}}", NULL},
        {"<not counted>,,cpu-clock,c\n", "{\"c\": {\"cpu_clock\": 0.0}}", NULL},
        {"1,,cycles,a\n2,,cycles,b\n3,,instructions,a\n",
            "{\"a\": {\"cycles\": 1, \"instructions\": 3}, \"b\": {\"cycles\": 2}}", NULL},
        {"123,cycles\n", NULL, "columns"},
        {"123,,cycles,c,1\n", NULL, "columns"},
        {"123,,cycles,c,1,2,3\n", NULL, "columns"},
        {"123,,cycles,c,1,2,,,,x\n", NULL, "columns"},
        {"123,,cycles,c,1,2,,,,,\n", NULL, "columns"},
        {"123,,cyclez,c\n", NULL, "unexpected event \"cyclez\""},
        {"many,,cycles,c\n", NULL, "\"many\" is no number"},
        {"1 2,,cycles,c\n", NULL, "is no number"},
        {"-1,,cycles,c\n", NULL, "is no number"},
        {",,cycles,c\n", NULL, "is no number"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = ERR_INIT;
        json_t *samples = NULL;
        int r = perf_parse(cases[i].text, &samples, &err);

        if (cases[i].samples) {
            json_t *expected = json_loads(cases[i].samples, 0, NULL);

            if (r < 0 || !json_equal(samples, expected))
                fail_msg("%s: %s", cases[i].text, r < 0 ? err_text(&err) : "other samples");
            json_decref(expected);
        } else {
            assert_int_equal(r, -EBADMSG);
            if (!strstr(err_text(&err), cases[i].message))
                fail_msg("%s: %s", cases[i].text, err_text(&err));
        }
        json_decref(samples);
        err_clear(&err);
    }
}

static void test_names(void **state)
{
    static const struct {
        const char *event;
        const char *name;
        bool known;
        bool fraction;
    } cases[] = {
        {"cycles", "cycles", true, false},
        {"Task-Clock", "task_clock", true, true},
        {"LLC-load-misses", "llc_load_misses", true, false},
        {"node-prefetch-misses", "node_prefetch_misses", true, false},
        {"cycles:u", "cycles:u", false, false},
        {"", "", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *name = perf_event_normalize(cases[i].event);
        bool fraction = false;

        assert_string_equal(name, cases[i].name);
        assert_int_equal(perf_event_find(name, &fraction), cases[i].known);
        assert_int_equal(fraction, cases[i].fraction);
    }
    assert_string_equal(perf_event_suggest("contxt_switches"), "context_switches");
    assert_null(perf_event_suggest("something_else_entirely"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
