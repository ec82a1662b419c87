/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C: measuring ends at the next container, and what was measured is kept. */
#pragma once

#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP are remembered, however often they come. */
void interrupt_catch(void);
bool interrupted(void);
