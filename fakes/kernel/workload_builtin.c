/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that need no file: their arguments become actions once, at the start. A script is
 * evaluated then as well: the status of each of its commands is known before it runs, so that &&
 * and || need no conditions at play.
 */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "fakes/kernel/workload_internal.h"
#include "reference/base/loop.h"
#include "reference/base/mem.h"
#include "reference/base/strbuf.h"

#define STATUS_BAD_ACTIONS 2
#define STATUS_NOT_FOUND 127

static struct action *program_add(struct workload_program *program, enum action_kind kind)
{
    program->actions =
        mem_realloc(program->actions, (program->count + 1) * sizeof(*program->actions));
    struct action *action = &program->actions[program->count++];
    *action = (struct action){.kind = kind};
    return action;
}

static void program_say(struct workload_program *program, enum action_kind kind, char *text)
{
    program_add(program, kind)->text = text;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* A simple command: its words, and where its output goes. */
struct command {
    char **words;
    char *target; /* of > or >> */
    bool append;
};

static int run_true(struct workload_program *program, const struct command *command)
{
    (void)program, (void)command;
    return 0;
}

static int run_false(struct workload_program *program, const struct command *command)
{
    (void)program, (void)command;
    return 1;
}

static int run_sleep(struct workload_program *program, const struct command *command)
{
    const char *text = command->words[1] ? command->words[1] : "";
    char *end;
    errno = 0;
    double number = strtod(text, &end);
    static const struct {
        const char *suffix;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
    for (size_t i = 0; end > text && number >= 0 && i < ARRAY_SIZE(units); i++) {
        if (strcmp(end, units[i].suffix) != 0)
            continue;
        double ns = number * units[i].seconds * (double)NS_PER_SEC;
        program_add(program, ACTION_SLEEP)->amount =
            ns < 1e18 ? (uint64_t)llround(ns) : ACTION_FOREVER;
        return 0;
    }
    program_say(program, ACTION_ERROR,
        text[0] == '\0' ? str_dup("sleep: missing operand")
                        : str_printf("sleep: invalid time interval '%s'", text));
    return 1;
}

static int run_echo(struct workload_program *program, const struct command *command)
{
    struct strbuf text = STRBUF_INIT;
    for (size_t i = 1; command->words[i]; i++) {
        strbuf_add(&text, i > 1 ? " " : "");
        strbuf_add(&text, command->words[i]);
    }
    if (!command->target) {
        program_say(program, ACTION_PRINT, strbuf_take(&text));
        return 0;
    }
    strbuf_add(&text, "\n");
    struct action *action =
        program_add(program, command->append ? ACTION_APPEND : ACTION_WRITE);
    action->name = str_dup(command->target);
    action->text = strbuf_take(&text);
    return 0;
}

/* Its actions, and then it has ended: nothing of a script comes after it. */
static int run_workload(struct workload_program *program, const struct command *command)
{
    char error[512];
    struct action *actions;
    size_t count;
    if (actions_parse((const char *const *)command->words + 1, &actions, &count, error,
            sizeof(error)) < 0) {
        program_say(program, ACTION_ERROR, str_printf("seatrial-workload: %s", error));
        return STATUS_BAD_ACTIONS;
    }
    program->actions =
        mem_realloc(program->actions, (program->count + count) * sizeof(*program->actions) + 1);
    if (count > 0)
        memcpy(program->actions + program->count, actions, count * sizeof(*actions));
    program->count += count;
    free(actions); /* what they own has moved */
    program_add(program, ACTION_EXIT);
    return 0;
}

static int run_shell(struct workload_program *program, const struct command *command);

static const struct builtin {
    const char *name;
    int (*run)(struct workload_program *program, const struct command *command);
} builtins[] = {
    {"true", run_true},
    {"false", run_false},
    {":", run_true},
    {"sleep", run_sleep},
    {"echo", run_echo},
    {"seatrial-workload", run_workload},
    {"sh", run_shell},
    {"bash", run_shell},
    {"dash", run_shell},
};

static int run_command(
    struct workload_program *program, const struct command *command, bool in_shell)
{
    const char *name = base_name(command->words[0]);
    if (in_shell && strcmp(name, "exit") == 0) {
        const char *status = command->words[1] ? command->words[1] : "0";
        program_add(program, ACTION_EXIT)->amount = strtoul(status, NULL, 10) & 255;
        return 0;
    }
    if (in_shell && strcmp(name, "exec") == 0 && command->words[1]) {
        struct command inner = *command;
        inner.words = command->words + 1;
        int status = run_command(program, &inner, false);
        program_add(program, ACTION_EXIT)->amount = (uint64_t)status;
        return status;
    }
    for (size_t i = 0; i < ARRAY_SIZE(builtins); i++) {
        if (strcmp(builtins[i].name, name) == 0)
            return builtins[i].run(program, command);
    }
    program_say(program, ACTION_ERROR, str_printf("%s: not found", command->words[0]));
    return STATUS_NOT_FOUND;
}

static const char *variable_of(
    const struct workload_program *program, const char *name, size_t length)
{
    for (char *const *entry = program->environment; entry && *entry; entry++) {
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    }
    return "";
}

/* $NAME, ${NAME} or a lonely dollar; past it. */
static const char *expand_variable(
    const struct workload_program *program, const char *at, struct strbuf *word)
{
    bool braces = at[1] == '{';
    const char *name = at + 1 + braces;
    size_t length = 0;
    while (isalnum((unsigned char)name[length]) || name[length] == '_')
        length++;
    if (length == 0 || (braces && name[length] != '}')) {
        strbuf_add(word, "$");
        return at + 1;
    }
    strbuf_add(word, variable_of(program, name, length));
    return name + length + braces;
}

/* One word with its quotes; past it. */
static const char *read_word(
    const struct workload_program *program, const char *at, struct strbuf *word)
{
    char quote = '\0';
    strbuf_add(word, "");
    for (; *at != '\0'; at++) {
        if (quote == '\0' && strchr(" \t\n;&|>", *at))
            break;
        if (*at == quote) {
            quote = '\0';
        } else if (quote == '\0' && (*at == '\'' || *at == '"')) {
            quote = *at;
        } else if (*at == '\\' && quote != '\'' && at[1] != '\0') {
            strbuf_add_bytes(word, ++at, 1);
        } else if (*at == '$' && quote != '\'') {
            at = expand_variable(program, at, word) - 1;
        } else {
            strbuf_add_bytes(word, at, 1);
        }
    }
    return at;
}

/* Up to a separator; past the words. */
static const char *read_command(
    const struct workload_program *program, const char *at, struct command *command)
{
    for (;;) {
        at += strspn(at, " \t");
        bool redirect = *at == '>';
        if (redirect) {
            command->append = at[1] == '>';
            at += command->append ? 2 : 1;
            at += strspn(at, " \t");
        }
        if (*at == '\0' || strchr("\n;&|>", *at))
            return at;
        struct strbuf word = STRBUF_INIT;
        at = read_word(program, at, &word);
        if (redirect) {
            free(command->target);
            command->target = strbuf_take(&word);
        } else {
            strv_add_owned(&command->words, strbuf_take(&word));
        }
    }
}

static int run_script(struct workload_program *program, const char *script)
{
    enum { ALWAYS, IF_TRUE, IF_FALSE } condition = ALWAYS;
    int status = 0;
    const char *at = script;
    while (*at != '\0') {
        struct command command = {0};
        at = read_command(program, at, &command);
        bool wanted = condition == ALWAYS || (condition == IF_TRUE) == (status == 0);
        if (command.words && wanted)
            status = run_command(program, &command, true);
        strv_free(command.words);
        free(command.target);
        bool pair = (*at == '&' || *at == '|') && at[1] == *at;
        if ((*at == '&' || *at == '|' || *at == '>') && !pair) {
            program_say(program, ACTION_ERROR, str_printf("sh: cannot play \"%s\"", at));
            return STATUS_BAD_ACTIONS;
        }
        condition = !pair ? ALWAYS : *at == '&' ? IF_TRUE : IF_FALSE;
        at += *at == '\0' ? 0 : pair ? 2 : 1;
    }
    return status;
}

static int run_shell(struct workload_program *program, const struct command *command)
{
    if (!command->words[1] || strcmp(command->words[1], "-c") != 0 || !command->words[2])
        return 0; /* an interactive one at the end of its input */
    return run_script(program, command->words[2]);
}

void workload_translate(struct workload_program *program)
{
    struct command command = {.words = program->argv};
    int status = run_command(program, &command, false);
    program_add(program, ACTION_EXIT)->amount = (uint64_t)status;
}
