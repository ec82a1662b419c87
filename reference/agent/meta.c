/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's metadata: <work_dir>/meta/slaves/<agent>/frameworks/<framework>/executors/<executor>/
 * runs/<container>/pids/forked.pid. `latest` beside the runs is the one that counts at recovery.
 */
#include "reference/agent/meta.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/mesos/checkpoint.h"

#define EXECUTOR_INFO "executor.info"
#define EXECUTOR_SENTINEL "executor.sentinel"
#define FORKED_PID "forked.pid"
#define COMMAND_TASK "command_task"
#define MADE_UP "made_up"
#define LATEST "latest"

static char *executor_path(
    const struct flags *flags, const char *below, const char *framework, const char *executor)
{
    return str_printf("%s/%sslaves/%s/frameworks/%s/executors/%s", flags->work_dir, below, AGENT_ID,
        framework, executor);
}

char *agent_run_meta_path(const struct flags *flags, const char *framework, const char *executor,
    const char *container)
{
    _cleanup_free_ char *path = executor_path(flags, "meta/", framework, executor);
    return str_printf("%s/runs/%s", path, container);
}

char *agent_sandbox_path(const struct flags *flags, const char *framework, const char *executor,
    const char *container)
{
    _cleanup_free_ char *path = executor_path(flags, "", framework, executor);
    return str_printf("%s/runs/%s", path, container);
}

char *agent_forked_pid_path(const struct flags *flags, const struct agent_run_names *names)
{
    _cleanup_free_ char *run =
        agent_run_meta_path(flags, names->framework, names->executor, names->container);
    return str_printf("%s/pids/" FORKED_PID, run);
}

/* --- writing --- */

static int link_latest(
    struct host *host, const char *executor, const char *container, struct err *err)
{
    _cleanup_free_ char *latest = str_printf("%s/runs/" LATEST, executor);
    struct file_info info;
    int r = 0;
    if (host_file_info(host, latest, false, &info) == 0)
        r = host_file_remove(host, latest, err);
    return r < 0 ? r : host_symlink(host, container, latest, err);
}

int agent_run_write(struct host *host, const struct flags *flags,
    const struct agent_run_names *names, const struct executor_info *info, struct err *err)
{
    _cleanup_free_ char *meta = executor_path(flags, "meta/", names->framework, names->executor);
    _cleanup_free_ char *sandboxes = executor_path(flags, "", names->framework, names->executor);
    _cleanup_free_ char *run = str_printf("%s/runs/%s", meta, names->container);
    _cleanup_free_ char *pids = str_printf("%s/pids", run);
    int r = host_mkdir(host, pids, 0755, true, err);
    if (r == 0)
        r = checkpoint_write(host, meta, EXECUTOR_INFO, &executor_info_json, info, err);
    if (r == 0 && names->command_task)
        r = checkpoint_mark(host, run, COMMAND_TASK, err);
    if (r == 0 && names->made_up)
        r = checkpoint_mark(host, run, MADE_UP, err);
    if (r == 0)
        r = link_latest(host, meta, names->container, err);
    if (r == 0)
        r = link_latest(host, sandboxes, names->container, err);
    return r;
}

int agent_run_complete(struct host *host, const struct flags *flags,
    const struct agent_run_names *names, struct err *err)
{
    _cleanup_free_ char *run =
        agent_run_meta_path(flags, names->framework, names->executor, names->container);
    return checkpoint_mark(host, run, EXECUTOR_SENTINEL, err);
}

/* --- reading --- */

/* Sorted names in a directory; none when it is missing. */
static int list_names(struct host *host, const char *path, char ***ret_names, struct err *err)
{
    int r = host_list(host, path, ret_names, err);
    if (r != -ENOENT)
        return r;
    err_clear(err);
    *ret_names = NULL;
    return 0;
}

/* The container that `latest` points at; NULL when the link is missing or leads nowhere. */
static char *latest_container(struct host *host, const char *executor)
{
    _cleanup_free_ char *link = str_printf("%s/runs/" LATEST, executor);
    _cleanup_free_ char *target = NULL;
    if (host_real_path(host, link, &target, NULL) < 0)
        return NULL;
    const char *slash = strrchr(target, '/');
    return str_dup(slash ? slash + 1 : target);
}

static int read_run(struct host *host, const struct flags *flags, const char *executor,
    struct agent_run *run, struct err *err)
{
    _cleanup_free_ char *directory = str_printf("%s/runs/%s", executor, run->container_id);
    _cleanup_free_ char *pids = str_printf("%s/pids", directory);
    struct opt_i64 pid = {0};
    run->completed = checkpoint_exists(host, directory, EXECUTOR_SENTINEL);
    run->command_task = checkpoint_exists(host, directory, COMMAND_TASK);
    run->made_up = checkpoint_exists(host, directory, MADE_UP);
    run->directory =
        agent_sandbox_path(flags, run->framework_id, run->executor_id, run->container_id);
    int r = checkpoint_read_number(host, pids, FORKED_PID, &pid, err);
    if (r < 0)
        return r;
    if (pid.set && pid.value <= 0)
        return err_set(err, -EINVAL, "%s/" FORKED_PID ": expected a pid, got %ld", pids,
            (long)pid.value);
    run->forked_pid = (pid_t)pid.value;
    return 0;
}

/* Reads the latest run of an executor; without one there is nothing to recover. */
static int read_executor(struct host *host, const struct flags *flags, const char *framework,
    const char *executor, struct agent_state *state, struct err *err)
{
    _cleanup_free_ char *path = executor_path(flags, "meta/", framework, executor);
    char *container = latest_container(host, path);
    if (!container)
        return 0;
    state->runs = mem_realloc(state->runs, (state->runs_count + 1) * sizeof(*state->runs));
    struct agent_run *run = &state->runs[state->runs_count++];
    *run = (struct agent_run){
        .container_id = container,
        .framework_id = str_dup(framework),
        .executor_id = str_dup(executor),
    };
    void *info = NULL;
    int r = checkpoint_read(host, path, EXECUTOR_INFO, &executor_info_json, &info, err);
    run->executor_info = info;
    return r < 0 ? r : read_run(host, flags, path, run, err);
}

static int read_framework(struct host *host, const struct flags *flags, const char *framework,
    struct agent_state *state, struct err *err)
{
    _cleanup_free_ char *path = str_printf(
        "%s/meta/slaves/" AGENT_ID "/frameworks/%s/executors", flags->work_dir, framework);
    _cleanup_strv_ char **executors = NULL;
    int r = list_names(host, path, &executors, err);
    for (size_t i = 0; r == 0 && executors && executors[i]; i++)
        r = read_executor(host, flags, framework, executors[i], state, err);
    return r;
}

int agent_state_read(struct host *host, const struct flags *flags, struct agent_state *ret_state,
    struct err *err)
{
    _cleanup_free_ char *path =
        str_printf("%s/meta/slaves/" AGENT_ID "/frameworks", flags->work_dir);
    _cleanup_strv_ char **frameworks = NULL;
    struct agent_state state = {0};
    int r = list_names(host, path, &frameworks, err);
    for (size_t i = 0; r == 0 && frameworks && frameworks[i]; i++)
        r = read_framework(host, flags, frameworks[i], &state, err);
    if (r < 0) {
        agent_state_release(&state);
        return r;
    }
    *ret_state = state;
    return 0;
}
