/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/replay_real_actor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

struct actor_memory {
    char *start;
    size_t size;
};

static void *thread_main(void *arg)
{
    _Atomic int *tid = arg;
    *tid = gettid();
    for (;;)
        pause();
    return NULL;
}

static int64_t answer_thread(void)
{
    static _Atomic int tid;
    pthread_t thread;
    pthread_attr_t attributes;
    tid = 0;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    int result = pthread_create(&thread, &attributes, thread_main, (void *)&tid);
    pthread_attr_destroy(&attributes);
    while (!result && !tid)
        sched_yield();
    return result ? -result : tid;
}

static int64_t answer_allocate(struct actor_memory *memory, size_t size)
{
    char *start =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return -errno;
    madvise(start, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < size; i += 4096)
        start[i] = 1;
    *memory = (struct actor_memory){start, size};
    return 0;
}

static void spin(int64_t ms)
{
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
}

/* A question, and with 'c' the socket of the child to be; -1 without. False: nobody asks now. */
static bool receive(int fd, struct question *question, int *ret_child_fd)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {question, sizeof(*question)};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    *ret_child_fd = -1;
    if (recvmsg(fd, &message, 0) != sizeof(*question))
        return false;
    const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header && header->cmsg_type == SCM_RIGHTS)
        memcpy(ret_child_fd, CMSG_DATA(header), sizeof(int));
    return true;
}

/* A sibling: its parent is ours. In the sibling fd becomes its socket. */
static int64_t answer_child(int *fd, int child_fd, bool *ret_sibling)
{
    long pid = syscall(SYS_clone, CLONE_PARENT | (unsigned long)SIGCHLD, 0, 0, 0, 0);
    *ret_sibling = pid == 0;
    if (pid == 0) {
        close(*fd);
        *fd = child_fd;
        return 0;
    }
    int error = errno;
    close(child_fd);
    return pid < 0 ? -error : pid;
}

static int64_t answer_write(const struct question *question)
{
    int fd = open(question->path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int64_t result = write(fd, question->data, strlen(question->data)) < 0 ? -errno : 0;
    close(fd);
    return result;
}

/* "c:1:3:rwm": with m it makes the node itself, otherwise the node of the path was made for it. */
static int64_t answer_device(const struct question *question)
{
    char type, access[4] = "";
    unsigned major, minor;
    if (sscanf(question->data, "%c:%u:%u:%3s", &type, &major, &minor, access) < 3)
        return -EINVAL;
    mode_t kind = type == 'b' ? S_IFBLK : S_IFCHR;
    if (strchr(access, 'm') && mknod(question->path, kind | 0600, makedev(major, minor)) < 0)
        return -errno;
    bool reads = strchr(access, 'r'), writes = strchr(access, 'w');
    int flags = reads && writes ? O_RDWR : writes ? O_WRONLY : O_RDONLY;
    int fd = open(question->path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int64_t result = fd < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return result;
}

static int64_t answer_places(struct answer *answer)
{
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, answer->text, sizeof(answer->text) - 1);
    int64_t result = length < 0 ? -errno : 0;
    if (fd >= 0)
        close(fd);
    return result;
}

static void answer_question(
    const struct question *question, struct actor_memory *memory, struct answer *answer)
{
    switch (question->kind) {
    case 'x':
        _exit((int)question->amount);
    case 't':
        answer->result = answer_thread();
        return;
    case 'a':
        answer->result = answer_allocate(memory, (size_t)question->amount);
        return;
    case 'f':
        if (memory->start)
            munmap(memory->start, memory->size);
        *memory = (struct actor_memory){0};
        return;
    case 's':
        spin(question->amount);
        return;
    case 'w':
        answer->result = answer_write(question);
        return;
    case 'd':
        answer->result = answer_device(question);
        return;
    case 'u':
        answer->result = unshare(CLONE_NEWCGROUP) < 0 ? -errno : 0;
        return;
    case 'g':
        answer->result = answer_places(answer);
        return;
    default: /* p: it answers, that is all */
        return;
    }
}

_Noreturn void replay_actor_main(int fd)
{
    struct actor_memory memory = {0};
    struct question question;
    int child_fd;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (receive(fd, &question, &child_fd)) {
        struct answer answer = {0};
        bool sibling = false;
        if (question.kind == 'c')
            answer.result = answer_child(&fd, child_fd, &sibling);
        if (sibling)
            continue;
        answer_question(&question, &memory, &answer);
        send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
    }
    _exit(0);
}
