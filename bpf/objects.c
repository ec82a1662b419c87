/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the ladder: which probe is in which family, and which objects there are. */
#include "bpf/ladder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/lifecycle_probes.skel.h"
#include "bpf/lifecycle_raw.skel.h"
#include "bpf/process_probes.skel.h"
#include "bpf/process_raw.skel.h"
#include "bpf/sched_probes.skel.h"
#include "bpf/sched_raw.skel.h"
#include "reference/base/mem.h"

const struct probe ladder_probes[] = {
    {"sched", "on_switch", "sched_switch", false},
    {"sched", "on_wakeup", "sched_wakeup", false},
    {"sched", "on_wakeup_new", "sched_wakeup_new", false},
    {"process", "on_fork", "sched_process_fork", false},
    {"process", "on_exec", "sched_process_exec", false},
    {"process", "on_exit", "sched_process_exit", false},
    {"process", "on_attach", "cgroup_attach_task", false},
    {"lifecycle", "on_mkdir", "cgroup_mkdir", false},
    {"lifecycle", "on_populated", "cgroup_notify_populated", false},
    {"lifecycle", "on_rmdir", "cgroup_rmdir", false},
};
const size_t ladder_probes_count = ARRAY_SIZE(ladder_probes);

const struct probe_object ladder_objects[] = {
    {"sched", RUNG_TP_BTF, sched_probes__elf_bytes},
    {"sched", RUNG_RAW_TP, sched_raw__elf_bytes},
    {"process", RUNG_TP_BTF, process_probes__elf_bytes},
    {"process", RUNG_RAW_TP, process_raw__elf_bytes},
    {"lifecycle", RUNG_TP_BTF, lifecycle_probes__elf_bytes},
    {"lifecycle", RUNG_RAW_TP, lifecycle_raw__elf_bytes},
};
const size_t ladder_objects_count = ARRAY_SIZE(ladder_objects);
