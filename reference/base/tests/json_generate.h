/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of any table with arbitrary contents, for properties that hold for all of them. */
#pragma once

#include "reference/base/json.h"

/* Fills a zeroed object. Equal states of *random give equal objects. */
void json_generate(const struct json_type *type, void *object, uint64_t *random);

/*
 * What must hold for each object of the type: text and tree say the same, decoding gives the object
 * again, a copy equals it, and merging it into an empty one gives it. Fails the cmocka test.
 */
void json_check_type(const struct json_type *type, unsigned rounds);
