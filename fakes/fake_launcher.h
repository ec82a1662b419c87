/* SPDX-License-Identifier: Apache-2.0 */
/* The scripted launcher: spawns through the host like the posix one, and holds, fails or loses what
 * it is told. */
#pragma once

#include "reference/launchers/launcher.h"

enum launcher_call {
    LAUNCHER_RECOVER,
    LAUNCHER_FORK,
    LAUNCHER_DESTROY,
    LAUNCHER_STATUS,
    LAUNCHER_CALL_COUNT
};
extern const char *const launcher_call_names[LAUNCHER_CALL_COUNT + 1];

/* Wraps a launcher (owned). */
struct launcher *fake_launcher_wrap(struct launcher *inner);
/* Recover and destroy: fork and status answer at once. */
void fake_launcher_hold(struct launcher *launcher, enum launcher_call call, const char *id);
unsigned fake_launcher_release(struct launcher *launcher, enum launcher_call call, const char *id);
void fake_launcher_fail(struct launcher *launcher, enum launcher_call call, const char *id,
    const char *message, unsigned times);
/* Destroy answers success and kills nothing. */
void fake_launcher_lose(struct launcher *launcher, const char *id);
unsigned fake_launcher_calls(
    const struct launcher *launcher, enum launcher_call call, const char *id);
char **fake_launcher_held(const struct launcher *launcher);
