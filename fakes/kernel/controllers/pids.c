/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pids controller (spec cgroupfs.md 4.1). A task counts from its birth until it is reaped.
 * Migration ignores limits. Since 6.12, v2 counts the failed fork where the limit was hit, and in
 * all ancestors; before, and in v1, where the fork was tried.
 */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

#define PIDS_MAX 4194304 /* PID_MAX_LIMIT */
#define PIDS_UNLIMITED UINT64_MAX

struct pids_css {
    struct cgroup_css css;
    uint64_t limit;
    uint64_t count;
    uint64_t peak;
    uint64_t events;
    uint64_t events_local;
};

static struct pids_css *pids(struct cgroup_css *css)
{
    return (struct pids_css *)css;
}

static void charge(struct cgroup_css *css)
{
    for (; css && css->cgroup->parent; css = cgroup_css_parent(css)) {
        struct pids_css *state = pids(css);
        if (++state->count > state->peak)
            state->peak = state->count;
    }
}

static void uncharge(struct cgroup_css *css)
{
    for (; css && css->cgroup->parent; css = cgroup_css_parent(css))
        if (pids(css)->count)
            pids(css)->count--;
}

/* Tasks move into or out of a cgroup because the controller is switched there: for a moment each
 * counts twice above it, as it is charged to the new cgroup first. */
static void moved_below(struct cgroup_css *css)
{
    while ((css = cgroup_css_parent(css)) && css->cgroup->parent) {
        struct pids_css *state = pids(css);
        if (state->count + 1 > state->peak)
            state->peak = state->count + 1;
    }
}

static void pids_offline(struct cgroup_css *css)
{
    if (cgroup_is_populated(css->cgroup))
        moved_below(css);
}

/* Switched on in a cgroup that has tasks: they count at once. */
static void pids_init(struct cgroup_css *css)
{
    struct pids_css *state = pids(css);
    struct cgroup *cgroup = css->cgroup;
    state->limit = PIDS_UNLIMITED;
    if (!cgroup_is_populated(cgroup))
        return;
    for (struct cgroup *at = cgroup_next(cgroup, NULL); at; at = cgroup_next(cgroup, at))
        state->count += at->tasks_count;
    state->peak = state->count;
    moved_below(css);
}

static void raise_events(struct cgroup_css *css, const char *name)
{
    const struct cgroup_file_slot *slot =
        cgroup_slot_find(css->cgroup->root, name, strlen(name));
    if (slot)
        cgroup_file_raise(css->cgroup, slot->file);
}

static void count_event(struct cgroup_css *forking, struct cgroup_css *limiting)
{
    bool hierarchical =
        forking->cgroup->root->v2 && cgroup_since(forking->cgroup, KERNEL_6_12);
    if (!hierarchical) {
        pids(forking)->events++;
        raise_events(forking, "pids.events");
        return;
    }
    pids(limiting)->events_local++;
    raise_events(limiting, "pids.events.local");
    for (; limiting && limiting->cgroup->parent; limiting = cgroup_css_parent(limiting)) {
        pids(limiting)->events++;
        raise_events(limiting, "pids.events");
    }
}

static int pids_can_fork(struct cgroup_css *css, struct task *parent)
{
    (void)parent;
    for (struct cgroup_css *at = css; at && at->cgroup->parent; at = cgroup_css_parent(at)) {
        struct pids_css *state = pids(at);
        if (state->count + 1 > state->limit) {
            count_event(css, at);
            return -EAGAIN;
        }
        /* The kernel charges on the way up, and takes it back when an ancestor refuses; the peaks
         * stay. */
        if (state->count + 1 > state->peak)
            state->peak = state->count + 1;
    }
    return 0;
}

static void pids_fork(struct cgroup_css *css, struct task *child)
{
    (void)child;
    charge(css);
}

static void pids_attach(struct cgroup_css *from, struct cgroup_css *to, struct task *task)
{
    (void)task;
    charge(to);
    uncharge(from);
}

static void pids_released(struct cgroup_css *css, struct task *task)
{
    (void)task;
    uncharge(css);
}

static int max_read(const struct cgroup_io *io, struct strbuf *out)
{
    uint64_t limit = pids(io->css)->limit;
    if (limit == PIDS_UNLIMITED)
        strbuf_add(out, "max\n");
    else
        print_line_u64(out, limit);
    return 0;
}

static int max_write(const struct cgroup_io *io, char *text)
{
    int64_t limit;
    text = text_strip(text);
    if (!strcmp(text, "max")) {
        pids(io->css)->limit = PIDS_UNLIMITED;
        return 0;
    }
    int result = text_s64(text, &limit);
    if (result)
        return result;
    if (limit < 0 || limit > PIDS_MAX)
        return -EINVAL;
    pids(io->css)->limit = (uint64_t)limit;
    return 0;
}

static int number_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, *(const uint64_t *)((const char *)io->css + io->file->argument));
    return 0;
}

static int events_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_key_u64(out, "max", *(const uint64_t *)((const char *)io->css + io->file->argument));
    return 0;
}

static bool since_6_12(const struct kernel_profile *profile)
{
    return profile->version >= KERNEL_6_12;
}

static uint64_t pids_digest(const struct cgroup_css *css, uint64_t hash)
{
    const struct pids_css *state = (const struct pids_css *)css;
    hash = (hash ^ state->limit) * UINT64_C(0x100000001b3);
    hash = (hash ^ state->count) * UINT64_C(0x100000001b3);
    return (hash ^ state->events) * UINT64_C(0x100000001b3);
}

#define PIDS_FIELD(member) ((intptr_t)offsetof(struct pids_css, member))

static const struct cgroup_file files[] = {
    {"pids.max", ON_CHILD, FILE_ANY, 0644, max_read, max_write, NULL, 0, 0},
    {"pids.current", ON_CHILD, FILE_ANY, 0444, number_read, NULL, NULL, PIDS_FIELD(count), 0},
    {"pids.peak", ON_CHILD, FILE_ANY, 0444, number_read, NULL, NULL, PIDS_FIELD(peak), 0},
    {"pids.events", ON_CHILD, FILE_ANY | FILE_EVENTS, 0444, events_read, NULL, NULL,
        PIDS_FIELD(events), 0},
    {"pids.events.local", ON_CHILD, FILE_V2 | FILE_EVENTS, 0444, events_read, NULL, since_6_12,
        PIDS_FIELD(events_local), 0},
};

const struct cgroup_controller cgroup_controller_pids = {
    .name = "pids",
    .legacy_name = "pids",
    .subsys = SUBSYS_PIDS,
    .versions = FILE_ANY,
    .threaded = true,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct pids_css),
    .init = pids_init,
    .can_fork = pids_can_fork,
    .offline = pids_offline,
    .fork = pids_fork,
    .attach = pids_attach,
    .released = pids_released,
    .digest = pids_digest,
};
