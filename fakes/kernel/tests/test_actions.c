/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "fakes/kernel/actions.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *arguments[3];
    const char *message;
} bad_inputs[] = {
    {{"sleep:1"},
        "argument 1 \"sleep:1\", position 7: "
        "expected a duration (a number with ns, us, ms, s, m or h) or \"forever\", got \"1\""},
    {{"sleep:x"},
        "argument 1 \"sleep:x\", position 7: "
        "expected a duration (a number with ns, us, ms, s, m or h) or \"forever\", got \"x\""},
    {{"sleep:"},
        "argument 1 \"sleep:\", position 7: "
        "expected a duration (a number with ns, us, ms, s, m or h) or \"forever\", got nothing"},
    {{"sleep"},
        "argument 1 \"sleep\", position 6: "
        "expected \":\" after \"sleep\", got nothing"},
    {{"sleep:1.s"},
        "argument 1 \"sleep:1.s\", position 7: "
        "expected a duration (a number with ns, us, ms, s, m or h) or \"forever\", got \"1.s\""},
    {{"sleep:99999999999999999999s"},
        "argument 1 \"sleep:99999999999999999999s\", position 7: "
        "expected a duration (a number with ns, us, ms, s, m or h) or "
        "\"forever\", got \"99999999999999999999s\""},
    {{"sleep:-1s"},
        "argument 1 \"sleep:-1s\", position 7: "
        "expected a duration (a number with ns, us, ms, s, m or h) or \"forever\", got \"-1s\""},
    {{"sleep:1s2"},
        "argument 1 \"sleep:1s2\", position 9: "
        "expected the end of the action, got \"2\""},
    {{"slep:1s"},
        "argument 1 \"slep:1s\", position 1: "
        "unknown action \"slep\", did you mean \"sleep\"?"},
    {{"xyzzy:1"},
        "argument 1 \"xyzzy:1\", position 1: "
        "unknown action \"xyzzy\""},
    {{"SLEEP:1s"},
        "argument 1 \"SLEEP:1s\", position 1: "
        "unknown action \"SLEEP\", did you mean \"sleep\"?"},
    {{""},
        "argument 1 \"\", position 1: "
        "expected an action, got nothing"},
    {{":1s"},
        "argument 1 \":1s\", position 1: "
        "expected an action, got \":1s\""},
    {{"sleep:1s", "burn:2x"},
        "argument 2 \"burn:2x\", position 6: "
        "expected a duration (a number with ns, us, ms, s, m or h) or \"forever\", got \"2x\""},
    {{"burn:1s/101%"},
        "argument 1 \"burn:1s/101%\", position 9: "
        "expected a share from 0% to 100%, got \"101%\""},
    {{"burn:1s/40"},
        "argument 1 \"burn:1s/40\", position 9: "
        "expected a share from 0% to 100%, got \"40\""},
    {{"burn:1s/"},
        "argument 1 \"burn:1s/\", position 9: "
        "expected a share from 0% to 100%, got nothing"},
    {{"alloc:64MB"},
        "argument 1 \"alloc:64MB\", position 7: "
        "expected a size (bytes, or with B, KiB, MiB or GiB), got \"64MB\""},
    {{"alloc:1.5"},
        "argument 1 \"alloc:1.5\", position 7: "
        "expected a size (bytes, or with B, KiB, MiB or GiB), got \"1.5\""},
    {{"free:KiB"},
        "argument 1 \"free:KiB\", position 6: "
        "expected a size (bytes, or with B, KiB, MiB or GiB), got \"KiB\""},
    {{"spawn:sleep:1s"},
        "argument 1 \"spawn:sleep:1s\", position 7: "
        "expected a list of actions in brackets, got \"sleep:1s\""},
    {{"spawn:[sleep:1s"},
        "argument 1 \"spawn:[sleep:1s\", position 16: "
        "expected \";\" or \"]\" for the \"[\" at position 7, got nothing"},
    {{"spawn:[sleep:1s;]"},
        "argument 1 \"spawn:[sleep:1s;]\", position 17: "
        "expected an action, got \"]\""},
    {{"spawn:[sleep:1s]x"},
        "argument 1 \"spawn:[sleep:1s]x\", position 17: "
        "expected the end of the action, got \"x\""},
    {{"spawn:[slepp:1s]"},
        "argument 1 \"spawn:[slepp:1s]\", position 8: "
        "unknown action \"slepp\", did you mean \"sleep\"?"},
    {{"spawn:[;]"},
        "argument 1 \"spawn:[;]\", position 8: "
        "expected an action, got \";]\""},
    {{"setsid:x"},
        "argument 1 \"setsid:x\", position 8: "
        "expected nothing after the colon, got \"x\""},
    {{"wait:x"},
        "argument 1 \"wait:x\", position 6: "
        "expected nothing after the colon, got \"x\""},
    {{"waits"},
        "argument 1 \"waits\", position 1: "
        "unknown action \"waits\", did you mean \"wait\"?"},
    {{"ignore:FOO"},
        "argument 1 \"ignore:FOO\", position 8: "
        "expected a signal (such as TERM or 15), got \"FOO\""},
    {{"ignore:TERM,"},
        "argument 1 \"ignore:TERM,\", position 13: "
        "expected a signal (such as TERM or 15), got nothing"},
    {{"ignore:KILL"},
        "argument 1 \"ignore:KILL\", position 8: "
        "expected a signal other than KILL and STOP, got \"KILL\""},
    {{"handle:STOP=exit:0"},
        "argument 1 \"handle:STOP=exit:0\", position 8: "
        "expected a signal other than KILL and STOP, got \"STOP=exit:0\""},
    {{"handle:TERM"},
        "argument 1 \"handle:TERM\", position 12: "
        "expected \"=\" and an action, or a list in brackets, got nothing"},
    {{"handle:TERM="},
        "argument 1 \"handle:TERM=\", position 13: "
        "expected an action, got nothing"},
    {{"handle:TERM=exot:0"},
        "argument 1 \"handle:TERM=exot:0\", position 13: "
        "unknown action \"exot\", did you mean \"exit\"?"},
    {{"kill:me=TERM"},
        "argument 1 \"kill:me=TERM\", position 6: "
        "expected \"parent\", \"self\" or a pid, and \"=SIGNAL\", got \"me=TERM\""},
    {{"kill:self"},
        "argument 1 \"kill:self\", position 6: "
        "expected \"parent\", \"self\" or a pid, and \"=SIGNAL\", got \"self\""},
    {{"kill:self=NOPE"},
        "argument 1 \"kill:self=NOPE\", position 11: "
        "expected a signal (such as TERM or 15), got \"NOPE\""},
    {{"kill:0=TERM"},
        "argument 1 \"kill:0=TERM\", position 6: "
        "expected \"parent\", \"self\" or a pid, and \"=SIGNAL\", got \"0=TERM\""},
    {{"write:=x"},
        "argument 1 \"write:=x\", position 7: "
        "expected a path, got \"=x\""},
    {{"write:/a"},
        "argument 1 \"write:/a\", position 9: "
        "expected \"=\" and a text, got nothing"},
    {{"write:"},
        "argument 1 \"write:\", position 7: "
        "expected a path, got nothing"},
    {{"append:a"},
        "argument 1 \"append:a\", position 9: "
        "expected \"=\" and a text, got nothing"},
    {{"read:"},
        "argument 1 \"read:\", position 6: "
        "expected a path, got nothing"},
    {{"open:/a"},
        "argument 1 \"open:/a\", position 8: "
        "expected \"=r\", \"=w\" or \"=rw\", got nothing"},
    {{"open:/a=x"},
        "argument 1 \"open:/a=x\", position 9: "
        "expected \"r\", \"w\" or \"rw\", got \"x\""},
    {{"forks:0"},
        "argument 1 \"forks:0\", position 7: "
        "expected a number from 1 to 1000000, got \"0\""},
    {{"forks:many"},
        "argument 1 \"forks:many\", position 7: "
        "expected a number from 1 to 1000000, got \"many\""},
    {{"listen:0"},
        "argument 1 \"listen:0\", position 8: "
        "expected a number from 1 to 65535, got \"0\""},
    {{"listen:70000"},
        "argument 1 \"listen:70000\", position 8: "
        "expected a number from 1 to 65535, got \"70000\""},
    {{"mkcgroup:a/b"},
        "argument 1 \"mkcgroup:a/b\", position 10: "
        "expected a name without \"/\" and without a leading dot, got \"a/b\""},
    {{"mkcgroup:"},
        "argument 1 \"mkcgroup:\", position 10: "
        "expected a name without \"/\" and without a leading dot, got nothing"},
    {{"try:mount "},
        "argument 1 \"try:mount \", position 11: expected what it is tried on, got nothing"},
    {{"try:swim x"},
        "argument 1 \"try:swim x\", position 5: "
        "expected \"mount\", \"trace\", \"signal\", \"device\", \"hang\", \"connect\", "
        "\"send\", \"datagram\" or \"ping\", got \"swim x\""},
    {{"expect:foo"},
        "argument 1 \"expect:foo\", position 8: "
        "expected \"env NAME=VALUE\" or \"file PATH\", got \"foo\""},
    {{"expect:env A"},
        "argument 1 \"expect:env A\", position 13: "
        "expected \"=\" and a value, got nothing"},
    {{"expect:env =B"},
        "argument 1 \"expect:env =B\", position 12: "
        "expected a variable, got \"=B\""},
    {{"expect:file "},
        "argument 1 \"expect:file \", position 13: "
        "expected a path, got nothing"},
    {{"loop:3"},
        "argument 1 \"loop:3\", position 7: "
        "expected \"*\" and a list of actions in brackets, got nothing"},
    {{"loop:x*[wait]"},
        "argument 1 \"loop:x*[wait]\", position 6: "
        "expected a number from 0 to 1000000, got \"x*[wait]\""},
    {{"loop:2*wait"},
        "argument 1 \"loop:2*wait\", position 8: "
        "expected a list of actions in brackets, got \"wait\""},
    {{"exit:256"},
        "argument 1 \"exit:256\", position 6: "
        "expected a number from 0 to 255, got \"256\""},
    {{"exit:-1"},
        "argument 1 \"exit:-1\", position 6: "
        "expected a number from 0 to 255, got \"-1\""},
    {{"exit:"},
        "argument 1 \"exit:\", position 6: "
        "expected a number from 0 to 255, got nothing"},
    {{"die:NONE"},
        "argument 1 \"die:NONE\", position 5: "
        "expected a signal (such as TERM or 15), got \"NONE\""},
    {{"spawn:[[["},
        "argument 1 \"spawn:[[[\", position 8: "
        "expected an action, got \"[[\""},
};

