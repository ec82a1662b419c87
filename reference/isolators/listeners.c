/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/isolators/listeners.h"

#include <stdio.h>
#include <stdlib.h>

#include "reference/base/mem.h"

#define STATE_LISTEN 0x0Au /* include/net/tcp_states.h: TCP_LISTEN */

/* "  0: 0100007F:1F90 00000000:0000 0A … uid timeout inode …" (proc_pid_net(5)). */
static bool line_parse(const char *line, struct listener *ret_listener)
{
    unsigned port;
    unsigned state;
    unsigned long long inode;

    if (sscanf(line, " %*u: %*8x:%4x %*8x:%*4x %2x %*8x:%*8x %*2x:%*8x %*8x %*u %*u %llu", &port,
            &state, &inode) != 3)
        return false;
    *ret_listener = (struct listener){inode, port};
    return state == STATE_LISTEN;
}

int listeners_read(struct host *host, struct listeners *ret_listeners, struct err *err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ char **lines = NULL;
    size_t capacity = 0;
    size_t length;
    int r = host_file_read(host, "/proc/net/tcp", &text, &length, err);

    if (r < 0)
        return r;
    lines = strv_split(text, "\n");
    for (size_t i = 0; lines && lines[i]; i++) {
        struct listener listener;

        if (!line_parse(lines[i], &listener))
            continue;
        ret_listeners->items = mem_grow(ret_listeners->items, &capacity, ret_listeners->count + 1,
            sizeof(*ret_listeners->items));
        ret_listeners->items[ret_listeners->count++] = listener;
    }
    return 0;
}

static const struct listener *listener_find(const struct listeners *listeners, uint64_t inode)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (listeners->items[i].inode == inode)
            return &listeners->items[i];
    }
    return NULL;
}

static void port_add(int64_t **ports, size_t *count, size_t *capacity, int64_t port)
{
    size_t at = 0;

    while (at < *count && (*ports)[at] < port)
        at++;
    if (at < *count && (*ports)[at] == port)
        return;
    *ports = mem_grow(*ports, capacity, *count + 1, sizeof(**ports));
    for (size_t i = (*count)++; i > at; i--)
        (*ports)[i] = (*ports)[i - 1];
    (*ports)[at] = port;
}

size_t listeners_of(struct host *host, const struct listeners *listeners, const pid_t *pids,
    size_t pids_count, int64_t **ret_ports)
{
    size_t capacity = 0;
    size_t count = 0;

    *ret_ports = NULL;
    for (size_t i = 0; i < pids_count; i++) {
        _cleanup_free_ char *directory = str_printf("/proc/%d/fd", (int)pids[i]);
        _cleanup_strv_ char **names = NULL;

        if (host_list(host, directory, &names, NULL) < 0)
            continue;
        for (size_t k = 0; names[k]; k++) {
            _cleanup_free_ char *path = str_printf("%s/%s", directory, names[k]);
            const struct listener *listener;
            struct file_info info;

            if (host_file_info(host, path, true, &info) < 0 || info.type != 's')
                continue;
            listener = listener_find(listeners, info.inode);
            if (listener)
                port_add(ret_ports, &count, &capacity, listener->port);
        }
    }
    return count;
}

void listeners_release(struct listeners *listeners)
{
    free(listeners->items);
    *listeners = (struct listeners){0};
}
