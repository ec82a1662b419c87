/* SPDX-License-Identifier: Apache-2.0 */
/* What only shows on a mount: waiting, inotify, eventfds, credentials, what is open as it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs.h"
#include "fakes/cgroupfs/faults.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process.h"
#include "fakes/replay/replay_real.h"
#include "reference/base/mem.h"

#define EXIT_SKIPPED 77
#define USER 1000

struct fixture {
    struct kernel *kernel;
    struct cgroupfs *fs;
    char mount[64];
};

static void fixture_start(struct fixture *fixture, enum cgroup_layout layout)
{
    const struct kernel_config config = {
        .layout = layout, .profile = "6.1", .options = "separate"};
    const struct cgroupfs_options options = {.settle = true};
    snprintf(fixture->mount, sizeof(fixture->mount), "/tmp/seatrial-test.XXXXXX");
    assert_non_null(mkdtemp(fixture->mount));
    assert_int_equal(chmod(fixture->mount, 0755), 0);
    fixture->kernel = cgroupfs_kernel_new(&config, 0);
    assert_int_equal(
        cgroupfs_mount(fixture->kernel, fixture->mount, &options, &fixture->fs, NULL), 0);
    assert_int_equal(cgroupfs_thread_start(fixture->fs, NULL), 0);
    cgroupfs_let(fixture->fs);
}

static void fixture_stop(struct fixture *fixture)
{
    struct loop *loop = fixture->kernel->loop;
    cgroupfs_take(fixture->fs);
    cgroupfs_unmount(fixture->fs);
    kernel_free(fixture->kernel);
    loop_free(loop);
    assert_int_equal(rmdir(fixture->mount), 0);
}

static char *at(const struct fixture *fixture, const char *path)
{
    return str_printf("%s/%s", fixture->mount, path);
}

static int open_at(const struct fixture *fixture, const char *path, int flags)
{
    _cleanup_free_ char *full = at(fixture, path);
    return open(full, flags | O_CLOEXEC);
}

static void make(const struct fixture *fixture, const char *path)
{
    _cleanup_free_ char *full = at(fixture, path);
    assert_int_equal(mkdir(full, 0755), 0);
}

static void put(const struct fixture *fixture, const char *path, const char *text)
{
    _cleanup_close_ int fd = open_at(fixture, path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

/* A simulated process in a cgroup of v2. */
static struct process *spawn(struct fixture *fixture, const char *path)
{
    struct process *process;
    cgroupfs_take(fixture->fs);
    struct cgroup *cgroup =
        cgroup_lookup(cgroup_root_find(fixture->kernel, ""), path);
    assert_int_equal(process_fork_into(fixture->kernel, NULL, 0, cgroup, &process), 0);
    cgroupfs_let(fixture->fs);
    return process;
}

struct late_exit {
    struct fixture *fixture;
    struct process *process;
};

static void *exit_later(void *arg)
{
    struct late_exit *late = arg;
    usleep(100000);
    cgroupfs_take(late->fixture->fs);
    process_exit(late->process, 0);
    cgroupfs_let(late->fixture->fs);
    return NULL;
}

static void test_poll_wakes(void **state)
{
    struct fixture fixture;
    char text[128];
    (void)state;
    fixture_start(&fixture, CGROUP_LAYOUT_V2);
    make(&fixture, "a");
    struct late_exit late = {&fixture, spawn(&fixture, "a")};
    struct pollfd fds[2] = {
        {.fd = open_at(&fixture, "a/cgroup.events", O_RDONLY), .events = POLLPRI},
        {.fd = open_at(&fixture, "a/cgroup.events", O_RDONLY), .events = POLLPRI},
    };
    assert_int_equal(poll(fds, 2, 0), 2); /* fresh: not read yet */
    assert_true(read(fds[0].fd, text, sizeof(text)) > 0);
    assert_true(read(fds[1].fd, text, sizeof(text)) > 0);
    assert_int_equal(poll(fds, 2, 0), 0);
    pthread_t thread;
    pthread_create(&thread, NULL, exit_later, &late);
    assert_int_equal(poll(fds, 2, 10000), 2); /* woken, both */
    pthread_join(thread, NULL);
    assert_int_equal(fds[0].revents, POLLPRI | POLLERR);
    ssize_t length = pread(fds[0].fd, text, sizeof(text) - 1, 0);
    assert_true(length > 0);
    text[length] = '\0';
    assert_string_equal(text, "populated 0\nfrozen 0\n");
    assert_int_equal(poll(&fds[0], 1, 0), 0); /* read: over for this one */
    assert_int_equal(poll(&fds[1], 1, 0), 1); /* and not for that */
    close(fds[0].fd);
    close(fds[1].fd);
    fixture_stop(&fixture);
}

