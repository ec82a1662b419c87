/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fakes/replay/replay_real.h"
#include "reference/base/mem.h"

#define SEQUENCE_OPERATIONS 60
#define MINIMISE_RUNS 400
#define AGAIN 2 /* a difference must come so many times more */
#define STEP_NS (20 * NS_PER_US)
#define SETTLE_NS (40 * NS_PER_MS)

static const char usage[] =
    "usage: seatrial cgroupfs-fuzz [OPTION...]\n"
    "Random operations on the cgroup model and on this machine's hierarchies, side by side; in\n"
    "cgroups named seatrial-fuzz-PID, with processes of its own.\n"
    "  --hierarchy H      v1 (default) or v2\n"
    "  --directory DIR    where the hierarchies of v1 are, or that of v2 (default: as found in\n"
    "                     /sys/fs/cgroup)\n"
    "  --controller NAME  only this one; default: all that are mounted, of v2 all that the root\n"
    "                     has enabled, and \"core\"\n"
    "  --operations N     per controller, default 1000\n"
    "  --length N         of a sequence, default 60\n"
    "  --seed S           default 1\n"
    "  --mismatches N     stops a controller after so many, default 5\n"
    "  --device MAJ:MIN   a disk of this machine, for blkio and io; default: the first\n"
    "exit status: 0 no mismatch, 1 mismatches, 2 bad usage, 77 nothing to compare with\n";

struct fuzz {
    bool v2;
    const char *directory;
    char *enabled;          /* v2: the real root's subtree_control, as to be written; owned */
    char *offered;          /* v2: its cgroup.controllers; owned */
    bool perf_event;
    const char *controller; /* NULL: all */
    const char *device;
    uint64_t operations;
    uint64_t length;
    uint64_t seed;
    uint64_t mismatches_most;
    struct replay_header header;
    json_t *header_json;
};

struct tally {
    uint64_t operations;
    uint64_t mismatches;
    uint64_t unsteady; /* differences that did not come again: of timing */
};

/* Numbers of this machine and this moment: only the result is compared. */
static const char *const volatile_files[] = {"cpuacct.usage", "cpuacct.stat", "cpu.stat",
    "memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.memsw.usage_in_bytes",
    "memory.memsw.max_usage_in_bytes", "memory.kmem.", "memory.stat", "memory.numa_stat",
    "memory.failcnt", "memory.shown_ram", "memory.oom_control", "blkio.throttle.io_serv",
    "blkio.bfq.io_serv", "cpuset.memory_pressure", "memory.current", "memory.peak",
    "net_prio.prioidx", "memory.swap.current", "memory.swap.peak", "memory.events",
    "memory.swap.events", "memory.pressure", "cpu.pressure", "io.pressure", "io.stat",
    "cgroup.stat", NULL};

static bool is_volatile(const char *path)
{
    const char *slash = strrchr(path, '/');
    for (const char *const *name = volatile_files; slash && *name; name++)
        if (str_starts(slash + 1, *name))
            return true;
    return false;
}

/* ---------------------------------------------------------------------- one sequence */

/* Both worlds of a sequence. */
struct pair {
    struct replay_world model;
    struct replay_world kernel;
    struct replay_real real;
};

static int pair_start(const struct fuzz *fuzz, struct pair *pair, struct err *err)
{
    *pair = (struct pair){0};
    int result = replay_world_start(&pair->model, &fuzz->header, err);
    if (result)
        return result;
    result = replay_world_start(&pair->kernel, &fuzz->header, err);
    if (!result)
        result = replay_real_start(&pair->real, &pair->kernel, fuzz->directory, "fuzz", false, err);
    pair->real.files.stay = true;
    if (fuzz->enabled && !result)
        result = cgroup_file_write(cgroup_root_find(pair->model.kernel, ""), "",
            "cgroup.subtree_control", fuzz->enabled, strlen(fuzz->enabled), &cgroup_caller_root);
    return result;
}

static void pair_stop(struct pair *pair)
{
    replay_real_stop(&pair->real, &pair->kernel);
    replay_world_stop(&pair->kernel);
    replay_world_stop(&pair->model);
}

static const char *subject(const json_t *line, json_t *opened)
{
    const char *path = json_string_value(json_object_get(line, "path"));
    const char *handle = json_string_value(json_object_get(line, "h"));
    const char *op = json_string_value(json_object_get(line, "op"));
    if (handle && path && !strcmp(op, "open"))
        json_object_set_new(opened, handle, json_string(path));
    return path ? path : handle ? json_string_value(json_object_get(opened, handle)) : NULL;
}

