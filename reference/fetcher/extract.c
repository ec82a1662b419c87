/* SPDX-License-Identifier: Apache-2.0 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/fetcher/helper.h"

#define BLOCK_BYTES 65536
/* Nothing of an archive may get out of the sandbox. */
#define WRITE_FLAGS                                                                                \
    (ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_SYMLINKS |    \
        ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS)

static int failed(struct archive *archive, const char *what, struct err *err)
{
    const char *text = archive_error_string(archive);
    return err_set(err, -EIO, "%s: %s", what, text ? text : "archive error");
}

static int copy_member(struct archive *reader, struct archive *writer, struct err *err)
{
    const void *block;
    size_t size;
    la_int64_t offset;
    for (;;) {
        int r = archive_read_data_block(reader, &block, &size, &offset);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r < ARCHIVE_OK)
            return failed(reader, "read", err);
        if (archive_write_data_block(writer, block, size, offset) < ARCHIVE_OK)
            return failed(writer, "write", err);
    }
}

/* Paths of members are relative to the directory that we are in. */
static int copy_members(struct archive *reader, struct archive *writer, struct err *err)
{
    struct archive_entry *entry;
    for (;;) {
        int r = archive_read_next_header(reader, &entry);
        if (r == ARCHIVE_EOF)
            return 0;
        if (r < ARCHIVE_WARN)
            return failed(reader, "read", err);
        if (archive_write_header(writer, entry) < ARCHIVE_WARN)
            return failed(writer, archive_entry_pathname(entry), err);
        r = copy_member(reader, writer, err);
        if (r < 0)
            return err_wrap(err, r, "%s", archive_entry_pathname(entry));
        if (archive_write_finish_entry(writer) < ARCHIVE_WARN)
            return failed(writer, archive_entry_pathname(entry), err);
    }
}

int extract_archive(const char *archive, const char *directory, struct err *err)
{
    struct archive *reader = archive_read_new();
    struct archive *writer = archive_write_disk_new();
    _cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    archive_read_support_format_tar(reader);
    archive_read_support_format_zip(reader);
    archive_read_support_filter_all(reader);
    archive_write_disk_set_options(writer, WRITE_FLAGS);
    int r = archive_read_open_filename(reader, archive, BLOCK_BYTES) == ARCHIVE_OK
                ? 0
                : failed(reader, "open", err);
    if (r == 0 && chdir(directory) < 0)
        r = err_errno(err, -errno, "enter %s", directory);
    if (r == 0)
        r = copy_members(reader, writer, err);
    if (here >= 0 && fchdir(here) < 0 && r == 0)
        r = err_errno(err, -errno, "return from %s", directory);
    archive_read_free(reader);
    archive_write_free(writer);
    return r < 0 ? err_wrap(err, r, "unpack '%s'", archive) : 0;
}

static int copy_content(struct archive *reader, int fd, struct err *err)
{
    char block[BLOCK_BYTES];
    for (;;) {
        la_ssize_t length = archive_read_data(reader, block, sizeof(block));
        if (length < 0)
            return failed(reader, "read", err);
        if (length == 0)
            return 0;
        for (la_ssize_t at = 0; at < length;) {
            ssize_t more = write(fd, block + at, (size_t)(length - at));
            if (more < 0 && errno != EINTR)
                return err_errno(err, -errno, "write");
            at += more > 0 ? more : 0;
        }
    }
}

int extract_gzip(const char *from, const char *to, struct err *err)
{
    struct archive *reader = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_format_raw(reader);
    archive_read_support_filter_gzip(reader);
    int r = 0;
    if (archive_read_open_filename(reader, from, BLOCK_BYTES) != ARCHIVE_OK ||
        archive_read_next_header(reader, &entry) != ARCHIVE_OK)
        r = failed(reader, "open", err);
    else if (archive_filter_code(reader, 0) != ARCHIVE_FILTER_GZIP)
        r = err_set(err, -EINVAL, "it is not in gzip format");
    if (r == 0) {
        _cleanup_close_ int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        r = fd < 0 ? err_errno(err, -errno, "open %s", to) : copy_content(reader, fd, err);
    }
    archive_read_free(reader);
    return r < 0 ? err_wrap(err, r, "unpack '%s'", from) : 0;
}
