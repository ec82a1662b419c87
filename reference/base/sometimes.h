/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rare branches worth reaching are marked with sometimes("what happened"). Each mark that is linked
 * in registers itself by a linker section, and a run reports those never reached.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sometimes_mark {
    const char *what;
    const char *file;
    int line;
    uint64_t count;
};

/* No function or variable has the section's name: the assembler would take one for the other. */
#define sometimes(text)                                                                            \
    do {                                                                                           \
        static struct sometimes_mark mark_ __attribute__((                                         \
            section("sometimes_list"), used, aligned(8))) = {(text), __FILE__, __LINE__, 0};       \
        mark_.count++;                                                                             \
    } while (0)

/* All marks linked into this program, in link order. */
struct sometimes_mark *sometimes_marks(size_t *ret_count);
