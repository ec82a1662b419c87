/* SPDX-License-Identifier: Apache-2.0 */
/* The container's end of an I/O switchboard on the simulated machine. */
#pragma once

#include "fakes/kernel/kernel.h"
#include "reference/io_switchboard/ports.h"

struct io_ports *sim_io_ports_new(struct kernel *kernel);
