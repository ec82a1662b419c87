/* SPDX-License-Identifier: Apache-2.0 */
/* The agent, its processes and the init helper of the simulated host. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "fakes/tests/sim_fixture.h"

static int set_up(void **state)
{
    struct sim_fixture *fixture = mem_alloc(sizeof(*fixture));
    sim_fixture_init(fixture, CGROUP_LAYOUT_NONE);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    sim_fixture_release(*state);
    free(*state);
    return 0;
}

/* Spawns and watches; the gate stays closed. */
static pid_t spawn(struct sim_fixture *fixture, const struct plan *plan, int *ret_gate)
{
    pid_t pid = 0;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(host_spawn(fixture->host, plan, &pid, ret_gate, &err), 0);
    sim_fixture_watch(fixture, pid, plan->container_id);
    return pid;
}

#define STATUS "/run/seatrial/c1/status"
#define ERRORS "/run/seatrial/c1/stderr"

/* What happens to a container that waits at its gate, then perhaps runs. */
static const struct {
    const char *name;
    const char *command;
    bool release;
    int signal_at_gate;
    int signal_later;
    const char *status;  /* the file */
    const char *told;
} lives[] = {
    {"ends", "exit 3", true, 0, 0, "768", "exit c1 known 0;"},
    {"dies of a signal", "seatrial-workload die:SEGV", true, 0, 0, "11", "exit c1 known 0;"},
    {"is not there", "no-such-program", true, 0, 0, "32512", "exit c1 known 0;"},
    {"no byte", "exit 3", false, 0, 0, "256", "exit c1 known 256;"},
    {"init is killed at the gate", "sleep 9", false, SIGKILL, 0, "", "exit c1 known 9;"},
    {"init is told to end at the gate", "sleep 9", true, SIGTERM, 0, "15", "exit c1 known 256;"},
    {"init is killed", "sleep 9", true, 0, SIGKILL, "", "exit c1 known 9;"},
    {"signals go to the workload", "sleep 9", true, 0, SIGTERM, "15", "exit c1 known 0;"},
};

static void test_lives(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(lives); i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        struct sim_fixture *fixture = *state;
        struct plan plan;
        int gate = -1;
        sim_fixture_plan(fixture, &plan, "c1", lives[i].command);
        pid_t pid = spawn(fixture, &plan, &gate);
        plan_release(&plan);
        assert_string_equal(sim_fixture_file(fixture, STATUS), "-");
        sim_fixture_run(fixture, 10);
        assert_string_equal(sim_fixture_file(fixture, STATUS), "");
        assert_int_equal(sim_fixture_processes(fixture), 1);
        if (lives[i].signal_at_gate)
            assert_int_equal(host_signal(fixture->host, pid, lives[i].signal_at_gate, NULL), 0);
        if (lives[i].release)
            host_gate_release(fixture->host, gate, NULL);
        else
            host_gate_close(fixture->host, gate);
        sim_fixture_run(fixture, 100);
        if (lives[i].signal_later) {
            assert_int_equal(sim_fixture_processes(fixture), 2);
            assert_int_equal(host_signal(fixture->host, pid, lives[i].signal_later, NULL), 0);
        }
        sim_fixture_run(fixture, 100);
        assert_string_equal(sim_fixture_file(fixture, STATUS), lives[i].status);
        assert_string_equal(sim_fixture_told(fixture), lives[i].told);
        sim_fixture_run(fixture, 10000); /* a workload whose init was killed ends too */
        assert_int_equal(sim_fixture_processes(fixture), 0);
    }
}

/* Plans that fail in a stage, as launch info JSON. */
static const struct {
    const char *info;
    const char *errors;
} failures[] = {
    {"{\"user\":\"bob\"}", "there is no user bob\n"},
    {"{\"rootfs\":\"/none\"}", "root /none: ENOENT\n"},
    {"{\"rootfs\":\"/link\"}", "root /link is really /run\n"},
    {"{\"rootfs\":\"/run\"}", "a root without a mount namespace\n"},
    {"{\"masked_paths\":[\"/x\"]}", "masked paths without a mount namespace\n"},
    {"{\"mounts\":[{\"target\":\"/mnt\",\"type\":\"tmpfs\"}]}",
        "mounts without a mount namespace\n"},
    {"{\"rlimits\":{\"rlimits\":[{\"type\":\"RLMT_CPU\",\"soft\":1}]}}",
        "RLMT_CPU: one of soft and hard limit only\n"},
    {"{\"working_directory\":\"/file/x\"}", "working directory /file/x: ENOTDIR\n"},
    {"{\"pre_exec_commands\":[{\"value\":\"true\"},{\"value\":\"false\"}]}",
        "pre-exec command false failed\n"},
    {"{\"pre_exec_commands\":[{\"shell\":false,\"value\":\"nothing\"}]}",
        "pre-exec command nothing failed\n"},
    {"{\"file_operations\":[{\"operation\":\"MKDIR\",\"target\":\"/a/b\"}]}",
        "file operation on /a/b: ENOENT\n"},
    {"{\"command\":{}}", "the launch info has no command with a value\n"},
};

