/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/replay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fakes/replay/replay_fuse.h"
#include "fakes/replay/replay_real.h"
#include "fakes/replay/replay_record.h"
#include "fakes/replay/replay_world.h"
#include "reference/base/map.h"
#include "reference/base/mem.h"

#define SHOWN_MAX 400 /* of a text in a mismatch */
#define STEP_NS (20 * NS_PER_US) /* between two operations */

static const char usage[] =
    "usage: seatrial replay [--through-fuse MOUNT | --on-kernel DIRECTORY] GOLDEN.jsonl...\n"
    "       seatrial replay --on-kernel DIRECTORY --record FILE SCRIPT.jsonl\n"
    "Runs recorded traces of cgroupfs on the model and prints where it differs.\n"
    "  --through-fuse MOUNT  the model is mounted at this empty directory, file operations are\n"
    "                        system calls there; what FUSE cannot do is skipped and counted\n"
    "  --on-kernel DIRECTORY on real cgroups below it (v1: where the hierarchies are), in cgroups\n"
    "                        and with processes of its own; what is above is not touched\n"
    "  --whole-machine       the machine is the trace's own, as a guest is: it may write the\n"
    "                        cgroup.subtree_control of the root\n"
    "  --record FILE         writes a trace there: the script's operations with the results that\n"
    "                        they have on this kernel; nothing is compared\n"
    "exit status: 0 no mismatch, 1 mismatches, 2 bad usage or a bad file\n";

struct tally {
    uint64_t operations;
    uint64_t mismatches;
    uint64_t skipped;
};

int replay_execute(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    static const struct replay_operation *const tables[] = {replay_real_ops, replay_files_ops,
        replay_files_handle_ops, replay_path_ops, replay_content_ops, replay_handle_ops,
        replay_actor_ops};
    size_t first = !world->files ? 3 : world->files->real ? 0 : 1;
    for (size_t i = first; i < ARRAY_SIZE(tables); i++)
        for (const struct replay_operation *at = tables[i]; at->name; at++)
            if (!strcmp(at->name, op->op)) {
                at->run(world, op, outcome);
                return 0;
            }
    return -ENOSYS;
}

static void print_text(const char *text, size_t length)
{
    struct strbuf shown = STRBUF_INIT;
    _cleanup_free_ char *cut = str_ndup(text, length < SHOWN_MAX ? length : SHOWN_MAX);
    strbuf_add_json_string(&shown, cut);
    printf("%s%s", strbuf_text(&shown), length > SHOWN_MAX ? "..." : "");
    strbuf_release(&shown);
}

static void print_result(int64_t result, bool at_open)
{
    if (result < 0)
        printf("-%s%s", err_name((int)result), at_open ? " at open" : "");
    else
        printf("%lld", (long long)result);
}

static const char *subject(const struct replay_op *op)
{
    static const char *const fields[] = {"path", "h", "name"};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (replay_has(op, fields[i]))
            return replay_text(op, fields[i]);
    return "";
}

static void print_mismatch(
    const struct replay_op *op, const struct replay_outcome *outcome, const char *what)
{
    size_t length;
    printf("  %lld %s %s", (long long)op->number, op->op, subject(op));
    if (replay_has(op, "data")) {
        const char *data = replay_bytes(op, "data", &length);
        printf(" ");
        print_text(data, length);
    }
    printf(": %s: expected ", what);
    print_result(op->result, op->stage != NULL);
    if (op->out) {
        printf(" ");
        print_text(op->out, op->out_length);
    }
    printf(", got ");
    print_result(outcome->result, outcome->at_open);
    if (outcome->has_out) {
        printf(" ");
        print_text(strbuf_text(&outcome->out), outcome->out.length);
    }
    printf("\n");
}

struct run {
    const char *path;
    struct replay_world world;
    struct replay_fuse fuse;
    struct replay_real real;
    struct tally tally;
    FILE *record; /* NULL: results are compared */
    struct strmap *skips; /* reason -> uint64_t * */
    const char *section;
    bool section_printed;
};

