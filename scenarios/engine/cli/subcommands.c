/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/cli/seatrial.h"

#include <stddef.h>

const struct subcommand subcommands[] = {
    {"run", "plays scenarios and reports", run_main},
    {"agent", "runs the agent as a process, driven through its socket", stats_agent_main},
    {"crash-agent", "runs the agent until its N-th effect, to test recovery", crash_agent_main},
    {"replay", "plays recorded operations on the cgroup model and compares", replay_main},
    {"bench", "measures", bench_main},
    {"isolators", "lists isolators, and what of them was checked where", isolators_main},
    {"lab", "plays scenarios on other kernels", lab_main},
    {"stats", "figures of containers, from the kernel", stats_main},
    {"cgroupfs", "mounts a fake cgroup file system", cgroupfs_main},
    {"cgroupfs-control", "sends commands to one that is mounted", cgroupfs_control_main},
    {"cgroupfs-fuzz", "compares the cgroup model with this machine's cgroups",
        cgroupfs_fuzz_main},
    {NULL, NULL, NULL},
};
