/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/again.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reference/base/mem.h"

extern char **environ;

/* Which scene of `bench launch` makes these series. */
static const char *scene_of(const struct series *series)
{
    if (series->scene[0])
        return series->scene;
    return str_equal(series->measure, "cpu_us") || str_equal(series->measure, "peak_memory_bytes")
               ? "cost"
               : "sequential";
}

static char *item_text(const json_t *item)
{
    return json_is_string(item) ? str_dup(json_string_value(item))
                                : str_printf("%.9g", json_number_value(item));
}

/* An option from the settings of the result: a number, a word, or a list of them. */
static void setting_add(char ***argv, const char *name, const json_t *value)
{
    _cleanup_strv_ char **words = NULL;
    const json_t *item;
    size_t i;

    if (!json_is_array(value))
        strv_add_owned(&words, item_text(value));
    json_array_foreach(value, i, item) strv_add_owned(&words, item_text(item));
    _cleanup_free_ char *text = strv_join(words, ",");
    if (text[0])
        strv_add_owned(argv, str_printf("--%s=%s", name, text));
}

/* A list of what has regressed: a word for each series, once; NULL words count for nothing. */
static char *regressed_list(
    const struct comparison *comparison, char *(*word)(const struct series *series))
{
    _cleanup_strv_ char **words = NULL;

    for (size_t i = 0; i < comparison->count; i++) {
        _cleanup_free_ char *text =
            comparison->items[i].regressed ? word(comparison->items[i].now) : NULL;

        if (text && !strv_contains(words, text))
            strv_add(&words, text);
    }
    return strv_join(words, ",");
}

/* Live containers are of the one contender, whoever is measured among them. */
static char *contender_word(const struct series *series)
{
    return str_printf(
        "%s%s", series->contender, str_equal(series->scene, "live") ? ",linux-rootfs" : "");
}

/* "read" of "read_us": so are the parts of the benchmarks named that make no scenes. */
static char *part_word(const struct series *series)
{
    const char *unit = strrchr(series->measure, '_');

    return unit ? str_printf("%.*s", (int)(unit - series->measure), series->measure) : NULL;
}

static char *scene_word(const struct series *series)
{
    return str_dup(scene_of(series));
}

/* Numbers of a scene of which the benchmark has an option with its name. */
#define NUMBER_WORD(scene_)                                                                        \
    static char *scene_##_word(const struct series *series)                                        \
    {                                                                                              \
        return str_equal(series->scene, #scene_) ? str_printf("%.6g", series->x) : NULL;           \
    }
NUMBER_WORD(live)
NUMBER_WORD(workers)
NUMBER_WORD(parallel)

/* Which options of a benchmark pick what it measures. */
static const struct {
    const char *bench;
    const char *option;
    char *(*word)(const struct series *series);
} pickers[] = {
    {"launch", "only", contender_word},
    {"launch", "scenes", scene_word},
    {"launch", "live", live_word},
    {"launch", "workers", workers_word},
    {"launch", "parallel", parallel_word},
    {"sim", "live", live_word},
    {"cgroupfs", "only", part_word},
    {"bpf", "only", part_word},
};

char **again_command(
    const struct comparison *comparison, const struct report *now, const char *output)
{
    char **argv = NULL;
    const char *name;
    json_t *value;

    strv_add(&argv, "/proc/self/exe");
    strv_add(&argv, "bench");
    strv_add(&argv, now->bench);
    json_object_foreach(now->settings, name, value) setting_add(&argv, name, value);
    for (size_t i = 0; i < ARRAY_SIZE(pickers); i++) { /* after the settings: the last one counts */
        _cleanup_free_ char *list = str_equal(pickers[i].bench, now->bench)
                                        ? regressed_list(comparison, pickers[i].word)
                                        : NULL;

        if (list && list[0])
            strv_add_owned(&argv, str_printf("--%s=%s", pickers[i].option, list));
    }
    strv_add_owned(&argv, str_printf("--output=%s", output));
    return argv;
}

/* Its table goes to stderr: stdout is for the comparison. */
static int measure(char *const *argv, struct err *err)
{
    posix_spawn_file_actions_t actions;
    int status = 0;
    pid_t pid;
    int r;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    r = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r != 0)
        return err_errno(err, -r, "start %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : err_set(err, -EPROTO, "measuring again failed");
}

int again_measure(const struct comparison *comparison, struct report *now, struct err *err)
{
    char path[] = "/tmp/seatrial-compare-XXXXXX";
    _cleanup_close_ int fd = -1;
    struct report again;
    int r;

    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "make a file below /tmp");
    _cleanup_strv_ char **argv = again_command(comparison, now, path);
    r = measure(argv, err);
    if (r == 0)
        r = report_read(path, &again, err);
    unlink(path);
    if (r < 0)
        return r;
    if (comparison_replace(comparison, now, &again) == 0)
        r = err_set(err, -EPROTO, "nothing of what had regressed was measured again");
    report_release(&again);
    return r;
}