static void count_skip(struct run *run, const char *reason)
{
    uint64_t *count = strmap_get(run->skips, reason);
    if (!count) {
        count = mem_alloc(sizeof(*count));
        strmap_set(run->skips, reason, count);
    }
    (*count)++;
    run->tally.skipped++;
}

static int execute(struct run *run, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct replay_files *files = run->world.files;
    if (files)
        outcome->skipped = files->real ? replay_real_forbidden(&run->world, op)
                                       : replay_fuse_impossible(&run->world, op);
    return outcome->skipped ? 0 : replay_execute(&run->world, op, outcome);
}

/* Lines that say how the trace goes on; false: an operation. */
static bool run_mark(struct run *run, const struct replay_op *op)
{
    bool section = !strcmp(op->op, "section"), sleeps = !strcmp(op->op, "sleep");
    if (!section && !sleeps && strcmp(op->op, "end"))
        return false;
    if (section) {
        run->section = replay_text(op, "name");
        run->section_printed = false;
    }
    if (sleeps)
        replay_world_advance(&run->world, (uint64_t)replay_number(op, "ms") * NS_PER_MS);
    if (run->record)
        replay_record_op(run->record, op, NULL);
    return true;
}

static int run_op(struct run *run, const struct replay_op *op, struct err *err)
{
    struct replay_outcome outcome = {0};
    if (run_mark(run, op))
        return 0;
    if (execute(run, op, &outcome))
        return err_set(err, -EINVAL, "%s:%u: op \"%s\": no such operation", run->path, op->line,
            op->op);
    replay_world_advance(&run->world, STEP_NS);
    bool compared = !outcome.skipped && !run->record;
    const char *what = compared ? replay_compare(op, &outcome) : NULL;
    if (run->record && !outcome.skipped)
        replay_record_op(run->record, op, &outcome);
    if (outcome.skipped)
        count_skip(run, outcome.skipped);
    else
        run->tally.operations++;
    if (what) {
        if (!run->section_printed)
            printf("%s: section %s\n", run->path, run->section);
        run->section_printed = true;
        run->tally.mismatches++;
        print_mismatch(op, &outcome, what);
    }
    strbuf_release(&outcome.out);
    return 0;
}

static void print_skips(struct run *run)
{
    size_t cursor = 0;
    const char *reason;
    void *count;
    while (strmap_next(run->skips, &cursor, &reason, &count)) {
        printf("%s: %llu skipped: %s\n", run->path, (unsigned long long)*(uint64_t *)count,
            reason);
        free(count);
    }
    strmap_free(run->skips);
}

/* Where file operations go: both NULL for direct calls of the model. */
struct target {
    const char *mount_point;
    const char *real;
    const char *record;
    bool whole;
};

/* What differs because the machine offers other controllers is told before. */
static void compare_controllers(struct run *run)
{
    static const char file[] = "^cgroup.controllers";
    const struct replay_op ask = {.op = "read", .json = json_pack("{s:s}", "path", file)};
    struct replay_outcome here = {0}, there = {0};
    struct replay_files *files = run->world.files;
    replay_execute(&run->world, &ask, &here);
    run->world.files = NULL;
    replay_execute(&run->world, &ask, &there);
    run->world.files = files;
    const char *ours = strbuf_text(&here.out), *theirs = strbuf_text(&there.out);
    if (strcmp(ours, theirs))
        printf("%s: the root has the controllers \"%.*s\" here, and had \"%.*s\" there: what "
               "depends on them differs\n",
            run->path, (int)strcspn(ours, "\n"), ours, (int)strcspn(theirs, "\n"), theirs);
    strbuf_release(&here.out);
    strbuf_release(&there.out);
    json_decref((json_t *)ask.json);
}

static int record_start(struct run *run, const struct target *target,
    const struct replay_trace *trace, struct err *err)
{
    if (!target->record)
        return 0;
    run->record = fopen(target->record, "we");
    if (!run->record)
        return err_errno(err, -errno, "--record: %s", target->record);
    replay_record_header(run->record, trace);
    return 0;
}

