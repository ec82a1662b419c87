/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fakes/sim_loop.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/mesos/checkpoint.h"
#include "reference/mesos/tests/world.h"

struct script {
    char *failure; /* NULL: succeeds */
    bool holds;
};

struct held {
    struct list node;
    char *call;
    struct done done;
    const void *value;
    int result;
    char *message;
};

/* --- scripted calls --- */

static struct script *script_of(struct world *world, const char *call)
{
    struct script *script = strmap_get(world->scripts, call);
    if (!script) {
        script = mem_alloc(sizeof(*script));
        strmap_set(world->scripts, call, script);
    }
    return script;
}

static void give(struct done done, int result, const char *message, const void *value)
{
    _cleanup_err_ struct err err = ERR_INIT;
    if (result == 0) {
        done_ok(done, value);
        return;
    }
    err_set(&err, result, "%s", message);
    done_fail(done, result, &err);
}

static void scripted(
    struct world *world, const char *call, const char *id, struct done done, const void *value)
{
    strv_add_owned(&world->journal, str_printf("%s %s", call, id));
    const struct script *script = script_of(world, call);
    int result = script->failure ? -EIO : 0;
    if (!script->holds) {
        give(done, result, script->failure, value);
        return;
    }
    struct held *held = mem_alloc(sizeof(*held));
    held->call = str_dup(call);
    held->done = done;
    held->value = value;
    held->result = result;
    held->message = str_dup(script->failure);
    list_append(&world->held, &held->node);
}

static void held_give(struct held *held, int result, const char *message)
{
    list_remove(&held->node);
    give(held->done, result, message, held->value);
    free(held->call);
    free(held->message);
    free(held);
}

/* All calls of a part, by the prefix of their names, or one call. */
static unsigned give_held(struct world *world, const char *prefix, bool shutdown)
{
    unsigned count = 0;
    struct list chosen;
    list_init(&chosen);
    list_for_each_safe(node, following, &world->held)
    {
        if (!str_starts(list_entry(node, struct held, node)->call, prefix))
            continue;
        list_remove(node);
        list_append(&chosen, node);
    }
    while (!list_empty(&chosen)) {
        struct held *held = list_entry(chosen.next, struct held, node);
        held_give(held, shutdown ? -ESHUTDOWN : held->result,
            shutdown ? "agent gone" : held->message);
        count++;
    }
    return count;
}

void world_fail(struct world *world, const char *call, const char *message)
{
    str_set(&script_of(world, call)->failure, message);
}

void world_hold(struct world *world, const char *call)
{
    script_of(world, call)->holds = true;
}

unsigned world_release_call(struct world *world, const char *call)
{
    script_of(world, call)->holds = false;
    unsigned count = give_held(world, call, false);
    world_settle(world);
    return count;
}

/* --- isolators --- */

struct scripted_isolator {
    struct isolator isolator;
    struct world *world;
};

static void isolator_scripted(struct isolator *isolator, const char *call, const char *id,
    struct done done, const void *value)
{
    struct world *world = container_of(isolator, struct scripted_isolator, isolator)->world;
    _cleanup_free_ char *name = str_printf("%s.%s", isolator->name, call);
    scripted(world, name, id, done, value);
}

