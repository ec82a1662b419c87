/* SPDX-License-Identifier: Apache-2.0 */
/* Text within XML and HTML. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Escapes what is markup and drops control characters. Line ends stay what they are in an element,
 * but not in an attribute. */
void xml_print(FILE *stream, const char *text, bool attribute);

/* ` NAME="VALUE"` */
void xml_print_attribute(FILE *stream, const char *name, const char *value);
