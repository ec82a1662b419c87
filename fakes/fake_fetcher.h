/* SPDX-License-Identifier: Apache-2.0 */
/* Scripted fetcher and provisioner. Both succeed at once unless told otherwise. */
#pragma once

#include "reference/fetcher.h"
#include "reference/provisioner.h"

struct fetcher *fake_fetcher_new(struct host *host);
void fake_fetcher_hold(struct fetcher *fetcher, const char *id);
unsigned fake_fetcher_release(struct fetcher *fetcher, const char *id);
void fake_fetcher_fail(struct fetcher *fetcher, const char *id, const char *message);
unsigned fake_fetcher_kills(const struct fetcher *fetcher, const char *id);

/* "fetcher fetch c1" for each held completion; owned. */
char **fake_fetcher_held(const struct fetcher *fetcher);

/* Keeps the root file systems in the directory `store` (copied). */
struct provisioner *fake_provisioner_new(struct host *host, const char *store);
void fake_provisioner_hold(struct provisioner *provisioner, const char *id);
unsigned fake_provisioner_release(struct provisioner *provisioner, const char *id);
void fake_provisioner_fail(struct provisioner *provisioner, const char *id, const char *message);
unsigned fake_provisioner_destroys(const struct provisioner *provisioner, const char *id);
char **fake_provisioner_held(const struct provisioner *provisioner);
