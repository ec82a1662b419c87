/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fakes/fake_fetcher.h"
#include "fakes/faults.h"
#include "fakes/host/sim_host.h"
#include "fakes/sim_loop.h"
#include "reference/base/strbuf.h"

#define STORE "/var/lib/seatrial/provisioner/"

struct fixture {
    struct loop *loop;
    struct kernel *kernel;
    struct host *host;
    struct fault_plan faults;
    struct fetcher *fetcher;
    struct provisioner *provisioner;
    struct strbuf told;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof(*fixture));
    fixture->loop = sim_loop_new(0);
    fixture->kernel = kernel_new(fixture->loop, &(struct kernel_config){.seed = 1});
    fixture->host = sim_host_new(fixture->kernel, NULL, NULL);
    fixture->host->hook = (struct effect_hook){fault_plan_decide, &fixture->faults};
    fixture->fetcher = fake_fetcher_new(fixture->host);
    fixture->provisioner = fake_provisioner_new(fixture->host, "/var/lib/seatrial/provisioner");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fetcher_free(fixture->fetcher);
    provisioner_free(fixture->provisioner);
    host_free(fixture->host);
    kernel_free(fixture->kernel);
    loop_free(fixture->loop);
    fault_plan_release(&fixture->faults);
    strbuf_release(&fixture->told);
    free(fixture);
    return 0;
}

static const char *told(struct fixture *fixture)
{
    static char text[512];
    snprintf(text, sizeof(text), "%s", strbuf_text(&fixture->told));
    strbuf_reset(&fixture->told);
    return text;
}

static void tell(void *arg, int result, const void *value, const struct err *err)
{
    (void)value;
    struct fixture *fixture = arg;
    strbuf_addf(&fixture->told, "%s;", result < 0 ? err_text(err) : "ok");
}

static void tell_rootfs(void *arg, int result, const void *value, const struct err *err)
{
    struct fixture *fixture = arg;
    const struct provision_info *info = value;
    strbuf_addf(&fixture->told, "%s;", result < 0 ? err_text(err) : info->rootfs);
}

static void tell_bool(void *arg, int result, const void *value, const struct err *err)
{
    struct fixture *fixture = arg;
    const bool *found = value;
    strbuf_addf(&fixture->told, "%s;", result < 0 ? err_text(err) : *found ? "true" : "false");
}

static struct command_uri uri = {.value = (char[]){"http://x/a.tgz"}};
static const struct command_info command = {.uris = &uri, .uris_count = 1};

static void fetch(struct fixture *fixture, const char *id)
{
    fetcher_fetch(fixture->fetcher, id, &command, "/sandbox", NULL, DONE(tell, fixture));
}

static void arm(struct fixture *fixture, enum effect_kind kind, struct effect_verdict verdict)
{
    const struct fault_rule rule = {.kind = kind, .nth = 1, .verdict = verdict};
    fault_plan_release(&fixture->faults);
    fault_plan_add(&fixture->faults, &rule);
}

static void test_fetch(void **state)
{
    struct fixture *fixture = *state;
    const struct command_info nothing = {0};
    fetcher_fetch(fixture->fetcher, "c1", &nothing, "/sandbox", NULL, DONE(tell, fixture));
    assert_string_equal(told(fixture), "ok;");
    assert_int_equal(fixture->host->effects, 0);
    fetch(fixture, "c1");
    assert_string_equal(told(fixture), "ok;");
    assert_int_equal(fixture->host->effects, 1);

    fake_fetcher_hold(fixture->fetcher, "c1");
    fetch(fixture, "c1");
    fetch(fixture, "c2");
    assert_string_equal(told(fixture), "ok;");
    assert_int_equal(fake_fetcher_release(fixture->fetcher, "c1"), 1);
    assert_string_equal(told(fixture), "ok;");

    fake_fetcher_hold(fixture->fetcher, "c1");
    fetch(fixture, "c1");
    fetcher_kill(fixture->fetcher, "c1");
    assert_string_equal(told(fixture), "the fetcher was killed;");
    fetcher_kill(fixture->fetcher, "c1");
    assert_int_equal(fake_fetcher_kills(fixture->fetcher, "c1"), 2);
    assert_int_equal(fake_fetcher_release(fixture->fetcher, "c1"), 0);

    fake_fetcher_fail(fixture->fetcher, "c3", "404");
    fetch(fixture, "c3");
    assert_string_equal(told(fixture), "404;");
}

