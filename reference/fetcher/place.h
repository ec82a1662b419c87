/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the helper does with each item (fetcher.md 5): where it comes from, where it goes, and
 * whether it is unpacked. The file operations are a table, which the real helper (helper.c) and the
 * simulated one (fakes/executors) fill in.
 */
#pragma once

#include "reference/fetcher/info.h"

struct fetch_files {
    void *arg;
    bool (*exists)(void *arg, const char *path);
    int (*make_parents)(void *arg, const char *path, struct err *err);
    /* From the net, over what is there. */
    int (*download)(void *arg, const char *uri, const char *path, struct err *err);
    /* By the hadoop client. */
    int (*hadoop)(void *arg, const char *uri, const char *path, struct err *err);
    /* Keeps permission bits; directories are -EISDIR. */
    int (*copy)(void *arg, const char *from, const char *to, struct err *err);
    int (*make_executable)(void *arg, const char *path, struct err *err);
    int (*unpack)(void *arg, const char *archive, const char *directory, struct err *err);
    int (*gunzip)(void *arg, const char *from, const char *to, struct err *err);
    void (*log)(void *arg, const char *line);
};

/* One item. The error says "Failed to fetch '<uri>': …". */
int fetch_place(const struct fetch_files *files, const struct fetcher_info *info,
    const struct fetcher_item *item, struct err *err);
