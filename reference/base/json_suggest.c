/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "reference/base/json.h"

#define SUGGEST_LENGTH_MAX 64

/* The number of letters to insert, delete, replace or swap with their neighbour. */
static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][SUGGEST_LENGTH_MAX + 1]; /* two before, before, this */
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *json_suggest(const char *name, const char *const *names)
{
    assert(name);
    size_t length = strlen(name);
    if (!names || length == 0 || length > SUGGEST_LENGTH_MAX)
        return NULL;
    /* A third of the letters may be wrong. */
    size_t least = length / 3 + (length < 3 ? 1 : 0);
    const char *nearest = NULL;
    for (size_t i = 0; names[i]; i++) {
        size_t other_length = strlen(names[i]);
        if (other_length > SUGGEST_LENGTH_MAX)
            continue;
        size_t distance = edit_distance(name, length, names[i], other_length);
        if (nearest ? distance < least : distance <= least) {
            nearest = names[i];
            least = distance;
        }
    }
    return nearest;
}
