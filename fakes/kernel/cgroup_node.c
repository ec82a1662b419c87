/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: directories and files with their attributes, as a file system asks for them. */
#include "fakes/kernel/cgroup_node.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "fakes/kernel/cgroup_internal.h"

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#define RENAME_WHITEOUT 4
#endif
/* Inodes of files: apart from those of directories, which are the cgroups' ids. */
#define FILE_INODES (UINT64_C(1) << 62)
#define XATTRS_MAX 128          /* per node, as in the kernel */
#define XATTR_BYTES_MAX 131072

struct cgroup_xattr {
    struct cgroup_xattr *next;
    char *name;
    void *value;
    size_t length;
};

static const struct cgroup_file_slot *node_slot(const struct cgroup_node *node)
{
    return cgroup_slot_find(node->cgroup->root, node->file->name, strlen(node->file->name));
}

static uint64_t node_serial(const struct cgroup_node *node)
{
    if (!node->file)
        return 0;
    enum cgroup_subsys subsys = node_slot(node)->controller->subsys;
    const struct cgroup_css *css = subsys == SUBSYS_CORE ? NULL : node->cgroup->css[subsys];
    return css ? css->serial : 0;
}

static struct cgroup_attributes *node_attributes(const struct cgroup_node *node)
{
    return cgroup_attributes_find(node->cgroup, node->file, node_serial(node));
}

static struct cgroup_attributes *node_attributes_make(const struct cgroup_node *node)
{
    return cgroup_attributes_make(node->cgroup, node->file, node_serial(node));
}

struct cgroup *cgroup_root_top(struct cgroup_root *root)
{
    return root->top;
}

struct cgroup_root *cgroup_node_root(const struct cgroup_node *node)
{
    return node->cgroup->root;
}

const char *cgroup_node_name(const struct cgroup_node *node)
{
    return node->file ? node->file->name : node->cgroup->name;
}

bool cgroup_node_gone(const struct cgroup_node *node)
{
    return node->cgroup->dead ||
           (node->file && !cgroup_slot_present(node->cgroup, node_slot(node)));
}

int cgroup_node_child(struct cgroup *directory, const char *name, struct cgroup_node *ret_node)
{
    if (directory->dead)
        return -ENODEV;
    struct cgroup *child = cgroup_child_find(directory, name, strlen(name));
    if (child) {
        *ret_node = (struct cgroup_node){child, NULL};
        return 0;
    }
    const struct cgroup_file_slot *slot = cgroup_slot_find(directory->root, name, strlen(name));
    if (!slot || !cgroup_slot_present(directory, slot))
        return -ENOENT;
    directory->looked_up |= slot->event_bit;
    *ret_node = (struct cgroup_node){directory, slot->file};
    return 0;
}

int cgroup_node_find(struct cgroup_root *root, const char *path, const char *file,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node)
{
    struct cgroup *cgroup;
    int result = cgroup_walk(root, path, caller, &cgroup);
    if (result)
        return result;
    *ret_node = (struct cgroup_node){cgroup, NULL};
    if (!file)
        return 0;
    if (!cgroup_permitted(caller, cgroup->mode, cgroup->uid, cgroup->gid, X_OK))
        return -EACCES;
    const struct cgroup_file_slot *slot = cgroup_slot_find(root, file, strlen(file));
    if (!slot || !cgroup_slot_present(cgroup, slot))
        return -ENOENT;
    cgroup->looked_up |= slot->event_bit;
    ret_node->file = slot->file;
    return 0;
}

int cgroup_node_lookup(struct cgroup_root *root, const char *path,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent = str_ndup(path, slash ? (size_t)(slash - path) : 0);
    const char *name = slash ? slash + 1 : path;
    struct cgroup *directory;
    int result = cgroup_walk(root, parent, caller, &directory);
    if (result)
        return result;
    if (!*name || !strcmp(name, ".")) {
        *ret_node = (struct cgroup_node){directory, NULL};
        return 0;
    }
    if (!cgroup_permitted(caller, directory->mode, directory->uid, directory->gid, X_OK))
        return -EACCES;
    if (!strcmp(name, "..")) {
        *ret_node =
            (struct cgroup_node){directory->parent ? directory->parent : directory, NULL};
        return 0;
    }
    return cgroup_node_child(directory, name, ret_node);
}

