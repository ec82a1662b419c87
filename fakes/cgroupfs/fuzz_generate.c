/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations that are likely to mean something. */
#include <string.h>

#include "fakes/cgroupfs/fuzz.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define PROCS_MAX 3
#define THREADS_MAX 2
#define HANDLES_MAX 4

static uint64_t below(struct fuzz_generator *generator, uint64_t bound)
{
    return rng_stream_next(generator->stream) % bound;
}

static const char *pick(struct fuzz_generator *generator, const char *const *words)
{
    size_t count = 0;
    while (words[count])
        count++;
    return words[below(generator, count)];
}

/* ---------------------------------------------------------------------- paths */

static char *draw_directory(struct fuzz_generator *generator)
{
    static const char *const directories[] = {
        "", "/a", "/a", "/a", "/b", "/b", "/a/c", "/a/c", "/a/c/d", "/b/e", "/a/c/d/f", NULL};
    return str_printf("%s%s", generator->controller, pick(generator, directories));
}

/* Not the base: that stays. */
static char *draw_child(struct fuzz_generator *generator)
{
    static const char *const directories[] = {
        "/a", "/a", "/b", "/b", "/a/c", "/a/c", "/a/c/d", "/b/e", "/a/c/d/f", "/x/y", NULL};
    return str_printf("%s%s", generator->controller, pick(generator, directories));
}

static const char *draw_name(struct fuzz_generator *generator)
{
    if (below(generator, 40) == 0)
        return "no.such.file";
    return generator->files[below(generator, strv_length(generator->files))];
}

static char *draw_file(struct fuzz_generator *generator)
{
    _cleanup_free_ char *directory = draw_directory(generator);
    return str_printf("%s/%s", directory, draw_name(generator));
}

/* ---------------------------------------------------------------------- values */

static const char *const plain_values[] = {"0", "1", "2", "1\n", "-1", "-2", "max", "", "\n", " ",
    " 1", "1 ", "01", "0x10", "010", "+5", "1.5", "1k", "1K", "4096", "4097", "1M", "64M", "1G",
    "1T", "1P", "16E", "15E", "-5", "1 2", "1\n2", "abc", "1000", "999", "100000", "1000000",
    "1000001", "18446744073709551615", "18446744073709551616", "9223372036854775807",
    "9223372036854775808", "4294967295", "4294967296", "2147483647", "2147483648", "60", "100",
    "101", "200", "201", "1\t", "\t1", "1\r", "1\n\n", "0 ", "-0", "00", NULL};
static const char *const cpuset_values[] = {"0", "1", "0-1", "0,1", "1-0", "0-", "-1", "2", "0-2",
    "a", "", "\n", "0 1", ",0", "0,,1", "0-1:1/2", "all", "N", "0-N", "0-1,", "00", "0-0x1", " 0",
    "63", "64", "1024", "99999", "0\n", "0-1\n", "4294967296", "0-1:2/1", "0-31:0/1", NULL};
static const char *const device_values[] = {"a", "a *:* rwm", "b 8:0 r", "c 1:3 rwm", "c 1:* rw",
    "c *:3 m", "c *:* rwm", "b *:* m", "c 1:3 r", "c 1:3 w", "c 5:1 rw", "c 5:* r", "x 1:3 r",
    "c 1:3", "c 1:3 x", "c 1 r", "c 1:3 rr", "c  1:3 r", "c 1:3 r\n", "c 1:3  r", " c 1:3 r",
    "c -1:3 r", "c 4294967296:0 r", "c 1:3 rwmr", "all", "A", "c 1:3 rw extra", "b 8:0 rwm\n",
    "c 1:3:4 r", "c 99999999999:1 r", "c 0x1:3 r", "c 01:3 r", "", "c", "c ", "c *:*", NULL};
static const char *const freezer_values[] = {"FROZEN", "THAWED", "FROZEN\n", "THAWED\n", "FREEZING",
    "frozen", "FROZEN ", " THAWED", "1", "", "\n", "FROZENX", NULL};
static const char *const throttle_values[] = {"$DEV 1048576", "$DEV 0", "$DEV max", "$DEV 1M",
    "$DEV -1", "$DEV", "$DEV ", "$DEV x", "254:1 5", "1:3 100", "999:0 1", "8 5", ":0 1",
    "$DEV 4294967296", "$DEV 4294967295", "$DEV 18446744073709551615", "$DEV  7", " $DEV 9",
    "$DEV 5\n", "$DEV 5 6", "$DEV 0x10", "$DEV 010", "", "\n", "$DEV 18446744073709551616", NULL};
static const char *const pid_values[] = {"$P0", "$P1", "$P2", "$P0", "$P1", "$P0\n", " $P1", "$T0",
    "$T1", "-1", "abc", "", "\n", "999999999", "4294967297", "$P0 $P1", "2147483648", "0x", NULL};

static const struct {
    const char *part; /* of a file's name; the first that fits */
    const char *const *values;
} dictionaries[] = {
    {"cgroup.procs", pid_values},
    {"tasks", pid_values},
    {"cpuset.cpus", cpuset_values},
    {"cpuset.mems", cpuset_values},
    {"devices.", device_values},
    {"freezer.state", freezer_values},
    {"_device", throttle_values},
    {"", plain_values},
};

static char *draw_number(struct fuzz_generator *generator)
{
    static const char *const suffixes[] = {"", "", "", "k", "M", "\n", NULL};
    uint64_t number = rng_stream_next(generator->stream) >> below(generator, 64);
    return str_printf("%s%llu%s", below(generator, 8) ? "" : "-", (unsigned long long)number,
        pick(generator, suffixes));
}

