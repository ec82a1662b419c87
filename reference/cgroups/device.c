/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cgroups/device.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

const char *const device_defaults[] = {"c *:* m", "b *:* m", "c 5:1 rwm", "c 4:0 rwm", "c 4:1 rwm",
    "c 136:* rwm", "c 5:2 rwm", "c 10:200 rwm", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 5:0 rwm",
    "c 1:9 rwm", "c 1:8 rwm", NULL};

static const struct {
    char letter;
    unsigned bit;
} letters[] = {{'r', DEVICE_READ}, {'w', DEVICE_WRITE}, {'m', DEVICE_MKNOD}};

static int number_parse(const char *text, size_t length, uint32_t *ret_number)
{
    _cleanup_free_ char *copy = str_ndup(text, length);
    unsigned long number;
    char *end;

    if (str_equal(copy, "*")) {
        *ret_number = DEVICE_ANY;
        return 0;
    }
    errno = 0;
    number = strtoul(copy, &end, 10);
    if (errno || end == copy || *end || *copy == '-' || *copy == '+' || number >= DEVICE_ANY)
        return -EINVAL;
    *ret_number = (uint32_t)number;
    return 0;
}

static int access_parse(const char *text, unsigned *ret_access)
{
    if (strlen(text) > ARRAY_SIZE(letters))
        return -EINVAL;
    *ret_access = 0;
    for (; *text; text++) {
        unsigned bit = 0;

        for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
            bit |= letters[i].letter == *text ? letters[i].bit : 0;
        if (bit == 0)
            return -EINVAL;
        *ret_access |= bit;
    }
    return 0;
}

int device_parse(const char *text, struct device_entry *ret_entry, struct err *err)
{
    _cleanup_strv_ char **tokens = strv_split(text, " ");
    const size_t count = strv_length(tokens);
    struct device_entry entry;
    const char *colon;

    if (count == 1 && str_equal(tokens[0], "a")) {
        *ret_entry = (struct device_entry){'a', DEVICE_ANY, DEVICE_ANY, DEVICE_ALL};
        return 0;
    }
    if (count != 3)
        return err_set(err, -EINVAL, "device \"%s\": expected \"a\" or three words", text);
    if (strlen(tokens[0]) != 1 || !strchr("abc", *tokens[0]))
        return err_set(err, -EINVAL, "device \"%s\": expected type a, b or c", text);
    entry.type = *tokens[0];
    colon = strchr(tokens[1], ':');
    if (!colon || number_parse(tokens[1], (size_t)(colon - tokens[1]), &entry.major) < 0 ||
        number_parse(colon + 1, strlen(colon + 1), &entry.minor) < 0)
        return err_set(
            err, -EINVAL, "device \"%s\": expected major:minor, each a number or *", text);
    if (access_parse(tokens[2], &entry.access) < 0)
        return err_set(err, -EINVAL, "device \"%s\": expected at most three of r, w and m", text);
    *ret_entry = entry;
    return 0;
}

static char *number_format(uint32_t number)
{
    return number == DEVICE_ANY ? str_dup("*") : str_printf("%u", number);
}

char *device_format(const struct device_entry *entry)
{
    _cleanup_free_ char *major = number_format(entry->major);
    _cleanup_free_ char *minor = number_format(entry->minor);

    return str_printf("%c %s:%s %s%s%s", entry->type, major, minor,
        entry->access & DEVICE_READ ? "r" : "", entry->access & DEVICE_WRITE ? "w" : "",
        entry->access & DEVICE_MKNOD ? "m" : "");
}

bool device_same_selector(const struct device_entry *a, const struct device_entry *b)
{
    return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

bool device_has_wildcard(const struct device_entry *entry)
{
    return entry->type == 'a' || entry->major == DEVICE_ANY || entry->minor == DEVICE_ANY;
}

static bool covers(uint32_t outer, uint32_t inner)
{
    return outer == DEVICE_ANY || outer == inner;
}

bool device_encompasses(const struct device_entry *outer, const struct device_entry *inner)
{
    return (outer->type == 'a' || outer->type == inner->type) &&
           covers(outer->major, inner->major) && covers(outer->minor, inner->minor) &&
           (inner->access & ~outer->access) == 0;
}

static bool meets(uint32_t a, uint32_t b)
{
    return a == b || a == DEVICE_ANY || b == DEVICE_ANY;
}

bool device_overlaps(const struct device_entry *a, const struct device_entry *b)
{
    return (a->type == b->type || a->type == 'a' || b->type == 'a') && meets(a->major, b->major) &&
           meets(a->minor, b->minor) && (a->access & b->access) != 0;
}

void device_list_add(struct device_list *list, const struct device_entry *entry)
{
    list->items = mem_realloc(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = *entry;
}

void device_list_copy(struct device_list *to, const struct device_list *from)
{
    device_list_release(to);
    for (size_t i = 0; i < from->count; i++)
        device_list_add(to, &from->items[i]);
}

void device_list_release(struct device_list *list)
{
    free(list->items);
    *list = (struct device_list){0};
}

static bool is_redundant(const struct device_list *list, size_t index)
{
    if (list->items[index].access == 0)
        return true;
    for (size_t i = 0; i < list->count; i++) {
        if (i != index && device_encompasses(&list->items[i], &list->items[index]))
            return true;
    }
    return false;
}

bool device_list_is_normalized(const struct device_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (is_redundant(list, i))
            return false;
        for (size_t k = i + 1; k < list->count; k++) {
            if (device_same_selector(&list->items[i], &list->items[k]))
                return false;
        }
    }
    return true;
}

static void list_remove_at(struct device_list *list, size_t index)
{
    memmove(&list->items[index], &list->items[index + 1],
        (list->count - index - 1) * sizeof(*list->items));
    list->count--;
}

void device_list_normalize(struct device_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = list->count; k-- > i + 1;) {
            if (!device_same_selector(&list->items[i], &list->items[k]))
                continue;
            list->items[i].access |= list->items[k].access;
            list_remove_at(list, k);
        }
    }
    for (size_t i = list->count; i-- > 0;) {
        if (is_redundant(list, i))
            list_remove_at(list, i);
    }
}

static bool selector_covers(const struct device_entry *entry, const struct device_entry *request)
{
    return (entry->type == 'a' || entry->type == request->type) &&
           covers(entry->major, request->major) && covers(entry->minor, request->minor);
}

bool device_granted(const struct device_list *allow, const struct device_list *deny,
    const struct device_entry *request)
{
    bool granted = false;

    for (size_t i = 0; i < allow->count; i++)
        granted = granted || device_encompasses(&allow->items[i], request);
    for (size_t i = 0; i < deny->count; i++) {
        if (selector_covers(&deny->items[i], request) && (deny->items[i].access & request->access))
            return false;
    }
    return granted;
}
