/* SPDX-License-Identifier: Apache-2.0 */
/* The reference as contender: an agent in this process, as `seatrial agent` runs it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/launch/load.h"
#include "reference/agent/agent.h"
#include "reference/base/loop_uv.h"
#include "reference/host_linux.h"
#include "reference/isolators/launch_build.h"

#define BEAT_NS (5 * NS_PER_SEC)
#define SILENT_BEATS 12

struct ours_kind {
    const char *launcher;
    const char *isolation;
    bool rooted; /* in the world's root, with an uts namespace */
};

struct ours {
    const struct ours_kind *kind;
    struct launch_world *world;
    struct loop *loop;
    struct host *host;
    struct agent *agent;
    struct trace *trace; /* NULL until it is asked for */
    struct flags flags;
    struct loop_timer *beat;
    unsigned beats;
    bool answered;
    int result;
    struct err err;
};

/* --- an uts namespace, for which Mesos has no isolator but that of CNI --- */

static void uts_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    struct launch_info info = {0};

    (void)isolator, (void)id, (void)config;
    launch_add_clone(&info, NS_UTS);
    launch_done(done, &info);
}

static void uts_free(struct isolator *isolator)
{
    free(isolator);
}

static const struct isolator_ops uts_ops = {.prepare = uts_prepare, .free = uts_free};

static struct isolator *uts_new(struct host *host)
{
    struct isolator *isolator = mem_alloc(sizeof(*isolator));

    *isolator = (struct isolator){
        .ops = &uts_ops, .name = "bench/uts", .nesting = true, .standalone = true, .host = host};
    return isolator;
}

/* --- the agent --- */

static void answered(void *arg, int result, const void *value, const struct err *err)
{
    struct ours *ours = arg;

    (void)value;
    ours->answered = true;
    ours->result = result;
    err_copy(&ours->err, result < 0 ? err : NULL);
}

/* An agent that never answers must not hang the benchmark, nor may the watch take time from it: a
 * timer beats now and then. */
static void beat(void *arg)
{
    struct ours *ours = arg;

    ours->beats++;
    ours->beat = loop_timer_start(ours->loop, BEAT_NS, beat, ours);
}

static int until_answered(struct ours *ours, struct err *err)
{
    const unsigned from = ours->beats;

    while (!ours->answered && ours->beats - from < SILENT_BEATS)
        loop_step(ours->loop);
    if (!ours->answered)
        return err_set(err, -ETIMEDOUT, "the agent does not answer");
    ours->answered = false;
    if (ours->result < 0)
        err_copy(err, &ours->err);
    return ours->result < 0 ? ours->result : 0;
}

static int ours_open(
    const struct contender *self, struct launch_world *world, void **ret_data, struct err *err)
{
    struct ours *ours = mem_alloc(sizeof(*ours));
    const struct host_linux_options options = {.init_helper = world->init_helper, .cgroups = "v1"};
    struct isolator *extra[1] = {NULL};
    struct agent_parts parts = {.isolators = extra};
    int r;

    *ret_data = ours;
    ours->kind = self->kind;
    ours->world = world;
    ours->loop = loop_uv_new();
    beat(ours);
    flags_init(&ours->flags);
    free(ours->flags.runtime_dir);
    ours->flags.runtime_dir = str_printf("%s/run-%s", world->directory, self->name);
    ours->flags.work_dir = str_printf("%s/work-%s", world->directory, self->name);
    str_set(&ours->flags.launcher, ours->kind->launcher);
    str_set(&ours->flags.isolation, ours->kind->isolation);
    str_set(&ours->flags.cgroups_root, world->cgroup);
    r = host_linux_new(ours->loop, NULL, &options, &ours->host, err);
    if (r == 0 && ours->kind->rooted) {
        extra[0] = uts_new(ours->host);
        parts.isolators_count = 1;
    }
    if (r == 0)
        r = agent_create(ours->host, &ours->flags, &parts, &ours->agent, err);
    if (r < 0)
        return r;
    agent_recover(ours->agent, DONE(answered, ours));
    return until_answered(ours, err);
}

/* What a failed measurement has left running. */
static void containers_destroy(struct ours *ours)
{
    _cleanup_strv_ char **ids =
        ours->agent ? containerizer_containers(ours->agent->containerizer) : NULL;

    for (size_t i = strv_length(ids); i > 0; i--) { /* nested ones first */
        containerizer_destroy(ours->agent->containerizer, ids[i - 1], DONE(answered, ours));
        until_answered(ours, NULL);
    }
}

