/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads over virtual time. What they share with the real program is tested side by side in
 * scenarios/workload/tests. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "fakes/kernel/tests/kernel_fixture.h"
#include "fakes/kernel/workload.h"

static struct process *started;

static int setup(void **state)
{
    kernel_setup(state);
    struct kernel *kernel = *state;
    assert_int_equal(vfs_mkdir(kernel->vfs, "/sandbox", 0777, false), 0);
    return 0;
}

/* argv as words between blanks; the last may be quoted by a bar: "sh -c |echo a b". */
static void start(struct kernel *kernel, struct process *parent, const char *words)
{
    _cleanup_free_ char *text = str_dup(words);
    char *bar = strchr(text, '|');
    if (bar)
        *bar = '\0';
    _cleanup_strv_ char **argv = strv_split(text, " ");
    if (bar)
        strv_add(&argv, bar + 1);
    char *environment[] = {(char *)"HOME=/root", (char *)"EMPTY=", NULL};
    struct workload_start start = {
        .argv = argv,
        .environment = environment,
        .directory = "/sandbox",
        .stdout_path = "/sandbox/stdout",
        .stderr_path = "/sandbox/stderr",
    };
    started = fork_of(kernel, parent);
    assert_int_equal(workload_start(started, &start), 0);
}

static void finish(struct kernel *kernel)
{
    while (loop_step(kernel->loop))
        ;
}

static const char *text_of(struct kernel *kernel, const char *path)
{
    const char *text = "";
    vfs_read(kernel->vfs, path, &text, NULL);
    return text;
}