static void test_failing_stages(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        struct sim_fixture *fixture = *state;
        struct plan plan;
        int gate = -1;
        sim_fixture_plan(fixture, &plan, "c1", "exit 0");
        vfs_symlink(fixture->kernel->vfs, "/run", "/link");
        vfs_write(fixture->kernel->vfs, "/file", "", 0, 0644, false);
        struct launch_info extra = {0};
        _cleanup_err_ struct err err = ERR_INIT;
        json_type_decode_text(&launch_info_json, failures[i].info, strlen(failures[i].info),
            &extra, "info", &err);
        assert_string_equal(err_text(&err), "no error");
        if (extra.command)
            str_set(&plan.info.command->value, NULL);
        else
            json_type_merge(&launch_info_json, &plan.info, &extra);
        json_type_release(&launch_info_json, &extra);
        spawn(fixture, &plan, &gate);
        plan_release(&plan);
        host_gate_release(fixture->host, gate, NULL);
        sim_fixture_run(fixture, 100);
        assert_string_equal(sim_fixture_file(fixture, ERRORS), failures[i].errors);
        assert_string_equal(sim_fixture_file(fixture, STATUS), "256");
        assert_string_equal(sim_fixture_told(fixture), "exit c1 known 256;");
        assert_int_equal(sim_fixture_processes(fixture), 0);
    }
}

static void test_what_the_workload_gets(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    int gate = -1;
    sim_fixture_plan(fixture, &plan, "c1", "echo $GREETING; sleep 1");
    str_set(&plan.info.user, "alice");
    str_set(&plan.info.working_directory, "/sandbox/new");
    plan.info.environment = mem_alloc(sizeof(*plan.info.environment));
    plan.info.environment_count = 1;
    plan.info.environment->name = str_dup("GREETING");
    plan.info.environment->value = str_dup("hello");
    plan.stdio_uid = 1000;
    plan.stdio_gid = 1000;
    pid_t pid = spawn(fixture, &plan, &gate);
    host_gate_release(fixture->host, gate, NULL);
    sim_fixture_run(fixture, 100);
    assert_string_equal(sim_fixture_file(fixture, "/run/seatrial/c1/stdout"), "hello\n");
    struct file_info info;
    assert_int_equal(host_file_info(fixture->host, "/run/seatrial/c1/stdout", true, &info), 0);
    assert_int_equal(info.uid, 1000);
    assert_int_equal(host_file_info(fixture->host, STATUS, true, &info), 0);
    assert_int_equal(info.mode & 0777, 0600);
    assert_true(host_file_exists(fixture->host, "/sandbox/new"));

    /* init is a session leader, and the workload its child with its ids */
    struct process *init = process_find(fixture->kernel, pid);
    assert_int_equal(init->sid, pid);
    assert_int_equal(init->pgid, pid);
    assert_ptr_equal(init->parent, sim_host_process(fixture->host));
    const struct process *workload = list_entry(init->children.next, struct process, sibling);
    assert_int_equal(workload->uid, 1000);
    plan_release(&plan);
}

static void test_frozen_init_goes_on_when_thawed(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    int gate = -1;
    sim_fixture_plan(fixture, &plan, "c1", "exit 0");
    pid_t pid = spawn(fixture, &plan, &gate);
    plan_release(&plan);
    struct process *init = process_find(fixture->kernel, pid);
    task_set_frozen(init->leader, true);
    host_gate_release(fixture->host, gate, NULL);
    sim_fixture_run(fixture, 1000);
    assert_string_equal(sim_fixture_file(fixture, STATUS), "-");
    task_set_frozen(init->leader, false);
    sim_fixture_run(fixture, 1000);
    assert_string_equal(sim_fixture_file(fixture, STATUS), "0");
    assert_string_equal(sim_fixture_told(fixture), "exit c1 known 0;");
}

static void test_unlinked_status_stays_away(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    int gate = -1;
    sim_fixture_plan(fixture, &plan, "c1", "sleep 1");
    spawn(fixture, &plan, &gate);
    plan_release(&plan);
    host_gate_release(fixture->host, gate, NULL);
    sim_fixture_run(fixture, 100);
    assert_int_equal(host_tree_remove(fixture->host, "/run/seatrial/c1", NULL), 0);
    assert_int_equal(host_tree_remove(fixture->host, "/run/seatrial/c1", NULL), 0);
    sim_fixture_run(fixture, 2000);
    assert_string_equal(sim_fixture_file(fixture, STATUS), "-");
    assert_string_equal(sim_fixture_told(fixture), "exit c1 known 0;");
}