static void double_recover(struct isolator *isolator, const struct container_state *states,
    size_t count, char *const *orphans, struct done done)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, "[");
    for (size_t i = 0; i < count; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", states[i].id);
    strbuf_add(&text, "] [");
    for (size_t i = 0; orphans[i]; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", orphans[i]);
    strbuf_add(&text, "]");
    isolator_scripted(isolator, "recover", strbuf_text(&text), done, NULL);
}

static void double_prepare(struct isolator *isolator, const char *id,
    const struct container_config *config, struct done done)
{
    (void)config;
    const struct world *world = container_of(isolator, struct scripted_isolator, isolator)->world;
    const struct launch_info *info = str_equal(isolator->name, "a")   ? world->info_a
                                     : str_equal(isolator->name, "b") ? world->info_b
                                                                      : NULL;
    isolator_scripted(isolator, "prepare", id, done, info);
}

static void double_isolate(struct isolator *isolator, const char *id, pid_t pid, struct done done)
{
    (void)pid;
    isolator_scripted(isolator, "isolate", id, done, NULL);
}

static void double_watch(struct isolator *isolator, const char *id, struct done done)
{
    struct world *world = container_of(isolator, struct scripted_isolator, isolator)->world;
    _cleanup_free_ char *key = str_printf("%s %s", isolator->name, id);
    assert_null(strmap_get(world->watches, key));
    strmap_set(world->watches, key, mem_dup(&done, sizeof(done)));
}

static void double_update(struct isolator *isolator, const char *id,
    const struct resources *requests, const struct resource_limits *limits, struct done done)
{
    (void)requests;
    (void)limits;
    isolator_scripted(isolator, "update", id, done, NULL);
}

static void double_usage(struct isolator *isolator, const char *id, struct done done)
{
    static const struct statistics of_a = {
        .timestamp = 1, .processes = OPT(3), .mem_total_bytes = OPT(1000)};
    static const struct statistics of_b = {.threads = OPT(7), .mem_total_bytes = OPT(2000)};
    isolator_scripted(isolator, "usage", id, done, str_equal(isolator->name, "a") ? &of_a : &of_b);
}

static void double_status(struct isolator *isolator, const char *id, struct done done)
{
    static const struct container_status nothing;
    isolator_scripted(isolator, "status", id, done, &nothing);
}

/* Ends the watch as the contract says. */
static void double_cleanup(struct isolator *isolator, const char *id, struct done done)
{
    struct world *world = container_of(isolator, struct scripted_isolator, isolator)->world;
    _cleanup_free_ char *key = str_printf("%s %s", isolator->name, id);
    _cleanup_free_ struct done *watch = strmap_remove(world->watches, key);
    if (watch)
        done_fail(*watch, -ECANCELED, NULL);
    isolator_scripted(isolator, "cleanup", id, done, NULL);
}

static void double_isolator_free(struct isolator *isolator)
{
    struct scripted_isolator *scripted_isolator =
        container_of(isolator, struct scripted_isolator, isolator);
    struct world *world = scripted_isolator->world;
    _cleanup_free_ char *calls = str_printf("%s.", isolator->name);
    _cleanup_free_ char *keys = str_printf("%s ", isolator->name);
    give_held(world, calls, true);
    size_t cursor = 0;
    const char *key = NULL;
    void *value = NULL;
    while (strmap_next(world->watches, &cursor, &key, &value)) {
        if (!str_starts(key, keys))
            continue;
        _cleanup_free_ struct done *watch = strmap_remove(world->watches, key);
        done_fail(*watch, -ESHUTDOWN, NULL);
    }
    free(scripted_isolator);
}

static const struct isolator_ops isolator_ops = {
    .recover = double_recover,
    .prepare = double_prepare,
    .isolate = double_isolate,
    .watch = double_watch,
    .update = double_update,
    .usage = double_usage,
    .status = double_status,
    .cleanup = double_cleanup,
    .free = double_isolator_free,
};

static struct isolator *isolator_new(struct world *world, const char *name, bool everywhere)
{
    struct scripted_isolator *scripted_isolator = mem_alloc(sizeof(*scripted_isolator));
    scripted_isolator->world = world;
    scripted_isolator->isolator = (struct isolator){.ops = &isolator_ops,
        .name = name,
        .nesting = everywhere,
        .standalone = everywhere,
        .host = world->host};
    return &scripted_isolator->isolator;
}

void world_limit(struct world *world, const char *isolator, const char *id,
    const struct limitation *limitation)
{
    _cleanup_free_ char *key = str_printf("%s %s", isolator, id);
    _cleanup_free_ struct done *watch = strmap_remove(world->watches, key);
    assert_non_null(watch);
    if (limitation)
        done_ok(*watch, limitation);
    else
        done_fail(*watch, -EIO, NULL);
    world_settle(world);
}

/* --- launcher --- */

struct scripted_launcher {
    struct launcher launcher;
    struct world *world;
    struct strmap *pids; /* id -> pid as a pointer */
};

static struct scripted_launcher *launcher_of(struct launcher *launcher)
{
    return container_of(launcher, struct scripted_launcher, launcher);
}

static void remember(struct scripted_launcher *launcher, const char *id, pid_t pid)
{
    if (pid > 0)
        strmap_set(launcher->pids, id, (void *)(uintptr_t)pid);
}

static void double_launcher_recover(struct launcher *launcher,
    const struct container_state *states, size_t count, struct done done)
{
    static char *none[] = {NULL};
    struct world *world = launcher_of(launcher)->world;
    for (size_t i = 0; i < count; i++)
        remember(launcher_of(launcher), states[i].id, states[i].pid);
    scripted(world, "launcher.recover", "", done,
        world->launcher_orphans ? world->launcher_orphans : none);
}

static int double_launcher_fork(struct launcher *launcher, const char *id, struct plan *plan,
    pid_t *ret_pid, int *ret_gate, struct err *err)
{
    struct world *world = launcher_of(launcher)->world;
    strv_add_owned(&world->journal, str_printf("launcher.fork %s", id));
    const struct script *script = script_of(world, "launcher.fork");
    if (script->failure)
        return err_set(err, -EIO, "%s", script->failure);
    int r = host_spawn(launcher->host, plan, ret_pid, ret_gate, err);
    if (r == 0)
        remember(launcher_of(launcher), id, *ret_pid);
    return r;
}

static void double_launcher_destroy(struct launcher *launcher, const char *id, struct done done)
{
    struct world *world = launcher_of(launcher)->world;
    pid_t pid = (pid_t)(uintptr_t)strmap_get(launcher_of(launcher)->pids, id);
    if (pid && !script_of(world, "launcher.destroy")->failure) {
        strmap_remove(launcher_of(launcher)->pids, id);
        host_signal(launcher->host, pid, SIGKILL, NULL);
    }
    scripted(world, "launcher.destroy", id, done, NULL);
}

static int double_launcher_status(
    struct launcher *launcher, const char *id, struct container_status *into, struct err *err)
{
    pid_t pid = (pid_t)(uintptr_t)strmap_get(launcher_of(launcher)->pids, id);
    if (!pid)
        return err_set(err, -ENOENT, "%s is not known", id);
    into->executor_pid = (struct opt_i64)OPT(pid);
    return 0;
}

static void double_launcher_free(struct launcher *launcher)
{
    give_held(launcher_of(launcher)->world, "launcher.", true);
    strmap_free(launcher_of(launcher)->pids);
    free(launcher_of(launcher));
}

static const struct launcher_ops launcher_ops = {
    .name = "scripted",
    .recover = double_launcher_recover,
    .fork = double_launcher_fork,
    .destroy = double_launcher_destroy,
    .status = double_launcher_status,
    .free = double_launcher_free,
};

/* --- fetcher and provisioner --- */

struct scripted_fetcher {
    struct fetcher fetcher;
    struct world *world;
};

static void double_fetch(struct fetcher *fetcher, const char *id,
    const struct command_info *command, const char *directory, const char *user, struct done done)
{
    (void)command;
    (void)directory;
    (void)user;
    scripted(container_of(fetcher, struct scripted_fetcher, fetcher)->world, "fetcher.fetch", id,
        done, NULL);
}

/* What is held stays held: the containerizer may not depend on its end. */
static void double_fetch_kill(struct fetcher *fetcher, const char *id)
{
    scripted(container_of(fetcher, struct scripted_fetcher, fetcher)->world, "fetcher.kill", id,
        DONE_NONE, NULL);
}

static void double_fetcher_free(struct fetcher *fetcher)
{
    struct scripted_fetcher *scripted_fetcher =
        container_of(fetcher, struct scripted_fetcher, fetcher);
    give_held(scripted_fetcher->world, "fetcher.", true);
    free(scripted_fetcher);
}

static const struct fetcher_ops fetcher_ops = {
    .fetch = double_fetch, .kill = double_fetch_kill, .free = double_fetcher_free};

struct scripted_provisioner {
    struct provisioner provisioner;
    struct world *world;
};

static struct world *of_provisioner(struct provisioner *provisioner)
{
    return container_of(provisioner, struct scripted_provisioner, provisioner)->world;
}

static void double_provisioner_recover(
    struct provisioner *provisioner, char *const *known, struct done done)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; known[i]; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", known[i]);
    scripted(of_provisioner(provisioner), "provisioner.recover", strbuf_text(&text), done, NULL);
}

