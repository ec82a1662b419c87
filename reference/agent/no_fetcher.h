/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher of an agent that was given none: a command without URIs needs none. */
#pragma once

#include "reference/fetcher.h"

struct fetcher *no_fetcher_new(struct host *host);
