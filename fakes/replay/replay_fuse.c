/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/replay_fuse.h"

#include <string.h>

#include "fakes/cgroupfs/cgroupfs.h"
#include "reference/base/mem.h"

#define FUSE_NAME_BYTES_MAX 1024

static void fuse_let(void *arg)
{
    cgroupfs_let(arg);
}

static void fuse_take(void *arg)
{
    cgroupfs_take(arg);
}

static void fuse_settle(void *arg)
{
    cgroupfs_settle(arg);
}

int replay_fuse_start(struct replay_fuse *fuse, struct replay_world *world,
    const char *mount_point, struct err *err)
{
    const struct cgroupfs_options options = {
        .writer = world->recorder->pid,
        .writer_resource = world->root.resource_capability,
    };
    *fuse = (struct replay_fuse){0};
    int result = cgroupfs_mount(world->kernel, mount_point, &options, &fuse->fs, err);
    if (!result)
        result = cgroupfs_thread_start(fuse->fs, err);
    if (result)
        return result;
    bool below = world->header->v2 && world->kernel->layout != CGROUP_LAYOUT_V2;
    fuse->directory = str_printf("%s%s", mount_point, below ? "/unified" : "");
    fuse->files = (struct replay_files){
        .directory = fuse->directory,
        .base = REPLAY_BASE,
        .let = fuse_let,
        .take = fuse_take,
        .settle = fuse_settle,
        .arg = fuse->fs,
    };
    world->files = &fuse->files;
    return 0;
}

void replay_fuse_stop(struct replay_fuse *fuse, struct replay_world *world)
{
    if (fuse->fs) {
        cgroupfs_let(fuse->fs);
        replay_files_close(&fuse->files);
        cgroupfs_take(fuse->fs);
        cgroupfs_unmount(fuse->fs);
    }
    world->files = NULL;
    free(fuse->directory);
    *fuse = (struct replay_fuse){0};
}

const char *replay_fuse_impossible(const struct replay_world *world, const struct replay_op *op)
{
    (void)world;
    const char *slash = strrchr(replay_text(op, "path"), '/');
    if (strlen(slash ? slash + 1 : replay_text(op, "path")) > FUSE_NAME_BYTES_MAX)
        return "FUSE has no names of more than 1024 bytes";
    return NULL;
}
