/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper program du, over the simulated files: what `du -k -s [--exclude PATH]… PATH` prints
 * when every file and directory takes whole blocks.
 */
#include "fakes/host/sim_du.h"

#include <stdio.h>

#include "fakes/vfs.h"
#include "reference/base/mem.h"

#define BLOCK_KIB 4
#define BLOCK_BYTES (UINT64_C(1024) * BLOCK_KIB)
#define DURATION_NS (UINT64_C(10) * 1000 * 1000)

static char **excluded_paths(char *const *argv)
{
    char **excluded = NULL;
    for (size_t i = 1; argv[i] && argv[i + 1]; i++)
        if (str_equal(argv[i], "--exclude"))
            strv_add(&excluded, argv[++i]);
    return excluded;
}

/* Directories wait in a list, so that depth costs no stack. */
static uint64_t tree_kib(struct vfs *vfs, const char *top, char **excluded)
{
    _cleanup_strv_ char **waiting = NULL;
    size_t next = 0;
    uint64_t kib = 0;
    strv_add(&waiting, top);
    while (waiting[next]) {
        const char *path = waiting[next++];
        _cleanup_strv_ char **names = NULL;
        struct vfs_info info;
        if (strv_contains(excluded, path) || vfs_info(vfs, path, false, &info) < 0)
            continue;
        kib += info.type == 'd' ? BLOCK_KIB
                                : (info.size_bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_KIB;
        if (info.type != 'd' || vfs_list(vfs, path, &names) < 0)
            continue;
        for (size_t i = 0; names && names[i]; i++)
            strv_add_owned(&waiting, str_printf("%s/%s", path, names[i]));
    }
    return kib;
}

uint64_t sim_du_kib(struct vfs *vfs, const char *top)
{
    return tree_kib(vfs, top, NULL);
}

void sim_du_play(void *arg, const struct run_request *request, struct sim_program_result *result)
{
    static _Thread_local char line[32];
    const char *top = request->argv[strv_length(request->argv) - 1];
    _cleanup_strv_ char **excluded = excluded_paths(request->argv);
    struct vfs_info info;
    result->duration_ns = DURATION_NS;
    if (vfs_info(arg, top, false, &info) < 0) {
        result->status = 1 << 8;
        result->errors = "du: cannot access it: No such file or directory";
        return;
    }
    snprintf(line, sizeof(line), "%llu\t.\n", (unsigned long long)tree_kib(arg, top, excluded));
    result->output = line;
}
