/* SPDX-License-Identifier: Apache-2.0 */
/* One function per action. After a failure, and after some successes, the process is dead. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/namespace.h"
#include "fakes/kernel/pipe.h"
#include "fakes/kernel/process_internal.h"
#include "fakes/kernel/workload_internal.h"
#include "reference/base/err.h"
#include "reference/base/mem.h"

static struct process *process_of(const struct player *player)
{
    return player->workload->process;
}

static void fail_errno(
    struct player *player, const struct action *action, const char *subject, int error)
{
    workload_fail(player->workload, 1, "%s%s%s: %s", action_forms[action->kind].word,
        subject[0] != '\0' ? " " : "", subject, err_name(error));
}

static void print(struct player *player, const char *text)
{
    workload_write_stdout(
        player->workload->program, process_of(player)->kernel, text, strlen(text));
}

static void act_sleep(struct player *player, const struct action *action)
{
    player->wait = PLAYER_SLEEPS;
    if (action->amount != ACTION_FOREVER)
        player_wake_after(player, action->amount);
}

static void burnt(struct task *task)
{
    struct player *player = task->player;
    assert(player && player->wait == PLAYER_BURNS);
    player_wake_after(player, 0);
}

static void act_burn(struct player *player, const struct action *action)
{
    player->wait = PLAYER_BURNS;
    task_demand(player->task, action->amount, action->percent / 100.0, burnt);
}

static void player_fed(struct process *process, void *arg)
{
    (void)process;
    player_wake_after(arg, 0);
}

static void act_alloc(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    int result = process_allocate(process, action->amount);
    if (result == 0)
        player->workload->allocated_bytes += action->amount;
    if (result == 0 && cgroup_memory_stall(process, player_fed, player))
        player->wait = PLAYER_STARVES;
    if (result != -ENOMEM)
        return;
    if (cgroup_oom_wait(process, player_fed, player)) {
        /* sleeps until there may be room, and tries again */
        player->frames[player->depth - 1].next--;
        player->wait = PLAYER_STARVES;
        return;
    }
    fail_errno(player, action, "", result);
}

static void act_free(struct player *player, const struct action *action)
{
    struct workload *workload = player->workload;
    uint64_t bytes = action->amount < workload->allocated_bytes ? action->amount
                                                                 : workload->allocated_bytes;
    workload->allocated_bytes -= bytes;
    process_release_memory(workload->process, bytes);
}

/* A child that plays them; -EAGAIN as fork. It may have been killed at birth. */
static int spawn(struct workload *workload, const struct action *actions, size_t count,
    struct process **ret_child)
{
    struct process *child;
    int result = process_fork(workload->process->kernel, workload->process, 0, &child);
    if (result < 0)
        return result;
    if (child->state != PROCESS_ZOMBIE) {
        struct workload *inner = workload_new(child, workload->program, workload);
        player_new(inner, child->leader, actions, count);
    }
    if (ret_child)
        *ret_child = child;
    return 0;
}

static void act_spawn(struct player *player, const struct action *action)
{
    int result = spawn(player->workload, action->actions, action->count, NULL);
    if (result < 0)
        fail_errno(player, action, "", result);
}

static void act_daemon(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    struct process *middle = NULL;
    int result = process_fork(process->kernel, process, 0, &middle);
    if (result == 0 && middle->state != PROCESS_ZOMBIE) {
        struct workload *inner = workload_new(middle, player->workload->program, player->workload);
        result = spawn(inner, action->actions, action->count, NULL);
        process_exit(middle, 0);
    }
    if (middle && middle->state == PROCESS_ZOMBIE && !middle->reaped)
        process_reap(middle);
    if (result < 0)
        fail_errno(player, action, "", result);
}

static void act_thread(struct player *player, const struct action *action)
{
    struct task *task;
    int result = process_thread(process_of(player), &task);
    if (result < 0)
        fail_errno(player, action, "", result);
    else
        player_new(player->workload, task, action->actions, action->count);
}

static void act_setsid(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    if (process->pgid == process->pid)
        fail_errno(player, action, "", -EPERM);
    else
        process_setsid(process);
}

static void act_wait(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    (void)action;
    list_for_each_safe (node, following, &process->children) {
        struct process *child = list_entry(node, struct process, sibling);
        if (child->state == PROCESS_ZOMBIE)
            process_reap(child);
    }
    if (!list_empty(&process->children))
        player->wait = PLAYER_WAITS;
}

static void act_ignore(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    process->ignored_signals |= action->signals;
    process->handled_signals &= ~action->signals;
}

static void act_handle(struct player *player, const struct action *action)
{
    struct workload *workload = player->workload;
    struct process *process = workload->process;
    size_t place = 0;
    while (place < workload->handlers_count && workload->handlers[place].signal != action->signal)
        place++;
    if (place == workload->handlers_count) {
        workload->handlers = mem_realloc(
            workload->handlers, ++workload->handlers_count * sizeof(*workload->handlers));
    }
    workload->handlers[place] = (struct handler){
        .signal = action->signal, .actions = action->actions, .count = action->count};
    process->handled_signals |= SIGNAL_BIT(action->signal);
    process->ignored_signals &= ~SIGNAL_BIT(action->signal);
}

