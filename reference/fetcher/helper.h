/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of mesos-fetcher that are for the real world only. */
#pragma once

#include <stdint.h>

#include "reference/base/err.h"

/* download.c: with libcurl. Redirects are followed; the final code must be 200, or 226 of FTP. A
 * transfer that stands still for stall_seconds fails. */
int download_file(const char *uri, const char *path, long stall_seconds, struct err *err);
/* The length that a HEAD request tells; -ENODATA when it tells none, or 0. */
int download_size(const char *uri, long stall_seconds, uint64_t *ret_bytes, struct err *err);

/* extract.c: with libarchive. Members stay below the directory, with their modes. */
int extract_archive(const char *archive, const char *directory, struct err *err);
/* The one content of a gzip file. */
int extract_gzip(const char *from, const char *to, struct err *err);

/* copy.c */
int copy_file(const char *from, const char *to, struct err *err);
int hadoop_copy(const char *uri, const char *path, struct err *err);
/* Becomes the user, with its groups. */
int become_user(const char *name, struct err *err);
/* mkdir -p with an owner of the last part. */
int make_cache_directory(const char *path, const char *user, struct err *err);
int make_parent_directories(const char *path, struct err *err);
