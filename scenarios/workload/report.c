/* SPDX-License-Identifier: Apache-2.0 */
/* report: what the process sees of itself and around it. README.md says what each field holds; one
 * whose source cannot be read (no /proc in the container) is absent. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "scenarios/workload/play.h"
#include "scenarios/workload/text.h"

extern char **environ;

static void report_ids(struct text *out)
{
    gid_t groups[1024];
    int count = getgroups(1024, groups);
    text_addf(out, "{\n  \"pid\": %d,\n  \"ppid\": %d,\n  \"pgid\": %d,\n  \"sid\": %d", getpid(),
        getppid(), getpgid(0), getsid(0));
    text_addf(out, ",\n  \"uid\": %u,\n  \"gid\": %u,\n  \"groups\": [", geteuid(), getegid());
    for (int i = 0; i < count; i++)
        text_addf(out, "%s%u", i > 0 ? ", " : "", groups[i]);
    text_addf(out, "]");
}

static void report_strings(struct text *out, const char *name, char *const *strings)
{
    text_addf(out, ",\n  \"%s\": [", name);
    for (size_t i = 0; strings[i]; i++) {
        text_addf(out, "%s", i > 0 ? ", " : "");
        text_add_json(out, strings[i]);
    }
    text_addf(out, "]");
}

static void report_place(struct text *out)
{
    char *directory = getcwd(NULL, 0);
    struct utsname names;
    if (directory) {
        text_addf(out, ",\n  \"directory\": ");
        text_add_json(out, directory);
    }
    free(directory);
    if (uname(&names) == 0) {
        text_addf(out, ",\n  \"hostname\": ");
        text_add_json(out, names.nodename);
    }
    mode_t mask = umask(0);
    umask(mask);
    text_addf(out, ",\n  \"umask\": \"%04o\"", mask);
}

static void report_arguments(struct text *out)
{
    struct text line = {0};
    if (file_read("/proc/self/cmdline", &line) < 0)
        return;
    text_addf(out, ",\n  \"arguments\": [");
    for (size_t at = 0; at < line.length; at += strlen(line.bytes + at) + 1) {
        text_addf(out, "%s", at > 0 ? ", " : "");
        text_add_json(out, line.bytes + at);
    }
    text_addf(out, "]");
    text_release(&line);
}

static void report_namespaces(struct text *out)
{
    static const char *const names[] = {"user", "cgroup", "ipc", "uts", "net", "pid", "mnt"};
    bool first = true;
    if (access("/proc/self/ns", F_OK) < 0)
        return;
    text_addf(out, ",\n  \"namespaces\": {");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[64];
        struct stat info;
        snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
        if (stat(path, &info) < 0)
            continue;
        text_addf(out, "%s\"%s\": %llu", first ? "" : ", ", names[i],
            (unsigned long long)info.st_ino);
        first = false;
    }
    text_addf(out, "}");
}

static void report_cgroups(struct text *out)
{
    struct text text = {0};
    char *rest = NULL;
    bool first = true;
    if (file_read("/proc/self/cgroup", &text) < 0)
        return;
    text_addf(out, ",\n  \"cgroups\": {");
    for (char *line = strtok_r(text.bytes, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path = '\0';
        text_addf(out, "%s", first ? "" : ", ");
        text_add_json(out, controllers + 1);
        text_addf(out, ": ");
        text_add_json(out, path + 1);
        first = false;
    }
    text_addf(out, "}");
    text_release(&text);
}

static int compare_numbers(const void *a, const void *b)
{
    int left = *(const int *)a;
    int right = *(const int *)b;
    return left < right ? -1 : left > right;
}

/* The names of a directory that are numbers, sorted; NULL when it cannot be read. */
static int *numbers_in(const char *path, size_t *ret_count)
{
    DIR *directory = opendir(path);
    int *numbers = NULL;
    size_t count = 0;
    if (!directory)
        return NULL;
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char *end;
        long number = strtol(entry->d_name, &end, 10);
        if (*end != '\0' || end == entry->d_name || number == dirfd(directory))
            continue;
        numbers = realloc(numbers, (count + 1) * sizeof(*numbers));
        if (!numbers)
            abort();
        numbers[count++] = (int)number;
    }
    closedir(directory);
    if (count > 0)
        qsort(numbers, count, sizeof(*numbers), compare_numbers);
    *ret_count = count;
    return numbers;
}

