/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reference/base/mem.h"

static void json_form(const struct report *report, FILE *stream)
{
    json_t *json = report_json(report);

    json_dumpf(json, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    fprintf(stream, "\n");
    json_decref(json);
}

/* Where it is written first, to be renamed. What is no file (a device, a pipe) is written itself,
 * lest one stands in the place of /dev/null. Owned. */
static char *fresh_path(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && !S_ISREG(info.st_mode) ? str_dup(path)
                                                            : str_printf("%s.new", path);
}

/* A file that is there whole, or not at all: what was there before stays when the disk is full. */
static int form_write(const char *path, void (*form)(const struct report *report, FILE *stream),
    const struct report *report, struct err *err)
{
    _cleanup_free_ char *fresh = fresh_path(path);
    bool renamed = !str_equal(fresh, path);
    FILE *file = fopen(fresh, "we");
    int r = file ? 0 : -errno;

    if (r == 0) {
        form(report, file);
        r = ferror(file) ? -EIO : 0;
        if (fflush(file) != 0)
            r = -errno;
        if (fclose(file) != 0 && r == 0)
            r = -errno;
    }
    if (r == 0 && renamed && rename(fresh, path) < 0)
        r = -errno;
    if (r < 0) {
        if (renamed)
            unlink(fresh);
        return err_errno(err, r, "write %s", path);
    }
    return 0;
}

int output_write_json(const char *path, const struct report *report, struct err *err)
{
    return form_write(path, json_form, report, err);
}

int output_check(const struct output *output, struct err *err)
{
    const char *const files[] = {output->file, output->markdown, output->html};

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *fresh = files[i] ? fresh_path(files[i]) : NULL;
        FILE *file = fresh ? fopen(fresh, "we") : NULL;

        if (fresh && !file)
            return err_errno(err, -errno, "write %s", files[i]);
        if (file) {
            fclose(file);
            if (!str_equal(fresh, files[i]))
                unlink(fresh);
        }
    }
    if (output->svg && mkdir(output->svg, 0755) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "make directory %s", output->svg);
    return 0;
}

int output_write(const struct output *output, const struct report *report, struct err *err)
{
    const struct {
        const char *path;
        void (*form)(const struct report *report, FILE *stream);
    } files[] = {{output->file, json_form}, {output->markdown, report_markdown},
        {output->html, report_html}};
    int result = 0;

    progress_end(output);
    (output->json ? json_form : report_table)(report, stdout);
    if (fflush(stdout) != 0)
        result = err_errno(err, -errno, "write to stdout");
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        int r = files[i].path ? form_write(files[i].path, files[i].form, report, err) : 0;

        result = r < 0 ? r : result;
    }
    if (output->svg) {
        int r = report_svg(report, output->svg, err);

        result = r < 0 ? r : result;
    }
    return result;
}

static bool shows_progress(const struct output *output)
{
    return !output->quiet && isatty(STDERR_FILENO);
}

void progress(const struct output *output, const char *format, ...)
{
    va_list list;

    if (!shows_progress(output))
        return;
    va_start(list, format);
    fprintf(stderr, "\r\033[K");
    vfprintf(stderr, format, list);
    fflush(stderr);
    va_end(list);
}

void progress_stage(const struct output *output, const char *format, ...)
{
    const bool terminal = isatty(STDERR_FILENO);
    va_list list;

    if (output->quiet)
        return;
    va_start(list, format);
    fputs(terminal ? "\r\033[K" : "", stderr);
    vfprintf(stderr, format, list);
    fputs(terminal ? "" : "\n", stderr);
    fflush(stderr);
    va_end(list);
}

void progress_end(const struct output *output)
{
    if (shows_progress(output))
        fprintf(stderr, "\r\033[K");
}
