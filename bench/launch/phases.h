/* SPDX-License-Identifier: Apache-2.0 */
/* Where the times of a lifecycle's phases come from. */
#pragma once

#include "bench/launch/run.h"

/* Points on the way of a container, beside those that the caller and the payload tell. */
struct phase_source {
    const char *name;          /* as the report tells it */
    const char *const *phases; /* what ends at each point; NULL-terminated, at most POINTS_MAX */
    /* Close is called in any case. */
    int (*open)(struct run *run, void **ret_data, struct err *err);
    /* Around each container of the entrant. end sets us[i] of each point that was seen to the
     * microseconds after the call; it comes with NAN. */
    void (*begin)(void *data, const struct entrant *entrant);
    void (*end)(void *data, const struct entrant *entrant, uint64_t called_ns, uint64_t gone_ns,
        double *us);
    void (*close)(void *data);
};
#define POINTS_MAX 16

extern const struct phase_source phases_kernel; /* timestamps of the probes in bpf/ */
extern const struct phase_source phases_trace;  /* of the reference alone */
