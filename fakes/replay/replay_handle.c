/* SPDX-License-Identifier: Apache-2.0 */
/* Handles: open files, eventfds and inotify descriptors, and the operations on them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/replay/replay_world.h"
#include "reference/base/mem.h"

#define READ_MAX 65536

struct replay_handle *replay_handle_find(const struct replay_world *world, const char *name)
{
    struct replay_handle *at = world->handles;
    while (at && strcmp(at->name, name))
        at = at->next;
    return at;
}

static bool fd_taken(const struct replay_world *world, int fd)
{
    for (const struct replay_handle *at = world->handles; at; at = at->next)
        if (at->fd == fd && at->kind != HANDLE_NONE)
            return true;
    for (const struct replay_actor *at = world->actors; at; at = at->next)
        if (at->fd == fd)
            return true;
    return false;
}

int replay_fd_next(const struct replay_world *world)
{
    int fd = STDERR_FILENO + 1;
    while (fd_taken(world, fd))
        fd++;
    return fd;
}

struct replay_handle *replay_handle_add(
    struct replay_world *world, const char *name, enum handle_kind kind)
{
    struct replay_handle *handle = mem_alloc(sizeof(*handle));
    handle->name = str_dup(name);
    handle->fd = replay_fd_next(world);
    handle->kind = kind;
    handle->next = world->handles;
    world->handles = handle;
    replay_symbol_set(world, name, handle->fd, false);
    return handle;
}

void replay_handle_close(struct replay_handle *handle)
{
    cgroup_open_close(handle->open);
    handle->open = NULL;
    if (handle->watched_cgroup)
        cgroup_put(handle->watched_cgroup);
    handle->watched_cgroup = NULL;
    strv_free(handle->events);
    handle->events = NULL;
    handle->kind = HANDLE_NONE;
}

/* The open file; NULL and the result set when the handle is none. */
static struct replay_handle *file_handle(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = replay_handle_find(world, replay_text(op, "h"));
    if (handle && handle->kind == HANDLE_FILE && !(handle->flags & O_PATH))
        return handle;
    if (handle && handle->flags & O_PATH)
        handle = NULL;
    outcome->result = handle && handle->kind != HANDLE_NONE ? -EINVAL : -EBADF;
    return NULL;
}

/* ---------------------------------------------------------------------- inotify */

static const struct {
    uint32_t mask;
    const char *name;
} inotify_names[] = {
    {IN_MODIFY, "MODIFY"},
    {IN_DELETE_SELF, "DELETE_SELF"},
    {IN_CREATE, "CREATE"},
    {IN_DELETE, "DELETE"},
    {IN_IGNORED, "IGNORED"},
    {IN_ISDIR, "ISDIR"},
    {IN_OPEN, "OPEN"},
    {IN_CLOSE_WRITE, "CLOSE_WRITE"},
    {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"},
    {IN_ACCESS, "ACCESS"},
    {IN_ATTRIB, "ATTRIB"},
    {IN_MOVED_FROM, "MOVED_FROM"},
    {IN_MOVED_TO, "MOVED_TO"},
};

void replay_inotify_print(uint32_t mask, const char *name, struct strbuf *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(inotify_names); i++)
        if (mask & inotify_names[i].mask)
            strbuf_addf(out, "%s ", inotify_names[i].name);
    strbuf_add(out, name);
    strbuf_add(out, "\n");
}

/* An event like the last unread one is dropped, as in the kernel. */
static void queue_event(struct replay_handle *handle, uint32_t mask, const char *name)
{
    struct strbuf text = STRBUF_INIT;
    if (!(handle->mask & mask))
        return;
    replay_inotify_print(mask, name, &text);
    size_t count = handle->events ? strv_length(handle->events) : 0;
    if (count && !strcmp(handle->events[count - 1], strbuf_text(&text)))
        strbuf_release(&text);
    else
        strv_add_owned(&handle->events, strbuf_take(&text));
}

void replay_inotify_name(
    struct replay_world *world, struct cgroup *directory, const char *name, uint32_t mask)
{
    for (struct replay_handle *at = world->handles; at; at = at->next)
        if (at->kind == HANDLE_INOTIFY && at->watched_cgroup == directory && !at->watched_file)
            queue_event(at, mask, name);
}

