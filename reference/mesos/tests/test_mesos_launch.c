/* SPDX-License-Identifier: Apache-2.0 */
/* launch: its checks in their order, the launch info, checkpoints, failures (containerizer.md 1.1
 * to 1.3). */
#include "reference/mesos/tests/cmocka_head.h"

#include <errno.h>
#include <string.h>

#include "reference/mesos/checkpoint.h"


static void test_success_in_order(void **state)
{
    struct world *world = *state;
    world_run(world, "c1");
    _cleanup_free_ char *journal = world_journal(world);
    assert_string_equal(journal, "a.prepare c1, b.prepare c1, launcher.fork c1, a.isolate c1, "
                                 "b.isolate c1, fetcher.fetch c1");
    assert_true(world_process(world, "c1")->released);
    assert_true(world_exists(world, "/run/containers/c1/config"));
    assert_true(world_exists(world, "/run/containers/c1/launch_info"));
    assert_true(world_exists(world, "/run/containers/c1/standalone.marker"));
    assert_false(world_exists(world, "/run/containers/c1/force_destroy_on_recovery"));
}

/* MC-21 */
static void test_already_launched(void **state)
{
    struct world *world = *state;
    world_run(world, "c1");
    world_forget(world);
    struct answer answer = {0};
    struct container_config config = world_config("false");
    world_launch(world, "c1", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_ALREADY_LAUNCHED);
    assert_null(world->journal);
    assert_string_equal(world_phase(world, "c1"), "RUNNING");
    answer_release(&answer);
}

/* MC-22 */
static void test_docker_is_not_supported(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    struct container_config config = world_config("true");
    struct container_info info = {.type = CONTAINER_TYPE_DOCKER};
    config.container_info = &info;
    world_launch(world, "c1", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_NOT_SUPPORTED);
    assert_false(world_exists(world, "/run/containers/c1"));
    assert_string_equal(world_phase(world, "c1"), "unknown");
    answer_release(&answer);
}

static void refused(struct world *world, const char *id, const struct container_config *config,
    const char *pid_path, const char *message)
{
    struct answer answer = {0};
    containerizer_launch(
        world->containerizer, id, config, NULL, 0, pid_path, answer_launch(&answer));
    world_settle(world);
    assert_int_equal(answer.count, 1);
    assert_true(answer.result < 0);
    assert_contains(answer.message, message);
    assert_string_equal(world_phase(world, id), "unknown");
    answer_release(&answer);
}

/* NE-31, NE-32 */
static void test_nested_checks(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    refused(world, "p.c", &config, NULL, "launch p.c: its parent p is not known");
    world_run(world, "p");
    struct executor_info executor = {0};
    struct task_info task = {0};
    config.executor_info = &executor;
    refused(world, "p.c", &config, NULL, "may not have a task_info");
    config.executor_info = NULL;
    config.task_info = &task;
    refused(world, "p.c", &config, NULL, "may not have a task_info");
    config.task_info = NULL;
    refused(world, "p.c", &config, "/work/pid", "does not checkpoint the pid");
    world_hold(world, "launcher.destroy");
    containerizer_destroy(world->containerizer, "p", DONE_NONE);
    refused(world, "p.c", &config, NULL, "its parent p is being destroyed");
    world_release_call(world, "launcher.destroy");
    refused(world, "a/b", &config, NULL, "launch a/b: ");
    refused(world, "..", &config, NULL, "launch ..: ");
}

static void test_nested_needs_the_sandbox_of_the_root(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.directory = NULL;
    world_launch(world, "p", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_SUCCESS);
    refused(world, "p.c", &config, NULL, "the sandbox of its root p is not known");
    answer_release(&answer);
}

