/* SPDX-License-Identifier: Apache-2.0 */
/* Between process.c, process_signal.c, namespace.c and sched.c only. */
#pragma once

#include "fakes/kernel/process.h"

#define PID_MAX 4194304  /* the greatest pid_max of 64-bit Linux; never reached */
#define PID_RESERVED 300 /* where numbers start over */

/* Init and its namespaces: the first process. */
void process_make_init(struct kernel *kernel);
/* Ends and frees every process, init last. */
void process_free_all(struct kernel *kernel);
/* Frees what was reaped. */
void process_drain(struct kernel *kernel);
/* It may have become runnable: pending signals are seen, then it is told. */
void process_wake(struct process *process);
/* Every one of its threads is frozen. */
bool process_frozen(const struct process *process);

struct sched *sched_new(struct kernel *kernel);
void sched_free(struct sched *sched);
/* The task does not run any more: what it used is accounted, its demand forgotten. */
void sched_forget(struct task *task);
/* Whether a task may run has changed: frozen, stopped. */
void sched_task_changed(struct task *task);
