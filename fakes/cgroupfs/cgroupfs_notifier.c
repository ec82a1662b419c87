/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system in user space cannot raise inotify events, but a write through its mount does. So
 * a thread of our own writes to the files whose content changed; the server knows the thread and
 * swallows what it writes. It also tells the kernel of names that are no more: that may wait for a
 * directory's lock, which the server must not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"

static const char token[] = "seatrial: changed";

struct notice {
    struct notice *next;
    char *path;        /* to write to; NULL: a name to forget */
    fuse_ino_t parent;
    char *name;
};

struct cgroupfs_notifier {
    struct cgroupfs *fs;
    pthread_t thread;
    _Atomic pid_t tid;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    struct notice *first;
    struct notice **last;
    bool busy;
    bool stop;
};

static void notice_free(struct notice *notice)
{
    free(notice->path);
    free(notice->name);
    free(notice);
}

static void notice_give(struct cgroupfs_notifier *notifier, const struct notice *notice)
{
    if (!notice->path) {
        fuse_lowlevel_notify_inval_entry(
            notifier->fs->session, notice->parent, notice->name, strlen(notice->name));
        return;
    }
    int fd = open(notice->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return; /* gone meanwhile, or not ours to write */
    ssize_t written = write(fd, token, sizeof(token) - 1);
    (void)written;
    close(fd);
}

static void *notifier_main(void *arg)
{
    struct cgroupfs_notifier *notifier = arg;
    notifier->tid = gettid();
    pthread_mutex_lock(&notifier->lock);
    while (!notifier->stop) {
        struct notice *notice = notifier->first;
        if (!notice) {
            notifier->busy = false;
            pthread_cond_broadcast(&notifier->changed);
            pthread_cond_wait(&notifier->changed, &notifier->lock);
            continue;
        }
        notifier->busy = true;
        notifier->first = notice->next;
        if (!notifier->first)
            notifier->last = &notifier->first;
        pthread_mutex_unlock(&notifier->lock);
        notice_give(notifier, notice);
        notice_free(notice);
        pthread_mutex_lock(&notifier->lock);
    }
    pthread_mutex_unlock(&notifier->lock);
    return NULL;
}

/* The thread starts with the first notice: the mount must be served by then. */
static struct cgroupfs_notifier *notifier_get(struct cgroupfs *fs)
{
    if (fs->notifier)
        return fs->notifier;
    struct cgroupfs_notifier *notifier = mem_alloc(sizeof(*notifier));
    notifier->fs = fs;
    notifier->last = &notifier->first;
    pthread_mutex_init(&notifier->lock, NULL);
    pthread_cond_init(&notifier->changed, NULL);
    if (pthread_create(&notifier->thread, NULL, notifier_main, notifier)) {
        free(notifier);
        return NULL;
    }
    fs->notifier = notifier;
    return notifier;
}

static void notice_queue(struct cgroupfs *fs, struct notice *notice)
{
    struct cgroupfs_notifier *notifier = notifier_get(fs);
    if (!notifier) {
        notice_free(notice);
        return;
    }
    pthread_mutex_lock(&notifier->lock);
    *notifier->last = notice;
    notifier->last = &notice->next;
    notifier->busy = true;
    pthread_cond_broadcast(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
}

void cgroupfs_notifier_modify(struct cgroupfs *fs, char *path)
{
    struct notice *notice = mem_alloc(sizeof(*notice));
    notice->path = str_printf("%s/%s", fs->mount_point, path);
    free(path);
    notice_queue(fs, notice);
}

void cgroupfs_notifier_forget(struct cgroupfs *fs, fuse_ino_t parent, const char *name)
{
    struct notice *notice = mem_alloc(sizeof(*notice));
    notice->parent = parent;
    notice->name = str_dup(name);
    notice_queue(fs, notice);
}

bool cgroupfs_notifier_idle(struct cgroupfs *fs)
{
    struct cgroupfs_notifier *notifier = fs->notifier;
    if (!notifier)
        return true;
    pthread_mutex_lock(&notifier->lock);
    bool idle = !notifier->busy && !notifier->first;
    pthread_mutex_unlock(&notifier->lock);
    return idle;
}

bool cgroupfs_notifier_is(const struct cgroupfs *fs, pid_t thread)
{
    return fs->notifier && fs->notifier->tid == thread;
}

/* Waits for the thread; the mount is gone already, so that it cannot hang in it. */
void cgroupfs_notifier_stop(struct cgroupfs *fs)
{
    struct cgroupfs_notifier *notifier = fs->notifier;
    if (!notifier)
        return;
    pthread_mutex_lock(&notifier->lock);
    notifier->stop = true;
    pthread_cond_broadcast(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
    pthread_join(notifier->thread, NULL);
    for (struct notice *at = notifier->first, *next; at; at = next) {
        next = at->next;
        notice_free(at);
    }
    pthread_mutex_destroy(&notifier->lock);
    pthread_cond_destroy(&notifier->changed);
    free(notifier);
    fs->notifier = NULL;
}
