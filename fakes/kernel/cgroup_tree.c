/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of a hierarchy: creating, removing, finding and walking cgroups. A removed cgroup is
 * dead at once for everybody with a path, but is torn down from the loop (the kernel does that from
 * a work queue), and freed when the last zombie, open file or charge is gone.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/memory.h"

#define PLACES_FIRST 64

static uint32_t name_hash(uint64_t parent_id, const char *name, size_t length)
{
    uint64_t hash = parent_id * UINT64_C(0x9e3779b97f4a7c15) ^ UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash ^ hash >> 32);
}

static void place_insert(struct cgroup_root *root, struct cgroup *cgroup, uint32_t hash)
{
    size_t mask = root->places_count - 1, at = hash & mask;
    while (root->places[at].cgroup)
        at = (at + 1) & mask;
    root->places[at] = (struct cgroup_place){cgroup, hash};
}

static void hash_grow(struct cgroup_root *root)
{
    struct cgroup_place *old = root->places;
    size_t old_count = root->places_count;
    root->places_count = old_count ? 2 * old_count : PLACES_FIRST;
    root->places = mem_alloc(root->places_count * sizeof(*root->places));
    for (size_t i = 0; i < old_count; i++)
        if (old[i].cgroup)
            place_insert(root, old[i].cgroup, old[i].hash);
    free(old);
}

static void hash_insert(struct cgroup_root *root, struct cgroup *cgroup)
{
    if (2 * ++root->cgroups_count > root->places_count)
        hash_grow(root);
    cgroup->hash = name_hash(cgroup->parent->id, cgroup->name, strlen(cgroup->name));
    place_insert(root, cgroup, cgroup->hash);
}

/* What was pushed on by the one that goes moves back, so that no search stops short. */
static void hash_remove(struct cgroup_root *root, struct cgroup *cgroup)
{
    size_t mask = root->places_count - 1, hole = cgroup->hash & mask;
    while (root->places[hole].cgroup != cgroup)
        hole = (hole + 1) & mask;
    for (size_t at = (hole + 1) & mask; root->places[at].cgroup; at = (at + 1) & mask)
        if (((at - root->places[at].hash) & mask) >= ((at - hole) & mask)) {
            root->places[hole] = root->places[at];
            hole = at;
        }
    root->places[hole].cgroup = NULL;
    root->cgroups_count--;
}

struct cgroup *cgroup_child_find(struct cgroup *parent, const char *name, size_t length)
{
    const struct cgroup_root *root = parent->root;
    uint32_t hash = name_hash(parent->id, name, length);
    size_t mask = root->places_count - 1;
    for (size_t at = hash & mask; root->places[at].cgroup; at = (at + 1) & mask) {
        struct cgroup *found = root->places[at].cgroup;
        if (root->places[at].hash == hash && found->parent == parent &&
            !strncmp(found->name, name, length) && !found->name[length])
            return found;
    }
    return NULL;
}

static struct cgroup *cgroup_alloc(struct cgroup_root *root, struct cgroup *parent,
    const char *name, mode_t mode)
{
    struct kernel *kernel = root->kernel;
    struct cgroup *cgroup = mem_alloc(sizeof(*cgroup));
    *cgroup = (struct cgroup){
        .root = root,
        .parent = parent,
        .name = str_dup(name),
        .id = ++kernel->last_cgroup_id,
        .references = 1, /* of the tree, until torn down */
        .level = parent ? parent->level + 1 : 0,
        .max_depth = INT_MAX,
        .max_descendants = INT_MAX,
        .mode = mode,
        .mtime_ns = loop_now_ns(kernel->loop),
        .domain = cgroup,
    };
    list_init(&cgroup->children);
    list_init(&cgroup->sibling);
    list_init(&cgroup->tasks);
    list_init(&cgroup->listeners);
    return cgroup;
}

struct cgroup *cgroup_new_top(struct cgroup_root *root)
{
    hash_grow(root);
    struct cgroup *top = cgroup_alloc(root, NULL, "", 0555);
    root->top = top;
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (root->subsystems & SUBSYS_BIT(i))
            cgroup_css_create(top, cgroup_controllers[i], 0, 0);
    if (!root->v2)
        top->subtree_control = root->subsystems;
    return top;
}

