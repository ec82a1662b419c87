/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/sim_loop.h"
#include "reference/tests/double.h"

struct fixture {
    struct loop *loop;
    struct double_host *host;
    struct double_cgroup_fs *fs;
    uint64_t at;
    struct effect_verdict verdict;
    char *subject; /* of the last effect */
    char *detail;
    struct strbuf told;
    struct cgroup_watch *watch; /* stopped when told, if set */
};

static struct effect_verdict decide(void *arg, const struct effect *effect)
{
    struct fixture *fixture = arg;
    str_set(&fixture->subject, effect->subject);
    str_set(&fixture->detail, effect->detail);
    return effect->number == fixture->at ? fixture->verdict : (struct effect_verdict){0};
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->loop = sim_loop_new(0);
    fixture->host = double_host_new(fixture->loop, NULL);
    fixture->host->base.hook = (struct effect_hook){decide, fixture};
    fixture->fs = double_cgroup_fs_new(&fixture->host->base);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fixture->fs->base.ops->free(&fixture->fs->base);
    host_free(&fixture->host->base);
    loop_free(fixture->loop);
    strbuf_release(&fixture->told);
    free(fixture->subject);
    free(fixture->detail);
    free(fixture);
    return 0;
}

static const char *taken(struct strbuf *buf)
{
    static char text[512];
    snprintf(text, sizeof(text), "%s", strbuf_text(buf));
    strbuf_reset(buf);
    return text;
}

static int do_create(struct cgroup_fs *fs, struct err *err)
{
    return cgroup_create(fs, "mesos/c1", err);
}
static int do_remove(struct cgroup_fs *fs, struct err *err)
{
    return cgroup_remove(fs, "mesos/c1", err);
}
static int do_write(struct cgroup_fs *fs, struct err *err)
{
    return cgroup_write(fs, "mesos/c1", "memory.max", "max", err);
}
static int do_write_u64(struct cgroup_fs *fs, struct err *err)
{
    return cgroup_write_u64(fs, "mesos/c1", "memory.max", 67108864, err);
}
static int do_read(struct cgroup_fs *fs, struct err *err)
{
    char *text = NULL;
    int r = cgroup_read(fs, "mesos/c1", "memory.max", &text, err);
    free(text);
    return r;
}

static const struct {
    int (*call)(struct cgroup_fs *fs, struct err *err);
    const char *calls;
    const char *subject;
    const char *detail;
    const char *message; /* with EBUSY */
} calls[] = {
    {do_create, "create mesos/c1 755;", "memory:mesos/c1", NULL, "create mesos/c1 (memory): EBUSY"},
    {do_remove, "remove mesos/c1;", "memory:mesos/c1", NULL, "remove mesos/c1 (memory): EBUSY"},
    {do_write, "write mesos/c1/memory.max=max;", "memory:mesos/c1", "memory.max=max",
        "write mesos/c1/memory.max \"max\": EBUSY"},
    {do_write_u64, "write mesos/c1/memory.max=67108864;", "memory:mesos/c1",
        "memory.max=67108864", "write mesos/c1/memory.max \"67108864\": EBUSY"},
    {do_read, "", NULL, NULL, "read mesos/c1/memory.max: EBUSY"},
};

static void test_calls(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        struct fixture *fixture = *state;
        struct cgroup_fs *fs = &fixture->fs->base;
        fixture->fs->text = "max\n";
        _cleanup_err_ struct err err = ERR_INIT;
        assert_int_equal(calls[i].call(fs, &err), 0);
        assert_string_equal(taken(&fixture->fs->calls), calls[i].calls);
        assert_true(str_equal(fixture->subject, calls[i].subject));
        assert_true(str_equal(fixture->detail, calls[i].detail));

        fixture->fs->result = -EBUSY;
        assert_int_equal(calls[i].call(fs, &err), -EBUSY);
        assert_string_equal(err_text(&err), calls[i].message);
        fixture->fs->result = 0;

        taken(&fixture->fs->calls);
        if (calls[i].subject) { /* an effect: the same by the hook */
            fixture->at = fixture->host->base.effects + 1;
            fixture->verdict = (struct effect_verdict){EFFECT_FAIL, -EBUSY, 0};
            assert_int_equal(calls[i].call(fs, &err), -EBUSY);
            assert_string_equal(err_text(&err), calls[i].message);
            fixture->at++;
            fixture->verdict = (struct effect_verdict){EFFECT_LOSE, 0, 0};
            assert_int_equal(calls[i].call(fs, &err), 0);
        }
        host_crash(&fixture->host->base);
        assert_int_equal(calls[i].call(fs, &err), -ESHUTDOWN);
        assert_string_equal(err_text(&err), "agent gone");
        assert_string_equal(taken(&fixture->fs->calls), "");
    }
}

