/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/host/sim_xfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/host/sim_du.h"
#include "fakes/host/sim_world.h"
#include "fakes/kernel/process.h"
#include "fakes/vfs.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"

#define TOOL_NS (5 * NS_PER_MS)
#define EXIT_1 (1 << 8)

struct xfs_project {
    unsigned long long soft_bytes;
    unsigned long long hard_bytes;
};
struct sim_xfs {
    struct vfs *vfs;
    struct strmap *directories; /* path -> (void *)(uintptr_t)project */
    struct u64map *projects;    /* -> struct xfs_project * */
    char *output;
};

static struct xfs_project *project_get(struct sim_xfs *xfs, uint64_t id)
{
    struct xfs_project *project = u64map_get(xfs->projects, id);
    if (!project) {
        project = mem_alloc(sizeof(*project));
        u64map_set(xfs->projects, id, project);
    }
    return project;
}

static uint64_t project_kib(const struct sim_xfs *xfs, uint64_t id)
{
    uint64_t kib = 0;
    size_t cursor = 0;
    const char *path = NULL;
    void *value = NULL;
    while (strmap_next(xfs->directories, &cursor, &path, &value)) {
        if ((uint64_t)(uintptr_t)value == id && vfs_info(xfs->vfs, path, false, NULL) == 0)
            kib += sim_du_kib(xfs->vfs, path);
    }
    return kib;
}

/* For whoever looks: SIM_XFS_LIMITS/ID and SIM_XFS_DIRECTORIES/NAME-OF-DIRECTORY. */
static void show(struct sim_xfs *xfs, const char *place, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", place, name);
    vfs_mkdir(xfs->vfs, place, 0755, true);
    vfs_write(xfs->vfs, path, text, strlen(text), 0444, false);
}

static void project_show(struct sim_xfs *xfs, const char *directory, unsigned long long id)
{
    const char *slash = strrchr(directory, '/');
    _cleanup_free_ char *text = str_printf("%llu\n", id);
    show(xfs, SIM_XFS_DIRECTORIES, slash ? slash + 1 : directory, text);
}

static void limits_show(struct sim_xfs *xfs, unsigned long long id)
{
    const struct xfs_project *project = project_get(xfs, id);
    _cleanup_free_ char *name = str_printf("%llu", id);
    _cleanup_free_ char *text =
        str_printf("bsoft=%llu bhard=%llu\n", project->soft_bytes, project->hard_bytes);
    show(xfs, SIM_XFS_LIMITS, name, text);
}

static bool command_play(struct sim_xfs *xfs, const char *command)
{
    char path[512];
    unsigned long long id;
    unsigned long long soft;
    unsigned long long hard;
    if (sscanf(command, "project -s -p %511s %llu", path, &id) == 2) {
        strmap_set(xfs->directories, path, (void *)(uintptr_t)id);
        project_show(xfs, path, id);
        return vfs_info(xfs->vfs, path, false, NULL) == 0;
    }
    if (sscanf(command, "limit -p bsoft=%llu bhard=%llu %llu", &soft, &hard, &id) == 3) {
        *project_get(xfs, id) = (struct xfs_project){soft, hard};
        limits_show(xfs, id);
        return true;
    }
    if (str_equal(command, "state -p")) {
        str_set(&xfs->output, "Project quota state on / (/dev/vda1)\n  Accounting: ON\n"
                              "  Enforcement: ON\n  Inode: #131 (1 blocks, 1 extents)\n");
        return true;
    }
    if (sscanf(command, "quota -p -N -b -v -n %llu", &id) != 1)
        return false;
    const struct xfs_project *project = project_get(xfs, id);
    free(xfs->output);
    xfs->output = str_printf("/dev/vda1 %llu %llu %llu 00 [--------] /\n",
        (unsigned long long)project_kib(xfs, id), project->soft_bytes / 1024,
        project->hard_bytes / 1024);
    return true;
}

static void play_quota(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct sim_xfs *xfs = arg;
    result->duration_ns = TOOL_NS;
    str_set(&xfs->output, "");
    for (size_t i = 1; request->argv[i]; i++) {
        if (!str_equal(request->argv[i], "-c") || command_play(xfs, request->argv[i + 1]))
            continue;
        result->status = EXIT_1;
        result->errors = "xfs_quota: cannot do that";
    }
    result->output = xfs->output;
}

/* xfs_io -r -c lsproj PATH */
static void play_io(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    struct sim_xfs *xfs = arg;
    const char *path = request->argv[strv_length(request->argv) - 1];
    result->duration_ns = TOOL_NS;
    free(xfs->output);
    xfs->output = str_printf("projid = %llu\n",
        (unsigned long long)(uintptr_t)strmap_get(xfs->directories, path));
    result->output = xfs->output;
}

void sim_xfs_install(struct host *host)
{
    struct sim_world *world = sim_world_get(sim_host_process(host)->kernel);
    struct sim_xfs *xfs = mem_alloc(sizeof(*xfs));
    xfs->vfs = world->kernel->vfs;
    xfs->directories = strmap_new();
    xfs->projects = u64map_new();
    sim_xfs_free(world->xfs);
    world->xfs = xfs;
    sim_host_program(host, "xfs_quota", play_quota, xfs);
    sim_host_program(host, "xfs_io", play_io, xfs);
}

void sim_xfs_free(struct sim_xfs *xfs)
{
    size_t cursor = 0;
    uint64_t id = 0;
    void *project = NULL;
    if (!xfs)
        return;
    while (u64map_next(xfs->projects, &cursor, &id, &project))
        free(project);
    u64map_free(xfs->projects);
    strmap_free(xfs->directories);
    free(xfs->output);
    free(xfs);
}
