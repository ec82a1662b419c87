/* SPDX-License-Identifier: Apache-2.0 */
/* What archives and layers may do, and what they may not: nothing may leave the directory. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "reference/base/mem.h"
#include "reference/provisioner/unpack/unpack.h"

struct world {
    char top[32];
    char *tar;
    char *into;
    char *outside;
};

/* kind: f d l h (hard link); text: content or where it leads. */
struct item {
    const char *path;
    char kind;
    const char *text;
};

static int setup(void **state)
{
    static struct world world;
    world = (struct world){.top = "/tmp/unpack-test-XXXXXX"};
    assert_non_null(mkdtemp(world.top));
    world.tar = str_printf("%s/x.tar", world.top);
    world.into = str_printf("%s/into", world.top);
    world.outside = str_printf("%s/outside", world.top);
    assert_int_equal(mkdir(world.outside, 0755), 0);
    *state = &world;
    return 0;
}

static int drop(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info, (void)kind, (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    struct world *world = *state;
    free(world->tar);
    free(world->into);
    free(world->outside);
    return nftw(world->top, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static void tar_write(const char *file, const struct item *items)
{
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    archive_write_set_format_pax_restricted(archive);
    assert_int_equal(archive_write_open_filename(archive, file), ARCHIVE_OK);
    for (; items->path; items++) {
        const char *text = items->text ? items->text : "";
        archive_entry_clear(entry);
        archive_entry_set_pathname(entry, items->path);
        archive_entry_set_uid(entry, getuid());
        archive_entry_set_gid(entry, getgid());
        archive_entry_set_perm(entry, items->kind == 'd' ? 0755 : 0640);
        archive_entry_set_filetype(
            entry, items->kind == 'd' ? AE_IFDIR : items->kind == 'l' ? AE_IFLNK : AE_IFREG);
        if (items->kind == 'l')
            archive_entry_set_symlink(entry, text);
        if (items->kind == 'h')
            archive_entry_set_hardlink(entry, text);
        archive_entry_set_size(entry, items->kind == 'f' ? (la_int64_t)strlen(text) : 0);
        archive_entry_xattr_add_entry(entry, "trusted.overlay.redirect", "/etc", 4);
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        if (items->kind == 'f')
            archive_write_data(archive, text, strlen(text));
    }
    archive_entry_free(entry);
    archive_write_free(archive);
}

static int unpack(const struct world *world, const struct item *items, struct err *err)
{
    tar_write(world->tar, items);
    return unpack_archive(world->tar, world->into, WHITEOUTS_AUFS, err);
}

static char *content(const char *directory, const char *name)
{
    _cleanup_free_ char *path = str_printf("%s/%s", directory, name);
    char *text = mem_alloc(100);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        free(text);
        return NULL;
    }
    assert_true(read(fd, text, 99) >= 0);
    close(fd);
    return text;
}

static void assert_content(const char *directory, const char *name, const char *expected)
{
    _cleanup_free_ char *text = content(directory, name);
    assert_true(str_equal(text, expected));
}

static void assert_untouched(const struct world *world)
{
    assert_int_equal(rmdir(world->outside), 0); /* it is empty */
    assert_int_equal(mkdir(world->outside, 0755), 0);
}

static void test_plain(void **state)
{
    const struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(unpack(world, (struct item[]){{"./a/b", 'f', "one"}, {"/c", 'f', "two"},
        {"a", 'd', NULL}, {"l", 'l', "a/b"}, {"h", 'h', "a/b"}, {NULL, 0, NULL}}, &err), 0);
    assert_content(world->into, "a/b", "one");
    assert_content(world->into, "c", "two");
    assert_content(world->into, "h", "one");
    assert_content(world->into, "l", NULL); /* a link, not followed here */
    char value[8];
    _cleanup_free_ char *path = str_printf("%s/c", world->into);
    assert_int_equal(getxattr(path, "trusted.overlay.redirect", value, sizeof(value)), -1);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0640);
}

static void test_names_out(void **state)
{
    const struct world *world = *state;
    static const char *const names[] = {"../outside/x", "a/../../outside/x", "a/..", ".."};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        assert_int_equal(
            unpack(world, (struct item[]){{names[i], 'f', "x"}, {NULL, 0, NULL}}, &err), -EINVAL);
        assert_non_null(strstr(err_text(&err), "leads out of the archive"));
    }
    assert_untouched(world);
}

/* Links in the way are resolved below the directory, or replaced; one that leads nowhere is an
 * error. */
static void test_links_out(void **state)
{
    const struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *file = str_printf("%s/x", world->outside);
    assert_int_equal(unpack(world, (struct item[]){{"outside", 'd', NULL},
        {"up", 'l', "../outside"}, {"up/x", 'f', "mine"}, {"leaf", 'l', file},
        {"leaf", 'f', "mine"}, {NULL, 0, NULL}}, &err), 0);
    assert_content(world->into, "outside/x", "mine"); /* as if the directory were the root */
    assert_content(world->into, "leaf", "mine");
    assert_int_equal(unpack(world, (struct item[]){{"abs", 'l', world->outside},
        {"abs/x", 'f', "mine"}, {NULL, 0, NULL}}, &err), -ENOENT);
    assert_untouched(world);
}

