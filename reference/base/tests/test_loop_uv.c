/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing here depends on how fast the machine is: only on order, and on "not before". */
#include "reference/base/tests/unit.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#include "reference/base/loop_uv.h"
#include "reference/base/mem.h"

struct record {
    struct loop *loop;
    char order[64];
    size_t length;
    uint64_t last_ns;
};

struct letter {
    struct record *record;
    char letter;
};

static void note(void *arg)
{
    struct letter *letter = arg;
    struct record *record = letter->record;
    record->order[record->length++] = letter->letter;
    record->last_ns = loop_now_ns(record->loop);
}

static void test_timers_in_order(void **state)
{
    (void)state;
    struct record record = {.loop = loop_uv_new()};
    static const struct {
        char letter;
        uint64_t delay_ns;
    } timers[] = {{'c', 100000000}, {'a', 0}, {'d', 200000001}, {'b', 0}, {'e', 300000000}};
    struct letter letters[ARRAY_SIZE(timers)];
    uint64_t start_ns = loop_now_ns(record.loop);
    for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
        letters[i] = (struct letter){&record, timers[i].letter};
        loop_timer_start(record.loop, timers[i].delay_ns, note, &letters[i]);
    }
    assert_int_equal(record.length, 0);
    while (loop_step(record.loop))
        ;
    assert_string_equal(record.order, "abcde");
    assert_true(record.last_ns >= start_ns + 300000000);
    loop_free(record.loop);
}

/* Equal delays: in the order of starting. */
static void test_stop(void **state)
{
    (void)state;
    struct record record = {.loop = loop_uv_new()};
    struct letter letters[40];
    struct loop_timer *timers[40];
    for (size_t i = 0; i < 40; i++) {
        letters[i] = (struct letter){&record, (char)('A' + i)};
        timers[i] = loop_timer_start(record.loop, 1000000, note, &letters[i]);
    }
    for (size_t i = 0; i < 40; i++)
        if (i * 7 % 40 % 3)
            loop_timer_stop(record.loop, timers[i * 7 % 40]);
    loop_timer_stop(record.loop, NULL);
    while (loop_step(record.loop))
        ;
    assert_int_equal(record.length, 14);
    for (size_t i = 0; i < record.length; i++)
        assert_int_equal(record.order[i], 'A' + 3 * i);
    loop_free(record.loop);
}

struct early {
    struct loop *loop;
    uint64_t due_ns;
    unsigned *left;
};

static void not_before(void *arg)
{
    struct early *early = arg;
    assert_true(loop_now_ns(early->loop) >= early->due_ns);
    (*early->left)--;
}

/* Many timers of mixed delays: each comes, and none before its time. */
static void test_heap(void **state)
{
    (void)state;
    struct loop *loop = loop_uv_new();
    struct early timers[300];
    unsigned left = ARRAY_SIZE(timers);
    for (size_t i = 0; i < ARRAY_SIZE(timers); i++) {
        uint64_t delay_ns = i * 7919 % 300 * 10000;
        timers[i] = (struct early){loop, loop_now_ns(loop) + delay_ns, &left};
        loop_timer_start(loop, delay_ns, not_before, &timers[i]);
    }
    while (loop_step(loop))
        ;
    assert_int_equal(left, 0);
    loop_free(loop);
}

struct chain {
    struct loop *loop;
    unsigned left;
    unsigned in_step;
};

static void again(void *arg)
{
    struct chain *chain = arg;
    chain->in_step++;
    if (--chain->left > 0)
        loop_timer_start(chain->loop, 0, again, chain);
}

/* A deferred call started by a deferred call comes in a later step. */
static void test_deferred_never_in_the_same_step(void **state)
{
    (void)state;
    struct chain chain = {loop_uv_new(), 10, 0};
    loop_timer_start(chain.loop, 0, again, &chain);
    unsigned steps = 0;
    while (loop_step(chain.loop)) {
        assert_int_equal(chain.in_step, 1);
        chain.in_step = 0;
        steps++;
    }
    assert_int_equal(steps, 10);
    loop_free(chain.loop);
}

static void test_free_with_timers(void **state)
{
    (void)state;
    struct record record = {.loop = loop_uv_new()};
    struct letter letter = {&record, 'x'};
    assert_false(loop_step(record.loop));
    loop_timer_start(record.loop, UINT64_MAX, note, &letter);
    loop_timer_start(record.loop, 0, note, &letter);
    loop_free(record.loop);
    assert_int_equal(record.length, 0);
    loop_free(NULL);
}

struct watched {
    struct loop *loop;
    struct loop_watch *watch;
    int fd;
    unsigned calls;
    unsigned events;
    unsigned stop_after;
};

static void ready(void *arg, unsigned events)
{
    struct watched *watched = arg;
    watched->events |= events;
    if (++watched->calls == watched->stop_after)
        loop_fd_stop(watched->loop, watched->watch);
}

