/* SPDX-License-Identifier: Apache-2.0 */
/* The hierarchies of the simulated kernel as the agent sees them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakes/tests/sim_fixture.h"
#include "reference/cgroups/device_program.h"

static const struct {
    enum cgroup_layout layout;
    bool unified;
    bool hybrid;
    const char *memory_at; /* NULL: there is none */
    const char *v2_at;
} layouts[] = {
    {CGROUP_LAYOUT_NONE, false, false, NULL, NULL},
    {CGROUP_LAYOUT_V1, false, false, "/sys/fs/cgroup/memory", NULL},
    {CGROUP_LAYOUT_V2, true, false, "/sys/fs/cgroup", "/sys/fs/cgroup"},
    {CGROUP_LAYOUT_HYBRID, false, true, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"},
};

static void assert_mounted_at(
    struct sim_fixture *fixture, const char *controller, const char *expected)
{
    struct cgroup_hierarchy *hierarchy =
        cgroup_hierarchy_find(fixture->host->cgroups, controller);
    if (!expected) {
        assert_null(hierarchy);
        return;
    }
    assert_non_null(hierarchy);
    assert_string_equal(hierarchy->fs->mount_point, expected);
    assert_string_equal(hierarchy->fs->name, hierarchy->name);
    assert_true(host_is_mounted(fixture->host, expected));
}

static void test_layouts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
        struct sim_fixture fixture;
        sim_fixture_init(&fixture, layouts[i].layout);
        const struct cgroup_hierarchies *cgroups = fixture.host->cgroups;
        assert_int_equal(cgroups != NULL, layouts[i].layout != CGROUP_LAYOUT_NONE);
        if (cgroups) {
            assert_int_equal(cgroups->unified, layouts[i].unified);
            assert_int_equal(cgroups->hybrid, layouts[i].hybrid);
        }
        assert_mounted_at(&fixture, "memory", layouts[i].memory_at);
        assert_mounted_at(&fixture, "", layouts[i].v2_at);
        sim_fixture_release(&fixture);
    }
}

struct watched {
    struct sim_fixture *fixture;
    struct cgroup_fs *fs;
};

static void tell_event(void *arg, int result, uint64_t count)
{
    (void)count;
    struct watched *watched = arg;
    uint64_t populated = 9;
    if (result == 0)
        cgroup_read_key(watched->fs, "c1", "cgroup.events", "populated", &populated, NULL);
    strbuf_addf(&watched->fixture->told, "%d populated %u;", result, (unsigned)populated);
}

