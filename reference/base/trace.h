/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trace: what happened, as JSON Lines. One event a line:
 *
 *     {"n":12,"t":1000000,"actor":"agent","op":"cgroup.write","args":{"path":"mesos/c1/cpu.max",
 *      "data":"50000 100000"},"result":0,"hash":"9f…"}
 *
 * n counts from 1, t is the loop's time in ns, result is 0, a number or "-ENAME". In simulation
 * equal seeds give equal bytes. Every event, and the canonical digest of the world that the
 * observer returns, is folded into a rolling 64-bit hash (FNV-1a).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "reference/base/loop.h"

struct trace;

/* Called for each finished line (no newline); the text is borrowed. */
typedef void (*trace_sink_fn)(void *arg, const char *line);
/* Folds the state of the world into hash and returns it; must depend on nothing of the host. */
typedef uint64_t (*trace_digest_fn)(void *arg, uint64_t hash);

/* A trace without a sink only hashes and keeps the last `keep` lines. */
struct trace *trace_new(struct loop *loop, unsigned keep);
void trace_free(struct trace *trace);
void trace_set_sink(struct trace *trace, trace_sink_fn fn, void *arg);
void trace_set_digest(struct trace *trace, trace_digest_fn fn, void *arg);
uint64_t trace_hash(const struct trace *trace);
uint64_t trace_count(const struct trace *trace);
/* The i-th of the kept last lines, oldest first; NULL past the end. */
const char *trace_kept(const struct trace *trace, unsigned i);

/*
 * Adds an event. `keys` is a format of space-separated `name=%s` pairs, of %s, %d, %u, %ld,
 * %lu, %lld, %llu and %zu; another format is a programming error:
 *     trace_event(trace, "agent", "cgroup.write", result, "path=%s data=%s", path, data);
 * %s is written as a JSON string (NULL: null), numbers as numbers, %J takes ready JSON text, %b an
 * int as true/false. A NULL trace is fine and costs nothing.
 */
void trace_event(struct trace *trace, const char *actor, const char *op, int64_t result,
    const char *keys, ...);

/* A string into an FNV-1a hash; start with TRACE_HASH_INIT. */
#define TRACE_HASH_INIT UINT64_C(14695981039346656037)
uint64_t trace_hash_string(uint64_t hash, const char *text); /* includes the end of the string */
uint64_t trace_hash_u64(uint64_t hash, uint64_t number);
