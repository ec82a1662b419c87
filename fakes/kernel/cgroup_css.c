/* SPDX-License-Identifier: Apache-2.0 */
/* Controller states of cgroups, and cgroup.subtree_control, which makes and unmakes them. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

struct cgroup_css *cgroup_css_effective(const struct cgroup *cgroup, enum cgroup_subsys subsys)
{
    while (cgroup && !cgroup->css[subsys])
        cgroup = cgroup->parent;
    return cgroup ? cgroup->css[subsys] : NULL;
}

struct cgroup_css *cgroup_css_parent(const struct cgroup_css *css)
{
    const struct cgroup *parent = css->cgroup->parent;
    return parent ? cgroup_css_effective(parent, css->controller->subsys) : NULL;
}

struct cgroup_root *cgroup_subsys_root(struct kernel *kernel, enum cgroup_subsys subsys)
{
    for (unsigned i = 0; i < kernel->hierarchies_count; i++)
        if (kernel->hierarchies[i]->subsystems & SUBSYS_BIT(subsys))
            return kernel->hierarchies[i];
    return NULL;
}

struct cgroup_css *cgroup_css_of(const struct task *task, enum cgroup_subsys subsys)
{
    struct cgroup_root *root = cgroup_subsys_root(task->process->kernel, subsys);
    const struct cgroup *cgroup = root ? task->cgroups[root->index] : NULL;
    return cgroup ? cgroup_css_effective(cgroup, subsys) : NULL;
}

struct cgroup_css *cgroup_css_create(struct cgroup *cgroup,
    const struct cgroup_controller *controller, uid_t uid, gid_t gid)
{
    struct cgroup_css *css = mem_alloc(controller->css_size);
    *css = (struct cgroup_css){
        .cgroup = cgroup,
        .controller = controller,
        .uid = uid,
        .gid = cgroup->mode & S_ISGID ? cgroup->gid : gid,
        .serial = ++cgroup_world_of(cgroup)->last_serial,
    };
    cgroup->css[controller->subsys] = css;
    for (struct cgroup_css *at = cgroup_css_parent(css); at; at = cgroup_css_parent(at))
        at->descendants++;
    if (controller->init)
        controller->init(css);
    return css;
}

void cgroup_css_destroy(struct cgroup *cgroup, enum cgroup_subsys subsys)
{
    struct cgroup_css *css = cgroup->css[subsys];
    cgroup->css[subsys] = NULL;
    if (!cgroup->dead && !cgroup_world_of(cgroup)->shutting_down)
        for (struct cgroup_css *at = cgroup_css_parent(css); at; at = cgroup_css_parent(at))
            at->descendants--;
    if (css->controller->free)
        css->controller->free(css);
    free(css);
}

static uint32_t threaded_mask(void)
{
    uint32_t mask = 0;
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (cgroup_controllers[i]->threaded)
            mask |= SUBSYS_BIT(i);
    return mask;
}

/* Those that v2 lists: bound there, made for v2, and not implicit. */
static uint32_t listed_mask(const struct cgroup_root *root)
{
    uint32_t mask = 0;
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (root->subsystems & SUBSYS_BIT(i) && cgroup_controllers[i]->versions & FILE_V2 &&
            !cgroup_controllers[i]->implicit)
            mask |= SUBSYS_BIT(i);
    return mask;
}

uint32_t cgroup_control_mask(const struct cgroup *cgroup)
{
    if (!cgroup->parent)
        return listed_mask(cgroup->root);
    uint32_t mask = cgroup->parent->subtree_control;
    return cgroup_is_threaded(cgroup) ? mask & threaded_mask() : mask;
}

void cgroup_mask_print(uint32_t mask, struct strbuf *out)
{
    bool any = false;
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (mask & SUBSYS_BIT(i)) {
            strbuf_add(out, any ? " " : "");
            strbuf_add(out, cgroup_controllers[i]->name);
            any = true;
        }
    if (any)
        strbuf_add(out, "\n");
}

/* The last mention of a name wins; a name without sign, or of v1 only, is an error. */
static int parse_controls(
    const struct kernel_profile *profile, char *text, uint32_t *ret_enable, uint32_t *ret_disable)
{
    *ret_enable = *ret_disable = 0;
    text = text_strip(text);
    for (char *item; (item = text_next_item(&text));) {
        if (!*item)
            continue;
        int subsys = -1;
        for (int i = 0; i < SUBSYS_COUNT && subsys < 0; i++)
            if (cgroup_controllers[i]->versions & FILE_V2 && !(profile->missing & SUBSYS_BIT(i)) &&
                !strcmp(cgroup_controllers[i]->name, item + 1))
                subsys = i;
        if (subsys < 0 || (*item != '+' && *item != '-'))
            return -EINVAL;
        uint32_t bit = SUBSYS_BIT(subsys);
        *ret_enable = *item == '+' ? *ret_enable | bit : *ret_enable & ~bit;
        *ret_disable = *item == '-' ? *ret_disable | bit : *ret_disable & ~bit;
    }
    return 0;
}

