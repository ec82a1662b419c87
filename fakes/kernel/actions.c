/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of the workload language: one table of words, each with the function that parses what
 * follows its colon. */
#include "fakes/kernel/actions.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NESTING_MAX 16
#define COUNT_MAX 1000000
#define GOT_MAX 24 /* of the offending text, in messages */

struct parser {
    const char *argument;
    const char *at;
    int number; /* of the argument, from 1 */
    unsigned depth;
    char *error;
    size_t error_size;
};

typedef int (*action_parse)(struct parser *parser, struct action *action);

static int parse_action(struct parser *parser, struct action *action);

static void *allocate(void *old, size_t size)
{
    void *memory = realloc(old, size > 0 ? size : 1);
    if (!memory)
        abort();
    return memory;
}

/* What stands at the parser's place, for messages. */
static const char *parse_got(const struct parser *parser, char got[static GOT_MAX + 16])
{
    size_t length = strlen(parser->at);
    if (length == 0)
        return "nothing";
    snprintf(got, GOT_MAX + 16, "\"%.*s%s\"", length > GOT_MAX ? GOT_MAX : (int)length, parser->at,
        length > GOT_MAX ? "..." : "");
    return got;
}

static int parse_fail(const struct parser *parser, const char *message)
{
    snprintf(parser->error, parser->error_size, "argument %d \"%.60s%s\", position %zu: %s",
        parser->number, parser->argument, strlen(parser->argument) > 60 ? "..." : "",
        (size_t)(parser->at - parser->argument) + 1, message);
    return -1;
}

static int parse_expected(const struct parser *parser, const char *expected)
{
    char got[GOT_MAX + 16];
    char message[200];
    snprintf(message, sizeof(message), "expected %s, got %s", expected, parse_got(parser, got));
    return parse_fail(parser, message);
}

/* The end of one action: of the argument, or of its place in a list. */
static bool parse_at_end(const struct parser *parser)
{
    return *parser->at == '\0' || (parser->depth > 0 && (*parser->at == ';' || *parser->at == ']'));
}

/* Digits; false when there are none or too many. */
static bool parse_digits(struct parser *parser, uint64_t *ret_value)
{
    const char *start = parser->at;
    uint64_t value = 0;
    for (; *parser->at >= '0' && *parser->at <= '9'; parser->at++) {
        uint64_t digit = (uint64_t)(*parser->at - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            parser->at = start;
            return false;
        }
        value = value * 10 + digit;
    }
    *ret_value = value;
    return parser->at > start;
}