static void mistakes_are_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_inputs); i++) {
        char error[512];
        struct action *actions = NULL;
        size_t count = 0;
        assert_int_equal(
            actions_parse(bad_inputs[i].arguments, &actions, &count, error, sizeof(error)), -1);
        assert_string_equal(error, bad_inputs[i].message);
        assert_null(actions);
    }
}

static struct action *parse_one(const char *argument)
{
    const char *const arguments[] = {argument, NULL};
    struct action *actions;
    size_t count;
    char error[512] = "";
    int result = actions_parse(arguments, &actions, &count, error, sizeof(error));
    assert_string_equal(error, "");
    assert_int_equal(result, 0);
    assert_int_equal(count, 1);
    return actions;
}

struct held {
    enum action_kind kind;
    uint64_t amount;
    unsigned percent;
    int signal;
    pid_t pid;
    const char *name;
    const char *text;
    uint64_t signals;
};

/* What each action holds when it was parsed. */
static const struct {
    const char *argument;
    struct held action;
} good_inputs[] = {
    {"sleep:1ns", {.kind = ACTION_SLEEP, .amount = 1}},
    {"sleep:1.5us", {.kind = ACTION_SLEEP, .amount = 1500}},
    {"sleep:0.25s", {.kind = ACTION_SLEEP, .amount = 250000000}},
    {"sleep:90m", {.kind = ACTION_SLEEP, .amount = UINT64_C(5400000000000)}},
    {"sleep:1.123456789123s", {.kind = ACTION_SLEEP, .amount = 1123456789}},
    {"sleep:forever", {.kind = ACTION_SLEEP, .amount = ACTION_FOREVER}},
    {"burn:2s/40%", {.kind = ACTION_BURN, .amount = 2000000000, .percent = 40}},
    {"burn:forever", {.kind = ACTION_BURN, .amount = ACTION_FOREVER}},
    {"alloc:100", {.kind = ACTION_ALLOC, .amount = 100}},
    {"alloc:64MiB", {.kind = ACTION_ALLOC, .amount = 64 << 20}},
    {"free:1.5KiB", {.kind = ACTION_FREE, .amount = 1536}},
    {"setsid:", {.kind = ACTION_SETSID}},
    {"wait", {.kind = ACTION_WAIT}},
    {"ignore:TERM,SIGINT,1", {.kind = ACTION_IGNORE,
        .signals = UINT64_C(1) << SIGTERM | UINT64_C(1) << SIGINT | 2}},
    {"kill:parent=USR1", {.kind = ACTION_KILL, .pid = -1, .signal = SIGUSR1}},
    {"kill:self=KILL", {.kind = ACTION_KILL, .signal = SIGKILL}},
    {"kill:42=9", {.kind = ACTION_KILL, .pid = 42, .signal = SIGKILL}},
    {"write:a\\=b=c=d;e", {.kind = ACTION_WRITE, .name = "a=b", .text = "c=d;e"}},
    {"append:/x=", {.kind = ACTION_APPEND, .name = "/x", .text = ""}},
    {"read:a b", {.kind = ACTION_READ, .name = "a b"}},
    {"print:", {.kind = ACTION_PRINT, .text = ""}},
    {"error:two\\nlines", {.kind = ACTION_ERROR, .text = "two\nlines"}},
    {"forks:7", {.kind = ACTION_FORK_UNTIL, .amount = 7}},
    {"listen:8080", {.kind = ACTION_LISTEN, .amount = 8080}},
    {"report:r.json", {.kind = ACTION_REPORT, .name = "r.json"}},
    {"open:/dev/null=rw", {.kind = ACTION_OPEN, .name = "/dev/null", .text = "rw"}},
    {"mkcgroup:job", {.kind = ACTION_MKCGROUP, .name = "job"}},
    {"link:a=/etc", {.kind = ACTION_LINK, .name = "a", .text = "/etc"}},
    {"try:mount /mnt", {.kind = ACTION_TRY, .name = "/mnt", .text = "mount"}},
    {"try:hang a/b", {.kind = ACTION_TRY, .name = "a/b", .text = "hang"}},
    {"try:device b 7:0", {.kind = ACTION_TRY, .name = "b 7:0", .text = "device"}},
    {"expect:env A=b c", {.kind = ACTION_EXPECT, .name = "A", .text = "b c"}},
    {"expect:file x", {.kind = ACTION_EXPECT, .name = "x"}},
    {"stop:", {.kind = ACTION_STOP}},
    {"exit:255", {.kind = ACTION_EXIT, .amount = 255}},
    {"die:SIGSEGV", {.kind = ACTION_DIE, .signal = SIGSEGV}},
};