/* NE-02, NE-33 */
static void test_nested_inherits(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct executor_info executor = {.executor_id = (char *)"e1"};
    struct answer answer = {0};
    config.user = (char *)"alice";
    config.executor_info = &executor;
    world_launch(world, "p", &config, &answer);
    assert_int_equal(answer.outcome, LAUNCH_SUCCESS);
    struct container_config nested = world_config("true");
    nested.directory = (char *)"/elsewhere";
    world_launch(world, "p.c", &nested, &answer);
    assert_int_equal(answer.result, 0);
    struct vfs_info info;
    assert_int_equal(
        vfs_info(world->outside.vfs, "/sandbox/containers/c", true, &info), 0);
    assert_int_equal(info.uid, 1000);
    assert_int_equal(info.mode & 0777, 0750);
    const struct double_process *process = world_process(world, "p.c");
    assert_string_equal(process->user, "alice");
    assert_string_equal(process->working_directory, "/sandbox/containers/c");
    _cleanup_free_ char *text = world_read(world, "/run/containers/p/containers/c/config");
    assert_contains(text, "\"executor_id\":\"e1\"");
    assert_contains(text, "\"directory\":\"/sandbox/containers/c\"");
    assert_false(world_exists(world, "/run/containers/p/standalone.marker"));
    assert_int_equal(vfs_info(world->outside.vfs, "/sandbox/containers/c/stdout", true, &info), 0);
    assert_int_equal(info.uid, 1000);
    answer_release(&answer);
}

static void test_failed_preparation_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    world_run(world, "p");
    config.user = (char *)"nobody-knows";
    refused(world, "p.c", &config, NULL, "launch p.c: no such user: nobody-knows");
    assert_false(world_exists(world, "/run/containers/p/containers/c"));
    assert_false(world_exists(world, "/sandbox/containers/c"));
}

/* A directory left by an earlier container of the same id is not taken for this one's. */
static void test_stale_runtime_directory(void **state)
{
    struct world *world = *state;
    world_write(world, "/run/containers/c1/status", "42");
    world_write(world, "/run/containers/c1/termination", "{}");
    world_run(world, "c1");
    assert_false(world_exists(world, "/run/containers/c1/termination"));
}

static void test_debug_is_marked(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer answer = {0};
    world_run(world, "p");
    config.container_class = CONTAINER_CLASS_DEBUG;
    world_launch(world, "p.d", &config, &answer);
    assert_int_equal(answer.result, 0);
    assert_true(world_exists(world, "/run/containers/p/containers/d/force_destroy_on_recovery"));
    answer_release(&answer);
}