static void test_level_triggered(void **state)
{
    (void)state;
    struct watched watched = {.loop = loop_uv_new(), .stop_after = 3};
    watched.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    watched.watch = loop_fd_start(watched.loop, watched.fd, LOOP_READABLE, ready, &watched);
    assert_non_null(watched.watch);
    while (loop_step(watched.loop))
        ;
    assert_int_equal(watched.calls, 3);
    assert_int_equal(watched.events, LOOP_READABLE);
    /* The same descriptor can be watched again. */
    watched.stop_after = 4;
    watched.watch = loop_fd_start(
        watched.loop, watched.fd, LOOP_READABLE | LOOP_WRITABLE, ready, &watched);
    while (loop_step(watched.loop))
        ;
    assert_int_equal(watched.events, LOOP_READABLE | LOOP_WRITABLE);
    loop_free(watched.loop);
    close(watched.fd);
}

static void test_hangup(void **state)
{
    (void)state;
    int ends[2];
    struct watched watched = {.loop = loop_uv_new(), .stop_after = 2};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    watched.watch = loop_fd_start(watched.loop, ends[0], LOOP_READABLE, ready, &watched);
    close(ends[1]);
    while (loop_step(watched.loop))
        ;
    assert_true(watched.events & LOOP_HANGUP);
    assert_true(watched.events & LOOP_READABLE);
    loop_free(watched.loop);
    close(ends[0]);
}

/* The reader is gone: poll says only POLLERR, and goes on saying it. */
static void test_error_of_a_writer(void **state)
{
    (void)state;
    int ends[2];
    struct watched watched = {.loop = loop_uv_new(), .stop_after = 3};
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    static char block[4096];
    while (write(ends[1], block, sizeof(block)) > 0)
        ;
    watched.watch = loop_fd_start(watched.loop, ends[1], LOOP_WRITABLE, ready, &watched);
    close(ends[0]);
    while (loop_step(watched.loop))
        ;
    assert_int_equal(watched.calls, 3);
    assert_true(watched.events & LOOP_HANGUP);
    loop_free(watched.loop);
    close(ends[1]);
}

static void test_what_cannot_be_watched(void **state)
{
    (void)state;
    struct watched watched = {.loop = loop_uv_new()};
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC); /* a regular file */
    assert_true(fd >= 0);
    assert_null(loop_fd_start(watched.loop, fd, LOOP_READABLE, ready, &watched));
    assert_false(loop_step(watched.loop));
    loop_fd_stop(watched.loop, NULL);
    loop_free(watched.loop);
    close(fd);
}

static void stop_watch(void *arg)
{
    struct watched *watched = arg;
    loop_fd_stop(watched->loop, watched->watch);
}

static void test_timer_while_a_descriptor_is_silent(void **state)
{
    (void)state;
    struct watched watched = {.loop = loop_uv_new(), .stop_after = 1};
    watched.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    watched.watch = loop_fd_start(watched.loop, watched.fd, LOOP_READABLE, ready, &watched);
    loop_timer_start(watched.loop, 2000000, stop_watch, &watched);
    while (loop_step(watched.loop))
        ;
    assert_int_equal(watched.calls, 0);
    loop_free(watched.loop);
    close(watched.fd);
}

/* Who is not run between arming the alarm and waiting for it finds it rung already (linked with
 * --wrap). */
static useconds_t pause_us;
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t wait_ms, uint64_t repeat_ms);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t wait_ms, uint64_t repeat_ms);

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t wait_ms, uint64_t repeat_ms)
{
    int result = __real_uv_timer_start(timer, fn, wait_ms, repeat_ms);
    usleep(pause_us);
    return result;
}

static void test_alarm_that_rings_before_the_wait(void **state)
{
    pause_us = 10000;
    alarm(60); /* a wait without end would end the test so */
    test_timer_while_a_descriptor_is_silent(state);
    alarm(0);
    pause_us = 0;
}

static void free_with_a_watch(void *arg)
{
    struct watched watched = {.loop = loop_uv_new()};
    (void)arg;
    watched.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    watched.watch = loop_fd_start(watched.loop, watched.fd, LOOP_READABLE, ready, &watched);
    loop_free(watched.loop);
}

static void test_free_asserts_no_watch(void **state)
{
    (void)state;
    assert_aborts(free_with_a_watch, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_in_order),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_heap),
        cmocka_unit_test(test_deferred_never_in_the_same_step),
        cmocka_unit_test(test_free_with_timers),
        cmocka_unit_test(test_level_triggered),
        cmocka_unit_test(test_hangup),
        cmocka_unit_test(test_error_of_a_writer),
        cmocka_unit_test(test_what_cannot_be_watched),
        cmocka_unit_test(test_timer_while_a_descriptor_is_silent),
        cmocka_unit_test(test_alarm_that_rings_before_the_wait),
        cmocka_unit_test(test_free_asserts_no_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
