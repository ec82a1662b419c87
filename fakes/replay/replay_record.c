/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/replay/replay_record.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "reference/base/err.h"
#include "reference/base/mem.h"

/* Bytes beyond ASCII are the characters of those numbers. */
static void write_text(FILE *file, const char *text, size_t length)
{
    fputc('"', file);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte == '\n')
            fputs("\\n", file);
        else if (byte == '\t')
            fputs("\\t", file);
        else if (byte < 0x20 || byte > 0x7e)
            fprintf(file, "\\u%04x", byte);
        else
            fputc(byte, file);
    }
    fputc('"', file);
}

static void write_value(FILE *file, const char *key, const json_t *value)
{
    fprintf(file, ",\"%s\":", key);
    if (json_is_string(value)) {
        write_text(file, json_string_value(value), json_string_length(value));
        return;
    }
    _cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    fputs(text, file);
}

static bool is_one_of(const char *key, const char *const *keys)
{
    while (*keys && strcmp(*keys, key))
        keys++;
    return *keys;
}

/* The fields of a line but those left out; "n" comes first. */
static void write_fields(FILE *file, const json_t *line, const char *const *left_out)
{
    const char *key;
    json_t *value;
    fprintf(file, "{\"n\":%lld", (long long)json_integer_value(json_object_get(line, "n")));
    json_object_foreach((json_t *)line, key, value)
        if (strcmp(key, "n") && !is_one_of(key, left_out))
            write_value(file, key, value);
}

void replay_record_header(FILE *file, const struct replay_trace *script)
{
    static const char *const changed[] = {"kernel", "cpus", "page", NULL};
    struct utsname machine;
    uname(&machine);
    write_fields(file, json_array_get(script->lines, 0), changed);
    fputs(",\"kernel\":", file);
    write_text(file, machine.release, strlen(machine.release));
    fprintf(file, ",\"cpus\":%ld,\"page\":%ld}\n", sysconf(_SC_NPROCESSORS_ONLN),
        sysconf(_SC_PAGESIZE));
}

/* The traces' name of an error that has two. */
static const char *error_name(int result)
{
    return result == -EOPNOTSUPP ? "EOPNOTSUPP" : err_name(result);
}

void replay_record_op(
    FILE *file, const struct replay_op *op, const struct replay_outcome *outcome)
{
    static const char *const results[] = {"result", "out", "stage", NULL};
    static const char *const none[] = {NULL};
    write_fields(file, op->json, outcome ? results : none);
    if (outcome && outcome->at_open)
        fputs(",\"stage\":\"open\"", file);
    if (outcome && outcome->result < 0)
        fprintf(file, ",\"result\":\"-%s\"", error_name((int)outcome->result));
    else if (outcome)
        fprintf(file, ",\"result\":%lld", (long long)outcome->result);
    if (outcome && outcome->has_out) {
        fputs(",\"out\":", file);
        write_text(file, strbuf_text(&outcome->out), outcome->out.length);
    }
    fputs("}\n", file);
}
