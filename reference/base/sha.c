/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/sha.h"

#include <stdio.h>
#include <string.h>

/* The first 64 bits of the fractions of the cube roots of the first 80 primes; SHA-256 uses the
 * first 32 bits of the first 64 of them. */
static const uint64_t cube_roots[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

/* Likewise of the square roots of the first 8 primes. */
static const uint64_t square_roots[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* Rotations and shifts of the functions S0, S1, s0 and s1; the last of s0 and s1 is a shift. */
struct sha_turns {
    unsigned bits;
    unsigned rounds;
    unsigned big[2][3];
    unsigned small[2][3];
};
static const struct sha_turns narrow = {
    32, 64, {{2, 13, 22}, {6, 11, 25}}, {{7, 18, 3}, {17, 19, 10}}};
static const struct sha_turns wide = {
    64, 80, {{28, 34, 39}, {14, 18, 41}}, {{1, 8, 7}, {19, 61, 6}}};

static const struct sha_turns *turns_of(const struct sha *sha)
{
    return sha->wide ? &wide : &narrow;
}

static uint64_t cut(const struct sha_turns *turns, uint64_t word)
{
    return turns->bits == 64 ? word : word & UINT32_MAX;
}

static uint64_t rotate(const struct sha_turns *turns, uint64_t word, unsigned by)
{
    return cut(turns, word >> by | word << (turns->bits - by));
}

static uint64_t big(const struct sha_turns *turns, unsigned which, uint64_t word)
{
    const unsigned *by = turns->big[which];
    return rotate(turns, word, by[0]) ^ rotate(turns, word, by[1]) ^ rotate(turns, word, by[2]);
}

static uint64_t small(const struct sha_turns *turns, unsigned which, uint64_t word)
{
    const unsigned *by = turns->small[which];
    return rotate(turns, word, by[0]) ^ rotate(turns, word, by[1]) ^ word >> by[2];
}

static void schedule_make(const struct sha *sha, uint64_t words[80])
{
    const struct sha_turns *turns = turns_of(sha);
    const unsigned bytes = turns->bits / 8;
    for (unsigned i = 0; i < 16; i++) {
        words[i] = 0;
        for (unsigned k = 0; k < bytes; k++)
            words[i] = words[i] << 8 | sha->block[i * bytes + k];
    }
    for (unsigned i = 16; i < turns->rounds; i++)
        words[i] = cut(turns, small(turns, 1, words[i - 2]) + words[i - 7] +
                                  small(turns, 0, words[i - 15]) + words[i - 16]);
}

static void block_mix(struct sha *sha)
{
    const struct sha_turns *turns = turns_of(sha);
    uint64_t words[80];
    uint64_t v[8];
    schedule_make(sha, words);
    memcpy(v, sha->state, sizeof(v));
    for (unsigned i = 0; i < turns->rounds; i++) {
        uint64_t root = cube_roots[i] >> (64 - turns->bits);
        uint64_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint64_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint64_t first = v[7] + big(turns, 1, v[4]) + cut(turns, choice) + root + words[i];
        uint64_t second = big(turns, 0, v[0]) + majority;
        memmove(v + 1, v, 7 * sizeof(v[0]));
        v[4] = cut(turns, v[4] + first);
        v[0] = cut(turns, first + second);
    }
    for (unsigned i = 0; i < 8; i++)
        sha->state[i] = cut(turns, sha->state[i] + v[i]);
    sha->used = 0;
}

void sha_init(struct sha *sha, bool is_wide)
{
    memset(sha, 0, sizeof(*sha));
    sha->wide = is_wide;
    for (unsigned i = 0; i < 8; i++)
        sha->state[i] = square_roots[i] >> (64 - turns_of(sha)->bits);
}

void sha_add(struct sha *sha, const void *bytes, size_t length)
{
    const unsigned char *from = bytes;
    const size_t size = turns_of(sha)->bits * 2;
    sha->length_bytes += length;
    while (length > 0) {
        size_t part = size - sha->used < length ? size - sha->used : length;
        memcpy(sha->block + sha->used, from, part);
        sha->used += part;
        from += part;
        length -= part;
        if (sha->used == size)
            block_mix(sha);
    }
}

/* A one bit, zeros, and the length in bits at the end of a block. */
static void sha_pad(struct sha *sha)
{
    const struct sha_turns *turns = turns_of(sha);
    const size_t size = turns->bits * 2;
    const size_t room = turns->bits / 4;
    sha->block[sha->used++] = 0x80;
    if (sha->used > size - room) {
        memset(sha->block + sha->used, 0, size - sha->used);
        block_mix(sha);
    }
    memset(sha->block + sha->used, 0, size - sha->used);
    uint64_t bits = sha->length_bytes * 8;
    for (unsigned i = 0; i < 8; i++)
        sha->block[size - 1 - i] = (unsigned char)(bits >> (8 * i));
    block_mix(sha);
}

void sha_hex(struct sha *sha, char ret_text[SHA_HEX_MAX])
{
    const int digits = (int)turns_of(sha)->bits / 4;
    sha_pad(sha);
    for (int i = 0; i < 8; i++)
        snprintf(ret_text + i * digits, (size_t)digits + 1, "%0*llx", digits,
            (unsigned long long)sha->state[i]);
}

void sha_text(bool is_wide, const void *bytes, size_t length, char ret_text[SHA_HEX_MAX])
{
    struct sha sha;
    sha_init(&sha, is_wide);
    sha_add(&sha, bytes, length);
    sha_hex(&sha, ret_text);
}
