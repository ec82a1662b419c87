/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/err.h"
#include "reference/base/mem.h"

#define DIRECTORY_DEPTH_MAX 16

static void source_add(struct source_list *list, const char *file, bool named)
{
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(list->files[i], file)) {
            list->named[i] = list->named[i] || named;
            return;
        }
    }
    strv_add(&list->files, file);
    list->named = mem_realloc(list->named, (list->count + 1) * sizeof(*list->named));
    list->named[list->count++] = named;
}

static int entry_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_scenario_name(const char *name)
{
    return str_ends(name, ".yaml") || str_ends(name, ".yml");
}

/* Adds what is below a directory; the depth is bounded, so a circle of links ends. */
static void directory_walk(
    struct source_list *list, const char *path, unsigned depth, struct problems *problems)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, entry_visible, by_bytes);
    if (count < 0) {
        problem_add(problems, path, 1, 1,
            "cannot read the directory (%s), expected scenarios in it", err_name(errno));
        return;
    }
    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *below = str_printf("%s/%s", path, entries[i]->d_name);
        struct stat info;
        bool there = stat(below, &info) == 0;
        if (there && S_ISDIR(info.st_mode) && depth < DIRECTORY_DEPTH_MAX)
            directory_walk(list, below, depth + 1, problems);
        else if (there && !S_ISDIR(info.st_mode) && is_scenario_name(below))
            source_add(list, below, false);
        free(entries[i]);
    }
    free(entries);
}

void source_find(char *const *paths, struct source_list *ret_list, struct problems *problems)
{
    *ret_list = (struct source_list){0};
    for (size_t i = 0; paths && paths[i]; i++) {
        _cleanup_free_ char *path = str_dup(paths[i]);
        for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--)
            path[end - 1] = '\0';
        struct stat info;
        if (stat(path, &info) < 0) {
            problem_add(problems, path, 1, 1,
                "cannot open it (%s), expected a scenario file or a "
                "directory of them",
                err_name(errno));
        } else if (S_ISDIR(info.st_mode)) {
            size_t before = ret_list->count;
            size_t bad = problems->met;
            directory_walk(ret_list, path, 0, problems);
            if (ret_list->count == before && problems->met == bad)
                problem_add(problems, path, 1, 1,
                    "a directory without scenarios, expected *.yaml files in it");
        } else {
            source_add(ret_list, path, true);
        }
    }
}

void source_list_release(struct source_list *list)
{
    strv_free(list->files);
    free(list->named);
    *list = (struct source_list){0};
}

/* Length of a valid UTF-8 sequence at text, 0 when it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text, size_t left)
{
    unsigned char first = text[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool beyond = (first == 0xed && text[1] > 0x9f) || (first == 0xf4 && text[1] > 0x8f);
    return overlong || beyond ? 0 : length;
}

/* True when the whole is text; the first thing that is not becomes a problem. */
static bool source_check_text(
    const char *path, const char *bytes, size_t length, struct problems *problems)
{
    const unsigned char *text = (const unsigned char *)bytes;
    int line = 1;
    int column = 1;
    for (size_t at = 0; at < length;) {
        unsigned char byte = text[at];
        size_t step = utf8_length(text + at, length - at);
        if (step == 0) {
            problem_add(problems, path, line, column,
                "byte 0x%02x is not UTF-8, expected UTF-8 text", byte);
            return false;
        }
        if ((byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f) {
            problem_add(
                problems, path, line, column, "byte 0x%02x is binary data, expected text", byte);
            return false;
        }
        column++;
        if (byte == '\n') {
            line++;
            column = 1;
        }
        at += step;
    }
    return true;
}

static int read_all(int fd, char *text, size_t length, size_t *ret_length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = read(fd, text + done, length - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_length = done;
    return 0;
}

char *source_read(const char *path, size_t *ret_length, struct problems *problems)
{
    /* Non-blocking: a FIFO must be refused, not waited for. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0) {
        problem_add(
            problems, path, 1, 1, "cannot open it (%s), expected a scenario file", err_name(errno));
        return NULL;
    }
    if (!S_ISREG(info.st_mode)) {
        problem_add(problems, path, 1, 1, "not a regular file, expected a scenario file");
        return NULL;
    }
    if (info.st_size > SOURCE_BYTES_MAX) {
        problem_add(problems, path, 1, 1, "the file has %lld bytes, expected at most %d",
            (long long)info.st_size, SOURCE_BYTES_MAX);
        return NULL;
    }
    char *text = mem_alloc((size_t)info.st_size + 1);
    int result = read_all(fd, text, (size_t)info.st_size, ret_length);
    if (result < 0)
        problem_add(problems, path, 1, 1, "cannot read it (%s), expected a scenario file",
            err_name(result));
    if (result < 0 || !source_check_text(path, text, *ret_length, problems)) {
        free(text);
        return NULL;
    }
    return text;
}
