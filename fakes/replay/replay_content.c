/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that open a path, read or write it, and close it again. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/replay/replay_files.h"
#include "fakes/replay/replay_real.h"
#include "fakes/replay/replay_world.h"
#include "reference/base/mem.h"

#define DUMP_BYTES_MAX 3000

/* Without O_CREAT nothing is made, and with it neither: cgroupfs has no create(). */
static int open_created(const struct replay_world *world, const char *recorded, int flags,
    const struct cgroup_caller *caller, struct cgroup_node *ret_node)
{
    int result = replay_node(world, recorded, caller, ret_node);
    if (!(flags & O_CREAT))
        return result;
    if (!result && flags & O_EXCL)
        return -EEXIST;
    if (!result)
        return ret_node->file ? 0 : -EISDIR;
    if (result != -ENOENT)
        return result;
    struct cgroup *parent;
    const char *name;
    _cleanup_free_ char *path = NULL;
    result = replay_parent(world, recorded, caller, &parent, &name, &path);
    return result ? result : -EACCES;
}

int replay_open(struct replay_world *world, const char *recorded, int flags,
    const struct cgroup_caller *caller, struct cgroup_open **ret_open)
{
    struct cgroup_node node;
    int result = open_created(world, recorded, flags, caller, &node);
    if (!result)
        result = cgroup_file_open(&node, flags, caller, ret_open);
    if (result)
        return result;
    replay_inotify(world, &node, IN_OPEN);
    if (flags & O_TRUNC)
        replay_inotify(world, &node, IN_MODIFY);
    return 0;
}

