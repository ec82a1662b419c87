/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a value is compared with: `absent`, `present`, `infinity`, a number (with a unit of sizes if
 * need be), ">= 1", "< 2", "!= 3", "1..5", a text or a /regular expression/.
 */
#pragma once

#include <jansson.h>

#include "scenarios/engine/parse/node.h"

enum check_kind {
    CHECK_ABSENT,
    CHECK_PRESENT,
    CHECK_TEXT, /* or a regular expression */
    CHECK_RANGE,
    CHECK_NOT,
};
struct check {
    enum check_kind kind;
    double low; /* RANGE: low <= x <= high, where open_* take the bound itself out */
    double high;
    bool open_low;
    bool open_high;
    const char *text; /* borrowed from the node */
};

/* False when the form is wrong. */
bool check_parse(const struct node *node, struct check *ret_check);
/* NULL json is an absent value. */
bool check_json_value(const struct check *check, const json_t *json);
/* A text, with its trailing newlines taken off; as a number where the check wants one. NULL is
 * absent. */
bool check_text_value(const struct check *check, const char *text);
bool check_number_value(const struct check *check, double number);
