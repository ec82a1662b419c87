/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/oci/oci_host.h"

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

#include "reference/base/list.h"
#include "reference/base/mem.h"
#include "reference/host_linux/stdio.h"
#include "scenarios/engine/oci/bundle.h"
#include "scenarios/engine/oci/runtime.h"

#define FIRST_GATE (1 << 20) /* above all descriptors, which the gates of host_linux are */
#define STATUS_FAILED 256 /* what the init helper leaves when a stage fails: exit code 1 */

/* One container of the runtime; also where it has none, as it could not make it: then a process of
 * ours stands in until the gate is opened, and ends as the init helper would at a bad plan. */
struct box {
    struct list node;
    int number; /* its name, and the gate */
    pid_t pid;
    int pidfd; /* its number may be somebody else's in the end */
    char *bundle;
    char *status;    /* the file; NULL: it is written */
    char *complaint; /* of a stand-in */
    int error_output; /* the container's stderr, to complain to; until the gate is opened */
    bool waits;      /* at its gate */
};

struct oci_world {
    struct runtime runtime;
    char *writable; /* the world's directory */
    char *root;     /* where the host's is bound while a container is made */
    char *cgroups;
    struct list boxes;
    int last;
    char *beyond; /* what a plan asked for that a bundle has no word for; NULL: nothing yet */
};

static struct oci_world *the_world;
static const struct host_ops *linux_ops;

/* --- boxes --- */

static char *box_name(const struct box *box)
{
    return str_printf("%s-%d", the_world->cgroups, box->number);
}

static struct box *box_by_pid(pid_t pid)
{
    list_for_each(node, &the_world->boxes)
    {
        struct box *box = list_entry(node, struct box, node);
        if (box->pid == pid)
            return box;
    }
    return NULL;
}

static struct box *box_by_gate(int gate)
{
    list_for_each(node, &the_world->boxes)
    {
        struct box *box = list_entry(node, struct box, node);
        if (box->number == gate)
            return box;
    }
    return NULL;
}

static bool box_lives(const struct box *box)
{
    struct pollfd end = {.fd = box->pidfd, .events = POLLIN};
    return box->pidfd >= 0 && poll(&end, 1, 0) == 0;
}

static int file_write(const char *path, const char *text, struct err *err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return err_errno(err, -errno, "write %s", path);
    return 0;
}

/* The first one counts. */
static void status_write(struct box *box, int status)
{
    _cleanup_free_ char *text = str_printf("%d", status);
    if (box->status && access(box->status, F_OK) == 0)
        file_write(box->status, text, NULL);
    free(TAKE_PTR(box->status));
}

static void root_release(void)
{
    umount2(the_world->root, MNT_DETACH);
    rmdir(the_world->root);
}

/* With its cgroups and its root; it may be gone already. */
static void runtime_delete(const struct box *box)
{
    _cleanup_free_ char *name = box_name(box);
    const char *const words[] = {"delete", "--force", name, NULL};
    runtime_call(&the_world->runtime, words, NULL, NULL);
}

static void bundle_remove(const struct box *box)
{
    static const char *const files[] = {"config.json", "pid"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", box->bundle, files[i]);
        unlink(path);
    }
    rmdir(box->bundle);
}

static void forget_process(struct box *box)
{
    if (box->pidfd >= 0)
        close(box->pidfd);
    box->pidfd = -1;
}

static void box_free(struct box *box)
{
    list_remove(&box->node);
    if (!box->complaint)
        runtime_delete(box);
    bundle_remove(box);
    if (box->error_output >= 0)
        close(box->error_output);
    forget_process(box);
    free(box->bundle);
    free(box->status);
    free(box->complaint);
    free(box);
}

