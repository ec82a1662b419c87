/* SPDX-License-Identifier: Apache-2.0 */
/* Which control files a cgroup has, who may use them, and one read or write of one. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fakes/kernel/cgroup_internal.h"

static uint32_t file_hash(const char *name, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash ^ hash >> 15;
}

static void slot_add(struct cgroup_root *root, const struct cgroup_controller *controller,
    const struct cgroup_file *file, const struct kernel_profile *profile)
{
    unsigned version = root->v2 ? FILE_V2 : FILE_V1;
    if (!(file->flags & version) || (file->available && !file->available(profile)) ||
        profile_files_have(profile->no_files, file->name))
        return;
    bool events = file->flags & (FILE_EVENTS | FILE_PRESSURE);
    assert(root->event_files_count < 32);
    root->slots[root->slots_count++] = (struct cgroup_file_slot){
        .file = file,
        .controller = controller,
        .hash = file_hash(file->name, strlen(file->name)),
        .event_bit = events ? UINT32_C(1) << root->event_files_count : 0,
    };
    root->event_files_count += events;
}

static size_t legacy_count(const struct cgroup_controller *controller)
{
    size_t count = 0;
    while (controller->legacy_files && controller->legacy_files[count].name)
        count++;
    return count;
}

static void slots_add(struct cgroup_root *root, const struct cgroup_controller *controller,
    const struct kernel_profile *profile)
{
    for (size_t i = 0; i < controller->files_count; i++)
        slot_add(root, controller, &controller->files[i], profile);
    for (size_t i = 0; i < legacy_count(controller); i++)
        slot_add(root, controller, &controller->legacy_files[i], profile);
}

void cgroup_slots_build(struct cgroup_root *root, const struct kernel_profile *profile)
{
    size_t most = cgroup_core.files_count + cgroup_psi.files_count;
    for (int i = 0; i < SUBSYS_COUNT; i++)
        most += cgroup_controllers[i]->files_count + legacy_count(cgroup_controllers[i]);
    root->slots = mem_alloc(most * sizeof(*root->slots));
    slots_add(root, &cgroup_core, profile);
    slots_add(root, &cgroup_psi, profile);
    for (int i = 0; i < SUBSYS_COUNT; i++)
        if (root->subsystems & SUBSYS_BIT(i))
            slots_add(root, cgroup_controllers[i], profile);
    root->slot_index_count = 16;
    while (root->slot_index_count < 2 * root->slots_count)
        root->slot_index_count *= 2;
    root->slot_index = mem_alloc(root->slot_index_count * sizeof(*root->slot_index));
    for (size_t i = 0; i < root->slots_count; i++) {
        size_t at = root->slots[i].hash & (root->slot_index_count - 1);
        while (root->slot_index[at])
            at = (at + 1) & (root->slot_index_count - 1);
        root->slot_index[at] = (uint32_t)i + 1;
    }
}

const struct cgroup_file_slot *cgroup_slot_find(
    const struct cgroup_root *root, const char *name, size_t length)
{
    uint32_t hash = file_hash(name, length);
    size_t at = hash & (root->slot_index_count - 1);
    for (; root->slot_index[at]; at = (at + 1) & (root->slot_index_count - 1)) {
        const struct cgroup_file_slot *slot = &root->slots[root->slot_index[at] - 1];
        if (slot->hash == hash && !strncmp(slot->file->name, name, length) &&
            !slot->file->name[length])
            return slot;
    }
    return NULL;
}

bool cgroup_slot_taken(const struct cgroup *cgroup, const struct cgroup_file_slot *slot)
{
    const struct cgroup_file *file = slot->file;
    if (!(file->where & (cgroup->parent ? ON_CHILD : ON_ROOT)))
        return false;
    return slot->controller->subsys == SUBSYS_CORE || cgroup->css[slot->controller->subsys];
}

bool cgroup_slot_present(const struct cgroup *cgroup, const struct cgroup_file_slot *slot)
{
    bool hidden = slot->file->flags & FILE_PRESSURE && cgroup->pressure_hidden;
    return !hidden && cgroup_slot_taken(cgroup, slot);
}

struct cgroup_attributes *cgroup_attributes_find(
    const struct cgroup *cgroup, const struct cgroup_file *file, uint64_t serial)
{
    struct cgroup_attributes *at = cgroup->attributes;
    while (at && !(at->file == file && at->serial == serial))
        at = at->next;
    return at;
}

struct cgroup_attributes *cgroup_attributes_make(
    struct cgroup *cgroup, const struct cgroup_file *file, uint64_t serial)
{
    struct cgroup_attributes *found = cgroup_attributes_find(cgroup, file, serial);
    if (found)
        return found;
    found = mem_alloc(sizeof(*found));
    *found = (struct cgroup_attributes){
        .next = cgroup->attributes,
        .file = file,
        .serial = serial,
        .mtime_ns = cgroup->mtime_ns,
    };
    cgroup->attributes = found;
    return found;
}

mode_t cgroup_slot_mode(const struct cgroup *cgroup, const struct cgroup_file_slot *slot,
    uid_t *ret_uid, gid_t *ret_gid)
{
    const struct cgroup_css *css =
        slot->controller->subsys == SUBSYS_CORE ? NULL : cgroup->css[slot->controller->subsys];
    *ret_uid = css ? css->uid : cgroup->files_uid;
    *ret_gid = css ? css->gid : cgroup->files_gid;
    mode_t mode = slot->file->mode;
    const struct cgroup_attributes *changed =
        cgroup->attributes ? cgroup_attributes_find(cgroup, slot->file, css ? css->serial : 0)
                           : NULL;
    if (changed && changed->owner_set) {
        *ret_uid = changed->uid;
        *ret_gid = changed->gid;
    }
    return changed && changed->mode_set ? changed->mode : mode;
}

/* want: R_OK, W_OK, X_OK. Root passes, as with CAP_DAC_OVERRIDE. */
bool cgroup_permitted(
    const struct cgroup_caller *caller, mode_t mode, uid_t uid, gid_t gid, int want)
{
    if (caller->uid == 0)
        return true;
    unsigned shift = caller->uid == uid ? 6 : caller->gid == gid ? 3 : 0;
    return ((mode >> shift) & (unsigned)want) == (unsigned)want;
}

