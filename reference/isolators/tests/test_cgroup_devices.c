/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of net_cls, lines of blkio, and the device manager with its state file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/cgroups/device_manager.h"
#include "reference/isolators/cgroups/blkio_parse.h"
#include "reference/isolators/cgroups/net_cls_handles.h"
#include "reference/isolators/tests/world.h"

/* CG-11 to CG-14. */
static void test_handles(void **state)
{
    struct net_cls_handles *handles = net_cls_handles_new(0xAAAA, 2, 4);
    struct err err = ERR_INIT;
    uint32_t classid = 0;

    (void)state;
    assert_int_equal(net_cls_handles_reserve(handles, 0xAAAA0003, &err), 0);
    assert_int_equal(net_cls_handles_reserve(handles, 0xAAAA0003, &err), -EEXIST);
    assert_int_equal(net_cls_handles_reserve(handles, 0xBBBB0003, &err), -ERANGE);
    assert_int_equal(net_cls_handles_reserve(handles, 0xAAAA0005, &err), -ERANGE);
    assert_int_equal(net_cls_handles_allocate(handles, &classid, &err), 0);
    assert_int_equal(classid, 0xAAAA0002);
    assert_int_equal(net_cls_handles_allocate(handles, &classid, &err), 0);
    assert_int_equal(classid, 0xAAAA0004);
    assert_int_equal(net_cls_handles_allocate(handles, &classid, &err), -ENOSPC);
    assert_int_equal(net_cls_handles_release(handles, 0xAAAA0003, &err), 0);
    assert_int_equal(net_cls_handles_release(handles, 0xAAAA0003, &err), -ENOENT);
    assert_int_equal(net_cls_handles_allocate(handles, &classid, &err), 0);
    assert_int_equal(classid, 0xAAAA0003);
    err_clear(&err);
    net_cls_handles_free(handles);
}

/* LV1-17. */
static void test_blkio_lines(void **state)
{
    static const struct {
        const char *line;
        bool ok;
        bool has_device;
        const char *operation;
        uint64_t value;
    } rows[] = {
        {"7", true, false, "UNKNOWN", 7},
        {"8:0 12", true, true, "UNKNOWN", 12},
        {"Total 5", true, false, "TOTAL", 5},
        {"8:16 Read 4096", true, true, "READ", 4096},
        {"8:16 Discard 1", true, true, "DISCARD", 1},
        {"", false, false, NULL, 0},
        {"8:16 Reads 1", false, false, NULL, 0},
        {"8 Read 1", false, false, NULL, 0},
        {"8:16 Read x", false, false, NULL, 0},
        {"8:16 Read 1 2", false, false, NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct blkio_value value;
        struct err err = ERR_INIT;
        int r = blkio_parse(rows[i].line, &value, &err);

        assert_int_equal(r, rows[i].ok ? 0 : -EINVAL);
        if (rows[i].ok) {
            assert_int_equal(value.has_device, rows[i].has_device);
            assert_string_equal(value.operation, rows[i].operation);
            assert_int_equal(value.value, rows[i].value);
        }
        err_clear(&err);
    }
}

static struct device_list list_of(const char *text)
{
    _cleanup_strv_ char **parts = strv_split(text, ",");
    struct device_list list = {0};

    for (size_t i = 0; parts && parts[i]; i++) {
        struct device_entry entry;

        assert_int_equal(device_parse(parts[i], &entry, NULL), 0);
        device_list_add(&list, &entry);
    }
    return list;
}

static void assert_list(const struct device_list *list, const char *expected)
{
    char *text = str_dup("");

    for (size_t i = 0; i < list->count; i++) {
        _cleanup_free_ char *entry = device_format(&list->items[i]);
        char *longer = str_printf("%s%s%s", text, i ? "," : "", entry);

        free(text);
        text = longer;
    }
    assert_string_equal(text, expected);
    free(text);
}

static int change(struct device_manager *manager, bool first, const char *add, const char *remove,
    struct err *err)
{
    struct device_list a = list_of(add), b = list_of(remove);
    int r = first ? device_manager_configure(manager, "mesos/c1", &a, &b, err)
                  : device_manager_reconfigure(manager, "mesos/c1", &a, &b, err);

    device_list_release(&a);
    device_list_release(&b);
    return r;
}

/* LV2-18, LV2-26, LV2-27. */
static void test_device_manager(void **state)
{
    struct world world;
    struct err err = ERR_INIT;
    struct cgroup_fs *fs;
    struct device_manager *manager, *next;
    char *known[] = {(char *)(uintptr_t) "mesos/c1", NULL};
    char *nobody[] = {NULL};

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V2, "", NULL);
    fs = cgroup_hierarchy_find(world.host->cgroups, "")->fs;
    assert_int_equal(cgroup_create_recursive(fs, "mesos/c1", &err), 0);
    assert_int_equal(host_mkdir(world.host, "/work/meta", 0755, true, &err), 0);
    manager = device_manager_new(fs, "/work/meta/devices");
    assert_int_equal(change(manager, true, "c 1:3 r,c 1:3 w", "", &err), -EINVAL);
    assert_int_equal(change(manager, true, "c 1:3 r", "c 1:* w", &err), -EINVAL);
    assert_int_equal(change(manager, true, "c 1:3 r", "c 1:3 rw", &err), -EINVAL);
    assert_int_equal(change(manager, true, "c 5:* rwm", "", &err), 0);
    assert_int_equal(change(manager, true, "c 1:3 r", "", &err), -EEXIST);
    assert_int_equal(change(manager, false, "c 1:* r", "", &err), -EINVAL);
    assert_int_equal(change(manager, false, "c 1:3 rw", "", &err), 0);
    assert_list(device_manager_allowed(manager, "mesos/c1"), "c 5:* rwm,c 1:3 rw");
    assert_int_equal(change(manager, false, "", "c 5:1 w,c 1:3 w", &err), 0);
    assert_list(device_manager_allowed(manager, "mesos/c1"), "c 5:* rwm,c 1:3 r");
    assert_list(device_manager_denied(manager, "mesos/c1"), "c 5:1 w");
    assert_int_equal(change(manager, false, "c 5:1 w", "", &err), 0);
    assert_list(device_manager_denied(manager, "mesos/c1"), "");

    next = device_manager_new(fs, "/work/meta/devices");
    assert_int_equal(device_manager_recover(next, known, &err), 0);
    assert_list(device_manager_allowed(next, "mesos/c1"), "c 5:* rwm,c 1:3 r");
    device_manager_free(next);
    next = device_manager_new(fs, "/work/meta/devices");
    assert_int_equal(device_manager_recover(next, nobody, &err), 0);
    assert_null(device_manager_allowed(next, "mesos/c1"));
    device_manager_free(next);
    assert_int_equal(
        host_file_write(world.host, "/work/meta/devices", "nonsense", 8, 0644, &err), 0);
    next = device_manager_new(fs, "/work/meta/devices");
    assert_int_equal(device_manager_recover(next, known, &err), -EINVAL);
    device_manager_free(next);
    device_manager_remove(manager, "mesos/c1");
    assert_null(device_manager_allowed(manager, "mesos/c1"));
    device_manager_free(manager);
    err_clear(&err);
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handles),
        cmocka_unit_test(test_blkio_lines),
        cmocka_unit_test(test_device_manager),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