static const struct {
    const char *words;
    int status;
    uint64_t ns;
    const char *output;
    const char *errors;
} programs[] = {
    {"true", 0, 0, "", ""},
    {"/bin/false", 1 << 8, 0, "", ""},
    {"sleep 1000", 0, 1000 * NS_PER_SEC, "", ""},
    {"sleep 0.5", 0, NS_PER_SEC / 2, "", ""},
    {"sleep 2m", 0, 120 * NS_PER_SEC, "", ""},
    {"sleep x", 1 << 8, 0, "", "sleep: invalid time interval 'x'\n"},
    {"sleep", 1 << 8, 0, "", "sleep: missing operand\n"},
    {"echo a b", 0, 0, "a b\n", ""},
    {"/opt/nothing x", 127 << 8, 0, "", "/opt/nothing: not found\n"},
    {"sh -c |exit 3", 3 << 8, 0, "", ""},
    {"sh -c |true; false", 1 << 8, 0, "", ""},
    {"sh -c |false && echo no", 1 << 8, 0, "", ""},
    {"sh -c |false || echo yes", 0, 0, "yes\n", ""},
    {"sh -c |sleep 2s; echo done", 0, 2 * NS_PER_SEC, "done\n", ""},
    {"sh -c |echo one && echo two; exit 7; echo three", 7 << 8, 0, "one\ntwo\n", ""},
    {"sh -c |echo \"a  b\" '$HOME' $HOME ${HOME}x$ \\$", 0, 0, "a  b $HOME /root /rootx$ $\n", ""},
    {"sh -c |nope; echo next", 0, 0, "next\n", "nope: not found\n"},
    {"sh -c |nope", 127 << 8, 0, "", "nope: not found\n"},
    {"sh -c |exec sleep 1; echo no", 0, NS_PER_SEC, "", ""},
    {"sh -c |echo x | cat", 2 << 8, 0, "x\n", "sh: cannot play \"| cat\"\n"},
    {"sh -c |seatrial-workload 'print:a b' exit:4; echo no", 4 << 8, 0, "a b\n", ""},
    {"sh -c |", 0, 0, "", ""},
    {"/usr/libexec/seatrial/seatrial-workload exit:9", 9 << 8, 0, "", ""},
    {"seatrial-workload slep:1s", 2 << 8, 0, "",
        "seatrial-workload: argument 1 \"slep:1s\", position 1: unknown action \"slep\", did you "
        "mean \"sleep\"?\n"},
    {"seatrial-workload", 0, 0, "", ""},
    {"seatrial-workload burn:2s/40%", 0, 2 * NS_PER_SEC, "", ""},
    {"seatrial-workload loop:3*[sleep:1s;print:x]", 0, 3 * NS_PER_SEC, "x\nx\nx\n", ""},
    {"seatrial-workload loop:0*[print:x] loop:2*[]", 0, 0, "", ""},
    {"seatrial-workload spawn:[sleep:3s;print:child] wait print:parent", 0, 3 * NS_PER_SEC,
        "child\nparent\n", ""},
    {"seatrial-workload thread:[sleep:1s;print:t] sleep:2s print:m", 0, 2 * NS_PER_SEC, "t\nm\n",
        ""},
    {"seatrial-workload thread:[sleep:1s;exit:5] sleep:2s", 5 << 8, NS_PER_SEC, "", ""},
    {"seatrial-workload thread:[sleep:5s] exit:0", 0, 0, "", ""},
    {"seatrial-workload die:TERM", SIGTERM, 0, "", ""},
    {"seatrial-workload ignore:TERM die:TERM", SIGTERM, 0, "", ""},
    {"seatrial-workload die:CHLD", (128 + SIGCHLD) << 8, 0, "", ""},
    {"seatrial-workload handle:USR1=[print:h;exit:6] kill:self=USR1 sleep:1s", 6 << 8, 0, "h\n",
        ""},
    {"seatrial-workload handle:USR1=exit:6 spawn:[sleep:1s;kill:parent=USR1] sleep:5s", 6 << 8,
        NS_PER_SEC, "", ""},
    {"seatrial-workload handle:USR1=exit:6 spawn:[sleep:1s;kill:parent=USR1] burn:5s", 6 << 8,
        NS_PER_SEC, "", ""},
    {"seatrial-workload kill:99=TERM", 1 << 8, 0, "", "seatrial-workload: kill 99: ESRCH\n"},
    {"seatrial-workload write:a/b=x", 1 << 8, 0, "", "seatrial-workload: write a/b: ENOENT\n"},
    {"seatrial-workload read:none", 1 << 8, 0, "", "seatrial-workload: read none: ENOENT\n"},
    {"seatrial-workload write:f=1 append:f=2 read:f", 0, 0, "12", ""},
    {"seatrial-workload open:f=r open:/dev/null=rw open:.=w open:/dev/tty=r", 0, 0,
        "open f: ENOENT\nopen /dev/null: ok\nopen .: EISDIR\nopen /dev/tty: ENXIO\n", ""},
    {"seatrial-workload forks:3", 0, 0, "forks: 3\n", ""},
    {"seatrial-workload listen:80 spawn:[listen:80] wait", 0, 0, "",
        "seatrial-workload: listen 80: EADDRINUSE\n"},
    {"seatrial-workload setsid", 0, 0, "", ""},
    {"seatrial-workload setsid setsid", 1 << 8, 0, "", "seatrial-workload: setsid: EPERM\n"},
    {"seatrial-workload |expect:file stdout", 1 << 8, 0, "",
        "seatrial-workload: expect file stdout: ENOENT\n"},
    {"seatrial-workload |expect:env HOME=/root", 0, 0, "", ""},
    {"seatrial-workload |expect:env HOME=x", 1 << 8, 0, "",
        "seatrial-workload: expect env HOME: expected \"x\", got \"/root\"\n"},
    {"seatrial-workload |expect:env HOM=x", 1 << 8, 0, "",
        "seatrial-workload: expect env HOM: expected \"x\", got nothing\n"},
    {"seatrial-workload |expect:env EMPTY=", 0, 0, "", ""},
    {"seatrial-workload spawn:[stop;print:up] sleep:1s kill:4=CONT wait", 0, NS_PER_SEC, "up\n",
        ""},
    {"seatrial-workload daemon:[sleep:1s;print:d] wait print:w sleep:2s", 0, 2 * NS_PER_SEC,
        "w\nd\n", ""},
};

