/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker volume drivers of the simulated machine, by their client dvdcli. There is one driver,
 * "local". What is mounted lies beside the program: mnt/NAME, and in mounted/NAME stand the options
 * that the driver got, one a line. The option fails=mount makes mounting fail, fails=unmount the
 * first unmounting, takes=SECONDS makes mounting last that long. Unmounting what is not mounted
 * succeeds.
 *
 * fakes/volumes/dvdcli.c is the same for a real machine.
 */
#pragma once

#include "fakes/host/sim_host.h"

/* The program is a file of its own, in a directory that is made. */
void sim_volumes_install(struct host *host, const char *program);
