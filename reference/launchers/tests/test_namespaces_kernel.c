/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, mounts, roots and privileges of the helper, on the real kernel, as root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/launchers/tests/kernel_world.h"

#define ALL_BUT_USER                                                                               \
    (NS_BIT(NS_CGROUP) | NS_BIT(NS_IPC) | NS_BIT(NS_UTS) | NS_BIT(NS_NET) | NS_BIT(NS_PID) |       \
        NS_BIT(NS_MNT))

static uint64_t inode(struct world *world, pid_t pid, enum namespace_kind kind)
{
    uint64_t number = 0;
    assert_int_equal(host_namespace_inode(world->host, pid, kind, &number), 0);
    return number;
}

/* Which namespaces of the two processes are the same. */
static unsigned shared(struct world *world, pid_t a, pid_t b)
{
    unsigned mask = 0;
    for (int kind = 0; kind < NS_COUNT; kind++)
        if (inode(world, a, (enum namespace_kind)kind) ==
            inode(world, b, (enum namespace_kind)kind))
            mask |= NS_BIT(kind);
    return mask;
}

static void add_mount(struct plan *plan, const char *source, const char *target, const char *type,
    unsigned long flags, const char *options)
{
    struct launch_info *info = &plan->info;
    info->mounts =
        mem_realloc(info->mounts, (info->mounts_count + 1) * sizeof(*info->mounts));
    info->mounts[info->mounts_count++] = (struct mount_entry){.source = str_dup(source),
        .target = str_dup(target),
        .type = str_dup(type),
        .flags = (int64_t)flags,
        .options = str_dup(options)};
}

static void expect_stdout(struct world *world, const char *name, const char *expected)
{
    _cleanup_free_ char *text = world_read(world, name, "stdout");
    _cleanup_free_ char *errors = world_read(world, name, "stderr");
    if (!str_equal(text, expected))
        fail_msg("%s: expected \"%s\", got \"%s\", stderr \"%s\"", name, expected, text, errors);
}

static void expect_failure(struct world *world, struct plan *plan, const char *message)
{
    world_wait(world, world_start(world, plan));
    _cleanup_free_ char *status = world_read(world, plan->container_id, "status");
    _cleanup_free_ char *errors = world_read(world, plan->container_id, "stderr");
    assert_string_equal(status, "256");
    if (!strstr(errors, message))
        fail_msg("%s: expected \"%s\", got \"%s\"", plan->container_id, message, errors);
}

/* The whole mount table, to be the same before and after. */
static char *mount_table(void)
{
    _cleanup_strbuf_ struct strbuf table = STRBUF_INIT;
    char line[4096];
    FILE *file = fopen("/proc/self/mountinfo", "re");
    while (fgets(line, sizeof(line), file))
        strbuf_add(&table, line);
    fclose(file);
    return strbuf_take(&table);
}

static void new_namespaces(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1", "echo $PPID; exec sleep 100");
    plan.clone_namespaces = ALL_BUT_USER;
    pid_t pid = world_start(world, &plan);
    free(world_await(world, "c1", "stdout"));
    expect_stdout(world, "c1", "1\n");
    assert_int_equal(shared(world, pid, getpid()), NS_BIT(NS_USER));
    host_signal(world->host, pid, SIGKILL, NULL);
    assert_int_equal(world_wait(world, pid), SIGKILL);
    plan_release(&plan);
}

/* The init of a pid namespace passes signals on, and takes everybody with it. */
static void init_of_a_pid_namespace(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1",
        "setsid sleep 100 & trap 'exit 5' TERM; echo > up; while :; do sleep 0.02; done");
    plan.clone_namespaces = NS_BIT(NS_PID);
    pid_t pid = world_start(world, &plan);
    free(world_await(world, "c1", "up"));
    _cleanup_free_ struct process_info *list = NULL;
    size_t count = 0;
    uint64_t own = inode(world, pid, NS_PID);
    host_signal(world->host, pid, SIGTERM, NULL);
    assert_int_equal(world_wait(world, pid), 0);
    _cleanup_free_ char *status = world_read(world, "c1", "status");
    assert_string_equal(status, "1280");
    assert_int_equal(host_process_list(world->host, &list, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = 0;
        if (list[i].state != 'Z' &&
            host_namespace_inode(world->host, list[i].pid, NS_PID, &number) == 0)
            assert_true(number != own);
    }
    plan_release(&plan);
}

