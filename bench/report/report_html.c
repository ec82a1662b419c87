/* SPDX-License-Identifier: Apache-2.0 */
/* The report as one page that needs nothing else: tables, charts, light and dark. */
#include "bench/report/chart.h"
#include "reference/base/mem.h"

static const char page_style[] =
    ":root{color-scheme:light dark}"
    "body{margin:0 auto;max-width:928px;padding:24px;font:15px/1.5 system-ui,sans-serif;"
    "color:#1d2430;background:#f5f7fa}"
    "h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 8px}"
    ".soft{color:#5d6778}.bad{color:#b3261e;font-weight:600}"
    "figure{margin:16px 0;padding:0;overflow-x:auto;border-radius:8px}"
    "figure svg{display:block;max-width:100%;height:auto;border-radius:8px}"
    ".wide{overflow-x:auto}"
    "table{border-collapse:collapse;background:#fff;font-size:13px;width:100%}"
    "th,td{padding:4px 10px;text-align:right;border-bottom:1px solid #dde2ea;"
    "font-variant-numeric:tabular-nums}"
    "th:first-child,td:first-child,td.text,th.text{text-align:left}th{color:#5d6778}"
    "td,th{white-space:nowrap}td.met{color:#1f8a55}td.missed{color:#b3261e}"
    "td.wraps{white-space:normal}td.word{overflow-wrap:anywhere;white-space:pre-line}"
    "@media(prefers-color-scheme:dark){body{color:#e6eaf2;background:#0d1117}"
    "table{background:#151a22}th,td{border-color:#313a49}.soft,th{color:#9aa5b8}"
    ".bad,td.missed{color:#ff8a80}td.met{color:#56c98d}}";

static void cell(struct strbuf *page, const char *class, const char *text)
{
    strbuf_addf(page, "<td class=\"%s\">", class);
    xml_text(page, text);
    strbuf_add(page, "</td>");
}

static void series_rows(const struct report *report, struct strbuf *page)
{
    if (report->series_count == 0)
        return;
    strbuf_add(page,
        "<h2>Measures</h2><div class=\"wide\"><table><tr><th>contender</th>"
        "<th class=\"text\">measure</th><th class=\"text\">scene</th><th>p50</th><th>p90</th>"
        "<th>p99</th><th>p99.9</th><th>max</th><th>samples</th></tr>\n");
    for (size_t i = 0; i < report->series_count; i++) {
        const struct series *series = report->series[i];
        const struct distribution d = distribution_of(series->values, series->count);
        const double values[] = {d.p50, d.p90, d.p99, d.p999, d.max};
        _cleanup_free_ char *scene =
            series->scene[0] ? str_printf("%s %.6g", series->scene, series->x) : str_dup("");

        if (d.count == 0)
            continue;
        strbuf_add(page, "<tr>");
        cell(page, "text", series->contender);
        cell(page, "text", series->measure);
        cell(page, "text", scene);
        for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
            _cleanup_free_ char *text = value_text(series->measure, values[k]);

            cell(page, "", text);
        }
        strbuf_addf(page, "<td>%zu</td></tr>\n", d.count);
    }
    strbuf_add(page, "</table></div>\n");
}

static void figure_rows(const struct report *report, struct strbuf *page)
{
    if (report->figure_count == 0)
        return;
    strbuf_add(page, "<h2>Ratios and figures</h2><div class=\"wide\"><table><tr><th>figure</th>"
                     "<th class=\"text\">measure</th><th>value</th><th>95 % interval</th>"
                     "<th class=\"text\">verdict</th><th class=\"text\">goal</th></tr>\n");
    for (size_t i = 0; i < report->figure_count; i++) {
        const struct figure *figure = &report->figures[i];
        const char *goal = figure_goal_verdict(figure);
        _cleanup_free_ char *goal_text =
            goal[0] ? str_printf("%s %.4g: %s", goal_comparison(figure), figure->goal, goal)
                    : str_dup("");

        strbuf_add(page, "<tr>");
        cell(page, "text", figure->name);
        cell(page, "text", figure->measure);
        strbuf_addf(page, "<td>%.3f</td><td>", figure->ratio.value);
        if (!figure->plain)
            strbuf_addf(page, "%.3f to %.3f", figure->ratio.low, figure->ratio.high);
        strbuf_add(page, "</td>");
        cell(page, "text wraps", figure_verdict(figure));
        cell(page,
            str_equal(goal, "met")      ? "text met"
            : str_equal(goal, "missed") ? "text missed"
                                        : "text",
            goal_text);
        strbuf_add(page, "</tr>\n");
    }
    strbuf_add(page, "</table></div>\n");
}