static void double_provision(struct provisioner *provisioner, const char *id,
    const struct image *image, struct done done)
{
    (void)image;
    struct world *world = of_provisioner(provisioner);
    scripted(world, "provisioner.provision", id, done, &world->provision);
}

static void double_provisioner_destroy(
    struct provisioner *provisioner, const char *id, struct done done)
{
    static const bool known = true;
    scripted(of_provisioner(provisioner), "provisioner.destroy", id, done, &known);
}

static void double_provisioner_prune(
    struct provisioner *provisioner, char *const *keep, struct done done)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; keep[i]; i++)
        strbuf_addf(&text, "%s%s", i ? " " : "", keep[i]);
    scripted(of_provisioner(provisioner), "provisioner.prune", strbuf_text(&text), done, NULL);
}

static void double_provisioner_free(struct provisioner *provisioner)
{
    give_held(of_provisioner(provisioner), "provisioner.", true);
    free(container_of(provisioner, struct scripted_provisioner, provisioner));
}

static const struct provisioner_ops provisioner_ops = {
    .recover = double_provisioner_recover,
    .provision = double_provision,
    .destroy = double_provisioner_destroy,
    .prune = double_provisioner_prune,
    .free = double_provisioner_free,
};

/* --- the world --- */

static void start_instance(struct world *world)
{
    world->host = double_host_new(&world->outside, NULL);
    struct mesos_parts parts = {.host = world->host, .flags = &world->flags};
    parts.isolators.items = mem_alloc(3 * sizeof(struct isolator *));
    parts.isolators.items[parts.isolators.count++] = isolator_new(world, "a", true);
    parts.isolators.items[parts.isolators.count++] = isolator_new(world, "b", true);
    parts.isolators.items[parts.isolators.count++] = isolator_new(world, "c", false);
    struct scripted_launcher *launcher = mem_alloc(sizeof(*launcher));
    launcher->launcher = (struct launcher){&launcher_ops, world->host};
    launcher->world = world;
    launcher->pids = strmap_new();
    parts.launcher = &launcher->launcher;
    struct scripted_fetcher *fetcher = mem_alloc(sizeof(*fetcher));
    *fetcher = (struct scripted_fetcher){{&fetcher_ops, world->host}, world};
    parts.fetcher = &fetcher->fetcher;
    if (!world->without_provisioner) {
        struct scripted_provisioner *provisioner = mem_alloc(sizeof(*provisioner));
        *provisioner = (struct scripted_provisioner){{&provisioner_ops, world->host}, world};
        parts.provisioner = &provisioner->provisioner;
    }
    world->containerizer = mesos_containerizer_new(&parts);
}

