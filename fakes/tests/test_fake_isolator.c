/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/fake_isolator.h"
#include "fakes/fake_launcher.h"
#include "fakes/sim_loop.h"
#include "reference/base/strbuf.h"
#include "reference/tests/double.h"

struct fixture {
    struct loop *loop;
    struct double_host *host;
    struct isolator *inner; /* owned by `wrapped` */
    struct isolator *alone;
    struct isolator *wrapped;
    struct strbuf told;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->loop = sim_loop_new(0);
    fixture->host = double_host_new(fixture->loop, NULL);
    struct host *host = &fixture->host->base;
    fixture->alone = fake_isolator_new(host, "fake/a", true, false);
    fixture->inner = fake_isolator_new(host, "cgroups/mem", true, true);
    fixture->wrapped = fake_isolator_wrap(fixture->inner);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    isolator_free(fixture->alone);
    isolator_free(fixture->wrapped);
    host_free(&fixture->host->base);
    loop_free(fixture->loop);
    strbuf_release(&fixture->told);
    free(fixture);
    return 0;
}

static const char *told(struct fixture *fixture)
{
    static char text[512];
    snprintf(text, sizeof(text), "%s", strbuf_text(&fixture->told));
    strbuf_reset(&fixture->told);
    return text;
}

static void tell(void *arg, int result, const void *value, const struct err *err)
{
    struct fixture *fixture = arg;
    strbuf_addf(&fixture->told, "%d %s%s;", result, value ? "value" : "none",
        result < 0 ? err_text(err) : "");
}

static void tell_limit(void *arg, int result, const void *value, const struct err *err)
{
    struct fixture *fixture = arg;
    const struct limitation *limitation = value;
    strbuf_addf(&fixture->told, "%d %s;", result, value ? limitation->message : err_text(err));
}

static struct done done_of(struct fixture *fixture)
{
    return DONE(tell, fixture);
}

static const struct container_config config;
static const struct resources resources;
static const struct resource_limits limits;

/* Makes the call of that kind. */
static void call(
    struct fixture *fixture, struct isolator *isolator, enum isolator_call kind, const char *id)
{
    switch (kind) {
    case ISOLATOR_RECOVER:
        isolator_recover(isolator, NULL, 0, NULL, done_of(fixture));
        break;
    case ISOLATOR_PREPARE:
        isolator_prepare(isolator, id, &config, done_of(fixture));
        break;
    case ISOLATOR_ISOLATE:
        isolator_isolate(isolator, id, 42, done_of(fixture));
        break;
    case ISOLATOR_WATCH:
        isolator_watch(isolator, id, done_of(fixture));
        break;
    case ISOLATOR_UPDATE:
        isolator_update(isolator, id, &resources, &limits, done_of(fixture));
        break;
    case ISOLATOR_USAGE:
        isolator_usage(isolator, id, done_of(fixture));
        break;
    case ISOLATOR_STATUS:
        isolator_status(isolator, id, done_of(fixture));
        break;
    case ISOLATOR_CLEANUP:
        isolator_cleanup(isolator, id, done_of(fixture));
        break;
    case ISOLATOR_CALL_COUNT:
        break;
    }
}

static const char *const answers[ISOLATOR_CALL_COUNT] = {
    [ISOLATOR_RECOVER] = "0 none;",
    [ISOLATOR_PREPARE] = "0 none;",
    [ISOLATOR_ISOLATE] = "0 none;",
    [ISOLATOR_WATCH] = "",
    [ISOLATOR_UPDATE] = "0 none;",
    [ISOLATOR_USAGE] = "0 value;",
    [ISOLATOR_STATUS] = "0 value;",
    [ISOLATOR_CLEANUP] = "0 none;",
};

static void test_every_call(void **state)
{
    struct fixture *fixture = *state;
    struct isolator *both[] = {fixture->alone, fixture->wrapped};
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        for (int kind = 0; kind < ISOLATOR_CALL_COUNT; kind++) {
            if (kind == ISOLATOR_WATCH)
                continue;
            const char *id = kind == ISOLATOR_RECOVER ? NULL : "c1";
            call(fixture, both[i], kind, "c1");
            assert_string_equal(told(fixture), answers[kind]);

            fake_isolator_fail(both[i], kind, id, "no luck", 1);
            call(fixture, both[i], kind, "c1");
            assert_string_equal(told(fixture), "-5 noneno luck;");

            fake_isolator_hold(both[i], kind, id);
            call(fixture, both[i], kind, "c1");
            assert_string_equal(told(fixture), "");
            char **held = fake_isolator_held(both[i]);
            assert_int_equal(strv_length(held), 1);
            assert_non_null(strstr(held[0], isolator_call_names[kind]));
            strv_free(held);
            assert_int_equal(fake_isolator_release(both[i], kind, id), 1);
            assert_string_equal(told(fixture), answers[kind]);

            assert_int_equal(fake_isolator_calls(both[i], kind, NULL), 3);
            assert_int_equal(fake_isolator_calls(both[i], kind, "c1"), id ? 3 : 0);
            assert_int_equal(fake_isolator_calls(both[i], kind, "c2"), 0);
        }
    }
    /* a call that was told to fail did not reach the inner one */
    assert_int_equal(fake_isolator_calls(fixture->inner, ISOLATOR_PREPARE, "c1"), 2);
}