static void assert_text_equal(const char *actual, const char *expected)
{
    if (expected)
        assert_string_equal(actual, expected);
    else
        assert_null(actual);
}

static void actions_hold_what_is_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good_inputs); i++) {
        const struct held *expected = &good_inputs[i].action;
        struct action *action = parse_one(good_inputs[i].argument);
        print_message("%s\n", good_inputs[i].argument);
        assert_int_equal(action->kind, expected->kind);
        assert_true(action->amount == expected->amount);
        assert_int_equal(action->percent, expected->percent);
        assert_int_equal(action->signal, expected->signal);
        assert_int_equal(action->pid, expected->pid);
        assert_true(action->signals == expected->signals);
        assert_text_equal(action->name, expected->name);
        assert_text_equal(action->text, expected->text);
        actions_free(action, 1);
    }
}

static void lists_nest(void **state)
{
    (void)state;
    struct action *action =
        parse_one("spawn:[loop:3*[print:a[;]b;sleep:1s];handle:TERM=exit:4;print:x\\]y;thread:[]]");
    assert_int_equal(action->count, 4);
    const struct action *loop = &action->actions[0];
    assert_int_equal(loop->kind, ACTION_LOOP);
    assert_int_equal(loop->amount, 3);
    assert_int_equal(loop->count, 2);
    assert_string_equal(loop->actions[0].text, "a[;]b");
    const struct action *handle = &action->actions[1];
    assert_int_equal(handle->signal, SIGTERM);
    assert_int_equal(handle->count, 1);
    assert_int_equal(handle->actions[0].amount, 4);
    assert_string_equal(action->actions[2].text, "x]y");
    assert_int_equal(action->actions[3].count, 0);
    actions_free(action, 1);
}