static void stop_instance(struct world *world)
{
    host_crash(world->host);
    host_gone(world->host);
    containerizer_free(world->containerizer);
    host_free(world->host);
}

void world_init(struct world *world)
{
    double_world_init(&world->outside);
    flags_init(&world->flags);
    str_set(&world->flags.work_dir, "/work");
    str_set(&world->flags.runtime_dir, "/run");
    world->scripts = strmap_new();
    world->watches = strmap_new();
    world->provision.rootfs = "/rootfs";
    list_init(&world->held);
    start_instance(world);
}

static void forget_scripts(struct world *world)
{
    size_t cursor = 0;
    const char *call = NULL;
    void *value = NULL;
    while (strmap_next(world->scripts, &cursor, &call, &value)) {
        struct script *script = value;
        free(script->failure);
        free(script);
    }
    strmap_free(world->scripts);
}

void world_release(struct world *world)
{
    stop_instance(world);
    assert_true(list_empty(&world->held));
    assert_int_equal(strmap_count(world->watches), 0);
    forget_scripts(world);
    strmap_free(world->watches);
    flags_release(&world->flags);
    strv_free(world->journal);
    strv_free(world->launcher_orphans);
    double_world_release(&world->outside);
}

void world_restart(struct world *world)
{
    stop_instance(world);
    start_instance(world);
}

void world_settle(struct world *world)
{
    sim_loop_advance(world->outside.loop, 10 * NS_PER_MS);
}

/* --- the journal --- */

static bool entry_is(const char *entry, const char *call)
{
    size_t length = strlen(call);
    return strncmp(entry, call, length) == 0 && (entry[length] == '\0' || entry[length] == ' ');
}

unsigned world_count(const struct world *world, const char *call)
{
    unsigned count = 0;
    for (size_t i = 0; world->journal && world->journal[i]; i++)
        count += entry_is(world->journal[i], call);
    return count;
}

