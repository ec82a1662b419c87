/* SPDX-License-Identifier: Apache-2.0 */
/* Growing texts, whole files and JSON strings, with nothing but libc: the program is static and is
 * built without what the rest of the tree stands on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct text {
    char *bytes; /* NUL-terminated once something was added */
    size_t length;
    size_t capacity;
};

void text_add(struct text *text, const char *bytes, size_t length);
void text_addf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* In quotes; what is not UTF-8 becomes U+FFFD. */
void text_add_json(struct text *text, const char *string);
void text_release(struct text *text);

/* A whole file: 0, or a negative errno with nothing allocated. */
int file_read(const char *path, struct text *ret_text);
/* Creates it when it is not there; truncates or appends. 0 or a negative errno. */
int file_write(const char *path, const char *bytes, size_t length, bool append);
/* All of it, through interruptions. */
int fd_write(int fd, const char *bytes, size_t length);

/* A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)), cut up in place; nothing is NULL. */
struct mount_line {
    char *root;
    char *target;
    char *options;
    char *propagation; /* "shared:1 master:2" or "" */
    char *type;
    char *source;
    char *super_options;
};
bool mount_line_split(char *line, struct mount_line *ret_mount);
