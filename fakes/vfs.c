/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of nodes. One hash table for the whole tree finds a name in a directory: (number of the
 * directory, name) -> node; children also stand in a list, which is sorted when somebody looks.
 *
 * The digest is a sum over all nodes, kept up to date by a list of those that changed since it was
 * last asked for: it costs nothing when nobody asks.
 */
#include "fakes/vfs.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "reference/base/list.h"
#include "reference/base/mem.h"

#define VFS_LINKS_MAX 40 /* as Linux: ELOOP beyond */

struct vfs_node {
    uint64_t number;
    struct vfs_node *parent;    /* NULL: the root */
    struct list sibling;        /* in parent's children */
    struct list children;       /* directories */
    struct vfs_node *hash_next;
    struct list dirty_node;     /* in vfs->dirty, alone when clean */
    char *name;
    char *data;                 /* of a file (NUL-terminated), or a link's target; NULL: empty */
    size_t length;
    size_t capacity;
    uint64_t digest;            /* what it gives to the sum */
    uid_t uid;
    gid_t gid;
    mode_t mode;
    char type;
};

struct vfs {
    struct vfs_node *root;
    struct vfs_node **table;
    size_t table_size; /* a power of two */
    size_t count;
    uint64_t last_number;
    uint64_t digest;
    struct list dirty;
};

/* Where a path leads. */
struct vfs_place {
    struct vfs_node *parent; /* NULL when the path is the root or ends in a dot */
    struct vfs_node *node;   /* NULL: the last name does not exist */
    const char *name;        /* in the path or the buffer */
    size_t name_length;
    char *buffer;            /* owned: the path with its links replaced */
};

static void vfs_place_release(struct vfs_place *place)
{
    free(place->buffer);
}
#define _cleanup_place_ __attribute__((cleanup(vfs_place_release)))

static uint64_t vfs_hash_bytes(uint64_t hash, const void *bytes, size_t length)
{
    const unsigned char *byte = bytes;
    for (; length >= 8; byte += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, byte, 8);
        hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 32;
    }
    for (; length > 0; byte++, length--)
        hash = (hash ^ *byte) * UINT64_C(0x100000001b3);
    return hash ^ (hash >> 29);
}

static size_t vfs_slot(const struct vfs *vfs, uint64_t directory, const char *name, size_t length)
{
    uint64_t hash = vfs_hash_bytes(directory * UINT64_C(0x9e3779b97f4a7c15), name, length);
    return (size_t)(hash ^ (hash >> 32)) & (vfs->table_size - 1);
}

static struct vfs_node *vfs_child(
    const struct vfs *vfs, const struct vfs_node *directory, const char *name, size_t length)
{
    struct vfs_node *node = vfs->table[vfs_slot(vfs, directory->number, name, length)];
    while (node && (node->parent != directory || strncmp(node->name, name, length) != 0 ||
                       node->name[length] != '\0'))
        node = node->hash_next;
    return node;
}

static void vfs_table_add(struct vfs *vfs, struct vfs_node *node)
{
    size_t slot = vfs_slot(vfs, node->parent->number, node->name, strlen(node->name));
    node->hash_next = vfs->table[slot];
    vfs->table[slot] = node;
}

static void vfs_table_remove(struct vfs *vfs, struct vfs_node *node)
{
    size_t slot = vfs_slot(vfs, node->parent->number, node->name, strlen(node->name));
    struct vfs_node **link = &vfs->table[slot];
    while (*link != node)
        link = &(*link)->hash_next;
    *link = node->hash_next;
}

static void vfs_table_grow(struct vfs *vfs)
{
    struct vfs_node **old = vfs->table;
    size_t old_size = vfs->table_size;
    vfs->table_size = old_size * 2;
    vfs->table = mem_alloc(vfs->table_size * sizeof(*vfs->table));
    for (size_t i = 0; i < old_size; i++) {
        while (old[i]) {
            struct vfs_node *node = old[i];
            old[i] = node->hash_next;
            vfs_table_add(vfs, node);
        }
    }
    free(old);
}

static void vfs_touch(struct vfs *vfs, struct vfs_node *node)
{
    if (list_empty(&node->dirty_node))
        list_append(&vfs->dirty, &node->dirty_node);
}

static struct vfs_node *vfs_node_new(struct vfs *vfs, char type, mode_t mode)
{
    struct vfs_node *node = mem_alloc(sizeof(*node));
    node->number = ++vfs->last_number;
    node->type = type;
    node->mode = mode & 07777;
    list_init(&node->sibling);
    list_init(&node->children);
    list_init(&node->dirty_node);
    vfs_touch(vfs, node);
    return node;
}

