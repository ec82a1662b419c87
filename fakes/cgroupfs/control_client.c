/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/cgroupfs/control_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "reference/base/err.h"
#include "reference/base/mem.h"

#define EXIT_USAGE 2

static const char usage[] =
    "usage: seatrial cgroupfs-control SOCKET [JSON...]\n"
    "Sends commands to a mounted cgroup file system and prints the answers; without any, the\n"
    "lines of the standard input. fakes/cgroupfs/README.md lists the commands.\n"
    "exit status: 0 all went well, 1 a command failed, 2 bad usage or nobody listens\n";

static int control_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length + 1);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* 0, 1 when the command failed, -EIO when there is no answer. */
static int exchange(FILE *peer, const char *command)
{
    _cleanup_free_ char *line = NULL;
    size_t capacity = 0;
    if (fprintf(peer, "%s\n", command) < 0 || fflush(peer) || getline(&line, &capacity, peer) < 0)
        return -EIO;
    fputs(line, stdout);
    return strstr(line, "\"ok\":true") ? 0 : 1;
}

static int exchange_lines(FILE *peer)
{
    _cleanup_free_ char *line = NULL;
    size_t capacity = 0;
    int status = 0;
    for (ssize_t length; status >= 0 && (length = getline(&line, &capacity, stdin)) >= 0;) {
        if (length && line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (!*line)
            continue;
        int result = exchange(peer, line);
        status = result < 0 ? result : status | result;
    }
    return status;
}

int cgroupfs_control_main(int argc, char **argv)
{
    bool help = argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"));
    if (argc < 2 || help) {
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : EXIT_USAGE;
    }
    int fd = control_connect(argv[1]);
    if (fd < 0) {
        fprintf(stderr, "seatrial cgroupfs-control: %s: %s\n", argv[1], err_name(fd));
        return EXIT_USAGE;
    }
    FILE *peer = fdopen(fd, "r+");
    int status = argc == 2 ? exchange_lines(peer) : 0;
    for (int i = 2; i < argc && status >= 0; i++) {
        int result = exchange(peer, argv[i]);
        status = result < 0 ? result : status | result;
    }
    fclose(peer);
    if (status < 0)
        fprintf(stderr, "seatrial cgroupfs-control: %s: the server is gone\n", argv[1]);
    return status < 0 ? EXIT_USAGE : status;
}