static void act_kill(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    const struct namespace *space = process->namespaces[NS_PID];
    struct process *target = process;
    if (action->pid > 0)
        target = process_find_in(process->kernel, space, action->pid);
    else if (action->pid < 0)
        target = process_pid_in(process->parent, space) > 0 ? process->parent : NULL;
    int result = target ? process_signal_from(target, action->signal, process) : -ESRCH;
    if (result < 0) {
        _cleanup_free_ char *pid = str_printf("%d", action->pid);
        fail_errno(player, action, action->pid < 0 ? "parent" : action->pid == 0 ? "self" : pid,
            result);
    }
}

static void act_write(struct player *player, const struct action *action)
{
    int result = workload_file_write(player->workload, action->name, action->text,
        strlen(action->text), action->kind == ACTION_APPEND);
    if (result < 0)
        fail_errno(player, action, action->name, result);
}

static void act_read(struct player *player, const struct action *action)
{
    const char *text;
    size_t length;
    int result = workload_file_read(player->workload, action->name, &text, &length);
    if (result < 0) {
        fail_errno(player, action, action->name, result);
        return;
    }
    /* It may be read into itself, so that the text moves. */
    _cleanup_free_ char *copy = str_ndup(text, length);
    workload_write_stdout(
        player->workload->program, process_of(player)->kernel, copy, length);
}

static void act_print(struct player *player, const struct action *action)
{
    _cleanup_free_ char *line = str_printf("%s\n", action->text);
    const struct workload_program *program = player->workload->program;
    struct kernel *kernel = process_of(player)->kernel;
    if (action->kind == ACTION_PRINT)
        workload_write_stdout(program, kernel, line, strlen(line));
    else
        workload_write_stderr(program, kernel, line, strlen(line));
}

static void act_forks(struct player *player, const struct action *action)
{
    static const struct action sleep_for_ever = {.kind = ACTION_SLEEP, .amount = ACTION_FOREVER};
    uint64_t count = 0;
    while (count < action->amount && spawn(player->workload, &sleep_for_ever, 1, NULL) == 0)
        count++;
    _cleanup_free_ char *line = str_printf("forks: %llu\n", (unsigned long long)count);
    print(player, line);
}

static void act_listen(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    uint16_t port = (uint16_t)action->amount;
    list_for_each (node, &process->kernel->processes) {
        const struct process *other = list_entry(node, struct process, node);
        if (other->listening_port == port && other->state != PROCESS_ZOMBIE &&
            other->namespaces[NS_NET] == process->namespaces[NS_NET]) {
            _cleanup_free_ char *text = str_printf("%u", port);
            fail_errno(player, action, text, -EADDRINUSE);
            return;
        }
    }
    process->listening_port = port;
}

static void act_report(struct player *player, const struct action *action)
{
    _cleanup_free_ char *text = workload_report(process_of(player));
    int result = workload_file_write(player->workload, action->name, text, strlen(text), false);
    if (result < 0)
        fail_errno(player, action, action->name, result);
}

static void act_open(struct player *player, const struct action *action)
{
    int result = workload_file_open(player->workload, action->name, action->text);
    _cleanup_free_ char *line =
        str_printf("open %s: %s\n", action->name, result < 0 ? err_name(result) : "ok");
    print(player, line);
}

static void act_link(struct player *player, const struct action *action)
{
    int result = workload_file_link(player->workload, action->name, action->text);
    if (result < 0)
        fail_errno(player, action, action->name, result);
}

/* Simulated processes can only signal. */
static void act_try(struct player *player, const struct action *action)
{
    const struct process *process = process_of(player);
    const char *seen = "ENOSYS";
    if (strcmp(action->text, "signal") == 0)
        seen = process_find_in(process->kernel, process->namespaces[NS_PID],
                   (pid_t)strtol(action->name, NULL, 10))
                   ? "ok"
                   : "ESRCH";
    _cleanup_free_ char *line = str_printf("try %s %s: %s\n", action->text, action->name, seen);
    print(player, line);
}

/* A v1 cpuset takes nobody in before it has CPUs and nodes: those of its parent. */
static void cpuset_inherit(struct cgroup_root *root, const char *parent, const char *child,
    const struct cgroup_caller *caller)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *value = NULL;
        size_t length;
        if (cgroup_file_read(root, parent, files[i], caller, &value, &length) == 0)
            cgroup_file_write(root, child, files[i], value, length, caller);
    }
}

