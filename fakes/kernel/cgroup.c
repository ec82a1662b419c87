/* SPDX-License-Identifier: Apache-2.0 */
/* The hierarchies of a kernel, and the file operations by path that the direct backend uses. */
#include "fakes/kernel/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_node.h"
#include "fakes/kernel/io.h"
#include "fakes/kernel/memory.h"
#include "fakes/kernel/net.h"

const struct cgroup_caller cgroup_caller_root = {.resource_capability = true};

/* v1 controllers that distributions mount together. */
static const uint32_t mounted_together[] = {
    SUBSYS_BIT(SUBSYS_CPU) | SUBSYS_BIT(SUBSYS_CPUACCT),
    SUBSYS_BIT(SUBSYS_NET_CLS) | SUBSYS_BIT(SUBSYS_NET_PRIO),
};

static struct cgroup_root *root_add(
    struct kernel *kernel, const char *name, bool v2, uint32_t subsystems)
{
    assert(kernel->hierarchies_count < KERNEL_MAX_HIERARCHIES);
    struct cgroup_root *root = mem_alloc(sizeof(*root));
    root->kernel = kernel;
    root->v2 = v2;
    root->index = kernel->hierarchies_count;
    root->subsystems = subsystems;
    root->mounted = v2 || !(subsystems & kernel->cgroup_world->profile.unmounted);
    root->controllers = mem_alloc(sizeof(*root->controllers));
    _cleanup_strbuf_ struct strbuf names = STRBUF_INIT;
    for (int i = 0; i < SUBSYS_COUNT; i++) {
        const struct cgroup_controller *controller = cgroup_controllers[i];
        if (!(subsystems & SUBSYS_BIT(i)) || (v2 && controller->implicit))
            continue;
        const char *word = v2 ? controller->name : controller->legacy_name;
        strv_add(&root->controllers, word);
        strbuf_add(&names, names.length ? "," : "");
        strbuf_add(&names, word);
    }
    root->name = str_dup(name ? name : strbuf_text(&names));
    kernel->hierarchies[kernel->hierarchies_count++] = root;
    cgroup_slots_build(root, &kernel->cgroup_world->profile);
    cgroup_new_top(root);
    return root;
}

static uint32_t subsystems_of(unsigned version)
{
    uint32_t mask = 0;
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (cgroup_controllers[i]->versions & version)
            mask |= SUBSYS_BIT(i);
    return mask;
}

static void roots_v1(struct kernel *kernel, uint32_t subsystems)
{
    const struct kernel_profile *profile = &kernel->cgroup_world->profile;
    uint32_t done = 0;
    for (int i = 0; i < SUBSYS_COUNT; i++) {
        uint32_t mask = SUBSYS_BIT(i) & subsystems & ~done;
        if (!mask)
            continue;
        for (size_t k = 0; k < ARRAY_SIZE(mounted_together) && !profile->separate; k++)
            if (mounted_together[k] & mask)
                mask = mounted_together[k] & subsystems;
        root_add(kernel, NULL, false, mask);
        done |= mask;
    }
    root_add(kernel, "systemd", false, 0);
}