void cgroup_node_stat(const struct cgroup_node *node, struct cgroup_stat *ret_stat)
{
    const struct cgroup *cgroup = node->cgroup;
    if (!node->file) {
        *ret_stat = (struct cgroup_stat){
            .inode = cgroup->id,
            .mode = S_IFDIR | cgroup->mode,
            .uid = cgroup->uid,
            .gid = cgroup->gid,
            .links = 2 + cgroup->children_count,
            .mtime_ns = cgroup->mtime_ns,
        };
        return;
    }
    const struct cgroup_file_slot *slot = node_slot(node);
    const struct cgroup_attributes *changed = node_attributes(node);
    *ret_stat = (struct cgroup_stat){
        .inode = FILE_INODES | cgroup->id << 10 | (uint64_t)(slot - cgroup->root->slots),
        .links = 1,
        .mtime_ns = changed ? changed->mtime_ns : cgroup->mtime_ns,
    };
    ret_stat->mode = S_IFREG | cgroup_slot_mode(cgroup, slot, &ret_stat->uid, &ret_stat->gid);
}

int cgroup_node_access(
    const struct cgroup_node *node, int want, const struct cgroup_caller *caller)
{
    if (want & X_OK && node->file)
        return -EACCES; /* cgroupfs is always mounted noexec */
    if (caller->uid == 0)
        return 0;
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    return cgroup_permitted(caller, stat.mode, stat.uid, stat.gid, want) ? 0 : -EACCES;
}

static bool owns(const struct cgroup_node *node, const struct cgroup_caller *caller)
{
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    return caller->uid == 0 || caller->uid == stat.uid;
}

int cgroup_node_chmod(
    const struct cgroup_node *node, mode_t mode, const struct cgroup_caller *caller)
{
    if (!owns(node, caller))
        return -EPERM;
    mode &= 07777;
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    if (caller->uid != 0 && caller->gid != stat.gid)
        mode &= ~(mode_t)S_ISGID;
    if (!node->file) {
        node->cgroup->mode = mode;
        return 0;
    }
    struct cgroup_attributes *changed = node_attributes_make(node);
    changed->mode_set = true;
    changed->mode = mode;
    return 0;
}

int cgroup_node_chown(const struct cgroup_node *node, uid_t uid, gid_t gid,
    const struct cgroup_caller *caller)
{
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    uid = uid == (uid_t)-1 ? stat.uid : uid;
    gid = gid == (gid_t)-1 ? stat.gid : gid;
    bool group_only = uid == stat.uid && caller->uid == stat.uid &&
                      (gid == stat.gid || gid == caller->gid);
    if (caller->uid != 0 && !group_only)
        return -EPERM;
    if (!node->file) {
        node->cgroup->uid = uid;
        node->cgroup->gid = gid;
        return 0;
    }
    struct cgroup_attributes *changed = node_attributes_make(node);
    changed->owner_set = true;
    changed->uid = uid;
    changed->gid = gid;
    /* A new owner gets no program that runs as him. */
    if (changed->mode_set)
        changed->mode &= ~(mode_t)(S_ISUID | (changed->mode & S_IXGRP ? S_ISGID : 0));
    return 0;
}

int cgroup_node_utimes(
    const struct cgroup_node *node, uint64_t mtime_ns, const struct cgroup_caller *caller)
{
    if (!owns(node, caller))
        return -EPERM;
    if (node->file)
        node_attributes_make(node)->mtime_ns = mtime_ns;
    else
        node->cgroup->mtime_ns = mtime_ns;
    return 0;
}

int cgroup_node_list(const struct cgroup_node *node, const struct cgroup_caller *caller,
    cgroup_list_fn fn, void *arg)
{
    struct cgroup *cgroup = node->cgroup;
    if (node->file)
        return -ENOTDIR;
    if (cgroup->dead)
        return -ENOENT;
    int result = cgroup_node_access(node, R_OK, caller);
    if (result)
        return result;
    list_for_each(at, &cgroup->children) {
        struct cgroup *child = list_entry(at, struct cgroup, sibling);
        if (!fn(arg, child->name, &(struct cgroup_node){child, NULL}))
            return 0;
    }
    for (size_t i = 0; i < cgroup->root->slots_count; i++) {
        const struct cgroup_file_slot *slot = &cgroup->root->slots[i];
        if (cgroup_slot_present(cgroup, slot) &&
            !fn(arg, slot->file->name, &(struct cgroup_node){cgroup, slot->file}))
            return 0;
    }
    return 0;
}

/* ---------------------------------------------------------------------- changing the tree */

/* Whoever names something in a directory must be allowed to search it. */
static int may_search(struct cgroup *directory, const struct cgroup_caller *caller)
{
    return cgroup_node_access(&(struct cgroup_node){directory, NULL}, X_OK, caller);
}

static int may_change(struct cgroup *directory, const struct cgroup_caller *caller)
{
    return cgroup_node_access(&(struct cgroup_node){directory, NULL}, W_OK | X_OK, caller);
}

bool cgroup_node_taken(struct cgroup *directory, const char *name)
{
    const struct cgroup_file_slot *slot = cgroup_slot_find(directory->root, name, strlen(name));
    return cgroup_child_find(directory, name, strlen(name)) ||
           (slot && cgroup_slot_taken(directory, slot));
}

