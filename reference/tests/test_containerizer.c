/* SPDX-License-Identifier: Apache-2.0 */
/* The front: what a containerizer answers that implements only what it must. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "reference/containerizer.h"

static const struct containerizer_ops bare_ops = {.name = "bare"};

struct answer {
    unsigned count;
    int result;
    bool empty;
    char message[100];
};

static void note(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    const struct container_status *status = value;
    answer->count++;
    answer->result = result;
    answer->empty = status && !status->container_id && !status->executor_pid.set;
    if (err)
        memccpy(answer->message, err_text(err), '\0', sizeof(answer->message));
}

static void test_unsupported(void **state)
{
    (void)state;
    struct containerizer bare = {.ops = &bare_ops};
    struct answer answer = {0};
    containerizer_attach(&bare, "c1", DONE(note, &answer));
    assert_int_equal(answer.result, -EOPNOTSUPP);
    assert_string_equal(answer.message, "attach c1: not supported by the bare containerizer");
    containerizer_kill(&bare, "c1", 9, DONE(note, &answer));
    assert_string_equal(answer.message, "kill c1: not supported by the bare containerizer");
    containerizer_remove(&bare, "c1", DONE(note, &answer));
    assert_string_equal(answer.message, "remove c1: not supported by the bare containerizer");
    assert_int_equal(answer.count, 3);
}

static void test_empty_status(void **state)
{
    (void)state;
    struct containerizer bare = {.ops = &bare_ops};
    struct answer answer = {0};
    containerizer_status(&bare, "c1", DONE(note, &answer));
    assert_int_equal(answer.result, 0);
    assert_true(answer.empty);
    containerizer_wait_cancel(&bare, "c1", &answer);
    assert_int_equal(answer.count, 1);
    containerizer_free(NULL);
}

static void test_metrics(void **state)
{
    (void)state;
    struct containerizer bare = {.ops = &bare_ops};
    containerizer_metric_add(&bare, "errors", 0);
    assert_true(json_number_value(json_object_get(bare.metrics, "errors")) == 0);
    containerizer_metric_add(&bare, "errors", 2);
    containerizer_metric_add(&bare, "errors", 0.5);
    assert_true(json_number_value(json_object_get(bare.metrics, "errors")) == 2.5);
    json_decref(bare.metrics);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(launch_result_names[LAUNCH_NOT_SUPPORTED], "NOT_SUPPORTED");
    assert_string_equal(container_phase_names[CONTAINER_DESTROYING], "DESTROYING");
    assert_null(container_phase_names[CONTAINER_MOUNTING + 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsupported),
        cmocka_unit_test(test_empty_status),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
