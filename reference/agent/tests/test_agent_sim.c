/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent on the simulated kernel, with the real launchers and isolators: lives and ends, and a
 * crash before and after each of its effects, after which a new agent must leave nothing behind.
 */
#include "reference/mesos/tests/cmocka_head.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fakes/host/sim_host.h"
#include "fakes/kernel/process.h"
#include "fakes/sim_loop.h"
#include "reference/agent/agent.h"
#include "reference/cgroups/cgroup_fs.h"

struct machine {
    const char *name;
    enum cgroup_layout layout;
    const char *launcher;
    const char *isolation;
};
static const struct machine machines[] = {
    {"posix", CGROUP_LAYOUT_NONE, "posix", "posix/cpu,posix/mem"},
    {"v1", CGROUP_LAYOUT_V1, "linux", "cgroups/cpu,cgroups/mem,cgroups/pids"},
    {"v2", CGROUP_LAYOUT_V2, "linux", "cgroups/cpu,cgroups/mem,cgroups/pids"},
};

struct site {
    const struct machine *machine;
    struct loop *loop;
    struct kernel *kernel;
    struct host *host;
    struct flags flags;
    struct agent *agent;
    unsigned launches;
    unsigned answers;
    bool faulty; /* launches may fail */
};

static void start(struct site *site)
{
    static const struct sim_host_options options = {.cgroups = "direct"};
    const struct agent_parts parts = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    site->host = sim_host_new(site->kernel, NULL, &options);
    if (agent_create(site->host, &site->flags, &parts, &site->agent, &err) < 0)
        fail_msg("%s: %s", site->machine->name, err_text(&err));
}

static void stop(struct site *site)
{
    host_crash(site->host);
    host_gone(site->host);
    agent_free(site->agent);
    assert_int_equal(site->answers, site->launches);
    host_free(site->host);
}

static void open_site(struct site *site, const struct machine *machine)
{
    const struct kernel_config config = {.layout = machine->layout, .seed = 1};
    site->machine = machine;
    site->loop = sim_loop_new(0);
    site->kernel = kernel_new(site->loop, &config);
    flags_init(&site->flags);
    str_set(&site->flags.work_dir, "/work");
    str_set(&site->flags.runtime_dir, "/run/mesos");
    str_set(&site->flags.launcher, machine->launcher);
    str_set(&site->flags.isolation, machine->isolation);
    start(site);
}

static void close_site(struct site *site)
{
    stop(site);
    flags_release(&site->flags);
    kernel_free(site->kernel);
    loop_free(site->loop);
}

static void run_for(struct site *site, uint64_t ns)
{
    sim_loop_advance(site->loop, ns);
}

static struct container_config workload(char *arguments[])
{
    return (struct container_config){
        .command_info = {.value = (char *)"seatrial-workload", .arguments = arguments}};
}

static struct resource resources[] = {
    {.name = (char *)"cpus", .type = RESOURCE_SCALAR, .scalar = OPT(0.5)},
    {.name = (char *)"mem", .type = RESOURCE_SCALAR, .scalar = OPT(64)},
};

static void launched(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct site *site = arg;
    site->answers++;
    if (result < 0 && !site->host->gone && !site->faulty)
        fail_msg("%s: %s", site->machine->name, err_text(err));
}

/* Roots have resources; nested containers share those of their root. There is one answer, of
 * success; from an agent that is gone it comes when it is freed. */
static void launch(struct site *site, const char *id, struct container_config config)
{
    unsigned before = site->answers;
    if (!strchr(id, '.'))
        config.resources = (struct resources){resources, ARRAY_SIZE(resources)};
    site->launches++;
    agent_launch(site->agent, id, &config, DONE(launched, site));
    run_for(site, NS_PER_SEC);
    if (site->answers != before + 1 && !site->host->gone)
        fail_msg("%s: launch %s: %u answers", site->machine->name, id, site->answers - before);
}

/* --- what is left --- */

static size_t processes_left(struct site *site)
{
    size_t count = 0;
    list_for_each(node, &site->kernel->processes)
    {
        const struct process *process = list_entry(node, struct process, node);
        count += process != site->kernel->init && process != sim_host_process(site->host) &&
                 !process->kernel_thread && process->command != NULL;
    }
    return count;
}

static void assert_no_cgroups(struct site *site, const char *when)
{
    const struct cgroup_hierarchies *hierarchies = site->host->cgroups;
    for (size_t i = 0; hierarchies && i < hierarchies->count; i++) {
        _cleanup_strv_ char **names = NULL;
        struct cgroup_fs *fs = hierarchies->items[i].fs;
        if (!cgroup_exists(fs, "mesos"))
            continue;
        assert_int_equal(cgroup_list(fs, "mesos", &names, NULL), 0);
        if (strv_length(names) > 0)
            fail_msg("%s, %s: cgroup mesos/%s is left in %s", site->machine->name, when, names[0],
                hierarchies->items[i].name);
    }
}

static void assert_nothing_left(struct site *site, const char *when)
{
    _cleanup_strv_ char **names = NULL;
    _cleanup_strv_ char **ids = containerizer_containers(site->agent->containerizer);
    if (strv_length(ids) > 0)
        fail_msg("%s, %s: container %s is left", site->machine->name, when, ids[0]);
    if (processes_left(site) > 0)
        fail_msg("%s, %s: %zu processes are left", site->machine->name, when,
            processes_left(site));
    host_list(site->host, "/run/mesos/containers", &names, NULL);
    if (strv_length(names) > 0)
        fail_msg("%s, %s: the runtime directory of %s is left", site->machine->name, when,
            names[0]);
    assert_no_cgroups(site, when);
}

