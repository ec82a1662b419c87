/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of the real kernel: spawn, gate, status file, signals, exits, helper commands. */
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
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/launchers/child_wire.h"
#include "reference/launchers/tests/kernel_world.h"

#define ARGV(...) ((char *const *)(uintptr_t)(const char *const[]){__VA_ARGS__, NULL})

static void expect_file(
    const struct world *world, const char *name, const char *file, const char *expected)
{
    _cleanup_free_ char *text = world_read(world, name, file);
    assert_string_equal(text, expected);
}

/* The command's end is in the status file; the init's own says nothing. */
static void status_is_in_the_file(void **state)
{
    static const struct {
        const char *command;
        const char *status;
    } cases[] = {
        {"exit 0", "0"}, {"exit 3", "768"}, {"kill -9 $$", "9"}, {"kill -TERM $$", "15"}};
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct plan plan;
        world_plan(world, &plan, "c1", cases[i].command);
        pid_t pid = world_start(world, &plan);
        assert_int_equal(world_wait(world, pid), 0);
        expect_file(world, "c1", "status", cases[i].status);
        host_tree_remove(world->host, plan.runtime_directory, NULL);
        plan_release(&plan);
    }
}

static void closed_gate_ends_it(void **state)
{
    struct world *world = *state;
    struct plan plan;
    pid_t pid;
    int gate;
    world_plan(world, &plan, "c1", "touch ran");
    assert_int_equal(host_spawn(world->host, &plan, &pid, &gate, NULL), 0);
    assert_true(is_alive(pid));
    host_gate_close(world->host, gate);
    int status = world_wait(world, pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    expect_file(world, "c1", "status", "256");
    _cleanup_free_ char *ran = str_printf("%s/ran", plan.runtime_directory);
    assert_false(host_file_exists(world->host, ran));
    plan_release(&plan);
}

static void session_stdio_and_descriptors(void **state)
{
    struct world *world = *state;
    struct plan plan;
    int leak = open("/dev/null", O_RDONLY); /* not close-on-exec */
    assert_true(leak > STDERR_FILENO);
    world_plan(world, &plan, "c1",
        "ls -l /proc/self/fd | awk 'NR > 1 {print $9}' | sort -n | tr '\\n' ' ';"
        "set -- $(cat /proc/$$/stat); echo $6; pwd >&2; umask >&2");
    pid_t pid = world_start(world, &plan);
    world_wait(world, pid);
    /* 3 is what ls itself opens. */
    _cleanup_free_ char *expected = str_printf("0 1 2 3 %d\n", (int)pid);
    expect_file(world, "c1", "stdout", expected);
    _cleanup_free_ char *errors = str_printf("%s\n0022\n", plan.runtime_directory);
    expect_file(world, "c1", "stderr", errors);
    close(leak);
    plan_release(&plan);
}

static void environment_and_program(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1", "env");
    plan.info.environment_count = 2;
    plan.info.environment = mem_alloc(2 * sizeof(*plan.info.environment));
    plan.info.environment[0].name = str_dup("A");
    plan.info.environment[0].value = str_dup("first");
    plan.info.environment[1].name = str_dup("A");
    plan.info.environment[1].value = str_dup("last one");
    plan.info.command->shell = false; /* LA-19: found in the default PATH */
    world_wait(world, world_start(world, &plan));
    expect_file(world, "c1", "stdout", "A=last one\nPATH=" PLAN_DEFAULT_PATH "\n");
    plan_release(&plan);

    /* LA-18: a relative program of the working directory comes first. */
    world_plan(world, &plan, "c2", "env");
    plan.info.command->shell = false;
    _cleanup_free_ char *program = str_printf("%s/env", plan.runtime_directory);
    const char script[] = "#!/bin/sh\necho mine\n";
    host_file_write(world->host, program, script, strlen(script), 0755, NULL);
    world_wait(world, world_start(world, &plan));
    expect_file(world, "c2", "stdout", "mine\n");
    plan_release(&plan);
}

/* LA-17 and what ends a container before its command: exit code 1 with a message. */
static void stages_that_fail(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "dir", "pwd");
    str_set(&plan.info.working_directory, NULL);
    plan.info.working_directory = str_printf("%s/made/for/it", plan.runtime_directory);
    world_wait(world, world_start(world, &plan));
    _cleanup_free_ char *pwd = str_printf("%s\n", plan.info.working_directory);
    expect_file(world, "dir", "stdout", pwd);
    plan_release(&plan);

    world_plan(world, &plan, "user", "true");
    plan.info.user = str_dup("nobody-knows-this-user"); /* LA-22 */
    world_wait(world, world_start(world, &plan));
    expect_file(world, "user", "status", "256");
    _cleanup_free_ char *message = world_read(world, "user", "stderr");
    assert_non_null(strstr(message, "unknown user nobody-knows-this-user"));
    plan_release(&plan);

    world_plan(world, &plan, "exec", "/does/not/exist");
    plan.info.command->shell = false;
    world_wait(world, world_start(world, &plan));
    expect_file(world, "exec", "status", "256");
    _cleanup_free_ char *why = world_read(world, "exec", "stderr");
    assert_non_null(strstr(why, "execute /does/not/exist: No such file"));
    plan_release(&plan);

    world_plan(world, &plan, "limit", "true");
    plan.info.rlimits = mem_alloc(sizeof(*plan.info.rlimits));
    plan.info.rlimits->rlimits = mem_alloc(sizeof(*plan.info.rlimits->rlimits));
    plan.info.rlimits->rlimits_count = 1;
    plan.info.rlimits->rlimits[0].type = str_dup("RLMT_NOFILE");
    plan.info.rlimits->rlimits[0].soft = (struct opt_u64)OPT(10);
    world_wait(world, world_start(world, &plan));
    _cleanup_free_ char *bound = world_read(world, "limit", "stderr");
    assert_non_null(strstr(bound, "RLMT_NOFILE has only one bound"));
    plan_release(&plan);
}

