/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/replay_trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes/replay/replay_errno.h"
#include "reference/base/err.h"
#include "reference/base/mem.h"

bool replay_header_flag(const struct replay_header *header, const char *flag)
{
    size_t i;
    json_t *item;
    json_array_foreach(header->flags, i, item)
        if (!strcmp(json_string_value(item), flag))
            return true;
    return false;
}

const char *replay_bytes(const struct replay_op *op, const char *field, size_t *ret_length)
{
    const json_t *value = json_object_get(op->json, field);
    *ret_length = json_is_string(value) ? json_string_length(value) : 0;
    return json_is_string(value) ? json_string_value(value) : "";
}

const char *replay_text(const struct replay_op *op, const char *field)
{
    size_t length;
    return replay_bytes(op, field, &length);
}

bool replay_has(const struct replay_op *op, const char *field)
{
    return json_object_get(op->json, field);
}

int64_t replay_number(const struct replay_op *op, const char *field)
{
    const json_t *value = json_object_get(op->json, field);
    if (json_is_integer(value))
        return json_integer_value(value);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 0) : 0;
}

static int strings_only(const json_t *container)
{
    size_t i;
    json_t *item;
    const char *key;
    if (json_is_array(container)) {
        json_array_foreach(container, i, item)
            if (!json_is_string(item))
                return -EINVAL;
        return 0;
    }
    if (!json_is_object(container))
        return -EINVAL;
    json_object_foreach((json_t *)container, key, item)
        if (!json_is_string(item))
            return -EINVAL;
    return 0;
}

static int parse_header(
    struct replay_trace *trace, json_t *line, const char *path, struct err *err)
{
    struct replay_header *header = &trace->header;
    const json_t *hierarchy = json_object_get(line, "hierarchy");
    const json_t *cpus = json_object_get(line, "cpus");
    header->kernel = json_string_value(json_object_get(line, "kernel"));
    header->flags = json_object_get(line, "flags");
    header->defs = json_object_get(line, "defs");
    const char *version = json_string_value(hierarchy);
    if (!header->kernel || !version || (strcmp(version, "v1") && strcmp(version, "v2")))
        return err_set(err, -EINVAL,
            "%s:1: the header needs \"kernel\" (a text) and \"hierarchy\" (\"v1\" or \"v2\")",
            path);
    if (!json_is_integer(cpus) || json_integer_value(cpus) < 1 || json_integer_value(cpus) > 256)
        return err_set(err, -EINVAL, "%s:1: header: cpus: expected a number from 1 to 256", path);
    if (!json_is_array(header->flags) || strings_only(header->flags))
        return err_set(err, -EINVAL, "%s:1: header: flags: expected a list of texts", path);
    if (strings_only(header->defs))
        return err_set(err, -EINVAL, "%s:1: header: defs: expected an object of texts", path);
    header->v2 = !strcmp(version, "v2");
    header->cpus = (unsigned)json_integer_value(cpus);
    return 0;
}

static int parse_result(struct replay_op *op, const json_t *value)
{
    if (json_is_integer(value)) {
        op->result = json_integer_value(value);
        return 0;
    }
    const char *text = json_string_value(value);
    int number = text && *text == '-' ? replay_errno_find(text + 1) : 0;
    op->result = -number;
    return number ? 0 : -EINVAL;
}

static int parse_op(struct replay_op *op, const json_t *line, unsigned number, const char *path,
    struct err *err)
{
    const json_t *out = json_object_get(line, "out");
    const json_t *result = json_object_get(line, "result");
    const json_t *uid = json_object_get(line, "uid");
    const json_t *n = json_object_get(line, "n");
    op->line = number;
    op->json = line;
    op->op = json_string_value(json_object_get(line, "op"));
    if (!op->op)
        return err_set(err, -EINVAL, "%s:%u: op: expected a text", path, number);
    if (!json_is_integer(n))
        return err_set(err, -EINVAL, "%s:%u: n: expected a number", path, number);
    if (out && !json_is_string(out))
        return err_set(err, -EINVAL, "%s:%u: out: expected a text", path, number);
    if (result && parse_result(op, result))
        return err_set(err, -EINVAL,
            "%s:%u: result: expected a number or \"-ERRNO\"", path, number);
    if (uid && (!json_is_integer(uid) || json_integer_value(uid) < 0))
        return err_set(err, -EINVAL, "%s:%u: uid: expected a number", path, number);
    op->number = json_integer_value(n);
    op->uid = uid ? (uid_t)json_integer_value(uid) : 0;
    op->volatile_out = json_is_true(json_object_get(line, "volatile"));
    op->volatile_result = json_is_true(json_object_get(line, "volatile_result"));
    op->stage = json_string_value(json_object_get(line, "stage"));
    op->out = json_string_value(out);
    op->out_length = out ? json_string_length(out) : 0;
    return 0;
}

