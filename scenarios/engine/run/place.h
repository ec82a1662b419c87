/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are: files and cgroups as scenarios name them, and the processes of a container. */
#pragma once

#include "reference/cgroups/cgroup_fs.h"
#include "scenarios/engine/run/run.h"

#define PLACE_CGROUP_KEYS                                                                          \
    {"hierarchy", VALUE_TEXT, 0, NULL, NULL, NULL,                                                 \
        "v1: a controller of the hierarchy, such as memory (v2 has but one)"},                     \
        {"of", VALUE_ID, 0, NULL, NULL, NULL, "the cgroup of this container"},                     \
        {"leaf", VALUE_BOOL, 0, NULL, NULL, NULL, "v2: that of its processes, one below"},         \
    {                                                                                              \
        "path", VALUE_TEXT, 0, NULL, NULL, NULL,                                                   \
            "or a path, from the agent's root cgroup; from `of` when both are given; with a "      \
            "slash "                                                                               \
            "first: from the hierarchy's root"                                                     \
    }
#define PLACE_WORKLOAD "@workload" /* the workload program of the world */
#define PLACE_FILE_HELP                                                                            \
    "a path: sandbox:ID/…, runtime:ID/…, rootfs:ID/…, work:…, run:… (the runtime directory), " \
    "images:… (archives of images), store:… (the docker store), or absolute"

struct place {
    struct cgroup_fs *fs; /* of the observer */
    char *path;           /* owned */
};
int place_cgroup(
    struct run *run, const struct node *args, struct place *ret_place, struct err *err);
void place_release(struct place *place);

/* Owned; NULL with an error. */
char *place_file(struct run *run, const char *path, struct err *err);
/* The same for a text that need not be a path: one without such a prefix stays. */
char *place_text(struct run *run, const char *text, struct err *err);
/* Replaces such texts everywhere in a value of JSON; it nests as deep as a scenario at most. */
int place_json(struct run *run, json_t *json, struct err *err);
/* The value of "key value" in a text of such lines; owned, NULL when absent. */
char *place_key_value(const char *text, const char *key);
/* Pid of a container's init, from its runtime directory; 0 when there is none. */
pid_t place_init(struct run *run, const char *id);
/* The pid that another file there holds. */
pid_t place_pid(struct run *run, const char *id, const char *file);
/* Number of processes of a container, or (NULL) of all that came since the scenario began. */
size_t place_processes(struct run *run, const char *id);