static void test_v2(void **state)
{
    (void)state;
    struct sim_fixture fixture;
    sim_fixture_init(&fixture, CGROUP_LAYOUT_V2);
    struct host *host = fixture.host;
    struct cgroup_fs *fs = cgroup_hierarchy_find(host->cgroups, "")->fs;
    pid_t agent = sim_host_process(host)->pid;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(cgroup_create_recursive(fs, "c1/leaf", &err), 0);
    assert_int_equal(cgroup_create(fs, "c1", &err), -EEXIST);
    assert_string_equal(err_text(&err), "create c1 (unified): EEXIST");
    assert_true(cgroup_exists(fs, "c1/leaf"));
    assert_false(cgroup_exists(fs, "c2"));
    assert_true(cgroup_file_exists(fs, "c1", "cgroup.procs"));
    assert_false(cgroup_file_exists(fs, "c1", "cgroup.nothing"));
    _cleanup_strv_ char **names = NULL;
    assert_int_equal(cgroup_list(fs, "", &names, &err), 0);
    assert_string_equal(names[0], "c1");
    assert_null(names[1]);

    struct watched watched = {&fixture, fs};
    struct cgroup_watch *watch = NULL;
    assert_int_equal(
        cgroup_watch(fs, "c1", "cgroup.events", tell_event, &watched, &watch, &err), 0);
    /* "0" is the agent itself */
    assert_int_equal(cgroup_write(fs, "c1/leaf", "cgroup.procs", "0", &err), 0);
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    assert_int_equal(cgroup_read_pids(fs, "c1/leaf", "cgroup.procs", &pids, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(pids[0], agent);
    assert_string_equal(sim_fixture_told(&fixture), "");
    sim_fixture_run(&fixture, 1);
    assert_string_equal(sim_fixture_told(&fixture), "0 populated 1;");
    assert_int_equal(cgroup_remove(fs, "c1/leaf", &err), -EBUSY);
    assert_int_equal(cgroup_write(fs, "", "cgroup.procs", "0", &err), 0);
    sim_fixture_run(&fixture, 1);
    assert_string_equal(sim_fixture_told(&fixture), "0 populated 0;");
    assert_int_equal(cgroup_remove(fs, "c1/leaf", &err), 0);
    assert_int_equal(cgroup_remove(fs, "c1", &err), 0);
    sim_fixture_run(&fixture, 1);
    assert_string_equal(sim_fixture_told(&fixture), "-19 populated 9;");
    sim_fixture_release(&fixture);
}

static void test_born_in_a_cgroup(void **state)
{
    (void)state;
    struct sim_fixture fixture;
    sim_fixture_init(&fixture, CGROUP_LAYOUT_V2);
    struct cgroup_fs *fs = cgroup_hierarchy_find(fixture.host->cgroups, "")->fs;
    struct plan plan;
    sim_fixture_plan(&fixture, &plan, "c1", "sleep 1000");
    pid_t pid = 0;
    int gate = -1;
    _cleanup_err_ struct err err = ERR_INIT;
    plan.into_cgroup = "/sys/fs/cgroup/c1/leaf";
    assert_int_equal(host_spawn(fixture.host, &plan, &pid, &gate, &err), -ENOENT);
    assert_string_equal(err_text(&err), "open /sys/fs/cgroup/c1/leaf: ENOENT");
    assert_int_equal(sim_fixture_processes(&fixture), 0);
    assert_int_equal(cgroup_create_recursive(fs, "c1/leaf", &err), 0);
    assert_int_equal(host_spawn(fixture.host, &plan, &pid, &gate, &err), 0);
    host_gate_release(fixture.host, gate, &err);
    sim_fixture_run(&fixture, 10);
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    assert_int_equal(cgroup_read_pids(fs, "c1/leaf", "cgroup.procs", &pids, &count, &err), 0);
    assert_int_equal(count, 2); /* the helper and the workload */
    assert_int_equal(pids[0], pid);
    /* a pids limit stops the clone */
    assert_int_equal(cgroup_write(fs, "", "cgroup.subtree_control", "+pids", &err), 0);
    assert_int_equal(cgroup_write(fs, "c1", "pids.max", "2", &err), 0);
    pid_t none = 0;
    assert_int_equal(host_spawn(fixture.host, &plan, &none, &gate, &err), -EAGAIN);
    assert_string_equal(err_text(&err), "clone: EAGAIN");
    plan_release(&plan);
    assert_int_equal(cgroup_write(fs, "c1", "cgroup.kill", "1", &err), 0);
    sim_fixture_run(&fixture, 10);
    free(pids);
    pids = NULL;
    assert_int_equal(cgroup_read_pids(fs, "c1/leaf", "cgroup.procs", &pids, &count, &err), 0);
    assert_int_equal(count, 0);
    sim_fixture_release(&fixture);
}

static void tell_count(void *arg, int result, uint64_t count)
{
    struct sim_fixture *fixture = arg;
    strbuf_addf(&fixture->told, "%d %u;", result, (unsigned)count);
}

static void test_v1_listener(void **state)
{
    (void)state;
    struct sim_fixture fixture;
    sim_fixture_init(&fixture, CGROUP_LAYOUT_V1);
    struct cgroup_fs *fs = cgroup_hierarchy_find(fixture.host->cgroups, "memory")->fs;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(cgroup_create(fs, "c1", &err), 0);
    struct cgroup_watch *watch = NULL;
    assert_int_equal(
        cgroup_listen(fs, "c1", "memory.nothing", "", tell_count, &fixture, &watch, &err), -ENOENT);
    assert_string_equal(err_text(&err), "listen to c1/memory.nothing: ENOENT");
    assert_int_equal(
        cgroup_listen(fs, "c1", "memory.oom_control", "", tell_count, &fixture, &watch, &err), 0);
    assert_int_equal(cgroup_write_u64(fs, "c1", "memory.limit_in_bytes", 1 << 20, &err), 0);
    struct plan plan;
    sim_fixture_plan(&fixture, &plan, "c1", "seatrial-workload sleep:10ms alloc:64MiB sleep:1s");
    pid_t pid = 0;
    int gate = -1;
    assert_int_equal(host_spawn(fixture.host, &plan, &pid, &gate, &err), 0);
    plan_release(&plan);
    _cleanup_free_ char *text = str_printf("%d", (int)pid);
    assert_int_equal(cgroup_write(fs, "c1", "cgroup.procs", text, &err), 0);
    host_gate_release(fixture.host, gate, &err);
    sim_fixture_run(&fixture, 100);
    assert_string_equal(sim_fixture_told(&fixture), "0 1;");
    assert_string_equal(sim_fixture_file(&fixture, "/run/seatrial/c1/status"), "9");
    cgroup_unwatch(fs, watch);
    sim_fixture_release(&fixture);
}

static struct device_list devices_parse(const char *const *entries)
{
    struct device_list list = {0};
    for (; *entries; entries++) {
        struct device_entry entry;
        assert_int_equal(device_parse(*entries, &entry, NULL), 0);
        device_list_add(&list, &entry);
    }
    return list;
}

static const struct {
    char type;
    unsigned major;
    unsigned minor;
    const char *access;
    bool allowed; /* by c 1:* rwm, b *:* r, without c 1:9 w */
} device_checks[] = {
    {'c', 1, 3, "rw", true},
    {'c', 1, 9, "r", true},
    {'c', 1, 9, "rw", false},
    {'c', 5, 0, "r", false},
    {'b', 8, 0, "r", true},
    {'b', 8, 0, "m", false},
    {'b', 8, 0, "rw", false},
};

/* The program that the isolators build does in the model what it does in the kernel. */
static void test_device_program(void **state)
{
    (void)state;
    struct sim_fixture fixture;
    sim_fixture_init(&fixture, CGROUP_LAYOUT_V2);
    struct cgroup_fs *fs = cgroup_hierarchy_find(fixture.host->cgroups, "")->fs;
    const struct task *task = sim_host_process(fixture.host)->leader;
    const char *const allow_entries[] = {"c 1:* rwm", "b *:* r", NULL};
    const char *const deny_entries[] = {"c 1:9 w", NULL};
    struct device_list allow = devices_parse(allow_entries);
    struct device_list deny = devices_parse(deny_entries);
    struct device_program program = {0};
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(device_program_build(&allow, &deny, &program, &err), 0);
    assert_int_equal(cgroup_create(fs, "c1", &err), 0);
    assert_int_equal(cgroup_write(fs, "c1", "cgroup.procs", "0", &err), 0);
    assert_int_equal(cgroup_device_check(task, 'c', 5, 0, "r"), 0);
    assert_int_equal(host_device_program(fixture.host, fs, "c2", program.instructions,
                         program.count, &err),
        -ENOENT);
    assert_int_equal(host_device_program(fixture.host, fs, "c1", program.instructions,
                         program.count - 1, &err),
        -EINVAL);
    assert_int_equal(host_device_program(fixture.host, fs, "c1", program.instructions,
                         program.count, &err),
        0);
    for (size_t i = 0; i < ARRAY_SIZE(device_checks); i++)
        assert_int_equal(cgroup_device_check(task, device_checks[i].type, device_checks[i].major,
                             device_checks[i].minor, device_checks[i].access),
            device_checks[i].allowed ? 0 : -EPERM);
    device_program_release(&program);
    device_list_release(&allow);
    device_list_release(&deny);
    sim_fixture_release(&fixture);
}

/* The same hierarchy as files: here those of a plain directory, to see what arrives. */
static void test_files_instead_of_calls(void **state)
{
    (void)state;
    struct sim_fixture fixture;
    sim_fixture_init(&fixture, CGROUP_LAYOUT_V2);
    char directory[] = "/tmp/seatrial-test-XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct host *host = sim_host_new(
        fixture.kernel, NULL, &(struct sim_host_options){.cgroups = directory});
    struct cgroup_fs *fs = cgroup_hierarchy_find(host->cgroups, "")->fs;
    assert_string_equal(fs->mount_point, "/sys/fs/cgroup");
    assert_int_equal(cgroup_create(fs, "c1", NULL), 0);
    assert_true(cgroup_exists(fs, "c1"));
    _cleanup_free_ char *procs = str_printf("%s/c1/cgroup.procs", directory);
    FILE *file = fopen(procs, "w");
    assert_non_null(file);
    fclose(file);
    assert_true(cgroup_file_exists(fs, "c1", "cgroup.procs"));
    assert_int_equal(cgroup_write(fs, "c1", "cgroup.procs", "0", NULL), 0);
    uint64_t pid = 0; /* the server can't tell who is "0": it gets the simulated pid */
    assert_int_equal(cgroup_read_u64(fs, "c1", "cgroup.procs", &pid, NULL), 0);
    assert_int_equal(pid, sim_host_process(host)->pid);
    assert_int_equal(cgroup_chown(fs, "c1", NULL, geteuid(), getegid(), NULL), 0);
    _cleanup_strv_ char **names = NULL;
    assert_int_equal(cgroup_list(fs, "", &names, NULL), 0);
    assert_int_equal(strv_length(names), 1);
    /* watches go to the model, which knows nothing of this directory */
    struct cgroup_watch *watch = NULL;
    assert_int_equal(
        cgroup_watch(fs, "c1", "cgroup.events", tell_count, &fixture, &watch, NULL), -ENOENT);
    assert_int_equal(remove(procs), 0);
    assert_int_equal(cgroup_remove(fs, "c1", NULL), 0);
    rmdir(directory);
    host_free(host);
    sim_fixture_release(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_v2),
        cmocka_unit_test(test_born_in_a_cgroup),
        cmocka_unit_test(test_v1_listener),
        cmocka_unit_test(test_device_program),
        cmocka_unit_test(test_files_instead_of_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
