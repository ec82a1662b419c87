/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/executors/docker_executor.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"
#include "reference/executors/reporter.h"

/* executors.md 3.2 to 3.4 */
#define INSPECT_INTERVAL_NS (500 * NS_PER_MS)
#define INSPECT_PATIENCE_NS (5 * NS_PER_SEC)
#define STOP_RETRY_NS (5 * NS_PER_SEC)
#define VANISHED_NS (60 * NS_PER_SEC)
#define END_NS (60 * NS_PER_SEC)
#define SHUTDOWN_RESERVE_NS (2 * NS_PER_SEC)
#define EXIT_STATUS(code) ((code) << 8)
#define OVERHEAD_CPUS 0.1
#define OVERHEAD_MEM_MB 32.0

struct docker_executor {
    struct host *host;
    struct docker_executor_options options;
    struct docker *docker;
    executor_exit_fn exit_fn;
    void *exit_arg;
    bool ended;

    struct executor_client *client;
    struct reporter reporter; /* of the task; its task_id is NULL before */
    struct task_info task;
    struct opt_u64 task_grace_ns;
    struct check_place place;
    char **check_prefix;

    struct host_request *run; /* docker run; NULL: none, or it has ended */
    bool has_run;
    struct host_request *inspect;
    struct host_request *exit_watch; /* of the container's process, then the time after its end */
    bool run_ended;
    struct err run_failure;
    bool run_failed;
    struct opt_i64 run_status;
    bool terminated;

    struct host_request *completion;
    bool timed_out;
    bool killed;
    bool killing; /* a kill waits for the inspection, or was begun */
    bool killed_by_health;
    int64_t grace_ns;
    struct host_request *patience; /* timer: how long something waits for the inspection */
    struct host_request *stop;
    struct host_request *stop_retry;
    struct host_request *end;
};

static void cancel(struct host_request **request)
{
    host_cancel(*request);
    *request = NULL;
}

/* --- our end --- */

static void executor_exit(struct docker_executor *executor, int wait_status)
{
    if (executor->ended)
        return;
    executor->ended = true;
    executor->exit_fn(executor->exit_arg, wait_status);
}

static void executor_abort(struct docker_executor *executor, const char *why)
{
    log_error("%s", why);
    executor_exit(executor, SIGABRT);
}

static void end_due(void *arg, int result)
{
    struct docker_executor *executor = arg;
    executor->end = NULL;
    if (result == 0)
        executor_exit(executor, EXIT_STATUS(0));
}

static void end_later(struct docker_executor *executor)
{
    cancel(&executor->end);
    executor->end = host_timer(executor->host, END_NS, end_due, executor);
}

/* --- the end of the task --- */

static char *status_text(int status)
{
    if (WIFEXITED(status))
        return str_printf("Container exited with status %d", WEXITSTATUS(status));
    return str_printf("Container terminated with signal %s", strsignal(WTERMSIG(status)));
}

