/* SPDX-License-Identifier: Apache-2.0 */
/* Replay of small traces written here: what counts as equal, what as a mismatch, and bad files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fakes/replay/replay.h"
#include "reference/base/mem.h"

#define HEADER_V2                                                                                  \
    "{\"n\":0,\"op\":\"header\",\"kernel\":\"6.12.1-x\",\"hierarchy\":\"v2\",\"cpus\":2,"          \
    "\"flags\":[\"qemu\",\"ctl\"],\"defs\":{\"DEV\":\"259:0\"}}\n"
#define HEADER_V1                                                                                  \
    "{\"n\":0,\"op\":\"header\",\"kernel\":\"6.1.0-x\",\"hierarchy\":\"v1\",\"cpus\":2,"           \
    "\"flags\":[\"qemu\",\"freezer\",\"memory\"],\"defs\":{}}\n"

/* Runs the words with output into files; the last line of stdout, and all of stderr, are kept. */
static char program[] = "replay";

struct captured {
    int status;
    char last[256];
    char errors[1024];
};

static void slurp(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    fclose(file);
    unlink(path);
}

static struct captured run(int argc, char **argv)
{
    struct captured captured;
    char all[65536];
    char out[] = "/tmp/seatrial.replay.out.XXXXXX", err[] = "/tmp/seatrial.replay.err.XXXXXX";
    int saved_out = dup(1), saved_err = dup(2), out_fd = mkstemp(out), err_fd = mkstemp(err);
    fflush(stdout);
    dup2(out_fd, 1);
    dup2(err_fd, 2);
    captured.status = replay_main(argc, argv);
    fflush(stdout);
    dup2(saved_out, 1);
    dup2(saved_err, 2);
    close(saved_out);
    close(saved_err);
    close(out_fd);
    close(err_fd);
    slurp(out, all, sizeof(all));
    slurp(err, captured.errors, sizeof(captured.errors));
    size_t length = strlen(all);
    if (length)
        all[length - 1] = '\0';
    const char *line = strrchr(all, '\n');
    snprintf(captured.last, sizeof(captured.last), "%.*s", (int)sizeof(captured.last) - 1,
        line ? line + 1 : all);
    return captured;
}

static struct captured replay_text(const char *text)
{
    char path[] = "/tmp/seatrial.replay.XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    char *argv[] = {program, path, NULL};
    struct captured captured = run(2, argv);
    unlink(path);
    char *name = strstr(captured.errors, path);
    if (name == captured.errors)
        memmove(captured.errors, captured.errors + strlen(path),
            strlen(captured.errors + strlen(path)) + 1);
    return captured;
}

struct trace_case {
    const char *text;
    int status;
    const char *last;
};