static void close_after(struct replay_world *world, struct cgroup_open *open, bool wrote)
{
    struct cgroup_node node = cgroup_open_node(open);
    replay_inotify(world, &node, wrote ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    cgroup_open_close(open);
}

static int slurp(struct cgroup_open *open, struct strbuf *out)
{
    char buffer[4096];
    ssize_t length;
    while ((length = cgroup_open_read(open, buffer, sizeof(buffer))) > 0)
        strbuf_add_bytes(out, buffer, (size_t)length);
    return (int)length;
}

/* ---------------------------------------------------------------------- writing */

int64_t replay_write_close(struct replay_world *world, struct cgroup_open *open, int flags,
    const struct strbuf *data, const struct cgroup_caller *caller)
{
    ssize_t written = cgroup_open_write(open, strbuf_text(data), data->length, caller);
    struct cgroup_node node = cgroup_open_node(open);
    if (written > 0)
        replay_inotify(world, &node, IN_MODIFY);
    close_after(world, open, (flags & O_ACCMODE) != O_RDONLY);
    return written < 0 ? written : 0;
}

static int64_t write_once(struct replay_world *world, const struct replay_op *op, int flags,
    const struct strbuf *data, struct replay_outcome *outcome)
{
    if (world->files)
        return replay_files_write(world, op, flags, data, outcome);
    struct cgroup_caller caller = replay_caller(world, op);
    struct cgroup_open *open;
    int result = replay_open(world, replay_text(op, "path"), flags, &caller, &open);
    if (result) {
        outcome->at_open = true;
        return result;
    }
    world->passing_fd = replay_fd_next(world);
    int64_t written = replay_write_close(world, open, flags, data, &caller);
    world->passing_fd = -1;
    return written;
}

static void recorded_data(
    const struct replay_world *world, const struct replay_op *op, struct strbuf *data)
{
    size_t length;
    const char *recorded = replay_bytes(op, "data", &length);
    replay_substitute(world, recorded, length, data);
}

static void run_write(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    int flags = replay_has(op, "flags") ? replay_open_flags(replay_text(op, "flags")) : O_WRONLY;
    recorded_data(world, op, &data);
    outcome->result = write_once(world, op, flags, &data, outcome);
}

static void run_bigwrite(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
    const char *fill = replay_text(op, "fill");
    for (int64_t i = replay_number(op, "count"); i > 0; i--)
        strbuf_add_bytes(&data, fill, 1);
    strbuf_add(&data, replay_text(op, "suffix"));
    outcome->result = write_once(world, op, O_WRONLY, &data, outcome);
}

/* ---------------------------------------------------------------------- reading */

/* Reads the whole file; false with the result set when that failed. */
static bool read_once(struct replay_world *world, const struct replay_op *op,
    struct replay_outcome *outcome, struct strbuf *out)
{
    if (world->files)
        return replay_files_read(world, op, outcome, out);
    struct cgroup_caller caller = replay_caller(world, op);
    struct cgroup_open *open;
    int result = replay_open(world, replay_text(op, "path"), O_RDONLY, &caller, &open);
    if (result) {
        outcome->at_open = true;
        outcome->result = result;
        return false;
    }
    outcome->result = slurp(open, out);
    struct cgroup_node node = cgroup_open_node(open);
    if (out->length)
        replay_inotify(world, &node, IN_ACCESS);
    close_after(world, open, false);
    return outcome->result == 0;
}

static void print_pid(const struct replay_world *world, int64_t pid, struct strbuf *out)
{
    if (world->files && world->files->real) {
        replay_real_print_pid(world, pid, out);
        return;
    }
    for (const struct replay_actor *at = world->actors; at; at = at->next)
        if (at->process && at->pid == pid) {
            strbuf_addf(out, "$%s\n", at->name);
            return;
        }
    for (const struct replay_symbol *at = world->symbols; at; at = at->next)
        if (at->thread && at->value == pid) {
            strbuf_addf(out, "$%s\n", at->name);
            return;
        }
    strbuf_add(out, pid == world->recorder->pid ? "$SELF\n" : pid ? "$OTHER\n" : "0\n");
}

/* Pids as names; runs of strangers are one line. */
static void name_pids(const struct replay_world *world, struct strbuf *text)
{
    _cleanup_strv_ char **lines = strv_split(strbuf_text(text), "\n");
    bool other = false;
    strbuf_reset(text);
    for (char **line = lines; *line; line++) {
        _cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
        print_pid(world, strtoll(*line, NULL, 10), &name);
        bool stranger = !strcmp(strbuf_text(&name), "$OTHER\n");
        if (!stranger || !other)
            strbuf_add(text, strbuf_text(&name));
        other |= stranger;
    }
}

/* The test device's number at the beginning of lines as $DEV. */
static void name_device(const struct replay_world *world, struct strbuf *text)
{
    const char *device = json_string_value(json_object_get(world->header->defs, "DEV"));
    _cleanup_free_ char *copy = str_dup(strbuf_text(text));
    if (!device)
        return;
    strbuf_reset(text);
    for (const char *at = copy; *at; at++) {
        if ((at == copy || at[-1] == '\n') && str_starts(at, device)) {
            strbuf_add(text, "$DEV");
            at += strlen(device) - 1;
        } else {
            strbuf_add_bytes(text, at, 1);
        }
    }
}

bool replay_is_pid_list(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : *path == '^' ? path + 1 : path;
    return !strcmp(name, "cgroup.procs") || !strcmp(name, "cgroup.threads") ||
           !strcmp(name, "tasks");
}

static void normalise(
    const struct replay_world *world, const struct replay_op *op, struct strbuf *text)
{
    const char *path = replay_text(op, "path");
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : *path == '^' ? path + 1 : path;
    if (replay_is_pid_list(path))
        name_pids(world, text);
    else if (str_starts(name, "io.") || str_starts(name, "blkio."))
        name_device(world, text);
}

/* "$AGENT.out": what the release agent was called with. */
static void read_agent(const struct replay_world *world, struct replay_outcome *outcome)
{
    outcome->has_out = true;
    for (unsigned i = 0; i < world->kernel->hierarchies_count; i++) {
        char *const *calls = cgroup_released(world->kernel->hierarchies[i]);
        for (; calls && *calls; calls++) {
            const char *path = strchr(*calls, ' ') + 1;
            bool based = str_starts(path, "/" REPLAY_BASE "/");
            strbuf_addf(&outcome->out, "%s%s\n", based ? "/$BASE" : "",
                based ? path + strlen("/" REPLAY_BASE) : path);
        }
    }
}

static void run_read(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    if (str_starts(replay_text(op, "path"), "$AGENT")) {
        read_agent(world, outcome);
        return;
    }
    outcome->has_out = read_once(world, op, outcome, &outcome->out);
    normalise(world, op, &outcome->out);
}

static void run_wr(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct replay_outcome after = {0};
    run_write(world, op, outcome);
    outcome->has_out = read_once(world, op, &after, &outcome->out);
    normalise(world, op, &outcome->out);
}

static void run_keys(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    if (!read_once(world, op, outcome, &text))
        return;
    outcome->has_out = true;
    _cleanup_strv_ char **lines = strv_split(strbuf_text(&text), "\n");
    for (char **line = lines; *line; line++) {
        strbuf_add_bytes(&outcome->out, *line, strcspn(*line, " =:"));
        strbuf_add(&outcome->out, "\n");
    }
}

static void run_get(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    const char *key = replay_text(op, "key");
    size_t length = strlen(key);
    if (!read_once(world, op, outcome, &text) && outcome->at_open)
        return;
    outcome->result = -ENODATA;
    _cleanup_strv_ char **lines = strv_split(strbuf_text(&text), "\n");
    for (char **line = lines; *line; line++)
        if (!strncmp(*line, key, length) && (*line)[length] == ' ') {
            outcome->result = 0;
            outcome->has_out = true;
            strbuf_add(&outcome->out, *line + length + 1);
            return;
        }
}

static void run_range(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    if (!read_once(world, op, outcome, &text) && outcome->at_open)
        return;
    int64_t value = strtoll(strbuf_text(&text), NULL, 10);
    outcome->result = 0;
    outcome->has_out = true;
    strbuf_add(&outcome->out, value < replay_number(op, "lo")   ? "below"
                              : value > replay_number(op, "hi") ? "above"
                                                                : "inside");
}

struct await {
    struct replay_world *world;
    const struct replay_op *op;
    struct replay_outcome *outcome;
    const char *wanted;
};

static bool await_ready(void *arg)
{
    struct await *await = arg;
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    if (!read_once(await->world, await->op, await->outcome, &text) && await->outcome->at_open)
        return true;
    await->outcome->result = strstr(strbuf_text(&text), await->wanted) ? 0 : -ETIMEDOUT;
    return await->outcome->result == 0;
}

static void run_await(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    _cleanup_strbuf_ struct strbuf wanted = STRBUF_INIT;
    recorded_data(world, op, &wanted);
    struct await await = {world, op, outcome, strbuf_text(&wanted)};
    replay_wait(world, (uint64_t)replay_number(op, "ms"), await_ready, &await);
    outcome->at_open = false; /* the recorder does not say */
}

/* ---------------------------------------------------------------------- whole directories */

struct listing {
    char **names; /* "d" or "-", then the name */
};

static bool list_one(void *arg, const char *name, const struct cgroup_node *node)
{
    struct listing *listing = arg;
    strv_add_owned(&listing->names, str_printf("%c%s", node->file ? '-' : 'd', name));
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a + 1, *(char *const *)b + 1);
}

