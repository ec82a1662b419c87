/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/model/agent_state.h"

#include <stdlib.h>

static void agent_run_release(struct agent_run *run)
{
    free(run->container_id);
    free(run->framework_id);
    free(run->executor_id);
    json_type_release(&executor_info_json, run->executor_info);
    free(run->executor_info);
    free(run->directory);
}

void agent_state_release(struct agent_state *state)
{
    if (!state)
        return;
    for (size_t i = 0; i < state->runs_count; i++)
        agent_run_release(&state->runs[i]);
    free(state->runs);
    *state = (struct agent_state){0};
}
