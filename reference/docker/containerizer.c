/* SPDX-License-Identifier: Apache-2.0 */
/* The instance: its table of operations, the records of its containers, and their phases. */
#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "reference/base/log.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/docker/docker_cli.h"
#include "reference/docker/docker_container.h"
#include "reference/docker/names.h"
#include "reference/operation.h"

/* --- phases (docker.md 5) --- */

static const struct transition {
    int from;
    enum container_phase to;
    const char *when;
} transitions[] = {
    {CONTAINER_NEW, CONTAINER_FETCHING, "launch accepted"},
    {CONTAINER_NEW, CONTAINER_RUNNING, "recovered"},
    {CONTAINER_FETCHING, CONTAINER_PULLING, "fetched"},
    {CONTAINER_PULLING, CONTAINER_MOUNTING, "image there"},
    {CONTAINER_MOUNTING, CONTAINER_RUNNING, "mounted, about to be started"},
    {CONTAINER_FETCHING, CONTAINER_DESTROYING, "destroy"},
    {CONTAINER_PULLING, CONTAINER_DESTROYING, "destroy"},
    {CONTAINER_MOUNTING, CONTAINER_DESTROYING, "destroy"},
    {CONTAINER_RUNNING, CONTAINER_DESTROYING, "destroy"},
};

void docker_transition(struct docker_container *container, enum container_phase to)
{
    const struct transition *legal = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(transitions) && !legal; i++)
        if (transitions[i].from == container->phase && transitions[i].to == to)
            legal = &transitions[i];
    assert(legal);
    const char *from =
        container->phase == CONTAINER_NEW ? "NEW" : container_phase_names[container->phase];
    trace_event(container->docker->host->trace, "agent", "container.state", 0,
        "id=%s from=%s to=%s when=%s", container->id, from, container_phase_names[to],
        legal->when);
    container->phase = (int)to;
}

/* --- records --- */

struct docker_container *docker_find(struct docker_containerizer *docker, const char *id)
{
    return strmap_get(docker->containers, id);
}

struct docker_container *docker_record(struct docker_containerizer *docker, const char *id)
{
    assert(!docker_find(docker, id));
    struct docker_container *container = mem_alloc(sizeof(*container));
    container->docker = docker;
    container->id = str_dup(id);
    container->phase = CONTAINER_NEW;
    container->name = docker_container_name(id);
    list_init(&container->waiters);
    list_init(&container->queries);
    strmap_set(docker->containers, id, container);
    return container;
}

static void container_free(struct docker_container *container)
{
    assert(!container->launch);
    assert(list_empty(&container->waiters) && list_empty(&container->queries));
    docker_running_drop(container->run);
    host_cancel(container->exit_watch);
    host_cancel(container->stop);
    host_cancel(container->stop_timer);
    json_type_release(&container_config_json, &container->config);
    resources_release(&container->requests);
    free(container->id);
    free(container->name);
    free(container->executor_name);
    free(container->directory);
    free(container->link);
    free(container->cpu_cgroup);
    free(container->memory_cgroup);
    free(container);
}

void docker_drop(struct docker_container *container, const struct termination *termination,
    int result, const struct err *err)
{
    struct docker_containerizer *docker = container->docker;
    _cleanup_err_ struct err failure = ERR_INIT;
    if (!docker->closing && container->link &&
        host_file_remove(docker->host, container->link, &failure) < 0)
        log_warning("container %s: %s", container->id, err_text(&failure));
    strmap_remove(docker->containers, container->id);
    docker_queries_end(container);
    waiters_answer(&container->waiters, container->id, termination, result, err);
    container_free(container);
}

/* --- the process whose end is the container's --- */

static void reaped(void *arg, int result, bool status_known, int wait_status)
{
    struct docker_container *container = arg;
    container->exit_watch = NULL;
    if (container->docker->closing || result == -ESHUTDOWN)
        return;
    container->reap = result < 0 ? REAP_FAILED : REAP_ENDED;
    if (result == 0 && status_known)
        container->status = (struct opt_i64)OPT(wait_status);
    trace_event(container->docker->host->trace, "agent", "container.exit", result,
        "id=%s known=%b status=%ld", container->id, (int)container->status.set,
        (long)container->status.value);
    if (container->phase == CONTAINER_DESTROYING)
        docker_destroy_continue(container);
    else
        docker_container_destroy(container, false);
}

void docker_reap_start(struct docker_container *container, pid_t pid)
{
    assert(container->reap == REAP_NONE);
    container->reap = REAP_PENDING;
    container->exit_watch = host_exit_watch(container->docker->host, pid, reaped, container);
    if (container->phase == CONTAINER_DESTROYING)
        docker_destroy_continue(container);
}

void docker_signal_tree(struct host *host, pid_t pid, int signal)
{
    _cleanup_free_ struct process_info *list = NULL;
    size_t count = 0;
    if (host_process_list(host, &list, &count, NULL) < 0)
        return;
    _cleanup_free_ pid_t *tree = mem_alloc((count + 1) * sizeof(*tree));
    size_t size = 0;
    tree[size++] = pid;
    for (size_t i = 0; i < size; i++)
        for (size_t k = 0; k < count; k++)
            if (list[k].ppid == tree[i] && list[k].pid != pid && size <= count)
                tree[size++] = list[k].pid;
    for (size_t i = 0; i < size; i++)
        host_signal(host, tree[i], signal, NULL);
}

