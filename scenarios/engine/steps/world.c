/* SPDX-License-Identifier: Apache-2.0 */
/* Steps by which others than the agent change the world: an operator, another program. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "scenarios/engine/parse/kinds.h"
#include "scenarios/engine/run/place.h"
#include "scenarios/engine/steps/steps.h"

#define SPAWN_TRIES 2000

static const struct key cgroup_keys[] = {PLACE_CGROUP_KEYS};
static const struct schema make_cgroup_schema = SCHEMA("make-cgroup", cgroup_keys, "path");
static const struct schema remove_cgroup_schema = SCHEMA("remove-cgroup", cgroup_keys, "path");

static const struct key write_cgroup_keys[] = {
    PLACE_CGROUP_KEYS,
    {"file", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "the control file"},
    {"value", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "what is written to it"},
};
static const struct schema write_cgroup_schema = SCHEMA("write-cgroup", write_cgroup_keys, NULL);

static const struct key write_file_keys[] = {
    {"path", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, PLACE_FILE_HELP},
    {"content", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "what it then holds"},
    {"mode", VALUE_MODE, 0, NULL, NULL, NULL, "its permissions (default 0644)"},
};
static const struct schema write_file_schema = SCHEMA("write-file", write_file_keys, NULL);

static const struct key path_keys[] = {
    {"path", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, PLACE_FILE_HELP},
};
static const struct schema make_directory_schema = SCHEMA("make-directory", path_keys, "path");
static const struct schema remove_file_schema = SCHEMA("remove-file", path_keys, "path");

static const struct key make_root_keys[] = {
    {"path", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, PLACE_FILE_HELP},
    {"mode", VALUE_MODE, 0, NULL, NULL, NULL, "permissions of the program in it (default 0755)"},
};
static const struct schema make_root_schema = SCHEMA("make-root", make_root_keys, "path");

static const struct key make_link_keys[] = {
    {"path", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, PLACE_FILE_HELP},
    {"target", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "where it leads: such a path, or any"},
};
static const struct schema make_link_schema = SCHEMA("make-link", make_link_keys, NULL);

static const struct key spawn_keys[] = {
    {"as", VALUE_TEXT, KEY_REQUIRED, NULL, NULL, NULL, "a name, for `signal`"},
    {"workload", VALUE_WORKLOAD, KEY_REQUIRED, NULL, NULL, NULL, "what it does"},
    {"into", VALUE_ID, 0, NULL, NULL, NULL, "moved into the cgroups of this container"},
    {"number_of", VALUE_ID, 0, NULL, NULL, NULL,
        "with the pid that the init of this container had, which has ended"},
    {"number_of_switchboard", VALUE_ID, 0, NULL, NULL, NULL,
        "or with that of its I/O switchboard's server"},
    {"output", VALUE_TEXT, 0, NULL, NULL, NULL, "where its stdout goes: such a path as of files"},
};
static const struct schema spawn_schema = SCHEMA("spawn", spawn_keys, NULL);

static const struct key signal_keys[] = {
    {"of", VALUE_ID, 0, NULL, NULL, NULL, "the init of this container"},
    {"process", VALUE_TEXT, 0, NULL, NULL, NULL, "or a process that `spawn` named"},
    {"switchboard", VALUE_ID, 0, NULL, NULL, NULL,
        "or the I/O switchboard's server of this container"},
    {"signal", VALUE_SIGNAL, 0, NULL, NULL, NULL, "default KILL"},
};
static const struct schema signal_schema = SCHEMA("signal", signal_keys, "of");

static int make_cgroup_run(struct run *run, const struct step *step, struct err *err)
{
    struct place place;
    int result = place_cgroup(run, step->args, &place, err);
    if (result < 0)
        return result;
    result = cgroup_create_recursive(place.fs, place.path, err);
    if (result == 0)
        outside_note_cgroup(run, place.fs, place.path);
    place_release(&place);
    return result;
}

static int remove_cgroup_run(struct run *run, const struct step *step, struct err *err)
{
    struct place place;
    int result = place_cgroup(run, step->args, &place, err);
    if (result < 0)
        return result;
    _cleanup_strv_ char **below = NULL;
    result = cgroup_descendants(place.fs, place.path, &below, err);
    for (size_t i = 0; result == 0 && below && below[i]; i++)
        result = cgroup_remove(place.fs, below[i], err);
    if (result == 0)
        result = cgroup_remove(place.fs, place.path, err);
    place_release(&place);
    return result;
}

static int write_cgroup_run(struct run *run, const struct step *step, struct err *err)
{
    struct place place;
    int result = place_cgroup(run, step->args, &place, err);
    if (result < 0)
        return result;
    result = cgroup_write(
        place.fs, place.path, node_text(step->args, "file"), node_text(step->args, "value"), err);
    place_release(&place);
    return result;
}

static int write_file_run(struct run *run, const struct step *step, struct err *err)
{
    _cleanup_free_ char *path = place_file(run, node_text(step->args, "path"), err);
    if (!path)
        return err->code;
    const char *content = node_text(step->args, "content");
    _cleanup_free_ char *above = str_ndup(path, (size_t)(strrchr(path, '/') - path));
    int result = above[0] ? host_mkdir(run->world->observer, above, 0755, true, err) : 0;
    if (result < 0)
        return result;
    return host_file_write(run->world->observer, path, content, strlen(content),
        (mode_t)node_amount(step->args, "mode", 0644), err);
}

static int make_directory_run(struct run *run, const struct step *step, struct err *err)
{
    _cleanup_free_ char *path = place_file(run, node_text(step->args, "path"), err);
    return path ? host_mkdir(run->world->observer, path, 0755, true, err) : err->code;
}

/* A directory as a root file system: what every program expects of one, and the workload program
 * where launches call it. */
