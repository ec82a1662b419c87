/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on names and whole files. */
#include <string.h>

#include "fakes/replay/fuzz.h"
#include "reference/base/mem.h"

#define NAME_LONG 300 /* beyond what most file systems take */

static char *draw_long_name(struct fuzz_generator *generator)
{
    char name[NAME_LONG + 1];
    memset(name, 'n', NAME_LONG);
    name[fuzz_below(generator, 2) ? NAME_LONG : 256] = '\0';
    _cleanup_free_ char *parent = fuzz_directory(generator);
    return str_printf("%s/%s", parent, name);
}

/* Mostly a cgroup, sometimes what cannot be one. */
static char *draw_removable(struct fuzz_generator *generator)
{
    uint64_t drawn = fuzz_below(generator, 60);
    return drawn < 5 ? fuzz_file(generator) : drawn == 5 ? draw_long_name(generator)
                                                         : fuzz_child(generator);
}

static void draw_mkdir(struct fuzz_generator *generator, json_t *op)
{
    static const char *const modes[] = {
        "0755", "0755", "0755", "0700", "0777", "0555", "0000", "01777", "02755", NULL};
    fuzz_put(op, "path", draw_removable(generator));
    fuzz_put_text(op, "mode", fuzz_pick(generator, modes));
}

static void draw_rmdir(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "path", draw_removable(generator));
}

static void draw_creat(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "path", fuzz_below(generator, 4) ? fuzz_child(generator) : fuzz_file(generator));
}

static void put_data(struct fuzz_generator *generator, json_t *op, const char *path)
{
    static const char *const tails[] = {"", "7", "\n", "x", NULL};
    _cleanup_free_ char *value = fuzz_value(generator, path);
    if (fuzz_below(generator, 40)) {
        fuzz_put_text(op, "data", value);
        return;
    }
    /* What is behind a NUL does not count. */
    const char *tail = fuzz_pick(generator, tails);
    size_t length = strlen(value), all = length + 1 + strlen(tail);
    _cleanup_free_ char *text = mem_alloc(all + 1);
    memcpy(text, value, length);
    memcpy(text + length + 1, tail, strlen(tail));
    json_object_set_new(op, "data", json_stringn(text, all));
}

static void draw_write(struct fuzz_generator *generator, json_t *op)
{
    static const char *const flags[] = {"w", "wt", "wa", "wc", "wcx", "rw", "r", "wn", "wd", NULL};
    char *path = fuzz_file(generator);
    put_data(generator, op, path);
    if (fuzz_below(generator, 12) == 0)
        fuzz_put_text(op, "flags", fuzz_pick(generator, flags));
    fuzz_put(op, "path", path);
}

static void draw_bigwrite(struct fuzz_generator *generator, json_t *op)
{
    static const char *const fills[] = {" ", "0", "1", "\n", "x", NULL};
    static const char *const counts[] = {"0", "30", "4094", "4095", "4096", "4097", "9000", NULL};
    static const char *const suffixes[] = {"", "1", "5\n", "max", NULL};
    fuzz_put(op, "path", fuzz_file(generator));
    fuzz_put_text(op, "fill", fuzz_pick(generator, fills));
    fuzz_put_text(op, "count", fuzz_pick(generator, counts));
    fuzz_put_text(op, "suffix", fuzz_pick(generator, suffixes));
}

static void draw_path(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "path", fuzz_path(generator));
}

static void draw_file(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "path", fuzz_file(generator));
}

static void draw_directory(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "path",
        fuzz_below(generator, 12) ? fuzz_directory(generator) : fuzz_file(generator));
}

static void draw_get(struct fuzz_generator *generator, json_t *op)
{
    static const char *const keys[] = {"Total", "max", "populated", "frozen", "oom_kill_disable",
        "under_oom", "nr_descendants", "nr_periods", "nr_bursts", "hierarchical_memory_limit",
        "lo", "default", "a", "", NULL};
    draw_file(generator, op);
    fuzz_put_text(op, "key", fuzz_pick(generator, keys));
}

static void draw_await(struct fuzz_generator *generator, json_t *op)
{
    static const char *const texts[] = {"populated 0", "frozen 0", "frozen 1", "THAWED", "FROZEN",
        "0", "", NULL};
    draw_file(generator, op);
    fuzz_put_text(op, "data", fuzz_pick(generator, texts));
    fuzz_put_text(op, "ms", "10");
}

static void draw_two_paths(struct fuzz_generator *generator, json_t *op)
{
    static const char *const flags[] = {"0", "1", "2", "3", "4", NULL};
    fuzz_put(op, "path", draw_removable(generator));
    fuzz_put(op, "path2", draw_removable(generator));
    if (!strcmp(json_string_value(json_object_get(op, "op")), "rename2"))
        fuzz_put_text(op, "rflags", fuzz_pick(generator, flags));
}