static void test_wrap_keeps_what_it_wraps(void **state)
{
    struct fixture *fixture = *state;
    assert_string_equal(fixture->wrapped->name, "cgroups/mem");
    assert_true(fixture->wrapped->nesting);
    assert_true(fixture->wrapped->standalone);
    assert_true(fixture->alone->nesting);
    assert_false(fixture->alone->standalone);
}

static void test_hold_is_for_one_container(void **state)
{
    struct fixture *fixture = *state;
    fake_isolator_hold(fixture->alone, ISOLATOR_PREPARE, "c1");
    call(fixture, fixture->alone, ISOLATOR_PREPARE, "c2");
    assert_string_equal(told(fixture), "0 none;");
    call(fixture, fixture->alone, ISOLATOR_PREPARE, "c1");
    assert_string_equal(told(fixture), "");
    assert_int_equal(fake_isolator_release(fixture->alone, ISOLATOR_PREPARE, "c2"), 0);
    assert_int_equal(fake_isolator_release(fixture->alone, ISOLATOR_PREPARE, NULL), 1);
    assert_string_equal(told(fixture), "0 none;");
    /* the release ended the hold */
    call(fixture, fixture->alone, ISOLATOR_PREPARE, "c1");
    assert_string_equal(told(fixture), "0 none;");
}

static void test_failure_can_be_held(void **state)
{
    struct fixture *fixture = *state;
    fake_isolator_hold(fixture->wrapped, ISOLATOR_CLEANUP, NULL);
    fake_isolator_fail(fixture->wrapped, ISOLATOR_CLEANUP, NULL, "stuck", 0);
    call(fixture, fixture->wrapped, ISOLATOR_CLEANUP, "c1");
    call(fixture, fixture->wrapped, ISOLATOR_CLEANUP, "c2");
    assert_string_equal(told(fixture), "");
    assert_int_equal(fake_isolator_release(fixture->wrapped, ISOLATOR_CLEANUP, NULL), 2);
    assert_string_equal(told(fixture), "-5 nonestuck;-5 nonestuck;");
}

static void test_launch_info(void **state)
{
    struct fixture *fixture = *state;
    struct launch_info info = {.working_directory = (char[]){"/w"}};
    fake_isolator_set_launch_info(fixture->inner, &info);
    fake_isolator_hold(fixture->wrapped, ISOLATOR_PREPARE, NULL);
    call(fixture, fixture->wrapped, ISOLATOR_PREPARE, "c1");
    fake_isolator_set_launch_info(fixture->inner, NULL);
    fake_isolator_release(fixture->wrapped, ISOLATOR_PREPARE, NULL);
    assert_string_equal(told(fixture), "0 value;");
    call(fixture, fixture->wrapped, ISOLATOR_PREPARE, "c1");
    assert_string_equal(told(fixture), "0 none;");
}

static void test_limits(void **state)
{
    struct fixture *fixture = *state;
    struct isolator *all[] = {fixture->alone, fixture->wrapped};
    const struct limitation limitation = {.message = (char[]){"too much"}};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        assert_int_equal(fake_isolator_limit(all[i], "c1", &limitation), -ENOENT);
        assert_true(isolator_watch(all[i], "c1", DONE(tell_limit, fixture)));
        assert_true(isolator_watch(all[i], "c2", DONE(tell_limit, fixture)));
        assert_int_equal(fake_isolator_limit(all[i], "c1", &limitation), 0);
        assert_string_equal(told(fixture), "0 too much;");
        assert_int_equal(fake_isolator_limit(all[i], "c1", &limitation), -ENOENT);
        /* cleanup ends the watch that is left; the answered one is not told again */
        isolator_cleanup(all[i], "c1", DONE_NONE);
        assert_string_equal(told(fixture), "");
        isolator_cleanup(all[i], "c2", DONE_NONE);
        assert_string_equal(told(fixture), "-125 watch c2: ECANCELED;");
    }
    /* the inner one's own limit comes through */
    assert_true(isolator_watch(fixture->wrapped, "c3", DONE(tell_limit, fixture)));
    assert_int_equal(fake_isolator_limit(fixture->inner, "c3", &limitation), 0);
    assert_string_equal(told(fixture), "0 too much;");
}

