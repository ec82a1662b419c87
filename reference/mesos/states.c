/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of a container (containerizer.md 3): which transitions are legal, when they happen,
 * and what each state does next. There is no other place that sets a phase.
 */
#include "reference/mesos/container.h"

#include <assert.h>

/* A phase starts with nothing asked for. */
static void begin_phase(struct container *container)
{
    struct launch *launch = container->launch;
    assert(launch && launch->pending == 0);
    launch->asked = false;
    launch->result = 0;
}

/* A launched container runs when its launch was answered; a recovered one has none. */
static void begin_running(struct container *container)
{
    if (container->launch)
        launch_settle(container, 0, NULL);
}

/* The destroy's own record was made by container_destroy; its first step comes next. */
static void begin_destroying(struct container *container)
{
    assert(container->destroy);
}

struct transition {
    int from;
    enum container_phase to;
    const char *when;
    void (*begin)(struct container *container);
};

static const struct transition transitions[] = {
    {CONTAINER_STARTING, CONTAINER_PROVISIONING, "launch accepted", begin_phase},
    {CONTAINER_STARTING, CONTAINER_RUNNING, "recovered", begin_running},
    {CONTAINER_PROVISIONING, CONTAINER_PREPARING, "provisioned, config checkpointed", begin_phase},
    {CONTAINER_PREPARING, CONTAINER_ISOLATING, "child forked", begin_phase},
    {CONTAINER_ISOLATING, CONTAINER_FETCHING, "all isolators isolated", begin_phase},
    {CONTAINER_FETCHING, CONTAINER_RUNNING, "fetched, child released", begin_running},
    {CONTAINER_PROVISIONING, CONTAINER_DESTROYING, "destroy", begin_destroying},
    {CONTAINER_PREPARING, CONTAINER_DESTROYING, "destroy", begin_destroying},
    {CONTAINER_ISOLATING, CONTAINER_DESTROYING, "destroy", begin_destroying},
    {CONTAINER_FETCHING, CONTAINER_DESTROYING, "destroy", begin_destroying},
    {CONTAINER_RUNNING, CONTAINER_DESTROYING, "destroy", begin_destroying},
};

static enum step step_running(struct container *container)
{
    (void)container;
    return STEP_WAIT;
}

static enum step (*const steps[])(struct container *container) = {
    [CONTAINER_PROVISIONING] = step_provisioning,
    [CONTAINER_PREPARING] = step_preparing,
    [CONTAINER_ISOLATING] = step_isolating,
    [CONTAINER_FETCHING] = step_fetching,
    [CONTAINER_RUNNING] = step_running,
    [CONTAINER_DESTROYING] = step_destroying,
};

const char *container_phase_name(int phase)
{
    return phase == CONTAINER_STARTING ? "STARTING" : container_phase_names[phase];
}

void container_transition(struct container *container, enum container_phase to)
{
    const struct transition *legal = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(transitions) && !legal; i++)
        if (transitions[i].from == container->phase && transitions[i].to == to)
            legal = &transitions[i];
    assert(legal);
    trace_event(container->mesos->host->trace, "agent", "container.state", 0,
        "id=%s from=%s to=%s when=%s", container->id, container_phase_name(container->phase),
        container_phase_names[to], legal->when);
    container->phase = (int)to;
    legal->begin(container);
}

enum step container_step(struct container *container)
{
    assert(container->phase >= 0 && (size_t)container->phase < ARRAY_SIZE(steps));
    return steps[container->phase](container);
}
