/* SPDX-License-Identifier: Apache-2.0 */
/* Files, mounts, users, helper commands and facts of the simulated host. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

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

static void test_files(void **state)
{
    struct host *host = ((struct sim_fixture *)*state)->host;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(host_mkdir(host, "/a/b", 0750, false, &err), -ENOENT);
    assert_string_equal(err_text(&err), "mkdir /a/b: ENOENT");
    assert_int_equal(host_mkdir(host, "/a/b", 0750, true, &err), 0);
    assert_int_equal(host_file_write(host, "/a/b/f", "one", 3, 0600, &err), 0);
    assert_int_equal(host_file_write(host, "/a/b/f", "three", 5, 0600, &err), 0);
    assert_int_equal(host_symlink(host, "b", "/a/l", &err), 0);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    assert_int_equal(host_file_read(host, "/a/l/f", &text, &length, &err), 0);
    assert_string_equal(text, "three");
    assert_int_equal(length, 5);
    assert_int_equal(host_chown(host, "/a", 1000, 1000, true, &err), 0);
    struct file_info info;
    assert_int_equal(host_file_info(host, "/a/b/f", true, &info), 0);
    assert_int_equal(info.type, 'f');
    assert_int_equal(info.mode, 0600);
    assert_int_equal(info.uid, 1000);
    assert_int_equal(info.size_bytes, 5);
    assert_int_equal(host_file_info(host, "/a/l", false, &info), 0);
    assert_int_equal(info.type, 'l');
    _cleanup_strv_ char **names = NULL;
    assert_int_equal(host_list(host, "/a", &names, &err), 0);
    assert_string_equal(names[0], "b");
    assert_string_equal(names[1], "l");
    _cleanup_free_ char *real = NULL;
    assert_int_equal(host_real_path(host, "/a/l/f", &real, &err), 0);
    assert_string_equal(real, "/a/b/f");
    assert_int_equal(host_file_remove(host, "/a/b/f", &err), 0);
    assert_int_equal(host_file_remove(host, "/a/b/f", &err), -ENOENT);
    assert_string_equal(err_text(&err), "remove /a/b/f: ENOENT");
    assert_int_equal(host_tree_remove(host, "/a", &err), 0);
    assert_int_equal(host_tree_remove(host, "/a", &err), 0);
}

static void test_devices(void **state)
{
    struct host *host = ((struct sim_fixture *)*state)->host;
    struct file_info info;
    assert_int_equal(host_file_info(host, "/dev/null", true, &info), 0);
    assert_int_equal(info.type, 'c');
    assert_true(info.rdev == makedev(1, 3));
    assert_int_equal(host_mkdir(host, "/d", 0700, false, NULL), 0);
    assert_int_equal(host_node_copy(host, "/dev/null", "/d/null", 0666, NULL), 0);
    assert_int_equal(host_node_copy(host, "/dev/null", "/d/null", 0666, NULL), -EEXIST);
    assert_int_equal(host_node_copy(host, "/dev/nope", "/d/nope", 0666, NULL), -ENOENT);
    assert_true(host_file_exists(host, "/d/null"));
}

static void test_users(void **state)
{
    struct host *host = ((struct sim_fixture *)*state)->host;
    struct user_info user;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(host_user_lookup(host, "alice", &user, &err), 0);
    assert_int_equal(user.uid, 1000);
    assert_int_equal(user.groups_count, 1);
    user_info_release(&user);
    assert_int_equal(host_user_lookup(host, "bob", &user, &err), -ENOENT);
    assert_string_equal(err_text(&err), "there is no user bob");
}

static void assert_left(struct sim_fixture *fixture, const char *expected)
{
    char **targets = sim_host_mount_targets(fixture->kernel);
    _cleanup_strbuf_ struct strbuf joined = STRBUF_INIT;
    for (char **target = targets; *target; target++)
        strbuf_addf(&joined, "%s;", *target);
    assert_string_equal(strbuf_text(&joined), expected);
    strv_free(targets);
}

static int mount_on(struct host *host, const char *target, const char *source, int64_t flags)
{
    const struct mount_entry entry = {
        .target = (char *)(uintptr_t)target, .source = (char *)(uintptr_t)source, .flags = flags};
    return host_mount(host, &entry, NULL);
}

static void test_mounts(void **state)
{
    struct sim_fixture *fixture = *state;
    struct host *host = fixture->host;
    host_mkdir(host, "/m/in", 0755, true, NULL);
    host_mkdir(host, "/s", 0755, true, NULL);
    assert_int_equal(mount_on(host, "/none", "/s", MS_BIND), -ENOENT);
    assert_int_equal(mount_on(host, "/m", "/none", MS_BIND), -ENOENT);
    uint64_t before = kernel_digest(fixture->kernel, 0);
    assert_int_equal(mount_on(host, "/m", "/s", MS_BIND), 0);
    assert_true(kernel_digest(fixture->kernel, 0) != before);
    assert_int_equal(mount_on(host, "/m", NULL, MS_SHARED), 0);
    assert_int_equal(mount_on(host, "/m/in", "/s", MS_BIND), 0);
    assert_int_equal(mount_on(host, "/s", NULL, MS_SLAVE), -EINVAL);
    assert_int_equal(mount_on(host, "/", NULL, MS_SLAVE | MS_REC), 0);
    assert_true(host_is_mounted(host, "/m"));
    assert_false(host_is_mounted(host, "/s"));
    assert_left(fixture, "/m;/m/in;");
    assert_int_equal(host_tree_remove(host, "/m", NULL), -EBUSY);
    assert_int_equal(host_unmount(host, "/m", 0, NULL), -EBUSY);
    assert_int_equal(host_unmount(host, "/s", 0, NULL), -EINVAL);

    struct mount_info *mounts = NULL;
    size_t count = 0;
    assert_int_equal(host_mounts(host, 0, &mounts, &count, NULL), 0);
    assert_string_equal(mounts[0].target, "/");
    assert_string_equal(mounts[count - 2].target, "/m");
    assert_string_equal(mounts[count - 2].source, "/s");
    assert_true(mounts[count - 2].shared);
    assert_false(mounts[count - 1].shared);
    mount_info_free(mounts, count);
    assert_int_equal(host_mounts(host, 99999, &mounts, &count, NULL), -ENOENT);

    /* they outlive the agent */
    sim_fixture_restart(fixture);
    assert_left(fixture, "/m;/m/in;");
    assert_int_equal(host_unmount(fixture->host, "/m", MNT_DETACH, NULL), 0);
    assert_left(fixture, "");
    assert_int_equal(host_tree_remove(fixture->host, "/m", NULL), 0);
}

