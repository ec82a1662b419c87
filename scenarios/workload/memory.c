/* SPDX-License-Identifier: Apache-2.0 */
/* alloc and free: anonymous mappings, every page written. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "scenarios/workload/play.h"

struct mapping {
    char *start;
    size_t length;
    struct mapping *below;
};
static struct mapping *newest;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

int memory_allocate(size_t bytes)
{
    size_t page = page_bytes();
    size_t length = (bytes + page - 1) / page * page;
    if (length == 0)
        return 0;
    char *start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return -errno;
    struct mapping *mapping = malloc(sizeof(*mapping));
    if (!mapping) {
        munmap(start, length);
        return -ENOMEM;
    }
    for (size_t at = 0; at < length; at += page)
        ((volatile char *)start)[at] = 1;
    pthread_mutex_lock(&lock);
    *mapping = (struct mapping){start, length, newest};
    newest = mapping;
    pthread_mutex_unlock(&lock);
    return 0;
}

void memory_release(size_t bytes)
{
    size_t page = page_bytes();
    size_t left = (bytes + page - 1) / page * page;
    pthread_mutex_lock(&lock);
    while (newest && left > 0) {
        struct mapping *mapping = newest;
        size_t part = left < mapping->length ? left : mapping->length;
        mapping->length -= part;
        left -= part;
        munmap(mapping->start + mapping->length, part);
        if (mapping->length == 0) {
            newest = mapping->below;
            free(mapping);
        }
    }
    pthread_mutex_unlock(&lock);
}
