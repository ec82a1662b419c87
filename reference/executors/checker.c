/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/checker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/process_tree.h"

#define OUTPUT_MAX_BYTES 65536
#define DEFAULT_PATH "/"

struct checker {
    struct host *host;
    struct task_check check;
    const struct check_place *place;
    checker_fn fn;
    void *arg;
    struct host_request *timer; /* of the next attempt, or of the timeout of this one */
    pid_t pid;                  /* of the command of this attempt; 0: none */
    struct host_request *exit;
    struct host_request *run;
};

static uint64_t seconds_ns(double seconds)
{
    double ns = seconds * (double)NS_PER_SEC;
    return ns < 1e18 ? (uint64_t)ns : UINT64_C(1000000000000000000);
}

static void attempt_due(void *arg, int result);

static void attempt_after(struct checker *checker, double seconds)
{
    checker->timer = host_timer(checker->host, seconds_ns(seconds), attempt_due, checker);
}

/* The interval is from the end of one attempt to the begin of the next. fn may free the checker. */
static void attempt_ended(struct checker *checker, const struct check_result *result)
{
    host_cancel(checker->timer);
    attempt_after(checker, checker->check.interval_seconds);
    checker->fn(checker->arg, result);
}

static void attempt_failed(struct checker *checker, const char *why)
{
    log_warning("%s check: %s", task_check_type_names[checker->check.type], why);
    attempt_ended(checker, &(struct check_result){.known = false});
}

/* --- COMMAND: a process --- */

static void reaped(void *arg, int result, bool status_known, int wait_status)
{
    (void)arg, (void)result, (void)status_known, (void)wait_status;
}

/* Kills the command with all that it has brought forth, and lets it be reaped. */
static void command_kill(struct checker *checker)
{
    if (checker->pid == 0)
        return;
    process_tree_signal(checker->host, checker->pid, SIGKILL);
    host_cancel(checker->exit);
    checker->exit = NULL;
    host_exit_watch(checker->host, checker->pid, reaped, NULL);
    checker->pid = 0;
}

static void command_timed_out(void *arg, int result)
{
    struct checker *checker = arg;
    checker->timer = NULL;
    if (result < 0)
        return;
    command_kill(checker);
    attempt_failed(checker, "it took too long");
}

/* A command that was killed gives no exit code: that is an error (upstream aborts, quirk). */
static void command_ended(void *arg, int result, bool status_known, int wait_status)
{
    struct checker *checker = arg;
    checker->exit = NULL;
    if (result == -ESHUTDOWN)
        return;
    checker->pid = 0;
    if (result < 0 || !status_known || !WIFEXITED(wait_status))
        attempt_failed(checker, "the command has no exit status");
    else
        attempt_ended(checker,
            &(struct check_result){.known = true, .value = WEXITSTATUS(wait_status)});
}

static void add_variables(
    struct launch_info *info, const struct environment_variable *from, size_t count)
{
    size_t total = info->environment_count + count;
    info->environment =
        mem_realloc(info->environment, (total + 1) * sizeof(*info->environment));
    for (size_t i = 0; i < count; i++) {
        struct environment_variable *variable = &info->environment[info->environment_count++];
        *variable = (struct environment_variable){0};
        json_type_copy(&environment_variable_json, variable, &from[i]);
    }
}

/* `docker exec …` and the command behind it, as arguments of one command. */
static void prefix_command(struct command_info *command, char *const *prefix)
{
    char **arguments = strv_copy(prefix);
    if (command->shell) {
        strv_add(&arguments, "sh");
        strv_add(&arguments, "-c");
        strv_add(&arguments, command->value);
    } else {
        /* the value and then all arguments (executors.md 4.1) */
        strv_add(&arguments, command->value);
        for (size_t i = 0; command->arguments && command->arguments[i]; i++)
            strv_add(&arguments, command->arguments[i]);
    }
    command->shell = false;
    str_set(&command->value, prefix[0]);
    strv_free(command->arguments);
    command->arguments = arguments;
}

static void command_plan(const struct checker *checker, struct plan *plan)
{
    const struct check_place *place = checker->place;
    const struct command_info *command = checker->check.command;
    plan_init(plan);
    plan->container_id = str_dup("check");
    plan->stdio_fds[1] = plan->stdio_fds[2] = 2;
    plan->mount_namespace_pid = place->mount_namespace_pid;
    /* The task's init may not have changed its root yet. */
    plan->mount_namespace_rooted = place->mount_namespace_pid > 0;
    plan->info.working_directory = str_dup(place->directory);
    plan->info.command = mem_alloc(sizeof(*plan->info.command));
    json_type_copy(&command_info_json, plan->info.command, command);
    if (place->command_prefix)
        prefix_command(plan->info.command, place->command_prefix);
    add_variables(&plan->info, place->environment, place->environment_count);
    add_variables(&plan->info, command->environment, command->environment_count);
}

