/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/environment.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"

/* The first line of a file without its end; NULL when there is none. Owned. */
static char *line_read(const char *path)
{
    char line[4096];
    FILE *file = fopen(path, "re");
    char *text = file ? fgets(line, sizeof(line), file) : NULL;

    if (file)
        fclose(file);
    if (text)
        text[strcspn(text, "\n")] = '\0';
    return str_dup(text);
}

static void file_add(json_t *object, const char *name, const char *path)
{
    _cleanup_free_ char *text = line_read(path);

    if (text)
        json_object_set_new(object, name, json_string(text));
}

/* What follows "key : " in a file of such lines. */
static void key_add(json_t *object, const char *name, const char *path, const char *key)
{
    char line[1024];
    FILE *file = fopen(path, "re");

    while (file && fgets(line, sizeof(line), file)) {
        char *colon = strchr(line, ':');

        if (!str_starts(line, key) || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        json_object_set_new(object, name, json_string(colon));
        break;
    }
    if (file)
        fclose(file);
}

static json_t *mitigations(void)
{
    static const char directory[] = "/sys/devices/system/cpu/vulnerabilities";
    json_t *object = json_object();
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        _cleanup_free_ char *path = str_printf("%s/%s", directory, entries[i]->d_name);

        if (entries[i]->d_name[0] != '.')
            file_add(object, entries[i]->d_name, path);
        free(entries[i]);
    }
    free(entries);
    return object;
}

/* The cgroup file systems with their options, and how many mounts there are in all. */
static void mounts_add(json_t *environment)
{
    json_t *cgroups = json_array();
    char line[4096], source[256], point[1024], type[64], options[1024];
    FILE *file = fopen("/proc/self/mounts", "re");
    int count = 0;

    while (file && fgets(line, sizeof(line), file)) {
        count++;
        if (sscanf(line, "%255s %1023s %63s %1023s", source, point, type, options) != 4 ||
            !str_starts(type, "cgroup"))
            continue;
        json_array_append_new(cgroups, json_sprintf("%s %s %s", type, point, options));
    }
    if (file)
        fclose(file);
    json_object_set_new(environment, "cgroups", cgroups);
    json_object_set_new(environment, "mounts", json_integer(count));
}

static json_t *rcu(void)
{
    json_t *object = json_object();

    file_add(object, "rcu_expedited", "/sys/kernel/rcu_expedited");
    file_add(object, "rcu_normal", "/sys/kernel/rcu_normal");
    file_add(object, "cmdline", "/proc/cmdline");
    return object;
}

static void machine_add(json_t *environment)
{
    struct utsname name;
    cpu_set_t allowed;

    uname(&name);
    json_object_set_new(environment, "kernel", json_sprintf("%s %s", name.release, name.version));
    json_object_set_new(environment, "machine", json_string(name.machine));
    json_object_set_new(environment, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0)
        json_object_set_new(environment, "cpus_allowed", json_integer(CPU_COUNT(&allowed)));
    json_object_set_new(environment, "memory_bytes",
        json_integer((json_int_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE)));
    key_add(environment, "cpu", "/proc/cpuinfo", "model name");
    file_add(environment, "governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    file_add(environment, "huge_pages", "/sys/kernel/mm/transparent_hugepage/enabled");
    file_add(environment, "overcommit", "/proc/sys/vm/overcommit_memory");
    file_add(environment, "load", "/proc/loadavg");
    file_add(environment, "uptime_seconds", "/proc/uptime");
}

json_t *environment_json(void)
{
    json_t *environment = json_object();
    const time_t now = time(NULL);
    struct tm calendar;
    char text[32] = "";

    machine_add(environment);
    mounts_add(environment);
    json_object_set_new(environment, "mitigations", mitigations());
    json_object_set_new(environment, "rcu", rcu());
    if (gmtime_r(&now, &calendar))
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &calendar);
    json_object_set_new(environment, "time", json_string(text));
    json_object_set_new(environment, "compiler", json_string(__VERSION__));
    return environment;
}
