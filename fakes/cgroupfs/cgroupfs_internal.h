/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the FUSE front end. */
#pragma once

#define FUSE_USE_VERSION 34
#include <fuse_lowlevel.h>
#include <pthread.h>

#include "fakes/cgroupfs/cgroupfs.h"
#include "fakes/cgroupfs/faults.h"
#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_node.h"
#include "fakes/kernel/cgroup_open.h"
#include "reference/base/list.h"
#include "reference/base/map.h"
#include "reference/base/strbuf.h"

/* Attributes change only through the mount, and most names too: the kernel may keep them. */
#define CACHE_SECONDS 3600.0

/* What the kernel knows by a number: a cgroup, a control file, the directory above all hierarchies,
 * or a link beside them. */
enum cgroupfs_kind { INODE_NODE, INODE_TOP, INODE_LINK };
struct cgroupfs_inode {
    enum cgroupfs_kind kind;
    uint64_t number;   /* st_ino */
    uint64_t lookups;  /* how often the kernel was told of it */
    struct cgroup_node node; /* NODE; its cgroup is held. LINK: the hierarchy's top. */
    bool lost;         /* the cgroup is not in the state that was restored */
};

/* An open file or directory. */
struct cgroupfs_handle {
    struct list node; /* in fs->handles */
    struct cgroupfs *fs;
    struct cgroup_open *open;      /* NULL: a directory, or lost with what was restored */
    struct fuse_pollhandle *poll;  /* who waits for a change */
    struct loop_timer *wakeup;     /* a fault lets them wait on */
    struct strbuf listing;         /* directories: as readdir gives it */
    bool listed;
    bool lost;
};

struct cgroupfs_notifier;
struct cgroupfs_eventfd;
struct cgroupfs_real;
struct late_event;

struct cgroupfs_delayed {
    struct cgroupfs_delayed *next;
    uint64_t due_ns;
    struct fuse_buf buffer; /* owned */
};

struct cgroupfs {
    struct kernel *kernel;
    struct cgroupfs_options options;
    struct fuse_session *session;
    char *mount_point;
    dev_t device;
    struct cgroupfs_inode *root;
    struct u64map *inodes; /* number -> struct cgroupfs_inode * */
    struct cgroupfs_inode *links[KERNEL_MAX_HIERARCHIES]; /* to those of several controllers */
    struct u64map *lost;   /* address -> struct cgroupfs_inode *, lost but not forgotten */
    struct list handles;
    struct fuse_buf buffer;
    struct cgroupfs_notifier *notifier;
    struct cgroupfs_eventfd *eventfds;
    struct late_event *late_events; /* that a fault put off */
    struct cgroupfs_eventfd *eventfd_pending; /* made by the write under way */
    struct cgroupfs_real *real; /* processes of the host; NULL with options.writer */
    struct cgroupfs_faults faults;
    struct cgroupfs_delayed *delayed;
    uint64_t delay_ns;   /* the request under way is to be answered so much later */
    bool delay_spent;    /* the request under way was delayed already */
    /* Called after each operation that changed something; for the record of it. */
    void (*changed)(void *arg, const struct cgroupfs_change *change);
    void *changed_arg;
    uint64_t requests;
    pid_t asking; /* the real thread whose write is under way */
    pthread_mutex_t lock;
    pthread_t thread;
    bool threaded;
    int stop_pipe[2];
};

static inline struct cgroupfs *cgroupfs_of(fuse_req_t req)
{
    return fuse_req_userdata(req);
}

/* inodes: cgroupfs_inode.c */
struct cgroupfs_inode *cgroupfs_inode_find(struct cgroupfs *fs, fuse_ino_t number);
/* Counts a lookup. */
struct cgroupfs_inode *cgroupfs_inode_get(struct cgroupfs *fs, const struct cgroup_node *node);
void cgroupfs_inode_forget(struct cgroupfs *fs, struct cgroupfs_inode *inode, uint64_t count);
void cgroupfs_inodes_start(struct cgroupfs *fs);
void cgroupfs_inodes_stop(struct cgroupfs *fs);
void cgroupfs_inode_stat(
    const struct cgroupfs *fs, const struct cgroupfs_inode *inode, struct stat *ret_stat);
/* Lets the kernel forget the inode's name. */
void cgroupfs_inode_invalidate(struct cgroupfs *fs, const struct cgroupfs_inode *inode);
/* -ENOENT when what it stands for is not there any more. */
int cgroupfs_inode_check(const struct cgroupfs_inode *inode);
/* The name may vanish without anybody removing it through the mount. */
bool cgroupfs_inode_fleeting(const struct cgroupfs_inode *inode);
/* Relative to the mount point; owned. */
char *cgroupfs_node_path(const struct cgroupfs *fs, const struct cgroup_node *node);
char *cgroupfs_root_path(const struct cgroupfs *fs, const struct cgroup_root *root);

/* operations */
void cgroupfs_operations_names(struct fuse_lowlevel_ops *ops);
void cgroupfs_operations_files(struct fuse_lowlevel_ops *ops);
void cgroupfs_operations_attributes(struct fuse_lowlevel_ops *ops);
struct cgroup_caller cgroupfs_caller(struct cgroupfs *fs, fuse_req_t req);
/* What the faults say: 0 go on; otherwise the request was answered (or put off). */
bool cgroupfs_faulted(fuse_req_t req, enum cgroupfs_operation operation,
    const struct cgroup_node *node, const char *name);
void cgroupfs_handle_free(struct cgroupfs_handle *handle);
/* Tells of a change, when somebody records them. */
void cgroupfs_changed(struct cgroupfs *fs, const struct cgroupfs_change *change);

/* What is due at once happens, when nobody else drives the loop. */
void cgroupfs_let_settle(struct cgroupfs *fs);

/* events: cgroupfs_event.c, cgroupfs_notifier.c */
void cgroupfs_events_start(struct cgroupfs *fs);
void cgroupfs_events_stop(struct cgroupfs *fs);
/* An event of the file is lost by a fault, or late. */
bool cgroupfs_event_struck(
    struct cgroupfs *fs, const struct cgroup_node *node, uint64_t *ret_delay_ns);
void cgroupfs_event_written(struct cgroupfs *fs, bool accepted);
void cgroupfs_notifier_stop(struct cgroupfs *fs);
/* Raises IN_MODIFY at the path, relative to the mount point; takes it. */
void cgroupfs_notifier_modify(struct cgroupfs *fs, char *path);
/* Lets the kernel forget a name of a directory, by number. */
void cgroupfs_notifier_forget(struct cgroupfs *fs, fuse_ino_t parent, const char *name);
bool cgroupfs_notifier_idle(struct cgroupfs *fs);
/* The request is the notifier's own write. */
bool cgroupfs_notifier_is(const struct cgroupfs *fs, pid_t thread);

/* processes of the host: cgroupfs_real.c */
struct cgroupfs_real *cgroupfs_real_new(struct kernel *kernel);
void cgroupfs_real_free(struct cgroupfs_real *real);
void cgroupfs_real_pids(struct kernel *kernel); /* simulated ones begin beyond the host's */
