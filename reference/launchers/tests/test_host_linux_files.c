/* SPDX-License-Identifier: Apache-2.0 */
/* Files, trees, mounts and users of the real kernel's host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/launchers/tests/kernel_world.h"

static char *path_of(const struct world *world, const char *name)
{
    return str_printf("%s/%s", world->directory, name);
}

static void checkpoints(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *path = path_of(world, "pid");
    _cleanup_free_ char *text = NULL;
    _cleanup_err_ struct err err = ERR_INIT;
    size_t length = 0;
    assert_int_equal(host_file_read(world->host, path, &text, NULL, &err), -ENOENT);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(host_file_write(world->host, path, "12", 2, 0600, NULL), 0);
    assert_int_equal(host_file_write(world->host, path, "3\0004", 3, 0640, NULL), 0);
    assert_int_equal(host_file_read(world->host, path, &text, &length, NULL), 0);
    assert_int_equal(length, 3);
    assert_memory_equal(text, "3\0004", 4);
    struct file_info info;
    assert_int_equal(host_file_info(world->host, path, true, &info), 0);
    assert_true(info.type == 'f' && info.mode == 0640 && info.size_bytes == 3);
    /* No temporary file stays. */
    char **names = NULL;
    assert_int_equal(host_list(world->host, world->directory, &names, NULL), 0);
    assert_int_equal(strv_length(names), 1);
    strv_free(names);
    _cleanup_free_ char *nowhere = path_of(world, "no/such/pid");
    assert_int_equal(host_file_write(world->host, nowhere, "1", 1, 0600, NULL), -ENOENT);
    assert_int_equal(host_file_remove(world->host, path, NULL), 0);
    assert_int_equal(host_file_remove(world->host, path, NULL), -ENOENT);
}

static void directories_and_links(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *deep = path_of(world, "a/b/c");
    _cleanup_free_ char *link = path_of(world, "link");
    _cleanup_free_ char *real = NULL;
    assert_int_equal(host_mkdir(world->host, deep, 0755, false, NULL), -ENOENT);
    assert_int_equal(host_mkdir(world->host, deep, 0755, true, NULL), 0);
    assert_int_equal(host_mkdir(world->host, deep, 0755, true, NULL), 0);
    assert_int_equal(host_mkdir(world->host, deep, 0755, false, NULL), -EEXIST);
    assert_int_equal(host_symlink(world->host, "a/b", link, NULL), 0);
    assert_int_equal(host_real_path(world->host, link, &real, NULL), 0);
    _cleanup_free_ char *expected = path_of(world, "a/b");
    assert_string_equal(real, expected);
    struct file_info info;
    assert_int_equal(host_file_info(world->host, link, false, &info), 0);
    assert_int_equal(info.type, 'l');
    assert_int_equal(host_file_info(world->host, link, true, &info), 0);
    assert_int_equal(info.type, 'd');
    char **names = NULL;
    static const char *const made[] = {"z", "B", "10", "9"};
    for (size_t i = 0; i < ARRAY_SIZE(made); i++) {
        _cleanup_free_ char *name = str_printf("%s/%s", deep, made[i]);
        host_mkdir(world->host, name, 0755, false, NULL);
    }
    assert_int_equal(host_list(world->host, deep, &names, NULL), 0);
    static const char *const sorted[] = {"10", "9", "B", "z", NULL};
    for (size_t i = 0; sorted[i]; i++)
        assert_string_equal(names[i], sorted[i]);
    strv_free(names);
}

/* A tree with symlinks to what must stay as it is. */
static char *make_tree(struct world *world, char **ret_victim)
{
    char *tree = path_of(world, "tree");
    _cleanup_free_ char *deep = path_of(world, "tree/x/y");
    _cleanup_free_ char *file = path_of(world, "tree/x/y/file");
    _cleanup_free_ char *link = path_of(world, "tree/x/link");
    _cleanup_free_ char *victim = path_of(world, "victim");
    *ret_victim = path_of(world, "victim/kept");
    host_mkdir(world->host, deep, 0755, true, NULL);
    host_mkdir(world->host, victim, 0755, true, NULL);
    host_file_write(world->host, file, "1", 1, 0644, NULL);
    host_file_write(world->host, *ret_victim, "1", 1, 0644, NULL);
    assert_int_equal(host_symlink(world->host, victim, link, NULL), 0);
    return tree;
}