void replay_inotify(struct replay_world *world, const struct cgroup_node *node, uint32_t mask)
{
    for (struct replay_handle *at = world->handles; at; at = at->next)
        if (at->kind == HANDLE_INOTIFY && at->watched_cgroup == node->cgroup &&
            at->watched_file == node->file)
            queue_event(at, mask, "");
    struct cgroup *above = node->file ? node->cgroup : cgroup_parent(node->cgroup);
    if (above)
        replay_inotify_name(world, above, cgroup_node_name(node), mask);
}

static void server_event(void *arg, const struct cgroup_event *event)
{
    if (event->kind == CGROUP_EVENT_MODIFIED)
        replay_inotify(arg, &event->node, IN_MODIFY);
}

static void run_inotify(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller = replay_caller(world, op);
    struct cgroup_node node;
    outcome->result = replay_node(world, replay_text(op, "path"), &caller, &node);
    struct replay_handle *handle =
        replay_handle_add(world, replay_text(op, "h"), HANDLE_INOTIFY);
    if (!outcome->result)
        outcome->result = cgroup_node_access(&node, R_OK, &caller);
    if (outcome->result)
        return;
    handle->watched_cgroup = cgroup_get(node.cgroup);
    handle->watched_file = node.file;
    handle->mask = replay_has(op, "mask") ? (uint32_t)replay_number(op, "mask")
                                          : IN_MODIFY | IN_DELETE_SELF | IN_CREATE | IN_DELETE;
}

static bool has_events(void *arg)
{
    const struct replay_handle *handle = arg;
    return handle->events && handle->events[0];
}

static void run_inread(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = replay_handle_find(world, replay_text(op, "h"));
    outcome->has_out = true;
    if (!handle || handle->kind != HANDLE_INOTIFY)
        return;
    if (!replay_wait(world, (uint64_t)replay_number(op, "ms"), has_events, handle))
        return;
    for (char **event = handle->events; *event; event++)
        strbuf_add(&outcome->out, *event);
    strv_free(handle->events);
    handle->events = NULL;
}

/* ---------------------------------------------------------------------- eventfd */

static void eventfd_signal(void *arg, int result, uint64_t count)
{
    struct replay_handle *handle = arg;
    (void)result;
    handle->count += count;
}

static struct replay_handle *handle_by_fd(const struct replay_world *world, int fd)
{
    struct replay_handle *at = world->handles;
    while (at && (at->fd != fd || at->kind == HANDLE_NONE))
        at = at->next;
    return at;
}

/* The recorder's standard streams are open, but neither eventfds nor control files; its sockets are
 * not, and the file that is just written has no events. */
static int foreign_fd(const struct replay_world *world, int fd)
{
    bool standard = fd >= STDIN_FILENO && fd <= STDERR_FILENO;
    return standard || fd == world->passing_fd || fd_taken(world, fd) ? -EINVAL : -EBADF;
}

static int resolve_eventfd(void *arg, const struct cgroup_caller *caller, int fd,
    cgroup_notify_fn *ret_fn, void **ret_fn_arg)
{
    struct replay_handle *handle = handle_by_fd(arg, fd);
    (void)caller;
    if (!handle)
        return foreign_fd(arg, fd);
    if (handle->kind != HANDLE_EVENTFD)
        return -EINVAL;
    *ret_fn = eventfd_signal;
    *ret_fn_arg = handle;
    return 0;
}

static int resolve_control(
    void *arg, const struct cgroup_caller *caller, int fd, struct cgroup_node *ret_node)
{
    struct replay_handle *handle = handle_by_fd(arg, fd);
    (void)caller;
    if (!handle)
        return foreign_fd(arg, fd);
    if (handle->kind != HANDLE_FILE || !handle->open)
        return handle->kind == HANDLE_FILE ? -EBADF : -EINVAL;
    *ret_node = cgroup_open_node(handle->open);
    return 0;
}

