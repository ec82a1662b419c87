/* SPDX-License-Identifier: Apache-2.0 */
/* What stands on the machine that a container could leave behind, before a run and after it. */
#pragma once

struct audit;

/* name: of our cgroups; directory: of our files. */
struct audit *audit_new(const char *name, const char *directory);
/* Adds "mount …", "cgroup …", "process …": what is ours by name and was not there before. */
void audit_compare(const struct audit *before, char ***leaks);
void audit_free(struct audit *audit); /* NULL is fine */
