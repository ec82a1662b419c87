/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/launchers/child_wire.h"

static const char *mounts[] = {"/proc", "proc", "proc", "", "14", NULL};
static const char *none[] = {NULL};
static const char *arguments[] = {"sh", "-c", "exit 3", NULL};
static const struct child_plan example = {
    .flags = CHILD_INIT | CHILD_SHELL,
    .uid = 4000000000u,
    .runtime_directory = "/run/x",
    .mounts = mounts,
    .groups = none,
    .working_directory = "",
    .arguments = arguments,
    .seccomp = {"\0\1\2\3\4\5\6\7", 8},
    .cap_effective = UINT64_MAX,
};

static void release(struct child_plan *plan)
{
    const char **const lists[] = {plan->enter, plan->mounts, plan->masked_paths,
        plan->file_operations, plan->pre_exec, plan->groups, plan->rlimits, plan->arguments,
        plan->environment};
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
        free(lists[i]);
}

static void survives_the_wire(void **state)
{
    (void)state;
    size_t length;
    _cleanup_free_ void *bytes = child_wire_encode(&example, &length);
    struct child_plan plan;
    assert_int_equal(child_wire_decode(bytes, length, &plan), 0);
    assert_true(plan.flags == example.flags);
    assert_true(plan.uid == 4000000000u);
    assert_string_equal(plan.runtime_directory, "/run/x");
    assert_string_equal(plan.working_directory, "");
    assert_null(plan.rootfs);
    for (size_t i = 0; mounts[i]; i++)
        assert_string_equal(plan.mounts[i], mounts[i]);
    assert_null(plan.mounts[5]);
    assert_null(plan.groups[0]);
    assert_null(plan.environment);
    assert_string_equal(plan.arguments[2], "exit 3");
    assert_true(plan.seccomp.length == 8);
    assert_memory_equal(plan.seccomp.data, example.seccomp.data, 8);
    assert_true(plan.cap_effective == UINT64_MAX);
    release(&plan);
}

/* A buffer that is cut, or of something else, is refused, never read past. */
static void cut_anywhere_is_refused(void **state)
{
    (void)state;
    size_t length;
    _cleanup_free_ char *bytes = child_wire_encode(&example, &length);
    for (size_t cut = 0; cut < length; cut++) {
        _cleanup_free_ char *part = mem_dup(bytes, cut ? cut : 1);
        struct child_plan plan = {0};
        assert_int_equal(child_wire_decode(part, cut, &plan), -1);
        release(&plan);
    }
    bytes[0] ^= 1;
    struct child_plan plan = {0};
    assert_int_equal(child_wire_decode(bytes, length, &plan), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(survives_the_wire),
        cmocka_unit_test(cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
