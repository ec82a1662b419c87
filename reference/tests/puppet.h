/* SPDX-License-Identifier: Apache-2.0 */
/* A containerizer that notes what it is asked, and keeps it until it is told the answer. */
#pragma once

#include "reference/base/strbuf.h"
#include "reference/containerizer.h"

enum asked { ASKED_LAUNCH, ASKED_WAIT, ASKED_DESTROY, ASKED_RECOVER, ASKED_KINDS };

#define HELD_MAX 8u

struct puppet {
    struct containerizer base;
    struct done held[ASKED_KINDS][HELD_MAX]; /* what was not answered */
    size_t held_count[ASKED_KINDS];
    unsigned asked[ASKED_KINDS]; /* how often */
    struct strbuf calls;         /* "launch c1, destroy c1" */
    char **known;                /* what containers() says */
    const char *fails;           /* recover and prune: with that message */
};

struct puppet *puppet_new(void);
/* Takes the last that was asked and not answered, as a containerizer forgets it before it answers.
 */
struct done puppet_take(struct puppet *puppet, enum asked kind);
void puppet_launch_answers(struct puppet *puppet, enum launch_result result);
void puppet_settles(struct puppet *puppet, enum asked kind, int64_t status);
