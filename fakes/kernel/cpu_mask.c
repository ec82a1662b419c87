/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/kernel/cpu_mask.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <strings.h>

#include "fakes/kernel/cgroup_parse.h"
#include "reference/base/strbuf.h"

#define WORDS (CPU_MASK_BITS / 64)

static bool has(const struct cpu_mask *mask, unsigned bit)
{
    return mask->words[bit / 64] >> bit % 64 & 1;
}

bool cpu_mask_empty(const struct cpu_mask *mask)
{
    for (size_t i = 0; i < WORDS; i++)
        if (mask->words[i])
            return false;
    return true;
}

bool cpu_mask_within(const struct cpu_mask *inner, const struct cpu_mask *outer)
{
    for (size_t i = 0; i < WORDS; i++)
        if (inner->words[i] & ~outer->words[i])
            return false;
    return true;
}

bool cpu_mask_equal(const struct cpu_mask *a, const struct cpu_mask *b)
{
    return cpu_mask_within(a, b) && cpu_mask_within(b, a);
}

bool cpu_mask_overlaps(const struct cpu_mask *a, const struct cpu_mask *b)
{
    struct cpu_mask both = cpu_mask_and(a, b);
    return !cpu_mask_empty(&both);
}

struct cpu_mask cpu_mask_and(const struct cpu_mask *a, const struct cpu_mask *b)
{
    struct cpu_mask result;
    for (size_t i = 0; i < WORDS; i++)
        result.words[i] = a->words[i] & b->words[i];
    return result;
}

struct cpu_mask cpu_mask_or(const struct cpu_mask *a, const struct cpu_mask *b)
{
    struct cpu_mask result;
    for (size_t i = 0; i < WORDS; i++)
        result.words[i] = a->words[i] | b->words[i];
    return result;
}

struct cpu_mask cpu_mask_without(const struct cpu_mask *a, const struct cpu_mask *b)
{
    struct cpu_mask result;
    for (size_t i = 0; i < WORDS; i++)
        result.words[i] = a->words[i] & ~b->words[i];
    return result;
}

struct cpu_mask cpu_mask_first(unsigned count)
{
    struct cpu_mask result = {{0}};
    for (unsigned bit = 0; bit < count && bit < CPU_MASK_BITS; bit++)
        result.words[bit / 64] |= UINT64_C(1) << bit % 64;
    return result;
}

struct region {
    uint64_t start;
    uint64_t end;
    uint64_t used;  /* of each group */
    uint64_t group;
};

/* Moves *text behind it. What does not fit into 32 bits is told before what may follow. */
static int number(const char **text, unsigned limit, uint64_t *ret_value)
{
    const char *at = *text;
    if (*at == 'N') {
        *ret_value = limit - 1;
        *text = at + 1;
        return 0;
    }
    if (!isdigit((unsigned char)*at))
        return -EINVAL;
    uint64_t value = 0;
    for (; isdigit((unsigned char)*at); at++)
        value = value < UINT32_MAX ? value * 10 + (uint64_t)(*at - '0') : value;
    *ret_value = value;
    *text = at;
    return value > UINT32_MAX ? -EOVERFLOW : 0;
}

/* The same behind a mark. */
static int number_behind(const char **text, char mark, unsigned limit, uint64_t *ret_value)
{
    if (**text != mark)
        return -EINVAL;
    (*text)++;
    return number(text, limit, ret_value);
}

static bool region_ends(char c)
{
    return c == '\0' || c == ',' || text_is_space(c);
}

static int parse_region(const char **text, unsigned limit, struct region *region)
{
    int result = 0;
    if (!strncasecmp(*text, "all", 3)) {
        region->start = 0;
        region->end = limit - 1;
        *text += 3;
    } else {
        result = number(text, limit, &region->start);
        region->end = region->start;
        if (!result && !region_ends(**text))
            result = number_behind(text, '-', limit, &region->end);
        if (result)
            return result;
    }
    region->used = region->end >= region->start ? region->end - region->start + 1 : 0;
    /* The kernel counts one more than the end, in 32 bits. */
    region->group = region->end == UINT32_MAX ? 0 : region->used;
    if (region_ends(**text))
        return 0;
    result = number_behind(text, ':', limit, &region->used);
    if (!result)
        result = number_behind(text, '/', limit, &region->group);
    return result ? result : region_ends(**text) ? 0 : -EINVAL;
}

int cpu_mask_parse(
    const char *text, unsigned limit, struct cpu_mask *ret_mask, bool *ret_beyond)
{
    struct cpu_mask mask = {{0}};
    *ret_beyond = false;
    for (;;) {
        while (*text && region_ends(*text))
            text++;
        if (!*text)
            break;
        struct region region;
        int result = parse_region(&text, limit, &region);
        if (result)
            return result;
        if (region.start > region.end || region.group == 0 || region.used > region.group)
            return -EINVAL;
        if (region.end >= limit)
            return -ERANGE;
        for (uint64_t bit = region.start; bit <= region.end; bit++) {
            if ((bit - region.start) % region.group >= region.used)
                continue;
            if (bit >= CPU_MASK_BITS)
                *ret_beyond = true;
            else
                mask.words[bit / 64] |= UINT64_C(1) << bit % 64;
        }
        if (*text == '\n') /* right behind a region it ends the list */
            break;
    }
    *ret_mask = mask;
    return 0;
}

void cpu_mask_print(const struct cpu_mask *mask, struct strbuf *out)
{
    bool any = false;
    for (unsigned bit = 0; bit < CPU_MASK_BITS; bit++) {
        if (!has(mask, bit))
            continue;
        unsigned last = bit;
        while (last + 1 < CPU_MASK_BITS && has(mask, last + 1))
            last++;
        strbuf_addf(out, any ? ",%u" : "%u", bit);
        if (last > bit)
            strbuf_addf(out, "-%u", last);
        any = true;
        bit = last;
    }
    strbuf_add(out, "\n");
}
