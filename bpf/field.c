/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/field.h"

/* clang-format off */
#define AT(member) .offset = offsetof(struct stats_raw, member)
#define COUNTER(field_unit) .kind = FIELD_COUNTER, .unit = field_unit, .rolls_up = true
#define GAUGE .kind = FIELD_GAUGE, .unit = UNIT_ONE
#define TIME(member) .kind = FIELD_TIME, .unit = UNIT_NS, AT(timeline.member)
#define NEEDS(...) .needs = {__VA_ARGS__}
#define HISTOGRAM(sum, list) .kind = FIELD_HISTOGRAM, .unit = UNIT_NS, .rolls_up = true, AT(sum),  \
    .buckets_offset = offsetof(struct stats_raw, list)

const struct field_info stats_fields[FIELD_COUNT] = {
    [FIELD_CPU] = {"cpu_time", "time on a CPU", COUNTER(UNIT_NS), AT(sched.cpu_ns),
        NEEDS("sched_switch"), .tasks = true,
        .prometheus = "container_cpu_usage_seconds_total", .otel = "container.cpu.time"},
    [FIELD_SWITCHES_VOLUNTARY] = {"switches_voluntary", "times a task left the CPU to wait",
        COUNTER(UNIT_ONE), AT(sched.switches_voluntary), NEEDS("sched_switch"), .tasks = true,
        .prometheus = "seatrial_container_context_switches_total", .labels = "kind=\"voluntary\"",
        .otel = "seatrial.container.context_switches", .otel_labels = "kind=\"voluntary\""},
    [FIELD_SWITCHES_INVOLUNTARY] = {"switches_involuntary",
        "times a task that could run on lost the CPU", COUNTER(UNIT_ONE),
        AT(sched.switches_involuntary), NEEDS("sched_switch"), .tasks = true,
        .prometheus = "seatrial_container_context_switches_total", .labels = "kind=\"involuntary\"",
        .otel = "seatrial.container.context_switches", .otel_labels = "kind=\"involuntary\""},
    [FIELD_WAKEUPS] = {"wakeups", "times a task of the container was woken, by whomever",
        COUNTER(UNIT_ONE), AT(sched.wakeups), NEEDS("sched_wakeup"),
        .prometheus = "seatrial_container_wakeups_total", .otel = "seatrial.container.wakeups"},
    [FIELD_RUN_QUEUE] = {"run_queue_latency",
        "from being able to run to running, throttled time included",
        HISTOGRAM(sched.wait_ns, sched.wait_buckets),
        NEEDS("sched_switch", "sched_wakeup", "sched_wakeup_new"),
        .prometheus = "seatrial_container_run_queue_latency_seconds",
        .otel = "seatrial.container.run_queue.latency"},
    [FIELD_RUN_QUEUE_TIME] = {"run_queue_time",
        "all time from being able to run to running, throttled time included", COUNTER(UNIT_NS),
        AT(sched.waited_ns), NEEDS("sched_switch"), .tasks = true, .core = true,
        .prometheus = "seatrial_container_run_queue_seconds_total",
        .otel = "seatrial.container.run_queue.time"},
    [FIELD_FORKS] = {"forks", "processes made", COUNTER(UNIT_ONE), AT(process.forks),
        NEEDS("sched_process_fork"), .prometheus = "seatrial_container_forks_total",
        .otel = "seatrial.container.forks"},
    [FIELD_THREADS_CREATED] = {"threads_created", "threads made besides the processes' first ones",
        COUNTER(UNIT_ONE), AT(process.threads), NEEDS("sched_process_fork"),
        .prometheus = "seatrial_container_threads_created_total",
        .otel = "seatrial.container.threads.created"},
    [FIELD_EXECS] = {"execs", "programs executed", COUNTER(UNIT_ONE), AT(process.execs),
        NEEDS("sched_process_exec"), .prometheus = "seatrial_container_execs_total",
        .otel = "seatrial.container.execs"},
    [FIELD_EXITS] = {"exits", "processes that ended", COUNTER(UNIT_ONE), AT(process.exits),
        NEEDS("sched_process_exit"), .prometheus = "seatrial_container_exits_total",
        .otel = "seatrial.container.exits"},
    [FIELD_EXITS_SIGNALLED] = {"exits_signalled", "processes that a signal ended",
        .kind = FIELD_BY_SIGNAL, .rolls_up = true,
        .buckets_offset = offsetof(struct stats_raw, process.exits_by_signal),
        NEEDS("sched_process_exit"), .core = true,
        .prometheus = "seatrial_container_exits_signalled_total",
        .otel = "seatrial.container.exits_signalled"},
    [FIELD_THREADS] = {"threads", "threads alive", GAUGE, AT(gauge.threads),
        NEEDS("sched_process_fork", "sched_process_exit", "cgroup_attach_task"),
        .prometheus = "container_threads", .otel = "seatrial.container.threads"},
    [FIELD_THREADS_PEAK] = {"threads_peak", "the most threads alive at once", GAUGE,
        AT(gauge.threads_peak),
        NEEDS("sched_process_fork", "sched_process_exit", "cgroup_attach_task"),
        .prometheus = "seatrial_container_threads_peak", .otel = "seatrial.container.threads.peak"},
    [FIELD_FAULTS_MINOR] = {"page_faults_minor", "page faults without a read from a device",
        COUNTER(UNIT_ONE), AT(sched.faults_minor), NEEDS("sched_switch"), .tasks = true,
        .core = true,
        .prometheus = "seatrial_container_page_faults_minor_total",
        .otel = "container.memory.paging.faults", .otel_labels = "type=\"minor\""},
    [FIELD_FAULTS_MAJOR] = {"page_faults_major", "page faults that read from a device",
        COUNTER(UNIT_ONE), AT(sched.faults_major), NEEDS("sched_switch"), .tasks = true,
        .core = true,
        .prometheus = "container_memory_failures_total",
        .labels = "failure_type=\"pgmajfault\",scope=\"container\"",
        .otel = "container.memory.paging.faults", .otel_labels = "type=\"major\""},
    [FIELD_FAULTS] = {"page_faults", "page faults of both kinds", COUNTER(UNIT_ONE),
        AT(memory.faults), NEEDS("sched_switch"), .prometheus = "container_memory_failures_total",
        .labels = "failure_type=\"pgfault\",scope=\"container\"",
        .otel = "seatrial.container.page_faults"},
    [FIELD_RECLAIMS] = {"reclaims", "times a task had to free memory before it got some",
        COUNTER(UNIT_ONE), AT(memory.reclaims), NEEDS("mm_vmscan_memcg_reclaim_begin"),
        .prometheus = "seatrial_container_reclaims_total", .otel = "seatrial.container.reclaims"},
    [FIELD_RECLAIM_TIME] = {"reclaim_time", "time that tasks spent freeing memory",
        COUNTER(UNIT_NS), AT(memory.reclaim_ns), NEEDS("mm_vmscan_memcg_reclaim_end"),
        .prometheus = "seatrial_container_reclaim_seconds_total",
        .otel = "seatrial.container.reclaim.time"},
    [FIELD_OOM_KILLS] = {"oom_kills", "processes that the OOM killer chose", COUNTER(UNIT_ONE),
        AT(memory.oom_kills), NEEDS("mark_victim"), .prometheus = "container_oom_events_total",
        .otel = "seatrial.container.oom_kills"},
    [FIELD_OOM_VICTIM] = {"oom_victim", "pid of the last one that the OOM killer chose", GAUGE,
        AT(gauge.victim_pid), NEEDS("mark_victim"),
        .prometheus = "seatrial_container_oom_victim_pid", .otel = "seatrial.container.oom_victim"},
    [FIELD_READ_BYTES] = {"block_read_bytes", "read from block devices", COUNTER(UNIT_BYTES),
        AT(block.read_bytes), NEEDS("block_rq_issue", "block_rq_complete"),
        .prometheus = "container_fs_reads_bytes_total", .otel = "container.disk.io",
        .otel_labels = "disk_io_direction=\"read\""},
    [FIELD_WRITE_BYTES] = {"block_write_bytes", "written to block devices", COUNTER(UNIT_BYTES),
        AT(block.write_bytes), NEEDS("block_rq_issue", "block_rq_complete"),
        .prometheus = "container_fs_writes_bytes_total", .otel = "container.disk.io",
        .otel_labels = "disk_io_direction=\"write\""},
    [FIELD_READS] = {"block_reads", "requests that read", COUNTER(UNIT_ONE),
        AT(block.read_operations), NEEDS("block_rq_issue", "block_rq_complete"),
        .prometheus = "container_fs_reads_total", .otel = "seatrial.container.disk.operations",
        .otel_labels = "disk_io_direction=\"read\""},
    [FIELD_WRITES] = {"block_writes", "requests that write", COUNTER(UNIT_ONE),
        AT(block.write_operations), NEEDS("block_rq_issue", "block_rq_complete"),
        .prometheus = "container_fs_writes_total", .otel = "seatrial.container.disk.operations",
        .otel_labels = "disk_io_direction=\"write\""},
    [FIELD_OTHER_IO] = {"block_others", "requests that flush, discard, …", COUNTER(UNIT_ONE),
        AT(block.other_operations), NEEDS("block_rq_issue", "block_rq_complete"),
        .prometheus = "seatrial_container_block_others_total",
        .otel = "seatrial.container.disk.operations", .otel_labels = "disk_io_direction=\"other\""},
    [FIELD_BLOCK_LATENCY] = {"block_latency", "from the issue of a request to its completion",
        HISTOGRAM(block.latency_ns, block.latency_buckets),
        NEEDS("block_rq_issue", "block_rq_complete"),
        .prometheus = "seatrial_container_block_latency_seconds",
        .otel = "seatrial.container.disk.latency"},
    [FIELD_RECEIVE_BYTES] = {"network_receive_bytes", "IP packets received, headers included",
        COUNTER(UNIT_BYTES), AT(network.receive_bytes), NEEDS("ingress"),
        .prometheus = "container_network_receive_bytes_total", .otel = "container.network.io",
        .otel_labels = "network_io_direction=\"receive\""},
    [FIELD_RECEIVE_PACKETS] = {"network_receive_packets", "IP packets received", COUNTER(UNIT_ONE),
        AT(network.receive_packets), NEEDS("ingress"),
        .prometheus = "container_network_receive_packets_total",
        .otel = "seatrial.container.network.packets",
        .otel_labels = "network_io_direction=\"receive\""},
    [FIELD_TRANSMIT_BYTES] = {"network_transmit_bytes", "IP packets sent, headers included",
        COUNTER(UNIT_BYTES), AT(network.transmit_bytes), NEEDS("egress"),
        .prometheus = "container_network_transmit_bytes_total", .otel = "container.network.io",
        .otel_labels = "network_io_direction=\"transmit\""},
    [FIELD_TRANSMIT_PACKETS] = {"network_transmit_packets", "IP packets sent", COUNTER(UNIT_ONE),
        AT(network.transmit_packets), NEEDS("egress"),
        .prometheus = "container_network_transmit_packets_total",
        .otel = "seatrial.container.network.packets",
        .otel_labels = "network_io_direction=\"transmit\""},
    [FIELD_SYSCALLS] = {"syscalls", "system calls that returned", COUNTER(UNIT_ONE),
        AT(syscall.calls), NEEDS("sys_exit"), .prometheus = "seatrial_container_syscalls_total",
        .otel = "seatrial.container.syscalls"},
    [FIELD_SYSCALL_ERRORS] = {"syscall_errors", "system calls that failed", COUNTER(UNIT_ONE),
        AT(syscall.errors), NEEDS("sys_exit"),
        .prometheus = "seatrial_container_syscall_errors_total",
        .otel = "seatrial.container.syscall_errors"},
    [FIELD_SIGNALS_SENT] = {"signals_sent", "signals sent to tasks of the container",
        .kind = FIELD_BY_SIGNAL, .rolls_up = true,
        .buckets_offset = offsetof(struct stats_raw, signal.by_number), NEEDS("signal_generate"),
        .prometheus = "seatrial_container_signals_sent_total",
        .otel = "seatrial.container.signals_sent"},
    [FIELD_SIGNALS_DELIVERED] = {"signals_delivered", "signals that took effect",
        COUNTER(UNIT_ONE), AT(signal.delivered), NEEDS("signal_deliver"),
        .prometheus = "seatrial_container_signals_delivered_total",
        .otel = "seatrial.container.signals_delivered"},
    [FIELD_CREATED] = {"created", "the cgroup was made", TIME(created_ns), NEEDS("cgroup_mkdir")},
    [FIELD_CLONE] = {"clone", "the first task in it was made", TIME(clone_ns),
        NEEDS("sched_process_fork")},
    [FIELD_ATTACH] = {"attach", "that task was moved into the cgroup", TIME(attach_ns),
        NEEDS("cgroup_attach_task")},
    [FIELD_FIRST_RUN] = {"first_run", "that task first ran", TIME(first_run_ns),
        NEEDS("sched_switch", "sched_process_fork")},
    [FIELD_EXEC] = {"exec", "the first program was executed", TIME(exec_ns),
        NEEDS("sched_process_exec")},
    [FIELD_EXIT] = {"exit", "the first task ended", TIME(exit_ns), NEEDS("sched_process_exit")},
    [FIELD_EMPTY] = {"empty", "the cgroup became empty, the last time", TIME(empty_ns),
        NEEDS("cgroup_notify_populated")},
    [FIELD_REMOVED] = {"removed", "the cgroup was removed", TIME(removed_ns),
        NEEDS("cgroup_rmdir")},
};
/* clang-format on */

uint64_t bucket_floor_ns(unsigned bucket)
{
    return bucket == 0 ? 0 : UINT64_C(1) << (bucket + STATS_BUCKET_SHIFT);
}

uint64_t bucket_ceiling_ns(unsigned bucket)
{
    if (bucket + 1 >= STATS_BUCKETS)
        return UINT64_MAX;
    return UINT64_C(1) << (bucket + STATS_BUCKET_SHIFT + 1);
}

uint64_t buckets_quantile_ns(const uint64_t *buckets, double fraction)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < STATS_BUCKETS; i++)
        total += buckets[i];
    uint64_t wanted = (uint64_t)(fraction * (double)total);
    uint64_t below = 0;
    for (unsigned i = 0; total > 0 && i < STATS_BUCKETS; i++) {
        below += buckets[i];
        if (below >= wanted && below > 0)
            return bucket_ceiling_ns(i);
    }
    return 0;
}