static void test_command_without_status(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    int gate = -1;
    sim_fixture_plan(fixture, &plan, "c1", "exit 5");
    str_set(&plan.runtime_directory, NULL);
    spawn(fixture, &plan, &gate);
    plan_release(&plan);
    host_gate_release(fixture->host, gate, NULL);
    sim_fixture_run(fixture, 100);
    assert_string_equal(sim_fixture_told(fixture), "exit c1 known 1280;");
    assert_string_equal(sim_fixture_file(fixture, STATUS), "-");
}

/* Namespaces. */

static uint64_t inode(struct sim_fixture *fixture, pid_t pid, enum namespace_kind kind)
{
    uint64_t number = 0;
    assert_int_equal(host_namespace_inode(fixture->host, pid, kind, &number), 0);
    return number;
}

static void test_enter_and_clone(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    struct plan nested;
    int gate = -1;
    int nested_gate = -1;
    pid_t agent = sim_host_process(fixture->host)->pid;
    sim_fixture_plan(fixture, &plan, "c1", "sleep 9");
    plan.clone_namespaces = NS_BIT(NS_PID) | NS_BIT(NS_IPC) | NS_BIT(NS_MNT);
    pid_t pid = spawn(fixture, &plan, &gate);
    sim_fixture_plan(fixture, &nested, "c1.n", "exit 1");
    nested.enter_and_clone = true;
    nested.enter_namespaces = NS_BIT(NS_PID) | NS_BIT(NS_IPC);
    nested.clone_namespaces = NS_BIT(NS_MNT);
    nested.enter_pid = pid;
    pid_t inner = spawn(fixture, &nested, &nested_gate);

    assert_int_not_equal(inode(fixture, pid, NS_PID), inode(fixture, agent, NS_PID));
    assert_int_equal(inode(fixture, pid, NS_NET), inode(fixture, agent, NS_NET));
    assert_int_equal(inode(fixture, inner, NS_PID), inode(fixture, pid, NS_PID));
    assert_int_equal(inode(fixture, inner, NS_IPC), inode(fixture, pid, NS_IPC));
    assert_int_not_equal(inode(fixture, inner, NS_MNT), inode(fixture, pid, NS_MNT));
    struct process_info info;
    assert_int_equal(host_process_info(fixture->host, inner, &info), 0);
    assert_int_equal(info.ppid, 1); /* no child of the agent */
    assert_int_equal(info.state, 'S');

    host_gate_release(fixture->host, gate, NULL);
    host_gate_release(fixture->host, nested_gate, NULL);
    sim_fixture_run(fixture, 100);
    assert_string_equal(sim_fixture_told(fixture), "exit c1.n unknown;");
    assert_string_equal(sim_fixture_file(fixture, "/run/seatrial/c1.n/status"), "256");

    /* the end of a pid namespace's init ends all in it */
    nested_gate = -1;
    spawn(fixture, &nested, &nested_gate);
    assert_int_equal(host_signal(fixture->host, pid, SIGKILL, NULL), 0);
    sim_fixture_run(fixture, 100);
    assert_int_equal(sim_fixture_processes(fixture), 0);
    assert_string_equal(sim_fixture_file(fixture, STATUS), "");
    sim_fixture_told(fixture);

    pid_t none = 0;
    _cleanup_err_ struct err err = ERR_INIT;
    nested.enter_pid = pid;
    assert_int_equal(host_spawn(fixture->host, &nested, &none, &gate, &err), -ENOENT);
    _cleanup_free_ char *message = str_printf("open /proc/%d/ns/ipc: ENOENT", (int)pid);
    assert_string_equal(err_text(&err), message);
    nested.enter_namespaces |= NS_BIT(NS_USER);
    assert_int_equal(host_spawn(fixture->host, &nested, &none, &gate, &err), -EINVAL);
    assert_int_equal(sim_fixture_processes(fixture), 0);
    plan_release(&plan);
    plan_release(&nested);
}

/* Watches. */