static void pre_exec_commands_run_first(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1", "cat order");
    plan.info.pre_exec_commands_count = 2;
    plan.info.pre_exec_commands = mem_alloc(2 * sizeof(*plan.info.pre_exec_commands));
    plan.info.pre_exec_commands[0].shell = true;
    plan.info.pre_exec_commands[0].value =
        str_printf("echo one > %s/order", plan.runtime_directory);
    plan.info.pre_exec_commands[1].shell = true;
    plan.info.pre_exec_commands[1].value =
        str_printf("echo two >> %s/order", plan.runtime_directory);
    world_wait(world, world_start(world, &plan));
    expect_file(world, "c1", "stdout", "one\ntwo\n");
    str_set(&plan.info.pre_exec_commands[1].value, "exit 9");
    host_tree_remove(world->host, plan.runtime_directory, NULL);
    host_mkdir(world->host, plan.runtime_directory, 0755, true, NULL);
    world_wait(world, world_start(world, &plan));
    expect_file(world, "c1", "status", "256");
    _cleanup_free_ char *message = world_read(world, "c1", "stderr");
    assert_non_null(strstr(message, "pre-exec command exit 9 ended with status 9"));
    plan_release(&plan);
}

/* LA-14, LA-15, LA-16. */
static void init_forwards_reaps_and_waits(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1",
        "trap 'exit 7' TERM; (sleep 0.01 &); echo $$ > pid; while :; do sleep 0.02; done");
    pid_t pid = world_start(world, &plan);
    _cleanup_free_ char *text = world_await(world, "c1", "pid");
    pid_t command = (pid_t)strtol(text, NULL, 10);
    assert_int_equal(host_signal(world->host, command, SIGSTOP, NULL), 0);
    assert_true(is_alive(pid));
    assert_int_equal(host_signal(world->host, command, SIGCONT, NULL), 0);
    assert_int_equal(host_signal(world->host, pid, SIGTERM, NULL), 0);
    assert_int_equal(world_wait(world, pid), 0);
    expect_file(world, "c1", "status", "1792");
    plan_release(&plan);
}

static void killed_init_leaves_status_empty(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1", "echo x > up; exec sleep 100");
    pid_t pid = world_start(world, &plan);
    free(world_await(world, "c1", "up"));
    assert_int_equal(host_signal(world->host, pid, SIGKILL, NULL), 0);
    assert_int_equal(world_wait(world, pid), SIGKILL);
    expect_file(world, "c1", "status", "");
    assert_int_equal(count_alive(world, pid), 1); /* the command, which nobody told */
    kill(-pid, SIGKILL);
    plan_release(&plan);
}

static void stdio_follows_no_symlink(void **state)
{
    struct world *world = *state;
    struct plan plan;
    pid_t pid;
    int gate;
    _cleanup_err_ struct err err = ERR_INIT;
    world_plan(world, &plan, "c1", "echo gotcha");
    _cleanup_free_ char *victim = str_printf("%s/victim", world->directory);
    assert_int_equal(host_symlink(world->host, victim, plan.stdio[1], NULL), 0);
    assert_int_equal(host_spawn(world->host, &plan, &pid, &gate, &err), -ELOOP);
    assert_non_null(strstr(err.message, "stdout"));
    assert_false(host_file_exists(world->host, victim));
    plan_release(&plan);
}

