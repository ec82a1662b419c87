/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging with levels. Libraries log to the sink that the program set (none at first); only
 * subcommands print. The sink is the one process-wide setting of the base.
 */
#pragma once

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

typedef void (*log_sink_fn)(void *arg, enum log_level level, const char *message);

/* Messages of `least` and above go to fn; NULL silences. */
void log_set_sink(log_sink_fn fn, void *arg, enum log_level least);
/* A sink that writes "level: message" lines to the FILE given as arg. */
void log_sink_stdio(void *file, enum log_level level, const char *message);
int log_level_parse(const char *text, enum log_level *ret_level); /* -EINVAL */

void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define log_debug(...) log_message(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_message(LOG_INFO, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_error(...) log_message(LOG_ERROR, __VA_ARGS__)