static void report_end(struct docker_executor *executor)
{
    bool known = executor->run_status.set;
    int status = (int)executor->run_status.value;
    _cleanup_free_ char *text = known ? status_text(status) : NULL;
    const char *state = "TASK_FAILED";
    const char *reason = NULL;
    const char *message = executor->run_failed ? err_text(&executor->run_failure)
                          : known              ? text
                                  : "Failed to get the exit status of the container";
    if (known && executor->timed_out)
        reason = "REASON_MAX_COMPLETION_TIME_REACHED";
    else if (known && executor->killed)
        state = "TASK_KILLED";
    else if (known && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        state = "TASK_FINISHED";
    executor->terminated = true;
    cancel(&executor->completion);
    cancel(&executor->exit_watch);
    cancel(&executor->stop);
    cancel(&executor->stop_retry);
    reporter_state(
        &executor->reporter, state, reason, message, executor->killed_by_health ? 0 : -1);
    end_later(executor);
}

static void give_up_inspecting(struct docker_executor *executor);

static void run_is_over(struct docker_executor *executor)
{
    if (executor->run_ended)
        return;
    executor->run_ended = true;
    reporter_stop_checks(&executor->reporter);
    cancel(&executor->stop);
    cancel(&executor->stop_retry);
    if (!executor->inspect)
        report_end(executor);
    else
        give_up_inspecting(executor); /* so that RUNNING comes before the end */
}

static void run_returned(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_executor *executor = arg;
    const struct docker_exit *exit = value;
    executor->run = NULL;
    if (result == -ESHUTDOWN || executor->ended)
        return;
    if (result < 0) {
        executor->run_failed = true;
        err_copy(&executor->run_failure, err);
    } else {
        executor->run_status = (struct opt_i64)OPT(exit->status);
    }
    run_is_over(executor);
}

/* docker run hangs although the container has gone. */
static void vanished_for_long(void *arg, int result)
{
    struct docker_executor *executor = arg;
    executor->exit_watch = NULL;
    if (result < 0)
        return;
    cancel(&executor->run);
    run_is_over(executor);
}

static void container_vanished(void *arg, int result, bool status_known, int wait_status)
{
    struct docker_executor *executor = arg;
    (void)status_known, (void)wait_status;
    executor->exit_watch = NULL;
    if (result != -ESHUTDOWN && !executor->run_ended)
        executor->exit_watch =
            host_timer(executor->host, VANISHED_NS, vanished_for_long, executor);
}

/* --- stopping --- */

static void stop_again(void *arg, int result);

/* After a health check nobody else would try again. A stop that is under way has its grace period
 * too (upstream kills its CLI after 5 s whatever that is). */
static void retry_stop_after(struct docker_executor *executor, uint64_t delay_ns)
{
    cancel(&executor->stop_retry);
    if (executor->killed_by_health)
        executor->stop_retry = host_timer(executor->host, delay_ns, stop_again, executor);
}

static void stopped(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_executor *executor = arg;
    (void)value;
    executor->stop = NULL;
    if (result == 0 || result == -ESHUTDOWN)
        return;
    log_warning("%s", err_text(err));
    retry_stop_after(executor, STOP_RETRY_NS);
}

static void stop_container(struct docker_executor *executor)
{
    cancel(&executor->stop);
    executor->stop = docker_stop(executor->docker, executor->options.container,
        executor->grace_ns, DONE(stopped, executor));
    retry_stop_after(executor, (uint64_t)executor->grace_ns + STOP_RETRY_NS);
}

static void stop_again(void *arg, int result)
{
    struct docker_executor *executor = arg;
    executor->stop_retry = NULL;
    if (result == 0 && !executor->run_ended)
        stop_container(executor);
}

static void kill_now(struct docker_executor *executor)
{
    if (executor->run_ended || executor->ended)
        return;
    bool first = !executor->killed;
    executor->killed = true;
    if (first && !executor->timed_out) {
        if (executor_client_has_capability(executor->client, "TASK_KILLING_STATE"))
            reporter_state(&executor->reporter, "TASK_KILLING", NULL, NULL, -1);
        reporter_stop_checks(&executor->reporter);
    }
    stop_container(executor);
}

/* The last grace period counts: docker's clock starts again with each stop. */
static void kill_task(struct docker_executor *executor, int64_t grace_ns)
{
    if (executor->run_ended || executor->ended)
        return;
    executor->grace_ns = grace_ns;
    executor->killing = true;
    if (executor->inspect)
        give_up_inspecting(executor);
    else
        kill_now(executor);
}

static int64_t default_grace(const struct docker_executor *executor)
{
    uint64_t own = executor->options.environment.shutdown_grace_ns;
    uint64_t stop = executor->options.stop_timeout_ns;
    return executor->task_grace_ns.set ? (int64_t)executor->task_grace_ns.value
                                       : (int64_t)(own > stop ? own : stop);
}

static void unhealthy(void *arg)
{
    struct docker_executor *executor = arg;
    executor->killed_by_health = true;
    kill_task(executor, default_grace(executor));
}

static void completion_due(void *arg, int result)
{
    struct docker_executor *executor = arg;
    executor->completion = NULL;
    if (result < 0 || executor->killed || executor->run_ended)
        return;
    executor->timed_out = true;
    reporter_stop_checks(&executor->reporter);
    executor->killed = true;
    kill_task(executor, 0);
}

/* --- what the container is --- */

/* The first network of the task with the container's addresses; NULL without any. */
static json_t *container_status(
    const struct docker_executor *executor, const struct docker_inspection *inspection)
{
    const struct container_info *info = executor->task.container;
    const char *const addresses[] = {inspection->ipv4, inspection->ipv6};
    if (!inspection->ipv4 && !inspection->ipv6)
        return NULL;
    json_t *network = info && info->network_infos_count > 0
        ? json_type_encode(&network_info_json, &info->network_infos[0])
        : json_object();
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
        if (addresses[i])
            json_array_append_new(list, json_pack("{ss}", "ip_address", addresses[i]));
    json_object_set_new(network, "ip_addresses", list);
    return json_pack("{s[o]}", "network_infos", network);
}

static void watch_container(
    struct docker_executor *executor, const struct docker_inspection *inspection)
{
    executor->exit_watch = inspection->pid.set
        ? host_exit_watch(
              executor->host, (pid_t)inspection->pid.value, container_vanished, executor)
        : host_timer(executor->host, VANISHED_NS, vanished_for_long, executor);
}

static void start_checks(
    struct docker_executor *executor, const struct docker_inspection *inspection)
{
    const char *const words[] = {
        executor->options.docker, "-H", NULL, "exec", executor->options.container};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (words[i])
            strv_add(&executor->check_prefix, words[i]);
        else
            strv_add_owned(&executor->check_prefix,
                str_printf("unix://%s", executor->options.docker_socket));
    executor->place = (struct check_place){
        .launcher_dir = executor->options.launcher_dir,
        .command_prefix = executor->check_prefix,
        .environment = executor->options.environment.variables,
        .environment_count = executor->options.environment.variables_count,
        .network_pid = inspection->pid.set && inspection->network_mode &&
                !str_equal(inspection->network_mode, "host")
            ? (pid_t)inspection->pid.value
            : 0,
    };
    executor->reporter.unhealthy = unhealthy;
    executor->reporter.arg = executor;
    reporter_start_checks(&executor->reporter, &executor->task, &executor->place, true);
}

static void inspected(
    struct docker_executor *executor, const struct docker_inspection *inspection)
{
    if (!executor->killed) {
        json_t *status = container_status(executor, inspection);
        reporter_running(&executor->reporter, inspection->text, status);
        json_decref(status);
    }
    if (executor->run_ended)
        return;
    watch_container(executor, inspection);
    if (executor->task.check)
        executor_abort(executor, "docker executor does not support checks");
    else if (!executor->killed && !executor->killing)
        start_checks(executor, inspection);
}

/* What waited for the inspection goes on. */
static void inspection_over(struct docker_executor *executor)
{
    cancel(&executor->patience);
    if (executor->ended)
        return;
    if (executor->run_ended)
        report_end(executor);
    else if (executor->killing)
        kill_now(executor);
}

static void inspect_done(void *arg, int result, const void *value, const struct err *err)
{
    struct docker_executor *executor = arg;
    executor->inspect = NULL;
    if (result == -ESHUTDOWN || executor->ended)
        return;
    if (result < 0)
        log_warning("%s", err_text(err));
    else
        inspected(executor, value);
    inspection_over(executor);
}

static void patience_over(void *arg, int result)
{
    struct docker_executor *executor = arg;
    executor->patience = NULL;
    if (result < 0)
        return;
    cancel(&executor->inspect);
    inspection_over(executor);
}

static void give_up_inspecting(struct docker_executor *executor)
{
    if (!executor->patience)
        executor->patience =
            host_timer(executor->host, INSPECT_PATIENCE_NS, patience_over, executor);
}

/* --- launching --- */

static void add_role(struct docker_executor *executor, struct environment_variable **ret_list,
    size_t *ret_count)
{
    const struct task_info *task = &executor->task;
    const struct docker_executor_options *options = &executor->options;
    const char *role = task->resources.count > 0 ? task->resources.items[0].role : NULL;
    size_t count = options->task_environment_count;
    struct environment_variable *list = mem_alloc((count + 1) * sizeof(*list));
    if (count > 0)
        memcpy(list, options->task_environment, count * sizeof(*list)); /* borrowed */
    list[count] = (struct environment_variable){
        .name = (char *)(uintptr_t)"MESOS_ALLOCATION_ROLE",
        .value = (char *)(uintptr_t)(role ? role : "*")};
    *ret_list = list;
    *ret_count = count + 1;
}

static int make_options(
    struct docker_executor *executor, struct docker_run_options *ret_options, struct err *err)
{
    const struct docker_executor_options *options = &executor->options;
    const struct task_info *task = &executor->task;
    if (!task->container || !task->command)
        return err_set(err, -EINVAL, "the task needs a container and a command");
    struct resources requests = {0};
    resources_copy(&requests, &task->resources);
    resources_add_scalar(&requests, "cpus", OVERHEAD_CPUS);
    resources_add_scalar(&requests, "mem", OVERHEAD_MEM_MB);
    struct environment_variable *environment = NULL;
    size_t environment_count = 0;
    add_role(executor, &environment, &environment_count);
    const struct docker_run_request request = {
        .container = task->container,
        .command = task->command,
        .name = options->container,
        .sandbox = options->sandbox_directory,
        .mapped = options->mapped_directory,
        .requests = &requests,
        .environment = environment,
        .environment_count = environment_count,
        .enable_cfs = options->cgroups_enable_cfs,
        .host_memory_bytes = executor->host->facts.memory_bytes,
        .default_dns = options->default_container_dns,
    };
    int r = docker_run_options_make(&request, ret_options, err);
    resources_release(&requests);
    free(environment);
    if (r == 0) {
        ret_options->stdout_path = str_printf("%s/stdout", options->sandbox_directory);
        ret_options->stderr_path = str_printf("%s/stderr", options->sandbox_directory);
    }
    return r;
}

static void run_container(struct docker_executor *executor)
{
    static const struct docker_patience patience = {INSPECT_INTERVAL_NS, INSPECT_PATIENCE_NS};
    struct docker_run_options run = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    if (make_options(executor, &run, &err) < 0) {
        _cleanup_free_ char *message =
            str_printf("Failed to create docker run options: %s", err_text(&err));
        reporter_state(&executor->reporter, "TASK_FAILED", NULL, message, -1);
        end_later(executor);
        return;
    }
    executor->has_run = true;
    executor->run = docker_run(executor->docker, &run, DONE(run_returned, executor));
    docker_run_options_release(&run);
    executor->inspect = docker_inspect_patiently(executor->docker, executor->options.container,
        &patience, DONE(inspect_done, executor));
}

static void on_launch(void *arg, const struct task_info *task)
{
    struct docker_executor *executor = arg;
    _cleanup_err_ struct err err = ERR_INIT;
    if (executor->ended)
        return;
    if (executor->reporter.task_id) {
        reporter_refuse(&executor->reporter, task->task_id,
            "Attempted to run multiple tasks using a \"docker\" executor");
        return;
    }
    json_type_copy(&task_info_json, &executor->task, task);
    if (task_kill_grace(task, &executor->task_grace_ns, &err) < 0)
        log_warning("%s", err_text(&err));
    reporter_init(&executor->reporter, executor->host, executor->client, task->task_id);
    if (task->max_completion_time.set && task->max_completion_time.value > 0)
        executor->completion = host_timer(executor->host,
            (uint64_t)(task->max_completion_time.value * (double)NS_PER_SEC), completion_due,
            executor);
    reporter_state(&executor->reporter, "TASK_STARTING", NULL, NULL, -1);
    run_container(executor);
}

/* --- what else the agent says --- */

static void on_kill(void *arg, const char *task_id, struct opt_u64 grace_ns)
{
    struct docker_executor *executor = arg;
    (void)task_id;
    if (executor->ended || executor->terminated)
        return;
    if (!executor->has_run)
        executor_abort(executor, "a kill came, but there is no container");
    else
        kill_task(executor, grace_ns.set ? (int64_t)grace_ns.value : default_grace(executor));
}

static void on_shutdown(void *arg)
{
    struct docker_executor *executor = arg;
    uint64_t own = executor->options.environment.shutdown_grace_ns;
    uint64_t stop = executor->options.stop_timeout_ns;
    if (!executor->has_run)
        executor_exit(executor, EXIT_STATUS(0));
    else
        kill_task(executor, (int64_t)(own > stop ? own : stop) - (int64_t)SHUTDOWN_RESERVE_NS);
}

static void on_acknowledged(void *arg, const struct task_update *update)
{
    if (task_state_is_terminal(update->state))
        executor_exit(arg, EXIT_STATUS(0));
}

static void on_expired(void *arg)
{
    executor_exit(arg, SIGKILL);
}

struct docker_executor *docker_executor_new(struct host *host,
    struct docker_executor_options *options, struct docker *docker, executor_exit_fn fn, void *arg)
{
    static const struct executor_client_events events = {
        on_launch, on_kill, on_shutdown, on_acknowledged, on_expired};
    struct docker_executor *executor = mem_alloc(sizeof(*executor));
    executor->host = host;
    executor->options = *options;
    *options = (struct docker_executor_options){0};
    executor->docker = docker;
    executor->exit_fn = fn;
    executor->exit_arg = arg;
    executor->client =
        executor_client_new(host, &executor->options.environment, &events, executor);
    return executor;
}

void docker_executor_free(struct docker_executor *executor)
{
    if (!executor)
        return;
    executor->ended = true;
    struct host_request **const requests[] = {&executor->run, &executor->inspect,
        &executor->exit_watch, &executor->completion, &executor->patience, &executor->stop,
        &executor->stop_retry, &executor->end};
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
        cancel(requests[i]);
    reporter_release(&executor->reporter);
    executor_client_free(executor->client);
    docker_free(executor->docker);
    err_clear(&executor->run_failure);
    strv_free(executor->check_prefix);
    json_type_release(&task_info_json, &executor->task);
    docker_executor_options_release(&executor->options);
    free(executor);
}