static void never(void *arg, int result, bool status_known, int wait_status)
{
    (void)arg;
    (void)result;
    (void)status_known;
    (void)wait_status;
    fail_msg("a cancelled watch called");
}

static void count_end(void *arg, int result, bool status_known, int wait_status)
{
    assert_true(result == 0 && status_known && wait_status == 0);
    ++*(unsigned *)arg;
}

static void several_watch_one_end(void **state)
{
    struct world *world = *state;
    struct plan plan;
    world_plan(world, &plan, "c1", "read x < fifo");
    _cleanup_free_ char *fifo = str_printf("%s/fifo", plan.runtime_directory);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    pid_t pid = world_start(world, &plan);
    host_cancel(host_exit_watch(world->host, pid, never, NULL));
    unsigned seen = 0;
    host_exit_watch(world->host, pid, count_end, &seen);
    host_exit_watch(world->host, pid, count_end, &seen);
    int fd = open(fifo, O_WRONLY);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(world_wait(world, pid), 0);
    assert_int_equal(seen, 2);
    /* Nobody has that pid any more: told from the loop, without a status. */
    assert_int_equal(world_wait(world, pid), -1);
    assert_int_equal(host_signal(world->host, pid, 0, NULL), -ESRCH);
    plan_release(&plan);
}

struct answer {
    bool done;
    int result;
    struct run_result value;
    char *output;
    char *errors;
    char *message;
};

static void answered(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    answer->done = true;
    answer->result = result;
    if (value) {
        answer->value = *(const struct run_result *)value;
        answer->output = str_dup(answer->value.output);
        answer->errors = str_dup(answer->value.errors);
    }
    answer->message = str_dup(err_text(err));
}

static void run(struct world *world, const struct run_request *request, struct answer *answer)
{
    *answer = (struct answer){.done = false};
    host_run(world->host, request, DONE(answered, answer));
    world_until(world, &answer->done);
}

static void answer_release(struct answer *answer)
{
    free(answer->output);
    free(answer->errors);
    free(answer->message);
}

static void run_gives_output_and_status(void **state)
{
    struct world *world = *state;
    struct answer answer;
    char *const *argv = ARGV("sh", "-c", "cat; pwd >&2; exit 4");
    run(world, &(struct run_request){.argv = argv, .input = "hello", .directory = "/"}, &answer);
    assert_int_equal(answer.result, 0);
    assert_int_equal(WEXITSTATUS(answer.value.status), 4);
    assert_string_equal(answer.output, "hello");
    assert_string_equal(answer.errors, "/\n");
    assert_false(answer.value.truncated);
    answer_release(&answer);

    char *const *missing = ARGV("/no/such/program");
    run(world, &(struct run_request){.argv = missing}, &answer);
    assert_int_equal(answer.result, -ENOENT);
    assert_string_equal(answer.message, "run /no/such/program: ENOENT");
    answer_release(&answer);
}

static void run_is_bounded(void **state)
{
    struct world *world = *state;
    struct answer answer;
    char *const *much = ARGV("sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x");
    run(world, &(struct run_request){.argv = much, .max_output_bytes = 1000}, &answer);
    assert_int_equal(answer.value.output_length, 1000);
    assert_true(answer.value.truncated);
    answer_release(&answer);

    /* The whole group is killed, not the shell alone. */
    char *const *slow = ARGV("sh", "-c", "echo $$; sleep 100 & sleep 100");
    run(world, &(struct run_request){.argv = slow, .timeout_ns = 100 * NS_PER_MS}, &answer);
    assert_true(answer.value.timed_out);
    assert_int_equal(answer.value.status, SIGKILL);
    pid_t group = (pid_t)strtol(answer.output, NULL, 10);
    for (int i = 0; i < 1000 && count_alive(world, group) > 0; i++)
        usleep(1000);
    assert_int_equal(count_alive(world, group), 0);
    answer_release(&answer);
}

/* FB-10: somebody holds the output open. */
static void run_does_not_wait_for_end_of_file(void **state)
{
    struct world *world = *state;
    struct answer answer;
    char *const *argv = ARGV("sh", "-c", "setsid sleep 60 & echo $!");
    run(world, &(struct run_request){.argv = argv}, &answer);
    assert_int_equal(answer.value.status, 0);
    kill((pid_t)strtol(answer.output, NULL, 10), SIGKILL);
    answer_release(&answer);
}