int cgroup_node_mkdir(struct cgroup *directory, const char *name, mode_t mode,
    const struct cgroup_caller *caller)
{
    if (directory->dead)
        return -ENOENT;
    int result = may_search(directory, caller);
    if (result)
        return result;
    if (cgroup_node_taken(directory, name))
        return -EEXIST;
    result = may_change(directory, caller);
    return result ? result : cgroup_tree_create(directory, name, mode, caller);
}

/* As may_delete() of the VFS: in a sticky directory only one's own. */
static int may_delete(struct cgroup *directory, const struct cgroup_node *node,
    const struct cgroup_caller *caller)
{
    int result = may_change(directory, caller);
    if (result || caller->uid == 0 || !(directory->mode & S_ISVTX))
        return result;
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    return caller->uid == stat.uid || caller->uid == directory->uid ? 0 : -EPERM;
}

static int find_child(struct cgroup *directory, const char *name,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node)
{
    int result = may_search(directory, caller);
    if (result)
        return result;
    result = cgroup_node_child(directory, name, ret_node);
    return result == -ENODEV ? -ENOENT : result;
}

static int find_victim(struct cgroup *directory, const char *name,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node)
{
    int result = find_child(directory, name, caller, ret_node);
    return result ? result : may_delete(directory, ret_node, caller);
}

int cgroup_node_rmdir(
    struct cgroup *directory, const char *name, const struct cgroup_caller *caller)
{
    struct cgroup_node node;
    int result = find_victim(directory, name, caller, &node);
    if (result)
        return result;
    return node.file ? -ENOTDIR : cgroup_tree_destroy(node.cgroup);
}

int cgroup_node_unlink(
    struct cgroup *directory, const char *name, const struct cgroup_caller *caller)
{
    struct cgroup_node node;
    int result = find_victim(directory, name, caller, &node);
    if (result)
        return result;
    return node.file ? -EPERM : -EISDIR;
}

/* What the VFS refuses before it looks at rights: existing or missing targets, and moves of a
 * directory into itself or onto one that it lies in. */
static int check_rename(const struct cgroup *from, const struct cgroup *to,
    const struct cgroup_node *node, const struct cgroup_node *target, unsigned flags)
{
    if (target && flags & RENAME_NOREPLACE)
        return -EEXIST;
    if (!target && flags & RENAME_EXCHANGE)
        return -ENOENT;
    if (!node->file && cgroup_is_within(to, node->cgroup))
        return -EINVAL;
    if (target && !target->file && cgroup_is_within(from, target->cgroup))
        return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
    return 0;
}

/* Flags that the system call itself refuses. */
static bool rename_flags_valid(unsigned flags)
{
    return !(flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) &&
           !(flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT));
}

static int may_rename(struct cgroup *from, struct cgroup *to, const struct cgroup_node *node,
    const struct cgroup_node *target, const struct cgroup_caller *caller)
{
    int result = may_delete(from, node, caller);
    if (!result)
        result = target ? may_delete(to, target, caller) : may_change(to, caller);
    if (result)
        return result;
    if (target && !node->file != !target->file)
        return node->file ? -EISDIR : -ENOTDIR;
    /* A directory that changes its parent is itself written to. */
    return !node->file && from != to ? cgroup_node_access(node, W_OK, caller) : 0;
}

int cgroup_node_rename(struct cgroup *from, const char *name, struct cgroup *to,
    const char *new_name, unsigned flags, const struct cgroup_caller *caller)
{
    struct cgroup_node node, found;
    if (!rename_flags_valid(flags))
        return -EINVAL;
    int result = find_child(from, name, caller, &node);
    if (!result)
        result = may_search(to, caller);
    if (result)
        return result;
    const struct cgroup_node *target =
        cgroup_node_child(to, new_name, &found) == 0 ? &found : NULL;
    result = check_rename(from, to, &node, target, flags);
    if (result)
        return result;
    if (target && target->cgroup == node.cgroup && target->file == node.file)
        return 0;
    result = may_rename(from, to, &node, flags & RENAME_EXCHANGE ? NULL : target, caller);
    if (result)
        return result;
    if (flags)
        return -EINVAL;
    if (from->root->v2)
        return -EPERM;
    if (strchr(new_name, '\n'))
        return -EINVAL;
    if (node.file)
        return -ENOTDIR;
    if (from != to)
        return -EIO;
    if (target)
        return -EEXIST;
    cgroup_tree_rename(node.cgroup, new_name);
    return 0;
}

/* ---------------------------------------------------------------------- xattrs */

static void xattr_free(struct cgroup_xattr *xattr)
{
    free(xattr->name);
    free(xattr->value);
    free(xattr);
}

