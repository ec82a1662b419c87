/* SPDX-License-Identifier: Apache-2.0 */
/* `seatrial agent`: the agent as a process, with Mesos' flag names, driven through its socket. */
#include "reference/agent/agent_main.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/agent/server.h"
#include "reference/base/log.h"
#include "reference/base/loop_uv.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/host_linux.h"

#define EXIT_USAGE 2
#define FAREWELL_NS (200 * NS_PER_MS)

/* What is not a flag of Mesos. */
struct settings {
    const char *socket; /* NULL: agent.sock in the runtime directory */
    const char *init_helper;
    const char *cgroups; /* as host_linux_options.cgroups */
    const char *framework; /* capabilities of the framework, NULL: none */
    bool statistics;     /* from a source besides the cgroups */
};

struct process {
    struct settings settings;
    struct flags flags;
    struct loop *loop;
    struct host *host;
    struct agent_extras extras;
    struct statistics_source *statistics;
    struct agent *agent;
    struct agent_server *server;
    int signals;
    struct loop_watch *signals_watch;
    bool stopping;
    int failed; /* recovery */
    struct loop_timer *farewell;
};

static void help_print(void)
{
    _cleanup_free_ char *flags = flags_help();

    printf(
        "Usage: seatrial agent --work_dir=DIR [--FLAG=VALUE...]\n\n"
        "  --socket=PATH       where it listens for JSON lines (default: RUNTIME_DIR/agent.sock)\n"
        "  --init_helper=PATH  the program that starts as init of each container\n"
        "  --cgroup_view=none|v1|v2  the hierarchies that count (default: all that are mounted)\n"
        "  --framework_capabilities=NAME,...  such as TASK_KILLING_STATE\n"
        "  --bpf               statistics from probes in the kernel, in usage under \"bpf\"\n\n"
        "Flags, also as MESOS_NAME in the environment:\n%s",
        flags);
}

/* Takes our own options out of the arguments; the rest are flags. */
static char **settings_take(struct settings *settings, char **argv)
{
    const struct {
        const char *prefix;
        const char **value;
    } options[] = {
        {"--socket=", &settings->socket},
        {"--init_helper=", &settings->init_helper},
        {"--cgroup_view=", &settings->cgroups},
        {"--framework_capabilities=", &settings->framework},
    };
    char **rest = NULL;

    for (; *argv; argv++) {
        bool taken = false;

        for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
            if (!str_starts(*argv, options[i].prefix))
                continue;
            *options[i].value = *argv + strlen(options[i].prefix);
            taken = true;
        }
        if (str_equal(*argv, "--bpf"))
            taken = settings->statistics = true;
        if (!taken)
            strv_add(&rest, *argv);
    }
    return rest;
}

static void farewell(void *arg)
{
    struct process *process = arg;

    process->farewell = NULL;
    process->stopping = true;
}

static void recovered(void *arg, int result, const void *value, const struct err *err)
{
    struct process *process = arg;

    (void)value;
    if (result == -ESHUTDOWN)
        return;
    process->failed = result;
    if (result < 0) {
        log_error("recovery failed: %s", err_text(err));
        /* Who has just connected is to learn why. */
        process->farewell =
            loop_timer_start(process->loop, FAREWELL_NS, farewell, process);
    } else {
        log_info("recovered");
    }
    agent_server_recovered(process->server, result, err);
}

/* TERM and INT end the agent; its containers live on. */
static void signalled(void *arg, unsigned events)
{
    struct process *process = arg;
    struct signalfd_siginfo info;

    (void)events;
    if (read(process->signals, &info, sizeof(info)) == sizeof(info)) {
        log_info("ending on signal %u; containers live on", info.ssi_signo);
        process->stopping = true;
    }
}

static void signals_watch(struct process *process)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    process->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    process->signals_watch =
        loop_fd_start(process->loop, process->signals, LOOP_READABLE, signalled, process);
}

/* Recovery publishes what it finds, so the source is there before. */
static int statistics_start(struct process *process, struct err *err)
{
    if (!process->settings.statistics)
        return 0;
    if (!process->extras.statistics_new)
        return err_set(err, -EINVAL, "--bpf: this program has no probes");
    bool unified = process->host->cgroups && process->host->cgroups->unified;
    int r = process->extras.statistics_new(unified, &process->statistics, err);
    process->host->statistics = process->statistics;
    return r < 0 ? err_wrap(err, r, "--bpf") : 0;
}

static int process_start(struct process *process, struct err *err)
{
    const struct host_linux_options options = {
        .init_helper = process->settings.init_helper, .cgroups = process->settings.cgroups};
    _cleanup_strv_ char **capabilities =
        process->settings.framework ? strv_split(process->settings.framework, ",") : NULL;
    const struct agent_parts parts = {.capabilities = capabilities};
    _cleanup_free_ char *socket = NULL;
    int r = host_linux_new(process->loop, NULL, &options, &process->host, err);

    if (r == 0) {
        process->host->hook = process->extras.hook;
        r = statistics_start(process, err);
    }
    if (r == 0)
        r = flags_validate(
            &process->flags, process->host->cgroups && process->host->cgroups->unified, err);
    if (r == 0)
        r = host_mkdir(process->host, process->flags.runtime_dir, 0755, true, err);
    if (r == 0)
        r = host_mkdir(process->host, process->flags.work_dir, 0755, true, err);
    if (r == 0)
        r = agent_create(process->host, &process->flags, &parts, &process->agent, err);
    if (r < 0)
        return r;
    socket = process->settings.socket ? str_dup(process->settings.socket)
                                      : str_printf("%s/agent.sock", process->flags.runtime_dir);
    r = agent_server_new(process->agent, process->loop, socket, &process->server, err);
    if (r < 0)
        return r;
    signals_watch(process);
    log_info("listening at %s", socket);
    agent_recover(process->agent, DONE(recovered, process));
    return 0;
}

static void process_end(struct process *process)
{
    if (process->host) {
        host_crash(process->host); /* what is pending ends; nothing more is done to the world */
        host_gone(process->host);
    }
    agent_free(process->agent);
    agent_server_free(process->server);
    loop_timer_stop(process->loop, process->farewell);
    loop_fd_stop(process->loop, process->signals_watch);
    if (process->signals >= 0)
        close(process->signals);
    if (process->host)
        host_free(process->host);
    statistics_source_free(process->statistics);
    loop_free(process->loop);
    flags_release(&process->flags);
}

int agent_main(int argc, char **argv)
{
    return agent_main_with(argc, argv, &(struct agent_extras){.statistics_new = NULL});
}

int agent_main_with(int argc, char **argv, const struct agent_extras *extras)
{
    struct process process = {.signals = -1, .extras = *extras};
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_strv_ char **rest = settings_take(&process.settings, argv + 1);
    char *none[] = {NULL};
    int r;

    (void)argc;
    if (strv_contains(rest, "--help")) {
        help_print();
        return 0;
    }
    log_set_sink(log_sink_stdio, stderr, LOG_INFO);
    flags_init(&process.flags);
    r = flags_load(&process.flags, rest ? rest : none, environ, &err);
    if (r == 0) {
        process.loop = loop_uv_new();
        r = process_start(&process, &err);
    }
    while (r == 0 && !process.stopping)
        loop_step(process.loop);
    if (r < 0)
        fprintf(stderr, "seatrial agent: %s\n", err_text(&err));
    if (process.loop)
        process_end(&process);
    else
        flags_release(&process.flags);
    return r == -EINVAL ? EXIT_USAGE : r < 0 || process.failed ? 1 : 0;
}
