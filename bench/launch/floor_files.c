/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/launch/floor_files.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"

enum file { CONFIG, LAUNCH_INFO, MARKER, PID, STATUS, FILE_COUNT };
static const char *const names[FILE_COUNT] = {
    "config", "launch_info", "standalone.marker", "pid", "status"};

/* As the reference's are. */
#define CONFIG_BYTES 300
#define LAUNCH_INFO_BYTES 300
#define ROOTED_BYTES 4800

struct floor_files {
    char *directory;
    char *paths[FILE_COUNT];
    char *text;
    size_t launch_info_bytes;
};

struct floor_files *floor_files_new(const char *directory, bool rooted)
{
    struct floor_files *files = mem_alloc(sizeof(*files));

    files->directory = str_printf("%s.run", directory);
    for (size_t i = 0; i < FILE_COUNT; i++)
        files->paths[i] = str_printf("%s/%s", files->directory, names[i]);
    files->launch_info_bytes = rooted ? ROOTED_BYTES : LAUNCH_INFO_BYTES;
    files->text = mem_alloc(ROOTED_BYTES);
    memset(files->text, ' ', ROOTED_BYTES);
    return files;
}

void floor_files_free(struct floor_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < FILE_COUNT; i++)
        free(files->paths[i]);
    free(files->directory);
    free(files->text);
    free(files);
}

static int file_make(const char *path, const char *text, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int r = fd < 0 || (length > 0 && write(fd, text, length) != (ssize_t)length) ? -1 : 0;

    if (fd >= 0)
        close(fd);
    return r;
}

int floor_files_make(const struct floor_files *files)
{
    int r = mkdir(files->directory, 0755);

    if (r == 0)
        r = file_make(files->paths[MARKER], NULL, 0);
    if (r == 0)
        r = file_make(files->paths[CONFIG], files->text, CONFIG_BYTES);
    return r < 0 ? r : file_make(files->paths[LAUNCH_INFO], files->text, files->launch_info_bytes);
}

int floor_files_note(const struct floor_files *files, pid_t pid)
{
    char text[16];
    int length = snprintf(text, sizeof(text), "%d", (int)pid);

    return file_make(files->paths[PID], text, (size_t)length);
}

void floor_files_remove(const struct floor_files *files)
{
    for (size_t i = 0; i < FILE_COUNT; i++)
        unlink(files->paths[i]);
    rmdir(files->directory);
}

const char *floor_files_status(const struct floor_files *files)
{
    return files->paths[STATUS];
}
