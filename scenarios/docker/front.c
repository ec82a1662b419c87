/* SPDX-License-Identifier: Apache-2.0 */
#include "scenarios/docker/front.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define HELD "held."
#define HOLD_LOOK_NS 10000000L

static const char *const fault_names[] = {"hold", "fail", "garbage", "delay", NULL};

static const struct json_field rule_fields[] = {
    JSON_FIELD(struct front_rule, verb, JSON_KIND_ENUM, .enum_names = docker_verb_names),
    JSON_FIELD(struct front_rule, fault, JSON_KIND_ENUM, .enum_names = fault_names),
    JSON_FIELD(struct front_rule, name, JSON_KIND_STRING),
    JSON_FIELD(struct front_rule, status, JSON_KIND_INT),
    JSON_FIELD(struct front_rule, text, JSON_KIND_STRING),
    JSON_FIELD(struct front_rule, delay_ns, JSON_KIND_INT),
    JSON_FIELD(struct front_rule, times, JSON_KIND_INT),
};
const struct json_type front_rule_json = {
    "front rule", sizeof(struct front_rule), rule_fields, ARRAY_SIZE(rule_fields), NULL};

char *front_path(const char *directory, const char *name)
{
    return str_printf("%s/%s", directory, name);
}

/* --- files --- */

static char **file_lines(const char *directory, const char *name)
{
    _cleanup_free_ char *path = front_path(directory, name);
    _cleanup_free_ char *line = NULL;
    size_t size = 0;
    char **lines = NULL;
    FILE *stream = fopen(path, "re");
    ssize_t length;
    while (stream && (length = getline(&line, &size, stream)) > 0)
        strv_add_owned(&lines, str_ndup(line, (size_t)length - (line[length - 1] == '\n')));
    if (stream)
        fclose(stream);
    return lines;
}

/* One write, so that lines of several processes do not mix. */
static void write_text(const char *directory, const char *name, int flags, const char *text)
{
    _cleanup_free_ char *path = front_path(directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
    assert(fd >= 0);
    ssize_t written = write(fd, text, strlen(text));
    assert(written == (ssize_t)strlen(text));
    close(fd);
}

static int lock_rules(const char *directory)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert(fd >= 0);
    flock(fd, LOCK_EX);
    return fd;
}

/* --- rules --- */

static bool rule_matches(
    const struct front_rule *rule, enum docker_verb verb, const char *name, bool any)
{
    if (rule->verb != (int)verb)
        return false;
    return any ? !name || str_equal(rule->name, name)
               : !rule->name || (name && strstr(name, rule->name));
}

static bool rule_read(const char *line, struct front_rule *ret_rule)
{
    *ret_rule = (struct front_rule){0};
    return json_type_decode_text(
               &front_rule_json, line, strlen(line), ret_rule, "rule", NULL) == 0;
}

void front_add_rule(const char *directory, const struct front_rule *rule)
{
    _cleanup_free_ char *text = json_type_encode_text(&front_rule_json, rule);
    _cleanup_free_ char *line = str_printf("%s\n", text);
    int lock = lock_rules(directory);
    write_text(directory, "rules", O_APPEND, line);
    close(lock);
}

/* Does the first rule apply, and what is left of it then? */
static bool apply_first(char **lines, const struct docker_call *call, struct front_rule *ret_rule,
    struct strbuf *left)
{
    const char *name = call->run ? call->run->name : call->name;
    bool applied = false;
    for (size_t i = 0; lines && lines[i]; i++) {
        struct front_rule rule;
        if (applied || !rule_read(lines[i], &rule)) {
            strbuf_addf(left, "%s\n", lines[i]);
            continue;
        }
        applied = rule_matches(&rule, call->verb, name, false);
        if (!applied || rule.times != 1) {
            struct front_rule rest = rule;
            rest.times -= applied && rule.times > 0;
            _cleanup_free_ char *text = json_type_encode_text(&front_rule_json, &rest);
            strbuf_addf(left, "%s\n", text);
        }
        if (applied)
            *ret_rule = rule;
        else
            json_type_release(&front_rule_json, &rule);
    }
    return applied;
}

