/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the model changes on its own, told to real processes: inotify (by the notifier), and the
 * eventfds that they wrote to cgroup.event_control. Those are taken over from the writer; its
 * control file is only looked at through /proc: opening or closing a file of the mount from here
 * would wait for ourselves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"
#include "fakes/cgroupfs/cgroupfs_real.h"

struct cgroupfs_eventfd {
    struct cgroupfs_eventfd *next;
    int fd;
    struct cgroup *cgroup; /* held; NULL until the control file is known */
};

static void eventfd_free(struct cgroupfs_eventfd *eventfd)
{
    if (eventfd->cgroup)
        cgroup_put(eventfd->cgroup);
    close(eventfd->fd);
    free(eventfd);
}

static void eventfd_fired(void *arg, int result, uint64_t count)
{
    const struct cgroupfs_eventfd *eventfd = arg;
    (void)result;
    ssize_t written = write(eventfd->fd, &count, sizeof(count));
    (void)written; /* a full counter is as good as any */
}

/* Registrations end with their cgroup. */
static void eventfds_sweep(struct cgroupfs *fs)
{
    for (struct cgroupfs_eventfd **at = &fs->eventfds; *at;) {
        struct cgroupfs_eventfd *eventfd = *at;
        if (!eventfd->cgroup || !eventfd->cgroup->dead) {
            at = &eventfd->next;
            continue;
        }
        *at = eventfd->next;
        eventfd_free(eventfd);
    }
}

static int take_eventfd(void *arg, const struct cgroup_caller *caller, int fd,
    cgroup_notify_fn *ret_fn, void **ret_fn_arg)
{
    struct cgroupfs *fs = arg;
    char path[64], target[64];
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fs->asking, fd);
    (void)caller;
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return -EBADF;
    target[length] = '\0';
    if (strcmp(target, "anon_inode:[eventfd]"))
        return -EINVAL;
    _cleanup_close_ int pidfd =
        (int)syscall(SYS_pidfd_open, cgroupfs_real_group(fs->asking), 0);
    int taken = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    if (taken < 0)
        return -EBADF;
    eventfds_sweep(fs);
    struct cgroupfs_eventfd *eventfd = mem_alloc(sizeof(*eventfd));
    eventfd->fd = taken;
    fs->eventfd_pending = eventfd;
    *ret_fn = eventfd_fired;
    *ret_fn_arg = eventfd;
    return 0;
}

static int find_control(
    void *arg, const struct cgroup_caller *caller, int fd, struct cgroup_node *ret_node)
{
    struct cgroupfs *fs = arg;
    char path[64];
    struct statx stat;
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fs->asking, fd);
    (void)caller;
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO, &stat) < 0)
        return -EBADF;
    const struct cgroupfs_inode *inode = u64map_get(fs->inodes, stat.stx_ino);
    if (makedev(stat.stx_dev_major, stat.stx_dev_minor) != fs->device || !inode || inode->lost)
        return -EINVAL;
    *ret_node = inode->node;
    if (fs->eventfd_pending)
        fs->eventfd_pending->cgroup = cgroup_get(inode->node.cgroup);
    return 0;
}

/* After each write: what became of the eventfd that it brought, if it did. */
void cgroupfs_event_written(struct cgroupfs *fs, bool accepted)
{
    struct cgroupfs_eventfd *eventfd = fs->eventfd_pending;
    if (!eventfd)
        return;
    fs->eventfd_pending = NULL;
    if (!accepted) {
        eventfd_free(eventfd);
        return;
    }
    eventfd->next = fs->eventfds;
    fs->eventfds = eventfd;
}

/* Nobody watches what the kernel does not know. */
static bool known(const struct cgroupfs *fs, const struct cgroup_node *node)
{
    struct cgroup_stat stat;
    cgroup_node_stat(node, &stat);
    return u64map_get(fs->inodes, stat.inode) != NULL;
}

struct late_event {
    struct late_event *next;
    struct cgroupfs *fs;
    struct loop_timer *timer;
    char *path;
};

static void late_free(struct late_event *event)
{
    struct late_event **at = &event->fs->late_events;
    while (*at != event)
        at = &(*at)->next;
    *at = event->next;
    free(event->path);
    free(event);
}

static void late_due(void *arg)
{
    struct late_event *event = arg;
    cgroupfs_notifier_modify(event->fs, TAKE_PTR(event->path));
    late_free(event);
}

static void event_put_off(struct cgroupfs *fs, char *path, uint64_t delay_ns)
{
    struct late_event *event = mem_alloc(sizeof(*event));
    event->fs = fs;
    event->path = path;
    event->timer = loop_timer_start(fs->kernel->loop, delay_ns, late_due, event);
    event->next = fs->late_events;
    fs->late_events = event;
}

bool cgroupfs_event_struck(
    struct cgroupfs *fs, const struct cgroup_node *node, uint64_t *ret_delay_ns)
{
    *ret_delay_ns = 0;
    if (!fs->faults.first)
        return false;
    _cleanup_free_ char *path = cgroupfs_node_path(fs, node);
    const struct cgroupfs_fault *fault = cgroupfs_fault_find(
        &fs->faults, OPERATION_EVENT, path, loop_now_ns(fs->kernel->loop));
    *ret_delay_ns = fault ? fault->delay_ns : 0;
    return fault && fault->lost;
}

static void server_event(void *arg, const struct cgroup_event *event)
{
    struct cgroupfs *fs = arg;
    uint64_t delay_ns;
    if (event->kind != CGROUP_EVENT_MODIFIED || event->node.cgroup->dead ||
        !known(fs, &event->node) || cgroupfs_event_struck(fs, &event->node, &delay_ns))
        return;
    char *path = cgroupfs_node_path(fs, &event->node);
    if (delay_ns)
        event_put_off(fs, path, delay_ns);
    else
        cgroupfs_notifier_modify(fs, path);
}

void cgroupfs_events_start(struct cgroupfs *fs)
{
    const struct cgroup_descriptors descriptors = {take_eventfd, find_control, fs};
    cgroup_set_descriptors(fs->kernel, &descriptors);
    if (!fs->options.no_inotify)
        cgroup_set_event_sink(fs->kernel, server_event, fs);
}

void cgroupfs_events_stop(struct cgroupfs *fs)
{
    cgroup_set_descriptors(fs->kernel, NULL);
    if (!fs->options.no_inotify)
        cgroup_set_event_sink(fs->kernel, NULL, NULL);
    while (fs->late_events) {
        loop_timer_stop(fs->kernel->loop, fs->late_events->timer);
        late_free(fs->late_events);
    }
    while (fs->eventfds) {
        struct cgroupfs_eventfd *eventfd = fs->eventfds;
        fs->eventfds = eventfd->next;
        eventfd_free(eventfd);
    }
}