static bool child_uses(const struct cgroup *cgroup, uint32_t bit)
{
    list_for_each(node, &cgroup->children)
        if (list_entry(node, struct cgroup, sibling)->subtree_control & bit)
            return true;
    return false;
}

/* Drops what changes nothing. */
static int vet_controls(const struct cgroup *cgroup, uint32_t *enable, uint32_t *disable)
{
    uint32_t available = cgroup_control_mask(cgroup);
    for (int i = 0; i < SUBSYS_COUNT; i++) {
        uint32_t bit = SUBSYS_BIT(i);
        if (*enable & bit) {
            if (cgroup->subtree_control & bit)
                *enable &= ~bit;
            else if (!(available & bit))
                return -ENOENT;
        } else if (*disable & bit) {
            if (!(cgroup->subtree_control & bit))
                *disable &= ~bit;
            else if (child_uses(cgroup, bit))
                return -EBUSY;
        }
    }
    return 0;
}

/* Threads may compete with each other below a domain; processes may not. */
static int vet_enable(const struct cgroup *cgroup, uint32_t enable)
{
    if (!enable)
        return 0;
    if (!cgroup_is_valid_domain(cgroup->domain))
        return -EOPNOTSUPP;
    if (cgroup_is_mixable(cgroup))
        return 0;
    if (enable & ~threaded_mask()) {
        if (cgroup_is_thread_root(cgroup) || cgroup_is_threaded(cgroup))
            return -EOPNOTSUPP;
    } else if (cgroup_can_be_thread_root(cgroup) || cgroup_is_threaded(cgroup)) {
        return 0;
    }
    return cgroup->tasks_count ? -EBUSY : 0;
}

static void implicit_on(struct cgroup *cgroup)
{
    struct cgroup *top = cgroup->root->top;
    if (top->subtree_implicit)
        return;
    for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at)) {
        at->subtree_implicit = true;
        if (at->parent && at->root->subsystems & SUBSYS_BIT(SUBSYS_PERF_EVENT) &&
            !at->css[SUBSYS_PERF_EVENT])
            cgroup_css_create(at, cgroup_controllers[SUBSYS_PERF_EVENT], 0, 0);
    }
}

void cgroup_css_retire(struct cgroup *cgroup, enum cgroup_subsys subsys)
{
    struct cgroup_css *css = cgroup->css[subsys];
    const struct cgroup_controller *controller = css->controller;
    for (size_t i = 0; i < controller->files_count; i++)
        cgroup_listeners_gone(cgroup, &controller->files[i]);
    if (controller->offline)
        controller->offline(css);
    cgroup_css_destroy(cgroup, subsys);
}

static void css_switch(struct cgroup *child, uint32_t mask, const struct cgroup_caller *caller)
{
    for (int i = 0; i < SUBSYS_COUNT; i++) {
        bool wanted = mask & SUBSYS_BIT(i);
        struct cgroup_css *css = child->css[i];
        if (wanted && !css) {
            cgroup_css_create(child, cgroup_controllers[i], caller->uid, caller->gid);
        } else if (!wanted && css && !cgroup_controllers[i]->implicit) {
            cgroup_css_retire(child, (enum cgroup_subsys)i);
        }
    }
}

/* A cgroup below a child may have the name of a file that the child is to get. */
static bool names_collide(struct cgroup *cgroup, uint32_t enable)
{
    list_for_each(node, &cgroup->children) {
        struct cgroup *child = list_entry(node, struct cgroup, sibling);
        for (int i = 0; i < SUBSYS_COUNT; i++) {
            const struct cgroup_controller *controller = cgroup_controllers[i];
            if (!(enable & SUBSYS_BIT(i)) || child->css[i])
                continue;
            for (size_t j = 0; j < controller->files_count; j++) {
                const char *name = controller->files[j].name;
                if (cgroup_child_find(child, name, strlen(name)))
                    return true;
            }
        }
    }
    return false;
}

int cgroup_subtree_control_set(
    struct cgroup *cgroup, char *text, const struct cgroup_caller *caller)
{
    uint32_t enable, disable;
    int result = parse_controls(cgroup_profile(cgroup), text, &enable, &disable);
    if (!result)
        result = vet_controls(cgroup, &enable, &disable);
    if (result || !(enable | disable))
        return result;
    result = vet_enable(cgroup, enable);
    if (result)
        return result;
    if (names_collide(cgroup, enable))
        return -EEXIST;
    cgroup->subtree_control = (cgroup->subtree_control | enable) & ~disable;
    implicit_on(cgroup);
    list_for_each(node, &cgroup->children) {
        struct cgroup *child = list_entry(node, struct cgroup, sibling);
        css_switch(child, cgroup_control_mask(child), caller);
    }
    if ((enable | disable) & (SUBSYS_BIT(SUBSYS_CPU) | SUBSYS_BIT(SUBSYS_CPUSET)))
        sched_changed(cgroup_kernel(cgroup));
    return 0;
}