/* Entries of the directory, sorted by name. */
static int list_directory(struct replay_world *world, const struct replay_op *op,
    struct cgroup_node *ret_node, struct listing *listing)
{
    struct cgroup_caller caller = replay_caller(world, op);
    int result = replay_node(world, replay_text(op, "path"), &caller, ret_node);
    if (!result)
        result = cgroup_node_list(ret_node, &caller, list_one, listing);
    static const uint32_t events[] = {IN_OPEN, IN_ACCESS, IN_CLOSE_NOWRITE};
    for (size_t i = 0; i < ARRAY_SIZE(events) && !result; i++)
        replay_inotify(world, ret_node, events[i] | IN_ISDIR);
    if (!result && listing->names)
        qsort(listing->names, strv_length(listing->names), sizeof(char *), compare_names);
    return result;
}

/* The base is named $BASE where the recorder saw it from above; others are left out. */
static const char *shown_name(const struct replay_op *op, const char *entry)
{
    const char *path = replay_text(op, "path");
    return *path == '^' && *entry == 'd' && !strcmp(entry + 1, REPLAY_BASE) ? "$BASE" : entry + 1;
}

static void run_list(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    struct listing listing = {0};
    struct cgroup_node node;
    outcome->result = list_directory(world, op, &node, &listing);
    outcome->has_out = outcome->result == 0;
    if (outcome->has_out)
        strbuf_add(&outcome->out, "./\n../\n");
    for (char **entry = listing.names; outcome->has_out && entry && *entry; entry++)
        strbuf_addf(
            &outcome->out, "%s%s\n", shown_name(op, *entry), **entry == 'd' ? "/" : "");
    strv_free(listing.names);
}