static void helper_cannot_be_overwritten(void **state)
{
    struct world *world = *state;
    struct plan plan; /* LA-23 */
    world_plan(world, &plan, "c1", "echo broken > /proc/$PPID/exe; echo $?");
    world_wait(world, world_start(world, &plan));
    _cleanup_free_ char *text = world_read(world, "c1", "stdout");
    assert_string_not_equal(text, "0\n");
    plan_release(&plan);
    world_plan(world, &plan, "c2", "true");
    world_wait(world, world_start(world, &plan));
    expect_file(world, "c2", "status", "0");
    plan_release(&plan);
}

/* An agent that has gone leaves its children to somebody who reaps them. */
static void children_of_a_gone_agent_are_reaped(void **state)
{
    struct world *world = *state;
    struct plan plan;
    pid_t pid;
    int gate;
    world_plan(world, &plan, "c1", "true");
    assert_int_equal(host_spawn(world->host, &plan, &pid, &gate, NULL), 0);
    host_gone(world->host); /* which closes the gate */
    host_free(world->host);
    assert_int_equal(host_linux_new(world->loop, NULL, &world->options, &world->host, NULL), 0);
    struct process_info info;
    for (int i = 0; i < 5000 && host_process_info(world->host, pid, &info) == 0; i++) {
        count_alive(world, pid);
        usleep(1000);
    }
    assert_int_equal(host_process_info(world->host, pid, &info), -ESRCH);
    plan_release(&plan);
}

/* A container's directory may hold links by which the agent would make and cover things on the
 * host. */
