/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The containers that a runtime has made for a world: from the plan, by a bundle and `create`, to
 * `delete`. Where it could not make one, a process of ours stands in until the gate is opened, and
 * then ends as the init helper would at a bad plan.
 */
#pragma once

#include "reference/base/list.h"
#include "reference/host.h"

#define OCI_FIRST_GATE (1 << 20) /* above all descriptors, which the gates of host_linux are */

struct oci_world;

struct oci_container {
    struct list node;
    int number; /* of its name, and of its gate */
    pid_t pid;
    int pidfd; /* its number may be somebody else's in the end */
    char *bundle;
    char *status;     /* the file; NULL: it is written */
    char *complaint;  /* of a stand-in */
    int error_output; /* the container's stderr, to complain to; until the gate is opened */
    bool waits;       /* at its gate */
};

/*
 * What outlives agents: the runtime, its containers, their bundles, in a new directory below the
 * world's, which is all that a container without a root of its own may write to. `cgroups` is the
 * name of a cgroup that the runtime may fill until the launcher moves its processes. One at a time
 * in a process, which adopts the orphans of runtimes from here on.
 */
int oci_world_new(const char *program, const char *directory, const char *cgroups,
    struct oci_world **ret_world, struct err *err);
/* Has the runtime delete what is left, and frees. NULL is fine. */
void oci_world_free(struct oci_world *world);
/* What was asked for that a bundle has no word for; NULL: nothing so far. */
const char *oci_world_beyond(const struct oci_world *world);
/* Says that the scenario asks for something that can't be had here. */
void oci_world_refuse(struct oci_world *world, const char *what);
/* A line for each container that lives; what has ended without being watched is deleted. `final`:
 * no descriptor stays open either. */
void oci_world_audit(struct oci_world *world, bool final, char ***lines);

/* Makes the container of a plan, whose process waits at its gate; the world's. What is wrong with
 * the plan does not fail it. The host is for looking up users, and for the trace. */
int oci_container_new(struct oci_world *world, struct host *host, const struct plan *plan,
    struct oci_container **ret_container, struct err *err);
struct oci_container *oci_container_by_pid(struct oci_world *world, pid_t pid); /* NULL: none */
struct oci_container *oci_container_by_gate(struct oci_world *world, int gate); /* NULL: none */
bool oci_container_lives(const struct oci_container *container);
/* Opens its gate: `start`. */
void oci_container_start(
    struct oci_world *world, struct host *host, struct oci_container *container);
/* Ends one that still waits at its gate. */
void oci_container_give_up(struct oci_container *container);
/* It has ended: the status, where it is known, is written, and the runtime deletes it. Frees. */
void oci_container_end(struct oci_world *world, struct oci_container *container, bool status_known,
    int wait_status);
