/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a container (docker.md 11). Before RUNNING there is only something to cut off; then
 * the record goes at once. From RUNNING on, a destroy takes three steps: it waits until the launch
 * has got a process to wait for, stops the container if it was asked for from outside, and waits
 * until that process has ended.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "reference/base/log.h"
#include "reference/base/sometimes.h"
#include "reference/docker/docker_container.h"
#include "reference/operation.h"

#define STOP_PATIENCE_NS NS_PER_SEC /* beyond the stop timeout */

/* --- the end of the record --- */

static void drop_with_message(struct docker_container *container, const char *message)
{
    _cleanup_free_ char *text = str_dup(message);
    const struct termination termination = {.status = container->status, .message = text};
    docker_drop(container, &termination, 0, NULL);
}

/* Nothing is said about a container whose launch failed: the launch has said it. */
static void drop_failed_launch(struct docker_container *container)
{
    const struct termination termination = {0};
    if (container->run) {
        /* The launch failed although its container runs: nobody would ever stop that. */
        sometimes("docker: launch failed while its container runs");
        docker_remove_unwanted(container);
    }
    docker_drop(container, &termination, 0, NULL);
}

static void finish(struct docker_container *container)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (docker_volumes_unmount(container->docker, container->id, &err) < 0)
        log_warning("destroy %s: %s", container->id, err_text(&err));
    docker_remove_later(container);
    drop_with_message(container, container->killed ? "Container killed" : "Container terminated");
}

static void fail(struct docker_container *container)
{
    _cleanup_err_ struct err err = ERR_INIT;
    sometimes("docker: neither stopped nor reaped");
    err_set(&err, -EIO,
        "docker stop failed, and its process can't be waited for; any GPUs of it are leaked");
    docker_remove_later(container);
    docker_drop(container, NULL, -EIO, &err);
}

/* --- the steps of a RUNNING container --- */

static void stop_ended(struct docker_container *container, bool failed)
{
    host_cancel(container->stop);
    host_cancel(container->stop_timer);
    container->stop = NULL;
    container->stop_timer = NULL;
    container->stop_failed = failed;
    container->destroy_step = DESTROY_EXIT;
    docker_destroy_continue(container);
}

static void stop_answered(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_container *container = arg;
    (void)value;
    container->stop = NULL;
    if (result == -ESHUTDOWN)
        return;
    if (result < 0)
        log_warning("destroy %s: %s", container->id, err_text(err));
    stop_ended(container, result < 0);
}

static void stop_took_too_long(void *arg, int result)
{
    struct docker_container *container = arg;
    container->stop_timer = NULL;
    if (result < 0)
        return;
    sometimes("docker: stop does not answer");
    log_warning("destroy %s: docker stop does not answer, killing", container->id);
    if (container->pid > 0)
        docker_signal_tree(container->docker->host, container->pid, SIGKILL);
    stop_ended(container, true);
}

static void stop_begin(struct docker_container *container)
{
    struct docker_containerizer *docker = container->docker;
    int64_t timeout_ns = docker->options.stop_timeout_ns;
    container->destroy_step = DESTROY_STOP;
    container->stop =
        docker_stop(docker->docker, container->name, timeout_ns, DONE(stop_answered, container));
    container->stop_timer = host_timer(
        docker->host, (uint64_t)timeout_ns + STOP_PATIENCE_NS, stop_took_too_long, container);
}

void docker_destroy_continue(struct docker_container *container)
{
    assert(container->phase == CONTAINER_DESTROYING);
    if (container->destroy_step == DESTROY_LAUNCH && container->reap != REAP_NONE) {
        if (container->killed)
            stop_begin(container);
        else
            container->destroy_step = DESTROY_EXIT;
    }
    if (container->destroy_step != DESTROY_EXIT || container->reap == REAP_PENDING)
        return;
    if (container->stop_failed && container->reap == REAP_FAILED)
        fail(container);
    else
        finish(container);
}

/* --- the rows of docker.md 11, by the phase in which the destroy came --- */

/* Cuts the launch off. The container is gone before its launch is answered: a destroy that follows
 * on that finds nothing. */
static void cut_off(struct docker_container *container, bool fetching, const char *message)
{
    struct docker_containerizer *docker = container->docker;
    _cleanup_free_ char *id = str_dup(container->id);
    _cleanup_err_ struct err err = ERR_INIT;
    struct docker_launch *launch = docker_launch_detach(container);
    if (fetching)
        fetcher_kill(docker->fetcher, id);
    err_set(&err, -ECANCELED, "%s", message);
    drop_with_message(container, message);
    docker_launch_end(launch, id, -ECANCELED, &err);
}

static void destroy_fetching(struct docker_container *container)
{
    cut_off(container, true, "Container destroyed while fetching");
}

static void destroy_pulling(struct docker_container *container)
{
    cut_off(container, false, "Container destroyed while pulling image");
}

static void destroy_mounting(struct docker_container *container)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (docker_volumes_unmount(container->docker, container->id, &err) < 0)
        log_warning("destroy %s: %s", container->id, err_text(&err));
    cut_off(container, false, "Container destroyed while mounting volumes");
}

static void destroy_running(struct docker_container *container)
{
    container->destroy_step = DESTROY_LAUNCH;
    if (container->killed && container->executor_pid > 0)
        docker_signal_tree(container->docker->host, container->executor_pid, SIGTERM);
    docker_destroy_continue(container);
}

static void (*const destroy_by_phase[])(struct docker_container *container) = {
    [CONTAINER_FETCHING] = destroy_fetching,
    [CONTAINER_PULLING] = destroy_pulling,
    [CONTAINER_MOUNTING] = destroy_mounting,
    [CONTAINER_RUNNING] = destroy_running,
};

void docker_container_destroy(struct docker_container *container, bool killed)
{
    if (container->launch_failed) {
        drop_failed_launch(container);
        return;
    }
    if (container->phase == CONTAINER_DESTROYING)
        return;
    int from = container->phase;
    container->killed = killed;
    docker_transition(container, CONTAINER_DESTROYING);
    destroy_by_phase[from](container);
}

void docker_destroy(struct containerizer *base, const char *id, struct done done)
{
    struct docker_containerizer *docker = docker_of(base);
    struct docker_container *container = docker_find(docker, id);
    if (!container) {
        done_ok(done, NULL);
        return;
    }
    waiters_add(&container->waiters, done, "destroy");
    docker_container_destroy(container, true);
}
