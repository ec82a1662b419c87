/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf of the simulated machine, /usr/bin/perf: `perf stat` with pairs of --event and --cgroup. It
 * takes as long as the sleep that it runs, and counts the CPU time that the processes below each
 * cgroup have used meanwhile: task-clock and cpu-clock in ms, cycles and instructions from it.
 * Hardware that a virtual machine lacks is not supported; other events are not counted.
 */
#pragma once

#include "fakes/host/sim_host.h"

void sim_perf_install(struct host *host);
