/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/launchers/tests/sim_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"
#include "reference/model/container_id.h"

#define STEPS_MAX 2000000

static void launcher_open(struct sim *sim)
{
    const struct launcher_linux_options options = {.cgroups_root = SIM_ROOT,
        .destroy_timeout_ns = 60 * NS_PER_SEC,
        .systemd = !sim->v2};
    _cleanup_err_ struct err err = ERR_INIT;
    sim->host = sim_host_new(sim->kernel, NULL, NULL);
    sim->host->hook = (struct effect_hook){fault_plan_decide, &sim->faults};
    if (sim->posix)
        sim->launcher = launcher_posix_new(sim->host);
    else if (launcher_linux_new(sim->host, &options, &sim->launcher, &err) < 0)
        fail_msg("%s", err_text(&err));
}

void sim_open(struct sim *sim, enum cgroup_layout layout, bool posix)
{
    *sim = (struct sim){.posix = posix, .v2 = layout == CGROUP_LAYOUT_V2};
    sim->loop = sim_loop_new(0);
    sim->kernel = kernel_new(sim->loop, &(struct kernel_config){.layout = layout});
    launcher_open(sim);
}

static void launcher_close(struct sim *sim)
{
    host_gone(sim->host);
    launcher_free(sim->launcher);
    host_free(sim->host);
}

void sim_close(struct sim *sim)
{
    launcher_close(sim);
    kernel_free(sim->kernel);
    loop_free(sim->loop);
    fault_plan_release(&sim->faults);
}

void sim_restart(struct sim *sim)
{
    launcher_close(sim);
    sim_no_faults(sim);
    launcher_open(sim);
}

void sim_fault(struct sim *sim, struct fault_rule rule)
{
    fault_plan_add(&sim->faults, &rule);
}

void sim_no_faults(struct sim *sim)
{
    fault_plan_release(&sim->faults);
    sim->faults = (struct fault_plan){NULL, 0};
}

struct cgroup_fs *sim_fs(const struct sim *sim)
{
    return cgroup_hierarchy_find(sim->host->cgroups, sim->v2 ? "" : "freezer")->fs;
}

int sim_fork(
    struct sim *sim, const char *id, const char *workload, pid_t *ret_pid, struct err *err)
{
    struct plan plan;
    plan_init(&plan);
    plan.container_id = str_dup(id);
    plan.runtime_directory = str_printf("/run/%s", id);
    plan.info.command = mem_alloc(sizeof(*plan.info.command));
    plan.info.command->value = str_dup("seatrial-workload");
    strv_add(&plan.info.command->arguments, "seatrial-workload");
    _cleanup_strv_ char **actions = strv_split(workload, " ");
    for (size_t i = 0; actions && actions[i]; i++)
        strv_add(&plan.info.command->arguments, actions[i]);
    host_mkdir(sim->host, plan.runtime_directory, 0755, true, NULL);
    if (sim->v2 && !sim->posix) {
        _cleanup_free_ char *leaf = launcher_cgroup_leaf(SIM_ROOT, id);
        cgroup_create_recursive(sim_fs(sim), leaf, NULL);
    }
    int gate = -1;
    int result = launcher_fork(sim->launcher, id, &plan, ret_pid, &gate, err);
    if (result == 0)
        result = host_gate_release(sim->host, gate, err);
    plan_release(&plan);
    return result;
}

pid_t sim_start(struct sim *sim, const char *id, const char *workload)
{
    _cleanup_err_ struct err err = ERR_INIT;
    pid_t pid = 0;
    if (sim_fork(sim, id, workload, &pid, &err) < 0)
        fail_msg("%s", err_text(&err));
    sim_pass(sim, 50 * NS_PER_MS);
    return pid;
}

static void outcome_done(void *arg, int result, const void *value, const struct err *err)
{
    struct sim_outcome *outcome = arg;
    assert_false(outcome->done);
    outcome->done = true;
    outcome->result = result;
    snprintf(outcome->message, sizeof(outcome->message), "%s", err ? err_text(err) : "");
    if (value)
        outcome->orphans = strv_copy((char *const *)value);
}

static void run_until_done(struct sim *sim, struct sim_outcome *outcome)
{
    uint64_t start = loop_now_ns(sim->loop);
    for (unsigned steps = 0; !outcome->done && !sim->host->gone; steps++)
        if (steps > STEPS_MAX || !loop_step(sim->loop))
            fail_msg("nothing more happens");
    outcome->elapsed_ns = loop_now_ns(sim->loop) - start;
}

struct sim_outcome sim_destroy(struct sim *sim, const char *id)
{
    /* Where a crash lets it finish later, it must still be there. */
    static struct sim_outcome outcome;
    outcome = (struct sim_outcome){.done = false};
    launcher_destroy(sim->launcher, id, DONE(outcome_done, &outcome));
    run_until_done(sim, &outcome);
    return outcome;
}

struct sim_outcome sim_recover(struct sim *sim, const struct container_state *states, size_t count)
{
    struct sim_outcome outcome = {.done = false};
    launcher_recover(sim->launcher, states, count, DONE(outcome_done, &outcome));
    run_until_done(sim, &outcome);
    return outcome;
}

void sim_pass(struct sim *sim, uint64_t duration_ns)
{
    sim_loop_advance(sim->loop, duration_ns);
}

unsigned sim_processes(const struct sim *sim)
{
    unsigned count = 0;
    list_for_each(node, &sim->kernel->processes)
    {
        const struct process *process = list_entry(node, struct process, node);
        count += process != sim->kernel->init && process != sim_host_process(sim->host) &&
                 process->state != PROCESS_ZOMBIE;
    }
    return count;
}

bool sim_is_clean(const struct sim *sim)
{
    for (size_t i = 0; i < sim->host->cgroups->count; i++) {
        struct cgroup_fs *fs = sim->host->cgroups->items[i].fs;
        char **paths = NULL;
        if (!cgroup_exists(fs, SIM_ROOT))
            continue;
        assert_int_equal(cgroup_descendants(fs, SIM_ROOT, &paths, NULL), 0);
        size_t count = strv_length(paths);
        strv_free(paths);
        if (count > 0)
            return false;
    }
    return true;
}
