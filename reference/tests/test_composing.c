/* SPDX-License-Identifier: Apache-2.0 */
/* The composing containerizer over puppets that answer when the test says so (composing.md). */
#include "reference/composing.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/operation.h"
#include "reference/tests/puppet.h"

/* --- what the test asks of the composing one, and hears of it --- */

struct answer {
    unsigned count;
    int result;
    bool none;
    int64_t number; /* launch result, status, or kill's answer */
    char *message;
};

static void heard(struct answer *answer, int result, const void *value, const struct err *err)
{
    answer->count++;
    answer->result = result;
    answer->none = !value;
    str_set(&answer->message, result < 0 ? err_text(err) : NULL);
}

static void heard_launch(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    heard(answer, result, value, err);
    answer->number = value ? (int64_t) * (const enum launch_result *)value : -1;
}

static void heard_termination(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    heard(answer, result, value, err);
    answer->number = value ? ((const struct termination *)value)->status.value : -1;
}

static void heard_bool(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    heard(answer, result, value, err);
    answer->number = value ? *(const bool *)value : -1;
}

static void heard_nothing(void *arg, int result, const void *value, const struct err *err)
{
    heard(arg, result, value, err);
}

struct fixture {
    struct host host;
    struct puppet *first;
    struct puppet *second;
    struct containerizer *composing;
    struct answer launch;
    struct answer other;
    struct answer more;
};

static void open_fixture(struct fixture *fixture, size_t count)
{
    *fixture = (struct fixture){0};
    fixture->first = puppet_new();
    fixture->second = count > 1 ? puppet_new() : NULL;
    struct containerizer *items[] = {
        &fixture->first->base, count > 1 ? &fixture->second->base : NULL};
    fixture->composing = composing_containerizer_new(&fixture->host, items, count);
}

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    open_fixture(fixture, 2);
    *state = fixture;
    return 0;
}

static int setup_single(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    open_fixture(fixture, 1);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    containerizer_free(fixture->composing);
    free(fixture->launch.message);
    free(fixture->other.message);
    free(fixture->more.message);
    free(fixture);
    return 0;
}

static void launch(struct fixture *fixture, const char *id, struct answer *answer)
{
    struct container_config config = {.command_info = {.value = (char *)(uintptr_t) "run"}};
    struct environment_variable variable = {
        .name = (char *)(uintptr_t) "A", .value = (char *)(uintptr_t) "1"};
    containerizer_launch(
        fixture->composing, id, &config, &variable, 1, "/pid", DONE(heard_launch, answer));
}

static void destroy(struct fixture *fixture, const char *id, struct answer *answer)
{
    containerizer_destroy(fixture->composing, id, DONE(heard_termination, answer));
}

static void wait_for(struct fixture *fixture, const char *id, struct answer *answer)
{
    containerizer_wait(fixture->composing, id, DONE(heard_termination, answer));
}

static void assert_containers(struct fixture *fixture, const char *expected)
{
    _cleanup_strv_ char **ids = containerizer_containers(fixture->composing);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; ids[i]; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", ids[i]);
    assert_string_equal(strbuf_text(&text), expected);
}

static void launched(struct fixture *fixture, const char *id, struct puppet *owner)
{
    launch(fixture, id, &fixture->launch);
    if (owner == fixture->second)
        puppet_launch_answers(fixture->first, LAUNCH_NOT_SUPPORTED);
    puppet_launch_answers(owner, LAUNCH_SUCCESS);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
}

#define CALLS(puppet) strbuf_text(&(puppet)->calls)

/* --- launch --- */

static void test_falls_through_with_the_same_arguments(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    assert_string_equal(CALLS(fixture->first), "launch[run 1 1 /pid] c1");
    assert_string_equal(CALLS(fixture->second), "");
    puppet_launch_answers(fixture->first, LAUNCH_NOT_SUPPORTED);
    assert_string_equal(CALLS(fixture->second), "launch[run 1 1 /pid] c1");
    assert_int_equal(fixture->launch.count, 0);
    puppet_launch_answers(fixture->second, LAUNCH_SUCCESS);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_containers(fixture, "c1");
}

