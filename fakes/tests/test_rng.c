/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "fakes/rng.h"

static void same_seed_same_values(void **state)
{
    struct rng a, b;
    (void)state;
    rng_init(&a, 7);
    rng_init(&b, 7);
    for (int i = 0; i < 100; i++)
        assert_true(rng_next(&a, "faults") == rng_next(&b, "faults"));
    rng_release(&a);
    rng_release(&b);
}

static void streams_do_not_shift_each_other(void **state)
{
    struct rng a, b;
    (void)state;
    rng_init(&a, 7);
    rng_init(&b, 7);
    for (int i = 0; i < 10; i++)
        rng_next(&a, "schedule");
    assert_true(rng_next(&a, "faults") == rng_next(&b, "faults"));
    assert_true(rng_next(&a, "x") != rng_next(&a, "y"));
    rng_release(&a);
    rng_release(&b);
}

static void seeds_differ(void **state)
{
    struct rng a, b;
    (void)state;
    rng_init(&a, 1);
    rng_init(&b, 2);
    assert_true(rng_next(&a, "x") != rng_next(&b, "x"));
    rng_release(&a);
    rng_release(&b);
}

static void below_is_uniform(void **state)
{
    struct rng rng;
    unsigned hits[6] = {0};
    (void)state;
    rng_init(&rng, 3);
    for (int i = 0; i < 60000; i++)
        hits[rng_below(&rng, "die", 6)]++;
    for (int i = 0; i < 6; i++)
        assert_in_range(hits[i], 9500, 10500);
    assert_int_equal(rng_below(&rng, "die", 1), 0);
    rng_release(&rng);
}

static void bytes_fill_exactly(void **state)
{
    struct rng rng;
    unsigned char bytes[16];
    (void)state;
    rng_init(&rng, 3);
    memset(bytes, 0xee, sizeof(bytes));
    rng_bytes(&rng, "uuid", bytes, 13);
    assert_int_equal(bytes[13], 0xee);
    unsigned same = 0;
    for (int i = 0; i < 13; i++)
        same += bytes[i] == 0xee;
    assert_in_range(same, 0, 3);
    rng_release(&rng);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seed_same_values),
        cmocka_unit_test(streams_do_not_shift_each_other),
        cmocka_unit_test(seeds_differ),
        cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(bytes_fill_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