static void trees_end_at_symlinks(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *kept = NULL;
    _cleanup_free_ char *tree = make_tree(world, &kept);
    struct file_info info;
    if (geteuid() == 0) {
        assert_int_equal(host_chown(world->host, tree, 1234, 5678, true, NULL), 0);
        _cleanup_free_ char *file = path_of(world, "tree/x/y/file");
        _cleanup_free_ char *link = path_of(world, "tree/x/link");
        assert_int_equal(host_file_info(world->host, file, false, &info), 0);
        assert_true(info.uid == 1234 && info.gid == 5678);
        assert_int_equal(host_file_info(world->host, link, false, &info), 0);
        assert_true(info.uid == 1234);
        assert_int_equal(host_file_info(world->host, kept, false, &info), 0);
        assert_true(info.uid == 0 && info.gid == 0);
    }
    assert_int_equal(host_tree_remove(world->host, tree, NULL), 0);
    assert_false(host_file_exists(world->host, tree));
    assert_true(host_file_exists(world->host, kept));
    assert_int_equal(host_tree_remove(world->host, tree, NULL), 0); /* missing is fine */

    /* The tree itself may be a symlink: only it goes. */
    _cleanup_free_ char *victim = path_of(world, "victim");
    assert_int_equal(host_symlink(world->host, victim, tree, NULL), 0);
    assert_int_equal(host_tree_remove(world->host, tree, NULL), 0);
    assert_true(host_file_exists(world->host, kept));
}

static void deep_trees(void **state)
{
    struct world *world = *state;
    _cleanup_free_ char *tree = path_of(world, "deep");
    host_mkdir(world->host, tree, 0755, true, NULL);
    char before[4096];
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(tree), 0);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(mkdir("a-rather-long-name", 0755), 0);
        assert_int_equal(chdir("a-rather-long-name"), 0);
    }
    assert_int_equal(chdir(before), 0);
    assert_int_equal(host_tree_remove(world->host, tree, NULL), 0);
    assert_false(host_file_exists(world->host, tree));
}

static void users(void **state)
{
    struct world *world = *state;
    struct user_info user = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(host_user_lookup(world->host, "root", &user, NULL), 0);
    assert_true(user.uid == 0 && user.gid == 0 && user.groups_count > 0);
    user_info_release(&user);
    assert_int_equal(host_user_lookup(world->host, "no-such-user", &user, &err), -ENOENT);
    assert_non_null(strstr(err.message, "unknown user no-such-user"));
}

static const struct mount_info *find_mount(
    const struct mount_info *mounts, size_t count, const char *target)
{
    for (size_t i = count; i-- > 0;)
        if (str_equal(mounts[i].target, target))
            return &mounts[i];
    return NULL;
}

static void mounts(void **state)
{
    struct world *world = *state;
    need_root();
    _cleanup_free_ char *target = path_of(world, "a mount\tpoint");
    host_mkdir(world->host, target, 0755, true, NULL);
    struct mount_entry entry = {.source = str_dup("tmpfs"),
        .target = target,
        .type = str_dup("tmpfs"),
        .flags = MS_NOSUID,
        .options = str_dup("size=64k")};
    assert_int_equal(host_mount(world->host, &entry, NULL), 0);
    struct mount_info *table = NULL;
    size_t count = 0;
    assert_int_equal(host_mounts(world->host, 0, &table, &count, NULL), 0);
    const struct mount_info *found = find_mount(table, count, target);
    assert_non_null(found);
    assert_string_equal(found->type, "tmpfs");
    assert_false(found->shared);
    mount_info_free(table, count);

    /* A read-only bind mount takes two calls. */
    _cleanup_free_ char *bound = path_of(world, "bound");
    host_mkdir(world->host, bound, 0755, true, NULL);
    const struct mount_entry bind = {
        .source = target, .target = bound, .flags = MS_BIND | MS_RDONLY};
    assert_int_equal(host_mount(world->host, &bind, NULL), 0);
    _cleanup_free_ char *file = path_of(world, "bound/file");
    assert_int_equal(host_file_write(world->host, file, "1", 1, 0644, NULL), -EROFS);
    assert_int_equal(host_unmount(world->host, bound, 0, NULL), 0);
    assert_int_equal(host_unmount(world->host, target, MNT_DETACH, NULL), 0);
    assert_int_equal(host_unmount(world->host, target, 0, NULL), -EINVAL);
    free(entry.source);
    free(entry.type);
    free(entry.options);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(checkpoints),
        TEST(directories_and_links),
        TEST(trees_end_at_symlinks),
        TEST(deep_trees),
        TEST(users),
        TEST(mounts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
