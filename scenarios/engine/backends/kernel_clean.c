/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/kernel_clean.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
#include "scenarios/engine/backends/descendants.h"

#define CLEAN_ROUNDS 200
#define CLEAN_PAUSE_NS 5000000

#define NAME_MAX_BYTES 128
#define DEPTH_MAX 256 /* of a chain of parents */

/* The world that is open in the process below, for the supervisor to see when that one dies. */
struct open_world {
    char directory[NAME_MAX_BYTES];
    char cgroups_root[NAME_MAX_BYTES];
};

static pid_t supervisor;
static struct open_world *open_world;

void supervisor_note(const char *directory, const char *cgroups_root)
{
    snprintf(open_world->directory, NAME_MAX_BYTES, "%s", directory);
    snprintf(open_world->cgroups_root, NAME_MAX_BYTES, "%s", cgroups_root);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)ftw;
    if (kind == FTW_DP)
        umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
    remove(path);
    return 0;
}

/* Control files do not count in a cgroup: its directories are removed from the leaves up. */
static int remove_cgroup(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)ftw;
    if (kind == FTW_DP)
        rmdir(path);
    return 0;
}

/* Who is frozen does not die. */
static int thaw_cgroup(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind;
    if (strcmp(path + ftw->base, "freezer.state") == 0) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
        ssize_t written = write(fd, "THAWED", strlen("THAWED"));
        (void)written; /* one that was removed meanwhile */
    }
    return 0;
}

static void walk_cgroups(const char *pattern, const char *root, __nftw_func_t visit, int flags)
{
    _cleanup_free_ char *name = str_printf(pattern, root);
    glob_t found;
    if (glob(name, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            nftw(found.gl_pathv[i], visit, 16, flags | FTW_PHYS);
        globfree(&found);
    }
}

void cgroups_remove(const char *root)
{
    walk_cgroups("/sys/fs/cgroup/%s*", root, remove_cgroup, FTW_DEPTH);
    walk_cgroups("/sys/fs/cgroup/*/%s*", root, remove_cgroup, FTW_DEPTH);
}

/* All children, the adopted ones too: whatever the dead process and its containers left. */
static void kill_children(void)
{
    _cleanup_free_ char *path = str_printf("/proc/self/task/%d/children", (int)getpid());
    for (;;) {
        FILE *stream = fopen(path, "re");
        int pid;
        bool any = false;
        while (stream && fscanf(stream, "%d", &pid) == 1) {
            any = true;
            kill(pid, SIGKILL);
        }
        if (stream)
            fclose(stream);
        if (!any)
            return;
        waitpid(-1, NULL, 0);
    }
}

void cgroups_thaw(const char *root)
{
    walk_cgroups("/sys/fs/cgroup/freezer/%s*", root, thaw_cgroup, 0);
}

static void clean_after_death(void)
{
    if (!open_world->directory[0])
        return;
    cgroups_thaw(open_world->cgroups_root);
    kill_children();
    cgroups_remove(open_world->cgroups_root);
    nftw(open_world->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static volatile sig_atomic_t supervised;

/* Told to end, or left by the parent: the process below ends first, then there is cleaning up. */
static void end_supervised(int signal)
{
    (void)signal;
    kill((pid_t)supervised, SIGKILL);
}

/* The parent's life: reaps whoever falls to it until its child ends, cleans up after it, and ends
 * alike. */
static void supervise(pid_t child)
{
    const struct sigaction ending = {.sa_handler = end_supervised, .sa_flags = SA_RESTART};
    supervised = child;
    sigaction(SIGINT, &ending, NULL);
    sigaction(SIGHUP, &ending, NULL);
    sigaction(SIGTERM, &ending, NULL);
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM);
    int status = 0;
    for (;;) {
        int ended;
        pid_t pid = waitpid(-1, &ended, 0);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            break;
        if (pid == child) {
            status = ended;
            break;
        }
    }
    clean_after_death();
    if (WIFEXITED(status))
        _exit(WEXITSTATUS(status));
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
    _exit(1);
}

void supervisor_start(void)
{
    if (supervisor)
        return;
    fflush(NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1L);
    supervisor = getpid();
    open_world =
        mmap(NULL, sizeof(*open_world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(open_world != MAP_FAILED);
    pid_t child = fork();
    assert(child >= 0);
    if (child > 0)
        supervise(child);
    /* Its own ends with ours, even when the supervisor is killed. */
    prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 0L);
}

static bool is_below(struct host *host, pid_t pid)
{
    struct process_info info;
    for (unsigned depth = 0; pid > 1 && depth < DEPTH_MAX; depth++) {
        if (pid == supervisor)
            return true;
        pid = host_process_info(host, pid, &info) == 0 ? info.ppid : 0;
    }
    return false;
}

/* For kernels that do not tell a process' children. */
static struct process_info *search_processes(struct host *observer, size_t *ret_count)
{
    struct process_info *list = NULL;
    size_t count = 0;
    size_t kept = 0;
    if (host_process_list(observer, &list, &count, NULL) < 0)
        count = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].pid != supervisor && is_below(observer, list[i].pid))
            list[kept++] = list[i];
    }
    *ret_count = kept;
    return list;
}

