/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated machine with one agent on it, for the tests of the simulated host. */
#pragma once

#include "fakes/faults.h"
#include "fakes/host/sim_host.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process.h"
#include "fakes/sim_loop.h"
#include "fakes/vfs.h"
#include "reference/base/strbuf.h"
#include "reference/cgroups/cgroup_fs.h"

struct sim_watch {
    struct sim_fixture *fixture;
    char name[16];
};

struct sim_fixture {
    struct loop *loop;
    struct kernel *kernel;
    struct host *host; /* of the agent that lives */
    struct fault_plan faults;
    struct strbuf told;
    struct sim_watch watches[16];
    unsigned watches_count;
};

void sim_fixture_init(struct sim_fixture *fixture, enum cgroup_layout layout);
void sim_fixture_release(struct sim_fixture *fixture);
/* The agent is gone, another one comes. */
void sim_fixture_restart(struct sim_fixture *fixture);
/* Up to that many milliseconds from now. */
void sim_fixture_run(struct sim_fixture *fixture, unsigned milliseconds);
/* What call-backs noted since the last look. */
const char *sim_fixture_told(struct sim_fixture *fixture);
/* Processes beside init and the agent. */
size_t sim_fixture_processes(const struct sim_fixture *fixture);

/* A plan of container `id` below /run/seatrial/ID (made, if it is not there), with that shell
 * command. */
void sim_fixture_plan(
    struct sim_fixture *fixture, struct plan *plan, const char *id, const char *command);
/* A file's text, "-" when there is none; up to the next call. */
const char *sim_fixture_file(struct sim_fixture *fixture, const char *path);
/* Watches for the end of the process; notes "exit NAME known STATUS;" or the like. */
struct host_request *sim_fixture_watch(
    struct sim_fixture *fixture, pid_t pid, const char *name);