static int record_stop(struct run *run, const char *path, struct err *err)
{
    if (!run->record)
        return 0;
    int result = ferror(run->record) ? -EIO : 0;
    if (fclose(run->record) && !result)
        result = -errno;
    return result ? err_errno(err, result, "--record: %s", path) : 0;
}

static int replay_file(
    const char *path, const struct target *target, struct tally *ret_tally, struct err *err)
{
    struct replay_trace trace;
    struct run run = {.path = path, .section = ""};
    int result = replay_trace_read(path, &trace, err);
    if (result)
        return result;
    result = replay_world_start(&run.world, &trace.header, err);
    if (result) {
        err_wrap(err, result, "%s:1", path);
        replay_trace_release(&trace);
        return result;
    }
    run.skips = strmap_new();
    if (target->mount_point)
        result = replay_fuse_start(&run.fuse, &run.world, target->mount_point, err);
    else if (target->real)
        result = replay_real_start(
            &run.real, &run.world, target->real, "replay", target->whole, err);
    if (!result && target->real && trace.header.v2 && !target->record)
        compare_controllers(&run);
    if (!result)
        result = record_start(&run, target, &trace, err);
    for (size_t i = 0; i < trace.count && !result; i++)
        result = run_op(&run, &trace.ops[i], err);
    replay_real_stop(&run.real, &run.world);
    replay_fuse_stop(&run.fuse, &run.world);
    replay_world_stop(&run.world);
    print_skips(&run);
    int closed = record_stop(&run, target->record, err);
    result = result ? result : closed;
    replay_trace_release(&trace);
    *ret_tally = run.tally;
    return result;
}

static int replay_files_of(int count, char **paths, const struct target *target)
{
    struct tally total = {0};
    for (int i = 0; i < count; i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct tally tally = {0};
        if (replay_file(paths[i], target, &tally, &err)) {
            fflush(stdout);
            fprintf(stderr, "%s\n", err_text(&err));
            return 2;
        }
        if (count > 1)
            printf("%s: %llu operations, %llu mismatches\n", paths[i],
                (unsigned long long)tally.operations, (unsigned long long)tally.mismatches);
        total.operations += tally.operations;
        total.mismatches += tally.mismatches;
        total.skipped += tally.skipped;
    }
    if ((target->mount_point || target->real) && total.skipped)
        printf("%llu skipped\n", (unsigned long long)total.skipped);
    if (target->record) {
        printf("%llu operations recorded\n", (unsigned long long)total.operations);
        return 0;
    }
    printf("%llu operations, %llu mismatches\n", (unsigned long long)total.operations,
        (unsigned long long)total.mismatches);
    return total.mismatches ? 1 : 0;
}

int replay_main(int argc, char **argv)
{
    struct target target = {0};
    int at = 1;
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        fputs(usage, argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    for (; at < argc && argv[at][0] == '-'; at++) {
        if (!strcmp(argv[at], "--whole-machine")) {
            target.whole = true;
            continue;
        }
        const char **value = !strcmp(argv[at], "--through-fuse") ? &target.mount_point
                             : !strcmp(argv[at], "--on-kernel")  ? &target.real
                             : !strcmp(argv[at], "--record")     ? &target.record
                                                                 : NULL;
        if (!value || at + 1 == argc) {
            fprintf(stderr, "seatrial replay: %s %s\n%s",
                value ? "a path is missing after" : "unknown option", argv[at], usage);
            return 2;
        }
        *value = argv[++at];
    }
    if (at == argc || (target.mount_point && target.real)) {
        fprintf(stderr, "seatrial replay: %s\n%s",
            at == argc ? "a trace is missing" : "--through-fuse or --on-kernel, not both", usage);
        return 2;
    }
    if (target.whole && !target.real) {
        fprintf(stderr, "seatrial replay: --whole-machine goes with --on-kernel\n%s", usage);
        return 2;
    }
    if (target.record && (!target.real || argc - at != 1)) {
        fprintf(stderr, "seatrial replay: --record takes one script, --on-kernel\n%s", usage);
        return 2;
    }
    return replay_files_of(argc - at, argv + at, &target);
}
