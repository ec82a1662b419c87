/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linux launcher on the hierarchies of this machine: v1 where the freezer is mounted, v2 where
 * a cgroup2 is, each skipped where there is none (LV1-02..06, LV2-19, LV2-25, LA-06..11).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/launchers/tests/kernel_world.h"

#define ROOT "seatrial-test-launcher"

static struct cgroup_fs *cgroup_fs_of(struct world *world)
{
    bool v2 = world->host->cgroups && world->host->cgroups->unified;
    struct cgroup_hierarchy *found =
        cgroup_hierarchy_find(world->host->cgroups, v2 ? "" : "freezer");
    return found ? found->fs : NULL;
}

/* What a failed test leaves would fail the next one too. */
static void purge(struct world *world)
{
    struct cgroup_fs *fs = cgroup_fs_of(world);
    for (int i = 0; fs && i < 1000 && cgroup_exists(fs, ROOT); i++) {
        _cleanup_strv_ char **paths = NULL;
        cgroup_descendants(fs, ROOT, &paths, NULL);
        strv_add(&paths, ROOT);
        for (size_t k = 0; paths[k]; k++) {
            _cleanup_free_ pid_t *pids = NULL;
            size_t count = 0;
            cgroup_read_pids(fs, paths[k], "cgroup.procs", &pids, &count, NULL);
            cgroup_write(fs, paths[k], "freezer.state", "THAWED", NULL);
            for (size_t n = 0; n < count; n++)
                kill(pids[n], SIGKILL);
            cgroup_remove(fs, paths[k], NULL);
        }
        usleep(1000);
    }
}

static int purge_and_teardown(void **state)
{
    purge(*state);
    return world_teardown(state);
}

/* The launcher of this world, or the test is skipped. */
static struct launcher *make_launcher(struct world *world)
{
    const struct launcher_linux_options options = {
        .cgroups_root = ROOT, .destroy_timeout_ns = 20 * NS_PER_SEC};
    struct launcher *launcher = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    if (!cgroup_fs_of(world))
        skip();
    if (launcher_linux_new(world->host, &options, &launcher, &err) < 0)
        fail_msg("%s", err_text(&err));
    return launcher;
}

/* What the isolator does on v2; on v1 the launcher itself. */
static void make_cgroups(struct world *world, const char *id)
{
    if (!world->host->cgroups->unified)
        return;
    _cleanup_free_ char *leaf = launcher_cgroup_leaf(ROOT, id);
    assert_int_equal(cgroup_create_recursive(cgroup_fs_of(world), leaf, NULL), 0);
}

static bool has_cgroup(struct world *world, const char *id)
{
    _cleanup_free_ char *path = launcher_cgroup(ROOT, id);
    return cgroup_exists(cgroup_fs_of(world), path);
}

static pid_t start(
    struct world *world, struct launcher *launcher, const char *id, const char *command)
{
    struct plan plan;
    world_plan(world, &plan, id, command);
    make_cgroups(world, id);
    pid_t pid = world_fork(world, launcher, id, &plan);
    plan_release(&plan);
    return pid;
}

static void finish(struct world *world, struct launcher *launcher)
{
    launcher_free(launcher);
    cgroup_remove(cgroup_fs_of(world), ROOT, NULL);
    assert_false(cgroup_exists(cgroup_fs_of(world), ROOT));
}

static void destroy_kills_everybody(void **state)
{
    static const char *const commands[] = {
        "echo > up; exec sleep 100",
        "(setsid sh -c 'echo > up; exec sleep 100' &); true",
        "trap '' TERM; sleep 100 & sleep 100 & setsid sleep 100 & echo > up; wait",
        "echo > up; kill -STOP $$",
        "echo > up; while :; do sleep 0.001 & done",
        "echo > up; true",
    };
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
        pid_t pid = start(world, launcher, "c1", commands[i]);
        free(world_await(world, "c1", "up"));
        assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
        assert_false(has_cgroup(world, "c1"));
        assert_int_equal(count_alive(world, pid), 0);
        _cleanup_free_ char *directory = str_printf("%s/c1", world->directory);
        host_tree_remove(world->host, directory, NULL);
    }
    finish(world, launcher);
}

