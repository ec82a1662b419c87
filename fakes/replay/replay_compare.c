/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as equal: the rules of the traces' README. */
#include <stdlib.h>
#include <string.h>

#include "fakes/replay/replay_world.h"
#include "reference/base/mem.h"

static bool same_set(const char *a, const char *b)
{
    _cleanup_strv_ char **left = strv_split(a, "\n");
    _cleanup_strv_ char **right = strv_split(b, "\n");
    size_t count = strv_length(left);
    if (count != strv_length(right))
        return false;
    strv_sort(left);
    strv_sort(right);
    for (size_t i = 0; i < count; i++)
        if (strcmp(left[i], right[i]))
            return false;
    return true;
}

static bool compared_as_set(const struct replay_op *op)
{
    static const char *const sets[] = {"list", "listxattr", "inread"};
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        if (!strcmp(op->op, sets[i]))
            return true;
    bool reads = !strcmp(op->op, "read") || !strcmp(op->op, "wr");
    return reads && replay_is_pid_list(replay_text(op, "path"));
}

static bool freezing(const char *text)
{
    return !strcmp(text, "FREEZING\n") || !strcmp(text, "FROZEN\n");
}

static bool same_out(const struct replay_op *op, const struct replay_outcome *outcome)
{
    const char *got = strbuf_text(&outcome->out);
    if (!op->out || !outcome->has_out)
        return !op->out == !outcome->has_out;
    if (compared_as_set(op))
        return same_set(op->out, got);
    if (str_ends(replay_text(op, "path"), "freezer.state") && freezing(op->out) && freezing(got))
        return true;
    return op->out_length == outcome->out.length && !memcmp(op->out, got, op->out_length);
}

const char *replay_compare(const struct replay_op *op, const struct replay_outcome *outcome)
{
    if (!op->volatile_result) {
        if (op->result != outcome->result)
            return "result";
        if (op->result < 0 && !op->stage != !outcome->at_open && replay_has(op, "path") &&
            strcmp(op->op, "open"))
            return "stage";
    }
    if (!op->volatile_out && !op->volatile_result && !same_out(op, outcome))
        return "out";
    return NULL;
}