int cgroup_init(struct kernel *kernel, const struct kernel_config *config)
{
    const struct kernel_profile *base =
        kernel_profile_find(config->profile ? config->profile : "6.12");
    if (!base)
        return -EINVAL;
    struct cgroup_world *world = mem_alloc(sizeof(*world));
    kernel->cgroup_world = world;
    world->profile = *base;
    world->dying_tail = &world->dying;
    list_init(&world->notifications);
    kernel->layout = config->layout;
    kernel->profile = &world->profile;
    const char *word;
    int result = kernel_profile_apply(&world->profile, config->options, &word);
    if (result) {
        free(world);
        kernel->cgroup_world = NULL;
        kernel->profile = NULL;
        return result;
    }
    struct kernel_profile *profile = &world->profile;
    if (!profile->nsdelegate_set)
        profile->nsdelegate = config->layout == CGROUP_LAYOUT_V2;
    world->memory = memory_world_new();
    world->io = io_world_new();
    world->net = net_world_new();
    uint32_t v1 = subsystems_of(FILE_V1) & ~(profile->v1_missing | profile->missing);
    uint32_t v2 = subsystems_of(FILE_V2) & ~profile->missing;
    if (config->layout == CGROUP_LAYOUT_HYBRID) {
        v1 &= ~profile->v2_bound;
        v2 &= ~v1;
    }
    if (config->layout == CGROUP_LAYOUT_V1 || config->layout == CGROUP_LAYOUT_HYBRID)
        roots_v1(kernel, v1);
    if (config->layout == CGROUP_LAYOUT_V2 || config->layout == CGROUP_LAYOUT_HYBRID)
        root_add(kernel, "unified", true, v2);
    return 0;
}

void cgroup_exit_kernel(struct kernel *kernel)
{
    struct cgroup_world *world = kernel->cgroup_world;
    if (!world)
        return;
    world->shutting_down = true;
    loop_timer_stop(kernel->loop, world->reaper);
    loop_timer_stop(kernel->loop, world->newborn_killer);
    free(world->newborns);
    cgroup_freezer_exit(kernel);
    cgroup_notify_release_all(kernel);
    for (struct cgroup *at = world->dying, *next; at; at = next) {
        next = at->dying_next;
        list_append(&at->parent->children, &at->sibling);
    }
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup_root *root = kernel->hierarchies[i];
        cgroup_free_tree(root);
        free(root->slots);
        free(root->slot_index);
        free(root->release_agent);
        strv_free(root->released);
        strv_free(root->controllers);
        free(root->name);
        free(root);
    }
    kernel->hierarchies_count = 0;
    memory_world_free(world->memory);
    io_world_free(world->io);
    net_world_free(world->net);
    free(world->descriptors);
    free(world);
    kernel->cgroup_world = NULL;
    kernel->profile = NULL;
}

struct cgroup_root *cgroup_root_find(struct kernel *kernel, const char *controller)
{
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup_root *root = kernel->hierarchies[i];
        if (root->v2 ? !*controller : !strcmp(root->name, controller) ||
                                          strv_contains(root->controllers, controller))
            return root;
    }
    if (str_starts(controller, "name="))
        return cgroup_root_find(kernel, controller + strlen("name="));
    return NULL;
}

unsigned cgroup_root_index(const struct cgroup_root *root)
{
    return root->index;
}

const char *cgroup_root_name(const struct cgroup_root *root)
{
    return root->name;
}

bool cgroup_root_mounted(const struct cgroup_root *root)
{
    return root->mounted;
}

void cgroup_root_mount(struct cgroup_root *root)
{
    root->mounted = true;
}

bool cgroup_root_is_v2(const struct cgroup_root *root)
{
    return root->v2;
}

const char *const *cgroup_root_controllers(const struct cgroup_root *root)
{
    return (const char *const *)root->controllers;
}

char *const *cgroup_released(const struct cgroup_root *root)
{
    return root->released;
}

void cgroup_set_descriptors(struct kernel *kernel, const struct cgroup_descriptors *descriptors)
{
    for (unsigned i = 0; i < kernel->hierarchies_count; i++)
        memory_events_forget(kernel->hierarchies[i]);
    free(kernel->cgroup_world->descriptors);
    kernel->cgroup_world->descriptors =
        descriptors ? mem_dup(descriptors, sizeof(*descriptors)) : NULL;
}

/* ---------------------------------------------------------------------- by path */

struct cgroup *cgroup_lookup(struct cgroup_root *root, const char *path)
{
    struct cgroup *cgroup;
    return cgroup_walk(root, path, &cgroup_caller_root, &cgroup) ? NULL : cgroup;
}

