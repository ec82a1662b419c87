/* SPDX-License-Identifier: Apache-2.0 */
/* PULLING: an image that is not there, or must be anew, is pulled (docker.md 6). */
#include <errno.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/docker/docker_container.h"
#include "reference/docker/names.h"

#define METRIC_PULL_TIME "containerizer/docker/image_pull_ms"
#define METRIC_PULLS "containerizer/docker/image_pull/count"

static const struct docker_info *image_of(const struct docker_launch *launch)
{
    return launch->container->config.container_info->docker;
}

/* --- HOME of the pull, where the CLI looks for credentials --- */

void docker_pull_home_remove(struct docker_launch *launch)
{
    if (!launch->pull_home)
        return;
    struct host *host = launch->container->docker->host;
    _cleanup_err_ struct err err = ERR_INIT;
    if (host_tree_remove(host, launch->pull_home, &err) < 0)
        log_warning("container %s: %s", launch->container->id, err_text(&err));
    str_set(&launch->pull_home, NULL);
}

static bool sandbox_has_config(struct host *host, const char *directory)
{
    static const char *const files[] = {".docker/config.json", ".dockercfg"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, files[i]);
        if (host_file_exists(host, path))
            return true;
    }
    return false;
}

/* The agent's config in a directory of its own, when the sandbox brings none. */
static int make_home(struct docker_launch *launch, struct err *err)
{
    struct docker_container *container = launch->container;
    struct host *host = container->docker->host;
    const struct docker_options *options = &container->docker->options;
    if (!options->config || sandbox_has_config(host, container->directory))
        return 0;
    bool current = json_object_get(options->config, "auths") != NULL;
    launch->pull_home = str_printf("%s/docker_config/%s", options->runtime_dir, container->id);
    _cleanup_free_ char *directory =
        str_printf("%s%s", launch->pull_home, current ? "/.docker" : "");
    _cleanup_free_ char *file =
        str_printf("%s/%s", directory, current ? "config.json" : ".dockercfg");
    char *text = json_dumps(options->config, JSON_COMPACT);
    int r = host_mkdir(host, directory, 0700, true, err);
    if (r == 0)
        r = host_file_write(host, file, text, strlen(text), 0600, err);
    free(text);
    return r < 0 ? err_wrap(err, r, "docker config") : 0;
}

/* --- inspect, pull, inspect --- */

static void pull(struct docker_launch *launch, bool forced);

static void image_ready(struct docker_launch *launch)
{
    struct docker_containerizer *docker = launch->container->docker;
    uint64_t ns = host_now_ns(docker->host) - launch->pull_start_ns;
    containerizer_metric_add(&docker->base, METRIC_PULL_TIME, (double)ns / (double)NS_PER_MS);
    containerizer_metric_add(&docker->base, METRIC_PULLS, 1);
    docker_launch_pulled(launch);
}

static void image_inspected(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_launch *launch = arg;
    (void)value;
    launch->step = NULL;
    if (result == 0)
        image_ready(launch);
    else if (result == -EREMOTEIO && !launch->pulled)
        pull(launch, false);
    else
        docker_launch_fail(launch, result, err);
}

static void image_inspect(struct docker_launch *launch)
{
    _cleanup_free_ char *image = docker_image_with_tag(image_of(launch)->image);
    launch->step = docker_inspect_image(
        launch->container->docker->docker, image, DONE(image_inspected, launch));
}

static void image_pulled(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_launch *launch = arg;
    (void)value;
    launch->step = NULL;
    docker_pull_home_remove(launch);
    launch->pulled = true;
    if (result < 0)
        docker_launch_fail(launch, result, err);
    else
        image_inspect(launch);
}

/* A forced pull takes the name as it was given. */
static void pull(struct docker_launch *launch, bool forced)
{
    struct docker_container *container = launch->container;
    _cleanup_err_ struct err err = ERR_INIT;
    int r = make_home(launch, &err);
    if (r < 0) {
        docker_pull_home_remove(launch);
        docker_launch_fail(launch, r, &err);
        return;
    }
    const char *given = image_of(launch)->image;
    _cleanup_free_ char *image = forced ? str_dup(given) : docker_image_with_tag(given);
    launch->step = docker_pull(container->docker->docker, image,
        launch->pull_home ? launch->pull_home : container->directory, DONE(image_pulled, launch));
}

void docker_launch_pull(struct docker_launch *launch)
{
    const struct docker_info *info = image_of(launch);
    launch->pull_start_ns = host_now_ns(launch->container->docker->host);
    if (!info || !info->image) {
        _cleanup_err_ struct err err = ERR_INIT;
        err_set(&err, -EINVAL, "container: no docker image given");
        docker_launch_fail(launch, -EINVAL, &err);
        return;
    }
    if (info->force_pull_image)
        pull(launch, true);
    else
        image_inspect(launch);
}
