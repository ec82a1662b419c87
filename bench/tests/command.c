/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/base/tests/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bench/tests/command.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

static char directory[] = "/tmp/seatrial-test-bench.XXXXXX";

bool directory_make(void)
{
    return mkdtemp(directory) != NULL;
}

bool directory_remove(void)
{
    _cleanup_free_ char *command = str_printf("rm -rf %s", directory);

    return system(command) == 0;
}

char *path_in(const char *name)
{
    return str_printf("%s/%s", directory, name);
}

int run(const char *command, char **ret_text)
{
    _cleanup_free_ char *line = str_printf("cd %s; { %s; } 2>&1", directory, command);
    struct strbuf text = STRBUF_INIT;
    char bytes[4096];
    size_t length;
    FILE *stream = popen(line, "r");

    assert_non_null(stream);
    while ((length = fread(bytes, 1, sizeof(bytes), stream)) > 0)
        strbuf_add_bytes(&text, bytes, length);
    *ret_text = strbuf_take(&text);
    const int status = pclose(stream);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void assert_says(const char *command, int status, const char *words)
{
    _cleanup_free_ char *text = NULL;
    const int seen = run(command, &text);

    if (seen != status || !strstr(text, words))
        fail_msg(
            "%s: status %d instead of %d, or not \"%s\": %s", command, seen, status, words, text);
}
