/* SPDX-License-Identifier: Apache-2.0 */
/* From the keys of an agent (and of a restart) to its flags. */
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/run/place.h"
#include "scenarios/engine/run/run.h"

static int set_list(struct run *run, const struct node *agent, const char *key, struct err *err)
{
    _cleanup_free_ char *text = node_list_text(agent, key);
    return text ? flags_set(&run->flags, key, text, err) : 0;
}

int agent_flags_apply(struct run *run, const struct node *agent, struct err *err)
{
    int result = set_list(run, agent, "containerizers", err);
    if (result == 0)
        result = set_list(run, agent, "isolation", err);
    if (result == 0 && node_text(agent, "launcher"))
        result = flags_set(&run->flags, "launcher", node_text(agent, "launcher"), err);
    const struct node *flags = node_get(agent, "flags");
    for (size_t i = 0; flags && i < flags->count && result == 0; i++) {
        _cleanup_free_ char *value = place_text(run, flags->items[i]->text, err);
        result = value ? flags_set(&run->flags, flags->keys[i]->text, value, err) : err->code;
    }
    return result;
}
