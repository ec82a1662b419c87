/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of `agent`: the agent under test, and the machine it runs on. */
#include "reference/base/mem.h"
#include "reference/flags.h"
#include "reference/model/launch_info.h"
#include "scenarios/engine/backends/backend.h"

static const char *const launchers[] = {"posix", "linux", NULL};
static const char *const layouts[] = {"v1", "v2", "hybrid", "none", NULL};
static const char *const profiles[] = {"6.1", "6.12", "6.18", NULL};
static const char *const fake_or_real[] = {"fake", "real", NULL};

static const char *const filesystems[] = {
    "ext4", "xfs", "xfs-ftype0", "btrfs", "zfs", "overlay", NULL};

static const struct key kernel_keys[] = {
    {"profile", VALUE_ENUM, 0, profiles, NULL, NULL, "the version it behaves like (default 6.12)"},
    {"cpus", VALUE_INTEGER, 0, NULL, NULL, NULL, "number of CPUs (default 4)"},
    {"memory", VALUE_BYTES, 0, NULL, NULL, NULL, "its memory (default 8GiB)"},
    {"swap", VALUE_BYTES, 0, NULL, NULL, NULL, "its swap (default none)"},
    {"filesystem", VALUE_ENUM, 0, filesystems, NULL, NULL,
        "what everything is on (default ext4); xfs has project quotas, xfs-ftype0 only no d_type"},
    {"gpus", VALUE_INTEGER, 0, NULL, NULL, NULL, "NVIDIA GPUs with a driver, 8 at most"},
    {"options", VALUE_TEXT, 0, NULL, NULL, NULL,
        "what the build lacks or has beyond the profile, by commas (fakes/kernel/cgroup.h)"},
};
static const struct schema kernel_schema = SCHEMA("kernel", kernel_keys, "profile");

static const struct key fake_keys[] = {
    {"name", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "its name"},
    {"nesting", VALUE_BOOL, 0, NULL, NULL, NULL, "sees nested containers (default true)"},
    {"standalone", VALUE_BOOL, 0, NULL, NULL, NULL, "sees standalone ones (default true)"},
    {"launch_info", VALUE_JSON, 0, NULL, NULL, &launch_info_json,
        "the ContainerLaunchInfo that its prepare yields"},
};
static const struct schema fake_schema = SCHEMA("a fake", fake_keys, "name");

static const struct key image_keys[] = {
    {"name", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "its name, such as busybox:latest"},
    {"local", VALUE_BOOL, 0, NULL, NULL, NULL, "there without a pull (default true)"},
    {"entrypoint", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "its entrypoint"},
    {"command", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "what runs without arguments"},
    {"environment", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "its variables, NAME=value"},
};
static const struct schema image_schema = SCHEMA("an image", image_keys, "name");

static const char *const clients[] = {"double", "cli", NULL};
static const struct key docker_keys[] = {
    {"client", VALUE_ENUM, 0, clients, NULL, NULL,
        "double (default, only simulated): the agent calls the engine itself; cli: by its program"},
    {"images", VALUE_MAP, KEY_LIST, NULL, &image_schema, NULL,
        "images beyond busybox:latest (local) and far:latest (to be pulled)"},
    {"version", VALUE_TEXT, 0, NULL, NULL, NULL, "what `docker --version` says"},
};
static const struct schema docker_schema = SCHEMA("docker", docker_keys, "client");

static const struct key start_keys[] = {
    {"failed", VALUE_MATCH, KEY_REQUIRED, NULL, NULL, NULL,
        "the agent cannot be made, with this in the message; no step is played then"},
};
static const struct schema start_schema = SCHEMA("expect of an agent", start_keys, NULL);

static const struct key agent_keys[] = {
    {"containerizers", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "default mesos"},
    {"launcher", VALUE_ENUM, 0, launchers, NULL, NULL, "default posix"},
    {"isolation", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL, "default [posix/cpu, posix/mem]"},
    {"cgroups", VALUE_ENUM, 0, layouts, NULL, NULL,
        "which cgroups the machine must have (default: v2 simulated, as it is on a kernel)"},
    {"kernel", VALUE_MAP, 0, NULL, &kernel_schema, NULL, "the simulated machine"},
    {"fakes", VALUE_MAP, KEY_LIST, NULL, &fake_schema, NULL,
        "further isolators that do nothing but what the steps tell them"},
    {"docker", VALUE_MAP, 0, NULL, &docker_schema, NULL,
        "the simulated docker engine, when docker is among the containerizers"},
    {"fetcher", VALUE_ENUM, 0, fake_or_real, NULL, NULL,
        "default: fake when a step holds or fails it"},
    {"provisioner", VALUE_ENUM, 0, fake_or_real, NULL, NULL,
        "default: fake when a step holds or fails it"},
    {"flags", VALUE_TEXT_MAP, 0, NULL, NULL, NULL, "any flag of the agent"},
    {"framework", VALUE_TEXT, KEY_LIST, NULL, NULL, NULL,
        "capabilities of the framework, such as TASK_KILLING_STATE (default none)"},
    {"expect", VALUE_MAP, 0, NULL, &start_schema, NULL, "for agents that must not start"},
};

static void agent_check(const struct node *map, struct problems *problems)
{
    const struct node *given = node_get(map, "flags");
    struct flags flags;
    flags_init(&flags);
    for (size_t i = 0; given && i < given->count; i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        if (flags_set(&flags, given->keys[i]->text, given->items[i]->text, &err) < 0)
            node_problem(problems, given->keys[i], "flag %s (%s), expected a flag of the agent",
                given->keys[i]->text, err_text(&err));
    }
    flags_release(&flags);
}
const struct schema agent_schema = {"agent", agent_keys, ARRAY_SIZE(agent_keys), NULL, agent_check};
