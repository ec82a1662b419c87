/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names: the tree, attributes, and what a file system refuses. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes/kernel/profile.h"
#include "fakes/replay/replay_world.h"
#include "reference/base/mem.h"

#define UMASK 022

/* What every operation on a name starts with. */
struct name_lookup {
    struct cgroup_caller caller;
    struct cgroup *parent;
    const char *name;
    char *path; /* owned */
    int result;
};

static struct name_lookup lookup(
    const struct replay_world *world, const struct replay_op *op, const char *recorded)
{
    struct name_lookup lookup = {.caller = replay_caller(world, op)};
    _cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
    replay_substitute(world, recorded, strlen(recorded), &path);
    lookup.result = replay_parent(world, strbuf_text(&path), &lookup.caller, &lookup.parent,
        &lookup.name, &lookup.path);
    if (!lookup.result && *lookup.name)
        lookup.result = cgroup_node_access(
            &(struct cgroup_node){lookup.parent, NULL}, X_OK, &lookup.caller);
    return lookup;
}

/* The root, or the directory itself or its parent: no name that one could make or remove. */
static bool is_special(const char *name)
{
    return !*name || !strcmp(name, ".") || !strcmp(name, "..");
}

static void run_mkdir(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct name_lookup at = lookup(world, op, replay_text(op, "path"));
    mode_t mode =
        replay_has(op, "mode") ? (mode_t)strtoul(replay_text(op, "mode"), NULL, 8) : 0755;
    if (!at.result)
        at.result = is_special(at.name) ? -EEXIST
                                        : cgroup_node_mkdir(at.parent, at.name,
                                              mode & ~(mode_t)UMASK, &at.caller);
    if (!at.result)
        replay_inotify_name(world, at.parent, at.name, IN_CREATE | IN_ISDIR);
    outcome->result = at.result;
    free(at.path);
}

static void run_rmdir(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct name_lookup at = lookup(world, op, replay_text(op, "path"));
    if (!at.result) {
        if (!*at.name)
            at.result = -EBUSY;
        else if (is_special(at.name))
            at.result = at.name[1] ? -ENOTEMPTY : -EINVAL;
        else
            at.result = cgroup_node_rmdir(at.parent, at.name, &at.caller);
    }
    if (!at.result)
        replay_inotify_name(world, at.parent, at.name, IN_DELETE | IN_ISDIR);
    outcome->result = at.result;
    free(at.path);
}

static void run_awaitgone(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    for (int64_t waited = 0; waited <= replay_number(op, "ms"); waited += 10) {
        run_rmdir(world, op, outcome);
        if (!outcome->result)
            return;
        replay_world_advance(world, 10 * NS_PER_MS);
    }
}

static void run_unlink(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct name_lookup at = lookup(world, op, replay_text(op, "path"));
    if (!at.result)
        at.result = is_special(at.name) ? -EISDIR
                                        : cgroup_node_unlink(at.parent, at.name, &at.caller);
    outcome->result = at.result;
    free(at.path);
}

/* Making anything but a directory: exists, no right, or not that here. */
static int refuse(const struct name_lookup *at, int refusal)
{
    struct cgroup_node node;
    if (at->result)
        return at->result;
    if (is_special(at->name) || cgroup_node_child(at->parent, at->name, &node) == 0)
        return -EEXIST;
    int result = cgroup_node_access(
        &(struct cgroup_node){at->parent, NULL}, W_OK | X_OK, &at->caller);
    return result ? result : refusal;
}

static void run_creat(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct name_lookup at = lookup(world, op, replay_text(op, "path"));
    outcome->result = refuse(&at, -EACCES);
    free(at.path);
}

static void run_special(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct name_lookup at = lookup(world, op, replay_text(op, "path"));
    outcome->result = refuse(&at, -EPERM);
    free(at.path);
}

