/* SPDX-License-Identifier: Apache-2.0 */
/* How network/port_mapping runs `ip` and `tc`, one after the other, for one container. */
#pragma once

#include "reference/isolators/network/port_mapping.h"

/* A filter that was found, on that device. */
struct port_found {
    char device[PORT_MAPPING_DEVICE_BYTES];
    char parent[8]; /* the qdisc's handle */
    struct port_filter filter;
};

struct port_call {
    struct list node;
    struct port_mapper *mapper;
    char *id;
    pid_t pid;
    struct done done;
    struct host_request *run;
    void (*next)(struct port_call *call, const char *output);
    bool lenient; /* next hears of a failure, as NULL */
    char *batch;  /* that runs or waits; NULL: something else does */
    bool again;   /* it was tried a second time already */
    bool waits;   /* for the batches of others */
    struct list turn;
    bool updates_mirrors;
    /* what a search has found, and what follows it */
    struct port_found *found;
    size_t found_count;
    size_t device; /* the next one to look at */
    void (*searched)(struct port_call *call);
    /* an update */
    bool ports_changed, egress_changed, ingress_changed;
    bool had_egress, had_ingress;
    /* a cleanup */
    struct err err; /* the first failure; the rest is done all the same */
    /* a recovery */
    struct port_recovery *recovery;
    /* usage */
    struct statistics *statistics;
};

struct port_call *port_call_new(struct port_mapper *mapper, const char *id, struct done done);
void port_call_end(struct port_call *call, int result, const struct err *err);
struct port_container *port_call_container(const struct port_call *call);
/* next gets what the program printed; without success the call ends with what it said. */
void port_call_run(struct port_call *call, char *const *argv, const char *input,
    void (*next)(struct port_call *call, const char *output));
/* "PROGRAM -batch -" with these lines; nothing is run for none. Those of tc run in the order of the
 * calls. */
void port_call_batch(struct port_call *call, const char *program, const char *batch,
    void (*next)(struct port_call *call, const char *output));
/* A program in the network namespace of call->pid. */
void port_call_enter(struct port_call *call, const char *const *argv, const char *input,
    void (*next)(struct port_call *call, const char *output));
/* Looks for the filters on the pid's veth, those on eth0 and lo that lead to it, and those that
 * put its ports into a flow. */
void port_call_find(
    struct port_call *call, pid_t pid, void (*searched)(struct port_call *call));
/* The same of the filters for its own ports in the network namespace of call->pid. */
void port_call_find_inside(struct port_call *call, void (*searched)(struct port_call *call));
/* Whether one of that range was found for what comes in by the device. */
bool port_call_has(
    const struct port_call *call, const char *device, const struct resource_range *range);
/* Deletes those found whose range is not among `kept`. */
void port_call_delete(
    struct strbuf *batch, const struct port_call *call, const struct ranges *kept);

/* port_mapping_detach.c */
/* Unmounts it lazily and removes the file; 0, or that the first did not work. */
int port_handle_remove(struct host *host, const char *name);
/* Filters of the host, link, mirrors, handle and symbolic link; the record is gone already. */
struct port_call *port_detach(
    struct port_mapper *mapper, const char *id, pid_t pid, struct done done);

/* port_mapping_statistics.c */
void port_mapping_usage(struct isolator *isolator, const char *id, struct done done);

/* port_mapping_recover.c */
void port_mapping_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done);
void port_recovery_free(struct port_recovery *recovery); /* NULL is fine */

void port_calls_end(struct port_mapper *mapper);
struct port_mapper *port_mapping_of(struct isolator *isolator);
struct port_container *port_container_add(struct port_mapper *mapper, const char *id);
void port_container_free(struct port_container *container);
