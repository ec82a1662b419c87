/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/sim_loop.h"
#include "reference/host.h"
#include "reference/tests/double.h"

struct fixture {
    struct loop *loop;
    struct trace *trace;
    struct double_host *host;
    /* the one fault: at this number */
    uint64_t at;
    struct effect_verdict verdict;
    struct strbuf told; /* by call-backs */
};

static struct effect_verdict decide(void *arg, const struct effect *effect)
{
    const struct fixture *fixture = arg;
    return effect->number == fixture->at ? fixture->verdict : (struct effect_verdict){0};
}

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->loop = sim_loop_new(0);
    fixture->trace = trace_new(fixture->loop, 8);
    fixture->host = double_host_new(fixture->loop, fixture->trace);
    fixture->host->base.hook = (struct effect_hook){decide, fixture};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    host_free(&fixture->host->base);
    trace_free(fixture->trace);
    loop_free(fixture->loop);
    strbuf_release(&fixture->told);
    free(fixture);
    return 0;
}

static void inject(struct fixture *fixture, uint64_t at, enum effect_action action, int error,
    uint64_t delay_ns)
{
    fixture->at = at;
    fixture->verdict = (struct effect_verdict){action, error, delay_ns};
}

static const char *told(struct fixture *fixture)
{
    static char text[512];
    snprintf(text, sizeof(text), "%s", strbuf_text(&fixture->told));
    strbuf_reset(&fixture->told);
    return text;
}

static void run_loop(struct fixture *fixture)
{
    while (loop_step(fixture->loop)) {
    }
}

/* One call of each sort with each action. */
static const struct {
    const char *name;
    enum effect_action action;
    int result;
    const char *calls;
    const char *message;
    bool gone;
} verdicts[] = {
    {"proceed", EFFECT_PROCEED, 0, "mkdir /a;", "no error", false},
    {"fail", EFFECT_FAIL, -ENOSPC, "", "mkdir /a: ENOSPC", false},
    {"lose", EFFECT_LOSE, 0, "", "no error", false},
    {"crash before", EFFECT_CRASH_BEFORE, -ESHUTDOWN, "", "agent gone", true},
    {"crash after", EFFECT_CRASH_AFTER, -ESHUTDOWN, "mkdir /a;", "agent gone", true},
};

static void test_verdicts(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        struct fixture *fixture = *state;
        struct host *host = &fixture->host->base;
        inject(fixture, 1, verdicts[i].action, -ENOSPC, 0);
        _cleanup_err_ struct err err = ERR_INIT;
        assert_int_equal(host_mkdir(host, "/a", 0755, false, &err), verdicts[i].result);
        assert_string_equal(double_calls(fixture->host), verdicts[i].calls);
        assert_string_equal(err_text(&err), verdicts[i].message);
        assert_int_equal(host->gone, verdicts[i].gone);
        assert_int_equal(trace_count(fixture->trace), 1);
        assert_int_equal(host->effects, 1);
    }
}

static void test_gone_agent_is_refused_everything(void **state)
{
    struct fixture *fixture = *state;
    struct host *host = &fixture->host->base;
    host_crash(host);
    struct plan plan;
    plan_init(&plan);
    pid_t pid = 0;
    int gate = 0;
    char *text = NULL;
    size_t length = 0;
    struct file_info info;
    assert_int_equal(host_spawn(host, &plan, &pid, &gate, NULL), -ESHUTDOWN);
    assert_int_equal(host_gate_release(host, 1, NULL), -ESHUTDOWN);
    assert_int_equal(host_signal(host, 42, SIGKILL, NULL), -ESHUTDOWN);
    assert_int_equal(host_file_write(host, "/f", "", 0, 0600, NULL), -ESHUTDOWN);
    assert_int_equal(host_file_read(host, "/f", &text, &length, NULL), -ESHUTDOWN);
    assert_int_equal(host_file_info(host, "/f", true, &info), -ESHUTDOWN);
    assert_false(host_file_exists(host, "/f"));
    assert_int_equal(host_tree_remove(host, "/f", NULL), -ESHUTDOWN);
    assert_string_equal(double_calls(fixture->host), "");
    assert_int_equal(host->effects, 0);
}

