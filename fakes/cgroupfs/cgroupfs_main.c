/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/cgroupfs/cgroupfs_main.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "fakes/cgroupfs/cgroupfs.h"
#include "fakes/cgroupfs/cgroupfs_real.h"
#include "fakes/cgroupfs/control.h"
#include "fakes/cgroupfs/guard.h"
#include "fakes/kernel/cgroup.h"
#include "fakes/kernel/profile.h"
#include "fakes/sim_loop.h"
#include "reference/base/json.h"
#include "reference/base/mem.h"

#define EXIT_USAGE 2
#define FDS_MAX (8 + CONTROL_PEERS_MAX)

static const char usage[] =
    "usage: seatrial cgroupfs --hierarchy v1|v2|hybrid [OPTION...] MOUNTPOINT\n"
    "Mounts a cgroup file system that behaves like Linux but holds simulated cgroups.\n"
    "  --hierarchy NAME   v1 (a directory per controller), v2, or hybrid (both)\n"
    "  --kernel VERSION   6.1, 6.12 (default) or 6.18\n"
    "  --control SOCKET   takes commands there, as lines of JSON (fakes/cgroupfs/README.md)\n"
    "  --controllers A,B  only these were built, by their names of v1 or v2; default all\n"
    "  --clock NAME       real (default): simulated time passes as ours does;\n"
    "                     virtual: only by the command \"advance\"\n"
    "  --options WORDS    what the build has or lacks, by commas (fakes/kernel/profile.h)\n"
    "  --cpus N           default 4\n"
    "  --memory BYTES     default 8589934592\n"
    "  --swap BYTES       default 0\n"
    "  --seed N           of the simulated kernel's choices, default 1\n"
    "  --foreground       stays in the foreground; otherwise it returns once mounted\n"
    "Ends on SIGINT, SIGTERM, or `fusermount3 -u MOUNTPOINT` (root: umount).\n"
    "exit status: 0 ended as told, 1 failed while serving, 2 bad usage or mount point\n";

struct arguments {
    struct kernel_config config;
    const char *control;
    char *controllers; /* "cpu+memory"; owned */
    const char *mount_point;
    bool foreground;
    bool virtual_clock;
};

static int complain(const char *format, const char *value, const char *expected)
{
    fprintf(stderr, "seatrial cgroupfs: ");
    fprintf(stderr, format, value); /* NOLINT: the formats are literals of this file */
    fprintf(stderr, "%s%s\n", *expected ? ": expected " : "", expected);
    return EXIT_USAGE;
}

/* ---------------------------------------------------------------------- arguments */

static bool take_hierarchy(struct arguments *arguments, const char *value)
{
    static const struct {
        const char *name;
        enum cgroup_layout layout;
    } layouts[] = {{"v1", CGROUP_LAYOUT_V1}, {"v2", CGROUP_LAYOUT_V2},
        {"hybrid", CGROUP_LAYOUT_HYBRID}};
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
        if (!strcmp(layouts[i].name, value)) {
            arguments->config.layout = layouts[i].layout;
            return true;
        }
    return false;
}

static bool take_kernel(struct arguments *arguments, const char *value)
{
    arguments->config.profile = value;
    return kernel_profile_find(value) != NULL;
}

static bool take_clock(struct arguments *arguments, const char *value)
{
    arguments->virtual_clock = !strcmp(value, "virtual");
    return arguments->virtual_clock || !strcmp(value, "real");
}

static bool take_options(struct arguments *arguments, const char *value)
{
    arguments->config.options = value;
    struct kernel_profile profile = *kernel_profile_find("6.12");
    const char *word;
    return kernel_profile_apply(&profile, value, &word) == 0;
}

static bool take_controllers(struct arguments *arguments, const char *value)
{
    _cleanup_strv_ char **names = strv_split(value, ",");
    for (size_t i = 0; i < strv_length(names); i++)
        if (cgroup_subsys_find(names[i]) < 0)
            return false;
    free(arguments->controllers);
    arguments->controllers = strv_join(names, "+");
    return *arguments->controllers;
}

static bool take_control(struct arguments *arguments, const char *value)
{
    arguments->control = value;
    return *value != '\0';
}

static bool number(const char *value, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    *ret_number = strtoull(value, &end, 10);
    return *value >= '0' && *value <= '9' && !*end && !errno && *ret_number >= least &&
        *ret_number <= most;
}

static bool take_cpus(struct arguments *arguments, const char *value)
{
    uint64_t cpus = 0;
    bool good = number(value, 1, 256, &cpus);
    arguments->config.cpus = (unsigned)cpus;
    return good;
}

static bool take_memory(struct arguments *arguments, const char *value)
{
    return number(value, 1u << 20, UINT64_C(1) << 50, &arguments->config.memory_bytes);
}

