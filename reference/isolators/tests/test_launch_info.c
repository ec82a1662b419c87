/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The isolators whose work is the launch info: what a config makes them return, as JSON, or why
 * they refuse (isolators.md 5 to 10). One row a case.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reference/isolators/tests/world.h"

#define FS "filesystem/linux"

/* The outcome of prepare, as text: the launch info as JSON, "none", or "!message". */
static void keep_text(void *arg, int result, const void *value, const struct err *err)
{
    char **text = arg;

    assert_null(*text);
    if (result < 0)
        *text = str_printf("!%s", err_text(err));
    else
        *text = value ? json_type_encode_text(&launch_info_json, value) : str_dup("none");
}

struct row {
    const char *isolator;
    const char *isolation;
    const char *flags[5];
    const char *id;
    const char *config; /* JSON, merged over an empty one */
    const char *expected;
};

static const struct row rows[] = {
    {"linux/nnp", "linux/nnp", {NULL}, "c1", "{}", "{\"no_new_privileges\":true}"},
    {"posix/rlimits", "posix/rlimits", {NULL}, "c1", "{}", "none"},
    {"posix/rlimits", "posix/rlimits", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"rlimit_info\":{\"rlimits\":[{\"type\":\"RLMT_"
        "NOFILE\","
        "\"hard\":10,\"soft\":5}]}}}",
        "{\"rlimits\":{\"rlimits\":[{\"type\":\"RLMT_NOFILE\",\"hard\":10,\"soft\":5}]}}"},

    /* linux/capabilities: requested, else the operator's; bounding within the operator's. */
    {"linux/capabilities", "linux/capabilities", {NULL}, "c1", "{}", "none"},
    {"linux/capabilities", "linux/capabilities", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"effective_capabilities\":"
        "{\"capabilities\":[\"KILL\"]}}}}",
        "{\"effective_capabilities\":{\"capabilities\":[\"KILL\"]},"
        "\"bounding_capabilities\":{\"capabilities\":[\"KILL\"]}}"},
    {"linux/capabilities", "linux/capabilities",
        {"effective_capabilities", "{\"capabilities\":[\"CHOWN\"]}", "bounding_capabilities",
            "{\"capabilities\":[\"CHOWN\",\"KILL\"]}"},
        "c1", "{}",
        "{\"effective_capabilities\":{\"capabilities\":[\"CHOWN\"]},"
        "\"bounding_capabilities\":{\"capabilities\":[\"CHOWN\",\"KILL\"]}}"},
    {"linux/capabilities", "linux/capabilities", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"effective_capabilities\":"
        "{\"capabilities\":[\"KILL\"]},\"capability_info\":{\"capabilities\":[\"KILL\"]}}}}",
        "!only one of linux_info.capability_info and effective_capabilities may be set"},
    {"linux/capabilities", "linux/capabilities",
        {"bounding_capabilities", "{\"capabilities\":[\"CHOWN\"]}"}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"bounding_capabilities\":"
        "{\"capabilities\":[\"KILL\"]}}}}",
        "!the bounding capability KILL is beyond what --bounding_capabilities allows"},
    {"linux/capabilities", "linux/capabilities",
        {"bounding_capabilities", "{\"capabilities\":[\"CHOWN\"]}"}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"effective_capabilities\":"
        "{\"capabilities\":[\"KILL\"]}}}}",
        "!the effective capability KILL is not in the bounding set"},
    {"linux/capabilities", "linux/capabilities", {NULL}, "c1",
        "{\"rootfs\":\"/images/"
        "a\",\"task_info\":{\"name\":\"t\",\"task_id\":\"t\"},\"container_info\":"
        "{\"type\":\"MESOS\",\"linux_info\":{\"effective_capabilities\":{\"capabilities\":["
        "\"KILL\"]}}}}",
        "{\"command\":{\"arguments\":[\"--effective_capabilities={\\\"capabilities\\\":["
        "\\\"KILL\\\"]}\","
        "\"--bounding_capabilities={\\\"capabilities\\\":[\\\"KILL\\\"]}\"]}}"},

    /* namespaces/pid: the rows of launchers.md 4. */
    {"namespaces/pid", FS ",namespaces/pid", {NULL}, "c1", "{}",
        "{\"clone_namespaces\":[\"pid\",\"mnt\"],\"mounts\":[{\"target\":\"/"
        "proc\",\"source\":\"proc\","
        "\"type\":\"proc\",\"flags\":14}]}"},
    {"namespaces/pid", FS ",namespaces/pid", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"share_pid_namespace\":true}}}",
        "{}"},
    {"namespaces/pid", FS ",namespaces/pid", {"disallow_sharing_agent_pid_namespace", "true"}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"share_pid_namespace\":true}}}",
        "!sharing the agent's pid namespace is not allowed"},
    {"namespaces/pid", FS ",namespaces/pid", {NULL}, "p.c", "{}",
        "{\"enter_namespaces\":[\"pid\"],\"clone_namespaces\":[\"pid\",\"mnt\"],\"mounts\":[{"
        "\"target\":"
        "\"/proc\",\"source\":\"proc\",\"type\":\"proc\",\"flags\":14}]}"},
    {"namespaces/pid", FS ",namespaces/pid", {NULL}, "p.d", "{\"container_class\":\"DEBUG\"}",
        "{\"enter_namespaces\":[\"pid\"]}"},
    {"namespaces/pid", FS ",namespaces/pid", {"runtime_dir", "/run/m"}, "p.c",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"share_pid_namespace\":true}}}",
        "{\"enter_namespaces\":[\"pid\"],\"clone_namespaces\":[\"mnt\"],\"file_operations\":["
        "{\"operation\":\"MKDIR\",\"target\":\"/run/m/containers/p/containers/c/mnt/host_proc\","
        "\"recursive\":true},{\"operation\":\"MOUNT\",\"mount\":{\"target\":"
        "\"/run/m/containers/p/containers/c/mnt/host_proc\",\"source\":\"/proc\",\"flags\":8192}},"
        "{\"operation\":\"MOUNT\",\"mount\":{\"target\":\"/"
        "proc\",\"source\":\"proc\",\"type\":\"proc\","
        "\"flags\":14}}]}"},

    /* namespaces/ipc: the table of isolators.md 9. */
    {"namespaces/ipc", FS ",namespaces/ipc", {NULL}, "c1", "{}",
        "{\"clone_namespaces\":[\"ipc\"]}"},
    {"namespaces/ipc", FS ",namespaces/ipc", {NULL}, "p.c", "{}",
        "{\"enter_namespaces\":[\"ipc\"]}"},
    {"namespaces/ipc", FS ",namespaces/ipc", {NULL}, "p.c", "{\"container_class\":\"DEBUG\"}",
        "{\"enter_namespaces\":[\"ipc\"]}"},
    {"namespaces/ipc", FS ",namespaces/ipc", {NULL}, "c1", "{\"rootfs\":\"/images/a\"}",
        "{\"clone_namespaces\":[\"ipc\"],\"mounts\":[{\"target\":\"/images/a/dev/"
        "shm\",\"source\":\"tmpfs\","
        "\"type\":\"tmpfs\",\"flags\":16777222,\"options\":\"mode=1777\"}]}"},
    {"namespaces/ipc", FS ",namespaces/ipc", {"runtime_dir", "/run/m"}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"ipc_mode\":\"PRIVATE\",\"shm_"
        "size\":16}}}",
        "{\"clone_namespaces\":[\"ipc\",\"mnt\"],\"mounts\":[{\"target\":\"/dev/shm\",\"source\":"
        "\"/run/m/containers/c1/shm\",\"flags\":20480}]}"},
    {"namespaces/ipc", FS ",namespaces/ipc", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"ipc_mode\":\"SHARE_PARENT\"}}}",
        "{}"},
    {"namespaces/ipc", FS ",namespaces/ipc", {"disallow_sharing_agent_ipc_namespace", "true"}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"ipc_mode\":\"SHARE_PARENT\"}}}",
        "!sharing the agent's ipc namespace is not allowed"},
    {"namespaces/ipc", FS ",namespaces/ipc", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"linux_info\":{\"shm_size\":16}}}",
        "!linux_info.shm_size may only be set with ipc_mode PRIVATE"},
    {"namespaces/ipc", FS ",namespaces/ipc", {NULL}, "p.c",
        "{\"container_class\":\"DEBUG\",\"container_info\":{\"type\":\"MESOS\",\"linux_info\":"
        "{\"ipc_mode\":\"PRIVATE\"}}}",
        "!a DEBUG container can't have a private ipc namespace"},

    /* docker/runtime: the rows of isolators.md 7. */
    {"docker/runtime", "docker/runtime", {NULL}, "c1", "{}", "none"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":true},\"docker\":{\"manifest\":{\"config\":{}}}}",
        "!a shell command without a value"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":false,\"value\":\"ls\"},\"docker\":{\"manifest\":{\"config\":"
        "{\"Env\":[\"A=1\",\"bad\",\"B=x=y\"],\"WorkingDir\":\"/srv\",\"Entrypoint\":[\"e\"]}}}}",
        "{\"environment\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"B\",\"value\":\"x=y\"}],"
        "\"working_directory\":\"/srv\"}"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":false},\"docker\":{\"manifest\":{\"config\":"
        "{\"Entrypoint\":[\"e\",\"1\"],\"Cmd\":[\"c\"]}}}}",
        "{\"command\":{\"shell\":false,\"value\":\"e\",\"arguments\":[\"e\",\"1\",\"c\"]}}"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":false,\"arguments\":[\"x\"]},\"docker\":{\"manifest\":{"
        "\"config\":"
        "{\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]}}}}",
        "{\"command\":{\"shell\":false,\"value\":\"e\",\"arguments\":[\"e\",\"x\"]}}"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":false},\"docker\":{\"manifest\":{\"config\":{\"Cmd\":[\"c\","
        "\"2\"]}}}}",
        "{\"command\":{\"shell\":false,\"value\":\"c\",\"arguments\":[\"c\",\"2\"]}}"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":false,\"arguments\":[\"x\"]},\"docker\":{\"manifest\":{"
        "\"config\":"
        "{\"Cmd\":[\"c\",\"2\"]}}}}",
        "{\"command\":{\"shell\":false,\"value\":\"c\",\"arguments\":[\"c\",\"x\"]}}"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":false,\"arguments\":[\"x\"]},\"docker\":{\"manifest\":{"
        "\"config\":{}}}}",
        "!no executable: neither the command nor the image names one"},
    {"docker/runtime", "docker/runtime", {NULL}, "c1",
        "{\"task_info\":{\"name\":\"t\",\"task_id\":\"t\",\"command\":{\"shell\":false}},"
        "\"docker\":"
        "{\"manifest\":{\"config\":{\"Cmd\":[\"c\"],\"Env\":[\"A=1\"],\"WorkingDir\":\"/srv\"}}}}",
        "{\"task_environment\":[{\"name\":\"A\",\"value\":\"1\"}],\"command\":{\"arguments\":"
        "[\"--working_directory=/"
        "srv\",\"--task_command={\\\"shell\\\":false,\\\"value\\\":\\\"c\\\","
        "\\\"arguments\\\":[\\\"c\\\"]}\"]}}"},
    {"appc/runtime", "appc/runtime", {NULL}, "c1",
        "{\"command_info\":{\"shell\":false,\"arguments\":[\"x\"]},\"appc\":{\"manifest\":{\"app\":"
        "{\"exec\":[\"e\",\"1\"],\"workingDirectory\":\"/"
        "w\",\"environment\":[{\"name\":\"A\",\"value\":\"1\"}]}}}}",
        "{\"environment\":[{\"name\":\"A\",\"value\":\"1\"}],\"command\":{\"shell\":false,"
        "\"value\":\"e\","
        "\"arguments\":[\"e\",\"x\"]},\"working_directory\":\"/w\"}"},

    /* volume/host_path and volume/sandbox_path: targets, sources, refusals (isolators.md 10). */
    {"volume/host_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"data\","
        "\"host_path\":\"/host/dir\"}]}}",
        "{\"clone_namespaces\":[\"mnt\"],\"mounts\":[{\"target\":\"/work/sandbox/data\",\"source\":"
        "\"/host/dir\",\"flags\":20480}]}"},
    {"volume/host_path", FS, {NULL}, "c1",
        "{\"rootfs\":\"/images/"
        "a\",\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RO\","
        "\"container_path\":\"/data\",\"host_path\":\"/host/file\"}]}}",
        "{\"clone_namespaces\":[\"mnt\"],\"mounts\":[{\"target\":\"/images/a/data\",\"source\":"
        "\"/host/file\",\"flags\":20481}]}"},
    {"volume/host_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"data\","
        "\"host_path\":\"/host/missing\"}]}}",
        "!the host path \"/host/missing\" does not exist"},
    {"volume/host_path", FS, {"host_path_volume_force_creation", "/host/new:/x"}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"data\","
        "\"host_path\":\"/host/./new/a\"}]}}",
        "{\"clone_namespaces\":[\"mnt\"],\"mounts\":[{\"target\":\"/work/sandbox/data\",\"source\":"
        "\"/host/./new/a\",\"flags\":20480}]}"},
    {"volume/host_path", FS, {"host_path_volume_force_creation", "/host/new"}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"data\","
        "\"host_path\":\"/host/new/../../etc\"}]}}",
        "!the host path \"/host/new/../../etc\" has a \"..\" in it"},
    {"volume/host_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"../data\","
        "\"host_path\":\"/host/dir\"}]}}",
        "!container_path: expected a path without \"..\", got \"../data\""},
    {"volume/host_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"/none\","
        "\"host_path\":\"/host/dir\"}]}}",
        "!the mount point \"/none\" does not exist on the host"},
    {"volume/host_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"d\","
        "\"source\":{\"type\":\"HOST_PATH\",\"host_path\":{\"path\":\"rel\"}}}]}}",
        "!volume.source.host_path.path: expected an absolute path, got \"rel\""},
    {"volume/host_path", FS, {NULL}, "p.d",
        "{\"container_class\":\"DEBUG\",\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{"
        "\"mode\":\"RW\","
        "\"container_path\":\"d\",\"host_path\":\"/host/dir\"}]}}",
        "!a DEBUG container can't have host path volumes"},
    {"volume/host_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"d\","
        "\"host_path\":\"/host/dir\",\"mount_propagation\":\"BIDIRECTIONAL\"}]}}",
        "{\"clone_namespaces\":[\"mnt\"],\"mounts\":[{\"target\":\"/work/sandbox/d\",\"source\":"
        "\"/host/dir\",\"flags\":20480},{\"target\":\"/work/sandbox/d\",\"flags\":1048576}]}"},
    {"volume/sandbox_path", FS, {NULL}, "c1",
        "{\"rootfs\":\"/images/"
        "a\",\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\","
        "\"container_path\":\"/"
        "data\",\"source\":{\"type\":\"SANDBOX_PATH\",\"sandbox_path\":{\"type\":\"SELF\","
        "\"path\":\"sub\"}}}]}}",
        "{\"clone_namespaces\":[\"mnt\"],\"mounts\":[{\"target\":\"/images/a/data\",\"source\":"
        "\"/work/sandbox/sub\",\"flags\":20480,\"source_root\":\"/work/sandbox\"}]}"},
    {"volume/sandbox_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"data\","
        "\"source\":{\"type\":\"SANDBOX_PATH\",\"sandbox_path\":{\"type\":\"SELF\",\"path\":"
        "\"sub\"}}}]}}",
        "!a SELF sandbox path volume needs an absolute container_path"},
    {"volume/sandbox_path", FS, {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"data\","
        "\"source\":{\"type\":\"SANDBOX_PATH\",\"sandbox_path\":{\"type\":\"PARENT\",\"path\":"
        "\"sub\"}}}]}}",
        "!a PARENT sandbox path volume needs a nested container"},
    {"volume/sandbox_path", FS, {NULL}, "p.c",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"data\","
        "\"source\":{\"type\":\"SANDBOX_PATH\",\"sandbox_path\":{\"type\":\"PARENT\",\"path\":\"/"
        "abs\"}}}]}}",
        "!volume.source.sandbox_path.path: expected a relative path without \"..\", got \"/abs\""},
    {"volume/sandbox_path", "volume/sandbox_path", {NULL}, "c1",
        "{\"rootfs\":\"/images/"
        "a\",\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\","
        "\"container_path\":\"/data\",\"host_path\":\"sub\"}]}}",
        "!sandbox path volumes with a root file system need filesystem/linux"},

    /* filesystem/linux and posix: what they refuse; environment_secret. */
    {"filesystem/linux", FS, {NULL}, "c1", "{}", "{\"clone_namespaces\":[\"mnt\"]}"},
    {"filesystem/linux", FS, {NULL}, "p.d", "{\"container_class\":\"DEBUG\"}",
        "{\"enter_namespaces\":[\"mnt\"]}"},
    {"filesystem/linux", FS, {NULL}, "p.d",
        "{\"container_class\":\"DEBUG\",\"rootfs\":\"/images/a\"}",
        "!a DEBUG container can't have a root file system or volumes"},
    {"filesystem/linux", FS, {NULL}, "c1",
        "{\"resources\":[{\"name\":\"disk\",\"type\":\"SCALAR\",\"scalar\":1,\"disk\":{"
        "\"persistence\":{\"id\":"
        "\"v\"},\"container_path\":\"v\"}}]}",
        "!a standalone container can't have persistent volumes"},
    {"filesystem/posix", "filesystem/posix", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"mesos\":{\"image\":{\"type\":\"DOCKER\","
        "\"name\":\"a\"}}}}",
        "!container images need the filesystem/linux isolator"},
    {"filesystem/posix", "filesystem/posix", {NULL}, "c1",
        "{\"container_info\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":"
        "\"d\","
        "\"host_path\":\"/host/dir\"}]}}",
        "!volumes need the filesystem/linux isolator"},
    {"environment_secret", "", {NULL}, "c1",
        "{\"command_info\":{\"environment\":[{\"name\":\"A\",\"type\":\"SECRET\",\"secret\":{"
        "\"type\":\"VALUE\","
        "\"value\":{\"data\":\"s\"}}},{\"name\":\"B\",\"value\":\"b\"}]}}",
        "{\"environment\":[{\"name\":\"A\",\"value\":\"s\"}]}"},
    {"environment_secret", "", {NULL}, "c1",
        "{\"command_info\":{\"environment\":[{\"name\":\"A\",\"type\":\"SECRET\",\"value\":\"x\"}]}"
        "}",
        "!environment variable 'A' of type 'SECRET' must have a secret set and no value"},
};

static void host_prepare(struct world *world)
{
    struct host *host = world->host;

    assert_int_equal(host_mkdir(host, "/host/dir", 0755, true, NULL), 0);
    assert_int_equal(host_file_write(host, "/host/file", "x", 1, 0644, NULL), 0);
    assert_int_equal(host_mkdir(host, "/images/a", 0755, true, NULL), 0);
    assert_int_equal(host_mkdir(host, "/work/sandbox", 0755, true, NULL), 0);
}

static void row_check(const struct row *row)
{
    struct container_config config = {0};
    struct err err = ERR_INIT;
    struct outcome cleanup = {0};
    struct world world;
    char *text = NULL;

    world_start(&world, CGROUP_LAYOUT_V1, row->isolation, row->flags);
    host_prepare(&world);
    json_type_init(&container_config_json, &config);
    if (json_type_decode_text(
            &container_config_json, row->config, strlen(row->config), &config, "config", &err) < 0)
        fail_msg("%s: %s", row->config, err_text(&err));
    str_set(&config.directory, "/work/sandbox");
    isolator_prepare(
        world_isolator(&world, row->isolator), row->id, &config, DONE(keep_text, &text));
    if (strcmp(text, row->expected) != 0)
        fail_msg("%s of %s:\n  expected %s\n  got      %s", row->isolator, row->config,
            row->expected, text);
    isolator_cleanup(world_isolator(&world, row->isolator), row->id, DONE(outcome_done, &cleanup));
    assert_int_equal(cleanup.calls, 1);
    assert_int_equal(cleanup.result, 0);
    outcome_release(&cleanup);
    free(text);
    json_type_release(&container_config_json, &config);
    world_stop(&world);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        row_check(&rows[i]);
}

/* The mounts of a root file system come in the order of isolators.md 6.2. */
static void test_rootfs_mounts(void **state)
{
    static const char *const targets[] = {"", "/proc", "/proc/bus", "/proc/fs", "/proc/irq",
        "/proc/sys", "/proc/sysrq-trigger", "/sys", "/sys/fs/cgroup", "/dev", "/dev/pts",
        "/dev/shm", "/dev/full", "/dev/null", "/dev/random", "/dev/tty", "/dev/urandom",
        "/dev/zero", "/mnt/mesos/sandbox"};
    struct container_config config = {0};
    struct world world;
    struct launch_info info = {0};
    char *text = NULL;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V1, FS, NULL);
    host_prepare(&world);
    json_type_init(&container_config_json, &config);
    config.directory = str_dup("/work/sandbox");
    config.rootfs = str_dup("/images/a");
    isolator_prepare(
        world_isolator(&world, "filesystem/linux"), "c1", &config, DONE(keep_text, &text));
    json_type_init(&launch_info_json, &info);
    assert_int_equal(
        json_type_decode_text(&launch_info_json, text, strlen(text), &info, "info", NULL), 0);
    assert_int_equal(info.mounts_count, ARRAY_SIZE(targets));
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++)
        assert_string_equal(info.mounts[i].target + strlen("/images/a"), targets[i]);
    assert_int_equal(strv_length(info.masked_paths), 11);
    assert_int_equal(info.file_operations_count, 5);
    json_type_release(&launch_info_json, &info);
    json_type_release(&container_config_json, &config);
    free(text);
    world_stop(&world);
}