/* LA-04: the nested process is where it should be, and the pid is the outer one. */
static void enter_and_clone(void **state)
{
    static const struct {
        unsigned enter;
        unsigned clone;
        const char *ppid; /* as the command sees its init */
    } cases[] = {
        {0, 0, NULL},
        {NS_BIT(NS_PID), 0, NULL},
        {NS_BIT(NS_PID) | NS_BIT(NS_IPC), NS_BIT(NS_PID) | NS_BIT(NS_MNT), "1\n"},
        {ALL_BUT_USER & ~NS_BIT(NS_MNT), 0, NULL},
        {0, ALL_BUT_USER, "1\n"},
    };
    struct world *world = *state;
    struct plan outer;
    world_plan(world, &outer, "p", "exec sleep 100");
    outer.clone_namespaces = ALL_BUT_USER;
    pid_t parent = world_start(world, &outer);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *name = str_printf("c%zu", i);
        struct plan plan;
        world_plan(world, &plan, name, "echo $PPID; exec sleep 100");
        plan.enter_and_clone = true;
        plan.enter_pid = parent;
        plan.enter_namespaces = cases[i].enter;
        plan.clone_namespaces = cases[i].clone;
        pid_t pid = world_start(world, &plan);
        free(world_await(world, name, "stdout"));
        if (cases[i].ppid)
            expect_stdout(world, name, cases[i].ppid);
        struct process_info info;
        assert_int_equal(host_process_info(world->host, pid, &info), 0);
        assert_int_equal(info.sid, pid);
        assert_int_equal(info.ppid, getpid());
        unsigned agents = ALL_BUT_USER & ~(cases[i].enter | cases[i].clone);
        unsigned parents = cases[i].enter & ~cases[i].clone;
        assert_int_equal(shared(world, pid, getpid()), agents | NS_BIT(NS_USER));
        assert_int_equal(shared(world, pid, parent), parents | NS_BIT(NS_USER));
        host_signal(world->host, pid, SIGKILL, NULL);
        assert_int_equal(world_wait(world, pid), SIGKILL);
        plan_release(&plan);
    }
    host_signal(world->host, parent, SIGKILL, NULL);
    world_wait(world, parent);

    /* Nobody is there any more. */
    _cleanup_err_ struct err err = ERR_INIT;
    struct plan late;
    pid_t pid;
    int gate;
    world_plan(world, &late, "late", "true");
    late.enter_and_clone = true;
    late.enter_pid = parent;
    late.enter_namespaces = NS_BIT(NS_PID);
    assert_int_equal(host_spawn(world->host, &late, &pid, &gate, &err), -ESRCH);
    plan_release(&late);
    plan_release(&outer);
}

static void mounts_stay_inside(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *before = mount_table();
    struct plan plan;
    world_plan(world, &plan, "c1",
        "echo $$; set -- /proc/[0-9]*; echo $#; touch ro/x 2>/dev/null || echo read-only; "
        "cat masked; ls dir | wc -l");
    plan.clone_namespaces = NS_BIT(NS_MNT) | NS_BIT(NS_PID);
    add_mount(&plan, "proc", "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL);
    _cleanup_free_ char *read_only = str_printf("%s/ro", plan.runtime_directory);
    add_mount(&plan, "/usr", read_only, NULL, MS_BIND | MS_REC | MS_RDONLY, NULL);
    _cleanup_free_ char *masked = str_printf("%s/masked", plan.runtime_directory);
    _cleanup_free_ char *directory = str_printf("%s/dir/sub", plan.runtime_directory);
    host_file_write(world->host, masked, "secret\n", 7, 0644, NULL);
    host_mkdir(world->host, directory, 0755, true, NULL);
    strv_add(&plan.info.masked_paths, masked);
    strv_add_owned(&plan.info.masked_paths, str_printf("%s/dir", plan.runtime_directory));
    strv_add(&plan.info.masked_paths, "/proc/no-such-thing"); /* LA-20 */
    world_wait(world, world_start(world, &plan));
    /* pid 1 is the init, 2 the shell */
    expect_stdout(world, "c1", "2\n2\nread-only\n0\n");
    _cleanup_free_ char *after = mount_table();
    assert_string_equal(after, before);
    plan_release(&plan);
}

static void mounts_that_are_refused(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "none", "true");
    add_mount(&plan, "proc", "/proc", "proc", 0, NULL);
    expect_failure(world, &plan, "mounts need a mount namespace of the container's own");
    plan_release(&plan);

    /* A target that leads somewhere else. */
    world_plan(world, &plan, "link", "true");
    plan.clone_namespaces = NS_BIT(NS_MNT);
    _cleanup_free_ char *link = str_printf("%s/link", plan.runtime_directory);
    host_symlink(world->host, "/etc", link, NULL);
    add_mount(&plan, "/usr", link, NULL, MS_BIND, NULL);
    expect_failure(world, &plan, "Too many levels of symbolic links");
    plan_release(&plan);

    world_plan(world, &plan, "root", "true");
    plan.clone_namespaces = NS_BIT(NS_MNT);
    plan.info.rootfs = str_dup(link);
    expect_failure(world, &plan, "is really /etc");
    str_set(&plan.info.rootfs, "/no/such/root");
    str_set(&plan.container_id, "root");
    expect_failure(world, &plan, "root /no/such/root: No such file or directory");
    plan_release(&plan);

    world_plan(world, &plan, "bare-root", "true");
    plan.info.rootfs = str_dup(plan.runtime_directory);
    expect_failure(world, &plan, "a root needs a mount namespace");
    plan_release(&plan);
}

