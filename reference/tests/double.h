/* SPDX-License-Identifier: Apache-2.0 */
/* A host and a cgroup hierarchy that only note what they are asked, for tests of the fronts. */
#pragma once

#include "reference/base/strbuf.h"
#include "reference/cgroups/cgroup_fs.h"

struct double_request {
    struct host_request request;
    host_exit_fn exit;
    struct done done;
    void *arg;
    struct double_host *host;
};

struct double_host {
    struct host base;
    struct strbuf calls;           /* "mkdir /a;" */
    int result;                    /* of the next calls */
    struct double_request *exit;   /* the last watch, NULL when cancelled or called */
    struct double_request *run;    /* the last command, likewise */
};

struct double_host *double_host_new(struct loop *loop, struct trace *trace);
void double_exit(struct double_host *host, bool status_known, int status);
void double_run_end(struct double_host *host, int code, const struct run_result *result);
/* What was called since the last look. */
const char *double_calls(struct double_host *host);

struct double_cgroup_fs {
    struct cgroup_fs base;
    struct strbuf calls;
    int result;
    const char *text;         /* what read answers */
    char *const *children;    /* "a", "a/b", …: every cgroup there is */
    cgroup_watch_fn watch_fn; /* of the one watch */
    void *watch_arg;
};
struct double_cgroup_fs *double_cgroup_fs_new(struct host *host);
