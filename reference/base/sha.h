/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 and SHA-512 (FIPS 180-4), by which images and layers are named. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA_HEX_MAX 129 /* of SHA-512, with its NUL */

struct sha {
    bool wide; /* SHA-512 */
    uint64_t state[8];
    uint64_t length_bytes;
    unsigned char block[128];
    size_t used;
};

void sha_init(struct sha *sha, bool wide);
void sha_add(struct sha *sha, const void *bytes, size_t length);
/* Ends it; lower-case hexadecimal. */
void sha_hex(struct sha *sha, char ret_text[SHA_HEX_MAX]);
/* Of one text. */
void sha_text(bool wide, const void *bytes, size_t length, char ret_text[SHA_HEX_MAX]);
