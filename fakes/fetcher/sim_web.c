/* SPDX-License-Identifier: Apache-2.0 */
#include "fakes/fetcher/sim_web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/loop.h"
#include "reference/base/mem.h"

#define REQUESTS "/web/requests"
#define DOWNLOAD_NS (10 * NS_PER_MS)
#define STATUS_OK 200
#define STATUS_NOT_FOUND 404

static char *document(const char *uri)
{
    const char *place = strstr(uri, "://");
    return str_printf("/web/%s", place ? place + 3 : uri);
}

/* The text of the file beside the document; NULL: there is none. Owned. */
static char *beside(struct vfs *vfs, const char *uri, const char *what)
{
    _cleanup_free_ char *path = document(uri);
    _cleanup_free_ char *full = str_printf("%s.%s", path, what);
    const char *text;
    size_t length;
    if (vfs_read(vfs, full, &text, &length) < 0)
        return NULL;
    char *copy = str_ndup(text, length);
    copy[strcspn(copy, "\n")] = '\0';
    return copy;
}

static void count(struct vfs *vfs, const char *method, const char *uri)
{
    _cleanup_free_ char *line = str_printf("%s %s\n", method, uri);
    vfs_mkdir(vfs, "/web", 0755, true);
    vfs_write(vfs, REQUESTS, line, strlen(line), 0644, true);
}

static long status_of(struct vfs *vfs, const char *uri)
{
    _cleanup_free_ char *path = document(uri);
    _cleanup_free_ char *status = beside(vfs, uri, "status");
    struct vfs_info info;
    if (status)
        return strtol(status, NULL, 10);
    return vfs_info(vfs, path, true, &info) == 0 && info.type == 'f' ? STATUS_OK
                                                                      : STATUS_NOT_FOUND;
}

int sim_web_head(struct vfs *vfs, const char *uri, uint64_t *ret_size, struct err *err)
{
    _cleanup_free_ char *path = document(uri);
    _cleanup_free_ char *length = beside(vfs, uri, "length");
    struct vfs_info info = {0};
    count(vfs, "HEAD", uri);
    vfs_info(vfs, path, true, &info);
    *ret_size = length ? strtoull(length, NULL, 10) : info.size_bytes;
    if (*ret_size == 0)
        return err_set(err, -ENODATA, "the server tells no length of '%s'", uri);
    return 0;
}

int sim_web_get(struct vfs *vfs, const char *uri, const char **ret_text, size_t *ret_length,
    struct err *err)
{
    _cleanup_free_ char *path = document(uri);
    long status = status_of(vfs, uri);
    count(vfs, "GET", uri);
    if (status != STATUS_OK)
        return err_set(err, -EIO, "failed to download '%s': unexpected response code %ld", uri,
            status);
    int r = vfs_read(vfs, path, ret_text, ret_length);
    return r < 0 ? err_errno(err, r, "failed to download '%s'", uri) : 0;
}

static uint64_t duration_ns(const char *text)
{
    static const struct {
        const char *unit;
        uint64_t ns;
    } units[] = {{"ms", NS_PER_MS}, {"s", NS_PER_SEC}, {"min", 60 * NS_PER_SEC}};
    char *end = NULL;
    double number = strtod(text, &end);
    for (size_t i = 0; i < ARRAY_SIZE(units); i++)
        if (str_equal(end, units[i].unit))
            return (uint64_t)(number * (double)units[i].ns);
    return DOWNLOAD_NS;
}

uint64_t sim_web_duration_ns(struct vfs *vfs, const char *uri, bool *ret_stalls)
{
    _cleanup_free_ char *stall = beside(vfs, uri, "stall");
    _cleanup_free_ char *delay = beside(vfs, uri, "delay");
    *ret_stalls = stall != NULL;
    return delay ? duration_ns(delay) : DOWNLOAD_NS;
}
