/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/docker/tests/docker_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/host/sim_host.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/process.h"
#include "fakes/sim_loop.h"
#include "fakes/vfs.h"
#include "reference/base/strbuf.h"

/* --- the machine and the agent --- */

static void agent_start(struct docker_fixture *fixture)
{
    _cleanup_err_ struct err err = ERR_INIT;
    fixture->host = sim_host_new(fixture->kernel, fixture->trace, NULL);
    fixture->host->hook = (struct effect_hook){fault_plan_decide, &fixture->faults};
    fixture->fetcher = fake_fetcher_new(fixture->host);
    fake_docker_install(fixture->engine, fixture->host);
    const struct docker_parts parts = {
        .host = fixture->host,
        .flags = &fixture->flags,
        .docker = fixture->cli ? NULL : fake_docker_client(fixture->engine, fixture->host),
        .fetcher = fixture->fetcher,
        .hooks = fixture->hooks,
        .glog_v = "1",
    };
    int r = docker_containerizer_new(&parts, &fixture->containerizer, &err);
    if (r < 0)
        fail_msg("%s", err_text(&err));
}

static void agent_stop(struct docker_fixture *fixture)
{
    host_gone(fixture->host);
    containerizer_free(fixture->containerizer);
    host_free(fixture->host);
    fault_plan_release(&fixture->faults);
}

void docker_restart(struct docker_fixture *fixture)
{
    agent_stop(fixture);
    agent_start(fixture);
}

void docker_set_flag(struct docker_fixture *fixture, const char *name, const char *value)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (flags_set(&fixture->flags, name, value, &err) < 0)
        fail_msg("%s", err_text(&err));
    docker_restart(fixture);
}

static int setup(void **state, bool cli)
{
    char *const empty[] = {NULL};
    struct docker_fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->cli = cli;
    fixture->loop = sim_loop_new(0);
    fixture->kernel = kernel_new(
        fixture->loop, &(struct kernel_config){.layout = CGROUP_LAYOUT_V1, .seed = 1});
    fixture->engine = fake_docker_new(fixture->kernel);
    fake_docker_add_image(fixture->engine, &(struct fake_docker_image){
        .name = "img:latest", .local = true, .entrypoint = empty});
    fake_docker_add_image(
        fixture->engine, &(struct fake_docker_image){.name = "far:latest", .entrypoint = empty});
    flags_init(&fixture->flags);
    str_set(&fixture->flags.work_dir, WORK);
    str_set(&fixture->flags.runtime_dir, "/run/mesos");
    str_set(&fixture->flags.launcher_dir, "/libexec");
    vfs_mkdir(fixture->kernel->vfs, SANDBOX, 0755, true);
    agent_start(fixture);
    *state = fixture;
    return 0;
}

int docker_setup(void **state)
{
    return setup(state, false);
}

int docker_setup_cli(void **state)
{
    return setup(state, true);
}

int docker_teardown(void **state)
{
    struct docker_fixture *fixture = *state;
    agent_stop(fixture);
    fake_docker_free(fixture->engine);
    kernel_free(fixture->kernel);
    loop_free(fixture->loop);
    flags_release(&fixture->flags);
    free(fixture->launch.message);
    free(fixture->wait.message);
    free(fixture->destroy.message);
    free(fixture->other.message);
    free(fixture);
    return 0;
}

/* --- what is heard --- */

static void heard_any(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    heard->count++;
    heard->result = result;
    heard->none = !value;
    str_set(&heard->message, result < 0 ? err_text(err) : NULL);
}

static void heard_launch(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    heard_any(arg, result, value, err);
    heard->number = value ? (int64_t) * (const enum launch_result *)value : -1;
}

static void heard_termination(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    const struct termination *termination = value;
    heard_any(arg, result, value, err);
    heard->status = termination ? termination->status : (struct opt_i64){0};
    if (termination)
        str_set(&heard->message, termination->message);
}

static void heard_usage(void *arg, int result, const void *value, const struct err *err)
{
    struct heard *heard = arg;
    heard_any(arg, result, value, err);
    heard->usage = value ? *(const struct statistics *)value : (struct statistics){0};
}

struct done docker_hear(struct heard *heard)
{
    return DONE(heard_any, heard);
}

struct done docker_hear_launch(struct heard *heard)
{
    return DONE(heard_launch, heard);
}

struct done docker_hear_termination(struct heard *heard)
{
    return DONE(heard_termination, heard);
}

struct done docker_hear_usage(struct heard *heard)
{
    return DONE(heard_usage, heard);
}

/* --- operations --- */

void docker_config(struct container_config *ret_config, enum what what, const char *id,
    const char *docker, const char *extra)
{
    static const char *const kinds[] = {
        [CUSTOM] = "\"executor_info\":{\"executor_id\":\"e\",\"framework_id\":\"f\","
                   "\"command\":{\"value\":\"sleep 1000\"},\"resources\":["
                   "{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":0.5},"
                   "{\"name\":\"mem\",\"type\":\"SCALAR\",\"scalar\":64}]},"
                   "\"command_info\":{\"shell\":false,\"value\":\"sleep\",\"arguments\":[\"1000\"],"
                   "\"uris\":[{\"value\":\"/x\"}]}",
        [TASK] = "\"executor_info\":{\"executor_id\":\"e\",\"framework_id\":\"f\","
                 "\"command\":{\"value\":\"mesos-executor\"}},"
                 "\"task_info\":{\"name\":\"t\",\"task_id\":\"t\","
                 "\"command\":{\"shell\":false,\"value\":\"sleep\",\"arguments\":[\"1000\"]}},"
                 "\"command_info\":{\"value\":\"mesos-executor\",\"environment\":["
                 "{\"name\":\"FROM_COMMAND\",\"value\":\"2\"}],\"uris\":[{\"value\":\"/x\"}]}",
    };
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *directory = strstr(extra, "\"directory\"")
        ? str_dup("")
        : str_printf(
              ",\"directory\":\"" WORK "/slaves/S0/frameworks/f/executors/e/runs/%s\"", id);
    _cleanup_free_ char *text = str_printf(
        "{%s,\"container_info\":{\"type\":\"DOCKER\",\"docker\":{\"privileged\":false%s%s}}%s%s}",
        kinds[what], strstr(docker, "\"image\"") ? "" : ",\"image\":\"img\"", docker, directory,
        extra);
    *ret_config = (struct container_config){0};
    int r =
        json_type_decode_text(&container_config_json, text, strlen(text), ret_config, "c", &err);
    if (r < 0)
        fail_msg("%s", err_text(&err));
}

