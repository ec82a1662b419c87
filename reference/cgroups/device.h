/* SPDX-License-Identifier: Apache-2.0 */
/* Device entries as the devices controller speaks of them: "c 1:3 rwm" (isolators.md 3.8). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/base/err.h"

#define DEVICE_ANY UINT32_MAX /* a wildcard major or minor */

enum device_access { DEVICE_READ = 1, DEVICE_WRITE = 2, DEVICE_MKNOD = 4, DEVICE_ALL = 7 };

struct device_entry {
    char type; /* 'a', 'b' or 'c' */
    uint32_t major;
    uint32_t minor;
    unsigned access; /* enum device_access */
};

struct device_list {
    struct device_entry *items;
    size_t count;
};

/* "<a|b|c> <major|*>:<minor|*> <r?w?m?>"; "a" alone means everything. -EINVAL says what is wrong.
 */
int device_parse(const char *text, struct device_entry *ret_entry, struct err *err);
/* The same form; owned. */
char *device_format(const struct device_entry *entry);
bool device_same_selector(const struct device_entry *a, const struct device_entry *b);
bool device_has_wildcard(const struct device_entry *entry);
/* Every device and access of `inner` is also one of `outer`. */
bool device_encompasses(const struct device_entry *outer, const struct device_entry *inner);
/* Some device and access belong to both. */
bool device_overlaps(const struct device_entry *a, const struct device_entry *b);

void device_list_add(struct device_list *list, const struct device_entry *entry);
void device_list_copy(
    struct device_list *to, const struct device_list *from); /* `to` is released first */
void device_list_release(struct device_list *list);
/* No empty access, no equal selectors, no entry that another one encompasses. */
bool device_list_is_normalized(const struct device_list *list);
/* Makes it so: merges equal selectors, drops what is empty or encompassed. */
void device_list_normalize(struct device_list *list);

/* The default list of both versions, in its order; static. */
extern const char *const device_defaults[]; /* NULL-terminated */

/* Granted iff one allow entry covers type, numbers and all of the access, and no deny entry matches
 * the selector with any of it. */
bool device_granted(const struct device_list *allow, const struct device_list *deny,
    const struct device_entry *request);