/* Each failing part fails the launch, and the container stays in its phase for its destroy. */
static void test_failing_parts(void **state)
{
    (void)state;
    static const struct {
        const char *call;
        const char *phase; /* before the destroy; "unknown": its child's end destroys it */
        const char *message;
    } cases[] = {
        {"a.prepare", "PREPARING", "launch c1: isolator a: broken"},
        {"b.prepare", "PREPARING", "launch c1: isolator b: broken"},
        {"launcher.fork", "PREPARING", "launch c1: fork: broken"},
        {"a.isolate", "unknown", "launch c1: isolator a: broken"},
        {"fetcher.fetch", "unknown", "launch c1: fetch: broken"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world = {0};
        world_init(&world);
        world_fail(&world, cases[i].call, "broken");
        struct answer answer = {0};
        struct answer end = {0};
        struct container_config config = world_config("true");
        world_launch(&world, "c1", &config, &answer);
        assert_int_equal(answer.count, 1);
        assert_true(answer.result < 0);
        assert_string_equal(answer.message, cases[i].message);
        assert_string_equal(world_phase(&world, "c1"), cases[i].phase);
        containerizer_destroy(world.containerizer, "c1", answer_termination(&end));
        world_settle(&world);
        assert_int_equal(end.count, 1);
        assert_int_equal(end.result, 0);
        assert_false(world_exists(&world, "/run/containers/c1"));
        assert_int_equal(double_processes_alive(&world.outside), 0);
        assert_int_equal(world_count(&world, "a.cleanup c1"), 1);
        answer_release(&answer);
        answer_release(&end);
        world_release(&world);
    }
}

static struct image image = {.type = (char *)"DOCKER", .name = (char *)"alpine", .cached = true};
static struct mesos_info mesos_info = {&image};
static struct container_info image_info = {.type = CONTAINER_TYPE_MESOS, .mesos = &mesos_info};

/* MC-14 */
static void test_provision(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.container_info = &image_info;
    world_fail(world, "provisioner.provision", "no registry");
    world_launch(world, "c1", &config, &answer);
    assert_string_equal(answer.message, "launch c1: provision: no registry");
    assert_string_equal(world_phase(world, "c1"), "PROVISIONING");
    containerizer_destroy(world->containerizer, "c1", answer_termination(&answer));
    assert_int_equal(answer.result, 0);
    assert_int_equal(world_count(world, "a.cleanup"), 0);
    world_fail(world, "provisioner.provision", NULL);
    world_launch(world, "c2", &config, &answer);
    assert_int_equal(answer.result, 0);
    const struct double_process *process = world_process(world, "c2");
    assert_string_equal(process->working_directory, "/mnt/mesos/sandbox");
    assert_contains(process->environment, "MESOS_SANDBOX=/mnt/mesos/sandbox");
    answer_release(&answer);
}

static void test_manifests(void **state)
{
    struct world *world = *state;
    char *volumes[] = {(char *)"/upper", NULL};
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.container_info = &image_info;
    world->provision.ephemeral_volumes = volumes;
    world->provision.docker_manifest = json_pack("{s:s}", "id", "x");
    world_launch(world, "c1", &config, &answer);
    assert_int_equal(answer.result, 0);
    _cleanup_free_ char *text = world_read(world, "/run/containers/c1/config");
    assert_contains(text, "\"docker\":{\"manifest\":{\"id\":\"x\"}}");
    assert_contains(text, "\"ephemeral_volumes\":[\"/upper\"]");
    world->provision.appc_manifest = json_incref(world->provision.docker_manifest);
    world_launch(world, "c2", &config, &answer);
    assert_string_equal(
        answer.message, "launch c2: provision: both a docker and an appc manifest");
    json_decref(world->provision.docker_manifest);
    json_decref(world->provision.appc_manifest);
    answer_release(&answer);
}

static void test_without_provisioner(void **state)
{
    struct world *world = *state;
    world->without_provisioner = true;
    world_restart(world);
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.container_info = &image_info;
    world_launch(world, "c1", &config, &answer);
    assert_contains(answer.message, "launch c1: provision: image alpine: no image provider");
    containerizer_destroy(world->containerizer, "c1", DONE_NONE);
    world_run(world, "c1");
    containerizer_destroy(world->containerizer, "c1", answer_termination(&answer));
    world_settle(world);
    assert_int_equal(answer.result, 0);
    answer_release(&answer);
}

/* MC-32 */
static void test_pid_checkpoints(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer answer = {0};
    world_write(world, "/work/meta/x", "");
    containerizer_launch(world->containerizer, "c1", &config, NULL, 0, "/work/meta/forked.pid",
        answer_launch(&answer));
    assert_int_equal(answer.result, 0);
    _cleanup_free_ char *agents = world_read(world, "/work/meta/forked.pid");
    _cleanup_free_ char *own = world_read(world, "/run/containers/c1/pid");
    assert_string_equal(agents, own);
    answer_release(&answer);
}

/* MC-23, the sane side: the child exits, and the launcher is told. */
static void test_pid_checkpoint_fails(void **state)
{
    struct world *world = *state;
    struct container_config config = world_config("true");
    struct answer answer = {0};
    struct answer end = {0};
    containerizer_launch(world->containerizer, "c1", &config, NULL, 0, "/missing/forked.pid",
        answer_launch(&answer));
    assert_contains(answer.message, "launch c1: write /missing/forked.pid");
    assert_string_equal(world_phase(world, "c1"), "PREPARING");
    assert_false(world_exists(world, "/run/containers/c1/pid"));
    containerizer_destroy(world->containerizer, "c1", answer_termination(&end));
    world_settle(world);
    assert_int_equal(end.result, 0);
    assert_int_equal(end.termination.status.value, 1 << 8);
    assert_int_equal(world_count(world, "launcher.destroy c1"), 1);
    assert_int_equal(world_count(world, "a.isolate"), 0);
    assert_int_equal(world_count(world, "a.cleanup c1"), 1);
    answer_release(&answer);
    answer_release(&end);
}

/* --- launch info --- */

static struct environment_variable variable(const char *name, const char *value)
{
    return (struct environment_variable){.name = (char *)name, .value = (char *)value};
}

/* MC-08, MC-43, MC-44 */
static void test_environment(void **state)
{
    struct world *world = *state;
    struct environment_variable given[] = {variable("A", "given"), variable("B", "given")};
    struct environment_variable of_isolator[] = {
        variable("B", "isolator"), variable("C", "isolator"), variable("S", "resolved")};
    struct environment_variable of_command[] = {variable("C", "command"), variable("S", NULL)};
    of_command[1].type = (char *)"SECRET";
    struct launch_info info = {.environment = of_isolator, .environment_count = 3};
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.command_info.environment = of_command;
    config.command_info.environment_count = 2;
    world->info_b = &info;
    containerizer_launch(
        world->containerizer, "c1", &config, given, 2, NULL, answer_launch(&answer));
    assert_int_equal(answer.result, 0);
    const char *environment = world_process(world, "c1")->environment;
    assert_contains(environment, "A=given");
    assert_contains(environment, "B=isolator");
    assert_contains(environment, "C=command");
    assert_contains(environment, "S=resolved");
    assert_contains(environment, "MESOS_SANDBOX=/sandbox");
    answer_release(&answer);
}

/* MC-35, MC-36, and what else isolators may not do. */
static void test_isolators_that_disagree(void **state)
{
    (void)state;
    struct capability_info capabilities = {0};
    struct rlimit_info rlimits = {0};
    struct command_info command = {.value = (char *)"x"};
    struct task_info task = {0};
    const struct {
        struct launch_info a;
        struct launch_info b;
        struct task_info *task;
        const char *message; /* NULL: fine */
    } cases[] = {
        {{.rootfs = (char *)"/"}, {0}, NULL, "isolator a: may not set rootfs"},
        {{0}, {.user = (char *)"u"}, NULL, "isolator b: may not set user"},
        {{.working_directory = (char *)"/a"}, {.working_directory = (char *)"/b"}, NULL,
            "isolator b: working_directory was set by another isolator before"},
        {{.effective_capabilities = &capabilities}, {.effective_capabilities = &capabilities},
            NULL, "isolator b: effective_capabilities"},
        {{.rlimits = &rlimits}, {.rlimits = &rlimits}, NULL, "isolator b: rlimits"},
        {{.tty_slave_path = (char *)"/t"}, {.tty_slave_path = (char *)"/t"}, NULL,
            "isolator b: tty_slave_path"},
        {{.command = &command}, {0}, &task, "isolator a: may only add arguments"},
        {{.command = &command}, {0}, NULL, NULL},
        {{.working_directory = (char *)"/a"}, {.rlimits = &rlimits}, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct world world = {0};
        world_init(&world);
        struct launch_info a = cases[i].a;
        struct launch_info b = cases[i].b;
        struct container_config config = world_config("true");
        struct answer answer = {0};
        config.task_info = cases[i].task;
        world.info_a = &a;
        world.info_b = &b;
        world_launch(&world, "c1", &config, &answer);
        if (cases[i].message)
            assert_contains(answer.message, cases[i].message);
        else
            assert_int_equal(answer.result, 0);
        assert_int_equal(world_count(&world, "b.prepare c1"), 1);
        answer_release(&answer);
        world_release(&world);
    }
}

static void test_namespaces_are_sets(void **state)
{
    struct world *world = *state;
    char *of_a[] = {(char *)"pid", (char *)"mnt", NULL};
    char *of_b[] = {(char *)"mnt", (char *)"ipc", NULL};
    char *groups_a[] = {(char *)"20", (char *)"10", NULL};
    char *groups_b[] = {(char *)"10", NULL};
    struct launch_info a = {.clone_namespaces = of_a, .supplementary_groups = groups_a};
    struct launch_info b = {.clone_namespaces = of_b, .supplementary_groups = groups_b};
    world->info_a = &a;
    world->info_b = &b;
    world_run(world, "c1");
    assert_int_equal(world_process(world, "c1")->plan.clone_namespaces,
        NS_BIT(NS_PID) | NS_BIT(NS_MNT) | NS_BIT(NS_IPC));
    _cleanup_free_ char *text = world_read(world, "/run/containers/c1/launch_info");
    assert_contains(text, "\"clone_namespaces\":[\"ipc\",\"mnt\",\"pid\"]");
    assert_contains(text, "\"supplementary_groups\":[\"10\",\"20\"]");
}

static void test_unknown_namespace(void **state)
{
    struct world *world = *state;
    char *names[] = {(char *)"time", NULL};
    struct launch_info a = {.clone_namespaces = names};
    struct container_config config = world_config("true");
    struct answer answer = {0};
    world->info_a = &a;
    world_launch(world, "c1", &config, &answer);
    assert_string_equal(answer.message, "launch c1: there is no namespace \"time\"");
    answer_release(&answer);
}

/* MC-45 */
static void test_working_directory_without_rootfs(void **state)
{
    struct world *world = *state;
    struct launch_info a = {.working_directory = (char *)"/escape"};
    world->info_a = &a;
    world_run(world, "c1");
    assert_string_equal(world_process(world, "c1")->working_directory, "/sandbox");
}

static void test_command_of_an_isolator(void **state)
{
    struct world *world = *state;
    char *arguments[] = {(char *)"sh", (char *)"-x", NULL};
    struct command_info command = {.value = (char *)"/bin/sh", .arguments = arguments};
    struct launch_info a = {.command = &command};
    world->info_a = &a;
    world_run(world, "c1");
    assert_string_equal(world_process(world, "c1")->command, "sh -x");
}

/* MESOS-7909: the executor's command first, then what isolators add, then the extras. */
static void test_command_task(void **state)
{
    struct world *world = *state;
    char *executor[] = {(char *)"mesos-executor", (char *)"--launcher_dir=/l", NULL};
    char *added[] = {(char *)"--working_directory=/w", NULL};
    char *groups[] = {(char *)"7", (char *)"5", NULL};
    struct environment_variable task_environment[] = {
        variable("T", "first"), variable("U", "u"), variable("T", "last")};
    struct command_info command = {.arguments = added};
    struct launch_info a = {.command = &command,
        .task_environment = task_environment,
        .task_environment_count = 3,
        .task_supplementary_groups = groups};
    struct container_config config = world_config("mesos-executor");
    struct task_info task = {0};
    struct answer answer = {0};
    config.command_info.shell = false;
    config.command_info.arguments = executor;
    config.task_info = &task;
    config.container_info = &image_info;
    config.user = (char *)"alice";
    world->info_a = &a;
    world_launch(world, "c1", &config, &answer);
    assert_int_equal(answer.result, 0);
    const struct double_process *process = world_process(world, "c1");
    assert_string_equal(process->command,
        "mesos-executor --launcher_dir=/l --working_directory=/w "
        "--task_environment={\"variables\":[{\"name\":\"U\",\"value\":\"u\"},"
        "{\"name\":\"T\",\"value\":\"last\"}]} --task_supplementary_groups=5,7 --rootfs=/rootfs");
    assert_string_equal(process->user, "root");
    assert_string_equal(process->working_directory, "/sandbox");
    struct vfs_info info;
    assert_int_equal(vfs_info(world->outside.vfs, "/sandbox/stdout", true, &info), 0);
    assert_int_equal(info.uid, 1000);
    answer_release(&answer);
}

/* --- DEBUG --- */

static void launch_debug(struct world *world, struct answer *answer)
{
    struct container_config config = world_config("true");
    config.container_class = CONTAINER_CLASS_DEBUG;
    world_launch(world, "p.d", &config, answer);
}

/* NE-04, NE-05, NE-06 */
static void test_debug_inherits(void **state)
{
    struct world *world = *state;
    struct environment_variable of_parent[] = {variable("P", "parent")};
    struct container_config config = world_config("true");
    struct answer answer = {0};
    config.command_info.environment = of_parent;
    config.command_info.environment_count = 1;
    world_launch(world, "p", &config, &answer);
    for (unsigned round = 0; round < 2; round++) {
        launch_debug(world, &answer);
        assert_int_equal(answer.result, 0);
        const struct double_process *process = world_process(world, "p.d");
        assert_contains(process->environment, "P=parent");
        assert_contains(process->environment, "MESOS_SANDBOX=/sandbox");
        assert_null(strstr(process->environment, "/sandbox/containers"));
        assert_string_equal(process->working_directory, "/sandbox");
        world_restart(world);
        containerizer_recover(world->containerizer, NULL, answer_plain(&answer));
        world_settle(world);
        assert_int_equal(answer.result, 0);
        assert_string_equal(world_phase(world, "p.d"), "unknown");
        assert_string_equal(world_phase(world, "p"), "RUNNING");
    }
    answer_release(&answer);
}

static void launch_command_task(struct world *world, const char *working_directory)
{
    char *arguments[] = {(char *)"executor", (char *)working_directory, NULL};
    struct container_config config = world_config("executor");
    struct task_info task = {0};
    struct answer answer = {0};
    config.command_info.shell = false;
    config.command_info.arguments = arguments;
    config.task_info = &task;
    config.container_info = &image_info;
    world_launch(world, "p", &config, &answer);
    assert_int_equal(answer.result, 0);
    answer_release(&answer);
}

static void test_debug_of_a_command_task(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    launch_command_task(world, "--working_directory=/in/task");
    launch_debug(world, &answer);
    assert_string_equal(world_process(world, "p.d")->working_directory, "/in/task");
    answer_release(&answer);
}

static void test_debug_of_a_command_task_without_directory(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    launch_command_task(world, NULL);
    launch_debug(world, &answer);
    assert_string_equal(world_process(world, "p.d")->working_directory, "/mnt/mesos/sandbox");
    answer_release(&answer);
}

/* NE-09, NE-10: which process' mount namespace the helper enters. */
static void test_debug_mount_namespace(void **state)
{
    struct world *world = *state;
    struct answer answer = {0};
    char *enter[] = {(char *)"mnt", (char *)"pid", NULL};
    struct launch_info info = {.enter_namespaces = enter};
    launch_command_task(world, NULL);
    pid_t init = world_pid(world, "p");
    world->info_a = &info;
    launch_debug(world, &answer);
    assert_contains(answer.message, "enter the mount namespace of its parent: pid");
    containerizer_destroy(world->containerizer, "p.d", DONE_NONE);

    double_process_add(&world->outside, 500, init); /* the executor */
    double_process_add(&world->outside, 501, 500);
    launch_debug(world, &answer);
    assert_int_equal(world_process(world, "p.d")->plan.mount_namespace_pid, init);
    assert_int_equal(world_process(world, "p.d")->plan.enter_namespaces, NS_BIT(NS_PID));
    containerizer_destroy(world->containerizer, "p.d", DONE_NONE);
    world_settle(world);

    double_process_find(&world->outside, 501)->mount_namespace = 2;
    double_process_add(&world->outside, 502, 501)->mount_namespace = 3; /* the task's own */
    launch_debug(world, &answer);
    assert_int_equal(world_process(world, "p.d")->plan.mount_namespace_pid, 501);
    containerizer_destroy(world->containerizer, "p.d", DONE_NONE);
    world_settle(world);

    double_process_add(&world->outside, 503, 500)->mount_namespace = 4;
    launch_debug(world, &answer);
    assert_contains(answer.message, "2 processes below pid");
    answer_release(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_success_in_order),
        WORLD_TEST(test_already_launched),
        WORLD_TEST(test_docker_is_not_supported),
        WORLD_TEST(test_nested_checks),
        WORLD_TEST(test_nested_needs_the_sandbox_of_the_root),
        WORLD_TEST(test_nested_inherits),
        WORLD_TEST(test_failed_preparation_leaves_nothing),
        WORLD_TEST(test_stale_runtime_directory),
        WORLD_TEST(test_debug_is_marked),
        cmocka_unit_test(test_failing_parts),
        WORLD_TEST(test_provision),
        WORLD_TEST(test_manifests),
        WORLD_TEST(test_without_provisioner),
        WORLD_TEST(test_pid_checkpoints),
        WORLD_TEST(test_pid_checkpoint_fails),
        WORLD_TEST(test_environment),
        cmocka_unit_test(test_isolators_that_disagree),
        WORLD_TEST(test_namespaces_are_sets),
        WORLD_TEST(test_unknown_namespace),
        WORLD_TEST(test_working_directory_without_rootfs),
        WORLD_TEST(test_command_of_an_isolator),
        WORLD_TEST(test_command_task),
        WORLD_TEST(test_debug_inherits),
        WORLD_TEST(test_debug_of_a_command_task),
        WORLD_TEST(test_debug_of_a_command_task_without_directory),
        WORLD_TEST(test_debug_mount_namespace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
