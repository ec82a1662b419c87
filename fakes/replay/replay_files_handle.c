/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on descriptors, as system calls: open files, eventfds, inotify. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fakes/replay/replay_files.h"
#include "fakes/replay/replay_real.h"
#include "reference/base/mem.h"

#define READ_MAX 65536

struct files_handle {
    struct files_handle *next;
    char *name;
    int fd; /* -1 once closed */
    bool pids; /* a list of pids */
};

static struct files_handle *handle_find(const struct replay_world *world, const char *name)
{
    struct files_handle *at = world->files->handles;
    while (at && strcmp(at->name, name))
        at = at->next;
    return at;
}

static int fd_of(const struct replay_world *world, const struct replay_op *op)
{
    const struct files_handle *handle = handle_find(world, replay_text(op, "h"));
    return handle ? handle->fd : -1;
}

static struct files_handle *handle_add(struct replay_world *world, const char *name, int fd)
{
    struct files_handle *handle = mem_alloc(sizeof(*handle));
    handle->name = str_dup(name);
    handle->fd = fd;
    handle->next = world->files->handles;
    world->files->handles = handle;
    replay_symbol_set(world, name, fd, false);
    return handle;
}

void replay_files_close(struct replay_files *files)
{
    while (files->handles) {
        struct files_handle *handle = files->handles;
        files->handles = handle->next;
        if (handle->fd >= 0)
            close(handle->fd);
        free(handle->name);
        free(handle);
    }
}

static void run_open(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    int flags = replay_open_flags(replay_text(op, "flags"));
    replay_files_begin(world, op);
    int fd = open(path, flags | O_CLOEXEC, 0644);
    outcome->result = fd < 0 ? -errno : 0;
    replay_files_end(world, op);
    if (fd >= 0)
        handle_add(world, replay_text(op, "h"), fd)->pids =
            replay_is_pid_list(replay_text(op, "path"));
}

static void run_close(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct files_handle *handle = handle_find(world, replay_text(op, "h"));
    replay_files_begin(world, op);
    outcome->result = close(handle ? handle->fd : -1) < 0 ? -errno : 0;
    replay_files_end(world, op);
    if (handle)
        handle->fd = -1;
}

static void run_read(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    char buffer[READ_MAX];
    int64_t wanted = replay_number(op, "len");
    size_t size = wanted < 0 ? 0 : wanted > READ_MAX ? READ_MAX : (size_t)wanted;
    int fd = fd_of(world, op);
    replay_files_begin(world, op);
    ssize_t got = strcmp(op->op, "pread") ? read(fd, buffer, size)
                                          : pread(fd, buffer, size, replay_number(op, "off"));
    outcome->result = got < 0 ? -errno : got;
    replay_files_end(world, op);
    outcome->has_out = got >= 0;
    if (got > 0)
        strbuf_add_bytes(&outcome->out, buffer, (size_t)got);
}

#define ANSWERED_BEFORE "FUSE answers it without asking whether the file is still there"

/* Behind FUSE the kernel answers some calls by itself where cgroupfs says that a file is gone. */
static bool answered_before(const struct replay_world *world, int fd)
{
    char byte;
    return !world->files->real && pread(fd, &byte, 1, 0) < 0 && errno == ENODEV;
}

static void run_write(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    size_t length;
    const char *recorded = replay_bytes(op, "data", &length);
    replay_substitute(world, recorded, length, &data);
    int fd = fd_of(world, op);
    const struct files_handle *handle = handle_find(world, replay_text(op, "h"));
    if (world->files->real && handle && handle->pids &&
        !replay_real_may_move(world, strbuf_text(&data), data.length)) {
        outcome->skipped = REPLAY_NOT_OURS;
        return;
    }
    replay_files_begin(world, op);
    ssize_t written = strcmp(op->op, "pwrite")
                          ? write(fd, strbuf_text(&data), data.length)
                          : pwrite(fd, strbuf_text(&data), data.length, replay_number(op, "off"));
    outcome->result = written < 0                           ? -errno
                      : (size_t)written == data.length ? 0
                                                       : written;
    if (data.length == 0 && answered_before(world, fd))
        outcome->skipped = ANSWERED_BEFORE;
    replay_files_end(world, op);
}

