/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts of the agent's own namespace, and what mount tables say. */
#include "reference/host_linux/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "reference/base/strbuf.h"

int linux_mount(struct host *host, const struct mount_entry *entry, struct err *err)
{
    (void)host;
    const unsigned long flags = (unsigned long)entry->flags;
    const unsigned long propagation = MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE;
    const unsigned long settable = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
    int result = mount(entry->source, entry->target, entry->type, flags, entry->options);
    /* A bind mount takes its options only from a second call. */
    if (result == 0 && flags & MS_BIND && flags & settable &&
        !(flags & (MS_REMOUNT | propagation))) {
        result = mount(NULL, entry->target, NULL,
            MS_REMOUNT | MS_BIND | (flags & ~(unsigned long)MS_REC), NULL);
        if (result < 0) {
            int saved = errno;
            umount2(entry->target, MNT_DETACH);
            errno = saved;
        }
    }
    if (result < 0)
        return err_errno(err, -errno, "mount %s at %s", entry->source ? entry->source : "",
            entry->target);
    return 0;
}

int linux_mount_below(
    struct host *host, const char *base, const struct mount_entry *entry, struct err *err)
{
    (void)host;
    char name[sizeof("/proc/self/fd/") + 10];
    _cleanup_close_ int fd = linux_open_below(base, entry->target + strlen(base), false, 0);
    if (fd < 0)
        return err_errno(err, fd, "mount at %s", entry->target);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    if (mount(entry->source, name, entry->type, (unsigned long)entry->flags, entry->options) < 0)
        return err_errno(err, -errno, "mount %s at %s", entry->source ? entry->source : "",
            entry->target);
    return 0;
}

int linux_unmount(struct host *host, const char *target, int flags, struct err *err)
{
    (void)host;
    return umount2(target, flags) < 0 ? err_errno(err, -errno, "unmount %s", target) : 0;
}

/* \040 and the like: proc(5). */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] && from[3]) {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* ID PARENT MAJOR:MINOR ROOT TARGET OPTIONS [TAG…] - TYPE SOURCE SUPEROPTIONS: proc(5). */
static bool parse_mount(char *line, struct mount_info *info)
{
    char *words[64];
    size_t count = 0;
    for (char *rest = NULL, *word = strtok_r(line, " ", &rest); word && count < ARRAY_SIZE(words);
         word = strtok_r(NULL, " ", &rest))
        words[count++] = word;
    size_t dash = 6;
    bool shared = false;
    while (dash < count && strcmp(words[dash], "-") != 0)
        shared |= str_starts(words[dash++], "shared:");
    if (dash + 2 >= count)
        return false;
    unescape(words[4]);
    unescape(words[dash + 2]);
    *info = (struct mount_info){.target = str_dup(words[4]),
        .source = str_dup(words[dash + 2]),
        .type = str_dup(words[dash + 1]),
        .shared = shared};
    return true;
}

int linux_mounts(struct host *host, pid_t pid, struct mount_info **ret_mounts, size_t *ret_count,
    struct err *err)
{
    (void)host;
    _cleanup_free_ char *path =
        pid ? str_printf("/proc/%d/mountinfo", (int)pid) : str_dup("/proc/self/mountinfo");
    _cleanup_free_ char *text = NULL;
    int result = linux_read_path(AT_FDCWD, path, &text, NULL);
    if (result < 0)
        return err_errno(err, result, "read %s", path);
    struct mount_info *mounts = NULL;
    size_t count = 0;
    size_t capacity = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        mounts = mem_grow(mounts, &capacity, count + 1, sizeof(*mounts));
        count += parse_mount(line, &mounts[count]);
    }
    *ret_mounts = mounts;
    *ret_count = count;
    return 0;
}

/* The table's text, read again only when the kernel says that something was mounted or unmounted
 * in our namespace since; NULL when it can't be read. */
static const char *mount_text(struct host_linux *host)
{
    struct pollfd change = {.fd = host->mount_table, .events = POLLPRI};
    if (host->mount_table < 0 || (host->mount_text && poll(&change, 1, 0) == 0))
        return host->mount_text;
    free(host->mount_text);
    host->mount_text = NULL;
    if (lseek(host->mount_table, 0, SEEK_SET) < 0 ||
        linux_read_open(host->mount_table, &host->mount_text, NULL) < 0)
        return NULL;
    return host->mount_text;
}

bool linux_may_be_mounted(struct host *base, const char *path)
{
    _cleanup_strbuf_ struct strbuf shown = STRBUF_INIT;
    const char *text = mount_text(host_linux_of(base));
    strbuf_add(&shown, " ");
    for (; *path; path++) { /* as the table has it: proc(5) */
        if (strchr(" \t\n\\", *path))
            strbuf_addf(&shown, "\\%03o", (unsigned)*path);
        else
            strbuf_add_bytes(&shown, path, 1);
    }
    return !text || strstr(text, strbuf_text(&shown));
}

void linux_mount_table_open(struct host_linux *host)
{
    host->mount_table = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
}

void linux_mount_table_close(struct host_linux *host)
{
    if (host->mount_table >= 0)
        close(host->mount_table);
    free(host->mount_text);
}