static bool take_swap(struct arguments *arguments, const char *value)
{
    return number(value, 0, UINT64_C(1) << 50, &arguments->config.swap_bytes);
}

static bool take_seed(struct arguments *arguments, const char *value)
{
    return number(value, 0, UINT64_MAX, &arguments->config.seed);
}

static bool take_foreground(struct arguments *arguments, const char *value)
{
    (void)value;
    arguments->foreground = true;
    return true;
}

static const struct argument {
    const char *name;
    bool valued;
    bool (*take)(struct arguments *arguments, const char *value);
    const char *expected;
} table[] = {
    {"hierarchy", true, take_hierarchy, "v1, v2 or hybrid"},
    {"kernel", true, take_kernel, "6.1, 6.12 or 6.18"},
    {"control", true, take_control, "the path of a socket"},
    {"controllers", true, take_controllers,
        "names such as cpu,cpuset,memory,pids,io or blkio, by commas"},
    {"clock", true, take_clock, "real or virtual"},
    {"options", true, take_options,
        "a comma list of words such as no-memory-v1, rt-group, separate, v2=hugetlb "
        "(fakes/kernel/profile.h)"},
    {"cpus", true, take_cpus, "a number from 1 to 256"},
    {"memory", true, take_memory, "bytes from 1048576 to 1125899906842624"},
    {"swap", true, take_swap, "bytes up to 1125899906842624"},
    {"seed", true, take_seed, "a number"},
    {"foreground", false, take_foreground, ""},
};

static const struct argument *argument_find(const char *name, size_t length)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strlen(table[i].name) == length && !strncmp(table[i].name, name, length))
            return &table[i];
    return NULL;
}

static int take_option(struct arguments *arguments, int argc, char **argv, int *at)
{
    const char *word = argv[*at];
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const struct argument *argument =
        str_starts(word, "--") ? argument_find(name, length) : NULL;
    if (!argument || (equals && !argument->valued))
        return complain("unknown option %s", word, "one of those that --help lists");
    const char *value = equals ? equals + 1 : NULL;
    if (argument->valued && !value) {
        if (*at + 1 >= argc)
            return complain("%s needs a value", word, argument->expected);
        value = argv[++*at];
    }
    if (!argument->take(arguments, value)) {
        _cleanup_free_ char *text = str_printf("--%s \"%s\"", argument->name, value);
        return complain("%s", text, argument->expected);
    }
    return 0;
}

static int parse(int argc, char **argv, struct arguments *arguments)
{
    bool hierarchy = false;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (arguments->mount_point)
                return complain("a second mount point, \"%s\"", argv[i], "");
            arguments->mount_point = argv[i];
            continue;
        }
        hierarchy |= str_starts(argv[i], "--hierarchy");
        int result = take_option(arguments, argc, argv, &i);
        if (result)
            return result;
    }
    if (!hierarchy)
        return complain("--hierarchy is missing%s", "", "v1, v2 or hybrid");
    if (!arguments->mount_point)
        return complain("the mount point is missing%s", "", "");
    return 0;
}

/* ---------------------------------------------------------------------- serving */

struct server {
    struct kernel *kernel;
    struct cgroupfs *fs;
    struct control *control;
    struct guard *guard;
    int signals;
    int64_t clock_offset_ns; /* of the model's clock against the monotonic one */
    bool virtual_clock;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* With the real clock the model's time is the wall clock's at the start, and then passes evenly. */
static void time_passes(struct server *server)
{
    if (server->virtual_clock)
        return;
    struct loop *loop = server->kernel->loop;
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)server->clock_offset_ns;
    uint64_t model_ns = loop_now_ns(loop);
    if (now_ns > model_ns)
        sim_loop_advance(loop, now_ns - model_ns);
}

/* A state that was restored lives on from when it was. */
static void kernel_take(struct server *server)
{
    if (cgroupfs_kernel(server->fs) == server->kernel)
        return;
    server->kernel = cgroupfs_kernel(server->fs);
    server->clock_offset_ns =
        (int64_t)(loop_now_ns(server->kernel->loop) - clock_ns(CLOCK_MONOTONIC));
}

