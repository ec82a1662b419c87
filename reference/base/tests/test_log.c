/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/log.h"
#include "reference/base/mem.h"

static void collect(void *arg, enum log_level level, const char *message)
{
    strv_add_owned(arg, str_printf("%d %s", (int)level, message));
}

static void test_levels(void **state)
{
    (void)state;
    static const size_t messages[] = {4, 3, 2, 1};
    for (enum log_level least = LOG_DEBUG; least <= LOG_ERROR; least++) {
        _cleanup_strv_ char **lines = NULL;
        log_set_sink(collect, &lines, least);
        log_debug("d");
        log_info("i");
        log_warning("w");
        log_error("e %d", 5);
        log_set_sink(NULL, NULL, LOG_DEBUG);
        log_error("silence");
        assert_int_equal(strv_length(lines), messages[least]);
        assert_string_equal(lines[messages[least] - 1], "3 e 5");
    }
}

static void test_names(void **state)
{
    (void)state;
    enum log_level level = LOG_DEBUG;
    assert_int_equal(log_level_parse("warning", &level), 0);
    assert_int_equal(level, LOG_WARNING);
    assert_int_equal(log_level_parse("warn", &level), -EINVAL);
    assert_int_equal(log_level_parse("", &level), -EINVAL);
    assert_int_equal(level, LOG_WARNING);
}

static void test_stdio(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    log_set_sink(log_sink_stdio, file, LOG_INFO);
    log_info("started");
    log_warning("slow");
    log_set_sink(NULL, NULL, LOG_DEBUG);
    fclose(file);
    assert_string_equal(text, "info: started\nwarning: slow\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_stdio),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
