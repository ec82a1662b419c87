/* SPDX-License-Identifier: Apache-2.0 */
/* Hierarchies as files: below a plain directory, and (as root) below the real mount points. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "reference/base/loop_uv.h"
#include "reference/cgroups/cgroup_fs_mount.h"
#include "reference/tests/double.h"

struct fixture {
    struct loop *loop;
    struct double_host *host;
    char directory[64]; /* a temporary one */
    struct cgroup_fs *fs;
    struct strbuf told;
    struct cgroup_watch *stops; /* stopped when the next event comes */
};

static void fs_open(struct fixture *fixture, const char *name, const char *directory)
{
    if (fixture->fs)
        fixture->fs->ops->free(fixture->fs);
    fixture->fs = cgroup_fs_mount_new(&fixture->host->base, name, directory, directory);
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->loop = loop_uv_new();
    fixture->host = double_host_new(fixture->loop, NULL);
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/seatrial-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fs_open(fixture, "fake", fixture->directory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fixture->fs->ops->free(fixture->fs);
    host_free(&fixture->host->base);
    loop_free(fixture->loop);
    strbuf_release(&fixture->told);
    rmdir(fixture->directory);
    free(fixture);
    return 0;
}

static const char *told(struct fixture *fixture)
{
    static char text[256];
    snprintf(text, sizeof(text), "%s", strbuf_text(&fixture->told));
    strbuf_reset(&fixture->told);
    return text;
}

static void tell(void *arg, int result, uint64_t count)
{
    struct fixture *fixture = arg;
    (void)count;
    strbuf_addf(&fixture->told, "%d;", result);
    cgroup_unwatch(fixture->fs, TAKE_PTR(fixture->stops));
}

static void time_is_up(void *arg)
{
    *(bool *)arg = true;
}

/* Until something was told, at most a second; with no event expected, a little while. */
static void wait_for_event(struct fixture *fixture, bool expected)
{
    bool over = false;
    struct loop_timer *timer = loop_timer_start(
        fixture->loop, expected ? NS_PER_SEC : 20 * NS_PER_MS, time_is_up, &over);
    while (!over && fixture->told.length == 0)
        loop_step(fixture->loop);
    if (!over)
        loop_timer_stop(fixture->loop, timer);
}

static void file_make(struct fixture *fixture, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", fixture->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void file_unmake(struct fixture *fixture, const char *name)
{
    _cleanup_free_ char *path = str_printf("%s/%s", fixture->directory, name);
    assert_int_equal(remove(path), 0);
}

static void test_calls(void **state)
{
    struct fixture *fixture = *state;
    struct cgroup_fs *fs = fixture->fs;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(cgroup_create_recursive(fs, "c1/b", &err), 0);
    assert_int_equal(cgroup_create(fs, "c1/a", &err), 0);
    assert_int_equal(cgroup_create(fs, "c1", &err), -EEXIST);
    assert_string_equal(err_text(&err), "create c1 (fake): EEXIST");
    file_make(fixture, "c1/cpu.weight", "100\n");
    assert_true(cgroup_exists(fs, "c1"));
    assert_true(cgroup_exists(fs, ""));
    assert_false(cgroup_exists(fs, "c1/cpu.weight"));
    assert_true(cgroup_file_exists(fs, "c1", "cpu.weight"));
    assert_false(cgroup_file_exists(fs, "c1", "a"));
    _cleanup_strv_ char **names = NULL;
    assert_int_equal(cgroup_list(fs, "c1", &names, &err), 0);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_null(names[2]);
    assert_int_equal(cgroup_write(fs, "c1", "cpu.weight", "250", &err), 0);
    uint64_t value = 0;
    assert_int_equal(cgroup_read_u64(fs, "c1", "cpu.weight", &value, &err), 0);
    assert_int_equal(value, 250);
    assert_int_equal(cgroup_read_u64(fs, "c1", "cpu.max", &value, &err), -ENOENT);
    assert_string_equal(err_text(&err), "read c1/cpu.max: ENOENT");
    assert_int_equal(cgroup_write(fs, "c1", "cpu.max", "1", &err), -ENOENT);
    assert_int_equal(cgroup_chown(fs, "c1", "cpu.weight", getuid(), getgid(), &err), 0);
    assert_int_equal(cgroup_chown(fs, "c1", NULL, getuid(), getgid(), &err), 0);
    assert_int_equal(cgroup_list(fs, "none", &names, &err), -ENOENT);
    file_unmake(fixture, "c1/cpu.weight");
    assert_int_equal(cgroup_remove(fs, "c1", &err), -ENOTEMPTY);
    assert_int_equal(cgroup_remove(fs, "c1/a", &err), 0);
    assert_int_equal(cgroup_remove(fs, "c1/b", &err), 0);
    assert_int_equal(cgroup_remove(fs, "c1", &err), 0);

    _cleanup_free_ char *name = mem_alloc(5000);
    memset(name, 'x', 4999);
    assert_int_equal(cgroup_create(fs, name, &err), -ENAMETOOLONG);
    assert_int_equal(cgroup_read_u64(fs, name, "f", &value, &err), -ENAMETOOLONG);
    assert_false(cgroup_exists(fs, name));
}

static void test_long_file(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(cgroup_create(fixture->fs, "c1", NULL), 0);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    for (int i = 1; i <= 5000; i++)
        strbuf_addf(&text, "%d\n", i);
    file_make(fixture, "c1/cgroup.procs", strbuf_text(&text));
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 0;
    assert_int_equal(
        cgroup_read_pids(fixture->fs, "c1", "cgroup.procs", &pids, &count, NULL), 0);
    assert_int_equal(count, 5000);
    assert_int_equal(pids[4999], 5000);
    file_unmake(fixture, "c1/cgroup.procs");
    assert_int_equal(cgroup_remove(fixture->fs, "c1", NULL), 0);
}

static void test_watches(void **state)
{
    struct fixture *fixture = *state;
    struct cgroup_fs *fs = fixture->fs;
    struct cgroup_watch *watches[4] = {NULL};
    assert_int_equal(cgroup_create(fs, "c1", NULL), 0);
    assert_int_equal(cgroup_create(fs, "c2", NULL), 0);
    assert_int_equal(
        cgroup_watch(fs, "c1", "cgroup.events", tell, fixture, &watches[0], NULL), -ENOENT);
    file_make(fixture, "c1/cgroup.events", "populated 0\n");
    file_make(fixture, "c1/memory.events", "oom 0\n");
    file_make(fixture, "c2/cgroup.events", "populated 0\n");
    const char *const places[4][2] = {{"c1", "cgroup.events"}, {"c1", "cgroup.events"},
        {"c1", "memory.events"}, {"c2", "cgroup.events"}};
    for (int i = 0; i < 4; i++)
        assert_int_equal(cgroup_watch(fs, places[i][0], places[i][1], tell, fixture, &watches[i],
                             NULL),
            0);
    wait_for_event(fixture, false);
    assert_string_equal(told(fixture), "");
    file_make(fixture, "c2/cgroup.events", "");
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "0;");
    /* two on one file; the first one's call stops the second */
    fixture->stops = watches[1];
    assert_int_equal(cgroup_write(fs, "c1", "cgroup.events", "x", NULL), 0);
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "0;");
    /* a call that stops its own watch */
    fixture->stops = watches[2];
    assert_int_equal(cgroup_write(fs, "c1", "memory.events", "x", NULL), 0);
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "0;");
    assert_int_equal(cgroup_write(fs, "c1", "memory.events", "x", NULL), 0);
    wait_for_event(fixture, false);
    assert_string_equal(told(fixture), "");
    /* the cgroup goes: an error, which ends the watch */
    file_unmake(fixture, "c1/cgroup.events");
    file_unmake(fixture, "c1/memory.events");
    assert_int_equal(cgroup_remove(fs, "c1", NULL), 0);
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "-19;");
    cgroup_unwatch(fs, watches[3]);
    file_unmake(fixture, "c2/cgroup.events");
    assert_int_equal(cgroup_remove(fs, "c2", NULL), 0);
}

