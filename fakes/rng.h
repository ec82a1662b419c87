/* SPDX-License-Identifier: Apache-2.0 */
/* Named random streams from one root seed: removing one choice does not shift the others. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t seed;
    struct strmap *streams; /* name -> struct rng_stream, made on first use */
};
struct rng_stream {
    uint64_t state;
};
void rng_init(struct rng *rng, uint64_t seed);
void rng_release(struct rng *rng);
uint64_t rng_next(struct rng *rng, const char *stream);
uint64_t rng_below(struct rng *rng, const char *stream, uint64_t bound); /* uniform, bound > 0 */
void rng_bytes(struct rng *rng, const char *stream, void *bytes, size_t length);
/* The stream itself, for those who draw often; lives as long as the rng. */
struct rng_stream *rng_stream(struct rng *rng, const char *stream);
uint64_t rng_stream_next(struct rng_stream *stream);
