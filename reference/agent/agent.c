/* SPDX-License-Identifier: Apache-2.0 */
/* Creation of the agent: which containerizer, launcher and isolators (containerizer.md 2.4). */
#include "reference/agent/agent.h"

#include <assert.h>
#include <errno.h>

#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/launchers/launcher.h"
#include "reference/mesos/mesos.h"

/* What the agent is being made of; whatever is left in it on failure is freed. */
struct creation {
    struct host *host;
    const struct flags *flags;
    const struct agent_parts *given;
    struct launcher *launcher;
    struct isolator_list isolators;
    bool isolators_taken; /* the given ones are in the list */
};

static void creation_discard(struct creation *creation)
{
    if (!creation->isolators_taken)
        for (size_t i = 0; i < creation->given->isolators_count; i++)
            isolator_free(creation->given->isolators[i]);
    isolator_list_free(&creation->isolators);
    launcher_free(creation->launcher);
    fetcher_free(creation->given->fetcher);
    provisioner_free(creation->given->provisioner);
}

/* --- launchers --- */

static bool linux_launcher_available(const struct host *host)
{
    if (!host->cgroups)
        return false;
    return host->cgroups->unified ||
           (host->facts.root && cgroup_hierarchy_find(host->cgroups, "freezer"));
}

static int create_posix(struct creation *creation, struct err *err)
{
    (void)err;
    creation->launcher = launcher_posix_new(creation->host);
    return 0;
}

static int create_linux(struct creation *creation, struct err *err)
{
    const struct flags *flags = creation->flags;
    const struct host *host = creation->host;
    if (host->cgroups && host->cgroups->hybrid)
        return err_set(err, -EINVAL, "cgroup2 is mounted at an unexpected location: hybrid "
                                     "hierarchies are not supported");
    if (!linux_launcher_available(host))
        return err_set(err, -EOPNOTSUPP,
            "it needs cgroup2 at /sys/fs/cgroup, or root and the freezer hierarchy");
    struct launcher_linux_options options = {
        .cgroups_root = flags->cgroups_root,
        .destroy_timeout_ns = flags->cgroups_destroy_timeout_ns,
        .systemd = host->facts.systemd && flags->systemd_enable_support,
    };
    return launcher_linux_new(creation->host, &options, &creation->launcher, err);
}

static const struct launcher_entry {
    const char *name;
    int (*create)(struct creation *creation, struct err *err);
} launchers[] = {
    {"posix", create_posix},
    {"linux", create_linux},
};

static int unknown_name(
    const char *flag, const char *name, const char *const *known, struct err *err)
{
    const char *near = json_suggest(name, known);
    return err_set(err, -EINVAL, "%s: unknown name \"%s\"%s%s%s", flag, name,
        near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int create_launcher(struct creation *creation, struct err *err)
{
    const char *name = creation->flags->launcher;
    if (!name)
        name = linux_launcher_available(creation->host) && !creation->host->cgroups->hybrid
                   ? "linux"
                   : "posix";
    const char *known[ARRAY_SIZE(launchers) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(launchers); i++) {
        known[i] = launchers[i].name;
        if (!str_equal(launchers[i].name, name))
            continue;
        int r = launchers[i].create(creation, err);
        return r < 0 ? err_wrap(err, r, "launcher %s", name) : 0;
    }
    return unknown_name("launcher", name, known, err);
}

static int choose_launcher(struct creation *creation, struct err *err)
{
    const struct agent_parts *given = creation->given;
    if (creation->launcher)
        return 0;
    int r = create_launcher(creation, err);
    if (r == 0 && given->wrap_launcher)
        creation->launcher = given->wrap_launcher(given->wrap_arg, creation->launcher);
    return r;
}

/* --- isolators --- */

static int create_isolators(struct creation *creation, struct err *err)
{
    const struct agent_parts *given = creation->given;
    struct isolator_context context = {
        .host = creation->host,
        .flags = creation->flags,
        .linux_launcher = str_equal(creation->launcher->ops->name, "linux"),
    };
    int r = isolator_list_create(
        &context, given->isolators, given->isolators_count, &creation->isolators, err);
    if (r < 0)
        return r;
    creation->isolators_taken = true;
    struct isolator_list *list = &creation->isolators;
    assert(list->count >= given->isolators_count);
    for (size_t i = 0; given->wrap_isolator && i < list->count - given->isolators_count; i++)
        list->items[i] = given->wrap_isolator(given->wrap_arg, list->items[i]);
    return 0;
}

/* --- containerizers --- */

static struct containerizer *create_mesos(struct creation *creation)
{
    const struct mesos_parts parts = {
        .host = creation->host,
        .flags = creation->flags,
        .launcher = TAKE_PTR(creation->launcher),
        .isolators = creation->isolators,
        .fetcher = creation->given->fetcher,
        .provisioner = creation->given->provisioner,
    };
    creation->isolators = (struct isolator_list){0};
    return mesos_containerizer_new(&parts);
}

static const struct containerizer_entry {
    const char *name;
    struct containerizer *(*create)(struct creation *creation);
} containerizers[] = {
    {"mesos", create_mesos},
};

/* --containerizers: known names, none twice. */
static int choose_containerizer(
    const struct flags *flags, const struct containerizer_entry **ret_entry, struct err *err)
{
    _cleanup_strv_ char **names =
        strv_split(flags->containerizers ? flags->containerizers : "", ",");
    const char *known[ARRAY_SIZE(containerizers) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(containerizers); i++)
        known[i] = containerizers[i].name;
    const struct containerizer_entry *chosen = NULL;
    for (size_t i = 0; names && names[i]; i++) {
        const struct containerizer_entry *entry = NULL;
        for (size_t k = 0; k < ARRAY_SIZE(containerizers); k++)
            if (str_equal(containerizers[k].name, names[i]))
                entry = &containerizers[k];
        if (!entry)
            return unknown_name("containerizers", names[i], known, err);
        if (entry == chosen)
            return err_set(err, -EINVAL, "containerizers: \"%s\" is given twice", names[i]);
        chosen = entry;
    }
    if (!chosen)
        return err_set(err, -EINVAL, "containerizers: expected a name, got none");
    *ret_entry = chosen;
    return 0;
}

int agent_create(struct host *host, const struct flags *flags, const struct agent_parts *parts,
    struct agent **ret_agent, struct err *err)
{
    static const struct agent_parts none;
    struct creation creation = {.host = host, .flags = flags, .given = parts ? parts : &none};
    creation.launcher = creation.given->launcher;
    const struct containerizer_entry *entry = NULL;
    int r = flags_validate(flags, host->cgroups && host->cgroups->unified, err);
    if (r == 0)
        r = choose_containerizer(flags, &entry, err);
    if (r == 0)
        r = choose_launcher(&creation, err);
    if (r == 0)
        r = create_isolators(&creation, err);
    if (r < 0) {
        creation_discard(&creation);
        return r;
    }
    struct agent *agent = mem_alloc(sizeof(*agent));
    agent->host = host;
    flags_copy(&agent->flags, flags);
    agent->containerizer = entry->create(&creation);
    *ret_agent = agent;
    return 0;
}

void agent_recover(struct agent *agent, struct done done)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct agent_state state = {0};
    int r = agent_state_read(agent->host, &agent->flags, &state, &err);
    if (r < 0) {
        err_wrap(&err, r, "recover: agent state");
        done_fail(done, r, &err);
        return;
    }
    containerizer_recover(agent->containerizer, &state, done);
    agent_state_release(&state);
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    containerizer_free(agent->containerizer);
    assert(agent->pending == 0);
    flags_release(&agent->flags);
    free(agent);
}