bool front_take_rule(
    const char *directory, const struct docker_call *call, struct front_rule *ret_rule)
{
    _cleanup_strbuf_ struct strbuf left = STRBUF_INIT;
    int lock = lock_rules(directory);
    _cleanup_strv_ char **lines = file_lines(directory, "rules");
    bool applied = apply_first(lines, call, ret_rule, &left);
    if (applied)
        write_text(directory, "rules", O_TRUNC, strbuf_text(&left));
    close(lock);
    return applied;
}

/* --- calls that are held --- */

static char *held_path(const char *directory, pid_t pid)
{
    return str_printf("%s/" HELD "%d", directory, (int)pid);
}

void front_wait(const char *directory, const struct docker_call *call)
{
    const struct timespec pause = {0, HOLD_LOOK_NS};
    const char *name = call->run ? call->run->name : call->name;
    _cleanup_free_ char *path = held_path(directory, getpid());
    _cleanup_free_ char *file = str_printf(HELD "%d", (int)getpid());
    _cleanup_free_ char *text =
        str_printf("%s\n%s\n", docker_verb_names[call->verb], name ? name : "");
    write_text(directory, file, O_TRUNC, text);
    while (access(path, F_OK) == 0)
        nanosleep(&pause, NULL);
}

static bool is_held(const char *directory, const char *file, const char *verb, const char *name)
{
    _cleanup_strv_ char **lines = file_lines(directory, file);
    return strv_length(lines) == 2 && str_equal(lines[0], verb) &&
           (!name || strstr(lines[1], name));
}

/* The calls that wait, and still live; lets them go on when asked to. */
static unsigned count_held(
    const char *directory, enum docker_verb verb, const char *name, bool release)
{
    unsigned count = 0;
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        if (!str_starts(entry->d_name, HELD) ||
            !is_held(directory, entry->d_name, docker_verb_names[verb], name))
            continue;
        _cleanup_free_ char *path = front_path(directory, entry->d_name);
        if (release)
            unlink(path);
        count += kill((pid_t)strtol(entry->d_name + strlen(HELD), NULL, 10), 0) == 0;
    }
    if (stream)
        closedir(stream);
    return count;
}

bool front_holds(const char *directory, enum docker_verb verb, const char *name)
{
    return count_held(directory, verb, name, false) > 0;
}

unsigned front_release(const char *directory, enum docker_verb verb, const char *name)
{
    _cleanup_strbuf_ struct strbuf left = STRBUF_INIT;
    int lock = lock_rules(directory);
    _cleanup_strv_ char **lines = file_lines(directory, "rules");
    for (size_t i = 0; lines && lines[i]; i++) {
        struct front_rule rule;
        bool ends = rule_read(lines[i], &rule) && rule.fault == FRONT_HOLD &&
                    rule_matches(&rule, verb, name, true);
        if (!ends)
            strbuf_addf(&left, "%s\n", lines[i]);
        json_type_release(&front_rule_json, &rule);
    }
    write_text(directory, "rules", O_TRUNC, strbuf_text(&left));
    unsigned count = count_held(directory, verb, name, true);
    close(lock);
    return count;
}

void front_calm(const char *directory)
{
    static const char *const files[] = {"rules", "version", "refuse"};
    for (unsigned verb = 0; verb < DOCKER_VERB_COUNT; verb++)
        front_release(directory, (enum docker_verb)verb, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_free_ char *path = front_path(directory, files[i]);
        unlink(path);
    }
}

/* --- the record --- */

void front_record(const char *directory, char *const *arguments)
{
    _cleanup_free_ char *words = docker_line(arguments);
    _cleanup_free_ char *line = str_printf("%s\n", words);
    for (char *c = line; c[1]; c++)
        *c = *c == '\n' ? ' ' : *c;
    write_text(directory, "calls", O_APPEND, line);
}

char **front_lines(const char *directory)
{
    return file_lines(directory, "calls");
}
