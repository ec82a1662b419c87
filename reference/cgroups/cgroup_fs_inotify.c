/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cgroups/cgroup_fs_inotify.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "reference/base/list.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"

struct cgroup_inotify {
    struct loop *loop;
    char *directory;
    int fd;
    struct loop_watch *readable;
    struct u64map *marks;          /* inotify's watch descriptor -> struct mark * */
    struct list *at;               /* where a walk over watches stands; a stop moves it on */
};

/* What inotify watches: a control file, or a directory for the removal of its children. The same
 * path gives the same descriptor, so marks are shared and counted. */
struct mark {
    int descriptor;
    struct list watches; /* of file_node or parent_node */
};

struct cgroup_inotify_watch {
    struct mark *file;
    struct mark *parent; /* NULL for the root, which is never removed */
    struct list file_node;
    struct list parent_node;
    char *name;          /* of the cgroup in its parent */
    cgroup_inotify_fn fn;
    void *arg;
};

static int mark_get(struct cgroup_inotify *inotify, const char *path, uint32_t mask,
    struct mark **ret_mark)
{
    int descriptor = inotify_add_watch(inotify->fd, path, mask | IN_MASK_ADD);
    if (descriptor < 0)
        return -errno;
    struct mark *mark = u64map_get(inotify->marks, (uint64_t)descriptor);
    if (!mark) {
        mark = mem_alloc(sizeof(*mark));
        mark->descriptor = descriptor;
        list_init(&mark->watches);
        u64map_set(inotify->marks, (uint64_t)descriptor, mark);
    }
    *ret_mark = mark;
    return 0;
}

/* Forgets a mark that nothing needs any more. */
static void mark_put(struct cgroup_inotify *inotify, struct mark *mark)
{
    if (!mark || !list_empty(&mark->watches))
        return;
    /* Fails when the kernel has dropped it with its inode: just as well. */
    inotify_rm_watch(inotify->fd, mark->descriptor);
    u64map_remove(inotify->marks, (uint64_t)mark->descriptor);
    free(mark);
}

static void node_remove(struct cgroup_inotify *inotify, struct list *node)
{
    if (inotify->at == node)
        inotify->at = node->next;
    list_remove(node);
}

void cgroup_inotify_unwatch(struct cgroup_inotify *inotify, struct cgroup_inotify_watch *watch)
{
    node_remove(inotify, &watch->file_node);
    if (watch->parent)
        node_remove(inotify, &watch->parent_node);
    mark_put(inotify, watch->file);
    mark_put(inotify, watch->parent);
    free(watch->name);
    free(watch);
}

int cgroup_inotify_watch(struct cgroup_inotify *inotify, const char *path, const char *file,
    cgroup_inotify_fn fn, void *arg, struct cgroup_inotify_watch **ret_watch)
{
    _cleanup_free_ char *cgroup =
        path[0] ? str_printf("%s/%s", inotify->directory, path) : str_dup(inotify->directory);
    _cleanup_free_ char *full = str_printf("%s/%s", cgroup, file);
    struct cgroup_inotify_watch *watch = mem_alloc(sizeof(*watch));
    watch->fn = fn;
    watch->arg = arg;
    int r = mark_get(inotify, full, IN_MODIFY, &watch->file);
    if (r < 0) {
        free(watch);
        return r;
    }
    list_append(&watch->file->watches, &watch->file_node);
    if (path[0]) {
        char *slash = strrchr(cgroup, '/');
        watch->name = str_dup(slash + 1);
        *slash = '\0';
        r = mark_get(inotify, cgroup, IN_DELETE | IN_ONLYDIR, &watch->parent);
        if (r == 0)
            list_append(&watch->parent->watches, &watch->parent_node);
    }
    if (r < 0) {
        cgroup_inotify_unwatch(inotify, watch);
        return r;
    }
    *ret_watch = watch;
    return 0;
}

static void file_modified(struct cgroup_inotify *inotify, struct mark *mark)
{
    for (struct list *node = mark->watches.next; node != &mark->watches; node = inotify->at) {
        inotify->at = node->next;
        struct cgroup_inotify_watch *watch =
            list_entry(node, struct cgroup_inotify_watch, file_node);
        bool last = inotify->at == &mark->watches;
        watch->fn(watch->arg, 0);
        if (last) /* the mark may be gone with its last watch */
            break;
    }
    inotify->at = NULL;
}

static void child_removed(struct cgroup_inotify *inotify, struct mark *mark, const char *name)
{
    struct list *end = &mark->watches;
    struct list *node = mark->watches.next;
    while (node != end) {
        struct cgroup_inotify_watch *watch =
            list_entry(node, struct cgroup_inotify_watch, parent_node);
        inotify->at = node->next;
        bool last = inotify->at == end;
        if (str_equal(watch->name, name)) {
            cgroup_inotify_fn fn = watch->fn;
            void *arg = watch->arg;
            cgroup_inotify_unwatch(inotify, watch);
            fn(arg, -ENODEV);
        }
        if (last)
            break;
        node = inotify->at;
    }
    inotify->at = NULL;
}

static void event_dispatch(struct cgroup_inotify *inotify, const struct inotify_event *event)
{
    struct mark *mark = u64map_get(inotify->marks, (uint64_t)event->wd);
    if (!mark || list_empty(&mark->watches))
        return;
    if (event->mask & IN_MODIFY)
        file_modified(inotify, mark);
    else if ((event->mask & IN_DELETE) && event->len > 0)
        child_removed(inotify, mark, event->name);
}

static void inotify_readable(void *arg, unsigned events)
{
    (void)events;
    struct cgroup_inotify *inotify = arg;
    alignas(struct inotify_event) char buffer[4096];
    ssize_t length = read(inotify->fd, buffer, sizeof(buffer));
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
        at += (ssize_t)(sizeof(*event) + event->len);
        event_dispatch(inotify, event);
    }
}

int cgroup_inotify_new(
    struct loop *loop, const char *directory, struct cgroup_inotify **ret_inotify)
{
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0)
        return -errno;
    struct cgroup_inotify *inotify = mem_alloc(sizeof(*inotify));
    inotify->loop = loop;
    inotify->fd = fd;
    inotify->readable = loop_fd_start(loop, fd, LOOP_READABLE, inotify_readable, inotify);
    if (!inotify->readable) {
        close(fd);
        free(inotify);
        return -ENOSYS;
    }
    inotify->directory = str_dup(directory);
    inotify->marks = u64map_new();
    *ret_inotify = inotify;
    return 0;
}

void cgroup_inotify_free(struct cgroup_inotify *inotify)
{
    if (!inotify)
        return;
    assert(u64map_count(inotify->marks) == 0);
    loop_fd_stop(inotify->loop, inotify->readable);
    close(inotify->fd);
    u64map_free(inotify->marks);
    free(inotify->directory);
    free(inotify);
}
