/* SPDX-License-Identifier: Apache-2.0 */
/* Publication on the real kernel: nested containers, slots that run out, the life of a container,
 * a probe that falls, and the containerizer's view. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bpf/source.h"
#include "bpf/tests/kernel_fixture.h"
#include "reference/base/mem.h"

#define OUTER "seatrial-bpf-outer"
#define INNER OUTER "/inner"
#define OTHER "seatrial-bpf-other"

static struct stats *open_with(const struct stats_options *options)
{
    struct stats *stats = NULL;
    assert_int_equal(stats_open(options, &stats, NULL), 0);
    return stats;
}

static int fork_three(void *arg)
{
    (void)arg;
    for (int i = 0; i < 3; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
    return 0;
}

static int execute(void *arg)
{
    (void)arg;
    return execl("/bin/true", "true", (char *)NULL);
}

/* --- nested containers --- */

static void test_nested(void **state)
{
    (void)state;
    struct stats *stats = open_with(&(struct stats_options){.slots = 2});
    struct kernel_child child;
    kernel_cgroup_make(OUTER);
    kernel_cgroup_make(INNER);
    kernel_cgroup_make(OTHER);
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), 0);
    assert_int_equal(stats_publish(stats, "outer.inner", INNER, "outer", NULL), 0);
    kernel_child_run(&child, INNER, fork_three, NULL);
    assert_int_equal(kernel_value(stats, "outer.inner", FIELD_FORKS), 3);
    assert_int_equal(kernel_value(stats, "outer", FIELD_FORKS), 3);
    assert_int_equal(kernel_value(stats, "outer", FIELD_EXITS), 4);
    assert_int_equal(kernel_value(stats, "outer", FIELD_THREADS_PEAK), 2);
    assert_string_equal(kernel_read(stats, "outer.inner")->parent, "outer");

    /* Gone, its figures stay; and stay its parent's when the slot is another one's. */
    assert_int_equal(stats_retire(stats, "outer.inner", NULL), 0);
    assert_true(kernel_read(stats, "outer.inner")->retired);
    assert_int_equal(kernel_value(stats, "outer.inner", FIELD_FORKS), 3);
    assert_int_equal(stats_retire(stats, "outer.inner", NULL), -ENOENT);
    assert_int_equal(stats_publish(stats, "other", OTHER, NULL, NULL), 0);
    assert_null(stats_find(stats_read(stats), "outer.inner"));
    assert_int_equal(kernel_value(stats, "outer", FIELD_FORKS), 3);
    assert_int_equal(kernel_value(stats, "other", FIELD_FORKS), 0);
    kernel_child_run(&child, OTHER, fork_three, NULL);
    assert_int_equal(kernel_value(stats, "other", FIELD_FORKS), 3);
    stats_close(stats);
    kernel_cgroup_remove(OTHER);
    kernel_cgroup_remove(INNER);
    kernel_cgroup_remove(OUTER);
}

/* A container that found no slot is counted, and what it does is booked on the one around it. */
static void test_exhaustion(void **state)
{
    (void)state;
    struct stats *stats = open_with(&(struct stats_options){.slots = 1});
    struct kernel_child child;
    _cleanup_err_ struct err err = ERR_INIT;
    kernel_cgroup_make(OUTER);
    kernel_cgroup_make(INNER);
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), 0);
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), -EEXIST);
    assert_int_equal(stats_publish(stats, "nope", "seatrial-bpf-nope", NULL, NULL), -ENOENT);
    assert_int_equal(stats_publish(stats, "outer.inner", INNER, "outer", &err), -ENOSPC);
    assert_non_null(strstr(err_text(&err), "all 1 slots are in use"));
    assert_int_equal(stats_read(stats)->unpublished, 1);
    kernel_child_run(&child, INNER, fork_three, NULL);
    assert_int_equal(kernel_value(stats, "outer", FIELD_FORKS), 3);
    stats_close(stats);
    kernel_cgroup_remove(INNER);
    kernel_cgroup_remove(OUTER);
}

#define MANY 10000
#define SLOTS 1024