static int make_root_run(struct run *run, const struct step *step, struct err *err)
{
    static const char *const directories[] = {
        "", "/etc", "/tmp", "/mnt/mesos/sandbox", "/dev", "/proc", "/sys"};
    struct host *host = run->world->observer;
    _cleanup_free_ char *path = place_file(run, node_text(step->args, "path"), err);
    int result = path ? 0 : err->code;
    for (size_t i = 0; result == 0 && i < ARRAY_SIZE(directories); i++) {
        _cleanup_free_ char *directory = str_printf("%s%s", path, directories[i]);
        result = host_mkdir(host, directory, 0755, true, err);
    }
    if (result < 0)
        return result;
    _cleanup_free_ char *program = str_printf("%s%s", path, run->world->workload);
    _cleanup_free_ char *above = str_ndup(program, (size_t)(strrchr(program, '/') - program));
    _cleanup_free_ char *content = NULL;
    size_t length = 0;
    result = host_mkdir(host, above, 0755, true, err);
    if (result == 0 && !run->world->virtual_time)
        result = host_file_read(host, run->world->workload, &content, &length, err);
    if (result == 0)
        result = host_file_write(host, program, content ? content : "", length,
            (mode_t)node_amount(step->args, "mode", 0755), err);
    return result;
}

static int make_link_run(struct run *run, const struct step *step, struct err *err)
{
    _cleanup_free_ char *path = place_file(run, node_text(step->args, "path"), err);
    _cleanup_free_ char *target = place_text(run, node_text(step->args, "target"), err);
    return path && target ? host_symlink(run->world->observer, target, path, err) : err->code;
}

static int remove_file_run(struct run *run, const struct step *step, struct err *err)
{
    _cleanup_free_ char *path = place_file(run, node_text(step->args, "path"), err);
    return path ? host_tree_remove(run->world->observer, path, err) : err->code;
}

/* Into the cgroup of the container, in every hierarchy that has it; one must. */
static int move_into(struct run *run, const char *id, pid_t pid, struct err *err)
{
    struct cgroup_hierarchies *all = run->world->observer->cgroups;
    _cleanup_free_ char *text = str_printf("%d", (int)pid);
    bool moved = false;
    for (size_t i = 0; all && i < all->count; i++) {
        _cleanup_free_ char *path = all->items[i].v2
                                        ? launcher_cgroup_leaf(run->flags.cgroups_root, id)
                                        : launcher_cgroup(run->flags.cgroups_root, id);
        if (!cgroup_exists(all->items[i].fs, path))
            continue;
        int result = cgroup_write(all->items[i].fs, path, "cgroup.procs", text, err);
        if (result < 0)
            return result;
        moved = true;
    }
    return moved ? 0 : err_set(err, -ENOENT, "%s has no cgroup to move a process into", id);
}

/* The observer is its parent, and reaps it as any parent does. */
static void on_spawned_end(void *arg, int result, bool status_known, int wait_status)
{
    (void)arg, (void)result, (void)status_known, (void)wait_status;
}

/* Reaped as well: whose agent has crashed here is a child of this process. */
static bool has_ended(struct host *host, pid_t pid)
{
    struct process_info *list = NULL;
    struct process_info info;
    size_t count;
    if (host_process_list(host, &list, &count, NULL) == 0)
        free(list);
    return host_process_info(host, pid, &info) == -ESRCH;
}

