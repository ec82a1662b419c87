/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the control socket. */
#pragma once

#include <jansson.h>

#include "fakes/cgroupfs/cgroupfs_internal.h"
#include "fakes/cgroupfs/control.h"
#include "fakes/kernel/process.h"
#include "reference/base/json.h"

struct control_peer;

struct control_snapshot {
    size_t count; /* of the record's entries that lead to it */
    uint64_t now_ns;
};

struct control {
    struct cgroupfs *fs;
    struct kernel *kernel; /* what commands work on: the file system's, or one that is restored */
    const struct kernel_config *config;
    uint64_t start_ns;
    char *path;
    int listener;
    struct control_peer *peers[CONTROL_PEERS_MAX];
    size_t peers_count;
    /* All that changed the model since the start, as commands with the time they came at. */
    char **record;
    size_t record_count;
    size_t record_capacity;
    struct strmap *snapshots;
};

/* Every field that a command may have; each command's table says which. */
struct control_args {
    char *op;
    json_t *id;
    json_t *result; /* in records: how it ended */
    int64_t at_ns;
    struct opt_i64 pid, thread, uid, gid, status, writer, mtime_ns;
    struct opt_u64 bytes, read_bytes, written_bytes, nth, times, limit, since, fault;
    struct opt_u64 for_ms, delay_ms;
    struct opt_u64 ns, ms, s, mode, major, minor, flags;
    struct opt_double system_share;
    bool zombie, stuck, kernel_thread, forever, lost, missing, files;
    char *path, *to, *name, *command, *signal, *operation, *error, *data, *data_hex, *device;
    char **cgroups;
};

struct control_command {
    const char *op;
    const char *help;
    bool changes; /* is recorded */
    const struct json_field *fields;
    size_t field_count;
    int (*run)(struct control *control, const struct control_args *args, json_t *reply,
        struct err *err);
};
/* Rows up to one without an op. */
extern const struct control_command control_process_commands[];
extern const struct control_command control_tree_commands[];
extern const struct control_command control_state_commands[];

#define CONTROL_FIELDS(array) .fields = (array), .field_count = ARRAY_SIZE(array)
#define CONTROL_COMMON                                                                             \
    JSON_FIELD(struct control_args, op, JSON_KIND_STRING, .required = true),                       \
        JSON_FIELD(struct control_args, id, JSON_KIND_RAW),                                        \
        JSON_FIELD(struct control_args, result, JSON_KIND_RAW),                                    \
        JSON_FIELD(struct control_args, at_ns, JSON_KIND_INT)

/* Runs one command; the answer is never NULL. `line` is its text, for the record. */
json_t *control_execute(struct control *control, const char *line, size_t length);
/* The same for a command that was read before, without recording it. */
json_t *control_run(struct control *control, const json_t *object);
/* Takes the command. */
void control_record_add(struct control *control, json_t *command, uint64_t at_ns);
void control_record_start(struct control *control);
void control_record_free(struct control *control);
/* Makes the model what it was at a snapshot. */
int control_restore(
    struct control *control, const struct control_snapshot *snapshot, struct err *err);
/* The open files and names that the kernel knows now mean that kernel's; the old one is freed. */
void cgroupfs_replace_kernel(struct cgroupfs *fs, struct kernel *kernel);

/* A path of the mount: "a/b/memory.max" of v2, or with the hierarchy first. -ENOENT. */
int control_path(const struct control *control, const char *path, struct cgroup_root **ret_root,
    const char **ret_rest, struct err *err);
int control_node(const struct control *control, const char *path, struct cgroup_node *ret_node,
    struct err *err);
struct process *control_process(
    const struct control *control, struct opt_i64 pid, struct err *err); /* NULL: -ESRCH */