/* Who shares whose /dev/shm, down a tree (NS-06 to NS-08). */
static void test_shm_of_parents(void **state)
{
    static const struct {
        const char *id;
        const char *mode;
        const char *source; /* of the bind; NULL: none */
    } tree[] = {
        {"p", "PRIVATE", "/run/m/containers/p/shm"},
        {"p.c", "SHARE_PARENT", "/run/m/containers/p/shm"},
        {"p.c.g", "SHARE_PARENT", "/run/m/containers/p/shm"},
        {"p.own", "PRIVATE", "/run/m/containers/p/containers/own/shm"},
        {"q", "SHARE_PARENT", NULL},
        {"q.c", "SHARE_PARENT", NULL},
    };
    static const char *const flags[] = {"runtime_dir", "/run/m", NULL};
    struct world world;

    (void)state;
    world_start(&world, CGROUP_LAYOUT_V1, FS ",namespaces/ipc", flags);
    host_prepare(&world);
    for (size_t i = 0; i < ARRAY_SIZE(tree); i++) {
        struct linux_info linux_info = {.ipc_mode = (char *)(uintptr_t)tree[i].mode};
        struct container_info container = {.linux_info = &linux_info};
        struct container_config config = {
            .container_info = &container, .directory = (char *)(uintptr_t) "/work/sandbox"};
        char *text = NULL;

        isolator_prepare(
            world_isolator(&world, "namespaces/ipc"), tree[i].id, &config, DONE(keep_text, &text));
        if (tree[i].source)
            assert_non_null(strstr(text, tree[i].source));
        else
            assert_null(strstr(text, "shm"));
        free(text);
    }
    for (size_t i = ARRAY_SIZE(tree); i-- > 0;) {
        struct outcome cleanup = {0};

        isolator_cleanup(
            world_isolator(&world, "namespaces/ipc"), tree[i].id, DONE(outcome_done, &cleanup));
        assert_int_equal(cleanup.result, 0);
        outcome_release(&cleanup);
    }
    assert_false(host_is_mounted(world.host, "/run/m/containers/p/shm"));
    world_stop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_rootfs_mounts),
        cmocka_unit_test(test_shm_of_parents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
