/* SPDX-License-Identifier: Apache-2.0 */
/* The hugetlb controller (spec cgroupfs.md 4.6 and 6): pages of 2 MiB and of 1 GiB. */
#include <errno.h>

#include "fakes/kernel/cgroup_internal.h"
#include "fakes/kernel/cgroup_parse.h"

enum huge_size { HUGE_2MB, HUGE_1GB, HUGE_SIZES };
enum { RESERVED = 2 }; /* added to the size in a row's argument */

static const uint64_t pages_per[HUGE_SIZES] = {512, 262144};

struct hugetlb_css {
    struct cgroup_css css;
    uint64_t limits[2 * HUGE_SIZES]; /* in small pages: by size, then the reservations' */
};

static uint64_t round_down(uint64_t pages, intptr_t which)
{
    return pages / pages_per[which % HUGE_SIZES] * pages_per[which % HUGE_SIZES];
}

static struct hugetlb_css *hugetlb(const struct cgroup_io *io)
{
    return (struct hugetlb_css *)io->css;
}

/* The root's limits are set before sizes are known; since 6.18 nobody rounds the default. */
static void hugetlb_init(struct cgroup_css *css)
{
    struct hugetlb_css *state = (struct hugetlb_css *)css;
    bool exact = !css->cgroup->parent || cgroup_since(css->cgroup, KERNEL_6_18);
    for (int i = 0; i < 2 * HUGE_SIZES; i++)
        state->limits[i] = exact ? PAGES_MAX : round_down(PAGES_MAX, i);
}

static int max_read(const struct cgroup_io *io, struct strbuf *out)
{
    intptr_t which = io->file->argument;
    uint64_t limit = hugetlb(io)->limits[which];
    if (limit == round_down(PAGES_MAX, which))
        strbuf_add(out, "max\n");
    else
        print_line_u64(out, limit * PAGE_BYTES);
    return 0;
}

static int limit_set(const struct cgroup_io *io, char *text, const char *unlimited)
{
    intptr_t which = io->file->argument;
    uint64_t pages;
    if (!io->cgroup->parent)
        return -EINVAL;
    int result = text_pages(text_strip(text), unlimited, &pages);
    if (!result)
        hugetlb(io)->limits[which] = round_down(pages, which);
    return result;
}

static int max_write(const struct cgroup_io *io, char *text)
{
    return limit_set(io, text, "max");
}

static int limit_read(const struct cgroup_io *io, struct strbuf *out)
{
    print_line_u64(out, hugetlb(io)->limits[io->file->argument] * PAGE_BYTES);
    return 0;
}

static int limit_write(const struct cgroup_io *io, char *text)
{
    return limit_set(io, text, "-1");
}

/* The model has no huge pages: nothing is ever charged. */
static int zero_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    print_line_u64(out, 0);
    return 0;
}

static int reset_write(const struct cgroup_io *io, char *text)
{
    (void)io;
    (void)text;
    return 0;
}

static int events_read(const struct cgroup_io *io, struct strbuf *out)
{
    (void)io;
    print_key_u64(out, "max", 0);
    return 0;
}

static int numa_stat_read(const struct cgroup_io *io, struct strbuf *out)
{
    strbuf_add(out, "total=0 N0=0\n");
    if (!io->cgroup->root->v2)
        strbuf_add(out, "hierarchical_total=0 N0=0\n");
    return 0;
}

#define SIZE_ROWS_V2(size_, which_)                                                                \
    {"hugetlb." size_ ".max", ON_CHILD, FILE_V2, 0644, max_read, max_write, NULL, (which_), 0},    \
        {"hugetlb." size_ ".rsvd.max", ON_CHILD, FILE_V2, 0644, max_read, max_write, NULL,         \
            (which_) + RESERVED, 0},                                                               \
        {"hugetlb." size_ ".current", ON_CHILD, FILE_V2, 0444, zero_read, NULL, NULL, 0, 0},       \
        {"hugetlb." size_ ".rsvd.current", ON_CHILD, FILE_V2, 0444, zero_read, NULL, NULL, 0, 0},  \
        {"hugetlb." size_ ".events", ON_CHILD, FILE_V2 | FILE_EVENTS, 0444, events_read, NULL,     \
            NULL, 0, 0},                                                                           \
        {"hugetlb." size_ ".events.local", ON_CHILD, FILE_V2 | FILE_EVENTS, 0444, events_read,     \
            NULL, NULL, 0, 0},                                                                     \
        {"hugetlb." size_ ".numa_stat", ON_CHILD, FILE_V2, 0444, numa_stat_read, NULL, NULL, 0, 0}
#define COUNTER_ROWS_V1(prefix_, which_)                                                           \
    {"hugetlb." prefix_ "limit_in_bytes", ON_BOTH, FILE_V1, 0644, limit_read, limit_write, NULL,   \
        (which_), 0},                                                                              \
        {"hugetlb." prefix_ "usage_in_bytes", ON_BOTH, FILE_V1, 0444, zero_read, NULL, NULL, 0,    \
            0},                                                                                    \
        {"hugetlb." prefix_ "max_usage_in_bytes", ON_BOTH, FILE_V1, 0644, zero_read, reset_write,  \
            NULL, 0, 0},                                                                           \
        {"hugetlb." prefix_ "failcnt", ON_BOTH, FILE_V1, 0644, zero_read, reset_write, NULL, 0, 0}
#define SIZE_ROWS_V1(size_, which_)                                                                \
    COUNTER_ROWS_V1(size_ ".", (which_)), COUNTER_ROWS_V1(size_ ".rsvd.", (which_) + RESERVED),    \
        {"hugetlb." size_ ".numa_stat", ON_BOTH, FILE_V1, 0444, numa_stat_read, NULL, NULL, 0, 0}

static const struct cgroup_file files[] = {
    SIZE_ROWS_V2("2MB", HUGE_2MB),
    SIZE_ROWS_V2("1GB", HUGE_1GB),
    SIZE_ROWS_V1("2MB", HUGE_2MB),
    SIZE_ROWS_V1("1GB", HUGE_1GB),
};

const struct cgroup_controller cgroup_controller_hugetlb = {
    .name = "hugetlb",
    .legacy_name = "hugetlb",
    .subsys = SUBSYS_HUGETLB,
    .versions = FILE_ANY,
    .files = files,
    .files_count = ARRAY_SIZE(files),
    .css_size = sizeof(struct hugetlb_css),
    .init = hugetlb_init,
};
