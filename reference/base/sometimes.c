/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/sometimes.h"

/* The linker defines these for a section whose name is a C identifier; weak, as a program may have
 * no mark at all. */
extern struct sometimes_mark sometimes_first[] __asm__("__start_sometimes_list")
    __attribute__((weak));
extern struct sometimes_mark sometimes_end[] __asm__("__stop_sometimes_list")
    __attribute__((weak));

struct sometimes_mark *sometimes_marks(size_t *ret_count)
{
    /* As numbers: for the compiler these are two unrelated arrays. */
    uintptr_t first = (uintptr_t)sometimes_first;
    uintptr_t end = (uintptr_t)sometimes_end;
    *ret_count = (end - first) / sizeof(struct sometimes_mark);
    return *ret_count ? sometimes_first : NULL;
}