/* The workload's own cgroups go too (LV2-25, FB-02). */
static void destroy_removes_what_the_workload_made(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    bool v2 = world->host->cgroups->unified;
    _cleanup_free_ char *own = v2 ? launcher_cgroup_leaf(ROOT, "c1") : launcher_cgroup(ROOT, "c1");
    _cleanup_free_ char *command = str_printf(
        "C=%s/%s; mkdir -p $C/foo/bar; (echo 0 > $C/foo/bar/cgroup.procs; exec sleep 100) & "
        "until [ \"$(cat $C/foo/bar/cgroup.procs)\" ]; do sleep 0.01; done; "
        "echo > up; exec sleep 100",
        cgroup_fs_of(world)->mount_point, own);
    pid_t pid = start(world, launcher, "c1", command);
    free(world_await(world, "c1", "up"));
    /* Recovery takes none of them for a container. */
    launcher_free(launcher);
    launcher = make_launcher(world);
    struct outcome outcome;
    const struct container_state known = {.id = "c1", .pid = pid};
    launcher_recover(launcher, &known, 1, outcome_strings(&outcome));
    assert_int_equal(strv_length(outcome.strings), 0);
    outcome_release(&outcome);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
    assert_false(has_cgroup(world, "c1"));
    assert_int_equal(count_alive(world, pid), 0);
    finish(world, launcher);
}

/* A new cgroup namespace begins at the container's cgroup, in each hierarchy that we have moved it
 * in: inside it is the root. */
static void a_cgroup_namespace_begins_at_the_container(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    struct plan plan;
    world_plan(world, &plan, "c1", "grep -E 'freezer|^0:' /proc/self/cgroup");
    plan.clone_namespaces = NS_BIT(NS_CGROUP);
    make_cgroups(world, "c1");
    world_wait(world, world_fork(world, launcher, "c1", &plan));
    _cleanup_free_ char *text = world_read(world, "c1", "stdout");
    assert_non_null(strstr(text, world->host->cgroups->unified ? "0::/\n" : ":freezer:/\n"));
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
    plan_release(&plan);
    finish(world, launcher);
}

static void two_destroys_at_once(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    start(world, launcher, "c1", "sleep 100");
    struct outcome first;
    struct outcome second;
    launcher_destroy(launcher, "c1", outcome_of(&first));
    launcher_destroy(launcher, "c1", outcome_of(&second));
    world_until(world, &first.done);
    world_until(world, &second.done);
    assert_true(first.result == 0 && second.result == 0);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0); /* LA-10 */
    finish(world, launcher);
}

static void nested_rules(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    _cleanup_err_ struct err err = ERR_INIT;
    struct plan plan;
    pid_t pid;
    int gate;
    world_plan(world, &plan, "p.c", "sleep 100");
    assert_int_equal(launcher_fork(launcher, "p.c", &plan, &pid, &gate, &err), -ENOENT);
    assert_string_equal(err.message, "fork p.c: unknown parent container p");
    plan.enter_namespaces = NS_BIT(NS_MNT); /* LA-07 */
    assert_int_equal(launcher_fork(launcher, "p", &plan, &pid, &gate, &err), -EINVAL);
    plan.enter_namespaces = 0;

    start(world, launcher, "p", "sleep 100");
    assert_int_equal(launcher_fork(launcher, "p", &plan, &pid, &gate, &err), -EEXIST);
    make_cgroups(world, "p.c");
    plan.enter_namespaces = NS_BIT(NS_USER); /* LA-05 */
    assert_int_equal(launcher_fork(launcher, "p.c", &plan, &pid, &gate, &err), -EINVAL);
    plan.enter_namespaces = 0;
    pid = world_fork(world, launcher, "p.c", &plan);
    assert_true(has_cgroup(world, "p.c"));
    struct process_info info;
    assert_int_equal(host_process_info(world->host, pid, &info), 0);
    assert_int_equal(info.ppid, getpid()); /* ours to reap */
    /* It makes its session on the way to its gate, where it need not be yet. */
    for (int i = 0; i < 5000 && info.sid != pid; i++) {
        usleep(1000);
        assert_int_equal(host_process_info(world->host, pid, &info), 0);
    }
    assert_int_equal(info.sid, pid);

    _cleanup_free_ char *message = NULL; /* LA-09 */
    assert_int_equal(world_destroy(world, launcher, "p", &message), -EBUSY);
    assert_string_equal(message, "destroy p: it has 1 nested containers");
    assert_int_equal(world_destroy(world, launcher, "p.c", NULL), 0);
    assert_false(is_alive(pid));
    world_wait(world, pid);
    assert_int_equal(world_destroy(world, launcher, "p", NULL), 0);
    plan_release(&plan);
    finish(world, launcher);
}

