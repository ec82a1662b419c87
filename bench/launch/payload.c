/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every contender starts: `seatrial-payload [FILE] [stay]` tells when its first instruction
 * ran, on stdout or in the FILE (a path with a slash), then ends, or stays until it is killed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    char text[32];
    int output = STDOUT_FILENO;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (argc > 1 && strchr(argv[1], '/'))
        output = open(argv[1], O_WRONLY | O_CLOEXEC);
    int length =
        snprintf(text, sizeof(text), "%lld\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec);
    if (write(output, text, (size_t)length) != length)
        return 1;
    while (argc > 1 && strcmp(argv[argc - 1], "stay") == 0)
        pause();
    return 0;
}