void docker_launch_id(
    struct docker_fixture *fixture, enum what what, const char *docker, const char *extra)
{
    struct container_config config;
    char name[] = "FROM_AGENT";
    char value[] = "1";
    const struct environment_variable variable = {.name = name, .value = value};
    docker_config(&config, what, ID, docker, extra);
    containerizer_launch(fixture->containerizer, ID, &config, &variable, 1, PID_PATH,
        docker_hear_launch(&fixture->launch));
    json_type_release(&container_config_json, &config);
}

void docker_wait_id(struct docker_fixture *fixture)
{
    containerizer_wait(fixture->containerizer, ID, docker_hear_termination(&fixture->wait));
}

void docker_destroy_id(struct docker_fixture *fixture)
{
    containerizer_destroy(
        fixture->containerizer, ID, docker_hear_termination(&fixture->destroy));
}

void docker_recover_run(struct docker_fixture *fixture, pid_t pid, bool command_task)
{
    struct container_info container = {.type = CONTAINER_TYPE_DOCKER};
    struct executor_info executor = {.container = &container};
    char id[] = ID;
    char directory[] = SANDBOX;
    struct agent_run run = {.container_id = id, .executor_info = &executor, .forked_pid = pid,
        .directory = directory, .command_task = command_task};
    const struct agent_state agent = {.runs = &run, .runs_count = pid > 0};
    containerizer_recover(fixture->containerizer, &agent, docker_hear(&fixture->other));
}

void docker_run_ms(struct docker_fixture *fixture, uint64_t milliseconds)
{
    sim_loop_advance(fixture->loop, milliseconds * NS_PER_MS);
}

void docker_run_to(struct docker_fixture *fixture, enum container_phase phase)
{
    const uint64_t end = loop_now_ns(fixture->loop) + 60 * NS_PER_SEC;
    enum container_phase now = CONTAINER_PROVISIONING;
    while (containerizer_phase(fixture->containerizer, ID, &now) < 0 || now != phase)
        if (loop_now_ns(fixture->loop) > end || !loop_step(fixture->loop))
            fail_msg("never in %s", container_phase_names[phase]);
}

/* --- looking around --- */

const char *docker_lines(struct docker_fixture *fixture)
{
    static struct strbuf text = STRBUF_INIT;
    char *const *lines = fake_docker_lines(fixture->engine);
    strbuf_release(&text);
    for (; lines && lines[fixture->lines_seen]; fixture->lines_seen++)
        strbuf_addf(&text, "%s%s", text.length ? "; " : "", lines[fixture->lines_seen]);
    return strbuf_text(&text);
}

const char *docker_file(struct docker_fixture *fixture, const char *path)
{
    static char text[1024];
    const char *found = NULL;
    size_t length = 0;
    if (vfs_read(fixture->kernel->vfs, path, &found, &length) < 0)
        return "-";
    snprintf(text, sizeof(text), "%.*s", (int)length, found ? found : "");
    return text;
}

bool docker_process_lives(struct docker_fixture *fixture, pid_t pid)
{
    const struct process *process = process_find(fixture->kernel, pid);
    return process && process->state != PROCESS_ZOMBIE;
}

const char *docker_cgroup_file(
    struct docker_fixture *fixture, const char *controller, const char *file, bool of_root)
{
    static char text[256];
    struct cgroup_root *root = cgroup_root_find(fixture->kernel, controller);
    char *found = NULL;
    size_t length = 0;
    char **ids = NULL;
    if (!of_root)
        assert_int_equal(cgroup_children(root, "docker", &ids), 0);
    _cleanup_free_ char *path =
        of_root ? str_dup("") : str_printf("docker/%s", ids && ids[0] ? ids[0] : "?");
    strv_free(ids);
    if (cgroup_file_read(root, path, file, &cgroup_caller_root, &found, &length) < 0)
        return "-";
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(found, "\n"), found);
    free(found);
    return text;
}

void docker_assert_clean(struct docker_fixture *fixture)
{
    _cleanup_strv_ char **names = fake_docker_names(fixture->engine, false);
    _cleanup_strv_ char **mounts = sim_host_mount_targets(fixture->kernel);
    _cleanup_strv_ char **ids = containerizer_containers(fixture->containerizer);
    assert_int_equal(strv_length(names), 0);
    assert_int_equal(strv_length(mounts), 0);
    assert_int_equal(strv_length(ids), 0);
    list_for_each(node, &fixture->kernel->processes) {
        const struct process *process = list_entry(node, struct process, node);
        if (process != fixture->kernel->init && process != sim_host_process(fixture->host))
            fail_msg("process %d (%s) is left", (int)process->pid, process->command);
    }
    for (unsigned i = 0; i < fixture->kernel->hierarchies_count; i++)
        assert_null(cgroup_lookup(fixture->kernel->hierarchies[i], "docker"));
}