/* LA-21: with a bidirectional volume, nothing else may be mounted below a shared mount. */
static void bidirectional_volumes(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *shared_mount = str_printf("%s/shared", world->directory);
    host_mkdir(world->host, shared_mount, 0755, false, NULL);
    assert_int_equal(mount("tmpfs", shared_mount, "tmpfs", 0, NULL), 0);
    assert_int_equal(mount(NULL, shared_mount, NULL, MS_SHARED, NULL), 0);
    _cleanup_free_ char *inside = str_printf("%s/inside", shared_mount);
    host_mkdir(world->host, inside, 0755, false, NULL);

    struct plan plan;
    _cleanup_free_ char *command =
        str_printf("mount -t tmpfs seen %s && echo mounted", inside);
    world_plan(world, &plan, "out", command);
    plan.clone_namespaces = NS_BIT(NS_MNT);
    add_mount(&plan, shared_mount, shared_mount, NULL, MS_SHARED, NULL);
    world_wait(world, world_start(world, &plan));
    expect_stdout(world, "out", "mounted\n");
    assert_int_equal(umount(inside), 0); /* it came out */
    plan_release(&plan);

    world_plan(world, &plan, "bad", "true");
    plan.clone_namespaces = NS_BIT(NS_MNT);
    add_mount(&plan, shared_mount, shared_mount, NULL, MS_SHARED, NULL);
    add_mount(&plan, "tmpfs", inside, "tmpfs", 0, NULL);
    expect_failure(world, &plan, "below the shared mount");
    plan_release(&plan);
    assert_int_equal(umount(shared_mount), 0);
}

/* A root of the host's own directories, read-only. */
static void plan_root(struct world *world, struct plan *plan)
{
    static const char *const directories[] = {"bin", "lib", "lib64", "usr"};
    plan->clone_namespaces |= NS_BIT(NS_MNT) | NS_BIT(NS_PID);
    plan->info.rootfs = str_printf("%s/root", plan->runtime_directory);
    host_mkdir(world->host, plan->info.rootfs, 0755, true, NULL);
    add_mount(plan, plan->info.rootfs, plan->info.rootfs, NULL, MS_BIND | MS_REC, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
        _cleanup_free_ char *source = str_printf("/%s", directories[i]);
        _cleanup_free_ char *target = str_printf("%s/%s", plan->info.rootfs, directories[i]);
        if (host_file_exists(world->host, source))
            add_mount(plan, source, target, NULL, MS_BIND | MS_RDONLY, NULL);
    }
    _cleanup_free_ char *proc = str_printf("%s/proc", plan->info.rootfs);
    add_mount(plan, "proc", proc, "proc", 0, NULL);
    str_set(&plan->info.working_directory, "/work");
}

static void roots(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *before = mount_table();
    struct plan plan;
    world_plan(world, &plan, "c1",
        "pwd; ls / | tr '\\n' ' '; ls /tmp | wc -l; "
        "cut -d' ' -f5 /proc/self/mountinfo | sort | tr '\\n' ' '; readlink link");
    plan_root(world, &plan);
    plan.info.file_operations_count = 3;
    plan.info.file_operations = mem_alloc(3 * sizeof(*plan.info.file_operations));
    struct file_operation *operations = plan.info.file_operations;
    operations[0] = (struct file_operation){.operation = FILE_OPERATION_MKDIR,
        .recursive = true, .target = str_printf("%s/work/a", plan.info.rootfs)};
    operations[1] = (struct file_operation){.operation = FILE_OPERATION_RENAME,
        .source = str_printf("%s/work/a", plan.info.rootfs),
        .target = str_printf("%s/work/b", plan.info.rootfs)};
    operations[2] = (struct file_operation){.operation = FILE_OPERATION_SYMLINK,
        .source = str_dup("/proc/self/loginuid"),
        .target = str_printf("%s/work/link", plan.info.rootfs)};
    world_wait(world, world_start(world, &plan));
    expect_stdout(world, "c1",
        "/work\nbin lib lib64 proc tmp usr work 0\n"
        "/ /bin /lib /lib64 /proc /usr /proc/self/loginuid\n");
    _cleanup_free_ char *after = mount_table();
    assert_string_equal(after, before);
    plan_release(&plan);
}

