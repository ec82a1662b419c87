/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the host's front (host.c, host_process.c, host_files.c) share. */
#pragma once

#include "reference/host.h"

/* -ESHUTDOWN, "agent gone". */
int host_gone_error(struct err *err);

/* True when somebody looks at effects: only then are their texts worth making. */
static inline bool host_is_observed(const struct host *host)
{
    return host->hook.decide || host->trace;
}

/* Enters a request into the list of pending ones. */
void host_request_add(struct host *host, struct host_request *request,
    void (*cancel)(struct host_request *), void (*shutdown)(struct host_request *));
/* Takes it out; the owner frees it. */
void host_request_end(struct host_request *request);

/*
 * The delivery of an event: asks the hook and traces. 0: deliver `*result` (which a fault may have
 * replaced), then call host_delivered; 1: not now, but after verdict->delay_ns; negative: never.
 */
int host_deliver(struct host *host, const char *subject, const char *detail, int *result,
    struct effect_verdict *ret_verdict);
void host_delivered(struct host *host, const struct effect_verdict *verdict);

/* Closes what is open, at the end of an agent. */
void host_gates_close(struct host *host);
