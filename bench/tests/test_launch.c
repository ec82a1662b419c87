/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seatrial bench launch` as a program, small: what it writes, and what it says and leaves behind
 * when something is wrong. Needs root and v1 cgroups.
 */
#include "reference/base/tests/unit.h"

#include <glob.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bench/report/report.h"
#include "bench/tests/command.h"
#include "bench/tests/schema.h"
#include "reference/base/mem.h"

#define EXIT_SKIPPED 77
#define LAUNCH BENCH "launch --quiet "
#define SMALL "--samples 3 --warmup 0 --scenes sequential --only floor,linux "

static char **known; /* left by others before these tests */

/* Calls fn for what is there of a bench that runs no more; others may run beside this test. */
static void leavings_each(void (*fn)(const char *path))
{
    static const char *const patterns[] = {
        "/tmp/seatrial-bench-[0-9]*", "/sys/fs/cgroup/*/seatrial-bench-[0-9]*"};

    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        glob_t found = {0};

        glob(patterns[i], 0, NULL, &found);
        for (size_t k = 0; k < found.gl_pathc; k++) {
            const char *path = found.gl_pathv[k];
            const char *pid = strstr(path, "bench-") + strlen("bench-");

            if (kill((pid_t)strtol(pid, NULL, 10), 0) < 0 && access(path, F_OK) == 0)
                fn(path);
        }
        globfree(&found);
    }
}

static void know(const char *path)
{
    strv_add(&known, path);
}

static void refuse(const char *path)
{
    if (!strv_contains(known, path))
        fail_msg("left behind: %s", path);
}

static void assert_nothing_left(void)
{
    leavings_each(refuse);
}

static void assert_clean(const char *command, int status, const char *words)
{
    assert_says(command, status, words);
    assert_nothing_left();
}

static void test_result(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = path_in("r.json");
    struct report report;

    (void)state;
    assert_clean(LAUNCH SMALL "--output r.json --markdown r.md --html r.html --svg charts", 0,
        "linux/floor");
    assert_int_equal(report_read(path, &report, &err), 0);
    assert_int_equal(report_find(&report, "floor", "launch_us", "", 0)->count, 3);
    assert_int_equal(report_find(&report, "linux", "lifecycle_us", "", 0)->count, 3);
    assert_int_equal(report_find(&report, "linux", "destroy_us", "", 0)->count, 3);
    assert_null(report.stopped);
    report_release(&report);
    assert_valid_file(path);
    assert_clean("test -s r.md && test -s r.html && ls charts", 0, "distribution-launch_us.svg");
    assert_clean(BENCH "compare r.json r.json", 0, "0 regressed");
    assert_clean(BENCH "report r.json", 0, "linux/floor");
}

/* How many phases a contender has in a result, and the sum of their times. */
static size_t phases_of(const struct report *report, const char *contender, double *ret_us)
{
    size_t count = 0;

    *ret_us = 0;
    for (size_t i = 0; i < report->phase_count; i++) {
        if (!str_equal(report->phases[i].contender, contender))
            continue;
        assert_true(report->phases[i].median_us >= 0);
        *ret_us += report->phases[i].median_us;
        count++;
    }
    return count;
}

/* By the kernel's timestamps, where probes can be loaded; else, or when asked to, by the trace. */
static void test_phases(void **state)
{
    static const char *const sources[] = {"kernel", "trace"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        _cleanup_free_ char *path = path_in("p.json");
        _cleanup_free_ char *command = str_printf(
            LAUNCH "--scenes phases --only floor,linux --phases %s --output p.json", sources[i]);
        struct report report;
        double us;

        assert_clean(command, 0, "phases, median us, by");
        assert_valid_file(path);
        assert_int_equal(report_read(path, &report, &err), 0);
        assert_non_null(strstr(report.phase_source,
            i == 1 || json_object_size(report.missing) > 0 ? "trace" : "kernel"));
        assert_true(phases_of(&report, "linux", &us) >= 5);
        assert_true(us > 0);
        assert_true(phases_of(&report, "floor", &us) >= 2);
        report_release(&report);
    }
}

static void test_pin(void **state)
{
    _cleanup_free_ char *path = path_in("n.json");

    (void)state;
    assert_clean(LAUNCH SMALL "--pin 0 --output n.json", 0, "linux/floor");
    json_t *json = json_load_file(path, 0, NULL);
    json_t *environment = json_object_get(json, "environment");
    assert_int_equal(json_integer_value(json_object_get(environment, "cpus_allowed")), 1);
    json_decref(json);
}

static void test_bad_arguments(void **state)
{
    static const struct {
        const char *arguments;
        const char *words;
    } cases[] = {{"--samples 0", "--samples: expected a number from 2"},
        {"--samples 1e99", "--samples: expected a number"},
        {"--only lunix", "unknown contender \"lunix\""},
        {"--scenes lively", "unknown scene \"lively\""}, {"--workers 0", "--workers: expected"},
        {"--live 1,x", "--live: expected"}, {"--rate 0", "--rate: expected"},
        {"--phases x", "--phases: expected kernel|trace"}, {"--pin 4000", "--pin: "},
        {"--pin x", "--pin: expected"}, {"--fast", "unknown argument \"--fast\""},
        {"--output /nonexistent/x.json", "write /nonexistent/x.json: ENOENT"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *command = str_printf("%s%s", LAUNCH, cases[i].arguments);

        assert_clean(command, 2, cases[i].words);
    }
}

static void test_not_root(void **state)
{
    (void)state;
    if (system("setpriv --version >/dev/null 2>&1") != 0)
        skip();
    assert_clean("chmod 755 . && setpriv --reuid 65534 --regid 65534 --clear-groups " LAUNCH SMALL,
        2, "need root");
}

/* A contender fails in the middle: its cgroup takes no process any more. What was measured is told.
 */
static void test_failure_in_mid_run(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = path_in("f.json");
    struct report report;

    (void)state;
    /* Its cgroup alone: other benchmarks may run beside this test. */
    assert_clean(LAUNCH
        "--samples 100000 --scenes sequential --only floor --output f.json & b=$!; sleep 1; "
        "echo 0 > /sys/fs/cgroup/pids/seatrial-bench-$b/pids.max; wait $b",
        2, "floor: ");
    assert_int_equal(report_read(path, &report, &err), 0);
    assert_non_null(report.stopped);
    report_release(&report);
}

/* A command line that sends the signal some time after the program has begun to catch it; how long
 * it takes to come so far is the machine's affair. Owned. */
static char *interrupt_line(const char *signal, const char *seconds, const char *command)
{
    return str_printf("%s & tries=0; "
                      "until grep -q '^SigCgt:.*[2367abef]$' /proc/$!/status || "
                      "[ $((tries += 1)) -gt 3000 ]; do sleep 0.02; done; "
                      "sleep %s; kill -s %s $!; wait $!; true",
        command, seconds, signal);
}

static void test_interrupt(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = path_in("i.json");
    _cleanup_free_ char *command = interrupt_line("INT", "2",
        LAUNCH "--samples 1000000 --warmup 0 --scenes sequential --only floor,linux-rootfs "
               "--output i.json");
    struct report report;

    (void)state;
    assert_clean(command, 0, "INCOMPLETE: interrupted by a signal");
    assert_int_equal(report_read(path, &report, &err), 0);
    assert_string_equal(report.stopped, "interrupted by a signal");
    assert_true(report_find(&report, "linux-rootfs", "lifecycle_us", "", 0)->count > 0);
    report_release(&report);
}

/* In the scenes that hold many containers, too, and by the other signals. */
static void test_interrupt_crowds(void **state)
{
    static const struct {
        const char *signal, *seconds, *scenes;
    } cases[] = {{"TERM", "2", "live --live 20000"}, {"INT", "2", "burst --burst 1000"},
        {"HUP", "2", "workers"}, {"INT", "0.1", "phases"}, {"INT", "1", "cost --samples 100000"},
        {"INT", "0.1", "nested"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *bench = str_printf(
            LAUNCH "--only floor-rootfs,linux-rootfs --output i.json --scenes %s", cases[i].scenes);
        _cleanup_free_ char *command = interrupt_line(cases[i].signal, cases[i].seconds, bench);
        _cleanup_free_ char *path = path_in("i.json");

        assert_clean(command, 0, "interrupted by a signal");
        unlink(path);
    }
}

/* A runtime works when it is tried, and fails when it is measured; or never lets its payload run
 * and says that all is well: not believed. */
static void test_runtime_fails(void **state)
{
    static const struct {
        const char *script;
        int status;
        const char *words;
    } cases[] = {
        {"echo x >> calls; [ $(wc -l < calls) -lt 9 ] || { echo broken >&2; exit 1; }", 2,
            "/crun ended with status 1: broken"},
        {"exit 0", 0, "crun: the container ended and its payload never ran"},
        {"echo no such thing >&2; exit 1", 0, "no such thing"},
    };

    (void)state;
    if (access("/usr/bin/crun", X_OK) != 0)
        skip();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *calls = path_in("calls");
        _cleanup_free_ char *command = str_printf(
            "cp /usr/bin/crun real; printf '#!/bin/sh\\ncd %%s\\n%%s\\nexec ./real \"$@\"\\n' "
            "\"$PWD\" '%s' > crun; chmod 755 crun; unshare --mount sh -c 'mount --bind crun "
            "/usr/bin/crun && " LAUNCH
            "--samples 5 --warmup 0 --scenes sequential --only floor,crun --output f.json'",
            cases[i].script);

        unlink(calls);
        assert_clean(command, cases[i].status, cases[i].words);
        _cleanup_free_ char *path = path_in("f.json");
        assert_valid_file(path);
    }
}

/* The results go to a file system without room: said, and nothing half written. */
static void test_full_disk(void **state)
{
    (void)state;
    _cleanup_free_ char *text = NULL;
    const int status = run("mkdir full; unshare --mount sh -c 'mount -t tmpfs -o size=4k none full;"
                           " head -c 4096 /dev/zero > full/fill; " LAUNCH SMALL
                           "--output full/r.json; s=$?; ls full; exit $s'",
        &text);
    assert_int_equal(status, 2);
    assert_non_null(strstr(text, "write full/r.json: ENOSPC"));
    assert_null(strstr(text, "r.json.new"));
    assert_nothing_left();
}

/* Neither is there room for the containers' own files, from the start or later. */
static void test_full_tmp(void **state)
{
    static const char *const sizes[] = {"64k", "1400k"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        _cleanup_free_ char *text = NULL;
        _cleanup_free_ char *command = str_printf(
            "d=$(mktemp -d /var/tmp/seatrial-test.XXXXXX); cp " SEATRIAL_PROGRAM "* $d; "
            "unshare --mount sh -c \"mount -t tmpfs -o size=%s none /tmp; cd /; $d/seatrial bench "
            "launch --quiet --samples 20 --scenes live --live 2000 --only linux-rootfs; s=\\$?; "
            "find /tmp -mindepth 1 -printf 'left %%p'; exit \\$s\"; s=$?; rm -rf $d; exit $s",
            sizes[i]);
        const int status = run(command, &text);

        if (status != 2 || !strstr(text, "ENOSPC") || strstr(text, "left /"))
            fail_msg("status %d: %s", status, text);
        assert_nothing_left();
    }
}

/* More live containers than there can be descriptors for are told, and the rest is measured. */
static void test_few_descriptors(void **state)
{
    (void)state;
    assert_clean("ulimit -n 700; " LAUNCH
                 "--samples 2 --warmup 0 --scenes live --live 2,1000 --only linux-rootfs",
        0, "1000 live containers: the agent would need some");
}

/* Who is not installed is named, and the others run. */
static void test_missing_runtime(void **state)
{
    (void)state;
    if (access("/usr/bin/crun", X_OK) == 0)
        assert_clean("unshare --mount sh -c 'mount --bind /dev/null /usr/bin/crun && " LAUNCH
                     "--samples 2 --warmup 0 --scenes sequential --only floor,crun'",
            0, "crun: crun is not installed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_result), cmocka_unit_test(test_phases),
        cmocka_unit_test(test_pin), cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_not_root), cmocka_unit_test(test_failure_in_mid_run),
        cmocka_unit_test(test_interrupt), cmocka_unit_test(test_interrupt_crowds),
        cmocka_unit_test(test_runtime_fails), cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_tmp), cmocka_unit_test(test_few_descriptors),
        cmocka_unit_test(test_missing_runtime)};

    if (geteuid() != 0 || access("/sys/fs/cgroup/freezer", F_OK) < 0) {
        printf("needs root and v1 cgroups\n");
        return EXIT_SKIPPED;
    }
    leavings_each(know);
    if (!directory_make())
        return EXIT_FAILURE;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    strv_free(known);
    return directory_remove() ? failed : EXIT_FAILURE;
}