/* An ALREADY_LAUNCHED of a containerizer counts as not supported (quirk). */
static void test_already_launched_falls_through(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    puppet_launch_answers(fixture->first, LAUNCH_ALREADY_LAUNCHED);
    assert_int_equal(fixture->second->asked[ASKED_LAUNCH], 1);
    puppet_launch_answers(fixture->second, LAUNCH_ALREADY_LAUNCHED);
    assert_int_equal(fixture->launch.number, LAUNCH_NOT_SUPPORTED);
    assert_containers(fixture, "");
}

static void test_nobody_supports_it(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    puppet_launch_answers(fixture->first, LAUNCH_NOT_SUPPORTED);
    puppet_launch_answers(fixture->second, LAUNCH_NOT_SUPPORTED);
    assert_int_equal(fixture->launch.number, LAUNCH_NOT_SUPPORTED);
    assert_containers(fixture, "");
}

static void test_same_id_twice(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    launch(fixture, "c1", &fixture->other);
    assert_int_equal(fixture->other.number, LAUNCH_ALREADY_LAUNCHED);
    assert_int_equal(fixture->first->asked[ASKED_LAUNCH], 1);
    puppet_launch_answers(fixture->first, LAUNCH_SUCCESS);
    launch(fixture, "c1", &fixture->other);
    assert_int_equal(fixture->other.number, LAUNCH_ALREADY_LAUNCHED);
    assert_int_equal(fixture->second->asked[ASKED_LAUNCH], 0);
}

/* CO-06 */
static void test_failure_is_no_fall_through(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    operation_refuse(puppet_take(fixture->first, ASKED_LAUNCH), -EIO, "launch", "c1", "it broke");
    assert_int_equal(fixture->launch.result, -EIO);
    assert_string_equal(fixture->launch.message, "launch c1: it broke");
    assert_int_equal(fixture->second->asked[ASKED_LAUNCH], 0);
    assert_containers(fixture, "c1");
    launch(fixture, "c1", &fixture->other);
    assert_int_equal(fixture->other.number, LAUNCH_ALREADY_LAUNCHED);

    destroy(fixture, "c1", &fixture->more);
    done_ok(puppet_take(fixture->first, ASKED_DESTROY), NULL);
    assert_true(fixture->more.none);
    assert_containers(fixture, "");
}

/* --- destroy during a launch: the table of races --- */

/* CO-01 */
static void test_destroyed_between_attempts(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    destroy(fixture, "c1", &fixture->other);
    puppet_launch_answers(fixture->first, LAUNCH_NOT_SUPPORTED);
    assert_int_equal(fixture->launch.result, -ECANCELED);
    assert_string_equal(fixture->launch.message, "launch c1: destroyed while launching");
    assert_int_equal(fixture->second->asked[ASKED_LAUNCH], 0);
    done_ok(puppet_take(fixture->first, ASKED_DESTROY), NULL);
    assert_int_equal(fixture->other.result, 0);
    assert_true(fixture->other.none);
    assert_containers(fixture, "");
}

static void test_destroy_settles_before_the_attempt(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    destroy(fixture, "c1", &fixture->other);
    done_ok(puppet_take(fixture->first, ASKED_DESTROY), NULL);
    assert_containers(fixture, "");
    puppet_launch_answers(fixture->first, LAUNCH_NOT_SUPPORTED);
    assert_int_equal(fixture->launch.result, 0);
    assert_int_equal(fixture->launch.number, LAUNCH_NOT_SUPPORTED);
    assert_int_equal(fixture->second->asked[ASKED_LAUNCH], 0);
}

/* CO-02 */
static void test_destroyed_while_launch_succeeds(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    destroy(fixture, "c1", &fixture->other);
    puppet_launch_answers(fixture->first, LAUNCH_SUCCESS);
    assert_int_equal(fixture->launch.number, LAUNCH_SUCCESS);
    assert_containers(fixture, "c1");
    puppet_settles(fixture->first, ASKED_DESTROY, 9);
    assert_int_equal(fixture->other.number, 9);
    assert_containers(fixture, "");
}