static const struct {
    const char *children[4];
    const char *calls;
} creations[] = {
    {{NULL}, "create a 755;create a/b 755;create a/b/c 755;"},
    {{"a", NULL}, "create a/b 755;create a/b/c 755;"},
    {{"a", "a/b", NULL}, "create a/b/c 755;"},
    {{"a", "a/b", "a/b/c", NULL}, ""},
};

static void test_create_recursive(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_SIZE(creations); i++) {
        fixture->fs->children = (char *const *)creations[i].children;
        assert_int_equal(cgroup_create_recursive(&fixture->fs->base, "a/b/c", NULL), 0);
        assert_string_equal(taken(&fixture->fs->calls), creations[i].calls);
    }
    /* one that somebody else made meanwhile */
    fixture->fs->children = (char *const *)creations[2].children;
    fixture->fs->result = -EEXIST;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(cgroup_create_recursive(&fixture->fs->base, "a/b/c", &err), 0);
    assert_int_equal(err.code, 0);
}

static void test_descendants(void **state)
{
    struct fixture *fixture = *state;
    const char *all[] = {"a", "a/b", "a/b/c", "a/b/d", "a/e", "f", NULL};
    fixture->fs->children = (char *const *)all;
    char **paths = NULL;
    assert_int_equal(cgroup_descendants(&fixture->fs->base, "a", &paths, NULL), 0);
    const char *expected[] = {"a/b/c", "a/b/d", "a/b", "a/e"};
    assert_int_equal(strv_length(paths), ARRAY_SIZE(expected));
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        assert_string_equal(paths[i], expected[i]);
    strv_free(paths);
    assert_int_equal(cgroup_descendants(&fixture->fs->base, "f", &paths, NULL), 0);
    assert_int_equal(strv_length(paths), 0);
    strv_free(paths);
    assert_int_equal(cgroup_descendants(&fixture->fs->base, "", &paths, NULL), 0);
    assert_int_equal(strv_length(paths), 6);
    strv_free(paths);
}

static const struct {
    const char *text;
    int result;
    uint64_t value;
} numbers[] = {
    {"0\n", 0, 0},
    {"123", 0, 123},
    {"max\n", 0, UINT64_MAX},
    {"18446744073709551615\n", 0, UINT64_MAX},
    {"18446744073709551616\n", -ERANGE, 0},
    {"", -EINVAL, 0},
    {"-1\n", -EINVAL, 0},
    {"12 34\n", -EINVAL, 0},
    {"maximum\n", -EINVAL, 0},
};

static void test_read_u64(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
        uint64_t value = 0;
        fixture->fs->text = numbers[i].text;
        assert_int_equal(
            cgroup_read_u64(&fixture->fs->base, "c", "f", &value, NULL), numbers[i].result);
        if (numbers[i].result == 0)
            assert_true(value == numbers[i].value);
    }
}

static void test_read_key(void **state)
{
    struct fixture *fixture = *state;
    struct cgroup_fs *fs = &fixture->fs->base;
    fixture->fs->text = "low 1\nhigh 22\noom_kill 3\noom 4\nbad x\nlast 5";
    uint64_t value = 0;
    assert_int_equal(cgroup_read_key(fs, "c", "f", "oom", &value, NULL), 0);
    assert_int_equal(value, 4);
    assert_int_equal(cgroup_read_key(fs, "c", "f", "low", &value, NULL), 0);
    assert_int_equal(value, 1);
    assert_int_equal(cgroup_read_key(fs, "c", "f", "last", &value, NULL), 0);
    assert_int_equal(value, 5);
    assert_int_equal(cgroup_read_key(fs, "c", "f", "oo", &value, NULL), -ENODATA);
    assert_int_equal(cgroup_read_key(fs, "c", "f", "bad", &value, NULL), -EINVAL);
}