/* --- operations of a line or two --- */

static void docker_wait(struct containerizer *base, const char *id, struct done done)
{
    struct docker_container *container = docker_find(docker_of(base), id);
    if (container)
        waiters_add(&container->waiters, done, "wait");
    else
        done_ok(done, NULL);
}

static void docker_wait_cancel(struct containerizer *base, const char *id, const void *arg)
{
    struct docker_container *container = docker_find(docker_of(base), id);
    if (container)
        waiters_cancel(&container->waiters, id, arg);
}

/* Only the id, and of any container (docker.md 2). */
static void docker_status(struct containerizer *base, const char *id, struct done done)
{
    (void)base;
    _cleanup_free_ char *copy = str_dup(id);
    const struct container_status status = {.container_id = copy};
    done_ok(done, &status);
}

static char **docker_containers(struct containerizer *base)
{
    char **ids = mem_alloc(sizeof(*ids));
    size_t cursor = 0;
    const char *id = NULL;
    void *container = NULL;
    while (strmap_next(docker_of(base)->containers, &cursor, &id, &container))
        strv_add(&ids, id);
    strv_sort(ids);
    return ids;
}

static void docker_prune_images(struct containerizer *base, char *const *keep, struct done done)
{
    (void)base, (void)keep;
    done_ok(done, NULL);
}

static int docker_phase(
    struct containerizer *base, const char *id, enum container_phase *ret_phase)
{
    const struct docker_container *container = docker_find(docker_of(base), id);
    if (!container)
        return -ENOENT;
    *ret_phase = (enum container_phase)container->phase;
    return 0;
}

/* --- birth and end --- */

static void abandon_all(struct docker_containerizer *docker)
{
    _cleanup_err_ struct err err = ERR_INIT;
    err_set(&err, -ESHUTDOWN, "agent gone");
    size_t cursor = 0;
    void *value = NULL;
    while (strmap_next(docker->containers, &cursor, NULL, &value)) {
        struct docker_container *container = value;
        struct docker_launch *launch = docker_launch_detach(container);
        if (launch)
            docker_launch_end(launch, container->id, -ESHUTDOWN, &err);
        docker_drop(container, NULL, -ESHUTDOWN, &err);
    }
}

static void docker_containerizer_free(struct containerizer *base)
{
    struct docker_containerizer *docker = docker_of(base);
    docker->closing = true;
    docker_recovery_end(docker);
    abandon_all(docker);
    fetcher_free(docker->fetcher); /* launches that wait for it end now */
    docker_removals_free(docker);
    docker_unstarted_free(docker);
    docker_free(docker->docker);
    strmap_free(docker->containers);
    docker_options_release(&docker->options);
    json_type_release(&docker_version_json, &docker->version);
    json_decref(docker->base.metrics);
    free(docker->glog_v);
    free(docker);
}

static const struct containerizer_ops docker_containerizer_ops = {
    .name = "docker",
    .recover = docker_recover,
    .launch = docker_launch,
    .update = docker_update,
    .usage = docker_usage,
    .status = docker_status,
    .wait = docker_wait,
    .wait_cancel = docker_wait_cancel,
    .destroy = docker_destroy,
    .containers = docker_containers,
    .prune_images = docker_prune_images,
    .phase = docker_phase,
    .free = docker_containerizer_free,
};

static bool has_v1_cpu(const struct host *host)
{
    const struct cgroup_hierarchy *cpu =
        host->cgroups ? cgroup_hierarchy_find(host->cgroups, "cpu") : NULL;
    return cpu && !cpu->v2;
}

int docker_containerizer_new(
    const struct docker_parts *parts, struct containerizer **ret_containerizer, struct err *err)
{
    assert(parts->host && parts->flags && parts->fetcher);
    struct docker_options options;
    int r = docker_options_read(parts->host, parts->flags, &options, err);
    if (r < 0)
        return r;
    if (!parts->without_cgroups && !has_v1_cpu(parts->host)) {
        docker_options_release(&options);
        return err_set(
            err, -ENODEV, "docker: no mounted cgroup v1 hierarchy with the cpu controller");
    }
    struct docker_containerizer *docker = mem_alloc(sizeof(*docker));
    docker->base.ops = &docker_containerizer_ops;
    docker->host = parts->host;
    docker->options = options;
    docker->docker = parts->docker
        ? parts->docker
        : docker_cli_new(parts->host, options.program, options.socket);
    docker->fetcher = parts->fetcher;
    docker->hooks = parts->hooks;
    docker->glog_v = str_dup(parts->glog_v);
    docker->containers = strmap_new();
    list_init(&docker->removals);
    list_init(&docker->unstarted);
    *ret_containerizer = &docker->base;
    return 0;
}
