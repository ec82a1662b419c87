/* SPDX-License-Identifier: Apache-2.0 */
/* Open files: the credentials of open(2) stay with them, and so do buffered content and events. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"
#include "fakes/cgroupfs/cgroupfs_real.h"

#define CAPABILITY_SYS_RESOURCE 24

static struct cgroupfs_handle *handle_of(const struct fuse_file_info *info)
{
    return (struct cgroupfs_handle *)(uintptr_t)info->fh;
}

void cgroupfs_handle_free(struct cgroupfs_handle *handle)
{
    list_remove(&handle->node);
    loop_timer_stop(handle->fs->kernel->loop, handle->wakeup);
    if (handle->poll)
        fuse_pollhandle_destroy(handle->poll);
    cgroup_open_close(handle->open);
    strbuf_release(&handle->listing);
    free(handle);
}

struct cgroup_caller cgroupfs_caller(struct cgroupfs *fs, fuse_req_t req)
{
    const struct fuse_ctx *context = fuse_req_ctx(req);
    return (struct cgroup_caller){
        .uid = context->uid,
        .gid = context->gid,
        .resource_capability =
            context->uid == 0 && (!fs->options.writer || fs->options.writer_resource),
        .pid = fs->options.writer ? fs->options.writer : context->pid,
    };
}

/* Reading /proc takes long, and only the triggers of pressure files want to know. */
static bool has_resource_capability(pid_t pid)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    unsigned long long mask = 0;
    while (file && fgets(line, sizeof(line), file))
        if (str_starts(line, "CapEff:"))
            mask = strtoull(line + strlen("CapEff:"), NULL, 16);
    if (file)
        fclose(file);
    return mask >> CAPABILITY_SYS_RESOURCE & 1;
}

static void handle_wake(void *arg)
{
    struct cgroupfs_handle *handle = arg;
    handle->wakeup = NULL;
    if (!handle->poll)
        return;
    fuse_lowlevel_notify_poll(handle->poll);
    fuse_pollhandle_destroy(handle->poll);
    handle->poll = NULL;
}

/* From inside a change: only takes the note that lets poll(2) ask again. */
static void handle_wakeup(void *arg)
{
    struct cgroupfs_handle *handle = arg;
    struct cgroupfs *fs = handle->fs;
    uint64_t delay_ns;
    const struct cgroup_node node = cgroup_open_node(handle->open);
    if (!handle->poll || cgroupfs_event_struck(fs, &node, &delay_ns))
        return;
    if (!delay_ns)
        handle_wake(handle);
    else if (!handle->wakeup)
        handle->wakeup = loop_timer_start(fs->kernel->loop, delay_ns, handle_wake, handle);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    const struct cgroupfs_inode *inode = cgroupfs_inode_find(fs, ino);
    int result = cgroupfs_inode_check(inode);
    if (result) {
        fuse_reply_err(req, -result);
        return;
    }
    if (cgroupfs_faulted(req, OPERATION_OPEN, &inode->node, NULL))
        return;
    struct cgroup_open *open;
    result = cgroup_file_open(&inode->node, info->flags, &cgroup_caller_root, &open);
    if (result) {
        fuse_reply_err(req, -result);
        return;
    }
    open->opener = cgroupfs_caller(fs, req);
    if (inode->node.file->flags & FILE_PRESSURE && !fs->options.writer)
        open->opener.resource_capability = has_resource_capability(fuse_req_ctx(req)->pid);
    struct cgroupfs_handle *handle = mem_alloc(sizeof(*handle));
    handle->fs = fs;
    handle->open = open;
    cgroup_open_set_wakeup(open, handle_wakeup, handle);
    list_append(&fs->handles, &handle->node);
    info->fh = (uint64_t)(uintptr_t)handle;
    info->direct_io = 1;
    if (fuse_reply_open(req, info) < 0)
        cgroupfs_handle_free(handle);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info)
{
    (void)ino;
    cgroupfs_handle_free(handle_of(info));
    fuse_reply_err(req, 0);
}

/* What a handle says once its file is gone with the state that was restored. */
static bool handle_lost(fuse_req_t req, const struct cgroupfs_handle *handle)
{
    if (!handle->lost)
        return false;
    fuse_reply_err(req, ENODEV);
    return true;
}

static void op_read(
    fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *info)
{
    struct cgroupfs_handle *handle = handle_of(info);
    (void)ino;
    if (handle_lost(req, handle))
        return;
    const struct cgroup_node node = cgroup_open_node(handle->open);
    if (cgroupfs_faulted(req, OPERATION_READ, &node, NULL))
        return;
    char small[4096];
    _cleanup_free_ char *grown = size <= sizeof(small) ? NULL : malloc(size);
    char *buffer = size <= sizeof(small) ? small : grown;
    if (!buffer) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    ssize_t got = cgroup_open_pread(handle->open, buffer, size, (uint64_t)offset);
    if (got < 0)
        fuse_reply_err(req, (int)-got);
    else
        fuse_reply_buf(req, buffer, (size_t)got);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size, off_t offset,
    struct fuse_file_info *info)
{
    struct cgroupfs *fs = cgroupfs_of(req);
    struct cgroupfs_handle *handle = handle_of(info);
    (void)ino, (void)offset;
    if (cgroupfs_notifier_is(fs, fuse_req_ctx(req)->pid)) {
        fuse_reply_write(req, size);
        return;
    }
    if (handle_lost(req, handle))
        return;
    const struct cgroup_node node = cgroup_open_node(handle->open);
    if (cgroupfs_faulted(req, OPERATION_WRITE, &node, NULL))
        return;
    struct cgroup_caller caller = cgroupfs_caller(fs, req);
    fs->asking = fuse_req_ctx(req)->pid;
    if (node.file->flags & FILE_PIDS && fs->real)
        cgroupfs_real_prepare(fs, data, size, &caller);
    ssize_t written = cgroup_open_pwrite(handle->open, data, size, &caller);
    cgroupfs_event_written(fs, written >= 0);
    cgroupfs_changed(fs, &(struct cgroupfs_change){.operation = OPERATION_WRITE,
                             .node = &node,
                             .data = data,
                             .length = size,
                             .opener = &handle->open->opener,
                             .caller = &caller,
                             .result = written});
    if (written < 0)
        fuse_reply_err(req, (int)-written);
    else
        fuse_reply_write(req, (size_t)written);
}

static void op_poll(
    fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *info, struct fuse_pollhandle *poll)
{
    struct cgroupfs_handle *handle = handle_of(info);
    (void)ino;
    if (poll) {
        if (handle->poll)
            fuse_pollhandle_destroy(handle->poll);
        handle->poll = poll;
    }
    if (handle->lost) {
        fuse_reply_poll(req, POLLIN | POLLOUT | POLLPRI | POLLERR);
        return;
    }
    const struct cgroup_node node = cgroup_open_node(handle->open);
    if (cgroupfs_faulted(req, OPERATION_POLL, &node, NULL))
        return;
    fuse_reply_poll(req, cgroup_open_poll(handle->open));
}

static void op_fsync(fuse_req_t req, fuse_ino_t ino, int data_only, struct fuse_file_info *info)
{
    (void)ino, (void)data_only, (void)info;
    fuse_reply_err(req, 0);
}

void cgroupfs_operations_files(struct fuse_lowlevel_ops *ops)
{
    ops->open = op_open;
    ops->release = op_release;
    ops->read = op_read;
    ops->write = op_write;
    ops->poll = op_poll;
    ops->fsync = op_fsync;
}
