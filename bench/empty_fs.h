/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emptiest FUSE file system that can be read and have directories: what the fake cgroupfs is
 * measured beside. It keeps nothing but one file and counts nothing; names are cached as ours are.
 */
#pragma once

/* Mounts it at an empty directory and serves until it is unmounted. 0, or 1 when it cannot. */
int empty_fs_serve(const char *mount_point);