/* The kernel's protected_hardlinks: only to what one owns, or may read and write. */
static int may_link(const struct cgroup_node *node, const struct cgroup_caller *caller)
{
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    if (caller->uid == 0 || caller->uid == stat.uid)
        return 0;
    return node->file && cgroup_node_access(node, R_OK | W_OK, caller) == 0 ? 0 : -EPERM;
}

static void run_link(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct name_lookup to = lookup(world, op, replay_text(op, "path2"));
    struct cgroup_node node, taken;
    int result = replay_node(world, replay_text(op, "path"), &to.caller, &node);
    outcome->result = result ? result : to.result;
    if (!outcome->result &&
        (is_special(to.name) || cgroup_node_child(to.parent, to.name, &taken) == 0))
        outcome->result = -EEXIST;
    if (!outcome->result)
        outcome->result = may_link(&node, &to.caller);
    if (!outcome->result)
        outcome->result = refuse(&to, -EPERM);
    free(to.path);
}

static void run_rename(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct name_lookup from = lookup(world, op, replay_text(op, "path"));
    struct name_lookup to = lookup(world, op, replay_text(op, "path2"));
    unsigned flags = (unsigned)replay_number(op, "rflags");
    /* What the system call refuses whatever the paths are. */
    const unsigned both = RENAME_NOREPLACE | RENAME_EXCHANGE;
    int result = (flags & both) == both ? -EINVAL : from.result ? from.result : to.result;
    if (!result && is_special(from.name))
        result = -EBUSY;
    if (!result && is_special(to.name))
        result = flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    if (!result)
        result =
            cgroup_node_rename(from.parent, from.name, to.parent, to.name, flags, &from.caller);
    outcome->result = result;
    free(from.path);
    free(to.path);
}

/* ---------------------------------------------------------------------- attributes */

/* The node of the operation's path; false with the result set when there is none. */
static bool find_node(struct replay_world *world, const struct replay_op *op,
    struct replay_outcome *outcome, struct cgroup_caller *ret_caller, struct cgroup_node *ret_node)
{
    *ret_caller = replay_caller(world, op);
    outcome->result = replay_node(world, replay_text(op, "path"), ret_caller, ret_node);
    return outcome->result == 0;
}

static void run_truncate(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    if (replay_number(op, "size") < 0) {
        outcome->result = -EINVAL; /* before the path is looked at */
        return;
    }
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    outcome->result = node.file ? cgroup_node_access(&node, W_OK, &caller) : -EISDIR;
    if (!outcome->result)
        replay_inotify(world, &node, IN_MODIFY);
}

static void run_chmod(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    mode_t mode = (mode_t)strtoul(replay_text(op, "mode"), NULL, 8);
    outcome->result = cgroup_node_chmod(&node, mode, &caller);
    if (!outcome->result)
        replay_inotify(world, &node, IN_ATTRIB);
}

static void run_chown(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    unsigned uid = 0, gid = 0;
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    sscanf(replay_text(op, "owner"), "%u:%u", &uid, &gid);
    outcome->result = cgroup_node_chown(&node, uid, gid, &caller);
    if (!outcome->result)
        replay_inotify(world, &node, IN_ATTRIB);
}

static void run_utimes(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    /* Times of now need only the right to write. */
    if (cgroup_node_access(&node, W_OK, &caller) == 0)
        caller.uid = 0;
    outcome->result = cgroup_node_utimes(&node, loop_now_ns(world->loop), &caller);
    if (outcome->result == -EPERM)
        outcome->result = -EACCES;
}

/* The node, and that the attribute has a name: newer kernels look at the name first, those that
 * read one only since 6.18 (fs/xattr.c). */
static bool find_named(struct replay_world *world, const struct replay_op *op,
    struct replay_outcome *outcome, struct cgroup_caller *ret_caller, struct cgroup_node *ret_node)
{
    bool named = *replay_text(op, "name");
    bool reads = !strcmp(op->op, "getxattr");
    if (!named && world->kernel->profile->version >= (reads ? KERNEL_6_18 : KERNEL_6_12))
        outcome->result = -ERANGE;
    else if (find_node(world, op, outcome, ret_caller, ret_node) && !named)
        outcome->result = -ERANGE;
    return !outcome->result;
}