static void test_trace_tells_number_and_fault(void **state)
{
    struct fixture *fixture = *state;
    inject(fixture, 2, EFFECT_FAIL, -EBUSY, 0);
    host_mkdir(&fixture->host->base, "/a", 0755, false, NULL);
    host_signal(&fixture->host->base, 42, 9, NULL);
    assert_non_null(strstr(trace_kept(fixture->trace, 0), "\"effect\":1,\"subject\":\"/a\""));
    const char *line = trace_kept(fixture->trace, 1);
    assert_non_null(strstr(line, "\"op\":\"signal\""));
    assert_non_null(strstr(line, "\"effect\":2,\"subject\":\"42\",\"detail\":\"9\""));
    assert_non_null(strstr(line, "\"fault\":\"fail\""));
    assert_non_null(strstr(line, "\"result\":\"-EBUSY\""));
}

static void test_gates(void **state)
{
    struct fixture *fixture = *state;
    struct host *host = &fixture->host->base;
    struct plan plan;
    plan_init(&plan);
    plan.container_id = str_dup("c1");
    pid_t pid = 0;
    int first = 0;
    int second = 0;
    assert_int_equal(host_spawn(host, &plan, &pid, &first, NULL), 0);
    assert_int_equal(pid, 42);
    assert_int_equal(host_gate_release(host, first, NULL), 0);
    assert_string_equal(double_calls(fixture->host), "spawn c1;release 7;close 7;");
    /* closing or releasing again does nothing, whatever has the descriptor now */
    host_gate_close(host, first);
    assert_int_equal(host_gate_release(host, first, NULL), -EBADF);
    host_gate_close(host, -1);
    assert_string_equal(double_calls(fixture->host), "");

    assert_int_equal(host_spawn(host, &plan, &pid, &second, NULL), 0);
    assert_int_not_equal(first, second);
    host_gate_close(host, second);
    assert_string_equal(double_calls(fixture->host), "spawn c1;close 7;");

    /* a lost byte closes the pipe */
    assert_int_equal(host_spawn(host, &plan, &pid, &second, NULL), 0);
    inject(fixture, host->effects + 1, EFFECT_LOSE, 0, 0);
    assert_int_equal(host_gate_release(host, second, NULL), 0);
    assert_string_equal(double_calls(fixture->host), "spawn c1;close 7;");

    /* those of a crashed agent close when it is gone */
    inject(fixture, host->effects + 1, EFFECT_CRASH_AFTER, 0, 0);
    assert_int_equal(host_spawn(host, &plan, &pid, &second, NULL), -ESHUTDOWN);
    host_gate_close(host, second);
    assert_string_equal(double_calls(fixture->host), "spawn c1;");
    host_gone(host);
    assert_string_equal(double_calls(fixture->host), "close 7;gone agent;");
    plan_release(&plan);
}

static void test_lost_spawn_fails(void **state)
{
    struct fixture *fixture = *state;
    struct plan plan;
    plan_init(&plan);
    pid_t pid = 0;
    int gate = -1;
    inject(fixture, 1, EFFECT_LOSE, 0, 0);
    assert_int_equal(host_spawn(&fixture->host->base, &plan, &pid, &gate, NULL), -EAGAIN);
    assert_int_equal(gate, -1);
}

/* Requests. */

struct teller {
    struct fixture *fixture;
    const char *name;
    struct host_request *cancels; /* this one when told */
    bool asks;                    /* makes another request when told */
};

static void tell(void *arg, int result)
{
    struct teller *teller = arg;
    struct fixture *fixture = teller->fixture;
    strbuf_addf(&fixture->told, "%s %d;", teller->name, result);
    host_cancel(teller->cancels);
    if (teller->asks) {
        teller->asks = false;
        teller->cancels = NULL;
        host_timer(&fixture->host->base, 0, tell, teller);
    }
}

