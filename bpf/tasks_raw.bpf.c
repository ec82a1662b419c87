// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The programs of tasks.bpf.c on raw tracepoints. */
#define PROBE_RAW
#include "bpf/tasks.bpf.c"