static int parse_number(struct parser *parser, uint64_t least, uint64_t most, uint64_t *ret_value)
{
    const char *start = parser->at;
    char expected[80];
    if (parse_digits(parser, ret_value) && *ret_value >= least && *ret_value <= most)
        return 0;
    parser->at = start;
    snprintf(expected, sizeof(expected), "a number from %llu to %llu", (unsigned long long)least,
        (unsigned long long)most);
    return parse_expected(parser, expected);
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* The longest name that stands here; NULL when none does. */
static const struct unit *parse_unit(struct parser *parser, const struct unit *units)
{
    size_t length = strspn(parser->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
    for (; units->name; units++) {
        if (strlen(units->name) == length && strncmp(units->name, parser->at, length) == 0) {
            parser->at += length;
            return units;
        }
    }
    return NULL;
}

/* digits [. digits] unit. What is finer than the unit's unit is cut off. */
static int parse_quantity(struct parser *parser, const struct unit *units, const char *expected,
    uint64_t *ret_value)
{
    const char *start = parser->at;
    uint64_t whole = 0;
    uint64_t fraction = 0;
    uint64_t scale = 1;
    if (!parse_digits(parser, &whole)) {
        parser->at = start;
        return parse_expected(parser, expected);
    }
    if (*parser->at == '.') {
        const char *digits = ++parser->at;
        for (; *parser->at >= '0' && *parser->at <= '9'; parser->at++) {
            if (scale < UINT64_C(1000000000)) {
                fraction = fraction * 10 + (uint64_t)(*parser->at - '0');
                scale *= 10;
            }
        }
        if (parser->at == digits) {
            parser->at = start;
            return parse_expected(parser, expected);
        }
    }
    const struct unit *unit = parse_unit(parser, units);
    if (!unit || whole >= UINT64_MAX / 2 / unit->factor || (scale > 1 && unit->factor == 1)) {
        parser->at = start;
        return parse_expected(parser, expected);
    }
    /* At most 3.6e12 x 1e9 / 1e9, computed in two steps so that nothing overflows. */
    uint64_t part = unit->factor / scale * fraction + unit->factor % scale * fraction / scale;
    *ret_value = whole * unit->factor + part;
    return 0;
}

static const struct unit duration_units[] = {
    {"ns", 1},
    {"us", UINT64_C(1000)},
    {"ms", UINT64_C(1000000)},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
    {NULL, 0},
};
static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {NULL, 0},
};

static int parse_duration(struct parser *parser, struct action *action)
{
    if (strncmp(parser->at, "forever", 7) == 0) {
        parser->at += 7;
        action->amount = ACTION_FOREVER;
        return 0;
    }
    return parse_quantity(parser, duration_units,
        "a duration (a number with ns, us, ms, s, m or h) or \"forever\"", &action->amount);
}

static int parse_burn(struct parser *parser, struct action *action)
{
    uint64_t percent;
    if (parse_duration(parser, action) < 0)
        return -1;
    if (*parser->at != '/')
        return 0;
    parser->at++;
    const char *start = parser->at;
    if (!parse_digits(parser, &percent) || percent > 100 || *parser->at != '%') {
        parser->at = start;
        return parse_expected(parser, "a share from 0% to 100%");
    }
    parser->at++;
    action->percent = (unsigned)percent;
    return 0;
}

static int parse_size(struct parser *parser, struct action *action)
{
    return parse_quantity(
        parser, size_units, "a size (bytes, or with B, KiB, MiB or GiB)", &action->amount);
}

static int parse_none(struct parser *parser, struct action *action)
{
    (void)action;
    return parse_at_end(parser) ? 0 : parse_expected(parser, "nothing after the colon");
}

/* A text up to `stop` (0: none) or the end of the action; escapes are replaced. */
static char *parse_until(struct parser *parser, char stop)
{
    char *text = allocate(NULL, strlen(parser->at) + 1);
    size_t length = 0;
    unsigned brackets = 0;
    for (; *parser->at != '\0'; parser->at++) {
        char c = *parser->at;
        if (c == '\\' && parser->at[1] != '\0' && strchr("\\;[]=n", parser->at[1])) {
            c = *++parser->at;
            text[length++] = c == 'n' ? '\n' : c;
            continue;
        }
        if (brackets == 0 && (parse_at_end(parser) || (stop != '\0' && c == stop)))
            break;
        if (c == '[')
            brackets++;
        else if (c == ']' && brackets > 0)
            brackets--;
        text[length++] = c;
    }
    text[length] = '\0';
    return text;
}

static int parse_text(struct parser *parser, struct action *action)
{
    action->text = parse_until(parser, '\0');
    return 0;
}

static int parse_path(struct parser *parser, struct action *action)
{
    if (parse_at_end(parser))
        return parse_expected(parser, "a path");
    action->name = parse_until(parser, '\0');
    return 0;
}

/* Up to an equals sign, and past it. */
static int parse_left_side(
    struct parser *parser, const char *left, const char *right, char **ret_text)
{
    if (parse_at_end(parser) || *parser->at == '=')
        return parse_expected(parser, left);
    *ret_text = parse_until(parser, '=');
    if (*parser->at != '=')
        return parse_expected(parser, right);
    parser->at++;
    return 0;
}

static int parse_path_text(struct parser *parser, struct action *action)
{
    if (parse_left_side(parser, "a path", "\"=\" and a text", &action->name) < 0)
        return -1;
    return parse_text(parser, action);
}

static int parse_open(struct parser *parser, struct action *action)
{
    if (parse_left_side(parser, "a path", "\"=r\", \"=w\" or \"=rw\"", &action->name) < 0)
        return -1;
    const char *start = parser->at;
    action->text = parse_until(parser, '\0');
    if (strcmp(action->text, "r") == 0 || strcmp(action->text, "w") == 0 ||
        strcmp(action->text, "rw") == 0)
        return 0;
    parser->at = start;
    return parse_expected(parser, "\"r\", \"w\" or \"rw\"");
}

static int parse_name(struct parser *parser, struct action *action)
{
    const char *start = parser->at;
    action->name = parse_until(parser, '\0');
    if (action->name[0] != '\0' && !strchr(action->name, '/') && action->name[0] != '.')
        return 0;
    parser->at = start;
    return parse_expected(parser, "a name without \"/\" and without a leading dot");
}

static int parse_try(struct parser *parser, struct action *action)
{
    static const char *const words[] = {
        "mount", "trace", "signal", "device", "hang", "connect", "send", "datagram", "ping"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t length = strlen(words[i]);
        if (strncmp(parser->at, words[i], length) != 0 || parser->at[length] != ' ')
            continue;
        action->text = allocate(NULL, length + 1);
        memcpy(action->text, words[i], length + 1);
        parser->at += length + 1;
        if (parse_at_end(parser))
            return parse_expected(parser, "what it is tried on");
        action->name = parse_until(parser, '\0');
        return 0;
    }
    return parse_expected(parser,
        "\"mount\", \"trace\", \"signal\", \"device\", \"hang\", \"connect\", "
        "\"send\", \"datagram\" or \"ping\"");
}

static int parse_expectation(struct parser *parser, struct action *action)
{
    if (strncmp(parser->at, "env ", 4) == 0) {
        parser->at += 4;
        if (parse_left_side(parser, "a variable", "\"=\" and a value", &action->name) < 0)
            return -1;
        return parse_text(parser, action);
    }
    if (strncmp(parser->at, "file ", 5) == 0) {
        parser->at += 5;
        return parse_path(parser, action);
    }
    return parse_expected(parser, "\"env NAME=VALUE\" or \"file PATH\"");
}

static int parse_list(struct parser *parser, struct action *action)
{
    const char *start = parser->at;
    if (*parser->at != '[')
        return parse_expected(parser, "a list of actions in brackets");
    if (parser->depth == NESTING_MAX)
        return parse_expected(parser, "lists at most 16 deep");
    parser->at++;
    parser->depth++;
    if (*parser->at == ']') {
        parser->at++;
        parser->depth--;
        return 0;
    }
    for (;;) {
        action->actions =
            allocate(action->actions, (action->count + 1) * sizeof(*action->actions));
        struct action *item = &action->actions[action->count];
        if (parse_action(parser, item) < 0)
            return -1;
        action->count++;
        if (*parser->at == ']')
            break;
        if (*parser->at != ';') {
            char expected[80];
            snprintf(expected, sizeof(expected), "\";\" or \"]\" for the \"[\" at position %zu",
                (size_t)(start - parser->argument) + 1);
            return parse_expected(parser, expected);
        }
        parser->at++;
    }
    parser->at++;
    parser->depth--;
    return 0;
}

static int parse_loop(struct parser *parser, struct action *action)
{
    if (parse_number(parser, 0, COUNT_MAX, &action->amount) < 0)
        return -1;
    if (*parser->at != '*')
        return parse_expected(parser, "\"*\" and a list of actions in brackets");
    parser->at++;
    return parse_list(parser, action);
}

static const struct signal_name {
    const char *name;
    int number;
} signal_names[] = {
    {"HUP", SIGHUP},
    {"INT", SIGINT},
    {"QUIT", SIGQUIT},
    {"ILL", SIGILL},
    {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT},
    {"BUS", SIGBUS},
    {"FPE", SIGFPE},
    {"KILL", SIGKILL},
    {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV},
    {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},
    {"ALRM", SIGALRM},
    {"TERM", SIGTERM},
    {"STKFLT", SIGSTKFLT},
    {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},
    {"STOP", SIGSTOP},
    {"TSTP", SIGTSTP},
    {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},
    {"URG", SIGURG},
    {"XCPU", SIGXCPU},
    {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM},
    {"PROF", SIGPROF},
    {"WINCH", SIGWINCH},
    {"IO", SIGIO},
    {"PWR", SIGPWR},
    {"SYS", SIGSYS},
};

int action_signal(const char *name)
{
    if (name[0] >= '0' && name[0] <= '9') {
        char *end;
        unsigned long number = strtoul(name, &end, 10);
        return *end == '\0' && number <= 64 ? (int)number : 0;
    }
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (size_t i = 0; i < sizeof(signal_names) / sizeof(signal_names[0]); i++) {
        if (strcmp(signal_names[i].name, name) == 0)
            return signal_names[i].number;
    }
    return 0;
}

const char *action_signal_name(int signal)
{
    for (size_t i = 0; i < sizeof(signal_names) / sizeof(signal_names[0]); i++) {
        if (signal_names[i].number == signal)
            return signal_names[i].name;
    }
    return NULL;
}

/* A signal's name or number, up to anything that is neither a letter nor a digit. */
static int parse_signal(struct parser *parser, int *ret_signal)
{
    char name[16];
    size_t length = strspn(parser->at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789");
    snprintf(name, sizeof(name), "%.*s", length < sizeof(name) ? (int)length : 0, parser->at);
    *ret_signal = action_signal(name);
    if (*ret_signal == 0)
        return parse_expected(parser, "a signal (such as TERM or 15)");
    parser->at += length;
    return 0;
}

static int parse_own_signal(struct parser *parser, int *ret_signal)
{
    const char *start = parser->at;
    if (parse_signal(parser, ret_signal) < 0)
        return -1;
    if (*ret_signal != SIGKILL && *ret_signal != SIGSTOP)
        return 0;
    parser->at = start;
    return parse_expected(parser, "a signal other than KILL and STOP");
}

static int parse_ignore(struct parser *parser, struct action *action)
{
    for (;;) {
        int signal;
        if (parse_own_signal(parser, &signal) < 0)
            return -1;
        action->signals |= UINT64_C(1) << (signal & 63);
        if (*parser->at != ',')
            return 0;
        parser->at++;
    }
}

static int parse_handle(struct parser *parser, struct action *action)
{
    if (parse_own_signal(parser, &action->signal) < 0)
        return -1;
    if (*parser->at != '=')
        return parse_expected(parser, "\"=\" and an action, or a list in brackets");
    parser->at++;
    if (*parser->at == '[')
        return parse_list(parser, action);
    if (parser->depth == NESTING_MAX)
        return parse_expected(parser, "lists at most 16 deep");
    action->actions = allocate(NULL, sizeof(*action->actions));
    parser->depth++;
    int result = parse_action(parser, &action->actions[0]);
    parser->depth--;
    action->count = result == 0;
    return result;
}

static int parse_kill(struct parser *parser, struct action *action)
{
    uint64_t pid;
    if (strncmp(parser->at, "parent=", 7) == 0) {
        action->pid = -1;
        parser->at += 6;
    } else if (strncmp(parser->at, "self=", 5) == 0) {
        parser->at += 4;
    } else {
        const char *start = parser->at;
        if (!parse_digits(parser, &pid) || pid < 1 || pid > INT32_MAX) {
            parser->at = start;
            return parse_expected(parser, "\"parent\", \"self\" or a pid, and \"=SIGNAL\"");
        }
        action->pid = (pid_t)pid;
    }
    if (*parser->at != '=')
        return parse_expected(parser, "\"=\" and a signal");
    parser->at++;
    return parse_signal(parser, &action->signal);
}

static int parse_forks(struct parser *parser, struct action *action)
{
    return parse_number(parser, 1, COUNT_MAX, &action->amount);
}

static int parse_port(struct parser *parser, struct action *action)
{
    return parse_number(parser, 1, 65535, &action->amount);
}

static int parse_status(struct parser *parser, struct action *action)
{
    return parse_number(parser, 0, 255, &action->amount);
}

static int parse_die(struct parser *parser, struct action *action)
{
    return parse_signal(parser, &action->signal);
}

const struct action_form action_forms[ACTION_KIND_COUNT] = {
    [ACTION_SLEEP] = {"sleep", "DURATION|forever", "sleeps"},
    [ACTION_BURN] = {"burn", "DURATION|forever[/PERCENT%]",
        "burns that much CPU time, that share of it in system calls"},
    [ACTION_ALLOC] = {"alloc", "SIZE", "allocates memory and touches it"},
    [ACTION_FREE] = {"free", "SIZE", "gives memory back, the last allocated first"},
    [ACTION_SPAWN] = {"spawn", "[ACTION;...]", "a child that plays them"},
    [ACTION_SETSID] = {"setsid", "", "leads a new session"},
    [ACTION_DAEMON] = {"daemon", "[ACTION;...]", "a grandchild whose parent has ended"},
    [ACTION_THREAD] = {"thread", "[ACTION;...]", "a thread that plays them"},
    [ACTION_WAIT] = {"wait", "", "until all children have ended and are reaped"},
    [ACTION_IGNORE] = {"ignore", "SIGNAL,...", "ignores signals"},
    [ACTION_HANDLE] = {"handle", "SIGNAL=ACTION|[ACTION;...]",
        "when the signal comes, plays them instead of the rest"},
    [ACTION_KILL] = {"kill", "parent|self|PID=SIGNAL", "sends a signal"},
    [ACTION_WRITE] = {"write", "PATH=TEXT", "creates or truncates a file"},
    [ACTION_APPEND] = {"append", "PATH=TEXT", "adds to a file"},
    [ACTION_READ] = {"read", "PATH", "copies a file to stdout"},
    [ACTION_ECHO] = {"echo", "", "copies stdin to stdout until it ends"},
    [ACTION_PRINT] = {"print", "TEXT", "a line to stdout"},
    [ACTION_ERROR] = {"error", "TEXT", "a line to stderr"},
    [ACTION_FORK_UNTIL] = {"forks", "COUNT",
        "tries to have that many sleeping children, prints how many it has"},
    [ACTION_LISTEN] = {"listen", "PORT", "listens on a TCP port"},
    [ACTION_REPORT] = {"report", "PATH", "writes what it sees as JSON"},
    [ACTION_OPEN] = {"open", "PATH=r|w|rw", "tries, prints \"open PATH: ok\" or the error"},
    [ACTION_MKCGROUP] = {"mkcgroup", "NAME", "a cgroup below its own, and moves in"},
    [ACTION_LINK] = {"link", "PATH=TARGET", "puts a symbolic link in the place of a file"},
    [ACTION_TRY] = {"try", "mount|trace|signal|device|hang|connect|send|datagram|ping SUBJECT",
        "tries what is forbidden, prints \"try ... : ok\" or the error"},
    [ACTION_EXPECT] = {"expect", "env NAME=VALUE|file PATH", "fails when it is not so"},
    [ACTION_LOOP] = {"loop", "COUNT*[ACTION;...]", "plays them that often"},
    [ACTION_STOP] = {"stop", "", "stops itself"},
    [ACTION_EXIT] = {"exit", "STATUS", "ends with that status"},
    [ACTION_DIE] = {"die", "SIGNAL", "ends of that signal"},
};

static const action_parse action_parsers[ACTION_KIND_COUNT] = {
    [ACTION_SLEEP] = parse_duration,
    [ACTION_BURN] = parse_burn,
    [ACTION_ALLOC] = parse_size,
    [ACTION_FREE] = parse_size,
    [ACTION_SPAWN] = parse_list,
    [ACTION_SETSID] = parse_none,
    [ACTION_DAEMON] = parse_list,
    [ACTION_THREAD] = parse_list,
    [ACTION_WAIT] = parse_none,
    [ACTION_IGNORE] = parse_ignore,
    [ACTION_HANDLE] = parse_handle,
    [ACTION_KILL] = parse_kill,
    [ACTION_WRITE] = parse_path_text,
    [ACTION_APPEND] = parse_path_text,
    [ACTION_READ] = parse_path,
    [ACTION_ECHO] = parse_none,
    [ACTION_PRINT] = parse_text,
    [ACTION_ERROR] = parse_text,
    [ACTION_FORK_UNTIL] = parse_forks,
    [ACTION_LISTEN] = parse_port,
    [ACTION_REPORT] = parse_path,
    [ACTION_OPEN] = parse_open,
    [ACTION_MKCGROUP] = parse_name,
    [ACTION_LINK] = parse_path_text,
    [ACTION_TRY] = parse_try,
    [ACTION_EXPECT] = parse_expectation,
    [ACTION_LOOP] = parse_loop,
    [ACTION_STOP] = parse_none,
    [ACTION_EXIT] = parse_status,
    [ACTION_DIE] = parse_die,
};

/* Levenshtein's distance of a text and a word, both short; case does not count. */
static size_t edit_distance(const char *text, size_t length, const char *word)
{
    size_t row[GOT_MAX + 1];
    size_t word_length = strlen(word);
    for (size_t i = 0; i <= word_length; i++)
        row[i] = i;
    for (size_t t = 1; t <= length; t++) {
        size_t diagonal = row[0];
        row[0] = t;
        for (size_t w = 1; w <= word_length; w++) {
            size_t best = diagonal + (tolower((unsigned char)text[t - 1]) != word[w - 1]);
            if (row[w] + 1 < best)
                best = row[w] + 1;
            if (row[w - 1] + 1 < best)
                best = row[w - 1] + 1;
            diagonal = row[w];
            row[w] = best;
        }
    }
    return row[word_length];
}

static int parse_unknown_word(const struct parser *parser, size_t length)
{
    const char *nearest = NULL;
    size_t nearest_distance = 3;
    char message[160];
    if (length > GOT_MAX)
        length = GOT_MAX;
    for (int kind = 0; kind < ACTION_KIND_COUNT; kind++) {
        size_t distance = edit_distance(parser->at, length, action_forms[kind].word);
        if (distance < nearest_distance && distance < length) {
            nearest = action_forms[kind].word;
            nearest_distance = distance;
        }
    }
    snprintf(message, sizeof(message), "unknown action \"%.*s\"%s%s%s", (int)length, parser->at,
        nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return parse_fail(parser, message);
}

/* Fills the action; on failure nothing of it stays allocated. */
static int parse_action(struct parser *parser, struct action *action)
{
    size_t length = strspn(parser->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"
                                       "0123456789");
    memset(action, 0, sizeof(*action));
    if (length == 0)
        return parse_expected(parser, "an action");
    int kind = 0;
    while (kind < ACTION_KIND_COUNT && (strlen(action_forms[kind].word) != length ||
                                           strncmp(action_forms[kind].word, parser->at, length)))
        kind++;
    if (kind == ACTION_KIND_COUNT)
        return parse_unknown_word(parser, length);
    parser->at += length;
    action->kind = (enum action_kind)kind;
    if (*parser->at == ':') {
        parser->at++;
    } else if (!parse_at_end(parser) || action_parsers[kind] != parse_none) {
        char expected[40];
        snprintf(expected, sizeof(expected), "\":\" after \"%s\"", action_forms[kind].word);
        return parse_expected(parser, expected);
    }
    if (action_parsers[kind](parser, action) == 0) {
        if (parse_at_end(parser))
            return 0;
        parse_expected(parser, parser->depth > 0 ? "\";\" or \"]\"" : "the end of the action");
    }
    free(action->name);
    free(action->text);
    actions_free(action->actions, action->count);
    return -1;
}

int actions_parse(const char *const *arguments, struct action **ret_actions, size_t *ret_count,
    char *error, size_t error_size)
{
    struct parser parser = {.error = error, .error_size = error_size};
    struct action *actions = NULL;
    size_t count = 0;
    for (; *arguments; arguments++) {
        parser.number++;
        parser.argument = parser.at = *arguments;
        actions = allocate(actions, (count + 1) * sizeof(*actions));
        if (parse_action(&parser, &actions[count]) < 0) {
            actions_free(actions, count);
            return -1;
        }
        count++;
    }
    *ret_actions = actions;
    *ret_count = count;
    return 0;
}

void actions_free(struct action *actions, size_t count)
{
    /* Lists are at most NESTING_MAX deep. */
    for (size_t i = 0; i < count; i++) {
        free(actions[i].name);
        free(actions[i].text);
        actions_free(actions[i].actions, actions[i].count);
    }
    free(actions);
}