static void test_free_calls_back_what_is_left(void **state)
{
    struct fixture *fixture = *state;
    struct isolator *all[] = {fixture->alone, fixture->wrapped};
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        fake_isolator_hold(all[i], ISOLATOR_UPDATE, NULL);
        call(fixture, all[i], ISOLATOR_UPDATE, "c1");
        call(fixture, all[i], ISOLATOR_WATCH, "c1");
        isolator_free(all[i]);
        const char *text = told(fixture);
        assert_string_equal(text, "-108 noneagent gone;-108 noneagent gone;");
    }
    fixture->alone = NULL;
    fixture->wrapped = NULL;
}

/* The launcher: an inner one whose destroy stays pending until told. */

struct inner_launcher {
    struct launcher base;
    struct done destroy;
    unsigned destroys;
};

static void inner_recover(struct launcher *launcher, const struct container_state *states,
    size_t count, struct done done)
{
    (void)launcher;
    (void)states;
    (void)count;
    char *const orphans[] = {(char[]){"x"}, NULL};
    done_ok(done, orphans);
}

static int inner_fork(struct launcher *launcher, const char *id, struct plan *plan,
    pid_t *ret_pid, int *ret_gate, struct err *err)
{
    (void)launcher;
    (void)id;
    (void)plan;
    (void)err;
    *ret_pid = 42;
    *ret_gate = 1;
    return 0;
}

static void inner_destroy(struct launcher *launcher, const char *id, struct done done)
{
    (void)id;
    struct inner_launcher *inner = container_of(launcher, struct inner_launcher, base);
    inner->destroy = done;
    inner->destroys++;
}

static int inner_status(struct launcher *launcher, const char *id, struct container_status *into,
    struct err *err)
{
    (void)launcher;
    (void)into;
    return err_set(err, -ENOENT, "status %s", id);
}

static void inner_free(struct launcher *launcher)
{
    free(container_of(launcher, struct inner_launcher, base));
}

static const struct launcher_ops inner_ops = {
    .name = "inner",
    .recover = inner_recover,
    .fork = inner_fork,
    .destroy = inner_destroy,
    .status = inner_status,
    .free = inner_free,
};

static void test_launcher(void **state)
{
    struct fixture *fixture = *state;
    struct inner_launcher *inner = mem_alloc(sizeof(*inner));
    inner->base.ops = &inner_ops;
    inner->base.host = &fixture->host->base;
    struct launcher *launcher = fake_launcher_wrap(&inner->base);
    assert_string_equal(launcher->ops->name, "inner");

    fake_launcher_hold(launcher, LAUNCHER_RECOVER, NULL);
    launcher_recover(launcher, NULL, 0, done_of(fixture));
    char **held = fake_launcher_held(launcher);
    assert_string_equal(held[0], "launcher recover");
    strv_free(held);
    assert_int_equal(fake_launcher_release(launcher, LAUNCHER_RECOVER, NULL), 1);
    assert_string_equal(told(fixture), "0 value;");

    pid_t pid = 0;
    int gate = 0;
    _cleanup_err_ struct err err = ERR_INIT;
    fake_launcher_fail(launcher, LAUNCHER_FORK, "c1", "no fork", 1);
    assert_int_equal(launcher_fork(launcher, "c2", NULL, &pid, &gate, &err), 0);
    assert_int_equal(launcher_fork(launcher, "c1", NULL, &pid, &gate, &err), -EIO);
    assert_string_equal(err_text(&err), "no fork");
    assert_int_equal(launcher_fork(launcher, "c1", NULL, &pid, &gate, &err), 0);
    assert_int_equal(fake_launcher_calls(launcher, LAUNCHER_FORK, NULL), 3);

    fake_launcher_lose(launcher, "c1");
    launcher_destroy(launcher, "c1", done_of(fixture));
    assert_string_equal(told(fixture), "0 none;");
    assert_int_equal(inner->destroys, 0);
    fake_launcher_hold(launcher, LAUNCHER_DESTROY, "c2");
    launcher_destroy(launcher, "c2", done_of(fixture));
    assert_int_equal(inner->destroys, 1);
    assert_int_equal(fake_launcher_release(launcher, LAUNCHER_DESTROY, "c2"), 0);
    done_ok(inner->destroy, NULL);
    assert_string_equal(told(fixture), "0 none;");
    assert_int_equal(launcher_status(launcher, "c1", NULL, &err), -ENOENT);
    launcher_free(launcher);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_call),
        TEST(test_wrap_keeps_what_it_wraps),
        TEST(test_hold_is_for_one_container),
        TEST(test_failure_can_be_held),
        TEST(test_launch_info),
        TEST(test_limits),
        TEST(test_free_calls_back_what_is_left),
        TEST(test_launcher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
