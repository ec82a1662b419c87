/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/tests/sim_fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "reference/launchers/plan.h"

static void host_start(struct sim_fixture *fixture)
{
    fixture->host = sim_host_new(fixture->kernel, NULL, NULL);
    fixture->host->hook = (struct effect_hook){fault_plan_decide, &fixture->faults};
}

void sim_fixture_init(struct sim_fixture *fixture, enum cgroup_layout layout)
{
    *fixture = (struct sim_fixture){.loop = sim_loop_new(0)};
    fixture->kernel =
        kernel_new(fixture->loop, &(struct kernel_config){.layout = layout, .seed = 1});
    assert(fixture->kernel);
    host_start(fixture);
}

void sim_fixture_release(struct sim_fixture *fixture)
{
    host_free(fixture->host);
    kernel_free(fixture->kernel);
    loop_free(fixture->loop);
    fault_plan_release(&fixture->faults);
    strbuf_release(&fixture->told);
}

void sim_fixture_restart(struct sim_fixture *fixture)
{
    host_gone(fixture->host);
    host_free(fixture->host);
    fault_plan_release(&fixture->faults);
    host_start(fixture);
}

void sim_fixture_run(struct sim_fixture *fixture, unsigned milliseconds)
{
    sim_loop_advance(fixture->loop, milliseconds * NS_PER_MS);
}

const char *sim_fixture_told(struct sim_fixture *fixture)
{
    static char text[512];
    snprintf(text, sizeof(text), "%s", strbuf_text(&fixture->told));
    strbuf_reset(&fixture->told);
    return text;
}

size_t sim_fixture_processes(const struct sim_fixture *fixture)
{
    size_t count = 0;
    list_for_each(node, &fixture->kernel->processes) {
        const struct process *process = list_entry(node, struct process, node);
        count += process != fixture->kernel->init && process != sim_host_process(fixture->host);
    }
    return count;
}

void sim_fixture_plan(
    struct sim_fixture *fixture, struct plan *plan, const char *id, const char *command)
{
    plan_init(plan);
    plan->container_id = str_dup(id);
    plan->runtime_directory = str_printf("/run/seatrial/%s", id);
    plan->stdio[1] = str_printf("/run/seatrial/%s/stdout", id);
    plan->stdio[2] = str_printf("/run/seatrial/%s/stderr", id);
    plan->info.command = mem_alloc(sizeof(*plan->info.command));
    plan->info.command->shell = true;
    plan->info.command->value = str_dup(command);
    vfs_mkdir(fixture->kernel->vfs, plan->runtime_directory, 0755, true);
}

const char *sim_fixture_file(struct sim_fixture *fixture, const char *path)
{
    static char text[256];
    const char *found = NULL;
    size_t length = 0;
    if (vfs_read(fixture->kernel->vfs, path, &found, &length) < 0)
        return "-";
    snprintf(text, sizeof(text), "%.*s", (int)length, found ? found : "");
    return text;
}

static void watch_told(void *arg, int result, bool status_known, int wait_status)
{
    const struct sim_watch *watch = arg;
    if (result < 0)
        strbuf_addf(&watch->fixture->told, "exit %s %d;", watch->name, result);
    else if (status_known)
        strbuf_addf(&watch->fixture->told, "exit %s known %d;", watch->name, wait_status);
    else
        strbuf_addf(&watch->fixture->told, "exit %s unknown;", watch->name);
}

struct host_request *sim_fixture_watch(
    struct sim_fixture *fixture, pid_t pid, const char *name)
{
    assert(fixture->watches_count < ARRAY_SIZE(fixture->watches));
    struct sim_watch *watch = &fixture->watches[fixture->watches_count++];
    watch->fixture = fixture;
    snprintf(watch->name, sizeof(watch->name), "%s", name);
    return host_exit_watch(fixture->host, pid, watch_told, watch);
}