static void test_timers(void **state)
{
    struct fixture *fixture = *state;
    struct host *host = &fixture->host->base;
    struct teller a = {.fixture = fixture, .name = "a"};
    struct teller b = {.fixture = fixture, .name = "b"};
    struct teller c = {.fixture = fixture, .name = "c"};
    host_timer(host, 20, tell, &a);
    host_timer(host, 10, tell, &b);
    struct host_request *cancelled = host_timer(host, 15, tell, &c);
    assert_string_equal(told(fixture), "");
    host_cancel(cancelled);
    host_cancel(NULL);
    run_loop(fixture);
    assert_string_equal(told(fixture), "b 0;a 0;");
    assert_true(list_empty(&host->requests));
}

static void test_pending_is_completed_by_its_owner(void **state)
{
    struct fixture *fixture = *state;
    struct teller a = {.fixture = fixture, .name = "a"};
    struct host_request *request = host_pending(&fixture->host->base, tell, &a);
    run_loop(fixture);
    assert_string_equal(told(fixture), "");
    host_complete(request, -EIO);
    assert_string_equal(told(fixture), "a -5;");
}

static void test_gone_unwinds_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct host *host = &fixture->host->base;
    struct teller a = {.fixture = fixture, .name = "a"};
    struct teller b = {.fixture = fixture, .name = "b"};
    struct teller c = {.fixture = fixture, .name = "c", .asks = true};
    host_timer(host, 1, tell, &a);
    a.cancels = host_pending(host, tell, &b);
    host_timer(host, 0, tell, &c);
    host_crash(host);
    run_loop(fixture); /* the loop delivers nothing to a gone agent */
    assert_string_equal(told(fixture), "");
    host_gone(host);
    assert_string_equal(told(fixture), "a -108;c -108;c -108;");
    assert_true(list_empty(&host->requests));
}

static void tell_exit(void *arg, int result, bool status_known, int wait_status)
{
    struct fixture *fixture = arg;
    strbuf_addf(&fixture->told, "%d %d %d;", result, status_known, wait_status);
}

static const struct {
    const char *name;
    struct effect_verdict verdict;
    const char *at_once;
    const char *later;  /* after the loop has run dry */
    const char *unwound; /* by host_gone */
    bool gone;
} deliveries[] = {
    {"proceed", {EFFECT_PROCEED, 0, 0}, "0 1 256;", "", "", false},
    {"fail", {EFFECT_FAIL, -EIO, 0}, "-5 1 256;", "", "", false},
    {"lose", {EFFECT_LOSE, 0, 0}, "", "", "-108 0 0;", false},
    {"late", {EFFECT_PROCEED, 0, 500}, "", "0 1 256;", "", false},
    {"hang", {EFFECT_PROCEED, 0, UINT64_MAX}, "", "", "-108 0 0;", false},
    {"crash before", {EFFECT_CRASH_BEFORE, 0, 0}, "", "", "-108 0 0;", true},
    {"crash after", {EFFECT_CRASH_AFTER, 0, 0}, "0 1 256;", "", "", true},
};

static void test_exit_deliveries(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(deliveries); i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        struct fixture *fixture = *state;
        struct host *host = &fixture->host->base;
        host_exit_watch(host, 42, tell_exit, fixture);
        fixture->at = 1;
        fixture->verdict = deliveries[i].verdict;
        double_exit(fixture->host, true, 256);
        assert_string_equal(told(fixture), deliveries[i].at_once);
        assert_int_equal(host->gone, deliveries[i].gone);
        run_loop(fixture);
        assert_string_equal(told(fixture), deliveries[i].later);
        host_gone(host);
        assert_string_equal(told(fixture), deliveries[i].unwound);
    }
}