static void vfs_node_free(struct vfs *vfs, struct vfs_node *node)
{
    vfs->digest -= node->digest;
    list_remove(&node->dirty_node);
    free(node->name);
    free(node->data);
    free(node);
}

/* Puts the node (new or taken out) under that name; takes the name. */
static void vfs_attach(
    struct vfs *vfs, struct vfs_node *directory, struct vfs_node *node, char *name)
{
    if (vfs->count >= vfs->table_size)
        vfs_table_grow(vfs);
    node->parent = directory;
    node->name = name;
    list_append(&directory->children, &node->sibling);
    vfs_table_add(vfs, node);
    vfs->count++;
    vfs_touch(vfs, node);
}

static void vfs_detach(struct vfs *vfs, struct vfs_node *node)
{
    vfs_table_remove(vfs, node);
    list_remove(&node->sibling);
    free(node->name);
    node->name = NULL;
    node->parent = NULL;
    vfs->count--;
}

/* The next of the tree below `top` in pre-order; NULL at its end. */
static struct vfs_node *vfs_following(const struct vfs_node *node, const struct vfs_node *top)
{
    if (!list_empty(&node->children))
        return list_entry(node->children.next, struct vfs_node, sibling);
    while (node != top) {
        if (node->sibling.next != &node->parent->children)
            return list_entry(node->sibling.next, struct vfs_node, sibling);
        node = node->parent;
    }
    return NULL;
}

static void vfs_free_below(struct vfs *vfs, struct vfs_node *top)
{
    struct vfs_node *node = top;
    for (;;) {
        while (!list_empty(&node->children))
            node = list_entry(node->children.next, struct vfs_node, sibling);
        if (node == top)
            return;
        struct vfs_node *parent = node->parent;
        vfs_detach(vfs, node);
        vfs_node_free(vfs, node);
        node = parent;
    }
}

struct vfs *vfs_new(void)
{
    struct vfs *vfs = mem_alloc(sizeof(*vfs));
    vfs->table_size = 64;
    vfs->table = mem_alloc(vfs->table_size * sizeof(*vfs->table));
    list_init(&vfs->dirty);
    vfs->root = vfs_node_new(vfs, 'd', 0755);
    return vfs;
}

void vfs_free(struct vfs *vfs)
{
    if (!vfs)
        return;
    vfs_free_below(vfs, vfs->root);
    vfs_node_free(vfs, vfs->root);
    free(vfs->table);
    free(vfs);
}

/* Starts over with the link's target in front of what follows it in the path. */
static const char *vfs_expand(
    struct vfs_place *place, const struct vfs_node *link, const char *rest)
{
    char *path = str_printf("%s%s", link->data ? link->data : "", rest);
    free(place->buffer);
    place->buffer = path;
    return path;
}

/*
 * Walks a path. Links in the middle are followed, one at the end only when `follow` (or a slash
 * follows it). 0 also when only the last name is missing.
 */
static int vfs_walk(struct vfs *vfs, const char *path, bool follow, struct vfs_place *place)
{
    struct vfs_node *directory = vfs->root;
    unsigned links = 0;
    memset(place, 0, sizeof(*place));
    if (path[0] != '/')
        return -EINVAL;
    place->node = vfs->root;
    for (;;) {
        bool slash = *path == '/';
        while (*path == '/')
            path++;
        if (slash && place->node && place->node->type != 'd')
            return -ENOTDIR;
        if (*path == '\0')
            return 0;
        if (!place->node)
            return -ENOENT;
        directory = place->node;
        size_t length = strcspn(path, "/");
        place->parent = NULL;
        if (length == 1 && path[0] == '.') {
            path++;
            continue;
        }
        if (length == 2 && memcmp(path, "..", 2) == 0) {
            place->node = directory->parent ? directory->parent : directory;
            path += 2;
            continue;
        }
        if (length > NAME_MAX)
            return -ENAMETOOLONG;
        place->parent = directory;
        place->name = path;
        place->name_length = length;
        place->node = vfs_child(vfs, directory, path, length);
        path += length;
        if (place->node && place->node->type == 'l' && (follow || *path == '/')) {
            if (++links > VFS_LINKS_MAX)
                return -ELOOP;
            path = vfs_expand(place, place->node, path);
            if (*path == '\0')
                return -ENOENT;
            place->node = *path == '/' ? vfs->root : directory;
            place->parent = NULL;
        }
    }
}

static struct vfs_node *vfs_make(
    struct vfs *vfs, const struct vfs_place *place, char type, mode_t mode)
{
    struct vfs_node *node = vfs_node_new(vfs, type, mode);
    vfs_attach(vfs, place->parent, node, str_ndup(place->name, place->name_length));
    return node;
}