static void add_mount_below(struct plan *plan, const char *source, const char *target,
    const char *type, unsigned long flags)
{
    _cleanup_free_ char *path = str_printf("%s%s", plan->info.rootfs, target);
    add_mount(plan, source, path, type, flags, NULL);
}

/* In a file system that the helper has made: files and directories, bound with all below them or
 * not. */
static void binds_of_each_kind(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1",
        "cd /own; for name in *; do test -d $name && echo $name d || echo $name f; done");
    plan_root(world, &plan);
    add_mount_below(&plan, "tmpfs", "/own", "tmpfs", 0);
    add_mount_below(&plan, "/dev/null", "/own/device", NULL, MS_BIND);
    add_mount_below(&plan, "/dev/null", "/own/device-all", NULL, MS_BIND | MS_REC);
    add_mount_below(&plan, world->directory, "/own/place", NULL, MS_BIND);
    add_mount_below(&plan, world->directory, "/own/place-all", NULL, MS_BIND | MS_REC);
    world_wait(world, world_start(world, &plan));
    expect_stdout(world, "c1", "device f\ndevice-all f\nplace d\nplace-all d\n");
    plan_release(&plan);

    world_plan(world, &plan, "c2", "true");
    plan_root(world, &plan);
    add_mount_below(&plan, "tmpfs", "/own", "tmpfs", 0);
    add_mount_below(&plan, "/dev/null/none", "/own/none", NULL, MS_BIND);
    expect_failure(world, &plan, "Not a directory");
    plan_release(&plan);
}

/* An image whose own symlinks lead to the host. */
static void roots_that_lead_out(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1", "true");
    plan_root(world, &plan);
    _cleanup_free_ char *victim = str_printf("%s/victim", world->directory);
    _cleanup_free_ char *trap = str_printf("%s/trap", plan.info.rootfs);
    host_mkdir(world->host, victim, 0755, false, NULL);
    host_symlink(world->host, victim, trap, NULL);
    plan.info.file_operations_count = 1;
    plan.info.file_operations = mem_alloc(sizeof(*plan.info.file_operations));
    plan.info.file_operations[0] = (struct file_operation){.operation = FILE_OPERATION_MKDIR,
        .target = str_printf("%s/trap/made", plan.info.rootfs)};
    expect_failure(world, &plan, "make directory");
    _cleanup_free_ char *made = str_printf("%s/made", victim);
    assert_false(host_file_exists(world->host, made));
    plan_release(&plan);
}

static void debug_enters_the_mount_namespace(void **state)
{
    struct world *world = *state;
    struct plan task;
    world_plan(world, &task, "task", "echo inside > /tmp/note; echo > /work/up; exec sleep 100");
    plan_root(world, &task);
    _cleanup_free_ char *up = str_printf("%s/work/up", task.info.rootfs);
    pid_t parent = world_start(world, &task);
    while (!host_file_exists(world->host, up))
        usleep(1000);

    struct plan plan;
    world_plan(world, &plan, "debug", "cat /tmp/note; ls / | wc -l");
    str_set(&plan.info.working_directory, "/");
    plan.enter_and_clone = true;
    plan.enter_pid = parent;
    plan.enter_namespaces = NS_BIT(NS_PID);
    plan.mount_namespace_pid = parent;
    world_wait(world, world_start(world, &plan));
    expect_stdout(world, "debug", "inside\n7\n");
    host_signal(world->host, parent, SIGKILL, NULL);
    world_wait(world, parent);
    plan_release(&plan);
    plan_release(&task);
}

static struct capability_info *capabilities(const char *first, const char *second)
{
    struct capability_info *info = mem_alloc(sizeof(*info));
    strv_add(&info->capabilities, first);
    if (second)
        strv_add(&info->capabilities, second);
    return info;
}

