/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/backends/descendants.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/base/mem.h"

#define LOOKS_MAX 16

struct pids {
    pid_t *items;
    size_t count;
    size_t capacity;
};

static void pids_add(struct pids *pids, pid_t pid)
{
    pids->items = mem_grow(pids->items, &pids->capacity, pids->count + 1, sizeof(*pids->items));
    pids->items[pids->count++] = pid;
}

static int add_children_of_thread(struct pids *pids, pid_t pid, const char *thread)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/task/%s/children", (int)pid, thread);
    FILE *stream = fopen(path, "re");
    int child;
    if (!stream)
        return -errno;
    while (fscanf(stream, "%d", &child) == 1)
        pids_add(pids, child);
    fclose(stream);
    return 0;
}

static int add_children(struct pids *pids, pid_t pid)
{
    _cleanup_free_ char *path = str_printf("/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    int result = threads ? 0 : -errno;
    for (const struct dirent *entry; threads && (entry = readdir(threads));) {
        if (entry->d_name[0] != '.')
            result = add_children_of_thread(pids, pid, entry->d_name);
    }
    if (threads)
        closedir(threads);
    return result;
}

static int by_number(const void *a, const void *b)
{
    const pid_t *left = a;
    const pid_t *right = b;
    return (*left > *right) - (*left < *right);
}

static int look(pid_t above, struct pids *ret_pids)
{
    struct pids pids = {0};
    int result = add_children(&pids, above);
    for (size_t i = 0; i < pids.count; i++)
        add_children(&pids, pids.items[i]); /* none when it has ended meanwhile */
    if (pids.count > 0)
        qsort(pids.items, pids.count, sizeof(*pids.items), by_number);
    *ret_pids = pids;
    return result;
}

static bool pids_equal(const struct pids *a, const struct pids *b)
{
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->items, b->items, a->count * sizeof(*a->items)) == 0);
}

/* The kernel may leave one out when another ends during a look, and one whose parent ends is with
 * another then: what two looks saw alike is so. */
int descendants_list(pid_t above, pid_t **ret_pids, size_t *ret_count)
{
    struct pids before;
    struct pids now;
    bool settled = false;
    int result = look(above, &before);
    for (unsigned i = 0; result == 0 && !settled && i < LOOKS_MAX; i++) {
        result = look(above, &now);
        settled = pids_equal(&before, &now);
        free(before.items);
        before = now;
    }
    if (result < 0) {
        free(before.items);
        return result;
    }
    *ret_pids = before.items;
    *ret_count = before.count;
    return 0;
}
