/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/empty_fs.h"

#define FUSE_USE_VERSION 34
#include <errno.h>
#include <fuse_lowlevel.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_SECONDS 3600.0
#define INODE_FILE 2
#define INODE_DIRECTORY 3

static void fill(struct stat *stat, fuse_ino_t number)
{
    *stat = (struct stat){
        .st_ino = number,
        .st_mode = number == INODE_FILE ? S_IFREG | 0644 : S_IFDIR | 0755,
        .st_nlink = 2,
    };
}

static void reply_entry(fuse_req_t req, fuse_ino_t number)
{
    struct fuse_entry_param entry = {
        .ino = number,
        .attr_timeout = CACHE_SECONDS,
        .entry_timeout = CACHE_SECONDS,
    };
    fill(&entry.attr, number);
    fuse_reply_entry(req, &entry);
}

static void empty_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    if (parent == FUSE_ROOT_ID && !strcmp(name, "file"))
        reply_entry(req, INODE_FILE);
    else
        fuse_reply_err(req, ENOENT);
}

static void empty_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
    struct stat stat;
    (void)info;
    fill(&stat, number);
    fuse_reply_attr(req, &stat, CACHE_SECONDS);
}

static void empty_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
    (void)parent, (void)name, (void)mode;
    reply_entry(req, INODE_DIRECTORY);
}

static void empty_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    (void)parent, (void)name;
    fuse_reply_err(req, 0);
}

static void empty_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number;
    info->direct_io = 1;
    fuse_reply_open(req, info);
}

static void empty_read(
    fuse_req_t req, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *info)
{
    (void)number, (void)size, (void)info;
    fuse_reply_buf(req, "0\n", offset == 0 ? 2 : 0);
}

static void empty_release(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *info)
{
    (void)number, (void)info;
    fuse_reply_err(req, 0);
}

static const struct fuse_lowlevel_ops empty_ops = {
    .lookup = empty_lookup,
    .getattr = empty_getattr,
    .mkdir = empty_mkdir,
    .rmdir = empty_rmdir,
    .open = empty_open,
    .read = empty_read,
    .release = empty_release,
};

/* Waits as the fake does: what is compared is what the two do with a request. */
static void serve(struct fuse_session *session)
{
    struct fuse_buf buffer = {0};
    struct pollfd fd = {.fd = fuse_session_fd(session), .events = POLLIN};
    fcntl(fd.fd, F_SETFL, fcntl(fd.fd, F_GETFL) | O_NONBLOCK);
    while (!fuse_session_exited(session)) {
        if (poll(&fd, 1, -1) < 0 && errno != EINTR)
            break;
        int size = fuse_session_receive_buf(session, &buffer);
        if (size > 0)
            fuse_session_process_buf(session, &buffer);
        else if (size != -EAGAIN && size != -EINTR)
            break;
    }
    free(buffer.mem);
}

int empty_fs_serve(const char *mount_point)
{
    char program[] = "empty", flag[] = "-o", options[] = "default_permissions,fsname=empty";
    char *words[] = {program, flag, options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, words);
    struct fuse_session *session = fuse_session_new(&args, &empty_ops, sizeof(empty_ops), NULL);
    fuse_opt_free_args(&args);
    if (!session || fuse_session_mount(session, mount_point))
        return 1;
    serve(session);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return 0;
}