static void programs_do_what_they_should(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
        struct kernel *kernel;
        print_message("%s\n", programs[i].words);
        setup((void **)&kernel);
        struct process *parent = fork_of(kernel, NULL);
        kernel->last_pid = 1; /* it is 3, its first child 4 */
        start(kernel, parent, programs[i].words);
        uint64_t ends_ns = UINT64_MAX;
        while (started->state != PROCESS_ZOMBIE && loop_step(kernel->loop))
            ends_ns = loop_now_ns(kernel->loop);
        assert_int_equal(started->state, PROCESS_ZOMBIE);
        assert_int_equal(started->exit_status, programs[i].status);
        assert_int_equal(ends_ns, programs[i].ns);
        assert_string_equal(text_of(kernel, "/sandbox/stdout"), programs[i].output);
        assert_string_equal(text_of(kernel, "/sandbox/stderr"), programs[i].errors);
        kernel_teardown((void **)&kernel);
    }
    (void)state;
}

static void memory_comes_and_goes(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    start(kernel, parent, "seatrial-workload alloc:64MiB sleep:1s free:16MiB sleep:1s free:1GiB "
                          "sleep:1s");
    sim_loop_advance(kernel->loop, NS_PER_SEC / 2);
    assert_int_equal(started->resident_bytes, 64 << 20);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_int_equal(started->resident_bytes, 48 << 20);
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_int_equal(started->resident_bytes, 0);
    finish(kernel);
    assert_int_equal(started->exit_status, 0);
}

static void too_much_memory_kills(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    cgroup_make(kernel, "a");
    cgroup_put(kernel, "a", "memory.max", "33554432");
    start(kernel, parent, "seatrial-workload alloc:64MiB exit:3");
    _cleanup_free_ char *pid = str_printf("%d", started->pid);
    cgroup_put(kernel, "a", "cgroup.procs", pid);
    finish(kernel);
    assert_int_equal(started->exit_status, SIGKILL);
}

static void frozen_and_stopped_workloads_wait(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    start(kernel, parent, "seatrial-workload sleep:1s print:x sleep:1s");
    struct process *process = started;
    task_set_frozen(process->leader, true);
    sim_loop_advance(kernel->loop, 10 * NS_PER_SEC);
    assert_string_equal(text_of(kernel, "/sandbox/stdout"), "");
    task_set_frozen(process->leader, false);
    sim_loop_advance(kernel->loop, NS_PER_SEC / 2);
    assert_string_equal(text_of(kernel, "/sandbox/stdout"), ""); /* had not even started */
    sim_loop_advance(kernel->loop, NS_PER_SEC);
    assert_string_equal(text_of(kernel, "/sandbox/stdout"), "x\n");
    process_signal(process, SIGSTOP);
    sim_loop_advance(kernel->loop, 10 * NS_PER_SEC);
    assert_int_equal(process->state, PROCESS_STOPPED);
    process_signal(process, SIGCONT); /* the time of its sleep is over */
    sim_loop_advance(kernel->loop, 0);
    assert_int_equal(process->state, PROCESS_ZOMBIE);
}

static void fork_limits_are_seen(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    cgroup_make(kernel, "a");
    start(kernel, parent, "seatrial-workload forks:100 spawn:[exit:0]");
    _cleanup_free_ char *pid = str_printf("%d", started->pid);
    cgroup_put(kernel, "a", "cgroup.procs", pid);
    cgroup_put(kernel, "a", "pids.max", "11");
    finish(kernel);
    assert_string_equal(text_of(kernel, "/sandbox/stdout"), "forks: 10\n");
    assert_string_equal(text_of(kernel, "/sandbox/stderr"), "seatrial-workload: spawn: EAGAIN\n");
    assert_int_equal(started->exit_status, 1 << 8);
}

static void an_endless_list_lets_others_run(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    start(kernel, parent,
        "seatrial-workload loop:1000000*[loop:1000000*[ignore:HUP]]");
    for (int i = 0; i < 10; i++)
        assert_true(loop_step(kernel->loop));
    assert_int_equal(loop_now_ns(kernel->loop), 0);
    process_signal(started, SIGKILL);
    assert_int_equal(started->exit_status, SIGKILL);
}

