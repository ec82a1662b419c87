/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/faults.h"
#include "reference/base/strbuf.h"

/* The effects that the rules below see, numbered from 1. */
static const struct {
    enum effect_kind kind;
    const char *subject;
    const char *detail;
} effects[] = {
    {EFFECT_MKDIR, "/run/c1", NULL},
    {EFFECT_CGROUP_WRITE, "memory:mesos/c1", "memory.max=1"},
    {EFFECT_CGROUP_WRITE, "cpu:mesos/c1", "cpu.max=1"},
    {EFFECT_CGROUP_WRITE, "memory:mesos/c2", "memory.max=1"},
    {EFFECT_MKDIR, "/run/c2", NULL},
    {EFFECT_MKDIR, "/run/c1/x", NULL},
    {EFFECT_CGROUP_WRITE, "memory:mesos/c1", "memory.max=2"},
};

#define ANY EFFECT_KIND_COUNT
static const struct {
    enum effect_kind kind;
    const char *subject;
    const char *detail;
    uint64_t nth;
    uint64_t times;
    uint64_t number;
    const char *fires; /* a 1 for each effect that it hits */
} rules[] = {
    {ANY, NULL, NULL, 0, 0, 0, "1111111"},
    {ANY, NULL, NULL, 0, 2, 0, "1100000"},
    {ANY, NULL, NULL, 1, 0, 0, "1000000"},
    {ANY, NULL, NULL, 3, 0, 0, "0010000"},
    {ANY, NULL, NULL, 3, 2, 0, "0011000"},
    {ANY, NULL, NULL, 0, 0, 5, "0000100"},
    {EFFECT_MKDIR, NULL, NULL, 0, 0, 0, "1000110"},
    {EFFECT_MKDIR, NULL, NULL, 2, 0, 0, "0000100"},
    {EFFECT_MKDIR, NULL, NULL, 2, 9, 0, "0000110"},
    {EFFECT_MKDIR, "c1", NULL, 2, 0, 0, "0000010"},
    {ANY, "c1", NULL, 0, 0, 0, "1110011"},
    {ANY, NULL, "memory.max", 0, 0, 0, "0101001"},
    {EFFECT_CGROUP_WRITE, "c1", "memory.max", 2, 0, 0, "0000001"},
    {EFFECT_SPAWN, NULL, NULL, 0, 0, 0, "0000000"},
    {EFFECT_MKDIR, NULL, NULL, 0, 0, 2, "0000000"},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        struct fault_plan plan = {0};
        _cleanup_free_ char *subject = str_dup(rules[i].subject);
        const struct fault_rule rule = {
            .kind = rules[i].kind,
            .subject = subject,
            .detail = (char *)(uintptr_t)rules[i].detail,
            .nth = rules[i].nth,
            .times = rules[i].times,
            .number = rules[i].number,
            .verdict = {.action = EFFECT_FAIL, .error = -EIO},
        };
        fault_plan_add(&plan, &rule);
        _cleanup_strbuf_ struct strbuf fires = STRBUF_INIT;
        for (size_t n = 0; n < ARRAY_SIZE(effects); n++) {
            const struct effect effect = {.number = n + 1, .kind = effects[n].kind,
                .subject = effects[n].subject, .detail = effects[n].detail};
            struct effect_verdict verdict = fault_plan_decide(&plan, &effect);
            strbuf_add(&fires, verdict.action == EFFECT_FAIL ? "1" : "0");
        }
        assert_string_equal(strbuf_text(&fires), rules[i].fires);
        fault_plan_release(&plan);
    }
}

static void test_first_rule_decides_and_all_count(void **state)
{
    (void)state;
    struct fault_plan plan = {0};
    const struct fault_rule lose = {
        .kind = EFFECT_KIND_COUNT, .nth = 1, .verdict = {.action = EFFECT_LOSE}};
    const struct fault_rule fail = {
        .kind = EFFECT_KIND_COUNT, .nth = 2, .verdict = {.action = EFFECT_FAIL, .error = -EIO}};
    fault_plan_add(&plan, &lose);
    fault_plan_add(&plan, &fail);
    const struct effect effect = {.kind = EFFECT_MKDIR, .subject = "/a"};
    assert_int_equal(fault_plan_decide(&plan, &effect).action, EFFECT_LOSE);
    assert_int_equal(fault_plan_decide(&plan, &effect).action, EFFECT_FAIL);
    assert_int_equal(fault_plan_decide(&plan, &effect).action, EFFECT_PROCEED);
    assert_int_equal(plan.rules[0].seen, 3);
    assert_int_equal(plan.rules[0].fired, 1);
    assert_int_equal(plan.rules[1].fired, 1);
    fault_plan_release(&plan);
}

/* Requests and events can be late; nothing else can. */
static bool kind_may_delay(enum effect_kind kind)
{
    return kind == EFFECT_RUN || kind == EFFECT_EVENT || kind == EFFECT_FETCH ||
        kind == EFFECT_PROVISION || kind == EFFECT_DOCKER;
}

static void test_atlas_is_complete(void **state)
{
    (void)state;
    bool before[EFFECT_KIND_COUNT] = {false};
    bool after[EFFECT_KIND_COUNT] = {false};
    bool fails[EFFECT_KIND_COUNT] = {false};
    for (size_t i = 0; i < fault_atlas_count; i++) {
        const struct fault *fault = &fault_atlas[i];
        assert_non_null(effect_kind_names[fault->kind]);
        assert_true(strlen(fault->name) > 0);
        assert_true(strlen(fault->promise) > 10);
        assert_true(i == 0 || fault->kind >= fault_atlas[i - 1].kind);
        before[fault->kind] |= fault->verdict.action == EFFECT_CRASH_BEFORE;
        after[fault->kind] |= fault->verdict.action == EFFECT_CRASH_AFTER;
        fails[fault->kind] |= fault->verdict.action == EFFECT_FAIL;
        assert_true((fault->verdict.action == EFFECT_FAIL) == (fault->verdict.error < 0));
        assert_true(fault->verdict.delay_ns == 0 || kind_may_delay(fault->kind));
        for (size_t j = 0; j < i; j++)
            assert_false(fault_atlas[j].kind == fault->kind &&
                str_equal(fault_atlas[j].name, fault->name));
    }
    for (int kind = 0; kind < EFFECT_KIND_COUNT; kind++)
        assert_true(before[kind] && after[kind] && fails[kind]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_first_rule_decides_and_all_count),
        cmocka_unit_test(test_atlas_is_complete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