static void report_pids(struct text *out)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/1");
    if (!directory)
        return;
    closedir(directory);
    int *pids = numbers_in("/proc", &count);
    text_addf(out, ",\n  \"pids\": [");
    for (size_t i = 0; i < count; i++)
        text_addf(out, "%s%d", i > 0 ? ", " : "", pids[i]);
    text_addf(out, "]");
    free(pids);
}

static void report_descriptors(struct text *out)
{
    size_t count = 0;
    int *fds = numbers_in("/proc/self/fd", &count);
    if (!fds)
        return;
    text_addf(out, ",\n  \"descriptors\": [");
    for (size_t i = 0; i < count; i++) {
        char path[64], target[4096];
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[i]);
        ssize_t length = readlink(path, target, sizeof(target) - 1);
        target[length > 0 ? length : 0] = '\0';
        text_addf(out, "%s{\"fd\": %d, \"target\": ", i > 0 ? ", " : "", fds[i]);
        text_add_json(out, target);
        text_addf(out, "}");
    }
    text_addf(out, "]");
    free(fds);
}

static void report_limits(struct text *out)
{
    static const struct {
        const char *name;
        int resource;
    } limits[] = {
        {"as", RLIMIT_AS},
        {"core", RLIMIT_CORE},
        {"cpu", RLIMIT_CPU},
        {"data", RLIMIT_DATA},
        {"fsize", RLIMIT_FSIZE},
        {"locks", RLIMIT_LOCKS},
        {"memlock", RLIMIT_MEMLOCK},
        {"msgqueue", RLIMIT_MSGQUEUE},
        {"nice", RLIMIT_NICE},
        {"nofile", RLIMIT_NOFILE},
        {"nproc", RLIMIT_NPROC},
        {"rss", RLIMIT_RSS},
        {"rtprio", RLIMIT_RTPRIO},
        {"rttime", RLIMIT_RTTIME},
        {"sigpending", RLIMIT_SIGPENDING},
        {"stack", RLIMIT_STACK},
    };
    text_addf(out, ",\n  \"limits\": {");
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        struct rlimit value = {0, 0};
        char soft[24] = "null", hard[24] = "null";
        getrlimit(limits[i].resource, &value);
        if (value.rlim_cur != RLIM_INFINITY)
            snprintf(soft, sizeof(soft), "%llu", (unsigned long long)value.rlim_cur);
        if (value.rlim_max != RLIM_INFINITY)
            snprintf(hard, sizeof(hard), "%llu", (unsigned long long)value.rlim_max);
        text_addf(out, "%s\"%s\": {\"soft\": %s, \"hard\": %s}", i > 0 ? ", " : "", limits[i].name,
            soft, hard);
    }
    text_addf(out, "}");
}

static void report_mount(struct text *out, char *line, bool first)
{
    struct mount_line mount;
    if (!mount_line_split(line, &mount))
        return;
    const char *const members[][2] = {{"target", mount.target}, {"root", mount.root},
        {"source", mount.source}, {"type", mount.type}, {"options", mount.options},
        {"super_options", mount.super_options}, {"propagation", mount.propagation}};
    text_addf(out, "%s\n    {", first ? "" : ",");
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        text_addf(out, "%s\"%s\": ", i > 0 ? ", " : "", members[i][0]);
        text_add_json(out, members[i][1]);
    }
    text_addf(out, "}");
}

