/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel under our feet with the agent in a process of its own, `seatrial agent`, driven
 * through its socket: a crash is a SIGKILL, and nothing of the old agent is left but what it wrote.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reference/agent/remote.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/backends/kernel_world.h"
#include "scenarios/engine/backends/machine.h"

#define CONNECT_TRY_NS (20 * NS_PER_MS)
#define CONNECT_TRIES 500
#define STOP_PAUSE_NS 2000000L
#define STOP_PAUSES 2500

static char **agent_arguments(struct kernel_world *kernel, const struct flags *flags)
{
    char **arguments = flags_arguments(flags);
    _cleanup_free_ char *framework = node_list_text(kernel->agent, "framework");
    char **argv = NULL;

    strv_add(&argv, "seatrial");
    strv_add(&argv, kernel->base.crash_at ? "crash-agent" : "agent");
    if (kernel->base.crash_at)
        strv_add_owned(&argv, str_printf("%" PRIu64, kernel->base.crash_at));
    strv_add_owned(&argv, str_printf("--socket=%s/agent.sock", kernel->directory));
    strv_add_owned(&argv, str_printf("--init_helper=%s", kernel->init_helper));
    kernel->base.crash_at = 0;
    if (framework && *framework)
        strv_add_owned(&argv, str_printf("--framework_capabilities=%s", framework));
    if (kernel->cgroups)
        strv_add_owned(&argv, str_printf("--cgroup_view=%s", kernel->cgroups));
    for (size_t i = 0; arguments && arguments[i]; i++)
        strv_add(&argv, arguments[i]);
    strv_free(arguments);
    return argv;
}

static int agent_spawn(struct kernel_world *kernel, const struct flags *flags, struct err *err)
{
    _cleanup_free_ char *log = str_printf("%s/agent.log", kernel->directory);
    _cleanup_strv_ char **argv = agent_arguments(kernel, flags);
    posix_spawn_file_actions_t actions;
    int r;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    r = posix_spawn(&kernel->agent_pid, "/proc/self/exe", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r == 0)
        return 0;
    kernel->agent_pid = -1;
    return err_errno(err, -r, "start the agent");
}

/* What the agent said last; the reason why it ended. */
static int agent_failed(struct kernel_world *kernel, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/agent.log", kernel->directory);
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;
    size_t count;

    (void)host_file_read(kernel->base.observer, path, &text, NULL, NULL);
    lines = strv_split(text ? text : "", "\n");
    count = strv_length(lines);
    return err_set(err, -EINVAL, "%s", count ? lines[count - 1] : "the agent ended at once");
}

static bool agent_has_ended(struct kernel_world *kernel)
{
    int status;

    if (waitpid(kernel->agent_pid, &status, WNOHANG) != kernel->agent_pid)
        return false;
    kernel->agent_pid = -1;
    kernel->agent_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    return true;
}

static int agent_world_agent(struct world *world, struct host *host, const struct flags *flags,
    struct agent **ret_agent, struct err *err)
{
    struct kernel_world *kernel = kernel_of(world);
    _cleanup_free_ char *socket = str_printf("%s/agent.sock", kernel->directory);
    /* Somebody listens at the old one as long as a child of the last agent has not come to its
     * exec, and hangs up then. */
    unlink(socket);
    int r = agent_spawn(kernel, flags, err);

    for (unsigned i = 0; r == 0 && i < CONNECT_TRIES; i++) {
        err_clear(err);
        r = agent_connect(world->loop, host, socket, CONNECT_TRY_NS, ret_agent, err);
        if (r == 0)
            return 0;
        if (agent_has_ended(kernel)) {
            kernel->base.crashed |= kernel->agent_killed;
            return agent_failed(kernel, err);
        }
        r = 0;
    }
    return r < 0 ? r : err_set(err, -ETIMEDOUT, "the agent does not listen");
}

static void agent_world_end(struct world *world, bool crash)
{
    const struct timespec pause = {.tv_nsec = STOP_PAUSE_NS};
    struct kernel_world *kernel = kernel_of(world);

    if (kernel->agent_pid < 0)
        return;
    kill(kernel->agent_pid, crash ? SIGKILL : SIGTERM);
    for (unsigned i = 0; i < STOP_PAUSES && !agent_has_ended(kernel); i++)
        nanosleep(&pause, NULL);
    if (kernel->agent_pid < 0)
        return;
    kill(kernel->agent_pid, SIGKILL);
    waitpid(kernel->agent_pid, NULL, 0);
    kernel->agent_pid = -1;
}

static void agent_world_free(struct world *world)
{
    agent_world_end(world, true);
    kernel_free_world(world);
}

static const struct world_ops agent_world_ops = {
    .host_new = kernel_agent_host,
    .agent_new = agent_world_agent,
    .agent_end = agent_world_end,
    .flags = kernel_flags,
    .descriptors = kernel_descriptors,
    .next_pid = kernel_next_pid,
    .processes = kernel_processes,
    .audit = kernel_audit,
    .describe = kernel_describe,
    .free = agent_world_free,
};

static int agent_world_new(
    const struct world_options *options, struct world **ret_world, struct err *err)
{
    return kernel_world_make(options, &backend_agent, &agent_world_ops, ret_world, err);
}

static bool agent_has(enum capability capability, const char **ret_reason)
{
    if (capability == CAPABILITY_FAULTS)
        *ret_reason = "the agent is a process of its own: it can only be killed";
    else if (capability == CAPABILITY_PARTS)
        *ret_reason = "the agent is a process of its own: its parts can't be held";
    else
        return kernel_has(capability, ret_reason);
    return false;
}

const struct backend backend_agent = {"agent",
    "the kernel that this runs on, with the agent as a process", "kernel", 0, agent_has,
    machine_lacks, agent_world_new};
