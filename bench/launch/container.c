/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/interrupt.h"
#include "bench/launch/contender.h"
#include "reference/base/mem.h"

#define TOLD_MS 20000
#define STEP_MS 500

uint64_t launch_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int container_open(struct container *container, const struct launch_world *world,
    const struct contender *contender, void *data, size_t slot, bool stays, struct err *err)
{
    *container = (struct container){.world = world,
        .slot = slot,
        .stays = stays,
        .told = -1,
        .directory = str_printf("%s/%s-%zu", world->directory, contender->name, slot)};
    container->output = str_printf("%s/stdout", container->directory);
    if (mkdir(container->directory, 0755) < 0 || mkfifo(container->output, 0666) < 0)
        return err_errno(err, -errno, "make %s", container->output);
    return contender->prepare ? contender->prepare(data, container, err) : 0;
}

void container_close(struct container *container, const struct contender *contender, void *data)
{
    _cleanup_free_ char *errors =
        container->directory ? str_printf("%s/stderr", container->directory) : NULL;

    if (contender->release)
        contender->release(data, container);
    if (container->told >= 0)
        close(container->told);
    if (container->directory) {
        unlink(container->output);
        unlink(errors);
        rmdir(container->directory);
    }
    free(container->directory);
    free(container->output);
    *container = (struct container){.told = -1};
}

int container_arm(struct container *container, struct err *err)
{
    static uint64_t last;

    container->number = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    if (container->told >= 0)
        close(container->told);
    /* Opened anew, it knows neither what was told nor that the last writer has gone. */
    container->told = open(container->output, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return container->told < 0 ? err_errno(err, -errno, "open %s", container->output) : 0;
}

/* What the runtime said in its own words. */
static int silent(const struct container *container, const char *what, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/stderr", container->directory);
    char line[300] = "";
    FILE *file = fopen(path, "re");

    if (file) {
        if (!fgets(line, sizeof(line), file))
            line[0] = '\0';
        fclose(file);
    }
    line[strcspn(line, "\n")] = '\0';
    return err_set(err, -EPROTO, "%s%s%s", what, line[0] ? ": " : "", line[0] ? line : "");
}

/* A payload that a signal to all of us has hit says nothing any more. */
static bool tells(int told, short *ret_events)
{
    struct pollfd fd = {.fd = told, .events = POLLIN};
    int ready = 0;

    for (int waited = 0; waited < TOLD_MS && ready <= 0; waited += STEP_MS) {
        const bool hit = interrupted();

        ready = poll(&fd, 1, hit ? 0 : STEP_MS);
        if (hit)
            break;
    }
    *ret_events = fd.revents;
    return ready == 1;
}

int container_told(struct container *container, struct err *err)
{
    char text[64] = "";
    short events;

    if (!tells(container->told, &events))
        return silent(container, "the payload did not run", err);
    if (!(events & POLLIN) || read(container->told, text, sizeof(text) - 1) <= 0)
        return silent(container, "the container ended and its payload never ran", err);
    container->running_ns = strtoull(text, NULL, 10);
    if (container->running_ns < container->called_ns || container->running_ns > launch_now_ns())
        return err_set(err, -EPROTO, "the payload told a time outside its run: \"%s\"", text);
    return 0;
}

int container_start(
    struct container *container, const struct contender *contender, void *data, struct err *err)
{
    int r = container_arm(container, err);

    if (r < 0)
        return r;
    container->called_ns = launch_now_ns();
    r = contender->launch(data, container, err);
    return r < 0 ? r : container_told(container, err);
}

int container_cycle(struct container *container, const struct contender *contender, void *data,
    struct lifecycle *ret_times, struct err *err)
{
    int r = container_start(container, contender, data, err);

    if (r == 0)
        r = contender->wait(data, container, err);
    if (r == 0)
        *ret_times = (struct lifecycle){
            .launch_us = (double)(container->running_ns - container->called_ns) / 1e3,
            .lifecycle_us = (double)(launch_now_ns() - container->called_ns) / 1e3};
    return r;
}

int container_stop(struct container *container, const struct contender *contender, void *data,
    double *ret_us, struct err *err)
{
    const uint64_t start = launch_now_ns();
    int r = contender->destroy(data, container, err);

    *ret_us = (double)(launch_now_ns() - start) / 1e3;
    return r;
}

int container_hung_up(const struct container *container, struct err *err)
{
    struct pollfd fd = {.fd = container->told};

    return poll(&fd, 1, TOLD_MS) == 1 && fd.revents & POLLHUP
               ? 0
               : err_set(err, -ETIMEDOUT, "a process of the container does not go away");
}
