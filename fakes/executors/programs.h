/* SPDX-License-Identifier: Apache-2.0 */
/* The helper programs of checks, on the simulated machine. */
#pragma once

#include "reference/host.h"

/* curl and mesos-tcp-connect. */
void sim_check_programs_install(struct host *host);
