/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/mount.h>

#include "reference/base/mem.h"
#include "reference/isolators/launch_build.h"
#include "scenarios/engine/oci/bundle.h"

static const struct bundle_place place = {
    .root = "/world-root", .writable = "/world", .cgroups = "/runtime/1"};

static void plan_begin(struct plan *plan)
{
    plan_init(plan);
    plan->info.command = mem_alloc(sizeof(*plan->info.command));
    plan->info.command->value = str_dup("/bin/true");
}

/* The value at that place of the config; the config is kept until the next call. */
static json_t *config_of(const struct plan *plan, const char *key)
{
    static json_t *config;
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = NULL;
    if (bundle_config(NULL, plan, &place, &text, &err) < 0)
        fail_msg("%s", err_text(&err));
    json_decref(config);
    /* The largest number of 64 bits is beyond the library: as a real one it can be read. */
    config = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(config);
    return json_object_get(config, key);
}

static void assert_json(const json_t *value, const char *expected)
{
    _cleanup_free_ char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    assert_string_equal(text, expected);
}

static void assert_refused(const struct plan *plan, int code, const char *why)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *text = NULL;
    assert_int_equal(bundle_config(NULL, plan, &place, &text, &err), code);
    assert_string_equal(err_text(&err), why);
    assert_null(text);
}

static void test_namespaces(void **state)
{
    (void)state;
    struct plan plan;
    plan_begin(&plan);
    plan.clone_namespaces = NS_BIT(NS_PID) | NS_BIT(NS_MNT);
    plan.enter_namespaces = NS_BIT(NS_IPC);
    plan.enter_pid = 7;
    assert_json(json_object_get(config_of(&plan, "linux"), "namespaces"),
        "[{\"path\":\"/proc/7/ns/ipc\",\"type\":\"ipc\"},{\"type\":\"pid\"},{\"type\":\"mount\"}]");
    plan.clone_namespaces = 0;
    plan.enter_namespaces = NS_BIT(NS_PID);
    assert_json(json_object_get(config_of(&plan, "linux"), "namespaces"),
        "[{\"path\":\"/proc/7/ns/pid\",\"type\":\"pid\"},{\"type\":\"mount\"}]");
    plan.mount_namespace_pid = 7;
    assert_refused(&plan, -EOPNOTSUPP, "another container's mount namespace");
    plan.mount_namespace_pid = 0;
    plan.clone_namespaces = NS_BIT(NS_PID);
    assert_refused(&plan, -EOPNOTSUPP, "a pid namespace below another container's");
    plan_release(&plan);
}