static void paths_go_through_mappings_and_root(void **state)
{
    struct kernel *kernel = *state;
    char *argv[] = {(char *)"seatrial-workload", (char *)"write:/mnt/sandbox/a=1",
        (char *)"write:/b=2", (char *)"write:c=3", (char *)"write:../../mnt/sandbox/./d=4", NULL};
    struct workload_mapping mapping = {"/mnt/sandbox", "/sandbox"};
    struct workload_start request = {
        .argv = argv,
        .rootfs = "/rootfs",
        .directory = "/mnt/sandbox",
        .mappings = &mapping,
        .mappings_count = 1,
    };
    assert_int_equal(vfs_mkdir(kernel->vfs, "/rootfs", 0777, false), 0);
    struct process *process = fork_of(kernel, fork_of(kernel, NULL));
    process->uid = 7;
    process->gid = 8;
    assert_int_equal(workload_start(process, &request), 0);
    finish(kernel);
    assert_int_equal(process->exit_status, 0);
    assert_string_equal(text_of(kernel, "/sandbox/a"), "1");
    assert_string_equal(text_of(kernel, "/rootfs/b"), "2");
    assert_string_equal(text_of(kernel, "/sandbox/c"), "3");
    assert_string_equal(text_of(kernel, "/sandbox/d"), "4");
    struct vfs_info info;
    assert_int_equal(vfs_info(kernel->vfs, "/sandbox/a", true, &info), 0);
    assert_int_equal(info.uid, 7);
    assert_int_equal(info.gid, 8);
}

static void users_need_rights(void **state)
{
    static const struct {
        const char *path;
        mode_t mode;
        uid_t uid;
        const char *output;
    } rows[] = {
        {"/sandbox/a", 0600, 0, "open a: EACCES\n"},
        {"/sandbox/a", 0600, 7, "open a: ok\n"},
        {"/sandbox/a", 0644, 0, "open a: EACCES\n"},
        {"/sandbox/a", 0666, 0, "open a: ok\n"},
    };
    struct kernel *kernel = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        vfs_remove(kernel->vfs, rows[i].path);
        vfs_remove(kernel->vfs, "/sandbox/stdout");
        vfs_write(kernel->vfs, rows[i].path, "", 0, rows[i].mode, false);
        vfs_chown(kernel->vfs, rows[i].path, rows[i].uid, 0, false);
        start(kernel, NULL, "seatrial-workload open:a=w");
        started->uid = started->gid = 7;
        finish(kernel);
        assert_string_equal(text_of(kernel, "/sandbox/stdout"), rows[i].output);
    }
}

static void inside_a_pid_namespace(void **state)
{
    struct kernel *kernel = *state;
    struct process *init = fork_init(kernel, NULL);
    start(kernel, init,
        "seatrial-workload kill:parent=KILL kill:1=TERM kill:2=0");
    assert_int_equal(process_pid_in(started, init->namespaces[NS_PID]), 2);
    finish(kernel);
    assert_int_equal(init->state, PROCESS_RUNNING);
    assert_int_equal(started->exit_status, 2 << 8); /* signal 0 is none that has a name */
    process_reap(started);
    start(kernel, init, "seatrial-workload report:r.json kill:3=TERM");
    finish(kernel);
    assert_int_equal(started->exit_status, SIGTERM);
    const char *report = text_of(kernel, "/sandbox/r.json");
    assert_non_null(strstr(report, "\"pid\": 3,\n  \"ppid\": 1"));
    assert_non_null(strstr(report, "\"pids\": [1, 3]"));
}

