/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/command_executor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/process_tree.h"
#include "reference/executors/reporter.h"
#include "reference/executors/task_plan.h"

/* executors.md 2.6, 2.7, 2.8 */
#define DEFAULT_KILL_GRACE_NS (3 * NS_PER_SEC)
#define SHUTDOWN_RESERVE_NS (2 * NS_PER_SEC)
#define END_DELAY_NS NS_PER_SEC
#define ACKNOWLEDGE_TIMEOUT_NS (60 * NS_PER_SEC)
#define EXIT_STATUS(code) ((code) << 8)

struct command_executor {
    struct host *host;
    struct command_executor_options options;
    executor_exit_fn exit_fn;
    void *exit_arg;
    bool ended; /* exit_fn was called */

    struct executor_client *client;
    struct reporter reporter; /* of the task; its task_id is NULL before */
    struct task_info task;
    struct opt_u64 task_grace_ns;
    struct environment_variable *environment; /* of the task, and of its checks */
    size_t environment_count;
    struct check_place place;

    bool launched;
    pid_t pid; /* of the task, 0 once reaped */
    struct host_request *exit_watch;
    bool terminated; /* the terminal update was sent */

    struct host_request *completion; /* timer of max_completion_time */
    bool timed_out;                  /* it was reached */
    bool killed;
    bool killed_by_health;
    uint64_t kill_start_ns;
    uint64_t kill_end_ns; /* when SIGKILL comes */
    struct host_request *escalation;
    struct host_request *end; /* timer of our own end */
    int end_status;
};

/* --- our end --- */

static void executor_exit(struct command_executor *executor, int wait_status)
{
    if (executor->ended)
        return;
    executor->ended = true;
    executor->exit_fn(executor->exit_arg, wait_status);
}

/* Upstream asserts: the agent sees the executor terminated, and fails the task. */
static void executor_abort(struct command_executor *executor, const char *why)
{
    log_error("%s", why);
    executor_exit(executor, SIGABRT);
}

static void end_due(void *arg, int result)
{
    struct command_executor *executor = arg;
    executor->end = NULL;
    if (result == 0)
        executor_exit(executor, executor->end_status);
}

static void end_after(struct command_executor *executor, uint64_t delay_ns, int wait_status)
{
    host_cancel(executor->end);
    executor->end_status = wait_status;
    executor->end = host_timer(executor->host, delay_ns, end_due, executor);
}

/* --- the end of the task --- */

static char *status_text(int wait_status)
{
    if (WIFEXITED(wait_status))
        return str_printf("Command exited with status %d", WEXITSTATUS(wait_status));
    return str_printf("Command terminated with signal %s%s", strsignal(WTERMSIG(wait_status)),
        WCOREDUMP(wait_status) ? " (core dumped)" : "");
}

static void report_end(struct command_executor *executor, bool known, int wait_status)
{
    _cleanup_free_ char *text = known ? status_text(wait_status) : NULL;
    const char *state = "TASK_FAILED";
    const char *reason = NULL;
    const char *message = known ? text : "Failed to get the exit status of the command";
    if (!known)
        ;
    else if (executor->timed_out)
        reason = "REASON_MAX_COMPLETION_TIME_REACHED";
    else if (executor->killed)
        state = "TASK_KILLED";
    else if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
        state = "TASK_FINISHED";
    reporter_state(
        &executor->reporter, state, reason, message, executor->killed_by_health ? 0 : -1);
}

static void task_ended(void *arg, int result, bool status_known, int wait_status)
{
    struct command_executor *executor = arg;
    executor->exit_watch = NULL;
    if (result == -ESHUTDOWN || executor->ended)
        return;
    executor->pid = 0;
    executor->terminated = true;
    reporter_stop_checks(&executor->reporter);
    host_cancel(executor->escalation);
    executor->escalation = NULL;
    host_cancel(executor->completion);
    executor->completion = NULL;
    report_end(executor, result == 0 && status_known, wait_status);
    if (executor->options.environment.http)
        end_after(executor, ACKNOWLEDGE_TIMEOUT_NS, EXIT_STATUS(1));
    else
        end_after(executor, END_DELAY_NS, EXIT_STATUS(0));
}

/* --- killing --- */

static void escalate(void *arg, int result)
{
    struct command_executor *executor = arg;
    executor->escalation = NULL;
    if (result < 0 || executor->pid == 0)
        return;
    log_info("the task outlived its grace period");
    process_tree_signal(executor->host, executor->pid, SIGKILL);
}

static void escalate_at(struct command_executor *executor, uint64_t end_ns)
{
    uint64_t now = host_now_ns(executor->host);
    executor->kill_end_ns = end_ns;
    host_cancel(executor->escalation);
    executor->escalation = NULL;
    if (end_ns <= now)
        escalate(executor, 0);
    else
        executor->escalation = host_timer(executor->host, end_ns - now, escalate, executor);
}