int vfs_mkdir(struct vfs *vfs, const char *path, mode_t mode, bool parents)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, parents, &place);
    if (result == 0 && place.node)
        return parents && place.node->type == 'd' ? 0 : -EEXIST;
    if (result == 0) {
        vfs_make(vfs, &place, 'd', mode);
        return 0;
    }
    if (result != -ENOENT || !parents)
        return result;

    /* Some parent is missing: make each prefix in turn. */
    _cleanup_free_ char *prefix = str_dup(path);
    for (char *slash = prefix + 1;; slash++) {
        slash += strcspn(slash, "/");
        bool last = *slash == '\0';
        *slash = '\0';
        _cleanup_place_ struct vfs_place step;
        result = vfs_walk(vfs, prefix, true, &step);
        if (result < 0)
            return result;
        if (step.node && step.node->type != 'd')
            return last ? -EEXIST : -ENOTDIR;
        if (!step.node)
            vfs_make(vfs, &step, 'd', mode);
        if (last)
            return 0;
        *slash = '/';
    }
}

static void vfs_append(struct vfs_node *node, const void *data, size_t length)
{
    if (length == 0)
        return;
    node->data = mem_grow(node->data, &node->capacity, node->length + length + 1, 1);
    memcpy(node->data + node->length, data, length);
    node->length += length;
    node->data[node->length] = '\0';
}

int vfs_write(
    struct vfs *vfs, const char *path, const void *data, size_t length, mode_t mode, bool append)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, true, &place);
    if (result < 0)
        return result;
    struct vfs_node *node = place.node;
    if (node && node->type == 'd')
        return -EISDIR;
    if (!node)
        node = vfs_make(vfs, &place, 'f', mode);
    vfs_touch(vfs, node);
    if (!append && node->capacity > length + 64) {
        /* A file that shrinks gives its memory back: checkpoints live long. */
        free(TAKE_PTR(node->data));
        node->capacity = 0;
    }
    if (!append) {
        node->length = 0;
        if (node->data)
            node->data[0] = '\0';
        if (!node->data && length > 0) {
            node->capacity = length + 1;
            node->data = mem_alloc(node->capacity);
        }
    }
    vfs_append(node, data, length);
    return 0;
}

int vfs_read(struct vfs *vfs, const char *path, const char **ret_text, size_t *ret_length)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, true, &place);
    if (result < 0)
        return result;
    if (!place.node)
        return -ENOENT;
    if (place.node->type == 'd')
        return -EISDIR;
    *ret_text = place.node->data ? place.node->data : "";
    if (ret_length)
        *ret_length = place.node->length;
    return 0;
}

int vfs_info(struct vfs *vfs, const char *path, bool follow, struct vfs_info *ret_info)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, follow, &place);
    if (result < 0)
        return result;
    if (!place.node)
        return -ENOENT;
    if (ret_info)
        *ret_info = (struct vfs_info){
            .type = place.node->type,
            .mode = place.node->mode,
            .uid = place.node->uid,
            .gid = place.node->gid,
            .size_bytes = place.node->length,
        };
    return 0;
}

static int vfs_remove_at(struct vfs *vfs, const char *path, bool tree)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, false, &place);
    if (result < 0)
        return result;
    if (!place.node)
        return -ENOENT;
    if (place.node == vfs->root)
        return -EBUSY;
    if (!place.parent)
        return -EINVAL;
    if (tree)
        vfs_free_below(vfs, place.node);
    if (!list_empty(&place.node->children))
        return -ENOTEMPTY;
    vfs_detach(vfs, place.node);
    vfs_node_free(vfs, place.node);
    return 0;
}

int vfs_remove(struct vfs *vfs, const char *path)
{
    return vfs_remove_at(vfs, path, false);
}

int vfs_remove_tree(struct vfs *vfs, const char *path)
{
    return vfs_remove_at(vfs, path, true);
}

int vfs_list(struct vfs *vfs, const char *path, char ***ret_names)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, true, &place);
    if (result < 0)
        return result;
    if (!place.node)
        return -ENOENT;
    if (place.node->type != 'd')
        return -ENOTDIR;
    size_t count = 0;
    list_for_each (sibling, &place.node->children)
        count++;
    char **names = mem_alloc((count + 1) * sizeof(*names));
    size_t i = 0;
    list_for_each (sibling, &place.node->children)
        names[i++] = str_dup(list_entry(sibling, struct vfs_node, sibling)->name);
    strv_sort(names);
    *ret_names = names;
    return 0;
}

