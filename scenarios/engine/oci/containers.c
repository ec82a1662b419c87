/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/oci/containers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/host_linux/stdio.h"
#include "scenarios/engine/oci/bundle.h"
#include "scenarios/engine/oci/runtime.h"

#define STATUS_FAILED 256 /* what the init helper leaves when a stage fails: exit code 1 */

struct oci_world {
    struct runtime runtime;
    char *writable; /* the world's directory */
    char *root;     /* where the host's is bound while a container is made */
    char *cgroups;
    struct list containers;
    int last;
    char *beyond; /* what a plan asked for that a bundle has no word for; NULL: nothing yet */
};

static char *name_of(const struct oci_world *world, const struct oci_container *container)
{
    return str_printf("%s-%d", world->cgroups, container->number);
}

struct oci_container *oci_container_by_pid(struct oci_world *world, pid_t pid)
{
    list_for_each(node, &world->containers)
    {
        struct oci_container *container = list_entry(node, struct oci_container, node);
        if (container->pid == pid)
            return container;
    }
    return NULL;
}

struct oci_container *oci_container_by_gate(struct oci_world *world, int gate)
{
    list_for_each(node, &world->containers)
    {
        struct oci_container *container = list_entry(node, struct oci_container, node);
        if (container->number == gate)
            return container;
    }
    return NULL;
}

bool oci_container_lives(const struct oci_container *container)
{
    struct pollfd end = {.fd = container->pidfd, .events = POLLIN};
    return container->pidfd >= 0 && poll(&end, 1, 0) == 0;
}

static int file_write(const char *path, const char *text, struct err *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return err_errno(err, -errno, "write %s", path);
    return 0;
}

/* The first one counts. */
static void status_write(struct oci_container *container, int status)
{
    _cleanup_free_ char *text = str_printf("%d", status);
    if (container->status && access(container->status, F_OK) == 0)
        file_write(container->status, text, NULL);
    free(TAKE_PTR(container->status));
}

static void root_release(const struct oci_world *world)
{
    umount2(world->root, MNT_DETACH);
    rmdir(world->root);
}

/* With its cgroups and its root; it may be gone already. */
static void runtime_delete(
    const struct oci_world *world, const struct oci_container *container)
{
    _cleanup_free_ char *name = name_of(world, container);
    const char *const words[] = {"delete", "--force", name, NULL};
    runtime_call(&world->runtime, words, NULL, NULL);
}

static void bundle_remove(const struct oci_container *container)
{
    static const char *const files[] = {"config.json", "pid"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", container->bundle, files[i]);
        unlink(path);
    }
    rmdir(container->bundle);
}

static void forget_process(struct oci_container *container)
{
    if (container->pidfd >= 0)
        close(container->pidfd);
    container->pidfd = -1;
}

static void container_free(struct oci_world *world, struct oci_container *container)
{
    list_remove(&container->node);
    if (!container->complaint)
        runtime_delete(world, container);
    bundle_remove(container);
    if (container->error_output >= 0)
        close(container->error_output);
    forget_process(container);
    free(container->bundle);
    free(container->status);
    free(container->complaint);
    free(container);
}

/* Ends as the init helper does when a stage fails. */
static void container_fail(struct oci_container *container, const char *complaint)
{
    if (container->error_output >= 0)
        dprintf(container->error_output, "%s\n", complaint);
    status_write(container, STATUS_FAILED);
    kill(container->pid, SIGKILL);
}

/* --- the plan becomes a container --- */

/*
 * The host's root as a root of its own, which a runtime can change to. Nobody shall ever remove
 * anything through it, whatever goes wrong: it lies outside of the world's directory, is only to be
 * read, and is gone once the container has it.
 */
