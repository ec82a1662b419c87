/* SPDX-License-Identifier: Apache-2.0 */
/* The program mesos-tcp-connect: can a TCP connection be made? Exit: 0 yes, 1 no or bad usage. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IP "--ip="
#define PORT "--port="

static int usage(void)
{
    fprintf(stderr, "Usage: mesos-tcp-connect --ip=ADDRESS --port=PORT\n");
    return 1;
}

static int try_to_connect(const struct sockaddr *address, socklen_t length)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, address, length) < 0) {
        fprintf(stderr, "mesos-tcp-connect: %s\n", strerror(errno));
        return 1;
    }
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    const char *ip = NULL;
    const char *port = NULL;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], IP, strlen(IP)) == 0)
            ip = argv[i] + strlen(IP);
        else if (strncmp(argv[i], PORT, strlen(PORT)) == 0)
            port = argv[i] + strlen(PORT);
        else
            return usage();
    }
    char *end = NULL;
    long number = port ? strtol(port, &end, 10) : 0;
    if (!ip || !port || *end != '\0' || number < 1 || number > 65535)
        return usage();
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number)};
    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return try_to_connect((const struct sockaddr *)&v4, sizeof(v4));
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
        return try_to_connect((const struct sockaddr *)&v6, sizeof(v6));
    return usage();
}