static void test_inotify(void **state)
{
    struct fixture fixture;
    char events[4096];
    (void)state;
    fixture_start(&fixture, CGROUP_LAYOUT_V2);
    make(&fixture, "a");
    struct process *process = spawn(&fixture, "a");
    _cleanup_free_ char *path = at(&fixture, "a/cgroup.events");
    struct pollfd fd = {.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .events = POLLIN};
    assert_true(inotify_add_watch(fd.fd, path, IN_MODIFY) >= 0);
    assert_int_equal(poll(&fd, 1, 50), 0);
    cgroupfs_take(fixture.fs);
    process_exit(process, 0);
    cgroupfs_let(fixture.fs);
    assert_int_equal(poll(&fd, 1, 10000), 1);
    assert_int_equal(read(fd.fd, events, sizeof(events)), sizeof(struct inotify_event));
    assert_int_equal(((struct inotify_event *)(void *)events)->mask, IN_MODIFY);
    close(fd.fd);
    fixture_stop(&fixture);
}

static void test_eventfd(void **state)
{
    struct fixture fixture;
    char text[64];
    uint64_t count = 0;
    (void)state;
    fixture_start(&fixture, CGROUP_LAYOUT_V1);
    make(&fixture, "memory/m");
    int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int usage = open_at(&fixture, "memory/m/memory.usage_in_bytes", O_RDONLY);
    snprintf(text, sizeof(text), "%d %d 1M", event, usage);
    put(&fixture, "memory/m/cgroup.event_control", text);
    snprintf(text, sizeof(text), "%d %d 1M", usage, usage); /* that is no eventfd */
    int control = open_at(&fixture, "memory/m/cgroup.event_control", O_WRONLY);
    assert_int_equal(write(control, text, strlen(text)), -1);
    assert_int_equal(errno, EINVAL);
    close(control);
    assert_int_equal(read(event, &count, sizeof(count)), -1);
    cgroupfs_take(fixture.fs);
    struct process *process;
    process_fork(fixture.kernel, NULL, 0, &process);
    snprintf(text, sizeof(text), "%d", (int)process->pid);
    cgroup_file_write(cgroup_root_find(fixture.kernel, "memory"), "m", "cgroup.procs", text,
        strlen(text), &cgroup_caller_root);
    assert_int_equal(process_allocate(process, 2 << 20), 0);
    cgroupfs_let(fixture.fs);
    assert_int_equal(read(event, &count, sizeof(count)), sizeof(count));
    assert_int_equal(count, 1);
    close(usage);
    close(event);
    fixture_stop(&fixture);
}

static void test_removed_while_open(void **state)
{
    struct fixture fixture;
    char text[64];
    (void)state;
    fixture_start(&fixture, CGROUP_LAYOUT_V2);
    make(&fixture, "a");
    _cleanup_free_ char *path = at(&fixture, "a");
    struct pollfd fd = {.fd = open_at(&fixture, "a/cgroup.freeze", O_RDWR), .events = POLLPRI};
    assert_int_equal(read(fd.fd, text, sizeof(text)), 2);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkdir(path, 0755), 0); /* does not bring it back */
    assert_int_equal(pread(fd.fd, text, sizeof(text), 0), -1);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(write(fd.fd, "1", 1), -1);
    assert_int_equal(errno, ENODEV);
    assert_int_equal(poll(&fd, 1, 0), 1);
    assert_int_equal(fd.revents, POLLPRI | POLLERR);
    close(fd.fd);
    /* A file of a controller that is switched off and on. */
    put(&fixture, "cgroup.subtree_control", "+pids");
    int max = open_at(&fixture, "a/pids.max", O_RDWR);
    assert_int_equal(write(max, "5", 1), 1);
    put(&fixture, "cgroup.subtree_control", "-pids");
    assert_int_equal(open_at(&fixture, "a/pids.max", O_RDONLY), -1);
    assert_int_equal(errno, ENOENT);
    put(&fixture, "cgroup.subtree_control", "+pids");
    assert_int_equal(pread(max, text, sizeof(text), 0), -1);
    assert_int_equal(errno, ENODEV);
    close(max);
    fixture_stop(&fixture);
}

static void become(uid_t uid)
{
    syscall(SYS_setresgid, -1, uid, -1);
    syscall(SYS_setresuid, -1, uid, -1);
}

static void become_root(void)
{
    syscall(SYS_setresuid, -1, 0, -1);
    syscall(SYS_setresgid, -1, 0, -1);
}

/* Rights are those of open(2): who writes later does not matter. */
static void test_credentials(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_start(&fixture, CGROUP_LAYOUT_V2);
    make(&fixture, "a");
    make(&fixture, "b");
    static const char *const owned[] = {"a", "a/cgroup.procs", "b", "b/cgroup.procs"};
    for (size_t i = 0; i < ARRAY_SIZE(owned); i++) {
        _cleanup_free_ char *path = at(&fixture, owned[i]);
        assert_int_equal(chown(path, USER, USER), 0);
    }
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)spawn(&fixture, "a")->pid);
    int root_opened = open_at(&fixture, "b/cgroup.procs", O_WRONLY);
    become(USER);
    int user_opened = open_at(&fixture, "b/cgroup.procs", O_WRONLY);
    assert_int_equal(open_at(&fixture, "cgroup.procs", O_WRONLY), -1);
    assert_int_equal(errno, EACCES);
    ssize_t by_user = write(user_opened, pid, strlen(pid));
    int user_error = errno;
    become_root();
    assert_int_equal(by_user, -1); /* not the common ancestor's */
    assert_int_equal(user_error, EACCES);
    assert_int_equal(write(user_opened, pid, strlen(pid)), -1);
    become(USER);
    ssize_t by_root_opened = write(root_opened, pid, strlen(pid));
    become_root();
    assert_int_equal(by_root_opened, (ssize_t)strlen(pid));
    close(root_opened);
    close(user_opened);
    fixture_stop(&fixture);
}

