/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fakes/vfs.h"
#include "reference/base/mem.h"

static int setup(void **state)
{
    struct vfs *vfs = vfs_new();
    *state = vfs;
    assert_int_equal(vfs_mkdir(vfs, "/run/a/b", 0755, true), 0);
    assert_int_equal(vfs_write(vfs, "/run/a/file", "text", 4, 0644, false), 0);
    assert_int_equal(vfs_symlink(vfs, "a", "/run/link"), 0);
    assert_int_equal(vfs_symlink(vfs, "/run/a/file", "/run/a/b/absolute"), 0);
    assert_int_equal(vfs_symlink(vfs, "nowhere", "/run/dangling"), 0);
    assert_int_equal(vfs_symlink(vfs, "loop", "/run/loop"), 0);
    return 0;
}

static int teardown(void **state)
{
    vfs_free(*state);
    return 0;
}

static void assert_text(struct vfs *vfs, const char *path, const char *expected)
{
    const char *text;
    size_t length;
    assert_int_equal(vfs_read(vfs, path, &text, &length), 0);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

static void paths_resolve(void **state)
{
    static const struct {
        const char *path;
        int follow;
        int result;
        char type;
        const char *real;
    } rows[] = {
        {"/", 1, 0, 'd', "/"},
        {"/run//a/./b/..", 1, 0, 'd', "/run/a"},
        {"/../run", 1, 0, 'd', "/run"},
        {"/run/a/file", 1, 0, 'f', "/run/a/file"},
        {"/run/a/file/", 1, -ENOTDIR, 0, NULL},
        {"/run/a/file/x", 1, -ENOTDIR, 0, NULL},
        {"/run/link", 1, 0, 'd', "/run/a"},
        {"/run/link", 0, 0, 'l', "/run/a"},
        {"/run/link/", 0, 0, 'd', "/run/a"},
        {"/run/link/file", 0, 0, 'f', "/run/a/file"},
        {"/run/link/b/absolute", 1, 0, 'f', "/run/a/file"},
        {"/run/dangling", 1, -ENOENT, 0, NULL},
        {"/run/loop", 1, -ELOOP, 0, NULL},
        {"/run/none", 1, -ENOENT, 0, NULL},
        {"/none/none", 1, -ENOENT, 0, NULL},
        {"relative", 1, -EINVAL, 0, NULL},
    };
    struct vfs *vfs = *state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct vfs_info info = {0};
        _cleanup_free_ char *real = NULL;
        print_message("%s\n", rows[i].path);
        assert_int_equal(vfs_info(vfs, rows[i].path, rows[i].follow, &info), rows[i].result);
        assert_int_equal(info.type, rows[i].type);
        int result = vfs_real_path(vfs, rows[i].path, &real);
        assert_int_equal(result, rows[i].result);
        if (rows[i].real)
            assert_string_equal(real, rows[i].real);
    }
}

static void writing(void **state)
{
    struct vfs *vfs = *state;
    assert_int_equal(vfs_write(vfs, "/run/a/file", "more", 4, 0600, true), 0);
    assert_text(vfs, "/run/link/file", "textmore");
    assert_int_equal(vfs_write(vfs, "/run/a/file", "x", 1, 0600, false), 0);
    assert_text(vfs, "/run/a/file", "x");
    assert_int_equal(vfs_write(vfs, "/run/a/file", "", 0, 0600, false), 0);
    assert_text(vfs, "/run/a/file", "");
    struct vfs_info info;
    assert_int_equal(vfs_info(vfs, "/run/a/file", true, &info), 0);
    assert_int_equal(info.mode, 0644); /* of its creation */
    assert_int_equal(vfs_write(vfs, "/run/dangling", "y", 1, 0600, false), 0);
    assert_text(vfs, "/run/nowhere", "y");
    assert_int_equal(vfs_write(vfs, "/run/a", "y", 1, 0600, false), -EISDIR);
    assert_int_equal(vfs_write(vfs, "/none/x", "y", 1, 0600, false), -ENOENT);
    assert_int_equal(vfs_write(vfs, "/run/nowhere/x", "y", 1, 0600, false), -ENOTDIR);
    const char *text;
    assert_int_equal(vfs_read(vfs, "/run", &text, NULL), -EISDIR);
    /* long, short and long again: the memory follows */
    char big[5000];
    memset(big, 'z', sizeof(big));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(vfs_write(vfs, "/run/big", big, sizeof(big), 0600, false), 0);
        assert_int_equal(vfs_write(vfs, "/run/big", "abc", 3, 0600, false), 0);
        assert_text(vfs, "/run/big", "abc");
        assert_int_equal(vfs_write(vfs, "/run/big", "def", 3, 0600, true), 0);
        assert_text(vfs, "/run/big", "abcdef");
    }
}