/* CO-03 */
static void test_single_destroyed_not_supported(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    destroy(fixture, "c1", &fixture->other);
    puppet_launch_answers(fixture->first, LAUNCH_NOT_SUPPORTED);
    assert_int_equal(fixture->launch.number, LAUNCH_NOT_SUPPORTED);
    done_ok(puppet_take(fixture->first, ASKED_DESTROY), NULL);
    assert_true(fixture->other.none);
}

/* Whoever comes back to an entry that was made anew meanwhile must not touch it. */
static void test_old_attempt_meets_a_new_entry(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    struct done old = puppet_take(fixture->first, ASKED_LAUNCH);
    destroy(fixture, "c1", &fixture->other);
    done_ok(puppet_take(fixture->first, ASKED_DESTROY), NULL);
    launch(fixture, "c1", &fixture->more);
    enum launch_result result = LAUNCH_NOT_SUPPORTED;
    done_ok(old, &result);
    assert_int_equal(fixture->launch.number, LAUNCH_NOT_SUPPORTED);
    assert_containers(fixture, "c1");
    puppet_launch_answers(fixture->first, LAUNCH_SUCCESS);
    assert_int_equal(fixture->more.number, LAUNCH_SUCCESS);
}

/* --- destroy and wait --- */

/* CO-04, CO-05 */
static void test_unknown(void **state)
{
    struct fixture *fixture = *state;
    destroy(fixture, "c1", &fixture->launch);
    assert_int_equal(fixture->launch.count, 1);
    assert_true(fixture->launch.none);
    wait_for(fixture, "c1", &fixture->other);
    assert_int_equal(fixture->other.count, 1);
    assert_true(fixture->other.none);
    assert_string_equal(CALLS(fixture->first), "");
}

static void test_two_destroys_ask_twice(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->first);
    destroy(fixture, "c1", &fixture->other);
    struct done first = puppet_take(fixture->first, ASKED_DESTROY);
    destroy(fixture, "c1", &fixture->more);
    assert_int_equal(fixture->first->asked[ASKED_DESTROY], 2);
    struct termination termination = {.status = OPT(1)};
    done_ok(first, &termination);
    puppet_settles(fixture->first, ASKED_DESTROY, 1);
    assert_int_equal(fixture->other.number, 1);
    assert_int_equal(fixture->more.number, 1);
    assert_containers(fixture, "");
}

static void test_failed_destroy_removes_the_entry(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->first);
    destroy(fixture, "c1", &fixture->other);
    operation_refuse(puppet_take(fixture->first, ASKED_DESTROY), -EIO, "destroy", "c1", "it stays");
    assert_string_equal(fixture->other.message, "destroy c1: it stays");
    assert_containers(fixture, "");
    wait_for(fixture, "c1", &fixture->more);
    assert_true(fixture->more.none);
}

/* CO-09 */
static void test_end_removes_the_entry(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->second);
    assert_string_equal(CALLS(fixture->second), "launch[run 1 1 /pid] c1, wait c1");
    puppet_settles(fixture->second, ASKED_WAIT, 0);
    assert_containers(fixture, "");
    destroy(fixture, "c1", &fixture->other);
    assert_true(fixture->other.none);
}

static void test_failed_wait_removes_the_entry(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->first);
    done_fail(puppet_take(fixture->first, ASKED_WAIT), -EIO, NULL);
    assert_containers(fixture, "");
}

static void test_given_up_destroy_goes_on(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->first);
    destroy(fixture, "c1", &fixture->other);
    containerizer_wait_cancel(fixture->composing, "c1", &fixture->other);
    assert_int_equal(fixture->other.result, -ECANCELED);
    assert_containers(fixture, "c1");
    puppet_settles(fixture->first, ASKED_DESTROY, 9);
    assert_int_equal(fixture->other.count, 1);
    assert_containers(fixture, "");
}

