/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the table of steps, by the file that has them. */
#pragma once

#include "scenarios/engine/steps/step.h"

/* operations.c */
extern const struct step_spec step_launch, step_destroy, step_wait, step_kill, step_update,
    step_usage, step_status, step_remove, step_attach, step_prune, step_await, step_pending,
    step_ended;
/* image.c */
extern const struct step_spec step_image;
/* agent.c */
extern const struct step_spec step_crash, step_restart, step_advance, step_settle;
/* holds.c */
extern const struct step_spec step_hold, step_release, step_fail, step_lose, step_limit;
/* faults.c */
extern const struct step_spec step_fault, step_kernel;
/* docker.c */
extern const struct step_spec step_docker;
/* expect.c */
extern const struct step_spec step_expect;
/* world.c */
extern const struct step_spec step_make_cgroup, step_remove_cgroup, step_write_cgroup,
    step_write_file, step_make_directory, step_make_root, step_make_link, step_remove_file,
    step_spawn, step_signal;
/* task.c */
extern const struct step_spec step_kill_task, step_shutdown, step_acknowledgements;
