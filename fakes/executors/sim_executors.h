/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The executors as programs of the simulated machine: a process that execs mesos-executor or
 * mesos-docker-executor plays the real logic over a host of its own. With them come the helpers of
 * health checks, curl and mesos-tcp-connect, which look at what simulated processes listen to.
 */
#pragma once

#include "fakes/kernel/kernel.h"
#include "reference/host.h"

/* Installs them on the host's machine, as files of that directory and as programs. */
void sim_executors_install(struct host *host, const char *launcher_dir);
