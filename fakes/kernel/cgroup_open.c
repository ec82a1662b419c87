/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files. The content is made when offset 0 is read (or when one jumps), and then read on from
 * the buffer. A fresh file has an event that it has not seen: the kernel's counter starts ahead.
 */
#include "fakes/kernel/cgroup_open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fakes/kernel/psi.h"

static void open_raised(struct cgroup_listener *listener, bool removed)
{
    struct cgroup_open *open = container_of(listener, struct cgroup_open, listener);
    open->event = true;
    open->released |= removed && open->slot && open->slot->file->flags & FILE_PRESSURE;
    if (open->wakeup)
        open->wakeup(open->wakeup_arg);
}

struct cgroup_open *cgroup_open_of(struct cgroup_listener *listener)
{
    return listener->raised == open_raised ? container_of(listener, struct cgroup_open, listener)
                                           : NULL;
}

static int check_open(const struct cgroup_node *node, int flags, const struct cgroup_caller *caller)
{
    int access = flags & O_ACCMODE;
    if (node->file ? flags & O_DIRECTORY : 0)
        return -ENOTDIR;
    bool writes = access != O_RDONLY || flags & O_TRUNC;
    if (!node->file && writes)
        return -EISDIR;
    int want = (access != O_WRONLY ? R_OK : 0) | (writes ? W_OK : 0);
    int result = cgroup_node_access(node, want, caller);
    if (result)
        return result;
    return flags & O_DIRECT ? -EINVAL : 0;
}

int cgroup_file_open(const struct cgroup_node *node, int flags,
    const struct cgroup_caller *caller, struct cgroup_open **ret_open)
{
    int result = check_open(node, flags, caller);
    if (result)
        return result;
    struct cgroup_open *open = mem_alloc(sizeof(*open));
    open->node = *node;
    open->opener = *caller;
    open->flags = flags;
    open->event = true;
    open->listener.raised = open_raised;
    cgroup_listener_add(&open->listener, node->cgroup, node->file);
    if (node->file) {
        open->slot =
            cgroup_slot_find(node->cgroup->root, node->file->name, strlen(node->file->name));
        enum cgroup_subsys subsys = open->slot->controller->subsys;
        open->serial = subsys == SUBSYS_CORE ? 0 : node->cgroup->css[subsys]->serial;
    }
    *ret_open = open;
    return 0;
}

void cgroup_open_close(struct cgroup_open *open)
{
    if (!open)
        return;
    psi_trigger_free(open->trigger);
    strbuf_release(&open->content);
    cgroup_listener_remove(&open->listener);
    free(open);
}

struct cgroup_node cgroup_open_node(const struct cgroup_open *open)
{
    return open->node;
}

void cgroup_open_set_wakeup(struct cgroup_open *open, void (*fn)(void *arg), void *arg)
{
    open->wakeup = fn;
    open->wakeup_arg = arg;
}

static bool open_gone(const struct cgroup_open *open)
{
    const struct cgroup *cgroup = open->node.cgroup;
    if (cgroup->dead || open->released)
        return true;
    if (!open->slot)
        return false;
    if (!cgroup_slot_present(cgroup, open->slot))
        return true;
    enum cgroup_subsys subsys = open->slot->controller->subsys;
    return subsys != SUBSYS_CORE && cgroup->css[subsys]->serial != open->serial;
}

static struct cgroup_io open_io(struct cgroup_open *open, const struct cgroup_caller *caller)
{
    enum cgroup_subsys subsys = open->slot->controller->subsys;
    struct cgroup *cgroup = open->node.cgroup;
    return (struct cgroup_io){
        .kernel = cgroup_kernel(cgroup),
        .cgroup = cgroup,
        .css = subsys == SUBSYS_CORE ? NULL : cgroup->css[subsys],
        .file = open->node.file,
        .open = open,
        .opener = &open->opener,
        .caller = caller,
    };
}

