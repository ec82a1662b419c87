/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "reference/base/mem.h"
#include "scenarios/engine/backends/docker_control.h"

struct sim_control {
    struct docker_control base;
    struct fake_docker *engine;
};

static struct fake_docker *engine_of(struct docker_control *control)
{
    return ((struct sim_control *)control)->engine;
}

static void sim_add_rule(struct docker_control *control, const struct fake_docker_rule *rule)
{
    fake_docker_add_rule(engine_of(control), rule);
}

static unsigned sim_release(struct docker_control *control, enum docker_verb verb, const char *name)
{
    return fake_docker_release(engine_of(control), verb, name);
}

static void sim_calm(struct docker_control *control)
{
    fake_docker_calm(engine_of(control));
}

static void sim_refuse(struct docker_control *control, bool refuse)
{
    fake_docker_refuse(engine_of(control), refuse);
}

static int sim_restart(struct docker_control *control, struct err *err)
{
    (void)err;
    fake_docker_restart(engine_of(control));
    return 0;
}

static void sim_set_version(struct docker_control *control, const char *version)
{
    fake_docker_set_version(engine_of(control), version);
}

static int sim_start(struct docker_control *control, const char *name, struct err *err)
{
    return fake_docker_start(engine_of(control), name, err);
}

static int sim_end(struct docker_control *control, const char *name, int status, struct err *err)
{
    if (fake_docker_pid(engine_of(control), name) == 0)
        return err_set(err, -ESRCH, "%s does not run", name);
    fake_docker_exit(engine_of(control), name, status);
    return 0;
}

static void sim_look(
    struct docker_control *control, const char *name, bool *ret_exists, bool *ret_running)
{
    *ret_exists = fake_docker_exists(engine_of(control), name);
    *ret_running = *ret_exists && fake_docker_pid(engine_of(control), name) > 0;
}

static char **sim_lines(struct docker_control *control)
{
    return strv_copy(fake_docker_lines(engine_of(control)));
}

static void sim_free(struct docker_control *control)
{
    free(control);
}

struct docker_control *docker_control_sim(struct fake_docker *engine)
{
    static const struct docker_control_ops ops = {.add_rule = sim_add_rule,
        .release = sim_release,
        .calm = sim_calm,
        .refuse = sim_refuse,
        .restart = sim_restart,
        .set_version = sim_set_version,
        .start = sim_start,
        .end = sim_end,
        .look = sim_look,
        .lines = sim_lines,
        .free = sim_free};
    struct sim_control *control = mem_alloc(sizeof(*control));
    control->base.ops = &ops;
    control->engine = engine;
    return &control->base;
}