static void test_comparison(void **state)
{
    static const struct trace_case cases[] = {
        {HEADER_V2, 0, "0 operations, 0 mismatches"},
        {HEADER_V2 "{\"n\":1,\"op\":\"mkdir\",\"path\":\"a\",\"result\":0}\n"
                   "{\"n\":2,\"op\":\"mkdir\",\"path\":\"a\",\"result\":\"-EEXIST\"}\n"
                   "{\"n\":3,\"op\":\"end\"}\n",
            0, "2 operations, 0 mismatches"},
        {HEADER_V2 "{\"n\":1,\"op\":\"mkdir\",\"path\":\"a\",\"result\":\"-EBUSY\"}\n", 1,
            "1 operations, 1 mismatches"},
        {HEADER_V2 "{\"n\":1,\"op\":\"read\",\"path\":\"cgroup.type\",\"result\":0,"
                   "\"out\":\"threaded\\n\"}\n",
            1, "1 operations, 1 mismatches"},
        {HEADER_V2 "{\"n\":1,\"op\":\"read\",\"path\":\"cgroup.type\",\"result\":0,"
                   "\"out\":\"threaded\\n\",\"volatile\":true}\n",
            0, "1 operations, 0 mismatches"},
        {HEADER_V2 "{\"n\":1,\"op\":\"mkdir\",\"path\":\"a\",\"result\":\"-EBUSY\","
                   "\"volatile_result\":true}\n",
            0, "1 operations, 0 mismatches"},
        {HEADER_V2 "{\"n\":1,\"op\":\"read\",\"path\":\"nope\",\"result\":\"-ENOENT\"}\n", 1,
            "1 operations, 1 mismatches"}, /* the stage is missing */
        {HEADER_V2 "{\"n\":1,\"op\":\"read\",\"path\":\"nope\",\"stage\":\"open\","
                   "\"result\":\"-ENOENT\"}\n",
            0, "1 operations, 0 mismatches"},
        {HEADER_V2 "{\"n\":1,\"op\":\"statfs\",\"path\":\".\",\"result\":0,\"out\":\"x\"}\n", 0,
            "0 operations, 0 mismatches"},
        /* lists of pids are sets */
        {HEADER_V2 "{\"n\":1,\"op\":\"proc\",\"name\":\"A\",\"result\":0}\n"
                   "{\"n\":2,\"op\":\"proc\",\"name\":\"B\",\"result\":0}\n"
                   "{\"n\":3,\"op\":\"write\",\"path\":\"cgroup.procs\",\"data\":\"$A\","
                   "\"result\":0}\n"
                   "{\"n\":4,\"op\":\"write\",\"path\":\"cgroup.procs\",\"data\":\"$B\","
                   "\"result\":0}\n"
                   "{\"n\":5,\"op\":\"read\",\"path\":\"cgroup.procs\",\"result\":0,"
                   "\"out\":\"$B\\n$A\\n\"}\n",
            0, "5 operations, 0 mismatches"},
        /* FREEZING may stand for FROZEN, THAWED may not */
        {HEADER_V1 "{\"n\":1,\"op\":\"mkdir\",\"path\":\"freezer/f\",\"result\":0}\n"
                   "{\"n\":2,\"op\":\"wr\",\"path\":\"freezer/f/freezer.state\","
                   "\"data\":\"FROZEN\",\"result\":0,\"out\":\"FREEZING\\n\"}\n",
            0, "2 operations, 0 mismatches"},
        {HEADER_V1 "{\"n\":1,\"op\":\"mkdir\",\"path\":\"freezer/f\",\"result\":0}\n"
                   "{\"n\":2,\"op\":\"wr\",\"path\":\"freezer/f/freezer.state\","
                   "\"data\":\"FROZEN\",\"result\":0,\"out\":\"THAWED\\n\"}\n",
            1, "2 operations, 1 mismatches"},
        {HEADER_V1 "{\"n\":1,\"op\":\"read\",\"path\":\"^nosuch/tasks\",\"stage\":\"open\","
                   "\"result\":\"-ENOENT\"}\n",
            0, "1 operations, 0 mismatches"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct captured captured = replay_text(cases[i].text);
        if (captured.status != cases[i].status || strcmp(captured.last, cases[i].last))
            fail_msg("case %zu: status %d, last line \"%s\", errors \"%s\"", i, captured.status,
                captured.last, captured.errors);
    }
}

static void test_bad_files(void **state)
{
    static const struct {
        const char *text;
        const char *message; /* after the file's name */
    } cases[] = {
        {"", ":1: empty, expected the header\n"},
        {"{\"n\":1,\"op\":\"mkdir\"}\n", ":1: expected the header, op \"header\"\n"},
        {"[]\n", ":1: expected an object\n"},
        {HEADER_V2 HEADER_V2, ":2: a second header\n"},
        {HEADER_V2 "{\"n\":1,\"op\":\"fly\",\"result\":0}\n",
            ":2: op \"fly\": no such operation\n"},
        {HEADER_V2 "{\"n\":1,\"op\":7}\n", ":2: op: expected a text\n"},
        {HEADER_V2 "{\"op\":\"mkdir\"}\n", ":2: n: expected a number\n"},
        {HEADER_V2 "{\"n\":1,\"op\":\"mkdir\",\"result\":\"-EWHAT\"}\n",
            ":2: result: expected a number or \"-ERRNO\"\n"},
        {HEADER_V2 "{\"n\":1,\"op\":\"mkdir\",\"result\":0,\"out\":1}\n",
            ":2: out: expected a text\n"},
        {"{\"n\":0,\"op\":\"header\",\"kernel\":\"6.1\",\"hierarchy\":\"v3\"}\n",
            ":1: the header needs \"kernel\" (a text) and \"hierarchy\" (\"v1\" or \"v2\")\n"},
        {"{\"n\":0,\"op\":\"header\",\"kernel\":\"4.4.0\",\"hierarchy\":\"v2\",\"cpus\":1,"
         "\"flags\":[],\"defs\":{}}\n",
            ":1: header: kernel \"4.4.0\": expected 6.1, 6.12 or 6.18\n"},
        {"{\"n\":0,\"op\":\"header\",\"kernel\":\"6.1.0\",\"hierarchy\":\"v2\",\"cpus\":0,"
         "\"flags\":[],\"defs\":{}}\n",
            ":1: header: cpus: expected a number from 1 to 256\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct captured captured = replay_text(cases[i].text);
        if (captured.status != 2 || strcmp(captured.errors, cases[i].message))
            fail_msg("case %zu: status %d, \"%s\"", i, captured.status, captured.errors);
    }
    struct captured captured = replay_text("{\"n\":0,\n");
    assert_int_equal(captured.status, 2);
    assert_memory_equal(captured.errors, ":1:", 3);
}

static void test_usage(void **state)
{
    (void)state;
    char help_word[] = "--help", unknown_word[] = "--nope";
    char missing_file[] = "/nonexistent/trace.jsonl";
    char *none[] = {program, NULL};
    char *help[] = {program, help_word, NULL};
    char *unknown[] = {program, unknown_word, NULL};
    char *missing[] = {program, missing_file, NULL};
    char record_word[] = "--record", record_file[] = "/nonexistent/out";
    char *recorded[] = {program, record_word, record_file, missing_file, NULL};
    assert_int_equal(run(1, none).status, 2);
    assert_int_equal(run(2, help).status, 0);
    assert_int_equal(run(2, unknown).status, 2);
    assert_int_equal(run(4, recorded).status, 2); /* without a kernel */
    struct captured captured = run(2, missing);
    assert_int_equal(captured.status, 2);
    assert_string_equal(captured.errors, "/nonexistent/trace.jsonl: ENOENT\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comparison),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