/* Cgroups below the outer one, in the hierarchy of the identity alone. */
static void many_cgroups(const char *mount_point, bool make)
{
    for (int i = 0; i < MANY; i++) {
        _cleanup_free_ char *path = str_printf("%s/" OUTER "/%d", mount_point, i);
        assert_int_equal(make ? mkdir(path, 0755) : rmdir(path), 0);
    }
}

static void test_ten_thousand(void **state)
{
    (void)state;
    struct stats *stats = open_with(&(struct stats_options){.slots = SLOTS});
    kernel_cgroup_make(OUTER);
    many_cgroups(stats_mount_point(stats), true);
    for (int i = 0; i < MANY; i++) {
        _cleanup_free_ char *id = str_printf("c%d", i);
        _cleanup_free_ char *cgroup = str_printf(OUTER "/%d", i);
        assert_int_equal(stats_publish(stats, id, cgroup, NULL, NULL), i < SLOTS ? 0 : -ENOSPC);
    }
    const struct stats_reading *reading = stats_read(stats);
    assert_int_equal(reading->count, SLOTS);
    assert_int_equal(reading->unpublished, MANY - SLOTS);
    /* Gone without a word: the probes' figures stay, those of files do not. */
    many_cgroups(stats_mount_point(stats), false);
    reading = stats_read(stats);
    assert_int_equal(reading->count, SLOTS);
    assert_true(reading->containers[SLOTS - 1].values[FIELD_FORKS].valid);
    assert_true(reading->containers[SLOTS - 1].values[FIELD_REMOVED].valid);
    stats_close(stats);
    kernel_cgroup_remove(OUTER);
}

static void test_gone_in_between(void **state)
{
    (void)state;
    const char *none[] = {"tp_btf", "raw_tp", "tracepoint", "cgroup", NULL};
    struct stats *stats = open_with(&(struct stats_options){.without = none});
    kernel_cgroup_make(OUTER);
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), 0);
    assert_true(kernel_read(stats, "outer")->values[FIELD_CPU].valid);
    kernel_cgroup_remove(OUTER);
    assert_false(kernel_read(stats, "outer")->values[FIELD_CPU].valid);
    stats_close(stats);
}

/* --- the life of a container --- */

static void test_timeline(void **state)
{
    (void)state;
    static const enum stats_field order[] = {FIELD_CREATED, FIELD_CLONE, FIELD_FIRST_RUN,
        FIELD_ATTACH, FIELD_EXEC, FIELD_EXIT, FIELD_EMPTY, FIELD_REMOVED};
    struct stats *stats = open_with(&(struct stats_options){0});
    struct kernel_child child;
    kernel_cgroup_make(OUTER);
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), 0);
    kernel_child_run(&child, OUTER, execute, NULL);
    assert_int_equal(child.status, 0);
    kernel_cgroup_remove(OUTER);
    const struct stats_container *outer = kernel_read(stats, "outer");
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        if (!outer->values[order[i]].valid)
            fail_msg("%s was not seen", stats_fields[order[i]].name);
        if (i > 0 && outer->values[order[i]].value < outer->values[order[i - 1]].value)
            fail_msg("%s before %s", stats_fields[order[i]].name, stats_fields[order[i - 1]].name);
    }
    assert_int_equal(stats_retire(stats, "outer", NULL), 0);
    assert_true(kernel_read(stats, "outer")->values[FIELD_REMOVED].valid);
    stats_close(stats);
}

/* --- the ladder --- */

/* One probe alone falls; the others stay. */
static void test_one_probe(void **state)
{
    (void)state;
    const char *without[] = {
        "tp_btf:sched_process_fork", "raw_tp:sched_process_fork", "tracepoint", "file", NULL};
    struct stats *stats = open_with(&(struct stats_options){.without = without});
    struct kernel_child child;
    kernel_cgroup_make(OUTER);
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), 0);
    kernel_child_run(&child, OUTER, fork_three, NULL);
    const struct stats_container *outer = kernel_read(stats, "outer");
    assert_false(outer->values[FIELD_FORKS].valid);
    assert_null(outer->values[FIELD_FORKS].source);
    assert_int_equal(outer->values[FIELD_EXITS].value, 4);
    assert_null(stats_source_of(stats, "sched_process_fork"));
    stats_close(stats);
    kernel_cgroup_remove(OUTER);

    const char *wrong[] = {"kprobe", NULL};
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(
        stats_open(&(struct stats_options){.without = wrong}, &stats, &err), -EINVAL);
    assert_non_null(strstr(err_text(&err), "no such source \"kprobe\""));
}

