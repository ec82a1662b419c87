/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup model as a file system: directories and files as nodes with attributes, open files
 * with the credentials of their open(2), poll, and a stream of events. What a FUSE front end and
 * the replay of golden traces stand on; the rules are those of shared/spec/cgroupfs.md.
 */
#pragma once

#include <poll.h>

#include "fakes/kernel/cgroup.h"

struct cgroup_file;

/* A directory, or one of its control files. Borrowed; valid until the cgroup is freed: hold the
 * cgroup with cgroup_get (cgroup_internal.h) to keep it longer. */
struct cgroup_node {
    struct cgroup *cgroup;
    const struct cgroup_file *file; /* NULL: the directory */
};

struct cgroup_stat {
    uint64_t inode; /* of a directory: the cgroup's id */
    mode_t mode;    /* with S_IFDIR or S_IFREG */
    uid_t uid;
    gid_t gid;
    unsigned links; /* of a directory: 2 + child cgroups */
    uint64_t mtime_ns;
};

/* By path: a directory or a file. -ENOENT, -ENOTDIR, -EACCES (search permission). */
int cgroup_node_lookup(struct cgroup_root *root, const char *path,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node);
/* The cgroup at path (file NULL), or a file of it. */
int cgroup_node_find(struct cgroup_root *root, const char *path, const char *file,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node);
/* Whether something of that name is there already, if only hidden. */
bool cgroup_node_taken(struct cgroup *directory, const char *name);
/* One step down from a directory. -ENOENT; -ENODEV when it was removed. */
int cgroup_node_child(struct cgroup *directory, const char *name, struct cgroup_node *ret_node);
struct cgroup *cgroup_root_top(struct cgroup_root *root);
struct cgroup_root *cgroup_node_root(const struct cgroup_node *node);
const char *cgroup_node_name(const struct cgroup_node *node);
/* The file is gone: cgroup removed, controller switched off, or hidden. */
bool cgroup_node_gone(const struct cgroup_node *node);

void cgroup_node_stat(const struct cgroup_node *node, struct cgroup_stat *ret_stat);
/* want: R_OK | W_OK | X_OK; 0 or -EACCES. */
int cgroup_node_access(
    const struct cgroup_node *node, int want, const struct cgroup_caller *caller);
/* Only the owner or root: -EPERM. */
int cgroup_node_chmod(
    const struct cgroup_node *node, mode_t mode, const struct cgroup_caller *caller);
/* (uid_t)-1 and (gid_t)-1 leave as they are. */
int cgroup_node_chown(const struct cgroup_node *node, uid_t uid, gid_t gid,
    const struct cgroup_caller *caller);
int cgroup_node_utimes(
    const struct cgroup_node *node, uint64_t mtime_ns, const struct cgroup_caller *caller);
/* Child cgroups, then files; without "." and "..". False from fn stops. -EACCES, -ENOTDIR,
 * -ENOENT when removed. */
typedef bool (*cgroup_list_fn)(void *arg, const char *name, const struct cgroup_node *node);
int cgroup_node_list(const struct cgroup_node *node, const struct cgroup_caller *caller,
    cgroup_list_fn fn, void *arg);
/* By parent directory and name, as a file system is asked. */
int cgroup_node_mkdir(struct cgroup *directory, const char *name, mode_t mode,
    const struct cgroup_caller *caller);
int cgroup_node_rmdir(
    struct cgroup *directory, const char *name, const struct cgroup_caller *caller);
int cgroup_node_unlink(
    struct cgroup *directory, const char *name, const struct cgroup_caller *caller);
/* flags: those of renameat2(2). */
int cgroup_node_rename(struct cgroup *from, const char *name, struct cgroup *to,
    const char *new_name, unsigned flags, const struct cgroup_caller *caller);

/* user., trusted. and security. attributes. -EOPNOTSUPP, -ENODATA, -EPERM, -EEXIST. flags: those
 * of setxattr(2). */
int cgroup_node_xattr_set(const struct cgroup_node *node, const char *name, const void *value,
    size_t length, int flags, const struct cgroup_caller *caller);