static void directories(void **state)
{
    struct vfs *vfs = *state;
    _cleanup_strv_ char **names = NULL;
    assert_int_equal(vfs_mkdir(vfs, "/run", 0755, false), -EEXIST);
    assert_int_equal(vfs_mkdir(vfs, "/run", 0755, true), 0);
    assert_int_equal(vfs_mkdir(vfs, "/x/y", 0755, false), -ENOENT);
    assert_int_equal(vfs_mkdir(vfs, "/run/a/file", 0755, true), -EEXIST);
    assert_int_equal(vfs_mkdir(vfs, "/run/a/file/x", 0755, true), -ENOTDIR);
    assert_int_equal(vfs_mkdir(vfs, "/run/link/c/d/", 0700, true), 0);
    assert_int_equal(vfs_list(vfs, "/run/a", &names), 0);
    assert_int_equal(strv_length(names), 3);
    assert_string_equal(names[0], "b");
    assert_string_equal(names[1], "c");
    assert_string_equal(names[2], "file");
    char **none;
    assert_int_equal(vfs_list(vfs, "/run/a/file", &none), -ENOTDIR);
    assert_int_equal(vfs_list(vfs, "/none", &none), -ENOENT);
    assert_int_equal(vfs_remove(vfs, "/run/a"), -ENOTEMPTY);
    assert_int_equal(vfs_remove(vfs, "/"), -EBUSY);
    assert_int_equal(vfs_remove(vfs, "/run/a/c/d"), 0);
    assert_int_equal(vfs_remove(vfs, "/run/a/c"), 0);
    assert_int_equal(vfs_remove(vfs, "/run/a/c"), -ENOENT);
    assert_int_equal(vfs_remove(vfs, "/run/link"), 0); /* the link, not the directory */
    size_t before = vfs_count(vfs);
    assert_int_equal(vfs_remove_tree(vfs, "/run/a"), 0);
    assert_int_equal(vfs_count(vfs), before - 4);
    assert_int_equal(vfs_remove_tree(vfs, "/run/a"), -ENOENT);
    assert_int_equal(vfs_remove_tree(vfs, "/run"), 0);
    assert_int_equal(vfs_count(vfs), 0);
}

static void renaming(void **state)
{
    static const struct {
        const char *from, *to;
        int result;
    } rows[] = {
        {"/run/none", "/run/x", -ENOENT},
        {"/run/a/file", "/none/x", -ENOENT},
        {"/run/a", "/run/a/b/inside", -EINVAL},
        {"/run/a/file", "/run/a/b", -EISDIR},
        {"/run/a/b", "/run/a/file", -ENOTDIR},
        {"/run/full", "/run/a", -ENOTEMPTY},
        {"/", "/x", -EBUSY},
        {"/run/a/file", "/run/a/file", 0},
        {"/run/a/file", "/run/other", 0},
        {"/run/full", "/run/moved", 0},
    };
    struct vfs *vfs = *state;
    assert_int_equal(vfs_mkdir(vfs, "/run/full/x/y", 0755, true), 0);
    assert_int_equal(vfs_write(vfs, "/run/other", "old", 3, 0644, false), 0);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        print_message("%s -> %s\n", rows[i].from, rows[i].to);
        assert_int_equal(vfs_rename(vfs, rows[i].from, rows[i].to), rows[i].result);
    }
    assert_text(vfs, "/run/other", "text");
    assert_int_equal(vfs_info(vfs, "/run/moved/x/y", true, NULL), 0);
    assert_int_equal(vfs_info(vfs, "/run/a/file", true, NULL), -ENOENT);
}

static void owners(void **state)
{
    struct vfs *vfs = *state;
    struct vfs_info info;
    assert_int_equal(vfs_chown(vfs, "/run/link", 5, (gid_t)-1, false), 0);
    assert_int_equal(vfs_info(vfs, "/run/a", true, &info), 0);
    assert_int_equal(info.uid, 5);
    assert_int_equal(info.gid, 0);
    assert_int_equal(vfs_chown(vfs, "/run/a", 6, 7, true), 0);
    assert_int_equal(vfs_info(vfs, "/run/a/b/absolute", false, &info), 0);
    assert_int_equal(info.uid, 6);
    assert_int_equal(info.gid, 7);
    assert_int_equal(vfs_info(vfs, "/run", false, &info), 0);
    assert_int_equal(info.uid, 0);
    assert_int_equal(vfs_chown(vfs, "/none", 6, 7, true), -ENOENT);
}

static void digest_sees_each_change(void **state)
{
    struct vfs *vfs = *state;
    uint64_t last = vfs_digest(vfs, 1);
    assert_true(vfs_digest(vfs, 1) == last);
    assert_true(vfs_digest(vfs, 2) != last);
    for (int step = 0; step < 5; step++) {
        switch (step) {
        case 0:
            vfs_write(vfs, "/run/a/file", "taxt", 4, 0644, false);
            break;
        case 1:
            vfs_rename(vfs, "/run/a/file", "/run/a/filf");
            break;
        case 2:
            vfs_chown(vfs, "/run/a", 1, 0, false);
            break;
        case 3:
            vfs_mkdir(vfs, "/new", 0755, false);
            break;
        default:
            vfs_remove(vfs, "/run/loop");
        }
        uint64_t now = vfs_digest(vfs, 1);
        assert_true(now != last);
        last = now;
    }
}

static void same_operations_same_digest(void **state)
{
    uint64_t digests[2];
    (void)state;
    for (int run = 0; run < 2; run++) {
        struct vfs *vfs = vfs_new();
        char path[32];
        for (int i = 0; i < 300; i++) {
            snprintf(path, sizeof(path), "/d/%d", i);
            vfs_mkdir(vfs, path, 0755, true);
            if (run == 1 && i % 50 == 0)
                vfs_digest(vfs, 0); /* asking changes nothing */
            if (i % 2)
                vfs_remove(vfs, path);
        }
        assert_int_equal(vfs_count(vfs), 151);
        digests[run] = vfs_digest(vfs, 0);
        vfs_free(vfs);
    }
    assert_true(digests[0] == digests[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_resolve, setup, teardown),
        cmocka_unit_test_setup_teardown(writing, setup, teardown),
        cmocka_unit_test_setup_teardown(directories, setup, teardown),
        cmocka_unit_test_setup_teardown(renaming, setup, teardown),
        cmocka_unit_test_setup_teardown(owners, setup, teardown),
        cmocka_unit_test_setup_teardown(digest_sees_each_change, setup, teardown),
        cmocka_unit_test(same_operations_same_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
