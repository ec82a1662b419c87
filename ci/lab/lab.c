/* SPDX-License-Identifier: Apache-2.0 */
#include "ci/lab/lab.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/cli/seatrial.h"

#define EXIT_USAGE 2

/* The folder lab/ beside this program (the build tree), or where it is installed. */
static char *script_path(const char *self)
{
    char *path = str_printf("%.*s/lab/lab", (int)(strrchr(self, '/') - self), self);
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return str_dup(SEATRIAL_LIBEXEC "/lab/lab");
}

int lab_main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "report") == 0)
        return lab_report(argv[2], argv + 3, argc - 3);
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0) {
        fprintf(stderr, "seatrial lab: /proc/self/exe does not tell where this program is\n");
        return EXIT_USAGE;
    }
    self[length] = '\0';
    _cleanup_free_ char *script = script_path(self);
    setenv("SEATRIAL", self, 1);
    setenv("SEATRIAL_LIBEXEC", SEATRIAL_LIBEXEC, 1);
    argv[0] = script;
    execv(script, argv);
    fprintf(stderr, "seatrial lab: cannot run %s: %s\n", script, strerror(errno));
    return EXIT_USAGE;
}