/* A cgroup below the process' own in that hierarchy, and the process in it. */
static int cgroup_nest(struct process *process, struct cgroup_root *root,
    const struct cgroup *own, const char *name)
{
    struct namespace *space = process->namespaces[NS_CGROUP];
    struct cgroup_caller caller = {
        .uid = process->uid,
        .gid = process->gid,
        .resource_capability = process->uid == 0,
        .pid = process->pid,
    };
    if (cgroup_root_is_v2(root) && space->cgroup_roots) {
        const char *top = space->cgroup_roots[cgroup_root_index(root)];
        const struct cgroup *top_cgroup = cgroup_lookup(root, top);
        caller.namespace_root = top_cgroup ? cgroup_id(top_cgroup) : 0;
    }
    _cleanup_free_ char *above = cgroup_path_of(own);
    _cleanup_free_ char *path = str_printf("%s%s%s", above, above[0] != '\0' ? "/" : "", name);
    int result = cgroup_mkdir(root, path, 0755, &caller);
    if (result < 0 && result != -EEXIST)
        return result;
    if (!cgroup_root_is_v2(root))
        cpuset_inherit(root, above, path, &caller);
    return cgroup_file_write(root, path, "cgroup.procs", "0", 1, &caller);
}

static void act_mkcgroup(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    const struct kernel *kernel = process->kernel;
    int result = -ENOENT;
    bool v1_done = false;
    for (unsigned i = 0; i < kernel->hierarchies_count; i++) {
        const struct cgroup *own = process->leader->cgroups[i];
        struct cgroup_root *root = kernel->hierarchies[i];
        bool v2 = cgroup_root_is_v2(root);
        if (v2 ? v1_done : !own || !cgroup_parent(own))
            continue;
        result = cgroup_nest(process, root, own, action->name);
        if (result < 0)
            break;
        v1_done = !v2;
    }
    if (result < 0)
        fail_errno(player, action, action->name, result);
}

static const char *environment_find(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
            return *environment + length + 1;
    }
    return NULL;
}

static void act_expect(struct player *player, const struct action *action)
{
    struct workload *workload = player->workload;
    if (!action->text) {
        int result = workload_file_open(workload, action->name, "");
        if (result < 0)
            workload_fail(workload, 1, "expect file %s: %s", action->name, err_name(result));
        return;
    }
    const char *value = environment_find(workload->program->environment, action->name);
    if (!value)
        workload_fail(workload, 1, "expect env %s: expected \"%s\", got nothing", action->name,
            action->text);
    else if (strcmp(value, action->text) != 0)
        workload_fail(workload, 1, "expect env %s: expected \"%s\", got \"%s\"", action->name,
            action->text, value);
}

/* Copies what is there, and comes again, until the input has ended. */
static void act_echo(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    _cleanup_free_ char *text = NULL;
    int result =
        pipe_read(process->kernel, player->workload->program->stdin_path, process->pid, &text);
    (void)action;
    if (result == 1)
        print(player, text);
    if (result != 1 && result != -EAGAIN)
        return;
    player->frames[player->depth - 1].next--;
    if (result == -EAGAIN)
        player->wait = PLAYER_READS;
}

static void act_loop(struct player *player, const struct action *action)
{
    player_push(player, action->actions, action->count, action->amount);
}

static void act_stop(struct player *player, const struct action *action)
{
    (void)action;
    process_signal_from(process_of(player), SIGSTOP, process_of(player));
}

static void act_exit(struct player *player, const struct action *action)
{
    process_exit(process_of(player), (int)action->amount << 8);
}

/* A signal whose default action does not kill it (or that the init of a pid namespace does not
 * see) leaves it to end with what a shell would say. */
static void act_die(struct player *player, const struct action *action)
{
    struct process *process = process_of(player);
    process->ignored_signals &= ~SIGNAL_BIT(action->signal);
    process->handled_signals &= ~SIGNAL_BIT(action->signal);
    process_signal_from(process, action->signal, process);
    process_exit(process, (128 + action->signal) << 8);
}

static void (*const acts[ACTION_KIND_COUNT])(struct player *, const struct action *) = {
    [ACTION_SLEEP] = act_sleep,
    [ACTION_BURN] = act_burn,
    [ACTION_ALLOC] = act_alloc,
    [ACTION_FREE] = act_free,
    [ACTION_SPAWN] = act_spawn,
    [ACTION_SETSID] = act_setsid,
    [ACTION_DAEMON] = act_daemon,
    [ACTION_THREAD] = act_thread,
    [ACTION_WAIT] = act_wait,
    [ACTION_IGNORE] = act_ignore,
    [ACTION_HANDLE] = act_handle,
    [ACTION_KILL] = act_kill,
    [ACTION_WRITE] = act_write,
    [ACTION_APPEND] = act_write,
    [ACTION_READ] = act_read,
    [ACTION_ECHO] = act_echo,
    [ACTION_PRINT] = act_print,
    [ACTION_ERROR] = act_print,
    [ACTION_FORK_UNTIL] = act_forks,
    [ACTION_LISTEN] = act_listen,
    [ACTION_REPORT] = act_report,
    [ACTION_OPEN] = act_open,
    [ACTION_MKCGROUP] = act_mkcgroup,
    [ACTION_LINK] = act_link,
    [ACTION_TRY] = act_try,
    [ACTION_EXPECT] = act_expect,
    [ACTION_LOOP] = act_loop,
    [ACTION_STOP] = act_stop,
    [ACTION_EXIT] = act_exit,
    [ACTION_DIE] = act_die,
};

void player_act(struct player *player, const struct action *action)
{
    acts[action->kind](player, action);
}
