/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/engine/parse/problem.h"

#include <string.h>

#include "reference/base/mem.h"

static bool problem_same(
    const struct problem *problem, const char *file, int line, int column, const char *what)
{
    return problem->line == line && problem->column == column && str_equal(problem->file, file) &&
           str_equal(problem->what, what);
}

void problem_addv(struct problems *problems, const char *file, int line, int column,
    const char *format, va_list list)
{
    problems->met++;
    if (problems->count == PROBLEMS_MAX) {
        problems->more++;
        return;
    }
    char *what = str_vprintf(format, list);
    for (size_t i = 0; i < problems->count; i++) {
        if (problem_same(&problems->items[i], file, line, column, what)) {
            free(what);
            return;
        }
    }
    problems->items = mem_grow(
        problems->items, &problems->capacity, problems->count + 1, sizeof(*problems->items));
    problems->items[problems->count++] = (struct problem){str_dup(file), line, column, what};
}

void problem_add(
    struct problems *problems, const char *file, int line, int column, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    problem_addv(problems, file, line, column, format, list);
    va_end(list);
}

/* Insertion sort of one file's stretch: stable, and files have few problems. */
static void problems_sort(struct problems *problems)
{
    for (size_t i = 1; i < problems->count; i++) {
        struct problem problem = problems->items[i];
        size_t at = i;
        while (at > 0) {
            const struct problem *before = &problems->items[at - 1];
            bool later = before->line > problem.line ||
                         (before->line == problem.line && before->column > problem.column);
            if (!later || !str_equal(before->file, problem.file))
                break;
            problems->items[at] = *before;
            at--;
        }
        problems->items[at] = problem;
    }
}

void problems_print(struct problems *problems, FILE *stream)
{
    problems_sort(problems);
    for (size_t i = 0; i < problems->count; i++) {
        const struct problem *problem = &problems->items[i];
        fprintf(
            stream, "%s:%d:%d: %s\n", problem->file, problem->line, problem->column, problem->what);
    }
    if (problems->more)
        fprintf(stream, "%zu more are not shown\n", problems->more);
}

void problems_release(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].file);
        free(problems->items[i].what);
    }
    free(problems->items);
    *problems = (struct problems){0};
}
