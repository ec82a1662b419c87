/* SPDX-License-Identifier: Apache-2.0 */
#include "ci/lab/lab.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/cli/seatrial.h"

#define EXIT_USAGE 2
#define TSC_LOOKS 50

/* A file of the folder lab/ beside this program (the build tree), or where it is installed. */
static char *lab_path(const char *self, const char *file)
{
    char *path = str_printf("%.*s/lab/%s", (int)(strrchr(self, '/') - self), self, file);
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return str_printf(SEATRIAL_LIBEXEC "/lab/%s", file);
}

#ifdef __x86_64__
/* The time stamp counter and the time in ns, read in one moment: of some looks the shortest. */
static void tsc_look(uint64_t *ret_ticks, uint64_t *ret_ns)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < TSC_LOOKS; i++) {
        struct timespec now;
        uint64_t before = __builtin_ia32_rdtsc();
        clock_gettime(CLOCK_MONOTONIC_RAW, &now);
        uint64_t took = __builtin_ia32_rdtsc() - before;
        if (took >= best)
            continue;
        best = took;
        *ret_ticks = before + took / 2;
        *ret_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    }
}

/* Prints the frequency in kHz of the counter that emulated guests are given. On a busy machine they
 * measure it wrong, and their clocks run away. */
static int print_tsc(void)
{
    uint64_t ticks, ns, later_ticks, later_ns;
    tsc_look(&ticks, &ns);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    tsc_look(&later_ticks, &later_ns);
    printf("%.0f\n", (double)(later_ticks - ticks) / (double)(later_ns - ns) * 1e6);
    return 0;
}
#else
static int print_tsc(void)
{
    return EXIT_USAGE;
}
#endif

int lab_main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "tsc") == 0)
        return print_tsc();
    if (argc == 3 && strcmp(argv[1], "ratios") == 0)
        return lab_ratios(argv[2]);
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length <= 0) {
        fprintf(stderr, "seatrial lab: /proc/self/exe does not tell where this program is\n");
        return EXIT_USAGE;
    }
    self[length] = '\0';
    if (argc >= 3 && strcmp(argv[1], "report") == 0) {
        const char *asked = getenv("SEATRIAL_LAB_KNOWN");
        _cleanup_free_ char *known = asked ? str_dup(asked) : lab_path(self, "differences.txt");
        return lab_report(argv[2], known, argv + 3, argc - 3);
    }
    _cleanup_free_ char *script = lab_path(self, "lab");
    setenv("SEATRIAL", self, 1);
    setenv("SEATRIAL_LIBEXEC", SEATRIAL_LIBEXEC, 1);
    argv[0] = script;
    execv(script, argv);
    fprintf(stderr, "seatrial lab: cannot run %s: %s\n", script, strerror(errno));
    return EXIT_USAGE;
}
