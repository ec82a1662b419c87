/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes with names, and terminals: what a simulated process writes to such a path goes to whoever
 * serves it, and what that one sends is there to be read. The file of the path is the server's to
 * make and to remove.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct kernel;

struct pipe_server {
    void (*received)(void *arg, const char *bytes, size_t length); /* from inside a write */
    void (*ended)(void *arg); /* nobody has it open any more; from inside an end of a process */
    void *arg;
};

void pipe_serve(struct kernel *kernel, const char *path, const struct pipe_server *server);
void pipe_unserve(struct kernel *kernel, const char *path); /* what is written then is lost */
/* To whoever reads; the end of the input when length is 0. */
void pipe_feed(struct kernel *kernel, const char *path, const char *bytes, size_t length);

/* For processes. Paths that are no pipes are left alone (false). A process that has it open keeps
 * it open for its children. */
void pipe_opened(struct kernel *kernel, const char *path); /* NULL is fine */
void pipe_closed(struct kernel *kernel, const char *path);
bool pipe_write(struct kernel *kernel, const char *path, const char *bytes, size_t length);
/* 1: *ret_text (owned) is what came; 0: it has ended; -EAGAIN: nothing yet, and the process will be
 * woken (workload_readable); -ENOENT: no such pipe, which reads like /dev/null. */
int pipe_read(struct kernel *kernel, const char *path, pid_t reader, char **ret_text);

void pipes_free(struct kernel *kernel);