static void draw_samefs(struct fuzz_generator *generator, json_t *op)
{
    fuzz_put(op, "path", fuzz_directory(generator));
    fuzz_put(op, "path2", fuzz_directory(generator));
}

static void draw_chmod(struct fuzz_generator *generator, json_t *op)
{
    static const char *const modes[] = {"0644", "0600", "0444", "0755", "0000", "0666", "0200",
        "0060", "0006", "0664", "0770", "0711", "04755", "02775", "01777", NULL};
    draw_path(generator, op);
    fuzz_put_text(op, "mode", fuzz_pick(generator, modes));
}

static void draw_chown(struct fuzz_generator *generator, json_t *op)
{
    static const char *const owners[] = {
        "0:0", "1000:1000", "1000:1000", "1000:0", "0:1000", "1001:1000", NULL};
    draw_path(generator, op);
    fuzz_put_text(op, "owner", fuzz_pick(generator, owners));
}

static void draw_access(struct fuzz_generator *generator, json_t *op)
{
    static const char *const wants[] = {"r", "w", "x", "rw", "rwx", "", NULL};
    draw_path(generator, op);
    fuzz_put_text(op, "want", fuzz_pick(generator, wants));
}

static void draw_truncate(struct fuzz_generator *generator, json_t *op)
{
    static const char *const sizes[] = {"0", "1", "100", "-1", NULL};
    draw_path(generator, op);
    fuzz_put_text(op, "size", fuzz_pick(generator, sizes));
}

static void draw_xattr(struct fuzz_generator *generator, json_t *op)
{
    static const char *const names[] = {"user.a", "user.b", "trusted.c", "security.d", "system.e",
        "user.", "a", "", "user.x.y", NULL};
    draw_path(generator, op);
    fuzz_put_text(op, "name", fuzz_pick(generator, names));
    fuzz_put_text(op, "value", fuzz_pick(generator, fuzz_plain_values));
}

const struct fuzz_operation fuzz_path_operations[] = {
    {"mkdir", 12, 12, draw_mkdir, FUZZ_NOTHING, NULL},
    {"rmdir", 5, 5, draw_rmdir, FUZZ_NOTHING, NULL},
    {"wr", 22, 22, draw_write, FUZZ_NOTHING, NULL},
    {"write", 14, 14, draw_write, FUZZ_NOTHING, NULL},
    {"bigwrite", 1, 1, draw_bigwrite, FUZZ_NOTHING, NULL},
    {"read", 14, 14, draw_file, FUZZ_NOTHING, NULL},
    {"keys", 1, 1, draw_file, FUZZ_NOTHING, NULL},
    {"get", 1, 1, draw_get, FUZZ_NOTHING, NULL},
    {"await", 1, 1, draw_await, FUZZ_NOTHING, NULL},
    {"list", 2, 2, draw_directory, FUZZ_NOTHING, NULL},
    {"modes", 2, 2, draw_directory, FUZZ_NOTHING, NULL},
    {"stat", 3, 3, draw_path, FUZZ_NOTHING, NULL},
    {"samefs", 1, 1, draw_samefs, FUZZ_NOTHING, NULL},
    {"exists", 1, 1, draw_path, FUZZ_NOTHING, NULL},
    {"rename", 2, 2, draw_two_paths, FUZZ_NOTHING, NULL},
    {"rename2", 1, 1, draw_two_paths, FUZZ_NOTHING, NULL},
    {"link", 1, 1, draw_two_paths, FUZZ_NOTHING, NULL},
    {"symlink", 1, 1, draw_creat, FUZZ_NOTHING, NULL},
    {"mknod", 1, 1, draw_creat, FUZZ_NOTHING, NULL},
    {"unlink", 1, 1, draw_path, FUZZ_NOTHING, NULL},
    {"creat", 1, 1, draw_creat, FUZZ_NOTHING, NULL},
    {"chmod", 2, 2, draw_chmod, FUZZ_NOTHING, NULL},
    {"chown", 3, 3, draw_chown, FUZZ_NOTHING, NULL},
    {"access", 2, 2, draw_access, FUZZ_NOTHING, NULL},
    {"truncate", 1, 1, draw_truncate, FUZZ_NOTHING, NULL},
    {"utimes", 1, 1, draw_path, FUZZ_NOTHING, NULL},
    {"setxattr", 1, 1, draw_xattr, FUZZ_NOTHING, NULL},
    {"getxattr", 1, 1, draw_xattr, FUZZ_NOTHING, NULL},
    {"removexattr", 1, 1, draw_xattr, FUZZ_NOTHING, NULL},
    {"listxattr", 1, 1, draw_path, FUZZ_NOTHING, NULL},
    {NULL, 0, 0, NULL, FUZZ_NOTHING, NULL},
};