static int spawn_numbered(struct run *run, const struct plan *plan, pid_t number, pid_t *ret_pid,
    int *ret_gate, struct err *err)
{
    const struct timespec pause = {.tv_nsec = (long)NS_PER_MS};
    struct host *host = run->world->observer;
    if (number <= 0)
        return err_set(err, -ESRCH, "the container never had a pid");
    for (unsigned i = 0; i < (run->world->virtual_time ? 1 : SPAWN_TRIES); i++) {
        if (!has_ended(host, number)) {
            nanosleep(&pause, NULL);
            continue;
        }
        int result = run->world->ops->next_pid(run->world, number, err);
        if (result == 0)
            result = host_spawn(host, plan, ret_pid, ret_gate, err);
        if (result < 0 || *ret_pid == number)
            return result;
        host_exit_watch(host, *ret_pid, on_spawned_end, NULL);
        host_gate_close(host, *ret_gate);
    }
    return err_set(err, -EBUSY, "pid %d did not become free", (int)number);
}

static int spawn_run(struct run *run, const struct step *step, struct err *err)
{
    struct plan plan;
    plan_init(&plan);
    struct command_info *command = mem_alloc(sizeof(*command));
    command->value = str_dup(run->world->workload);
    command->arguments = workload_arguments(node_get(step->args, "workload"));
    plan.info.command = command;
    plan.container_id = str_dup(node_text(step->args, "as"));
    pid_t pid = 0;
    int gate = -1;
    const char *number_of = node_text(step->args, "number_of");
    const char *server_of = node_text(step->args, "number_of_switchboard");
    const char *output = node_text(step->args, "output");
    if (output)
        plan.stdio[1] = place_file(run, output, err);
    int result;
    if (output && !plan.stdio[1])
        result = err->code;
    else if (number_of || server_of)
        result = spawn_numbered(run, &plan,
            number_of ? place_pid(run, number_of, "pid")
                      : place_pid(run, server_of, "io_switchboard/pid"),
            &pid, &gate, err);
    else
        result = host_spawn(run->world->observer, &plan, &pid, &gate, err);
    plan_release(&plan);
    if (result < 0)
        return result;
    strmap_set(run->spawned, node_text(step->args, "as"), (void *)(intptr_t)pid);
    host_exit_watch(run->world->observer, pid, on_spawned_end, NULL);
    const char *into = node_text(step->args, "into");
    if (into)
        result = move_into(run, into, pid, err);
    if (result < 0)
        host_gate_close(run->world->observer, gate);
    else
        result = host_gate_release(run->world->observer, gate, err);
    return result;
}

static int signal_run(struct run *run, const struct step *step, struct err *err)
{
    const char *name = node_text(step->args, "process");
    const char *served = node_text(step->args, "switchboard");
    const char *of = served ? served : node_text(step->args, "of");
    pid_t pid = name     ? (pid_t)(intptr_t)strmap_get(run->spawned, name)
                : served ? place_pid(run, served, "io_switchboard/pid")
                : of     ? place_pid(run, of, "pid")
                         : 0;
    if (pid <= 0)
        return err_set(err, -ESRCH, "there is no process of %s", name ? name : of ? of : "nobody");
    return host_signal(
        run->world->observer, pid, (int)node_number(step->args, "signal", SIGKILL), err);
}

const struct step_spec step_make_cgroup = {"make-cgroup", &make_cgroup_schema,
    "makes a cgroup, as another program would", 0, NULL, make_cgroup_run, false};
const struct step_spec step_remove_cgroup = {"remove-cgroup", &remove_cgroup_schema,
    "removes a cgroup and those below it", 0, NULL, remove_cgroup_run, false};
const struct step_spec step_write_cgroup = {"write-cgroup", &write_cgroup_schema,
    "writes a control file", 0, NULL, write_cgroup_run, false};
const struct step_spec step_write_file = {"write-file", &write_file_schema,
    "writes a file (and makes the directories above it)", 0, NULL, write_file_run, false};
const struct step_spec step_make_directory = {"make-directory", &make_directory_schema,
    "makes a directory and those above it", 0, NULL, make_directory_run, false};
const struct step_spec step_make_root = {"make-root", &make_root_schema,
    "makes a directory that can be the root of a container: the workload program is in it", 0, NULL,
    make_root_run, false};
const struct step_spec step_make_link = {
    "make-link", &make_link_schema, "makes a symbolic link", 0, NULL, make_link_run, false};
const struct step_spec step_remove_file = {"remove-file", &remove_file_schema,
    "removes a file or a whole directory", 0, NULL, remove_file_run, false};
const struct step_spec step_spawn = {"spawn", &spawn_schema,
    "starts a process that belongs to nobody's container", 0, NULL, spawn_run, false};
const struct step_spec step_signal = {"signal", &signal_schema,
    "sends a signal from outside, past the containerizer", 0, NULL, signal_run, true};
