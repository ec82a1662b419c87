/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench soak`: launches and ends many containers, some at a time, on the kernel at hand,
 * with kills and destroys at random moments, and compares what the agent holds before and after:
 * descriptors, memory, cgroups, mounts, children. Whatever grows is a leak, and the exit status 1.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bench/bench.h"
#include "reference/agent/agent.h"
#include "reference/base/loop_uv.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "reference/cgroups/cgroup_fs.h"
#include "reference/host_linux.h"
#include "scenarios/engine/backends/kernel_world.h"
#include "scenarios/engine/backends/machine.h"

#define STALL_NS (20 * NS_PER_SEC) /* far more than the slowest launch or destroy */
#define PARALLEL_MAX 1000
#define ROUNDS_MAX 10000000
#define WARM_UP 640 /* launches before the first look: the heap grows */
/* What a heap may differ by without a leak. AddressSanitizer keeps freed memory for a while. */
#ifdef __SANITIZE_ADDRESS__
#define MEMORY_SLACK_KB (512 * 1024)
#else
#define MEMORY_SLACK_KB 2048
#endif
#define ISOLATION "cgroups/cpu,cgroups/mem,cgroups/pids,filesystem/linux,namespaces/pid"

struct settings {
    uint64_t launches;
    uint64_t parallel;
    uint64_t seed;
};

struct figures {
    uint64_t descriptors;
    uint64_t resident_kb;
    uint64_t cgroups;
    uint64_t mounts;
    uint64_t children; /* zombies among them */
};

/* How a container ends. */
enum fate { FATE_EXITS, FATE_DIES, FATE_KILLED, FATE_DESTROYED, FATE_TORN, FATE_COUNT };
static const char *const fate_names[] = {
    "exited", "died of a signal", "killed", "destroyed", "destroyed while launched"};

struct slot {
    struct soak *soak;
    char *id;
    enum fate fate;
    unsigned pending; /* answers */
    bool launched;    /* that answer came */
};

struct soak {
    struct loop *loop;
    struct host *host;
    struct agent *agent;
    struct flags flags;
    char *directory;
    char *workload;
    char *cgroup;
    struct slot *slots;
    uint64_t chance;
    uint64_t to_launch;
    uint64_t number;
    uint64_t live;
    uint64_t fates[FATE_COUNT];
    uint64_t failed;
    char *failure; /* the first */
    bool recovered;
    uint64_t parallel;
    struct loop_timer *stall;
    uint64_t progress; /* launches and ends when it was last looked at */
    bool stalled;
};

/* xorshift64* */
static uint64_t draw(struct soak *soak, uint64_t below)
{
    soak->chance ^= soak->chance >> 12;
    soak->chance ^= soak->chance << 25;
    soak->chance ^= soak->chance >> 27;
    return (soak->chance * UINT64_C(2685821657736338717) >> 32) % below;
}

static void note_failure(struct slot *slot, const char *what, const struct err *err)
{
    struct soak *soak = slot->soak;
    soak->failed++;
    if (!soak->failure)
        soak->failure = str_printf("%s %s: %s", what, slot->id, err ? err_text(err) : "?");
}

static void slot_launch(struct slot *slot);

static void slot_answered(struct slot *slot)
{
    struct soak *soak = slot->soak;
    if (--slot->pending > 0)
        return;
    /* A sandbox is the operator's to collect. */
    _cleanup_free_ char *sandbox =
        str_printf("%s/containers/%s", soak->flags.work_dir, slot->id);
    host_tree_remove(soak->host, sandbox, NULL);
    free(TAKE_PTR(slot->id));
    soak->live--;
    if (soak->to_launch > 0)
        slot_launch(slot);
}

static void on_ended(void *arg, int result, const void *value, const struct err *err)
{
    struct slot *slot = arg;
    (void)value;
    if (result < 0)
        note_failure(slot, "wait", err);
    slot_answered(slot);
}

/* Kill and destroy race with the container's own end: any answer will do, but one must come. */
static void on_told(void *arg, int result, const void *value, const struct err *err)
{
    (void)result, (void)value, (void)err;
    slot_answered(arg);
}

static void on_launched(void *arg, int result, const void *value, const struct err *err)
{
    struct slot *slot = arg;
    struct containerizer *containerizer = slot->soak->agent->containerizer;
    (void)value;
    slot->launched = true;
    if (result < 0 && slot->fate != FATE_TORN)
        note_failure(slot, "launch", err);
    if (result == 0) {
        slot->pending++;
        containerizer_wait(containerizer, slot->id, DONE(on_ended, slot));
    }
    if (result == 0 && slot->fate == FATE_KILLED) {
        slot->pending++;
        containerizer_kill(containerizer, slot->id, SIGKILL, DONE(on_told, slot));
    }
    if (result == 0 && slot->fate == FATE_DESTROYED) {
        slot->pending++;
        containerizer_destroy(containerizer, slot->id, DONE(on_told, slot));
    }
    slot_answered(slot);
}

static void slot_launch(struct slot *slot)
{
    static const char *const ends[FATE_COUNT] = {"exit:0", "die:SEGV", "sleep:1000s", "sleep:1000s",
        "sleep:1000s"};
    struct soak *soak = slot->soak;
    slot->id = str_printf("c%" PRIu64, ++soak->number);
    slot->fate = (enum fate)draw(soak, FATE_COUNT);
    soak->fates[slot->fate]++;
    soak->to_launch--;
    soak->live++;
    char *arguments[] = {(char *)"seatrial-workload", (char *)"spawn:[sleep:1000s]",
        (char *)(uintptr_t)ends[slot->fate], NULL};
    struct container_config config = {
        .command_info = {.value = soak->workload, .arguments = arguments}};
    resources_add_scalar(&config.resources, "cpus", 0.1);
    resources_add_scalar(&config.resources, "mem", 32);
    slot->launched = false;
    slot->pending = 1;
    bool torn = slot->fate == FATE_TORN;
    if (torn)
        slot->pending++;
    agent_launch(soak->agent, slot->id, &config, DONE(on_launched, slot));
    resources_release(&config.resources);
    if (torn)
        containerizer_destroy(soak->agent->containerizer, slot->id, DONE(on_told, slot));
}

/* Nothing was launched and nothing ended for a while: who waits for what. */
static void on_stall(void *arg)
{
    struct soak *soak = arg;
    soak->stall = NULL;
    if (soak->progress != soak->number - soak->live + soak->number) {
        soak->progress = soak->number - soak->live + soak->number;
        soak->stall = loop_timer_start(soak->loop, STALL_NS, on_stall, soak);
        return;
    }
    soak->stalled = true;
    for (uint64_t i = 0; i < soak->parallel; i++) {
        const struct slot *slot = &soak->slots[i];
        enum container_phase phase = 0;
        if (!slot->id)
            continue;
        int known = containerizer_phase(soak->agent->containerizer, slot->id, &phase);
        fprintf(stderr, "stuck: %s (%s): %s, %u answers to come, %s\n", slot->id,
            fate_names[slot->fate], slot->launched ? "launched" : "not launched", slot->pending,
            known < 0 ? "unknown" : container_phase_names[phase]);
    }
}

static int soak_run(struct soak *soak, uint64_t launches, struct err *err)
{
    soak->to_launch = launches;
    for (uint64_t i = 0; i < soak->parallel && soak->to_launch > 0; i++)
        slot_launch(&soak->slots[i]);
    soak->stall = loop_timer_start(soak->loop, STALL_NS, on_stall, soak);
    while (soak->live > 0 && !soak->stalled)
        loop_step(soak->loop);
    loop_timer_stop(soak->loop, soak->stall);
    soak->stall = NULL;
    return soak->stalled ? err_set(err, -ETIMEDOUT, "%" PRIu64 " containers are stuck", soak->live)
                         : 0;
}

static uint64_t count_lines(const char *path, bool words)
{
    FILE *stream = fopen(path, "re");
    uint64_t count = 0;
    for (int c = stream ? fgetc(stream) : EOF; c != EOF; c = fgetc(stream))
        count += c == (words ? ' ' : '\n');
    if (stream)
        fclose(stream);
    return count;
}

static uint64_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    uint64_t count = 0;
    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

static uint64_t count_cgroups(const struct soak *soak)
{
    const struct cgroup_hierarchies *all = soak->host->cgroups;
    uint64_t count = 0;
    for (size_t i = 0; all && i < all->count; i++) {
        _cleanup_strv_ char **paths = NULL;
        if (cgroup_exists(all->items[i].fs, soak->cgroup) &&
            cgroup_descendants(all->items[i].fs, soak->cgroup, &paths, NULL) == 0)
            count += strv_length(paths);
    }
    return count;
}

static struct figures figures_take(const struct soak *soak)
{
    _cleanup_free_ char *children =
        str_printf("/proc/self/task/%d/children", (int)getpid());
    return (struct figures){
        .descriptors = count_descriptors(),
        .resident_kb = (uint64_t)bench_resident_bytes() / 1024,
        .cgroups = count_cgroups(soak),
        .mounts = count_lines("/proc/self/mountinfo", false),
        .children = count_lines(children, true),
    };
}

static void on_recovered(void *arg, int result, const void *value, const struct err *err)
{
    struct soak *soak = arg;
    (void)value;
    soak->recovered = true;
    if (result < 0)
        soak->failure = str_printf("recover: %s", err_text(err));
}

static int soak_open(struct soak *soak, const struct settings *settings, struct err *err)
{
    char template[] = "/tmp/seatrial-soak-XXXXXX";
    const struct agent_parts parts = {.launcher = NULL};
    if (!mkdtemp(template))
        return err_errno(err, -errno, "make a directory below /tmp");
    soak->directory = str_dup(template);
    soak->workload = kernel_program_path("seatrial-workload");
    soak->cgroup = str_printf("seatrial-soak-%d", (int)getpid());
    soak->chance = settings->seed * 2 + 1;
    soak->parallel = settings->parallel;
    soak->slots = mem_alloc(settings->parallel * sizeof(*soak->slots));
    for (uint64_t i = 0; i < settings->parallel; i++)
        soak->slots[i].soak = soak;
    soak->loop = loop_uv_new();
    flags_init(&soak->flags);
    free(soak->flags.work_dir);
    soak->flags.work_dir = str_printf("%s/work", soak->directory);
    free(soak->flags.runtime_dir);
    soak->flags.runtime_dir = str_printf("%s/run", soak->directory);
    str_set(&soak->flags.launcher, "linux");
    str_set(&soak->flags.isolation, ISOLATION);
    str_set(&soak->flags.cgroups_root, soak->cgroup);
    const struct host_linux_options options = {.cgroups = machine_has_v1() ? "v1" : NULL};
    int r = host_linux_new(soak->loop, NULL, &options, &soak->host, err);
    if (r == 0)
        r = agent_create(soak->host, &soak->flags, &parts, &soak->agent, err);
    if (r < 0)
        return r;
    agent_recover(soak->agent, DONE(on_recovered, soak));
    while (!soak->recovered)
        loop_step(soak->loop);
    return soak->failure ? err_set(err, -EPROTO, "%s", soak->failure) : 0;
}

static void remove_cgroups(const struct soak *soak)
{
    const struct cgroup_hierarchies *all = soak->host->cgroups;
    for (size_t i = 0; all && i < all->count; i++) {
        _cleanup_strv_ char **paths = NULL;
        if (!cgroup_exists(all->items[i].fs, soak->cgroup))
            continue;
        cgroup_descendants(all->items[i].fs, soak->cgroup, &paths, NULL);
        for (size_t k = 0; paths && paths[k]; k++)
            cgroup_remove(all->items[i].fs, paths[k], NULL);
        cgroup_remove(all->items[i].fs, soak->cgroup, NULL);
    }
}

static void soak_close(struct soak *soak)
{
    agent_free(soak->agent);
    if (soak->host) {
        remove_cgroups(soak);
        /* filesystem/linux makes mounts of these for itself. */
        umount2(soak->flags.work_dir, MNT_DETACH);
        _cleanup_free_ char *containers = str_printf("%s/containers", soak->flags.runtime_dir);
        umount2(containers, MNT_DETACH);
        host_tree_remove(soak->host, soak->directory, NULL);
        host_crash(soak->host);
        host_gone(soak->host);
        host_free(soak->host);
    }
    if (soak->loop)
        loop_free(soak->loop);
    flags_release(&soak->flags);
    free(soak->directory);
    free(soak->workload);
    free(soak->cgroup);
    free(soak->slots);
    free(soak->failure);
}

static bool print_row(const char *name, uint64_t before, uint64_t after, uint64_t slack)
{
    bool leaks = after > before + slack;
    printf("%-14s %10" PRIu64 " %10" PRIu64 "  %s\n", name, before, after, leaks ? "LEAK" : "");
    return leaks;
}

static bool print_figures(const struct figures *before, const struct figures *after)
{
    printf("%-14s %10s %10s\n", "", "before", "after");
    bool leaks = print_row("descriptors", before->descriptors, after->descriptors, 0);
    leaks |= print_row("resident kB", before->resident_kb, after->resident_kb, MEMORY_SLACK_KB);
    leaks |= print_row("cgroups", before->cgroups, after->cgroups, 0);
    leaks |= print_row("mounts", before->mounts, after->mounts, 0);
    leaks |= print_row("children", before->children, after->children, 0);
    return leaks;
}

static int soak_measure(const struct settings *settings, struct err *err)
{
    struct soak soak = {0};
    int r = soak_open(&soak, settings, err);
    bool leaks = false;
    if (r == 0)
        r = soak_run(&soak, WARM_UP, err);
    if (r == 0) {
        memset(soak.fates, 0, sizeof(soak.fates));
        struct figures before = figures_take(&soak);
        double start = bench_now();
        r = soak_run(&soak, settings->launches, err);
        double seconds = bench_now() - start;
        struct figures after = figures_take(&soak);
        printf("%" PRIu64 " containers, %" PRIu64 " at a time, in %.1f s (seed %" PRIu64 ")\n",
            settings->launches, settings->parallel, seconds, settings->seed);
        for (unsigned i = 0; i < FATE_COUNT; i++)
            printf("%8" PRIu64 " %s\n", soak.fates[i], fate_names[i]);
        leaks = print_figures(&before, &after);
        if (r == 0 && soak.failed)
            r = err_set(err, -EPROTO, "%" PRIu64 " failed, the first: %s", soak.failed,
                soak.failure);
        else if (r == 0 && leaks)
            r = err_set(err, -EPROTO, "something is left");
    }
    soak_close(&soak);
    return r;
}

static bool option_parse(const char *text, uint64_t most, uint64_t *ret_value)
{
    char *end = NULL;
    errno = 0;
    *ret_value = text ? strtoull(text, &end, 10) : 0;
    return text && text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 &&
           *ret_value >= 1 && *ret_value <= most;
}

int bench_soak_main(int argc, char **argv)
{
    struct settings settings = {.launches = 10000, .parallel = 32, .seed = 1};
    _cleanup_err_ struct err err = ERR_INIT;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        bool good = (strcmp(argv[i], "--launches") == 0 &&
                        option_parse(value, ROUNDS_MAX, &settings.launches)) ||
                    (strcmp(argv[i], "--parallel") == 0 &&
                        option_parse(value, PARALLEL_MAX, &settings.parallel)) ||
                    (strcmp(argv[i], "--seed") == 0 &&
                        option_parse(value, ROUNDS_MAX, &settings.seed));
        bool help = strcmp(argv[i], "--help") == 0;
        if (good)
            continue;
        fprintf(help ? stdout : stderr,
            "Usage: seatrial bench soak [--launches N] [--parallel N] [--seed N]\n");
        return help ? 0 : EXIT_USAGE;
    }
    if (geteuid() != 0) {
        fprintf(stderr, "seatrial bench soak: only root can\n");
        return EXIT_USAGE;
    }
    if (soak_measure(&settings, &err) == 0)
        return 0;
    fprintf(stderr, "seatrial bench soak: %s\n", err_text(&err));
    return 1;
}