static void test_fetch_faults(void **state)
{
    struct fixture *fixture = *state;
    arm(fixture, EFFECT_FETCH, (struct effect_verdict){EFFECT_FAIL, -ENOSPC, 0});
    fetch(fixture, "c1");
    assert_string_equal(told(fixture), "fetch c1: ENOSPC;");
    arm(fixture, EFFECT_FETCH, (struct effect_verdict){EFFECT_PROCEED, 0, 1000});
    fetch(fixture, "c1");
    assert_string_equal(told(fixture), "");
    sim_loop_advance(fixture->loop, 1000);
    assert_string_equal(told(fixture), "ok;");
    arm(fixture, EFFECT_FETCH, (struct effect_verdict){EFFECT_PROCEED, 0, UINT64_MAX});
    fetch(fixture, "c1");
    sim_loop_advance(fixture->loop, NS_PER_SEC);
    assert_string_equal(told(fixture), "");
    fetcher_kill(fixture->fetcher, "c1");
    assert_string_equal(told(fixture), "the fetcher was killed;");
    arm(fixture, EFFECT_FETCH, (struct effect_verdict){EFFECT_PROCEED, 0, UINT64_MAX});
    fetch(fixture, "c1");
    host_gone(fixture->host);
    assert_string_equal(told(fixture), "agent gone;");
    fetch(fixture, "c1");
    assert_string_equal(told(fixture), "agent gone;");
}

static void provision(struct fixture *fixture, const char *id)
{
    const struct image image = {.name = (char[]){"busybox"}};
    provisioner_provision(fixture->provisioner, id, &image, DONE(tell_rootfs, fixture));
}

static void destroy(struct fixture *fixture, const char *id)
{
    provisioner_destroy(fixture->provisioner, id, DONE(tell_bool, fixture));
}

static void test_provision(void **state)
{
    struct fixture *fixture = *state;
    destroy(fixture, "c1");
    assert_string_equal(told(fixture), "false;");
    provision(fixture, "c1");
    provision(fixture, "c1.n");
    provision(fixture, "c2");
    assert_string_equal(told(fixture), STORE "c1;" STORE "c1.n;" STORE "c2;");
    assert_true(host_file_exists(fixture->host, STORE "c1.n"));
    destroy(fixture, "c1"); /* nested ones go along */
    assert_string_equal(told(fixture), "true;");
    assert_false(host_file_exists(fixture->host, STORE "c1.n"));

    provision(fixture, "c3");
    told(fixture);
    char *const known[] = {(char[]){"c3"}, NULL};
    provisioner_recover(fixture->provisioner, known, DONE(tell, fixture));
    assert_string_equal(told(fixture), "ok;");
    assert_true(host_file_exists(fixture->host, STORE "c3"));
    assert_false(host_file_exists(fixture->host, STORE "c2"));
    provisioner_prune(fixture->provisioner, known, DONE(tell, fixture));
    assert_string_equal(told(fixture), "ok;");
    assert_int_equal(fake_provisioner_destroys(fixture->provisioner, "c1"), 2);
}

static void test_destroy_waits_for_provision(void **state)
{
    struct fixture *fixture = *state;
    fake_provisioner_hold(fixture->provisioner, "c1");
    provision(fixture, "c1");
    destroy(fixture, "c1");
    assert_string_equal(told(fixture), "");
    assert_int_equal(fake_provisioner_release(fixture->provisioner, "c1"), 1);
    assert_string_equal(told(fixture), STORE "c1;true;");
    assert_false(host_file_exists(fixture->host, STORE "c1"));

    arm(fixture, EFFECT_PROVISION, (struct effect_verdict){EFFECT_PROCEED, 0, 500});
    provision(fixture, "c2");
    assert_string_equal(told(fixture), "");
    sim_loop_advance(fixture->loop, 500);
    assert_string_equal(told(fixture), STORE "c2;");
    fake_provisioner_fail(fixture->provisioner, "c4", "no layer");
    provision(fixture, "c4");
    assert_string_equal(told(fixture), "no layer;");

    /* what is pending at the end */
    fake_provisioner_hold(fixture->provisioner, NULL);
    provision(fixture, "c5");
    destroy(fixture, "c5");
    provisioner_free(fixture->provisioner);
    fixture->provisioner = NULL;
    assert_string_equal(told(fixture), "agent gone;agent gone;");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fetch),
        TEST(test_fetch_faults),
        TEST(test_provision),
        TEST(test_destroy_waits_for_provision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