void replay_handles_start(struct replay_world *world)
{
    const struct cgroup_descriptors descriptors = {resolve_eventfd, resolve_control, world};
    cgroup_set_descriptors(world->kernel, &descriptors);
    cgroup_set_event_sink(world->kernel, server_event, world);
}

static void run_eventfd(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    (void)outcome;
    replay_handle_add(world, replay_text(op, "h"), HANDLE_EVENTFD);
}

static bool has_count(void *arg)
{
    return ((const struct replay_handle *)arg)->count > 0;
}

static void run_evread(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = replay_handle_find(world, replay_text(op, "h"));
    if (!handle || handle->kind != HANDLE_EVENTFD) {
        outcome->result = -EBADF;
        return;
    }
    if (!replay_wait(world, (uint64_t)replay_number(op, "ms"), has_count, handle)) {
        outcome->result = -EAGAIN;
        return;
    }
    outcome->has_out = true;
    strbuf_addf(&outcome->out, "%llu", (unsigned long long)handle->count);
    handle->count = 0;
}

/* ---------------------------------------------------------------------- files */

int replay_open_flags(const char *letters)
{
    static const struct {
        char letter;
        int flag;
    } flags[] = {{'t', O_TRUNC}, {'a', O_APPEND}, {'c', O_CREAT}, {'x', O_EXCL}, {'n', O_NONBLOCK},
        {'d', O_DIRECTORY}, {'D', O_DIRECT}, {'p', O_PATH}};
    bool reads = strchr(letters, 'r'), writes = strchr(letters, 'w');
    int result = reads && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (strchr(letters, flags[i].letter))
            result |= flags[i].flag;
    return result;
}

short replay_poll_events(const char *letters)
{
    return (short)((strchr(letters, 'i') ? POLLIN : 0) | (strchr(letters, 'p') ? POLLPRI : 0) |
                   (strchr(letters, 'o') ? POLLOUT : 0));
}

void replay_poll_print(int events, struct strbuf *out)
{
    static const struct {
        int event;
        const char *name;
    } names[] = {{POLLIN, "IN "}, {POLLPRI, "PRI "}, {POLLOUT, "OUT "}, {POLLERR, "ERR "},
        {POLLHUP, "HUP "}};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (events & names[i].event)
            strbuf_add(out, names[i].name);
}

static void run_open(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct cgroup_caller caller = replay_caller(world, op);
    int flags = replay_open_flags(replay_text(op, "flags"));
    struct cgroup_open *open = NULL;
    struct cgroup_node node;
    if (flags & O_PATH)
        outcome->result = replay_node(world, replay_text(op, "path"), &caller, &node);
    else
        outcome->result = replay_open(world, replay_text(op, "path"), flags, &caller, &open);
    if (outcome->result)
        return;
    struct replay_handle *handle = replay_handle_add(world, replay_text(op, "h"), HANDLE_FILE);
    handle->open = open;
    handle->flags = flags;
}

