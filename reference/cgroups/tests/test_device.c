/* SPDX-License-Identifier: Apache-2.0 */
/* Device entries, lists, and the generated program against the rule it stands for (tests.md LV1-11
 * to 13, LV2-15 to 18). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/rng.h"
#include "reference/base/mem.h"
#include "reference/cgroups/device_program.h"

static struct device_entry entry_of(const char *text)
{
    struct device_entry entry = {0};
    struct err err = ERR_INIT;

    if (device_parse(text, &entry, &err) < 0)
        fail_msg("%s", err_text(&err));
    return entry;
}

static struct device_list list_of(const char *text)
{
    _cleanup_strv_ char **parts = strv_split(text, ",");
    struct device_list list = {0};

    for (size_t i = 0; parts && parts[i]; i++) {
        struct device_entry entry = entry_of(parts[i]);

        device_list_add(&list, &entry);
    }
    return list;
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        const char *formatted; /* NULL: an error */
    } rows[] = {
        {"a", "a *:* rwm"},
        {"a *:* rwm", "a *:* rwm"},
        {"b 1:3 r", "b 1:3 r"},
        {"c *:3 mwr", "c *:3 rwm"},
        {"c 1:* w", "c 1:* w"},
        {"", NULL},
        {"b", NULL},
        {"c 1:3", NULL},
        {"c 1:3 r w", NULL},
        {"d 1:3 r", NULL},
        {"cc 1:3 r", NULL},
        {"c 1 r", NULL},
        {"c x:3 r", NULL},
        {"c -1:3 r", NULL},
        {"c 1:99999999999 r", NULL},
        {"c 1:3 rwmr", NULL},
        {"c 1:3 x", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct device_entry entry;
        struct err err = ERR_INIT;
        int r = device_parse(rows[i].text, &entry, &err);

        assert_int_equal(r, rows[i].formatted ? 0 : -EINVAL);
        if (rows[i].formatted) {
            char *text = device_format(&entry);

            assert_string_equal(text, rows[i].formatted);
            free(text);
        }
        err_clear(&err);
    }
}

static void test_encompasses_and_overlaps(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool encompasses;
        bool overlaps;
    } rows[] = {
        {"c 1:3 rwm", "c 1:3 rwm", true, true},
        {"c 1:* rw", "c 1:3 r", true, true},
        {"c *:* m", "c 1:3 rwm", false, true},
        {"a", "b 8:0 rw", true, true},
        {"b 1:3 r", "c 1:3 r", false, false},
        {"c 1:3 r", "c 1:3 w", false, false},
        {"c 1:3 r", "c 1:* r", false, true},
        {"c 2:3 r", "c 1:3 r", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct device_entry a = entry_of(rows[i].a), b = entry_of(rows[i].b);

        assert_int_equal(device_encompasses(&a, &b), rows[i].encompasses);
        assert_int_equal(device_overlaps(&a, &b), rows[i].overlaps);
        assert_int_equal(device_overlaps(&b, &a), rows[i].overlaps);
    }
}

