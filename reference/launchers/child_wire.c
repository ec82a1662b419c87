/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/launchers/child_wire.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC UINT64_C(0x314e414c50544553) /* "SETPLAN1" */
#define ABSENT UINT64_MAX

enum field_kind { FIELD_NUMBER, FIELD_TEXT, FIELD_LIST, FIELD_BYTES };

#define NUMBER(member) {FIELD_NUMBER, offsetof(struct child_plan, member)}
#define TEXT(member) {FIELD_TEXT, offsetof(struct child_plan, member)}
#define LIST(member) {FIELD_LIST, offsetof(struct child_plan, member)}
#define BYTES(member) {FIELD_BYTES, offsetof(struct child_plan, member)}

static const struct {
    enum field_kind kind;
    size_t offset;
} fields[] = {
    NUMBER(flags),
    NUMBER(clone_flags),
    LIST(enter),
    TEXT(runtime_directory),
    TEXT(tty),
    TEXT(rootfs),
    LIST(mounts),
    LIST(masked_paths),
    LIST(file_operations),
    LIST(pre_exec),
    TEXT(user_error),
    NUMBER(uid),
    NUMBER(gid),
    LIST(groups),
    NUMBER(mount_namespace_fd),
    LIST(rlimits),
    TEXT(plan_error),
    TEXT(working_directory),
    BYTES(seccomp),
    NUMBER(cap_effective),
    NUMBER(cap_bounding),
    TEXT(program),
    LIST(arguments),
    LIST(environment),
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* Writing: everything stands at a multiple of eight bytes. */
#define WRITER_BYTES 8192 /* most plans are shorter */

struct writer {
    char *buffer;
    size_t length;
    size_t capacity;
};

static void writer_reserve(struct writer *writer, size_t more)
{
    if (more <= writer->capacity - writer->length)
        return;
    if (!writer->capacity)
        writer->capacity = WRITER_BYTES;
    while (writer->capacity - writer->length < more)
        writer->capacity *= 2;
    writer->buffer = realloc(writer->buffer, writer->capacity);
    if (!writer->buffer)
        abort();
}

static void write_number(struct writer *writer, uint64_t number)
{
    writer_reserve(writer, sizeof(number));
    __builtin_memcpy(writer->buffer + writer->length, &number, sizeof(number));
    writer->length += sizeof(number);
}

static void write_bytes(struct writer *writer, const void *data, size_t length)
{
    if (!data) {
        write_number(writer, ABSENT);
        return;
    }
    write_number(writer, length);
    size_t padded = (length + 8) / 8 * 8; /* at least one NUL behind */
    writer_reserve(writer, padded);
    memcpy(writer->buffer + writer->length, data, length);
    memset(writer->buffer + writer->length + length, 0, padded - length);
    writer->length += padded;
}

static void write_text(struct writer *writer, const char *text)
{
    write_bytes(writer, text, text ? strlen(text) : 0);
}

static void write_list(struct writer *writer, const char *const *list)
{
    uint64_t count = 0;
    while (list && list[count])
        count++;
    write_number(writer, list ? count : ABSENT);
    for (uint64_t i = 0; i < count; i++)
        write_text(writer, list[i]);
}

static void write_plan(struct writer *writer, const struct child_plan *plan)
{
    write_number(writer, MAGIC);
    write_number(writer, sizeof(*plan));
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        const void *field = (const char *)plan + fields[i].offset;
        const struct child_bytes *bytes = field;
        switch (fields[i].kind) {
        case FIELD_NUMBER:
            write_number(writer, *(const uint64_t *)field);
            break;
        case FIELD_TEXT:
            write_text(writer, *(const char *const *)field);
            break;
        case FIELD_LIST:
            write_list(writer, *(const char *const *const *)field);
            break;
        case FIELD_BYTES:
            write_bytes(writer, bytes->data, bytes->length);
            break;
        }
    }
}

void *child_wire_encode(const struct child_plan *plan, size_t *ret_length)
{
    struct writer writer = {NULL, 0, 0};
    write_plan(&writer, plan);
    *ret_length = writer.length;
    return writer.buffer;
}

/* Reading. */
struct reader {
    const char *buffer;
    size_t length;
    size_t at;
    bool bad;
};

static uint64_t read_number(struct reader *reader)
{
    uint64_t number = 0;
    if (reader->bad || reader->length - reader->at < sizeof(number)) {
        reader->bad = true;
        return 0;
    }
    __builtin_memcpy(&number, reader->buffer + reader->at, sizeof(number)); /* no call */
    reader->at += sizeof(number);
    return number;
}

static const char *read_bytes(struct reader *reader, uint64_t *ret_length)
{
    uint64_t length = read_number(reader);
    *ret_length = 0;
    if (reader->bad || length == ABSENT)
        return NULL;
    if (length > reader->length - reader->at ||
        (length + 8) / 8 * 8 > reader->length - reader->at) {
        reader->bad = true;
        return NULL;
    }
    const char *bytes = reader->buffer + reader->at;
    reader->at += (length + 8) / 8 * 8;
    *ret_length = length;
    return bytes;
}

static const char **read_list(struct reader *reader)
{
    uint64_t count = read_number(reader);
    if (reader->bad || count == ABSENT)
        return NULL;
    if (count > (reader->length - reader->at) / 8) {
        reader->bad = true;
        return NULL;
    }
    const char **list = calloc(count + 1, sizeof(*list));
    uint64_t length = 0;
    for (uint64_t i = 0; list && i < count; i++)
        list[i] = read_bytes(reader, &length);
    reader->bad |= list == NULL;
    return list;
}

int child_wire_decode(const void *buffer, size_t length, struct child_plan *plan)
{
    struct reader reader = {buffer, length, 0, false};
    if (read_number(&reader) != MAGIC || read_number(&reader) != sizeof(*plan))
        return -1;
    memset(plan, 0, sizeof(*plan));
    for (size_t i = 0; i < FIELD_COUNT && !reader.bad; i++) {
        void *field = (char *)plan + fields[i].offset;
        struct child_bytes *bytes = field;
        uint64_t unused = 0;
        switch (fields[i].kind) {
        case FIELD_NUMBER:
            *(uint64_t *)field = read_number(&reader);
            break;
        case FIELD_TEXT:
            *(const char **)field = read_bytes(&reader, &unused);
            break;
        case FIELD_LIST:
            *(const char ***)field = read_list(&reader);
            break;
        case FIELD_BYTES:
            bytes->data = read_bytes(&reader, &bytes->length);
            break;
        }
    }
    return reader.bad ? -1 : 0;
}
