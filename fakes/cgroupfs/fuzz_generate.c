/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations that are likely to mean something. */
#include <string.h>

#include "fakes/cgroupfs/fuzz.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define PROCS_MAX 3 /* that operations begin with */
#define PROCS_ALL 5
#define THREADS_MAX 2
#define HANDLES_MAX 4

uint64_t fuzz_below(struct fuzz_generator *generator, uint64_t bound)
{
    return rng_stream_next(generator->stream) % bound;
}

const char *fuzz_pick(struct fuzz_generator *generator, const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return words[fuzz_below(generator, count)];
}

/* ---------------------------------------------------------------------- paths */

/* A recorded path of what is at "/a/b" below the base: of v1 behind the name of the hierarchy. */
static char *path_of(const struct fuzz_generator *generator, const char *below)
{
    if (!generator->v2)
        return str_printf("%s%s", generator->controller, below);
    return str_dup(*below ? below + 1 : ".");
}

static char *draw_directory(struct fuzz_generator *generator)
{
    static const char *const directories[] = {
        "", "/a", "/a", "/a", "/b", "/b", "/a/c", "/a/c", "/a/c/d", "/b/e", "/a/c/d/f", NULL};
    return path_of(generator, fuzz_pick(generator, directories));
}

/* Not the base: that stays. */
static char *draw_child(struct fuzz_generator *generator)
{
    static const char *const directories[] = {
        "/a", "/a", "/b", "/b", "/a/c", "/a/c", "/a/c/d", "/b/e", "/a/c/d/f", "/x/y", NULL};
    return path_of(generator, fuzz_pick(generator, directories));
}

static const char *draw_name(struct fuzz_generator *generator)
{
    if (fuzz_below(generator, 40) == 0)
        return "no.such.file";
    if (generator->v2 && fuzz_below(generator, 3) == 0)
        return generator->core_files[fuzz_below(generator, strv_length(generator->core_files))];
    return generator->files[fuzz_below(generator, strv_length(generator->files))];
}

static char *draw_file(struct fuzz_generator *generator)
{
    _cleanup_free_ char *directory = draw_directory(generator);
    const char *name = draw_name(generator);
    bool base = !strcmp(directory, generator->controller);
    if (generator->neighbours && base && str_ends(name, "_exclusive"))
        return str_printf("%s/a/%s", directory, name);
    return str_printf("%s/%s", directory, name);
}

/* ---------------------------------------------------------------------- operations */

static void put(json_t *op, const char *field, char *text)
{
    json_object_set_new(op, field, json_string(text));
    free(text);
}

static void put_text(json_t *op, const char *field, const char *text)
{
    json_object_set_new(op, field, json_string(text));
}

static void draw_mkdir(struct fuzz_generator *generator, json_t *op)
{
    static const char *const modes[] = {"0755", "0755", "0700", "0777", "0555", "01777", NULL};
    put(op, "path", fuzz_below(generator, 12) ? draw_child(generator) : draw_file(generator));
    put_text(op, "mode", fuzz_pick(generator, modes));
}

static void draw_rmdir(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", fuzz_below(generator, 12) ? draw_child(generator) : draw_file(generator));
}

static void draw_creat(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", draw_child(generator));
}

static void draw_write(struct fuzz_generator *generator, json_t *op)
{
    char *path = draw_file(generator);
    put(op, "data", fuzz_value(generator, path));
    put(op, "path", path);
}

static void draw_path(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", fuzz_below(generator, 3) ? draw_file(generator) : draw_directory(generator));
}

static void draw_read(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", draw_file(generator));
}

static void draw_list(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", draw_directory(generator));
}

static void draw_rename(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", fuzz_below(generator, 8) ? draw_child(generator) : draw_file(generator));
    put(op, "path2", fuzz_below(generator, 8) ? draw_child(generator) : draw_file(generator));
    if (!strcmp(json_string_value(json_object_get(op, "op")), "rename2"))
        put_text(op, "rflags", fuzz_below(generator, 2) ? "1" : "2");
}

