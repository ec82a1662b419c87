/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks several parts at once. Their answers are merged in the order of asking, whichever comes
 * first: an answer that comes in its turn is merged at once, another is kept until then.
 */
#include "reference/mesos/container.h"

#include <assert.h>

#include "reference/base/log.h"

struct gather *gather_new(struct mesos *mesos, const char *id, struct done done,
    const struct json_type *type, size_t slots)
{
    struct gather *gather = mem_alloc(sizeof(*gather));
    gather->mesos = mesos;
    gather->id = str_dup(id);
    gather->done = done;
    gather->type = type;
    gather->merged = type ? mem_alloc(type->size) : NULL;
    gather->slots = mem_alloc((slots + 1) * sizeof(*gather->slots));
    gather->pending = 1; /* the asking itself */
    mesos->requests++;
    return gather;
}

void gather_free(struct gather *gather)
{
    assert(gather->pending == 0);
    gather->mesos->requests--;
    if (gather->merged)
        json_type_release(gather->type, gather->merged);
    free(gather->merged);
    free(gather->slots);
    free(gather->id);
    err_clear(&gather->err);
    free(gather);
}

static void keep_answer(struct gather *gather, struct gather_slot *slot, const void *value)
{
    if (!value || !gather->type)
        return;
    if (slot == &gather->slots[gather->next]) {
        json_type_merge(gather->type, gather->merged, value);
        return;
    }
    slot->answer = mem_alloc(gather->type->size);
    json_type_copy(gather->type, slot->answer, value);
}

static void merge_settled(struct gather *gather)
{
    while (gather->next < gather->count && gather->slots[gather->next].settled) {
        struct gather_slot *slot = &gather->slots[gather->next++];
        if (!slot->answer)
            continue;
        json_type_merge(gather->type, gather->merged, slot->answer);
        json_type_release(gather->type, slot->answer);
        free(TAKE_PTR(slot->answer));
    }
}

static void note_failure(
    struct gather *gather, const struct gather_slot *slot, int result, const struct err *err)
{
    if (!gather->failed) {
        log_info("%s: %s: %s, skipped", gather->id, slot->name,
            err ? err_text(err) : err_name(result));
        return;
    }
    if (gather->result < 0)
        return;
    gather->result = result;
    err_take_note(&gather->err, result, err);
    err_wrap(&gather->err, result, "%s", slot->name);
    gather->failed(gather);
}

static void settled(struct gather *gather)
{
    if (--gather->pending == 0)
        gather->finished(gather);
}

static void answered(void *arg, int result, const void *value, const struct err *err)
{
    struct gather_slot *slot = arg;
    struct gather *gather = slot->gather;
    assert(!slot->settled);
    if (result < 0)
        note_failure(gather, slot, result, err);
    else
        keep_answer(gather, slot, value);
    slot->settled = true;
    merge_settled(gather);
    settled(gather);
}

struct done gather_done(struct gather *gather, const char *name)
{
    struct gather_slot *slot = &gather->slots[gather->count++];
    slot->gather = gather;
    slot->name = name;
    gather->pending++;
    return DONE(answered, slot);
}

void gather_end(struct gather *gather)
{
    settled(gather);
}