/* The real kernel. */

/* Of this process alone: a run that was killed leaves its own behind. */
static const char *test_name(void)
{
    static char name[40];
    snprintf(name, sizeof(name), "seatrial-test-mount-%d", (int)getpid());
    return name;
}
#define NAME test_name()

static void need(const char *directory, const char *file)
{
    char *path = str_printf("%s/%s", directory, file);
    bool usable = geteuid() == 0 && access(path, W_OK) == 0;
    free(path); /* skip does not come back */
    if (!usable)
        skip();
}

static pid_t child_start(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (;;)
            pause();
    }
    return pid;
}

static void child_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void test_kernel_v2(void **state)
{
    struct fixture *fixture = *state;
    const char *root = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0
        ? "/sys/fs/cgroup"
        : "/sys/fs/cgroup/unified";
    need(root, "cgroup.procs");
    fs_open(fixture, "unified", root);
    struct cgroup_fs *fs = fixture->fs;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(cgroup_create(fs, NAME, &err), 0);
    struct cgroup_watch *watch = NULL;
    assert_int_equal(cgroup_watch(fs, NAME, "cgroup.events", tell, fixture, &watch, &err), 0);
    pid_t child = child_start();
    _cleanup_free_ char *pid = str_printf("%d", (int)child);
    assert_int_equal(cgroup_write(fs, NAME, "cgroup.procs", pid, &err), 0);
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "0;");
    uint64_t populated = 0;
    assert_int_equal(
        cgroup_read_key(fs, NAME, "cgroup.events", "populated", &populated, &err), 0);
    assert_int_equal(populated, 1);
    assert_int_equal(cgroup_remove(fs, NAME, &err), -EBUSY);
    child_end(child);
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "0;");
    assert_int_equal(cgroup_remove(fs, NAME, &err), 0);
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "-19;");
}

static void test_kernel_v1_listener(void **state)
{
    struct fixture *fixture = *state;
    const char *root = "/sys/fs/cgroup/memory";
    need(root, "cgroup.event_control");
    fs_open(fixture, "memory", root);
    struct cgroup_fs *fs = fixture->fs;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(cgroup_create(fs, NAME, &err), 0);
    struct cgroup_watch *watch = NULL;
    assert_int_equal(
        cgroup_listen(fs, NAME, "memory.stat", "", tell, fixture, &watch, &err), -EINVAL);
    assert_int_equal(
        cgroup_listen(fs, NAME, "memory.usage_in_bytes", "4096", tell, fixture, &watch, &err), 0);
    assert_int_equal(cgroup_remove(fs, NAME, &err), 0);
    wait_for_event(fixture, true);
    assert_string_equal(told(fixture), "-19;");

    assert_int_equal(cgroup_create(fs, NAME, &err), 0);
    assert_int_equal(
        cgroup_listen(fs, NAME, "memory.oom_control", "", tell, fixture, &watch, &err), 0);
    wait_for_event(fixture, false);
    assert_string_equal(told(fixture), "");
    cgroup_unwatch(fs, watch);
    assert_int_equal(cgroup_remove(fs, NAME, &err), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_calls),
        TEST(test_long_file),
        TEST(test_watches),
        TEST(test_kernel_v2),
        TEST(test_kernel_v1_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
