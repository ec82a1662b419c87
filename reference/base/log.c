/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

static const char *const log_level_names[] = {"debug", "info", "warning", "error"};

static struct {
    log_sink_fn fn;
    void *arg;
    enum log_level least;
} log_sink;

void log_set_sink(log_sink_fn fn, void *arg, enum log_level least)
{
    assert(least <= LOG_ERROR);
    log_sink.fn = fn;
    log_sink.arg = arg;
    log_sink.least = least;
}

void log_sink_stdio(void *file, enum log_level level, const char *message)
{
    fprintf(file, "%s: %s\n", log_level_names[level], message);
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    assert(text);
    assert(ret_level);
    for (size_t i = 0; i < ARRAY_SIZE(log_level_names); i++) {
        if (strcmp(text, log_level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

void log_message(enum log_level level, const char *format, ...)
{
    assert(level <= LOG_ERROR);
    if (!log_sink.fn || level < log_sink.least)
        return;
    va_list list;
    va_start(list, format);
    _cleanup_free_ char *message = str_vprintf(format, list);
    va_end(list);
    log_sink.fn(log_sink.arg, level, message);
}