static void below_a_base_no_link_is_followed(void **state)
{
    static const struct {
        const char *path;
        int result;
    } cases[] = {{"plain/deep", 0}, {"plain/deep", 0}, {"trap/made", -ENOTDIR}, {"trap", -ENOTDIR},
        {"plain/../../out", -EINVAL}, {"file", -ENOTDIR}};
    struct world *world = *state;
    _cleanup_free_ char *base = str_printf("%s/base", world->directory);
    _cleanup_free_ char *victim = str_printf("%s/victim", world->directory);
    _cleanup_free_ char *trap = str_printf("%s/trap", base);
    _cleanup_free_ char *made = str_printf("%s/made", victim);
    _cleanup_free_ char *file = str_printf("%s/file", base);
    assert_int_equal(host_mkdir(world->host, base, 0755, true, NULL), 0);
    assert_int_equal(host_mkdir(world->host, victim, 0755, true, NULL), 0);
    assert_int_equal(host_symlink(world->host, victim, trap, NULL), 0);
    assert_int_equal(host_file_write(world->host, file, "", 0, 0644, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(
            host_mkdir_below(world->host, base, cases[i].path, 0750, NULL), cases[i].result);
    assert_false(host_file_exists(world->host, made));
    assert_true(host_path_links(world->host, base, "trap/made"));
    assert_false(host_path_links(world->host, base, "plain/deep"));
    struct mount_entry entry = {.target = trap, .source = base, .flags = MS_BIND};
    assert_int_equal(host_mount_below(world->host, base, &entry, NULL), -ENOTDIR);
    assert_false(host_is_mounted(world->host, victim));
    _cleanup_free_ char *plain = str_printf("%s/plain", base);
    entry.target = plain;
    if (geteuid() == 0) {
        assert_int_equal(host_mount_below(world->host, base, &entry, NULL), 0);
        assert_true(host_is_mounted(world->host, plain));
        entry.flags |= MS_REMOUNT | MS_RDONLY;
        assert_int_equal(host_mount_below(world->host, base, &entry, NULL), 0);
        assert_int_equal(host_mkdir_below(world->host, base, "plain/x", 0755, NULL), -EROFS);
        assert_int_equal(host_unmount(world->host, plain, 0, NULL), 0);
    }
    host_tree_remove(world->host, base, NULL);
    host_tree_remove(world->host, victim, NULL);
}

static void nothing_leaks(void **state)
{
    struct world *world = *state;
    unsigned before = 0;
    for (int round = 0; round < 20; round++) {
        struct plan plan;
        pid_t pid;
        int gate;
        world_plan(world, &plan, "c1", "true");
        world_wait(world, world_start(world, &plan));
        host_spawn(world->host, &plan, &pid, &gate, NULL);
        host_gate_close(world->host, gate);
        world_wait(world, pid);
        struct answer answer;
        char *const *argv = ARGV("true");
        run(world, &(struct run_request){.argv = argv, .input = "x"}, &answer);
        answer_release(&answer);
        plan_release(&plan);
        if (round == 0)
            before = count_descriptors();
    }
    assert_int_equal(count_descriptors(), before);
}

static void facts_are_there(void **state)
{
    struct world *world = *state;
    const struct host_facts *facts = &world->host->facts;
    assert_true(facts->cpus > 0 && facts->memory_bytes > 0 && facts->page_bytes >= 4096);
    assert_true(facts->clock_ticks > 0 && facts->kernel);
    uint64_t own = 0;
    assert_int_equal(host_namespace_inode(world->host, getpid(), NS_MNT, &own), 0);
    assert_true(own > 0);
    assert_int_equal(host_namespace_inode(world->host, 1 << 30, NS_MNT, &own), -ESRCH); /* LA-03 */
    char *uuid = host_uuid(world->host, "test");
    assert_int_equal(strlen(uuid), 36);
    free(uuid);
}

/* "2" is neither "1" nor the beginning of "21", and a helper from before there were versions waits
 * for what nobody says. */
static void helper_of_another_version(void **state)
{
    static const struct {
        const char *helper;
        const char *message;
    } cases[] = {
        {"an old program", "speaks no version, and not " CHILD_WIRE_VERSION},
        {CHILD_WIRE_MARK "1", "speaks version 1, and not"},
        {CHILD_WIRE_MARK CHILD_WIRE_VERSION "1", "speaks version " CHILD_WIRE_VERSION "1, and"},
        {CHILD_WIRE_MARK, "speaks version , and not"},
    };
    struct world *world = *state;
    _cleanup_free_ char *helper = str_printf("%s/helper", world->directory);
    const struct host_linux_options options = {.init_helper = helper};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct host *host = NULL;
        assert_int_equal(host_file_write(world->host, helper, cases[i].helper,
                             strlen(cases[i].helper) + 1, 0755, NULL), 0);
        assert_int_equal(host_linux_new(world->loop, NULL, &options, &host, &err), -EPROTO);
        assert_non_null(strstr(err_text(&err), cases[i].message));
    }
}

/* The agent goes on while the new process executes the helper; who opens its gate hears of it. */
static void helper_that_is_no_program(void **state)
{
    struct world *world = *state;
    struct plan plan;
    struct host *host = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *helper = str_printf("%s/helper", world->directory);
    const struct host_linux_options options = {.init_helper = helper};
    pid_t pid = 0;
    int gate = -1;
    static const char text[] = CHILD_WIRE_MARK CHILD_WIRE_VERSION;
    assert_int_equal(host_file_write(world->host, helper, text, sizeof(text), 0755, NULL), 0);
    assert_int_equal(host_linux_new(world->loop, NULL, &options, &host, NULL), 0);
    world_plan(world, &plan, "text", "true");
    assert_int_equal(host_spawn(host, &plan, &pid, &gate, NULL), 0);
    assert_int_equal(host_gate_release(host, gate, &err), -ENOEXEC);
    assert_non_null(strstr(err_text(&err), "execute the init helper"));
    assert_int_equal(host_spawn(host, &plan, &pid, &gate, NULL), 0);
    host_gate_close(host, gate); /* asks for nothing, and leaves nothing */
    plan_release(&plan);
    host_crash(host);
    host_gone(host);
    host_free(host);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
#define TEST_OLD(name)                                                                             \
    {                                                                                              \
        #name " without pidfd and clone3", name, world_setup_old, world_teardown, NULL             \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(status_is_in_the_file),
        TEST(closed_gate_ends_it),
        TEST(session_stdio_and_descriptors),
        TEST(environment_and_program),
        TEST(stages_that_fail),
        TEST(pre_exec_commands_run_first),
        TEST(init_forwards_reaps_and_waits),
        TEST(killed_init_leaves_status_empty),
        TEST(stdio_follows_no_symlink),
        TEST(helper_of_another_version),
        TEST(helper_that_is_no_program),
        TEST(several_watch_one_end),
        TEST(run_gives_output_and_status),
        TEST(run_is_bounded),
        TEST(run_does_not_wait_for_end_of_file),
        TEST(helper_cannot_be_overwritten),
        TEST(children_of_a_gone_agent_are_reaped),
        TEST(below_a_base_no_link_is_followed),
        TEST(nothing_leaks),
        TEST(facts_are_there),
        TEST_OLD(status_is_in_the_file),
        TEST_OLD(init_forwards_reaps_and_waits),
        TEST_OLD(several_watch_one_end),
        TEST_OLD(run_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