/* The calls that need only the descriptor. */
static int64_t plain_call(const struct replay_op *op, int fd)
{
    if (!strcmp(op->op, "lseek"))
        return lseek(fd, replay_number(op, "off"), (int)replay_number(op, "whence"));
    if (!strcmp(op->op, "ftruncate"))
        return ftruncate(fd, replay_number(op, "size"));
    if (!strcmp(op->op, "fsync"))
        return fsync(fd);
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -1;
    munmap(memory, 4096);
    return 0;
}

static void run_plain(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    replay_files_begin(world, op);
    int64_t result = plain_call(op, fd_of(world, op));
    outcome->result = result < 0 ? -errno : result;
    if (!strcmp(op->op, "lseek") && answered_before(world, fd_of(world, op)))
        outcome->skipped = ANSWERED_BEFORE;
    replay_files_end(world, op);
}

/* ---------------------------------------------------------------------- waiting */

struct poll_wait {
    struct replay_world *world;
    const struct replay_op *op;
    struct pollfd fd;
    int result;
};

static bool polled(void *arg)
{
    struct poll_wait *wait = arg;
    replay_files_begin(wait->world, wait->op);
    wait->result = poll(&wait->fd, 1, 0);
    if (wait->result < 0)
        wait->result = -errno;
    replay_files_end(wait->world, wait->op);
    return wait->result != 0;
}

static struct poll_wait wait_for(
    struct replay_world *world, const struct replay_op *op, short events)
{
    struct poll_wait wait = {world, op, {.fd = fd_of(world, op), .events = events}, 0};
    replay_wait(world, (uint64_t)replay_number(op, "ms"), polled, &wait);
    return wait;
}

static void run_poll(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct files_handle *handle = handle_find(world, replay_text(op, "h"));
    struct poll_wait wait = wait_for(world, op, replay_poll_events(replay_text(op, "events")));
    outcome->result = handle && handle->fd < 0 ? 1 : wait.result; /* POLLNVAL, as recorded */
    outcome->has_out = true;
    replay_poll_print(wait.fd.revents, &outcome->out);
}

static void run_eventfd(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    outcome->result = fd < 0 ? -errno : 0;
    handle_add(world, replay_text(op, "h"), fd);
}

static void run_evread(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    uint64_t count = 0;
    struct poll_wait wait = wait_for(world, op, POLLIN);
    outcome->result = read(wait.fd.fd, &count, sizeof(count)) < 0 ? -errno : 0;
    outcome->has_out = outcome->result == 0;
    if (outcome->has_out)
        strbuf_addf(&outcome->out, "%llu", (unsigned long long)count);
}

static void run_inotify(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_free_ char *path = replay_files_path(world, replay_text(op, "path"));
    uint32_t mask = replay_has(op, "mask") ? (uint32_t)replay_number(op, "mask")
                                           : IN_MODIFY | IN_DELETE_SELF | IN_CREATE | IN_DELETE;
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    replay_files_begin(world, op);
    outcome->result = inotify_add_watch(fd, path, mask) < 0 ? -errno : 0;
    replay_files_end(world, op);
    handle_add(world, replay_text(op, "h"), fd);
}

/* A directory that is removed ends its watches, which cgroupfs does not tell. */
static bool watch_ended(const struct replay_world *world, const struct inotify_event *event)
{
    return !world->files->real && event->mask & (IN_DELETE_SELF | IN_IGNORED);
}

static void run_inread(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    char buffer[8192] __attribute__((aligned(8)));
    struct poll_wait wait = wait_for(world, op, POLLIN);
    outcome->has_out = true;
    if (wait.result <= 0)
        return;
    replay_world_advance(world, 20 * NS_PER_MS); /* the recorder waited for more, too */
    ssize_t length = read(wait.fd.fd, buffer, sizeof(buffer));
    for (ssize_t at = 0; at < length;) {
        const struct inotify_event *event = (const void *)(buffer + at);
        if (!watch_ended(world, event))
            replay_inotify_print(event->mask, event->len ? event->name : "", &outcome->out);
        at += (ssize_t)(sizeof(*event) + event->len);
    }
}

const struct replay_operation replay_files_handle_ops[] = {
    {"open", run_open},
    {"close", run_close},
    {"fread", run_read},
    {"pread", run_read},
    {"fwrite", run_write},
    {"pwrite", run_write},
    {"lseek", run_plain},
    {"ftruncate", run_plain},
    {"fsync", run_plain},
    {"mmap", run_plain},
    {"poll", run_poll},
    {"inotify", run_inotify},
    {"inread", run_inread},
    {"eventfd", run_eventfd},
    {"evread", run_evread},
    {NULL, NULL},
};