size_t world_index(const struct world *world, const char *call)
{
    for (size_t i = 0; world->journal && world->journal[i]; i++)
        if (entry_is(world->journal[i], call))
            return i;
    fail_msg("%s was never called", call);
    return 0;
}

char *world_journal(const struct world *world)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (size_t i = 0; world->journal && world->journal[i]; i++)
        strbuf_addf(&text, "%s%s", i ? ", " : "", world->journal[i]);
    return strbuf_take(&text);
}

void world_forget(struct world *world)
{
    world->journal = strv_free(world->journal);
}

/* --- containers --- */

struct container_config world_config(const char *command)
{
    return (struct container_config){
        .command_info = {.shell = true, .value = (char *)command},
        .directory = (char *)"/sandbox",
    };
}

void world_launch(struct world *world, const char *id, const struct container_config *config,
    struct answer *answer)
{
    if (config->directory)
        vfs_mkdir(world->outside.vfs, config->directory, 0750, true);
    containerizer_launch(
        world->containerizer, id, config, NULL, 0, NULL, answer_launch(answer));
    world_settle(world);
}

void world_run(struct world *world, const char *id)
{
    struct answer answer = {0};
    struct container_config config = world_config("sleep 1000");
    world_launch(world, id, &config, &answer);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.result, 0);
    assert_int_equal(answer.outcome, LAUNCH_SUCCESS);
    assert_string_equal(world_phase(world, id), "RUNNING");
    answer_release(&answer);
}

pid_t world_pid(struct world *world, const char *id)
{
    _cleanup_free_ char *runtime = mesos_runtime_path("/run", id);
    struct opt_i64 pid = {0};
    assert_int_equal(checkpoint_read_number(world->host, runtime, "pid", &pid, NULL), 0);
    assert_true(pid.set);
    return (pid_t)pid.value;
}

struct double_process *world_process(struct world *world, const char *id)
{
    struct double_process *process = double_process_find(&world->outside, world_pid(world, id));
    assert_non_null(process);
    return process;
}

const char *world_phase(struct world *world, const char *id)
{
    enum container_phase phase;
    int r = containerizer_phase(world->containerizer, id, &phase);
    return r < 0 ? "unknown" : container_phase_names[phase];
}

bool world_exists(struct world *world, const char *path)
{
    return vfs_info(world->outside.vfs, path, false, &(struct vfs_info){0}) == 0;
}

char *world_read(struct world *world, const char *path)
{
    const char *text = NULL;
    size_t length = 0;
    if (vfs_read(world->outside.vfs, path, &text, &length) < 0)
        return NULL;
    return str_ndup(text ? text : "", length);
}

void world_write(struct world *world, const char *path, const char *text)
{
    _cleanup_free_ char *directory = str_ndup(path, (size_t)(strrchr(path, '/') - path));
    vfs_mkdir(world->outside.vfs, directory, 0755, true);
    assert_int_equal(
        vfs_write(world->outside.vfs, path, text, strlen(text), 0644, false), 0);
}

/* --- answers --- */

static void note(struct answer *answer, int result, const void *value, const struct err *err)
{
    answer->count++;
    answer->result = result;
    answer->none = value == NULL;
    str_set(&answer->message, err ? err_text(err) : NULL);
}

static void note_launch(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    note(answer, result, value, err);
    if (value)
        answer->outcome = *(const enum launch_result *)value;
}

static void note_termination(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    note(answer, result, value, err);
    json_type_release(&termination_json, &answer->termination);
    if (value)
        json_type_copy(&termination_json, &answer->termination, value);
}

static void note_bool(void *arg, int result, const void *value, const struct err *err)
{
    struct answer *answer = arg;
    note(answer, result, value, err);
    if (value)
        answer->yes = *(const bool *)value;
}

static void note_plain(void *arg, int result, const void *value, const struct err *err)
{
    note(arg, result, value, err);
}

struct done answer_launch(struct answer *answer)
{
    return DONE(note_launch, answer);
}

struct done answer_termination(struct answer *answer)
{
    return DONE(note_termination, answer);
}

struct done answer_bool(struct answer *answer)
{
    return DONE(note_bool, answer);
}

struct done answer_plain(struct answer *answer)
{
    return DONE(note_plain, answer);
}

void answer_release(struct answer *answer)
{
    free(answer->message);
    json_type_release(&termination_json, &answer->termination);
    *answer = (struct answer){0};
}
