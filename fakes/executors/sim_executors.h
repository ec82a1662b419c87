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

/*
 * Lets mesos-docker-executor run the real logic against the simulated engine where the agent has
 * made the executor (it is told a socket); else it is the engine's own stand-in. After
 * fake_docker_install.
 */
struct fake_docker;
void sim_docker_executor_install(struct host *host, struct fake_docker *engine);
