/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/workload/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void text_grow(struct text *text, size_t more)
{
    size_t wanted = text->length + more + 1;
    if (wanted <= text->capacity)
        return;
    size_t capacity = text->capacity * 2 > wanted ? text->capacity * 2 : wanted + 64;
    char *bytes = realloc(text->bytes, capacity);
    if (!bytes)
        abort();
    text->bytes = bytes;
    text->capacity = capacity;
}

void text_add(struct text *text, const char *bytes, size_t length)
{
    text_grow(text, length);
    memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void text_addf(struct text *text, const char *format, ...)
{
    va_list list, again;
    va_start(list, format);
    va_copy(again, list);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (length >= 0) {
        text_grow(text, (size_t)length);
        vsnprintf(text->bytes + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

/* Bytes of the UTF-8 character that starts here; 0 when none does. Overlong forms and surrogates
 * pass for what they are: nobody sends those. */
static size_t utf8_length(const unsigned char *at)
{
    size_t length = at[0] < 0x80             ? 1
                    : (at[0] & 0xe0) == 0xc0 ? 2
                    : (at[0] & 0xf0) == 0xe0 ? 3
                    : (at[0] & 0xf8) == 0xf0 ? 4
                                             : 0;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

void text_add_json(struct text *text, const char *string)
{
    const unsigned char *at = (const unsigned char *)string;
    text_add(text, "\"", 1);
    while (*at != '\0') {
        size_t length = utf8_length(at);
        if (length == 0)
            text_addf(text, "\\ufffd");
        else if (*at == '"' || *at == '\\')
            text_addf(text, "\\%c", *at);
        else if (*at < 0x20)
            text_addf(text, "\\u%04x", *at);
        else
            text_add(text, (const char *)at, length);
        at += length > 0 ? length : 1;
    }
    text_add(text, "\"", 1);
}

void text_release(struct text *text)
{
    free(text->bytes);
    memset(text, 0, sizeof(*text));
}

int file_read(const char *path, struct text *ret_text)
{
    struct text text = {0};
    char buffer[16384];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    do {
        if (got > 0)
            text_add(&text, buffer, (size_t)got);
        got = read(fd, buffer, sizeof(buffer));
    } while (got > 0 || (got < 0 && errno == EINTR));
    int result = got < 0 ? -errno : 0;
    close(fd);
    if (result < 0) {
        text_release(&text);
        return result;
    }
    text_grow(&text, 0);
    text.bytes[text.length] = '\0';
    *ret_text = text;
    return 0;
}

int fd_write(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

int file_write(const char *path, const char *bytes, size_t length, bool append)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | (append ? O_APPEND : O_TRUNC);
    int fd = open(path, flags, 0666);
    if (fd < 0)
        return -errno;
    int result = fd_write(fd, bytes, length);
    if (close(fd) < 0 && result == 0)
        result = -errno;
    return result;
}

/* Blanks and the like stand as three octal digits behind a backslash. */
static void octal_decode(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; to++) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

bool mount_line_split(char *line, struct mount_line *ret_mount)
{
    static char nothing[1];
    char *fields[6] = {0}; /* id, parent, device, root, target, options; then tags */
    char *separator = strstr(line, " - ");
    if (!separator)
        return false;
    *separator = '\0';
    char *tags = line;
    for (size_t i = 0; i < 6; i++)
        fields[i] = strsep(&tags, " ");
    char *after = separator + 3;
    char *type = strsep(&after, " ");
    char *source = strsep(&after, " ");
    if (!fields[5] || !source)
        return false;
    *ret_mount = (struct mount_line){
        .root = fields[3],
        .target = fields[4],
        .options = fields[5],
        .propagation = tags ? tags : nothing,
        .type = type,
        .source = source,
        .super_options = after ? after : nothing,
    };
    octal_decode(ret_mount->root);
    octal_decode(ret_mount->target);
    octal_decode(ret_mount->source);
    return true;
}
