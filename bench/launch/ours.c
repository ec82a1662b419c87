/* SPDX-License-Identifier: Apache-2.0 */
/* The reference as contender: an agent in this process, as `seatrial agent` runs it. */
#include <errno.h>
#include <string.h>

#include "bench/launch/contender.h"
#include "reference/agent/agent.h"
#include "reference/base/loop_uv.h"
#include "reference/host_linux.h"

struct ours {
    struct loop *loop;
    struct host *host;
    struct agent *agent;
    struct flags flags;
    uint64_t launched;
    bool answered;
    int result;
    char *message;
};

static void answered(void *arg, int result, const void *value, const struct err *err)
{
    struct ours *ours = arg;

    (void)value;
    ours->answered = true;
    if (result < 0) {
        ours->result = result;
        str_set(&ours->message, err ? err_text(err) : err_name(result));
    }
}

static void until_answered(struct ours *ours)
{
    while (!ours->answered)
        loop_step(ours->loop);
    ours->answered = false;
}

static int ours_open_with(struct launch_world *world, const char *launcher, const char *isolation,
    void **ret_data, struct err *err)
{
    struct ours *ours = mem_alloc(sizeof(*ours));
    const struct host_linux_options options = {.init_helper = world->init_helper, .cgroups = "v1"};
    const struct agent_parts parts = {.launcher = NULL};
    int r;

    *ret_data = ours;
    ours->loop = loop_uv_new();
    flags_init(&ours->flags);
    ours->flags.work_dir =
        str_printf("%s/work-%s-%zu", world->directory, launcher, strlen(isolation));
    str_set(&ours->flags.runtime_dir, NULL);
    ours->flags.runtime_dir =
        str_printf("%s/run-%s-%zu", world->directory, launcher, strlen(isolation));
    str_set(&ours->flags.launcher, launcher);
    str_set(&ours->flags.isolation, isolation);
    str_set(&ours->flags.cgroups_root, world->cgroup);
    r = host_linux_new(ours->loop, NULL, &options, &ours->host, err);
    if (r == 0)
        r = agent_create(ours->host, &ours->flags, &parts, &ours->agent, err);
    if (r < 0)
        return r;
    agent_recover(ours->agent, DONE(answered, ours));
    until_answered(ours);
    return ours->result < 0 ? err_set(err, ours->result, "%s", ours->message) : 0;
}

static int ours_open_posix(struct launch_world *world, void **ret_data, struct err *err)
{
    return ours_open_with(world, "posix", "posix/cpu,posix/mem", ret_data, err);
}

static int ours_open_linux(struct launch_world *world, void **ret_data, struct err *err)
{
    return ours_open_with(world, "linux", "cgroups/cpu,cgroups/mem,cgroups/pids", ret_data, err);
}

static int ours_open_namespaces(struct launch_world *world, void **ret_data, struct err *err)
{
    return ours_open_with(world, "linux",
        "cgroups/cpu,cgroups/mem,cgroups/pids,filesystem/linux,namespaces/pid,namespaces/ipc",
        ret_data, err);
}

static int ours_run(struct launch_world *world, void *data, uint64_t *ret_stamp_ns, struct err *err)
{
    struct ours *ours = data;
    char *arguments[] = {world->payload, NULL};
    struct container_config config = {
        .command_info = {.value = world->payload, .arguments = arguments}};
    _cleanup_free_ char *id = str_printf("c%llu", (unsigned long long)++ours->launched);
    _cleanup_free_ char *sandbox = str_printf("%s/containers/%s", ours->flags.work_dir, id);
    _cleanup_free_ char *output = str_printf("%s/stdout", sandbox);
    int r;

    resources_add_scalar(&config.resources, "cpus", 1);
    resources_add_scalar(&config.resources, "mem", 64);
    agent_launch(ours->agent, id, &config, DONE(answered, ours));
    resources_release(&config.resources);
    until_answered(ours);
    if (ours->result == 0) {
        containerizer_wait(ours->agent->containerizer, id, DONE(answered, ours));
        until_answered(ours);
    }
    if (ours->result < 0)
        return err_set(err, ours->result, "%s", ours->message);
    r = stamp_read(output, ret_stamp_ns, err);
    /* A sandbox is the operator's to collect. */
    return r < 0 ? r : host_tree_remove(ours->host, sandbox, err);
}

static void ours_close(struct launch_world *world, void *data)
{
    struct ours *ours = data;

    (void)world;
    agent_free(ours->agent);
    if (ours->host) {
        host_crash(ours->host);
        host_gone(ours->host);
        host_free(ours->host);
    }
    loop_free(ours->loop);
    flags_release(&ours->flags);
    free(ours->message);
    free(ours);
}

const struct contender contender_posix = {
    "posix", "the reference with the posix launcher", ours_open_posix, ours_run, ours_close};
const struct contender contender_linux = {"linux",
    "the reference with the linux launcher and cgroups/cpu, mem and pids", ours_open_linux,
    ours_run, ours_close};
const struct contender contender_linux_namespaces = {"linux-ns",
    "the same with filesystem/linux, namespaces/pid and namespaces/ipc", ours_open_namespaces,
    ours_run, ours_close};
