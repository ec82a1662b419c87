/* SPDX-License-Identifier: Apache-2.0 */
/* What a measurement depends on and a reader can't see: the machine, and how its kernel is set. */
#pragma once

#include <jansson.h>

/*
 * An object: kernel, machine, cpu, cpus, cpus_allowed, memory_bytes, governor, mitigations, cgroups
 * (array of "type mount_point options", so favordynmods is seen), rcu (object: what of
 * rcu_expedited and rcu_normal there is), mounts (how many), load, uptime_seconds, transparent
 * huge pages, overcommit, time, compiler. What a machine does not tell is absent. A new reference.
 */
json_t *environment_json(void);
