/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/provisioner/helper.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

struct helper_call {
    struct host_request *request;
    struct done done;
    char *what; /* the helper's command, for messages */
};

char *helper_program(struct host *host, const struct flags *flags)
{
    char *path = str_printf("%s/seatrial-unpack", flags->launcher_dir);
    if (host_file_exists(host, path))
        return path;
    free(path);
    return str_dup("seatrial-unpack");
}

static void call_free(struct helper_call *call)
{
    free(call->what);
    free(call);
}

/* The first line is enough. */
static int status_check(const struct run_result *result, struct err *err)
{
    if (result->status == 0)
        return 0;
    const char *text = result->errors ? result->errors : "";
    size_t length = strcspn(text, "\n");
    if (length == 0)
        return err_set(err, -EIO, "it ended with status %d", result->status);
    return err_set(err, -EIO, "%.*s", (int)length, text);
}

static void call_ended(void *arg, int result, const void *value, const struct err *err)
{
    struct helper_call *call = arg;
    const struct run_result *run = value;
    struct done done = call->done;
    _cleanup_err_ struct err why = ERR_INIT;
    if (result < 0)
        err_copy(&why, err);
    else
        result = status_check(run, &why);
    if (result < 0)
        err_wrap(&why, result, "%s", call->what);
    call_free(call);
    if (result < 0)
        done_fail(done, result, &why);
    else
        done_ok(done, run->output);
}

struct helper_call *helper_start(
    struct host *host, const char *program, char *const *arguments, struct done done)
{
    struct helper_call *call = mem_alloc(sizeof(*call));
    _cleanup_strv_ char **argv = NULL;
    strv_add(&argv, program);
    for (size_t i = 0; arguments[i]; i++)
        strv_add(&argv, arguments[i]);
    call->done = done;
    call->what = str_dup(arguments[0]);
    const struct run_request request = {.argv = argv};
    call->request = host_run(host, &request, DONE(call_ended, call));
    return call;
}

void helper_cancel(struct helper_call *call)
{
    if (!call)
        return;
    host_cancel(call->request);
    call_free(call);
}