static void nesting_is_bounded(void **state)
{
    char argument[256] = "";
    const char *const arguments[] = {argument, NULL};
    struct action *actions;
    size_t count;
    char error[512];
    (void)state;
    for (int i = 0; i < 17; i++)
        memcpy(argument + i * 7, "spawn:[", 8);
    assert_int_equal(actions_parse(arguments, &actions, &count, error, sizeof(error)), -1);
    assert_non_null(strstr(error, "position 119: expected lists at most 16 deep"));
}

static void messages_are_bounded(void **state)
{
    char argument[5000];
    const char *const arguments[] = {argument, NULL};
    struct action *actions;
    size_t count;
    char error[64];
    (void)state;
    memset(argument, 'x', sizeof(argument));
    argument[sizeof(argument) - 1] = '\0';
    assert_int_equal(actions_parse(arguments, &actions, &count, error, sizeof(error)), -1);
    assert_int_equal(strlen(error), sizeof(error) - 1);
}

static void every_word_has_a_form(void **state)
{
    (void)state;
    for (int kind = 0; kind < ACTION_KIND_COUNT; kind++) {
        assert_non_null(action_forms[kind].word);
        assert_non_null(action_forms[kind].argument);
        assert_non_null(action_forms[kind].help);
    }
}

static void signals_have_names(void **state)
{
    (void)state;
    assert_int_equal(action_signal("TERM"), SIGTERM);
    assert_int_equal(action_signal("SIGTERM"), SIGTERM);
    assert_int_equal(action_signal("15"), SIGTERM);
    assert_int_equal(action_signal("64"), 64);
    assert_int_equal(action_signal("65"), 0);
    assert_int_equal(action_signal("term"), 0);
    assert_int_equal(action_signal(""), 0);
    for (int signal = 1; signal < 32; signal++)
        assert_int_equal(action_signal(action_signal_name(signal)), signal);
    assert_null(action_signal_name(0));
    assert_null(action_signal_name(40));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(actions_hold_what_is_said),
        cmocka_unit_test(lists_nest),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(messages_are_bounded),
        cmocka_unit_test(every_word_has_a_form),
        cmocka_unit_test(signals_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