static void reports_show_where_it_stands(void **state)
{
    struct kernel *kernel = *state;
    struct process *parent = fork_of(kernel, NULL);
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "a/b");
    start(kernel, parent, "seatrial-workload report:r1 setsid report:r2");
    _cleanup_free_ char *pid = str_printf("%d", started->pid);
    cgroup_put(kernel, "a/b", "cgroup.procs", pid);
    sim_loop_advance(kernel->loop, 0);
    const char *report = text_of(kernel, "/sandbox/r1");
    assert_non_null(strstr(report, "\"sid\": 1,"));
    assert_non_null(strstr(report, "\"cgroups\": {\"\": \"/a/b\"}"));
    assert_non_null(strstr(report, "\"environment\": [\"HOME=/root\", \"EMPTY=\"]"));
    assert_non_null(strstr(report, "\"directory\": \"/sandbox\""));
    assert_non_null(strstr(report, "\"pids\": [1, 2, 3]"));
    report = text_of(kernel, "/sandbox/r2");
    assert_null(strstr(report, "\"sid\": 1,"));
    assert_non_null(strstr(report, "\"sid\": 3"));
}

static void cgroup_paths_are_relative_to_the_namespace(void **state)
{
    static const struct {
        const char *root, *moved, *seen;
    } rows[] = {
        {"a/b", "a/b", "{\"\": \"/\"}"},
        {"a", "a/b", "{\"\": \"/b\"}"},
        {"a/b", "a", "{\"\": \"/..\"}"},
        {"a/b", "ab", "{\"\": \"/../../ab\"}"},
        {"a/b", "a/c", "{\"\": \"/../c\"}"},
    };
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    cgroup_make(kernel, "ab");
    cgroup_make(kernel, "a/b");
    cgroup_make(kernel, "a/c");
    /* threads of controllers would keep processes out of "a" */
    cgroup_put(kernel, "a", "cgroup.subtree_control", "-cpu -memory -pids");
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        start(kernel, NULL, "seatrial-workload report:r");
        _cleanup_free_ char *pid = str_printf("%d", started->pid);
        cgroup_put(kernel, rows[i].root, "cgroup.procs", pid);
        assert_int_equal(process_unshare(started, NS_BIT(NS_CGROUP)), 0);
        cgroup_put(kernel, rows[i].moved, "cgroup.procs", pid);
        finish(kernel);
        assert_non_null(strstr(text_of(kernel, "/sandbox/r"), rows[i].seen));
    }
}

static void cgroups_of_its_own(void **state)
{
    struct kernel *kernel = *state;
    cgroup_make(kernel, "a");
    start(kernel, fork_of(kernel, NULL), "seatrial-workload mkcgroup:job sleep:1s mkcgroup:job");
    _cleanup_free_ char *pid = str_printf("%d", started->pid);
    cgroup_put(kernel, "a", "cgroup.procs", pid);
    sim_loop_advance(kernel->loop, NS_PER_SEC / 2);
    _cleanup_free_ char *path = cgroup_path_of(started->leader->cgroups[0]);
    assert_string_equal(path, "a/job");
    finish(kernel);
    _cleanup_free_ char *deeper = cgroup_path_of(
        cgroup_lookup(cgroup_root_find(kernel, ""), "a/job/job"));
    assert_string_equal(deeper, "a/job/job");
}

static void nothing_to_play_is_an_error(void **state)
{
    struct kernel *kernel = *state;
    char *argv[] = {NULL};
    struct workload_start request = {.argv = argv};
    struct process *process = fork_of(kernel, NULL);
    assert_int_equal(workload_start(process, &request), -EINVAL);
    request.argv = NULL;
    assert_int_equal(workload_start(process, &request), -EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kernel_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_do_what_they_should),
        TEST(memory_comes_and_goes),
        TEST(too_much_memory_kills),
        TEST(frozen_and_stopped_workloads_wait),
        TEST(fork_limits_are_seen),
        TEST(an_endless_list_lets_others_run),
        TEST(paths_go_through_mappings_and_root),
        TEST(users_need_rights),
        TEST(inside_a_pid_namespace),
        TEST(reports_show_where_it_stands),
        TEST(cgroup_paths_are_relative_to_the_namespace),
        TEST(cgroups_of_its_own),
        TEST(nothing_to_play_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
