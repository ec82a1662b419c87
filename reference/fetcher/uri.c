/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/fetcher/uri.h"

#include <errno.h>
#include <string.h>

#include "reference/base/mem.h"

#define FILE_SCHEME "file://"
#define LOCALHOST "localhost"

const char *uri_trim(const char *uri)
{
    return uri + strspn(uri, " \t\r\n\v\f");
}

enum uri_kind uri_kind_of(const char *uri)
{
    static const char *const net[] = {"http://", "https://", "ftp://", "ftps://"};
    if (str_starts(uri, FILE_SCHEME) || !strstr(uri, "://"))
        return URI_LOCAL;
    for (size_t i = 0; i < ARRAY_SIZE(net); i++)
        if (str_starts(uri, net[i]))
            return URI_NET;
    return URI_OTHER;
}

/* A plain path's is that of basename(1): slashes at the end do not count. */
static char *path_basename(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && path[start - 1] != '/')
        start--;
    return str_ndup(path + start, length - start);
}

char *uri_basename(const char *uri)
{
    if (!strstr(uri, "://"))
        return path_basename(uri);
    const char *slash = strrchr(uri, '/');
    return str_dup(slash + 1);
}

/* Leading out of the sandbox; upstream lets it pass (quirk). */
static bool climbs(const char *path)
{
    _cleanup_strv_ char **parts = strv_split(path, "/");
    return strv_contains(parts, "..");
}

static int validate_output(const char *output, struct err *err)
{
    if (output[0] == '\0')
        return err_set(err, -EINVAL, "URI output file is empty");
    if (output[0] == '/' || climbs(output))
        return err_set(err, -EINVAL,
            "URI output file must be within the sandbox directory, got '%s'", output);
    if (strpbrk(output, "\\'"))
        return err_set(err, -EINVAL, "Illegal characters in URI output file '%s'", output);
    return 0;
}

int uri_validate(const struct command_uri *uri, struct err *err)
{
    const char *value = uri->value;
    if (!value || strpbrk(value, "\\'"))
        return err_set(err, -EINVAL, "Illegal characters in URI '%s'", value ? value : "");
    const char *scheme = strstr(value, "://");
    if (scheme && scheme - value > 1) {
        const char *path = strchr(scheme + 3, '/');
        if (!path || path[1] == '\0')
            return err_set(err, -EINVAL, "Malformed URI (missing path): %s", value);
    }
    return uri->output_file ? validate_output(uri->output_file, err) : 0;
}

int uri_local_path(
    const char *uri, const char *frameworks_home, char **ret_path, struct err *err)
{
    bool scheme = str_starts(uri, FILE_SCHEME);
    const char *path = scheme ? uri + strlen(FILE_SCHEME) : uri;
    if (scheme && str_starts(path, LOCALHOST))
        path += strlen(LOCALHOST);
    if (path[0] == '/') {
        *ret_path = str_dup(path);
        return 0;
    }
    if (scheme)
        return err_set(err, -EINVAL, "File URI only supports absolute paths, got '%s'", uri);
    if (!frameworks_home || frameworks_home[0] == '\0')
        return err_set(err, -EINVAL,
            "A relative path was passed for the resource but the Mesos framework home was not "
            "specified: '%s'",
            uri);
    *ret_path = str_printf("%s/%s", frameworks_home, path);
    return 0;
}

enum archive_kind archive_kind_of(const char *name)
{
    static const char *const suffixes[] = {
        ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip"};
    for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++)
        if (str_ends(name, suffixes[i]))
            return ARCHIVE_MEMBERS;
    return str_ends(name, ".gz") ? ARCHIVE_GZIP : ARCHIVE_NONE;
}