/* A container's mounts are its own, lead its workload to other files, and end with it. */
static void test_mounts_of_a_container(void **state)
{
    struct sim_fixture *fixture = *state;
    struct host *host = fixture->host;
    struct plan plan;
    sim_fixture_plan(fixture, &plan, "c1", "seatrial-workload write:f=x sleep:1s");
    host_mkdir(host, "/root", 0755, true, NULL);
    host_mkdir(host, "/sandbox", 0755, true, NULL);
    plan.clone_namespaces = NS_BIT(NS_MNT);
    str_set(&plan.info.rootfs, "/root");
    str_set(&plan.info.working_directory, "/mnt/mesos/sandbox");
    plan.info.mounts = mem_alloc(sizeof(*plan.info.mounts));
    plan.info.mounts_count = 1;
    plan.info.mounts->target = str_dup("/root/mnt/mesos/sandbox");
    plan.info.mounts->source = str_dup("/sandbox");
    plan.info.mounts->flags = MS_BIND | MS_REC;
    pid_t pid = 0;
    int gate = -1;
    assert_int_equal(host_spawn(host, &plan, &pid, &gate, NULL), 0);
    plan_release(&plan);
    host_gate_release(host, gate, NULL);
    sim_fixture_run(fixture, 100);
    assert_string_equal(sim_fixture_file(fixture, "/run/seatrial/c1/stderr"), "");
    assert_string_equal(sim_fixture_file(fixture, "/sandbox/f"), "x");
    assert_left(fixture, "/root/mnt/mesos/sandbox;");
    assert_false(host_is_mounted(host, "/root/mnt/mesos/sandbox"));
    struct mount_info *mounts = NULL;
    size_t count = 0;
    assert_int_equal(host_mounts(host, pid, &mounts, &count, NULL), 0);
    assert_string_equal(mounts[count - 1].target, "/root/mnt/mesos/sandbox");
    assert_false(mounts[0].shared);
    mount_info_free(mounts, count);
    sim_fixture_run(fixture, 2000);
    assert_left(fixture, "");
}

