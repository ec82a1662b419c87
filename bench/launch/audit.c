/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/launch/audit.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference/base/mem.h"

struct audit {
    char *name;
    char *directory;
    char **found;
};

/* Lines of a file that hold the text, each as "kind line". */
static void lines_find(const char *path, const char *kind, const char *text, char ***into)
{
    char line[4096];
    FILE *file = fopen(path, "re");

    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        if (strstr(line, text))
            strv_add_owned(into, str_printf("%s %s", kind, line));
    }
    if (file)
        fclose(file);
}

/* Cgroups of ours: at the top of each hierarchy, and what stands in those. */
static void cgroups_find(const struct audit *audit, char ***into)
{
    char line[4096], point[1024], type[64];
    FILE *file = fopen("/proc/self/mounts", "re");

    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "%*s %1023s %63s", point, type) != 2 || !str_starts(type, "cgroup"))
            continue;
        _cleanup_free_ char *path = str_printf("%s/%s", point, audit->name);
        if (access(path, F_OK) == 0)
            strv_add_owned(into, str_printf("cgroup %s", path));
    }
    if (file)
        fclose(file);
}

/* Processes of ours: in our cgroups, or started from our directory. */
static void processes_find(const struct audit *audit, char ***into)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    while (proc && (entry = readdir(proc))) {
        char text[1024] = "";
        _cleanup_free_ char *exe = str_printf("/proc/%s/exe", entry->d_name);
        _cleanup_free_ char *cgroup = str_printf("/proc/%s/cgroup", entry->d_name);
        _cleanup_strv_ char **lines = NULL;

        if (!isdigit((unsigned char)entry->d_name[0]) ||
            strtol(entry->d_name, NULL, 10) == getpid())
            continue;
        if (readlink(exe, text, sizeof(text) - 1) < 0)
            text[0] = '\0';
        lines_find(cgroup, "", audit->name, &lines);
        if (lines || (audit->directory[0] && str_starts(text, audit->directory)))
            strv_add_owned(into, str_printf("process %s %s", entry->d_name, text));
    }
    if (proc)
        closedir(proc);
}

static char **look(const struct audit *audit)
{
    char **found = NULL;

    lines_find("/proc/self/mountinfo", "mount", audit->directory, &found);
    cgroups_find(audit, &found);
    processes_find(audit, &found);
    return found;
}

struct audit *audit_new(const char *name, const char *directory)
{
    struct audit *audit = mem_alloc(sizeof(*audit));

    audit->name = str_dup(name);
    audit->directory = str_dup(directory);
    audit->found = look(audit);
    return audit;
}

void audit_compare(const struct audit *before, char ***leaks)
{
    _cleanup_strv_ char **now = look(before);

    for (size_t i = 0; i < strv_length(now); i++) {
        if (!strv_contains(before->found, now[i]))
            strv_add(leaks, now[i]);
    }
}

void audit_free(struct audit *audit)
{
    if (!audit)
        return;
    free(audit->name);
    free(audit->directory);
    strv_free(audit->found);
    free(audit);
}