static void test_given_up_wait_is_passed_on(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->first);
    wait_for(fixture, "c1", &fixture->other);
    containerizer_wait_cancel(fixture->composing, "c1", &fixture->other);
    assert_int_equal(fixture->other.result, -ECANCELED);
    assert_containers(fixture, "c1");
    puppet_settles(fixture->first, ASKED_WAIT, 9); /* that of the entry itself */
    assert_containers(fixture, "");
}

/* --- nested --- */

/* CO-07 */
static void test_nested_goes_to_the_owner_only(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->second);
    launch(fixture, "c1.n", &fixture->other);
    assert_int_equal(fixture->first->asked[ASKED_LAUNCH], 1);
    assert_int_equal(fixture->second->asked[ASKED_LAUNCH], 2);
    puppet_launch_answers(fixture->second, LAUNCH_NOT_SUPPORTED);
    assert_int_equal(fixture->other.number, LAUNCH_NOT_SUPPORTED);
    assert_containers(fixture, "c1");

    launch(fixture, "c1.n", &fixture->other);
    puppet_launch_answers(fixture->second, LAUNCH_SUCCESS);
    assert_containers(fixture, "c1 c1.n");
    containerizer_remove(fixture->composing, "c1.n", DONE(heard_nothing, &fixture->more));
    assert_int_equal(fixture->more.result, 0);
}

/* CO-08 */
static void test_nested_without_root(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1.n", &fixture->launch);
    assert_int_equal(fixture->launch.result, -ENOENT);
    assert_string_equal(fixture->launch.message, "launch c1.n: root container not found");
    assert_containers(fixture, "");
    containerizer_remove(fixture->composing, "c1.n", DONE(heard_nothing, &fixture->more));
    assert_int_equal(fixture->more.result, -ENOENT);
}

/* While its root is launching, the nested one goes to whom is being tried. */
static void test_nested_while_root_launches(void **state)
{
    struct fixture *fixture = *state;
    launch(fixture, "c1", &fixture->launch);
    puppet_launch_answers(fixture->first, LAUNCH_NOT_SUPPORTED);
    launch(fixture, "c1.n", &fixture->other);
    assert_string_equal(
        CALLS(fixture->second), "launch[run 1 1 /pid] c1, launch[run 1 1 /pid] c1.n");
}

/* A failed nested launch stays until it is destroyed, by the owner who does not know it. */
static void test_nested_failure_stays(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->first);
    launch(fixture, "c1.n", &fixture->other);
    operation_refuse(
        puppet_take(fixture->first, ASKED_LAUNCH), -EOPNOTSUPP, "launch", "c1.n", "no nesting");
    assert_string_equal(fixture->other.message, "launch c1.n: no nesting");
    assert_containers(fixture, "c1 c1.n");
    destroy(fixture, "c1.n", &fixture->more);
    done_ok(puppet_take(fixture->first, ASKED_DESTROY), NULL);
    assert_true(fixture->more.none);
    assert_containers(fixture, "c1");
}

/* The termination of a nested container that has ended is still asked of the root's owner. */
static void test_wait_of_an_ended_nested(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->second);
    wait_for(fixture, "c1.gone", &fixture->other);
    assert_string_equal(
        CALLS(fixture->second), "launch[run 1 1 /pid] c1, wait c1, wait c1.gone");
    puppet_settles(fixture->second, ASKED_WAIT, 3);
    assert_int_equal(fixture->other.number, 3);
    destroy(fixture, "c1.gone", &fixture->more);
    assert_int_equal(fixture->second->asked[ASKED_WAIT], 3);
}

/* --- the other operations --- */