/* What the kernel did becomes what is expected; the line then is one of a trace. */
static void record(json_t *line, struct replay_op *op, const struct replay_outcome *outcome)
{
    static const char *const before[] = {"result", "stage", "out"};
    for (size_t i = 0; i < ARRAY_SIZE(before); i++)
        json_object_del(line, before[i]);
    json_object_set_new(line, "result",
        outcome->result < 0 ? json_sprintf("-%s", err_name((int)outcome->result))
                            : json_integer(outcome->result));
    if (outcome->at_open)
        json_object_set_new(line, "stage", json_string("open"));
    if (outcome->has_out) {
        json_t *out = json_stringn(strbuf_text(&outcome->out), outcome->out.length);
        json_object_set_new(line, "out", out ? out : json_string(""));
    }
    op->result = outcome->result;
    op->stage = outcome->at_open ? "open" : NULL;
    op->out = json_string_value(json_object_get(line, "out"));
    op->out_length = json_string_length(json_object_get(line, "out"));
}

/*
 * What the kernel does when it has the time: a removed cgroup, and what it is charged with, goes;
 * tasks freeze and die.
 */
static bool takes_time(const struct replay_op *op, const char *path)
{
    static const char *const files[] = {"cgroup.kill", "cgroup.freeze", "cgroup.procs",
        "cgroup.threads"};
    if (!strcmp(op->op, "signal"))
        return true;
    if (!path)
        return false;
    if (!strcmp(op->op, "rmdir"))
        return str_starts(path, "memory/") || str_starts(path, "devices/");
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (str_ends(path, files[i]) && (!strcmp(op->op, "wr") || strstr(op->op, "write")))
            return true;
    return false;
}

/* NULL: the same; otherwise what differs. */
static const char *play(
    struct pair *pair, json_t *line, json_t *opened, struct replay_outcome *model)
{
    struct replay_outcome kernel = {0};
    struct replay_op op = {
        .json = line,
        .op = json_string_value(json_object_get(line, "op")),
        .uid = (uid_t)json_integer_value(json_object_get(line, "uid")),
    };
    const char *path = subject(line, opened);
    bool reads = !strcmp(op.op, "fread") || !strcmp(op.op, "pread") || !strcmp(op.op, "lseek") ||
                 !strcmp(op.op, "keys");
    /* Pids that are not the same; and v1 shows a list again for a second that has changed. */
    bool digits = (reads || !strcmp(op.op, "poll")) && path && replay_is_pid_list(path);
    op.volatile_out = digits || (path && is_volatile(path));
    replay_execute(&pair->kernel, &op, &kernel);
    if (kernel.skipped) {
        strbuf_release(&kernel.out);
        return NULL;
    }
    record(line, &op, &kernel);
    if (op.volatile_out && (reads || !strcmp(op.op, "await")))
        op.volatile_result = true; /* a length, or whether it came to be */
    replay_execute(&pair->model, &op, model);
    replay_world_advance(&pair->model, STEP_NS);
    if (!kernel.result && takes_time(&op, path)) {
        replay_world_advance(&pair->kernel, SETTLE_NS);
        replay_world_advance(&pair->model, SETTLE_NS);
    }
    const char *what = kernel.skipped || model->skipped ? NULL : replay_compare(&op, model);
    strbuf_release(&kernel.out);
    return what;
}

/* Plays lines in fresh worlds; the index of the first that differs, or -1. */
static int64_t play_all(const struct fuzz *fuzz, json_t *lines, struct err *err)
{
    struct pair pair;
    json_t *opened = json_object();
    int64_t differs = -1;
    size_t i;
    json_t *line;
    if (pair_start(fuzz, &pair, err) == 0) {
        json_array_foreach(lines, i, line) {
            struct replay_outcome model = {0};
            const char *what = play(&pair, line, opened, &model);
            strbuf_release(&model.out);
            if (what) {
                differs = (int64_t)i;
                break;
            }
        }
    }
    pair_stop(&pair);
    json_decref(opened);
    return differs;
}

/* The same difference once more? */
static bool again(const struct fuzz *fuzz, json_t *lines, struct err *err)
{
    for (unsigned i = 0; i < AGAIN; i++)
        if (play_all(fuzz, lines, err) < 0)
            return false;
    return true;
}

/* ---------------------------------------------------------------------- shorter */

static json_t *without(const json_t *lines, size_t from, size_t count)
{
    json_t *shorter = json_array();
    for (size_t i = 0; i < json_array_size(lines); i++)
        if (i < from || i >= from + count)
            json_array_append_new(shorter, json_deep_copy(json_array_get(lines, i)));
    return shorter;
}

