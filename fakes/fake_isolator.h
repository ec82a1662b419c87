/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An isolator that can hold, fail or limit at any call, for scenarios about the containerizer
 * alone. It also wraps a real one, so that `hold: {isolator: cgroups/mem, at: prepare}` holds the
 * real call's completion.
 */
#pragma once

#include "reference/isolators/isolator.h"

enum isolator_call {
    ISOLATOR_RECOVER,
    ISOLATOR_PREPARE,
    ISOLATOR_ISOLATE,
    ISOLATOR_WATCH,
    ISOLATOR_UPDATE,
    ISOLATOR_USAGE,
    ISOLATOR_STATUS,
    ISOLATOR_CLEANUP,
    ISOLATOR_CALL_COUNT
};
extern const char *const isolator_call_names[ISOLATOR_CALL_COUNT + 1];

/* A stand-alone fake named `name` (copied). */
struct isolator *fake_isolator_new(
    struct host *host, const char *name, bool nesting, bool standalone);
/* Wraps: passes every call on, owns the inner one, keeps its name. */
struct isolator *fake_isolator_wrap(struct isolator *inner);
/* From now on completions of `call` (of any container when id is NULL) are kept until released. */
void fake_isolator_hold(struct isolator *isolator, enum isolator_call call, const char *id);
/* Delivers what is held, with its own result; returns how many. */
unsigned fake_isolator_release(struct isolator *isolator, enum isolator_call call, const char *id);
/* The next `times` calls fail with that message (0: every one). */
void fake_isolator_fail(struct isolator *isolator, enum isolator_call call, const char *id,
    const char *message, unsigned times);
/* Completes the watch of the container with this limitation; -ENOENT when nobody watches. */
int fake_isolator_limit(
    struct isolator *isolator, const char *id, const struct limitation *limitation);
/* What prepare yields (copied); NULL for none. */
void fake_isolator_set_launch_info(struct isolator *isolator, const struct launch_info *info);
/* How often the call was made, for that container or for all (NULL). */
unsigned fake_isolator_calls(
    const struct isolator *isolator, enum isolator_call call, const char *id);
/* "cgroups/mem prepare c1": who waits for what, for the watchdog's dump; owned. */
char **fake_isolator_held(const struct isolator *isolator);