static ssize_t read_at(struct cgroup_open *open, void *buffer, size_t size, uint64_t offset)
{
    if (!open->node.file)
        return -EISDIR;
    if ((open->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (size == 0)
        return 0; /* seq_read_iter does not look any further */
    /* What is left in the buffer is given out without looking whether the file is still there. */
    bool left_over = open->generated && offset && offset == open->read_offset &&
        offset < open->content.length;
    if (!left_over && open_gone(open)) {
        open->generated = false; /* and nothing is left over any more */
        return -ENODEV;
    }
    if (offset == 0 || offset != open->read_offset || !open->generated) {
        strbuf_reset(&open->content);
        open->generated = false;
        struct cgroup_io io = open_io(open, &open->opener);
        int result = cgroup_slot_read(&io, &open->content);
        if (result) {
            if (!(open->node.file->flags & FILE_PIDS))
                open->event = false; /* it was asked, and had nothing to show */
            return result;
        }
        open->generated = true;
        /* An empty list shows nothing, and so it sees nothing either. */
        if (open->content.length || !(open->node.file->flags & FILE_PIDS))
            open->event = false;
    }
    size_t left = offset < open->content.length ? open->content.length - offset : 0;
    if (size > left)
        size = left;
    if (size)
        memcpy(buffer, open->content.text + offset, size);
    open->read_offset = offset + size;
    return (ssize_t)size;
}

ssize_t cgroup_open_pread(struct cgroup_open *open, void *buffer, size_t size, uint64_t offset)
{
    return read_at(open, buffer, size, offset);
}

ssize_t cgroup_open_read(struct cgroup_open *open, void *buffer, size_t size)
{
    ssize_t length = read_at(open, buffer, size, (uint64_t)open->offset);
    if (length > 0)
        open->offset += length;
    return length;
}

static bool writable(const struct cgroup_open *open)
{
    return open->node.file && (open->flags & O_ACCMODE) != O_RDONLY;
}

static ssize_t write_once(struct cgroup_open *open, const void *data, size_t length,
    const struct cgroup_caller *caller)
{
    if (open_gone(open))
        return -ENODEV;
    if (length == 0)
        return 0;
    struct cgroup_io io = open_io(open, caller);
    int result = cgroup_slot_write(&io, data, length);
    return result ? result : (ssize_t)length;
}

ssize_t cgroup_open_pwrite(struct cgroup_open *open, const void *data, size_t length,
    const struct cgroup_caller *caller)
{
    if (!writable(open))
        return open->node.file ? -ESPIPE : -EBADF;
    return write_once(open, data, length, caller);
}

ssize_t cgroup_open_write(struct cgroup_open *open, const void *data, size_t length,
    const struct cgroup_caller *caller)
{
    ssize_t written = writable(open) ? write_once(open, data, length, caller) : -EBADF;
    if (written > 0)
        open->offset += written;
    return written;
}

int64_t cgroup_open_seek(struct cgroup_open *open, int64_t offset, int whence)
{
    if (open->node.file && cgroup_since(open->node.cgroup, KERNEL_6_12) && open_gone(open))
        return -ENODEV;
    /* Files have no size, so there is neither data nor a hole anywhere. */
    if (whence == SEEK_DATA || whence == SEEK_HOLE)
        return -ENXIO;
    if (whence == SEEK_CUR)
        offset += open->offset;
    else if (whence != SEEK_SET && whence != SEEK_END)
        return -EINVAL;
    if (offset < 0)
        return -EINVAL;
    open->offset = offset;
    return offset;
}

unsigned cgroup_open_poll(struct cgroup_open *open)
{
    const unsigned always = POLLIN | POLLOUT;
    if (!open->node.file)
        return always;
    if (open_gone(open))
        return always | POLLPRI | POLLERR;
    if (open->node.file->flags & FILE_PRESSURE)
        return always | psi_trigger_poll(open->trigger);
    return always | (open->event ? POLLPRI | POLLERR : 0);
}
