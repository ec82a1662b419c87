/* SPDX-License-Identifier: Apache-2.0 */
/* The host of the real kernel: its facts, its clock, its table; the rest is in *.c. */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "reference/host_linux/clone.h"
#include "reference/launchers/child_wire.h"

static double linux_wall_time(struct host *host)
{
    (void)host;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void linux_random(struct host *host, const char *stream, void *bytes, size_t length)
{
    (void)host;
    (void)stream; /* one source for all: there is nothing to be repeated here */
    for (size_t done = 0; done < length;) {
        ssize_t more = getrandom((char *)bytes + done, length - done, 0);
        if (more > 0)
            done += (size_t)more;
        else if (errno != EINTR)
            abort();
    }
}

static void linux_free(struct host *base)
{
    struct host_linux *host = host_linux_of(base);
    linux_flights_free(host);
    linux_exits_free(host);
    linux_mount_table_close(host);
    if (host->init_helper >= 0)
        close(host->init_helper);
    free(host);
}

static const struct host_ops linux_ops = {
    .wall_time = linux_wall_time,
    .random = linux_random,
    .spawn = linux_spawn,
    .gate_release = linux_gate_release,
    .gate_close = linux_gate_close,
    .signal = linux_signal,
    .process_write = linux_process_write,
    .process_info = linux_process_info,
    .process_list = linux_process_list,
    .namespace_inode = linux_namespace_inode,
    .process_holds = linux_process_holds,
    .exit_watch = linux_exit_watch,
    .run = linux_run,
    .mkdir = linux_mkdir,
    .mkdir_below = linux_mkdir_below,
    .rename = linux_rename,
    .filesystem_info = linux_filesystem_info,
    .file_write = linux_file_write,
    .file_read = linux_file_read,
    .file_info = linux_file_info,
    .file_remove = linux_file_remove,
    .tree_remove = linux_tree_remove,
    .list = linux_list,
    .symlink = linux_symlink,
    .node_copy = linux_node_copy,
    .device_program = linux_device_program,
    .real_path = linux_real_path,
    .chown = linux_chown,
    .user_lookup = linux_user_lookup,
    .mount = linux_mount,
    .mount_below = linux_mount_below,
    .unmount = linux_unmount,
    .mounts = linux_mounts,
    .may_be_mounted = linux_may_be_mounted,
    .hierarchy_mount = linux_hierarchy_mount,
    .enter_at_gate = linux_enter_at_gate,
    .enters_later = linux_enters_later,
    .streams = &linux_streams,
    .agent_gone = linux_children_abandon,
    .free = linux_free,
};

/* Those that the kernel has; who is not root makes none without a user namespace. */
static unsigned probe_namespaces(bool root)
{
    unsigned mask = 0;
    for (int kind = 0; root && kind < NS_COUNT; kind++) {
        char path[32];
        snprintf(path, sizeof(path), "/proc/self/ns/%s", namespace_names[kind]);
        if (access(path, F_OK) == 0)
            mask |= NS_BIT(kind);
    }
    return mask;
}

static void probe_facts(struct host_linux *host)
{
    struct host_facts *facts = &host->base.facts;
    struct utsname name;
    struct stat info;
    uname(&name);
    facts->cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    facts->page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    facts->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * facts->page_bytes;
    facts->clock_ticks = (unsigned)sysconf(_SC_CLK_TCK);
    facts->root = geteuid() == 0;
    facts->namespaces = probe_namespaces(facts->root);
    /* sd_booted(3) */
    facts->systemd = lstat("/run/systemd/system", &info) == 0 && S_ISDIR(info.st_mode);
    facts->clone_into_cgroup = host->has_clone3;
    facts->kernel = str_dup(name.release);
    facts->environment = environ;
}

static bool pidfd_works(void)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

/* The newest of its calls, of Linux 5.12: an old kernel does not know it, others refuse this. */
static bool mount_api_works(void)
{
    return syscall(SYS_mount_setattr, -1, "", 0, NULL, 0) < 0 && errno != ENOSYS && errno != EPERM;
}

/* One of another version would be waited for in vain, or do what was not meant. */
static int check_version(const char *path, const char *bytes, size_t length, struct err *err)
{
    static const char wanted[] = CHILD_WIRE_MARK CHILD_WIRE_VERSION; /* its end counts as well */
    if (memmem(bytes, length, wanted, sizeof(wanted)))
        return 0;
    const char *mark = memmem(bytes, length, CHILD_WIRE_MARK, strlen(CHILD_WIRE_MARK));
    if (!mark)
        return err_set(err, -EPROTO, "init helper %s speaks no version, and not %s", path,
            CHILD_WIRE_VERSION);
    mark += strlen(CHILD_WIRE_MARK);
    int digits = 0;
    while (mark + digits < bytes + length && mark[digits] >= '0' && mark[digits] <= '9')
        digits++;
    return err_set(err, -EPROTO, "init helper %s speaks version %.*s, and not %s", path, digits,
        mark, CHILD_WIRE_VERSION);
}

/* The helper is run from a copy that nobody can write to, whatever becomes of its file: a container
 * that overwrites /proc/self/exe would else change it for all that come after. */
static int load_helper(struct host_linux *host, const char *path, struct err *err)
{
    _cleanup_free_ char *bytes = NULL;
    size_t length = 0;
    int result = linux_read_path(AT_FDCWD, path, &bytes, &length);
    if (result < 0)
        return err_errno(err, result, "read init helper %s", path);
    result = check_version(path, bytes, length, err);
    if (result < 0)
        return result;
    host->init_helper = linux_sealed_file("seatrial-init", bytes, length);
    if (host->init_helper < 0)
        return err_errno(err, host->init_helper, "copy init helper %s", path);
    return 0;
}

/* Beside our own program, as in the build tree, or where it is installed. */
static char *find_helper(void)
{
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    while (length > 0 && self[length - 1] != '/')
        length--;
    if (length > 0) {
        self[length] = '\0';
        char *beside = str_printf("%sseatrial-init", self);
        if (access(beside, R_OK) == 0)
            return beside;
        free(beside);
    }
    return str_dup(SEATRIAL_INIT);
}

int host_linux_new(struct loop *loop, struct trace *trace, const struct host_linux_options *options,
    struct host **ret_host, struct err *err)
{
    static const struct host_linux_options defaults;
    if (!options)
        options = &defaults;
    struct host_linux *host = mem_alloc(sizeof(*host));
    host_init(&host->base, &linux_ops, loop, trace);
    host->init_helper = -1;
    linux_mount_table_open(host);
    list_init(&host->flights);
    host->watched = u64map_new();
    host->children = u64map_new();
    host->has_pidfd = !options->without_pidfd && pidfd_works();
    host->has_clone3 = !options->without_clone3 && linux_clone3_works();
    host->has_gate_entry = !options->without_gate_entry;
    host->has_mount_api = !options->without_mount_api && mount_api_works();
    probe_facts(host);
    _cleanup_free_ char *helper =
        options->init_helper ? str_dup(options->init_helper) : find_helper();
    int result = load_helper(host, helper, err);
    if (result < 0) {
        host_free(&host->base);
        return result;
    }
    host->base.cgroups = linux_hierarchies(&host->base, options->cgroups);
    *ret_host = &host->base;
    return 0;
}