static void draw_chmod(struct fuzz_generator *generator, json_t *op)
{
    static const char *const modes[] = {"0644", "0600", "0444", "0755", "0000", "0666", NULL};
    draw_path(generator, op);
    put_text(op, "mode", fuzz_pick(generator, modes));
}

static void draw_chown(struct fuzz_generator *generator, json_t *op)
{
    static const char *const owners[] = {"0:0", "1000:1000", "1000:0", "0:1000", NULL};
    draw_path(generator, op);
    put_text(op, "owner", fuzz_pick(generator, owners));
}

static void draw_access(struct fuzz_generator *generator, json_t *op)
{
    static const char *const wants[] = {"r", "w", "x", "rw", "rwx", NULL};
    draw_path(generator, op);
    put_text(op, "want", fuzz_pick(generator, wants));
}

static void draw_open(struct fuzz_generator *generator, json_t *op)
{
    static const char *const flags[] = {
        "r", "w", "rw", "rw", "rwt", "wa", "rd", "rD", "rwcx", "wc", NULL};
    put(op, "h", str_printf("H%u", generator->handles++));
    put(op, "path", draw_file(generator));
    put_text(op, "flags", fuzz_pick(generator, flags));
}

static void draw_handle(struct fuzz_generator *generator, json_t *op)
{
    static const char *const offsets[] = {"0", "1", "3", "100", NULL};
    static const char *const lengths[] = {"0", "1", "5", "4096", NULL};
    static const char *const whences[] = {"0", "1", "2", NULL};
    unsigned newest = generator->handles > HANDLES_MAX ? HANDLES_MAX : generator->handles;
    unsigned back = (unsigned)fuzz_below(generator, newest ? newest : 1);
    put(op, "h", str_printf("H%u", generator->handles - 1 - back));
    put_text(op, "len", fuzz_pick(generator, lengths));
    put_text(op, "off", fuzz_pick(generator, offsets));
    put_text(op, "whence", fuzz_pick(generator, whences));
    put_text(op, "data", fuzz_pick(generator, fuzz_plain_values));
    put_text(op, "ms", "0");
    put_text(op, "events", "ip");
}

static void draw_proc(struct fuzz_generator *generator, json_t *op)
{
    put(op, "name", str_printf("P%u", generator->procs++));
}

static void draw_thread(struct fuzz_generator *generator, json_t *op)
{
    put(op, "name", str_printf("T%u", generator->threads++));
    put(op, "proc", str_printf("P%u", (unsigned)fuzz_below(generator, PROCS_MAX)));
}

static void draw_xattr(struct fuzz_generator *generator, json_t *op)
{
    static const char *const names[] = {
        "user.a", "user.b", "trusted.c", "security.d", "system.e", "user.", NULL};
    draw_path(generator, op);
    put_text(op, "name", fuzz_pick(generator, names));
    put_text(op, "value", fuzz_pick(generator, fuzz_plain_values));
}

static void draw_child_process(struct fuzz_generator *generator, json_t *op)
{
    put(op, "parent", str_printf("P%u", (unsigned)fuzz_below(generator, PROCS_MAX)));
    put(op, "name", str_printf("P%u", generator->procs++));
}

static void draw_signal(struct fuzz_generator *generator, json_t *op)
{
    put(op, "name", str_printf("P%u", (unsigned)fuzz_below(generator, PROCS_MAX)));
    put_text(op, "sig", "9");
}

static void draw_reap(struct fuzz_generator *generator, json_t *op)
{
    put(op, "name", str_printf("P%u", (unsigned)fuzz_below(generator, PROCS_MAX)));
    put_text(op, "ms", "5");
}

/* Where more is known of v2 than that: these come up there only. */
#define ONLY_V2 100