static void run_close(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = replay_handle_find(world, replay_text(op, "h"));
    if (!handle || handle->kind == HANDLE_NONE) {
        outcome->result = -EBADF;
        return;
    }
    if (handle->kind == HANDLE_FILE && handle->open) {
        struct cgroup_node node = cgroup_open_node(handle->open);
        bool writes = (handle->flags & O_ACCMODE) != O_RDONLY;
        replay_inotify(world, &node, writes ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    }
    replay_handle_close(handle);
}

/* pread and pwrite look at the offset before the descriptor. */
static bool offset_fits(const struct replay_op *op, struct replay_outcome *outcome)
{
    if (*op->op == 'p' && replay_number(op, "off") < 0)
        outcome->result = -EINVAL;
    return !outcome->result;
}

static void run_read(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    if (!offset_fits(op, outcome))
        return;
    struct replay_handle *handle = file_handle(world, op, outcome);
    if (!handle)
        return;
    int64_t size = replay_number(op, "len");
    size = size > READ_MAX ? READ_MAX : size;
    _cleanup_free_ char *buffer = mem_alloc((size_t)size + 1);
    bool positioned = !strcmp(op->op, "pread");
    outcome->result =
        positioned ? cgroup_open_pread(
                         handle->open, buffer, (size_t)size, (uint64_t)replay_number(op, "off"))
                   : cgroup_open_read(handle->open, buffer, (size_t)size);
    if (outcome->result < 0)
        return;
    struct cgroup_node node = cgroup_open_node(handle->open);
    if (outcome->result > 0 && node.file && replay_is_pid_list(node.file->name))
        outcome->skipped = "reads pids that the recorder did not give names";
    outcome->has_out = true;
    strbuf_add_bytes(&outcome->out, buffer, (size_t)outcome->result);
    if (outcome->result > 0)
        replay_inotify(world, &node, IN_ACCESS);
}

static void run_write(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    if (!offset_fits(op, outcome))
        return;
    struct replay_handle *handle = file_handle(world, op, outcome);
    if (!handle)
        return;
    struct cgroup_caller caller = replay_caller(world, op);
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    size_t length;
    const char *recorded = replay_bytes(op, "data", &length);
    replay_substitute(world, recorded, length, &data);
    bool positioned = !strcmp(op->op, "pwrite");
    ssize_t written =
        positioned ? cgroup_open_pwrite(handle->open, strbuf_text(&data), data.length, &caller)
                   : cgroup_open_write(handle->open, strbuf_text(&data), data.length, &caller);
    outcome->result = written < 0 ? written : 0;
    struct cgroup_node node = cgroup_open_node(handle->open);
    if (written > 0)
        replay_inotify(world, &node, IN_MODIFY);
}

static void run_lseek(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = file_handle(world, op, outcome);
    if (handle)
        outcome->result = cgroup_open_seek(
            handle->open, replay_number(op, "off"), (int)replay_number(op, "whence"));
}

static void run_ftruncate(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = file_handle(world, op, outcome);
    if (handle)
        outcome->result = (handle->flags & O_ACCMODE) == O_RDONLY ? -EINVAL : 0;
}

static void run_fsync(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = file_handle(world, op, outcome);
    if (handle && !cgroup_open_node(handle->open).file)
        outcome->result = -EINVAL;
}

static void run_mmap(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_handle *handle = file_handle(world, op, outcome);
    if (handle)
        outcome->result = (handle->flags & O_ACCMODE) == O_WRONLY ? -EACCES : -ENODEV;
}

/* ---------------------------------------------------------------------- poll */

struct poll_wait {
    struct replay_handle *handle;
    unsigned events;
    unsigned revents;
};

static bool poll_ready(void *arg)
{
    struct poll_wait *wait = arg;
    const struct replay_handle *handle = wait->handle;
    unsigned mask = handle->kind == HANDLE_FILE     ? cgroup_open_poll(handle->open)
                    : handle->kind == HANDLE_EVENTFD ? POLLOUT | (handle->count ? POLLIN : 0u)
                                                     : (handle->events ? POLLIN : 0u);
    wait->revents = mask & (wait->events | POLLERR | POLLHUP);
    return wait->revents;
}

static void run_poll(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct poll_wait wait = {.handle = replay_handle_find(world, replay_text(op, "h"))};
    outcome->has_out = true;
    if (!wait.handle || wait.handle->kind == HANDLE_NONE || wait.handle->flags & O_PATH) {
        outcome->result = wait.handle != NULL; /* POLLNVAL; a negative descriptor is ignored */
        return;
    }
    wait.events = (unsigned)replay_poll_events(replay_text(op, "events"));
    outcome->result =
        replay_wait(world, (uint64_t)replay_number(op, "ms"), poll_ready, &wait) ? 1 : 0;
    replay_poll_print((int)wait.revents, &outcome->out);
}

const struct replay_operation replay_handle_ops[] = {
    {"open", run_open},
    {"close", run_close},
    {"fread", run_read},
    {"pread", run_read},
    {"fwrite", run_write},
    {"pwrite", run_write},
    {"lseek", run_lseek},
    {"ftruncate", run_ftruncate},
    {"fsync", run_fsync},
    {"mmap", run_mmap},
    {"poll", run_poll},
    {"inotify", run_inotify},
    {"inread", run_inread},
    {"eventfd", run_eventfd},
    {"evread", run_evread},
    {NULL, NULL},
};