/* Leaves out ever smaller pieces, as long as something still differs. Takes and gives lines. */
static json_t *minimise(const struct fuzz *fuzz, json_t *lines, struct err *err)
{
    unsigned runs = 0;
    for (size_t piece = json_array_size(lines) / 2; piece > 0; piece /= 2) {
        for (size_t from = 0; from + piece <= json_array_size(lines) && runs < MINIMISE_RUNS;) {
            json_t *shorter = without(lines, from, piece);
            int64_t differs = play_all(fuzz, shorter, err);
            runs++;
            if (differs < 0) {
                json_decref(shorter);
                from += piece;
                continue;
            }
            while (json_array_size(shorter) > (size_t)differs + 1)
                json_array_remove(shorter, json_array_size(shorter) - 1);
            json_decref(lines);
            lines = shorter;
        }
    }
    return lines;
}

static void print_outcome(const struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf shown = STRBUF_INIT;
    if (outcome->has_out)
        strbuf_add_json_string(&shown, strbuf_text(&outcome->out));
    if (outcome->result < 0)
        printf("-%s%s", err_name((int)outcome->result), outcome->at_open ? " at open" : "");
    else
        printf("%lld", (long long)outcome->result);
    printf(" %s\n", strbuf_text(&shown));
}

/* Plays it once more, printing it. */
static void show(const struct fuzz *fuzz, json_t *lines, struct err *err)
{
    struct pair pair;
    json_t *opened = json_object();
    size_t i;
    json_t *line;
    if (pair_start(fuzz, &pair, err) == 0) {
        json_array_foreach(lines, i, line) {
            struct replay_outcome model = {0};
            const char *what = play(&pair, line, opened, &model);
            char *text = json_dumps(line, JSON_COMPACT);
            printf("  %s\n", text);
            free(text);
            if (what) {
                printf("  %s differs; the model: ", what);
                print_outcome(&model);
            }
            strbuf_release(&model.out);
        }
    }
    pair_stop(&pair);
    json_decref(opened);
    fflush(stdout);
}

/* ---------------------------------------------------------------------- controllers */

static json_t *draw_sequence(struct fuzz_generator *generator, uint64_t length)
{
    json_t *lines = json_array();
    generator->procs = generator->threads = generator->handles = 0;
    generator->eventfds = generator->inotifies = 0;
    json_t *op;
    for (unsigned i = 0; (op = fuzz_prologue(generator, i)); i++)
        json_array_append_new(lines, op);
    for (uint64_t i = 0; i < length; i++)
        json_array_append_new(lines, fuzz_next(generator));
    return lines;
}

static bool is_core(const char *file)
{
    return str_starts(file, "cgroup.") || str_ends(file, ".pressure");
}

/* Of v1 a hierarchy has one controller; of v2 "core" stands for what every cgroup has. */
static bool is_file_of(const struct fuzz *fuzz, const char *controller, const char *file)
{
    if (!fuzz->v2)
        return strcmp(file, "cgroup.event_control") != 0;
    if (is_core(file) || !strcmp(controller, "core"))
        return is_core(file) && !strcmp(controller, "core");
    size_t length = strlen(controller);
    return !strncmp(file, controller, length) && file[length] == '.';
}

/* Control files of a fresh cgroup; NULL with an error. */
static char **list_files(const struct fuzz *fuzz, const char *controller, struct err *err)
{
    _cleanup_free_ char *path = str_printf("%s/%s/seatrial-files-%d", fuzz->directory,
        fuzz->v2 ? "" : controller, (int)getpid());
    char **files = NULL;
    if (mkdir(path, 0755) < 0) {
        err_errno(err, -errno, "%s", path);
        return NULL;
    }
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        if (entry->d_type == DT_REG && is_file_of(fuzz, controller, entry->d_name))
            strv_add(&files, entry->d_name);
    if (directory)
        closedir(directory);
    rmdir(path);
    if (files)
        strv_sort(files);
    else
        err_set(err, -ENOENT, "%s has no files of %s", path, controller);
    return files;
}

/* Whether we have CAP_SYS_RESOURCE, and whether controllers are bound to v1. */
static json_t *flags_of_v2(const struct fuzz *fuzz)
{
    json_t *flags = json_array();
    _cleanup_free_ char *unified = str_printf("%s/../systemd", fuzz->directory);
    if (prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE, 0, 0, 0) == 1)
        json_array_append_new(flags, json_string("qemu"));
    json_array_append_new(flags, json_string(access(unified, F_OK) == 0 ? "hybrid" : "ctl"));
    return flags;
}