/* Splits "a/b/c" into the directory "a/b", which is looked up, and the name "c". */
static int walk_parent(struct cgroup_root *root, const char *path,
    const struct cgroup_caller *caller, struct cgroup **ret_parent, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash ? slash + 1 : path;
    if (!slash) {
        *ret_parent = root->top;
        return 0;
    }
    char fixed[256];
    size_t length = (size_t)(slash - path);
    _cleanup_free_ char *grown = length < sizeof(fixed) ? NULL : mem_alloc(length + 1);
    char *parent = grown ? grown : fixed;
    memcpy(parent, path, length);
    parent[length] = '\0';
    return cgroup_walk(root, parent, caller, ret_parent);
}

int cgroup_mkdir(
    struct cgroup_root *root, const char *path, mode_t mode, const struct cgroup_caller *caller)
{
    struct cgroup *parent;
    const char *name;
    int result = walk_parent(root, path, caller, &parent, &name);
    if (result)
        return result;
    return *name ? cgroup_node_mkdir(parent, name, mode, caller) : -EEXIST;
}

int cgroup_rmdir(struct cgroup_root *root, const char *path, const struct cgroup_caller *caller)
{
    struct cgroup *parent;
    const char *name;
    int result = walk_parent(root, path, caller, &parent, &name);
    if (result)
        return result;
    if (!strcmp(name, "."))
        return -EINVAL;
    return *name ? cgroup_node_rmdir(parent, name, caller) : -EBUSY;
}

static int file_io(struct cgroup_root *root, const char *path, const char *file, int want,
    const struct cgroup_caller *caller, struct cgroup_io *ret_io)
{
    struct cgroup *cgroup;
    int result = cgroup_walk(root, path, caller, &cgroup);
    if (result)
        return result;
    const struct cgroup_file_slot *slot = cgroup_slot_find(root, file, strlen(file));
    if (!slot || !cgroup_slot_present(cgroup, slot))
        return cgroup_child_find(cgroup, file, strlen(file)) ? -EISDIR : -ENOENT;
    if (caller->uid != 0) {
        uid_t uid;
        gid_t gid;
        mode_t mode = cgroup_slot_mode(cgroup, slot, &uid, &gid);
        if (!cgroup_permitted(caller, cgroup->mode, cgroup->uid, cgroup->gid, X_OK) ||
            !cgroup_permitted(caller, mode, uid, gid, want))
            return -EACCES;
    }
    enum cgroup_subsys subsys = slot->controller->subsys;
    *ret_io = (struct cgroup_io){
        .kernel = root->kernel,
        .cgroup = cgroup,
        .css = subsys == SUBSYS_CORE ? NULL : cgroup->css[subsys],
        .file = slot->file,
        .opener = caller,
        .caller = caller,
    };
    return 0;
}

int cgroup_file_read(struct cgroup_root *root, const char *path, const char *file,
    const struct cgroup_caller *caller, char **ret_text, size_t *ret_length)
{
    struct cgroup_io io;
    int result = file_io(root, path, file, R_OK, caller, &io);
    if (result)
        return result;
    struct strbuf out = STRBUF_INIT;
    result = cgroup_slot_read(&io, &out);
    if (result) {
        strbuf_release(&out);
        return result;
    }
    if (ret_length)
        *ret_length = out.length;
    *ret_text = strbuf_take(&out);
    return 0;
}

int cgroup_file_write(struct cgroup_root *root, const char *path, const char *file,
    const char *data, size_t length, const struct cgroup_caller *caller)
{
    struct cgroup_io io;
    int result = file_io(root, path, file, W_OK, caller, &io);
    return result ? result : cgroup_slot_write(&io, data, length);
}

int cgroup_file_present(struct cgroup_root *root, const char *path, const char *file)
{
    struct cgroup_io io;
    return file_io(root, path, file, F_OK, &cgroup_caller_root, &io) ? -ENOENT : 0;
}