struct cgroup *cgroup_get(struct cgroup *cgroup)
{
    cgroup->references++;
    return cgroup;
}

static void cgroup_free(struct cgroup *cgroup)
{
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (cgroup->css[i])
            cgroup_css_destroy(cgroup, (enum cgroup_subsys)i);
    cgroup_attributes_free(cgroup);
    free(cgroup->dying_css);
    free(cgroup->pressure);
    free(cgroup->device_program);
    free(cgroup->name);
    free(cgroup);
}

void cgroup_put(struct cgroup *cgroup)
{
    while (cgroup && --cgroup->references == 0) {
        struct cgroup *parent = cgroup->parent;
        cgroup_free(cgroup);
        cgroup = parent; /* a child holds its parent */
    }
}

/* EAGAIN for mkdir: no ancestor may get too many descendants or too deep ones. */
static bool limits_allow(const struct cgroup *parent)
{
    unsigned level = 1;
    for (const struct cgroup *at = parent; at; at = at->parent, level++)
        if (at->descendants >= at->max_descendants || level > at->max_depth)
            return false;
    return true;
}

int cgroup_tree_create(struct cgroup *parent, const char *name, mode_t mode,
    const struct cgroup_caller *caller)
{
    struct cgroup_root *root = parent->root;
    if (strchr(name, '\n'))
        return -EINVAL;
    if (parent->dead)
        return -ENODEV;
    if (!limits_allow(parent))
        return -EAGAIN;
    bool charged = parent->subtree_control & SUBSYS_BIT(SUBSYS_MEMORY);
    if (charged && !memory_child_fits(parent->css[SUBSYS_MEMORY]))
        return -ENOMEM;
    /* A set-group-ID bit is inherited, with the group (fs/kernfs/dir.c, kernfs_new_node); files get
     * the group of theirs, too. */
    bool inherits = parent->mode & S_ISGID;
    const gid_t gid = inherits ? parent->gid : caller->gid;
    struct cgroup *cgroup = cgroup_alloc(
        root, cgroup_get(parent), name, (mode & 01777) | (inherits ? S_ISGID : 0));
    cgroup->uid = cgroup->files_uid = caller->uid;
    cgroup->gid = cgroup->files_gid = gid;
    cgroup->notify_on_release = parent->notify_on_release;
    cgroup->clone_children = parent->clone_children;
    list_append(&parent->children, &cgroup->sibling);
    parent->children_count++;
    parent->mtime_ns = cgroup->mtime_ns;
    for (struct cgroup *at = parent; at; at = at->parent)
        at->descendants++;
    hash_insert(root, cgroup);
    if (!root->v2)
        cgroup->subtree_control = parent->subtree_control;
    uint32_t mask = root->v2 ? cgroup_control_mask(cgroup) : parent->subtree_control;
    for (int i = 0; mask; i++, mask >>= 1)
        if (mask & 1)
            cgroup_css_create(cgroup, cgroup_controllers[i], caller->uid, gid);
    if (root->v2) {
        if (parent->subtree_implicit && root->subsystems & SUBSYS_BIT(SUBSYS_PERF_EVENT))
            cgroup_css_create(cgroup, cgroup_controllers[SUBSYS_PERF_EVENT], 0, 0);
        cgroup->subtree_implicit = parent->subtree_implicit;
        cgroup_freezer_born(cgroup);
    }
    return 0;
}

static void count_dying(struct cgroup *cgroup, int change)
{
    for (struct cgroup *at = cgroup->parent; at; at = at->parent) {
        at->dying_descendants = (unsigned)((int)at->dying_descendants + change);
        if (!at->dying_css)
            at->dying_css = mem_alloc(SUBSYS_COUNT * sizeof(*at->dying_css));
        for (int i = 0; i < SUBSYS_COUNT; i++)
            if (cgroup->css[i])
                at->dying_css[i] = (uint32_t)((int)at->dying_css[i] + change);
    }
}