static int header_make(struct fuzz *fuzz, const char *controller)
{
    struct utsname machine;
    uname(&machine);
    json_decref(fuzz->header_json);
    fuzz->header_json = json_pack("{s:s, s:o, s:{s:s}}", "kernel", machine.release, "flags",
        fuzz->v2 ? flags_of_v2(fuzz) : json_pack("[s]", controller), "defs", "DEV",
        fuzz->device);
    fuzz->header = (struct replay_header){
        .kernel = json_string_value(json_object_get(fuzz->header_json, "kernel")),
        .v2 = fuzz->v2,
        .cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN),
        .flags = json_object_get(fuzz->header_json, "flags"),
        .defs = json_object_get(fuzz->header_json, "defs"),
        .controllers = fuzz->offered,
        .perf_event = fuzz->perf_event,
    };
    return fuzz->header_json ? 0 : -EINVAL;
}

/* Whether there are cpusets beside the one that we make. */
static bool has_neighbours(const struct fuzz *fuzz)
{
    _cleanup_free_ char *path = str_printf("%s/cpuset", fuzz->directory);
    bool found = false;
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));)
        found |= entry->d_type == DT_DIR && *entry->d_name != '.';
    if (directory)
        closedir(directory);
    return found;
}

static int fuzz_controller(
    struct fuzz *fuzz, const char *controller, struct tally *tally, struct err *err)
{
    _cleanup_strv_ char **files = list_files(fuzz, controller, err);
    _cleanup_strv_ char **core_files = fuzz->v2 ? list_files(fuzz, "core", err) : NULL;
    struct rng rng;
    if (err->code)
        return err->code;
    header_make(fuzz, controller);
    rng_init(&rng, fuzz->seed);
    struct fuzz_generator generator = {
        .controller = controller,
        .v2 = fuzz->v2,
        .core_files = core_files,
        .stream = rng_stream(&rng, controller),
        .files = files,
        .neighbours = !fuzz->v2 && !strcmp(controller, "cpuset") && has_neighbours(fuzz),
    };
    while (tally->operations < fuzz->operations && !err->code &&
           tally->mismatches < fuzz->mismatches_most) {
        json_t *lines = draw_sequence(&generator, fuzz->length);
        int64_t differs = play_all(fuzz, lines, err);
        tally->operations += differs < 0 ? json_array_size(lines) : (uint64_t)differs + 1;
        if (differs >= 0 && !again(fuzz, lines, err)) {
            tally->unsteady++;
        } else if (differs >= 0) {
            tally->mismatches++;
            while (json_array_size(lines) > (size_t)differs + 1)
                json_array_remove(lines, json_array_size(lines) - 1);
            lines = minimise(fuzz, lines, err);
            printf("%s: mismatch after %llu operations (seed %llu)\n", controller,
                (unsigned long long)tally->operations, (unsigned long long)fuzz->seed);
            show(fuzz, lines, err);
        }
        json_decref(lines);
    }
    for (size_t i = 0; i < FUZZ_NEWEST; i++)
        free(generator.opened[i]);
    rng_release(&rng);
    return err->code;
}

static const char *const names_v1[] = {
    "cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd",
    "net_cls", "net_prio", "perf_event", "hugetlb", "rdma", "misc", NULL};
static const char *const names_v2[] = {
    "core", "cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc", NULL};

static bool is_there(const struct fuzz *fuzz, const char *controller)
{
    _cleanup_free_ char *path =
        str_printf("%s/%s/cgroup.procs", fuzz->directory, fuzz->v2 ? "" : controller);
    if (access(path, W_OK) < 0)
        return false;
    _cleanup_free_ char *name = str_printf("+%s ", controller);
    return !fuzz->v2 ||
           (fuzz->enabled && (!strcmp(controller, "core") || strstr(fuzz->enabled, name)));
}

/* The words of one of the real root's files, each behind a prefix and with a blank; owned, NULL
 * when it cannot be read. */
static char *root_words(const struct fuzz *fuzz, const char *name, const char *prefix)
{
    _cleanup_free_ char *path = str_printf("%s/%s", fuzz->directory, name);
    char word[64];
    struct strbuf all = STRBUF_INIT;
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    while (fscanf(file, "%63s", word) == 1)
        strbuf_addf(&all, "%s%s ", prefix, word);
    fclose(file);
    char *words = str_dup(strbuf_text(&all));
    strbuf_release(&all);
    return words;
}

/* So that the model's root offers and has enabled the same. */
static void look_at_root(struct fuzz *fuzz)
{
    _cleanup_free_ char *counted = root_words(fuzz, "cgroup.stat", "");
    fuzz->enabled = root_words(fuzz, "cgroup.subtree_control", "+");
    fuzz->offered = root_words(fuzz, "cgroup.controllers", "");
    fuzz->perf_event = counted && strstr(counted, "nr_subsys_perf_event");
}