static void test_watches(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    int gate = -1;
    sim_fixture_plan(fixture, &plan, "c1", "sleep 1");
    pid_t pid = spawn(fixture, &plan, &gate);
    sim_fixture_watch(fixture, pid, "more");
    host_cancel(sim_fixture_watch(fixture, pid, "none"));
    sim_fixture_watch(fixture, 99999, "none");
    assert_string_equal(sim_fixture_told(fixture), "");
    sim_fixture_run(fixture, 1);
    assert_string_equal(sim_fixture_told(fixture), "exit none unknown;");
    host_gate_close(fixture->host, gate);
    sim_fixture_run(fixture, 10);
    assert_string_equal(sim_fixture_told(fixture), "exit c1 known 256;exit more known 256;");

    /* of a zombie that nobody watched */
    pid_t unwatched = 0;
    assert_int_equal(host_spawn(fixture->host, &plan, &unwatched, &gate, NULL), 0);
    host_gate_close(fixture->host, gate);
    sim_fixture_run(fixture, 10);
    assert_int_equal(sim_fixture_processes(fixture), 1);
    struct process_info info;
    assert_int_equal(host_process_info(fixture->host, unwatched, &info), 0);
    assert_int_equal(info.state, 'Z');
    sim_fixture_watch(fixture, unwatched, "more");
    sim_fixture_run(fixture, 10);
    assert_string_equal(sim_fixture_told(fixture), "exit more known 256;");
    assert_int_equal(host_process_info(fixture->host, unwatched, &info), -ESRCH);

    /* cancelled between the end and its notice */
    pid = spawn(fixture, &plan, &gate);
    struct host_request *late = sim_fixture_watch(fixture, pid, "more");
    host_signal(fixture->host, pid, SIGKILL, NULL);
    host_cancel(late);
    sim_fixture_run(fixture, 10);
    assert_string_equal(sim_fixture_told(fixture), "exit c1 known 9;");
    plan_release(&plan);
}

/* The agent goes, its processes stay. */
static void test_another_agent(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    int gate = -1;
    int shut = -1;
    sim_fixture_plan(fixture, &plan, "c1", "sleep 1");
    pid_t pid = spawn(fixture, &plan, &gate);
    host_gate_release(fixture->host, gate, NULL);
    sim_fixture_run(fixture, 100);
    struct plan other;
    sim_fixture_plan(fixture, &other, "c2", "sleep 1");
    spawn(fixture, &other, &shut);
    sim_fixture_restart(fixture);
    assert_string_equal(sim_fixture_told(fixture), "exit c1 -108;exit c2 -108;");
    struct process_info info;
    assert_int_equal(host_process_info(fixture->host, pid, &info), 0);
    assert_int_equal(info.ppid, 1);
    sim_fixture_watch(fixture, pid, "c1");
    sim_fixture_run(fixture, 100);
    /* the one at the gate read end of file */
    assert_string_equal(sim_fixture_file(fixture, "/run/seatrial/c2/status"), "256");
    assert_int_equal(sim_fixture_processes(fixture), 2);
    sim_fixture_run(fixture, 1000);
    assert_string_equal(sim_fixture_told(fixture), "exit c1 unknown;");
    assert_string_equal(sim_fixture_file(fixture, STATUS), "0");
    assert_int_equal(sim_fixture_processes(fixture), 0);
    plan_release(&plan);
    plan_release(&other);
}

static void test_process_list(void **state)
{
    struct sim_fixture *fixture = *state;
    struct plan plan;
    int gate = -1;
    sim_fixture_plan(fixture, &plan, "c1", "seatrial-workload spawn:[sleep:9s] burn:forever");
    pid_t pid = spawn(fixture, &plan, &gate);
    plan_release(&plan);
    host_gate_release(fixture->host, gate, NULL);
    sim_fixture_run(fixture, 1000);
    _cleanup_free_ struct process_info *list = NULL;
    size_t count = 0;
    assert_int_equal(host_process_list(fixture->host, &list, &count, NULL), 0);
    assert_int_equal(count, 5); /* init, agent, helper, workload and its child */
    for (size_t i = 1; i < count; i++)
        assert_true(list[i].pid > list[i - 1].pid);
    assert_int_equal(list[2].pid, pid);
    assert_int_equal(list[3].ppid, pid);
    assert_int_equal(list[3].sid, pid);
    assert_int_equal(list[3].state, 'R');
    assert_true(list[3].user_ns > 900 * NS_PER_MS);
    assert_int_equal(list[4].ppid, list[3].pid);
    assert_int_equal(host_process_write(fixture->host, pid, "oom_score_adj", "-500", NULL), 0);
    assert_int_equal(process_find(fixture->kernel, pid)->oom_score_adj, -500);
    assert_int_equal(
        host_process_write(fixture->host, pid, "oom_score_adj", "5000", NULL), -EINVAL);
    host_signal(fixture->host, list[3].pid, SIGKILL, NULL);
    assert_int_equal(host_signal(fixture->host, 99999, SIGKILL, NULL), -ESRCH);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lives),
        TEST(test_failing_stages),
        TEST(test_what_the_workload_gets),
        TEST(test_frozen_init_goes_on_when_thawed),
        TEST(test_unlinked_status_stays_away),
        TEST(test_command_without_status),
        TEST(test_enter_and_clone),
        TEST(test_watches),
        TEST(test_another_agent),
        TEST(test_process_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
