/* SPDX-License-Identifier: Apache-2.0 */
/* Holds results against the schema that is documented, bench/report/schema.json. */
#pragma once

#include <jansson.h>

/* Fails the test with the place and the rule that is broken. Knows the rules that the schema uses;
 * another one is an error, so that none is promised without being held. */
void assert_valid(const json_t *result);
void assert_valid_file(const char *path);
/* What is wrong with a value by some schema; NULL: nothing. Owned. */
char *schema_violation(const json_t *schema, const json_t *value);