/* One letter more, less or another. */
static void mutate(struct fuzz_generator *generator, char **text)
{
    static const char letters[] = "0159-+ \n,:*akx.";
    size_t length = strlen(*text);
    size_t at = below(generator, length + 1);
    char letter = letters[below(generator, sizeof(letters) - 1)];
    unsigned how = (unsigned)below(generator, 3);
    char *changed = how == 0 || !length
                        ? str_printf("%.*s%c%s", (int)at, *text, letter, *text + at)
                        : str_printf("%.*s%s%s", (int)(at % length), *text,
                              how == 1 ? "" : "7", *text + at % length + 1);
    free(*text);
    *text = changed;
}

static char *draw_value(struct fuzz_generator *generator, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t i = 0;
    while (!strstr(slash, dictionaries[i].part))
        i++;
    const char *const *values = dictionaries[i].values;
    bool names = values == pid_values || values == throttle_values;
    if (values == plain_values && below(generator, 4) == 0)
        return draw_number(generator);
    char *text = str_dup(names || below(generator, 12) ? pick(generator, values)
                                                       : pick(generator, plain_values));
    if (!names && below(generator, 8) == 0)
        mutate(generator, &text);
    return text;
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
    put(op, "path", below(generator, 12) ? draw_child(generator) : draw_file(generator));
    put_text(op, "mode", pick(generator, modes));
}

static void draw_rmdir(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", below(generator, 12) ? draw_child(generator) : draw_file(generator));
}

static void draw_creat(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", draw_child(generator));
}

static void draw_write(struct fuzz_generator *generator, json_t *op)
{
    char *path = draw_file(generator);
    put(op, "data", draw_value(generator, path));
    put(op, "path", path);
}

static void draw_path(struct fuzz_generator *generator, json_t *op)
{
    put(op, "path", below(generator, 3) ? draw_file(generator) : draw_directory(generator));
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
    put(op, "path", below(generator, 8) ? draw_child(generator) : draw_file(generator));
    put(op, "path2", below(generator, 8) ? draw_child(generator) : draw_file(generator));
    if (!strcmp(json_string_value(json_object_get(op, "op")), "rename2"))
        put_text(op, "rflags", below(generator, 2) ? "1" : "2");
}

static void draw_chmod(struct fuzz_generator *generator, json_t *op)
{
    static const char *const modes[] = {"0644", "0600", "0444", "0755", "0000", "0666", NULL};
    draw_path(generator, op);
    put_text(op, "mode", pick(generator, modes));
}

static void draw_chown(struct fuzz_generator *generator, json_t *op)
{
    static const char *const owners[] = {"0:0", "1000:1000", "1000:0", "0:1000", NULL};
    draw_path(generator, op);
    put_text(op, "owner", pick(generator, owners));
}

static void draw_access(struct fuzz_generator *generator, json_t *op)
{
    static const char *const wants[] = {"r", "w", "x", "rw", "rwx", NULL};
    draw_path(generator, op);
    put_text(op, "want", pick(generator, wants));
}

static void draw_open(struct fuzz_generator *generator, json_t *op)
{
    static const char *const flags[] = {
        "r", "w", "rw", "rw", "rwt", "wa", "rd", "rD", "rwcx", "wc", NULL};
    put(op, "h", str_printf("H%u", generator->handles++));
    put(op, "path", draw_file(generator));
    put_text(op, "flags", pick(generator, flags));
}

static void draw_handle(struct fuzz_generator *generator, json_t *op)
{
    static const char *const offsets[] = {"0", "1", "3", "100", NULL};
    static const char *const lengths[] = {"0", "1", "5", "4096", NULL};
    static const char *const whences[] = {"0", "1", "2", NULL};
    unsigned newest = generator->handles > HANDLES_MAX ? HANDLES_MAX : generator->handles;
    unsigned back = (unsigned)below(generator, newest ? newest : 1);
    put(op, "h", str_printf("H%u", generator->handles - 1 - back));
    put_text(op, "len", pick(generator, lengths));
    put_text(op, "off", pick(generator, offsets));
    put_text(op, "whence", pick(generator, whences));
    put_text(op, "data", pick(generator, plain_values));
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
    put(op, "proc", str_printf("P%u", (unsigned)below(generator, PROCS_MAX)));
}

static void draw_xattr(struct fuzz_generator *generator, json_t *op)
{
    static const char *const names[] = {
        "user.a", "user.b", "trusted.c", "security.d", "system.e", "user.", NULL};
    draw_path(generator, op);
    put_text(op, "name", pick(generator, names));
    put_text(op, "value", pick(generator, plain_values));
}

static const struct {
    const char *op;
    unsigned weight;
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
};

json_t *fuzz_next(struct fuzz_generator *generator)
{
    unsigned total = 0;
    for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
        total += operations[i].weight;
    uint64_t drawn = below(generator, total);
    size_t at = 0;
    while (drawn >= operations[at].weight)
        drawn -= operations[at++].weight;
    if ((operations[at].needs_handle && !generator->handles) ||
        (operations[at].draw == draw_thread && generator->threads >= THREADS_MAX))
        at = 0;
    json_t *op = json_object();
    put_text(op, "op", operations[at].op);
    operations[at].draw(generator, op);
    if (below(generator, 12) == 0 && operations[at].draw != draw_thread)
        json_object_set_new(op, "uid", json_integer(1000));
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
    if (!strcmp(generator->controller, "cpuset") && index < ARRAY_SIZE(cpuset)) {
        put_text(op, "op", "write");
        put_text(op, "path", cpuset[index].file);
        put_text(op, "data", cpuset[index].data);
        return op;
    }
    json_decref(op);
    return NULL;
}
