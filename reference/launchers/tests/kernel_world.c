/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/launchers/tests/kernel_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"

#define DEADLINE_NS (60 * NS_PER_SEC)

static int setup(void **state, bool old, const char *cgroups)
{
    struct world *world = mem_alloc(sizeof(*world));
    _cleanup_err_ struct err err = ERR_INIT;
    world->loop = loop_uv_new();
    world->options.init_helper = TEST_INIT_HELPER;
    world->options.without_pidfd = old;
    world->options.without_clone3 = old;
    world->options.without_gate_entry = old;
    world->options.without_mount_api = old;
    world->options.cgroups = cgroups;
    world->directory = str_dup("/tmp/seatrial-test.XXXXXX");
    if (!mkdtemp(world->directory) || chmod(world->directory, 0755) < 0 ||
        host_linux_new(world->loop, NULL, &world->options, &world->host, &err) < 0) {
        print_error("%s\n", err_text(&err));
        return -1;
    }
    *state = world;
    return 0;
}

int world_setup(void **state)
{
    return setup(state, false, NULL);
}

int world_setup_old(void **state)
{
    return setup(state, true, NULL);
}

int world_setup_v1(void **state)
{
    return setup(state, false, "v1");
}

int world_setup_v2(void **state)
{
    return setup(state, false, "v2");
}

int world_teardown(void **state)
{
    struct world *world = *state;
    host_tree_remove(world->host, world->directory, NULL);
    host_free(world->host);
    loop_free(world->loop);
    free(world->directory);
    free(world);
    return 0;
}

void need_root(void)
{
    if (geteuid() != 0)
        skip();
}

void world_plan(struct world *world, struct plan *plan, const char *name, const char *command)
{
    plan_init(plan);
    plan->container_id = str_dup(name);
    plan->runtime_directory = str_printf("%s/%s", world->directory, name);
    assert_int_equal(host_mkdir(world->host, plan->runtime_directory, 0755, true, NULL), 0);
    plan->stdio[1] = str_printf("%s/stdout", plan->runtime_directory);
    plan->stdio[2] = str_printf("%s/stderr", plan->runtime_directory);
    plan->info.working_directory = str_dup(plan->runtime_directory);
    plan->info.command = mem_alloc(sizeof(*plan->info.command));
    plan->info.command->shell = true;
    plan->info.command->value = str_dup(command);
}

pid_t world_start(struct world *world, const struct plan *plan)
{
    _cleanup_err_ struct err err = ERR_INIT;
    pid_t pid = 0;
    int gate = -1;
    if (host_spawn(world->host, plan, &pid, &gate, &err) < 0)
        fail_msg("spawn: %s", err_text(&err));
    assert_int_equal(host_gate_release(world->host, gate, &err), 0);
    return pid;
}

static void tick(void *arg)
{
    *(struct loop_timer **)arg = NULL;
}

void world_until(struct world *world, const bool *flag)
{
    uint64_t deadline = loop_now_ns(world->loop) + DEADLINE_NS;
    while (!*flag) {
        /* So that a step that waits for nothing else returns. */
        struct loop_timer *timer = NULL;
        timer = loop_timer_start(world->loop, 50 * NS_PER_MS, tick, &timer);
        loop_step(world->loop);
        loop_timer_stop(world->loop, timer);
        if (loop_now_ns(world->loop) > deadline)
            fail_msg("nothing happened in time");
    }
}

struct ending {
    bool ended;
    int status;
};

static void ended(void *arg, int result, bool status_known, int wait_status)
{
    struct ending *ending = arg;
    assert_int_equal(result, 0);
    ending->ended = true;
    ending->status = status_known ? wait_status : -1;
}

int world_wait(struct world *world, pid_t pid)
{
    struct ending ending = {false, 0};
    host_exit_watch(world->host, pid, ended, &ending);
    world_until(world, &ending.ended);
    return ending.status;
}

pid_t world_fork(struct world *world, struct launcher *launcher, const char *id, struct plan *plan)
{
    _cleanup_err_ struct err err = ERR_INIT;
    pid_t pid = 0;
    int gate = -1;
    if (launcher_fork(launcher, id, plan, &pid, &gate, &err) < 0)
        fail_msg("%s", err_text(&err));
    assert_int_equal(host_gate_release(world->host, gate, NULL), 0);
    return pid;
}

int world_destroy(
    struct world *world, struct launcher *launcher, const char *id, char **ret_message)
{
    struct outcome outcome;
    launcher_destroy(launcher, id, outcome_of(&outcome));
    world_until(world, &outcome.done);
    int result = outcome.result;
    if (ret_message)
        *ret_message = TAKE_PTR(outcome.message);
    outcome_release(&outcome);
    return result;
}

char *world_read(const struct world *world, const char *name, const char *file)
{
    _cleanup_free_ char *path = str_printf("%s/%s/%s", world->directory, name, file);
    char *text = NULL;
    if (host_file_read(world->host, path, &text, NULL, NULL) < 0)
        return str_dup("");
    return text;
}

char *world_await(struct world *world, const char *name, const char *file)
{
    uint64_t deadline = loop_now_ns(world->loop) + DEADLINE_NS;
    for (;;) {
        char *text = world_read(world, name, file);
        if (text[0])
            return text;
        free(text);
        struct loop_timer *timer = NULL;
        timer = loop_timer_start(world->loop, 2 * NS_PER_MS, tick, &timer);
        loop_step(world->loop);
        loop_timer_stop(world->loop, timer);
        if (loop_now_ns(world->loop) > deadline)
            fail_msg("%s of %s stays empty", file, name);
    }
}

unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

bool is_alive(pid_t pid)
{
    char path[64];
    char text[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    const char *after = strrchr(text, ')');
    return after && after[1] && after[2] != 'Z';
}

unsigned count_alive(struct world *world, pid_t leader)
{
    _cleanup_free_ struct process_info *list = NULL;
    size_t count = 0;
    unsigned alive = 0;
    assert_int_equal(host_process_list(world->host, &list, &count, NULL), 0);
    for (size_t i = 0; i < count; i++)
        alive += (list[i].pgid == leader || list[i].sid == leader) && list[i].state != 'Z';
    return alive;
}

static void outcome_done(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct outcome *outcome = arg;
    assert_false(outcome->done);
    outcome->done = true;
    outcome->result = result;
    if (err && err->message)
        outcome->message = str_dup(err->message);
}

static void outcome_done_strings(void *arg, int result, const void *value, const struct err *err)
{
    struct outcome *outcome = arg;
    outcome_done(arg, result, NULL, err);
    if (value)
        outcome->strings = strv_copy((char *const *)value);
}

struct done outcome_of(struct outcome *outcome)
{
    *outcome = (struct outcome){.done = false};
    return DONE(outcome_done, outcome);
}

struct done outcome_strings(struct outcome *outcome)
{
    *outcome = (struct outcome){.done = false};
    return DONE(outcome_done_strings, outcome);
}

void outcome_release(struct outcome *outcome)
{
    free(outcome->message);
    strv_free(outcome->strings);
}
