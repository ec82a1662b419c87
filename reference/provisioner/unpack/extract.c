/* SPDX-License-Identifier: Apache-2.0 */
/* Tars into directories. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/provisioner/unpack/unpack.h"

#define READ_BYTES (1 << 17)

/* A directory gets its mode and times last: what is put into it would change them. */
struct pending {
    char *path;
    struct stat info;
};

struct extraction {
    struct archive *archive;
    int root;
    enum whiteouts whiteouts;
    bool privileged; /* may give files to others and make devices */
    struct pending *pending;
    size_t pending_count;
    size_t pending_capacity;
};

/* Where the entry of the moment goes. */
struct spot {
    struct archive_entry *entry;
    const char *path; /* as in the archive, for messages */
    int parent;
    const char *name;
    struct stat info;
};

static int spot_error(const struct spot *spot, int code, const char *what, struct err *err)
{
    return err_errno(err, code, "%s %s", what, spot->path);
}

/* Owner, mode and times through the descriptor, so that no link is followed. */
static int attributes_set(const struct extraction *extraction, int fd, const struct stat *info)
{
    const struct timespec times[2] = {info->st_mtim, info->st_mtim};
    if (extraction->privileged && fchown(fd, info->st_uid, info->st_gid) < 0)
        return -errno;
    if (fchmod(fd, info->st_mode & 07777) < 0)
        return -errno;
    return futimens(fd, times) < 0 ? -errno : 0;
}

static int extended_set(const struct spot *spot, int fd)
{
    const char *name;
    const void *value;
    size_t size;
    archive_entry_xattr_reset(spot->entry);
    while (archive_entry_xattr_next(spot->entry, &name, &value, &size) == ARCHIVE_OK) {
        if (name && place_attribute_allowed(name) && fsetxattr(fd, name, value, size, 0) < 0 &&
            errno != EOPNOTSUPP && errno != EPERM)
            return -errno;
    }
    return 0;
}

