/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/capability.h"

#include <stddef.h>

/* One list for both tables. */
/* clang-format off */
#define ROWS(row) \
    row(CAPABILITY_VIRTUAL_TIME, "virtual-time", "long waits cost nothing") \
    row(CAPABILITY_FAULTS, "faults", "faults and crashes can stand at any effect") \
    row(CAPABILITY_CRASHES, "crashes", "the agent can be killed and started anew") \
    row(CAPABILITY_PARTS, "parts", "its parts can be held and counted, its trace can be read") \
    row(CAPABILITY_KERNEL_KNOBS, "kernel-knobs", "a kernel that can be told to misbehave") \
    row(CAPABILITY_SHELL, "shell", "runs any command, not only workloads") \
    row(CAPABILITY_ROOT, "root", "the agent is root") \
    row(CAPABILITY_LINUX_LAUNCHER, "linux-launcher", "processes by the linux launcher") \
    row(CAPABILITY_CGROUPS_V1, "cgroups-v1", "cgroups of version 1 at the standard place") \
    row(CAPABILITY_CGROUPS_V2, "cgroups-v2", "cgroups of version 2 at the standard place") \
    row(CAPABILITY_CGROUPS_HYBRID, "cgroups-hybrid", "version 1, and version 2 beside it") \
    row(CAPABILITY_NAMESPACES, "namespaces", "processes in namespaces of their own") \
    row(CAPABILITY_MOUNTS, "mounts", "mounts, and containers that see them") \
    row(CAPABILITY_IMAGES, "images", "root file systems from images") \
    row(CAPABILITY_DOCKER, "docker", "a docker engine") \
    row(CAPABILITY_NETWORK, "network", "sockets and network interfaces") \
    row(CAPABILITY_PRIVATE_NETWORK, "private-network", \
        "a network of its own, with eth0 (10.77.0.2) and a gateway (10.77.0.1) behind it") \
    row(CAPABILITY_TRAFFIC_CONTROL, "traffic-control", "tc, ethtool, u32 filters that redirect") \
    row(CAPABILITY_TRAFFIC_SHAPING, "traffic-shaping", "the qdiscs HTB and fq_codel") \
    row(CAPABILITY_XFS, "xfs", "the work directory on XFS with project quotas") \
    row(CAPABILITY_CNI, "cni", "the CNI plugins bridge and ptp in /usr/lib/cni") \
    row(CAPABILITY_PERF, "perf", "the program perf, which counts events of cgroups") \
    row(CAPABILITY_DISK, "disk", "the work directory on a block device") \
    row(CAPABILITY_STEADY_CPUS, "steady-cpus", "CPU time that nobody takes: no emulation") \
    row(CAPABILITY_FUSE, "fuse", "/dev/fuse, for workloads that serve a file system") \
    row(CAPABILITY_SIMULATION, "simulation", "nothing but the simulated kernel will do")
/* clang-format on */

#define FULL_ROW(id, name, help) [id] = {name, help},
#define NAME_ROW(id, name, help) [id] = name,

const struct capability_row capability_rows[CAPABILITY_COUNT] = {ROWS(FULL_ROW)};
const char *const capability_names[CAPABILITY_COUNT + 1] = {ROWS(NAME_ROW)};