/* The recorder writes each byte beyond ASCII as the character of that number; as UTF-8 those are
 * two bytes, the first of which tells the upper two bits. */
static void bytes_of_characters(json_t *string)
{
    const char *text = json_string_value(string);
    size_t length = json_string_length(string), used = 0;
    _cleanup_free_ char *bytes = mem_alloc(length + 1);
    for (size_t i = 0; i < length; i++) {
        unsigned char lead = (unsigned char)text[i];
        bool pair = (lead == 0xc2 || lead == 0xc3) && i + 1 < length;
        bytes[used++] = pair ? (char)(lead << 6 | ((unsigned char)text[i + 1] & 0x3f)) : text[i];
        i += pair;
    }
    if (used < length)
        json_string_setn_nocheck(string, bytes, used);
}

static int parse_line(struct replay_trace *trace, const char *text, size_t length,
    unsigned number, const char *path, struct err *err)
{
    json_error_t error;
    json_t *line = json_loadb(text, length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    if (!line)
        return err_set(err, -EINVAL, "%s:%u:%d: %s", path, number, error.column, error.text);
    json_array_append_new(trace->lines, line);
    if (!json_is_object(line))
        return err_set(err, -EINVAL, "%s:%u: expected an object", path, number);
    const char *op = json_string_value(json_object_get(line, "op"));
    bool header = op && !strcmp(op, "header");
    if (number == 1 && !header)
        return err_set(err, -EINVAL, "%s:1: expected the header, op \"header\"", path);
    if (number > 1 && header)
        return err_set(err, -EINVAL, "%s:%u: a second header", path, number);
    if (header)
        return parse_header(trace, line, path, err);
    size_t capacity = trace->count;
    if ((capacity & (capacity - 1)) == 0)
        trace->ops = mem_realloc(trace->ops, (capacity ? 2 * capacity : 1) * sizeof(*trace->ops));
    const char *key;
    json_t *value;
    json_object_foreach(line, key, value)
        if (json_is_string(value))
            bytes_of_characters(value);
    struct replay_op *slot = &trace->ops[trace->count];
    *slot = (struct replay_op){0};
    int result = parse_op(slot, line, number, path, err);
    if (!result)
        trace->count++;
    return result;
}

void replay_header_observe(struct replay_header *header, const char *path, const char *content)
{
    if (!header->controllers && !strcmp(path, "^cgroup.controllers"))
        header->controllers = content;
    if (str_ends(path, "cgroup.stat") && strstr(content, "nr_subsys_perf_event"))
        header->perf_event = true;
}

/* Which controllers a machine has where is its set-up, not its behaviour. */
static void observe_all(struct replay_trace *trace)
{
    for (size_t i = 0; i < trace->count; i++) {
        const struct replay_op *op = &trace->ops[i];
        if (op->out && op->result == 0 && (!strcmp(op->op, "read") || !strcmp(op->op, "keys")))
            replay_header_observe(&trace->header, replay_text(op, "path"), op->out);
    }
}

int replay_trace_read(const char *path, struct replay_trace *ret_trace, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return err_errno(err, -errno, "%s", path);
    *ret_trace = (struct replay_trace){.lines = json_array()};
    _cleanup_free_ char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    unsigned number = 0;
    int result = 0;
    while (!result && (length = getline(&text, &capacity, file)) > 0) {
        if (text[length - 1] == '\n')
            length--;
        result = parse_line(ret_trace, text, (size_t)length, ++number, path, err);
    }
    if (!result && ferror(file))
        result = err_errno(err, -EIO, "%s", path);
    if (!result && number == 0)
        result = err_set(err, -EINVAL, "%s:1: empty, expected the header", path);
    fclose(file);
    if (result)
        replay_trace_release(ret_trace);
    else
        observe_all(ret_trace);
    return result;
}

void replay_trace_release(struct replay_trace *trace)
{
    json_decref(trace->lines);
    free(trace->ops);
    *trace = (struct replay_trace){0};
}