static void ours_close(void *data)
{
    struct ours *ours = data;

    containers_destroy(ours);
    agent_free(ours->agent);
    if (ours->host) {
        host_crash(ours->host);
        host_gone(ours->host);
        host_free(ours->host);
    }
    trace_free(ours->trace);
    loop_timer_stop(ours->loop, ours->beat);
    loop_free(ours->loop);
    umount2(ours->flags.work_dir, MNT_DETACH); /* filesystem/linux makes it a shared mount */
    flags_release(&ours->flags);
    err_clear(&ours->err);
    free(ours);
}

/* The host writes one only while it is looked at, as it takes time. */
static void ours_trace(void *data, trace_sink_fn fn, void *arg)
{
    struct ours *ours = data;

    if (!ours->trace)
        ours->trace = trace_new(ours->loop, 1);
    trace_set_sink(ours->trace, fn, arg);
    ours->host->trace = fn ? ours->trace : NULL;
}

/* --- containers --- */

static char *id_of(const struct container *container)
{
    return container->parent
               ? str_printf("c%llu.c%llu", (unsigned long long)container->parent->number,
                     (unsigned long long)container->number)
               : str_printf("c%llu", (unsigned long long)container->number);
}

static void call_launch(struct ours *ours, const struct container *container, struct done done)
{
    char *program = ours->kind->rooted ? (char *)(uintptr_t) "/payload" : ours->world->payload;
    char *arguments[] = {program, container->stays ? (char *)(uintptr_t) "stay" : NULL, NULL};
    struct container_config config = {.command_info = {.value = program, .arguments = arguments},
        .directory = container->parent ? NULL : container->directory,
        .rootfs = ours->kind->rooted ? ours->world->rootfs : NULL};
    _cleanup_free_ char *id = id_of(container);

    if (!container->parent) {
        resources_add_scalar(&config.resources, "cpus", 1);
        resources_add_scalar(&config.resources, "mem", 64);
    }
    agent_launch(ours->agent, id, &config, done);
    resources_release(&config.resources);
}

/* A nested container's sandbox lies in that of the one around it, and is named after it: the FIFO
 * is put there, too, before it runs, and taken away after it. */
static char *nested_path(const struct container *container, const char *file)
{
    return str_printf("%s/containers/c%llu%s", container->parent->directory,
        (unsigned long long)container->number, file);
}

static int nested_sandbox_make(const struct container *container, struct err *err)
{
    _cleanup_free_ char *above = str_printf("%s/containers", container->parent->directory);
    _cleanup_free_ char *sandbox = nested_path(container, "");
    _cleanup_free_ char *output = nested_path(container, "/stdout");

    if ((mkdir(above, 0755) < 0 && errno != EEXIST) || mkdir(sandbox, 0755) < 0 ||
        link(container->output, output) < 0)
        return err_errno(err, -errno, "make %s", output);
    return 0;
}

static void nested_sandbox_remove(const struct container *container)
{
    _cleanup_free_ char *sandbox = nested_path(container, "");
    _cleanup_free_ char *output = nested_path(container, "/stdout");
    _cleanup_free_ char *errors = nested_path(container, "/stderr");

    unlink(output);
    unlink(errors);
    rmdir(sandbox);
}

static void ours_release(void *data, struct container *container)
{
    _cleanup_free_ char *nested = str_printf("%s/containers", container->directory);

    (void)data;
    rmdir(nested); /* where nested ones were */
}

static int ours_launch(void *data, struct container *container, struct err *err)
{
    struct ours *ours = data;
    int r = container->parent ? nested_sandbox_make(container, err) : 0;

    if (r < 0)
        return r;
    call_launch(ours, container, DONE(answered, ours));
    return until_answered(ours, err);
}

static int ours_wait(void *data, struct container *container, struct err *err)
{
    struct ours *ours = data;
    _cleanup_free_ char *id = id_of(container);

    containerizer_wait(ours->agent->containerizer, id, DONE(answered, ours));
    int r = until_answered(ours, err);
    if (container->parent)
        nested_sandbox_remove(container);
    return r;
}

static int ours_destroy(void *data, struct container *container, struct err *err)
{
    struct ours *ours = data;
    _cleanup_free_ char *id = id_of(container);

    containerizer_destroy(ours->agent->containerizer, id, DONE(answered, ours));
    return until_answered(ours, err);
}

/* --- loads: all in the one loop of the agent --- */

struct slot {
    struct ours *ours;
    struct load *load;
    struct container *container;
    struct loop_timer *timer;
    size_t place;
    uint64_t due_ns;
    bool busy;
};

static void slot_next(struct slot *slot);