/* A cgroup that others made, with tasks in it: they count from now on. */
static void test_running_before(void **state)
{
    (void)state;
    struct kernel_child child;
    kernel_cgroup_make(OUTER);
    kernel_child_start(&child, OUTER, fork_three, NULL);
    struct stats *stats = open_with(&(struct stats_options){0});
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), 0);
    assert_int_equal(kernel_value(stats, "outer", FIELD_THREADS), 1);
    kernel_child_release(&child);
    kernel_child_wait(&child);
    assert_int_equal(kernel_value(stats, "outer", FIELD_FORKS), 3);
    assert_int_equal(kernel_value(stats, "outer", FIELD_THREADS), 0);
    assert_int_equal(kernel_value(stats, "outer", FIELD_FAULTS_MINOR),
        child.after.ru_minflt - child.before.ru_minflt);
    stats_close(stats);
    kernel_cgroup_remove(OUTER);
}

#define TOUCHED 200

static void *touch(void *arg)
{
    size_t size = (size_t)TOUCHED * KERNEL_PAGE;
    char *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < size; i += KERNEL_PAGE)
        memory[i] = 1;
    return arg;
}

/* arg: shared words, "the thread has ended" and "go on". */
static int touch_in_thread_and_wait(void *arg)
{
    volatile unsigned *words = arg;
    pthread_t thread;
    if (pthread_create(&thread, NULL, touch, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    words[0] = 1;
    while (!words[1])
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    touch(NULL);
    return 0;
}

/* What a thread did that has ended before is in its process's figures, but nobody's in ours. */
static void test_running_threads(void **state)
{
    (void)state;
    struct kernel_child child;
    volatile unsigned *words = kernel_shared(KERNEL_PAGE);
    kernel_cgroup_make(OUTER);
    kernel_child_start(&child, OUTER, touch_in_thread_and_wait, (void *)(uintptr_t)words);
    kernel_child_release(&child);
    while (!words[0])
        sched_yield();
    struct stats *stats = open_with(&(struct stats_options){0});
    assert_int_equal(stats_publish(stats, "outer", OUTER, NULL, NULL), 0);
    words[1] = 1;
    kernel_child_wait(&child);
    assert_int_equal(child.status, 0);
    assert_in_range(
        kernel_value(stats, "outer", FIELD_FAULTS_MINOR), TOUCHED, TOUCHED + TOUCHED / 2);
    stats_close(stats);
    kernel_cgroup_remove(OUTER);
}

/* --- the containerizer's view --- */

static void test_source(void **state)
{
    (void)state;
    struct statistics_source *source = NULL;
    struct statistics statistics = {0};
    struct kernel_child child;
    kernel_cgroup_make(OUTER);
    assert_int_equal(stats_source_new(false, &source, NULL), 0);
    assert_int_equal(statistics_source_publish(source, "outer", OUTER, NULL, NULL), 0);
    kernel_child_run(&child, OUTER, fork_three, NULL);
    statistics_source_usage(source, "unknown", &statistics);
    assert_null(statistics.bpf);
    statistics_source_usage(source, "outer", &statistics);
    const json_t *forks = json_object_get(statistics.bpf, "forks");
    assert_int_equal(json_integer_value(json_object_get(forks, "value")), 3);
    json_decref(statistics.bpf);
    statistics_source_retire(source, "outer");
    statistics_source_free(source);
    kernel_cgroup_remove(OUTER);
}

int main(void)
{
    kernel_need();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_exhaustion),
        cmocka_unit_test(test_ten_thousand),
        cmocka_unit_test(test_gone_in_between),
        cmocka_unit_test(test_timeline),
        cmocka_unit_test(test_one_probe),
        cmocka_unit_test(test_running_before),
        cmocka_unit_test(test_running_threads),
        cmocka_unit_test(test_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