static void print_tally(const char *controller, const struct tally *tally)
{
    printf("%s: %llu operations, %llu mismatches", controller,
        (unsigned long long)tally->operations, (unsigned long long)tally->mismatches);
    if (tally->unsteady)
        printf(" (%llu differences did not come again)", (unsigned long long)tally->unsteady);
    printf("\n");
    fflush(stdout);
}

static int fuzz_all(struct fuzz *fuzz)
{
    struct tally total = {0};
    bool compared = false;
    if (fuzz->v2)
        look_at_root(fuzz);
    for (const char *const *name = fuzz->v2 ? names_v2 : names_v1; *name; name++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct tally tally = {0};
        if ((fuzz->controller && strcmp(fuzz->controller, *name)) || !is_there(fuzz, *name))
            continue;
        compared = true;
        if (fuzz_controller(fuzz, *name, &tally, &err)) {
            fprintf(stderr, "seatrial cgroupfs-fuzz: %s: %s\n", *name, err_text(&err));
            return 2;
        }
        print_tally(*name, &tally);
        total.operations += tally.operations;
        total.mismatches += tally.mismatches;
    }
    if (!compared) {
        printf("skipped: %s is not to be had below %s, or not ours to write\n",
            fuzz->controller ? fuzz->controller : fuzz->v2 ? "v2" : "v1", fuzz->directory);
        return 77;
    }
    printf("%llu operations, %llu mismatches\n", (unsigned long long)total.operations,
        (unsigned long long)total.mismatches);
    return total.mismatches ? 1 : 0;
}

/* The first disk of /proc/partitions; owned. */
static char *first_disk(void)
{
    unsigned major, minor;
    char line[256];
    char *found = NULL;
    FILE *file = fopen("/proc/partitions", "re");
    while (file && !found && fgets(line, sizeof(line), file))
        if (sscanf(line, "%u %u", &major, &minor) == 2)
            found = str_printf("%u:%u", major, minor);
    if (file)
        fclose(file);
    return found ? found : str_dup("8:0");
}

static bool take_number(const char *text, uint64_t *ret_number)
{
    char *end;
    errno = 0;
    *ret_number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno;
}

static bool is_known(const char *const *names, const char *name)
{
    while (*names && strcmp(*names, name))
        names++;
    return *names != NULL;
}

static bool take_option(struct fuzz *fuzz, const char *name, const char *value)
{
    if (!strcmp(name, "--operations"))
        return take_number(value, &fuzz->operations);
    if (!strcmp(name, "--length"))
        return take_number(value, &fuzz->length) && fuzz->length > 0;
    if (!strcmp(name, "--seed"))
        return take_number(value, &fuzz->seed);
    if (!strcmp(name, "--mismatches"))
        return take_number(value, &fuzz->mismatches_most) && fuzz->mismatches_most > 0;
    if (!strcmp(name, "--device")) {
        fuzz->device = value;
        return strchr(value, ':') != NULL;
    }
    if (!strcmp(name, "--hierarchy")) {
        fuzz->v2 = !strcmp(value, "v2");
        return fuzz->v2 || !strcmp(value, "v1");
    }
    if (!strcmp(name, "--directory")) {
        fuzz->directory = value;
        return *value != '\0';
    }
    fuzz->controller = value;
    return !strcmp(name, "--controller") &&
           (is_known(names_v1, value) || is_known(names_v2, value));
}

/* Of v2 also the part of a hybrid machine. */
static const char *default_directory(const struct fuzz *fuzz)
{
    static const char unified[] = "/sys/fs/cgroup/unified";
    return fuzz->v2 && access(unified, F_OK) == 0 ? unified : "/sys/fs/cgroup";
}

int cgroupfs_fuzz_main(int argc, char **argv)
{
    _cleanup_free_ char *disk = first_disk();
    struct fuzz fuzz = {
        .operations = 1000,
        .length = SEQUENCE_OPERATIONS,
        .seed = 1,
        .mismatches_most = 5,
        .device = disk,
    };
    if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        fputs(usage, stdout);
        return 0;
    }
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!take_option(&fuzz, argv[i], value)) {
            fprintf(stderr, "seatrial cgroupfs-fuzz: bad option %s \"%s\"\n%s", argv[i], value,
                usage);
            return 2;
        }
    }
    if (!fuzz.directory)
        fuzz.directory = default_directory(&fuzz);
    int status = fuzz_all(&fuzz);
    free(fuzz.enabled);
    free(fuzz.offered);
    json_decref(fuzz.header_json);
    return status;
}
