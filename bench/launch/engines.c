/* SPDX-License-Identifier: Apache-2.0 */
/* docker and podman: containers of an image that holds the world's root, without network. Where
 * docker's engine is a daemon, what that uses is not in the CPU time and memory told for it. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/launch/program.h"
#include "reference/base/mem.h"

#define IMAGE "seatrial-bench:latest"

struct engine {
    const char *name;
    char **command; /* the client with what finds its engine */
    bool imported;
};
struct engine_box {
    pid_t pid;
    bool lives;
};

static char **words(const struct engine *engine, const char *const *more)
{
    char **argv = strv_copy(engine->command);

    for (; *more; more++)
        strv_add(&argv, *more);
    return argv;
}

static int quietly(const struct engine *engine, const char *const *more)
{
    _cleanup_strv_ char **argv = words(engine, more);

    return program_quietly(argv);
}

static char *joined(char *const *argv)
{
    char *text = str_dup("");

    for (; *argv; argv++) {
        char *longer = str_printf("%s '%s'", text, *argv);

        free(text);
        text = longer;
    }
    return text;
}

static int image_make(struct engine *engine, const struct launch_world *world, struct err *err)
{
    _cleanup_free_ char *client = joined(engine->command);
    _cleanup_free_ char *command = str_printf(
        "tar -C '%s' -c . | %s import - %s >/dev/null 2>&1", world->rootfs, client, IMAGE);
    char *argv[] = {(char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "-c", command, NULL};

    if (program_quietly(argv) != 0)
        return err_set(err, -ENOENT, "%s can't import an image", engine->name);
    engine->imported = true;
    return 0;
}

/* podman keeps all in our directory, and makes cgroups by itself. */
static void podman_words(struct engine *engine, const struct launch_world *world)
{
    strv_add_owned(&engine->command, str_printf("--root=%s/podman", world->directory));
    strv_add_owned(&engine->command, str_printf("--runroot=%s/podman-run", world->directory));
    strv_add_owned(&engine->command, str_printf("--tmpdir=%s/podman-tmp", world->directory));
    strv_add(&engine->command, "--cgroup-manager=cgroupfs");
    strv_add(&engine->command, "--events-backend=none");
    strv_add(&engine->command, "--storage-driver=vfs");
}

static int engine_open(
    const struct contender *self, struct launch_world *world, void **ret_data, struct err *err)
{
    static const char *const info[] = {"info", NULL};
    struct engine *engine = mem_alloc(sizeof(*engine));
    char *path;

    *ret_data = engine;
    engine->name = self->name;
    path = program_find(self->name, err);
    if (!path)
        return -ENOENT;
    strv_add_owned(&engine->command, path);
    if (str_equal(self->name, "podman"))
        podman_words(engine, world);
    else if (world->docker)
        strv_add_owned(&engine->command, str_printf("--host=unix://%s", world->docker));
    if (quietly(engine, info) != 0)
        return err_set(
            err, -ENOENT, "%s finds no engine (docker: --docker SOCKET names one)", self->name);
    return image_make(engine, world, err);
}

static void engine_close(void *data)
{
    static const char *const remove[] = {"rmi", "--force", IMAGE, NULL};
    struct engine *engine = data;

    if (engine->imported)
        quietly(engine, remove);
    strv_free(engine->command);
    free(engine);
}

static int engine_prepare(void *data, struct container *container, struct err *err)
{
    (void)data, (void)err;
    container->data = mem_alloc(sizeof(struct engine_box));
    return 0;
}

static int engine_launch(void *data, struct container *container, struct err *err)
{
    struct engine_box *box = container->data;
    _cleanup_free_ char *name =
        str_printf("seatrial-bench-%llu", (unsigned long long)container->number);
    _cleanup_free_ char *volume = str_printf("%s:/told", container->directory);
    const struct engine *engine = data;
    /* By itself podman raises limits as far as root may, which a root without CAP_SYS_RESOURCE may
     * not (its --ulimit=host does so, too); small ones anybody may set. */
    const char *const more[] = {"run", container->stays ? "--detach" : "--rm", "--network=none",
        "--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024", "--log-driver=none", "--name",
        name, "--cpu-shares=1024", "--memory=64m", "--volume", volume, IMAGE, "/payload",
        "/told/stdout", container->stays ? "stay" : NULL, NULL};
    _cleanup_strv_ char **argv = words(engine, more);
    /* The client's own words must not get into the FIFO. */
    struct container away = *container;

    away.output = (char *)(uintptr_t) "/dev/null";
    box->lives = true;
    return container->stays ? program_run(&away, argv, err)
                            : program_start(&away, argv, &box->pid, err);
}

static int engine_wait(void *data, struct container *container, struct err *err)
{
    const struct engine *engine = data;
    struct engine_box *box = container->data;
    const pid_t pid = box->pid;

    box->pid = 0;
    box->lives = false;
    return program_end(container, engine->name, pid, err);
}

static int engine_destroy(void *data, struct container *container, struct err *err)
{
    struct engine_box *box = container->data;
    _cleanup_free_ char *name =
        str_printf("seatrial-bench-%llu", (unsigned long long)container->number);
    const struct engine *engine = data;
    /* podman asks a container to end, and waits ten seconds for it; docker kills at once. */
    const bool asks = str_equal(engine->name, "podman");
    const char *const more[] = {
        "rm", "--force", asks ? "--time=0" : name, asks ? name : NULL, NULL};
    const int status = quietly(engine, more);

    box->lives = false;
    return status == 0 ? 0 : err_set(err, -EPROTO, "rm ended with status %d", status);
}

static void engine_release(void *data, struct container *container)
{
    struct engine_box *box = container->data;

    if (box && box->lives) /* a measurement has failed */
        engine_destroy(data, container, NULL);
    if (box && box->pid > 0)
        program_end(container, "", box->pid, NULL);
    free(box);
}

#define ENGINE(name_, help_)                                                                       \
    {                                                                                              \
        .name = (name_), .help = (help_), .open = engine_open, .prepare = engine_prepare,          \
        .release = engine_release, .launch = engine_launch, .wait = engine_wait,                   \
        .destroy = engine_destroy, .close = engine_close                                           \
    }

const struct contender engines[] = {
    ENGINE("docker", "docker run: its namespaces, cgroups and layers, no network"),
    ENGINE("podman", "podman run: the same without a daemon"),
    {0},
};
