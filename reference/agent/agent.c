/* SPDX-License-Identifier: Apache-2.0 */
/* Creation of the agent: which containerizer, launcher and isolators (containerizer.md 2.4). */
#include "reference/agent/agent.h"

#include <assert.h>
#include <errno.h>

#include "reference/agent/executor_registry.h"
#include "reference/agent/image_gc.h"
#include "reference/agent/recovered.h"
#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/composing.h"
#include "reference/docker/docker_containerizer.h"
#include "reference/fetcher/fetcher.h"
#include "reference/launchers/launcher.h"
#include "reference/mesos/mesos.h"
#include "reference/provisioner/provisioner.h"

#define CONTAINERIZERS_MAX 2

/* What the agent is being made of. Whatever is left in it at the end is freed: the parts that no
 * containerizer has taken, and on failure all. */
struct creation {
    struct host *host;
    const struct flags *flags;
    struct agent_parts given;
    struct launcher *launcher;
    struct fetcher *fetcher; /* the one for all; NULL until somebody needs it */
    struct isolator_list isolators;
    struct containerizer *containerizers[CONTAINERIZERS_MAX];
    size_t containerizers_count;
};

static void creation_discard(struct creation *creation)
{
    for (size_t i = 0; i < creation->containerizers_count; i++)
        containerizer_free(creation->containerizers[i]);
    for (size_t i = 0; i < creation->given.isolators_count; i++)
        isolator_free(creation->given.isolators[i]);
    isolator_list_free(&creation->isolators);
    launcher_free(creation->launcher);
    fetcher_free(creation->fetcher);
    fetcher_free(creation->given.fetcher);
    fetcher_free(creation->given.docker_fetcher);
    provisioner_free(creation->given.provisioner);
    docker_free(creation->given.docker);
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
    const struct agent_parts *given = &creation->given;
    if (creation->launcher)
        return 0;
    int r = create_launcher(creation, err);
    if (r == 0 && given->wrap_launcher)
        creation->launcher = given->wrap_launcher(given->wrap_arg, creation->launcher);
    return r;
}

/* --- isolators --- */

static bool is_module(
    const struct agent_parts *given, size_t count, const struct isolator *isolator)
{
    for (size_t i = 0; i < count; i++) {
        if (given->isolators[i] == isolator)
            return true;
    }
    return false;
}

static int create_isolators(struct creation *creation, struct err *err)
{
    struct agent_parts *given = &creation->given;
    size_t modules = given->isolators_count;
    struct isolator_context context = {
        .host = creation->host,
        .flags = creation->flags,
        .linux_launcher = str_equal(creation->launcher->ops->name, "linux"),
        .provisioner = creation->given.provisioner,
    };
    int r = isolator_list_create(
        &context, given->isolators, modules, &creation->isolators, err);
    if (r < 0)
        return r;
    given->isolators_count = 0; /* they are the list's now */
    struct isolator_list *list = &creation->isolators;
    assert(list->count >= modules);
    for (size_t i = 0; given->wrap_isolator && i < list->count; i++) {
        if (!is_module(given, modules, list->items[i]))
            list->items[i] = given->wrap_isolator(given->wrap_arg, list->items[i]);
    }
    return 0;
}

/* --- containerizers --- */

/* All containerizers share the agent's fetcher, and its cache. */
static int share_fetcher(struct creation *creation, struct fetcher **ret_fetcher, struct err *err)
{
    int r = 0;
    if (*ret_fetcher)
        return 0;
    if (!creation->fetcher)
        r = cached_fetcher_new(creation->host, creation->flags, &creation->fetcher, err);
    if (r == 0)
        *ret_fetcher = cached_fetcher_share(creation->fetcher);
    return r;
}

static int create_mesos(
    struct creation *creation, struct containerizer **ret_containerizer, struct err *err)
{
    int r = choose_launcher(creation, err);
    if (r == 0 && !creation->given.provisioner)
        r = image_provisioner_new(
            creation->host, creation->flags, &creation->given.provisioner, err);
    if (r == 0)
        r = create_isolators(creation, err);
    if (r == 0)
        r = share_fetcher(creation, &creation->given.fetcher, err);
    if (r < 0)
        return r;
    const struct mesos_parts parts = {
        .host = creation->host,
        .flags = creation->flags,
        .launcher = TAKE_PTR(creation->launcher),
        .isolators = creation->isolators,
        .fetcher = TAKE_PTR(creation->given.fetcher),
        .provisioner = TAKE_PTR(creation->given.provisioner),
    };
    creation->isolators = (struct isolator_list){0};
    *ret_containerizer = mesos_containerizer_new(&parts);
    return 0;
}

/* It does without a v1 hierarchy where there is none (docker.md 1, quirk). */
static int create_docker(
    struct creation *creation, struct containerizer **ret_containerizer, struct err *err)
{
    int r = share_fetcher(creation, &creation->given.docker_fetcher, err);
    if (r < 0)
        return r;
    const struct docker_parts parts = {
        .host = creation->host,
        .flags = creation->flags,
        .docker = creation->given.docker,
        .fetcher = creation->given.docker_fetcher,
        .without_cgroups = true,
    };
    r = docker_containerizer_new(&parts, ret_containerizer, err);
    if (r < 0)
        return r;
    creation->given.docker = NULL;
    creation->given.docker_fetcher = NULL;
    return 0;
}