/* What is in lists and objects has a line each. */
static void value_lines(struct strbuf *into, json_t *value)
{
    const char *name;
    json_t *item;
    size_t i;

    if (json_is_string(value)) {
        strbuf_add(into, json_string_value(value));
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (i > 0)
                strbuf_add(into, json_is_string(item) ? "\n" : ", ");
            value_lines(into, item);
        }
    } else if (json_is_object(value)) {
        json_object_foreach(value, name, item)
        {
            strbuf_addf(into, "%s%s: ", strbuf_text(into)[0] ? "\n" : "", name);
            value_lines(into, item);
        }
    } else {
        _cleanup_free_ char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));

        strbuf_add(into, text);
    }
}

static void object_rows(struct strbuf *page, const char *title, json_t *object)
{
    const char *name;
    json_t *value;

    if (json_object_size(object) == 0)
        return;
    strbuf_addf(page, "<h2>%s</h2><table>\n", title);
    json_object_foreach(object, name, value)
    {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

        value_lines(&text, value);
        strbuf_add(page, "<tr>");
        cell(page, "text", name);
        cell(page, "text word", strbuf_text(&text));
        strbuf_add(page, "</tr>\n");
    }
    strbuf_add(page, "</table>\n");
}

static void figure_element(void *arg, const char *name, const char *title, const char *svg)
{
    (void)name, (void)title;
    strbuf_addf(arg, "<figure>%s</figure>\n", svg);
}

static void remarks(const struct report *report, struct strbuf *page)
{
    if (report->stopped) {
        strbuf_add(page, "<p class=\"bad\">Incomplete: ");
        xml_text(page, report->stopped);
        strbuf_add(page, "</p>\n");
    }
    for (size_t i = 0; i < strv_length(report->leaks); i++) {
        strbuf_add(page, "<p class=\"bad\">Left behind: ");
        xml_text(page, report->leaks[i]);
        strbuf_add(page, "</p>\n");
    }
}

static void subtitle(const struct report *report, struct strbuf *page)
{
    static const char *const members[] = {"time", "kernel", "cpu"};
    const char *join = "";

    strbuf_add(page, "<p class=\"soft\">");
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        const char *text = json_string_value(json_object_get(report->environment, members[i]));

        if (!text)
            continue;
        strbuf_add(page, join);
        xml_text(page, text);
        join = " · ";
    }
    strbuf_add(page, "</p>\n");
}

void report_html(const struct report *report, FILE *stream)
{
    _cleanup_strbuf_ struct strbuf page = STRBUF_INIT;

    strbuf_addf(&page,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
        "<meta name=\"viewport\" content=\"width=device-width\"/>"
        "<title>seatrial bench %s</title><style>%s</style></head><body>\n"
        "<h1>seatrial bench %s</h1>\n",
        report->bench, page_style, report->bench);
    subtitle(report, &page);
    remarks(report, &page);
    charts_each(report, figure_element, &page);
    figure_rows(report, &page);
    series_rows(report, &page);
    object_rows(&page, "Did not run", report->missing);
    object_rows(&page, "Environment", report->environment);
    object_rows(&page, "Settings", report->settings);
    strbuf_add(&page, "</body></html>\n");
    fputs(strbuf_text(&page), stream);
}