/* CO-10 */
static void test_operations_of_an_unknown_container(void **state)
{
    struct fixture *fixture = *state;
    struct resources requests = {0};
    struct resource_limits limits = {0};
    struct answer *answer = &fixture->other;
    struct containerizer *composing = fixture->composing;
    enum container_phase phase;
    containerizer_update(composing, "c1", &requests, &limits, DONE(heard_nothing, answer));
    assert_string_equal(answer->message, "update c1: container not found");
    containerizer_usage(composing, "c1", DONE(heard_nothing, answer));
    assert_string_equal(answer->message, "usage c1: container not found");
    containerizer_status(composing, "c1", DONE(heard_nothing, answer));
    assert_string_equal(answer->message, "status c1: container not found");
    containerizer_attach(composing, "c1", DONE(heard_nothing, answer));
    assert_string_equal(answer->message, "attach c1: container not found");
    containerizer_kill(composing, "c1", 15, DONE(heard_bool, answer));
    assert_int_equal(answer->result, 0);
    assert_int_equal(answer->number, false);
    assert_int_equal(containerizer_phase(composing, "c1", &phase), -ENOENT);
}

static void test_operations_go_to_the_owner(void **state)
{
    struct fixture *fixture = *state;
    struct resources requests = {0};
    struct resource_limits limits = {0};
    struct answer *answer = &fixture->other;
    struct containerizer *composing = fixture->composing;
    enum container_phase phase;
    launched(fixture, "c1", fixture->second);
    strbuf_reset(&fixture->second->calls);
    containerizer_update(composing, "c1", &requests, &limits, DONE(heard_nothing, answer));
    containerizer_usage(composing, "c1", DONE(heard_nothing, answer));
    containerizer_status(composing, "c1", DONE(heard_nothing, answer));
    containerizer_attach(composing, "c1", DONE(heard_nothing, answer));
    containerizer_kill(composing, "c1", 15, DONE(heard_bool, answer));
    assert_int_equal(answer->number, true);
    assert_int_equal(answer->count, 5);
    assert_string_equal(
        CALLS(fixture->second), "update c1, usage c1, status c1, attach c1, kill c1");
    assert_int_equal(containerizer_phase(composing, "c1", &phase), 0);
    assert_int_equal(phase, CONTAINER_FETCHING);
}

static void test_prune(void **state)
{
    struct fixture *fixture = *state;
    containerizer_prune_images(fixture->composing, NULL, DONE(heard_nothing, &fixture->other));
    assert_int_equal(fixture->other.count, 1);
    assert_int_equal(fixture->other.result, 0);
    fixture->first->fails = "no images";
    fixture->second->fails = "none here either";
    containerizer_prune_images(fixture->composing, NULL, DONE(heard_nothing, &fixture->more));
    assert_int_equal(fixture->more.count, 1);
    assert_string_equal(fixture->more.message, "prune images: no images");
}

/* --- recovery --- */

static void recover(struct fixture *fixture)
{
    struct agent_state agent = {0};
    containerizer_recover(fixture->composing, &agent, DONE(heard_nothing, &fixture->launch));
}

/* CO-11 */
static void test_recovery_merges(void **state)
{
    struct fixture *fixture = *state;
    strv_add(&fixture->first->known, "b");
    strv_add(&fixture->second->known, "a");
    recover(fixture);
    assert_int_equal(fixture->second->asked[ASKED_RECOVER], 1); /* in parallel */
    done_ok(puppet_take(fixture->second, ASKED_RECOVER), NULL);
    assert_int_equal(fixture->launch.count, 0);
    done_ok(puppet_take(fixture->first, ASKED_RECOVER), NULL);
    assert_int_equal(fixture->launch.result, 0);
    assert_int_equal(fixture->launch.count, 1);
    assert_containers(fixture, "a b");
    destroy(fixture, "a", &fixture->other);
    puppet_settles(fixture->second, ASKED_DESTROY, 1);
    destroy(fixture, "b", &fixture->more);
    puppet_settles(fixture->first, ASKED_DESTROY, 2);
    assert_int_equal(fixture->other.number, 1);
    assert_int_equal(fixture->more.number, 2);
    assert_containers(fixture, "");
}

static void test_recovered_orphan_disappears(void **state)
{
    struct fixture *fixture = *state;
    strv_add(&fixture->first->known, "orphan");
    recover(fixture);
    done_ok(puppet_take(fixture->first, ASKED_RECOVER), NULL);
    done_ok(puppet_take(fixture->second, ASKED_RECOVER), NULL);
    assert_containers(fixture, "orphan");
    puppet_settles(fixture->first, ASKED_WAIT, 9);
    assert_containers(fixture, "");
}

