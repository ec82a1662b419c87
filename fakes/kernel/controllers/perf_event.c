/* SPDX-License-Identifier: Apache-2.0 */
/* The perf_event controller: no files; in v2 it is on everywhere without being listed. */
#include "fakes/kernel/cgroup_internal.h"

const struct cgroup_controller cgroup_controller_perf_event = {
    .name = "perf_event",
    .legacy_name = "perf_event",
    .subsys = SUBSYS_PERF_EVENT,
    .versions = FILE_ANY,
    .threaded = true,
    .implicit = true,
    .css_size = sizeof(struct cgroup_css),
};
