/* SPDX-License-Identifier: Apache-2.0 */
/* The tools of xfsprogs, which do what the kernel wants of the file system. */
#include <errno.h>
#include <stdlib.h>

#include "reference/base/map.h"
#include "reference/base/mem.h"
#include "reference/isolators/disk/xfs.h"

struct xfs_operation *xfs_operation_new(struct disk_xfs *xfs, const char *id, struct done done)
{
    struct xfs_operation *operation = mem_alloc(sizeof(*operation));

    operation->xfs = xfs;
    operation->id = str_dup(id);
    operation->done = done;
    list_append(&xfs->operations, &operation->node);
    return operation;
}

void xfs_operation_end(struct xfs_operation *operation, int result, const struct err *err)
{
    struct done done = operation->done;

    list_remove(&operation->node);
    host_cancel(operation->run);
    for (size_t i = 0; i < operation->count; i++) {
        strv_free(operation->jobs[i].argv);
        free(operation->jobs[i].subject);
    }
    free(operation->jobs);
    free(operation->id);
    free(operation);
    done_result(done, result, err);
}

struct xfs_container *xfs_operation_container(const struct xfs_operation *operation)
{
    return strmap_get(operation->xfs->containers, operation->id);
}

static void job_add(
    struct xfs_operation *operation, char **argv, const char *subject, xfs_ran_fn ran)
{
    operation->jobs = mem_grow(operation->jobs, &operation->capacity, operation->count + 1,
        sizeof(*operation->jobs));
    operation->jobs[operation->count++] =
        (struct xfs_job){.argv = argv, .subject = str_dup(subject), .ran = ran};
}

void xfs_quota_add(struct xfs_operation *operation, const char *path, char **commands,
    const char *subject, xfs_ran_fn ran)
{
    char **argv = NULL;

    strv_add(&argv, "xfs_quota");
    strv_add(&argv, "-x");
    for (size_t i = 0; commands[i]; i++) {
        strv_add(&argv, "-c");
        strv_add(&argv, commands[i]);
    }
    strv_add(&argv, path);
    strv_free(commands);
    job_add(operation, argv, subject, ran);
}

void xfs_project_ask(struct xfs_operation *operation, const char *directory, const char *subject,
    xfs_ran_fn ran)
{
    const char *const words[] = {"xfs_io", "-r", "-c", "lsproj", directory, NULL};

    job_add(operation, strv_copy((char *const *)(uintptr_t)words), subject, ran);
}

static void job_ran(void *arg, int result, const void *value, const struct err *from)
{
    struct xfs_operation *operation = arg;
    const struct xfs_job *job = &operation->jobs[operation->next];
    const struct run_result *run = value;
    _cleanup_err_ struct err err = ERR_INIT;

    operation->run = NULL;
    if (result < 0 && from)
        err_copy(&err, from);
    else if (result == 0 && run->status != 0)
        result = err_set(&err, -EIO, "XFS quota%s%s: %s", *operation->id ? " of container " : "",
            operation->id, run->errors);
    else if (result == 0 && job->ran)
        result = job->ran(operation, job->subject, run->output, &err);
    if (result < 0) {
        xfs_operation_end(operation, result, &err);
        return;
    }
    operation->next++;
    xfs_operation_start(operation);
}

void xfs_operation_start(struct xfs_operation *operation)
{
    void (*ended)(struct xfs_operation *) = operation->ended;

    if (operation->next < operation->count) {
        const struct run_request request = {.argv = operation->jobs[operation->next].argv};

        operation->run = host_run(operation->xfs->base.host, &request, DONE(job_ran, operation));
        return;
    }
    operation->ended = NULL;
    if (ended)
        ended(operation);
    else
        xfs_operation_end(operation, 0, NULL);
}