int cgroup_tree_destroy(struct cgroup *cgroup)
{
    struct cgroup *parent = cgroup->parent;
    struct cgroup_root *root = cgroup->root;
    if (!parent || cgroup_is_populated(cgroup) || cgroup->children_count)
        return -EBUSY;
    cgroup->dead = true;
    hash_remove(root, cgroup);
    list_remove(&cgroup->sibling);
    parent->children_count--;
    parent->dying_children++;
    parent->mtime_ns = loop_now_ns(root->kernel->loop);
    if (cgroup_is_threaded(cgroup))
        parent->threaded_children--;
    for (struct cgroup *at = parent; at; at = at->parent)
        at->descendants--;
    if (root->v2)
        cgroup_freezer_dead(cgroup);
    for (int i = 0; i < SUBSYS_COUNT; i++)
        for (struct cgroup_css *at = cgroup->css[i] ? cgroup_css_parent(cgroup->css[i]) : NULL; at;
             at = cgroup_css_parent(at))
            at->descendants--;
    count_dying(cgroup, 1);
    cgroup_listeners_gone(cgroup, NULL);
    struct cgroup_world *world = root->kernel->cgroup_world;
    *world->dying_tail = cgroup;
    world->dying_tail = &cgroup->dying_next;
    cgroup_reaper_schedule(root->kernel);
    cgroup_release_check(parent);
    return 0;
}

static bool still_busy(const struct cgroup *cgroup)
{
    for (int i = 0; i < SUBSYS_COUNT; i++) {
        const struct cgroup_css *css = cgroup->css[i];
        if (css && css->controller->busy && css->controller->busy(css))
            return true;
    }
    return false;
}

/* What the kernel does from a work queue some time after rmdir. */
static void tear_down(struct cgroup *cgroup)
{
    if (cgroup->torn_down)
        return;
    cgroup->torn_down = true;
    cgroup->parent->dying_children--;
    for (int i = 0; i < SUBSYS_COUNT; i++) {
        struct cgroup_css *css = cgroup->css[i];
        if (css && css->controller->offline)
            css->controller->offline(css);
    }
}

static void reap(void *arg)
{
    struct kernel *kernel = arg;
    struct cgroup_world *world = kernel->cgroup_world;
    world->reaper = NULL;
    struct cgroup **at = &world->dying;
    while (*at) {
        struct cgroup *cgroup = *at;
        tear_down(cgroup);
        if (still_busy(cgroup)) {
            at = &cgroup->dying_next;
            continue;
        }
        *at = cgroup->dying_next;
        count_dying(cgroup, -1);
        cgroup_put(cgroup);
    }
    world->dying_tail = at;
}

void cgroup_reaper_schedule(struct kernel *kernel)
{
    struct cgroup_world *world = kernel->cgroup_world;
    if (!world->reaper && !world->shutting_down)
        world->reaper = loop_timer_start(kernel->loop, 0, reap, kernel);
}

void cgroup_tree_rename(struct cgroup *cgroup, const char *name)
{
    hash_remove(cgroup->root, cgroup);
    str_set(&cgroup->name, name);
    hash_insert(cgroup->root, cgroup);
    cgroup->parent->mtime_ns = loop_now_ns(cgroup_kernel(cgroup)->loop);
}

struct cgroup *cgroup_next(struct cgroup *top, struct cgroup *current)
{
    if (!current)
        return top;
    if (!list_empty(&current->children))
        return list_entry(current->children.next, struct cgroup, sibling);
    while (current != top) {
        struct list *next = current->sibling.next;
        if (next != &current->parent->children)
            return list_entry(next, struct cgroup, sibling);
        current = current->parent;
    }
    return NULL;
}

bool cgroup_is_within(const struct cgroup *cgroup, const struct cgroup *ancestor)
{
    while (cgroup && cgroup->level > ancestor->level)
        cgroup = cgroup->parent;
    return cgroup == ancestor;
}

/* Frees every cgroup of the root, whoever holds it: only when the kernel ends. */
void cgroup_free_tree(struct cgroup_root *root)
{
    struct cgroup *at = root->top;
    while (at) {
        if (!list_empty(&at->children)) {
            at = list_entry(at->children.next, struct cgroup, sibling);
            continue;
        }
        struct cgroup *parent = at->parent;
        list_remove(&at->sibling);
        cgroup_free(at);
        at = parent;
    }
    free(root->places);
}