static const struct {
    const char *op;
    unsigned weight; /* of v2 only, plus ONLY_V2 */
    void (*draw)(struct fuzz_generator *generator, json_t *op);
    bool needs_handle;
} operations[] = {
    {"mkdir", 12, draw_mkdir, false},
    {"rmdir", 5, draw_rmdir, false},
    {"wr", 22, draw_write, false},
    {"write", 14, draw_write, false},
    {"read", 14, draw_read, false},
    {"list", 2, draw_list, false},
    {"modes", 2, draw_list, false},
    {"stat", 3, draw_path, false},
    {"rename", 2, draw_rename, false},
    {"rename2", 1, draw_rename, false},
    {"chmod", 2, draw_chmod, false},
    {"chown", 2, draw_chown, false},
    {"access", 2, draw_access, false},
    {"open", 4, draw_open, false},
    {"fread", 4, draw_handle, true},
    {"pread", 2, draw_handle, true},
    {"fwrite", 4, draw_handle, true},
    {"pwrite", 1, draw_handle, true},
    {"lseek", 1, draw_handle, true},
    {"poll", 1, draw_handle, true},
    {"close", 1, draw_handle, true},
    {"unlink", 1, draw_path, false},
    {"creat", 1, draw_creat, false},
    {"truncate", 1, draw_path, false},
    {"utimes", 1, draw_path, false},
    {"setxattr", 1, draw_xattr, false},
    {"getxattr", 1, draw_xattr, false},
    {"removexattr", 1, draw_xattr, false},
    {"thread", 1, draw_thread, false},
    {"child", ONLY_V2 + 1, draw_child_process, false},
    {"signal", ONLY_V2 + 1, draw_signal, false},
    {"reap", ONLY_V2 + 1, draw_reap, false},
};

/* What a fork costs in memory, and whom a limit of a few pages kills then, is not compared. */
static unsigned weight_of(const struct fuzz_generator *generator, size_t at)
{
    unsigned weight = operations[at].weight;
    if (operations[at].draw == draw_child_process && !strcmp(generator->controller, "memory"))
        return 0;
    return weight < ONLY_V2 ? weight : generator->v2 ? weight - ONLY_V2 : 0;
}

json_t *fuzz_next(struct fuzz_generator *generator)
{
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
        total += weight_of(generator, i);
    uint64_t drawn = fuzz_below(generator, total);
    size_t at = 0;
    while (drawn >= weight_of(generator, at))
        drawn -= weight_of(generator, at++);
    if ((operations[at].needs_handle && !generator->handles) ||
        (operations[at].draw == draw_thread && generator->threads >= THREADS_MAX) ||
        (operations[at].draw == draw_child_process && generator->procs >= PROCS_ALL))
        at = 0;
    json_t *op = json_object();
    put_text(op, "op", operations[at].op);
    operations[at].draw(generator, op);
    if (fuzz_below(generator, 12) == 0 && json_object_get(op, "path"))
        json_object_set_new(op, "uid", json_integer(1000));
    return op;
}

/* Two levels of cgroups, the controller in both; most sequences would else never see it. */
#define V2_PROLOGUE 4
static json_t *v2_prologue(struct fuzz_generator *generator, json_t *op, unsigned index)
{
    static const char *const paths[V2_PROLOGUE] = {
        "cgroup.subtree_control", "a", "a/cgroup.subtree_control", "a/c"};
    bool makes = index % 2;
    bool core = !strcmp(generator->controller, "core");
    put_text(op, "op", makes ? "mkdir" : "write");
    put_text(op, "path", paths[index]);
    if (makes)
        put_text(op, "mode", "0755");
    else
        put(op, "data", core ? str_dup("") : str_printf("+%s", generator->controller));
    return op;
}

json_t *fuzz_prologue(struct fuzz_generator *generator, unsigned index)
{
    static const struct {
        const char *file;
        const char *data;
    } cpuset[] = {{"cpuset/cpuset.cpus", "0-1"}, {"cpuset/cpuset.mems", "0"}};
    json_t *op = json_object();
    if (index < PROCS_MAX) {
        put_text(op, "op", "proc");
        draw_proc(generator, op);
        return op;
    }
    index -= PROCS_MAX;
    if (generator->v2 && index < V2_PROLOGUE)
        return v2_prologue(generator, op, index);
    if (!generator->v2 && !strcmp(generator->controller, "cpuset") && index < ARRAY_SIZE(cpuset)) {
        put_text(op, "op", "write");
        put_text(op, "path", cpuset[index].file);
        put_text(op, "data", cpuset[index].data);
        return op;
    }
    json_decref(op);
    return NULL;
}
