/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/sha.h"
#include "reference/provisioner/unpack/unpack.h"

static int run_archive(char *const *arguments, struct err *err)
{
    return unpack_archive(arguments[0], arguments[1], WHITEOUTS_AUFS, err);
}

static int run_layers(char *const *arguments, struct err *err)
{
    bool overlay = str_equal(arguments[0], "overlay");
    int result = 0;
    for (size_t i = 1; arguments[i] && arguments[i + 1] && result == 0; i += 2)
        result = unpack_archive(arguments[i], arguments[i + 1],
            overlay ? WHITEOUTS_OVERLAY : WHITEOUTS_AUFS, err);
    return result;
}

static int run_copy(char *const *arguments, struct err *err)
{
    return unpack_copy(arguments[0], arguments + 1, err);
}

static int run_gunzip(char *const *arguments, struct err *err)
{
    return unpack_gunzip(arguments[0], arguments[1], err);
}

static int file_digest(const char *path, bool wide, struct err *err)
{
    static char buffer[1 << 16];
    char text[SHA_HEX_MAX];
    struct sha sha;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : 1;
    sha_init(&sha, wide);
    while (length > 0 && (length = read(fd, buffer, sizeof(buffer))) > 0)
        sha_add(&sha, buffer, (size_t)length);
    if (length < 0)
        return err_errno(err, -errno, "read %s", path);
    sha_hex(&sha, text);
    printf("%s %s\n", text, path);
    return 0;
}

static int run_digest(char *const *arguments, struct err *err)
{
    int result = 0;
    for (size_t i = 1; arguments[i] && result == 0; i++)
        result = file_digest(arguments[i], str_equal(arguments[0], "sha512"), err);
    return result;
}

static const struct {
    const char *name;
    int least; /* arguments */
    int (*run)(char *const *arguments, struct err *err);
} commands[] = {
    {"archive", 2, run_archive},
    {"layers", 3, run_layers},
    {"copy", 2, run_copy},
    {"gunzip", 2, run_gunzip},
    {"digest", 2, run_digest},
};

int main(int argc, char **argv)
{
    _cleanup_err_ struct err err = ERR_INIT;
    setlocale(LC_CTYPE, "C.UTF-8"); /* names in archives are UTF-8 */
    umask(0);
    for (size_t i = 0; i < ARRAY_SIZE(commands) && argc > 1; i++) {
        if (!str_equal(argv[1], commands[i].name) || argc - 2 < commands[i].least)
            continue;
        if (commands[i].run(argv + 2, &err) == 0 && fflush(stdout) == 0)
            return 0;
        fprintf(stderr, "%s\n", err_text(&err));
        return 1;
    }
    fprintf(stderr, "usage: seatrial-unpack archive|layers|copy|gunzip|digest ARGUMENT...\n");
    return 2;
}