int cgroup_children(struct cgroup_root *root, const char *path, char ***ret_names)
{
    struct cgroup *cgroup = cgroup_lookup(root, path);
    if (!cgroup)
        return -ENOENT;
    char **names = mem_alloc((cgroup->children_count + 1) * sizeof(*names));
    size_t count = 0;
    list_for_each(node, &cgroup->children)
        names[count++] = str_dup(list_entry(node, struct cgroup, sibling)->name);
    strv_sort(names);
    *ret_names = names;
    return 0;
}

int cgroup_chown_path(
    struct cgroup_root *root, const char *path, const char *file, uid_t uid, gid_t gid)
{
    struct cgroup_node node;
    int result = cgroup_node_find(root, path, file, &cgroup_caller_root, &node);
    return result ? result : cgroup_node_chown(&node, uid, gid, &cgroup_caller_root);
}

struct cgroup *cgroup_parent(const struct cgroup *cgroup)
{
    return cgroup->parent;
}

uint64_t cgroup_id(const struct cgroup *cgroup)
{
    return cgroup->id;
}

char *cgroup_path_of(const struct cgroup *cgroup)
{
    size_t length = 0;
    for (const struct cgroup *at = cgroup; at->parent; at = at->parent)
        length += strlen(at->name) + 1;
    char *path = mem_alloc(length ? length : 1);
    size_t end = length ? length - 1 : 0;
    for (const struct cgroup *at = cgroup; at->parent; at = at->parent) {
        size_t size = strlen(at->name);
        end -= size;
        memcpy(path + end, at->name, size);
        if (end)
            path[--end] = '/';
    }
    return path;
}

char *cgroup_proc_path(const struct task *task, const struct cgroup_root *root)
{
    const struct cgroup *cgroup = task->cgroups[root->index];
    if (!cgroup || (task->dead && !root->v2))
        return str_dup("/");
    _cleanup_free_ char *path = cgroup_path_of(cgroup);
    return str_printf("/%s%s", path, cgroup->dead ? " (deleted)" : "");
}

void cgroup_set_stuck_freezer(struct cgroup *cgroup, bool stuck)
{
    cgroup->freezer_stuck = stuck;
    if (!stuck)
        cgroup_freezer_retry(cgroup);
}

/* ---------------------------------------------------------------------- digest */

static uint64_t fold(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static uint64_t fold_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = fold(hash, (unsigned char)*text);
    return hash;
}

static uint64_t cgroup_fold(const struct cgroup *cgroup, uint64_t hash)
{
    hash = fold(fold_text(hash, cgroup->name), cgroup->id);
    hash = fold(hash, cgroup->subtree_control | (uint64_t)cgroup->freeze << 32 |
                          (uint64_t)cgroup->frozen << 33 | (uint64_t)cgroup->dead << 34);
    hash = fold(hash, cgroup->user_ns);
    hash = fold(hash, cgroup->system_ns);
    list_for_each(node, &cgroup->tasks) {
        struct list *first = node - cgroup->root->index;
        hash = fold(hash, (uint64_t)container_of(first, struct task, cgroup_nodes)->tid);
    }
    for (int i = 0; i < SUBSYS_COUNT; i++) {
        const struct cgroup_css *css = cgroup->css[i];
        if (css && css->controller->digest)
            hash = css->controller->digest(css, hash);
    }
    return hash;
}

uint64_t cgroup_digest(struct kernel *kernel, uint64_t hash)
{
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        struct cgroup *top = kernel->hierarchies[i]->top;
        for (struct cgroup *at = cgroup_next(top, NULL); at; at = cgroup_next(top, at))
            hash = cgroup_fold(at, hash);
    }
    for (struct cgroup *at = kernel->cgroup_world ? kernel->cgroup_world->dying : NULL; at;
         at = at->dying_next)
        hash = fold(hash, at->id);
    return hash;
}