static void test_read_pids(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_free_ pid_t *pids = NULL;
    size_t count = 9;
    fixture->fs->text = "7\n8\n1000\n";
    assert_int_equal(
        cgroup_read_pids(&fixture->fs->base, "c", "cgroup.procs", &pids, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(pids[0] + pids[1] + pids[2], 1015);
    free(pids);
    fixture->fs->text = "";
    assert_int_equal(
        cgroup_read_pids(&fixture->fs->base, "c", "cgroup.procs", &pids, &count, NULL), 0);
    assert_int_equal(count, 0);
}

static void tell(void *arg, int result, uint64_t count)
{
    struct fixture *fixture = arg;
    strbuf_addf(&fixture->told, "%d %u;", result, (unsigned)count);
    cgroup_unwatch(&fixture->fs->base, TAKE_PTR(fixture->watch));
}

static void happen(struct fixture *fixture, int result, uint64_t count)
{
    fixture->fs->watch_fn(fixture->fs->watch_arg, result, count);
}

static void test_watch_faults(void **state)
{
    struct fixture *fixture = *state;
    struct cgroup_fs *fs = &fixture->fs->base;
    struct cgroup_watch *watch = NULL;
    assert_int_equal(
        cgroup_listen(fs, "c", "memory.oom_control", "", tell, fixture, &watch, NULL), 0);
    assert_string_equal(taken(&fixture->fs->calls), "listen c/memory.oom_control ;");
    happen(fixture, 0, 2);
    assert_string_equal(taken(&fixture->told), "0 2;");
    assert_string_equal(fixture->subject, "memory:c");
    assert_string_equal(fixture->detail, "memory.oom_control");
    /* lost */
    fixture->at = fixture->host->base.effects + 1;
    fixture->verdict = (struct effect_verdict){EFFECT_LOSE, 0, 0};
    happen(fixture, 0, 1);
    assert_string_equal(taken(&fixture->told), "");
    /* late ones merge, and the end does not overtake them */
    fixture->at = fixture->host->base.effects + 1;
    fixture->verdict = (struct effect_verdict){EFFECT_PROCEED, 0, 1000};
    happen(fixture, 0, 3);
    fixture->at++;
    happen(fixture, 0, 4);
    happen(fixture, -ENODEV, 0);
    assert_string_equal(taken(&fixture->told), "");
    while (loop_step(fixture->loop)) {
    }
    assert_string_equal(taken(&fixture->told), "-19 7;");
    assert_string_equal(taken(&fixture->fs->calls), ""); /* the end was the implementation's own */
}

static void test_watch_is_stopped(void **state)
{
    struct fixture *fixture = *state;
    struct cgroup_fs *fs = &fixture->fs->base;
    struct cgroup_watch *watch = NULL;
    assert_int_equal(cgroup_watch(fs, "c", "cgroup.events", tell, fixture, &watch, NULL), 0);
    fixture->at = fixture->host->base.effects + 1;
    fixture->verdict = (struct effect_verdict){EFFECT_PROCEED, 0, 1000};
    happen(fixture, 0, 1);
    cgroup_unwatch(fs, watch);
    cgroup_unwatch(fs, NULL);
    assert_string_equal(taken(&fixture->fs->calls), "unwatch;");
    assert_false(loop_step(fixture->loop));

    /* from inside its own call */
    assert_int_equal(
        cgroup_watch(fs, "c", "cgroup.events", tell, fixture, &fixture->watch, NULL), 0);
    happen(fixture, 0, 1);
    assert_string_equal(taken(&fixture->told), "0 1;");
    assert_string_equal(taken(&fixture->fs->calls), "unwatch;");

    /* by a fault: the watch is dead afterwards */
    assert_int_equal(cgroup_watch(fs, "c", "cgroup.events", tell, fixture, &watch, NULL), 0);
    fixture->at = fixture->host->base.effects + 1;
    fixture->verdict = (struct effect_verdict){EFFECT_FAIL, -EIO, 0};
    happen(fixture, 0, 1);
    assert_string_equal(taken(&fixture->told), "-5 1;");
    assert_string_equal(taken(&fixture->fs->calls), "unwatch;");

    /* nothing for a gone agent */
    assert_int_equal(cgroup_watch(fs, "c", "cgroup.events", tell, fixture, &watch, NULL), 0);
    host_crash(&fixture->host->base);
    happen(fixture, 0, 1);
    assert_string_equal(taken(&fixture->told), "");
    cgroup_unwatch(fs, watch);
    assert_int_equal(
        cgroup_watch(fs, "c", "cgroup.events", tell, fixture, &watch, NULL), -ESHUTDOWN);
}

static void test_hierarchies(void **state)
{
    (void)state;
    char *cpu[] = {(char[]){"cpu"}, (char[]){"cpuacct"}, NULL};
    char *unified[] = {(char[]){"memory"}, NULL};
    struct cgroup_hierarchy items[] = {{.controllers = cpu}, {.v2 = true, .controllers = unified}};
    struct cgroup_hierarchies hierarchies = {.items = items, .count = 2};
    assert_ptr_equal(cgroup_hierarchy_find(&hierarchies, "cpuacct"), &items[0]);
    assert_ptr_equal(cgroup_hierarchy_find(&hierarchies, "memory"), &items[1]);
    assert_ptr_equal(cgroup_hierarchy_find(&hierarchies, ""), &items[1]);
    assert_null(cgroup_hierarchy_find(&hierarchies, "pids"));
    assert_null(cgroup_hierarchy_find(NULL, "cpu"));
    cgroup_hierarchies_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_calls),
        TEST(test_create_recursive),
        TEST(test_descendants),
        TEST(test_read_u64),
        TEST(test_read_key),
        TEST(test_read_pids),
        TEST(test_watch_faults),
        TEST(test_watch_is_stopped),
        cmocka_unit_test(test_hierarchies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