/* Helper commands. */

static void tell_run(void *arg, int result, const void *value, const struct err *err)
{
    struct sim_fixture *fixture = arg;
    const struct run_result *run = value;
    if (result < 0)
        strbuf_addf(&fixture->told, "%s;", err_text(err));
    else
        strbuf_addf(&fixture->told, "%d %s%s%s%s;", run->status, run->output, run->errors,
            run->timed_out ? " timed out" : "", run->truncated ? " truncated" : "");
}

static void play(
    void *arg, const struct run_request *request, struct sim_program_result *result)
{
    *(unsigned *)arg += 1;
    result->status = 2 << 8;
    result->output = request->argv[1] ? request->argv[1] : "";
    result->errors = "bad";
    result->duration_ns = 3 * NS_PER_MS;
}

static const struct {
    const char *program;
    const char *argument;
    uint64_t timeout_ns;
    size_t max_output_bytes;
    const char *soon;
    const char *later;
} runs[] = {
    {"true", NULL, 0, 0, "0 ;", ""},
    {"/usr/bin/false", NULL, 0, 0, "256 ;", ""},
    {"nothing", NULL, 0, 0, "run nothing: ENOENT;", ""},
    {"tool", "hello", 0, 0, "", "512 hellobad;"},
    {"tool", "hello", 0, 3, "", "512 helbad truncated;"},
    {"tool", "x", 1000000, 0, "9 xbad timed out;", ""},
    {"sleep", "0.5", 0, 0, "", "0 ;"},
    {"sleep", "1e12", 0, 0, "", ""},
    {"sleep", "1e12", 500000000, 0, "", "9  timed out;"},
};

static void test_runs(void **state)
{
    struct sim_fixture *fixture = *state;
    unsigned played = 0;
    sim_host_program(fixture->host, "tool", play, &played);
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        char *argv[] = {(char *)(uintptr_t)runs[i].program,
            (char *)(uintptr_t)runs[i].argument, NULL};
        const struct run_request request = {.argv = argv,
            .timeout_ns = runs[i].timeout_ns,
            .max_output_bytes = runs[i].max_output_bytes};
        struct host_request *run =
            host_run(fixture->host, &request, DONE(tell_run, fixture));
        assert_string_equal(sim_fixture_told(fixture), "");
        sim_fixture_run(fixture, 1);
        assert_string_equal(sim_fixture_told(fixture), runs[i].soon);
        sim_fixture_run(fixture, 10000);
        assert_string_equal(sim_fixture_told(fixture), runs[i].later);
        if (!runs[i].soon[0] && !runs[i].later[0])
            host_cancel(run);
    }
    assert_int_equal(played, 3);
    /* programs stay for the next agent */
    sim_fixture_restart(fixture);
    char *argv[] = {(char[]){"tool"}, NULL};
    host_run(fixture->host, &(struct run_request){.argv = argv}, DONE(tell_run, fixture));
    sim_fixture_run(fixture, 10);
    assert_string_equal(sim_fixture_told(fixture), "512 bad;");
}

static void test_facts_and_chance(void **state)
{
    struct sim_fixture *fixture = *state;
    struct host *host = fixture->host;
    assert_int_equal(host->facts.cpus, 4);
    assert_true(host->facts.memory_bytes == UINT64_C(8) << 30);
    assert_int_equal(host->facts.clock_ticks, 100);
    assert_true(host->facts.root);
    assert_int_equal(host->facts.namespaces, NS_BIT(NS_COUNT) - 1);
    double before = host_wall_time(host);
    sim_fixture_run(fixture, 1500);
    assert_true(host_wall_time(host) - before > 1.49 && host_wall_time(host) - before < 1.51);
    _cleanup_free_ char *first = host_uuid(host, "ids");
    _cleanup_free_ char *second = host_uuid(host, "ids");
    assert_string_not_equal(first, second);
    struct sim_fixture again;
    sim_fixture_init(&again, CGROUP_LAYOUT_NONE);
    _cleanup_free_ char *same = host_uuid(again.host, "ids");
    assert_string_equal(first, same);
    sim_fixture_release(&again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_files),
        TEST(test_devices),
        TEST(test_users),
        TEST(test_mounts),
        TEST(test_mounts_of_a_container),
        TEST(test_runs),
        TEST(test_facts_and_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