static void report_mounts(struct text *out)
{
    struct text text = {0};
    char *rest = NULL;
    bool first = true;
    if (file_read("/proc/self/mountinfo", &text) < 0)
        return;
    text_addf(out, ",\n  \"mounts\": [");
    for (char *line = strtok_r(text.bytes, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        report_mount(out, line, first);
        first = false;
    }
    text_addf(out, "]");
    text_release(&text);
}

static const char *const capability_names[] = {"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER",
    "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
    "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE",
    "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON",
    "BPF", "CHECKPOINT_RESTORE"};

static void report_capabilities(struct text *out, const char *name, const char *hex, bool first)
{
    unsigned long long mask = strtoull(hex, NULL, 16);
    bool first_name = true;
    text_addf(out, "%s\n    \"%s\": [", first ? "" : ",", name);
    for (size_t i = 0; i < sizeof(capability_names) / sizeof(capability_names[0]); i++) {
        if ((mask >> i & 1) == 0)
            continue;
        text_addf(out, "%s\"%s\"", first_name ? "" : ", ", capability_names[i]);
        first_name = false;
    }
    text_addf(out, "]");
}

/* Names without SIG, or numbers of those that have none. */
static void report_signals(struct text *out, const char *name, const char *hex, bool first)
{
    unsigned long long mask = strtoull(hex, NULL, 16);
    const char *separator = "";
    text_addf(out, "%s\n    \"%s\": [", first ? "" : ",", name);
    for (int signal = 1; signal <= 64; signal++) {
        const char *known = action_signal_name(signal);
        if ((mask >> (signal - 1) & 1) == 0)
            continue;
        if (known)
            text_addf(out, "%s\"%s\"", separator, known);
        else
            text_addf(out, "%s\"%d\"", separator, signal);
        separator = ", ";
    }
    text_addf(out, "]");
}

/* What follows "KEY:" and its tab in /proc/self/status; NULL when there is no such line. */
static const char *status_find(const char *status, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = status; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, "\t ");
    }
    return NULL;
}

static void report_security(struct text *out)
{
    static const char *const sets[][2] = {{"effective", "CapEff"}, {"permitted", "CapPrm"},
        {"inheritable", "CapInh"}, {"bounding", "CapBnd"}, {"ambient", "CapAmb"}};
    static const char *const masks[][2] = {{"blocked", "SigBlk"}, {"ignored", "SigIgn"}};
    struct text status = {0};
    if (file_read("/proc/self/status", &status) < 0)
        return;
    text_addf(out, ",\n  \"signals\": {");
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        const char *hex = status_find(status.bytes, masks[i][1]);
        report_signals(out, masks[i][0], hex ? hex : "0", i == 0);
    }
    text_addf(out, "},\n  \"capabilities\": {");
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        const char *hex = status_find(status.bytes, sets[i][1]);
        report_capabilities(out, sets[i][0], hex ? hex : "0", i == 0);
    }
    text_addf(out, "}");
    const char *seccomp = status_find(status.bytes, "Seccomp");
    const char *locked = status_find(status.bytes, "NoNewPrivs");
    if (seccomp)
        text_addf(out, ",\n  \"seccomp\": %ld", strtol(seccomp, NULL, 10));
    if (locked)
        text_addf(out, ",\n  \"no_new_privileges\": %s", *locked == '1' ? "true" : "false");
    text_release(&status);
}

/* The controlling terminal is a device number in /proc/self/stat, field 7. */
static void report_terminal(struct text *out)
{
    struct text stat = {0};
    int terminal = 0;
    if (file_read("/proc/self/stat", &stat) < 0)
        return;
    const char *after_name = strrchr(stat.bytes, ')');
    if (after_name && sscanf(after_name, ") %*c %*d %*d %*d %d", &terminal) == 1) {
        unsigned number = (unsigned)terminal;
        if (terminal == 0)
            text_addf(out, ",\n  \"terminal\": null");
        else if (major(number) >= 136 && major(number) <= 143)
            text_addf(out, ",\n  \"terminal\": \"/dev/pts/%u\"", minor(number));
        else
            text_addf(out, ",\n  \"terminal\": \"%u:%u\"", major(number), minor(number));
    }
    text_release(&stat);
}

static void report_oom(struct text *out)
{
    struct text text = {0};
    if (file_read("/proc/self/oom_score_adj", &text) < 0)
        return;
    text_addf(out, ",\n  \"oom_score_adj\": %ld", strtol(text.bytes, NULL, 10));
    text_release(&text);
}

int report_write(const char *path)
{
    struct text out = {0};
    report_ids(&out);
    report_place(&out);
    report_arguments(&out);
    report_strings(&out, "environment", environ);
    report_namespaces(&out);
    report_cgroups(&out);
    report_pids(&out);
    report_limits(&out);
    report_oom(&out);
    report_descriptors(&out);
    report_terminal(&out);
    report_security(&out);
    report_mounts(&out);
    text_addf(&out, "\n}\n");
    int result = file_write(path, out.bytes, out.length, false);
    text_release(&out);
    return result;
}
