/* SPDX-License-Identifier: Apache-2.0 */
/* Where a report goes: what all benchmarks have in common among their options. */
#pragma once

#include "bench/options.h"
#include "bench/report/report.h"

struct output {
    bool json;            /* JSON to stdout instead of the table */
    bool quiet;           /* no progress */
    const char *file;     /* JSON; NULL: none, as for the others */
    const char *markdown;
    const char *html;
    const char *svg;      /* a directory */
    bool help;            /* nothing but the options is asked for */
};
/* The rows of these options for a settings structure whose member `output` it is. */
#define OUTPUT_OPTIONS(type)                                                                       \
    {"json", OPTION_FLAG, offsetof(type, output.json), 0, 0, NULL,                                 \
        "JSON to stdout instead of the table", NULL},                                              \
        {"output", OPTION_TEXT, offsetof(type, output.file), 0, 0, "FILE", "JSON to a file", NULL},\
        {"markdown", OPTION_TEXT, offsetof(type, output.markdown), 0, 0, "FILE",                   \
            "tables as Markdown", NULL},                                                           \
        {"html", OPTION_TEXT, offsetof(type, output.html), 0, 0, "FILE",                           \
            "one page with tables and charts", NULL},                                              \
        {"svg", OPTION_TEXT, offsetof(type, output.svg), 0, 0, "DIRECTORY",                        \
            "the charts, a file each", NULL},                                                      \
    {"quiet", OPTION_FLAG, offsetof(type, output.quiet), 0, 0, NULL, "no progress", NULL},         \
    {                                                                                              \
        "help", OPTION_FLAG, offsetof(type, output.help), 0, 0, NULL, "this text", NULL            \
    }

/* Fails early, before anything is measured, where a file can't be written. Leaves no new file. */
int output_check(const struct output *output, struct err *err);
/* Writes all forms. Errors (a full disk: -ENOSPC) name the file; the others are written. */
int output_write(const struct output *output, const struct report *report, struct err *err);

/* The JSON alone, into a file. */
int output_write_json(const char *path, const struct report *report, struct err *err);

/* The line of progress on a terminal; nothing when stderr is none. */
void progress(const struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What begins now: a line of its own where stderr is no terminal. */
void progress_stage(const struct output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void progress_end(const struct output *output);