/* Ends as the init helper does when a stage fails. */
static void box_fail(struct box *box, const char *complaint)
{
    if (box->error_output >= 0)
        dprintf(box->error_output, "%s\n", complaint);
    status_write(box, STATUS_FAILED);
    kill(box->pid, SIGKILL);
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

static int bundle_make(
    struct host *host, const struct plan *plan, const struct box *box, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/config.json", box->bundle);
    _cleanup_free_ char *cgroups = str_printf("/%s/%d", the_world->cgroups, box->number);
    const struct bundle_place place = {
        .root = the_world->root, .writable = the_world->writable, .cgroups = cgroups};
    _cleanup_free_ char *text = NULL;
    if (mkdir(box->bundle, 0755) < 0)
        return err_errno(err, -errno, "make %s", box->bundle);
    int result = plan->info.rootfs ? 0 : bind_root(the_world->root, err);
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
static int read_pid(const struct box *box, pid_t *ret_pid, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/pid", box->bundle);
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

static int create(const int *fds, struct box *box, struct err *err)
{
    _cleanup_free_ char *bundle = str_printf("--bundle=%s", box->bundle);
    _cleanup_free_ char *pid_file = str_printf("--pid-file=%s/pid", box->bundle);
    _cleanup_free_ char *name = box_name(box);
    const char *const words[] = {"create", bundle, pid_file, name, NULL};
    int result = runtime_call(&the_world->runtime, words, fds, err);
    return result < 0 ? result : read_pid(box, &box->pid, err);
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

static struct box *box_new(const struct plan *plan)
{
    struct box *box = mem_alloc(sizeof(*box));
    box->number = ++the_world->last;
    box->bundle = str_printf("%s/%d", the_world->runtime.directory, box->number);
    box->status = str_printf("%s/status", plan->runtime_directory);
    box->waits = true;
    box->pidfd = -1;
    list_append(&the_world->boxes, &box->node);
    return box;
}

/* What is wrong with a plan does not fail the spawn, as with the init helper. */
static void box_fill(
    struct host *host, const struct plan *plan, const int *fds, struct box *box)
{
    _cleanup_err_ struct err err = ERR_INIT;
    int result = bundle_make(host, plan, box, &err);
    if (result == 0)
        result = create(fds, box, &err);
    root_release(); /* a container has it by itself once it is made */
    if (result == 0)
        return;
    runtime_delete(box);
    if (result == -EOPNOTSUPP)
        str_set(&the_world->beyond, err_text(&err));
    trace_event(host->trace, "runtime", "create", result, "box=%d error=%s", box->number,
        err_text(&err));
    box->complaint = str_dup(err_text(&err));
    box->pid = stand_in();
}

static int oci_spawn(
    struct host *host, const struct plan *plan, pid_t *ret_pid, int *ret_gate, struct err *err)
{
    int fds[3] = {-1, -1, -1};
    /* A program of the agent's own, such as a server of the I/O switchboard, is no container. */
    if (!plan->runtime_directory)
        return linux_ops->spawn(host, plan, ret_pid, ret_gate, err);
    int result = open_stdio(plan, fds, err);
    struct box *box = box_new(plan);
    if (result == 0)
        result = file_write(box->status, "", err);
    box->error_output = result == 0 ? fcntl(fds[STDERR_FILENO], F_DUPFD_CLOEXEC, 3) : -1;
    if (result == 0)
        box_fill(host, plan, fds, box);
    close_stdio(plan, fds);
    if (result < 0 || box->pid < 0) {
        box->complaint = str_dup("");
        box_free(box);
        return result < 0 ? result : err_set(err, -EAGAIN, "fork");
    }
    box->pidfd = (int)syscall(SYS_pidfd_open, box->pid, 0);
    *ret_pid = box->pid;
    *ret_gate = box->number;
    return 0;
}

/* --- its gate --- */

static int oci_gate_release(struct host *host, int gate, struct err *err)
{
    struct box *box = box_by_gate(gate);
    if (gate < FIRST_GATE)
        return linux_ops->gate_release(host, gate, err);
    if (!box)
        return -EPIPE; /* it has ended */
    _cleanup_err_ struct err failure = ERR_INIT;
    _cleanup_free_ char *name = box_name(box);
    const char *const words[] = {"start", name, NULL};
    box->waits = false;
    if (box->complaint) {
        box_fail(box, box->complaint);
    } else if (runtime_call(&the_world->runtime, words, NULL, &failure) < 0) {
        trace_event(host->trace, "runtime", "start", failure.code, "box=%d error=%s", box->number,
            err_text(&failure));
        box_fail(box, err_text(&failure));
    }
    close(box->error_output);
    box->error_output = -1;
    return 0;
}

/* Without a release its process ends. */
static void oci_gate_close(struct host *host, int gate)
{
    struct box *box = box_by_gate(gate);
    if (gate < FIRST_GATE)
        linux_ops->gate_close(host, gate);
    if (!box || !box->waits)
        return;
    box->waits = false;
    if (!box_lives(box))
        return;
    status_write(box, STATUS_FAILED);
    kill(box->pid, SIGKILL);
}

/* --- its end --- */

struct end_watch {
    struct host_request request;
    struct host_request *inner;
    pid_t pid;
    host_exit_fn fn;
    void *arg;
};

static void end_cancel(struct host_request *request)
{
    struct end_watch *watch = container_of(request, struct end_watch, request);
    watch->inner->cancel(watch->inner);
    free(watch);
}

static void ended(void *arg, int result, bool status_known, int wait_status)
{
    struct end_watch *watch = arg;
    struct box *box = box_by_pid(watch->pid);
    host_exit_fn fn = watch->fn;
    void *fn_arg = watch->arg;
    free(watch);
    if (box && result == 0) {
        if (status_known)
            status_write(box, wait_status);
        box_free(box);
    }
    fn(fn_arg, result, status_known, wait_status);
}

static struct host_request *oci_exit_watch(
    struct host *host, pid_t pid, host_exit_fn fn, void *arg)
{
    struct end_watch *watch = mem_alloc(sizeof(*watch));
    watch->request.host = host;
    watch->request.cancel = end_cancel;
    watch->pid = pid;
    watch->fn = fn;
    watch->arg = arg;
    watch->inner = linux_ops->exit_watch(host, pid, ended, watch);
    return &watch->request;
}

/* The init helper holds its status file, by which it is known; here we know it. */
static int oci_process_holds(struct host *host, pid_t pid, const char *path)
{
    const struct box *box = box_by_pid(pid);
    if (box && box->status && strcmp(box->status, path) == 0 && box_lives(box))
        return 1;
    return linux_ops->process_holds(host, pid, path);
}

/* --- the world --- */

void oci_host_take(struct host *host)
{
    static struct host_ops ops;
    if (!linux_ops) {
        linux_ops = host->ops;
        ops = *linux_ops;
        ops.spawn = oci_spawn;
        ops.gate_release = oci_gate_release;
        ops.gate_close = oci_gate_close;
        ops.exit_watch = oci_exit_watch;
        ops.process_holds = oci_process_holds;
        ops.enter_at_gate = NULL;
        ops.enters_later = NULL;
    }
    host->ops = &ops;
    host->facts.clone_into_cgroup = false;
}

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
    list_init(&world->boxes);
    world->last = FIRST_GATE;
    the_world = world;
    *ret_world = world;
    if (mkdir(world->runtime.directory, 0755) < 0)
        return err_errno(err, -errno, "make %s", world->runtime.directory);
    return 0;
}

void oci_world_free(struct oci_world *world)
{
    if (!world)
        return;
    list_for_each_safe(node, following, &world->boxes)
        box_free(list_entry(node, struct box, node));
    free(world->runtime.program);
    free(world->runtime.directory);
    root_release();
    free(world->writable);
    free(world->root);
    free(world->cgroups);
    free(world->beyond);
    free(world);
    the_world = NULL;
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
    list_for_each_safe(node, following, &world->boxes)
    {
        struct box *box = list_entry(node, struct box, node);
        if (!box_lives(box)) { /* nobody watched its end */
            box_free(box);
            continue;
        }
        strv_add_owned(lines, str_printf("process of the runtime's container %d", box->number));
        if (final)
            forget_process(box);
    }
}
