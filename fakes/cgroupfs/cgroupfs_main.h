/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial cgroupfs --hierarchy v1|v2|hybrid [--kernel 6.12] [OPTION...] MOUNTPOINT`: mounts a
 * fake cgroup file system and serves it until SIGINT, SIGTERM or an unmount. Exit 0; 1 when serving
 * failed; 2 for bad usage or a mount point that cannot be used.
 */
#pragma once

int cgroupfs_main(int argc, char **argv);
