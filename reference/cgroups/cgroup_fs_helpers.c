/* SPDX-License-Identifier: Apache-2.0 */
/* What is often done with cgroups, on top of the front. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/cgroups/cgroup_fs.h"

/* Ancestors are looked up from below, so that the usual case (all but the last are there) costs one
 * look and one effect. */
int cgroup_create_recursive(struct cgroup_fs *fs, const char *path, struct err *err)
{
    _cleanup_free_ char *part = str_dup(path);
    size_t length = strlen(part);
    size_t existing = length;
    while (existing > 0) {
        part[existing] = '\0';
        if (cgroup_exists(fs, part))
            break;
        while (existing > 0 && path[existing - 1] != '/')
            existing--;
        if (existing > 0)
            existing--;
    }
    while (existing < length) {
        size_t end = existing == 0 ? 0 : existing + 1;
        while (end < length && path[end] != '/')
            end++;
        memcpy(part, path, end);
        part[end] = '\0';
        int r = cgroup_create(fs, part, err);
        if (r < 0 && r != -EEXIST)
            return r;
        if (r < 0)
            err_clear(err);
        existing = end;
    }
    return 0;
}

/* Unsigned decimal, or "max" as the largest value; anything after blanks ends it. */
static int value_parse(const char *text, const char **ret_end, uint64_t *ret_value)
{
    if (strncmp(text, "max", 3) == 0 && !isalnum((unsigned char)text[3])) {
        *ret_end = text + 3;
        *ret_value = UINT64_MAX;
        return 0;
    }
    if (!isdigit((unsigned char)*text))
        return -EINVAL;
    char *end = NULL;
    errno = 0;
    *ret_value = strtoull(text, &end, 10);
    *ret_end = end;
    return errno ? -ERANGE : 0;
}

int cgroup_read_u64(
    struct cgroup_fs *fs, const char *path, const char *file, uint64_t *ret_value, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    int r = cgroup_read(fs, path, file, &text, err);
    if (r < 0)
        return r;
    const char *end = NULL;
    r = value_parse(text, &end, ret_value);
    if (r == 0 && *end != '\0' && *end != '\n')
        r = -EINVAL;
    return r < 0 ? err_set(err, r, "read %s/%s: expected a number, got \"%s\"", path, file, text)
                 : 0;
}

int cgroup_write_u64(
    struct cgroup_fs *fs, const char *path, const char *file, uint64_t value, struct err *err)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return cgroup_write(fs, path, file, text, err);
}

int cgroup_read_key(struct cgroup_fs *fs, const char *path, const char *file, const char *key,
    uint64_t *ret_value, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    int r = cgroup_read(fs, path, file, &text, err);
    if (r < 0)
        return r;
    size_t length = strlen(key);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) != 0 || line[length] != ' ')
            continue;
        const char *end = NULL;
        r = value_parse(line + length + 1, &end, ret_value);
        return r < 0 ? err_set(err, r, "read %s/%s: no number after \"%s\"", path, file, key) : 0;
    }
    return err_errno(err, -ENODATA, "read %s/%s: %s", path, file, key);
}

int cgroup_read_pids(struct cgroup_fs *fs, const char *path, const char *file, pid_t **ret_pids,
    size_t *ret_count, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    int r = cgroup_read(fs, path, file, &text, err);
    if (r < 0)
        return r;
    pid_t *pids = NULL;
    size_t count = 0;
    size_t capacity = 0;
    for (char *at = text; *at;) {
        char *end = NULL;
        long pid = strtol(at, &end, 10);
        if (end == at)
            break;
        pids = mem_grow(pids, &capacity, count + 1, sizeof(*pids));
        pids[count++] = (pid_t)pid;
        at = end;
        while (*at == '\n')
            at++;
    }
    *ret_pids = pids;
    *ret_count = count;
    return 0;
}

/* One level of the walk: the children of `path` from `next` on. */
struct level {
    char *path;
    char **names;
    size_t next;
};

static int level_push(struct cgroup_fs *fs, struct level **levels, size_t *count,
    size_t *capacity, const char *path, struct err *err)
{
    char **names = NULL;
    int r = cgroup_list(fs, path, &names, err);
    if (r < 0)
        return r;
    *levels = mem_grow(*levels, capacity, *count + 1, sizeof(**levels));
    (*levels)[(*count)++] = (struct level){.path = str_dup(path), .names = names};
    return 0;
}

int cgroup_descendants(struct cgroup_fs *fs, const char *path, char ***ret_paths, struct err *err)
{
    struct level *levels = NULL;
    size_t count = 0;
    size_t capacity = 0;
    char **paths = mem_alloc(sizeof(*paths));
    size_t paths_count = 0;
    size_t paths_capacity = 0;
    int r = level_push(fs, &levels, &count, &capacity, path, err);
    while (r == 0 && count > 0) {
        struct level *top = &levels[count - 1];
        const char *name = top->names ? top->names[top->next] : NULL;
        if (name) {
            top->next++;
            _cleanup_free_ char *child =
                str_printf("%s%s%s", top->path, top->path[0] ? "/" : "", name);
            r = level_push(fs, &levels, &count, &capacity, child, err);
            /* It may go while we walk; then it is no descendant. */
            if (r == -ENOENT || r == -ENODEV) {
                err_clear(err);
                r = 0;
            }
            continue;
        }
        strv_free(top->names);
        if (--count == 0) {
            free(top->path);
            break;
        }
        paths = mem_grow(paths, &paths_capacity, paths_count + 2, sizeof(*paths));
        paths[paths_count++] = top->path;
        paths[paths_count] = NULL;
    }
    while (count > 0) {
        strv_free(levels[--count].names);
        free(levels[count].path);
    }
    free(levels);
    if (r < 0)
        paths = strv_free(paths);
    else
        *ret_paths = paths;
    return r;
}
