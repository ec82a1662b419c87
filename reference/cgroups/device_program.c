/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cgroups/device_program.h"

#include <assert.h>
#include <errno.h>

#include "reference/base/mem.h"

/* struct bpf_cgroup_dev_ctx: access_type (access << 16 | type), major, minor. */
#define LOAD(register_, offset)                                                                    \
    {                                                                                              \
        .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = (register_), .src_reg = BPF_REG_1,           \
        .off = (offset)                                                                            \
    }
#define ALU_K(operation, register_, constant)                                                      \
    {                                                                                              \
        .code = BPF_ALU | (operation) | BPF_K, .dst_reg = (register_), .imm = (constant)           \
    }
#define MOVE_K(register_, constant)                                                                \
    {                                                                                              \
        .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (register_), .imm = (constant)             \
    }
#define MOVE_X(register_, from)                                                                    \
    {                                                                                              \
        .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (register_), .src_reg = (from)             \
    }
#define JUMP_K(operation, register_, constant)                                                     \
    {                                                                                              \
        .code = BPF_JMP | (operation) | BPF_K, .dst_reg = (register_), .imm = (constant)           \
    }
#define JUMP_X(operation, register_, other)                                                        \
    {                                                                                              \
        .code = BPF_JMP | (operation) | BPF_X, .dst_reg = (register_), .src_reg = (other)          \
    }
#define EXIT                                                                                       \
    {                                                                                              \
        .code = BPF_JMP | BPF_EXIT                                                                 \
    }

#define MAX_PER_ENTRY 8

/* The kernel's bits for access and type are its own. */
static int kernel_access(unsigned access)
{
    return (access & DEVICE_READ ? BPF_DEVCG_ACC_READ : 0) |
           (access & DEVICE_WRITE ? BPF_DEVCG_ACC_WRITE : 0) |
           (access & DEVICE_MKNOD ? BPF_DEVCG_ACC_MKNOD : 0);
}

static void add(struct device_program *program, struct bpf_insn instruction)
{
    program->instructions =
        mem_realloc(program->instructions, (program->count + 1) * sizeof(*program->instructions));
    program->instructions[program->count++] = instruction;
}

static bool is_catch_all(const struct device_entry *entry)
{
    return entry->type == 'a' && entry->major == DEVICE_ANY && entry->minor == DEVICE_ANY &&
           entry->access == DEVICE_ALL;
}

static bool has_catch_all(const struct device_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_catch_all(&list->items[i]))
            return true;
    }
    return false;
}

/* Comparisons that skip the entry when the selector does not match; the last of `skips` are patched
 * later. */
static size_t add_selector(
    struct device_program *program, const struct device_entry *entry, size_t *skips)
{
    size_t count = 0;

    if (entry->major != DEVICE_ANY) {
        skips[count++] = program->count;
        add(program, (struct bpf_insn)JUMP_K(BPF_JNE, BPF_REG_4, (int)entry->major));
    }
    if (entry->minor != DEVICE_ANY) {
        skips[count++] = program->count;
        add(program, (struct bpf_insn)JUMP_K(BPF_JNE, BPF_REG_5, (int)entry->minor));
    }
    if (entry->type != 'a') {
        skips[count++] = program->count;
        add(program, (struct bpf_insn)JUMP_K(BPF_JNE, BPF_REG_2,
                         entry->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR));
    }
    return count;
}

static void patch(struct device_program *program, const size_t *jumps, size_t count, size_t target)
{
    for (size_t i = 0; i < count; i++) {
        assert(target - jumps[i] - 1 <= INT16_MAX);
        program->instructions[jumps[i]].off = (int16_t)(target - jumps[i] - 1);
    }
}

/* A match jumps to the deny section; its jump is left in *ret_match. */
static void add_allow(
    struct device_program *program, const struct device_entry *entry, size_t *ret_match)
{
    size_t skips[MAX_PER_ENTRY];
    size_t count = add_selector(program, entry, skips);

    if (entry->access != DEVICE_ALL) {
        add(program, (struct bpf_insn)MOVE_X(BPF_REG_1, BPF_REG_3));
        add(program, (struct bpf_insn)ALU_K(BPF_AND, BPF_REG_1, kernel_access(entry->access)));
        skips[count++] = program->count;
        add(program, (struct bpf_insn)JUMP_X(BPF_JNE, BPF_REG_1, BPF_REG_3));
    }
    *ret_match = program->count;
    add(program, (struct bpf_insn)JUMP_K(BPF_JA, 0, 0));
    patch(program, skips, count, program->count);
}

static void add_deny(struct device_program *program, const struct device_entry *entry)
{
    size_t skips[MAX_PER_ENTRY];
    size_t count = add_selector(program, entry, skips);

    add(program, (struct bpf_insn)MOVE_X(BPF_REG_1, BPF_REG_3));
    add(program, (struct bpf_insn)ALU_K(BPF_AND, BPF_REG_1, kernel_access(entry->access)));
    skips[count++] = program->count;
    add(program, (struct bpf_insn)JUMP_K(BPF_JEQ, BPF_REG_1, 0));
    add(program, (struct bpf_insn)EXIT);
    patch(program, skips, count, program->count);
}

static void add_allow_section(struct device_program *program, const struct device_list *allow)
{
    _cleanup_free_ size_t *matches = mem_alloc((allow->count + 1) * sizeof(*matches));

    for (size_t i = 0; i < allow->count; i++)
        add_allow(program, &allow->items[i], &matches[i]);
    add(program, (struct bpf_insn)EXIT);
    patch(program, matches, allow->count, program->count);
}

int device_program_build(const struct device_list *allow, const struct device_list *deny,
    struct device_program *ret_program, struct err *err)
{
    static const struct bpf_insn start[] = {
        LOAD(BPF_REG_2, 0),
        ALU_K(BPF_AND, BPF_REG_2, 0xFFFF),
        LOAD(BPF_REG_3, 0),
        ALU_K(BPF_RSH, BPF_REG_3, 16),
        LOAD(BPF_REG_4, 4),
        LOAD(BPF_REG_5, 8),
        MOVE_K(BPF_REG_0, 0),
    };
    struct device_program program = {0};

    if (!device_list_is_normalized(allow) || !device_list_is_normalized(deny))
        return err_set(err, -EINVAL, "the device lists are not normalized");
    for (size_t i = 0; i < ARRAY_SIZE(start); i++)
        add(&program, start[i]);
    if (allow->count > 0 && !has_catch_all(deny)) {
        if (!has_catch_all(allow))
            add_allow_section(&program, allow);
        for (size_t i = 0; i < deny->count; i++)
            add_deny(&program, &deny->items[i]);
        add(&program, (struct bpf_insn)MOVE_K(BPF_REG_0, 1));
    }
    add(&program, (struct bpf_insn)EXIT);
    *ret_program = program;
    return 0;
}

void device_program_release(struct device_program *program)
{
    free(program->instructions);
    *program = (struct device_program){0};
}