static void test_failed_recovery(void **state)
{
    struct fixture *fixture = *state;
    fixture->second->fails = "no disk";
    strv_add(&fixture->first->known, "a");
    recover(fixture);
    assert_int_equal(fixture->launch.count, 1);
    assert_string_equal(fixture->launch.message, "recover all: no disk");
    done_ok(puppet_take(fixture->first, ASKED_RECOVER), NULL);
    assert_int_equal(fixture->launch.count, 1);
    assert_containers(fixture, "");
}

/* The later containerizer wins when two know the same container (quirk). */
static void test_recovered_twice(void **state)
{
    struct fixture *fixture = *state;
    strv_add(&fixture->first->known, "a");
    strv_add(&fixture->second->known, "a");
    recover(fixture);
    done_ok(puppet_take(fixture->first, ASKED_RECOVER), NULL);
    done_ok(puppet_take(fixture->second, ASKED_RECOVER), NULL);
    destroy(fixture, "a", &fixture->other);
    assert_int_equal(fixture->first->asked[ASKED_DESTROY], 0);
    assert_int_equal(fixture->second->asked[ASKED_DESTROY], 1);
}

/* --- the end of the instance, and metrics --- */

static void test_free_answers_everyone(void **state)
{
    struct fixture *fixture = *state;
    launched(fixture, "c1", fixture->first);
    destroy(fixture, "c1", &fixture->other);
    launch(fixture, "c2", &fixture->more);
    containerizer_free(fixture->composing);
    fixture->composing = NULL;
    assert_int_equal(fixture->other.result, -ESHUTDOWN);
    assert_int_equal(fixture->more.result, -ESHUTDOWN);
    assert_int_equal(fixture->other.count + fixture->more.count, 2);
}

static void test_metrics_are_one_object(void **state)
{
    struct fixture *fixture = *state;
    containerizer_metric_add(&fixture->first->base, "one", 1);
    containerizer_metric_add(&fixture->second->base, "two", 2);
    containerizer_metric_add(fixture->composing, "three", 3);
    assert_int_equal(json_object_size(fixture->composing->metrics), 3);
    assert_int_equal(json_number_value(json_object_get(fixture->composing->metrics, "two")), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_falls_through_with_the_same_arguments),
        TEST(test_already_launched_falls_through),
        TEST(test_nobody_supports_it),
        TEST(test_same_id_twice),
        TEST(test_failure_is_no_fall_through),
        TEST(test_destroyed_between_attempts),
        TEST(test_destroy_settles_before_the_attempt),
        TEST(test_destroyed_while_launch_succeeds),
        cmocka_unit_test_setup_teardown(
            test_single_destroyed_not_supported, setup_single, teardown),
        TEST(test_old_attempt_meets_a_new_entry),
        TEST(test_unknown),
        TEST(test_two_destroys_ask_twice),
        TEST(test_failed_destroy_removes_the_entry),
        TEST(test_end_removes_the_entry),
        TEST(test_failed_wait_removes_the_entry),
        TEST(test_given_up_destroy_goes_on),
        TEST(test_given_up_wait_is_passed_on),
        TEST(test_nested_goes_to_the_owner_only),
        TEST(test_nested_without_root),
        TEST(test_nested_while_root_launches),
        TEST(test_nested_failure_stays),
        TEST(test_wait_of_an_ended_nested),
        TEST(test_operations_of_an_unknown_container),
        TEST(test_operations_go_to_the_owner),
        TEST(test_prune),
        TEST(test_recovery_merges),
        TEST(test_recovered_orphan_disappears),
        TEST(test_failed_recovery),
        TEST(test_recovered_twice),
        TEST(test_free_answers_everyone),
        TEST(test_metrics_are_one_object),
    };
    return cmocka_run_group_tests_name("composing", tests, NULL, NULL);
}
