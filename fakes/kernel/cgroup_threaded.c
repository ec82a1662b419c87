/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threaded domains of v2 (spec cgroupfs.md 3.3 to 3.5). A cgroup is a domain unless it was made
 * threaded; a domain is a thread root when it has threaded children, or both processes and threaded
 * controllers enabled; domains below a thread root are invalid.
 */
#include <errno.h>

#include "fakes/kernel/cgroup_internal.h"

static uint32_t domain_controls(const struct cgroup *cgroup)
{
    uint32_t mask = cgroup->subtree_control;
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (cgroup_controllers[i]->threaded)
            mask &= ~SUBSYS_BIT(i);
    return mask;
}

bool cgroup_is_threaded(const struct cgroup *cgroup)
{
    return cgroup->domain != cgroup;
}

/* The root may hold processes beside everything. */
bool cgroup_is_mixable(const struct cgroup *cgroup)
{
    return !cgroup->parent;
}

bool cgroup_can_be_thread_root(const struct cgroup *cgroup)
{
    if (cgroup_is_mixable(cgroup))
        return true;
    return !cgroup->populated_domains && !domain_controls(cgroup);
}

bool cgroup_is_thread_root(const struct cgroup *cgroup)
{
    if (cgroup_is_threaded(cgroup))
        return false;
    if (cgroup->threaded_children)
        return true;
    return cgroup->tasks_count && cgroup->subtree_control & ~domain_controls(cgroup);
}

bool cgroup_is_valid_domain(const struct cgroup *cgroup)
{
    if (cgroup_is_threaded(cgroup))
        return false;
    while ((cgroup = cgroup->parent))
        if ((!cgroup_is_mixable(cgroup) && cgroup_is_thread_root(cgroup)) ||
            cgroup_is_threaded(cgroup))
            return false;
    return true;
}

int cgroup_vet_destination(const struct cgroup *cgroup)
{
    if (!cgroup->root->v2)
        return 0;
    if (!cgroup_is_valid_domain(cgroup->domain))
        return -EOPNOTSUPP;
    if (cgroup_can_be_thread_root(cgroup) || cgroup_is_threaded(cgroup))
        return 0;
    return cgroup->subtree_control ? -EBUSY : 0;
}

int cgroup_enable_threaded(struct cgroup *cgroup)
{
    if (cgroup_is_threaded(cgroup))
        return 0;
    if (cgroup_is_populated(cgroup) || domain_controls(cgroup))
        return -EOPNOTSUPP;
    struct cgroup *domain = cgroup->parent->domain;
    if (!cgroup_is_valid_domain(domain) || !cgroup_can_be_thread_root(domain))
        return -EOPNOTSUPP;
    for (struct cgroup *at = cgroup_next(cgroup, NULL); at; at = cgroup_next(cgroup, at))
        if (at == cgroup || cgroup_is_threaded(at))
            at->domain = domain;
    cgroup->parent->threaded_children++;
    /* Domain controllers of the parent do not reach a threaded child. */
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (cgroup->css[i] && !(cgroup_control_mask(cgroup) & SUBSYS_BIT(i)) &&
            !cgroup_controllers[i]->implicit)
            cgroup_css_retire(cgroup, (enum cgroup_subsys)i);
    return 0;
}
