/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dvdcli with one driver, "local", that keeps volumes beside the program: the twin of
 * fakes/host/sim_volumes.h for a real machine. A volume is a directory below local/, bound on
 * mnt/NAME while it is mounted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"

static int fail(const char *message)
{
    fprintf(stderr, "dvdcli: %s\n", message);
    return 1;
}

static const char *value_of(const char *word, const char *name)
{
    return str_starts(word, name) ? word + strlen(name) : NULL;
}

/* <folder>/<place>/<name>, with the directory that holds it; owned. */
static char *place_make(const char *folder, const char *place, const char *name)
{
    _cleanup_free_ char *directory = str_printf("%s/%s", folder, place);

    mkdir(directory, 0755);
    return str_printf("%s/%s", directory, name);
}

/* The options of this mount, and in the record those of the last one. */
static int options_write(const char *record, int argc, char **argv, const char **ret_fails)
{
    FILE *stream = fopen(record, "we");

    *ret_fails = "";
    if (!stream)
        return -errno;
    for (int i = 2; i < argc; i++) {
        const char *option = value_of(argv[i], "--volumeopts=");
        const char *takes = option ? value_of(option, "takes=") : NULL;
        const char *fails = option ? value_of(option, "fails=") : NULL;

        if (option)
            fprintf(stream, "%s\n", option);
        if (fails)
            *ret_fails = fails;
        if (takes) {
            const double seconds = strtod(takes, NULL);
            const struct timespec time = {.tv_sec = (time_t)seconds,
                .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

            nanosleep(&time, NULL);
        }
    }
    return fclose(stream) == 0 ? 0 : -errno;
}

static int volume_mount(
    const char *data, const char *mounted, const char *record, int argc, char **argv)
{
    const bool there = access(record, F_OK) == 0;
    const char *fails;

    if (options_write(record, argc, argv, &fails) < 0)
        return fail("the options can't be noted");
    if (strcmp(fails, "mount") == 0) {
        unlink(record);
        return fail("the driver was told to fail");
    }
    if ((mkdir(data, 0755) < 0 && errno != EEXIST) || (mkdir(mounted, 0755) < 0 && errno != EEXIST))
        return fail(strerror(errno));
    if (!there && mount(data, mounted, NULL, MS_BIND, NULL) < 0) {
        unlink(record);
        return fail(strerror(errno));
    }
    printf("%s\n", mounted);
    return 0;
}

static int volume_unmount(const char *mounted, const char *record)
{
    FILE *stream = fopen(record, "re");
    char line[256];
    bool fails = false;

    if (!stream)
        return 0; /* it is not mounted */
    while (fgets(line, sizeof(line), stream))
        fails = fails || strcmp(line, "fails=unmount\n") == 0;
    fclose(stream);
    if (fails)
        return truncate(record, 0) == 0 ? fail("the driver was told to fail") : 1;
    unlink(record);
    return umount2(mounted, MNT_DETACH) == 0 ? 0 : fail(strerror(errno));
}

int main(int argc, char **argv)
{
    const char *driver = NULL;
    const char *name = NULL;
    const char *slash = strrchr(argv[0], '/');

    for (int i = 2; i < argc; i++) {
        const char *value = value_of(argv[i], "--volumedriver=");

        driver = value ? value : driver;
        value = value_of(argv[i], "--volumename=");
        name = value ? value : name;
    }
    if (!slash || !name || !str_equal(driver, "local"))
        return fail("there is no such volume driver");
    _cleanup_free_ char *folder = str_ndup(argv[0], (size_t)(slash - argv[0]));
    _cleanup_free_ char *data = place_make(folder, driver, name);
    _cleanup_free_ char *mounted = place_make(folder, "mnt", name);
    _cleanup_free_ char *record = place_make(folder, "mounted", name);
    if (strcmp(argv[1], "mount") == 0)
        return volume_mount(data, mounted, record, argc, argv);
    if (strcmp(argv[1], "unmount") == 0)
        return volume_unmount(mounted, record);
    return fail("expected mount or unmount");
}
