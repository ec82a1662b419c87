/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on what is open: files, inotify, eventfds. */
#include <stdio.h>
#include <string.h>

#include "fakes/replay/fuzz.h"
#include "reference/base/mem.h"

/* One of the newest of so many. */
static unsigned draw_newest(struct fuzz_generator *generator, unsigned count)
{
    return count - 1 - (unsigned)fuzz_below(generator, count < FUZZ_NEWEST ? count : FUZZ_NEWEST);
}

/* Takes the path. */
static void put_handle(struct fuzz_generator *generator, json_t *op, char *path)
{
    char **slot = &generator->opened[generator->handles % FUZZ_NEWEST];
    free(*slot);
    *slot = str_dup(path);
    fuzz_put(op, "h", str_printf("H%u", generator->handles++));
    fuzz_put(op, "path", path);
}

static void draw_open(struct fuzz_generator *generator, json_t *op)
{
    static const char *const flags[] = {"r", "r", "w", "rw", "rw", "rw", "rwt", "wa", "rd", "rD",
        "rwcx", "wc", "rn", "rc", "wd", NULL};
    put_handle(generator, op,
        fuzz_below(generator, 10) ? fuzz_file(generator) : fuzz_directory(generator));
    fuzz_put_text(op, "flags", fuzz_pick(generator, flags));
}

/* Every call takes what it knows of these. */
static void draw_call(struct fuzz_generator *generator, json_t *op)
{
    static const char *const offsets[] = {"0", "0", "1", "3", "100", "4096", "-1", NULL};
    static const char *const lengths[] = {"0", "1", "2", "5", "100", "4096", "4096", NULL};
    static const char *const whences[] = {"0", "1", "2", "3", NULL};
    static const char *const events[] = {"ip", "p", "iop", "i", "o", NULL};
    fuzz_put(op, "h", str_printf("H%u", draw_newest(generator, generator->handles)));
    fuzz_put_text(op, "len", fuzz_pick(generator, lengths));
    fuzz_put_text(op, "off", fuzz_pick(generator, offsets));
    fuzz_put_text(op, "whence", fuzz_pick(generator, whences));
    fuzz_put_text(op, "size", "0");
    fuzz_put_text(op, "ms", "0");
    fuzz_put_text(op, "events", fuzz_pick(generator, events));
}

/* Mostly what the file may mean. */
static void draw_write(struct fuzz_generator *generator, json_t *op)
{
    draw_call(generator, op);
    unsigned handle;
    sscanf(json_string_value(json_object_get(op, "h")), "H%u", &handle);
    const char *path = generator->opened[handle % FUZZ_NEWEST];
    fuzz_put(op, "data",
        fuzz_below(generator, 4) && strchr(path, '/')
            ? fuzz_value(generator, path)
            : str_dup(fuzz_pick(generator, fuzz_plain_values)));
}

static void draw_inotify(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "h", str_printf("I%u", generator->inotifies++));
    fuzz_put(op, "path",
        fuzz_below(generator, 2) ? fuzz_file(generator) : fuzz_directory(generator));
}

static void draw_inread(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "h", str_printf("I%u", draw_newest(generator, generator->inotifies)));
    fuzz_put_text(op, "ms", "5");
}

static void draw_eventfd(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "h", str_printf("E%u", generator->eventfds++));
}

static void draw_evread(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "h", str_printf("E%u", draw_newest(generator, generator->eventfds)));
    fuzz_put_text(op, "ms", "2");
}

/* "EVENTFD FILE ARGUMENTS", often of a file that has events. */
static void draw_event_control(struct fuzz_generator *generator, json_t *op)
{
    static const char *const arguments[] = {" 1M", " 1073741824", " 0", " -1", "", " ", " low",
        " medium", " critical", " low,hierarchy", " medium,local", " low,default", " low,bogus",
        " lowx", " 4096 x", " 1G\n", " max", NULL};
    _cleanup_free_ char *directory = fuzz_directory(generator);
    unsigned eventfd = draw_newest(generator, generator->eventfds);
    unsigned file = draw_newest(generator, generator->handles ? generator->handles : 1);
    fuzz_put(op, "path", str_printf("%s/cgroup.event_control", directory));
    fuzz_put(op, "data", fuzz_below(generator, 10)
                             ? str_printf("$E%u $H%u%s", eventfd, file,
                                   fuzz_pick(generator, arguments))
                             : str_dup(fuzz_pick(generator, fuzz_plain_values)));
}

static void draw_event_file(struct fuzz_generator *generator, json_t *op)
{
    static const char *const names[] = {"memory.usage_in_bytes", "memory.memsw.usage_in_bytes",
        "memory.oom_control", "memory.pressure_level", NULL};
    _cleanup_free_ char *directory = fuzz_directory(generator);
    put_handle(generator, op, str_printf("%s/%s", directory, fuzz_pick(generator, names)));
    fuzz_put_text(op, "flags", fuzz_below(generator, 8) ? "r" : "w");
}

const struct fuzz_operation fuzz_handle_operations[] = {
    {"open", 4, 4, draw_open, FUZZ_NOTHING, NULL},
    {"fread", 4, 4, draw_call, FUZZ_HANDLE, NULL},
    {"pread", 3, 3, draw_call, FUZZ_HANDLE, NULL},
    {"fwrite", 4, 4, draw_write, FUZZ_HANDLE, NULL},
    {"pwrite", 1, 1, draw_write, FUZZ_HANDLE, NULL},
    {"lseek", 1, 1, draw_call, FUZZ_HANDLE, NULL},
    {"poll", 2, 3, draw_call, FUZZ_HANDLE, NULL},
    {"ftruncate", 1, 1, draw_call, FUZZ_HANDLE, NULL},
    {"fsync", 1, 1, draw_call, FUZZ_HANDLE, NULL},
    {"mmap", 1, 1, draw_call, FUZZ_HANDLE, NULL},
    {"close", 1, 1, draw_call, FUZZ_HANDLE, NULL},
    {"inotify", 1, 1, draw_inotify, FUZZ_NOTHING, NULL},
    {"inread", 1, 1, draw_inread, FUZZ_INOTIFY, NULL},
    {"open", 3, 0, draw_event_file, FUZZ_NOTHING, "memory"},
    {"eventfd", 2, 0, draw_eventfd, FUZZ_NOTHING, "memory"},
    {"write", 4, 0, draw_event_control, FUZZ_EVENTFD, "memory"},
    {"evread", 2, 0, draw_evread, FUZZ_EVENTFD, "memory"},
    {NULL, 0, 0, NULL, FUZZ_NOTHING, NULL},
};
