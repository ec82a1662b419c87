/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "fakes/rng.h"
#include "fakes/sim_loop.h"

#define MANY 2000

struct record {
    struct loop *loop;
    uint64_t at_ns[MANY];
    int order[MANY];
    int count;
};
struct entry {
    struct record *record;
    int number;
    struct loop_timer *timer;
};

static void note(void *arg)
{
    struct entry *entry = arg;
    struct record *record = entry->record;
    record->at_ns[record->count] = loop_now_ns(record->loop);
    record->order[record->count++] = entry->number;
    entry->timer = NULL;
}

static void start(struct entry *entry, struct record *record, int number, uint64_t delay_ns)
{
    entry->record = record;
    entry->number = number;
    entry->timer = loop_timer_start(record->loop, delay_ns, note, entry);
}

static void time_jumps_to_the_next_timer(void **state)
{
    struct record record = {.loop = sim_loop_new(0)};
    struct entry late, early;
    (void)state;
    assert_false(loop_step(record.loop));
    assert_true(sim_loop_next_ns(record.loop) == UINT64_MAX);
    start(&late, &record, 2, 5 * NS_PER_SEC);
    start(&early, &record, 1, 1);
    assert_int_equal(sim_loop_pending(record.loop), 2);
    assert_int_equal(sim_loop_next_ns(record.loop), 1);
    assert_true(loop_step(record.loop));
    assert_int_equal(record.order[0], 1);
    assert_int_equal(loop_now_ns(record.loop), 1);
    assert_true(loop_step(record.loop));
    assert_int_equal(loop_now_ns(record.loop), 5 * NS_PER_SEC);
    assert_false(loop_step(record.loop));
    loop_free(record.loop);
}

static void ties_are_first_come_with_seed_0(void **state)
{
    struct record record = {.loop = sim_loop_new(0)};
    struct entry entries[50];
    (void)state;
    for (int i = 0; i < 50; i++)
        start(&entries[i], &record, i, NS_PER_MS);
    while (loop_step(record.loop))
        ;
    for (int i = 0; i < 50; i++)
        assert_int_equal(record.order[i], i);
    loop_free(record.loop);
}

static void play_ties(uint64_t seed, struct record *record)
{
    struct entry entries[50];
    record->loop = sim_loop_new(seed);
    record->count = 0;
    for (int i = 0; i < 50; i++)
        start(&entries[i], record, i, i < 25 ? NS_PER_MS : 2 * NS_PER_MS);
    while (loop_step(record->loop))
        ;
    loop_free(record->loop);
}

static void ties_follow_the_seed(void **state)
{
    static struct record a, b, c;
    (void)state;
    play_ties(11, &a);
    play_ties(11, &b);
    play_ties(12, &c);
    assert_memory_equal(a.order, b.order, sizeof(int) * 50);
    assert_memory_not_equal(a.order, c.order, sizeof(int) * 50);
    for (int i = 0; i < 25; i++)
        assert_in_range(a.order[i], 0, 24); /* never out of time */
}

static void advance_leaves_the_clock_exactly_there(void **state)
{
    struct record record = {.loop = sim_loop_new(0)};
    struct entry a, b, c;
    (void)state;
    start(&a, &record, 1, 10);
    start(&b, &record, 2, 20);
    start(&c, &record, 3, 21);
    sim_loop_advance(record.loop, 20);
    assert_int_equal(record.count, 2);
    assert_int_equal(loop_now_ns(record.loop), 20);
    sim_loop_advance(record.loop, 0);
    assert_int_equal(record.count, 2);
    sim_loop_advance(record.loop, 100);
    assert_int_equal(record.count, 3);
    assert_int_equal(record.at_ns[2], 21);
    assert_int_equal(loop_now_ns(record.loop), 120);
    loop_free(record.loop);
}

/* Random starts and stops against a plain array. */
static void heap_agrees_with_an_array(void **state)
{
    static struct record record;
    static struct entry entries[MANY];
    static uint64_t due_ns[MANY];
    struct rng rng;
    int expected = 0;
    (void)state;
    rng_init(&rng, 5);
    record.loop = sim_loop_new(0);
    for (int i = 0; i < MANY; i++) {
        due_ns[i] = rng_below(&rng, "delay", 500);
        start(&entries[i], &record, i, due_ns[i]);
        int victim = (int)rng_below(&rng, "victim", (uint64_t)i + 1);
        if (i % 3 == 0 && entries[victim].timer) {
            loop_timer_stop(record.loop, entries[victim].timer);
            entries[victim].timer = NULL;
            due_ns[victim] = UINT64_MAX;
        }
    }
    while (loop_step(record.loop))
        ;
    for (uint64_t at = 0; at < 500; at++) {
        for (int i = 0; i < MANY; i++) {
            if (due_ns[i] != at)
                continue;
            assert_int_equal(record.order[expected], i);
            assert_int_equal(record.at_ns[expected], at);
            expected++;
        }
    }
    assert_int_equal(expected, record.count);
    rng_release(&rng);
    loop_free(record.loop);
}

static void there_are_no_descriptors(void **state)
{
    struct loop *loop = sim_loop_new(0);
    (void)state;
    assert_null(loop_fd_start(loop, 0, LOOP_READABLE, NULL, NULL));
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_jumps_to_the_next_timer),
        cmocka_unit_test(ties_are_first_come_with_seed_0),
        cmocka_unit_test(ties_follow_the_seed),
        cmocka_unit_test(advance_leaves_the_clock_exactly_there),
        cmocka_unit_test(heap_agrees_with_an_array),
        cmocka_unit_test(there_are_no_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
