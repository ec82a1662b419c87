/* SPDX-License-Identifier: Apache-2.0 */
/* Files as a workload sees them: its working directory, mappings, root and rights. */
#include <errno.h>
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/pipe.h"
#include "fakes/kernel/workload_internal.h"
#include "fakes/vfs.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define FILE_MODE 0644 /* 0666 under the usual umask */

/* Without ".", ".." and doubled slashes; absolute. */
static char *path_normalize(const char *directory, const char *path)
{
    struct strbuf buf = STRBUF_INIT;
    _cleanup_free_ char *whole =
        path[0] == '/' ? str_dup(path) : str_printf("%s/%s", directory, path);
    _cleanup_strv_ char **names = strv_split(whole, "/");
    for (size_t i = 0; names && names[i]; i++) {
        if (strcmp(names[i], ".") == 0)
            continue;
        if (strcmp(names[i], "..") == 0) {
            char *slash = buf.length > 0 ? strrchr(buf.text, '/') : NULL;
            if (slash) {
                buf.length = (size_t)(slash - buf.text);
                *slash = '\0';
            }
            continue;
        }
        strbuf_add(&buf, "/");
        strbuf_add(&buf, names[i]);
    }
    if (buf.length == 0)
        strbuf_add(&buf, "/");
    return strbuf_take(&buf);
}

char *workload_path(const struct workload_program *program, const char *path)
{
    _cleanup_free_ char *inside = path_normalize(program->directory, path);
    size_t best = 0;
    const char *outside = NULL;
    for (size_t i = 0; program->inside && program->inside[i]; i++) {
        size_t length = strlen(program->inside[i]);
        if (length > best && strncmp(inside, program->inside[i], length) == 0 &&
            (inside[length] == '/' || inside[length] == '\0')) {
            best = length;
            outside = program->outside[i];
        }
    }
    if (outside)
        return str_printf("%s%s", outside, inside + best);
    return str_printf("%s%s", program->rootfs ? program->rootfs : "", inside);
}

static void workload_output(
    const char *path, struct kernel *kernel, const char *text, size_t length)
{
    if (path && !pipe_write(kernel, path, text, length))
        vfs_write(kernel->vfs, path, text, length, FILE_MODE, true);
}

void workload_write_stdout(const struct workload_program *program, struct kernel *kernel,
    const char *text, size_t length)
{
    workload_output(program->stdout_path, kernel, text, length);
}

void workload_write_stderr(const struct workload_program *program, struct kernel *kernel,
    const char *text, size_t length)
{
    workload_output(program->stderr_path, kernel, text, length);
}

/* Devices that everyone may open when the cgroup's rules allow it. */
static const struct device {
    const char *path;
    char type;
    unsigned major;
    unsigned minor;
    int error; /* of open(2) for a process like ours */
} devices[] = {
    {"/dev/null", 'c', 1, 3, 0},
    {"/dev/zero", 'c', 1, 5, 0},
    {"/dev/full", 'c', 1, 7, 0},
    {"/dev/random", 'c', 1, 8, 0},
    {"/dev/urandom", 'c', 1, 9, 0},
    {"/dev/tty", 'c', 5, 0, -ENXIO},
    {"/dev/ptmx", 'c', 5, 2, 0},
    {"/dev/fuse", 'c', 10, 229, 0},
    {"/dev/kmsg", 'c', 1, 11, 0},
    {"/dev/loop0", 'b', 7, 0, 0},
    {"/dev/nvidiactl", 'c', 195, 255, 0},
    {"/dev/nvidia0", 'c', 195, 0, 0},
    {"/dev/nvidia1", 'c', 195, 1, 0},
    {"/dev/nvidia2", 'c', 195, 2, 0},
};

static const struct device *device_find(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++) {
        if (strcmp(devices[i].path, path) == 0)
            return &devices[i];
    }
    return NULL;
}

/* The permission bits of that user for the file; of a directory for the right to add to it. */
static int file_check(
    const struct workload *workload, const char *path, unsigned wanted)
{
    const struct process *process = workload->process;
    struct vfs_info info;
    int result = vfs_info(process->kernel->vfs, path, true, &info);
    if (result < 0 || process->uid == 0)
        return result;
    unsigned shift = info.uid == process->uid ? 6 : info.gid == process->gid ? 3 : 0;
    return (info.mode >> shift & wanted) == wanted ? 0 : -EACCES;
}

static int parent_check(const struct workload *workload, const char *path)
{
    _cleanup_free_ char *parent = str_dup(path);
    char *slash = strrchr(parent, '/');
    if (slash)
        *(slash == parent ? slash + 1 : slash) = '\0';
    return file_check(workload, parent, 3);
}

static bool is_null_device(const struct workload *workload, const char *path)
{
    _cleanup_free_ char *inside = path_normalize(workload->program->directory, path);
    return strcmp(inside, "/dev/null") == 0;
}

int workload_file_write(const struct workload *workload, const char *path, const char *text,
    size_t length, bool append)
{
    const struct process *process = workload->process;
    struct vfs *vfs = process->kernel->vfs;
    if (is_null_device(workload, path))
        return 0;
    _cleanup_free_ char *place = workload_path(workload->program, path);
    int result = file_check(workload, place, 2);
    bool fresh = result == -ENOENT;
    if (fresh)
        result = parent_check(workload, place);
    if (result == 0)
        result = vfs_write(vfs, place, text, length, FILE_MODE, append);
    if (result == 0 && fresh)
        vfs_chown(vfs, place, process->uid, process->gid, false);
    return result;
}

int workload_file_read(
    const struct workload *workload, const char *path, const char **ret_text, size_t *ret_length)
{
    if (is_null_device(workload, path)) {
        *ret_text = "";
        *ret_length = 0;
        return 0;
    }
    _cleanup_free_ char *place = workload_path(workload->program, path);
    int result = file_check(workload, place, 4);
    if (result < 0)
        return result;
    return vfs_read(workload->process->kernel->vfs, place, ret_text, ret_length);
}

int workload_file_open(const struct workload *workload, const char *path, const char *mode)
{
    _cleanup_free_ char *place = workload_path(workload->program, path);
    _cleanup_free_ char *inside = path_normalize(workload->program->directory, path);
    const struct device *device = device_find(inside);
    bool writes = strchr(mode, 'w') != NULL;
    bool reads = strchr(mode, 'r') != NULL;
    struct vfs_info info;
    if (device && mode[0] == '\0')
        return 0;
    if (device) {
        int result = cgroup_device_check(
            workload->process->leader, device->type, device->major, device->minor, mode);
        return result < 0 ? result : device->error;
    }
    int result = file_check(workload, place, (reads ? 4u : 0u) | (writes ? 2u : 0u));
    if (result == 0)
        result = vfs_info(workload->process->kernel->vfs, place, true, &info);
    return result == 0 && writes && info.type == 'd' ? -EISDIR : result;
}

int workload_file_link(const struct workload *workload, const char *path, const char *target)
{
    const struct process *process = workload->process;
    struct vfs *vfs = process->kernel->vfs;
    _cleanup_free_ char *place = workload_path(workload->program, path);
    int result = parent_check(workload, place);
    if (result < 0)
        return result;
    result = vfs_remove(vfs, place);
    if (result == 0 || result == -ENOENT)
        result = vfs_symlink(vfs, target, place);
    return result;
}
