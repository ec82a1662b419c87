/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/host/sim_volumes.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "fakes/host/sim_world.h"
#include "fakes/kernel/process.h"
#include "fakes/vfs.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define CLIENT_NS (5 * NS_PER_MS)
#define EXIT_1 (1 << 8)

/* The value of the argument --NAME=; NULL: it is not there. */
static const char *argument(char *const *argv, const char *name)
{
    for (; *argv; argv++) {
        if (str_starts(*argv, name))
            return *argv + strlen(name);
    }
    return NULL;
}

/* The value of the option KEY= among the lines; owned, NULL: none. */
static char *option(const char *options, const char *key)
{
    _cleanup_strv_ char **lines = strv_split(options, "\n");
    return str_dup(lines ? argument(lines, key) : NULL);
}

static char *options_text(char *const *argv)
{
    static const char word[] = "--volumeopts=";
    struct strbuf text = STRBUF_INIT;
    for (; *argv; argv++) {
        if (str_starts(*argv, word))
            strbuf_addf(&text, "%s\n", *argv + sizeof(word) - 1);
    }
    return strbuf_take(&text);
}

static void refuse(struct sim_program_result *result, const char *message)
{
    result->status = EXIT_1;
    result->errors = message;
}

static struct sim_mounts *mounts_of(struct sim_world *world)
{
    return sim_mounts_of(world, world->kernel->init->namespaces[NS_MNT]->inode, true);
}

struct volume_paths {
    char *data;
    char *mounted;
    char *record;
};

static void play_mount(struct sim_world *world, const struct volume_paths *paths, char *options,
    struct sim_program_result *result)
{
    struct vfs *vfs = world->kernel->vfs;
    _cleanup_free_ char *fails = option(options, "fails=");
    _cleanup_free_ char *takes = option(options, "takes=");
    const struct mount_entry mount = {
        .target = paths->mounted, .source = paths->data, .flags = MS_BIND};
    if (takes)
        result->duration_ns = (uint64_t)(strtod(takes, NULL) * NS_PER_SEC);
    if (str_equal(fails, "mount")) {
        refuse(result, "the driver was told to fail");
        return;
    }
    vfs_mkdir(vfs, paths->data, 0755, true);
    vfs_mkdir(vfs, paths->mounted, 0755, true);
    if (vfs_info(vfs, paths->record, false, NULL) < 0)
        sim_mounts_add(world, mounts_of(world), &mount);
    vfs_write(vfs, paths->record, options, strlen(options), 0644, false);
    str_set(&world->program_output, paths->mounted);
    result->output = world->program_output;
}

static void play_unmount(struct sim_world *world, const struct volume_paths *paths,
    struct sim_program_result *result)
{
    struct vfs *vfs = world->kernel->vfs;
    const char *options = NULL;
    size_t length = 0;
    if (vfs_read(vfs, paths->record, &options, &length) < 0)
        return;
    _cleanup_free_ char *fails = option(options, "fails=");
    if (str_equal(fails, "unmount")) {
        vfs_write(vfs, paths->record, "", 0, 0644, false);
        refuse(result, "the driver was told to fail");
        return;
    }
    sim_mounts_remove(mounts_of(world), paths->mounted, true);
    vfs_remove(vfs, paths->record);
}

static void play(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct sim_world *world = arg;
    const char *driver = argument(request->argv, "--volumedriver=");
    const char *name = argument(request->argv, "--volumename=");
    const char *slash = strrchr(request->argv[0], '/');
    result->duration_ns = CLIENT_NS;
    if (!slash || !request->argv[1] || !name || !str_equal(driver, "local")) {
        refuse(result, "there is no such volume driver");
        return;
    }
    _cleanup_free_ char *folder = str_ndup(request->argv[0], (size_t)(slash - request->argv[0]));
    _cleanup_free_ char *records = str_printf("%s/mounted", folder);
    _cleanup_free_ char *data = str_printf("%s/%s/%s", folder, driver, name);
    _cleanup_free_ char *mounted = str_printf("%s/mnt/%s", folder, name);
    _cleanup_free_ char *record = str_printf("%s/%s", records, name);
    _cleanup_free_ char *options = options_text(request->argv);
    const struct volume_paths paths = {data, mounted, record};
    vfs_mkdir(world->kernel->vfs, records, 0755, true);
    if (str_equal(request->argv[1], "mount"))
        play_mount(world, &paths, options, result);
    else if (str_equal(request->argv[1], "unmount"))
        play_unmount(world, &paths, result);
    else
        refuse(result, "expected mount or unmount");
}

void sim_volumes_install(struct host *host, const char *program)
{
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    const char *slash = strrchr(program, '/');
    _cleanup_free_ char *folder = str_ndup(program, (size_t)(slash - program));
    vfs_mkdir(world->kernel->vfs, folder, 0755, true);
    vfs_write(world->kernel->vfs, program, "", 0, 0755, false);
    sim_host_program(host, slash + 1, play, world);
}
