/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a runtime directory. Each is written whole (the host writes a temporary file and
 * renames it), so a missing file is "none" and an unparsable one is an error.
 */
#include "reference/mesos/checkpoint.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "reference/base/mem.h"

/* Configs and launch infos may hold secrets: for the agent only. */
#define CHECKPOINT_MODE 0600

int checkpoint_write(struct host *host, const char *directory, const char *file,
    const struct json_type *type, const void *object, struct err *err)
{
    _cleanup_free_ char *path = path_join(directory, file);
    _cleanup_free_ char *text = json_type_encode_text(type, object);
    return host_file_write(host, path, text, strlen(text), CHECKPOINT_MODE, err);
}

int checkpoint_mark(struct host *host, const char *directory, const char *file, struct err *err)
{
    _cleanup_free_ char *path = path_join(directory, file);
    return host_file_write(host, path, "", 0, CHECKPOINT_MODE, err);
}

int checkpoint_write_pid(struct host *host, const char *path, pid_t pid, struct err *err)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%d", (int)pid);
    return host_file_write(host, path, text, (size_t)length, CHECKPOINT_MODE, err);
}

bool checkpoint_exists(struct host *host, const char *directory, const char *file)
{
    _cleanup_free_ char *path = path_join(directory, file);
    return host_file_exists(host, path);
}

int checkpoint_read(struct host *host, const char *directory, const char *file,
    const struct json_type *type, void **ret_object, struct err *err)
{
    *ret_object = NULL;
    _cleanup_free_ char *path = path_join(directory, file);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r = host_file_read(host, path, &text, &length, err);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    _cleanup_free_ void *object = mem_alloc(type->size);
    r = json_type_decode_text(type, text, length, object, path, err);
    if (r < 0)
        return r;
    *ret_object = TAKE_PTR(object);
    return 0;
}

int checkpoint_read_number(struct host *host, const char *directory, const char *file,
    struct opt_i64 *ret_number, struct err *err)
{
    *ret_number = (struct opt_i64){0};
    _cleanup_free_ char *path = path_join(directory, file);
    _cleanup_free_ char *text = NULL;
    size_t length = 0;
    int r = host_file_read(host, path, &text, &length, err);
    if (r == -ENOENT) {
        err_clear(err);
        return 0;
    }
    if (r < 0)
        return r;
    if (length == 0)
        return 0;
    char *end = NULL;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || end == text || (*end != '\0' && strcmp(end, "\n") != 0) || number < INT_MIN ||
        number > INT_MAX)
        return err_set(err, -EINVAL, "%s: expected a number, got \"%.40s\"", path, text);
    *ret_number = (struct opt_i64)OPT(number);
    return 0;
}