static int put_directory(struct extraction *extraction, const struct spot *spot, struct err *err)
{
    struct stat there;
    bool is_directory = fstatat(spot->parent, spot->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISDIR(there.st_mode);
    int result = is_directory ? 0 : place_remove(spot->parent, spot->name);
    if (result == 0 && !is_directory && mkdirat(spot->parent, spot->name, 0700) < 0)
        result = -errno;
    if (result < 0)
        return spot_error(spot, result, "make the directory", err);
    extraction->pending = mem_grow(extraction->pending, &extraction->pending_capacity,
        extraction->pending_count + 1, sizeof(*extraction->pending));
    extraction->pending[extraction->pending_count++] =
        (struct pending){str_dup(spot->path), spot->info};
    return 0;
}

static int write_blocks(struct archive *archive, int fd, struct err *err)
{
    const void *block;
    size_t size;
    la_int64_t offset;
    int status;
    while ((status = archive_read_data_block(archive, &block, &size, &offset)) == ARCHIVE_OK) {
        while (size > 0) {
            ssize_t written = pwrite(fd, block, size, offset);
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                return err_errno(err, -errno, "write");
            block = (const char *)block + written;
            size -= (size_t)written;
            offset += written;
        }
    }
    return status == ARCHIVE_EOF ? 0 : err_set(err, -EBADMSG, "%s", archive_error_string(archive));
}

static int put_file(struct extraction *extraction, const struct spot *spot, struct err *err)
{
    int result = place_remove(spot->parent, spot->name);
    if (result < 0)
        return spot_error(spot, result, "replace", err);
    _cleanup_close_ int fd = openat(
        spot->parent, spot->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return spot_error(spot, -errno, "make", err);
    result = write_blocks(extraction->archive, fd, err);
    if (result < 0)
        return err_wrap(err, result, "%s", spot->path);
    if (ftruncate(fd, archive_entry_size(spot->entry)) < 0)
        return spot_error(spot, -errno, "write", err);
    result = extended_set(spot, fd);
    if (result == 0)
        result = attributes_set(extraction, fd, &spot->info);
    return result < 0 ? spot_error(spot, result, "set the attributes of", err) : 0;
}

static int put_symlink(struct extraction *extraction, const struct spot *spot, struct err *err)
{
    const char *target = archive_entry_symlink(spot->entry);
    int result = place_remove(spot->parent, spot->name);
    if (result == 0 && symlinkat(target ? target : "", spot->parent, spot->name) < 0)
        result = -errno;
    if (result == 0 && extraction->privileged)
        result = fchownat(spot->parent, spot->name, spot->info.st_uid, spot->info.st_gid,
                     AT_SYMLINK_NOFOLLOW) < 0
                     ? -errno
                     : 0;
    return result < 0 ? spot_error(spot, result, "make the symlink", err) : 0;
}

/* "./a//b" -> "a/b"; NULL when the name has "..". Owned. */
static char *path_clean(const char *path)
{
    _cleanup_strv_ char **names = strv_split(path, "/");
    char *clean = str_dup("");
    for (size_t i = 0; names && names[i]; i++) {
        if (str_equal(names[i], "."))
            continue;
        char *longer = str_printf("%s%s%s", clean, *clean ? "/" : "", names[i]);
        free(clean);
        clean = longer;
        if (!str_equal(names[i], ".."))
            continue;
        free(clean);
        return NULL;
    }
    return clean;
}

/* To what the archive has brought before; where a link in its name leads is below the root too. */
static int put_hardlink(struct extraction *extraction, const struct spot *spot, struct err *err)
{
    _cleanup_free_ char *target = path_clean(archive_entry_hardlink(spot->entry));
    char *slash = target ? strrchr(target, '/') : NULL;
    const char *name = slash ? slash + 1 : target;
    if (!target || !*target)
        return spot_error(spot, -EINVAL, "a hard link leads out of the archive:", err);
    if (slash)
        *slash = '\0';
    _cleanup_close_ int above = place_directory(extraction->root, slash ? target : "", false);
    int result = above < 0 ? above : 0;
    struct stat there;
    if (result == 0 && fstatat(above, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
        result = -errno;
    if (result == 0)
        result = place_remove(spot->parent, spot->name);
    if (result == 0 && linkat(above, name, spot->parent, spot->name, 0) < 0)
        result = -errno;
    return result < 0 ? spot_error(spot, result, "make the hard link", err) : 0;
}

static int put_node(struct extraction *extraction, const struct spot *spot, struct err *err)
{
    mode_t type = spot->info.st_mode & S_IFMT;
    if (type == S_IFSOCK || (type != S_IFIFO && !extraction->privileged))
        return 0;
    int result = place_remove(spot->parent, spot->name);
    if (result == 0 && mknodat(spot->parent, spot->name, type | (spot->info.st_mode & 07777),
                           spot->info.st_rdev) < 0)
        result = -errno;
    if (result == 0 && extraction->privileged &&
        (fchownat(spot->parent, spot->name, spot->info.st_uid, spot->info.st_gid,
             AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(spot->parent, spot->name, spot->info.st_mode & 07777, 0) < 0))
        result = -errno;
    return result < 0 ? spot_error(spot, result, "make the node", err) : 0;
}

/* A marker as overlayfs has it: a character device 0:0, or an attribute of the directory. */
static int put_whiteout(const struct spot *spot, const char *target, struct err *err)
{
    struct stat there;
    int result = 0;
    if (!*target)
        result = fsetxattr(spot->parent, "trusted.overlay.opaque", "y", 1, 0) < 0 ? -errno : 0;
    else if (fstatat(spot->parent, target, &there, AT_SYMLINK_NOFOLLOW) < 0)
        result = mknodat(spot->parent, target, S_IFCHR, 0) < 0 ? -errno : 0;
    return result < 0 ? spot_error(spot, result, "make the whiteout", err) : 0;
}

static int spot_put(struct extraction *extraction, const struct spot *spot, struct err *err)
{
    bool overlay = extraction->whiteouts == WHITEOUTS_OVERLAY;
    if (overlay && str_starts(spot->name, WHITEOUT_PREFIX)) {
        const char *target = whiteout_target(spot->name);
        return target ? put_whiteout(spot, target, err) : 0;
    }
    if (archive_entry_hardlink(spot->entry))
        return put_hardlink(extraction, spot, err);
    switch (archive_entry_filetype(spot->entry)) {
    case AE_IFDIR:
        return put_directory(extraction, spot, err);
    case AE_IFREG:
        return put_file(extraction, spot, err);
    case AE_IFLNK:
        return put_symlink(extraction, spot, err);
    default:
        return put_node(extraction, spot, err);
    }
}

static int entry_put(struct extraction *extraction, struct archive_entry *entry, struct err *err)
{
    const char *given = archive_entry_pathname(entry);
    _cleanup_free_ char *path = given ? path_clean(given) : NULL;
    if (!path)
        return err_set(
            err, -EINVAL, "the name \"%s\" leads out of the archive", given ? given : "?");
    struct spot spot = {.entry = entry, .path = path, .info = *archive_entry_stat(entry)};
    if (!*path) { /* the root itself */
        spot.name = ".";
        spot.parent = extraction->root;
        return archive_entry_filetype(entry) == AE_IFDIR ? put_directory(extraction, &spot, err)
                                                         : 0;
    }
    char *slash = strrchr(path, '/');
    _cleanup_free_ char *above = slash ? str_ndup(path, (size_t)(slash - path)) : str_dup("");
    _cleanup_close_ int parent = place_directory(extraction->root, above, true);
    if (parent < 0)
        return err_errno(err, parent, "open the directory of %s", path);
    spot.parent = parent;
    spot.name = slash ? slash + 1 : path;
    return spot_put(extraction, &spot, err);
}

static int directories_finish(struct extraction *extraction, struct err *err)
{
    int result = 0;
    for (size_t i = extraction->pending_count; i > 0 && result == 0; i--) {
        const struct pending *pending = &extraction->pending[i - 1];
        _cleanup_close_ int fd = place_directory(extraction->root, pending->path, false);
        if (fd >= 0)
            result = attributes_set(extraction, fd, &pending->info);
        if (result < 0)
            err_errno(err, result, "set the attributes of %s", pending->path);
    }
    return result;
}

static int entries_put(struct extraction *extraction, const char *file, struct err *err)
{
    struct archive *archive = extraction->archive;
    struct archive_entry *entry;
    archive_read_support_filter_all(archive);
    archive_read_support_format_tar(archive);
    archive_read_support_format_empty(archive);
    int status = archive_read_open_filename(archive, file, READ_BYTES);
    while (status == ARCHIVE_OK || status == ARCHIVE_WARN) {
        status = archive_read_next_header(archive, &entry);
        if (status == ARCHIVE_EOF)
            return directories_finish(extraction, err);
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            break;
        int result = entry_put(extraction, entry, err);
        if (result < 0)
            return result;
    }
    return err_set(err, -EBADMSG, "%s", archive_error_string(archive));
}

int unpack_archive(
    const char *file, const char *directory, enum whiteouts whiteouts, struct err *err)
{
    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "mkdir %s", directory);
    _cleanup_close_ int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return err_errno(err, -errno, "open %s", directory);
    struct extraction extraction = {.archive = archive_read_new(),
        .root = root,
        .whiteouts = whiteouts,
        .privileged = geteuid() == 0};
    int result = entries_put(&extraction, file, err);
    for (size_t i = 0; i < extraction.pending_count; i++)
        free(extraction.pending[i].path);
    free(extraction.pending);
    archive_read_free(extraction.archive);
    return result < 0 ? err_wrap(err, result, "unpack %s", file) : 0;
}

int unpack_gunzip(const char *from, const char *to, struct err *err)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    _cleanup_close_ int fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    archive_read_support_filter_all(archive);
    archive_read_support_format_raw(archive);
    int result = 0;
    if (fd < 0)
        result = err_errno(err, -errno, "make %s", to);
    else if (archive_read_open_filename(archive, from, READ_BYTES) != ARCHIVE_OK ||
             archive_read_next_header(archive, &entry) != ARCHIVE_OK)
        result = err_set(err, -EBADMSG, "%s: %s", from, archive_error_string(archive));
    else
        result = write_blocks(archive, fd, err);
    archive_read_free(archive);
    return result;
}