int vfs_symlink(struct vfs *vfs, const char *target, const char *path)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, false, &place);
    if (result < 0)
        return result;
    if (place.node)
        return -EEXIST;
    if (target[0] == '\0')
        return -ENOENT;
    vfs_append(vfs_make(vfs, &place, 'l', 0777), target, strlen(target));
    return 0;
}

int vfs_link_target(struct vfs *vfs, const char *path, const char **ret_target)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, false, &place);
    if (result < 0)
        return result;
    if (!place.node || place.node->type != 'l')
        return place.node ? -EINVAL : -ENOENT;
    *ret_target = place.node->data;
    return 0;
}

/* What stands at the destination makes way, by the rules of rename(2). */
static int vfs_replace(struct vfs *vfs, const struct vfs_node *from, struct vfs_node *node)
{
    if (node->type == 'd' && from->type != 'd')
        return -EISDIR;
    if (node->type != 'd' && from->type == 'd')
        return -ENOTDIR;
    if (!list_empty(&node->children))
        return -ENOTEMPTY;
    vfs_detach(vfs, node);
    vfs_node_free(vfs, node);
    return 0;
}

int vfs_rename(struct vfs *vfs, const char *from, const char *to)
{
    _cleanup_place_ struct vfs_place source;
    _cleanup_place_ struct vfs_place target = {0};
    int result = vfs_walk(vfs, from, false, &source);
    if (result < 0)
        return result;
    result = vfs_walk(vfs, to, false, &target);
    if (result < 0)
        return result;
    if (!source.node)
        return -ENOENT;
    if (!source.parent || !target.parent)
        return -EBUSY;
    if (source.node == target.node)
        return 0;
    for (const struct vfs_node *node = target.parent; node; node = node->parent) {
        if (node == source.node)
            return -EINVAL;
    }
    if (target.node)
        result = vfs_replace(vfs, source.node, target.node);
    if (result < 0)
        return result;
    vfs_detach(vfs, source.node);
    vfs_attach(vfs, target.parent, source.node, str_ndup(target.name, target.name_length));
    return 0;
}

int vfs_chown(struct vfs *vfs, const char *path, uid_t uid, gid_t gid, bool recursive)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, !recursive, &place);
    if (result < 0)
        return result;
    if (!place.node)
        return -ENOENT;
    struct vfs_node *node = place.node;
    do {
        if (uid != (uid_t)-1)
            node->uid = uid;
        if (gid != (gid_t)-1)
            node->gid = gid;
        vfs_touch(vfs, node);
        node = recursive ? vfs_following(node, place.node) : NULL;
    } while (node);
    return 0;
}

int vfs_real_path(struct vfs *vfs, const char *path, char **ret_path)
{
    _cleanup_place_ struct vfs_place place;
    int result = vfs_walk(vfs, path, true, &place);
    if (result < 0)
        return result;
    if (!place.node)
        return -ENOENT;
    size_t length = 1;
    for (const struct vfs_node *node = place.node; node->parent; node = node->parent)
        length += strlen(node->name) + 1;
    char *text = mem_alloc(length + 1);
    char *end = text + length - 1;
    for (const struct vfs_node *node = place.node; node->parent; node = node->parent) {
        size_t name_length = strlen(node->name);
        end -= name_length;
        memcpy(end, node->name, name_length);
        *--end = '/';
    }
    if (!place.node->parent)
        text[0] = '/';
    *ret_path = text;
    return 0;
}

size_t vfs_count(const struct vfs *vfs)
{
    return vfs->count;
}

static uint64_t vfs_node_digest(const struct vfs_node *node)
{
    uint64_t facts[] = {node->number, node->parent ? node->parent->number : 0, node->mode,
        node->uid, node->gid, (uint64_t)node->type, node->length};
    uint64_t hash = vfs_hash_bytes(UINT64_C(0x2545f4914f6cdd1d), facts, sizeof(facts));
    if (node->name)
        hash = vfs_hash_bytes(hash, node->name, strlen(node->name));
    return node->length > 0 ? vfs_hash_bytes(hash, node->data, node->length) : hash;
}

uint64_t vfs_digest(struct vfs *vfs, uint64_t hash)
{
    list_for_each_safe (entry, following, &vfs->dirty) {
        struct vfs_node *node = list_entry(entry, struct vfs_node, dirty_node);
        vfs->digest -= node->digest;
        node->digest = vfs_node_digest(node);
        vfs->digest += node->digest;
        list_remove(entry);
    }
    return vfs_hash_bytes(hash, &vfs->digest, sizeof(vfs->digest));
}
