/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the benchmarks, by tables: help, checks and errors come from the rows. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "reference/base/err.h"

enum bench_option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_NUMBER, /* double, from least to most; "10%" is 0.1 when most <= 10 */
    OPTION_COUNT,  /* size_t, from least to most */
    OPTION_COUNTS, /* struct option_counts: "0,100,1000", each from least to most */
    OPTION_TEXT,   /* const char *, borrowed from argv */
    OPTION_NAMES,  /* char **, owned: "a,b,c" */
    OPTION_CHOICE, /* const char *: one of `choices` */
};
#define OPTION_COUNTS_MAX 16
struct option_counts {
    size_t items[OPTION_COUNTS_MAX];
    size_t count;
};
struct bench_option {
    const char *name; /* without the dashes; NULL ends a table */
    enum bench_option_kind kind;
    size_t offset; /* of the member */
    double least;
    double most;
    const char *argument; /* for the help; NULL for flags */
    const char *help;
    const char *const *choices; /* CHOICE, NAMES; NULL: any */
};

/*
 * Reads argv[1..] into the structure; words without dashes are kept in *ret_words (owned by the
 * caller), or refused when that is NULL. -EINVAL with what would be right.
 */
int bench_options_read(const struct bench_option *rows, int argc, char **argv, void *settings,
    char ***ret_words, struct err *err);
void bench_options_help(const struct bench_option *rows, const char *usage);
