/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/provisioner/garbage.h"

#include "reference/base/log.h"
#include "reference/base/mem.h"

void garbage_init(struct garbage *garbage, struct host *host, const char *store)
{
    *garbage = (struct garbage){.host = host, .directory = str_printf("%s/gc", store)};
}

void garbage_release(struct garbage *garbage)
{
    host_cancel(garbage->timer);
    strv_free(garbage->left);
    free(garbage->directory);
    *garbage = (struct garbage){0};
}

int garbage_sweep(
    struct garbage *garbage, const char *directory, char *const *kept, struct err *err)
{
    _cleanup_strv_ char **names = NULL;
    int r = host_list(garbage->host, directory, &names, err);
    if (r == 0)
        r = host_mkdir(garbage->host, garbage->directory, 0755, true, err);
    for (size_t i = 0; r == 0 && names && names[i]; i++) {
        if (strv_contains(kept, names[i]))
            continue;
        _cleanup_free_ char *from = str_printf("%s/%s", directory, names[i]);
        _cleanup_free_ char *to = str_printf("%s/%s.%.0f", garbage->directory, names[i],
            host_wall_time(garbage->host) * 1e9);
        r = host_rename(garbage->host, from, to, err);
    }
    return r;
}

static void delete_next(void *arg, int result)
{
    struct garbage *garbage = arg;
    const char *name = garbage->left ? garbage->left[garbage->next] : NULL;
    garbage->timer = NULL;
    if (result < 0 || !name) {
        garbage->left = strv_free(garbage->left);
        return;
    }
    _cleanup_err_ struct err err = ERR_INIT;
    _cleanup_free_ char *path = str_printf("%s/%s", garbage->directory, name);
    garbage->next++;
    if (host_tree_remove(garbage->host, path, &err) < 0)
        log_warning("garbage of images: %s", err_text(&err));
    garbage->timer = host_timer(garbage->host, 0, delete_next, garbage);
}

void garbage_collect(struct garbage *garbage)
{
    _cleanup_strv_ char **names = NULL;
    if (garbage->timer || host_list(garbage->host, garbage->directory, &names, NULL) < 0)
        return;
    garbage->left = TAKE_PTR(names);
    garbage->next = 0;
    garbage->timer = host_timer(garbage->host, 0, delete_next, garbage);
}
