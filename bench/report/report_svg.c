/* SPDX-License-Identifier: Apache-2.0 */
/* All charts of a report, and each in a file of its own. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "bench/report/chart.h"
#include "bench/report/chart_base.h"
#include "reference/base/mem.h"

struct each {
    void (*fn)(void *arg, const char *name, const char *title, const char *svg);
    void *arg;
};

static void hand_over(const struct each *each, struct strbuf *svg, const char *name)
{
    if (svg->length > 0)
        each->fn(each->arg, name, name, strbuf_text(svg));
    strbuf_reset(svg);
}

static void distributions(const struct report *report, const struct each *each)
{
    _cleanup_strbuf_ struct strbuf svg = STRBUF_INIT;
    struct names measures = {{NULL}, 0};

    for (size_t i = 0; i < report->series_count; i++)
        names_add(&measures, report->series[i]->measure);
    for (size_t i = 0; i < measures.count; i++) {
        _cleanup_free_ char *name = str_printf("distribution-%s", measures.items[i]);

        chart_distribution(report, measures.items[i], &svg);
        hand_over(each, &svg, name);
    }
}

static void scalings(const struct report *report, const struct each *each)
{
    _cleanup_strbuf_ struct strbuf svg = STRBUF_INIT;
    struct names done = {{NULL}, 0};
    char *texts[NAMES_MAX] = {NULL};

    for (size_t i = 0; i < report->series_count && done.count < NAMES_MAX; i++) {
        const struct series *series = report->series[i];
        const size_t before = done.count;

        if (!series->scene[0])
            continue;
        char *name = str_printf("by-%s-%s", series->scene, series->measure);
        names_add(&done, name);
        if (done.count == before) {
            free(name);
            continue;
        }
        texts[before] = name;
        chart_scaling(report, series->scene, series->measure, &svg);
        hand_over(each, &svg, name);
    }
    for (size_t i = 0; i < NAMES_MAX; i++)
        free(texts[i]);
}

void charts_each(const struct report *report,
    void (*fn)(void *arg, const char *name, const char *title, const char *svg), void *arg)
{
    _cleanup_strbuf_ struct strbuf svg = STRBUF_INIT;
    const struct each each = {fn, arg};

    distributions(report, &each);
    scalings(report, &each);
    chart_phases(report, &svg);
    hand_over(&each, &svg, "phases");
}

struct directory {
    const char *path;
    struct err *err;
    int result;
};

static void file_write(void *arg, const char *name, const char *title, const char *svg)
{
    struct directory *directory = arg;
    _cleanup_free_ char *path = str_printf("%s/%s.svg", directory->path, name);
    FILE *file = fopen(path, "we");
    int r = file ? 0 : -errno;

    (void)title;
    if (file && fputs(svg, file) < 0)
        r = -errno;
    if (file && fclose(file) != 0 && r == 0)
        r = -errno;
    if (r < 0)
        directory->result = err_errno(directory->err, r, "write %s", path);
}

int report_svg(const struct report *report, const char *directory, struct err *err)
{
    struct directory into = {directory, err, 0};

    if (mkdir(directory, 0755) < 0 && errno != EEXIST)
        return err_errno(err, -errno, "make directory %s", directory);
    charts_each(report, file_write, &into);
    return into.result;
}
