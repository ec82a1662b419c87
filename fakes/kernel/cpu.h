/* SPDX-License-Identifier: Apache-2.0 */
/* What the core's cpu.stat files print of the cpu controller. */
#pragma once

struct cgroup_css;
struct strbuf;

void cpu_stat_print(struct cgroup_css *css, struct strbuf *out);             /* nr_periods … */
void cpu_stat_local_print(const struct cgroup_css *css, struct strbuf *out); /* throttled_usec */