static void attempt_command(struct checker *checker)
{
    struct plan plan;
    int gate = -1;
    _cleanup_err_ struct err err = ERR_INIT;
    command_plan(checker, &plan);
    int r = host_spawn(checker->host, &plan, &checker->pid, &gate, &err);
    plan_release(&plan);
    if (r == 0) {
        checker->exit = host_exit_watch(checker->host, checker->pid, command_ended, checker);
        r = host_gate_release(checker->host, gate, &err);
        host_gate_close(checker->host, gate);
    }
    if (r < 0) {
        command_kill(checker);
        attempt_failed(checker, err_text(&err));
    } else if (checker->check.timeout_seconds > 0) {
        checker->timer = host_timer(checker->host, seconds_ns(checker->check.timeout_seconds),
            command_timed_out, checker);
    }
}

/* --- HTTP and TCP: helper programs --- */

static bool http_code(const struct run_result *run, int64_t *ret_code)
{
    char *end = NULL;
    long code = strtol(run->output, &end, 10);
    *ret_code = code;
    return WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0 && end != run->output &&
        *end == '\0';
}

static void helper_ended(void *arg, int code, const void *value, const struct err *err)
{
    struct checker *checker = arg;
    const struct run_result *run = value;
    checker->run = NULL;
    struct check_result result = {.known = true};
    if (code == -ESHUTDOWN)
        return;
    if (code < 0) {
        attempt_failed(checker, err_text(err));
    } else if (run->timed_out) {
        attempt_failed(checker, "it took too long");
    } else if (checker->check.type == CHECK_TCP) {
        result.value = WIFEXITED(run->status) && WEXITSTATUS(run->status) == 0;
        attempt_ended(checker, &result);
    } else if (http_code(run, &result.value)) {
        attempt_ended(checker, &result);
    } else {
        attempt_failed(checker, run->errors[0] ? run->errors : "curl gave no status code");
    }
}

static char **http_arguments(const struct check_http *http)
{
    const char *scheme = http->scheme ? http->scheme : "http";
    const char *host = str_equal(http->protocol, "IPV6") ? "[::1]" : "127.0.0.1";
    static const char *const options[] = {
        "-s", "-S", "-L", "-k", "-w", "%{http_code}", "-o", "/dev/null", "-g", NULL};
    char **arguments = NULL;
    strv_add(&arguments, "curl");
    for (size_t i = 0; options[i]; i++)
        strv_add(&arguments, options[i]);
    strv_add_owned(&arguments, str_printf("%s://%s:%ld%s", scheme, host, (long)http->port.value,
                                   http->path ? http->path : DEFAULT_PATH));
    return arguments;
}

static char **tcp_arguments(const struct checker *checker)
{
    char **arguments = NULL;
    strv_add_owned(
        &arguments, str_printf("%s/mesos-tcp-connect", checker->place->launcher_dir));
    strv_add(&arguments, "--ip=127.0.0.1");
    strv_add_owned(
        &arguments, str_printf("--port=%ld", (long)checker->check.tcp->port.value));
    return arguments;
}

/* nsenter(1) in front, when the container has a network of its own. */
static char **enter_network(pid_t pid, char **arguments)
{
    if (pid == 0)
        return arguments;
    char **all = NULL;
    strv_add(&all, "nsenter");
    strv_add_owned(&all, str_printf("--target=%d", (int)pid));
    strv_add(&all, "--net");
    strv_add(&all, "--");
    for (size_t i = 0; arguments[i]; i++)
        strv_add(&all, arguments[i]);
    strv_free(arguments);
    return all;
}

static void attempt_helper(struct checker *checker)
{
    _cleanup_strv_ char **arguments = enter_network(checker->place->network_pid,
        checker->check.type == CHECK_HTTP ? http_arguments(checker->check.http)
                                          : tcp_arguments(checker));
    const struct run_request request = {
        .argv = arguments,
        .timeout_ns = seconds_ns(checker->check.timeout_seconds),
        .max_output_bytes = OUTPUT_MAX_BYTES,
    };
    checker->run = host_run(checker->host, &request, DONE(helper_ended, checker));
}

/* --- the loop --- */

static void attempt_due(void *arg, int result)
{
    struct checker *checker = arg;
    checker->timer = NULL;
    if (result < 0)
        return;
    if (checker->check.type == CHECK_COMMAND)
        attempt_command(checker);
    else
        attempt_helper(checker);
}

struct checker *checker_new(struct host *host, struct task_check *check,
    const struct check_place *place, checker_fn fn, void *arg)
{
    struct checker *checker = mem_alloc(sizeof(*checker));
    checker->host = host;
    checker->check = *check;
    *check = (struct task_check){0};
    checker->place = place;
    checker->fn = fn;
    checker->arg = arg;
    attempt_after(checker, checker->check.delay_seconds);
    return checker;
}

void checker_free(struct checker *checker)
{
    if (!checker)
        return;
    command_kill(checker);
    host_cancel(checker->timer);
    host_cancel(checker->run);
    task_check_release(&checker->check);
    free(checker);
}

const struct task_check *checker_check(const struct checker *checker)
{
    return &checker->check;
}