static void run_modes(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct cgroup_caller caller = replay_caller(world, op);
    struct listing listing = {0};
    struct cgroup_node node, child;
    struct cgroup_stat stat;
    outcome->result = list_directory(world, op, &node, &listing);
    outcome->has_out = outcome->result == 0;
    for (char **entry = listing.names; outcome->has_out && entry && *entry; entry++) {
        if ((*entry)[1] == '.' || cgroup_node_access(&node, X_OK, &caller) ||
            cgroup_node_child(node.cgroup, *entry + 1, &child))
            continue;
        cgroup_node_stat(&child, &stat);
        strbuf_addf(&outcome->out, "%c%04o %s\n", **entry, (unsigned)(stat.mode & 07777),
            shown_name(op, *entry));
    }
    strv_free(listing.names);
}

static void dump_one(
    struct replay_world *world, const struct replay_op *op, const struct cgroup_node *node,
    struct strbuf *out)
{
    struct cgroup_caller caller = replay_caller(world, op);
    char buffer[DUMP_BYTES_MAX];
    struct cgroup_open *open;
    const char *name = cgroup_node_name(node);
    int result = cgroup_file_open(node, O_RDONLY, &caller, &open);
    if (result) {
        strbuf_addf(out, "%s: !open %s\n", name, err_name(result));
        return;
    }
    ssize_t length = cgroup_open_read(open, buffer, sizeof(buffer));
    cgroup_open_close(open);
    if (length < 0) {
        strbuf_addf(out, "%s: !read %s\n", name, err_name((int)length));
        return;
    }
    strbuf_addf(out, "%s: ", name);
    strbuf_add_bytes(out, buffer, (size_t)length);
    if (length == 0 || buffer[length - 1] != '\n')
        strbuf_add(out, "\\\n");
}

static void run_dump(
    struct replay_world *world, const struct replay_op *op, struct replay_outcome *outcome)
{
    const struct cgroup_caller caller = replay_caller(world, op);
    struct listing listing = {0};
    struct cgroup_node node, child;
    outcome->result = list_directory(world, op, &node, &listing);
    outcome->has_out = outcome->result == 0;
    for (char **entry = listing.names; outcome->has_out && entry && *entry; entry++)
        if (**entry == '-' && cgroup_node_access(&node, X_OK, &caller) == 0 &&
            cgroup_node_child(node.cgroup, *entry + 1, &child) == 0)
            dump_one(world, op, &child, &outcome->out);
    strv_free(listing.names);
}

const struct replay_operation replay_content_ops[] = {
    {"write", run_write},
    {"bigwrite", run_bigwrite},
    {"wr", run_wr},
    {"read", run_read},
    {"keys", run_keys},
    {"get", run_get},
    {"range", run_range},
    {"await", run_await},
    {"list", run_list},
    {"modes", run_modes},
    {"dump", run_dump},
    {NULL, NULL},
};
