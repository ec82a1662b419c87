/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/kernel/device_bpf.h"

#include <errno.h>
#include <string.h>

static bool is_jump(uint8_t code)
{
    return BPF_CLASS(code) == BPF_JMP && BPF_OP(code) != BPF_EXIT;
}

static bool is_known(const struct bpf_insn *at)
{
    const uint8_t class = BPF_CLASS(at->code);
    const uint8_t op = BPF_OP(at->code);
    if (at->dst_reg > BPF_REG_9 || at->src_reg > BPF_REG_9)
        return false;
    if (class == BPF_LDX)
        return at->code == (BPF_LDX | BPF_MEM | BPF_W) && at->off >= 0 && at->off % 4 == 0 &&
            (size_t)at->off < sizeof(struct bpf_cgroup_dev_ctx);
    if (class == BPF_ALU || class == BPF_ALU64)
        return op == BPF_MOV || op == BPF_AND || op == BPF_OR || op == BPF_RSH || op == BPF_LSH;
    return class == BPF_JMP && (op == BPF_JA || op == BPF_JEQ || op == BPF_JNE || op == BPF_EXIT);
}

int device_bpf_verify(const struct bpf_insn *instructions, size_t count)
{
    if (count == 0 || instructions[count - 1].code != (BPF_JMP | BPF_EXIT))
        return -EINVAL;
    for (size_t i = 0; i < count; i++) {
        const struct bpf_insn *at = &instructions[i];
        if (!is_known(at))
            return -EINVAL;
        if (is_jump(at->code) && (at->off < 0 || i + 1 + (size_t)at->off >= count))
            return -EINVAL;
    }
    return 0;
}

static uint64_t calculate(uint8_t op, uint64_t left, uint64_t right)
{
    switch (op) {
    case BPF_AND:
        return left & right;
    case BPF_OR:
        return left | right;
    case BPF_RSH:
        return left >> (right & 63);
    case BPF_LSH:
        return left << (right & 63);
    default: /* BPF_MOV */
        return right;
    }
}

bool device_bpf_run(
    const struct bpf_insn *instructions, size_t count, const struct bpf_cgroup_dev_ctx *context)
{
    uint64_t registers[BPF_REG_9 + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        const struct bpf_insn *at = &instructions[i];
        uint64_t *to = &registers[at->dst_reg];
        const uint64_t operand = BPF_SRC(at->code) == BPF_X ? registers[at->src_reg]
                                                            : (uint64_t)(int64_t)at->imm;
        uint32_t loaded = 0;
        switch (BPF_CLASS(at->code)) {
        case BPF_LDX: /* from the context, which is all that a pointer leads to */
            memcpy(&loaded, (const char *)context + at->off, sizeof(loaded));
            *to = loaded;
            break;
        case BPF_ALU:
            *to = (uint32_t)calculate(BPF_OP(at->code), (uint32_t)*to, (uint32_t)operand);
            break;
        case BPF_ALU64:
            *to = calculate(BPF_OP(at->code), *to, operand);
            break;
        default:
            if (BPF_OP(at->code) == BPF_EXIT)
                return registers[BPF_REG_0] != 0;
            if (BPF_OP(at->code) == BPF_JA || (BPF_OP(at->code) == BPF_JEQ) == (*to == operand))
                i += (size_t)at->off;
            break;
        }
    }
    return false;
}