static void privileges(void **state)
{
    struct world *world = *state;
    static const char command[] =
        "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status | tr '\\t' ' '; "
        "ulimit -n";
    struct plan plan;
    world_plan(world, &plan, "c1", command);
    plan.info.user = str_dup("nobody");
    strv_add(&plan.info.supplementary_groups, "4321");
    plan.info.effective_capabilities = capabilities("CAP_NET_RAW", "kill");
    plan.info.bounding_capabilities = capabilities("NET_RAW", "KILL");
    strv_add(&plan.info.bounding_capabilities->capabilities, "CHOWN");
    plan.info.no_new_privileges = (struct opt_bool){true, true};
    plan.info.rlimits = mem_alloc(sizeof(*plan.info.rlimits));
    plan.info.rlimits->rlimits = mem_alloc(sizeof(*plan.info.rlimits->rlimits));
    plan.info.rlimits->rlimits_count = 1;
    plan.info.rlimits->rlimits[0].type = str_dup("RLMT_NOFILE");
    plan.info.rlimits->rlimits[0].soft = (struct opt_u64)OPT(123);
    plan.info.rlimits->rlimits[0].hard = (struct opt_u64)OPT(456);
    world_wait(world, world_start(world, &plan));
    /* No filter of the agent's: that of who runs the test stays. */
    _cleanup_free_ char *expected = str_printf(
        "Uid: 65534 65534 65534 65534\n"
        "Gid: 65534 65534 65534 65534\n"
        "Groups: 4321 65534 \n"
        "CapInh: 0000000000002021\n"
        "CapPrm: 0000000000002020\n"
        "CapEff: 0000000000002020\n"
        "CapBnd: 0000000000002021\n"
        "CapAmb: 0000000000002020\n"
        "NoNewPrivs: 1\n"
        "Seccomp: %d\n"
        "123\n", prctl(PR_GET_SECCOMP));
    expect_stdout(world, "c1", expected);
    plan_release(&plan);

    world_plan(world, &plan, "c2", "true");
    plan.info.effective_capabilities = capabilities("CAP_FLYING", NULL);
    expect_failure(world, &plan, "unknown capability CAP_FLYING");
    plan_release(&plan);
}

/* The terminal becomes stdio and the session's controlling one. */
static void terminals(void **state)
{
    struct world *world = *state;
    struct plan plan;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    world_plan(
        world, &plan, "c1", "tty > name; [ -w /dev/tty ] && echo to the terminal > /dev/tty");
    plan.info.tty_slave_path = str_dup(ptsname(master));
    world_wait(world, world_start(world, &plan));
    _cleanup_free_ char *name = world_read(world, "c1", "name");
    _cleanup_free_ char *expected = str_printf("%s\n", plan.info.tty_slave_path);
    assert_string_equal(name, expected);
    char text[64] = "";
    assert_true(read(master, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "to the terminal\r\n");
    close(master);
    plan_release(&plan);

    world_plan(world, &plan, "c2", "true");
    plan.info.tty_slave_path = str_dup("/no/such/terminal");
    expect_failure(world, &plan, "open terminal /no/such/terminal");
    plan_release(&plan);
}

/* A filter that the command meets: denied by an errno, and only with that argument. */
static void seccomp(void **state)
{
    static const char profile[] =
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\","
        " \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": []}],"
        " \"syscalls\": ["
        "  {\"names\": [\"mkdir\", \"mkdirat\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [],"
        "   \"includes\": {}, \"excludes\": {\"caps\": [\"CAP_SYS_TIME\"]}},"
        "  {\"names\": [\"chdir\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [],"
        "   \"includes\": {\"caps\": [\"CAP_SYS_TIME\"]}, \"excludes\": {}}]}";
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1",
        "mkdir x || echo denied; cd / && pwd; grep Seccomp: /proc/self/status | tr '\\t' ' '");
    plan.info.seccomp_profile = json_loads(profile, 0, NULL);
    plan.info.bounding_capabilities = capabilities("CHOWN", NULL);
    world_wait(world, world_start(world, &plan));
    expect_stdout(world, "c1", "denied\n/\nSeccomp: 2\n");
    plan_release(&plan);

    world_plan(world, &plan, "c2", "true");
    plan.info.seccomp_profile = json_loads("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\":"
                                           " [{\"names\": [\"fly\"], \"action\":"
                                           " \"SCMP_ACT_ERRNO\"}]}",
        0, NULL);
    expect_failure(world, &plan, "seccomp: unknown system call fly");
    plan_release(&plan);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    if (geteuid() != 0) {
        puts("skipped: needs root");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(new_namespaces),
        TEST(init_of_a_pid_namespace),
        TEST(enter_and_clone),
        TEST(mounts_stay_inside),
        TEST(mounts_that_are_refused),
        TEST(bidirectional_volumes),
        TEST(roots),
        TEST(binds_of_each_kind),
        TEST(roots_that_lead_out),
        TEST(debug_enters_the_mount_namespace),
        TEST(privileges),
        TEST(terminals),
        TEST(seccomp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
