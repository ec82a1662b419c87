/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of the kernel as text. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The whole file, owned; NULL with errno set. */
char *text_read(const char *path);
/* The number after `key` and a space, in a text of lines "key number". */
bool text_key_u64(const char *text, const char *key, uint64_t *ret_value);