static void test_hardlinks_out(void **state)
{
    const struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *file = str_printf("%s/secret", world->outside);
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "hush", 4), 4);
    close(fd);
    const char *const targets[] = {"../outside/secret", file, "up/secret"};
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        err_clear(&err);
        assert_true(unpack(world, (struct item[]){{"up", 'l', "../outside"},
            {"got", 'h', targets[i]}, {NULL, 0, NULL}}, &err) < 0);
        assert_content(world->into, "got", NULL);
    }
    unlink(file);
}

static void test_whiteout_names(void **state)
{
    (void)state;
    assert_string_equal(whiteout_target(".wh.file"), "file");
    assert_string_equal(whiteout_target(".wh..wh..opq"), "");
    static const char *const none[] = {
        "file", "wh.file", ".wh.", ".wh..", ".wh...", ".wh..wh.plnk", ".wh..wh.aufs"};
    for (size_t i = 0; i < ARRAY_SIZE(none); i++)
        assert_null(whiteout_target(none[i]));
}

static void test_overlay_whiteouts(void **state)
{
    const struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    struct stat info;
    char value[4] = "";
    if (geteuid() != 0)
        skip();
    tar_write(world->tar, (struct item[]){{"dir/.wh.file", 'f', ""},
        {"opq/.wh..wh..opq", 'f', ""}, {"opq/own", 'f', "own"},
        {".wh..wh.plnk", 'f', ""}, {NULL, 0, NULL}});
    assert_int_equal(unpack_archive(world->tar, world->into, WHITEOUTS_OVERLAY, &err), 0);
    _cleanup_free_ char *device = str_printf("%s/dir/file", world->into);
    _cleanup_free_ char *opaque = str_printf("%s/opq", world->into);
    assert_int_equal(lstat(device, &info), 0);
    assert_true(S_ISCHR(info.st_mode) && info.st_rdev == 0);
    assert_int_equal(getxattr(opaque, "trusted.overlay.opaque", value, sizeof(value)), 1);
    assert_int_equal(value[0], 'y');
    assert_content(world->into, "opq/own", "own");
    assert_content(world->into, ".wh..wh.plnk", NULL);
}

/* Layers one on the other: kinds, whiteouts, and links of lower ones (PV-29 to PV-31). */
static void test_copy(void **state)
{
    const struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *lower = str_printf("%s/lower", world->top);
    _cleanup_free_ char *upper = str_printf("%s/upper", world->top);
    _cleanup_free_ char *out = str_printf("%s/x", world->outside);
    tar_write(world->tar, (struct item[]){{"file", 'f', "old"}, {"gone", 'f', "old"},
        {"dir/stale", 'f', "old"}, {"opq/stale", 'f', "old"}, {"both/one", 'f', "1"},
        {"link", 'l', out}, {"up", 'l', world->outside}, {NULL, 0, NULL}});
    assert_int_equal(unpack_archive(world->tar, lower, WHITEOUTS_AUFS, &err), 0);
    tar_write(world->tar, (struct item[]){{"file/in", 'f', "new"}, {"dir", 'f', "new"},
        {".wh.gone", 'f', ""}, {"opq/.wh..wh..opq", 'f', ""}, {"opq/own", 'f', "own"},
        {"both/two", 'f', "2"}, {"both/twin", 'h', "both/two"}, {"link", 'f', "mine"},
        {"up/x", 'f', "mine"}, {NULL, 0, NULL}});
    assert_int_equal(unpack_archive(world->tar, upper, WHITEOUTS_AUFS, &err), 0);
    char *const layers[] = {lower, upper, NULL};
    assert_int_equal(unpack_copy(world->into, layers, &err), 0);
    static const struct {
        const char *name;
        const char *text;
    } rows[] = {{"file/in", "new"}, {"dir", "new"}, {"gone", NULL}, {".wh.gone", NULL},
        {"opq/stale", NULL}, {"opq/own", "own"}, {"opq/.wh..wh..opq", NULL}, {"both/one", "1"},
        {"both/two", "2"}, {"both/twin", "2"}, {"link", "mine"}, {"up/x", "mine"}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_content(world->into, rows[i].name, rows[i].text);
    struct stat one;
    struct stat other;
    _cleanup_free_ char *two = str_printf("%s/both/two", world->into);
    _cleanup_free_ char *twin = str_printf("%s/both/twin", world->into);
    assert_true(stat(two, &one) == 0 && stat(twin, &other) == 0 && one.st_ino == other.st_ino);
    assert_untouched(world);
    assert_true(unpack_copy(world->into, layers, &err) < 0); /* it exists */
}

static void test_garbage(void **state)
{
    const struct world *world = *state;
    _cleanup_err_ struct err err = ERR_INIT;
    int fd = open(world->tar, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "this is no tar at all", 21), 21);
    close(fd);
    assert_int_equal(unpack_archive(world->tar, world->into, WHITEOUTS_AUFS, &err), -EBADMSG);
    assert_non_null(strstr(err_text(&err), "x.tar"));
    err_clear(&err);
    assert_true(unpack_archive("/no/such.tar", world->into, WHITEOUTS_AUFS, &err) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_links_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hardlinks_out, setup, teardown),
        cmocka_unit_test(test_whiteout_names),
        cmocka_unit_test_setup_teardown(test_overlay_whiteouts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
