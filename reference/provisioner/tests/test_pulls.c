/* SPDX-License-Identifier: Apache-2.0 */
/* Pulls that several wait for (provisioner.md 3.3). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference/provisioner/pulls.h"

struct world {
    struct pulls pulls;
    struct pull *running;
    unsigned started;
    unsigned cancelled;
};
struct asker {
    unsigned answers;
    int result;
};

static void start(struct pull *pull, const void *request)
{
    struct world *world = pull->pulls->owner;
    assert_string_equal(request, "request");
    world->running = pull;
    world->started++;
}

static void cancel(struct pull *pull)
{
    struct world *world = pull->pulls->owner;
    world->cancelled++;
    world->running = NULL;
}
static const struct pull_ops ops = {.start = start, .cancel = cancel};

static void answered(void *arg, int result, const void *value, const struct err *err)
{
    (void)value, (void)err;
    struct asker *asker = arg;
    asker->answers++;
    asker->result = result;
}

static void join(struct world *world, const char *key, struct asker *asker)
{
    pulls_join(&world->pulls, key, "request", DONE(answered, asker));
}

static void begin(struct world *world)
{
    *world = (struct world){0};
    pulls_init(&world->pulls, &ops, world);
}

/* PR-03: one pull, three answers. */
static void test_shared(void **state)
{
    (void)state;
    struct world world;
    struct asker askers[3] = {0};
    begin(&world);
    for (size_t i = 0; i < 3; i++)
        join(&world, "abc", &askers[i]);
    assert_int_equal(world.started, 1);
    pull_settle(world.running, 0, NULL);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(askers[i].answers, 1);
        assert_int_equal(askers[i].result, 0);
    }
    pulls_release(&world.pulls);
}

/* PR-04a: who leaves is answered, the others wait on. */
static void test_one_leaves(void **state)
{
    (void)state;
    struct world world;
    struct asker askers[3] = {0};
    begin(&world);
    for (size_t i = 0; i < 3; i++)
        join(&world, "abc", &askers[i]);
    assert_true(pulls_leave(&world.pulls, &askers[1]));
    assert_int_equal(askers[1].result, -ECANCELED);
    assert_int_equal(world.cancelled, 0);
    pull_settle(world.running, -EIO, NULL);
    assert_int_equal(askers[0].result, -EIO);
    assert_int_equal(askers[1].answers, 1);
    assert_int_equal(askers[2].result, -EIO);
    assert_false(pulls_leave(&world.pulls, &askers[0]));
    pulls_release(&world.pulls);
}

/* PR-04b: the last who leaves ends it; whoever comes then starts anew. */
static void test_all_leave(void **state)
{
    (void)state;
    struct world world;
    struct asker askers[3] = {0};
    begin(&world);
    join(&world, "abc", &askers[0]);
    join(&world, "abc", &askers[1]);
    assert_true(pulls_leave(&world.pulls, &askers[0]));
    assert_true(pulls_leave(&world.pulls, &askers[1]));
    assert_int_equal(world.cancelled, 1);
    join(&world, "abc", &askers[2]);
    assert_int_equal(world.started, 2);
    pull_settle(world.running, 0, NULL);
    assert_int_equal(askers[2].result, 0);
    pulls_release(&world.pulls);
}

static void test_keys_and_end(void **state)
{
    (void)state;
    struct world world;
    struct asker askers[2] = {0};
    begin(&world);
    join(&world, "abc", &askers[0]);
    join(&world, "xyz", &askers[1]);
    assert_int_equal(world.started, 2);
    pulls_release(&world.pulls);
    assert_int_equal(world.cancelled, 2);
    assert_int_equal(askers[0].result, -ESHUTDOWN);
    assert_int_equal(askers[1].result, -ESHUTDOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_one_leaves),
        cmocka_unit_test(test_all_leave),
        cmocka_unit_test(test_keys_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
