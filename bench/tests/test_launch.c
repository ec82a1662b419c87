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
#include "reference/base/mem.h"

#define EXIT_SKIPPED 77
#define LAUNCH BENCH "launch --quiet "
#define SMALL "--samples 3 --warmup 0 --scenes sequential --only floor,linux "

/* Nothing is there of a bench that runs no more; others may run beside this test. */
static void assert_nothing_left(void)
{
    static const char *const patterns[] = {
        "/tmp/seatrial-bench-[0-9]*", "/sys/fs/cgroup/*/seatrial-bench-[0-9]*"};

    for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
        glob_t found = {0};

        glob(patterns[i], 0, NULL, &found);
        for (size_t k = 0; k < found.gl_pathc; k++) {
            const char *pid = strstr(found.gl_pathv[k], "bench-") + strlen("bench-");

            if (kill((pid_t)strtol(pid, NULL, 10), 0) < 0 && access(found.gl_pathv[k], F_OK) == 0)
                fail_msg("left behind: %s", found.gl_pathv[k]);
        }
        globfree(&found);
    }
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
    assert_clean("test -s r.md && test -s r.html && ls charts", 0, "distribution-launch_us.svg");
    assert_clean(BENCH "compare r.json r.json", 0, "0 regressed");
    assert_clean(BENCH "report r.json", 0, "linux/floor");
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
        {"--pin 4000", "--pin: "}, {"--pin x", "--pin: expected"},
        {"--fast", "unknown argument \"--fast\""},
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
    assert_clean("{ sleep 1; for d in /sys/fs/cgroup/pids/seatrial-bench-[0-9]*; do "
                 "echo 0 > $d/pids.max; done; } & " LAUNCH
                 "--samples 100000 --scenes sequential --only floor --output f.json; s=$?; wait; "
                 "exit $s",
        2, "floor: ");
    assert_int_equal(report_read(path, &report, &err), 0);
    assert_non_null(report.stopped);
    report_release(&report);
}

static void test_interrupt(void **state)
{
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = path_in("i.json");
    struct report report;

    (void)state;
    assert_clean("timeout --signal INT 2 " LAUNCH
                 "--samples 1000000 --warmup 0 --scenes sequential --only floor,linux-rootfs "
                 "--output i.json; test $? = 124",
        0, "INCOMPLETE: interrupted by a signal");
    assert_int_equal(report_read(path, &report, &err), 0);
    assert_string_equal(report.stopped, "interrupted by a signal");
    assert_true(report_find(&report, "linux-rootfs", "lifecycle_us", "", 0)->count > 0);
    report_release(&report);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_result),
        cmocka_unit_test(test_bad_arguments), cmocka_unit_test(test_not_root),
        cmocka_unit_test(test_failure_in_mid_run), cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_full_disk), cmocka_unit_test(test_missing_runtime)};

    if (geteuid() != 0 || access("/sys/fs/cgroup/freezer", F_OK) < 0) {
        printf("needs root and v1 cgroups\n");
        return EXIT_SKIPPED;
    }
    if (!directory_make())
        return EXIT_FAILURE;
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return directory_remove() ? failed : EXIT_FAILURE;
}
