/* SPDX-License-Identifier: Apache-2.0 */
/* The last rung: figures from the files of the container's cgroups, v1 and v2. */
#include <stdlib.h>
#include <string.h>

#include "bpf/internal.h"
#include "bpf/text.h"
#include "reference/base/mem.h"

enum file_form {
    FORM_NUMBER, /* the file is one number */
    FORM_KEY,    /* lines "key number" */
    FORM_LINES,  /* how many lines there are */
    FORM_IO,     /* sum of "key=number" over all devices (io.stat) */
    FORM_BLKIO,  /* sum of "major:minor Key number" over all devices */
};

struct file_source {
    enum stats_field field;
    const char *controller; /* v1's; NULL: the unified hierarchy */
    const char *file;
    enum file_form form;
    const char *key;
    uint64_t scale; /* to ns */
    const char *name;
};

/* For a figure, the first that is there. */
static const struct file_source sources[] = {
    {FIELD_CPU, NULL, "cpu.stat", FORM_KEY, "usage_usec", 1000, "cpu.stat"},
    {FIELD_CPU, "cpuacct", "cpuacct.usage", FORM_NUMBER, NULL, 1, "cpuacct.usage"},
    {FIELD_THREADS, NULL, "cgroup.threads", FORM_LINES, NULL, 1, "cgroup.threads"},
    {FIELD_THREADS, "pids", "pids.current", FORM_NUMBER, NULL, 1, "pids.current"},
    {FIELD_THREADS, "freezer", "tasks", FORM_LINES, NULL, 1, "tasks"},
    {FIELD_THREADS, "memory", "tasks", FORM_LINES, NULL, 1, "tasks"},
    {FIELD_THREADS_PEAK, NULL, "pids.peak", FORM_NUMBER, NULL, 1, "pids.peak"},
    {FIELD_THREADS_PEAK, "pids", "pids.peak", FORM_NUMBER, NULL, 1, "pids.peak"},
    {FIELD_FAULTS, NULL, "memory.stat", FORM_KEY, "pgfault", 1, "memory.stat"},
    {FIELD_FAULTS, "memory", "memory.stat", FORM_KEY, "total_pgfault", 1, "memory.stat"},
    {FIELD_FAULTS_MAJOR, NULL, "memory.stat", FORM_KEY, "pgmajfault", 1, "memory.stat"},
    {FIELD_FAULTS_MAJOR, "memory", "memory.stat", FORM_KEY, "total_pgmajfault", 1, "memory.stat"},
    {FIELD_OOM_KILLS, NULL, "memory.events", FORM_KEY, "oom_kill", 1, "memory.events"},
    {FIELD_OOM_KILLS, "memory", "memory.oom_control", FORM_KEY, "oom_kill", 1,
        "memory.oom_control"},
    {FIELD_READ_BYTES, NULL, "io.stat", FORM_IO, "rbytes", 1, "io.stat"},
    {FIELD_WRITE_BYTES, NULL, "io.stat", FORM_IO, "wbytes", 1, "io.stat"},
    {FIELD_READS, NULL, "io.stat", FORM_IO, "rios", 1, "io.stat"},
    {FIELD_WRITES, NULL, "io.stat", FORM_IO, "wios", 1, "io.stat"},
    {FIELD_READ_BYTES, "blkio", "blkio.throttle.io_service_bytes_recursive", FORM_BLKIO, "Read", 1,
        "blkio.throttle"},
    {FIELD_WRITE_BYTES, "blkio", "blkio.throttle.io_service_bytes_recursive", FORM_BLKIO, "Write",
        1, "blkio.throttle"},
    {FIELD_READS, "blkio", "blkio.throttle.io_serviced_recursive", FORM_BLKIO, "Read", 1,
        "blkio.throttle"},
    {FIELD_WRITES, "blkio", "blkio.throttle.io_serviced_recursive", FORM_BLKIO, "Write", 1,
        "blkio.throttle"},
};

/* All numbers that follow `key` and one of `separators`, where a word begins. */
static uint64_t sum_after(const char *text, const char *key, char separator)
{
    uint64_t sum = 0;
    size_t length = strlen(key);
    for (const char *word = strstr(text, key); word; word = strstr(word + length, key)) {
        bool starts = word == text || word[-1] == ' ' || word[-1] == '\n';
        if (starts && word[length] == separator)
            sum += strtoull(word + length + 1, NULL, 10);
    }
    return sum;
}

static bool parse(const struct file_source *source, const char *text, uint64_t *ret_value)
{
    *ret_value = 0;
    switch (source->form) {
    case FORM_NUMBER:
        *ret_value = strtoull(text, NULL, 10);
        return *text >= '0' && *text <= '9';
    case FORM_KEY:
        return text_key_u64(text, source->key, ret_value);
    case FORM_LINES:
        for (const char *at = text; *at; at++)
            *ret_value += *at == '\n';
        return true;
    case FORM_IO:
        *ret_value = sum_after(text, source->key, '=');
        return true;
    case FORM_BLKIO:
        /* Counted only once a limit is set on the device, or only what that holds up (seen on 6.1
         * and 6.12): none is no answer. */
        *ret_value = sum_after(text, source->key, ' ');
        return *ret_value != 0;
    }
    return false;
}

/*
 * In the hierarchy of the identity the container's cgroup is known; in others it is the one of the
 * same path. On v1 the unified hierarchy, if there is one beside, holds no containers.
 */
static const struct hierarchy *hierarchy_for(
    const struct stats *stats, const struct file_source *source)
{
    if (!stats->identity || (stats->identity->number == 0) != (source->controller == NULL))
        return NULL;
    return hierarchy_of(&stats->hierarchies, source->controller);
}

bool file_value(const struct stats *stats, const struct record *record, enum stats_field field,
    struct stats_value *ret_value)
{
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        const struct hierarchy *hierarchy =
            sources[i].field == field ? hierarchy_for(stats, &sources[i]) : NULL;
        if (!hierarchy)
            continue;
        _cleanup_free_ char *path =
            str_printf("%s/%s/%s", hierarchy->mount_point, record->cgroup, sources[i].file);
        _cleanup_free_ char *text = text_read(path);
        uint64_t value = 0;
        if (!text || !parse(&sources[i], text, &value))
            continue;
        *ret_value = (struct stats_value){
            .valid = true, .value = value * sources[i].scale, .source = sources[i].name};
        return true;
    }
    return false;
}
