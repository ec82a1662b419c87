// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The iterator of tasks.bpf.c. */
#define PROBE_ITERATOR
#include "bpf/tasks.bpf.c"