int cgroup_node_xattr_get(const struct cgroup_node *node, const char *name,
    const struct cgroup_caller *caller, const void **ret_value, size_t *ret_length);
int cgroup_node_xattr_remove(
    const struct cgroup_node *node, const char *name, const struct cgroup_caller *caller);
/* Names that the caller may see, in the order they were set; NULL-terminated, freed with
 * strv_free. */
char **cgroup_node_xattr_list(
    const struct cgroup_node *node, const struct cgroup_caller *caller);

/*
 * An open file. flags: O_RDONLY, O_WRONLY, O_RDWR, O_TRUNC, O_APPEND, O_DIRECTORY, O_DIRECT. A
 * removed cgroup's files stay open and answer -ENODEV.
 */
struct cgroup_open;
int cgroup_file_open(const struct cgroup_node *node, int flags,
    const struct cgroup_caller *caller, struct cgroup_open **ret_open);
void cgroup_open_close(struct cgroup_open *open); /* NULL is fine */
struct cgroup_node cgroup_open_node(const struct cgroup_open *open);
/* Bytes read or a negative errno. read and write move the offset; pread and pwrite do not. */
ssize_t cgroup_open_read(struct cgroup_open *open, void *buffer, size_t size);
ssize_t cgroup_open_pread(struct cgroup_open *open, void *buffer, size_t size, uint64_t offset);
/* The caller is who writes ("0" in cgroup.procs is its pid); rights are those of open(2). A file
 * opened only for reading: -EBADF, and -ESPIPE for pwrite. */
ssize_t cgroup_open_write(struct cgroup_open *open, const void *data, size_t length,
    const struct cgroup_caller *caller);
ssize_t cgroup_open_pwrite(struct cgroup_open *open, const void *data, size_t length,
    const struct cgroup_caller *caller);
int64_t cgroup_open_seek(struct cgroup_open *open, int64_t offset, int whence);
/* POLLIN and POLLOUT always; POLLPRI | POLLERR while there is an event it has not read. */
unsigned cgroup_open_poll(struct cgroup_open *open);
/* fn is called (from inside the change) whenever poll's answer may have changed. */
void cgroup_open_set_wakeup(struct cgroup_open *open, void (*fn)(void *arg), void *arg);

/* What the server changes on its own, for whoever must tell clients. */
enum cgroup_event_kind {
    CGROUP_EVENT_MODIFIED, /* content of an events file */
    CGROUP_EVENT_RELEASED, /* v1: the release agent was called for the cgroup */
};
struct cgroup_event {
    enum cgroup_event_kind kind;
    struct cgroup_node node;
};
typedef void (*cgroup_event_fn)(void *arg, const struct cgroup_event *event);
/* One per kernel; called from inside the change. NULL removes it. */
void cgroup_set_event_sink(struct kernel *kernel, cgroup_event_fn fn, void *arg);

/* How cgroup.event_control finds out what the numbers written to it are. Without one: -EBADF. */
struct cgroup_descriptors {
    /* An eventfd of the caller; fn is to be called each time it fires. -EBADF; -EINVAL when it is
     * something else. */
    int (*eventfd)(void *arg, const struct cgroup_caller *caller, int fd, cgroup_notify_fn *ret_fn,
        void **ret_fn_arg);
    /* An open control file. -EBADF; -EINVAL when it is no file of a cgroup. */
    int (*control)(
        void *arg, const struct cgroup_caller *caller, int fd, struct cgroup_node *ret_node);
    void *arg;
};
/* What was registered through the ones before ends. */
void cgroup_set_descriptors(struct kernel *kernel, const struct cgroup_descriptors *descriptors);
/* "AGENT /path" for each call of the release agent so far. Borrowed, NULL when none. */
char *const *cgroup_released(const struct cgroup_root *root);
/* One kernel's block device and network interface, for io, blkio and net_prio. */
void cgroup_add_block_device(struct kernel *kernel, unsigned major, unsigned minor);
void cgroup_add_interface(struct kernel *kernel, const char *name);