/* --- lives --- */

static void test_lives(void **state)
{
    (void)state;
    char *exits[] = {(char *)"seatrial-workload", (char *)"sleep:1s", (char *)"exit:42", NULL};
    char *sleeps[] = {(char *)"seatrial-workload", (char *)"sleep:1000s", NULL};
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        struct site site = {0};
        struct answer waits[3] = {0};
        open_site(&site, &machines[i]);
        struct container_config one = workload(exits);
        struct container_config other = workload(sleeps);
        launch(&site, "c1", one);
        launch(&site, "p", other);
        launch(&site, "p.c", other);
        containerizer_wait(site.agent->containerizer, "c1", answer_termination(&waits[0]));
        containerizer_wait(site.agent->containerizer, "p.c", answer_termination(&waits[1]));
        run_for(&site, 2 * NS_PER_SEC);
        containerizer_destroy(site.agent->containerizer, "p", answer_termination(&waits[2]));
        run_for(&site, 5 * NS_PER_SEC);
        assert_int_equal(waits[1].termination.status.value, SIGKILL);
        assert_int_equal(waits[2].termination.status.value, SIGKILL);
        assert_true(waits[0].none || waits[0].termination.status.value == 42 << 8);
        assert_nothing_left(&site, "after a life");
        for (size_t k = 0; k < ARRAY_SIZE(waits); k++)
            answer_release(&waits[k]);
        close_site(&site);
    }
}

/* --- crashes --- */

struct fault {
    uint64_t at;
    enum effect_action action;
    int error;
    const char *name;
};

static struct effect_verdict decide(void *arg, const struct effect *effect)
{
    const struct fault *fault = arg;
    if (effect->number != fault->at)
        return (struct effect_verdict){.action = EFFECT_PROCEED};
    return (struct effect_verdict){.action = fault->action, .error = fault->error};
}

static void live(struct site *site)
{
    char *sleeps[] = {(char *)"seatrial-workload", (char *)"sleep:1000s", NULL};
    struct container_config config = workload(sleeps);
    struct executor_info executor = {
        .framework_id = (char *)"f", .executor_id = (char *)"e"};
    struct containerizer *containerizer = site->agent->containerizer;
    config.executor_info = &executor;
    launch(site, "x", config);
    config.executor_info = NULL;
    launch(site, "p", config);
    launch(site, "p.c", config);
    config.container_class = CONTAINER_CLASS_DEBUG;
    launch(site, "x.d", config);
    containerizer_destroy(containerizer, "p.c", DONE_NONE);
    run_for(site, NS_PER_SEC);
    containerizer_destroy(containerizer, "p", DONE_NONE);
    containerizer_destroy(containerizer, "x", DONE_NONE);
    run_for(site, 5 * NS_PER_SEC);
}

static void recover_and_destroy(struct site *site, const char *when)
{
    struct answer answer = {0};
    agent_recover(site->agent, answer_plain(&answer));
    run_for(site, 5 * NS_PER_SEC);
    if (answer.count != 1 || answer.result < 0)
        fail_msg("%s, %s: recovery: %u answers, %s", site->machine->name, when, answer.count,
            answer.message ? answer.message : "success");
    answer_release(&answer);
    _cleanup_strv_ char **ids = containerizer_containers(site->agent->containerizer);
    for (size_t i = 0; ids[i]; i++)
        containerizer_destroy(site->agent->containerizer, ids[i], DONE_NONE);
    run_for(site, 5 * NS_PER_SEC);
}

/* Returns the number of effects of a life. */
static uint64_t run_with(const struct machine *machine, const struct fault *fault)
{
    struct site site = {0};
    open_site(&site, machine);
    site.faulty = fault->action == EFFECT_FAIL;
    site.host->hook = (struct effect_hook){decide, (void *)(uintptr_t)fault};
    live(&site);
    uint64_t effects = site.host->effects;
    stop(&site);
    start(&site);
    _cleanup_free_ char *when = str_printf("%s effect %lu", fault->name, (unsigned long)fault->at);
    recover_and_destroy(&site, when);
    assert_nothing_left(&site, when);
    close_site(&site);
    return effects;
}

static void sweep(const struct machine *machine, struct fault fault)
{
    const struct fault none = {.name = "no"};
    uint64_t effects = run_with(machine, &none);
    if (effects < 50)
        fail_msg("%s: only %lu effects", machine->name, (unsigned long)effects);
    for (fault.at = 1; fault.at <= effects; fault.at++)
        run_with(machine, &fault);
}

static void test_crashes(void **state)
{
    (void)state;
    const struct fault before = {.action = EFFECT_CRASH_BEFORE, .name = "crash before"};
    const struct fault after = {.action = EFFECT_CRASH_AFTER, .name = "crash after"};
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        sweep(&machines[i], before);
        sweep(&machines[i], after);
    }
}

/* What fails, fails its operation; and what a failed destroy leaves is the next agent's to end. */
static void test_failures(void **state)
{
    (void)state;
    const struct fault failure = {.action = EFFECT_FAIL, .error = -EIO, .name = "failing"};
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
        sweep(&machines[i], failure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_failures),
    };
    (void)world_setup;
    (void)world_teardown;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
