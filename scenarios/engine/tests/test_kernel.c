/* SPDX-License-Identifier: Apache-2.0 */
/* The backend of the real kernel: it passes, judges, times out, and leaves nothing, whatever
 * happens to its processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"
#include "scenarios/engine/backends/descendants.h"

#define CLI "scenarios/engine/tests/cli"

static int run(const char *backend, const char *arguments, char **ret_output)
{
    _cleanup_free_ char *command =
        str_printf("%s run --backend %s %s 2>&1", SEATRIAL_PROGRAM, backend, arguments);
    FILE *stream = popen(command, "re");
    assert_non_null(stream);
    struct strbuf out = STRBUF_INIT;
    char buffer[4096];
    size_t length;
    while ((length = fread(buffer, 1, sizeof(buffer), stream)) > 0)
        strbuf_add_bytes(&out, buffer, length);
    int status = pclose(stream);
    assert_true(WIFEXITED(status));
    *ret_output = strbuf_take(&out);
    return WEXITSTATUS(status);
}

static void test_outcomes(void **state)
{
    (void)state;
    static const struct {
        const char *backend;
        const char *arguments;
        int status;
        const char *says;
    } rows[] = {
        {"kernel", CLI "/passes.yaml", 0, "1 passed, 0 failed"},
        {"kernel", CLI "/real.yaml", 0, " 0 failed"},
        {"kernel", "--jobs 3 --seed 1..3 " CLI "/passes.yaml", 0, "3 passed, 0 failed"},
        {"kernel", CLI "/fails.yaml", 1,
            "expected exit status 4, but wait c1 gave {\"status\":768}"},
        {"kernel", CLI "/hangs-really.yaml", 1, "in the world: "},
        {"agent", CLI "/passes.yaml", 0, "1 passed, 0 failed"},
        {"agent", CLI "/fails.yaml", 1,
            "expected exit status 4, but wait c1 gave {\"status\":768}"},
        {"agent", "scenarios/catalogue/launch/exit-status.yaml", 0, " 0 failed"},
        {"agent", "scenarios/catalogue/recovery/keeps-running.yaml", 0, " 0 failed"},
        {"agent", "scenarios/catalogue/operations/kill.yaml", 0, " 0 failed"},
        {"agent", "scenarios/catalogue/operations/update-remove.yaml", 0, " 0 failed"},
        {"kernel", "--torture --point 1:EIO " CLI "/passes.yaml", 0, "points survived"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *output = NULL;
        int status = run(rows[i].backend, rows[i].arguments, &output);
        if (status != rows[i].status || !strstr(output, rows[i].says))
            fail_msg("%s: exit %d, expected %d and \"%s\", said:\n%s", rows[i].arguments, status,
                rows[i].status, rows[i].says, output);
    }
}

/* The process id of a child of `parent`, 0 when it has none. */
static pid_t child_of(pid_t parent)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/task/%d/children", (int)parent, (int)parent);
    FILE *stream = fopen(path, "re");
    int pid = 0;
    if (stream && fscanf(stream, "%d", &pid) != 1)
        pid = 0;
    if (stream)
        fclose(stream);
    return pid;
}

static void pause_briefly(void)
{
    const struct timespec pause = {0, 10 * 1000 * 1000};
    nanosleep(&pause, NULL);
}

static pid_t wait_for_child(pid_t parent)
{
    for (unsigned i = 0; i < 1000; i++) {
        pid_t child = child_of(parent);
        if (child)
            return child;
        pause_briefly();
    }
    fail_msg("%d has no child", (int)parent);
    return 0;
}

static bool is_gone(pid_t pid)
{
    for (unsigned i = 0; i < 1000; i++) {
        if (kill(pid, 0) < 0 && errno == ESRCH)
            return true;
        pause_briefly();
    }
    return false;
}

/* Killed in the middle of a scenario, the program takes its containers along. */
static void assert_takes_along(const char *scenario)
{
    pid_t program = fork();
    assert_true(program >= 0);
    if (program == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(1);
        execl(SEATRIAL_PROGRAM, "seatrial", "run", "--backend", "kernel", scenario, (char *)NULL);
        _exit(127);
    }
    pid_t supervisor = wait_for_child(program);
    pid_t engine = wait_for_child(supervisor);
    pid_t container = wait_for_child(engine);
    kill(program, SIGKILL);
    assert_int_equal(waitpid(program, NULL, 0), program);
    assert_true(is_gone(supervisor));
    assert_true(is_gone(engine));
    assert_true(is_gone(container));
}

static void test_killed(void **state)
{
    (void)state;
    assert_takes_along(CLI "/hangs-really.yaml");
    if (access("/sys/fs/cgroup/freezer", F_OK) == 0 && geteuid() == 0)
        assert_takes_along(CLI "/hangs-frozen.yaml");
}

static void wait_for_byte(int fd)
{
    char byte;
    assert_int_equal(read(fd, &byte, 1), 1);
}

/* A child and what it starts are below; who has ended and is reaped is not. */
static void test_descendants(void **state)
{
    (void)state;
    int ready[2];
    pid_t *pids = NULL;
    size_t count = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild > 0)
            (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    wait_for_byte(ready[0]);
    assert_int_equal(descendants_list(getpid(), &pids, &count), 0);
    assert_int_equal(count, 2);
    assert_true(pids[0] == child || pids[1] == child);
    pid_t grandchild = pids[0] == child ? pids[1] : pids[0];
    free(pids);
    kill(grandchild, SIGKILL);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(descendants_list(getpid(), &pids, &count), 0);
    assert_int_equal(count, 0);
    free(pids);
    assert_int_equal(descendants_list(child, &pids, &count), -ENOENT);
    close(ready[0]);
    close(ready[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes), cmocka_unit_test(test_killed),
        cmocka_unit_test(test_descendants)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
