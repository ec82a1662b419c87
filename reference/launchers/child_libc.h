/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The C library of the init helper: the functions of libc that it uses, under their own names, on
 * bare system calls. A static glibc asks the CPU for its caches when it starts, by some sixty cpuid
 * instructions; each of them leaves a virtual machine, which makes 0.4 ms of every container's
 * start (bench/README.md). This one starts with nothing to do, and the helper is 800 KB smaller.
 *
 * It holds for one thread. Functions that the helper does not use are not there: the linker says
 * so. Where there is no assembly for the architecture the helper is linked with libc instead.
 */
#pragma once

#define CHILD_LIBC_SIGNAL_BYTES 8 /* the kernel's sigset_t */
