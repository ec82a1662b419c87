/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket of a mounted cgroup file system: one JSON object per line, one line of answer
 * each (README.md here). Commands change the model as processes, time and hardware would.
 */
#pragma once

#include <poll.h>

#include "fakes/kernel/kernel.h"
#include "reference/base/err.h"

#define CONTROL_PEERS_MAX 64

struct cgroupfs;
struct control;

/* Listens at the path; a socket left behind there is replaced. The file system and the
 * configuration that its kernel was made with are borrowed. */
int control_new(struct cgroupfs *fs, const struct kernel_config *config, const char *path,
    struct control **ret_control, struct err *err);
void control_free(struct control *control); /* NULL is fine, also below */
/* Fills in what to wait for; returns how many. */
nfds_t control_poll(struct control *control, struct pollfd *fds, nfds_t capacity);
void control_serve(struct control *control, const struct pollfd *fds, nfds_t count);
