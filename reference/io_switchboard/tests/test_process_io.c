/* SPDX-License-Identifier: Apache-2.0 */
/* ProcessIO records: there and back again, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "reference/io_switchboard/process_io.h"

static void round_trip(const char *bytes, size_t length)
{
    struct process_io record = {.type = PROCESS_IO_STDERR, .length = length};
    struct process_io back = {0};
    record.bytes = (char *)(uintptr_t)bytes;
    char *line = process_io_encode(&record);
    json_t *json = json_loads(line, 0, NULL);
    assert_int_equal(process_io_decode(json, &back, NULL), 0);
    assert_int_equal(back.type, PROCESS_IO_STDERR);
    assert_int_equal(back.length, length);
    assert_memory_equal(back.bytes, bytes, length);
    process_io_release(&back);
    json_decref(json);
    free(line);
}

static void test_bytes(void **state)
{
    char all[256];
    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)i;
    for (size_t length = 0; length <= sizeof(all); length++)
        round_trip(all, length);
}

static void test_text(void **state)
{
    struct process_io record = {.type = PROCESS_IO_STDOUT, .length = 5};
    (void)state;
    record.bytes = (char *)(uintptr_t) "hello";
    char *line = process_io_encode(&record);
    assert_string_equal(
        line, "{\"type\":\"DATA\",\"data\":{\"type\":\"STDOUT\",\"data\":\"aGVsbG8=\"}}");
    free(line);
}

static void test_bad(void **state)
{
    static const struct {
        const char *line;
        const char *message;
    } rows[] = {
        {"{}", "type: expected DATA or CONTROL, got \"\""},
        {"{\"type\":\"OTHER\"}", "type: expected DATA or CONTROL, got \"OTHER\""},
        {"{\"type\":\"DATA\"}", "data.type: expected STDIN, STDOUT or STDERR, got \"\""},
        {"{\"type\":\"DATA\",\"data\":{\"type\":\"STDIN\",\"data\":\"a\"}}",
            "data.data: expected base64"},
        {"{\"type\":\"DATA\",\"data\":{\"type\":\"STDIN\",\"data\":\"ab!=\"}}",
            "data.data: expected base64"},
        {"{\"type\":\"CONTROL\",\"control\":{\"type\":\"X\"}}",
            "control.type: expected TTY_INFO or HEARTBEAT, got \"X\""},
        {"{\"type\":\"CONTROL\",\"control\":{\"type\":\"TTY_INFO\",\"tty_info\":{\"window_size\":"
         "{\"rows\":0,\"columns\":80}}}}",
            "control.tty_info.window_size: expected rows and columns from 1 to 65535"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        _cleanup_err_ struct err err = ERR_INIT;
        struct process_io record;
        json_t *json = json_loads(rows[i].line, 0, NULL);
        assert_true(process_io_decode(json, &record, &err) < 0);
        assert_string_equal(err_text(&err), rows[i].message);
        process_io_release(&record);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
