/* SPDX-License-Identifier: Apache-2.0 */
/* v1 cgroup.event_control: usage thresholds, OOM and memory pressure (spec cgroupfs.md 6). */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_node.h"
#include "fakes/kernel/memory.h"

enum event_source { EVENT_USAGE, EVENT_MEMSW, EVENT_OOM, EVENT_PRESSURE };

struct memory_event {
    struct list node; /* in memory->listeners; alone once the cgroup is gone */
    enum event_source source;
    uint64_t threshold_bytes;
    enum memory_pressure level;
    cgroup_notify_fn fn;
    void *arg;
    bool owned_here; /* registered through cgroup.event_control: nobody else frees it */
};

static void fire(struct memory_event *event)
{
    event->fn(event->arg, 0, 1);
}

/* A threshold fires when the usage reaches it and when it falls below it again. */
void memory_thresholds_check(struct memory_css *memory, uint64_t before, uint64_t memsw_before)
{
    uint64_t after = memory_usage(memory), memsw_after = after + memory->swapped;
    list_for_each_safe(node, following, &memory->listeners) {
        struct memory_event *event = list_entry(node, struct memory_event, node);
        uint64_t old = event->source == EVENT_USAGE ? before : memsw_before;
        uint64_t new = event->source == EVENT_USAGE ? after : memsw_after;
        if (event->source <= EVENT_MEMSW &&
            (old >= event->threshold_bytes) != (new >= event->threshold_bytes))
            fire(event);
    }
}

void memory_oom_notify(struct memory_css *memory)
{
    for (struct cgroup *top = memory->css.cgroup, *at = cgroup_next(top, NULL); at;
         at = cgroup_next(top, at)) {
        struct memory_css *below = memory_of(at->css[SUBSYS_MEMORY]);
        list_for_each_safe(node, following, &below->listeners) {
            struct memory_event *event = list_entry(node, struct memory_event, node);
            if (event->source == EVENT_OOM)
                fire(event);
        }
    }
}

void memory_pressure_notify(struct memory_css *memory, enum memory_pressure level)
{
    for (struct memory_css *at = memory; at; at = memory_parent(at))
        list_for_each_safe(node, following, &at->listeners) {
            struct memory_event *event = list_entry(node, struct memory_event, node);
            if (event->source == EVENT_PRESSURE && level >= event->level)
                fire(event);
        }
}

/* Removal of the cgroup signals every registration once, and ends it. */
void memory_events_gone(struct memory_css *memory)
{
    while (!list_empty(&memory->listeners)) {
        struct memory_event *event =
            list_entry(memory->listeners.next, struct memory_event, node);
        list_remove(&event->node);
        fire(event);
        if (event->owned_here)
            free(event);
    }
}

void memory_events_forget(struct cgroup_root *root)
{
    for (struct cgroup *at = cgroup_next(root->top, NULL); at; at = cgroup_next(root->top, at)) {
        struct memory_css *memory = memory_of(at->css[SUBSYS_MEMORY]);
        if (root->v2 || !memory)
            continue;
        list_for_each_safe(node, following, &memory->listeners) {
            struct memory_event *event = list_entry(node, struct memory_event, node);
            if (event->owned_here)
                memory_event_unregister(event);
        }
    }
}

void memory_event_unregister(struct memory_event *event)
{
    if (!event)
        return;
    list_remove(&event->node);
    free(event);
}

static int find_word(const char *const *words, size_t count, const char *text, size_t length)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == length && !strncmp(words[i], text, length))
            return (int)i;
    return -EINVAL;
}

/* "low|medium|critical[,default|hierarchy|local]" */
static int parse_pressure(const char *text, enum memory_pressure *ret_level)
{
    static const char *const levels[] = {"low", "medium", "critical"};
    static const char *const modes[] = {"default", "hierarchy", "local"};
    size_t length = strcspn(text, ",");
    int level = find_word(levels, ARRAY_SIZE(levels), text, length);
    if (level < 0)
        return level;
    /* What follows a second comma is not looked at. */
    const char *mode = text[length] ? text + length + 1 : NULL;
    if (mode && find_word(modes, ARRAY_SIZE(modes), mode, strcspn(mode, ",")) < 0)
        return -EINVAL;
    *ret_level = (enum memory_pressure)level;
    return 0;
}

static const struct {
    const char *file;
    enum event_source source;
} sources[] = {
    {"memory.usage_in_bytes", EVENT_USAGE},
    {"memory.memsw.usage_in_bytes", EVENT_MEMSW},
    {"memory.oom_control", EVENT_OOM},
    {"memory.pressure_level", EVENT_PRESSURE},
};

static int event_parse(struct memory_event *event, const char *file, const char *arguments)
{
    uint64_t pages;
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        if (strcmp(sources[i].file, file))
            continue;
        event->source = sources[i].source;
        if (event->source == EVENT_PRESSURE)
            return parse_pressure(arguments, &event->level);
        if (event->source == EVENT_OOM)
            return 0;
        int result = text_pages(arguments, "-1", &pages);
        event->threshold_bytes = limit_bytes(pages);
        return result;
    }
    return -EINVAL;
}

int memory_event_register(struct cgroup *cgroup, const struct cgroup_file *file,
    const char *arguments, cgroup_notify_fn fn, void *arg, struct memory_event **ret_event)
{
    struct memory_css *memory = memory_of(cgroup->css[SUBSYS_MEMORY]);
    if (cgroup->root->v2 || !memory)
        return -EINVAL;
    struct memory_event event = {.fn = fn, .arg = arg};
    int result = event_parse(&event, file->name, arguments);
    if (result)
        return result;
    struct memory_event *registered = mem_dup(&event, sizeof(event));
    list_append(&memory->listeners, &registered->node);
    if (event.source == EVENT_OOM && memory_is_under_oom(memory))
        fire(registered);
    *ret_event = registered;
    return 0;
}

static const char *parse_fd(const char *text, bool last_may_end, int *ret_fd)
{
    uint64_t value = 0;
    const char *end = isdigit((unsigned char)*text) ? text_scan_u64(text, &value) : text;
    if (*end != ' ' && !(last_may_end && !*end))
        return NULL;
    *ret_fd = value > INT32_MAX ? -1 : (int)value;
    return *end ? end + 1 : end;
}

int memory_event_control_write(const struct cgroup_io *io, char *text)
{
    const struct cgroup_descriptors *descriptors = io->kernel->cgroup_world->descriptors;
    int event_fd, control_fd;
    const char *at = parse_fd(text_strip(text), false, &event_fd);
    at = at ? parse_fd(at, true, &control_fd) : NULL;
    if (!at)
        return -EINVAL;
    if (!descriptors)
        return -EBADF;
    cgroup_notify_fn fn;
    void *arg;
    struct cgroup_node node;
    int result = descriptors->eventfd(descriptors->arg, io->caller, event_fd, &fn, &arg);
    if (!result)
        result = descriptors->control(descriptors->arg, io->caller, control_fd, &node);
    if (result)
        return result;
    if (!node.file || node.cgroup != io->cgroup)
        return -EINVAL;
    struct memory_event *event;
    result = memory_event_register(node.cgroup, node.file, at, fn, arg, &event);
    if (!result)
        event->owned_here = true;
    return result;
}
