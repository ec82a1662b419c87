/* SPDX-License-Identifier: Apache-2.0 */
/* How long the program at the switch rests. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "bpf/internal.h"

#define MS 1000000ULL

static void test_rest(void **state)
{
    (void)state;
    static const struct {
        uint64_t elapsed_ns;
        uint64_t switches;
        unsigned percent;
        uint64_t rest_ns;
    } cases[] = {
        {100 * MS, 0, 1, 0},
        {100 * MS, 20000, 1, 0},        /* one percent, of 50 ns each */
        {100 * MS, 40000, 1, 100 * MS}, /* twice that: half of the time */
        {100 * MS, 100000, 1, 400 * MS},
        {100 * MS, 100000, 5, 0},
        {60000 * MS, 60000000, 1, 240000 * MS},
        {0, 0, 1, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(watch_rest_ns(cases[i].elapsed_ns, cases[i].switches, cases[i].percent),
            cases[i].rest_ns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
