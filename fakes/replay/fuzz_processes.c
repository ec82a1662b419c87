/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of and on processes. */
#include <string.h>

#include "fakes/replay/fuzz.h"
#include "reference/base/mem.h"

static char *draw_process(struct fuzz_generator *generator)
{
    return str_printf("P%u", (unsigned)fuzz_below(generator, generator->procs));
}

static void draw_name(struct fuzz_generator *generator, json_t *op)
{
    static const char *const waits[] = {"100", "400", NULL};
    fuzz_put(op, "name", draw_process(generator));
    fuzz_put_text(op, "ms", fuzz_pick(generator, waits));
}

static void draw_proc(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "name", str_printf("P%u", generator->procs++));
}

static void draw_thread(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "proc", draw_process(generator));
    fuzz_put(op, "name", str_printf("T%u", generator->threads++));
}

static void draw_child(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "parent", draw_process(generator));
    draw_proc(generator, op);
}

static void draw_clone_into(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "path", fuzz_directory(generator));
    draw_proc(generator, op);
}

static void draw_exit(struct fuzz_generator *generator, json_t *op)
{
    static const char *const codes[] = {"0", "3", "255", NULL};
    draw_name(generator, op);
    fuzz_put_text(op, "code", fuzz_pick(generator, codes));
}

static void draw_signal(struct fuzz_generator *generator, json_t *op)
{
    static const char *const signals[] = {"9", "9", "15", "0", "65", NULL};
    fuzz_put(op, "name", draw_process(generator));
    fuzz_put_text(op, "sig", fuzz_pick(generator, signals));
}

static void draw_place(struct fuzz_generator *generator, json_t *op)
{
    bool named = !strcmp(generator->controller, "systemd");
    bool thread = generator->threads && fuzz_below(generator, 4) == 0 &&
                  !strcmp(json_string_value(json_object_get(op, "op")), "cgof");
    fuzz_put(op, "name",
        thread ? str_printf("T%u", (unsigned)fuzz_below(generator, generator->threads))
               : draw_process(generator));
    fuzz_put_text(op, "hier", generator->v2 ? "" : named ? "name=systemd" : generator->controller);
}

static void draw_own_write(struct fuzz_generator *generator, json_t *op)
{
    char *path = fuzz_file(generator);
    char *value = fuzz_value(generator, path);
    value[strcspn(value, "\n")] = '\0'; /* it writes a line */
    fuzz_put(op, "name", draw_process(generator));
    fuzz_put(op, "path", path);
    fuzz_put(op, "text", value);
}

static void draw_device(struct fuzz_generator *generator, json_t *op)
{
    static const char *const devices[] = {"c:1:3:r", "c:1:3:w", "c:1:3:rw", "c:1:5:r", "c:1:5:rm",
        "c:1:3:m", "c:1:7:rw", "c:1:3:rwm", NULL};
    draw_name(generator, op);
    fuzz_put_text(op, "arg", fuzz_pick(generator, devices));
}

/* What a fork costs in memory, and whom a limit of a few pages kills then, is not compared: no
 * births in "memory". */
const struct fuzz_operation fuzz_process_operations[] = {
    {"thread", 2, 2, draw_thread, FUZZ_ROOM_THREAD, NULL},
    {"proc", 1, 1, draw_proc, FUZZ_ROOM_PROC, NULL},
    {"child", 1, 1, draw_child, FUZZ_ROOM_PROC, "pids"},
    {"child", 1, 1, draw_child, FUZZ_ROOM_PROC, "freezer"},
    {"child", 1, 1, draw_child, FUZZ_ROOM_PROC, "systemd"},
    {"child", 1, 1, draw_child, FUZZ_ROOM_PROC, "cpuset"},
    {"child", 1, 1, draw_child, FUZZ_ROOM_PROC, "core"},
    {"child", 1, 1, draw_child, FUZZ_ROOM_PROC, "cpu"},
    {"clone_into", 0, 1, draw_clone_into, FUZZ_ROOM_PROC, "core"},
    {"clone_into", 0, 1, draw_clone_into, FUZZ_ROOM_PROC, "pids"},
    {"clone_into", 0, 1, draw_clone_into, FUZZ_ROOM_PROC, "cpuset"},
    {"exit", 1, 1, draw_exit, FUZZ_RUNNING, NULL},
    {"zombie", 1, 1, draw_exit, FUZZ_RUNNING, NULL},
    {"reap", 1, 1, draw_name, FUZZ_NOTHING, NULL},
    {"signal", 1, 1, draw_signal, FUZZ_NOTHING, NULL},
    {"ping", 1, 1, draw_name, FUZZ_NOTHING, NULL},
    {"drain", 1, 1, draw_name, FUZZ_NOTHING, NULL},
    {"cgof", 2, 2, draw_place, FUZZ_NOTHING, NULL},
    {"selfcg", 0, 1, draw_place, FUZZ_NOTHING, "core"},
    {"unshare", 0, 1, draw_name, FUZZ_NOTHING, "core"},
    {"awrite", 1, 2, draw_own_write, FUZZ_NOTHING, NULL},
    {"opendev", 6, 0, draw_device, FUZZ_NOTHING, "devices"},
    {NULL, 0, 0, NULL, FUZZ_NOTHING, NULL},
};