/* Milliseconds until something is due; -1: nothing is. */
static int time_to_wait(const struct server *server)
{
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t due_ns = cgroupfs_due_ns(server->fs);
    uint64_t model_ns = sim_loop_next_ns(server->kernel->loop);
    if (!server->virtual_clock && model_ns != UINT64_MAX &&
        model_ns - (uint64_t)server->clock_offset_ns < due_ns)
        due_ns = model_ns - (uint64_t)server->clock_offset_ns;
    if (due_ns == UINT64_MAX)
        return -1;
    uint64_t wait_ms = due_ns > now_ns ? (due_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    return wait_ms < 60000 ? (int)wait_ms : 60000;
}

static int serve(struct server *server)
{
    for (;;) {
        struct pollfd fds[FDS_MAX] = {
            {.fd = cgroupfs_fd(server->fs), .events = POLLIN},
            {.fd = server->signals, .events = POLLIN},
            {.fd = cgroupfs_real_fd(server->fs), .events = POLLIN},
        };
        nfds_t count = 3 + control_poll(server->control, fds + 3, FDS_MAX - 3);
        if (poll(fds, count, time_to_wait(server)) < 0 && errno != EINTR)
            return 1;
        time_passes(server);
        if (fds[0].revents && !cgroupfs_serve(server->fs))
            return 0;
        cgroupfs_serve_due(server->fs);
        if (fds[2].revents)
            cgroupfs_real_ended(server->fs);
        control_serve(server->control, fds + 3, count - 3);
        kernel_take(server);
        if (fds[1].revents)
            return 0;
    }
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static void server_stop(struct server *server)
{
    control_free(server->control);
    cgroupfs_unmount(server->fs);
    guard_free(server->guard);
    if (server->kernel) {
        struct loop *loop = server->kernel->loop;
        kernel_free(server->kernel);
        loop_free(loop);
    }
    if (server->signals >= 0)
        close(server->signals);
}

static int server_start(struct server *server, const struct arguments *arguments, struct err *err)
{
    const struct cgroupfs_options options = {.settle = true};
    server->virtual_clock = arguments->virtual_clock;
    server->signals = -1;
    uint64_t start_ns = arguments->virtual_clock ? 0 : clock_ns(CLOCK_REALTIME);
    server->clock_offset_ns = (int64_t)(start_ns - clock_ns(CLOCK_MONOTONIC));
    server->kernel = cgroupfs_kernel_new(&arguments->config, start_ns);
    if (!server->kernel)
        return err_set(err, -EINVAL, "the kernel cannot have these options");
    int result = guard_start(&server->guard, err);
    if (!result)
        result = cgroupfs_mount(server->kernel, arguments->mount_point, &options, &server->fs, err);
    if (!result)
        result = guard_arm(server->guard, arguments->mount_point, err);
    if (!result && arguments->control)
        result = control_new(server->fs, &arguments->config, arguments->control, &server->control,
            err);
    server->signals = signals_open();
    return result;
}

/* In the background: the parent waits for the byte that says how the start went. */
static int background(int *ret_status_fd)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    pid_t child = fork();
    if (child < 0)
        return -1;
    if (child > 0) {
        char status = 1;
        close(fds[1]);
        if (read(fds[0], &status, 1) != 1)
            status = 1;
        close(fds[0]);
        return status;
    }
    close(fds[0]);
    setsid();
    *ret_status_fd = fds[1];
    return 0;
}

static void background_ready(int status_fd, int status)
{
    char byte = (char)status;
    ssize_t written = write(status_fd, &byte, 1);
    (void)written;
    close(status_fd);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd <= 2; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    if (chdir("/") < 0)
        return;
}

static void announce(const struct arguments *arguments)
{
    printf("pid %d serves %s; to end it: %s %s\n", (int)getpid(), arguments->mount_point,
        geteuid() == 0 ? "umount" : "fusermount3 -u", arguments->mount_point);
    fflush(stdout);
}

int cgroupfs_main(int argc, char **argv)
{
    _cleanup_err_ struct err err = ERR_INIT;
    struct arguments arguments = {.config = {.seed = 1}};
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(usage, stdout);
        return 0;
    }
    int result = parse(argc, argv, &arguments);
    _cleanup_free_ char *controllers = arguments.controllers;
    if (result)
        return result;
    if (cgroupfs_mount_point_check(arguments.mount_point, &err)) {
        fprintf(stderr, "seatrial cgroupfs: %s\n", err_text(&err));
        return EXIT_USAGE;
    }
    _cleanup_free_ char *absolute = realpath(arguments.mount_point, NULL);
    arguments.mount_point = absolute;
    _cleanup_free_ char *options = str_printf("separate%s%s%s%s",
        arguments.config.options ? "," : "",
        arguments.config.options ? arguments.config.options : "", controllers ? ",only=" : "",
        controllers ? controllers : "");
    arguments.config.options = options;
    int status_fd = -1;
    if (!arguments.foreground) {
        int status = background(&status_fd);
        if (status_fd < 0)
            return status;
    }
    struct server server = {0};
    result = server_start(&server, &arguments, &err);
    if (result)
        fprintf(stderr, "seatrial cgroupfs: %s\n", err_text(&err));
    else
        announce(&arguments);
    if (status_fd >= 0)
        background_ready(status_fd, result ? EXIT_USAGE : 0);
    int status = result ? EXIT_USAGE : serve(&server);
    server_stop(&server);
    return status;
}