static void slot_done(struct slot *slot, int result, const struct err *err)
{
    struct load *load = slot->load;
    const uint64_t now = launch_now_ns();
    _cleanup_err_ struct err problem = ERR_INIT;
    struct lifecycle times;

    err_copy(&problem, err);
    if (result == 0 && load->work != LOAD_STOPS)
        result = container_told(slot->container, &problem);
    times =
        (struct lifecycle){.launch_us = (double)(slot->container->running_ns - slot->due_ns) / 1e3,
            .lifecycle_us = (double)(now - slot->due_ns) / 1e3};
    load_done(load, load->work == LOAD_CYCLES ? &times : NULL, result, &problem);
    slot->busy = false;
    slot_next(slot);
}

static void on_ended(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    slot_done(arg, result < 0 ? result : 0, err);
}

static void on_launched(void *arg, int result, const void *value, const struct err *err)
{
    struct slot *slot = arg;
    _cleanup_free_ char *id = id_of(slot->container);

    (void)value;
    if (result < 0 || slot->load->work == LOAD_STARTS)
        slot_done(slot, result < 0 ? result : 0, err);
    else
        containerizer_wait(slot->ours->agent->containerizer, id, DONE(on_ended, slot));
}

static void slot_begin(void *arg)
{
    struct slot *slot = arg;
    struct container *container = slot->container;
    _cleanup_err_ struct err err = ERR_INIT;

    slot->timer = NULL;
    if (slot->load->work == LOAD_STOPS) {
        _cleanup_free_ char *id = id_of(container);

        containerizer_destroy(slot->ours->agent->containerizer, id, DONE(on_ended, slot));
        return;
    }
    int r = container_arm(container, &err);
    container->called_ns = launch_now_ns();
    if (r < 0)
        slot_done(slot, r, &err);
    else
        call_launch(slot->ours, container, DONE(on_launched, slot));
}

/* In a later step of the loop, so that ends which follow at once do not nest. */
static void slot_next(struct slot *slot)
{
    struct load *load = slot->load;
    uint64_t now;
    size_t index;

    slot->busy = load_next(load, &index, &slot->due_ns);
    if (!slot->busy)
        return;
    now = launch_now_ns();
    slot->container = &load->places[load->work == LOAD_CYCLES ? slot->place : index];
    slot->timer = loop_timer_start(
        slot->ours->loop, slot->due_ns > now ? slot->due_ns - now : 0, slot_begin, slot);
}

static bool any_busy(const struct slot *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (slots[i].busy)
            return true;
    }
    return false;
}

static int ours_load(void *data, struct load *load, struct err *err)
{
    struct ours *ours = data;
    _cleanup_free_ struct slot *slots = mem_alloc(load->workers * sizeof(*slots));

    (void)err;
    for (size_t i = 0; i < load->workers; i++) {
        slots[i] = (struct slot){.ours = ours, .load = load, .place = i};
        slot_next(&slots[i]);
    }
    while (any_busy(slots, load->workers))
        loop_step(ours->loop);
    return 0;
}

#define CGROUPS "cgroups/cpu,cgroups/mem,cgroups/pids"
#define NAMESPACES "filesystem/linux,namespaces/pid,namespaces/ipc"

static const struct ours_kind kind_posix = {"posix", "posix/cpu,posix/mem", false};
static const struct ours_kind kind_plain = {"linux", "posix/cpu,posix/mem", false};
static const struct ours_kind kind_cgroups = {"linux", CGROUPS, false};
static const struct ours_kind kind_namespaces = {"linux", CGROUPS "," NAMESPACES, false};
static const struct ours_kind kind_rootfs = {"linux", CGROUPS "," NAMESPACES, true};

#define OURS(name_, floor_, kind_, help_)                                                          \
    {                                                                                              \
        .name = (name_), .help = (help_), .floor = (floor_), .kind = &(kind_), .open = ours_open,  \
        .release = ours_release, .launch = ours_launch, .wait = ours_wait,                         \
        .destroy = ours_destroy, .run_load = ours_load, .trace = ours_trace, .close = ours_close   \
    }

const struct contender references[] = {
    OURS("posix", "floor-posix", kind_posix, "the reference with the posix launcher"),
    OURS("linux-plain", "floor-plain", kind_plain, "with the linux launcher alone"),
    OURS("linux", "floor", kind_cgroups, "with cgroups/cpu, mem and pids: five v1 cgroups"),
    OURS("linux-ns", "floor-ns", kind_namespaces,
        "the same with filesystem/linux, namespaces/pid and namespaces/ipc"),
    OURS("linux-rootfs", "floor-rootfs", kind_rootfs,
        "the same in a pivoted root, with an uts namespace too"),
    {0},
};
