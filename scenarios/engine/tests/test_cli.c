/* SPDX-License-Identifier: Apache-2.0 */
/* The program from outside: arguments, exit statuses, and what it prints. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define CLI "scenarios/engine/tests/cli"

/* Runs `seatrial ARGUMENTS` with both streams together; the exit status. */
static int run(const char *arguments, char **ret_output)
{
    _cleanup_free_ char *command = str_printf("%s %s 2>&1", SEATRIAL_PROGRAM, arguments);
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

static void test_exit_statuses(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        int status;
        const char *says;
    } rows[] = {
        {"", 2, "Usage: seatrial"},
        {"--help", 0, "Commands:"},
        {"--version", 0, "seatrial 0."},
        {"sail", 2, "unknown command \"sail\""},
        {"run", 2, "no path is given, expected scenario files or directories"},
        {"run --help", 0, "--check-determinism"},
        {"run --help-steps", 0, "### launch"},
        {"run --fromat tap " CLI "/passes.yaml", 2, "unknown option --fromat, expected --format"},
        {"run --format xml " CLI "/passes.yaml", 2,
            "--format is \"xml\", expected pretty, tap, junit, json or jsonl"},
        {"run --seed 5..1 " CLI "/passes.yaml", 2, "--seed is \"5..1\", expected a number"},
        {"run --backend vm " CLI "/passes.yaml", 2, "expected sim, kernel, agent, or oci:RUNTIME"},
        {"run --layouts v1 " CLI "/passes.yaml", 2, "expected two or three of v1, v2 and hybrid"},
        {"run --layouts v1,v2,hybrid scenarios/catalogue/operations", 0, " same, 0 differ"},
        {"run --jobs", 2, "--jobs has no value"},
        {"run --list=yes x", 2, "--list takes no value"},
        {"run --tag nobody " CLI "/passes.yaml", 2, "no scenario has this name or tag"},
        {"run --list " CLI, 0, "passes.yaml:3: it passes (MC-01)"},
        {"run nowhere.yaml", 2, "nowhere.yaml:1:1: cannot open it (ENOENT)"},
        {"run " CLI "/../bad/unknown-step.yaml " CLI "/passes.yaml", 2, "unknown step \"lanch\""},
        {"run " CLI "/passes.yaml", 0, "1 passed, 0 failed, 0 skipped"},
        {"run --jobs 0 " CLI "/passes.yaml", 0, "1 passed, 0 failed, 0 skipped"},
        {"run --seed 1..3 --jobs 2 " CLI "/passes.yaml", 0, "3 passed, 0 failed"},
        {"run --check-determinism --seed 1..2 " CLI "/passes.yaml", 0, "2 passed"},
        {"run --torture " CLI "/passes.yaml", 0, "points survived"},
        {"run --summary " CLI "/passes.yaml", 0, "rare branches reached"},
        {"run " CLI "/fails.yaml", 1, "fails.yaml:6: it fails"},
        {"run " CLI "/fails.yaml", 1, "expected exit status 4, but wait c1 gave {\"status\":768}"},
        {"run " CLI "/fails.yaml", 1,
            "replay: seatrial run --backend sim --seed 1 --only 'it fails'"},
        {"run " CLI "/hangs.yaml", 1, "pending: wait c1 of line 8"},
        {"run " CLI "/skips.yaml", 0, "skip"},
        {"run --format tap " CLI "/skips.yaml", 0, "# SKIP needs shell: "},
        {"run --jobs 2 --check-determinism " CLI "/steps.yaml", 0, " 0 failed, 0 skipped"},
        {"run --only 'it passes' " CLI, 0, "1 passed, 0 failed, 0 skipped"},
        {"run --output /nonexistent/x " CLI "/passes.yaml", 2, "cannot write the report"},
        {"isolators", 0, "cgroups_enable_cfs"},
        {"isolators --json", 0, "\"name\": \"linux/seccomp\""},
        {"isolators --chekc", 2, "Usage: seatrial isolators"},
        {"isolators --check --peers", 2, "Usage: seatrial isolators"},
        {"isolators --check --lab /nowhere " CLI, 2, "/nowhere"},
        {"isolators --check nowhere.yaml", 2, "nowhere.yaml:1:1: cannot open it (ENOENT)"},
        {"isolators --check --simulated scenarios/catalogue/isolators/seccomp.yaml", 1,
            "NO SCENARIO"},
        {"isolators --peers", 0, "by its documented rules"},
        {"bench", 2, "Benchmarks:"},
        {"bench sim --runs 0", 2, "--runs: expected a number"},
        {"bench sim --json --runs 1 --lifecycles 20 --live 3", 0, "\"lifecycles_per_second\""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_free_ char *output = NULL;
        int status = run(rows[i].arguments, &output);
        if (status != rows[i].status || !strstr(output, rows[i].says))
            fail_msg("seatrial %s: exit %d, expected %d and \"%s\", said:\n%s", rows[i].arguments,
                status, rows[i].status, rows[i].says, output);
    }
}

/* The same seed gives the same bytes of trace, with any number of jobs. */
static void test_traces_equal(void **state)
{
    (void)state;
    char first[] = "/tmp/seatrial-trace-XXXXXX";
    char second[] = "/tmp/seatrial-trace-XXXXXX";
    close(mkstemp(first));
    close(mkstemp(second));
    _cleanup_free_ char *one = str_printf("run --seed 3..5 --trace %s " CLI "/passes.yaml", first);
    _cleanup_free_ char *two =
        str_printf("run --jobs 3 --seed 3..5 --trace %s " CLI "/passes.yaml", second);
    _cleanup_free_ char *output_one = NULL;
    _cleanup_free_ char *output_two = NULL;
    assert_int_equal(run(one, &output_one), 0);
    assert_int_equal(run(two, &output_two), 0);
    _cleanup_free_ char *compare = str_printf("cmp %s %s", first, second);
    assert_int_equal(system(compare), 0);
    unlink(first);
    unlink(second);
}

/* Every scenario of judged.yaml fails in the words of its name. */
static void test_judgements(void **state)
{
    (void)state;
    _cleanup_free_ char *output = NULL;
    assert_int_equal(run("run --jobs 2 --format json " CLI "/judged.yaml", &output), 1);
    json_t *report = json_loads(output, 0, NULL);
    assert_non_null(report);
    const json_t *scenarios = json_object_get(report, "scenarios");
    assert_true(json_array_size(scenarios) > 40);
    for (size_t i = 0; i < json_array_size(scenarios); i++) {
        const json_t *scenario = json_array_get(scenarios, i);
        const char *name = json_string_value(json_object_get(scenario, "name"));
        const char *reason = json_string_value(json_object_get(scenario, "reason"));
        const char *said = reason ? strchr(reason, '\n') : NULL;
        _cleanup_free_ char *until_trace =
            said ? str_ndup(said, (size_t)(strstr(said, "replay:") - said)) : str_dup("");
        if (!strstr(until_trace, name))
            fail_msg("expected \"%s\", but it says:\n%s", name, reason ? reason : "nothing");
    }
    json_decref(report);
}

#define README "scenarios/README.md"
#define MARK                                                                                       \
    "<!-- What follows is printed by `seatrial run --help-steps`; a test holds it to that. "       \
    "-->\n\n"

/* README.md ends, after the mark, with the reference that the program prints; with
 * SEATRIAL_WRITE_EXPECTED set it is written anew. */
static void test_readme(void **state)
{
    (void)state;
    _cleanup_free_ char *help = NULL;
    assert_int_equal(run("run --help-steps", &help), 0);
    FILE *stream = fopen(README, "re");
    assert_non_null(stream);
    _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
    char buffer[4096];
    size_t length;
    while ((length = fread(buffer, 1, sizeof(buffer), stream)) > 0)
        strbuf_add_bytes(&text, buffer, length);
    fclose(stream);
    const char *mark = strstr(strbuf_text(&text), MARK);
    assert_non_null(mark);
    const char *reference = mark + strlen(MARK);
    if (strcmp(reference, help) == 0)
        return;
    if (!getenv("SEATRIAL_WRITE_EXPECTED"))
        fail_msg(README " does not end with what `seatrial run --help-steps` prints: run this test "
                        "with SEATRIAL_WRITE_EXPECTED=1");
    stream = fopen(README, "we");
    assert_non_null(stream);
    fprintf(stream, "%.*s%s", (int)(reference - strbuf_text(&text)), strbuf_text(&text), help);
    fclose(stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exit_statuses),
        cmocka_unit_test(test_traces_equal), cmocka_unit_test(test_judgements),
        cmocka_unit_test(test_readme)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
