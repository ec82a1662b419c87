/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial cgroupfs-control SOCKET [JSON...]`: sends commands to the control socket of a mounted
 * cgroup file system, one after the other, and prints the answers; without any the lines of its
 * standard input. Exit 0; 1 when a command failed; 2 for bad usage or when nobody listens.
 */
#pragma once

int cgroupfs_control_main(int argc, char **argv);
