/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes, and the device programs of v2 cgroups, which are attached by bpf(2) itself. */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reference/cgroups/cgroup_fs.h"

/* More than one is an error already; the rest is room for kernels that count or write beyond
 * (FB-27). */
#define PROGRAMS_ROOM 64

int linux_node_copy(
    struct host *host, const char *from, const char *to, mode_t mode, struct err *err)
{
    struct stat info;
    (void)host;
    if (stat(from, &info) < 0)
        return err_errno(err, -errno, "device %s", from);
    if (!S_ISCHR(info.st_mode) && !S_ISBLK(info.st_mode))
        return err_set(err, -EINVAL, "%s is not a device", from);
    const mode_t mask = umask(0); /* it does not count */
    int result = mknod(to, (info.st_mode & S_IFMT) | mode, info.st_rdev) < 0 ? -errno : 0;
    umask(mask);
    return result < 0 ? err_errno(err, result, "make the device %s", to) : 0;
}

static int bpf(int command, union bpf_attr *attr)
{
    int r = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
    return r < 0 ? -errno : r;
}

static int program_load(const struct bpf_insn *instructions, size_t count)
{
    union bpf_attr attr = {0};
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insns = (uint64_t)(uintptr_t)instructions;
    attr.insn_cnt = (uint32_t)count;
    attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
    memcpy(attr.prog_name, "seatrial_device", sizeof("seatrial_device"));
    return bpf(BPF_PROG_LOAD, &attr);
}

/* The program that is there already: its descriptor, -ENOENT when there is none, -EEXIST for
 * several. */
static int program_attached(int cgroup)
{
    uint32_t ids[PROGRAMS_ROOM] = {0};
    union bpf_attr attr = {0};
    attr.query.target_fd = (uint32_t)cgroup;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uint64_t)(uintptr_t)ids;
    attr.query.prog_cnt = PROGRAMS_ROOM / 2;
    int r = bpf(BPF_PROG_QUERY, &attr);
    if (r < 0)
        return r;
    if (attr.query.prog_cnt != 1)
        return attr.query.prog_cnt == 0 ? -ENOENT : -EEXIST;
    union bpf_attr by_id = {0};
    by_id.prog_id = ids[0];
    return bpf(BPF_PROG_GET_FD_BY_ID, &by_id);
}

static int program_attach(int cgroup, int program)
{
    _cleanup_close_ int old = program_attached(cgroup);
    if (old < 0 && old != -ENOENT)
        return old;
    union bpf_attr attr = {0};
    attr.target_fd = (uint32_t)cgroup;
    attr.attach_bpf_fd = (uint32_t)program;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI | (old >= 0 ? BPF_F_REPLACE : 0);
    attr.replace_bpf_fd = old >= 0 ? (uint32_t)old : 0;
    return bpf(BPF_PROG_ATTACH, &attr);
}

int linux_device_program(struct host *host, struct cgroup_fs *fs, const char *cgroup,
    const struct bpf_insn *instructions, size_t count, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/%s", fs->mount_point, cgroup);
    _cleanup_close_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)host;
    if (directory < 0)
        return err_errno(err, -errno, "device program: open %s", path);
    _cleanup_close_ int program = program_load(instructions, count);
    if (program < 0)
        return err_errno(err, program, "load the device program of %s", path);
    int r = program_attach(directory, program);
    return r < 0 ? err_errno(err, r, "attach the device program of %s", path) : 0;
}