void cgroup_attributes_free(struct cgroup *cgroup)
{
    for (struct cgroup_attributes *at = cgroup->attributes, *next; at; at = next) {
        next = at->next;
        for (struct cgroup_xattr *xattr = at->xattrs, *after; xattr; xattr = after) {
            after = xattr->next;
            xattr_free(xattr);
        }
        free(at);
    }
    cgroup->attributes = NULL;
}

static int xattr_allowed(const struct cgroup_node *node, const char *name, int want,
    const struct cgroup_caller *caller)
{
    static const char *const prefixes[] = {"user.", "trusted.", "security."};
    if (str_starts(name, "trusted.") && caller->uid != 0)
        return want == W_OK ? -EPERM : -ENODATA;
    /* Until 6.10 the hook of BPF's security module, which builds have, answered for the check. */
    if (str_starts(name, "security.") && caller->uid != 0 && want == W_OK &&
        cgroup_since(node->cgroup, KERNEL_6_12))
        return -EPERM;
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    if (str_starts(name, "user.") && want == W_OK && !node->file && stat.mode & S_ISVTX &&
        caller->uid != 0 && caller->uid != stat.uid)
        return -EPERM;
    if (!str_starts(name, "security.") && !str_starts(name, "system.") &&
        cgroup_node_access(node, want, caller))
        return -EACCES;
    for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
        if (str_starts(name, prefixes[i]))
            return name[strlen(prefixes[i])] ? 0 : -EINVAL;
    return -EOPNOTSUPP;
}

static struct cgroup_xattr **xattr_find(struct cgroup_attributes *attributes, const char *name)
{
    struct cgroup_xattr **at = &attributes->xattrs;
    while (*at && strcmp((*at)->name, name))
        at = &(*at)->next;
    return at;
}

/* A file capability must have the shape of linux/capability.h, of revision 2 or 3. */
static bool capability_valid(const unsigned char *value, size_t length)
{
    unsigned revision = length > 3 ? (unsigned)value[3] << VFS_CAP_REVISION_SHIFT : 0;
    return (length == XATTR_CAPS_SZ_2 && revision == VFS_CAP_REVISION_2) ||
           (length == XATTR_CAPS_SZ_3 && revision == VFS_CAP_REVISION_3);
}

int cgroup_node_xattr_set(const struct cgroup_node *node, const char *name, const void *value,
    size_t length, int flags, const struct cgroup_caller *caller)
{
    if (!strcmp(name, XATTR_NAME_CAPS) && length && !capability_valid(value, length))
        return -EINVAL;
    int result = xattr_allowed(node, name, W_OK, caller);
    if (result)
        return result;
    struct cgroup_attributes *attributes = node_attributes_make(node);
    struct cgroup_xattr **at = xattr_find(attributes, name);
    if (*at ? flags & XATTR_CREATE : flags & XATTR_REPLACE)
        return *at ? -EEXIST : -ENODATA;
    size_t count = 0, bytes = length;
    for (struct cgroup_xattr *other = attributes->xattrs; other; other = other->next) {
        count++;
        bytes += other == *at ? 0 : other->length;
    }
    if (bytes > XATTR_BYTES_MAX || (!*at && count >= XATTRS_MAX))
        return -ENOSPC;
    if (!*at) {
        *at = mem_alloc(sizeof(**at));
        (*at)->name = str_dup(name);
    }
    free((*at)->value);
    (*at)->value = mem_dup(value, length);
    (*at)->length = length;
    return 0;
}

int cgroup_node_xattr_get(const struct cgroup_node *node, const char *name,
    const struct cgroup_caller *caller, const void **ret_value, size_t *ret_length)
{
    int result = xattr_allowed(node, name, R_OK, caller);
    if (result)
        return result;
    struct cgroup_attributes *attributes = node_attributes(node);
    struct cgroup_xattr *found = attributes ? *xattr_find(attributes, name) : NULL;
    if (!found)
        return -ENODATA;
    *ret_value = found->value;
    *ret_length = found->length;
    return 0;
}

int cgroup_node_xattr_remove(
    const struct cgroup_node *node, const char *name, const struct cgroup_caller *caller)
{
    int result = xattr_allowed(node, name, W_OK, caller);
    if (result)
        return result;
    struct cgroup_attributes *attributes = node_attributes(node);
    struct cgroup_xattr **at = attributes ? xattr_find(attributes, name) : NULL;
    if (!at || !*at)
        return -ENODATA;
    struct cgroup_xattr *gone = *at;
    *at = gone->next;
    xattr_free(gone);
    return 0;
}

char **cgroup_node_xattr_list(const struct cgroup_node *node, const struct cgroup_caller *caller)
{
    char **names = mem_alloc(sizeof(*names));
    struct cgroup_attributes *attributes = node_attributes(node);
    for (struct cgroup_xattr *at = attributes ? attributes->xattrs : NULL; at; at = at->next)
        if (caller->uid == 0 || !str_starts(at->name, "trusted."))
            strv_add(&names, at->name);
    return names;
}
