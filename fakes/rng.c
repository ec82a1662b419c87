/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/rng.h"

#include <assert.h>
#include <string.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"

/* The finalizer of splitmix64: every input bit flips each output bit with probability 1/2. */
static uint64_t rng_mix(uint64_t value)
{
    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* FNV-1a. */
static uint64_t rng_hash(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    return hash;
}

void rng_init(struct rng *rng, uint64_t seed)
{
    rng->seed = seed;
    rng->streams = strmap_new();
}

void rng_release(struct rng *rng)
{
    size_t cursor = 0;
    const char *name;
    void *stream;
    if (!rng->streams)
        return;
    while (strmap_next(rng->streams, &cursor, &name, &stream))
        free(stream);
    strmap_free(rng->streams);
    rng->streams = NULL;
}

struct rng_stream *rng_stream(struct rng *rng, const char *name)
{
    struct rng_stream *stream = strmap_get(rng->streams, name);
    if (!stream) {
        stream = mem_alloc(sizeof(*stream));
        stream->state = rng_mix(rng->seed ^ rng_mix(rng_hash(name)));
        strmap_set(rng->streams, name, stream);
    }
    return stream;
}

uint64_t rng_stream_next(struct rng_stream *stream)
{
    stream->state += UINT64_C(0x9e3779b97f4a7c15);
    return rng_mix(stream->state);
}

uint64_t rng_next(struct rng *rng, const char *stream)
{
    return rng_stream_next(rng_stream(rng, stream));
}

uint64_t rng_below(struct rng *rng, const char *stream, uint64_t bound)
{
    struct rng_stream *state = rng_stream(rng, stream);
    uint64_t value;
    assert(bound > 0);
    /* Values below 2^64 mod bound would make the small results more likely. */
    uint64_t uneven = (UINT64_C(0) - bound) % bound;
    do
        value = rng_stream_next(state);
    while (value < uneven);
    return value % bound;
}

void rng_bytes(struct rng *rng, const char *stream, void *bytes, size_t length)
{
    struct rng_stream *state = rng_stream(rng, stream);
    unsigned char *byte = bytes;
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (i % 8 == 0)
            value = rng_stream_next(state);
        byte[i] = (unsigned char)(value >> (i % 8 * 8));
    }
}
