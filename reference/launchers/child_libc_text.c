/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, strings, numbers and messages under libc's names. */
#include "reference/launchers/child_libc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Memory: taken from an arena, then from the kernel, and given back by the exec. */

#define ARENA_BYTES 16384
#define BLOCK_ALIGN 16

static _Alignas(BLOCK_ALIGN) char arena[ARENA_BYTES];
static size_t arena_used;

void *malloc(size_t size)
{
    size_t whole = (size + 2 * BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN;
    char *block;
    if (size > SIZE_MAX / 2)
        return NULL;
    if (whole <= ARENA_BYTES - arena_used) {
        block = arena + arena_used;
        arena_used += whole;
    } else {
        block = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (block == MAP_FAILED)
            return NULL;
    }
    memcpy(block, &size, sizeof(size));
    return block + BLOCK_ALIGN;
}

void *calloc(size_t count, size_t size)
{
    if (size > 0 && count > SIZE_MAX / size)
        return NULL;
    return malloc(count * size); /* all of it is new, hence zero */
}

void *realloc(void *block, size_t size)
{
    size_t old = 0;
    void *larger = malloc(size);
    if (!larger || !block)
        return larger;
    memcpy(&old, (char *)block - BLOCK_ALIGN, sizeof(old));
    return memcpy(larger, block, old < size ? old : size);
}

void free(void *block)
{
    (void)block;
}

void abort(void)
{
    _exit(127);
}

void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    char *out = to;
    const char *in = from;
    while (length-- > 0)
        *out++ = *in++;
    return to;
}

void *memset(void *to, int value, size_t length)
{
    char *out = to;
    while (length-- > 0)
        *out++ = (char)value;
    return to;
}

/* Strings. */

size_t strlen(const char *text)
{
    const char *end = text;
    while (*end)
        end++;
    return (size_t)(end - text);
}

int strncmp(const char *a, const char *b, size_t length)
{
    for (; length > 0; length--, a++, b++) {
        if (*a != *b)
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        if (!*a)
            break;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *text, int wanted)
{
    for (; *text != (char)wanted; text++)
        if (!*text)
            return NULL;
    return (char *)(uintptr_t)text;
}

char *strrchr(const char *text, int wanted)
{
    const char *at = text + strlen(text);
    while (*at != (char)wanted)
        if (at-- == text)
            return NULL;
    return (char *)(uintptr_t)at;
}

size_t strcspn(const char *text, const char *ends)
{
    size_t length = 0;
    while (text[length] && !strchr(ends, text[length]))
        length++;
    return length;
}

char *strtok_r(char *restrict text, const char *restrict ends, char **restrict rest)
{
    char *word = text ? text : *rest;
    while (*word && strchr(ends, *word))
        word++;
    if (!*word)
        return NULL;
    *rest = word + strcspn(word, ends);
    if (**rest)
        *(*rest)++ = '\0';
    return word;
}

/* Decimal numbers without a sign, which is what a plan has. */
unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
    unsigned long value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * (unsigned long)base + (unsigned long)(*text - '0');
    if (end)
        *end = (char *)(uintptr_t)text;
    return value;
}

unsigned long long strtoull(const char *restrict text, char **restrict end, int base)
{
    return strtoul(text, end, base);
}

/* Messages. */

struct output {
    char *buffer;
    size_t size;
    size_t length; /* as if there were room */
};

static void put(struct output *output, char byte)
{
    if (output->length + 1 < output->size)
        output->buffer[output->length] = byte;
    output->length++;
}

static void put_text(struct output *output, const char *text, size_t most)
{
    for (; text && *text && most > 0; most--)
        put(output, *text++);
}

static void put_number(struct output *output, unsigned long value, bool negative)
{
    char digits[24];
    size_t at = sizeof(digits);
    digits[--at] = '\0';
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    if (negative)
        put(output, '-');
    put_text(output, digits + at, SIZE_MAX);
}

static void put_signed(struct output *output, long value)
{
    put_number(output, value < 0 ? 0UL - (unsigned long)value : (unsigned long)value, value < 0);
}