int cgroup_walk(struct cgroup_root *root, const char *path, const struct cgroup_caller *caller,
    struct cgroup **ret_cgroup)
{
    struct cgroup *at = root->top;
    while (*path) {
        size_t length = strcspn(path, "/");
        if (length == 0 || (length == 1 && *path == '.')) {
            path += length + (path[length] == '/');
            continue;
        }
        if (!cgroup_permitted(caller, at->mode, at->uid, at->gid, X_OK))
            return -EACCES;
        if (length == 2 && !strncmp(path, "..", 2)) {
            at = at->parent ? at->parent : at;
            path += length + (path[length] == '/');
            continue;
        }
        struct cgroup *child = cgroup_child_find(at, path, length);
        if (!child) {
            const struct cgroup_file_slot *slot = cgroup_slot_find(root, path, length);
            return slot && cgroup_slot_present(at, slot) ? -ENOTDIR : -ENOENT;
        }
        at = child;
        path += length + (path[length] == '/');
    }
    *ret_cgroup = at;
    return 0;
}

int cgroup_slot_read(const struct cgroup_io *io, struct strbuf *out)
{
    if (profile_files_have(cgroup_profile(io->cgroup)->mute_files, io->file->name))
        return -EOPNOTSUPP;
    return io->file->read ? io->file->read(io, out) : -EINVAL;
}

/* Inside a delegated namespace its root's files are the outside's business. */
static bool delegation_forbids(const struct cgroup_io *io)
{
    return io->cgroup->root->v2 && cgroup_profile(io->cgroup)->nsdelegate &&
           io->opener->namespace_root && io->opener->namespace_root == io->cgroup->id &&
           !(io->file->flags & FILE_DELEGATABLE);
}

int cgroup_slot_write(const struct cgroup_io *io, const char *data, size_t length)
{
    size_t most = io->file->write_max ? io->file->write_max(cgroup_profile(io->cgroup))
                                       : CGROUP_WRITE_MAX;
    if (length == 0)
        return 0;
    if (length > most)
        return -E2BIG;
    if (delegation_forbids(io))
        return -EPERM;
    if (!io->file->write)
        return -EINVAL;
    char fixed[512];
    _cleanup_free_ char *grown = length < sizeof(fixed) ? NULL : mem_alloc(length + 1);
    char *text = grown ? grown : fixed;
    memcpy(text, data, length);
    text[length] = '\0';
    return io->file->write(io, text);
}
