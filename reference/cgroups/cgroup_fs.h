/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How to reach a cgroup hierarchy: a table of a handful of calls. cgroup_fs_mount.c uses files
 * below a mount point, a real cgroupfs or our FUSE one; fakes/cgroup_fs_model.c calls the model
 * directly.
 *
 * Paths are relative to the hierarchy's root, without leading or trailing slash; "" is the root.
 * The functions below are the front: they count effects and trace through the host.
 */
#pragma once

#include "reference/host.h"

struct cgroup_fs;

/* A watch on a control file or an event listener; the handle dies when stopped or called with an
 * error. Deliveries are effects of kind EFFECT_EVENT; those to an agent that is gone are dropped.
 */
struct cgroup_watch;
/* result 0: the file changed (or the v1 event fired, `count` times); -ENODEV: the cgroup is gone.
 */
typedef void (*cgroup_watch_fn)(void *arg, int result, uint64_t count);

/* What an implementation makes of a watch; dies by unwatch or with a call that carries an error. */
struct cgroup_fs_watch;

/* Without counting, faults and traces, which are the front's; never called for a gone agent, but
 * for unwatch and free. Watches call from the loop. */
struct cgroup_fs_ops {
    int (*create)(struct cgroup_fs *fs, const char *path, mode_t mode);
    int (*remove)(struct cgroup_fs *fs, const char *path);
    int (*read)(struct cgroup_fs *fs, const char *path, const char *file, char **ret_text);
    int (*write)(
        struct cgroup_fs *fs, const char *path, const char *file, const char *data, size_t length);
    int (*list)(struct cgroup_fs *fs, const char *path, char ***ret_names); /* child cgroups only */
    bool (*exists)(
        struct cgroup_fs *fs, const char *path, const char *file); /* file NULL: the cgroup */
    int (*chown)(struct cgroup_fs *fs, const char *path, const char *file, uid_t uid, gid_t gid);
    /* v2 events files: fn after every modification. */
    int (*watch)(struct cgroup_fs *fs, const char *path, const char *file, cgroup_watch_fn fn,
        void *arg, struct cgroup_fs_watch **ret_watch);
    /* v1 cgroup.event_control: fn each time the eventfd fires. */
    int (*listen)(struct cgroup_fs *fs, const char *path, const char *file, const char *arguments,
        cgroup_watch_fn fn, void *arg, struct cgroup_fs_watch **ret_watch);
    void (*unwatch)(struct cgroup_fs *fs, struct cgroup_fs_watch *watch);
    void (*free)(struct cgroup_fs *fs);
};
struct cgroup_fs {
    const struct cgroup_fs_ops *ops;
    struct host *host;
    char *name;        /* of its hierarchy: "memory", "cpu,cpuacct", "unified"; owned */
    char *mount_point; /* host path of the root, for plans and bind mounts; owned */
};

/* One mounted hierarchy: several v1 controllers may be co-mounted; v2 has controllers "" (all). */
struct cgroup_hierarchy {
    bool v2;
    char *name;         /* "cpu,cpuacct", "name=systemd", "unified" */
    char **controllers; /* v1: bound here; v2: cgroup.controllers of the root at start */
    struct cgroup_fs *fs; /* owned */
};
struct cgroup_hierarchies {
    /* True iff a cgroup2 file system is mounted at the standard place (containerizer.md 2.4). */
    bool unified;
    /* A cgroup2 mounted elsewhere beside v1: hybrid. */
    bool hybrid;
    struct cgroup_hierarchy *items;
    size_t count;
};

/* The hierarchy that holds the controller ("memory", "freezer", "name=systemd"); v2: the unified
 * one when it has that controller, "" for it in any case. NULL when there is none. */
struct cgroup_hierarchy *cgroup_hierarchy_find(
    struct cgroup_hierarchies *hierarchies, const char *controller);
void cgroup_hierarchies_free(struct cgroup_hierarchies *hierarchies);

/* For implementations: the common part (strings are copied), and its release. */
void cgroup_fs_init(struct cgroup_fs *fs, const struct cgroup_fs_ops *ops, struct host *host,
    const char *name, const char *mount_point);
void cgroup_fs_release(struct cgroup_fs *fs);

/* Errors read `create mesos/c1 (memory): EEXIST`, `write mesos/c1/memory.max "1": EBUSY`. */
int cgroup_create(struct cgroup_fs *fs, const char *path, struct err *err);          /* mode 0755 */
int cgroup_create_recursive(
    struct cgroup_fs *fs, const char *path, struct err *err); /* existing is fine */
int cgroup_remove(struct cgroup_fs *fs, const char *path, struct err *err);
int cgroup_read(
    struct cgroup_fs *fs, const char *path, const char *file, char **ret_text, struct err *err);
int cgroup_write(
    struct cgroup_fs *fs, const char *path, const char *file, const char *data, struct err *err);
int cgroup_list(
    struct cgroup_fs *fs, const char *path, char ***ret_names, struct err *err); /* sorted */
bool cgroup_exists(struct cgroup_fs *fs, const char *path);
bool cgroup_file_exists(struct cgroup_fs *fs, const char *path, const char *file);
int cgroup_chown(struct cgroup_fs *fs, const char *path, const char *file, uid_t uid, gid_t gid,
    struct err *err);
int cgroup_watch(struct cgroup_fs *fs, const char *path, const char *file, cgroup_watch_fn fn,
    void *arg, struct cgroup_watch **ret_watch, struct err *err);
int cgroup_listen(struct cgroup_fs *fs, const char *path, const char *file, const char *arguments,
    cgroup_watch_fn fn, void *arg, struct cgroup_watch **ret_watch, struct err *err);
void cgroup_unwatch(struct cgroup_fs *fs, struct cgroup_watch *watch); /* NULL is fine */

/* Helpers on the front. */
int cgroup_read_u64(
    struct cgroup_fs *fs, const char *path, const char *file, uint64_t *ret_value, struct err *err);
int cgroup_write_u64(
    struct cgroup_fs *fs, const char *path, const char *file, uint64_t value, struct err *err);
/* The value of `key` in a "key value" file; -ENODATA when absent. */
int cgroup_read_key(struct cgroup_fs *fs, const char *path, const char *file, const char *key,
    uint64_t *ret_value, struct err *err);
/* Pids in cgroup.procs (tids with file "tasks" or "cgroup.threads"); caller frees. */
int cgroup_read_pids(struct cgroup_fs *fs, const char *path, const char *file, pid_t **ret_pids,
    size_t *ret_count, struct err *err);
/* All descendants in post-order (children before parents), sorted; without the cgroup itself. */
int cgroup_descendants(struct cgroup_fs *fs, const char *path, char ***ret_paths, struct err *err);