static void test_mounts_in_a_root(void **state)
{
    (void)state;
    struct plan plan;
    plan_begin(&plan);
    plan.info.rootfs = str_dup("/root");
    launch_add_mount(&plan.info, "/root", "/root", NULL, MS_BIND | MS_REC, NULL);
    launch_add_mount(&plan.info, "proc", "/proc", "proc", 0, NULL);
    launch_add_mount(&plan.info, "/rooted", "/rooted/x", NULL, MS_BIND, NULL);
    launch_add_mount(&plan.info, "tmpfs", "/root/t", "tmpfs", MS_NOSUID, "mode=1777,size=4096");
    launch_add_mount(&plan.info, "/data", "/root/d", NULL, MS_BIND | MS_REC, NULL);
    launch_add_mount(&plan.info, NULL, "/root/d", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    launch_add_mount(&plan.info, NULL, "/root/d", NULL, MS_SLAVE | MS_REC, NULL);
    launch_add_mount(&plan.info, NULL, "/root/t/r", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    launch_add_symlink(&plan.info, "/proc/self/fd", "/root/dev/fd");
    launch_add_masked(&plan.info, "/root/proc/keys");
    launch_add_mount(
        &plan.info, "/root/proc/bus", "/root/proc/bus", NULL, MS_BIND | MS_RDONLY, NULL);
    assert_json(config_of(&plan, "mounts"),
        "[{\"destination\":\"/t\",\"options\":[\"nosuid\",\"mode=1777\",\"size=4096\"],"
        "\"source\":\"tmpfs\",\"type\":\"tmpfs\"},"
        "{\"destination\":\"/d\",\"options\":[\"rbind\",\"ro\",\"rslave\"],\"source\":\"/data\","
        "\"type\":\"bind\"},"
        "{\"destination\":\"/t/r\",\"options\":[\"bind\",\"ro\"],\"source\":\"/root/t/r\","
        "\"type\":\"bind\"}]");
    assert_json(config_of(&plan, "root"), "{\"path\":\"/root\",\"readonly\":false}");
    assert_json(json_object_get(config_of(&plan, "linux"), "maskedPaths"), "[\"/proc/keys\"]");
    assert_json(json_object_get(config_of(&plan, "linux"), "readonlyPaths"), "[\"/proc/bus\"]");
    launch_add_mount(&plan.info, NULL, "/root", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL);
    assert_json(config_of(&plan, "root"), "{\"path\":\"/root\",\"readonly\":true}");
    launch_add_rename(&plan.info, "/root/a", "/root/b");
    assert_refused(&plan, -EOPNOTSUPP, "an operation on the file /root/b");
    plan_release(&plan);
}

/* A runtime makes nodes and links in /dev: never in the host's. */
static void test_devices_without_a_root(void **state)
{
    (void)state;
    struct plan plan;
    plan_begin(&plan);
    const json_t *mounts = config_of(&plan, "mounts");
    assert_json(json_object_get(json_array_get(mounts, 0), "destination"), "\"/dev\"");
    assert_json(json_object_get(json_array_get(mounts, 0), "type"), "\"tmpfs\"");
    assert_json(json_array_get(mounts, 3),
        "{\"destination\":\"/world\",\"options\":[\"rbind\"],\"source\":\"/world\","
        "\"type\":\"bind\"}");
    assert_json(json_object_get(config_of(&plan, "root"), "path"), "\"/world-root\"");
    plan_release(&plan);
}

static void test_groups_without_a_user(void **state)
{
    (void)state;
    struct plan plan;
    plan_begin(&plan);
    strv_add(&plan.info.supplementary_groups, "4242");
    assert_json(json_object_get(config_of(&plan, "process"), "user"),
        "{\"additionalGids\":[],\"gid\":0.0,\"uid\":0.0}");
    plan_release(&plan);
}

static struct capability_info *capabilities(const char *name)
{
    struct capability_info *info = mem_alloc(sizeof(*info));
    strv_add(&info->capabilities, name);
    return info;
}

static void test_capabilities(void **state)
{
    (void)state;
    struct plan plan;
    plan_begin(&plan);
    const json_t *sets = json_object_get(config_of(&plan, "process"), "capabilities");
    assert_true(json_equal(
        json_object_get(sets, "effective"), json_object_get(sets, "bounding")));
    assert_json(json_object_get(sets, "ambient"), "[]");
    plan.info.effective_capabilities = capabilities("CHOWN");
    assert_json(json_object_get(config_of(&plan, "process"), "capabilities"),
        "{\"ambient\":[\"CAP_CHOWN\"],\"bounding\":[\"CAP_CHOWN\"],\"effective\":[\"CAP_CHOWN\"],"
        "\"inheritable\":[\"CAP_CHOWN\"],\"permitted\":[\"CAP_CHOWN\"]}");
    plan.info.bounding_capabilities = capabilities("CAP_FLY");
    assert_refused(&plan, -EINVAL, "unknown capability CAP_FLY");
    plan_release(&plan);
}

static void test_limits(void **state)
{
    (void)state;
    struct plan plan;
    plan_begin(&plan);
    plan.info.rlimits = mem_alloc(sizeof(*plan.info.rlimits));
    plan.info.rlimits->rlimits = mem_alloc(2 * sizeof(*plan.info.rlimits->rlimits));
    plan.info.rlimits->rlimits_count = 2;
    struct rlimit *limits = plan.info.rlimits->rlimits;
    limits[0] = (struct rlimit){str_dup("RLMT_NOFILE"), OPT(200), OPT(100)};
    limits[1] = (struct rlimit){.type = str_dup("RLMT_CORE")};
    _cleanup_free_ char *text = NULL;
    assert_int_equal(bundle_config(NULL, &plan, &place, &text, NULL), 0);
    assert_non_null(strstr(text, "{\"type\":\"RLIMIT_NOFILE\",\"soft\":100,\"hard\":200}"));
    assert_non_null(strstr(text, "{\"type\":\"RLIMIT_CORE\",\"soft\":18446744073709551615,"
                                 "\"hard\":18446744073709551615}"));
    limits[1].soft = (struct opt_u64)OPT(1);
    assert_refused(&plan, -EINVAL, "resource limit RLMT_CORE has only one bound");
    plan_release(&plan);
}

static void test_wordless(void **state)
{
    static const char *const argv[] = {"true", NULL};
    (void)state;
    struct plan plan;
    plan_begin(&plan);
    plan.info.tty_slave_path = str_dup("/dev/pts/0");
    assert_refused(&plan, -EOPNOTSUPP, "a terminal of the agent's");
    launch_add_pre_exec(&plan.info, argv);
    assert_refused(&plan, -EOPNOTSUPP, "commands before that of the container");
    plan_release(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_mounts_in_a_root),
        cmocka_unit_test(test_devices_without_a_root),
        cmocka_unit_test(test_groups_without_a_user),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_wordless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