static int bind_root(const char *root, struct err *err)
{
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    if (mkdir(root, 0755) < 0)
        return err_errno(err, -errno, "make %s", root);
    if (mount("/", root, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_errno(err, -errno, "bind / on %s", root);
    if (mount(NULL, root, NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
        syscall(SYS_mount_setattr, AT_FDCWD, root, AT_RECURSIVE, &read_only,
            sizeof(read_only)) == 0)
        return 0;
    int error = errno;
    umount2(root, MNT_DETACH);
    return err_errno(err, -error, "bind / on %s to be read", root);
}

static int bundle_make(const struct oci_world *world, struct host *host, const struct plan *plan,
    const struct oci_container *container, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/config.json", container->bundle);
    _cleanup_free_ char *cgroups = str_printf("/%s/%d", world->cgroups, container->number);
    const struct bundle_place place = {
        .root = world->root, .writable = world->writable, .cgroups = cgroups};
    _cleanup_free_ char *text = NULL;
    if (mkdir(container->bundle, 0755) < 0)
        return err_errno(err, -errno, "make %s", container->bundle);
    int result = plan->info.rootfs ? 0 : bind_root(world->root, err);
    if (result == 0)
        result = bundle_config(host, plan, &place, &text, err);
    return result < 0 ? result : file_write(path, text, err);
}

/* Its runtime has ended, so a container's process is a child of ours: we adopt orphans. */
static bool is_our_child(pid_t pid)
{
    siginfo_t info;
    return pid > 1 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* One that has joined a pid namespace may tell the number there, which is a stranger's here. */
static int read_pid(const struct oci_container *container, pid_t *ret_pid, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/pid", container->bundle);
    FILE *file = fopen(path, "re");
    int pid = 0;
    if (file) {
        if (fscanf(file, "%d", &pid) != 1)
            pid = 0;
        fclose(file);
    }
    if (pid > 0 && !is_our_child(pid))
        return err_set(
            err, -EOPNOTSUPP, "the number of a process that joined a pid namespace, as seen here");
    *ret_pid = pid;
    return pid > 0 ? 0 : err_set(err, -ECHILD, "the runtime tells no pid in %s", path);
}

static int create(const struct oci_world *world, const int *fds, struct oci_container *container,
    struct err *err)
{
    _cleanup_free_ char *bundle = str_printf("--bundle=%s", container->bundle);
    _cleanup_free_ char *pid_file = str_printf("--pid-file=%s/pid", container->bundle);
    _cleanup_free_ char *name = name_of(world, container);
    const char *const words[] = {"create", bundle, pid_file, name, NULL};
    int result = runtime_call(&world->runtime, words, fds, err);
    return result < 0 ? result : read_pid(container, &container->pid, err);
}

/* Waits for SIGKILL, with nothing of ours. */
static pid_t stand_in(void)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    setsid();
    close_range(0, ~0U, 0);
    for (;;)
        pause();
}

static int open_stdio(const struct plan *plan, int *fds, struct err *err)
{
    for (unsigned i = 0; i < 3; i++) {
        fds[i] = linux_stdio_open(plan, i, err);
        if (fds[i] < 0)
            return fds[i];
    }
    return 0;
}

static void close_stdio(const struct plan *plan, const int *fds)
{
    for (unsigned i = 0; i < 3; i++)
        if (fds[i] >= 0 && fds[i] != plan->stdio_fds[i])
            close(fds[i]);
}

static struct oci_container *container_add(struct oci_world *world, const struct plan *plan)
{
    struct oci_container *container = mem_alloc(sizeof(*container));
    container->number = ++world->last;
    container->bundle = str_printf("%s/%d", world->runtime.directory, container->number);
    container->status = str_printf("%s/status", plan->runtime_directory);
    container->waits = true;
    container->pidfd = -1;
    container->error_output = -1;
    list_append(&world->containers, &container->node);
    return container;
}

/* What is wrong with a plan does not fail the spawn, as with the init helper. */
static void container_fill(struct oci_world *world, struct host *host, const struct plan *plan,
    const int *fds, struct oci_container *container)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int result = bundle_make(world, host, plan, container, &err);
    if (result == 0)
        result = create(world, fds, container, &err);
    root_release(world); /* a container has it by itself once it is made */
    if (result == 0)
        return;
    runtime_delete(world, container);
    if (result == -EOPNOTSUPP)
        str_set(&world->beyond, err_text(&err));
    trace_event(host->trace, "runtime", "create", result, "container=%d error=%s",
        container->number, err_text(&err));
    container->complaint = str_dup(err_text(&err));
    container->pid = stand_in();
}

int oci_container_new(struct oci_world *world, struct host *host, const struct plan *plan,
    struct oci_container **ret_container, struct err *err)
{
    int fds[3] = {-1, -1, -1};
    int result = open_stdio(plan, fds, err);
    struct oci_container *container = container_add(world, plan);
    if (result == 0)
        result = file_write(container->status, "", err);
    if (result == 0) {
        container->error_output = fcntl(fds[STDERR_FILENO], F_DUPFD_CLOEXEC, 3);
        container_fill(world, host, plan, fds, container);
    }
    close_stdio(plan, fds);
    if (result == 0 && container->pid < 0)
        result = err_set(err, -EAGAIN, "fork");
    if (result < 0) {
        str_set(&container->complaint, ""); /* the runtime knows nothing of it */
        container_free(world, container);
        return result;
    }
    container->pidfd = (int)syscall(SYS_pidfd_open, container->pid, 0);
    *ret_container = container;
    return 0;
}

/* --- its gate, and its end --- */

void oci_container_start(
    struct oci_world *world, struct host *host, struct oci_container *container)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *name = name_of(world, container);
    const char *const words[] = {"start", name, NULL};
    container->waits = false;
    if (container->complaint) {
        container_fail(container, container->complaint);
    } else if (runtime_call(&world->runtime, words, NULL, &err) < 0) {
        trace_event(host->trace, "runtime", "start", err.code, "container=%d error=%s",
            container->number, err_text(&err));
        container_fail(container, err_text(&err));
    }
    close(container->error_output);
    container->error_output = -1;
}

void oci_container_give_up(struct oci_container *container)
{
    if (!container->waits)
        return;
    container->waits = false;
    if (!oci_container_lives(container))
        return;
    status_write(container, STATUS_FAILED);
    kill(container->pid, SIGKILL);
}

void oci_container_end(struct oci_world *world, struct oci_container *container, bool status_known,
    int wait_status)
{
    if (status_known)
        status_write(container, wait_status);
    container_free(world, container);
}

/* --- the world --- */

int oci_world_new(const char *program, const char *directory, const char *cgroups,
    struct oci_world **ret_world, struct err *err)
{
    if (prctl(PR_SET_CHILD_SUBREAPER, 1L) < 0)
        return err_errno(err, -errno, "adopt orphans");
    struct oci_world *world = mem_alloc(sizeof(*world));
    world->runtime.program = str_dup(program);
    world->runtime.directory = str_printf("%s/runtime", directory);
    world->writable = str_dup(directory);
    world->root = str_printf("%s-root", directory);
    world->cgroups = str_dup(cgroups);
    list_init(&world->containers);
    world->last = OCI_FIRST_GATE;
    *ret_world = world;
    if (mkdir(world->runtime.directory, 0755) < 0)
        return err_errno(err, -errno, "make %s", world->runtime.directory);
    return 0;
}

void oci_world_free(struct oci_world *world)
{
    if (!world)
        return;
    list_for_each_safe(node, following, &world->containers)
        container_free(world, list_entry(node, struct oci_container, node));
    free(world->runtime.program);
    free(world->runtime.directory);
    root_release(world);
    free(world->writable);
    free(world->root);
    free(world->cgroups);
    free(world->beyond);
    free(world);
}

void oci_world_refuse(struct oci_world *world, const char *what)
{
    str_set(&world->beyond, what);
}

const char *oci_world_beyond(const struct oci_world *world)
{
    return world->beyond;
}

void oci_world_audit(struct oci_world *world, bool final, char ***lines)
{
    list_for_each_safe(node, following, &world->containers)
    {
        struct oci_container *container = list_entry(node, struct oci_container, node);
        if (!oci_container_lives(container)) { /* nobody watched its end */
            container_free(world, container);
            continue;
        }
        strv_add_owned(
            lines, str_printf("process of the runtime's container %d", container->number));
        if (final)
            forget_process(container);
    }
}
