/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The freezer of v1 (spec cgroupfs.md 6). Tasks stop at once and settle in a later step of the
 * loop; whether a group is FROZEN is found out when somebody reads it. SIGKILL waits until the
 * thaw.
 */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"
#include "fakes/kernel/freezer.h"

struct freezer_css {
    struct cgroup_css css;
    bool self;   /* asked to freeze */
    bool parent; /* an ancestor freezes */
};

static struct freezer_css *freezer(const struct cgroup_css *css)
{
    return (struct freezer_css *)css;
}

static bool freezing(const struct cgroup_css *css)
{
    return freezer(css)->self || freezer(css)->parent;
}

static void freezer_init(struct cgroup_css *css)
{
    struct cgroup_css *up = cgroup_css_parent(css);
    freezer(css)->parent = up && freezing(up);
}

static void task_set(struct task *task, bool freeze)
{
    task->settled_v1 &= freeze;
    if (task->frozen_v1 == freeze)
        return;
    task->frozen_v1 = freeze;
    cgroup_task_refreeze(task);
}

static void stop_tasks(struct cgroup *cgroup)
{
    if (cgroup->freezer_stuck)
        return;
    list_for_each(node, &cgroup->tasks) task_set(cgroup_task_at(cgroup, node), true);
}

void freezer_v1_settle(struct cgroup *cgroup)
{
    const struct cgroup_css *css = cgroup->css[SUBSYS_FREEZER];
    if (cgroup->dead || !css || !freezing(css) || cgroup->freezer_stuck)
        return;
    stop_tasks(cgroup);
    list_for_each(node, &cgroup->tasks) cgroup_task_at(cgroup, node)->settled_v1 = true;
}

static void apply(struct cgroup *cgroup)
{
    if (freezing(cgroup->css[SUBSYS_FREEZER])) {
        stop_tasks(cgroup);
        if (cgroup->tasks_count)
            cgroup_freeze_later(cgroup);
        return;
    }
    size_t count;
    _cleanup_free_ struct task **tasks = cgroup_tasks_snapshot(cgroup, false, &count);
    for (size_t i = 0; i < count; i++)
        task_set(tasks[i], false);
}

/* FROZEN once every task of the subtree is. */
static bool all_frozen(struct cgroup *cgroup)
{
    for (struct cgroup *at = cgroup_next(cgroup, NULL); at; at = cgroup_next(cgroup, at))
        list_for_each(node, &at->tasks) if (!cgroup_task_at(at, node)->settled_v1) return false;
    return true;
}

static int state_read(const struct cgroup_io *io, struct strbuf *out)
{
    strbuf_add(out, !freezing(io->css)       ? "THAWED\n"
                    : all_frozen(io->cgroup) ? "FROZEN\n"
                                             : "FREEZING\n");
    return 0;
}

static int state_write(const struct cgroup_io *io, char *text)
{
    text = text_strip(text);
    bool freeze = !strcmp(text, "FROZEN");
    if (!freeze && strcmp(text, "THAWED"))
        return -EINVAL;
    freezer(io->css)->self = freeze;
    struct cgroup *top = io->cgroup;
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at)) {
        struct cgroup_css *up = cgroup_css_parent(at->css[SUBSYS_FREEZER]);
        freezer(at->css[SUBSYS_FREEZER])->parent = up && freezing(up);
        apply(at);
    }
    return 0;
}

static int self_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, freezer(io->css)->self);
    return 0;
}

static int parent_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, freezer(io->css)->parent);
    return 0;
}

static void freezer_fork(struct cgroup_css *css, struct task *child)
{
    if (!freezing(css))
        return;
    if (!css->cgroup->freezer_stuck)
        task_set(child, true);
    cgroup_freeze_later(css->cgroup);
}

static void freezer_attach(struct cgroup_css *from, struct cgroup_css *to, struct task *task)
{
    (void)from;
    bool freeze = freezing(to);
    if (!freeze || !to->cgroup->freezer_stuck)
        task_set(task, freeze);
    if (freeze)
        cgroup_freeze_later(to->cgroup);
}

static const struct cgroup_file files[] = {
    {"freezer.state", ON_CHILD, FILE_V1, 0644, state_read, state_write, NULL, 0, 0},
    {"freezer.self_freezing", ON_CHILD, FILE_V1, 0444, self_read, NULL, NULL, 0, 0},
    {"freezer.parent_freezing", ON_CHILD, FILE_V1, 0444, parent_read, NULL, NULL, 0, 0},
};

const struct cgroup_controller cgroup_controller_freezer = {
    .name = "freezer",
    .legacy_name = "freezer",
    .subsys = SUBSYS_FREEZER,
    .versions = FILE_V1,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct freezer_css),
    .init = freezer_init,
    .fork = freezer_fork,
    .attach = freezer_attach,
};
