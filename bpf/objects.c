/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the ladder: which probe is in which family, and which objects there are. */
#include "bpf/ladder.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/block_probes.skel.h"
#include "bpf/block_raw.skel.h"
#include "bpf/lifecycle_probes.skel.h"
#include "bpf/lifecycle_raw.skel.h"
#include "bpf/memory_plain.skel.h"
#include "bpf/memory_probes.skel.h"
#include "bpf/memory_raw.skel.h"
#include "bpf/network_probes.skel.h"
#include "bpf/process_plain.skel.h"
#include "bpf/process_probes.skel.h"
#include "bpf/process_raw.skel.h"
#include "bpf/sched_plain.skel.h"
#include "bpf/sched_probes.skel.h"
#include "bpf/sched_raw.skel.h"
#include "bpf/signals_probes.skel.h"
#include "bpf/signals_raw.skel.h"
#include "bpf/syscalls_plain.skel.h"
#include "bpf/syscalls_probes.skel.h"
#include "bpf/syscalls_raw.skel.h"
#include "bpf/tasks_iter.skel.h"
#include "bpf/tasks_probes.skel.h"
#include "bpf/tasks_raw.skel.h"
#include "reference/base/mem.h"

const struct probe ladder_probes[] = {
    {"sched", "on_switch", "sched_switch", PROBE_BY_CLOCK},
    {"sched", "on_wakeup", "sched_wakeup", PROBE_WAKEUP | PROBE_BY_CLOCK},
    {"sched", "on_wakeup_new", "sched_wakeup_new", PROBE_WAKEUP | PROBE_BY_CLOCK},
    {"tasks", "on_free", "sched_process_free", PROBE_COLLECTS},
    {"tasks", "on_task", "task", PROBE_COLLECTS},
    {"process", "on_fork", "sched_process_fork", 0},
    {"process", "on_exec", "sched_process_exec", 0},
    {"process", "on_end", "sched_process_exit", 0},
    {"process", "on_attach", "cgroup_attach_task", 0},
    {"memory", "on_memcg_reclaim", "mm_vmscan_memcg_reclaim_begin", 0},
    {"memory", "on_memcg_reclaimed", "mm_vmscan_memcg_reclaim_end", 0},
    {"memory", "on_direct_reclaim", "mm_vmscan_direct_reclaim_begin", 0},
    {"memory", "on_direct_reclaimed", "mm_vmscan_direct_reclaim_end", 0},
    {"memory", "on_victim", "mark_victim", 0},
    {"memory", "on_fault_user", "page_fault_user", PROBE_UNLESS_COLLECTED},
    {"memory", "on_fault_kernel", "page_fault_kernel", PROBE_UNLESS_COLLECTED},
    {"block", "on_issue", "block_rq_issue", 0},
    {"block", "on_complete", "block_rq_complete", 0},
    {"network", "on_socket", "sock_create", 0},
    {"network", "on_ingress", "ingress", 0},
    {"network", "on_egress", "egress", 0},
    {"signals", "on_generate", "signal_generate", 0},
    {"signals", "on_deliver", "signal_deliver", 0},
    {"syscalls", "on_sys_exit", "sys_exit", PROBE_SYSCALL},
    {"lifecycle", "on_mkdir", "cgroup_mkdir", 0},
    {"lifecycle", "on_populated", "cgroup_notify_populated", 0},
    {"lifecycle", "on_rmdir", "cgroup_rmdir", 0},
};
const size_t ladder_probes_count = ARRAY_SIZE(ladder_probes);

const struct probe_object ladder_objects[] = {
    {"sched", RUNG_TP_BTF, sched_probes__elf_bytes},
    {"sched", RUNG_RAW_TP, sched_raw__elf_bytes},
    {"process", RUNG_TP_BTF, process_probes__elf_bytes},
    {"process", RUNG_RAW_TP, process_raw__elf_bytes},
    {"memory", RUNG_TP_BTF, memory_probes__elf_bytes},
    {"memory", RUNG_RAW_TP, memory_raw__elf_bytes},
    {"block", RUNG_TP_BTF, block_probes__elf_bytes},
    {"block", RUNG_RAW_TP, block_raw__elf_bytes},
    {"signals", RUNG_TP_BTF, signals_probes__elf_bytes},
    {"signals", RUNG_RAW_TP, signals_raw__elf_bytes},
    {"syscalls", RUNG_TP_BTF, syscalls_probes__elf_bytes},
    {"syscalls", RUNG_RAW_TP, syscalls_raw__elf_bytes},
    {"sched", RUNG_TRACEPOINT, sched_plain__elf_bytes},
    {"process", RUNG_TRACEPOINT, process_plain__elf_bytes},
    {"memory", RUNG_TRACEPOINT, memory_plain__elf_bytes},
    {"syscalls", RUNG_TRACEPOINT, syscalls_plain__elf_bytes},
    {"network", RUNG_CGROUP, network_probes__elf_bytes},
    {"tasks", RUNG_TP_BTF, tasks_probes__elf_bytes},
    {"tasks", RUNG_RAW_TP, tasks_raw__elf_bytes},
    {"tasks", RUNG_ITERATOR, tasks_iter__elf_bytes},
    {"lifecycle", RUNG_TP_BTF, lifecycle_probes__elf_bytes},
    {"lifecycle", RUNG_RAW_TP, lifecycle_raw__elf_bytes},
};
const size_t ladder_objects_count = ARRAY_SIZE(ladder_objects);