static void test_exit_watch_is_cancelled(void **state)
{
    struct fixture *fixture = *state;
    host_cancel(host_exit_watch(&fixture->host->base, 42, tell_exit, fixture));
    assert_null(fixture->host->exit);
    host_exit_watch(&fixture->host->base, 42, tell_exit, fixture);
    host_gone(&fixture->host->base);
    assert_null(fixture->host->exit);
    assert_string_equal(told(fixture), "-108 0 0;");
}

static void tell_run(void *arg, int result, const void *value, const struct err *err)
{
    struct fixture *fixture = arg;
    const struct run_result *run = value;
    if (result < 0)
        strbuf_addf(&fixture->told, "%d %s;", result, err_text(err));
    else
        strbuf_addf(&fixture->told, "%d %s%s;", run->status, run->output, run->errors);
}

static const struct {
    const char *name;
    struct effect_verdict verdict;
    bool started;
    const char *later;
    const char *unwound;
} runs[] = {
    {"proceed", {EFFECT_PROCEED, 0, 0}, true, "256 oute;", ""},
    {"late", {EFFECT_PROCEED, 0, 700}, true, "256 oute;", ""},
    {"hang", {EFFECT_PROCEED, 0, UINT64_MAX}, true, "", "-108 agent gone;"},
    {"fail", {EFFECT_FAIL, -ENOENT, 0}, false, "-2 run tar: ENOENT;", ""},
    {"lose", {EFFECT_LOSE, 0, 0}, false, "0 ;", ""},
    {"crash before", {EFFECT_CRASH_BEFORE, 0, 0}, false, "", "-108 agent gone;"},
    {"crash after", {EFFECT_CRASH_AFTER, 0, 0}, true, "", "-108 agent gone;"},
};

static void test_runs(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        struct fixture *fixture = *state;
        struct host *host = &fixture->host->base;
        char *argv[] = {(char[]){"tar"}, (char[]){"-x"}, NULL};
        const struct run_request request = {.argv = argv};
        fixture->at = 1;
        fixture->verdict = runs[i].verdict;
        host_run(host, &request, DONE(tell_run, fixture));
        assert_string_equal(told(fixture), "");
        assert_string_equal(double_calls(fixture->host), runs[i].started ? "run tar;" : "");
        if (runs[i].started)
            double_run_end(fixture->host, 0,
                &(struct run_result){
                    .status = 256, .output = "out", .output_length = 3, .errors = "e"});
        run_loop(fixture);
        assert_string_equal(told(fixture), runs[i].later);
        host_gone(host);
        assert_string_equal(told(fixture), runs[i].unwound);
    }
}

static void test_uuid(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_free_ char *uuid = host_uuid(&fixture->host->base, "ids");
    assert_string_equal(uuid, "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

static void test_without_hook_and_trace(void **state)
{
    struct fixture *fixture = *state;
    struct host *host = &fixture->host->base;
    host->hook = (struct effect_hook){0};
    host->trace = NULL;
    assert_int_equal(host_mkdir(host, "/a", 0755, false, NULL), 0);
    fixture->host->result = -ESRCH;
    _cleanup_err_ struct err err = ERR_INIT;
    assert_int_equal(host_signal(host, 42, 9, &err), -ESRCH);
    assert_string_equal(err_text(&err), "signal 9 to 42: ESRCH");
    host_exit_watch(host, 42, tell_exit, fixture);
    double_exit(fixture->host, false, 0);
    assert_string_equal(told(fixture), "0 0 0;");
    assert_int_equal(host->effects, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_verdicts),
        TEST(test_gone_agent_is_refused_everything),
        TEST(test_trace_tells_number_and_fault),
        TEST(test_gates),
        TEST(test_lost_spawn_fails),
        TEST(test_timers),
        TEST(test_pending_is_completed_by_its_owner),
        TEST(test_gone_unwinds_in_order),
        TEST(test_exit_deliveries),
        TEST(test_exit_watch_is_cancelled),
        TEST(test_runs),
        TEST(test_uuid),
        TEST(test_without_hook_and_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
