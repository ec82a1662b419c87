/* SPDX-License-Identifier: Apache-2.0 */
/* try: what a container should not be able to do to what is outside of it. Each leaves nothing when
 * it works, but for mounts, which are there to be looked for from outside. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scenarios/workload/play.h"

#define NODE "device-node"
#define CONNECT_SECONDS 2
#define SENT_BYTES 20480
#define SENT_PAUSE_US 20000
#define FUSE_REQUEST_MAX_BYTES (1 << 17)

static int attempt_mount(const char *path)
{
    return mount("tmpfs", path, "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int attempt_trace(const char *number)
{
    pid_t pid = (pid_t)strtol(number, NULL, 10);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
        return errno;
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return 0;
}

static int attempt_signal(const char *number)
{
    return kill((pid_t)strtol(number, NULL, 10), 0) < 0 ? errno : 0;
}

/* "b 7:0": a node of its own in the working directory, opened for reading. */
static int attempt_device(const char *device)
{
    unsigned major_number;
    unsigned minor_number;
    char type;
    if (sscanf(device, "%c %u:%u", &type, &major_number, &minor_number) != 3)
        return EINVAL;
    mode_t mode = (type == 'b' ? S_IFBLK : S_IFCHR) | 0600;
    if (mknod(NODE, mode, makedev(major_number, minor_number)) < 0)
        return errno;
    int fd = open(NODE, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int error = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    unlink(NODE);
    return error;
}

/* Answers the first request, which opens the session, and takes no notice of any other: who asks
 * for something here waits, and no signal ends that as long as we live. */
static _Noreturn void serve_nothing(int fuse, int ready)
{
    static _Alignas(8) char request[FUSE_REQUEST_MAX_BYTES];
    const struct fuse_in_header *header = (const void *)request;
    while (read(fuse, request, sizeof(request)) > 0) {
        struct {
            struct fuse_out_header header;
            struct fuse_init_out init;
        } answer = {.header = {.len = sizeof(answer), .unique = header->unique},
            .init = {.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION}};
        if (header->opcode == FUSE_INIT && write(fuse, &answer, sizeof(answer)) > 0)
            close(ready);
    }
    _exit(1);
}

static int attempt_hang(const char *path)
{
    char options[64];
    char unused;
    int ready[2];
    int fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (fuse < 0 || pipe(ready) < 0 || (mkdir(path, 0755) < 0 && errno != EEXIST))
        return errno;
    snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
    if (mount("hang", path, "fuse", 0, options) < 0)
        return errno;
    pid_t server = fork();
    if (server < 0)
        return errno;
    if (server == 0) {
        close(ready[0]);
        serve_nothing(fuse, ready[1]);
    }
    close(ready[1]);
    while (read(ready[0], &unused, 1) < 0 && errno == EINTR)
        continue;
    close(ready[0]);
    close(fuse);
    return 0;
}

/* "10.0.0.1:80", or the address alone: a socket, or the negative errno. */
static int connected(const char *where, int type, int protocol)
{
    const struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    struct sockaddr_in address = {.sin_family = AF_INET};
    char host[16];
    unsigned port = 0;
    if (sscanf(where, "%15[0-9.]:%u", host, &port) < 1 ||
        inet_pton(AF_INET, host, &address.sin_addr) != 1)
        return -EINVAL;
    address.sin_port = htons((uint16_t)port);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    int error = errno == EINPROGRESS ? ETIMEDOUT : errno; /* how the patience ends */
    close(fd);
    return -error;
}

/* What is connected stays so: it can be counted. */
static int attempt_connect(const char *where)
{
    int fd = connected(where, SOCK_STREAM, 0);
    return fd < 0 ? -fd : 0;
}

/* It only leaves: who gets it is asked elsewhere. */
static int attempt_datagram(const char *where)
{
    int fd = connected(where, SOCK_DGRAM, 0);
    if (fd < 0)
        return -fd;
    int error = send(fd, "hello", 5, 0) < 0 ? errno : 0;
    close(fd);
    return error;
}

static uint16_t checksum_of(const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < length; i += 2)
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return htons((uint16_t)~sum);
}

/* Until the answer: of this machine the question is heard, too. */
static int echo_await(int fd, uint16_t id)
{
    uint8_t packet[512];
    ssize_t length;
    while ((length = recv(fd, packet, sizeof(packet), 0)) > 0) {
        struct icmphdr header;
        size_t above = (size_t)(packet[0] & 0xf) * 4; /* the header of IP */
        if ((size_t)length < above + sizeof(header))
            continue;
        memcpy(&header, packet + above, sizeof(header));
        if (header.type == ICMP_ECHOREPLY && header.un.echo.id == id)
            return 0;
    }
    return errno == EAGAIN ? ETIMEDOUT : errno;
}

static int attempt_ping(const char *where)
{
    struct icmphdr echo = {.type = ICMP_ECHO};
    int fd = connected(where, SOCK_RAW, IPPROTO_ICMP);
    if (fd < 0)
        return -fd;
    echo.un.echo.id = htons((uint16_t)getpid());
    echo.checksum = checksum_of(&echo, sizeof(echo));
    int error =
        send(fd, &echo, sizeof(echo), 0) < 0 ? errno : echo_await(fd, echo.un.echo.id);
    close(fd);
    return error;
}

/* Until the other side's kernel has all of it. "10.0.0.1:80/8": which is to take 8 s at least. */
static int attempt_send(const char *where)
{
    static const char bytes[SENT_BYTES];
    const char *least = strchr(where, '/');
    struct timespec begun;
    struct timespec now;
    int left = 1;
    int fd = connected(where, SOCK_STREAM, 0);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    if (fd < 0)
        return -fd;
    if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
        return EIO;
    while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0)
        usleep(SENT_PAUSE_US);
    close(fd);
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!left && least && now.tv_sec - begun.tv_sec < strtol(least + 1, NULL, 10))
        return ETIME;
    return left ? EIO : 0;
}

static const struct {
    const char *what;
    int (*fn)(const char *subject);
} attempts[] = {
    {"mount", attempt_mount},
    {"trace", attempt_trace},
    {"signal", attempt_signal},
    {"device", attempt_device},
    {"hang", attempt_hang},
    {"connect", attempt_connect},
    {"send", attempt_send},
    {"datagram", attempt_datagram},
    {"ping", attempt_ping},
};

int attempt(const char *what, const char *subject)
{
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        if (strcmp(attempts[i].what, what) == 0)
            return attempts[i].fn(subject);
    }
    return EINVAL;
}