/* A later kill may only shorten what is left. */
static void kill_task(struct command_executor *executor, uint64_t grace_ns)
{
    if (executor->terminated || executor->ended)
        return;
    host_cancel(executor->completion);
    executor->completion = NULL;
    if (executor->killed || executor->timed_out) {
        if (executor->kill_start_ns + grace_ns < executor->kill_end_ns)
            escalate_at(executor, executor->kill_start_ns + grace_ns);
        return;
    }
    executor->killed = true;
    if (executor_client_has_capability(executor->client, "TASK_KILLING_STATE"))
        reporter_state(&executor->reporter, "TASK_KILLING", NULL, NULL, -1);
    reporter_stop_checks(&executor->reporter);
    executor->kill_start_ns = host_now_ns(executor->host);
    process_tree_signal(executor->host, executor->pid, SIGTERM);
    escalate_at(executor, executor->kill_start_ns + grace_ns);
}

static uint64_t task_grace(const struct command_executor *executor)
{
    return executor->task_grace_ns.set ? executor->task_grace_ns.value : DEFAULT_KILL_GRACE_NS;
}

static void unhealthy(void *arg)
{
    struct command_executor *executor = arg;
    executor->killed_by_health = true;
    kill_task(executor, task_grace(executor));
}

static void completion_due(void *arg, int result)
{
    struct command_executor *executor = arg;
    executor->completion = NULL;
    if (result < 0 || executor->killed || executor->terminated)
        return;
    executor->timed_out = true;
    reporter_stop_checks(&executor->reporter);
    executor->kill_start_ns = host_now_ns(executor->host);
    process_tree_signal(executor->host, executor->pid, SIGTERM);
    escalate_at(executor, executor->kill_start_ns);
}

/* --- launching --- */

static const char *allocation_role(const struct task_info *task)
{
    const char *role = task->resources.count > 0 ? task->resources.items[0].role : NULL;
    return role ? role : "*";
}

static void add_variables(struct command_executor *executor,
    const struct environment_variable *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_equal(from[i].type, "SECRET"))
            continue;
        struct environment_variable *to = &executor->environment[executor->environment_count++];
        json_type_copy(&environment_variable_json, to, &from[i]);
    }
}

/* Later ones win. What only --task_environment has is not seen by checks. */
static void make_environment(
    struct command_executor *executor, const struct command_info *command)
{
    const struct command_executor_options *options = &executor->options;
    size_t count = options->environment.variables_count + options->task_environment_count +
        command->environment_count + 1;
    executor->environment = mem_alloc(count * sizeof(*executor->environment));
    add_variables(
        executor, options->environment.variables, options->environment.variables_count);
    add_variables(executor, options->task_environment, options->task_environment_count);
    add_variables(executor, command->environment, command->environment_count);
    const struct environment_variable role = {.name = (char *)(uintptr_t)"MESOS_ALLOCATION_ROLE",
        .value = (char *)(uintptr_t)allocation_role(&executor->task)};
    add_variables(executor, &role, 1);
}

static int spawn_task(
    struct command_executor *executor, const struct command_info *command, struct err *err)
{
    struct plan plan;
    int gate = -1;
    int r = task_plan(executor->host, &executor->options, command, executor->environment,
        executor->environment_count, &plan, err);
    if (r < 0)
        return r;
    r = host_spawn(executor->host, &plan, &executor->pid, &gate, err);
    plan_release(&plan);
    if (r < 0)
        return r;
    r = host_gate_release(executor->host, gate, err);
    host_gate_close(executor->host, gate);
    return r;
}

static void start_completion_timer(struct command_executor *executor)
{
    const struct opt_double *seconds = &executor->task.max_completion_time;
    if (seconds->set && seconds->value > 0)
        executor->completion = host_timer(executor->host,
            (uint64_t)(seconds->value * (double)NS_PER_SEC), completion_due, executor);
}

/* The checks see what the executor does, with the command's environment. */
static void start_checks(struct command_executor *executor)
{
    executor->place = (struct check_place){
        .launcher_dir = executor->options.launcher_dir,
        .directory = executor->options.rootfs ? NULL : executor->options.environment.directory,
        .environment = executor->environment,
        .environment_count = executor->environment_count,
        .mount_namespace_pid = executor->options.rootfs ? executor->pid : 0,
    };
    executor->reporter.unhealthy = unhealthy;
    executor->reporter.arg = executor;
    reporter_start_checks(&executor->reporter, &executor->task, &executor->place, false);
}

