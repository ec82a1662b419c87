/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "reference/base/loop.h"
#include "reference/io_switchboard/ports.h"

/* Pipes and terminals of the kernel. */
struct io_ports *io_ports_linux_new(struct loop *loop);