static void test_normalize(void **state)
{
    static const struct {
        const char *list;
        bool normalized;
        const char *result;
    } rows[] = {
        {"c 1:3 r,c 1:5 w", true, "c 1:3 r,c 1:5 w"},
        {"c 1:3 r,c 1:3 w", false, "c 1:3 rw"},
        {"c 1:* rwm,c 1:3 r", false, "c 1:* rwm"},
        {"c 1:3 r,a", false, "a *:* rwm"},
        {"c *:* m,c 1:3 rwm", true, "c *:* m,c 1:3 rwm"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct device_list list = list_of(rows[i].list), expected = list_of(rows[i].result);

        assert_int_equal(device_list_is_normalized(&list), rows[i].normalized);
        device_list_normalize(&list);
        assert_true(device_list_is_normalized(&list));
        assert_int_equal(list.count, expected.count);
        for (size_t k = 0; k < list.count; k++) {
            _cleanup_free_ char *seen = device_format(&list.items[k]);
            _cleanup_free_ char *wanted = device_format(&expected.items[k]);

            assert_string_equal(seen, wanted);
        }
        device_list_release(&list);
        device_list_release(&expected);
    }
}

static void test_defaults_are_normalized(void **state)
{
    struct device_list list = {0};

    (void)state;
    for (const char *const *text = device_defaults; *text; text++) {
        struct device_entry entry = entry_of(*text);

        device_list_add(&list, &entry);
    }
    assert_true(device_list_is_normalized(&list));
    device_list_release(&list);
}

/* An interpreter of just the instructions that the builder emits; anything else fails the test. */
static int run(const struct device_program *program, const struct device_entry *request)
{
    const uint32_t type = request->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
    const uint32_t access = (request->access & DEVICE_READ ? BPF_DEVCG_ACC_READ : 0) |
                            (request->access & DEVICE_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
                            (request->access & DEVICE_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0);
    const uint32_t context[3] = {access << 16 | type, request->major, request->minor};
    uint64_t registers[11] = {0};

    for (size_t pc = 0; pc < program->count; pc++) {
        const struct bpf_insn *insn = &program->instructions[pc];
        uint64_t *dst = &registers[insn->dst_reg];
        const uint64_t src = registers[insn->src_reg];

        switch (insn->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            *dst = context[insn->off / 4];
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            *dst = (uint32_t)*dst & (uint32_t)insn->imm;
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            *dst = (uint32_t)*dst >> insn->imm;
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *dst = (uint64_t)(int64_t)insn->imm;
            break;
        case BPF_ALU64 | BPF_MOV | BPF_X:
            *dst = src;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            pc += *dst != (uint64_t)insn->imm ? (size_t)insn->off : 0;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += *dst == (uint64_t)insn->imm ? (size_t)insn->off : 0;
            break;
        case BPF_JMP | BPF_JNE | BPF_X:
            pc += *dst != src ? (size_t)insn->off : 0;
            break;
        case BPF_JMP | BPF_JA | BPF_K:
            pc += (size_t)insn->off;
            break;
        case BPF_JMP | BPF_EXIT:
            return (int)registers[0];
        default:
            fail_msg("unexpected instruction 0x%x at %zu", insn->code, pc);
        }
    }
    fail_msg("the program runs off its end");
    return -1;
}

static int granted_by_program(const struct device_list *allow, const struct device_list *deny,
    const struct device_entry *request)
{
    struct device_program program = {0};
    struct err err = ERR_INIT;
    int granted;

    assert_int_equal(device_program_build(allow, deny, &program, &err), 0);
    granted = run(&program, request);
    device_program_release(&program);
    return granted;
}

static void test_program_table(void **state)
{
    static const struct {
        const char *allow;
        const char *deny;
        const char *request;
        int granted;
    } rows[] = {
        {"", "", "c 1:3 r", 0}, {"", "c 1:3 r", "c 1:3 r", 0}, {"c 1:3 rw", "", "c 1:3 rw", 1},
        {"c 1:3 r", "", "c 1:3 r", 1}, {"c 1:3 r", "", "c 1:3 w", 0}, {"c 1:3 w", "", "c 1:3 w", 1},
        {"c 1:3 w", "", "c 1:3 r", 0}, {"c 1:3 rw", "c 1:3 rw", "c 1:3 r", 0},
        {"c 1:3 rw", "b 1:3 rw", "c 1:3 rw", 1}, {"b 1:3 rw", "", "c 1:3 r", 0},
        {"a", "", "c 9:9 rwm", 1}, {"a", "c 1:3 rwm", "c 1:3 r", 0},
        {"a", "c 1:3 rwm", "c 1:5 r", 1}, {"a", "a", "c 1:3 r", 0}, {"c 1:3 rw", "a", "c 1:3 r", 0},
        {"a *:* rw", "c 1:3 w", "c 1:3 r", 1}, {"a *:* rw", "c 1:3 w", "c 1:3 w", 0},
        {"c 1:3 r,c 1:* w", "", "c 1:3 rw", 0}, /* two entries are not combined */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct device_list allow = list_of(rows[i].allow), deny = list_of(rows[i].deny);
        struct device_entry request = entry_of(rows[i].request);

        assert_int_equal(granted_by_program(&allow, &deny, &request), rows[i].granted);
        assert_int_equal(device_granted(&allow, &deny, &request), rows[i].granted);
        device_list_release(&allow);
        device_list_release(&deny);
    }
}

static struct device_entry random_entry(struct rng *rng, bool wildcards)
{
    const uint32_t bound = wildcards ? 4 : 3;
    uint32_t major = (uint32_t)rng_below(rng, "device", bound);
    uint32_t minor = (uint32_t)rng_below(rng, "device", bound);

    return (struct device_entry){
        .type = "cba"[rng_below(rng, "device", wildcards ? 3 : 2)],
        .major = major == 3 ? DEVICE_ANY : major,
        .minor = minor == 3 ? DEVICE_ANY : minor,
        .access = 1 + (unsigned)rng_below(rng, "device", 7),
    };
}

static struct device_list random_list(struct rng *rng)
{
    struct device_list list = {0};

    for (uint64_t n = rng_below(rng, "device", 6); n > 0; n--) {
        struct device_entry entry = random_entry(rng, true);

        device_list_add(&list, &entry);
    }
    device_list_normalize(&list);
    return list;
}

/* Property 6 of tests.md: the grant equals the interpreter of the generated program. */
static void test_program_equals_the_rule(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 42);
    for (unsigned i = 0; i < 5000; i++) {
        struct device_list allow = random_list(&rng), deny = random_list(&rng);
        struct device_entry request = random_entry(&rng, false);

        assert_int_equal(
            granted_by_program(&allow, &deny, &request), device_granted(&allow, &deny, &request));
        device_list_release(&allow);
        device_list_release(&deny);
    }
    rng_release(&rng);
}

static void test_lists_must_be_normalized(void **state)
{
    struct device_list list = list_of("c 1:3 r,c 1:3 w"), none = {0};
    struct device_program program;
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(device_program_build(&list, &none, &program, &err), -EINVAL);
    assert_string_equal(err_text(&err), "the device lists are not normalized");
    err_clear(&err);
    device_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_encompasses_and_overlaps),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_defaults_are_normalized),
        cmocka_unit_test(test_program_table),
        cmocka_unit_test(test_program_equals_the_rule),
        cmocka_unit_test(test_lists_must_be_normalized),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
