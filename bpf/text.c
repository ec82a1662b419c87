/* SPDX-License-Identifier: Apache-2.0 */
#include "bpf/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

char *text_read(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    _cleanup_strbuf_ struct strbuf buf = STRBUF_INIT;
    char chunk[4096];
    for (;;) {
        ssize_t length = read(fd, chunk, sizeof(chunk));
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            return NULL;
        if (length == 0)
            return strbuf_take(&buf);
        strbuf_add_bytes(&buf, chunk, (size_t)length);
    }
}

bool text_key_u64(const char *text, const char *key, uint64_t *ret_value)
{
    size_t length = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ' ') {
            *ret_value = strtoull(line + length + 1, NULL, 10);
            return true;
        }
        if (!*line)
            break;
    }
    return false;
}