/* The command to run; NULL after an abort. Released by the caller when it is not the task's. */
static struct command_info *choose_command(struct command_executor *executor)
{
    const char *text = executor->options.task_command;
    struct command_info *command = mem_alloc(sizeof(*command));
    _cleanup_err_ struct err err = ERR_INIT;
    int r = 0;
    if (text)
        r = json_type_decode_text(
            &command_info_json, text, strlen(text), command, "task_command", &err);
    else if (executor->task.command)
        json_type_copy(&command_info_json, command, executor->task.command);
    else
        r = err_set(&err, -EINVAL, "expecting task '%s' to have a command",
            executor->task.task_id);
    if (r == 0 && !command->value) {
        r = err_set(&err, -EINVAL, "the command of task '%s' must specify %s",
            executor->task.task_id, command->shell ? "a shell command" : "an executable");
        json_type_release(&command_info_json, command);
    }
    if (r == 0)
        return command;
    free(command);
    executor_abort(executor, err_text(&err));
    return NULL;
}

static void launch_command(struct command_executor *executor, const struct command_info *command)
{
    _cleanup_err_ struct err err = ERR_INIT;
    make_environment(executor, command);
    start_completion_timer(executor);
    if (spawn_task(executor, command, &err) < 0) {
        executor_abort(executor, err_text(&err));
        return;
    }
    start_checks(executor);
    executor->exit_watch =
        host_exit_watch(executor->host, executor->pid, task_ended, executor);
    reporter_state(&executor->reporter, "TASK_RUNNING", NULL, NULL, -1);
    executor->launched = true;
}

static void on_launch(void *arg, const struct task_info *task)
{
    struct command_executor *executor = arg;
    if (executor->ended)
        return;
    if (executor->reporter.task_id) {
        reporter_refuse(&executor->reporter, task->task_id,
            "Attempted to run multiple tasks using a \"command\" executor");
        return;
    }
    json_type_copy(&task_info_json, &executor->task, task);
    reporter_init(&executor->reporter, executor->host, executor->client, task->task_id);
    reporter_announce_check(&executor->reporter, task);
    reporter_state(&executor->reporter, "TASK_STARTING", NULL, NULL, -1);
    _cleanup_err_ struct err err = ERR_INIT;
    if (task_kill_grace(task, &executor->task_grace_ns, &err) < 0)
        log_warning("%s", err_text(&err));
    struct command_info *command = choose_command(executor);
    if (!command)
        return;
    launch_command(executor, command);
    json_type_release(&command_info_json, command);
    free(command);
}

/* --- what else the agent says --- */

static void on_kill(void *arg, const char *task_id, struct opt_u64 grace_ns)
{
    (void)task_id;
    struct command_executor *executor = arg;
    if (executor->ended || executor->terminated)
        return;
    if (!executor->launched) {
        executor_abort(executor, "a kill came, but no task was launched");
        return;
    }
    /* The driver drops the policy of a kill (executors.md 2.6, quirk). */
    bool given = grace_ns.set && executor->options.environment.http;
    kill_task(executor, given ? grace_ns.value : task_grace(executor));
}

static void on_shutdown(void *arg)
{
    struct command_executor *executor = arg;
    uint64_t grace_ns = executor->options.environment.shutdown_grace_ns;
    if (!executor->launched)
        executor_exit(executor, EXIT_STATUS(0));
    else
        kill_task(
            executor, grace_ns > SHUTDOWN_RESERVE_NS ? grace_ns - SHUTDOWN_RESERVE_NS : 0);
}

static void on_acknowledged(void *arg, const struct task_update *update)
{
    struct command_executor *executor = arg;
    if (executor->options.environment.http && task_state_is_terminal(update->state))
        executor_exit(executor, EXIT_STATUS(0));
}

static void on_expired(void *arg)
{
    executor_exit(arg, SIGKILL);
}

struct command_executor *command_executor_new(struct host *host,
    struct command_executor_options *options, executor_exit_fn fn, void *arg)
{
    static const struct executor_client_events events = {
        on_launch, on_kill, on_shutdown, on_acknowledged, on_expired};
    struct command_executor *executor = mem_alloc(sizeof(*executor));
    executor->host = host;
    executor->options = *options;
    *options = (struct command_executor_options){0};
    executor->exit_fn = fn;
    executor->exit_arg = arg;
    executor->client =
        executor_client_new(host, &executor->options.environment, &events, executor);
    return executor;
}

void command_executor_free(struct command_executor *executor)
{
    if (!executor)
        return;
    executor->ended = true;
    reporter_release(&executor->reporter);
    executor_client_free(executor->client);
    host_cancel(executor->exit_watch);
    host_cancel(executor->completion);
    host_cancel(executor->escalation);
    host_cancel(executor->end);
    for (size_t i = 0; i < executor->environment_count; i++)
        json_type_release(&environment_variable_json, &executor->environment[i]);
    free(executor->environment);
    json_type_release(&task_info_json, &executor->task);
    command_executor_options_release(&executor->options);
    free(executor);
}