/* In the order in which they are tried (composing.md "Order"). */
static const struct containerizer_entry {
    const char *name;
    int (*create)(
        struct creation *creation, struct containerizer **ret_containerizer, struct err *err);
} containerizers[CONTAINERIZERS_MAX] = {
    {"docker", create_docker},
    {"mesos", create_mesos},
};

/* --containerizers: known names, none twice. */
static int check_names(char *const *names, struct err *err)
{
    const char *known[ARRAY_SIZE(containerizers) + 1] = {NULL};
    for (size_t i = 0; i < ARRAY_SIZE(containerizers); i++)
        known[i] = containerizers[i].name;
    for (size_t i = 0; names && names[i]; i++) {
        if (!strv_contains((char *const *)known, names[i]))
            return unknown_name("containerizers", names[i], known, err);
        if (strv_contains(names + i + 1, names[i]))
            return err_set(err, -EINVAL, "containerizers: \"%s\" is given twice", names[i]);
    }
    if (strv_length(names) == 0)
        return err_set(err, -EINVAL, "containerizers: expected a name, got none");
    return 0;
}

static int create_containerizers(struct creation *creation, struct err *err)
{
    const char *flag = creation->flags->containerizers;
    _cleanup_strv_ char **names = strv_split(flag ? flag : "", ",");
    int r = check_names(names, err);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(containerizers); i++) {
        struct containerizer *containerizer = NULL;
        if (!strv_contains(names, containerizers[i].name))
            continue;
        r = containerizers[i].create(creation, &containerizer, err);
        if (r == 0)
            creation->containerizers[creation->containerizers_count++] = containerizer;
    }
    return r;
}

/* The one, or all as one. */
static struct containerizer *combined(struct creation *creation)
{
    size_t count = creation->containerizers_count;
    creation->containerizers_count = 0;
    if (count == 1)
        return creation->containerizers[0];
    return composing_containerizer_new(creation->host, creation->containerizers, count);
}

int agent_create(struct host *host, const struct flags *flags, const struct agent_parts *parts,
    struct agent **ret_agent, struct err *err)
{
    struct creation creation = {.host = host, .flags = flags};
    if (parts)
        creation.given = *parts;
    creation.launcher = creation.given.launcher;
    int r = flags_validate(flags, host->cgroups && host->cgroups->unified, err);
    if (r == 0)
        r = create_containerizers(&creation, err);
    if (r == 0) {
        struct agent *agent = mem_alloc(sizeof(*agent));
        agent->host = host;
        flags_copy(&agent->flags, flags);
        agent->containerizer = combined(&creation);
        if (creation.fetcher)
            cached_fetcher_count_into(creation.fetcher, agent->containerizer);
        agent->executors = executor_registry_new(agent);
        agent->image_gc = image_gc_new(host, flags, agent->containerizer);
        agent->capabilities = strv_copy(creation.given.capabilities);
        *ret_agent = agent;
    }
    creation_discard(&creation);
    return r;
}

/* --- recovery --- */

struct recovery {
    struct agent *agent;
    struct agent_state state;
    struct done done;
};

/* The executors of command tasks that are still there have to come back. */
static void expect_executors(const struct recovery *recovery)
{
    struct agent *agent = recovery->agent;
    for (size_t i = 0; i < recovery->state.runs_count; i++) {
        const struct agent_run *run = &recovery->state.runs[i];
        const struct executor_identity identity = {
            run->container_id, run->framework_id, run->executor_id};
        enum container_phase phase;
        _cleanup_err_ struct err err = ERR_INIT;
        if (!run->made_up || run->completed ||
            containerizer_phase(agent->containerizer, run->container_id, &phase) < 0)
            continue;
        if (executor_registry_recover(agent->executors, &identity, &err) < 0)
            log_warning("executor of %s: %s", run->container_id, err_text(&err));
        agent_wait_recovered(agent, &identity);
    }
}

static void recovered(void *arg, int result, const void *value, const struct err *err)
{
    struct recovery *recovery = arg;
    struct done done = recovery->done;
    if (result == 0) {
        expect_executors(recovery);
        image_gc_start(recovery->agent->image_gc);
    }
    agent_state_release(&recovery->state);
    free(recovery);
    if (result < 0)
        done_fail(done, result, err);
    else
        done_ok(done, value);
}

void agent_recover(struct agent *agent, struct done done)
{
    if (agent->ops) {
        agent->ops->recover(agent, done);
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    struct recovery *recovery = mem_alloc(sizeof(*recovery));
    recovery->agent = agent;
    recovery->done = done;
    int r = agent_state_read(agent->host, &agent->flags, &recovery->state, &err);
    if (r < 0) {
        free(recovery);
        err_wrap(&err, r, "recover: agent state");
        done_fail(done, r, &err);
        return;
    }
    containerizer_recover(agent->containerizer, &recovery->state, DONE(recovered, recovery));
}

void agent_prune_images(struct agent *agent, char *const *keep, struct done done)
{
    image_gc_prune(agent->image_gc, agent->containerizer, keep, done);
}

void agent_free(struct agent *agent)
{
    if (!agent)
        return;
    image_gc_stop(agent->image_gc);
    containerizer_free(agent->containerizer);
    image_gc_free(agent->image_gc);
    assert(agent->pending == 0);
    executor_registry_free(agent->executors);
    strv_free(agent->capabilities);
    flags_release(&agent->flags);
    free(agent);
}