static void recovers_orphans(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    pid_t pid = start(world, launcher, "known", "sleep 100");
    start(world, launcher, "orphan", "sleep 100");
    start(world, launcher, "orphan.nested", "sleep 100");
    launcher_free(launcher);

    launcher = make_launcher(world);
    const struct container_state states[] = {
        {.id = "known", .pid = pid}, {.id = "gone", .pid = 1 << 29}};
    struct outcome outcome;
    launcher_recover(launcher, states, 2, outcome_strings(&outcome));
    assert_int_equal(outcome.result, 0);
    assert_int_equal(strv_length(outcome.strings), 2);
    assert_string_equal(outcome.strings[0], "orphan");
    assert_string_equal(outcome.strings[1], "orphan.nested");
    outcome_release(&outcome);

    struct container_status status = {0};
    assert_int_equal(launcher_status(launcher, "orphan", &status, NULL), 0);
    assert_false(status.executor_pid.set);
    _cleanup_err_ struct err err = ERR_INIT; /* LA-06 */
    struct plan plan;
    int gate;
    world_plan(world, &plan, "x", "true");
    assert_int_equal(launcher_fork(launcher, "orphan.other", &plan, &pid, &gate, &err), -ESRCH);
    plan_release(&plan);

    static const char *const order[] = {"orphan.nested", "orphan", "gone", "known"};
    for (size_t i = 0; i < ARRAY_SIZE(order); i++)
        assert_int_equal(world_destroy(world, launcher, order[i], NULL), 0);
    finish(world, launcher);
}

/* FB-05: a cgroup that is used or frozen already is refused, and stays as it was. */
static void refuses_a_used_cgroup(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    bool v2 = world->host->cgroups->unified;
    struct cgroup_fs *fs = cgroup_fs_of(world);
    pid_t pid = start(world, launcher, "c1", "sleep 100");
    launcher_free(launcher);
    launcher = make_launcher(world); /* which knows nothing of it */

    _cleanup_err_ struct err err = ERR_INIT;
    struct plan plan;
    pid_t other;
    int gate;
    world_plan(world, &plan, "c1", "true");
    assert_int_equal(launcher_fork(launcher, "c1", &plan, &other, &gate, &err), -EBUSY);
    assert_non_null(strstr(err.message, "already"));
    assert_true(is_alive(pid));

    _cleanup_free_ char *frozen =
        v2 ? launcher_cgroup_leaf(ROOT, "c2") : launcher_cgroup(ROOT, "c2");
    assert_int_equal(cgroup_create_recursive(fs, frozen, NULL), 0);
    assert_int_equal(cgroup_write(fs, frozen, v2 ? "cgroup.freeze" : "freezer.state",
                         v2 ? "1" : "FROZEN", NULL),
        0);
    assert_int_equal(launcher_fork(launcher, "c2", &plan, &other, &gate, &err), -EBUSY);
    assert_non_null(strstr(err.message, "frozen"));

    struct outcome outcome;
    launcher_recover(launcher, NULL, 0, outcome_strings(&outcome));
    assert_int_equal(strv_length(outcome.strings), 2);
    outcome_release(&outcome);
    assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
    assert_int_equal(world_destroy(world, launcher, "c2", NULL), 0);
    plan_release(&plan);
    finish(world, launcher);
}

static void nothing_leaks(void **state)
{
    struct world *world = *state;
    struct launcher *launcher = make_launcher(world);
    unsigned before = 0;
    for (int round = 0; round < 50; round++) {
        pid_t pid = start(world, launcher, "c1", round % 2 ? "sleep 100" : "true");
        if (round % 3 == 0)
            host_signal(world->host, pid, SIGKILL, NULL);
        assert_int_equal(world_destroy(world, launcher, "c1", NULL), 0);
        /* The hierarchy's inotify comes with the first destroy that has to wait. */
        if (round < 25 && count_descriptors() > before)
            before = count_descriptors();
    }
    assert_in_range(count_descriptors(), 0, before);
    finish(world, launcher);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
        #name " on v1", name, world_setup_v1, purge_and_teardown, NULL \
    },                                                                                             \
    {                                                                                              \
        #name " on v2", name, world_setup_v2, purge_and_teardown, NULL \
    }

int main(void)
{
    if (geteuid() != 0) {
        puts("skipped: needs root");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        TEST(destroy_kills_everybody),
        TEST(destroy_removes_what_the_workload_made),
        TEST(a_cgroup_namespace_begins_at_the_container),
        TEST(two_destroys_at_once),
        TEST(nested_rules),
        TEST(recovers_orphans),
        TEST(refuses_a_used_cgroup),
        TEST(nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