/* %s, %.*s, %d, %u, %lu, %zu and %%. */
int vsnprintf(char *restrict buffer, size_t size, const char *restrict format, va_list list)
{
    struct output output = {buffer, size, 0};
    for (; *format; format++) {
        if (*format != '%') {
            put(&output, *format);
            continue;
        }
        size_t most = SIZE_MAX;
        if (strncmp(format + 1, ".*", 2) == 0) {
            most = (size_t)va_arg(list, int);
            format += 2;
        }
        bool is_long = format[1] == 'l' || format[1] == 'z';
        format += 1 + is_long;
        if (*format == 's')
            put_text(&output, va_arg(list, const char *), most);
        else if (*format == 'd')
            put_signed(&output, is_long ? va_arg(list, long) : va_arg(list, int));
        else if (*format == 'u')
            put_number(&output, is_long ? va_arg(list, unsigned long) : va_arg(list, unsigned),
                false);
        else if (*format == '%')
            put(&output, '%');
        else
            abort(); /* the helper has no other */
    }
    if (size > 0)
        buffer[output.length < size ? output.length : size - 1] = '\0';
    return (int)output.length;
}

int snprintf(char *restrict buffer, size_t size, const char *restrict format, ...)
{
    va_list list;
    va_start(list, format);
    int length = vsnprintf(buffer, size, format, list);
    va_end(list);
    return length;
}

int dprintf(int fd, const char *restrict format, ...)
{
    char text[4096];
    va_list list;
    va_start(list, format);
    int length = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    size_t whole = (size_t)length < sizeof(text) ? (size_t)length : sizeof(text) - 1;
    return (int)write(fd, text, whole);
}

static const struct {
    int code;
    const char *text;
} errors[] = {
    {EPERM, "Operation not permitted"},
    {ENOENT, "No such file or directory"},
    {ESRCH, "No such process"},
    {EINTR, "Interrupted system call"},
    {EIO, "Input/output error"},
    {ENXIO, "No such device or address"},
    {E2BIG, "Argument list too long"},
    {ENOEXEC, "Exec format error"},
    {EBADF, "Bad file descriptor"},
    {ECHILD, "No child processes"},
    {EAGAIN, "Resource temporarily unavailable"},
    {ENOMEM, "Cannot allocate memory"},
    {EACCES, "Permission denied"},
    {EFAULT, "Bad address"},
    {ENOTBLK, "Block device required"},
    {EBUSY, "Device or resource busy"},
    {EEXIST, "File exists"},
    {EXDEV, "Invalid cross-device link"},
    {ENODEV, "No such device"},
    {ENOTDIR, "Not a directory"},
    {EISDIR, "Is a directory"},
    {EINVAL, "Invalid argument"},
    {ENFILE, "Too many open files in system"},
    {EMFILE, "Too many open files"},
    {ENOTTY, "Inappropriate ioctl for device"},
    {ETXTBSY, "Text file busy"},
    {EFBIG, "File too large"},
    {ENOSPC, "No space left on device"},
    {EROFS, "Read-only file system"},
    {EMLINK, "Too many links"},
    {EPIPE, "Broken pipe"},
    {ERANGE, "Numerical result out of range"},
    {ENAMETOOLONG, "File name too long"},
    {ENOSYS, "Function not implemented"},
    {ENOTEMPTY, "Directory not empty"},
    {ELOOP, "Too many levels of symbolic links"},
    {ELIBBAD, "Accessing a corrupted shared library"},
    {EUSERS, "Too many users"},
    {EOPNOTSUPP, "Operation not supported"},
    {ETIMEDOUT, "Connection timed out"},
    {ESTALE, "Stale file handle"},
    {EDQUOT, "Disk quota exceeded"},
};

char *strerror(int code)
{
    static char other[24];
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].code == code)
            return (char *)(uintptr_t)errors[i].text;
    snprintf(other, sizeof(other), "error %d", code);
    return other;
}