static struct process_info *descended_processes(struct host *observer, size_t *ret_count)
{
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    size_t kept = 0;
    if (descendants_list(supervisor, &pids, &count) < 0)
        return search_processes(observer, ret_count);
    struct process_info *list = mem_alloc((count + 1) * sizeof(*list));
    for (size_t i = 0; i < count; i++)
        kept += host_process_info(observer, pids[i], &list[kept]) == 0;
    *ret_count = kept;
    return list;
}

struct process_info *supervisor_processes(struct host *observer, size_t *ret_count)
{
    const pid_t self = getpid();
    size_t count = 0;
    size_t kept = 0;
    struct process_info *list = descended_processes(observer, &count);
    for (size_t i = 0; i < count; i++) {
        if (list[i].pid != self)
            list[kept++] = list[i];
    }
    *ret_count = kept;
    return list;
}

void supervisor_reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

static void pause_briefly(void)
{
    const struct timespec pause = {0, CLEAN_PAUSE_NS};
    nanosleep(&pause, NULL);
}

/* One round: SIGKILL to all that are left; how many there were. */
static size_t kill_round(struct world *world)
{
    size_t count = 0;
    _cleanup_free_ struct process_info *list = world->ops->processes(world, &count);
    for (size_t i = 0; i < count; i++)
        kill(list[i].pid, SIGKILL);
    return count;
}

void supervisor_clean(struct world *world)
{
    for (unsigned round = 0; round < CLEAN_ROUNDS; round++) {
        supervisor_reap();
        if (kill_round(world) == 0)
            return;
        pause_briefly();
    }
}

static bool cgroup_clean_tree(struct cgroup_fs *fs, const char *root)
{
    _cleanup_strv_ char **paths = NULL;
    if (!cgroup_exists(fs, root))
        return true;
    if (cgroup_descendants(fs, root, &paths, NULL) < 0)
        return false;
    bool gone = true;
    for (size_t i = 0; paths && paths[i]; i++)
        gone = cgroup_remove(fs, paths[i], NULL) == 0 && gone;
    return cgroup_remove(fs, root, NULL) == 0 && gone;
}

static void cgroups_clean(struct world *world)
{
    const struct cgroup_hierarchies *all = world->observer->cgroups;
    for (size_t i = 0; all && i < all->count; i++) {
        for (unsigned round = 0; round < CLEAN_ROUNDS; round++) {
            if (cgroup_clean_tree(all->items[i].fs, world->cgroups_root))
                break;
            pause_briefly();
        }
    }
}

static void mounts_clean(struct world *world, const char *directory)
{
    struct mount_info *mounts = NULL;
    size_t count = 0;
    if (host_mounts(world->observer, 0, &mounts, &count, NULL) < 0)
        return;
    for (size_t i = count; i > 0; i--) {
        if (str_starts(mounts[i - 1].target, directory))
            umount2(mounts[i - 1].target, MNT_DETACH);
    }
    mount_info_free(mounts, count);
}

void world_clean(struct world *world, const char *directory)
{
    supervisor_clean(world);
    cgroups_clean(world);
    mounts_clean(world, directory);
    host_tree_remove(world->observer, directory, NULL);
    supervisor_note("", "");
}

/* Others may remove what is open here (a device, by whoever makes it anew): it stays the same. */
static void forget_removal(char *target)
{
    static const char mark[] = " (deleted)";
    if (str_ends(target, mark))
        target[strlen(target) - strlen(mark)] = '\0';
}

char **open_descriptors(void)
{
    char **lines = NULL;
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char target[300];
        if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == dirfd(directory))
            continue;
        _cleanup_free_ char *path = str_printf("/proc/self/fd/%s", entry->d_name);
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        if (length < 0)
            continue;
        target[length] = '\0';
        forget_removal(target);
        strv_add_owned(&lines, str_printf("%s -> %s", entry->d_name, target));
    }
    if (directory)
        closedir(directory);
    strv_sort(lines);
    return lines;
}