/* "0" is who writes: this process, under its own pid. */
static void test_self(void **state)
{
    struct fixture fixture;
    char text[64];
    (void)state;
    fixture_start(&fixture, CGROUP_LAYOUT_V2);
    make(&fixture, "a");
    put(&fixture, "a/cgroup.procs", "0");
    _cleanup_close_ int fd = open_at(&fixture, "a/cgroup.procs", O_RDONLY);
    ssize_t length = read(fd, text, sizeof(text) - 1);
    assert_true(length > 0);
    text[length] = '\0';
    assert_int_equal(strtol(text, NULL, 10), getpid());
    fixture_stop(&fixture);
}

static void test_refusals(void **state)
{
    struct fixture fixture;
    (void)state;
    fixture_start(&fixture, CGROUP_LAYOUT_V2);
    _cleanup_free_ char *file = at(&fixture, "new");
    _cleanup_free_ char *procs = at(&fixture, "cgroup.procs");
    assert_int_equal(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0644), -1);
    assert_int_equal(errno, EACCES);
    assert_int_equal(symlink("x", file), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(unlink(procs), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(open(procs, O_RDONLY | O_DIRECT | O_CLOEXEC), -1);
    assert_int_equal(errno, EINVAL);
    assert_int_equal(truncate(procs, 0), 0);
    int fd = open(procs, O_RDONLY | O_CLOEXEC);
    assert_ptr_equal(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(errno, ENODEV);
    close(fd);
    fixture_stop(&fixture);
}

static void test_faults(void **state)
{
    struct cgroupfs_faults faults = {0};
    (void)state;
    struct cgroupfs_fault fault = {
        .operation = OPERATION_WRITE, .path = str_dup("a/*"), .nth = 2, .times = 1, .error = EBUSY};
    uint64_t id = cgroupfs_fault_add(&faults, &fault);
    assert_null(cgroupfs_fault_find(&faults, OPERATION_READ, "a/x", 0));
    assert_null(cgroupfs_fault_find(&faults, OPERATION_WRITE, "b/x", 0));
    assert_null(cgroupfs_fault_find(&faults, OPERATION_WRITE, "a/x", 0)); /* the first */
    const struct cgroupfs_fault *struck =
        cgroupfs_fault_find(&faults, OPERATION_WRITE, "a/y", 0);
    assert_non_null(struck);
    assert_int_equal(struck->error, EBUSY);
    assert_null(cgroupfs_fault_find(&faults, OPERATION_WRITE, "a/x", 0)); /* once only */
    assert_true(cgroupfs_fault_remove(&faults, id));
    assert_false(cgroupfs_fault_remove(&faults, id));
    fault = (struct cgroupfs_fault){.operation = -1, .nth = 1, .until_ns = 10, .missing = true};
    cgroupfs_fault_add(&faults, &fault);
    assert_non_null(cgroupfs_fault_find(&faults, OPERATION_LOOKUP, "z", 9));
    assert_null(cgroupfs_fault_find(&faults, OPERATION_EVENT, "z", 9));
    assert_null(cgroupfs_fault_find(&faults, OPERATION_LOOKUP, "z", 10));
    cgroupfs_fault_remove(&faults, 0);
    assert_null(faults.first);
}

/* Nobody but our own processes is ever moved on a real machine. */
static void test_nobody_is_moved(void **state)
{
    struct replay_files files = {.real = true, .stay = true};
    struct replay_symbol thread = {.name = (char *)"T0", .value = 77, .thread = true};
    struct replay_world world = {.files = &files, .symbols = &thread};
    static const struct {
        const char *text;
        bool may;
    } cases[] = {{"1", false}, {" 1\n", false}, {"+1", false}, {"01", false}, {"0x1", false},
        {"-1", false}, {"0", false}, {"1 2", false}, {"abc1", false}, {"77", true}, {"", true},
        {"\n", true}, {"abc", true}, {"99999999", true}, {"2147483648", true},
        {"99999999999999999999", true}};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (replay_real_may_move(&world, cases[i].text, strlen(cases[i].text)) != cases[i].may)
            fail_msg("\"%s\"", cases[i].text);
    files.stay = false;
    assert_true(replay_real_may_move(&world, "0", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_nobody_is_moved),
        cmocka_unit_test(test_poll_wakes),
        cmocka_unit_test(test_inotify),
        cmocka_unit_test(test_eventfd),
        cmocka_unit_test(test_removed_while_open),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_refusals),
    };
    if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) < 0) {
        printf("skipped: only root can mount through /dev/fuse here\n");
        return EXIT_SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