static void run_setxattr(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    if (!find_named(world, op, outcome, &caller, &node))
        return;
    const char *value = replay_text(op, "value");
    outcome->result = cgroup_node_xattr_set(
        &node, replay_text(op, "name"), value, strlen(value), 0, &caller);
}

static void run_getxattr(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    const void *value;
    size_t length;
    if (!find_named(world, op, outcome, &caller, &node))
        return;
    outcome->result =
        cgroup_node_xattr_get(&node, replay_text(op, "name"), &caller, &value, &length);
    if (outcome->result)
        return;
    outcome->has_out = true;
    strbuf_add_bytes(&outcome->out, value, length);
}

static void run_removexattr(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    if (find_named(world, op, outcome, &caller, &node))
        outcome->result = cgroup_node_xattr_remove(&node, replay_text(op, "name"), &caller);
}

static void run_listxattr(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    outcome->has_out = true;
    _cleanup_strv_ char **names = cgroup_node_xattr_list(&node, &caller);
    for (char **name = names; *name; name++)
        strbuf_addf(&outcome->out, "%s\n", *name);
}

static void run_access(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    const char *want = replay_text(op, "want");
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    int mask = (strchr(want, 'r') ? R_OK : 0) | (strchr(want, 'w') ? W_OK : 0) |
               (strchr(want, 'x') ? X_OK : 0);
    outcome->result = cgroup_node_access(&node, mask, &caller);
}

static void run_exists(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_node node;
    /* access(2) asks for the real user, which is always the recorder's own. */
    outcome->result = replay_node(world, replay_text(op, "path"), &world->root, &node);
}

static void run_stat(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node;
    struct cgroup_stat stat;
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    cgroup_node_stat(&node, &stat);
    outcome->has_out = true;
    strbuf_addf(&outcome->out, "%s %04o nlink=%u uid=%u gid=%u size=0 blksize=4096 blocks=0",
        node.file ? "file" : "dir", (unsigned)(stat.mode & 07777), stat.links, stat.uid, stat.gid);
}

static void run_samefs(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller;
    struct cgroup_node node, other;
    struct cgroup_stat stat, other_stat;
    if (!find_node(world, op, outcome, &caller, &node))
        return;
    outcome->result = replay_node(world, replay_text(op, "path2"), &caller, &other);
    if (outcome->result)
        return;
    cgroup_node_stat(&node, &stat);
    cgroup_node_stat(&other, &other_stat);
    bool same = cgroup_node_root(&node) == cgroup_node_root(&other);
    outcome->has_out = true;
    strbuf_addf(&outcome->out, "%s %s", same ? "samedev" : "otherdev",
        stat.inode < other_stat.inode    ? "ino<"
        : stat.inode == other_stat.inode ? "ino="
                                         : "ino>");
}

static void run_foreign(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    (void)world;
    (void)op;
    outcome->skipped = "asks about the mount or file handles, which the model has none of";
}

const struct replay_operation replay_path_ops[] = {
    {"mkdir", run_mkdir},
    {"rmdir", run_rmdir},
    {"awaitgone", run_awaitgone},
    {"unlink", run_unlink},
    {"creat", run_creat},
    {"symlink", run_special},
    {"mknod", run_special},
    {"link", run_link},
    {"rename", run_rename},
    {"rename2", run_rename},
    {"truncate", run_truncate},
    {"chmod", run_chmod},
    {"chown", run_chown},
    {"utimes", run_utimes},
    {"setxattr", run_setxattr},
    {"getxattr", run_getxattr},
    {"removexattr", run_removexattr},
    {"listxattr", run_listxattr},
    {"access", run_access},
    {"exists", run_exists},
    {"stat", run_stat},
    {"samefs", run_samefs},
    {"ino", run_foreign},
    {"statfs", run_foreign},
    {"mount", run_foreign},
    {"mountopts", run_foreign},
    {NULL, NULL},
};
